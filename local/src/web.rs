//! HTTP as a client: only to HTTPS, or to this machine; no redirects, a deadline and a cap on every
//! answer.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder, Url, redirect};
use thiserror::Error;

/// Time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A URL that a token or a secret may be sent to: `https`, or `http` to this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafeUrl {
    url: Url,
    /// As written: an issuer is compared with this, not with what became of it.
    text: String,
}

/// Why a text is no [`SafeUrl`].
#[derive(Debug, Error, PartialEq, Eq)]
pub enum UrlError {
    /// Not a URL.
    #[error("`{0}` is not a URL")]
    Malformed(String),
    /// Plain HTTP to another machine, or another scheme.
    #[error("`{0}` must be https, or http to this machine (127.0.0.1, [::1], localhost)")]
    Unsafe(String),
    /// Credentials in a URL end up in logs.
    #[error("a URL must not contain a user name or password")]
    Credentials,
}

/// Why no answer came.
#[derive(Debug, Error)]
pub enum WebError {
    /// The exchange failed.
    #[error("{}", reason(.0))]
    Exchange(#[source] reqwest::Error),
    /// The answer is larger than expected.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

impl SafeUrl {
    /// The parsed URL.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The URL with `path` appended, whether it ends in a slash or not.
    pub fn join(&self, path: &str) -> Result<Self, UrlError> {
        format!("{}/{path}", self.text.trim_end_matches('/')).parse()
    }

    /// Whether it names this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }
}

impl FromStr for SafeUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let url = Url::parse(text).map_err(|_| UrlError::Malformed(text.to_owned()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlError::Credentials);
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            _ => return Err(UrlError::Unsafe(text.to_owned())),
        }
        Ok(Self {
            url,
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for SafeUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// A client for this URL: a proxy from the environment is used for other machines only.
pub fn client(url: &SafeUrl, timeout: Duration) -> Result<Client, WebError> {
    let builder = Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")));
    let builder = if url.is_loopback() {
        builder.no_proxy()
    } else {
        builder
    };
    builder.build().map_err(WebError::Exchange)
}

/// Sends a request and reads at most `limit` bytes of the answer.
pub async fn send(request: RequestBuilder, limit: usize) -> Result<Answer, WebError> {
    let mut response = request.send().await.map_err(WebError::Exchange)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(WebError::Exchange)? {
        if body.len() + chunk.len() > limit {
            return Err(WebError::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        headers,
        body,
    })
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// What a user can act on; the library's own text follows as the cause.
fn reason(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the exchange failed"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(), UrlError>) {
        assert_eq!(
            text.parse::<SafeUrl>()
                .map(|url| assert_eq!(url.to_string(), text)),
            expected
        );
    }

    #[test]
    fn secrets_go_to_https_or_to_this_machine() {
        check("https://tenant.eu.auth0.com/", Ok(()));
        check("http://127.0.0.1:3001", Ok(()));
        check("http://127.9.9.9:3001", Ok(()));
        check("http://localhost:8080/realms/ml-models", Ok(()));
        check("http://[::1]:8080", Ok(()));
        for url in [
            "http://keycloak:8080",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org",
            "file:///x",
        ] {
            check(url, Err(UrlError::Unsafe(url.to_owned())));
        }
        check(
            "127.0.0.1:3001",
            Err(UrlError::Malformed("127.0.0.1:3001".to_owned())),
        );
        check(
            "https://user:secret@example.org",
            Err(UrlError::Credentials),
        );
    }

    #[test]
    fn a_path_is_joined_with_one_slash() {
        for base in ["https://example.org/a", "https://example.org/a/"] {
            assert_eq!(
                base.parse::<SafeUrl>()
                    .unwrap()
                    .join("b/c")
                    .unwrap()
                    .to_string(),
                "https://example.org/a/b/c"
            );
        }
    }
}
