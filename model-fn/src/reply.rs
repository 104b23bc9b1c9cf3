//! Replies as the gateway wants them, and what is logged beside them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::failure::{Failure, status};
use crate::route::RouteError;

/// A reply in the form of the gateway's proxy integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// The HTTP status.
    pub status_code: u16,
    /// Headers with their names in lower case.
    pub headers: BTreeMap<&'static str, String>,
    /// The body.
    pub body: String,
    /// Whether the body is base64.
    pub is_base64_encoded: bool,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The reply for the gateway.
    pub reply: Reply,
    /// JSON lines for the log; `main` prints them.
    pub log: Vec<String>,
}

/// The one shape of errors.
#[derive(Serialize)]
struct ErrorBody {
    error: String,
    code: &'static str,
    detail: Map<String, Value>,
}

impl Reply {
    /// The answer that was asked for.
    pub(crate) fn success(body: String) -> Self {
        Self::new(200, body)
    }

    /// What went wrong.
    pub(crate) fn failure(failure: &Failure) -> Self {
        let body = ErrorBody {
            error: failure.to_string(),
            code: failure.code(),
            detail: failure.detail(),
        };
        let body = serde_json::to_string(&body).unwrap_or_default();
        let mut reply = Self::new(status(failure), body);
        if let Failure::Route(RouteError::Method { allowed }) = failure {
            reply.headers.insert("allow", (*allowed).to_owned());
        }
        reply
    }

    /// The type is exactly this: some clients show an error only then.
    fn new(status_code: u16, body: String) -> Self {
        let headers = BTreeMap::from([("content-type", "application/json".to_owned())]);
        Self {
            status_code,
            headers,
            body,
            is_base64_encoded: false,
        }
    }
}
