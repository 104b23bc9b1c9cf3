//! The table of attacks: events whose token must be refused, each with the reason code that is logged.
//! Every token is good but for the one thing that its name says. A file has one family.

mod claims;
mod compact;
mod confusion;
mod credentials;
mod encoding;
mod good;
mod header;
pub(crate) mod issuers;
mod json_text;
mod kinds;
mod profiles;
pub(crate) mod proofs;
mod revoked;
mod signature;

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{Key, good_claims, sign, sign_text, with};
pub(crate) use good::good;

/// What the deployment is told: a gateway that remembers nothing, and its address.
pub(crate) const VARIABLES: [(&str, &str); 2] = [
    ("AUTHORIZER_TTL", "0"),
    ("PUBLIC_BASE_URL", "https://api.example/v1"),
];
/// The stage and route of every event.
pub(crate) const ARN: &str =
    "arn:aws:execute-api:us-east-1:123456789012:abcdef123/prod/POST/predict";

/// An event and the reason for which its token is refused.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) event: Value,
    pub(crate) reason: &'static str,
}

/// Every attack there is.
pub(crate) fn all() -> Vec<Case> {
    [
        compact::cases(),
        encoding::cases(),
        json_text::cases(),
        header::cases(),
        confusion::cases(),
        signature::cases(),
        issuers::cases(),
        claims::cases(),
        kinds::cases(),
        profiles::cases(),
        credentials::cases(),
        revoked::cases(),
        proofs::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A token in the event of a REST API.
fn bearer(name: impl Into<String>, token: &str, reason: &'static str) -> Case {
    credential(name, &json!(format!("Bearer {token}")), reason)
}

/// Whatever the gateway takes for the header's value, in the event of a REST API.
fn credential(name: impl Into<String>, value: &Value, reason: &'static str) -> Case {
    Case {
        name: name.into(),
        event: token_event(value),
        reason,
    }
}

fn token_event(value: &Value) -> Value {
    json!({"type": "TOKEN", "authorizationToken": value, "methodArn": ARN})
}

/// An honest token, but for one member of its header.
fn header_case(name: &str, member: &str, value: Value, reason: &'static str) -> Case {
    let token = sign(
        Key::P256,
        "ES256",
        &with(header(), member, value),
        &claims(),
    );
    bearer(format!("header `{member}`: {name}"), &token, reason)
}

/// An honest token, but for one claim; without it if `value` is null.
fn claim_case(name: &str, claim: &str, value: Value, reason: &'static str) -> Case {
    let token = sign(Key::P256, "ES256", &header(), &with(claims(), claim, value));
    bearer(format!("claim `{claim}`: {name}"), &token, reason)
}

/// The header of an honest token.
fn header() -> Value {
    json!({"alg": "ES256", "typ": "at+jwt", "kid": "p256"})
}

/// The claims of an honest token.
fn claims() -> Value {
    good_claims(now())
}

/// A token that opens `POST /predict`.
fn honest() -> String {
    sign(Key::P256, "ES256", &header(), &claims())
}

/// These bytes as header and claims, with the signature of the published key.
fn signed_bytes(header: &[u8], claims: &[u8]) -> String {
    let signed = format!("{}.{}", encoded(header), encoded(claims));
    sign_text(Key::P256, "ES256", &signed)
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decoded(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// Header, claims and signature.
fn parts(token: &str) -> [&str; 3] {
    let parts: Vec<_> = token.split('.').collect();
    parts.try_into().unwrap()
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs()
}
