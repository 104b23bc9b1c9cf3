//! An OpenID Connect issuer for development: client credentials with one well-known client, keys made
//! at start and forgotten at the end. It listens on this machine only and is trusted by nothing else.

mod endpoints;
mod key;
mod request;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::error::Unspecified;
use serde_json::{Value, json};

use crate::clock;
pub use endpoints::router;
pub use key::KeyError;
use key::SigningKey;

/// The client that everybody on this machine may use.
pub const CLIENT_ID: &str = "tollgate";
/// Its secret, which is none: the issuer listens on this machine and signs for this machine.
pub const CLIENT_SECRET: &str = "tollgate";
/// What a token is granted when no scope is asked for.
pub const DEFAULT_SCOPE: &str = "predict";
/// How long a token lives.
const LIFETIME: Duration = Duration::from_secs(3600);

/// The issuer: its name, its audience and its key.
#[derive(Debug)]
pub struct Issuer {
    url: String,
    audience: String,
    key: SigningKey,
}

impl Issuer {
    /// An issuer called `url` with a new key; its tokens are for `audience`.
    pub fn new(url: String, audience: String) -> Result<Self, KeyError> {
        Ok(Self {
            url,
            audience,
            key: SigningKey::generate()?,
        })
    }

    fn discovery(&self) -> Value {
        let url = &self.url;
        json!({
            "issuer": url,
            "jwks_uri": format!("{url}/jwks"),
            "token_endpoint": format!("{url}/token"),
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "scopes_supported": [DEFAULT_SCOPE],
            "response_types_supported": [],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        })
    }

    fn jwks(&self) -> Value {
        json!({"keys": [self.key.jwk()]})
    }

    fn access_token(&self, scope: &str, now: SystemTime) -> Result<String, KeyError> {
        let issued_at = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let jti = clock::random_id().map_err(|Unspecified| KeyError::Random)?;
        self.key.sign(&json!({
            "iss": self.url,
            "sub": CLIENT_ID,
            "client_id": CLIENT_ID,
            "aud": self.audience,
            "scope": scope,
            "iat": issued_at,
            "exp": issued_at + LIFETIME.as_secs(),
            "jti": jti,
        }))
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::Jwk;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

    use super::*;

    #[test]
    fn a_token_verifies_with_the_published_key_and_has_every_claim() {
        let issuer = Issuer::new("http://127.0.0.1:3001".to_owned(), "ml-api".to_owned()).unwrap();
        let now = clock::now();
        let token = issuer.access_token("predict other", now).unwrap();
        let jwk: Jwk = serde_json::from_value(issuer.jwks()["keys"][0].clone()).unwrap();
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&["ml-api"]);
        validation.set_issuer(&["http://127.0.0.1:3001"]);
        let decoded =
            decode::<Value>(&token, &DecodingKey::from_jwk(&jwk).unwrap(), &validation).unwrap();
        assert_eq!(decoded.header.typ.as_deref(), Some("at+jwt"));
        assert_eq!(decoded.header.kid, jwk.common.key_id);
        assert_eq!(decoded.claims["scope"], "predict other");
        assert_eq!(decoded.claims["client_id"], CLIENT_ID);
        assert_eq!(decoded.claims["sub"], CLIENT_ID);
        let lifetime =
            decoded.claims["exp"].as_u64().unwrap() - decoded.claims["iat"].as_u64().unwrap();
        assert_eq!(lifetime, 3600);
        assert!(decoded.claims["jti"].is_string());
    }

    #[test]
    fn discovery_names_the_issuer_exactly() {
        let issuer = Issuer::new("http://127.0.0.1:4".to_owned(), "a".to_owned()).unwrap();
        assert_eq!(issuer.discovery()["issuer"], "http://127.0.0.1:4");
        assert_eq!(issuer.discovery()["jwks_uri"], "http://127.0.0.1:4/jwks");
        assert_eq!(
            issuer.discovery()["token_endpoint"],
            "http://127.0.0.1:4/token"
        );
    }
}
