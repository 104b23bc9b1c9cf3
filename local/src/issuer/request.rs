//! Decides on a token request: which scope it gets, or which OAuth error.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use thiserror::Error;

use super::{CLIENT_ID, CLIENT_SECRET, DEFAULT_SCOPE};

/// The longest scope: a token with it still fits the gateway's headers.
const MAX_SCOPE_BYTES: usize = 1024;

/// Why a token request is refused; the messages are `error_description`s.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum RequestError {
    #[error("the parameter `{0}` is there twice")]
    Repeated(String),
    #[error("the parameter `grant_type` is missing")]
    NoGrantType,
    #[error("this issuer knows the grant `client_credentials` alone")]
    GrantType,
    #[error("the client is not `tollgate` with its secret `tollgate`")]
    Client,
    #[error(
        "a scope is words of printable ASCII without `\"` and `\\`, {MAX_SCOPE_BYTES} bytes at most"
    )]
    Scope,
}

impl RequestError {
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Client => 401,
            Self::Repeated(_) | Self::NoGrantType | Self::GrantType | Self::Scope => 400,
        }
    }

    pub(super) fn body(&self) -> Value {
        let error = match self {
            Self::Repeated(_) | Self::NoGrantType => "invalid_request",
            Self::GrantType => "unsupported_grant_type",
            Self::Client => "invalid_client",
            Self::Scope => "invalid_scope",
        };
        json!({"error": error, "error_description": self.to_string()})
    }
}

/// The scope to grant to a request with this `Authorization` header and body.
pub(super) fn granted_scope(
    authorization: Option<&str>,
    body: &[u8],
) -> Result<String, RequestError> {
    let parameters = parameters(body)?;
    let parameter = |name: &str| parameters.get(name).map(String::as_str);
    let grant_type = parameter("grant_type").ok_or(RequestError::NoGrantType)?;
    let client = match authorization {
        Some(header) => basic(header),
        None => parameter("client_id")
            .zip(parameter("client_secret"))
            .map(|(id, secret)| (id.to_owned(), secret.to_owned())),
    };
    if client
        .as_ref()
        .map(|(id, secret)| (id.as_str(), secret.as_str()))
        != Some((CLIENT_ID, CLIENT_SECRET))
    {
        return Err(RequestError::Client);
    }
    if grant_type != "client_credentials" {
        return Err(RequestError::GrantType);
    }
    scope(parameter("scope").unwrap_or(DEFAULT_SCOPE))
}

fn parameters(body: &[u8]) -> Result<BTreeMap<String, String>, RequestError> {
    let mut parameters = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        if parameters
            .insert(name.to_string(), value.into_owned())
            .is_some()
        {
            return Err(RequestError::Repeated(name.into_owned()));
        }
    }
    Ok(parameters)
}

/// `Basic`, with id and secret form-encoded before they were joined (RFC 6749, 2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, value) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let joined = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    let (id, secret) = joined.split_once(':')?;
    Some((form_decoded(id), form_decoded(secret)))
}

fn form_decoded(text: &str) -> String {
    form_urlencoded::parse(text.as_bytes())
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}

fn scope(scope: &str) -> Result<String, RequestError> {
    let allowed = |byte: u8| matches!(byte, b' ' | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    if scope.len() > MAX_SCOPE_BYTES || !scope.bytes().all(allowed) {
        return Err(RequestError::Scope);
    }
    Ok(scope.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &str = "grant_type=client_credentials&client_id=tollgate&client_secret=tollgate";

    #[track_caller]
    fn check(authorization: Option<&str>, body: &str, expected: Result<&str, RequestError>) {
        assert_eq!(
            granted_scope(authorization, body.as_bytes()),
            expected.map(str::to_owned),
            "{body}"
        );
    }

    #[test]
    fn the_scope_asked_for_is_granted_and_predict_by_default() {
        check(None, CLIENT, Ok("predict"));
        check(None, &format!("{CLIENT}&scope=other"), Ok("other"));
        check(
            None,
            &format!("{CLIENT}&scope=predict+predict%3Awine"),
            Ok("predict predict:wine"),
        );
        check(None, &format!("{CLIENT}&scope="), Ok(""));
        check(
            None,
            &format!("{CLIENT}&scope=a%22b"),
            Err(RequestError::Scope),
        );
        check(
            None,
            &format!("{CLIENT}&scope=%C3%A9"),
            Err(RequestError::Scope),
        );
        check(
            None,
            &format!("{CLIENT}&scope={}", "a".repeat(1024)),
            Ok(&"a".repeat(1024)),
        );
        check(
            None,
            &format!("{CLIENT}&scope={}", "a".repeat(1025)),
            Err(RequestError::Scope),
        );
    }

    #[test]
    fn the_client_proves_itself_in_header_or_body() {
        let body = "grant_type=client_credentials";
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        check(Some(&basic("tollgate:tollgate")), body, Ok("predict"));
        check(Some(&basic("toll%67ate:tollgate")), body, Ok("predict"));
        check(
            Some(&basic("tollgate:wrong")),
            body,
            Err(RequestError::Client),
        );
        check(Some(&basic("tollgate")), body, Err(RequestError::Client));
        check(Some("Bearer x"), CLIENT, Err(RequestError::Client));
        check(None, body, Err(RequestError::Client));
        check(
            None,
            &format!("{body}&client_id=tollgate"),
            Err(RequestError::Client),
        );
        check(
            None,
            &format!("{body}&client_id=other&client_secret=tollgate"),
            Err(RequestError::Client),
        );
    }

    #[test]
    fn other_grants_and_unclear_requests_are_refused() {
        check(None, "", Err(RequestError::NoGrantType));
        let password = CLIENT.replace("client_credentials", "password");
        check(None, &password, Err(RequestError::GrantType));
        check(
            None,
            &format!("{CLIENT}&scope=a&scope=b"),
            Err(RequestError::Repeated("scope".to_owned())),
        );
    }
}
