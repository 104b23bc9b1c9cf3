//! What can come between a question and its answer.

use std::time::Duration;

use reqwest::Url;
use thiserror::Error;

use super::AnswerError;
use crate::address::AddressError;
use crate::exchange::ExchangeError;
use crate::issuer::FetchError;
use crate::secret::SecretError;

/// Why an issuer has not said anything of a token. Addresses in it are bare.
#[derive(Debug, Error)]
pub(crate) enum AskError {
    #[error("the issuer has not answered within {0:?}")]
    Patience(Duration),
    #[error("the address of the introspection endpoint is not known")]
    Discovery(#[source] FetchError),
    #[error("the discovery document has no `introspection_endpoint`; name it as `endpoint`")]
    NoEndpoint,
    #[error("`{1}` may not be asked: {0}")]
    Address(AddressError, String),
    #[error("the client secret cannot be read")]
    Secret(#[source] SecretError),
    #[error("`{0}` has not answered about the token")]
    Exchange(Url, #[source] ExchangeError),
    #[error("`{0}` does not answer as an introspection endpoint")]
    Answer(Url, #[source] AnswerError),
}
