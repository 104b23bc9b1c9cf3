//! What cannot be had just now. An outage says neither yes nor no: it is an error of the invocation, which
//! the gateway answers with 5xx and does not remember, and never a refusal.

use thiserror::Error;

use crate::token::TokenError;

/// What is missing to decide on a token.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Outage {
    /// The keys of this issuer.
    #[error("the keys of the issuer `{0}` cannot be fetched")]
    Keys(String),
    /// This issuer's word on a token (RFC 7662).
    #[error("the issuer `{0}` does not say whether the token is active")]
    Introspection(String),
    /// The secret with which this issuer is asked.
    #[error("the client secret for the issuer `{0}` cannot be read")]
    Secret(String),
    /// The list of revoked tokens.
    #[error("the denylist cannot be read")]
    Denylist,
    /// The memory of proofs that have been used.
    #[error("the store of used proofs cannot be asked")]
    Replay,
    /// All of them together, in time.
    #[error("the decision has taken too long")]
    Time,
}

/// Why a token makes nobody known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Obstacle {
    /// It proves nothing.
    #[error(transparent)]
    Refused(#[from] TokenError),
    /// Nobody can say.
    #[error(transparent)]
    Unavailable(#[from] Outage),
}

impl Outage {
    /// The reason code: stable, for logs, metrics and alarms.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Keys(_) => "issuer_unavailable",
            Self::Introspection(_) => "introspection_unavailable",
            Self::Secret(_) => "secret_unavailable",
            Self::Denylist => "denylist_unavailable",
            Self::Replay => "replay_store_unavailable",
            Self::Time => "out_of_time",
        }
    }

    /// The error type of the invocation, as Lambda reports it.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Keys(_) => "IssuerUnavailable",
            Self::Introspection(_) => "IntrospectionUnavailable",
            Self::Secret(_) => "SecretUnavailable",
            Self::Denylist => "DenylistUnavailable",
            Self::Replay => "ReplayStoreUnavailable",
            Self::Time => "OutOfTime",
        }
    }
}
