//! The issuers whose tokens are attacked, and attacks on their keys: keys that are weak, doubled, for
//! another purpose or of another issuer.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::profiles::{AUTH0, COGNITO, COGNITO_RESOURCE, ENTRA, KEYCLOAK};
use super::signature::{identity, padded_digest};
use super::{Case, bearer, claims, decoded, encoded, header};
use crate::support::{AUDIENCE, ISSUER, Key, key_set, sign, with};

/// Accepts one algorithm, one client, one type, one hour; no leeway.
pub(super) const STRICT: &str = "https://strict.example";
/// Its keys are two on one curve, with the same algorithm.
const TWINS: &str = "https://twins.example";
/// Has keys that must not be used, and one good one.
const WEAK: &str = "https://weak.example";
/// Has another key under an id of the first issuer.
const OTHER: &str = "https://other.example";

/// Its tokens may be bound, to a key and to a certificate.
pub(super) const BINDING: &str = "https://binding.example";
/// Its tokens must be bound, and to a key.
pub(super) const BOUND: &str = "https://bound.example";

/// Writes `access.yaml` and the key files, and answers where the former is.
pub(crate) fn write(folder: &Path) -> PathBuf {
    let strict =
        "algorithms: [ES256], clients: [trusted], token_types: [at+jwt], leeway: 0s, max_age: 1h";
    let audience = format!("audience: {AUDIENCE}, ");
    let (auth0, keycloak, entra) = (
        format!("{audience}profile: auth0"),
        format!("{audience}profile: keycloak"),
        format!("{audience}profile: entra"),
    );
    let cognito = "profile: cognito, clients: [trusted]";
    let cognito_resource = format!("{audience}{cognito}");
    let own = [
        (AUTH0, key_set(), auth0.as_str()),
        (KEYCLOAK, key_set(), &keycloak),
        (COGNITO, key_set(), cognito),
        (COGNITO_RESOURCE, key_set(), &cognito_resource),
        (ENTRA, key_set(), &entra),
    ];
    let issuers = [
        (ISSUER, keys_of_every_algorithm(), ""),
        (
            STRICT,
            json!({"keys": [Key::P256.jwk(), Key::P384.jwk()]}),
            strict,
        ),
        (
            TWINS,
            json!({"keys": [Key::P256.jwk(), Key::Other.jwk()]}),
            "",
        ),
        (WEAK, weak_keys(), ""),
        (BINDING, key_set(), "proof: [dpop, mtls]"),
        (BOUND, key_set(), "proof: [dpop], require_proof: true"),
        (
            OTHER,
            json!({"keys": [renamed(Key::Other, "p256"), renamed(Key::Rsa, "theirs")]}),
            "",
        ),
    ];
    let mut access = String::from("issuers:\n");
    let generic = issuers.map(|(issuer, keys, more)| (issuer, keys, format!("{audience}{more}")));
    let own = own.map(|(issuer, keys, more)| (issuer, keys, more.to_owned()));
    for (number, (issuer, keys, more)) in generic.into_iter().chain(own).enumerate() {
        let file = folder.join(format!("jwks-{number}.json"));
        std::fs::write(&file, keys.to_string()).unwrap();
        let file = file.display();
        access += &format!("  - {{issuer: '{issuer}', jwks: {{file: '{file}'}}, {more}}}\n");
    }
    let denylist = folder.join("denylist.json");
    std::fs::write(&denylist, super::revoked::denylist().to_string()).unwrap();
    access += &format!("denylist: {{file: '{}'}}\n", denylist.display());
    access += "rules: [{allow: [POST /predict], require: {scope: predict}}]\n";
    let path = folder.join("access.yaml");
    std::fs::write(&path, access).unwrap();
    path
}

fn renamed(key: Key, id: &str) -> Value {
    with(key.jwk(), "kid", json!(id))
}

/// The published keys, and one for each further algorithm of RSA: `rsa` names none, and is used with RS256.
fn keys_of_every_algorithm() -> Value {
    let mut keys = key_set();
    let further = ["RS384", "RS512", "PS256", "PS384", "PS512"].map(|algorithm| {
        with(
            renamed(Key::Rsa, &rsa_id(algorithm)),
            "alg",
            json!(algorithm),
        )
    });
    keys["keys"].as_array_mut().unwrap().extend(further);
    keys
}

/// The id of the key for an algorithm of RSA.
pub(super) fn rsa_id(algorithm: &str) -> String {
    match algorithm {
        "RS256" => "rsa".to_owned(),
        other => format!("rsa-{other}"),
    }
}

fn weak_keys() -> Value {
    let modulus = decoded(Key::Rsa.jwk()["n"].as_str().unwrap());
    let mut short = modulus[..128].to_vec();
    short[127] |= 1;
    let mut off = decoded(Key::P256.jwk()["y"].as_str().unwrap());
    off[31] ^= 1;
    let edwards = |id: &str, point: &[u8]| json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": encoded(point)});
    let keys = json!([
        Key::P384.jwk(),
        with(renamed(Key::Rsa, "rsa-1024"), "n", json!(encoded(short))),
        with(renamed(Key::Rsa, "exponent-1"), "e", json!("AQ")),
        with(renamed(Key::Rsa, "even-exponent"), "e", json!("AQAA")),
        with(renamed(Key::Rsa, "rs256-alone"), "alg", json!("RS256")),
        with(renamed(Key::P256, "off-curve"), "y", json!(encoded(off))),
        with(with(renamed(Key::P256, "infinity"), "x", json!(encoded([0; 32]))), "y", json!(encoded([0; 32]))),
        with(renamed(Key::P256, "enc"), "use", json!("enc")),
        with(renamed(Key::P256, "derive"), "key_ops", json!(["deriveKey"])),
        with(renamed(Key::P256, "sign-alone"), "key_ops", json!(["sign"])),
        with(renamed(Key::P256, "hmac"), "alg", json!("HS256")),
        with(renamed(Key::P256, "swapped"), "crv", json!("P-384")),
        with(renamed(Key::P256, "koblitz"), "crv", json!("secp256k1")),
        {"kty": "oct", "kid": "oct", "k": encoded("secret")},
        renamed(Key::P256, "double"),
        renamed(Key::Other, "double"),
        edwards("identity", &identity()),
        edwards("zero-point", &[0; 32]),
    ]);
    json!({"keys": keys})
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = weak();
    cases.extend(forged_for_weak_keys());
    cases.extend(foreign());
    cases
}

fn of(issuer: &str, key: Key, algorithm: &str, id: Value) -> String {
    let header = with(with(header(), "alg", json!(algorithm)), "kid", id);
    sign(
        key,
        algorithm,
        &header,
        &with(claims(), "iss", json!(issuer)),
    )
}

/// Good signatures, as far as there are any, under keys that are not for them.
fn weak() -> Vec<Case> {
    let cases = [
        ("rsa-1024", Key::Rsa, "RS256", "key_unknown"),
        ("even-exponent", Key::Rsa, "RS256", "key_unknown"),
        ("rs256-alone", Key::Rsa, "PS256", "key_algorithm"),
        ("rs256-alone", Key::Rsa, "RS512", "key_algorithm"),
        ("off-curve", Key::P256, "ES256", "key_unknown"),
        ("infinity", Key::P256, "ES256", "key_unknown"),
        ("enc", Key::P256, "ES256", "key_unknown"),
        ("derive", Key::P256, "ES256", "key_unknown"),
        ("sign-alone", Key::P256, "ES256", "key_unknown"),
        ("hmac", Key::P256, "ES256", "key_unknown"),
        ("swapped", Key::P256, "ES256", "key_unknown"),
        ("koblitz", Key::P256, "ES256", "key_unknown"),
        ("oct", Key::P256, "ES256", "key_unknown"),
        ("double", Key::P256, "ES256", "key_unknown"),
        ("double", Key::Other, "ES256", "key_unknown"),
    ];
    cases
        .into_iter()
        .enumerate()
        .map(|(number, (id, key, algorithm, reason))| {
            let token = of(WEAK, key, algorithm, json!(id));
            bearer(format!("weak key {number}: `{id}`"), &token, reason)
        })
        .collect()
}

/// Nobody needs a private key for these: the signatures are right by the arithmetic of the key.
fn forged_for_weak_keys() -> Vec<Case> {
    let unsigned = |algorithm: &str, id: &str| {
        let header = with(with(header(), "alg", json!(algorithm)), "kid", json!(id));
        let claims = with(claims(), "iss", json!(WEAK));
        format!(
            "{}.{}",
            encoded(header.to_string()),
            encoded(claims.to_string())
        )
    };
    let digest = unsigned("RS256", "exponent-1");
    let neutral = unsigned("EdDSA", "identity");
    let by_identity = [identity(), [0; 32]].concat();
    let mut cases = vec![
        bearer(
            "weak key: exponent one, forged",
            &format!("{digest}.{}", encoded(padded_digest(&digest))),
            "key_unknown",
        ),
        bearer(
            "weak key: the identity, forged",
            &format!("{neutral}.{}", encoded(&by_identity)),
            "key_unknown",
        ),
    ];
    // The point has order four: for one claim set in four the identity is right.
    for number in 0..8 {
        let header = with(
            with(header(), "alg", json!("EdDSA")),
            "kid",
            json!("zero-point"),
        );
        let claims = with(
            with(claims(), "iss", json!(WEAK)),
            "jti",
            json!(number.to_string()),
        );
        let signed = [header, claims]
            .map(|part| encoded(part.to_string()))
            .join(".");
        let token = format!("{signed}.{}", encoded(&by_identity));
        cases.push(bearer(
            format!("weak key: order four, guess {number}"),
            &token,
            "key_unknown",
        ));
    }
    cases
}

fn foreign() -> Vec<Case> {
    let case =
        |name: &str, token: String, reason| bearer(format!("issuers: {name}"), &token, reason);
    vec![
        case(
            "a key of another one's set",
            of(ISSUER, Key::Rsa, "RS256", json!("theirs")),
            "key_unknown",
        ),
        case(
            "another one's key under one id",
            of(ISSUER, Key::Other, "ES256", json!("p256")),
            "signature",
        ),
        case(
            "the same the other way round",
            of(OTHER, Key::P256, "ES256", json!("p256")),
            "signature",
        ),
        case(
            "a key that only the first one has",
            of(OTHER, Key::Ed25519, "EdDSA", json!("ed25519")),
            "key_unknown",
        ),
        case(
            "no id, another one's key",
            of(OTHER, Key::P256, "ES256", Value::Null),
            "signature",
        ),
        case(
            "no id, two keys fit",
            of(TWINS, Key::P256, "ES256", Value::Null),
            "key_ambiguous",
        ),
        case(
            "no id, no key fits",
            of(TWINS, Key::Rsa, "RS256", Value::Null),
            "key_unknown",
        ),
        case(
            "the id of the twin",
            of(TWINS, Key::P256, "ES256", json!("other")),
            "signature",
        ),
        case(
            "nobody's",
            of("https://evil.example", Key::Other, "ES256", json!("p256")),
            "issuer_unknown",
        ),
    ]
}
