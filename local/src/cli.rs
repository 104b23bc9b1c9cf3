//! The command line: verbs, options and their defaults.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::template::AuthorizerKind;
use crate::web::SafeUrl;

/// Runs the authorizer and the model function on this machine, without AWS.
///
/// Without a verb it does what `dev` does.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// Options of `dev`, for when no verb is given.
    #[command(flatten)]
    pub dev: DevOptions,
}

/// What the command can do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run a local API gateway over both functions, and an OpenID Connect issuer (the default)
    Dev(Box<DevOptions>),
    /// Print an access token, and nothing else
    Token(Box<TokenOptions>),
    /// Say how a request would be answered and why: each check, the rule that decides, the policy
    Explain(Box<ExplainOptions>),
    /// Say what an ONNX file holds, what of it cannot be run and why, and what loading and running cost
    Inspect(InspectOptions),
    /// Compare a model's answers with those recorded from a reference runtime
    Verify(VerifyOptions),
    /// Print the API key that a client has in a usage plan, and nothing else
    UsageKey(UsageKeyOptions),
    /// Set up a running Keycloak
    #[command(subcommand)]
    Keycloak(KeycloakVerb),
}

/// What can be done with a Keycloak.
#[derive(Debug, Subcommand)]
pub enum KeycloakVerb {
    /// Make it have what a set-up of `infra/keycloak` states, and nothing else; a second time changes nothing
    Apply(Box<ApplyOptions>),
}

/// Options of `dev`.
#[derive(Debug, Args)]
pub struct DevOptions {
    /// Port of the gateway; 0 for any
    #[arg(long, default_value_t = 3000)]
    pub port: u16,

    /// Port of the embedded issuer; 0 for any
    #[arg(long, default_value_t = 3001, conflicts_with = "issuer")]
    pub issuer_port: u16,

    /// Accept the tokens of this issuer (Keycloak, Auth0, ..) and start none; written exactly as its
    /// tokens have it in `iss`
    #[arg(long, value_name = "URL", requires = "audience")]
    pub issuer: Option<SafeUrl>,

    /// What a token must have in `aud` [default: ml-api]
    #[arg(long, value_name = "AUD")]
    pub audience: Option<String>,

    /// Call `authorizer` and `model-fn` behind this Lambda Invoke API instead of in this process, for
    /// example http://127.0.0.1:9000 of `cargo lambda watch`
    #[arg(long, value_name = "URL")]
    pub functions: Option<SafeUrl>,

    /// Call the authorizer at this invocation URL
    #[arg(long, value_name = "URL")]
    pub authorizer: Option<SafeUrl>,

    /// Call the model function at this invocation URL
    #[arg(long, value_name = "URL")]
    pub model: Option<SafeUrl>,

    /// Which event the authorizer is asked with [default: the template's]. `request` shows it the whole
    /// request, and with AUTHORIZER_TTL=0 asks it about requests without the header `Authorization`, too
    #[arg(long, value_name = "TYPE")]
    pub authorizer_type: Option<AuthorizerKind>,

    /// The folder of models [default: `models` of the checkout]
    #[arg(long, value_name = "DIR", env = "MODEL_SOURCE")]
    pub models: Option<PathBuf>,

    /// Another access.yaml than the one built in
    #[arg(long, value_name = "FILE", env = "ACCESS_FILE")]
    pub access: Option<PathBuf>,
}

/// Options of `token`.
#[derive(Debug, Args)]
#[command(after_help = "\
Secrets come from TOLLGATE_CLIENT_SECRET and TOLLGATE_PASSWORD, or from a prompt.\n\
The issuer of `tollgate dev` needs neither: its client is `tollgate` with the secret `tollgate`.")]
pub struct TokenOptions {
    /// The issuer, exactly as it calls itself
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3001")]
    pub issuer: SafeUrl,

    /// The client, as registered at the issuer
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,

    /// A token of this user, with their password, instead of the client's own
    #[arg(long, value_name = "NAME", conflicts_with = "device")]
    pub username: Option<String>,

    /// A token of whoever confirms a code in a browser
    #[arg(long)]
    pub device: bool,

    /// Scopes to ask for, separated by spaces
    #[arg(long)]
    pub scope: Option<String>,

    /// The API the token is for, where the issuer wants it named (Auth0)
    #[arg(long, value_name = "AUD")]
    pub audience: Option<String>,
}

/// Options of `explain`.
#[derive(Debug, Args)]
#[command(after_help = "\
The token comes from TOLLGATE_TOKEN, from standard input, or from a prompt; it is not printed.\n\
  cargo -q tollgate token | cargo -q tollgate explain POST /predict")]
pub struct ExplainOptions {
    /// The method of the request
    #[arg(required_unless_present = "event")]
    pub method: Option<String>,

    /// Its path, without the stage
    #[arg(required_unless_present = "event")]
    pub path: Option<String>,

    /// A header of the request, such as `DPoP: eyJ…`; may be given several times
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE")]
    pub headers: Vec<String>,

    /// An event that API Gateway sent to the authorizer, instead of token, method and path
    #[arg(long, value_name = "FILE", conflicts_with_all = ["method", "path", "headers"])]
    pub event: Option<PathBuf>,

    /// The issuer's key set: nothing is fetched then
    #[arg(long, value_name = "FILE")]
    pub jwks: Option<PathBuf>,

    /// The issuer that is trusted [default: that of `tollgate dev`]
    #[arg(long, value_name = "URL", env = "ISSUER")]
    pub issuer: Option<String>,

    /// What a token must have in `aud` [default: ml-api]
    #[arg(long, value_name = "AUD", env = "AUDIENCE")]
    pub audience: Option<String>,

    /// Another access.yaml than the one built in
    #[arg(long, value_name = "FILE", env = "ACCESS_FILE")]
    pub access: Option<PathBuf>,

    /// Print JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// Options of `inspect`.
#[derive(Debug, Args)]
pub struct InspectOptions {
    /// An ONNX file, or a folder with a `model.onnx` in it
    pub model: PathBuf,

    /// Print JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// Options of `verify`.
#[derive(Debug, Args)]
pub struct VerifyOptions {
    /// An ONNX file, or a folder with a `model.onnx` in it
    pub model: PathBuf,

    /// The recorded inputs and outputs, with a tolerance [default: `expected.json` beside the model]
    #[arg(long, value_name = "FILE")]
    pub expected: Option<PathBuf>,
}

/// Options of `usage-key`.
#[derive(Debug, Args)]
#[command(after_help = "\
A key is no secret: the authorizer names it, and the gateway takes none from callers. To register a client:\n  \
aws apigateway create-api-key --enabled --name CLIENT --value \"$(cargo -q tollgate usage-key CLIENT)\"\n  \
aws apigateway create-usage-plan-key --usage-plan-id UsagePlanId --key-type API_KEY --key-id ID")]
pub struct UsageKeyOptions {
    /// The value of the claim that `usage_key` in access.yaml names: the client's id for `azp`
    pub client: String,
}

/// Options of `keycloak apply`.
#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("what").required(true),
    group = clap::ArgGroup::new("administrator").required(true),
    group = clap::ArgGroup::new("destination"),
    after_help = "\
The administrator's secret comes from TOLLGATE_KEYCLOAK_CLIENT_SECRET or TOLLGATE_KEYCLOAK_PASSWORD, or from a prompt.\n\
What the set-up asks for comes from `--set` or the environment, its secrets from the environment alone; a client's\n\
secret that is set nowhere is made by Keycloak. What the set-up does not speak of stays as it is.")]
pub struct ApplyOptions {
    /// Where Keycloak is, with its path if it has one
    pub url: SafeUrl,

    /// One of the set-ups that are delivered
    #[arg(long, value_name = "NAME", group = "what")]
    pub set_up: Option<SetUpName>,

    /// Another set-up, in Keycloak's form of a realm
    #[arg(long, value_name = "FILE", group = "what")]
    pub file: Option<PathBuf>,

    /// The realm [default: the set-up's]
    #[arg(long, value_name = "REALM")]
    pub realm: Option<String>,

    /// Give a name of the set-up its value; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,

    /// A scope `predict:MODEL` for this model; may be given several times
    #[arg(long = "model", value_name = "MODEL")]
    pub models: Vec<String>,

    /// Say what would change, and change nothing
    #[arg(long, conflicts_with_all = ["destination", "new_secret"])]
    pub plan: bool,

    /// End with 2 if anything differed, and not with 0
    #[arg(long)]
    pub exit_code: bool,

    /// Permit the web origin `*`, to which every page on the web belongs
    #[arg(long)]
    pub allow_any_origin: bool,

    /// Sign in as this client, which has a service account
    #[arg(long, value_name = "ID", group = "administrator")]
    pub admin_client_id: Option<String>,

    /// Sign in as this user
    #[arg(long, value_name = "NAME", group = "administrator")]
    pub admin_username: Option<String>,

    /// The administrator's realm
    #[arg(long, value_name = "REALM", default_value = "master")]
    pub admin_realm: String,

    /// Write the client's secret to this file, for its owner alone (mode 0600)
    #[arg(long, value_name = "FILE", group = "destination")]
    pub secret_file: Option<PathBuf>,

    /// Write the client's id and secret to this secret of AWS Secrets Manager
    #[arg(long, value_name = "NAME", group = "destination")]
    pub secret_to_secrets_manager: Option<String>,

    /// Print the client's secret
    #[arg(long, group = "destination")]
    pub print_secret: bool,

    /// Which client's secret, where the set-up has several
    #[arg(long, value_name = "CLIENT", requires = "destination")]
    pub secret_of: Option<String>,

    /// Have Keycloak make a new secret: the old one is worth nothing at once
    #[arg(long, requires = "destination")]
    pub new_secret: bool,

    /// Print JSON, for programs
    #[arg(long)]
    pub json: bool,
}

impl ApplyOptions {
    /// Whether a client's secret is wanted anywhere.
    pub fn asks_for_secret(&self) -> bool {
        self.print_secret || self.secret_file.is_some() || self.secret_to_secrets_manager.is_some()
    }
}

/// The set-ups of `infra/keycloak`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SetUpName {
    /// People and programs that call the models
    MlModels,
    /// Programs, by token, and a technical user
    MachineAccess,
    /// People at a browser and programs, without passwords for clients
    ProtectedApi,
    /// A gateway and a web page, in a realm that is there
    GatewayClient,
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[track_caller]
    fn check(arguments: &str, accepted: bool) {
        let arguments = ["tollgate"].into_iter().chain(arguments.split_whitespace());
        assert_eq!(
            Cli::try_parse_from(arguments.clone()).is_ok(),
            accepted,
            "{:?}",
            arguments.collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn dev_is_the_verb_when_none_is_given() {
        check("", true);
        check("--port 0 --issuer-port 0", true);
        check("dev --port 0", true);
        check("--port 0 dev", false);
        check("--port 65536", false);
    }

    #[test]
    fn the_authorizer_is_of_either_type() {
        check("--authorizer-type token", true);
        check("dev --authorizer-type request", true);
        check("--authorizer-type REQUEST", false);
    }

    #[test]
    fn another_issuer_needs_its_audience_and_no_port() {
        check("--issuer https://example.org/ --audience ml-api", true);
        check("--issuer https://example.org/", false);
        check(
            "--issuer https://example.org/ --audience ml-api --issuer-port 1",
            false,
        );
        check("--audience ml-api", true);
        check("--issuer http://example.org/ --audience ml-api", false);
    }

    #[test]
    fn an_explanation_needs_a_request_or_an_event() {
        check("explain POST /predict", true);
        check("explain POST /predict --jwks keys.json --json", true);
        check("explain --event event.json", true);
        check("explain POST", false);
        check("explain", false);
        check("explain POST /predict --event event.json", false);
    }

    #[test]
    fn a_model_is_a_file_or_a_folder() {
        check("inspect models/wine --json", true);
        check("inspect", false);
        check("verify model.onnx", true);
        check("verify model.onnx --expected expected.json", true);
        check("verify --expected expected.json", false);
    }

    #[test]
    fn a_usage_key_is_of_one_client() {
        check("usage-key abc@clients", true);
        check("usage-key", false);
    }

    #[test]
    fn a_set_up_is_applied_by_somebody_and_its_secret_goes_to_one_place() {
        let check = |rest: &str, accepted| {
            check(
                &format!("keycloak apply https://a.example {rest}"),
                accepted,
            );
        };
        let base = "--set-up ml-models --admin-username admin";
        check(base, true);
        check(
            "--file realm.json --admin-client-id ops --plan --exit-code",
            true,
        );
        check("--set-up ml-models", false);
        check("--admin-username admin", false);
        check("--set-up mine --admin-username admin", false);
        check(&format!("{base} --file realm.json"), false);
        check(&format!("{base} --admin-client-id ops"), false);
        check(&format!("{base} --set A=b=c --set B="), true);
        check(&format!("{base} --set A"), false);
        check(&format!("{base} --print-secret --new-secret"), true);
        check(&format!("{base} --new-secret"), false);
        check(&format!("{base} --print-secret --secret-file s"), false);
        check(&format!("{base} --secret-file s --plan"), false);
    }

    #[test]
    fn a_token_is_of_a_client_a_user_or_a_device() {
        check("token", true);
        check(
            "token --issuer https://example.org --client-id a --scope predict",
            true,
        );
        check("token --client-id a --username b", true);
        check("token --client-id a --device", true);
        check("token --device --username b", false);
    }
}
