//! What an issuer says of a token it is asked about (RFC 7662 section 2.2): neither more nor less is believed
//! than of the claims of a signed one. Asking is `endpoint`'s business, remembering is `cache`'s.

mod cache;
mod calls;
mod endpoint;
mod failure;
mod turns;

use std::time::SystemTime;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::caller::Caller;
use crate::claims::{Check, Claims};
use crate::json::{self, Members};
use crate::token::TokenError;
use crate::verify::{Trust, seconds};
pub(crate) use cache::{AnswerCache, MAX_REMEMBERED};
pub(crate) use endpoint::{Introspector, Settings};

/// Longest opaque token. Those of issuers have 20 to 2,000 bytes.
pub(crate) const MAX_OPAQUE_BYTES: usize = 4096;
/// `token_type` of access tokens (RFC 6750 section 6.1.1, RFC 9449 section 12.2), in lower case.
const TOKEN_TYPES: [&str; 2] = ["bearer", DPOP];
const DPOP: &str = "dpop";

/// Which tokens an issuer is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Those that are no JSON Web Tokens.
    Opaque,
    /// JSON Web Tokens, after all else has been checked; no others are accepted.
    Jwt,
    /// Both.
    All,
}

impl Asked {
    pub(crate) fn opaque(self) -> bool {
        match self {
            Self::Opaque | Self::All => true,
            Self::Jwt => false,
        }
    }

    pub(crate) fn jwt(self) -> bool {
        match self {
            Self::Jwt | Self::All => true,
            Self::Opaque => false,
        }
    }
}

/// An issuer's answer about one token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// The token is good as far as the issuer knows, and means this.
    Active(Map<String, Value>),
    /// The token is unknown, ended, revoked, or none of the asker's business.
    Inactive,
}

/// Why an answer says nothing. It is not quoted: it may hold claims.
#[derive(Debug, Error)]
pub(crate) enum AnswerError {
    #[error("the answer is not one JSON object without duplicate members")]
    Json,
    #[error("the answer has no `active` that is true or false")]
    Active,
}

impl Answer {
    /// Reads the body of an answer.
    pub(crate) fn read(body: &[u8]) -> Result<Self, AnswerError> {
        let mut members = json::object(body).map_err(|_| AnswerError::Json)?;
        match members.remove("active") {
            Some(Value::Bool(true)) => Ok(Self::Active(members)),
            Some(Value::Bool(false)) => Ok(Self::Inactive),
            Some(
                Value::Null
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_)
                | Value::Object(_),
            )
            | None => Err(AnswerError::Active),
        }
    }

    /// What the token means, if it is active.
    pub(crate) fn active(self) -> Result<Map<String, Value>, TokenError> {
        match self {
            Self::Active(members) => Ok(members),
            Self::Inactive => Err(TokenError::Inactive),
        }
    }
}

/// Whether a text can be an opaque token: `b64token` of RFC 6750 section 2.1, and bounded.
pub(crate) fn check_opaque(token: &str) -> Result<(), TokenError> {
    let body = token.trim_end_matches('=');
    let of_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    if body.is_empty() || !body.bytes().all(of_alphabet) || token.len() > MAX_OPAQUE_BYTES {
        return Err(TokenError::Opaque);
    }
    Ok(())
}

/// The claims of an opaque token, to be checked like those of a signed one. An answer need not repeat who
/// gives it: then it is of the issuer that was asked.
pub(crate) fn claims(mut answer: Map<String, Value>, trust: &Trust) -> Result<Members, TokenError> {
    check_type(&answer)?;
    // Ory Hydra's word for what Cognito calls `access`.
    if answer
        .get("token_use")
        .is_some_and(|name| name == "access_token")
    {
        answer.remove("token_use");
    }
    let issuer = || Value::String(trust.issuer.clone());
    answer.entry("iss").or_insert_with(issuer);
    Ok(Members::from(&answer))
}

/// Issuers answer about refresh tokens as well: the hint in the question binds none of them.
fn check_type(answer: &Map<String, Value>) -> Result<(), TokenError> {
    let name = match answer.get("token_type") {
        None => return Ok(()),
        Some(Value::String(name)) => name.to_ascii_lowercase(),
        Some(_) => return Err(TokenError::Claim("token_type")),
    };
    if !TOKEN_TYPES.contains(&name.as_str()) {
        return Err(TokenError::NotAccessToken);
    }
    if name == DPOP && !answer.contains_key("cnf") {
        return Err(TokenError::Bound);
    }
    Ok(())
}

/// Whether an answer about a signed token is about the token that has been verified: what it repeats must be
/// the same, and what it leaves out has been checked in the token. Answers until when the token is accepted:
/// an issuer may say that it ends earlier than it was made to.
pub(crate) fn agree(
    answer: &Map<String, Value>,
    caller: &Caller,
    trust: &Trust,
    now: SystemTime,
) -> Result<u64, TokenError> {
    check_type(answer)?;
    let members = Members::from(answer);
    let claims = Claims::new(&members, trust, seconds(now));
    let repeated = [
        ("iss", Check::Issuer),
        ("aud", Check::Audience),
        ("exp", Check::Expiry),
    ];
    for (name, check) in repeated {
        if answer.contains_key(name) {
            check.run(&claims)?;
        }
    }
    let of_client = caller.client_id();
    let clients = ["azp", "client_id"].map(|name| {
        let named = caller.claims().text(name);
        (name, named.or(of_client))
    });
    let same = |(name, verified): (&str, Option<&str>)| {
        let repeated = answer.get(name);
        repeated.is_none_or(|repeated| verified.is_none_or(|verified| repeated == verified))
    };
    let cnf = members.get("cnf");
    let same_binding = cnf.is_none_or(|cnf| caller.claims().get("cnf") == Some(cnf));
    if same_binding && same(("sub", caller.subject())) && clients.into_iter().all(same) {
        return match answer.contains_key("exp") {
            true => Ok(claims.accepted_until()?.min(caller.accepted_until)),
            false => Ok(caller.accepted_until),
        };
    }
    Err(TokenError::Disagreement)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::algorithm::Algorithm;
    use crate::profile::Profile;
    use crate::proof::Proofs;
    use crate::support::{AUDIENCE, ISSUER, good_claims, with};
    use crate::verify::accept;

    const NOW: u64 = 1_800_000_000;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
    }

    fn trust() -> Trust {
        Trust {
            issuer: ISSUER.to_owned(),
            profile: Profile::Generic,
            audiences: vec![AUDIENCE.to_owned()],
            algorithms: Algorithm::ALL.to_vec(),
            clients: None,
            token_types: None,
            leeway: Duration::from_secs(30),
            max_age: None,
            proofs: Proofs::default(),
        }
    }

    fn members(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[track_caller]
    fn read(body: &str, expected: Option<Answer>) {
        assert_eq!(Answer::read(body.as_bytes()).ok(), expected, "{body}");
    }

    #[test]
    fn only_true_and_false_are_answers() {
        read(r#"{"active": false, "sub": "x"}"#, Some(Answer::Inactive));
        let active = Answer::Active(members(json!({"sub": "x"})));
        read(r#"{"active": true, "sub": "x"}"#, Some(active));
        for odd in [
            "",
            "{}",
            "true",
            "[]",
            "<html>",
            r#"{"active": "true"}"#,
            r#"{"active": 1}"#,
            r#"{"active": null}"#,
            r#"{"active": false, "active": true}"#,
            r#"{"active": true} x"#,
            "eyJhbGciOiJSUzI1NiJ9.e30.c2ln",
        ] {
            read(odd, None);
        }
    }

    #[track_caller]
    fn opaque(token: &str, good: bool) {
        assert_eq!(check_opaque(token).is_ok(), good, "{token}");
    }

    #[test]
    fn opaque_tokens_have_an_alphabet_and_a_length() {
        opaque("2YotnFZFEjr1zCsicMWpAA", true);
        opaque("ory_at_a.b-c~d+e/f==", true);
        opaque(&"a".repeat(MAX_OPAQUE_BYTES), true);
        opaque(&"a".repeat(MAX_OPAQUE_BYTES + 1), false);
        for odd in [
            "",
            "==",
            "a=b",
            "a b",
            "a&token=b",
            "a%20",
            "é",
            "a\0",
            "a\"",
        ] {
            opaque(odd, false);
        }
    }

    #[track_caller]
    fn meant(answer: Value, expected: Result<(), TokenError>) {
        let shown = answer.to_string();
        let claims = claims(members(answer), &trust());
        let found = claims.and_then(|claims| accept(claims, &trust(), now()));
        assert_eq!(found.map(|_| ()), expected, "{shown}");
    }

    #[track_caller]
    fn check(name: &str, value: Value, expected: Result<(), TokenError>) {
        meant(with(good_claims(NOW), name, value), expected);
    }

    #[test]
    fn an_answer_is_checked_like_claims() {
        check("iss", json!(null), Ok(()));
        check(
            "iss",
            json!("https://other.example"),
            Err(TokenError::Issuer),
        );
        check("iss", json!([ISSUER]), Err(TokenError::Claim("iss")));
        check("aud", json!(null), Err(TokenError::Claim("aud")));
        check("aud", json!("other"), Err(TokenError::Audience));
        check("exp", json!(null), Err(TokenError::Claim("exp")));
        check("exp", json!(NOW - 30), Err(TokenError::Expired));
        check("nbf", json!(NOW + 31), Err(TokenError::NotYetValid));
        check("typ", json!("Refresh"), Err(TokenError::NotAccessToken));
        check("cnf", json!({"jkt": "x"}), Err(TokenError::Bound));
        check("scope", json!(1), Err(TokenError::Claim("scope")));
        let client = with(good_claims(NOW), "sub", json!(null));
        meant(client.clone(), Err(TokenError::Claim("sub")));
        meant(with(client, "client_id", json!("c")), Ok(()));
    }

    #[test]
    fn other_kinds_of_tokens_are_known_by_their_type() {
        let other = Err(TokenError::NotAccessToken);
        check("token_type", json!("bEARER"), Ok(()));
        check("token_type", json!("refresh_token"), other);
        check("token_type", json!(""), other);
        check("token_type", json!(1), Err(TokenError::Claim("token_type")));
        check("token_type", json!("DPoP"), Err(TokenError::Bound));
        check("token_use", json!("access_token"), Ok(()));
        check("token_use", json!("refresh_token"), other);
    }

    #[track_caller]
    fn repeated(answer: Value, expected: Result<(), TokenError>) {
        let claims = with(good_claims(NOW), "azp", json!("app"));
        let caller = accept(Members::from(&members(claims)), &trust(), now()).unwrap();
        let found = agree(&members(answer.clone()), &caller, &trust(), now());
        assert_eq!(found.map(|_| ()), expected, "{answer}");
    }

    #[test]
    fn what_an_answer_repeats_of_a_signed_token_is_the_same() {
        let other = Err(TokenError::Disagreement);
        repeated(json!({}), Ok(()));
        repeated(with(good_claims(NOW), "client_id", json!("app")), Ok(()));
        repeated(json!({"sub": "user-2"}), other);
        repeated(json!({"sub": null}), other);
        repeated(json!({"client_id": "other"}), other);
        repeated(json!({"cnf": {"jkt": "x"}}), other);
        repeated(json!({"cnf": null}), other);
        repeated(json!({"azp": "other", "client_id": "app"}), other);
        repeated(
            json!({"iss": "https://other.example"}),
            Err(TokenError::Issuer),
        );
        repeated(json!({"aud": ["other"]}), Err(TokenError::Audience));
        repeated(json!({"aud": ["other", AUDIENCE]}), Ok(()));
        repeated(json!({"exp": NOW - 30}), Err(TokenError::Expired));
        repeated(json!({"exp": "soon"}), Err(TokenError::Claim("exp")));
        repeated(
            json!({"token_type": "refresh"}),
            Err(TokenError::NotAccessToken),
        );
    }

    #[test]
    fn a_token_ends_when_token_or_answer_say_so() {
        let caller = accept(Members::from(&members(good_claims(NOW))), &trust(), now()).unwrap();
        for (expires_at, until) in [(60, 90), (600, 630), (6_000, 630)] {
            let answer = members(json!({"exp": NOW + expires_at}));
            let found = agree(&answer, &caller, &trust(), now());
            assert_eq!(found, Ok(NOW + until), "{expires_at}");
        }
    }

    #[test]
    fn an_answer_may_say_more_than_the_token() {
        let claims = with(
            with(good_claims(NOW), "sub", json!(null)),
            "azp",
            json!("app"),
        );
        let caller = accept(Members::from(&members(claims)), &trust(), now()).unwrap();
        let answer = members(json!({"sub": "user-1", "username": "a"}));
        let until = agree(&answer, &caller, &trust(), now());
        assert_eq!(until, Ok(caller.accepted_until));
    }
}
