//! Tokens that an issuer on this machine is asked about (RFC 7662): what it says, how it is asked, and what
//! comes of it when it says nothing. The client's secret comes from all the places it can come from.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "test code"
)]

#[path = "support/runtime.rs"]
mod runtime;
mod support;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use authorizer::cache::FIRST_PAUSE;
use authorizer::{Authorizer, Config};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use futures_util::stream;
use serde_json::{Value, json};
use support::{AUDIENCE, Key, good_claims, key_set, sign, with};
use tempfile::TempDir;

const SECRET: &str = "s3cret:%+";
const OPAQUE: &str = "ory_at_2YotnFZFEjr1zCsicMWpAA";

/// What the endpoint answers just now.
#[derive(Debug, Clone)]
enum Mode {
    Says(Value),
    Status(u16),
    Text(String),
    Redirects,
    /// The connection ends in the middle of the answer.
    BreaksOff,
}

/// One question to the endpoint.
#[derive(Debug, Clone)]
struct Question {
    authorization: String,
    accept: String,
    body: String,
}

#[derive(Debug)]
struct Site {
    base: String,
    port: u16,
    mode: Mutex<Mode>,
    discovery: Mutex<Value>,
    discoveries: Mutex<usize>,
    questions: Mutex<Vec<Question>>,
    /// What the stand-in for the extension gives out, and how it has been asked.
    secret: Mutex<Option<Value>>,
    secrets_asked: Mutex<Vec<(String, String)>>,
    folder: TempDir,
}

impl Site {
    async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let base = format!("http://127.0.0.1:{port}/realm");
        let discovery = json!({
            "issuer": base,
            "jwks_uri": format!("{base}/keys"),
            "introspection_endpoint": format!("{base}/introspect"),
        });
        let site = Arc::new(Self {
            base,
            port,
            mode: Mutex::new(Mode::Status(500)),
            discovery: Mutex::new(discovery),
            discoveries: Mutex::default(),
            questions: Mutex::default(),
            secret: Mutex::default(),
            secrets_asked: Mutex::default(),
            folder: tempfile::tempdir().unwrap(),
        });
        let router = Router::new()
            .route("/realm/.well-known/openid-configuration", get(discover))
            .route("/realm/keys", get(async || key_set().to_string()))
            .route("/realm/introspect", post(introspect))
            .route("/realm/moved", post(introspect))
            .route("/secretsmanager/get", get(secret))
            .route("/systemsmanager/parameters/get", get(secret))
            .with_state(Arc::clone(&site));
        tokio::spawn(async move { axum::serve(listener, router).await });
        site
    }

    fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    fn questions(&self) -> MutexGuard<'_, Vec<Question>> {
        self.questions.lock().unwrap()
    }

    fn claims(&self) -> Value {
        with(good_claims(now()), "iss", json!(self.base))
    }

    /// The usual answer about a good token.
    fn active(&self) -> Value {
        with(self.claims(), "active", json!(true))
    }

    /// Writes the access file; `introspection` stands below the issuer.
    fn access(&self, introspection: &str) -> PathBuf {
        let text = format!(
            "issuers:\n- issuer: {}\n  audience: {AUDIENCE}\n{introspection}\
             rules: [{{allow: [POST /predict], require: {{scope: predict}}}}]\n",
            self.base
        );
        let path = self.folder.path().join("access.yaml");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// An authorizer that asks about such tokens, with these further entries.
    async fn authorizer(&self, tokens: &str, more: &str) -> Authorizer {
        let secret = if more.contains("client_secret") {
            ""
        } else {
            ", client_secret: '${SECRET}'"
        };
        self.start_with(&format!(
            "  introspection: {{client_id: 'ml api', tokens: {tokens}{secret}{more}}}\n"
        ))
        .await
    }

    async fn start_with(&self, introspection: &str) -> Authorizer {
        let access = self.access(introspection).to_str().unwrap().to_owned();
        let port = self.port.to_string();
        let config = Config::load(move |name| match name {
            "ACCESS_FILE" => Some(access.clone()),
            "SECRET" => Some(SECRET.to_owned()),
            "AWS_SESSION_TOKEN" => Some("session-token".to_owned()),
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT" => Some(port.clone()),
            _ => None,
        });
        Authorizer::start(config.unwrap()).await.unwrap()
    }

    fn jwt(&self) -> String {
        let header = json!({"alg": "ES256", "kid": "p256"});
        sign(Key::P256, "ES256", &header, &self.claims())
    }
}

async fn discover(State(site): State<Arc<Site>>) -> String {
    *site.discoveries.lock().unwrap() += 1;
    site.discovery.lock().unwrap().to_string()
}

async fn introspect(State(site): State<Arc<Site>>, headers: HeaderMap, body: String) -> Response {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/x-www-form-urlencoded");
    site.questions().push(Question {
        authorization: header("authorization"),
        accept: header("accept"),
        body,
    });
    let mode = site.mode.lock().unwrap().clone();
    match mode {
        Mode::Says(answer) => answer.to_string().into_response(),
        Mode::Status(status) => {
            let body = json!({"active": false}).to_string();
            (StatusCode::from_u16(status).unwrap(), body).into_response()
        }
        Mode::Text(text) => text.into_response(),
        Mode::Redirects => Redirect::temporary("/realm/moved").into_response(),
        Mode::BreaksOff => {
            Body::from_stream(stream::iter([Err::<String, _>("broken")])).into_response()
        }
    }
}

/// Speaks the extension's protocol as AWS's documents have it.
async fn secret(State(site): State<Arc<Site>>, uri: Uri, headers: HeaderMap) -> Response {
    let token = headers["x-aws-parameters-secrets-token"].to_str().unwrap();
    let asked = (uri.to_string(), token.to_owned());
    site.secrets_asked.lock().unwrap().push(asked);
    match &*site.secret.lock().unwrap() {
        Some(answer) => answer.to_string().into_response(),
        None => (
            StatusCode::BAD_REQUEST,
            "not ready to serve traffic, please wait",
        )
            .into_response(),
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs()
}

fn event(token: &str) -> String {
    json!({"type": "TOKEN", "authorizationToken": format!("Bearer {token}"), "methodArn": "arn:aws:execute-api:r:1:a/b/POST/predict"}).to_string()
}

/// `Allow`, `Deny`, or the error; and the reason in the log.
async fn outcome(authorizer: &Authorizer, token: &str) -> (String, String) {
    let outcome = authorizer.handle(&event(token), "request-1").await;
    let log = outcome.log.concat();
    assert!(!log.contains(token), "{log}");
    for hidden in ["s3cret", "user-1", "ory_at"] {
        assert!(!log.contains(hidden), "{log}");
    }
    let answer = match outcome.answer {
        Ok(answer) => answer.value()["policyDocument"]["Statement"][0]["Effect"]
            .as_str()
            .unwrap()
            .to_owned(),
        Err(error) => error.to_string(),
    };
    let lines = outcome
        .log
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let decision = lines.into_iter().find(|line| line["event"] == "decision");
    (
        answer,
        decision.unwrap()["reason"].as_str().unwrap().to_owned(),
    )
}

fn allowed() -> (String, String) {
    ("Allow".to_owned(), "allowed".to_owned())
}

fn refused(reason: &str) -> (String, String) {
    ("Unauthorized".to_owned(), reason.to_owned())
}

fn unavailable(site: &Site) -> (String, String) {
    let text = format!(
        "the issuer `{}` does not say whether the token is active",
        site.base
    );
    (text, "introspection_unavailable".to_owned())
}

#[tokio::test]
async fn the_issuer_is_asked_as_the_rfc_has_it() {
    let site = Site::start().await;
    let authorizer = site.authorizer("opaque", "").await;
    assert!(site.questions().is_empty());
    site.set(Mode::Says(site.active()));
    assert_eq!(outcome(&authorizer, "a+b/c~d==").await, allowed());
    let question = site.questions()[0].clone();
    assert_eq!(
        question.body,
        "token=a%2Bb%2Fc%7Ed%3D%3D&token_type_hint=access_token"
    );
    assert_eq!(question.accept, "application/json");
    let credentials = question.authorization.strip_prefix("Basic ").unwrap();
    let credentials = STANDARD.decode(credentials).unwrap();
    assert_eq!(credentials, b"ml+api:s3cret%3A%25%2B");
}

#[tokio::test]
async fn an_opaque_token_means_what_the_issuer_says() {
    let site = Site::start().await;
    let authorizer = site.authorizer("opaque", ", cache: 0s").await;
    let rows = [
        ("active", json!(false), refused("inactive")),
        ("iss", Value::Null, allowed()),
        (
            "iss",
            json!("https://other.example"),
            refused("issuer_unknown"),
        ),
        (
            "iss",
            json!(format!("{}/", site.base)),
            refused("issuer_unknown"),
        ),
        ("aud", Value::Null, refused("claim")),
        ("aud", json!("other"), refused("audience")),
        ("aud", json!(["other", AUDIENCE]), allowed()),
        ("exp", Value::Null, refused("claim")),
        ("exp", json!("1900000000"), refused("claim")),
        ("exp", json!(now() - 60), refused("expired")),
        ("nbf", json!(now() + 60), refused("not_yet_valid")),
        ("iat", Value::Null, allowed()),
        ("sub", Value::Null, refused("claim")),
        ("username", json!("jdoe"), allowed()),
        ("scope", json!(["predict"]), allowed()),
        ("scope", json!(1), refused("claim")),
        ("typ", json!("Refresh"), refused("not_an_access_token")),
        (
            "token_use",
            json!("refresh_token"),
            refused("not_an_access_token"),
        ),
        ("token_use", json!("access_token"), allowed()),
        (
            "token_type",
            json!("refresh_token"),
            refused("not_an_access_token"),
        ),
        ("token_type", json!("Bearer"), allowed()),
        ("token_type", json!("DPoP"), refused("bound_token")),
        ("cnf", json!({"jkt": "x"}), refused("bound_token")),
        (
            "scope",
            json!("other"),
            ("Deny".to_owned(), "nothing_open".to_owned()),
        ),
    ];
    let count = rows.len();
    for (name, value, expected) in rows {
        let answer = with(site.active(), name, value);
        site.set(Mode::Says(answer.clone()));
        assert_eq!(outcome(&authorizer, OPAQUE).await, expected, "{answer}");
    }
    assert_eq!(site.questions().len(), count);
}

#[tokio::test]
async fn no_answer_is_an_outage_never_a_refusal_and_never_remembered() {
    let site = Site::start().await;
    let text = |text: &str| Mode::Text(text.to_owned());
    let modes = [
        Mode::Status(401),
        Mode::Status(403),
        Mode::Status(400),
        Mode::Status(404),
        Mode::Status(429),
        Mode::Status(500),
        Mode::Status(201),
        Mode::Redirects,
        text(""),
        text("<html>sign in</html>"),
        text(r#"{"active": "true"}"#),
        text(r#"{"sub": "user-1"}"#),
        text(r#"{"active": false, "active": true}"#),
        text(&site.jwt()),
        text(&format!(
            r#"{{"active": true, "x": "{}"}}"#,
            "x".repeat(100_000)
        )),
    ];
    let mut authorizers = Vec::new();
    for mode in modes {
        site.set(mode.clone());
        let authorizer = site.authorizer("opaque", "").await;
        let expected = unavailable(&site);
        assert_eq!(outcome(&authorizer, OPAQUE).await, expected, "{mode:?}");
        authorizers.push((authorizer, mode));
    }
    assert_eq!(site.questions().len(), 15);
    site.set(Mode::Says(site.active()));
    tokio::time::sleep(FIRST_PAUSE).await;
    for (authorizer, mode) in authorizers {
        assert_eq!(outcome(&authorizer, OPAQUE).await, allowed(), "{mode:?}");
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_learned_is_an_outage() {
    let site = Site::start().await;
    site.set(Mode::Says(site.active()));
    let good = site.discovery.lock().unwrap().clone();
    let odd = [
        ("introspection_endpoint", Value::Null),
        (
            "introspection_endpoint",
            json!("http://192.0.2.1/introspect"),
        ),
        ("introspection_endpoint", json!("introspect")),
        ("issuer", json!(format!("{}/", site.base))),
    ];
    let mut authorizers = Vec::new();
    for (name, value) in odd {
        let authorizer = site.authorizer("opaque", "").await;
        *site.discovery.lock().unwrap() = with(good.clone(), name, value);
        assert_eq!(
            outcome(&authorizer, OPAQUE).await,
            unavailable(&site),
            "{name}"
        );
        *site.discovery.lock().unwrap() = good.clone();
        authorizers.push(authorizer);
    }
    assert_eq!(site.questions().len(), 0);
    tokio::time::sleep(FIRST_PAUSE).await;
    for authorizer in authorizers {
        assert_eq!(outcome(&authorizer, OPAQUE).await, allowed());
    }
}

#[tokio::test]
async fn a_configured_address_needs_no_discovery_and_a_moved_one_is_found_again() {
    let site = Site::start().await;
    let good = site.discovery.lock().unwrap().clone();
    let discovering = site.authorizer("opaque", ", cache: 0s").await;
    site.set(Mode::Says(site.active()));
    assert_eq!(outcome(&discovering, OPAQUE).await, allowed());
    let moved = json!(format!("{}/moved", site.base));
    *site.discovery.lock().unwrap() = with(good, "introspection_endpoint", moved);
    site.set(Mode::Status(410));
    assert_eq!(outcome(&discovering, OPAQUE).await, unavailable(&site));
    site.set(Mode::Says(site.active()));
    tokio::time::sleep(FIRST_PAUSE).await;
    assert_eq!(outcome(&discovering, OPAQUE).await, allowed());
    *site.discovery.lock().unwrap() = json!({});
    let endpoint = format!(", endpoint: '{}/introspect'", site.base);
    let configured = site.authorizer("opaque", &endpoint).await;
    assert_eq!(outcome(&configured, OPAQUE).await, allowed());
}

#[tokio::test]
async fn answers_are_remembered_as_long_as_configured() {
    let site = Site::start().await;
    site.set(Mode::Says(site.active()));
    let (remembering, forgetting) = (
        site.authorizer("opaque", "").await,
        site.authorizer("opaque", ", cache: 0s").await,
    );
    for (authorizer, questions) in [(&remembering, 1), (&forgetting, 3)] {
        site.questions().clear();
        for _ in 0..3 {
            assert_eq!(outcome(authorizer, OPAQUE).await, allowed());
        }
        assert_eq!(site.questions().len(), questions);
    }
    site.set(Mode::Says(json!({"active": false})));
    // The price of remembering, and what `cache: 0s` is for.
    assert_eq!(outcome(&remembering, OPAQUE).await, allowed());
    assert_eq!(outcome(&forgetting, OPAQUE).await, refused("inactive"));
}

/// Accepted for the leeway's sake, but asked about each time: an answer lives no longer than `exp`.
#[tokio::test]
async fn no_answer_is_remembered_beyond_the_end_of_its_token() {
    let site = Site::start().await;
    let authorizer = site.authorizer("opaque", ", cache: 5m").await;
    site.set(Mode::Says(with(site.active(), "exp", json!(now()))));
    for _ in 0..3 {
        assert_eq!(outcome(&authorizer, OPAQUE).await, allowed());
    }
    assert_eq!(site.questions().len(), 3);
}

#[tokio::test]
async fn a_flood_of_made_up_tokens_makes_no_good_one_forgotten() {
    let site = Site::start().await;
    let authorizer = site.authorizer("opaque", "").await;
    site.set(Mode::Says(site.active()));
    assert_eq!(outcome(&authorizer, OPAQUE).await, allowed());
    site.set(Mode::Says(json!({"active": false})));
    for number in 0..1_500 {
        let made_up = format!("made-up-{number}");
        assert_eq!(outcome(&authorizer, &made_up).await, refused("inactive"));
    }
    // The newest are known; the oldest had to go.
    assert_eq!(
        outcome(&authorizer, "made-up-1499").await,
        refused("inactive")
    );
    assert_eq!(outcome(&authorizer, OPAQUE).await, allowed());
    assert_eq!(site.questions().len(), 1 + 1_500);
    assert_eq!(outcome(&authorizer, "made-up-0").await, refused("inactive"));
    assert_eq!(site.questions().len(), 1 + 1_500 + 1);
}

/// Nobody outside sees these, and no answer of the issuer's could make them good.
#[tokio::test]
async fn the_issuer_is_asked_about_opaque_tokens_alone() {
    let site = Site::start().await;
    let authorizer = site.authorizer("opaque", "").await;
    site.set(Mode::Says(site.active()));
    let good = site.jwt();
    let (signed, _) = good.rsplit_once('.').unwrap();
    let unsigned = signed.replacen(signed.split('.').next().unwrap(), "eyJhbGciOiJub25lIn0", 1);
    let long = "a".repeat(4097);
    let attacks: [(&str, &str, &str); 14] = [
        (
            "a JWT without its signature",
            &format!("{signed}."),
            "signature",
        ),
        (
            "a JWT with another's signature",
            &format!("{signed}.AAAA"),
            "signature",
        ),
        (
            "a JWT of algorithm none",
            &format!("{unsigned}."),
            "algorithm",
        ),
        ("three parts that are no JWT", "a.b.c", "base64"),
        ("three empty parts", "..", "json"),
        ("an encrypted JWT", "a.b.c.d.e", "token_encrypted"),
        ("another parameter", "x&token=y", "opaque_malformed"),
        ("an escaped one", "x%26active=true", "opaque_malformed"),
        ("a padding inside", "x=y", "opaque_malformed"),
        ("nothing but padding", "===", "opaque_malformed"),
        ("a quote", "x\"y", "opaque_malformed"),
        ("another alphabet", "töken", "opaque_malformed"),
        ("a control character", "x\0y", "opaque_malformed"),
        ("too long", &long, "opaque_malformed"),
    ];
    for (name, token, reason) in attacks {
        assert_eq!(outcome(&authorizer, token).await, refused(reason), "{name}");
    }
    assert_eq!(outcome(&authorizer, &good).await, allowed());
    assert_eq!(site.questions().len(), 0);
}

#[tokio::test]
async fn a_jwt_is_asked_about_only_after_it_has_been_verified() {
    let site = Site::start().await;
    let authorizer = site.authorizer("jwt", ", cache: 0s").await;
    let header = json!({"alg": "ES256", "kid": "p256"});
    site.set(Mode::Says(site.active()));
    let forged = sign(Key::Other, "ES256", &header, &site.claims());
    assert_eq!(outcome(&authorizer, &forged).await, refused("signature"));
    let ended = with(site.claims(), "exp", json!(now() - 60));
    let ended = sign(Key::P256, "ES256", &header, &ended);
    assert_eq!(outcome(&authorizer, &ended).await, refused("expired"));
    assert_eq!(outcome(&authorizer, OPAQUE).await, refused("not_a_jwt"));
    assert_eq!(site.questions().len(), 0);
    assert_eq!(outcome(&authorizer, &site.jwt()).await, allowed());
    assert_eq!(site.questions().len(), 1);
}

#[tokio::test]
async fn a_verified_jwt_needs_an_answer_that_agrees() {
    let site = Site::start().await;
    let authorizer = site.authorizer("all", ", cache: 0s").await;
    let token = site.jwt();
    let rows = [
        (json!({"active": true}), allowed()),
        (json!({"active": false}), refused("inactive")),
        (site.active(), allowed()),
        (
            with(site.active(), "sub", json!("user-2")),
            refused("introspection_mismatch"),
        ),
        (
            with(site.active(), "aud", json!("other")),
            refused("audience"),
        ),
        (
            with(site.active(), "iss", json!("https://other")),
            refused("issuer_unknown"),
        ),
        (
            with(site.active(), "exp", json!(now() - 60)),
            refused("expired"),
        ),
        // What the answer grants beyond the token counts for nothing, nor does what it leaves out.
        (with(site.active(), "scope", json!("")), allowed()),
    ];
    for (answer, expected) in rows {
        site.set(Mode::Says(answer.clone()));
        assert_eq!(outcome(&authorizer, &token).await, expected, "{answer}");
    }
    site.set(Mode::Status(500));
    assert_eq!(outcome(&authorizer, &token).await, unavailable(&site));
    site.set(Mode::Says(site.active()));
    tokio::time::sleep(FIRST_PAUSE).await;
    assert_eq!(outcome(&authorizer, OPAQUE).await, allowed());
}

#[tokio::test]
async fn without_introspection_an_opaque_token_is_refused_with_a_hint() {
    let site = Site::start().await;
    let authorizer = site.start_with("").await;
    assert_eq!(outcome(&authorizer, OPAQUE).await, refused("not_a_jwt"));
    let log = authorizer.handle(&event(OPAQUE), "request-1").await.log;
    assert!(
        log.concat()
            .contains("Auth0 gives one to a client that asks without `audience`"),
        "{log:?}"
    );
}

#[tokio::test]
async fn a_secret_of_a_store_is_fetched_when_it_is_needed() {
    let rows = [
        (
            "{secrets_manager: 'api/secret'}",
            json!({"SecretString": SECRET}),
            "/secretsmanager/get?secretId=api%2Fsecret",
        ),
        (
            "{secrets_manager: s, member: client_secret}",
            json!({"SecretString": json!({"client_secret": SECRET}).to_string()}),
            "/secretsmanager/get?secretId=s",
        ),
        (
            "{parameter: /api/secret}",
            json!({"Parameter": {"Value": SECRET}}),
            "/systemsmanager/parameters/get?name=%2Fapi%2Fsecret&withDecryption=true",
        ),
    ];
    for (place, stored, path) in rows {
        let site = Site::start().await;
        let place = format!(", client_secret: {place}, cache: 0s");
        let authorizer = site.authorizer("opaque", &place).await;
        let asked = || site.secrets_asked.lock().unwrap().clone();
        assert_eq!(asked(), [], "nothing is asked at start");
        *site.secret.lock().unwrap() = Some(stored);
        site.set(Mode::Says(site.active()));
        for _ in 0..2 {
            assert_eq!(outcome(&authorizer, OPAQUE).await, allowed());
        }
        assert_eq!(asked(), [(path.to_owned(), "session-token".to_owned())]);
        let question = site.questions()[0].clone();
        assert!(
            question
                .authorization
                .ends_with(&STANDARD.encode("ml+api:s3cret%3A%25%2B"))
        );
        // A rotated secret is not taken any longer: the next question fetches the new one.
        site.set(Mode::Status(401));
        assert_eq!(outcome(&authorizer, OPAQUE).await, unavailable(&site));
        assert_eq!(asked().len(), 1);
        tokio::time::sleep(FIRST_PAUSE).await;
        outcome(&authorizer, OPAQUE).await;
        assert_eq!(asked().len(), 2);
    }
}

/// After a question without an answer: whether the address, and whether the secret, is looked up anew.
#[tokio::test]
async fn what_an_unanswered_question_may_be_due_to_is_looked_up_anew_and_nothing_else() {
    let (nothing, address, secret) = ((0, 0), (1, 0), (0, 1));
    let text = |text: &str| Mode::Text(text.to_owned());
    let rows = [
        (Mode::Says(json!({"active": false})), nothing),
        (Mode::Status(401), secret),
        (Mode::Status(403), secret),
        (Mode::Status(404), address),
        (Mode::Status(405), address),
        (Mode::Status(410), address),
        (Mode::Status(201), nothing),
        (Mode::Status(400), nothing),
        (Mode::Status(402), nothing),
        (Mode::Status(429), nothing),
        (Mode::Status(500), nothing),
        (Mode::Status(503), nothing),
        (Mode::Redirects, nothing),
        (text("<html>sign in</html>"), address),
        (text(r#"{"active": "true"}"#), address),
        (text(r#"{"active": true, "active": true}"#), address),
        (text(&" ".repeat(100_000)), nothing),
        (Mode::BreaksOff, address),
    ];
    // All at once, for each waits until a question is allowed again.
    join_all(rows.map(async |(mode, expected)| {
        let site = Site::start().await;
        *site.secret.lock().unwrap() = Some(json!({"SecretString": SECRET}));
        let stored = ", client_secret: {secrets_manager: s}, cache: 0s";
        let authorizer = site.authorizer("opaque", stored).await;
        site.set(Mode::Says(site.active()));
        assert_eq!(outcome(&authorizer, OPAQUE).await, allowed());
        let asked = || {
            let discoveries = *site.discoveries.lock().unwrap();
            (discoveries, site.secrets_asked.lock().unwrap().len())
        };
        let before = asked();
        site.set(mode.clone());
        assert_ne!(outcome(&authorizer, OPAQUE).await, allowed());
        site.set(Mode::Says(site.active()));
        tokio::time::sleep(FIRST_PAUSE).await;
        assert_eq!(outcome(&authorizer, OPAQUE).await, allowed(), "{mode:?}");
        let after = asked();
        let found = (after.0 - before.0, after.1 - before.1);
        assert_eq!(found, expected, "{mode:?}");
    }))
    .await;
}

#[tokio::test]
async fn an_endpoint_is_logged_without_its_query() {
    let site = Site::start().await;
    let endpoint = format!(
        ", endpoint: '{}/introspect?code=s3cret', cache: 0s",
        site.base
    );
    for mode in [
        Mode::Status(500),
        Mode::Text("{}".to_owned()),
        Mode::BreaksOff,
    ] {
        site.set(mode);
        let authorizer = site.authorizer("opaque", &endpoint).await;
        assert_eq!(outcome(&authorizer, OPAQUE).await, unavailable(&site));
        // Another one, which has no reason yet to leave the issuer alone.
        let authorizer = site.authorizer("opaque", &endpoint).await;
        let log = authorizer.handle(&event(OPAQUE), "request-1").await.log;
        let named = format!("`{}/introspect`", site.base);
        assert!(log.concat().contains(&named), "{log:?}");
    }
    let discovery = site.discovery.lock().unwrap().clone();
    let far = json!("http://192.0.2.1/introspect?code=s3cret");
    *site.discovery.lock().unwrap() = with(discovery, "introspection_endpoint", far);
    let authorizer = site.authorizer("opaque", "").await;
    assert_eq!(outcome(&authorizer, OPAQUE).await, unavailable(&site));
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_an_outage() {
    let site = Site::start().await;
    let place = ", client_secret: {secrets_manager: s}";
    let authorizer = site.authorizer("opaque", place).await;
    site.set(Mode::Says(site.active()));
    let outage = (
        format!(
            "the client secret for the issuer `{}` cannot be read",
            site.base
        ),
        "secret_unavailable".to_owned(),
    );
    for stored in [
        None,
        Some(json!({})),
        Some(json!({"SecretBinary": "c2VjcmV0"})),
        Some(json!({"SecretString": "two\nlines"})),
    ] {
        *site.secret.lock().unwrap() = stored;
        assert_eq!(outcome(&authorizer, OPAQUE).await, outage);
    }
    assert_eq!(site.questions().len(), 0);
    *site.secret.lock().unwrap() = Some(json!({"SecretString": SECRET}));
    assert_eq!(outcome(&authorizer, OPAQUE).await, allowed());
}

/// The same through process and runtime, with the secret in a file.
#[tokio::test]
async fn the_running_binary_tells_a_refusal_from_an_outage() {
    let site = Site::start().await;
    let secret = site.folder.path().join("secret");
    std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
    let access = site.access(&format!(
        "  introspection: {{client_id: c, tokens: opaque, client_secret: {{file: '{}'}}}}\n",
        secret.display()
    ));
    let log = site.folder.path().join("log");
    let start = runtime::Start {
        access: &access,
        log: &log,
        authorities: None,
    };
    site.set(Mode::Says(site.active()));
    let allowed = runtime::run(&[event(OPAQUE)], &start).await;
    let policy = allowed[&0].as_ref().unwrap();
    assert_eq!(policy["policyDocument"]["Statement"][0]["Effect"], "Allow");
    assert_eq!(policy["context"]["sub"], "user-1");
    site.set(Mode::Says(json!({"active": false})));
    let refused = runtime::run(&[event(OPAQUE)], &start).await;
    assert_eq!(
        refused[&0].as_ref().unwrap_err()["errorMessage"],
        "Unauthorized"
    );
    site.set(Mode::Status(401));
    let outage = runtime::run(&[event(OPAQUE)], &start).await;
    let error = outage[&0].as_ref().unwrap_err();
    assert_eq!(error["errorType"], "IntrospectionUnavailable");
    assert_ne!(error["errorMessage"], "Unauthorized");
}

#[tokio::test]
async fn an_explanation_tells_what_the_issuer_says() {
    let site = Site::start().await;
    let other = with(site.active(), "sub", json!("user-2"));
    let rows = [
        (
            OPAQUE,
            Mode::Says(json!({"active": false})),
            "introspection",
        ),
        ("a&b", Mode::Says(site.active()), "form"),
        ("opaque-1", Mode::Status(500), "introspection"),
        (
            "opaque-2",
            Mode::Says(with(site.active(), "aud", json!("x"))),
            "audience",
        ),
        (
            "opaque-3",
            Mode::Says(with(site.active(), "token_type", json!("x"))),
            "type of the answer",
        ),
        (&site.jwt(), Mode::Says(other), "agreement of the answer"),
    ];
    for (token, mode, check) in rows {
        let authorizer = site.authorizer("all", "").await;
        site.set(mode);
        let explanation = authorizer.explain(&event(token)).await.unwrap();
        let (last, passed) = explanation.checks.split_last().unwrap();
        assert_eq!((last.check, last.passed), (check, false), "{last:?}");
        assert!(passed.iter().all(|step| step.passed));
        assert_ne!(explanation.reason, "allowed");
    }
    site.set(Mode::Says(site.active()));
    let authorizer = site.authorizer("all", "").await;
    let explanation = authorizer.explain(&event("opaque-4")).await.unwrap();
    assert!(explanation.checks.iter().all(|step| step.passed));
    assert_eq!(explanation.reason, "allowed");
}

#[tokio::test]
async fn the_denylist_counts_for_opaque_tokens_too() {
    let site = Site::start().await;
    let denylist = site.folder.path().join("denylist.json");
    std::fs::write(&denylist, r#"{"entries": [{"sub": "user-1"}]}"#).unwrap();
    let authorizer = site
        .start_with(&format!(
            "  introspection: {{client_id: c, client_secret: '${{SECRET}}', tokens: all}}\n\
             denylist: {{file: '{}'}}\n",
            denylist.display()
        ))
        .await;
    site.set(Mode::Says(site.active()));
    assert_eq!(outcome(&authorizer, OPAQUE).await, refused("revoked"));
    assert_eq!(outcome(&authorizer, &site.jwt()).await, refused("revoked"));
    // A revoked JWT is asked about no more.
    assert_eq!(site.questions().len(), 1);
    let explanation = authorizer.explain(&event(OPAQUE)).await.unwrap();
    assert_eq!(explanation.checks.last().unwrap().check, "denylist");
    site.set(Mode::Says(with(site.active(), "sub", json!("user-2"))));
    assert_eq!(outcome(&authorizer, "another").await, allowed());
}
