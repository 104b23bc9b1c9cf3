//! What API Gateway is told: policy, context and usage key. The shape is the same for REST APIs and for
//! HTTP APIs with IAM responses (payload 1.0 and 2.0).

use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerPolicy as Policy;
use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerResponse;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::caller::Caller;

/// Names in the context that are the authorizer's own, and `principalId`, which the gateway adds.
pub(crate) const RESERVED_NAMES: [&str; 10] = [
    "sub",
    "client_id",
    "issuer",
    "scope",
    "roles",
    "exp",
    "error",
    "required_scope",
    "www_authenticate",
    "principalId",
];

/// Why nothing is open to a known caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denial<'a> {
    /// The token's grants do not suffice; these scopes would.
    InsufficientScope(Vec<&'a str>),
    /// The token's grants open more than a policy can hold: another token would not help the caller.
    PolicyTooLarge,
}

/// What is answered beside the policy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extras {
    /// Names in the context, each with the claim it is taken from.
    pub(crate) context: Vec<(String, String)>,
    /// The claim whose digest becomes `usageIdentifierKey`.
    pub(crate) usage_key: Option<String>,
}

/// The answer for a known caller. The context is bounded by the token, from which all of it comes.
pub(crate) fn answer(
    caller: &Caller,
    policy: Policy,
    extras: &Extras,
    denied: Option<&Denial<'_>>,
) -> Value {
    let mut context = extra_context(caller, extras);
    context.extend(caller_context(caller));
    if let Some(denial) = denied {
        context.extend(challenge(denial));
    }
    let mut response = ApiGatewayCustomAuthorizerResponse::<Value>::default();
    response.principal_id = Some(printable(&caller.principal));
    response.policy_document = policy;
    response.context = Value::Object(context);
    response.usage_identifier_key = usage_key(caller, extras);
    let mut reply = json!(response);
    if let Some(members) = reply.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    reply
}

fn caller_context(caller: &Caller) -> Vec<(String, Value)> {
    let scopes: Vec<_> = caller.grants.scopes.iter().map(String::as_str).collect();
    let members = [
        ("sub", json!(caller.subject)),
        ("client_id", json!(caller.client_id)),
        ("issuer", json!(caller.issuer)),
        ("scope", json!(scopes.join(" "))),
        ("roles", json!(caller.grants.roles)),
        ("exp", json!(caller.claims.get("exp"))),
    ];
    let scalars = members.into_iter();
    scalars
        .filter_map(|(name, value)| Some((name.to_owned(), scalar(&value)?)))
        .collect()
}

fn extra_context(caller: &Caller, extras: &Extras) -> Map<String, Value> {
    let claim = |(name, claim): &(String, String)| {
        let value = scalar(caller.claims.get(claim)?)?;
        Some((name.clone(), value))
    };
    extras.context.iter().filter_map(claim).collect()
}

fn challenge(denial: &Denial<'_>) -> Vec<(String, Value)> {
    let members = match denial {
        Denial::PolicyTooLarge => vec![("error", "policy_too_large".to_owned())],
        Denial::InsufficientScope(scopes) => vec![
            ("error", "insufficient_scope".to_owned()),
            ("required_scope", scopes.join(" ")),
            ("www_authenticate", insufficient_scope(scopes)),
        ],
    };
    let members = members.into_iter();
    members
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect()
}

/// RFC 6750 section 3.1: known, but the token's scopes do not suffice.
fn insufficient_scope(scopes: &[&str]) -> String {
    let value = r#"Bearer error="insufficient_scope""#;
    if scopes.is_empty() {
        return value.to_owned();
    }
    format!(r#"{value}, scope="{}""#, scopes.join(" "))
}

/// Strings, numbers and booleans are all that a context may hold; lists and objects become JSON text.
fn scalar(value: &Value) -> Option<Value> {
    Some(Value::String(match value {
        Value::Null => return None,
        Value::Bool(_) | Value::Number(_) => return Some(value.clone()),
        Value::String(text) => printable(text),
        Value::Array(_) | Value::Object(_) => printable(&value.to_string()),
    }))
}

fn printable(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .collect()
}

/// API keys have 20 to 128 characters; a digest in hexadecimal has 64, whatever the claim is.
fn usage_key(caller: &Caller, extras: &Extras) -> Option<String> {
    let value = caller.claims.get(extras.usage_key.as_ref()?)?.as_str()?;
    Some(hex(&Sha256::digest(value)))
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Grants;

    fn caller(claims: Value) -> Caller {
        Caller {
            principal: "user\n1".to_owned(),
            subject: Some("user\n1".to_owned()),
            client_id: None,
            issuer: "https://a".to_owned(),
            accepted_until: 9,
            grants: Grants {
                scopes: ["b".to_owned(), "a".to_owned()].into(),
                roles: ["r".to_owned()].into(),
                ..Grants::default()
            },
            claims: claims.as_object().unwrap().clone(),
        }
    }

    #[test]
    fn the_context_holds_scalars_and_the_built_in_names_win() {
        let context = [
            ("tenant", "org"),
            ("flag", "flag"),
            ("list", "list"),
            ("none", "none"),
            ("sub", "org"),
        ];
        let extras = Extras {
            context: context
                .map(|(name, claim)| (name.to_owned(), claim.to_owned()))
                .to_vec(),
            usage_key: Some("org".to_owned()),
        };
        let claims =
            json!({"exp": 9, "org": "acme", "flag": true, "list": [1, {"a": 2}], "none": null});
        let reply = answer(&caller(claims), Policy::default(), &extras, None);
        assert_eq!(
            reply["context"],
            json!({"sub": "user1", "issuer": "https://a", "scope": "a b", "roles": "[\"r\"]", "exp": 9, "tenant": "acme", "flag": true, "list": "[1,{\"a\":2}]"})
        );
        assert_eq!(reply["principalId"], "user1");
        assert_eq!(reply["usageIdentifierKey"].as_str().map(str::len), Some(64));
    }

    #[test]
    fn without_a_usage_key_the_member_is_left_out() {
        let reply = answer(
            &caller(json!({})),
            Policy::default(),
            &Extras::default(),
            None,
        );
        let members: Vec<_> = reply.as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["context", "policyDocument", "principalId"]);
    }

    #[test]
    fn a_deny_says_what_would_help() {
        let denied = |denial: Denial<'_>| {
            let policy = Policy::default();
            answer(
                &caller(json!({})),
                policy,
                &Extras::default(),
                Some(&denial),
            )["context"]
                .clone()
        };
        let context = denied(Denial::InsufficientScope(vec!["a", "b"]));
        assert_eq!(context["required_scope"], "a b");
        assert_eq!(
            context["www_authenticate"],
            r#"Bearer error="insufficient_scope", scope="a b""#
        );
        let context = denied(Denial::InsufficientScope(Vec::new()));
        assert_eq!(
            context["www_authenticate"],
            r#"Bearer error="insufficient_scope""#
        );
        let context = denied(Denial::PolicyTooLarge);
        assert_eq!(
            (&context["error"], &context["www_authenticate"]),
            (&json!("policy_too_large"), &Value::Null)
        );
    }
}
