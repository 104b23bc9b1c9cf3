//! Signatures that some verifiers let pass: none, zero, out of range, in another form, or of other text.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use super::confusion::private_der;
use super::issuers::rsa_id;
use super::{Case, bearer, claims, decoded, encoded, header, honest, parts};
use crate::support::{Key, sign, with};

/// The order of P-256 (FIPS 186-4 appendix D.1.2.3).
pub(super) const P256_ORDER: &str =
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
/// The order of Ed25519's base point (RFC 8032 section 5.1), the least byte first.
const ED25519_ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = texts();
    cases.extend(lengths());
    cases.extend(ecdsa());
    cases.extend(rsa());
    cases.extend(ed25519());
    cases
}

/// `header.claims` with this signature.
fn with_signature(header: &Value, signature: &[u8]) -> String {
    let [head, body] = [header, &claims()].map(|part| encoded(part.to_string()));
    format!("{head}.{body}.{}", encoded(signature))
}

fn case(name: &str, token: &str) -> Case {
    bearer(format!("signature: {name}"), token, "signature")
}

/// The signature of one text under another.
fn texts() -> Vec<Case> {
    let token = honest();
    let admin = sign(
        Key::P256,
        "ES256",
        &header(),
        &with(claims(), "sub", json!("admin")),
    );
    let untyped = sign(
        Key::P256,
        "ES256",
        &with(header(), "typ", Value::Null),
        &claims(),
    );
    let [head, body, signature] = parts(&token);
    let [_, other_body, _] = parts(&admin);
    let [other_head, _, _] = parts(&untyped);
    let forged = sign(Key::Other, "ES256", &header(), &claims());
    let spaced = encoded(claims().to_string() + " ");
    vec![
        case(
            "of other claims",
            &format!("{head}.{other_body}.{signature}"),
        ),
        case(
            "of another header",
            &format!("{other_head}.{body}.{signature}"),
        ),
        case(
            "of claims with a space less",
            &format!("{head}.{spaced}.{signature}"),
        ),
        case("of a key that is not published", &forged),
        case("that is the header", &format!("{head}.{body}.{head}")),
    ]
}

fn lengths() -> Vec<Case> {
    let token = honest();
    let good = decoded(parts(&token)[2]);
    let mut flipped = good.clone();
    flipped[63] ^= 1;
    let changed = [
        ("without its last byte", good[..63].to_vec()),
        ("its first half", good[..32].to_vec()),
        ("its second half", good[32..].to_vec()),
        ("one byte", good[..1].to_vec()),
        ("with a zero byte behind", [&good[..], &[0]].concat()),
        ("with a zero byte before", [&[0], &good[..]].concat()),
        ("twice", [&good[..], &good[..]].concat()),
        (
            "with its halves swapped",
            [&good[32..], &good[..32]].concat(),
        ),
        ("with one bit changed", flipped),
        (
            "with longer halves",
            [&[0], &good[..32], &[0], &good[32..]].concat(),
        ),
    ];
    let changed = changed.into_iter();
    let token = |signature: Vec<u8>| {
        let [head, body, _] = parts(&token);
        format!("{head}.{body}.{}", encoded(signature))
    };
    changed
        .map(|(name, signature)| case(name, &token(signature)))
        .collect()
}

fn ecdsa() -> Vec<Case> {
    let order = bytes(P256_ORDER);
    let token = honest();
    let good = decoded(parts(&token)[2]);
    let (r, s) = good.split_at(32);
    let (zero, most) = ([0; 32], [0xff; 32]);
    let mut one = zero;
    one[31] = 1;
    let pairs: [(&str, &[u8], &[u8]); 10] = [
        ("r and s zero", &zero, &zero),
        ("r zero", &zero, s),
        ("s zero", r, &zero),
        ("r and s one", &one, &one),
        ("r and s the order", &order, &order),
        ("r the order", &order, s),
        ("s the order", r, &order),
        ("r and s as large as can be", &most, &most),
        ("r the order, s one", &order, &one),
        ("r zero, s one", &zero, &one),
    ];
    let pairs = pairs.into_iter();
    let token = |r: &[u8], s: &[u8]| with_signature(&header(), &[r, s].concat());
    let mut cases: Vec<_> = pairs.map(|(name, r, s)| case(name, &token(r, s))).collect();
    let wide = with(with(header(), "alg", json!("ES384")), "kid", json!("p384"));
    cases.push(case(
        "r and s zero on P-384",
        &with_signature(&wide, &[0; 96]),
    ));
    let [head, body] = [header(), claims()].map(|part| encoded(part.to_string()));
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &private_der(Key::P256)).unwrap();
    let der = pair
        .sign(&SystemRandom::new(), format!("{head}.{body}").as_bytes())
        .unwrap();
    cases.push(case(
        "in DER",
        &format!("{head}.{body}.{}", encoded(der.as_ref())),
    ));
    cases.push(case(
        "an empty DER sequence",
        &with_signature(&header(), &[0x30, 0]),
    ));
    cases.push(case(
        "DER of zeros",
        &with_signature(&header(), &[0x30, 6, 2, 1, 0, 2, 1, 0]),
    ));
    cases
}

fn rsa() -> Vec<Case> {
    let named = |algorithm: &str| {
        let header = with(header(), "alg", json!(algorithm));
        with(header, "kid", json!(rsa_id(algorithm)))
    };
    let modulus = decoded(Key::Rsa.jwk()["n"].as_str().unwrap());
    let mut less = modulus.clone();
    less[255] -= 1;
    let mut one = vec![0; 256];
    one[255] = 1;
    let token = sign(Key::Rsa, "RS256", &named("RS256"), &claims());
    let [head, body, signature] = parts(&token);
    let good = decoded(signature);
    let changed = |signature: &[u8]| format!("{head}.{body}.{}", encoded(signature));
    let mut cases = vec![
        case("RSA without its last byte", &changed(&good[..255])),
        case(
            "RSA with a zero byte before",
            &changed(&[&[0], &good[..]].concat()),
        ),
        case(
            "RSA with a zero byte behind",
            &changed(&[&good[..], &[0]].concat()),
        ),
        case("RSA and the modulus", &beyond_the_modulus(&modulus)),
    ];
    for algorithm in ["RS256", "PS256"] {
        for (name, signature) in [
            ("zero", &vec![0; 256]),
            ("one", &one),
            ("the modulus", &modulus),
            ("the modulus less one", &less),
        ] {
            cases.push(case(
                &format!("{algorithm} {name}"),
                &with_signature(&named(algorithm), signature),
            ));
        }
    }
    // The exponent of nobody's key is one: what is signed is not its own signature.
    let signed = parts(&token)[..2].join(".");
    cases.push(case(
        "RSA, the padded digest itself",
        &changed(&padded_digest(&signed)),
    ));
    cases
}

/// A signature and the modulus have the same remainder; there is room for the sum in some tokens.
fn beyond_the_modulus(modulus: &[u8]) -> String {
    let header = with(with(header(), "alg", json!("RS256")), "kid", json!("rsa"));
    let tokens = (0..).map(|number| {
        let claims = with(claims(), "jti", json!(format!("{number}")));
        sign(Key::Rsa, "RS256", &header, &claims)
    });
    let mut sums = tokens.filter_map(|token| {
        let [head, body, signature] = parts(&token);
        let sum = add(&decoded(signature), modulus)?;
        Some(format!("{head}.{body}.{}", encoded(sum)))
    });
    sums.next().unwrap()
}

/// Big-endian; `None` if the sum is longer.
fn add(left: &[u8], right: &[u8]) -> Option<Vec<u8>> {
    let mut sum = vec![0; left.len()];
    let mut carry = 0;
    for index in (0..left.len()).rev() {
        let digit = u16::from(left[index]) + u16::from(right[index]) + carry;
        sum[index] = digit.to_le_bytes()[0];
        carry = digit >> 8;
    }
    (carry == 0).then_some(sum)
}

/// EMSA-PKCS1-v1_5 of SHA-256 for 2048 bits (RFC 8017 section 9.2).
pub(super) fn padded_digest(signed: &str) -> Vec<u8> {
    let digest_info = bytes("3031300d060960864801650304020105000420");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, signed.as_bytes());
    let tail = [&[0], &digest_info[..], digest.as_ref()].concat();
    let padding = vec![0xff; 256 - 2 - tail.len()];
    [&[0, 1], &padding[..], &tail].concat()
}

fn ed25519() -> Vec<Case> {
    let header = with(
        with(header(), "alg", json!("EdDSA")),
        "kid",
        json!("ed25519"),
    );
    let token = sign(Key::Ed25519, "EdDSA", &header, &claims());
    let [head, body, signature] = parts(&token);
    let good = decoded(signature);
    let (point, scalar) = good.split_at(32);
    let little_endian = |bytes: &[u8]| -> Vec<u8> { bytes.iter().rev().copied().collect() };
    let order = bytes(ED25519_ORDER);
    let sum = add(&little_endian(scalar), &little_endian(&order)).unwrap();
    let sum = little_endian(&sum);
    let (zero, identity) = ([0; 32], identity());
    let changed = [
        ("of zeros", [zero, zero].concat()),
        ("the identity and zero", [identity, zero].concat()),
        ("R the identity", [&identity[..], scalar].concat()),
        ("R zero", [&zero[..], scalar].concat()),
        ("S zero", [point, &zero[..]].concat()),
        ("S the order", [point, &order[..]].concat()),
        ("S and the order", [point, &sum[..]].concat()),
        ("all ones", vec![0xff; 64]),
        ("without its last byte", good[..63].to_vec()),
        ("with a zero byte behind", [&good[..], &[0]].concat()),
    ];
    let changed = changed.into_iter();
    changed
        .map(|(name, signature)| {
            let token = format!("{head}.{body}.{}", encoded(signature));
            case(&format!("Ed25519 {name}"), &token)
        })
        .collect()
}

/// The neutral point of Ed25519: x is zero, y is one.
pub(super) fn identity() -> [u8; 32] {
    let mut identity = [0; 32];
    identity[0] = 1;
    identity
}

pub(super) fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<_> = hexadecimal.chars().collect();
    let pairs = digits.chunks(2).map(|pair| pair.iter().collect::<String>());
    pairs
        .map(|pair| u8::from_str_radix(&pair, 16).unwrap())
        .collect()
}
