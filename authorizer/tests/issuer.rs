//! Keys over HTTP from an issuer on this machine: discovery, rotation, floods and outages.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "test code"
)]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use authorizer::{Authorizer, Config};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde_json::{Value, json};
use support::{Key, good_claims, sign, with};

/// What the issuer on this machine answers just now.
#[derive(Debug, Clone)]
enum Mode {
    Keys(Vec<Key>),
    OtherIssuer,
    LongIssuer,
    TwoKeySets,
    Failing,
    Busy,
    Redirecting,
    Huge,
    NoUsableKey,
}

#[derive(Debug)]
struct Site {
    base: String,
    mode: Mutex<Mode>,
    key_fetches: AtomicUsize,
}

impl Site {
    async fn start(mode: Mode) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let site = Arc::new(Self {
            base: format!("http://{}/realm", listener.local_addr().unwrap()),
            mode: Mutex::new(mode),
            key_fetches: AtomicUsize::new(0),
        });
        let router = Router::new()
            .route("/realm/.well-known/openid-configuration", get(discovery))
            .route("/realm/keys", get(keys))
            .with_state(Arc::clone(&site));
        tokio::spawn(async move { axum::serve(listener, router).await });
        site
    }

    fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    fn mode(&self) -> Mode {
        self.mode.lock().unwrap().clone()
    }

    fn fetches(&self) -> usize {
        self.key_fetches.load(Ordering::SeqCst)
    }

    async fn authorizer(&self) -> Authorizer {
        let base = self.base.clone();
        let config = Config::load(move |name| match name {
            "ISSUER" => Some(base.clone()),
            "AUDIENCE" => Some(support::AUDIENCE.to_owned()),
            _ => None,
        });
        Authorizer::start(config.unwrap()).await.unwrap()
    }

    fn event(&self, key: Key, id: &str) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let claims = with(good_claims(now), "iss", json!(self.base));
        let header = json!({"alg": "ES256", "kid": id});
        let token = sign(key, "ES256", &header, &claims);
        json!({"type": "TOKEN", "authorizationToken": format!("Bearer {token}"), "methodArn": "arn:aws:execute-api:r:1:a/b/POST/predict"}).to_string()
    }
}

async fn discovery(State(site): State<Arc<Site>>) -> Response {
    let document = |issuer: &str| {
        json!({"issuer": issuer, "jwks_uri": format!("{}/keys", site.base)}).to_string()
    };
    match site.mode() {
        Mode::Keys(_) | Mode::NoUsableKey => document(&site.base).into_response(),
        Mode::LongIssuer => document(&"x".repeat(100_000)).into_response(),
        Mode::TwoKeySets => document(&site.base)
            .replacen('{', r#"{"jwks_uri": "https://keys.example/","#, 1)
            .into_response(),
        Mode::OtherIssuer => document(&format!("{}/", site.base)).into_response(),
        Mode::Failing => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Mode::Busy => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "20")]).into_response(),
        Mode::Redirecting => Redirect::temporary("/realm/keys").into_response(),
        Mode::Huge => format!("{{\"issuer\": \"{}\"}}", "x".repeat(1_000_000)).into_response(),
    }
}

async fn keys(State(site): State<Arc<Site>>) -> String {
    site.key_fetches.fetch_add(1, Ordering::SeqCst);
    let keys: Vec<Value> = match site.mode() {
        Mode::Keys(keys) => keys.into_iter().map(Key::jwk).collect(),
        Mode::NoUsableKey => vec![json!({"kty": "oct"})],
        Mode::OtherIssuer
        | Mode::LongIssuer
        | Mode::TwoKeySets
        | Mode::Failing
        | Mode::Busy
        | Mode::Redirecting
        | Mode::Huge => Vec::new(),
    };
    json!({"keys": keys}).to_string()
}

async fn outcome(authorizer: &Authorizer, event: &str) -> String {
    match authorizer.handle(event, "request-1").await.answer {
        Ok(answer) => answer.value()["policyDocument"]["Statement"][0]["Effect"].to_string(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn keys_are_fetched_at_start_and_once() {
    let site = Site::start(Mode::Keys(vec![Key::P256])).await;
    let authorizer = site.authorizer().await;
    assert_eq!(site.fetches(), 1);
    for _ in 0..3 {
        assert_eq!(
            outcome(&authorizer, &site.event(Key::P256, "p256")).await,
            "\"Allow\""
        );
    }
    assert_eq!(site.fetches(), 1);
}

#[tokio::test]
async fn a_rotated_key_is_found_by_the_next_token() {
    let site = Site::start(Mode::Keys(vec![Key::P256])).await;
    let authorizer = site.authorizer().await;
    site.set(Mode::Keys(vec![Key::P256, Key::Other]));
    assert_eq!(
        outcome(&authorizer, &site.event(Key::Other, "other")).await,
        "\"Allow\""
    );
    assert_eq!(site.fetches(), 2);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_causes_three_fetches() {
    let site = Site::start(Mode::Keys(vec![Key::P256])).await;
    let authorizer = site.authorizer().await;
    for number in 0..50 {
        let event = site.event(Key::Other, &format!("unknown-{number}"));
        assert_eq!(outcome(&authorizer, &event).await, "Unauthorized");
    }
    assert_eq!(site.fetches(), 1 + 3);
    assert_eq!(
        outcome(&authorizer, &site.event(Key::P256, "p256")).await,
        "\"Allow\""
    );
}

#[tokio::test]
async fn many_tokens_at_once_cause_one_fetch() {
    let site = Site::start(Mode::Failing).await;
    let authorizer = site.authorizer().await;
    tokio::time::sleep(authorizer::cache::FIRST_PAUSE).await;
    site.set(Mode::Keys(vec![Key::P256]));
    let event = site.event(Key::P256, "p256");
    let calls = (0..20).map(|_| outcome(&authorizer, &event));
    for found in futures_util::future::join_all(calls).await {
        assert_eq!(found, "\"Allow\"");
    }
    assert_eq!(site.fetches(), 1);
}

#[tokio::test]
async fn an_issuer_that_gives_no_keys_is_an_outage_and_never_a_refusal() {
    for mode in [
        Mode::Failing,
        Mode::OtherIssuer,
        Mode::LongIssuer,
        Mode::TwoKeySets,
        Mode::Redirecting,
        Mode::Huge,
        Mode::NoUsableKey,
    ] {
        let site = Site::start(mode.clone()).await;
        let authorizer = site.authorizer().await;
        assert!(
            authorizer.log.concat().contains("failed") && authorizer.log.concat().len() < 1_000,
            "{mode:?}: {:?}",
            authorizer.log
        );
        let found = outcome(&authorizer, &site.event(Key::P256, "p256")).await;
        assert_eq!(
            found,
            format!("the keys of the issuer `{}` cannot be fetched", site.base),
            "{mode:?}"
        );
    }
}

#[tokio::test]
async fn an_issuer_that_asks_for_patience_is_left_alone() {
    let site = Site::start(Mode::Busy).await;
    let authorizer = site.authorizer().await;
    site.set(Mode::Keys(vec![Key::P256]));
    tokio::time::sleep(authorizer::cache::FIRST_PAUSE).await;
    let found = outcome(&authorizer, &site.event(Key::P256, "p256")).await;
    assert!(found.contains("cannot be fetched"), "{found}");
    assert_eq!(site.fetches(), 0);
}

#[tokio::test]
async fn an_outage_leaves_the_keys_at_hand() {
    let site = Site::start(Mode::Keys(vec![Key::P256])).await;
    let authorizer = site.authorizer().await;
    site.set(Mode::Failing);
    assert!(
        outcome(&authorizer, &site.event(Key::Other, "new"))
            .await
            .contains("cannot be fetched")
    );
    assert_eq!(
        outcome(&authorizer, &site.event(Key::P256, "p256")).await,
        "\"Allow\""
    );
}

#[tokio::test]
async fn an_empty_key_set_withdraws_all_keys() {
    let site = Site::start(Mode::Keys(vec![Key::P256])).await;
    let authorizer = site.authorizer().await;
    site.set(Mode::Keys(Vec::new()));
    let unknown = site.event(Key::Other, "new");
    assert_eq!(outcome(&authorizer, &unknown).await, "Unauthorized");
    let withdrawn = site.event(Key::P256, "p256");
    assert_eq!(outcome(&authorizer, &withdrawn).await, "Unauthorized");
}

#[tokio::test]
async fn tokens_that_wait_for_one_fetch_do_not_fetch_again() {
    let site = Site::start(Mode::Keys(vec![Key::P256])).await;
    let authorizer = site.authorizer().await;
    let events: Vec<_> = (0..10)
        .map(|number| site.event(Key::Other, &format!("unknown-{number}")))
        .collect();
    let calls = events.iter().map(|event| outcome(&authorizer, event));
    for found in futures_util::future::join_all(calls).await {
        assert_eq!(found, "Unauthorized");
    }
    assert_eq!(site.fetches(), 2);
}

/// A query may be what opens the address.
#[tokio::test]
async fn an_address_is_logged_without_its_query() {
    let closed = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        listener.unwrap().local_addr().unwrap()
    };
    let site = Site::start(Mode::Keys(vec![Key::P256])).await;
    let folder = tempfile::tempdir().unwrap();
    let access = folder.path().join("access.yaml");
    let name = access.to_str().unwrap().to_owned();
    let load = |issuer: &str, uri: &str| {
        let text = format!(
            "issuers: [{{issuer: '{issuer}', audience: a, jwks: {{uri: '{uri}'}}}}]\n\
             rules: [{{allow: [GET /a], require: {{authenticated: true}}}}]\n"
        );
        std::fs::write(&access, text).unwrap();
        Config::load(|variable| (variable == "ACCESS_FILE").then(|| name.clone()))
    };
    let base = &site.base;
    for (uri, shown) in [
        (
            format!("{base}/nowhere?code=s3cret"),
            format!("`{base}/nowhere`"),
        ),
        (
            format!("{base}/.well-known/openid-configuration?code=s3cret"),
            "is not usable".to_owned(),
        ),
        (
            format!("http://{closed}/keys?code=s3cret"),
            format!("`http://{closed}/keys`"),
        ),
    ] {
        let authorizer = Authorizer::start(load(base, &uri).unwrap()).await.unwrap();
        let log = authorizer.log.concat();
        assert!(log.contains(&shown) && !log.contains("s3cret"), "{log}");
    }
    for uri in [
        "http://192.0.2.1/keys?code=s3cret",
        "https://me:s3cret@keys.example/",
        "https://169.254.169.254/?code=s3cret",
        "keys.example/?code=s3cret",
        "//me:s3cret@keys.example/",
    ] {
        let problems = load(base, uri).unwrap_err().to_string();
        assert!(
            problems.contains("access.yaml: ") && !problems.contains("s3cret"),
            "{problems}"
        );
    }
    let problems = load("https://a.example/?code=s3cret", "https://a.example/keys");
    let problems = problems.unwrap_err().to_string();
    assert!(!problems.contains("s3cret"), "{problems}");
}
