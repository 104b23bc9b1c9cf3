//! Header members: key ids that are more than a name, keys and addresses that an attacker brings along,
//! extensions, and members of the wrong type.

use serde_json::{Value, json};

use super::{Case, bearer, claims, encoded, header, header_case, now};
use crate::support::{Key, good_claims, sign, with};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = key_ids();
    cases.extend(embedded_keys());
    cases.extend(extensions());
    cases.extend(odd_types());
    cases
}

/// Signed by the published key: the name alone is wrong.
fn key_ids() -> Vec<Case> {
    let long = "k".repeat(5_000);
    // Short enough to stand whole in a log line that quotes ids.
    let token = format!("{}.e30.c2ln", encoded(r#"{"alg":"none"}"#));
    let names = [
        ("a path", "../../../../dev/null"),
        ("a file", "/proc/sys/kernel/randomize_va_space"),
        ("an address", "https://evil.example/jwks.json"),
        (
            "the metadata service",
            "http://169.254.169.254/latest/meta-data/",
        ),
        ("SQL", "p256' UNION SELECT 'x' -- "),
        ("SQL that is true", "' OR '1'='1"),
        ("a shell command", "$(touch x)|`id`;"),
        ("a template", "${jndi:ldap://evil.example/x}{{7*7}}%s%n"),
        ("LDAP", "*)(kid=*"),
        ("a wildcard", "*"),
        ("empty", ""),
        ("blank", " "),
        ("a space behind", "p256 "),
        ("a space before", " p256"),
        ("a newline behind", "p256\n"),
        ("a NUL behind", "p256\0"),
        (
            "control characters",
            "\u{1b}[2J\u{7}\r\n{\"decision\":\"allow\"}",
        ),
        ("another case", "P256"),
        ("percent-encoded", "%70256"),
        ("a fullwidth letter", "\u{ff50}256"),
        ("a zero-width space", "p256\u{200b}"),
        ("right to left", "\u{202e}652p"),
        ("two names", "p256 rsa"),
        ("a piece", "p25"),
        ("very long", long.as_str()),
        ("a token", token.as_str()),
        ("the name of a member", "__proto__"),
    ];
    let names = names.into_iter();
    names
        .map(|(name, id)| header_case(name, "kid", json!(id), "key_unknown"))
        .collect()
}

/// Signed by a key that the attacker brings along. The header is never asked for keys.
fn embedded_keys() -> Vec<Case> {
    let own = with(Key::Other.jwk(), "kid", json!("p256"));
    let set = encoded(json!({"keys": [own]}).to_string());
    let inline = format!("data:application/json;base64,{set}");
    let members = [
        ("jwk", own.clone()),
        ("jwks", json!({"keys": [own]})),
        ("jku", json!("https://evil.example/jwks.json")),
        (
            "jku",
            json!("https://issuer.example@evil.example/jwks.json"),
        ),
        ("jku", json!("file:///tmp/jwks.json")),
        ("jku", json!(inline)),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIBszCCAVmgAwIBAgIUQ"])),
        ("x5t", json!("dGh1bWJwcmludA")),
        ("x5t#S256", json!("dGh1bWJwcmludA")),
        ("iss", json!("https://evil.example")),
        ("epk", own.clone()),
    ];
    let forged = |header: &Value| sign(Key::Other, "ES256", header, &claims());
    let mut cases: Vec<_> = members
        .into_iter()
        .enumerate()
        .map(|(number, (member, value))| {
            let token = forged(&with(header(), member, value));
            bearer(format!("own key {number}: `{member}`"), &token, "signature")
        })
        .collect();
    let own_id = with(with(header(), "kid", json!("other")), "jwk", own.clone());
    let no_id = with(with(header(), "kid", Value::Null), "jwk", own);
    cases.push(bearer(
        "own key: `jwk` with an id of its own",
        &forged(&own_id),
        "key_unknown",
    ));
    cases.push(bearer(
        "own key: `jwk` without an id",
        &forged(&no_id),
        "signature",
    ));
    cases
}

fn extensions() -> Vec<Case> {
    let critical = |name: &str, value: Value| header_case(name, "crit", value, "critical_header");
    let nested = good_claims(now());
    let nested = sign(Key::P256, "ES256", &header(), &nested);
    let compressed = with(header(), "zip", json!("DEF")).to_string();
    let wrapped = with(header(), "cty", json!("JWT")).to_string();
    // Three bytes of deflate: an empty block.
    let deflated = super::signed_bytes(compressed.as_bytes(), &[0x03, 0x00]);
    let nested = super::signed_bytes(wrapped.as_bytes(), nested.as_bytes());
    vec![
        critical("a known member", json!(["exp"])),
        critical(
            "an unknown member",
            json!(["http://example.invalid/UNDEFINED"]),
        ),
        critical("`b64`", json!(["b64"])),
        critical("`alg`", json!(["alg"])),
        critical("empty", json!([])),
        critical("twice the same", json!(["exp", "exp"])),
        critical("not a list", json!("exp")),
        critical("an object", json!({})),
        critical("false", json!(false)),
        header_case("false", "b64", json!(false), "critical_header"),
        header_case("true", "b64", json!(true), "critical_header"),
        header_case("text", "b64", json!("false"), "critical_header"),
        bearer(
            "header `crit`: null",
            &null_member("crit"),
            "critical_header",
        ),
        bearer("header `zip`: compressed claims", &deflated, "json"),
        bearer("header `cty`: a token in a token", &nested, "json"),
    ]
}

fn odd_types() -> Vec<Case> {
    let odd = [
        ("a number", json!(1)),
        ("a list", json!(["p256"])),
        ("an object", json!({"p256": 1})),
        ("true", json!(true)),
    ];
    let mut cases = vec![bearer("header `kid`: null", &null_member("kid"), "claim")];
    for (name, value) in odd {
        cases.push(header_case(name, "kid", value.clone(), "claim"));
        cases.push(header_case(name, "typ", value.clone(), "claim"));
        cases.push(header_case(name, "alg", value, "algorithm"));
    }
    cases
}

fn null_member(member: &str) -> String {
    let mut header = header();
    header[member] = Value::Null;
    sign(Key::P256, "ES256", &header, &claims())
}
