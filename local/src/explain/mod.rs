//! `tollgate explain`: how the authorizer would answer a request, check by check. The answer is that of the
//! function itself, in this process; nothing is called but the issuer, and with `--jwks` not even that.

mod request;
mod text;

use std::path::{Path, PathBuf};
use std::{fs, io};

use authorizer::explain::Explanation;
use authorizer::{Authorizer, Config};
use thiserror::Error;

use crate::Environment;
use crate::cli::ExplainOptions;
use crate::template::{TEMPLATE, Template, TemplateError};

/// The issuer of `tollgate dev`, and what its tokens are for.
const DEFAULTS: [(&str, &str); 2] = [("ISSUER", "http://127.0.0.1:3001"), ("AUDIENCE", "ml-api")];

/// Why nothing can be explained. No variant holds the token.
#[derive(Debug, Error)]
pub enum ExplainError {
    /// There is no token.
    #[error("there is no token: pipe it in, set `TOLLGATE_TOKEN`, or paste it when asked")]
    NoToken,
    /// Far more than a gateway would take.
    #[error(
        "this is no token: it has more than {} bytes",
        request::MAX_TOKEN_BYTES
    )]
    TokenTooLarge,
    /// Standard input or the prompt failed.
    #[error("the token cannot be read")]
    Input(#[source] io::Error),
    /// Not a name, a colon and a value.
    #[error("`--header` is `NAME: VALUE`; this one has no colon")]
    Header,
    /// A path that no request has.
    #[error("`{0}` is no path: it begins with `/`")]
    Path(String),
    /// A file that was named.
    #[error("`{path}` cannot be read")]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// The file of `--jwks`.
    #[error("`{path}` cannot be used")]
    Keys {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: authorizer::keys::KeySetError,
    },
    /// The template built in.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The authorizer's configuration.
    #[error(transparent)]
    Config(#[from] authorizer::ConfigError),
    /// The authorizer's start.
    #[error("the authorizer does not start")]
    Start(#[from] authorizer::StartError),
    /// The file of `--event`.
    #[error(transparent)]
    Event(#[from] authorizer::event::EventError),
}

/// Answers the text to print.
pub async fn run(
    options: &ExplainOptions,
    environment: Environment<'_>,
) -> Result<String, ExplainError> {
    let authorizer = start(options, environment).await?;
    let event = match &options.event {
        Some(path) => String::from_utf8_lossy(&read(path)?).into_owned(),
        None => request::event(options, environment)?.to_string(),
    };
    let explanation = authorizer.explain(&event).await?;
    Ok(print(&explanation, options.json))
}

async fn start(
    options: &ExplainOptions,
    environment: Environment<'_>,
) -> Result<Authorizer, ExplainError> {
    let template = Template::read(TEMPLATE)?.authorizer_variables;
    let mut config = Config::load(|name| {
        option(options, name)
            .or_else(|| environment(name))
            .or_else(|| template.get(name).cloned())
            .or_else(|| default(name))
    })?;
    if let Some(path) = &options.jwks {
        let keys = |source| ExplainError::Keys {
            path: path.clone(),
            source,
        };
        config.pin_keys(&read(path)?).map_err(keys)?;
    }
    Ok(Authorizer::start(config).await?)
}

fn option(options: &ExplainOptions, name: &str) -> Option<String> {
    match name {
        "ISSUER" => options.issuer.clone(),
        "AUDIENCE" => options.audience.clone(),
        "ACCESS_FILE" => options
            .access
            .as_ref()
            .map(|path| path.display().to_string()),
        _ => None,
    }
}

fn default(name: &str) -> Option<String> {
    let mut defaults = DEFAULTS.iter();
    let default = defaults.find(|(variable, _)| *variable == name);
    default.map(|(_, value)| (*value).to_owned())
}

fn read(path: &Path) -> Result<Vec<u8>, ExplainError> {
    fs::read(path).map_err(|source| ExplainError::File {
        path: path.to_path_buf(),
        source,
    })
}

fn print(explanation: &Explanation, json: bool) -> String {
    if json {
        // Strings and JSON values alone: they can always be written.
        return serde_json::to_string_pretty(explanation).unwrap_or_default();
    }
    text::text(explanation)
}
