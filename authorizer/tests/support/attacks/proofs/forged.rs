//! Proofs that are wrong in themselves: each is good but for one member of header, key or claims, or for its form.

use serde_json::{Value, json};

use super::{
    ADDRESS, Case, Parts, bound_token, case, decoded, digest, encoded, honest, honest_claims,
    honest_parts, now, parts, proof, proof_header, public, swapped,
};
use crate::support::{Key, sign, with};

pub(super) fn cases() -> Vec<Case> {
    [headers(), keys(), bodies(), forms()]
        .into_iter()
        .flatten()
        .collect()
}

fn with_proof(name: impl Into<String>, proof: String, reason: &'static str) -> Case {
    case(
        name,
        Parts {
            proofs: vec![proof],
            ..honest_parts()
        },
        reason,
    )
}

fn header_member(member: &str, value: Value, reason: &'static str) -> Case {
    let name = format!("header `{member}`: {value}");
    let proof = proof(&with(proof_header(), member, value), &honest_claims());
    with_proof(name, proof, reason)
}

fn headers() -> Vec<Case> {
    let members = [
        ("typ", json!(null), "proof_type"),
        ("typ", json!("JWT"), "proof_type"),
        ("typ", json!("at+jwt"), "proof_type"),
        ("typ", json!("DPoP+JWT"), "proof_type"),
        ("typ", json!("application/dpop+jwt"), "proof_type"),
        ("typ", json!(["dpop+jwt"]), "proof_malformed"),
        ("alg", json!(null), "proof_algorithm"),
        ("alg", json!("none"), "proof_algorithm"),
        ("alg", json!("HS256"), "proof_algorithm"),
        ("alg", json!("es384"), "proof_algorithm"),
        ("alg", json!("ES256"), "proof_key"),
        ("alg", json!("RS256"), "proof_key"),
        ("alg", json!("ES512"), "proof_algorithm"),
        ("crit", json!(["exp"]), "proof_malformed"),
        ("b64", json!(false), "proof_malformed"),
        ("kid", json!(1), "proof_malformed"),
        ("jwk", json!(null), "proof_key"),
        ("jwk", json!("p384"), "proof_key"),
        ("jwk", json!([]), "proof_key"),
        ("jwk", json!({}), "proof_key"),
        ("jwk", public(Key::Other), "proof_key"),
        ("jwk", json!({"kty": "oct", "k": "c2VjcmV0"}), "proof_key"),
        ("jwk", json!({"keys": [public(Key::P384)]}), "proof_key"),
    ];
    members
        .into_iter()
        .map(|(member, value, reason)| header_member(member, value, reason))
        .collect()
}

/// Keys that are not fit, each but for one member the right one.
fn keys() -> Vec<Case> {
    let members = [
        ("d", json!("c2VjcmV0"), "proof_key"),
        ("d", json!(""), "proof_key"),
        ("k", json!("c2VjcmV0"), "proof_key"),
        ("p", json!("c2VjcmV0"), "proof_key"),
        ("dq", json!(1), "proof_key"),
        ("oth", json!([]), "proof_key"),
        ("use", json!("enc"), "proof_key"),
        ("key_ops", json!(["sign"]), "proof_key"),
        ("alg", json!("ES256"), "proof_key"),
        ("crv", json!("P-256"), "proof_key"),
        ("crv", json!("P-521"), "proof_key"),
        ("kty", json!("RSA"), "proof_key"),
        ("x", json!(null), "proof_key"),
        ("y", json!(encoded([0; 48])), "proof_key"),
        ("y", json!(encoded([1; 47])), "proof_key"),
        ("y", json!(1), "proof_key"),
    ];
    let mut cases: Vec<_> = members
        .into_iter()
        .map(|(member, value, reason)| {
            let name = format!("key with `{member}`: {value}");
            let key = with(public(Key::P384), member, value);
            let proof = proof(&with(proof_header(), "jwk", key), &honest_claims());
            with_proof(name, proof, reason)
        })
        .collect();
    let modulus = decoded(public(Key::Rsa)["n"].as_str().unwrap());
    let short = with(public(Key::Rsa), "n", json!(encoded(&modulus[..128])));
    let edwards = json!({"kty": "OKP", "crv": "Ed25519", "x": encoded([0; 32])});
    for (name, key, jwk, algorithm) in [
        ("an RSA key of 1024 bits", Key::Rsa, short, "RS256"),
        ("a point of small order", Key::Ed25519, edwards, "EdDSA"),
    ] {
        let header = with(with(proof_header(), "jwk", jwk), "alg", json!(algorithm));
        let proof = sign(key, algorithm, &header, &honest_claims());
        cases.push(with_proof(name, proof, "proof_key"));
    }
    cases
}

fn bodies() -> Vec<Case> {
    let address = |address: &str| ("htu", json!(address), "proof_target");
    let members = [
        ("jti", json!(null), "proof_id"),
        ("jti", json!(""), "proof_id"),
        ("jti", json!(1), "proof_id"),
        ("jti", json!("a".repeat(257)), "proof_id"),
        ("htm", json!(null), "proof_method"),
        ("htm", json!("GET"), "proof_method"),
        ("htm", json!("post"), "proof_method"),
        ("htm", json!(["POST"]), "proof_method"),
        ("htm", json!("*"), "proof_method"),
        ("htu", json!(null), "proof_target"),
        ("htu", json!([ADDRESS]), "proof_target"),
        address(""),
        address("/v1/predict"),
        address("https://api.example/predict"),
        address("https://api.example/v1/other"),
        address("https://api.example/v1/predict/"),
        address("https://api.example/v1//predict"),
        address("http://api.example/v1/predict"),
        address("https://api.example:8443/v1/predict"),
        address("https://api.example.evil.example/v1/predict"),
        address("https://api.example@evil.example/v1/predict"),
        address("https://evil.example/v1/predict"),
        address("https:api.example/v1/predict"),
        address("https://api.example/v1/predict%3F"),
        address("https://api.example\\v1\\predict"),
        address(" https://api.example/v1/predict"),
        ("iat", json!(null), "proof_time"),
        ("iat", json!(0), "proof_time"),
        ("iat", json!(-1), "proof_time"),
        ("iat", json!(1e300), "proof_time"),
        ("iat", json!(now().to_string()), "proof_time"),
        ("iat", json!(now() - 95), "proof_time"),
        ("iat", json!(now() + 600), "proof_time"),
        ("ath", json!(null), "proof_token"),
        ("ath", json!(""), "proof_token"),
        ("ath", json!([digest(&bound_token())]), "proof_token"),
        ("ath", json!(digest(&honest())), "proof_token"),
        (
            "ath",
            json!(format!("{}=", digest(&bound_token()))),
            "proof_token",
        ),
    ];
    let members = members.into_iter().enumerate();
    members
        .map(|(number, (member, value, reason))| {
            let proof = proof(&proof_header(), &with(honest_claims(), member, value));
            with_proof(format!("claim {number}: `{member}`"), proof, reason)
        })
        .collect()
}

fn forms() -> Vec<Case> {
    let good = proof(&proof_header(), &honest_claims());
    let [header, body, signature] = parts(&good);
    let other = proof(
        &proof_header(),
        &with(honest_claims(), "jti", json!("other")),
    );
    let twice = format!(r#"{{"jti":"a",{}"#, &honest_claims().to_string()[1..]);
    let twice =
        crate::support::sign_text(Key::P384, "ES384", &format!("{header}.{}", encoded(twice)));
    let padding = with(honest_claims(), "padding", json!("a".repeat(4096)));
    let cases = [
        ("empty", String::new(), "proof_malformed"),
        ("one part", "proof".to_owned(), "proof_malformed"),
        ("two parts", format!("{header}.{body}"), "proof_malformed"),
        ("five parts", format!("{good}.a.b"), "proof_malformed"),
        ("two, joined", format!("{good},{good}"), "proof_malformed"),
        (
            "two, joined with a space",
            format!("{good}, {other}"),
            "proof_malformed",
        ),
        ("white space", format!(" {good}"), "proof_malformed"),
        ("padding", format!("{good}="), "proof_malformed"),
        ("the token", bound_token(), "proof_type"),
        ("a member twice", twice, "proof_malformed"),
        (
            "too long",
            proof(&proof_header(), &padding),
            "proof_malformed",
        ),
        (
            "no signature",
            format!("{header}.{body}."),
            "proof_signature",
        ),
        (
            "another's signature",
            format!("{header}.{body}.{}", parts(&other)[2]),
            "proof_signature",
        ),
        (
            "another's claims",
            format!("{header}.{}.{signature}", parts(&other)[1]),
            "proof_signature",
        ),
        (
            "signed with another key",
            sign(
                Key::P384,
                "ES384",
                &with(proof_header(), "jwk", swapped()),
                &honest_claims(),
            ),
            "proof_key",
        ),
    ];
    cases
        .map(|(name, proof, reason)| with_proof(name, proof, reason))
        .into()
}
