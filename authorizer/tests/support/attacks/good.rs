//! The other side of the table: tokens that look odd and are right, and must be answered with a policy.

use serde_json::{Value, json};

use super::issuers::{STRICT, rsa_id};
use super::profiles;
use super::revoked;
use super::signature::{P256_ORDER, bytes};
use super::{ARN, claims, decoded, encoded, header, honest, now, parts, signed_bytes, token_event};
use crate::support::{AUDIENCE, Key, sign, with};

/// Events whose tokens are accepted, each with a name.
pub(crate) fn good() -> Vec<(String, Value)> {
    let mut tokens = algorithms();
    tokens.extend(headers());
    tokens.extend(odd_but_right());
    tokens.extend(revoked::neighbours());
    let mut events: Vec<_> = tokens
        .into_iter()
        .map(|(name, token)| (name, token_event(&json!(format!("Bearer {token}")))))
        .collect();
    let value = format!("bEARER  {} ", honest());
    events.extend(profiles::good());
    events.push((
        "scheme in other letters".to_owned(),
        token_event(&json!(value)),
    ));
    events.push((
        "the same value in map and list".to_owned(),
        json!({"type": "REQUEST", "methodArn": ARN, "headers": {"authorization": value}, "multiValueHeaders": {"authorization": [value]}}),
    ));
    events.push((
        "payload 2.0".to_owned(),
        json!({"type": "REQUEST", "version": "2.0", "routeArn": ARN, "headers": {"authorization": value}}),
    ));
    events.extend(super::proofs::good());
    events
}

fn algorithms() -> Vec<(String, String)> {
    let pairs = [
        (Key::P256, "ES256"),
        (Key::P384, "ES384"),
        (Key::Ed25519, "EdDSA"),
        (Key::Rsa, "RS256"),
        (Key::Rsa, "RS384"),
        (Key::Rsa, "RS512"),
        (Key::Rsa, "PS256"),
        (Key::Rsa, "PS384"),
        (Key::Rsa, "PS512"),
    ];
    let pairs = pairs.into_iter();
    pairs
        .map(|(key, algorithm)| {
            let id = match key {
                Key::Rsa => rsa_id(algorithm),
                Key::P256 | Key::P384 | Key::Ed25519 | Key::Other => key.id().to_owned(),
            };
            let header = json!({"alg": algorithm, "kid": id});
            (
                algorithm.to_owned(),
                sign(key, algorithm, &header, &claims()),
            )
        })
        .collect()
}

/// Members of an honest header that are not read, whatever they say.
fn headers() -> Vec<(String, String)> {
    let members = [
        ("kid", Value::Null),
        ("typ", Value::Null),
        ("typ", json!("application/AT+JWT")),
        ("jwk", Key::Other.jwk()),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
    ];
    let members = members.into_iter().enumerate();
    members
        .map(|(number, (member, value))| {
            let header = with(header(), member, value);
            (
                format!("header {number}: `{member}`"),
                sign(Key::P256, "ES256", &header, &claims()),
            )
        })
        .collect()
}

fn odd_but_right() -> Vec<(String, String)> {
    let signed = |claims: Value| sign(Key::P256, "ES256", &header(), &claims);
    let text = |text: String| signed_bytes(header().to_string().as_bytes(), text.as_bytes());
    let deep = format!(r#""n":{}{}"#, "[".repeat(126), "]".repeat(126));
    let strict = with(
        with(claims(), "iss", json!(STRICT)),
        "client_id",
        json!("trusted"),
    );
    let named = [
        (
            "a list of audiences",
            signed(with(claims(), "aud", json!(["other", AUDIENCE]))),
        ),
        (
            "a fraction of a second",
            signed(with(claims(), "exp", json!(now() as f64 + 600.5))),
        ),
        (
            "expired within the leeway",
            signed(with(claims(), "exp", json!(now() - 5))),
        ),
        ("a nonce", signed(with(claims(), "nonce", json!("n")))),
        (
            "Cognito's use",
            signed(with(claims(), "token_use", json!("access"))),
        ),
        (
            "Keycloak's type",
            signed(with(claims(), "typ", json!("Bearer"))),
        ),
        (
            "unknown claims",
            signed(with(
                claims(),
                "https://example.com/x",
                json!({"a": [1, null]}),
            )),
        ),
        (
            "spaces and newlines",
            text(format!(" \r\n\t{} \n", claims())),
        ),
        (
            "a name in escapes",
            text(claims().to_string().replacen("iss", r"\u0069ss", 1)),
        ),
        (
            "127 deep",
            text(claims().to_string().replacen('{', &format!("{{{deep},"), 1)),
        ),
        (
            "a private name",
            signed(with(claims(), "$serde_json::private::RawValue", json!("{"))),
        ),
        ("the other root", other_root()),
        ("a strict issuer's", signed(strict)),
    ];
    named.map(|(name, token)| (name.to_owned(), token)).to_vec()
}

/// With `(r, s)` the pair `(r, n - s)` is a signature as well: RFC 7518 does not forbid it, and nothing
/// here takes a token's text for its identity.
fn other_root() -> String {
    let token = honest();
    let [head, body, signature] = parts(&token);
    let mut signature = decoded(signature);
    let order = bytes(P256_ORDER);
    let mut borrow = 0;
    for index in (0..32).rev() {
        let digit = i16::from(order[index]) - i16::from(signature[32 + index]) - borrow;
        signature[32 + index] = digit.rem_euclid(256).to_le_bytes()[0];
        borrow = i16::from(digit < 0);
    }
    format!("{head}.{body}.{}", encoded(signature))
}
