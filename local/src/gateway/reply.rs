//! Reads a function's answer as a proxy integration does, and refuses what the real gateway would
//! refuse: the caller then gets a 502.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// Response headers that belong to the gateway: a function's are handed on under another name.
const REMAPPED: [&str; 7] = [
    "connection",
    "content-length",
    "content-md5",
    "date",
    "server",
    "user-agent",
    "www-authenticate",
];

/// What goes back to the caller.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Names and values, in order.
    pub headers: Vec<(String, String)>,
    /// The bytes of the body.
    pub body: Vec<u8>,
}

/// Why a function's answer is none.
#[derive(Debug, Error)]
pub enum ReplyError {
    /// Not the shape of a proxy response.
    #[error("the function's answer is no proxy response")]
    Malformed(#[source] serde_json::Error),
    /// No HTTP status.
    #[error("the function's status `{0}` is not between 200 and 599")]
    Status(u16),
    /// `isBase64Encoded` is true and the body is not.
    #[error("the function's body is not the base64 it says it is")]
    Base64(#[source] base64::DecodeError),
}

impl Reply {
    /// Reads a function's proxy response.
    pub fn read(answer: &Value) -> Result<Self, ReplyError> {
        let answer = ProxyResponse::deserialize(answer).map_err(ReplyError::Malformed)?;
        if !(200..600).contains(&answer.status_code) {
            return Err(ReplyError::Status(answer.status_code));
        }
        let text = answer.body.unwrap_or_default();
        let body = if answer.is_base64_encoded {
            STANDARD.decode(text).map_err(ReplyError::Base64)?
        } else {
            text.into_bytes()
        };
        let mut headers = headers(
            answer.headers.unwrap_or_default(),
            answer.multi_value_headers.unwrap_or_default(),
        );
        if !headers.iter().any(|(name, _)| name == "content-type") {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        Ok(Self {
            status: answer.status_code,
            headers,
            body,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProxyResponse {
    status_code: u16,
    headers: Option<BTreeMap<String, Scalar>>,
    multi_value_headers: Option<BTreeMap<String, Vec<Scalar>>>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// A header's value: the gateway takes numbers and booleans for text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Number(serde_json::Number),
    Truth(bool),
}

/// Both kinds together; where a name is in both, the values of the list count.
fn headers(
    single: BTreeMap<String, Scalar>,
    multiple: BTreeMap<String, Vec<Scalar>>,
) -> Vec<(String, String)> {
    let mut merged: BTreeMap<String, Vec<Scalar>> = BTreeMap::new();
    merged.extend(
        single
            .into_iter()
            .map(|(name, value)| (name.to_lowercase(), vec![value])),
    );
    merged.extend(
        multiple
            .into_iter()
            .map(|(name, values)| (name.to_lowercase(), values)),
    );
    let pairs = merged
        .into_iter()
        .filter(|(name, _)| name != "transfer-encoding")
        .flat_map(|(name, values)| {
            let name = if REMAPPED.contains(&name.as_str()) {
                format!("x-amzn-remapped-{name}")
            } else {
                name
            };
            values
                .into_iter()
                .map(move |value| (name.clone(), value.into_text()))
        });
    pairs.collect()
}

impl Scalar {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
            Self::Truth(truth) => truth.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(answer: Value, status: u16, headers: &[(&str, &str)], body: &[u8]) {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(
            Reply::read(&answer).unwrap(),
            Reply {
                status,
                headers,
                body: body.to_vec()
            }
        );
    }

    #[test]
    fn a_proxy_response_becomes_a_reply() {
        check(
            json!({"statusCode": 204}),
            204,
            &[("content-type", "application/json")],
            b"",
        );
        check(
            json!({"statusCode": 200, "headers": {"Content-Type": "text/csv", "X-Rows": 3}, "body": "a,b",
                   "multiValueHeaders": {"x-a": ["1", "2"]}, "isBase64Encoded": false}),
            200,
            &[
                ("content-type", "text/csv"),
                ("x-a", "1"),
                ("x-a", "2"),
                ("x-rows", "3"),
            ],
            b"a,b",
        );
        check(
            json!({"statusCode": 200, "headers": null, "body": "AP97", "isBase64Encoded": true}),
            200,
            &[("content-type", "application/json")],
            &[0, 255, b'{'],
        );
    }

    #[test]
    fn headers_of_the_gateways_own_are_renamed() {
        check(
            json!({"statusCode": 401, "headers":
                {"WWW-Authenticate": "Bearer", "Transfer-Encoding": "chunked", "Content-Type": "a/b"}}),
            401,
            &[
                ("content-type", "a/b"),
                ("x-amzn-remapped-www-authenticate", "Bearer"),
            ],
            b"",
        );
    }

    #[test]
    fn what_is_no_proxy_response_is_refused() {
        for answer in [
            json!(null),
            json!("ok"),
            json!({"body": "x"}),
            json!({"statusCode": "x"}),
            json!({"statusCode": 99}),
            json!({"statusCode": 600}),
            json!({"statusCode": 200, "body": {"a": 1}}),
            json!({"statusCode": 200, "headers": {"a": ["b"]}}),
            json!({"statusCode": 200, "cookies": []}),
            json!({"statusCode": 200, "body": "%", "isBase64Encoded": true}),
        ] {
            assert!(Reply::read(&answer).is_err(), "{answer}");
        }
    }
}
