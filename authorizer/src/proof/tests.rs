//! The examples of RFC 9449, at their time and place.

use super::*;
use crate::token::TokenError;

/// The proof of section 7.1.
const PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
/// The proof of section 4.1, which is for a token endpoint and has no `ath`.
const TOKEN_PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
const THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
const ISSUED_AT: u64 = 1_562_262_618;

struct Example {
    credential: String,
    base: &'static str,
    circumstances: Circumstances,
    thumbprint: &'static str,
    now: u64,
}

fn example() -> Example {
    Example {
        credential: format!("DPoP {TOKEN}"),
        base: "https://resource.example.org",
        circumstances: Circumstances {
            method: Some("GET".to_owned()),
            path: Some("/protectedresource".to_owned()),
            dpop_proofs: vec![PROOF.to_owned()],
            ..Circumstances::default()
        },
        thumbprint: THUMBPRINT,
        now: ISSUED_AT,
    }
}

#[track_caller]
fn check(change: impl FnOnce(&mut Example), expected: Result<(), ProofError>) {
    let mut example = example();
    change(&mut example);
    let presented = Presented {
        token: BearerToken::from_header(&example.credential).unwrap(),
        circumstances: &example.circumstances,
        base: Some(&Url::parse(example.base).unwrap()),
    };
    let binding = Binding {
        key: Some(example.thumbprint),
        certificate: None,
    };
    let found = super::check(Some(binding), presented, example.now);
    assert_eq!(found.map(|used| assert!(used.is_some())), expected);
}

#[test]
fn the_example_of_section_7_1_is_accepted() {
    check(|_| {}, Ok(()));
}

#[test]
fn one_change_of_the_request_is_one_too_many() {
    let refused = |error, change: fn(&mut Example)| check(change, Err(error));
    refused(ProofError::Scheme, |e| {
        e.credential = format!("Bearer {TOKEN}")
    });
    refused(ProofError::Token, |e| {
        e.credential = format!("DPoP {TOKEN}a")
    });
    refused(ProofError::Request, |e| e.circumstances.method = None);
    refused(ProofError::Request, |e| e.circumstances.path = None);
    refused(ProofError::Method, |e| {
        e.circumstances.method = Some("POST".to_owned())
    });
    refused(ProofError::Method, |e| {
        e.circumstances.method = Some("get".to_owned())
    });
    refused(ProofError::Target, |e| {
        e.circumstances.path = Some("/".to_owned())
    });
    refused(ProofError::Target, |e| {
        e.base = "https://resource.example.com"
    });
    refused(ProofError::Missing, |e| e.circumstances.dpop_proofs.clear());
    refused(ProofError::Several, |e| {
        e.circumstances.dpop_proofs.push(PROOF.to_owned())
    });
    refused(ProofError::Binding, |e| {
        e.thumbprint = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    });
    refused(ProofError::Method, |e| {
        e.circumstances.dpop_proofs = vec![TOKEN_PROOF.to_owned()]
    });
    refused(ProofError::Token, |e| {
        e.circumstances.dpop_proofs = vec![TOKEN_PROOF.to_owned()];
        e.circumstances.method = Some("POST".to_owned());
        e.circumstances.path = Some("/token".to_owned());
        e.base = "https://server.example.com";
    });
}

#[test]
fn the_window_has_two_ends() {
    check(|e| e.now = ISSUED_AT + 90, Ok(()));
    check(|e| e.now = ISSUED_AT + 91, Err(ProofError::Time));
    check(|e| e.now = ISSUED_AT - 30, Ok(()));
    check(|e| e.now = ISSUED_AT - 31, Err(ProofError::Time));
}

#[test]
fn a_proof_is_not_taken_for_a_token() {
    assert_eq!(
        BearerToken::from_header(&format!("DPoP {TOKEN}, DPoP {TOKEN}")),
        Err(TokenError::SeveralCredentials)
    );
}
