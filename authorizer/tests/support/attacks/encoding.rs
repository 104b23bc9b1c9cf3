//! Base64url that is not the one canonical form. Where a part is changed, the signature covers the
//! changed text: only the decoder stands between such a token and the key.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE};
use serde_json::json;

use super::{Case, bearer, claims, encoded, header, honest, parts};
use crate::support::{Key, sign_text, with};

/// The letters in the order of their values.
const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = alphabets();
    cases.extend(insertions());
    cases.extend(trailing_bits());
    cases
}

/// A token whose claims are this text, signed as it stands.
fn with_claims_text(text: &str) -> String {
    let head = encoded(header().to_string());
    sign_text(Key::P256, "ES256", &format!("{head}.{text}"))
}

fn alphabets() -> Vec<Case> {
    // Both letters in which the alphabets differ come up, and padding is needed.
    let odd = |text: &str| !text.len().is_multiple_of(3) && encoded(text).contains(['-', '_']);
    let texts = (0..100).map(|more| {
        let subject = format!("???>>>{}", "~".repeat(more));
        with(claims(), "sub", json!(subject)).to_string()
    });
    let text = texts.into_iter().find(|text| odd(text)).unwrap();
    let standard = STANDARD_NO_PAD.encode(&text);
    assert!(standard.contains(['+', '/']));
    let token = honest();
    let [head, body, signature] = parts(&token);
    let hexadecimal = |part: &str| -> String {
        let bytes = super::decoded(part);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let case =
        |name: &str, token: String, reason| bearer(format!("base64: {name}"), &token, reason);
    vec![
        case("the other alphabet", with_claims_text(&standard), "base64"),
        case(
            "claims with padding",
            with_claims_text(&URL_SAFE.encode(&text)),
            "base64",
        ),
        case("signature with padding", format!("{token}=="), "base64"),
        case(
            "signature with too much padding",
            format!("{token}===="),
            "base64",
        ),
        case(
            "header with padding",
            format!("{head}=.{body}.{signature}"),
            "base64",
        ),
        case(
            "one letter too many",
            format!("{head}.{body}.{signature}AAA"),
            "base64",
        ),
        case(
            "hexadecimal",
            format!(
                "{}.{}.{}",
                hexadecimal(head),
                hexadecimal(body),
                hexadecimal(signature)
            ),
            "base64",
        ),
        case("encoded twice", with_claims_text(&encoded(body)), "json"),
        case(
            "not encoded",
            with_claims_text(&claims().to_string().replace([',', '.'], "_")),
            "base64",
        ),
        case(
            "percent-encoded",
            token.replace('-', "%2D").replace('e', "%65"),
            "base64",
        ),
        case(
            "a fullwidth letter",
            token.replacen('e', "\u{ff45}", 1),
            "base64",
        ),
        case(
            "a Cyrillic letter",
            token.replacen('e', "\u{0435}", 1),
            "base64",
        ),
    ]
}

fn insertions() -> Vec<Case> {
    let token = honest();
    let [head, body, signature] = parts(&token);
    let (front, back) = body.split_at(8);
    let inside = |what: &str| with_claims_text(&format!("{front}{what}{back}"));
    let case =
        |name: &str, token: String, reason| bearer(format!("base64: {name}"), &token, reason);
    vec![
        case("a newline inside", inside("\n"), "base64"),
        case("a line break inside", inside("\r\n"), "base64"),
        case("a space inside", inside(" "), "several_credentials"),
        case("a tab inside", inside("\t"), "several_credentials"),
        case("a NUL inside", inside("\0"), "base64"),
        case("a vertical tab inside", inside("\u{b}"), "base64"),
        case("a no-break space inside", inside("\u{a0}"), "base64"),
        case("a zero-width space inside", inside("\u{200b}"), "base64"),
        case("a soft hyphen inside", inside("\u{ad}"), "base64"),
        case("padding inside", inside("="), "base64"),
        case("a newline at the end", format!("{token}\n"), "base64"),
        case("a NUL at the end", format!("{token}\0"), "base64"),
        case(
            "a byte order mark before it",
            format!("\u{feff}{token}"),
            "base64",
        ),
        case(
            "a newline between parts",
            format!("{head}.\n{body}.{signature}"),
            "base64",
        ),
        case(
            "a backslash",
            format!("{head}.{body}.{signature}\\"),
            "base64",
        ),
    ]
}

/// The last letter of a part may carry bits that belong to no byte.
fn trailing_bits() -> Vec<Case> {
    let nudged = |part: &str| {
        let (front, last) = part.split_at(part.len() - 1);
        let value = ALPHABET.find(last).unwrap();
        format!("{front}{}", &ALPHABET[value + 1..value + 2])
    };
    // 64 bytes leave four bits over; for the others, spaces at the end make it so.
    let padded = |text: String| {
        let spaces = (1 + 3 - text.len() % 3) % 3;
        encoded(text + &" ".repeat(spaces))
    };
    let token = honest();
    let signature = parts(&token)[2];
    let (head, body) = (padded(header().to_string()), padded(claims().to_string()));
    let signed = |head: &str, body: &str| sign_text(Key::P256, "ES256", &format!("{head}.{body}"));
    vec![
        bearer(
            "base64: bits behind the signature",
            &token.replace(signature, &nudged(signature)),
            "base64",
        ),
        bearer(
            "base64: bits behind the claims",
            &signed(&head, &nudged(&body)),
            "base64",
        ),
        bearer(
            "base64: bits behind the header",
            &signed(&nudged(&head), &body),
            "base64",
        ),
    ]
}
