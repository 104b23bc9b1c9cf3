//! One HTTP exchange with a bounded answer. What is asked, and which status is good, is the caller's business.

use reqwest::{RequestBuilder, StatusCode};
use thiserror::Error;

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// The header `ETag`: which version this is.
    #[cfg(feature = "aws")]
    pub(crate) version: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer to read. Never quotes one: it may hold claims or a secret.
#[derive(Debug, Error)]
pub(crate) enum ExchangeError {
    #[error("no answer")]
    NoAnswer(#[source] reqwest::Error),
    #[error("the answer has status {0}")]
    Status(u16),
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
}

/// Sends a request and reads at most `max_bytes` of the answer's body.
pub(crate) async fn send(
    request: RequestBuilder,
    max_bytes: usize,
) -> Result<Reply, ExchangeError> {
    let no_answer = |error: reqwest::Error| ExchangeError::NoAnswer(error);
    let mut response = request.send().await.map_err(no_answer)?;
    let mut reply = Reply {
        status: response.status(),
        #[cfg(feature = "aws")]
        version: version(&response),
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

#[cfg(feature = "aws")]
fn version(response: &reqwest::Response) -> Option<String> {
    let version = response.headers().get(reqwest::header::ETAG)?;
    version.to_str().ok().map(str::to_owned)
}

impl Reply {
    /// The body of an answer with status 200: any other is none.
    pub(crate) fn ok(self) -> Result<Vec<u8>, ExchangeError> {
        if self.status == StatusCode::OK {
            Ok(self.body)
        } else {
            Err(ExchangeError::Status(self.status.as_u16()))
        }
    }
}
