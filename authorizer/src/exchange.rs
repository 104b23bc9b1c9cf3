//! One HTTP exchange with a bounded answer. What is asked, and which status is good, is the caller's business.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{RequestBuilder, StatusCode};
use thiserror::Error;

use crate::address;

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer to read. Never quotes one: it may hold claims or a secret.
#[derive(Debug, Error)]
pub(crate) enum ExchangeError {
    #[error("no answer")]
    NoAnswer(#[source] reqwest::Error),
    #[error("the answer has status {status}")]
    Status {
        status: u16,
        /// How long the issuer asks to be left alone.
        retry_after: Option<Duration>,
    },
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
}

/// Sends a request and reads at most `max_bytes` of the answer's body.
pub(crate) async fn send(
    request: RequestBuilder,
    max_bytes: usize,
) -> Result<Reply, ExchangeError> {
    let no_answer = |mut error: reqwest::Error| {
        if let Some(url) = error.url_mut() {
            *url = address::bare(url.clone());
        }
        ExchangeError::NoAnswer(error)
    };
    let mut response = request.send().await.map_err(no_answer)?;
    let mut reply = Reply {
        status: response.status(),
        headers: std::mem::take(response.headers_mut()),
        body: Vec::new(),
    };
    while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
        reply.body.extend_from_slice(&chunk);
        if reply.body.len() > max_bytes {
            return Err(ExchangeError::TooLarge(max_bytes));
        }
    }
    Ok(reply)
}

impl Reply {
    /// An answer with status 200: any other is none.
    pub(crate) fn ok(self) -> Result<Self, ExchangeError> {
        if self.status == StatusCode::OK {
            Ok(self)
        } else {
            Err(ExchangeError::Status {
                status: self.status.as_u16(),
                retry_after: self.retry_after(),
            })
        }
    }

    /// All values of a header as one list (RFC 9110 section 5.3), if they are text.
    pub(crate) fn header(&self, name: HeaderName) -> Option<String> {
        let values = self.headers.get_all(name).iter();
        let values: Option<Vec<_>> = values.map(|value| value.to_str().ok()).collect();
        values
            .map(|values| values.join(","))
            .filter(|text| !text.is_empty())
    }

    /// `Retry-After` in seconds (RFC 9110 section 10.2.3), of the statuses that ask for patience. A date counts for
    /// nothing: clocks differ.
    fn retry_after(&self) -> Option<Duration> {
        match self.status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => self
                .header(RETRY_AFTER)?
                .parse()
                .ok()
                .map(Duration::from_secs),
            _ => None,
        }
    }
}
