//! The issuer's discovery document: where tokens are, and how a client proves itself there.

use reqwest::Client;
use serde::Deserialize;

use super::{MAX_ANSWER_BYTES, TokenError};
use crate::web::{self, SafeUrl};

/// What is read of a discovery document.
#[derive(Debug, Deserialize)]
pub(super) struct Discovery {
    issuer: String,
    pub(super) token_endpoint: String,
    pub(super) device_authorization_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

impl Discovery {
    /// Whether the secret goes into the form. In a header otherwise, which is the default.
    pub(super) fn wants_secret_in_body(&self) -> bool {
        let methods = self
            .token_endpoint_auth_methods_supported
            .as_deref()
            .unwrap_or_default();
        let offers = |method: &str| methods.iter().any(|offered| offered == method);
        offers("client_secret_post") && !offers("client_secret_basic")
    }
}

/// Fetches the document and checks that it is this issuer's.
pub(super) async fn fetch(http: &Client, issuer: &SafeUrl) -> Result<Discovery, TokenError> {
    let url = issuer.join(".well-known/openid-configuration")?;
    let answer = web::send(http.get(url.url().clone()), MAX_ANSWER_BYTES).await;
    let hint = if issuer.is_loopback() {
        "is it running? `cargo tollgate` starts the local one"
    } else {
        "check `--issuer`"
    };
    let answer = answer.map_err(|source| TokenError::Unreachable {
        url: url.to_string(),
        hint,
        source,
    })?;
    read(answer.status, &answer.body, &url, issuer)
}

fn read(
    status: u16,
    body: &[u8],
    url: &SafeUrl,
    issuer: &SafeUrl,
) -> Result<Discovery, TokenError> {
    let document: Option<Discovery> = serde_json::from_slice(body).ok().filter(|_| status == 200);
    let document = document.ok_or_else(|| TokenError::NoDiscovery {
        url: url.to_string(),
        status,
    })?;
    if document.issuer == issuer.to_string() {
        Ok(document)
    } else {
        Err(TokenError::OtherIssuer {
            found: super::endpoint::printable(&document.issuer),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(issuer: &str, status: u16, body: &str, expected: &str) {
        let issuer: SafeUrl = issuer.parse().unwrap();
        let message = match read(status, body.as_bytes(), &issuer, &issuer) {
            Ok(document) => document.token_endpoint,
            Err(error) => error.to_string(),
        };
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn the_document_must_name_this_issuer_exactly() {
        let body =
            r#"{"issuer": "https://a.example/", "token_endpoint": "https://a.example/token"}"#;
        check("https://a.example/", 200, body, "https://a.example/token");
        check(
            "https://a.example",
            200,
            body,
            "`--issuer https://a.example/`",
        );
        check(
            "https://b.example",
            200,
            body,
            "calls itself `https://a.example/`",
        );
    }

    #[test]
    fn what_is_no_document_is_named_with_its_status() {
        check("https://a.example/", 404, "{}", "status 404");
        check("https://a.example/", 200, "<html>", "no discovery document");
        check(
            "https://a.example/",
            200,
            r#"{"issuer": "https://a.example/"}"#,
            "no discovery document",
        );
    }

    #[test]
    fn the_secret_goes_into_a_header_unless_only_the_form_is_offered() {
        for (methods, expected) in [
            ("null", false),
            ("[]", false),
            (r#"["client_secret_basic"]"#, false),
            (r#"["client_secret_post"]"#, true),
            (r#"["client_secret_post", "client_secret_basic"]"#, false),
        ] {
            let body = format!(
                r#"{{"issuer": "x", "token_endpoint": "y", "token_endpoint_auth_methods_supported": {methods}}}"#
            );
            let document: Discovery = serde_json::from_str(&body).unwrap();
            assert_eq!(document.wants_secret_in_body(), expected, "{methods}");
        }
    }
}
