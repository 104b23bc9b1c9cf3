//! Algorithms that are none, symmetric, or another key's: what the header says never chooses more than
//! the key and the configuration allow.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::{Case, bearer, claims, decoded, encoded, header, honest, parts};
use crate::support::{Key, sign, with};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = unsecured();
    cases.extend(names());
    cases.extend(symmetric());
    cases.extend(other_keys());
    cases
}

fn named(algorithm: &str) -> Value {
    with(header(), "alg", json!(algorithm))
}

fn unsecured() -> Vec<Case> {
    let token = honest();
    let signature = parts(&token)[2];
    let mut cases = Vec::new();
    for name in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "none ",
        "n\u{f6}ne",
        "null",
        "",
    ] {
        let signed = format!(
            "{}.{}",
            encoded(named(name).to_string()),
            encoded(claims().to_string())
        );
        cases.push(bearer(
            format!("alg `{name}`, no signature"),
            &format!("{signed}."),
            "algorithm",
        ));
        cases.push(bearer(
            format!("alg `{name}`, a signature"),
            &format!("{signed}.{signature}"),
            "algorithm",
        ));
    }
    cases
}

/// Honest signatures under names that are not those of the registry, or not ours.
fn names() -> Vec<Case> {
    let names = [
        "es256",
        "Es256",
        "ES256 ",
        " ES256",
        "ES256\0",
        "ES256\n",
        "ES-256",
        "ES256K",
        "ES512",
        "ESP256",
        "ED256",
        "SHA256withECDSA",
        "ecdsa-sha2-nistp256",
        "\u{ff25}S256",
        "E\u{405}256",
        "RS1",
        "RSA1_5",
        "HS256",
        "dir",
        "A128KW",
        "Ed25519",
        "Ed448",
        "ML-DSA-65",
        "ES256,none",
    ];
    let mut cases: Vec<_> = names
        .iter()
        .map(|name| {
            let token = sign(Key::P256, "ES256", &named(name), &claims());
            bearer(
                format!("alg `{}`", name.escape_debug()),
                &token,
                "algorithm",
            )
        })
        .collect();
    let missing = with(header(), "alg", Value::Null);
    let other_case = with(missing.clone(), "ALG", json!("ES256"));
    for (name, header) in [("missing", missing), ("`ALG`", other_case)] {
        let token = sign(Key::P256, "ES256", &header, &claims());
        cases.push(bearer(format!("alg {name}"), &token, "algorithm"));
    }
    cases
}

/// What is public of a key, as the secret of an HMAC.
fn symmetric() -> Vec<Case> {
    let [rsa, p256] = [Key::Rsa, Key::P256].map(public_der);
    let pem = |der: &[u8]| armoured("PUBLIC KEY", der);
    let member = |key: Key, name: &str| decoded(key.jwk()[name].as_str().unwrap());
    let secrets = [
        ("rsa", "the PEM of the RSA key", pem(&rsa).into_bytes()),
        (
            "rsa",
            "the same without a newline",
            pem(&rsa).trim_end().as_bytes().to_vec(),
        ),
        (
            "rsa",
            "the same with other newlines",
            pem(&rsa).replace('\n', "\r\n").into_bytes(),
        ),
        ("rsa", "the DER of the RSA key", rsa),
        (
            "rsa",
            "the JWK of the RSA key",
            Key::Rsa.jwk().to_string().into_bytes(),
        ),
        ("rsa", "the modulus", member(Key::Rsa, "n")),
        (
            "p256",
            "the PEM of the key on P-256",
            pem(&p256).into_bytes(),
        ),
        ("p256", "the DER of the key on P-256", p256),
        (
            "p256",
            "the JWK of the key on P-256",
            Key::P256.jwk().to_string().into_bytes(),
        ),
        ("p256", "a coordinate", member(Key::P256, "x")),
        ("ed25519", "the key on Ed25519", member(Key::Ed25519, "x")),
        ("p256", "nothing", Vec::new()),
        ("p256", "a zero byte", vec![0]),
        ("p256", "a usual word", b"secret".to_vec()),
        ("../../../../dev/null", "an empty file", Vec::new()),
    ];
    let algorithms = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
    secrets
        .into_iter()
        .zip(algorithms.into_iter().cycle())
        .map(|((id, name, secret), algorithm)| {
            let header = with(with(header(), "alg", json!(algorithm)), "kid", json!(id));
            let signed = format!(
                "{}.{}",
                encoded(header.to_string()),
                encoded(claims().to_string())
            );
            let key = EncodingKey::from_secret(&secret);
            let tag = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, algorithm).unwrap();
            bearer(
                format!("HMAC with {name}"),
                &format!("{signed}.{tag}"),
                "algorithm",
            )
        })
        .collect()
}

/// Honest signatures of a published key, under the id or the algorithm of another one.
fn other_keys() -> Vec<Case> {
    let cases = [
        (Key::P256, "ES256", "ES256", "rsa", "key_algorithm"),
        (Key::P256, "ES256", "RS256", "p256", "key_algorithm"),
        (Key::P256, "ES256", "RS256", "rsa", "signature"),
        (Key::P256, "ES256", "PS256", "rsa-PS256", "signature"),
        (Key::P256, "ES256", "ES384", "p256", "key_algorithm"),
        (Key::P256, "ES256", "ES384", "p384", "signature"),
        (Key::P256, "ES256", "EdDSA", "ed25519", "signature"),
        (Key::P256, "ES256", "EdDSA", "p256", "key_algorithm"),
        (Key::P384, "ES384", "ES256", "p384", "key_algorithm"),
        (Key::P384, "ES384", "ES256", "p256", "signature"),
        (Key::Ed25519, "EdDSA", "ES256", "p256", "signature"),
        (Key::Ed25519, "EdDSA", "ES256", "ed25519", "key_algorithm"),
        (Key::Ed25519, "EdDSA", "EdDSA", "p256", "key_algorithm"),
        (Key::Rsa, "RS256", "ES256", "p256", "signature"),
        (Key::Rsa, "RS256", "ES256", "rsa", "key_algorithm"),
        (Key::Rsa, "RS256", "PS256", "rsa-PS256", "signature"),
        (Key::Rsa, "PS256", "RS256", "rsa", "signature"),
        (Key::Rsa, "PS256", "PS256", "rsa", "key_algorithm"),
        (Key::Rsa, "RS384", "RS384", "rsa", "key_algorithm"),
        (Key::Rsa, "RS256", "RS512", "rsa-RS512", "signature"),
        (Key::Rsa, "RS512", "RS256", "rsa", "signature"),
        (Key::Rsa, "PS384", "PS256", "rsa-PS256", "signature"),
        (Key::Rsa, "PS256", "PS512", "rsa-PS512", "signature"),
    ];
    cases
        .into_iter()
        .map(|(key, made, named, id, reason)| {
            let header = with(with(header(), "alg", json!(named)), "kid", json!(id));
            let token = sign(key, made, &header, &claims());
            bearer(
                format!("{made} signature as {named} of `{id}`"),
                &token,
                reason,
            )
        })
        .collect()
}

/// SubjectPublicKeyInfo.
fn public_der(key: Key) -> Vec<u8> {
    let private = private_der(key);
    let public: PublicKeyX509Der<'_> = if key == Key::Rsa {
        let pair = RsaKeyPair::from_pkcs8(&private).unwrap();
        pair.public_key().as_der().unwrap()
    } else {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private).unwrap();
        pair.public_key().as_der().unwrap()
    };
    public.as_ref().to_vec()
}

/// PKCS #8.
pub(super) fn private_der(key: Key) -> Vec<u8> {
    let lines = key.pem().lines().filter(|line| !line.starts_with('-'));
    STANDARD.decode(lines.collect::<String>()).unwrap()
}

fn armoured(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}
