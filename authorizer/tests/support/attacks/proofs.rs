//! Tokens that are bound to a key or a certificate, with proofs that do not prove it.

mod forged;
mod unfit;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::issuers::{BINDING, BOUND};
use super::{ARN, Case, claims, decoded, encoded, header, honest, now, parts};
use crate::support::{Key, sign, with};

const ADDRESS: &str = "https://api.example/v1/predict";
const CERTIFICATE: &str =
    "-----BEGIN CERTIFICATE-----\nd29ydGhsZXNzIGNlcnRpZmljYXRl\n-----END CERTIFICATE-----\n";
const OTHER_CERTIFICATE: &str =
    "-----BEGIN CERTIFICATE-----\nYW5vdGhlciBjZXJ0aWZpY2F0ZQ==\n-----END CERTIFICATE-----\n";

/// What a request consists of.
#[derive(Debug, Clone)]
struct Parts {
    scheme: &'static str,
    token: String,
    proofs: Vec<String>,
    certificate: Option<&'static str>,
    method: &'static str,
    path: &'static str,
}

pub(super) fn cases() -> Vec<Case> {
    [forged::cases(), unfit::cases()]
        .into_iter()
        .flatten()
        .collect()
}

/// Requests that prove what they must, in every way there is.
pub(super) fn good() -> Vec<(String, Value)> {
    let of = |key: Key, algorithm: &str| {
        let header = with(
            with(proof_header(), "jwk", public(key)),
            "alg",
            json!(algorithm),
        );
        let token = token_of(BINDING, json!({"jkt": thumbprint(key)}));
        let body = with(proof_claims(), "ath", json!(digest(&token)));
        let proof = sign(key, algorithm, &header, &body);
        request(Parts {
            token,
            proofs: vec![proof],
            ..honest_parts()
        })
    };
    let body = |name: &str, value: Value| {
        let proof = proof(&proof_header(), &with(honest_claims(), name, value));
        request(Parts {
            proofs: vec![proof],
            ..honest_parts()
        })
    };
    let keycloak = with(
        bound_claims(BINDING, json!({"jkt": thumbprint(Key::P384)})),
        "typ",
        json!("DPoP"),
    );
    let token = sign(Key::P256, "ES256", &header(), &keycloak);
    let ath = json!(digest(&token));
    let of_keycloak = Parts {
        proofs: vec![proof(&proof_header(), &with(proof_claims(), "ath", ath))],
        token,
        ..honest_parts()
    };
    let both = json!({"jkt": thumbprint(Key::P384), "x5t#S256": certificate_digest()});
    let both = bound_to(BINDING, both);
    let of_bound = bound_to(BOUND, json!({"jkt": thumbprint(Key::P384)}));
    let mut good: Vec<(String, Value)> = [
        ("ES256", of(Key::Other, "ES256")),
        ("ES384", of(Key::P384, "ES384")),
        ("EdDSA", of(Key::Ed25519, "EdDSA")),
        ("RS256", of(Key::Rsa, "RS256")),
        ("PS512", of(Key::Rsa, "PS512")),
        (
            "scheme in capitals",
            request(Parts {
                scheme: "DPOP",
                ..honest_parts()
            }),
        ),
        (
            "an address with a query",
            body("htu", json!(format!("{ADDRESS}?a=b#c"))),
        ),
        (
            "an address with its port",
            body("htu", json!("https://API.example:443/v1/%70redict")),
        ),
        ("50 seconds old", body("iat", json!(now() - 50))),
        ("a nonce that nobody asked for", body("nonce", json!("n"))),
        ("the type of Keycloak", request(of_keycloak)),
        ("an issuer that insists", request(of_bound)),
        (
            "key and certificate",
            request(Parts {
                certificate: Some(CERTIFICATE),
                ..both
            }),
        ),
        (
            "a certificate alone",
            request(Parts {
                certificate: Some(CERTIFICATE),
                ..of_certificate()
            }),
        ),
        ("a plain token", request(plain(BINDING))),
    ]
    .map(|(name, event)| (format!("proof: {name}"), event))
    .to_vec();
    good.push(("proof: payload 2.0".to_owned(), payload_2(honest_parts())));
    good
}

/// One event that is right, for whoever wants to send it twice.
pub(crate) fn honest_request() -> Value {
    request(honest_parts())
}

fn case(name: impl Into<String>, parts: Parts, reason: &'static str) -> Case {
    Case {
        name: format!("proof: {}", name.into()),
        event: request(parts),
        reason,
    }
}

/// A request that proves possession of the key its token is bound to.
fn honest_parts() -> Parts {
    bound_to(BINDING, json!({"jkt": thumbprint(Key::P384)}))
}

/// A token with this binding, and the right proof for the key on P-384.
fn bound_to(issuer: &str, confirmation: Value) -> Parts {
    let token = token_of(issuer, confirmation);
    let body = with(proof_claims(), "ath", json!(digest(&token)));
    Parts {
        scheme: "DPoP",
        token,
        proofs: vec![proof(&proof_header(), &body)],
        certificate: None,
        method: "POST",
        path: "/predict",
    }
}

fn of_certificate() -> Parts {
    Parts {
        scheme: "Bearer",
        token: token_of(BINDING, json!({"x5t#S256": certificate_digest()})),
        proofs: Vec::new(),
        ..honest_parts()
    }
}

/// A token that is bound to nothing.
fn plain(issuer: &str) -> Parts {
    Parts {
        scheme: "Bearer",
        token: token_of(issuer, Value::Null),
        ..honest_parts()
    }
}

fn request(parts: Parts) -> Value {
    json!({
        "type": "REQUEST",
        "methodArn": ARN,
        "httpMethod": parts.method,
        "path": parts.path,
        "multiValueHeaders": {
            "Authorization": [format!("{} {}", parts.scheme, parts.token)],
            "DPoP": parts.proofs,
        },
        "requestContext": {"identity": {"clientCert": {"clientCertPem": parts.certificate}}},
    })
}

fn payload_2(parts: Parts) -> Value {
    json!({
        "type": "REQUEST",
        "version": "2.0",
        "routeArn": ARN,
        "rawPath": format!("/prod{}", parts.path),
        "headers": {
            "authorization": format!("{} {}", parts.scheme, parts.token),
            "dpop": parts.proofs[0],
        },
        "requestContext": {"stage": "prod", "http": {"method": parts.method}},
    })
}

/// The same claims for the life of the process, so that a token can be made twice.
fn bound_claims(issuer: &str, confirmation: Value) -> Value {
    static CLAIMS: std::sync::LazyLock<Value> = std::sync::LazyLock::new(claims);
    with(
        with(CLAIMS.clone(), "iss", json!(issuer)),
        "cnf",
        confirmation,
    )
}

fn token_of(issuer: &str, confirmation: Value) -> String {
    // A signature that is always the same.
    sign(
        Key::Ed25519,
        "EdDSA",
        &json!({"alg": "EdDSA", "kid": "ed25519"}),
        &bound_claims(issuer, confirmation),
    )
}

fn bound_token() -> String {
    honest_parts().token
}

fn proof_header() -> Value {
    json!({"typ": "dpop+jwt", "alg": "ES384", "jwk": public(Key::P384)})
}

/// Without `ath`, and with an identifier of its own.
fn proof_claims() -> Value {
    static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    json!({"jti": format!("proof-{number}"), "htm": "POST", "htu": ADDRESS, "iat": now()})
}

/// The claims of a proof for the token of [`honest_parts`].
fn honest_claims() -> Value {
    with(proof_claims(), "ath", json!(digest(&bound_token())))
}

fn proof(header: &Value, body: &Value) -> String {
    sign(Key::P384, "ES384", header, body)
}

/// The key as a client sends it.
fn public(key: Key) -> Value {
    with(with(key.jwk(), "kid", Value::Null), "use", Value::Null)
}

/// The right key with its coordinates exchanged.
fn swapped() -> Value {
    let key = public(Key::P384);
    let (x, y) = (key["x"].clone(), key["y"].clone());
    with(with(key, "x", y), "y", x)
}

/// By RFC 7638, written down once more.
fn thumbprint(key: Key) -> String {
    let jwk = public(key);
    let canonical = match key {
        Key::Rsa => format!(r#"{{"e":{},"kty":"RSA","n":{}}}"#, jwk["e"], jwk["n"]),
        Key::Ed25519 => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":{}}}"#, jwk["x"]),
        Key::P256 | Key::P384 | Key::Other => format!(
            r#"{{"crv":{},"kty":"EC","x":{},"y":{}}}"#,
            jwk["crv"], jwk["x"], jwk["y"]
        ),
    };
    digest(&canonical)
}

fn certificate_digest() -> String {
    digest("worthless certificate")
}

fn digest(text: &str) -> String {
    encoded(Sha256::digest(text))
}
