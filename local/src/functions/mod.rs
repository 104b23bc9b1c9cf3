//! The two functions, in this process or behind the Lambda Invoke API. Either way they get the text of
//! an event and answer JSON or an error, as in AWS.

mod invoke;

use std::sync::Arc;

use authorizer::Authorizer;
use model_fn::ModelFunction;
use serde_json::Value;
use thiserror::Error;

pub use invoke::{Invocation, InvokeError};

/// The largest answer Lambda takes from a function.
const MAX_ANSWER_BYTES: usize = 6 * 1024 * 1024;

/// Where the authorizer runs.
#[derive(Debug)]
pub enum AuthorizerBackend {
    /// Here.
    InProcess(Arc<Authorizer>),
    /// Behind an invocation URL.
    Remote(Invocation),
}

/// Where the model function runs.
#[derive(Debug)]
pub enum ModelBackend {
    /// Here.
    InProcess(Arc<ModelFunction>),
    /// Behind an invocation URL.
    Remote(Invocation),
}

/// Why a function gave no answer.
#[derive(Debug, Error)]
pub enum FunctionError {
    /// The function answered with an error; this is its message.
    #[error("the function failed: {0}")]
    Failed(String),
    /// The invocation itself went wrong.
    #[error(transparent)]
    Invoke(#[from] InvokeError),
    /// More than Lambda would hand on.
    #[error("the function's answer has {bytes} bytes, Lambda takes {MAX_ANSWER_BYTES}")]
    AnswerTooLarge {
        /// Size of the answer.
        bytes: usize,
    },
    /// The answer cannot be written as JSON.
    #[error("the function's answer is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// The function panicked.
    #[error("the function panicked")]
    Panicked(#[source] tokio::task::JoinError),
}

impl AuthorizerBackend {
    /// Asks the authorizer.
    pub async fn call(&self, event: String, request_id: &str) -> Result<Value, FunctionError> {
        match self {
            Self::InProcess(authorizer) => {
                let (authorizer, request_id) = (Arc::clone(authorizer), request_id.to_owned());
                // A task of its own, so that a panic in it costs one request.
                let task =
                    tokio::spawn(async move { authorizer.handle(&event, &request_id).await });
                let outcome = task.await.map_err(FunctionError::Panicked)?;
                print_log(&outcome.log);
                let answer = outcome.answer.map(|answer| answer.value());
                answer.map_err(|error| FunctionError::Failed(error.to_string()))
            }
            Self::Remote(invocation) => invocation.call(event).await,
        }
    }
}

impl ModelBackend {
    /// Calls the model function.
    pub async fn call(&self, event: String, request_id: &str) -> Result<Value, FunctionError> {
        let answer = match self {
            Self::InProcess(function) => {
                let (function, request_id) = (Arc::clone(function), request_id.to_owned());
                let task =
                    tokio::task::spawn_blocking(move || function.handle(&event, &request_id));
                let outcome = task.await.map_err(FunctionError::Panicked)?;
                print_log(&outcome.log);
                serde_json::to_value(outcome.reply).map_err(FunctionError::NotJson)?
            }
            Self::Remote(invocation) => invocation.call(event).await?,
        };
        let bytes = answer.to_string().len();
        if bytes > MAX_ANSWER_BYTES {
            Err(FunctionError::AnswerTooLarge { bytes })
        } else {
            Ok(answer)
        }
    }
}

/// Prints the functions' log lines where they do not mix with ours, unchanged. Metric lines are left
/// out: nothing collects them here.
pub fn print_log(lines: &[String]) {
    for line in lines.iter().filter(|line| !is_metric(line)) {
        eprintln!("{line}");
    }
}

/// Whether a line is in CloudWatch's embedded metric format.
fn is_metric(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|value| value.get("_aws").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: bool) {
        assert_eq!(is_metric(line), expected, "{line}");
    }

    #[test]
    fn metrics_are_told_from_log_lines() {
        check(r#"{"Decisions": 1, "_aws": {"Timestamp": 1}}"#, true);
        check(r#"{"event": "decision", "detail": "_aws"}"#, false);
        check("not JSON", false);
    }
}
