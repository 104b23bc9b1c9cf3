//! The authorizer's configuration, read once at start.

use thiserror::Error;

use crate::access::{Access, KeySource};
use crate::deployment::Deployment;
use crate::keys::{KeySet, KeySetError};

/// The access file that is used when `ACCESS_FILE` is not set.
const BUILT_IN: &str = include_str!("../../access.yaml");

/// The authorizer's configuration.
///
/// | variable | meaning |
/// | --- | --- |
/// | `ACCESS_FILE` | path of the access file; if not set, the `access.yaml` built in |
/// | `ISSUER`, `AUDIENCE` | named by the built-in `access.yaml`; another file names its own |
/// | `AUTHORIZER_TTL` | seconds for which the gateway remembers an answer; taken to be 300 if not set |
/// | `AUTHORIZER_ANSWERS` | what the gateway wants: `iam` (a policy, also if not set) or `simple` (a verdict, HTTP APIs alone) |
/// | `AUTHORIZER_IDENTITY_SOURCES` | what the gateway remembers answers by; taken to be the header `Authorization` if not set |
/// | `PUBLIC_BASE_URL` | what stands before a route in the address that callers use, such as `https://api.example` |
/// | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION` | set by Lambda; used where secrets or denylists of AWS are configured |
/// | `PARAMETERS_SECRETS_EXTENSION_HTTP_PORT` | port of the extension for such secrets; 2773 if not set |
/// | `AWS_LAMBDA_FUNCTION_NAME` | set by Lambda; a dimension of the metrics, `local` if not set |
/// | `AWS_ENDPOINT_URL` | an emulator on this machine in place of AWS |
///
/// Any other variable counts only where the access file names it as `${NAME}`.
#[derive(Debug)]
pub struct Config {
    pub(crate) access: Access,
    pub(crate) deployment: Deployment,
    /// What the function is called.
    pub(crate) function_name: String,
}

/// Everything that is wrong with the configuration.
#[derive(Debug, Error)]
#[error("the authorizer's configuration has {} problem(s):\n  {}", problems.len(), problems.join("\n  "))]
pub struct ConfigError {
    /// One problem each, in words that say what to change.
    pub problems: Vec<String>,
}

impl Config {
    /// Reads the configuration through `lookup`, which answers the value of an environment variable.
    pub fn load(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let deployment = Deployment::load(&lookup, &mut problems);
        let (origin, text) = match lookup("ACCESS_FILE").filter(|path| !path.is_empty()) {
            None => ("access.yaml".to_owned(), Ok(BUILT_IN.to_owned())),
            Some(path) => (path.clone(), std::fs::read_to_string(&path)),
        };
        let access = match text {
            Ok(text) => Access::read(&text, &lookup, &deployment),
            Err(error) => Err(vec![format!("cannot be read: {error}")]),
        };
        let of_file = |problem: &String| format!("{origin}: {problem}");
        problems.extend(access.as_ref().err().into_iter().flatten().map(of_file));
        match access {
            Ok(access) if problems.is_empty() => Ok(Self {
                access,
                deployment,
                function_name: lookup("AWS_LAMBDA_FUNCTION_NAME")
                    .filter(|name| !name.is_empty())
                    .unwrap_or_else(|| "local".to_owned()),
            }),
            Ok(_) | Err(_) => Err(ConfigError { problems }),
        }
    }

    /// Verifies with these keys in place of every issuer's own: no keys are fetched then.
    pub fn pin_keys(&mut self, document: &[u8]) -> Result<(), KeySetError> {
        let keys = KeySet::parse(document)?;
        for issuer in &mut self.access.issuers {
            issuer.keys = KeySource::File(keys.clone());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_a_default_that_lets_anybody_in() {
        let error = Config::load(|_| None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the authorizer's configuration has 2 problem(s):\n  access.yaml: `ISSUER` is not set\n  access.yaml: `AUDIENCE` is not set"
        );
    }

    #[test]
    fn the_template_sets_what_is_said_of_it() {
        let template = include_str!("../../template.yaml");
        let set = [
            ("ISSUER", "Issuer"),
            ("AUDIENCE", "Audience"),
            ("AUTHORIZER_TTL", "AuthorizerTtl"),
        ];
        for (name, parameter) in set {
            assert!(
                template.contains(&format!(" {name}: !Ref {parameter}\n")),
                "{name}"
            );
        }
    }

    #[test]
    fn problems_of_the_variables_and_of_the_file_come_together() {
        let error = Config::load(|name| (name == "AUTHORIZER_TTL").then(|| "soon".to_owned()));
        assert_eq!(error.unwrap_err().problems.len(), 3);
    }

    #[test]
    fn a_file_that_is_not_there_is_a_problem() {
        let error = Config::load(|name| (name == "ACCESS_FILE").then(|| "no/such.yaml".to_owned()));
        let problems = error.unwrap_err().problems;
        assert!(
            problems[0].starts_with("no/such.yaml: cannot be read"),
            "{problems:?}"
        );
    }
}
