//! One request to a token endpoint, and what its answer says.

use std::fmt;

use reqwest::Client as HttpClient;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::credentials::Client;
use super::{MAX_ANSWER_BYTES, TokenError};
use crate::web::{self, SafeUrl};

/// The longest text of an issuer's that is shown.
const MAX_SHOWN_CHARACTERS: usize = 300;

/// An endpoint where the client proves who it is.
#[derive(Debug)]
pub(super) struct Endpoint<'a> {
    pub(super) http: &'a HttpClient,
    pub(super) url: SafeUrl,
    pub(super) client: &'a Client,
    /// Whether the secret goes into the form, and not into a header.
    pub(super) in_body: bool,
}

/// What an endpoint answered: what was asked for, or an OAuth error.
#[derive(Debug)]
pub(super) enum Reply<T> {
    Granted(T),
    Refused(Refused),
}

/// An OAuth error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its code, such as `invalid_client`.
    pub error: String,
    /// The issuer's own words.
    pub description: Option<String>,
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`", self.error)?;
        self.description
            .as_ref()
            .map_or(Ok(()), |description| write!(formatter, " ({description})"))
    }
}

/// A token, as granted.
#[derive(Debug, Deserialize)]
pub(super) struct Granted {
    access_token: String,
}

impl Reply<Granted> {
    pub(super) fn token(self) -> Result<String, Refused> {
        match self {
            Self::Granted(granted) => Ok(granted.access_token),
            Self::Refused(refused) => Err(refused),
        }
    }
}

impl Endpoint<'_> {
    /// Sends a form, with the client's proof.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        form: &[(&'static str, String)],
    ) -> Result<Reply<T>, TokenError> {
        let mut form = form.to_vec();
        let mut request = self
            .http
            .post(self.url.url().clone())
            .header("accept", "application/json");
        match &self.client.secret {
            Some(secret) if !self.in_body => {
                request = request.basic_auth(
                    form_encoded(&self.client.id),
                    Some(form_encoded(secret.reveal())),
                );
            }
            secret => {
                form.push(("client_id", self.client.id.clone()));
                form.extend(
                    secret
                        .as_ref()
                        .map(|secret| ("client_secret", secret.reveal().to_owned())),
                );
            }
        }
        let answer = web::send(request.form(&form), MAX_ANSWER_BYTES)
            .await
            .map_err(|source| TokenError::Unreachable {
                url: self.url.to_string(),
                hint: "try again",
                source,
            })?;
        read(answer.status, &answer.body).ok_or_else(|| TokenError::NoAnswer {
            url: self.url.to_string(),
            status: answer.status,
        })
    }
}

/// Id and secret are form-encoded before they are joined (RFC 6749, 2.3.1).
fn form_encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn read<T: DeserializeOwned>(status: u16, body: &[u8]) -> Option<Reply<T>> {
    #[derive(Deserialize)]
    struct OAuthError {
        error: String,
        error_description: Option<String>,
    }

    if status == 200 {
        return serde_json::from_slice(body).ok().map(Reply::Granted);
    }
    let error: OAuthError = serde_json::from_slice(body).ok()?;
    let description = error.error_description.as_deref().map(printable);
    Some(Reply::Refused(Refused {
        error: printable(&error.error),
        description,
    }))
}

/// An issuer's text, made safe for a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(MAX_SHOWN_CHARACTERS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, expected: Option<Result<&str, &str>>) {
        let reply = read::<Granted>(status, body.as_bytes()).map(Reply::token);
        let reply = reply.map(|token| token.map_err(|refused| refused.to_string()));
        assert_eq!(
            reply
                .as_ref()
                .map(|r| r.as_ref().map(String::as_str).map_err(String::as_str)),
            expected
        );
    }

    #[test]
    fn an_answer_is_a_token_an_oauth_error_or_neither() {
        check(
            200,
            r#"{"access_token": "a.b.c", "token_type": "Bearer"}"#,
            Some(Ok("a.b.c")),
        );
        check(
            400,
            r#"{"error": "invalid_grant"}"#,
            Some(Err("`invalid_grant`")),
        );
        check(
            401,
            r#"{"error": "invalid_client", "error_description": "no\u001b[31m such\nclient"}"#,
            Some(Err("`invalid_client` (no[31m suchclient)")),
        );
        check(200, "{}", None);
        check(200, r#"{"error": "x"}"#, None);
        check(500, "<html>", None);
        check(302, "", None);
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(printable(&"a".repeat(301)).len(), 300);
        assert_eq!(printable(&"a".repeat(300)).len(), 300);
    }
}
