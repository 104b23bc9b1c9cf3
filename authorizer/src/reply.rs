//! What API Gateway is told: policy, context and usage key. The shape is the same for REST APIs and for
//! HTTP APIs with IAM responses (payload 1.0 and 2.0) and WebSocket APIs; a simple answer has a verdict in
//! place of the policy.

use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerPolicy as Policy;
use aws_lambda_events::apigw::{
    ApiGatewayCustomAuthorizerResponse, ApiGatewayV2CustomAuthorizerSimpleResponse,
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::caller::Caller;
use crate::challenge::Challenge;
use crate::token::Scheme;

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

/// Largest context that is answered, as JSON. AWS names no limit; this is what one of its HTTP APIs carries in
/// all headers of a request together (10,240 bytes), so nothing larger could be handed on in one.
const MAX_CONTEXT_BYTES: usize = 10_240;

/// The context would be larger than [`MAX_CONTEXT_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the context has {0} bytes, more than {MAX_CONTEXT_BYTES}")]
pub(crate) struct ContextTooLarge(usize);

/// What is answered beside the policy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extras {
    /// Names in the context, each with the claim it is taken from.
    pub(crate) context: Vec<(String, String)>,
    /// The claim whose digest becomes `usageIdentifierKey`.
    pub(crate) usage_key: Option<String>,
    /// Where callers find the metadata of this API: a part of each challenge (RFC 9728 section 5.1).
    pub(crate) resource_metadata: Option<String>,
}

/// What the gateway is to go by.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// What is open, on every route.
    Policy(Policy),
    /// Whether the route asked for is open: for HTTP APIs that want no more.
    Simple(bool),
}

/// The answer for a caller to whom routes are open; `challenge` is for the others.
pub(crate) fn open(
    caller: &Caller,
    verdict: Verdict,
    extras: &Extras,
    challenge: &Challenge<'_>,
) -> Result<Value, ContextTooLarge> {
    let mut context = extra_context(caller, extras);
    context.extend(caller_context(caller));
    context.extend(grants_context(caller));
    context.extend(texts([(
        "www_authenticate",
        header(caller, extras, challenge),
    )]));
    let bytes = serde_json::to_vec(&context).map_or(usize::MAX, |text| text.len());
    if bytes > MAX_CONTEXT_BYTES {
        return Err(ContextTooLarge(bytes));
    }
    Ok(response(caller, verdict, context, extras))
}

/// The answer for a caller to whom nothing is open. Its context is bounded by the lengths of names: what an
/// issuer makes as long as it likes is left out.
pub(crate) fn closed(
    caller: &Caller,
    verdict: Verdict,
    extras: &Extras,
    challenge: &Challenge<'_>,
) -> Value {
    let mut context = Map::from_iter(caller_context(caller));
    context.extend(texts([
        ("error", challenge.error().to_owned()),
        ("www_authenticate", header(caller, extras, challenge)),
    ]));
    if let Challenge::Scopes(scopes) = challenge {
        context.extend(texts([("required_scope", scopes.join(" "))]));
    }
    response(caller, verdict, context, extras)
}

/// The challenge in the scheme of the token (RFC 9449 section 7.1), with the address of the metadata.
fn header(caller: &Caller, extras: &Extras, challenge: &Challenge<'_>) -> String {
    let confirmation = caller.claims.get("cnf");
    let scheme = match confirmation.and_then(|members| members.get("jkt")) {
        Some(_) => Scheme::DPoP,
        None => Scheme::Bearer,
    };
    let mut header = challenge.text(scheme);
    if let Some(url) = &extras.resource_metadata {
        header.push_str(&format!(r#", resource_metadata="{url}""#));
    }
    header
}

fn response(
    caller: &Caller,
    verdict: Verdict,
    context: Map<String, Value>,
    extras: &Extras,
) -> Value {
    let mut reply = match verdict {
        Verdict::Policy(policy) => {
            let mut response = ApiGatewayCustomAuthorizerResponse::<Value>::default();
            response.principal_id = Some(printable(&caller.principal));
            response.policy_document = policy;
            response.context = Value::Object(context);
            response.usage_identifier_key = usage_key(caller, extras);
            json!(response)
        }
        // Neither principal nor usage key have a place in it.
        Verdict::Simple(is_authorized) => {
            let mut response = ApiGatewayV2CustomAuthorizerSimpleResponse::<Value>::default();
            response.is_authorized = is_authorized;
            response.context = Value::Object(context);
            json!(response)
        }
    };
    if let Some(members) = reply.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    reply
}

fn caller_context(caller: &Caller) -> Vec<(String, Value)> {
    scalars([
        ("sub", json!(caller.subject)),
        ("client_id", json!(caller.client_id)),
        ("issuer", json!(caller.issuer)),
        ("exp", json!(caller.claims.get("exp"))),
    ])
}

fn grants_context(caller: &Caller) -> Vec<(String, Value)> {
    let scopes: Vec<_> = caller.grants.scopes.iter().map(String::as_str).collect();
    scalars([
        ("scope", json!(scopes.join(" "))),
        ("roles", json!(caller.grants.roles)),
    ])
}

fn scalars<const N: usize>(members: [(&str, Value); N]) -> Vec<(String, Value)> {
    let members = members.into_iter();
    members
        .filter_map(|(name, value)| Some((name.to_owned(), scalar(&value)?)))
        .collect()
}

fn texts<const N: usize>(members: [(&str, String); N]) -> Vec<(String, Value)> {
    scalars(members.map(|(name, text)| (name, Value::String(text))))
}

fn extra_context(caller: &Caller, extras: &Extras) -> Map<String, Value> {
    let claim = |(name, claim): &(String, String)| {
        let value = scalar(caller.claims.get(claim)?)?;
        Some((name.clone(), value))
    };
    extras.context.iter().filter_map(claim).collect()
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
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Grants;
    use crate::requirement::StepUp;

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

    fn policy() -> Verdict {
        Verdict::Policy(Policy::default())
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
            resource_metadata: None,
        };
        let claims =
            json!({"exp": 9, "org": "acme", "flag": true, "list": [1, {"a": 2}], "none": null});
        let challenge = Challenge::default();
        let reply = open(&caller(claims), policy(), &extras, &challenge).unwrap();
        assert_eq!(
            reply["context"],
            json!({"sub": "user1", "issuer": "https://a", "scope": "a b", "roles": "[\"r\"]", "exp": 9, "tenant": "acme", "flag": true, "list": "[1,{\"a\":2}]",
                   "www_authenticate": "Bearer error=\"insufficient_scope\""})
        );
        assert_eq!(reply["principalId"], "user1");
        assert_eq!(reply["usageIdentifierKey"].as_str().map(str::len), Some(64));
    }

    #[test]
    fn without_a_usage_key_the_member_is_left_out() {
        let extras = Extras::default();
        let reply = open(&caller(json!({})), policy(), &extras, &Challenge::default()).unwrap();
        let members: Vec<_> = reply.as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["context", "policyDocument", "principalId"]);
    }

    #[test]
    fn a_challenge_names_the_scheme_of_the_token_and_the_metadata_if_there_are_any() {
        let extras = Extras {
            resource_metadata: Some("https://a/m".to_owned()),
            ..Extras::default()
        };
        let challenge = Challenge::Scopes(vec!["a".to_owned()]);
        let challenged = |claims: Value| {
            let denied = closed(&caller(claims), policy(), &extras, &challenge);
            denied["context"]["www_authenticate"].clone()
        };
        let rest = r#" error="insufficient_scope", scope="a", resource_metadata="https://a/m""#;
        assert_eq!(challenged(json!({})), format!("Bearer{rest}"));
        let bound = json!({"cnf": {"jkt": "x"}});
        assert_eq!(challenged(bound), format!("DPoP{rest}"));
        let certificate = json!({"cnf": {"x5t#S256": "x"}});
        assert_eq!(challenged(certificate), format!("Bearer{rest}"));
    }

    #[test]
    fn a_simple_answer_has_a_verdict_and_the_context() {
        let extras = Extras {
            context: Vec::new(),
            usage_key: Some("org".to_owned()),
            resource_metadata: None,
        };
        let (caller, challenge) = (caller(json!({"org": "acme"})), Challenge::default());
        let reply = open(&caller, Verdict::Simple(true), &extras, &challenge).unwrap();
        let members: Vec<_> = reply.as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["context", "isAuthorized"]);
        assert_eq!(reply["isAuthorized"], true);
        assert_eq!(reply["context"]["sub"], "user1");
        let reply = closed(&caller, Verdict::Simple(false), &extras, &challenge);
        assert_eq!(reply["isAuthorized"], false);
        assert_eq!(reply["context"]["error"], "insufficient_scope");
    }

    #[track_caller]
    fn denied(challenge: &Challenge<'_>, error: &str, required_scope: &Value) {
        let (caller, extras) = (caller(json!({"exp": 9})), Extras::default());
        let reply = closed(&caller, policy(), &extras, challenge);
        let context = &reply["context"];
        assert_eq!(context["error"], error);
        assert_eq!(&context["required_scope"], required_scope);
        assert_eq!(context["www_authenticate"], challenge.text(Scheme::Bearer));
        assert_eq!(
            (&context["sub"], &context["exp"]),
            (&json!("user1"), &json!(9))
        );
        assert_eq!(
            (&context["scope"], &context["roles"]),
            (&Value::Null, &Value::Null)
        );
    }

    #[test]
    fn a_deny_says_what_would_help() {
        let scopes = Challenge::Scopes(vec!["a".to_owned(), "b".to_owned()]);
        denied(&scopes, "insufficient_scope", &json!("a b"));
        denied(&Challenge::default(), "insufficient_scope", &json!(""));
        let step_up = StepUp::default();
        denied(
            &Challenge::StepUp(&step_up),
            "insufficient_user_authentication",
            &Value::Null,
        );
        denied(&Challenge::PolicyTooLarge, "policy_too_large", &Value::Null);
        denied(
            &Challenge::ContextTooLarge,
            "context_too_large",
            &Value::Null,
        );
    }

    #[test]
    fn a_context_that_is_too_large_is_an_error() {
        let extras = Extras {
            context: vec![("note".to_owned(), "note".to_owned())],
            ..Extras::default()
        };
        let with = |length: usize| {
            let caller = caller(json!({"note": "x".repeat(length)}));
            open(&caller, policy(), &extras, &Challenge::default())
        };
        let bytes = |reply: &Value| reply["context"].to_string().len();
        let fixed = bytes(&with(0).unwrap());
        let longest = MAX_CONTEXT_BYTES - fixed;
        assert_eq!(bytes(&with(longest).unwrap()), MAX_CONTEXT_BYTES);
        let error = with(longest + 1).unwrap_err();
        assert_eq!(error, ContextTooLarge(MAX_CONTEXT_BYTES + 1));
    }
}
