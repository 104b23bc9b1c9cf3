//! Keycloak's admin API over HTTP: signs in, and again when the token has run out, which it does after a minute.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, RequestBuilder};
use serde::Deserialize;
use serde_json::Value;

use super::KeycloakError;
use crate::token::{Secret, printable};
use crate::web::{self, Answer, SafeUrl};

/// The largest answer: the client scopes of a realm with hundreds of them.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// Who signs in.
#[derive(Debug)]
pub(super) enum Administrator {
    /// A client with a service account.
    Client(String, Secret),
    /// A person, by their password.
    User(String, Secret),
}

/// A server, and whom it knows as its administrator.
#[derive(Debug)]
pub(super) struct Admin {
    pub(super) http: Client,
    pub(super) url: SafeUrl,
    /// The realm of the administrator.
    pub(super) realm: String,
    pub(super) administrator: Administrator,
    pub(super) token: Option<Secret>,
}

impl Admin {
    /// `GET` under `/admin/realms`; nothing where the server has nothing.
    pub(super) async fn get(&mut self, path: &str) -> Result<Option<Value>, KeycloakError> {
        let answer = self.send(Method::GET, path, None).await?;
        match answer.status {
            200 => serde_json::from_slice(&answer.body)
                .map(Some)
                .map_err(|_| unexpected(Method::GET, path, &answer)),
            404 => Ok(None),
            _ => Err(unexpected(Method::GET, path, &answer)),
        }
    }

    /// Another call under `/admin/realms`, and what it answers, if anything.
    pub(super) async fn call(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Option<Value>, KeycloakError> {
        let answer = self.send(method.clone(), path, body).await?;
        match answer.status {
            200..=299 => Ok(serde_json::from_slice(&answer.body).ok()),
            _ => Err(unexpected(method, path, &answer)),
        }
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, KeycloakError> {
        let url = self.url.join(&format!("admin/realms{path}"))?;
        // Twice at most: the token may have run out since it was last used.
        let known = self.token.is_some();
        let answer = self.attempt(&method, &url, body).await?;
        if answer.status != 401 || !known {
            return Ok(answer);
        }
        self.token = None;
        self.attempt(&method, &url, body).await
    }

    async fn attempt(
        &mut self,
        method: &Method,
        url: &SafeUrl,
        body: Option<&Value>,
    ) -> Result<Answer, KeycloakError> {
        if self.token.is_none() {
            self.token = Some(self.sign_in().await?);
        }
        let mut request = self.http.request(method.clone(), url.url().clone());
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.reveal());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        exchange(request, url).await
    }

    async fn sign_in(&self) -> Result<Secret, KeycloakError> {
        #[derive(Deserialize)]
        struct Granted {
            access_token: String,
        }

        let realm = segment(&self.realm);
        let url = self
            .url
            .join(&format!("realms/{realm}/protocol/openid-connect/token"))?;
        let form = match &self.administrator {
            Administrator::Client(id, secret) => vec![
                ("grant_type", "client_credentials"),
                ("client_id", id),
                ("client_secret", secret.reveal()),
            ],
            Administrator::User(name, password) => vec![
                ("grant_type", "password"),
                ("client_id", "admin-cli"),
                ("username", name),
                ("password", password.reveal()),
            ],
        };
        let request = self.http.post(url.url().clone()).form(&form);
        let answer = exchange(request, &url).await?;
        let granted = serde_json::from_slice::<Granted>(&answer.body).ok();
        match granted.filter(|_| answer.status == 200) {
            Some(granted) => Ok(Secret::new(granted.access_token)),
            None => Err(KeycloakError::SignIn {
                url: url.to_string(),
                status: answer.status,
                reason: reason(&answer.body),
            }),
        }
    }
}

async fn exchange(request: RequestBuilder, url: &SafeUrl) -> Result<Answer, KeycloakError> {
    let answer = web::send(request, MAX_ANSWER_BYTES).await;
    answer.map_err(|source| KeycloakError::Unreachable {
        url: url.to_string(),
        source,
    })
}

/// What may stand in a path as it is (RFC 3986, 2.3): Keycloak refuses paths that escape it.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A name as one segment of a path.
pub(super) fn segment(name: &str) -> String {
    utf8_percent_encode(name, ESCAPED).to_string()
}

fn unexpected(method: Method, path: &str, answer: &Answer) -> KeycloakError {
    KeycloakError::Refused {
        call: format!("{method} {path}"),
        status: answer.status,
        reason: reason(&answer.body),
        advice: match answer.status {
            401 => {
                "; the administrator's token is not taken: is the clock right, and the address the one in the issuer?"
            }
            403 => {
                "; the administrator lacks a role: `create-realm` of the admin realm, or `manage-realm`, `manage-clients` and `manage-users` of this one"
            }
            404 => "; is this the address of a Keycloak, with its path if it has one?",
            _ => "",
        },
    }
}

/// Keycloak's own words, as far as there are any.
fn reason(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let words = ["errorMessage", "error_description", "error"];
    let found = words.iter().find_map(|name| body.get(name)?.as_str());
    found.map_or("no reason given".to_owned(), printable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_segment_of_a_path() {
        assert_eq!(segment("a b/c?d"), "a%20b%2Fc%3Fd");
        assert_eq!(segment("ml-models_1.0~"), "ml-models_1.0~");
    }

    #[test]
    fn a_reason_is_keycloaks_own() {
        assert_eq!(reason(br#"{"errorMessage": "no\u001b"}"#), "no");
        assert_eq!(
            reason(br#"{"error": "invalid_grant", "error_description": "wrong"}"#),
            "wrong"
        );
        assert_eq!(reason(br#"{"error": "invalid_grant"}"#), "invalid_grant");
        assert_eq!(reason(b"<html>"), "no reason given");
    }
}
