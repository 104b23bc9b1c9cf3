//! Not three parts between dots, or not what belongs into them.

use serde_json::json;

use super::{Case, bearer, claims, encoded, header, honest, parts};
use crate::support::{Key, sign, with};

pub(super) fn cases() -> Vec<Case> {
    let token = honest();
    let [head, body, signature] = parts(&token);
    let jwe = encoded(r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"rsa"}"#);
    let direct = encoded(r#"{"alg":"dir","enc":"A128CBC-HS256","cty":"JWT"}"#);
    let detached = with(with(header(), "b64", json!(false)), "crit", json!(["b64"]));
    let detached = sign(Key::P256, "ES256", &detached, &claims());
    let [unencoded_head, _, unencoded_signature] = parts(&detached);
    let flattened = json!({"payload": body, "protected": head, "signature": signature});
    let general =
        json!({"payload": body, "signatures": [{"protected": head, "signature": signature}]});
    let alone = json!({"payload": body});
    let case = |name: &str, token: String, reason| bearer(format!("form: {name}"), &token, reason);
    vec![
        case("opaque", "8xLOxBtZp8".to_owned(), "not_a_jwt"),
        case(
            "a UUID",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6".to_owned(),
            "not_a_jwt",
        ),
        case("header alone", head.to_owned(), "not_a_jwt"),
        case("no signature part", format!("{head}.{body}"), "not_a_jwt"),
        case("a fourth part", format!("{token}.{signature}"), "not_a_jwt"),
        case("a dot at the end", format!("{token}."), "not_a_jwt"),
        case("a dot at the start", format!(".{token}"), "not_a_jwt"),
        case("the token twice", format!("{token}.{token}"), "not_a_jwt"),
        case("one dot", ".".to_owned(), "not_a_jwt"),
        case("two dots", "..".to_owned(), "json"),
        case("four dots", "....".to_owned(), "token_encrypted"),
        case(
            "encrypted",
            format!("{jwe}.{body}.{body}.{body}.{body}"),
            "token_encrypted",
        ),
        case(
            "encrypted directly",
            format!("{direct}..{body}.{body}.{body}"),
            "token_encrypted",
        ),
        case(
            "signed and two parts more",
            format!("{token}.{body}.{body}"),
            "token_encrypted",
        ),
        case("no header", format!(".{body}.{signature}"), "json"),
        case("no claims", format!("{head}..{signature}"), "json"),
        case("no signature", format!("{head}.{body}."), "signature"),
        case(
            "detached and unencoded claims",
            format!("{unencoded_head}..{unencoded_signature}"),
            "critical_header",
        ),
        case(
            "header and claims swapped",
            format!("{body}.{head}.{signature}"),
            "algorithm",
        ),
        case(
            "claims for a header",
            format!("{body}.{body}.{signature}"),
            "algorithm",
        ),
        case("general JSON", general.to_string(), "several_credentials"),
        case(
            "flattened JSON",
            flattened.to_string(),
            "several_credentials",
        ),
        case("JSON with one member", alone.to_string(), "not_a_jwt"),
        case(
            "disclosures behind it",
            format!("{token}~WyJzYWx0Il0~"),
            "base64",
        ),
        case("PASETO", format!("v4.public.{body}"), "base64"),
        case("escaped dots", token.replace('.', "%2E"), "not_a_jwt"),
        case(
            "fullwidth dots",
            token.replace('.', "\u{ff0e}"),
            "not_a_jwt",
        ),
        case(
            "one-dot leaders",
            token.replace('.', "\u{2024}"),
            "not_a_jwt",
        ),
        case("in quotes", format!("\"{token}\""), "base64"),
        case("in angle brackets", format!("<{token}>"), "base64"),
    ]
}
