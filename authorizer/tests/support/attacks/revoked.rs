//! Tokens that would be right if they were not on the denylist, and their neighbours, which are not.

use serde_json::{Value, json};

use super::{Case, bearer, claims, header, now};
use crate::support::{ISSUER, Key, sign, with};

/// The denylist of all attacks. No other case may be touched by it.
pub(super) fn denylist() -> Value {
    json!({"entries": [
        {"jti": "revoked-token"},
        {"sid": "revoked-session"},
        {"sub": "revoked-user"},
        {"client_id": "revoked-client"},
        {"sub": "user-of-one-issuer", "issuer": ISSUER},
        {"sub": "user-of-another-issuer", "issuer": "https://other.example"},
        {"sub": "user-with-new-password", "issued_before": now() - 100},
        {"client_id": "both", "sub": "user-of-both"},
        {"issued_before": now() - 1_000},
    ]})
}

/// What stands in a token beside the honest claims, and whether the denylist names it.
fn rows() -> Vec<(&'static str, Value, bool)> {
    let since = |seconds: u64| now() - seconds;
    vec![
        ("its number", json!({"jti": "revoked-token"}), true),
        ("another number", json!({"jti": "Revoked-token"}), false),
        ("its session", json!({"sid": "revoked-session"}), true),
        (
            "the session as number",
            json!({"jti": "revoked-session"}),
            false,
        ),
        ("its subject", json!({"sub": "revoked-user"}), true),
        ("its client", json!({"azp": "revoked-client"}), true),
        (
            "its client id",
            json!({"client_id": "revoked-client"}),
            true,
        ),
        (
            "its client id behind another",
            json!({"azp": "a", "client_id": "revoked-client"}),
            true,
        ),
        (
            "the client as subject",
            json!({"sub": "revoked-client"}),
            false,
        ),
        (
            "its subject at its issuer",
            json!({"sub": "user-of-one-issuer"}),
            true,
        ),
        (
            "its subject elsewhere",
            json!({"sub": "user-of-another-issuer"}),
            false,
        ),
        (
            "before the new password",
            json!({"sub": "user-with-new-password", "iat": since(110)}),
            true,
        ),
        (
            "without a time",
            json!({"sub": "user-with-new-password", "iat": null}),
            true,
        ),
        (
            "after it",
            json!({"sub": "user-with-new-password", "iat": since(90)}),
            false,
        ),
        (
            "both of two",
            json!({"azp": "both", "sub": "user-of-both"}),
            true,
        ),
        ("one of two", json!({"azp": "both"}), false),
        ("the other of two", json!({"sub": "user-of-both"}), false),
        ("its age", json!({"iat": since(1_010)}), true),
        ("an age just right", json!({"iat": since(900)}), false),
        ("no time of issue", json!({"iat": null}), true),
    ]
}

pub(super) fn cases() -> Vec<Case> {
    let revoked = rows().into_iter().filter(|(_, _, revoked)| *revoked);
    let mut cases: Vec<_> = revoked
        .map(|(name, claims, _)| bearer(format!("revoked: {name}"), &token(&claims), "revoked"))
        .collect();
    for name in ["jti", "sid"] {
        let token = token(&json!({name: 1}));
        cases.push(bearer(
            format!("revoked: `{name}` as a number"),
            &token,
            "claim",
        ));
    }
    cases
}

pub(super) fn neighbours() -> Vec<(String, String)> {
    let good = rows().into_iter().filter(|(_, _, revoked)| !*revoked);
    good.map(|(name, claims, _)| (format!("not revoked: {name}"), token(&claims)))
        .collect()
}

fn token(more: &Value) -> String {
    let more = more.as_object().unwrap().iter();
    let claims = more.fold(claims(), |claims, (name, value)| {
        with(claims, name, value.clone())
    });
    sign(Key::P256, "ES256", &header(), &claims)
}
