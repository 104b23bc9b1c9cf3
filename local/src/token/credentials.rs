//! Who asks for the token: client and user, their secrets from the environment or a prompt, never
//! from the command line, where other users of the machine could read them.

use std::fmt;
use std::io::{self, IsTerminal as _};

use super::{Grant, TokenError};
use crate::Environment;
use crate::cli::TokenOptions;
use crate::issuer;

const CLIENT_SECRET: &str = "TOLLGATE_CLIENT_SECRET";
const PASSWORD: &str = "TOLLGATE_PASSWORD";

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

/// The client, as registered at the issuer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) id: String,
    /// A public client has none.
    pub(super) secret: Option<Secret>,
}

impl Secret {
    /// A text that is a secret from now on.
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    pub(super) fn into_inner(self) -> String {
        self.0
    }

    /// The text itself, for the one who is to be shown it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

/// The client that was named, or the one of the embedded issuer.
pub(super) fn client(
    options: &TokenOptions,
    grant: Grant,
    environment: Environment<'_>,
) -> Result<Client, TokenError> {
    let embedded_secret = || Secret(issuer::CLIENT_SECRET.to_owned());
    let embedded = || Client {
        id: issuer::CLIENT_ID.to_owned(),
        secret: Some(embedded_secret()),
    };
    let on_this_machine = options.issuer.is_loopback();
    let Some(id) = options.client_id.clone() else {
        // A secret in the environment is another client's: it is not sent here.
        let issuer = options.issuer.to_string();
        return if on_this_machine {
            Ok(embedded())
        } else {
            Err(TokenError::NoClientId { issuer })
        };
    };
    let secret = match (environment(CLIENT_SECRET), grant) {
        (Some(secret), _) => Some(Secret(secret)),
        // By its name, this is the embedded issuer's, whose secret everybody knows.
        (None, Grant::ClientCredentials) if on_this_machine && id == issuer::CLIENT_ID => {
            Some(embedded_secret())
        }
        (None, Grant::ClientCredentials) => Some(ask("client secret", CLIENT_SECRET)?),
        // May be a public client; if not, the issuer says so.
        (None, Grant::Password | Grant::DeviceCode) => None,
    };
    Ok(Client { id, secret })
}

/// The user's password.
pub(super) fn password(environment: Environment<'_>) -> Result<Secret, TokenError> {
    environment(PASSWORD)
        .map(Secret)
        .map_or_else(|| ask("password", PASSWORD), Ok)
}

/// Asks on the terminal, where standard output may be redirected.
pub(crate) fn ask(what: &str, variable: &'static str) -> Result<Secret, TokenError> {
    if !io::stdin().is_terminal() {
        return Err(TokenError::NoSecret { variable });
    }
    let answer = rpassword::prompt_password(format!("{what}: "));
    answer
        .map(Secret)
        .map_err(|source| TokenError::Prompt { variable, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(issuer: &str, client_id: Option<&str>) -> TokenOptions {
        TokenOptions {
            issuer: issuer.parse().unwrap(),
            client_id: client_id.map(str::to_owned),
            username: None,
            device: false,
            scope: None,
            audience: None,
        }
    }

    #[track_caller]
    fn check(
        issuer: &str,
        client_id: Option<&str>,
        grant: Grant,
        environment: Option<&str>,
        expected: Option<(&str, Option<&str>)>,
    ) {
        let lookup = |name: &str| {
            environment
                .filter(|_| name == CLIENT_SECRET)
                .map(str::to_owned)
        };
        let client = client(&options(issuer, client_id), grant, &lookup).ok();
        let client = client.as_ref().map(|client| {
            (
                client.id.as_str(),
                client.secret.as_ref().map(Secret::reveal),
            )
        });
        assert_eq!(client, expected);
    }

    const LOCAL: &str = "http://127.0.0.1:3001";
    const REMOTE: &str = "https://example.org/";

    #[test]
    fn the_embedded_issuer_needs_no_client_and_gets_no_other_clients_secret() {
        let embedded = Some(("tollgate", Some("tollgate")));
        check(LOCAL, None, Grant::ClientCredentials, None, embedded);
        check(
            LOCAL,
            None,
            Grant::ClientCredentials,
            Some("of another"),
            embedded,
        );
        check(REMOTE, None, Grant::ClientCredentials, Some("s"), None);
    }

    #[test]
    fn the_embedded_client_may_be_named_and_its_secret_stays_on_this_machine() {
        let named = Some("tollgate");
        let with = |secret| Some(("tollgate", secret));
        let client_credentials = Grant::ClientCredentials;
        check(
            LOCAL,
            named,
            client_credentials,
            None,
            with(Some("tollgate")),
        );
        check(LOCAL, named, client_credentials, Some("s"), with(Some("s")));
        check(LOCAL, named, Grant::Password, None, with(None));
        // These have to be asked for, and nobody is there to answer.
        check(REMOTE, named, client_credentials, None, None);
        check(LOCAL, Some("other"), client_credentials, None, None);
    }

    #[test]
    fn a_named_client_has_the_secret_of_the_environment() {
        let id = Some("ml-model-api");
        check(
            LOCAL,
            id,
            Grant::ClientCredentials,
            Some("s"),
            Some(("ml-model-api", Some("s"))),
        );
        check(
            REMOTE,
            id,
            Grant::Password,
            Some("s"),
            Some(("ml-model-api", Some("s"))),
        );
        check(
            REMOTE,
            id,
            Grant::Password,
            None,
            Some(("ml-model-api", None)),
        );
        check(
            REMOTE,
            id,
            Grant::DeviceCode,
            None,
            Some(("ml-model-api", None)),
        );
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret("s3cret".to_owned())), "Secret");
    }
}
