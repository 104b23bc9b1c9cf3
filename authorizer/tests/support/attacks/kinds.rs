//! Tokens of a trusted issuer that are not access tokens, or that are bound to a key.

use serde_json::{Value, json};

use super::{Case, bearer, claim_case, claims, header, header_case};
use crate::support::{ISSUER, Key, sign, with};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = header_types();
    cases.extend(marks());
    cases.extend(whole_tokens());
    cases
}

fn header_types() -> Vec<Case> {
    let types = [
        "dpop+jwt",
        "logout+jwt",
        "id+jwt",
        "ID+JWT",
        "secevent+jwt",
        "rt+jwt",
        "kb+jwt",
        "vc+sd-jwt",
        "dc+sd-jwt",
        "oauth-authz-req+jwt",
        "token-introspection+jwt",
        "entity-statement+jwt",
        "client-authentication+jwt",
        "wimse-id+jwt",
        "application/dpop+jwt",
        "JOSE",
        "JOSE+JSON",
        "JWE",
        "JWS",
        "JWT ",
        " JWT",
        "J W T",
        "JWT\0",
        "JWT\n",
        "JWT, dpop+jwt",
        "at+jwt;v=1",
        "at+jwt dpop+jwt",
        "at jwt",
        "jwt+at",
        "text/jwt",
        "application/",
        "application/application/jwt",
        "\u{ff2a}WT",
        "\u{408}WT",
        "",
    ];
    types
        .iter()
        .map(|&kind| {
            header_case(
                &kind.escape_debug().to_string(),
                "typ",
                json!(kind),
                "header_type",
            )
        })
        .collect()
}

fn marks() -> Vec<Case> {
    let refused = [
        ("Keycloak's ID token", "typ", json!("ID")),
        ("Keycloak's refresh token", "typ", json!("Refresh")),
        ("Keycloak's offline token", "typ", json!("Offline")),
        ("Keycloak's logout token", "typ", json!("Logout")),
        ("Cognito's ID token", "token_use", json!("id")),
        ("another use", "token_use", json!("refresh")),
        ("a use that is no text", "token_use", json!(["access"])),
        ("an ID token", "at_hash", json!("77QmUPtjPfzWtF2AnpK9RQ")),
        ("an empty one", "at_hash", json!("")),
        (
            "an ID token of the hybrid flow",
            "c_hash",
            json!("LDktKdoQak3Pk0cnXxCltA"),
        ),
        (
            "a logout token",
            "events",
            json!({"http://schemas.openid.net/event/backchannel-logout": {}}),
        ),
        (
            "a security event",
            "events",
            json!({"https://schemas.openid.net/secevent/risc/event-type/account-disabled": {}}),
        ),
        ("an empty one", "events", json!({})),
    ];
    let bound = [
        (
            "DPoP",
            json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
        ),
        (
            "mutual TLS",
            json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}),
        ),
        ("a key", json!({"jwk": Key::Other.jwk()})),
        (
            "an address",
            json!({"jku": "https://evil.example/jwks.json", "kid": "1"}),
        ),
        ("empty", json!({})),
        ("text", json!("jkt")),
        ("false", json!(false)),
    ];
    let refused =
        refused.map(|(name, claim, value)| claim_case(name, claim, value, "not_an_access_token"));
    let bound = bound.map(|(name, value)| claim_case(name, "cnf", value, "bound_token"));
    let odd = [
        ("a number", json!(1)),
        ("a list", json!(["ID"])),
        ("empty", json!("")),
    ];
    let odd = odd.map(|(name, value)| claim_case(name, "typ", value, "claim"));
    let null = |claim: &str, reason| {
        let mut claims = claims();
        claims[claim] = Value::Null;
        let token = sign(Key::P256, "ES256", &header(), &claims);
        bearer(format!("claim `{claim}`: null"), &token, reason)
    };
    let nulls = [
        null("cnf", "bound_token"),
        null("events", "not_an_access_token"),
        null("at_hash", "not_an_access_token"),
    ];
    refused
        .into_iter()
        .chain(bound)
        .chain(odd)
        .chain(nulls)
        .collect()
}

/// Tokens as issuers make them, down to the claims that would let each pass.
fn whole_tokens() -> Vec<Case> {
    let plain = || with(header(), "typ", json!("JWT"));
    let signed = |claims: Value| sign(Key::P256, "ES256", &plain(), &claims);
    let many = |pairs: &[(&str, Value)]| {
        let pairs = pairs.iter();
        pairs.fold(claims(), |claims, (name, value)| {
            with(claims, name, value.clone())
        })
    };
    let keycloak_id = many(&[
        ("typ", json!("ID")),
        ("azp", json!("app")),
        ("nonce", json!("n")),
        ("sid", json!("s")),
        ("acr", json!("1")),
        ("at_hash", json!("x")),
    ]);
    let keycloak_refresh = many(&[
        ("typ", json!("Refresh")),
        ("azp", json!("app")),
        ("sid", json!("s")),
        ("aud", json!(ISSUER)),
    ]);
    let auth0_id = many(&[
        ("aud", json!("client")),
        ("nonce", json!("n")),
        ("name", json!("A B")),
        ("scope", Value::Null),
    ]);
    let logout = many(&[
        (
            "events",
            json!({"http://schemas.openid.net/event/backchannel-logout": {}}),
        ),
        ("sid", json!("s")),
        ("exp", Value::Null),
    ]);
    let user = many(&[
        ("exp", Value::Null),
        ("iat", Value::Null),
        ("scope", Value::Null),
        ("email", json!("a@b.example")),
    ]);
    let cognito = many(&[
        ("aud", Value::Null),
        ("client_id", json!("c")),
        ("token_use", json!("access")),
    ]);
    let proof = json!({"jti": "1", "htm": "POST", "htu": "https://api.example/predict", "iat": super::now()});
    let proof_header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": Key::Other.jwk()});
    let set_head = with(header(), "typ", json!("secevent+jwt"));
    let case = |name: &str, token: String, reason| bearer(format!("kind: {name}"), &token, reason);
    vec![
        case(
            "Keycloak's ID token",
            signed(keycloak_id),
            "not_an_access_token",
        ),
        case(
            "Keycloak's refresh token, signed like the others",
            signed(keycloak_refresh),
            "audience",
        ),
        case("Auth0's ID token", signed(auth0_id), "audience"),
        case("a logout token", signed(logout), "claim"),
        case("signed user info", signed(user), "claim"),
        case(
            "Cognito's access token, without an audience",
            signed(cognito),
            "claim",
        ),
        case(
            "a DPoP proof",
            sign(Key::Other, "ES256", &proof_header, &proof),
            "claim",
        ),
        case(
            "a security event token",
            sign(Key::P256, "ES256", &set_head, &claims()),
            "header_type",
        ),
    ]
}
