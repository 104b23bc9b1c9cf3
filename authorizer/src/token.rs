//! A token as it arrives: the credential in a header value, its compact form (RFC 7515 section 7.1)
//! and what it says of itself. Nothing here is verified; `verify` takes it from there.

use std::fmt;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::Simd;
use base64::engine::general_purpose::NO_PAD;
use memchr::{memchr_iter, memchr3};
use thiserror::Error;

use crate::algorithm::Algorithm;
use crate::json::{Members, View};
use crate::proof::ProofError;

/// Made once: it asks which instructions the processor has.
static BASE64URL: LazyLock<Simd> = LazyLock::new(|| Simd::url_safe(NO_PAD));

/// Longest token that is looked at. API Gateway takes 10,240 bytes of headers in all.
pub const MAX_TOKEN_BYTES: usize = 10_240;

/// Why a token is refused. The names are for logs and metrics: the client sees `Unauthorized`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenError {
    /// There is no credential in the request.
    #[error("no token")]
    Missing,
    /// More than one credential: which of them counts would be a guess.
    #[error("more than one credential")]
    SeveralCredentials,
    /// The credential's scheme is neither `Bearer` nor `DPoP`.
    #[error("the authorization scheme is neither `Bearer` nor `DPoP`")]
    Scheme,
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// Not three parts between dots: an opaque token, or no token at all.
    #[error(
        "not a JSON Web Token but an opaque one, if a token at all; Auth0 gives one to a client that asks without `audience`: ask the issuer with an audience"
    )]
    NotCompact,
    /// Five parts: a JSON Web Encryption.
    #[error(
        "the token is encrypted, so only its issuer can read it; Auth0 gives one to a client that asks without `audience`: ask with the audience of this API, and for a signed one"
    )]
    Encrypted,
    /// A part is not canonical base64url without padding.
    #[error("a part of the token is not canonical base64url")]
    Base64,
    /// Header or claims are not one JSON object without duplicate members.
    #[error("header or claims are not a JSON object without duplicate members")]
    Json,
    /// `alg` is missing, unknown, or none that this issuer may use.
    #[error("the algorithm is not accepted")]
    Algorithm,
    /// `crit` or `b64`: extensions that are not understood must not be skipped.
    #[error("the header has a critical extension")]
    CriticalHeader,
    /// Header `typ` is not one of an access token.
    #[error("the header type is not that of an access token")]
    HeaderType,
    /// No configured issuer has this `iss`.
    #[error("the issuer is not trusted")]
    Issuer,
    /// The issuer has published no such key.
    #[error("the issuer has no such key")]
    Key,
    /// The key is not for this algorithm.
    #[error("the key is not for this algorithm")]
    KeyAlgorithm,
    /// No `kid`, and several keys for this algorithm.
    #[error("the token names no key, and several of the issuer's would fit")]
    KeyAmbiguous,
    /// A token for Microsoft Graph: its signature covers another header than the one that was sent.
    #[error(
        "a `nonce` in the header marks a token for Microsoft Graph, which nobody else can verify; ask for a scope of this API"
    )]
    GraphToken,
    /// The signature does not verify.
    #[error("the signature does not match")]
    Signature,
    /// `aud` is missing, mistyped, or names none of the configured audiences.
    #[error("the token is for another audience")]
    Audience,
    /// `exp` is past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` lies in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iat` is further back than the configured maximum age.
    #[error("the token is older than accepted")]
    TooOld,
    /// A claim that must be there is missing, or a claim has the wrong type.
    #[error("the claim `{0}` is missing or has the wrong type")]
    Claim(&'static str),
    /// An ID, refresh, offline or logout token.
    #[error("not an access token")]
    NotAccessToken,
    /// `cnf`: a token bound to a key proves nothing without a proof that is understood and accepted.
    #[error("the token is bound to a key, with a proof that is not accepted for its issuer")]
    Bound,
    /// No `cnf`, and the issuer's tokens must have one.
    #[error("the token is bound to no key, and only bound ones are accepted for its issuer")]
    Unbound,
    /// The request does not prove possession of what the token is bound to.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// `azp` or `client_id` is not on the issuer's list of clients.
    #[error("the client is not accepted")]
    Client,
    /// Neither a JSON Web Token nor a text that an opaque token can be.
    #[error("neither a JSON Web Token nor a `b64token` of RFC 6750, or too long for one")]
    Opaque,
    /// The issuer says that the token is not active.
    #[error("the issuer says that the token is not active")]
    Inactive,
    /// The token is on the denylist.
    #[error("the token is on the denylist")]
    Revoked,
    /// The issuer's answer is about another subject or client than the token.
    #[error("the issuer's answer is about another subject or client")]
    Disagreement,
}

impl TokenError {
    /// The reason code: stable, for logs, metrics and alarms.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "token_missing",
            Self::SeveralCredentials => "several_credentials",
            Self::Scheme => "scheme",
            Self::TooLong => "token_too_long",
            Self::NotCompact => "not_a_jwt",
            Self::Encrypted => "token_encrypted",
            Self::Base64 => "base64",
            Self::Json => "json",
            Self::Algorithm => "algorithm",
            Self::CriticalHeader => "critical_header",
            Self::HeaderType => "header_type",
            Self::Issuer => "issuer_unknown",
            Self::Key => "key_unknown",
            Self::KeyAlgorithm => "key_algorithm",
            Self::KeyAmbiguous => "key_ambiguous",
            Self::GraphToken => "microsoft_graph_token",
            Self::Signature => "signature",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::TooOld => "too_old",
            Self::Claim(_) => "claim",
            Self::NotAccessToken => "not_an_access_token",
            Self::Bound => "bound_token",
            Self::Unbound => "unbound_token",
            Self::Proof(error) => error.code(),
            Self::Client => "client",
            Self::Opaque => "opaque_malformed",
            Self::Inactive => "inactive",
            Self::Revoked => "revoked",
            Self::Disagreement => "introspection_mismatch",
        }
    }
}

/// How a token is presented. Whether the scheme fits the token is `proof`'s business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 6750 section 2.1.
    Bearer,
    /// RFC 9449 section 7.1.
    DPoP,
}

impl fmt::Display for Scheme {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Bearer => "Bearer",
            Self::DPoP => "DPoP",
        })
    }
}

/// The token of one `Authorization` header value with its scheme, or of a cookie or query parameter, where
/// it is a plain bearer token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BearerToken<'a>(&'a str, Scheme);

impl<'a> BearerToken<'a> {
    /// Reads a header value (RFC 6750 section 2.1). The scheme is case-insensitive (RFC 9110
    /// section 11.1); gateways join repeated headers with commas, which no token contains.
    pub fn from_header(value: &'a str) -> Result<Self, TokenError> {
        if value.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let value = value.trim_matches([' ', '\t']);
        if value.is_empty() {
            return Err(TokenError::Missing);
        }
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        let scheme = if scheme.eq_ignore_ascii_case("bearer") {
            Scheme::Bearer
        } else if scheme.eq_ignore_ascii_case("dpop") {
            Scheme::DPoP
        } else if value.contains(',') {
            return Err(TokenError::SeveralCredentials);
        } else {
            return Err(TokenError::Scheme);
        };
        match token.trim_start_matches(' ') {
            "" => Err(TokenError::Missing),
            token if memchr3(b',', b' ', b'\t', token.as_bytes()).is_some() => {
                Err(TokenError::SeveralCredentials)
            }
            token => Ok(Self(token, scheme)),
        }
    }

    /// The scheme that it came with.
    pub fn scheme(&self) -> Scheme {
        self.1
    }

    /// Reads the value of a cookie or of a query parameter, which has no scheme. Gateways join repeated
    /// parameters with commas.
    pub fn bare(value: &'a str) -> Result<Self, TokenError> {
        match value {
            value if value.len() > MAX_TOKEN_BYTES => Err(TokenError::TooLong),
            "" => Err(TokenError::Missing),
            value if value.contains([',', ' ', '\t']) => Err(TokenError::SeveralCredentials),
            value => Ok(Self(value, Scheme::Bearer)),
        }
    }

    /// A proof, which has the form of a token (RFC 9449 section 4.2).
    pub(crate) fn proof(value: &'a str) -> Self {
        Self(value, Scheme::DPoP)
    }

    /// The token's text, for digests alone.
    pub(crate) fn as_str(&self) -> &'a str {
        self.0
    }
}

/// What a token says of itself, before any of it may be believed.
#[derive(Debug, Clone, PartialEq)]
pub struct UnverifiedToken<'a> {
    /// The header, as far as it matters.
    pub header: Header,
    pub(crate) claims: Members,
    /// The first two parts with their dot: what the signature covers.
    pub(crate) signed: &'a str,
    pub(crate) signature: Vec<u8>,
}

/// The header, whose members decide how a token is verified (RFC 7515 section 4.1).
/// Keys and addresses of keys in a token's header (`jwk`, `jku`, `x5u`, `x5c`) are never read.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// `alg`.
    pub algorithm: Algorithm,
    members: Members,
}

impl<'a> UnverifiedToken<'a> {
    /// Takes the compact form apart. What is cheap to refuse is refused before the claims are decoded.
    pub fn parse(token: BearerToken<'a>) -> Result<Self, TokenError> {
        let text = token.0;
        let mut dots = memchr_iter(b'.', text.as_bytes());
        let (Some(first), Some(second)) = (dots.next(), dots.next()) else {
            return Err(TokenError::NotCompact);
        };
        // No more dots than it takes to tell: a token of dots alone must not cost anything either.
        match dots.take(3).count() {
            0 => {}
            2 => return Err(TokenError::Encrypted),
            _ => return Err(TokenError::NotCompact),
        }
        let part = |range| text.get(range).ok_or(TokenError::NotCompact);
        let (header, claims) = (part(0..first)?, part(first + 1..second)?);
        let (signed, signature) = (part(0..second)?, part(second + 1..text.len())?);
        let signature = decode(signature)?;
        Ok(Self {
            header: Header::of(object(header)?)?,
            claims: object(claims)?,
            signed,
            signature,
        })
    }

    /// The unverified `iss`: only good for choosing which issuer's keys to try.
    pub fn issuer(&self) -> Result<&str, TokenError> {
        let issuer = self.claims.text("iss");
        issuer.ok_or(TokenError::Claim("iss"))
    }
}

impl Header {
    pub(crate) fn of(members: Members) -> Result<Self, TokenError> {
        if members.contains("crit") || members.contains("b64") {
            return Err(TokenError::CriticalHeader);
        }
        let algorithm = members.text("alg").and_then(|name| name.parse().ok());
        let algorithm = algorithm.ok_or(TokenError::Algorithm)?;
        for name in ["kid", "typ"] {
            if !matches!(members.get(name), None | Some(View::String(_))) {
                return Err(TokenError::Claim(name));
            }
        }
        Ok(Self { algorithm, members })
    }

    /// `kid`.
    pub fn key_id(&self) -> Option<&str> {
        self.members.text("kid")
    }

    /// `typ`.
    pub fn kind(&self) -> Option<&str> {
        self.members.text("typ")
    }

    /// Whether there is a `nonce`, which no standard has there.
    pub fn has_nonce(&self) -> bool {
        self.members.contains("nonce")
    }

    /// `jwk`, which counts in a proof (RFC 9449 section 4.2) and nowhere else.
    pub(crate) fn key_of_proof(&self) -> Option<View<'_>> {
        self.members.get("jwk")
    }
}

fn object(part: &str) -> Result<Members, TokenError> {
    let text = String::from_utf8(decode(part)?).map_err(|_| TokenError::Json)?;
    Members::read(text).map_err(|_| TokenError::Json)
}

/// The engine refuses padding, other alphabets and non-zero trailing bits, so that a token has one form only.
fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    BASE64URL.decode(part).map_err(|_| TokenError::Base64)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[track_caller]
    fn header_value(value: &str, expected: Result<&str, TokenError>) {
        assert_eq!(
            BearerToken::from_header(value).map(|token| token.as_str()),
            expected,
            "{value}"
        );
    }

    #[test]
    fn one_bearer_credential_and_nothing_else() {
        header_value("Bearer a.b.c", Ok("a.b.c"));
        header_value("bEARER  a.b.c ", Ok("a.b.c"));
        header_value("", Err(TokenError::Missing));
        header_value("  ", Err(TokenError::Missing));
        header_value("Bearer", Err(TokenError::Missing));
        header_value("Bearer ", Err(TokenError::Missing));
        header_value("DPoP a.b.c", Ok("a.b.c"));
        header_value("Basic dXNlcjpwYXNz", Err(TokenError::Scheme));
        header_value("a.b.c", Err(TokenError::Scheme));
        header_value("Bearer\ta.b.c", Err(TokenError::Scheme));
        header_value("Bearér a.b.c", Err(TokenError::Scheme));
        header_value("Bearer a.b.c d.e.f", Err(TokenError::SeveralCredentials));
        header_value(
            "Bearer a.b.c, Bearer d.e.f",
            Err(TokenError::SeveralCredentials),
        );
    }

    #[test]
    fn the_scheme_is_kept() {
        let scheme = |value: &str| BearerToken::from_header(value).map(|token| token.scheme());
        assert_eq!(scheme("BEARER a"), Ok(Scheme::Bearer));
        assert_eq!(scheme("dpop a"), Ok(Scheme::DPoP));
        assert_eq!(scheme("dpop+jwt a"), Err(TokenError::Scheme));
    }

    #[test]
    fn length_is_bounded() {
        let longest = format!("Bearer {}", "a".repeat(MAX_TOKEN_BYTES - 7));
        assert!(BearerToken::from_header(&longest).is_ok());
        header_value(&format!("{longest}a"), Err(TokenError::TooLong));
    }

    #[track_caller]
    fn parsed(token: &str, expected: Result<(), TokenError>) {
        let found = UnverifiedToken::parse(BearerToken(token, Scheme::Bearer)).map(|_| ());
        assert_eq!(found, expected, "{token}");
    }

    fn token(header: &str, claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part(header), part(claims), part("signature"))
    }

    #[test]
    fn the_compact_form_is_strict() {
        let good = token(r#"{"alg":"RS256"}"#, "{}");
        parsed(&good, Ok(()));
        parsed("opaque", Err(TokenError::NotCompact));
        parsed("a.b", Err(TokenError::NotCompact));
        parsed("a.b.c.d", Err(TokenError::NotCompact));
        parsed("a.b.c.d.e", Err(TokenError::Encrypted));
        parsed("a.b.c.d.e.f", Err(TokenError::NotCompact));
        parsed(&format!("{good}="), Err(TokenError::Base64));
        parsed(&format!("{good}+/"), Err(TokenError::Base64));
        parsed("é.é.é", Err(TokenError::Base64));
        // "e30" is `{}`; "e31" decodes to the same bytes with trailing bits set.
        parsed(&good.replace(".e30.", ".e31."), Err(TokenError::Base64));
        parsed("..", Err(TokenError::Json));
    }

    /// Long parts are decoded many letters at a time: what is refused must not depend on that.
    #[test]
    fn long_parts_are_as_strict_as_short_ones() {
        let bytes: Vec<u8> = (0..=255).collect();
        for length in [47, 48, 49, 192, 254, 255, 256] {
            let bytes = bytes.get(..length).unwrap();
            let part = URL_SAFE_NO_PAD.encode(bytes);
            assert_eq!(decode(&part).as_deref(), Ok(bytes));
            for at in 0..part.len() {
                for other in (0..=127_u8).map(char::from).chain(['é', '\u{7ff}']) {
                    let mut text: Vec<_> = part.chars().collect();
                    text[at] = other;
                    let text: String = text.into_iter().collect();
                    let expected = URL_SAFE_NO_PAD.decode(&text);
                    let expected = expected.map_err(|_| TokenError::Base64);
                    assert_eq!(decode(&text), expected, "{text}");
                }
            }
        }
    }

    #[test]
    fn header_members_are_typed_and_extensions_refused() {
        let header = |header: &str, expected| parsed(&token(header, "{}"), expected);
        header(
            r#"{"alg":"ES256","kid":"1","typ":"at+jwt","jku":"x"}"#,
            Ok(()),
        );
        header(r#"{"alg":"none"}"#, Err(TokenError::Algorithm));
        header(r#"{"alg":"HS256"}"#, Err(TokenError::Algorithm));
        header(r#"{"alg":["RS256"]}"#, Err(TokenError::Algorithm));
        header("{}", Err(TokenError::Algorithm));
        header(
            r#"{"alg":"RS256","crit":["exp"]}"#,
            Err(TokenError::CriticalHeader),
        );
        header(
            r#"{"alg":"RS256","crit":[]}"#,
            Err(TokenError::CriticalHeader),
        );
        header(
            r#"{"alg":"RS256","b64":false}"#,
            Err(TokenError::CriticalHeader),
        );
        header(
            r#"{"alg":"RS256","b64":true}"#,
            Err(TokenError::CriticalHeader),
        );
        header(r#"{"alg":"RS256","kid":1}"#, Err(TokenError::Claim("kid")));
        header(
            r#"{"alg":"RS256","typ":null}"#,
            Err(TokenError::Claim("typ")),
        );
        header(r#"{"alg":"RS256","alg":"RS256"}"#, Err(TokenError::Json));
        header("[]", Err(TokenError::Json));
    }
}
