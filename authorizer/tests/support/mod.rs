//! Tokens and key sets for tests, made from the worthless keys in `tests/keys`.

#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "test code")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "ml-api";

/// A private key of `tests/keys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Rsa,
    P256,
    P384,
    Ed25519,
    /// On P-256, and in no key set.
    Other,
}

impl Key {
    pub(crate) const PUBLISHED: [Self; 4] = [Self::Rsa, Self::P256, Self::P384, Self::Ed25519];

    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::P256 => "p256",
            Self::P384 => "p384",
            Self::Ed25519 => "ed25519",
            Self::Other => "other",
        }
    }

    /// The file, in PEM of PKCS #8.
    pub(crate) fn pem(self) -> &'static str {
        match self {
            Self::Rsa => include_str!("../keys/rsa.pem"),
            Self::P256 => include_str!("../keys/p256.pem"),
            Self::P384 => include_str!("../keys/p384.pem"),
            Self::Ed25519 => include_str!("../keys/ed25519.pem"),
            Self::Other => include_str!("../keys/other.pem"),
        }
    }

    fn private(self) -> EncodingKey {
        let pem = self.pem().as_bytes();
        match self {
            Self::Rsa => EncodingKey::from_rsa_pem(pem),
            Self::P256 | Self::P384 | Self::Other => EncodingKey::from_ec_pem(pem),
            Self::Ed25519 => EncodingKey::from_ed_pem(pem),
        }
        .unwrap()
    }

    /// The public key as published, without `alg`: fit for its whole family.
    pub(crate) fn jwk(self) -> Value {
        let algorithm = match self {
            Self::Rsa => Algorithm::RS256,
            Self::P256 | Self::Other => Algorithm::ES256,
            Self::P384 => Algorithm::ES384,
            Self::Ed25519 => Algorithm::EdDSA,
        };
        let jwk = Jwk::from_encoding_key(&self.private(), algorithm).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = json!(self.id());
        jwk["use"] = json!("sig");
        jwk.as_object_mut().unwrap().remove("alg");
        jwk
    }
}

/// The key set with every published key.
pub(crate) fn key_set() -> Value {
    json!({"keys": Key::PUBLISHED.map(Key::jwk)})
}

/// Claims that pass, at the time `now`.
pub(crate) fn good_claims(now: u64) -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "user-1", "exp": now + 600, "iat": now, "scope": "predict"})
}

/// `object` with a member set, or removed if `value` is null.
pub(crate) fn with(mut object: Value, name: &str, value: Value) -> Value {
    let members = object.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    object
}

/// A token with this header and these claims, signed as the name of `algorithm` says.
pub(crate) fn sign(key: Key, algorithm: &str, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    sign_text(
        key,
        algorithm,
        &format!("{}.{}", part(header), part(claims)),
    )
}

/// `signed` with its signature behind it, whatever it is.
pub(crate) fn sign_text(key: Key, algorithm: &str, signed: &str) -> String {
    let algorithm: Algorithm = algorithm.parse().unwrap();
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key.private(), algorithm);
    format!("{signed}.{}", signature.unwrap())
}

/// A token of the published key on P-256, with an ordinary header.
pub(crate) fn token(claims: &Value) -> String {
    let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": "p256"});
    sign(Key::P256, "ES256", &header, claims)
}
