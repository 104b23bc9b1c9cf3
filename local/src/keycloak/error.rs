//! Why a set-up is not applied, in words that say what to change.

use std::io;
use std::path::PathBuf;

use aws_requests::RequestError;
use thiserror::Error;

use crate::token::TokenError;
use crate::web::{UrlError, WebError};

/// Why a set-up is not applied. No variant holds a secret.
#[derive(Debug, Error)]
pub enum KeycloakError {
    /// The file of `--file`.
    #[error("`{path}` cannot be read")]
    SetUpFile {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// The set-up is not to be applied as it is.
    #[error("nothing is applied:\n{}", .0.join("\n"))]
    SetUp(Vec<String>),
    /// No password or secret.
    #[error(transparent)]
    Secret(#[from] TokenError),
    /// An address that nothing secret may be sent to.
    #[error(transparent)]
    Address(#[from] UrlError),
    /// No HTTP client can be made.
    #[error("no HTTP client can be made")]
    Client(#[source] WebError),
    /// Nobody answers.
    #[error("`{url}` cannot be reached")]
    Unreachable {
        /// Who.
        url: String,
        /// What happened.
        #[source]
        source: WebError,
    },
    /// The administrator is not taken.
    #[error(
        "`{url}` does not sign the administrator in (status {status}: {reason}); check the options `--admin-…`, and their secret"
    )]
    SignIn {
        /// The token endpoint.
        url: String,
        /// Its status.
        status: u16,
        /// Keycloak's words.
        reason: String,
    },
    /// The admin API does not do what it is asked.
    #[error("Keycloak answers `{call}` with status {status}: {reason}{advice}")]
    Refused {
        /// Method and path.
        call: String,
        /// The status.
        status: u16,
        /// Keycloak's words.
        reason: String,
        /// What to change.
        advice: &'static str,
    },
    /// It went wrong on the way.
    #[error("{}", stopped(made, left, at.as_deref(), *unknown))]
    Stopped {
        /// What has been made.
        made: Vec<String>,
        /// What is left, as far as is known.
        left: Vec<String>,
        /// What was being made, or nothing if the server was read.
        at: Option<String>,
        /// Whether that may have been made nevertheless.
        unknown: bool,
        /// Why.
        #[source]
        source: Box<Self>,
    },
    /// All is applied, and the secret is where it was.
    #[error("{}", not_delivered(realm, client, *renewed))]
    NotDelivered {
        /// The realm.
        realm: String,
        /// Whose secret.
        client: String,
        /// Whether Keycloak has made it anew.
        renewed: Renewed,
        /// Why.
        #[source]
        source: Box<Self>,
    },
    /// The realm to which the set-up adds.
    #[error("there is no realm `{0}`: this set-up adds to one that is there")]
    NoRealm(String),
    /// Keycloak has answered well and not done so.
    #[error(
        "Keycloak has taken everything and still differs, perhaps for a scope, client or role that it does not have:\n{0}"
    )]
    NotKept(String),
    /// No client to choose, or too many.
    #[error("`--secret-of CLIENT` must name one of the set-up's clients with a secret: {0}")]
    SecretOf(String),
    /// A secret that is given is not made anew.
    #[error(
        "the secret of `{0}` is set in the environment, so `--new-secret` cannot make one: set that one anew, or leave it out"
    )]
    GivenSecret(String),
    /// Keycloak has no secret.
    #[error("Keycloak has no secret of client `{0}`: `--new-secret` makes one")]
    NoSecret(String),
    /// The file for the secret.
    #[error("`{path}` cannot be written")]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// It would not be secret there.
    #[error(
        "`{path}` is no plain file, or others may read it: take another, or `chmod 600` it first"
    )]
    OpenFile {
        /// The file.
        path: PathBuf,
    },
    /// The machine gives no randomness.
    #[error("no random number can be had")]
    Random,
    /// Whom AWS is asked as.
    #[error(
        "{0}\n`eval \"$(aws configure export-credentials --format env)\"` sets AWS's variables; set `AWS_REGION` too"
    )]
    Aws(String),
    /// A request cannot be signed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// AWS refuses.
    #[error("AWS Secrets Manager refuses `{name}`: {kind}")]
    SecretsManager {
        /// The secret.
        name: String,
        /// The type of the error.
        kind: String,
    },
    /// Something else is stored.
    #[error("the secret `{name}` holds no JSON object: name another")]
    NoObject {
        /// The secret.
        name: String,
    },
}

/// The cause follows, after a colon.
fn stopped(made: &[String], left: &[String], at: Option<&str>, unknown: bool) -> String {
    let mut lines = vec![
        "applying stopped on the way; what was done stays, and it is safe to apply again, which goes on from there"
            .to_owned(),
    ];
    lines.push(format!("done: {}", number(made, "nothing")));
    lines.extend_from_slice(made);
    lines.push(format!(
        "left: {}",
        number(left, "nothing that is known of")
    ));
    lines.extend_from_slice(left);
    lines.push(match (at, unknown) {
        (Some(at), false) => format!("failed: {at}"),
        (Some(at), true) => format!("failed, and perhaps done nevertheless: {at}"),
        (None, _) => "failed: to read what the server has now".to_owned(),
    });
    lines.join("\n")
}

fn number(changes: &[String], none: &str) -> String {
    match changes.len() {
        0 => none.to_owned(),
        1 => "1 change".to_owned(),
        count => format!("{count} changes"),
    }
}

/// The cause follows, after a colon.
/// Whether a secret is another one than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// It is the one that it was.
    No,
    /// Nobody has said: the answer to the question for a new one is missing.
    Perhaps,
    /// It is new.
    Yes,
}

impl KeycloakError {
    /// Whether what was asked for may be done nevertheless: there was no answer, or one that says nothing of it.
    pub(super) fn may_be_done(&self) -> bool {
        let unanswered = matches!(self, Self::Unreachable { .. });
        let broken = matches!(self, Self::Refused { status, .. } if *status >= 500);
        unanswered || broken
    }
}

fn not_delivered(realm: &str, client: &str, renewed: Renewed) -> String {
    let again = match renewed {
        Renewed::Perhaps => {
            "it is perhaps another one now, and the old one worth nothing; to deliver the one there is, apply again without `--new-secret`"
        }
        Renewed::Yes => {
            "its old secret is worth nothing now; to deliver the new one, apply again without `--new-secret`, to this place or another"
        }
        Renewed::No => {
            "to deliver it, apply again with the same options, which changes nothing else"
        }
    };
    format!(
        "the realm `{realm}` is applied; only the secret of client `{client}` was not delivered\n{again}\nthe reason"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_may_be_new_is_not_made_anew_once_more() {
        for (renewed, words) in [
            (Renewed::No, "with the same options"),
            (Renewed::Perhaps, "perhaps another one now"),
            (Renewed::Yes, "worth nothing now"),
        ] {
            let said = not_delivered("ml-models", "ml-model-api", renewed);
            assert!(said.contains(words), "{said}");
            let asks = said.contains("apply again without `--new-secret`");
            assert_eq!(asks, renewed != Renewed::No, "{said}");
        }
    }
}
