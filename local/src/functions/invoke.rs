//! Calls a function through the Lambda Invoke API without a signature, as `cargo lambda watch` serves
//! it, and tells a function's error from its answer.

use std::time::Duration;

use reqwest::Client;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::FunctionError;
use crate::web::{self, SafeUrl, WebError};

/// Lambda's own longest run. `cargo lambda watch` compiles a function on its first call.
const TIMEOUT: Duration = Duration::from_secs(900);
/// More than Lambda hands on: what is too large is reported as such by the caller.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// A function behind an invocation URL.
#[derive(Debug)]
pub struct Invocation {
    url: SafeUrl,
    client: Client,
}

/// Why an invocation went wrong.
#[derive(Debug, Error)]
pub enum InvokeError {
    /// No answer came.
    #[error("the function at `{url}` cannot be reached")]
    Unreachable {
        /// The invocation URL.
        url: String,
        /// What happened.
        #[source]
        source: WebError,
    },
    /// Something else than a function answered.
    #[error("`{url}` answered with status {status} and no function's answer")]
    NoFunction {
        /// The invocation URL.
        url: String,
        /// HTTP status.
        status: u16,
    },
}

impl Invocation {
    /// A function at its full invocation URL.
    pub fn new(url: SafeUrl) -> Result<Self, WebError> {
        let client = web::client(&url, TIMEOUT)?;
        Ok(Self { url, client })
    }

    /// Sends the event and reads the answer.
    pub async fn call(&self, event: String) -> Result<Value, FunctionError> {
        let unreachable = |source| InvokeError::Unreachable {
            url: self.url.to_string(),
            source,
        };
        let request = self
            .client
            .post(self.url.url().clone())
            .header("content-type", "application/json")
            .body(event);
        let answer = web::send(request, MAX_BYTES).await.map_err(unreachable)?;
        let marked = answer.headers.contains_key("x-amz-function-error");
        match read(answer.status, marked, &answer.body) {
            Some(Invoked::Answer(value)) => Ok(value),
            Some(Invoked::Failed(message)) => Err(FunctionError::Failed(message)),
            None => Err(InvokeError::NoFunction {
                url: self.url.to_string(),
                status: answer.status,
            }
            .into()),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Invoked {
    Answer(Value),
    Failed(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionFailure {
    error_message: String,
    #[serde(rename = "errorType")]
    _error_type: String,
}

/// Tells the outcomes apart; `marked` is whether the header for function errors was there.
fn read(status: u16, marked: bool, body: &[u8]) -> Option<Invoked> {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    let failure = value
        .as_ref()
        .and_then(|value| FunctionFailure::deserialize(value).ok());
    match (failure, value) {
        (Some(failure), _) => Some(Invoked::Failed(failure.error_message)),
        (None, value) if marked => Some(Invoked::Failed(
            value.map(|value| value.to_string()).unwrap_or_default(),
        )),
        (None, Some(value)) if (200..300).contains(&status) => Some(Invoked::Answer(value)),
        (None, Some(_) | None) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(status: u16, marked: bool, body: &str, expected: Option<Invoked>) {
        assert_eq!(
            read(status, marked, body.as_bytes()),
            expected,
            "{status} {marked} {body}"
        );
    }

    #[test]
    fn a_function_error_is_marked_or_has_its_shape() {
        let failed = |message: &str| Some(Invoked::Failed(message.to_owned()));
        let error = r#"{"errorType":"Error","errorMessage":"Unauthorized"}"#;
        check(
            200,
            false,
            r#"{"a":1}"#,
            Some(Invoked::Answer(json!({"a": 1}))),
        );
        check(200, false, "null", Some(Invoked::Answer(Value::Null)));
        check(200, true, error, failed("Unauthorized"));
        check(200, false, error, failed("Unauthorized"));
        check(500, false, error, failed("Unauthorized"));
        check(200, true, r#"{"a":1}"#, failed(r#"{"a":1}"#));
        check(
            200,
            false,
            r#"{"errorMessage":"x"}"#,
            Some(Invoked::Answer(json!({"errorMessage": "x"}))),
        );
    }

    #[test]
    fn anything_else_is_no_function() {
        check(200, false, "<html>", None);
        check(404, false, r#"{"message":"not found"}"#, None);
        check(502, false, "", None);
    }
}
