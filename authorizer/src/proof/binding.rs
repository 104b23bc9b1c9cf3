//! The claim `cnf` (RFC 7800 section 3.1): the key or certificate that a token is bound to.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Proofs;
use crate::json::{Members, View};
use crate::token::TokenError;

/// What a token is bound to: one of both at least. Both are SHA-256 in base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Binding<'a> {
    /// `jkt`: the thumbprint of a key (RFC 9449 section 6.1).
    pub(crate) key: Option<&'a str>,
    /// `x5t#S256`: the digest of a certificate (RFC 8705 section 3.1).
    pub(crate) certificate: Option<&'a str>,
}

impl<'a> Binding<'a> {
    /// Reads `cnf`. A member that is not understood is a condition that nobody would check.
    pub(crate) fn read(claims: &'a Members) -> Result<Option<Self>, TokenError> {
        let members = match claims.get("cnf") {
            None => return Ok(None),
            Some(View::Object(members)) if !members.is_empty() => members,
            Some(_) => return Err(TokenError::Bound),
        };
        let mut binding = Self {
            key: None,
            certificate: None,
        };
        for (name, value) in members.iter() {
            let digest = value.as_str().filter(|text| is_digest(text));
            match name {
                "jkt" => binding.key = Some(digest.ok_or(TokenError::Bound)?),
                "x5t#S256" => binding.certificate = Some(digest.ok_or(TokenError::Bound)?),
                // Keycloak's remark on `jkt`, which says no more than that.
                "kc-jkt-type" if value.as_str() == Some("DPoP") && members.contains("jkt") => {}
                _ => return Err(TokenError::Bound),
            }
        }
        Ok(Some(binding))
    }

    /// Whether everything that the binding asks for is accepted as a proof.
    pub(crate) fn is_accepted(&self, proofs: Proofs) -> bool {
        (self.key.is_none() || proofs.dpop) && (self.certificate.is_none() || proofs.mtls)
    }
}

fn is_digest(text: &str) -> bool {
    let bytes = URL_SAFE_NO_PAD.decode(text);
    bytes.is_ok_and(|bytes| bytes.len() == 32)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const DIGEST: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

    #[track_caller]
    fn check(confirmation: Value, expected: Result<(bool, bool), TokenError>) {
        let claims = json!({"cnf": confirmation});
        let claims = Members::from(claims.as_object().unwrap());
        let found = Binding::read(&claims);
        let found = found.map(|found| {
            let binding = found.unwrap();
            (binding.key.is_some(), binding.certificate.is_some())
        });
        assert_eq!(found, expected, "{claims:?}");
    }

    #[test]
    fn a_binding_is_understood_wholly_or_not_at_all() {
        check(json!({"jkt": DIGEST}), Ok((true, false)));
        check(json!({"x5t#S256": DIGEST}), Ok((false, true)));
        check(json!({"jkt": DIGEST, "x5t#S256": DIGEST}), Ok((true, true)));
        let remark = |of: &str| json!({of: DIGEST, "kc-jkt-type": "DPoP"});
        check(remark("jkt"), Ok((true, false)));
        for odd in [
            remark("x5t#S256"),
            json!({"kc-jkt-type": "DPoP"}),
            json!({"jkt": DIGEST, "kc-jkt-type": "other"}),
            json!({}),
            json!(null),
            json!(DIGEST),
            json!([DIGEST]),
            json!({"jkt": null}),
            json!({"jkt": ""}),
            json!({"jkt": [DIGEST]}),
            json!({"jkt": &DIGEST[1..]}),
            json!({"jkt": format!("{DIGEST}=")}),
            json!({"jkt": DIGEST.replace("4I", "4J")}),
            json!({"jkt": DIGEST.replace('-', "+")}),
            json!({"JKT": DIGEST}),
            json!({"jwk": {"kty": "EC"}}),
            json!({"kid": "a"}),
            json!({"x5t": DIGEST}),
            json!({"jkt": DIGEST, "kid": "a"}),
            json!({"x5t#S256": DIGEST, "x5u": "https://a"}),
        ] {
            check(odd, Err(TokenError::Bound));
        }
        assert_eq!(Binding::read(&Members::default()), Ok(None));
    }

    #[test]
    fn both_bindings_need_both_proofs() {
        let accepted = |key, certificate, dpop, mtls| {
            let digest = |is: bool| is.then_some(DIGEST);
            let binding = Binding {
                key: digest(key),
                certificate: digest(certificate),
            };
            binding.is_accepted(Proofs {
                dpop,
                mtls,
                required: false,
            })
        };
        assert!(accepted(true, false, true, false));
        assert!(!accepted(true, false, false, true));
        assert!(accepted(false, true, false, true));
        assert!(!accepted(false, true, true, false));
        assert!(accepted(true, true, true, true));
        assert!(!accepted(true, true, true, false));
        assert!(!accepted(true, true, false, true));
    }
}
