//! `tollgate token`: one access token of any OpenID Connect issuer, on standard output and nothing
//! else there. Client credentials, a user's password, or a device code.

mod credentials;
mod device;
mod discovery;
mod endpoint;

use std::time::Duration;

use thiserror::Error;

use crate::Environment;
use crate::cli::TokenOptions;
use crate::web::{self, UrlError, WebError};
use credentials::Client;
pub(crate) use credentials::{Secret, ask};
use discovery::Discovery;
pub(crate) use endpoint::printable;
use endpoint::{Endpoint, Refused};

/// How long the issuer may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer of an issuer: a discovery document or a token.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// Why there is no token. No variant holds a secret.
#[derive(Debug, Error)]
pub enum TokenError {
    /// Only the embedded issuer's client is known.
    #[error("`--client-id` is needed: `{issuer}` is not the issuer of `tollgate dev`")]
    NoClientId {
        /// The issuer.
        issuer: String,
    },
    /// A secret is neither in the environment nor can it be asked for.
    #[error("set `{variable}`, or run this in a terminal to be asked for it")]
    NoSecret {
        /// The environment variable.
        variable: &'static str,
    },
    /// The terminal gave none.
    #[error("the prompt for `{variable}` failed")]
    Prompt {
        /// The environment variable that would have answered it.
        variable: &'static str,
        /// What happened.
        #[source]
        source: std::io::Error,
    },
    /// The issuer does not answer.
    #[error("`{url}` cannot be reached; {hint}")]
    Unreachable {
        /// What was called.
        url: String,
        /// What to try.
        hint: &'static str,
        /// What happened.
        #[source]
        source: WebError,
    },
    /// No HTTP client can be made.
    #[error("no HTTP client can be made")]
    Client(#[source] WebError),
    /// There is no usable discovery document.
    #[error("`{url}` is no discovery document (status {status}); check `--issuer`")]
    NoDiscovery {
        /// Where it should be.
        url: String,
        /// The answer's status.
        status: u16,
    },
    /// The discovery document is of another issuer.
    #[error("the issuer calls itself `{found}`; call it exactly so: `--issuer {found}`")]
    OtherIssuer {
        /// Its own name.
        found: String,
    },
    /// A URL to call is not one a secret may be sent to.
    #[error("the issuer names an endpoint that cannot be used")]
    Endpoint(#[from] UrlError),
    /// No device authorization endpoint.
    #[error("the issuer offers no device codes; leave out `--device`")]
    NoDeviceEndpoint,
    /// The issuer refused, with an OAuth error.
    #[error("the issuer refused: {refused}; {advice}")]
    Refused {
        /// Its reason.
        refused: Refused,
        /// What to change.
        advice: &'static str,
    },
    /// Something else than OAuth answered.
    #[error("`{url}` answered with status {status} and neither a token nor an OAuth error")]
    NoAnswer {
        /// What was called.
        url: String,
        /// The answer's status.
        status: u16,
    },
    /// The machine gives no randomness.
    #[error("no random number can be had")]
    Random,
    /// Nobody confirmed the device code.
    #[error("the code was not confirmed in time; run the command again")]
    NotConfirmed,
}

/// How the token is obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grant {
    ClientCredentials,
    Password,
    DeviceCode,
}

/// Gets a token; secrets come from the `environment`.
pub async fn run(
    options: &TokenOptions,
    environment: Environment<'_>,
) -> Result<String, TokenError> {
    let grant = match (options.device, &options.username) {
        (true, _) => Grant::DeviceCode,
        (false, Some(_)) => Grant::Password,
        (false, None) => Grant::ClientCredentials,
    };
    // All questions first: a prompt must not appear after a wait.
    let client = credentials::client(options, grant, environment)?;
    let user = match &options.username {
        Some(username) => Some((username.clone(), credentials::password(environment)?)),
        None => None,
    };
    let http = web::client(&options.issuer, TIMEOUT).map_err(TokenError::Client)?;
    let discovery = discovery::fetch(&http, &options.issuer).await?;
    let parameters = Parameters {
        scope: options.scope.clone(),
        audience: options.audience.clone(),
    };
    let source = Source {
        http,
        discovery,
        client,
        parameters,
    };
    match grant {
        Grant::DeviceCode => device::token(&source).await,
        Grant::Password | Grant::ClientCredentials => source.token(grant, user).await,
    }
}

/// Everything a token request is made of.
#[derive(Debug)]
struct Source {
    http: reqwest::Client,
    discovery: Discovery,
    client: Client,
    parameters: Parameters,
}

/// What is asked for, whatever the grant.
#[derive(Debug)]
struct Parameters {
    scope: Option<String>,
    audience: Option<String>,
}

impl Parameters {
    fn form(&self) -> Vec<(&'static str, String)> {
        let scope = self.scope.clone().map(|scope| ("scope", scope));
        let audience = self.audience.clone().map(|audience| ("audience", audience));
        scope.into_iter().chain(audience).collect()
    }
}

impl Source {
    async fn token(
        &self,
        grant: Grant,
        user: Option<(String, Secret)>,
    ) -> Result<String, TokenError> {
        let mut form = self.parameters.form();
        match user {
            Some((username, password)) => {
                form.push(("grant_type", "password".to_owned()));
                form.push(("username", username));
                form.push(("password", password.into_inner()));
            }
            None => form.push(("grant_type", "client_credentials".to_owned())),
        }
        match self.endpoint()?.post(&form).await?.token() {
            Ok(token) => Ok(token),
            Err(refused) => Err(refusal(refused, grant)),
        }
    }

    fn endpoint(&self) -> Result<Endpoint<'_>, TokenError> {
        Ok(Endpoint {
            http: &self.http,
            url: self.discovery.token_endpoint.parse()?,
            client: &self.client,
            in_body: self.discovery.wants_secret_in_body(),
        })
    }
}

/// The refusal, with what to change.
fn refusal(refused: Refused, grant: Grant) -> TokenError {
    let advice = match (refused.error.as_str(), grant) {
        ("invalid_client", _) => "check `--client-id` and `TOLLGATE_CLIENT_SECRET`",
        ("invalid_grant", Grant::Password) => "check `--username` and `TOLLGATE_PASSWORD`",
        ("invalid_scope", _) => "ask for scopes that the client may have, with `--scope`",
        ("unauthorized_client" | "unsupported_grant_type", Grant::ClientCredentials) => {
            "check `--client-id` and `TOLLGATE_CLIENT_SECRET`; the client must be allowed client credentials"
        }
        ("unauthorized_client" | "unsupported_grant_type", Grant::Password) => {
            "check `--client-id` and `TOLLGATE_CLIENT_SECRET`; the client must be allowed the password grant"
        }
        ("unauthorized_client" | "unsupported_grant_type", Grant::DeviceCode) => {
            "check `--client-id` and `TOLLGATE_CLIENT_SECRET`; the client must be allowed the device grant"
        }
        ("access_denied", Grant::DeviceCode) => "the request was declined in the browser",
        ("access_denied" | "invalid_target", _) => {
            "name the API with `--audience`, and allow this client to use it"
        }
        ("expired_token", _) => "confirm the code sooner",
        (_, _) => "look into the issuer's log",
    };
    TokenError::Refused { refused, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: &str, grant: Grant, words: &str) {
        let refused = Refused {
            error: error.to_owned(),
            description: Some("because".to_owned()),
        };
        let message = refusal(refused, grant).to_string();
        assert!(
            message.starts_with(&format!("the issuer refused: `{error}` (because); ")),
            "{message}"
        );
        assert!(message.contains(words), "{message}");
    }

    #[test]
    fn a_refusal_says_what_to_change() {
        check(
            "invalid_client",
            Grant::ClientCredentials,
            "TOLLGATE_CLIENT_SECRET",
        );
        check("invalid_grant", Grant::Password, "TOLLGATE_PASSWORD");
        check("invalid_scope", Grant::Password, "--scope");
        check(
            "unauthorized_client",
            Grant::ClientCredentials,
            "allowed client credentials",
        );
        check("unauthorized_client", Grant::Password, "password grant");
        check("unsupported_grant_type", Grant::DeviceCode, "device grant");
        check("access_denied", Grant::DeviceCode, "declined");
        check("access_denied", Grant::ClientCredentials, "--audience");
        check("expired_token", Grant::DeviceCode, "sooner");
        check("server_error", Grant::Password, "log");
    }
}
