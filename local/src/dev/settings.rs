//! What the options, the environment and the template come to: where functions are, and the
//! variables of those that run in this process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::announcement::{Announcement, Issuer};
use super::example::{self, Example};
use super::{Problem, invocation_url};
use crate::Environment;
use crate::cli::DevOptions;
use crate::template::Template;
use crate::web::{SafeUrl, UrlError};

/// The audience of the embedded issuer's tokens unless told otherwise.
const DEFAULT_AUDIENCE: &str = "ml-api";
/// The variable that names the model of `POST /predict`.
const DEFAULT_MODEL: &str = "DEFAULT_MODEL";
/// The variable that names the address which callers use: the gateway's own unless told otherwise.
const PUBLIC_BASE_URL: &str = "PUBLIC_BASE_URL";

/// Everything that decides how the parts are started.
pub(super) struct Settings<'a> {
    pub(super) options: &'a DevOptions,
    pub(super) environment: Environment<'a>,
    pub(super) template: &'a Template,
    /// Where the gateway listens.
    pub(super) gateway: Option<String>,
    pub(super) issuer: String,
}

/// What a token must have in `aud`.
pub(super) fn audience(options: &DevOptions) -> String {
    options
        .audience
        .clone()
        .unwrap_or_else(|| DEFAULT_AUDIENCE.to_owned())
}

impl Settings<'_> {
    /// Where the authorizer is, if not in this process.
    pub(super) fn authorizer_url(&self) -> Result<Option<SafeUrl>, UrlError> {
        self.function_url(&self.options.authorizer, "authorizer")
    }

    /// Where the model function is, if not in this process.
    pub(super) fn model_url(&self) -> Result<Option<SafeUrl>, UrlError> {
        self.function_url(&self.options.model, "model-fn")
    }

    fn function_url(&self, own: &Option<SafeUrl>, name: &str) -> Result<Option<SafeUrl>, UrlError> {
        match (own, &self.options.functions) {
            (Some(url), _) => Ok(Some(url.clone())),
            (None, Some(api)) => invocation_url(api, name).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The authorizer's variables: ours, then the environment's, then the template's.
    pub(super) fn authorizer_variables(&self) -> impl Fn(&str) -> Option<String> {
        let access = self
            .options
            .access
            .as_ref()
            .map(|path| ("ACCESS_FILE", path.display().to_string()));
        let ours = [
            ("ISSUER", self.issuer.clone()),
            ("AUDIENCE", audience(self.options)),
        ];
        self.variables(
            ours.into_iter().chain(access).collect(),
            self.template.authorizer_variables.clone(),
        )
    }

    /// The model function's variables: ours, then the environment's, then the template's.
    pub(super) fn model_variables(&self) -> impl Fn(&str) -> Option<String> {
        let models = self.models();
        let ours = BTreeMap::from([
            ("MODEL_SOURCE", models.display().to_string()),
            ("ISSUER", self.issuer.clone()),
        ]);
        let mut template = self.template.model_variables.clone();
        // The deployed default need not be among the models of another folder.
        template.retain(|name, value| name != DEFAULT_MODEL || models.join(value).is_dir());
        self.variables(ours, template)
    }

    fn variables(
        &self,
        ours: BTreeMap<&'static str, String>,
        mut template: BTreeMap<String, String>,
    ) -> impl Fn(&str) -> Option<String> {
        let public = self.gateway.clone();
        template.extend(public.map(|url| (PUBLIC_BASE_URL.to_owned(), url)));
        move |name| {
            let ours = ours.get(name).cloned();
            ours.or_else(|| (self.environment)(name))
                .or_else(|| template.get(name).cloned())
        }
    }

    /// How long the gateway remembers an answer: what the authorizer is told as well.
    pub(super) fn authorizer_ttl(&self) -> Result<Duration, Problem> {
        match (self.environment)("AUTHORIZER_TTL") {
            None => Ok(self.template.authorizer.ttl),
            Some(value) => match value.parse() {
                Ok(seconds) => Ok(Duration::from_secs(seconds)),
                Err(_) => Err(Problem::AuthorizerTtl { value }),
            },
        }
    }

    /// Options for a function of this process must not be lost on one that runs elsewhere. Variables
    /// of the same meaning may be there for that one.
    pub(super) fn check_unused(
        &self,
        option: &'static str,
        value: Option<&Path>,
        variable: &'static str,
    ) -> Result<(), Problem> {
        let of_environment = (self.environment)(variable).map(PathBuf::from);
        match value {
            Some(value) if of_environment.as_deref() != Some(value) => {
                Err(Problem::Unused { option, variable })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The folder of models that was named, or the checkout's.
    pub(super) fn models(&self) -> PathBuf {
        self.options.models.clone().unwrap_or_else(|| {
            let here = std::env::current_dir().unwrap_or_default();
            let checkout = here
                .ancestors()
                .find(|folder| is_checkout(folder))
                .map(Path::to_path_buf);
            checkout.unwrap_or_else(built_in_checkout).join("models")
        })
    }

    /// What to print once calls are answered at `gateway`.
    pub(super) fn announcement(&self, gateway: String, example: Example) -> Announcement {
        let issuer = self.issuer.clone();
        let embedded = self.options.issuer.is_none();
        Announcement {
            gateway,
            issuer: if embedded {
                Issuer::Embedded(issuer)
            } else {
                Issuer::Other(issuer)
            },
            audience: audience(self.options),
            remote_authorizer: self.options.functions.is_some()
                || self.options.authorizer.is_some(),
            example: example.seen_from(&std::env::current_dir().unwrap_or_default()),
        }
    }

    /// What to call first where the model function runs elsewhere.
    pub(super) fn guess(&self) -> Example {
        example::guess(
            &self.models(),
            self.model_variables()(DEFAULT_MODEL).as_deref(),
        )
    }
}

fn is_checkout(folder: &Path) -> bool {
    folder.join("models").is_dir() && folder.join("template.yaml").is_file()
}

/// Where this program was built.
fn built_in_checkout() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;
    use crate::template::TEMPLATE;

    /// Checks a variable of each function, under these arguments and this environment.
    #[track_caller]
    fn check(
        arguments: &str,
        environment: &[(&str, &str)],
        expected: &[(&str, Option<&str>, Option<&str>)],
    ) {
        let arguments = ["tollgate"].into_iter().chain(arguments.split_whitespace());
        let options = Cli::try_parse_from(arguments).unwrap().dev;
        let environment = |name: &str| {
            environment
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let settings = Settings {
            options: &options,
            environment: &environment,
            template: &Template::read(TEMPLATE).unwrap(),
            gateway: Some("http://127.0.0.1:3000".to_owned()),
            issuer: "http://127.0.0.1:3001".to_owned(),
        };
        let (authorizer, model) = (settings.authorizer_variables(), settings.model_variables());
        for (name, of_authorizer, of_model) in expected {
            assert_eq!(
                authorizer(name).as_deref(),
                *of_authorizer,
                "{name} of the authorizer"
            );
            assert_eq!(
                model(name).as_deref(),
                *of_model,
                "{name} of the model function"
            );
        }
    }

    #[test]
    fn what_was_asked_for_goes_before_the_environment_and_that_before_the_template() {
        check(
            "--access a.yaml --models no/models",
            &[
                ("ISSUER", "https://other"),
                ("EXTRA", "1"),
                ("MAX_ROWS", "5"),
            ],
            &[
                (
                    "ISSUER",
                    Some("http://127.0.0.1:3001"),
                    Some("http://127.0.0.1:3001"),
                ),
                ("AUDIENCE", Some("ml-api"), None),
                ("ACCESS_FILE", Some("a.yaml"), None),
                ("EXTRA", Some("1"), Some("1")),
                ("MODEL_SOURCE", None, Some("no/models")),
                ("MAX_ROWS", Some("5"), Some("5")),
                ("AUTHORIZER_TTL", Some("300"), None),
            ],
        );
        check(
            "--audience other",
            &[],
            &[
                ("AUDIENCE", Some("other"), None),
                ("ACCESS_FILE", Some(""), None),
            ],
        );
    }

    #[test]
    fn the_public_address_is_the_gateways_unless_the_environment_says_otherwise() {
        let (own, other) = (Some("http://127.0.0.1:3000"), Some("https://api.example"));
        check("", &[], &[(PUBLIC_BASE_URL, own, own)]);
        let environment = [(PUBLIC_BASE_URL, "https://api.example")];
        check("", &environment, &[(PUBLIC_BASE_URL, other, other)]);
    }

    #[track_caller]
    fn check_ttl(value: Option<&str>, expected: Result<u64, &str>) {
        let options = Cli::try_parse_from(["tollgate"]).unwrap().dev;
        let settings = Settings {
            options: &options,
            environment: &|_| value.map(str::to_owned),
            template: &Template::read(TEMPLATE).unwrap(),
            gateway: None,
            issuer: String::new(),
        };
        let ttl = settings.authorizer_ttl().map_err(|error| error.to_string());
        assert_eq!(
            ttl,
            expected.map(Duration::from_secs).map_err(str::to_owned)
        );
    }

    #[test]
    fn the_authorizers_answers_are_remembered_as_long_as_the_environment_says() {
        check_ttl(None, Ok(300));
        check_ttl(Some("0"), Ok(0));
        for value in ["abc", "-1", "300s"] {
            let message = format!(
                "the environment variable `AUTHORIZER_TTL` must be a number of seconds, is `{value}`"
            );
            check_ttl(Some(value), Err(&message));
        }
    }

    #[test]
    fn the_deployed_default_model_counts_only_where_it_is() {
        check("", &[], &[(DEFAULT_MODEL, None, Some("wine"))]);
        check("--models no/models", &[], &[(DEFAULT_MODEL, None, None)]);
        check(
            "--models no/models",
            &[(DEFAULT_MODEL, "mine")],
            &[(DEFAULT_MODEL, Some("mine"), Some("mine"))],
        );
    }
}
