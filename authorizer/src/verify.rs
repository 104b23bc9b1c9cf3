//! The checks that turn an unverified token into a caller (RFC 9068 section 4, RFC 8725), in one order:
//! header, key, signature, then claims. Pure: the key and the time are arguments.

use std::time::{Duration, SystemTime};

use crate::algorithm::Algorithm;
use crate::caller::Caller;
use crate::claims::{Check, Claims};
use crate::json::Members;
use crate::keys::VerificationKey;
use crate::profile::Profile;
use crate::proof::Proofs;
use crate::token::{Header, TokenError, UnverifiedToken};

/// Header types of an access token if `token_types` is left out. A missing type is accepted as well.
pub(crate) const DEFAULT_TYPES: [&str; 2] = ["at+jwt", "jwt"];

/// What one issuer's tokens must fulfil.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// `iss`, compared exactly.
    pub issuer: String,
    /// Its make.
    pub profile: Profile,
    /// `aud` must name one of these. Empty for Cognito's ordinary tokens alone, which have no `aud`.
    pub audiences: Vec<String>,
    /// Accepted values of `alg`: ours to say, never the token's.
    pub algorithms: Vec<Algorithm>,
    /// Accepted values of `azp` or `client_id`; any if `None`.
    pub clients: Option<Vec<String>>,
    /// Accepted values of the header's `typ`, which then must be there.
    pub token_types: Option<Vec<String>>,
    /// Tolerance for clocks that differ, at `exp`, `nbf` and `iat`.
    pub leeway: Duration,
    /// Longest time since `iat`, which then must be there.
    pub max_age: Option<Duration>,
    /// What is accepted as proof for tokens that are bound to a key.
    pub proofs: Proofs,
}

impl Trust {
    /// The checks that need no key, before one is looked up for the token.
    pub fn check_header(&self, header: &Header) -> Result<(), TokenError> {
        self.check_algorithm(header)?;
        self.check_type(header)
    }

    pub(crate) fn check_algorithm(&self, header: &Header) -> Result<(), TokenError> {
        if self.algorithms.contains(&header.algorithm) {
            Ok(())
        } else {
            Err(TokenError::Algorithm)
        }
    }

    pub(crate) fn check_type(&self, header: &Header) -> Result<(), TokenError> {
        if header.has_nonce() && self.profile == Profile::Entra {
            return Err(TokenError::GraphToken);
        }
        let accepted = match (&self.token_types, header.kind()) {
            // Auth0 always says `JWT` or `at+jwt`.
            (None, None) => self.profile != Profile::Auth0,
            (None, Some(kind)) => DEFAULT_TYPES.iter().any(|name| same_type(name, kind)),
            (Some(_), None) => false,
            (Some(types), Some(kind)) => types.iter().any(|name| same_type(name, kind)),
        };
        if accepted {
            Ok(())
        } else {
            Err(TokenError::HeaderType)
        }
    }
}

/// Verifies the signature with `key`, then the claims at the time `now`, in the order of [`Check::ALL`].
pub fn verify(
    token: UnverifiedToken<'_>,
    key: &VerificationKey,
    trust: &Trust,
    now: SystemTime,
) -> Result<Caller, TokenError> {
    if !key.verifies(token.header.algorithm, token.signed, &token.signature) {
        return Err(TokenError::Signature);
    }
    accept(token.claims, trust, now)
}

/// Checks claims whose origin is proven.
pub fn accept(claims: Members, trust: &Trust, now: SystemTime) -> Result<Caller, TokenError> {
    let facts = Claims::new(&claims, trust, seconds(now));
    for check in Check::ALL {
        check.run(&facts)?;
    }
    let accepted = facts.accepted()?;
    Ok(Caller::new(claims, accepted))
}

/// Types are compared as media types without their `application/` (RFC 7515 section 4.1.9), in any case.
fn media_type(name: &str) -> &str {
    const PREFIX: &str = "application/";
    match name.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => name,
    }
}

fn same_type(one: &str, other: &str) -> bool {
    media_type(one).eq_ignore_ascii_case(media_type(other))
}

/// Seconds since 1970.
pub(crate) fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::claims::{LATEST_DATE, MAX_NAME_BYTES, OTHER_KINDS};
    use crate::keys::{KeySet, Selection};
    use crate::support::{self, AUDIENCE, ISSUER, Key, good_claims, with};
    use crate::token::BearerToken;

    const NOW: u64 = 1_800_000_000;

    fn trust() -> Trust {
        Trust {
            issuer: ISSUER.to_owned(),
            profile: Profile::Generic,
            audiences: vec![AUDIENCE.to_owned(), "second".to_owned()],
            algorithms: Algorithm::ALL.to_vec(),
            clients: None,
            token_types: None,
            leeway: Duration::from_secs(30),
            max_age: None,
            proofs: Proofs::default(),
        }
    }

    fn verified(token: &str, trust: &Trust) -> Result<Caller, TokenError> {
        let credential = format!("Bearer {token}");
        let token = UnverifiedToken::parse(BearerToken::from_header(&credential)?)?;
        trust.check_header(&token.header)?;
        let keys = KeySet::parse(support::key_set().to_string().as_bytes()).unwrap();
        match keys.select(token.header.key_id(), token.header.algorithm) {
            Selection::Key(key) => verify(
                token,
                key,
                trust,
                SystemTime::UNIX_EPOCH + Duration::from_secs(NOW),
            ),
            Selection::Unfit => Err(TokenError::KeyAlgorithm),
            Selection::Ambiguous => Err(TokenError::KeyAmbiguous),
            Selection::Unknown => Err(TokenError::Key),
        }
    }

    #[track_caller]
    fn under(trust: &Trust, claims: Value, expected: Result<(), TokenError>) {
        let found = verified(&support::token(&claims), trust).map(|_| ());
        assert_eq!(found, expected, "{claims}");
    }

    #[track_caller]
    fn check(name: &str, value: Value, expected: Result<(), TokenError>) {
        under(&trust(), with(good_claims(NOW), name, value), expected);
    }

    #[test]
    fn every_algorithm_verifies_with_its_key_and_no_other() {
        for algorithm in Algorithm::ALL {
            let right = match algorithm {
                Algorithm::Es256 => Key::P256,
                Algorithm::Es384 => Key::P384,
                Algorithm::EdDsa => Key::Ed25519,
                Algorithm::Rs256
                | Algorithm::Rs384
                | Algorithm::Rs512
                | Algorithm::Ps256
                | Algorithm::Ps384
                | Algorithm::Ps512 => Key::Rsa,
            };
            for key in Key::PUBLISHED {
                let header = json!({"alg": algorithm.name(), "kid": key.id()});
                let token = support::sign(right, algorithm.name(), &header, &good_claims(NOW));
                let found = verified(&token, &trust()).map(|_| ());
                let expected = if key == right {
                    Ok(())
                } else {
                    Err(TokenError::KeyAlgorithm)
                };
                assert_eq!(found, expected, "{algorithm} with {key:?}");
            }
        }
    }

    #[test]
    fn a_signature_covers_header_and_claims_and_is_of_the_named_key() {
        let good = support::token(&good_claims(NOW));
        let parts: Vec<_> = good.split('.').collect();
        let other = support::token(&with(good_claims(NOW), "sub", json!("user-2")));
        let others: Vec<_> = other.split('.').collect();
        let header = json!({"alg": "ES256", "kid": "p256"});
        let refused =
            |token: String| assert_eq!(verified(&token, &trust()), Err(TokenError::Signature));
        refused(format!("{}.{}.{}", parts[0], others[1], parts[2]));
        refused(format!("{}.{}.{}", parts[0], parts[1], others[2]));
        refused(format!("{}.{}.", parts[0], parts[1]));
        refused(support::sign(
            Key::Other,
            "ES256",
            &header,
            &good_claims(NOW),
        ));
        let unknown = json!({"alg": "ES256", "kid": "other"});
        let token = support::sign(Key::Other, "ES256", &unknown, &good_claims(NOW));
        assert_eq!(verified(&token, &trust()), Err(TokenError::Key));
    }

    #[test]
    fn only_configured_algorithms_and_types_are_accepted() {
        let typed = |kind: Value, trust: &Trust| {
            let header = with(json!({"alg": "ES256", "kid": "p256"}), "typ", kind);
            let token = support::sign(Key::P256, "ES256", &header, &good_claims(NOW));
            verified(&token, trust).map(|_| ())
        };
        let fewer = Trust {
            algorithms: vec![Algorithm::Rs256],
            ..trust()
        };
        assert_eq!(typed(json!("JWT"), &fewer), Err(TokenError::Algorithm));
        for kind in [
            json!(null),
            json!("JWT"),
            json!("jwt"),
            json!("at+jwt"),
            json!("application/at+jwt"),
        ] {
            assert_eq!(typed(kind, &trust()), Ok(()));
        }
        for kind in [
            "dpop+jwt",
            "logout+jwt",
            "id+jwt",
            "secevent+jwt",
            "application/jwt/x",
            "",
        ] {
            assert_eq!(
                typed(json!(kind), &trust()),
                Err(TokenError::HeaderType),
                "{kind}"
            );
        }
        let strict = Trust {
            token_types: Some(vec!["at+jwt".to_owned()]),
            ..trust()
        };
        assert_eq!(typed(json!("at+JWT"), &strict), Ok(()));
        assert_eq!(typed(json!("JWT"), &strict), Err(TokenError::HeaderType));
        assert_eq!(typed(json!(null), &strict), Err(TokenError::HeaderType));
    }

    #[test]
    fn issuer_and_audience_are_required_typed_and_exact() {
        let (issuer, audience) = (Err(TokenError::Claim("iss")), Err(TokenError::Claim("aud")));
        check("iss", json!(null), issuer);
        check("iss", json!([ISSUER]), issuer);
        check("iss", json!(format!("{ISSUER}/")), Err(TokenError::Issuer));
        check("aud", json!("second"), Ok(()));
        check("aud", json!(["other", AUDIENCE]), Ok(()));
        check("aud", json!("other"), Err(TokenError::Audience));
        check("aud", json!("ML-API"), Err(TokenError::Audience));
        check("aud", json!([]), Err(TokenError::Audience));
        check("aud", json!(""), Err(TokenError::Audience));
        check("aud", json!(null), audience);
        check("aud", json!([AUDIENCE, 1]), audience);
        check("aud", json!({AUDIENCE: true}), audience);
    }

    #[test]
    fn times_are_required_typed_and_have_one_leeway() {
        let (expired, early) = (Err(TokenError::Expired), Err(TokenError::NotYetValid));
        check("exp", json!(NOW - 29), Ok(()));
        check("exp", json!(NOW - 30), expired);
        check("exp", json!((NOW - 29) as f64 + 0.5), Ok(()));
        check("exp", json!((NOW - 30) as f64 + 0.5), expired);
        for odd in [
            json!(null),
            json!("1900000000"),
            json!(-1),
            json!(1e300),
            json!(true),
        ] {
            check("exp", odd, Err(TokenError::Claim("exp")));
        }
        check("exp", json!(LATEST_DATE), Ok(()));
        check("exp", json!(LATEST_DATE + 1), Err(TokenError::Claim("exp")));
        for start in ["nbf", "iat"] {
            check(start, json!(null), Ok(()));
            check(start, json!(NOW + 30), Ok(()));
            check(start, json!(NOW + 31), early);
            check(start, json!((NOW + 29) as f64 + 0.5), Ok(()));
            check(start, json!((NOW + 30) as f64 + 0.5), early);
            check(start, json!("now"), Err(TokenError::Claim(start)));
        }
    }

    #[test]
    fn a_maximum_age_requires_the_time_of_issue() {
        let trust = Trust {
            max_age: Some(Duration::from_secs(60)),
            ..trust()
        };
        let issued = |at: Value| with(good_claims(NOW), "iat", at);
        under(&trust, issued(json!(NOW - 90)), Ok(()));
        under(&trust, issued(json!(NOW - 91)), Err(TokenError::TooOld));
        under(&trust, issued(json!(null)), Err(TokenError::Claim("iat")));
    }

    #[test]
    fn tokens_of_other_kinds_are_refused() {
        let other = Err(TokenError::NotAccessToken);
        for kind in OTHER_KINDS {
            check("typ", json!(kind), other);
        }
        check("typ", json!("Bearer"), Ok(()));
        check("typ", json!(1), Err(TokenError::Claim("typ")));
        check("at_hash", json!("x"), other);
        check("c_hash", json!("x"), other);
        check("events", json!({}), other);
        check("nonce", json!("x"), Ok(()));
        check("token_use", json!("access"), Ok(()));
        check("token_use", json!("id"), other);
        check("token_use", json!(["access"]), other);
        check("cnf", json!({"jkt": "x"}), Err(TokenError::Bound));
    }

    #[test]
    fn clients_are_compared_wherever_the_token_names_one() {
        let trust = Trust {
            clients: Some(vec!["a".to_owned(), "b".to_owned()]),
            ..trust()
        };
        let named =
            |azp: Value, id: Value| with(with(good_claims(NOW), "azp", azp), "client_id", id);
        under(&trust, named(json!("a"), json!(null)), Ok(()));
        under(&trust, named(json!(null), json!("b")), Ok(()));
        under(&trust, named(json!("a"), json!("b")), Ok(()));
        under(
            &trust,
            named(json!("a"), json!("c")),
            Err(TokenError::Client),
        );
        under(
            &trust,
            named(json!("c"), json!("a")),
            Err(TokenError::Client),
        );
        under(
            &trust,
            named(json!(null), json!(null)),
            Err(TokenError::Client),
        );
        under(
            &trust,
            named(json!(["a"]), json!(null)),
            Err(TokenError::Claim("azp")),
        );
    }

    #[test]
    fn a_caller_has_a_name() {
        let claims = with(good_claims(NOW), "azp", json!("client"));
        let named = verified(&support::token(&claims), &trust()).unwrap();
        assert_eq!(
            (named.principal(), named.client_id()),
            ("user-1", Some("client"))
        );
        assert_eq!(named.accepted_until, NOW + 630);
        let machine =
            verified(&support::token(&with(claims, "sub", json!(null))), &trust()).unwrap();
        assert_eq!((machine.principal(), machine.subject()), ("client", None));
        check("sub", json!(null), Err(TokenError::Claim("sub")));
        check("sub", json!(""), Err(TokenError::Claim("sub")));
        check("sub", json!(7), Err(TokenError::Claim("sub")));
        check("sub", json!("\u{1}"), Err(TokenError::Claim("sub")));
        check("sub", json!("x".repeat(MAX_NAME_BYTES)), Ok(()));
        check(
            "sub",
            json!("x".repeat(MAX_NAME_BYTES + 1)),
            Err(TokenError::Claim("sub")),
        );
    }
}
