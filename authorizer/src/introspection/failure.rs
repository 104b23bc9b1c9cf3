//! What can come between a question and its answer, and what that shows of whoever was asked.

use std::time::Duration;

use reqwest::Url;
use thiserror::Error;

use super::AnswerError;
use super::turns::Shown;
use crate::address::AddressError;
use crate::exchange::ExchangeError;
use crate::issuer::FetchError;
use crate::secret::SecretError;

/// Why an issuer has not said anything of a token. Addresses in it are bare.
#[derive(Debug, Error)]
pub(crate) enum AskError {
    #[error("the issuer has failed to answer, and is left alone for a while")]
    Pausing,
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

impl AskError {
    /// What it shows of the issuer, to whom this token's question is one of many.
    pub(crate) fn shows(&self) -> Shown {
        match self {
            Self::Pausing | Self::Secret(_) => Shown::Nothing,
            Self::Discovery(error) => Shown::Fails {
                retry_after: error.retry_after(),
            },
            Self::Exchange(
                _,
                ExchangeError::Status {
                    status,
                    retry_after,
                },
            ) => shown_by(*status, *retry_after),
            Self::Exchange(_, ExchangeError::TooLarge(_)) => Shown::Chokes,
            Self::Patience(_)
            | Self::NoEndpoint
            | Self::Address(..)
            | Self::Exchange(_, ExchangeError::NoAnswer(_))
            | Self::Answer(..) => Shown::Fails { retry_after: None },
        }
    }
}

/// What a status other than 200 shows.
fn shown_by(status: u16, retry_after: Option<Duration>) -> Shown {
    match status {
        // The asker, the address, the time: the next question fares no better.
        401 | 404 | 405 | 407 | 408 | 410 | 429 => Shown::Fails { retry_after },
        // A firewall before the issuer or a mistake in it: for both a text may be enough.
        403 | 500 => Shown::Chokes,
        400..=499 => Shown::Nothing,
        _ => Shown::Fails { retry_after },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(statuses: &[u16], expected: Shown) {
        for status in statuses {
            assert_eq!(shown_by(*status, None), expected, "{status}");
        }
    }

    #[test]
    fn a_status_shows_whether_the_next_question_fares_better() {
        let fails = Shown::Fails { retry_after: None };
        check(&[401, 404, 405, 407, 408, 410, 429], fails);
        check(&[501, 502, 503, 504, 599], fails);
        check(&[201, 204, 301, 307], fails);
        check(&[403, 500], Shown::Chokes);
        check(&[400, 406, 413, 414, 415, 422, 431, 451], Shown::Nothing);
    }

    #[test]
    fn what_the_issuer_asks_for_is_passed_on() {
        let retry_after = Some(Duration::from_secs(20));
        assert_eq!(shown_by(429, retry_after), Shown::Fails { retry_after });
        assert_eq!(shown_by(503, retry_after), Shown::Fails { retry_after });
    }

    #[test]
    fn what_lies_with_the_token_or_with_us_is_no_failure_of_the_issuers() {
        let url = || Url::parse("https://idp.example/introspect").unwrap();
        let large = AskError::Exchange(url(), ExchangeError::TooLarge(1));
        assert_eq!(large.shows(), Shown::Chokes);
        let secret = AskError::Secret(SecretError::Answer);
        assert_eq!(secret.shows(), Shown::Nothing);
        let unreadable = AskError::Answer(url(), AnswerError::Json);
        let fails = Shown::Fails { retry_after: None };
        for error in [
            unreadable,
            AskError::NoEndpoint,
            AskError::Patience(Duration::ZERO),
        ] {
            assert_eq!(error.shows(), fails, "{error}");
        }
    }
}
