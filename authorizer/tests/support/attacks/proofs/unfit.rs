//! Proofs that are right in themselves and do not fit: the request, the token or its issuer is another.

use serde_json::{Value, json};

use super::{
    BINDING, BOUND, CERTIFICATE, Case, OTHER_CERTIFICATE, Parts, bound_to, bound_token, case,
    certificate_digest, claims, digest, header, honest_parts, of_certificate, plain, proof,
    proof_claims, proof_header, public, thumbprint, token_of,
};
use crate::attacks::token_event;
use crate::support::{ISSUER, Key, sign, with};

pub(super) fn cases() -> Vec<Case> {
    [presentations(), bindings(), certificates()]
        .into_iter()
        .flatten()
        .collect()
}

fn presentations() -> Vec<Case> {
    let good = honest_parts();
    let proof = good.proofs[0].clone();
    let with_good = |change: fn(&mut Parts)| {
        let mut parts = honest_parts();
        change(&mut parts);
        parts
    };
    let token_event = |name: &str, scheme: &str, token: &str, reason| Case {
        name: format!("proof: {name}"),
        event: token_event(&json!(format!("{scheme} {token}"))),
        reason,
    };
    vec![
        case(
            "as a plain bearer token",
            with_good(|parts| parts.scheme = "Bearer"),
            "proof_scheme",
        ),
        case(
            "plain, and without proof",
            with_good(|parts| {
                parts.scheme = "bearer";
                parts.proofs.clear();
            }),
            "proof_scheme",
        ),
        case(
            "no proof",
            with_good(|parts| parts.proofs.clear()),
            "proof_missing",
        ),
        case(
            "two proofs",
            Parts {
                proofs: vec![proof.clone(), proof],
                ..good
            },
            "proof_several",
        ),
        case(
            "another method",
            with_good(|parts| parts.method = "GET"),
            "proof_method",
        ),
        case(
            "another path",
            with_good(|parts| parts.path = "/other"),
            "proof_target",
        ),
        case(
            "a path with dots",
            with_good(|parts| parts.path = "/x/../predict"),
            "proof_target",
        ),
        case(
            "a path with hidden dots",
            with_good(|parts| parts.path = "/x/%2e%2E/predict"),
            "proof_target",
        ),
        case(
            "an unbound token with a proof",
            Parts {
                scheme: "DPoP",
                ..plain(BINDING)
            },
            "proof_scheme",
        ),
        case(
            "an unbound token where bound ones are asked for",
            plain(BOUND),
            "unbound_token",
        ),
        token_event(
            "an event without method and path",
            "DPoP",
            &bound_token(),
            "proof_request",
        ),
        token_event(
            "a bound token in an event of type `TOKEN`",
            "Bearer",
            &bound_token(),
            "proof_scheme",
        ),
        token_event(
            "a certificate in an event of type `TOKEN`",
            "Bearer",
            &of_certificate().token,
            "proof_request",
        ),
    ]
}

fn bindings() -> Vec<Case> {
    let jkt = thumbprint(Key::P384);
    let of = |confirmation: Value| {
        let token = token_of(BINDING, confirmation);
        let body = with(proof_claims(), "ath", json!(digest(&token)));
        let proofs = vec![proof(&proof_header(), &body)];
        Parts {
            token,
            proofs,
            certificate: Some(CERTIFICATE),
            ..honest_parts()
        }
    };
    let mut cases = vec![
        case(
            "of another key",
            of(json!({"jkt": thumbprint(Key::Other)})),
            "proof_binding",
        ),
        case(
            "of a key of another kind",
            of(json!({"jkt": thumbprint(Key::Rsa)})),
            "proof_binding",
        ),
        case(
            "an issuer without proofs",
            bound_to(ISSUER, json!({"jkt": jkt})),
            "bound_token",
        ),
        case(
            "a kind that the issuer has not",
            Parts {
                certificate: Some(CERTIFICATE),
                ..bound_to(BOUND, json!({"x5t#S256": certificate_digest()}))
            },
            "bound_token",
        ),
        case(
            "one kind too many for the issuer",
            Parts {
                certificate: Some(CERTIFICATE),
                ..bound_to(BOUND, json!({"jkt": jkt, "x5t#S256": certificate_digest()}))
            },
            "bound_token",
        ),
    ];
    let unknown = [
        json!({"jkt": jkt, "kid": "a"}),
        json!({"jkt": jkt, "jwk": public(Key::P384)}),
        json!({"jkt": [jkt]}),
        json!({"jkt": &jkt[1..]}),
        json!({"JKT": jkt}),
        json!({"jwk": public(Key::P384)}),
        json!({}),
        json!(jkt),
    ];
    for confirmation in unknown {
        let name = format!("`cnf` is {confirmation}");
        cases.push(case(name, of(confirmation), "bound_token"));
    }
    let claims = with(with(claims(), "iss", json!(BINDING)), "typ", json!("DPoP"));
    let token = sign(Key::P256, "ES256", &header(), &claims);
    let typed = Parts {
        token,
        ..plain(BINDING)
    };
    cases.push(case(
        "the type of Keycloak without `cnf`",
        typed,
        "bound_token",
    ));
    cases
}

fn certificates() -> Vec<Case> {
    let both = || {
        bound_to(
            BINDING,
            json!({"jkt": thumbprint(Key::P384), "x5t#S256": certificate_digest()}),
        )
    };
    vec![
        case("no certificate", of_certificate(), "certificate_missing"),
        case(
            "another certificate",
            Parts {
                certificate: Some(OTHER_CERTIFICATE),
                ..of_certificate()
            },
            "certificate_binding",
        ),
        case(
            "a certificate that is none",
            Parts {
                certificate: Some("CERT_CONTENT"),
                ..of_certificate()
            },
            "certificate_malformed",
        ),
        case(
            "a certificate in one line",
            Parts {
                certificate: Some(
                    "-----BEGIN CERTIFICATE-----d29ydGhsZXNz-----END CERTIFICATE-----",
                ),
                ..of_certificate()
            },
            "certificate_malformed",
        ),
        case(
            "an empty certificate",
            Parts {
                certificate: Some(""),
                ..of_certificate()
            },
            "certificate_malformed",
        ),
        case(
            "a certificate with the scheme of a proof",
            Parts {
                scheme: "DPoP",
                certificate: Some(CERTIFICATE),
                ..of_certificate()
            },
            "proof_scheme",
        ),
        case(
            "both bindings, and a proof alone",
            both(),
            "certificate_missing",
        ),
        case(
            "both bindings, and another certificate",
            Parts {
                certificate: Some(OTHER_CERTIFICATE),
                ..both()
            },
            "certificate_binding",
        ),
        case(
            "both bindings, and a certificate alone",
            Parts {
                certificate: Some(CERTIFICATE),
                proofs: Vec::new(),
                ..both()
            },
            "proof_missing",
        ),
    ]
}
