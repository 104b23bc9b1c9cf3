//! What API Gateway is told: policy, context and usage key. The shape is the same for REST APIs and for
//! HTTP APIs with IAM responses (payload 1.0 and 2.0) and WebSocket APIs; a simple answer has a verdict in
//! place of the policy.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::caller::{Caller, Kind};
use crate::challenge::Challenge;
use crate::json::View;
use crate::policy::Policy;
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

/// Largest answer to a WebSocket API, policy and context together (Amazon API Gateway quotas: 8 KB).
const MAX_CONNECT_BYTES: usize = 8 * 1024;

/// Why an answer would not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum AnswerError {
    /// The context would be larger than [`MAX_CONTEXT_BYTES`].
    #[error("the context has {0} bytes, more than {MAX_CONTEXT_BYTES}")]
    ContextTooLarge(usize),
    /// All of it would be larger than [`MAX_CONNECT_BYTES`], which a WebSocket API takes.
    #[error("the answer has {0} bytes, more than {MAX_CONNECT_BYTES}")]
    AnswerTooLarge(usize),
}

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

/// What the gateway is sent.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Answer(Shape);

#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
enum Shape {
    #[serde(rename_all = "camelCase")]
    Policy {
        principal_id: String,
        policy_document: Policy,
        context: Box<RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        usage_identifier_key: Option<String>,
    },
    /// Neither principal nor usage key have a place in it.
    #[serde(rename_all = "camelCase")]
    Simple {
        is_authorized: bool,
        context: Box<RawValue>,
    },
}

impl Answer {
    /// The same as a tree, for whoever looks into it.
    pub fn value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The same answer, if a WebSocket API takes it.
    pub(crate) fn for_connect(self) -> Result<Self, AnswerError> {
        match serde_json::to_vec(&self).map_or(usize::MAX, |text| text.len()) {
            bytes if bytes > MAX_CONNECT_BYTES => Err(AnswerError::AnswerTooLarge(bytes)),
            _ => Ok(self),
        }
    }
}

/// Names and values for the API behind the gateway.
type Context<'a> = BTreeMap<&'a str, Scalar<'a>>;

/// Strings, numbers and booleans are all that a context may hold.
#[derive(Serialize)]
#[serde(untagged)]
enum Scalar<'a> {
    Text(Cow<'a, str>),
    /// A number or a boolean.
    Other(View<'a>),
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
) -> Result<Answer, AnswerError> {
    let mut context = extra_context(caller, extras);
    context.extend(caller_context(caller));
    context.extend(grants_context(caller));
    let header = Scalar::owned(header(caller, extras, challenge));
    context.insert("www_authenticate", header);
    let context = written(&context);
    let bytes = context.get().len();
    if bytes > MAX_CONTEXT_BYTES {
        return Err(AnswerError::ContextTooLarge(bytes));
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
) -> Answer {
    let mut context = Context::from_iter(caller_context(caller));
    let header = Scalar::owned(header(caller, extras, challenge));
    context.insert("www_authenticate", header);
    context.insert("error", Scalar::text(challenge.error()));
    if let Challenge::Scopes(scopes) = challenge {
        context.insert("required_scope", Scalar::owned(scopes.join(" ")));
    }
    response(caller, verdict, written(&context), extras)
}

/// The challenge in the scheme of the token (RFC 9449 section 7.1), with the address of the metadata.
fn header(caller: &Caller, extras: &Extras, challenge: &Challenge<'_>) -> String {
    let confirmation = caller.claims().get("cnf");
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

/// A context, written out: its size is that of its text, and the answer holds it as it is.
fn written(context: &Context<'_>) -> Box<RawValue> {
    // Strings, numbers and booleans always have a JSON form.
    to_raw_value(context).unwrap_or_default()
}

fn response(caller: &Caller, verdict: Verdict, context: Box<RawValue>, extras: &Extras) -> Answer {
    Answer(match verdict {
        Verdict::Policy(policy_document) => Shape::Policy {
            principal_id: printable(caller.principal()).into_owned(),
            policy_document,
            context,
            usage_identifier_key: usage_key_of(caller, extras),
        },
        Verdict::Simple(is_authorized) => Shape::Simple {
            is_authorized,
            context,
        },
    })
}

fn caller_context(caller: &Caller) -> impl Iterator<Item = (&str, Scalar<'_>)> {
    let members = [
        ("sub", caller.subject().map(Scalar::text)),
        ("client_id", caller.client_id().map(Scalar::text)),
        ("issuer", Some(Scalar::text(caller.issuer()))),
        ("exp", caller.claims().get("exp").and_then(Scalar::of)),
    ];
    let members = members.into_iter();
    members.filter_map(|(name, value)| Some((name, value?)))
}

/// Whoever reads the context must find the grants that the token has, and no others: what would be another grant
/// once it is joined or printed is left out.
fn grants_context(caller: &Caller) -> [(&str, Scalar<'_>); 2] {
    let mut scopes = caller.granted_once(Kind::Scope);
    scopes.retain(|scope| is_scope_token(scope));
    let scopes = scopes.join(" ");
    let mut roles = caller.granted_once(Kind::Role);
    roles.retain(|role| !role.contains(char::is_control));
    // A list of strings always has a JSON form.
    let roles = serde_json::to_string(&roles).unwrap_or_default();
    [
        ("scope", Scalar::owned(scopes)),
        ("roles", Scalar::owned(roles)),
    ]
}

/// RFC 6749 section 3.3.
fn is_scope_token(scope: &str) -> bool {
    let mut bytes = scope.bytes();
    bytes.all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

fn extra_context<'a>(caller: &'a Caller, extras: &'a Extras) -> Context<'a> {
    let claim = |(name, claim): &'a (String, String)| {
        let value = Scalar::of(caller.claims().get(claim)?)?;
        Some((name.as_str(), value))
    };
    extras.context.iter().filter_map(claim).collect()
}

impl<'a> Scalar<'a> {
    /// Lists and objects become JSON text.
    fn of(value: View<'a>) -> Option<Self> {
        match value {
            View::Null => None,
            View::Bool(_) | View::Number(_) => Some(Self::Other(value)),
            View::String(text) => Some(Self::text(text)),
            View::Array(_) | View::Object(_) => Some(Self::owned(value.to_string())),
        }
    }

    fn text(text: &'a str) -> Self {
        Self::Text(printable(text))
    }

    fn owned(text: String) -> Self {
        Self::Text(Cow::Owned(printable(&text).into_owned()))
    }
}

fn printable(text: &str) -> Cow<'_, str> {
    // Most texts are, and need no look at each character.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let characters = text.chars().filter(|character| !character.is_control());
    Cow::Owned(characters.collect())
}

fn usage_key_of(caller: &Caller, extras: &Extras) -> Option<String> {
    let value = match caller.claims().get(extras.usage_key.as_ref()?)? {
        View::String(text) => text.to_owned(),
        value @ (View::Number(_) | View::Bool(_)) => value.to_string(),
        View::Null | View::Array(_) | View::Object(_) => return None,
    };
    Some(usage_key(&value))
}

/// The API key of whoever has this value in the claim that `usage_key` names: its SHA-256 in hexadecimal.
///
/// Keys have 20 to 128 characters (API Gateway, quotas), and this has 64 whatever the value is.
pub fn usage_key(value: &str) -> String {
    hex(&Sha256::digest(value))
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    let digits = digits.filter_map(|digit| char::from_digit(u32::from(digit), 16));
    let mut text = String::with_capacity(2 * bytes.len());
    text.extend(digits);
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::{self, StageArn};
    use crate::requirement::StepUp;

    fn caller(claims: Value) -> Caller {
        let mut all = json!({"sub": "user\n1", "scope": "b a", "roles": ["r"]});
        all.as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());
        Caller::of(&all, 9)
    }

    fn policy() -> Verdict {
        let stage = StageArn::of("arn:aws:execute-api:eu-west-1:123456789012:abc123/prod");
        Verdict::Policy(policy::deny(&stage.unwrap()))
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
        let reply = open(&caller(claims), policy(), &extras, &challenge);
        let reply = reply.unwrap().value();
        assert_eq!(
            reply["context"],
            json!({"sub": "user1", "issuer": "https://a", "scope": "a b", "roles": "[\"r\"]", "exp": 9, "tenant": "acme", "flag": true, "list": "[1,{\"a\":2}]",
                   "www_authenticate": "Bearer error=\"insufficient_scope\""})
        );
        assert_eq!(reply["principalId"], "user1");
        assert_eq!(reply["usageIdentifierKey"].as_str().map(str::len), Some(64));
    }

    #[test]
    fn grants_in_the_context_are_those_of_the_token_and_no_others() {
        let claims = json!({
            "scope": ["read", "x predict", "pre\u{1}dict", "pre\u{7f}dict", "a\"b", "ä"],
            "roles": ["ml user", "ad\u{7f}min", "ad\u{9f}min", "ad\nmin"],
        });
        let (extras, challenge) = (Extras::default(), Challenge::default());
        let reply = open(&caller(claims), policy(), &extras, &challenge);
        let context = reply.unwrap().value()["context"].clone();
        assert_eq!(context["scope"], "read");
        assert_eq!(context["roles"], r#"["ml user"]"#);
    }

    #[test]
    fn without_a_usage_key_the_member_is_left_out() {
        let extras = Extras::default();
        let reply = open(&caller(json!({})), policy(), &extras, &Challenge::default());
        let reply = reply.unwrap().value();
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
            let denied = closed(&caller(claims), policy(), &extras, &challenge).value();
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
        let reply = open(&caller, Verdict::Simple(true), &extras, &challenge);
        let reply = reply.unwrap().value();
        let members: Vec<_> = reply.as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["context", "isAuthorized"]);
        assert_eq!(reply["isAuthorized"], true);
        assert_eq!(reply["context"]["sub"], "user1");
        let reply = closed(&caller, Verdict::Simple(false), &extras, &challenge).value();
        assert_eq!(reply["isAuthorized"], false);
        assert_eq!(reply["context"]["error"], "insufficient_scope");
    }

    #[track_caller]
    fn denied(challenge: &Challenge<'_>, error: &str, required_scope: &Value) {
        let (caller, extras) = (caller(json!({"exp": 9})), Extras::default());
        let reply = closed(&caller, policy(), &extras, challenge).value();
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
        let bytes = |reply: &Answer| reply.value()["context"].to_string().len();
        let fixed = bytes(&with(0).unwrap());
        let longest = MAX_CONTEXT_BYTES - fixed;
        assert_eq!(bytes(&with(longest).unwrap()), MAX_CONTEXT_BYTES);
        let error = with(longest + 1).unwrap_err();
        assert_eq!(error, AnswerError::ContextTooLarge(MAX_CONTEXT_BYTES + 1));
    }
}
