//! Reads the authorizer's answer as a REST API does, and refuses what the real gateway would refuse.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::iam::{Policy, PolicyError};

/// What the authorizer says about the caller behind a token.
#[derive(Debug)]
pub struct Grant {
    /// `principalId`.
    pub principal: String,
    /// What the caller may do.
    pub policy: Policy,
    /// What the function is told about the caller; the gateway passes every value as a string.
    pub context: BTreeMap<String, String>,
}

/// Why an answer is none the gateway can use.
#[derive(Debug, Error)]
pub enum GrantError {
    /// Not the shape of an authorizer's answer.
    #[error("the authorizer's answer is malformed")]
    Malformed(#[source] serde_json::Error),
    /// The policy cannot be evaluated.
    #[error("the authorizer's policy cannot be used")]
    Policy(#[from] PolicyError),
    /// A context value that is a list, an object or null.
    #[error("the context value `{0}` is neither a string, a number nor a boolean")]
    Context(String),
}

impl Grant {
    /// Reads an authorizer's answer.
    pub fn read(answer: &Value) -> Result<Self, GrantError> {
        let answer = Answer::deserialize(answer).map_err(GrantError::Malformed)?;
        let policy = Policy::read(&answer.policy_document)?;
        let context: Result<_, _> = answer
            .context
            .unwrap_or_default()
            .into_iter()
            .map(as_string)
            .collect();
        Ok(Self {
            principal: answer.principal_id,
            policy,
            context: context?,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    principal_id: String,
    policy_document: Value,
    context: Option<BTreeMap<String, Value>>,
}

fn as_string((name, value): (String, Value)) -> Result<(String, String), GrantError> {
    match value {
        Value::String(text) => Ok((name, text)),
        Value::Number(number) => Ok((name, number.to_string())),
        Value::Bool(truth) => Ok((name, truth.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(GrantError::Context(name)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(context: Value) -> Result<Grant, GrantError> {
        let document = json!({"Version": "2012-10-17", "Statement": []});
        Grant::read(&json!({"principalId": "p", "policyDocument": document, "context": context}))
    }

    #[track_caller]
    fn check(context: Value, expected: Option<&str>) {
        let value = read(context)
            .ok()
            .and_then(|grant| grant.context.get("value").cloned());
        assert_eq!(value.as_deref(), expected);
    }

    #[test]
    fn context_values_become_strings() {
        check(json!({"value": "text"}), Some("text"));
        check(json!({"value": 1_700_000_000}), Some("1700000000"));
        check(json!({"value": 0.5}), Some("0.5"));
        check(json!({"value": true}), Some("true"));
        assert!(read(Value::Null).unwrap().context.is_empty());
    }

    #[test]
    fn nested_context_is_refused() {
        for value in [json!(["a"]), json!({"a": 1}), Value::Null] {
            assert!(
                matches!(read(json!({"value": value})), Err(GrantError::Context(name)) if name == "value")
            );
        }
    }

    #[test]
    fn principal_and_policy_are_required() {
        let document = json!({"Version": "2012-10-17", "Statement": []});
        for answer in [
            json!(null),
            json!({"policyDocument": document}),
            json!({"principalId": "p"}),
            json!({"principalId": 7, "policyDocument": document}),
            json!({"isAuthorized": true}),
        ] {
            assert!(Grant::read(&answer).is_err(), "{answer}");
        }
    }
}
