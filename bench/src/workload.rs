//! What every contender is given: one issuer with three keys, tokens as Keycloak and Auth0 issue them,
//! tokens that must be refused, and the events of API Gateway around them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use serde_json::{Value, json};

use crate::support::{self, AUDIENCE, ISSUER, Key, with};

/// The measured algorithms: what issuers use.
pub(crate) const ALGORITHMS: [&str; 3] = ["RS256", "ES256", "EdDSA"];
/// Tokens of each algorithm: enough that none is answered from a memory of the last one.
const TOKENS: usize = 20;
const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abcdef123/prod/POST/predict";

/// The same for every contender.
pub(crate) struct Workload {
    pub(crate) key_set: Value,
    /// Good ones, by algorithm.
    pub(crate) tokens: BTreeMap<&'static str, Vec<String>>,
    pub(crate) refused: Vec<Refused>,
    /// What the contenders take for the present.
    pub(crate) now: SystemTime,
}

/// A token that the authorizer refuses.
pub(crate) struct Refused {
    pub(crate) name: &'static str,
    pub(crate) token: String,
    /// False for what some libraries leave to their callers.
    pub(crate) by_all: bool,
}

/// The events in which a token arrives.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Token,
    Request,
    Http,
}

impl Workload {
    pub(crate) fn new(now: SystemTime) -> Self {
        let seconds = now.duration_since(SystemTime::UNIX_EPOCH);
        let seconds = seconds.as_ref().map_or(0, Duration::as_secs);
        let tokens = |name: &str| -> Vec<_> {
            let claims = (0..TOKENS).map(|number| claims(number, seconds));
            claims.map(|claims| signed(name, &claims)).collect()
        };
        Self {
            key_set: support::key_set(),
            tokens: ALGORITHMS.map(|name| (name, tokens(name))).into(),
            refused: refused(seconds),
            now,
        }
    }

    /// For the peers, and for the authorizer: its access file and its keys.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let text = json!({"issuer": ISSUER, "audience": AUDIENCE, "key_set": self.key_set, "tokens": self.tokens});
        std::fs::write(folder.join("workload.json"), text.to_string())?;
        let keys = folder.join("keys.json");
        std::fs::write(&keys, self.key_set.to_string())?;
        let access = json!({
            "issuers": [{"issuer": ISSUER, "audience": AUDIENCE, "jwks": {"file": keys}}],
            "rules": [
                {"allow": ["POST /predict", "GET /models"], "require": {"scope": "predict"}},
                {"allow": ["* /admin/**"], "require": {"role": "admin"}},
            ],
        });
        std::fs::write(folder.join("access.yaml"), access.to_string())?;
        Ok(())
    }
}

impl Shape {
    pub(crate) fn event(self, token: &str) -> String {
        let bearer = format!("Bearer {token}");
        match self {
            Self::Token => {
                json!({"type": "TOKEN", "methodArn": ARN, "authorizationToken": bearer})
            }
            Self::Request => request(&bearer),
            Self::Http => http(&bearer),
        }
        .to_string()
    }
}

/// The headers of a request through CloudFront, as a REST API forwards them.
fn headers(bearer: &str) -> [(&str, &str); 14] {
    [
        ("Accept", "*/*"),
        ("Accept-Encoding", "gzip, deflate, br"),
        ("Authorization", bearer),
        ("CloudFront-Forwarded-Proto", "https"),
        ("CloudFront-Is-Desktop-Viewer", "true"),
        ("CloudFront-Viewer-Country", "DE"),
        ("Content-Type", "application/json"),
        ("Host", "abcdef123.execute-api.eu-west-1.amazonaws.com"),
        ("User-Agent", "python-requests/2.32.3"),
        ("Via", "1.1 0123456789abcdef.cloudfront.net (CloudFront)"),
        ("X-Amz-Cf-Id", "MvfkHzr2h0gTkpQGDGUzT0123456789abcdef=="),
        (
            "X-Amzn-Trace-Id",
            "Root=1-66000000-0123456789abcdef01234567",
        ),
        ("X-Forwarded-For", "192.0.2.1, 198.51.100.7"),
        ("X-Forwarded-Port", "443"),
    ]
}

fn request(bearer: &str) -> Value {
    let single: BTreeMap<_, _> = headers(bearer).into();
    let several: BTreeMap<_, _> = headers(bearer).map(|(name, value)| (name, [value])).into();
    json!({
        "type": "REQUEST", "methodArn": ARN, "resource": "/predict", "path": "/predict", "httpMethod": "POST",
        "headers": single, "multiValueHeaders": several,
        "queryStringParameters": null, "multiValueQueryStringParameters": null,
        "pathParameters": null, "stageVariables": null,
        "requestContext": {
            "resourceId": "05c7jb", "resourcePath": "/predict", "httpMethod": "POST", "path": "/prod/predict",
            "extendedRequestId": "Ab1cDEfGHiJKLmN=", "requestTime": "25/Nov/2026:02:27:02 +0000",
            "requestTimeEpoch": 1_795_573_622_000_u64, "accountId": "123456789012", "protocol": "HTTP/1.1",
            "stage": "prod", "apiId": "abcdef123", "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "domainName": "abcdef123.execute-api.eu-west-1.amazonaws.com",
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "python-requests/2.32.3", "accountId": null, "caller": null, "user": null},
        },
    })
}

fn http(bearer: &str) -> Value {
    let headers: BTreeMap<_, _> = headers(bearer)
        .map(|(name, value)| (name.to_lowercase(), value))
        .into();
    json!({
        "version": "2.0", "type": "REQUEST", "routeArn": ARN, "identitySource": [bearer],
        "routeKey": "POST /predict", "rawPath": "/prod/predict", "rawQueryString": "", "headers": headers,
        "requestContext": {
            "accountId": "123456789012", "apiId": "abcdef123", "routeKey": "POST /predict", "stage": "prod",
            "domainName": "abcdef123.execute-api.eu-west-1.amazonaws.com", "requestId": "JKJaXmPLvHcESHA=",
            "time": "25/Nov/2026:02:27:02 +0000", "timeEpoch": 1_795_573_622_000_u64,
            "http": {"method": "POST", "path": "/prod/predict", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "curl/8.5"},
        },
    })
}

/// Claims as Keycloak and Auth0 have them, by turns.
fn claims(number: usize, now: u64) -> Value {
    let user = format!("5e1c2f9a-7d34-4b8e-9c01-{number:012}");
    if number.is_multiple_of(2) {
        return json!({
            "iss": ISSUER, "aud": ["ml-api", "account"], "sub": user, "typ": "Bearer", "azp": "ml-client",
            "exp": now + 3_600, "iat": now, "auth_time": now, "jti": format!("onrtac:{user}"),
            "sid": "1f8f2b9c-0d7e-4a55-8a53-b6b8f3a9c001", "acr": "1", "allowed-origins": ["https://app.example"],
            "realm_access": {"roles": ["default-roles-ml", "offline_access", "uma_authorization", "user"]},
            "resource_access": {
                "ml-api": {"roles": ["model-user"]},
                "account": {"roles": ["manage-account", "manage-account-links", "view-profile"]},
            },
            "scope": "openid email profile predict", "email_verified": true, "name": format!("Ada Example {number}"),
            "preferred_username": format!("ada{number}"), "given_name": "Ada", "family_name": "Example",
            "email": format!("ada{number}@mail.example"),
        });
    }
    json!({
        "iss": ISSUER, "sub": format!("auth0|{user}"), "aud": ["ml-api", "https://tenant.example/userinfo"],
        "iat": now, "exp": now + 3_600, "scope": "openid profile predict offline_access",
        "azp": "q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6", "org_id": "org_9ybsU1dN2dKfDkBi", "gty": "password",
        "permissions": ["predict:iris", "predict:wine", "read:models"],
    })
}

fn signed(algorithm: &str, claims: &Value) -> String {
    let key = match algorithm {
        "RS256" => Key::Rsa,
        "ES256" => Key::P256,
        _ => Key::Ed25519,
    };
    let header = json!({"alg": algorithm, "typ": "JWT", "kid": key.id()});
    support::sign(key, algorithm, &header, claims)
}

fn refused(now: u64) -> Vec<Refused> {
    let good = claims(0, now);
    let changed = |name: &str, value: Value| signed("ES256", &with(good.clone(), name, value));
    let headed = |name: &str, value: Value| {
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": "p256"});
        support::sign(Key::P256, "ES256", &with(header, name, value), &good)
    };
    let token = signed("ES256", &good);
    let other = changed("sub", json!("other"));
    let signature = other.rsplit('.').next().unwrap_or_default();
    let text = token.rsplit_once('.').map_or("", |(text, _)| text);
    let by_all = [
        ("no token", "opaque".to_owned()),
        ("signature of another token", format!("{text}.{signature}")),
        ("no signature", format!("{text}.")),
        ("expired", changed("exp", json!(now - 60))),
        ("not valid yet", changed("nbf", json!(now + 600))),
        (
            "another issuer",
            changed("iss", json!("https://other.example")),
        ),
        ("another audience", changed("aud", json!("other"))),
        ("unknown key", headed("kid", json!("unknown"))),
    ];
    let by_some = [
        ("`alg` that is not the key's", headed("alg", json!("RS256"))),
        ("without `exp`", changed("exp", Value::Null)),
        (
            "without `sub`, `azp`",
            signed(
                "ES256",
                &with(with(good.clone(), "sub", Value::Null), "azp", Value::Null),
            ),
        ),
        ("issued in the future", changed("iat", json!(now + 600))),
        ("`crit`", headed("crit", json!(["x"]))),
        ("`b64`: false", headed("b64", json!(false))),
        ("`typ`: dpop+jwt", headed("typ", json!("dpop+jwt"))),
        ("ID token", changed("typ", json!("ID"))),
        ("bound (`cnf`)", changed("cnf", json!({"jkt": "x"}))),
        ("duplicate member", duplicate(&good)),
    ];
    let case = |by_all: bool| {
        move |(name, token)| Refused {
            name,
            token,
            by_all,
        }
    };
    let by_all = by_all.into_iter().map(case(true));
    by_all.chain(by_some.into_iter().map(case(false))).collect()
}

/// The same claims, with `sub` a second time.
fn duplicate(claims: &Value) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","typ":"JWT","kid":"p256"}"#);
    let claims = claims.to_string().replacen('{', r#"{"sub":"other","#, 1);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    support::sign_text(Key::P256, "ES256", &signed)
}
