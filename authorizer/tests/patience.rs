//! How long events wait for an issuer that is slow or silent, and how often one is asked that does not answer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "test code"
)]

mod support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use authorizer::cache::FIRST_PAUSE;
use authorizer::{Authorizer, Config};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::{Value, json};
use support::{AUDIENCE, Key, good_claims, sign, with};
use tempfile::TempDir;
use tokio::sync::watch;

const UNAVAILABLE: &str = "introspection_unavailable";

/// An issuer on this machine.
#[derive(Debug)]
struct Site {
    base: String,
    /// What it says of tokens: the status and the text.
    answer: Mutex<(u16, String)>,
    /// It says nothing of tokens that begin so.
    silent_about: watch::Sender<Option<&'static str>>,
    questions: watch::Sender<usize>,
    /// How long it takes over its discovery document and its keys, if any time at all.
    slowness: Mutex<Option<Duration>>,
    fetches: watch::Sender<usize>,
    folder: TempDir,
}

impl Site {
    async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let site = Arc::new(Self {
            answer: Mutex::new((200, active(&base))),
            base,
            silent_about: watch::Sender::new(Some("slow")),
            questions: watch::Sender::new(0),
            slowness: Mutex::default(),
            fetches: watch::Sender::new(0),
            folder: tempfile::tempdir().unwrap(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discover))
            .route("/keys", get(keys))
            .route("/introspect", post(introspect))
            .with_state(Arc::clone(&site));
        tokio::spawn(async move { axum::serve(listener, router).await });
        site
    }

    /// An authorizer that asks about tokens, and remembers answers for this long.
    async fn authorizer(&self, cache: &str) -> Authorizer {
        let text = format!(
            "issuers:\n- issuer: {}\n  audience: {AUDIENCE}\n  introspection: {{client_id: c, \
             client_secret: '${{SECRET}}', tokens: all, cache: {cache}, \
             endpoint: '{}/introspect'}}\n\
             rules: [{{allow: [POST /predict], require: {{scope: predict}}}}]\n",
            self.base, self.base
        );
        let access = self.folder.path().join("access.yaml");
        std::fs::write(&access, text).unwrap();
        let config = Config::load(|name| match name {
            "ACCESS_FILE" => Some(access.to_str().unwrap().to_owned()),
            "SECRET" => Some("s".to_owned()),
            _ => None,
        });
        Authorizer::start(config.unwrap()).await.unwrap()
    }

    fn says(&self, status: u16, text: &str) {
        *self.answer.lock().unwrap() = (status, text.to_owned());
    }

    fn is_well(&self) {
        self.says(200, &active(&self.base));
    }

    fn questions(&self) -> usize {
        *self.questions.borrow()
    }

    /// Waits until so many questions have come, while `waiting` waits for an answer.
    async fn asked(&self, questions: usize, waiting: &mut (impl Future + Unpin)) {
        counted(&self.questions, questions, waiting).await;
    }

    /// The same until so many documents have been fetched.
    async fn fetched(&self, documents: usize, waiting: &mut (impl Future + Unpin)) {
        counted(&self.fetches, documents, waiting).await;
    }

    /// Counts a fetch, which takes its time.
    async fn fetch(&self) {
        self.fetches.send_modify(|count| *count += 1);
        let slowness = *self.slowness.lock().unwrap();
        if let Some(slowness) = slowness {
            tokio::time::sleep(slowness).await;
        }
    }
}

async fn counted(
    counter: &watch::Sender<usize>,
    up_to: usize,
    waiting: &mut (impl Future + Unpin),
) {
    let mut counter = counter.subscribe();
    tokio::select! {
        _ = waiting => panic!("there is an answer"),
        found = counter.wait_for(|count| *count >= up_to) => assert_eq!(*found.unwrap(), up_to),
    }
}

async fn discover(State(site): State<Arc<Site>>) -> String {
    site.fetch().await;
    let base = &site.base;
    json!({"issuer": base, "jwks_uri": format!("{base}/keys")}).to_string()
}

/// A key more with each fetch.
async fn keys(State(site): State<Arc<Site>>) -> String {
    let is_first = *site.fetches.borrow() == 1;
    site.fetch().await;
    let keys = if is_first {
        vec![Key::P256.jwk()]
    } else {
        vec![Key::P256.jwk(), Key::Other.jwk()]
    };
    json!({"keys": keys}).to_string()
}

async fn introspect(State(site): State<Arc<Site>>, body: String) -> Response {
    site.questions.send_modify(|count| *count += 1);
    let token = body.strip_prefix("token=").unwrap();
    let mut silent_about = site.silent_about.subscribe();
    let speaks = silent_about.wait_for(|such| such.is_none_or(|such| !token.starts_with(such)));
    drop(speaks.await.unwrap());
    let (status, text) = site.answer.lock().unwrap().clone();
    (StatusCode::from_u16(status).unwrap(), text).into_response()
}

fn claims(issuer: &str) -> Value {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    with(good_claims(since.as_secs()), "iss", json!(issuer))
}

fn active(issuer: &str) -> String {
    with(claims(issuer), "active", json!(true)).to_string()
}

/// The reason in the log.
async fn reason(authorizer: &Authorizer, token: &str) -> String {
    let event = json!({"type": "TOKEN", "authorizationToken": format!("Bearer {token}"), "methodArn": "arn:aws:execute-api:r:1:a/b/POST/predict"});
    let outcome = authorizer.handle(&event.to_string(), "request-1").await;
    let mut lines = outcome
        .log
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let decision = lines.find(|line| line["event"] == "decision").unwrap();
    let reason = decision["reason"].as_str().unwrap();
    let is_outage = outcome
        .answer
        .is_err_and(|error| error.to_string() != "Unauthorized");
    assert_eq!(
        is_outage,
        reason.ends_with("_unavailable") || reason == "out_of_time"
    );
    reason.to_owned()
}

#[tokio::test]
async fn events_with_one_token_share_one_question() {
    let site = Site::start().await;
    for (cache, asked_again) in [("60s", 0), ("0s", 1)] {
        let authorizer = site.authorizer(cache).await;
        let before = site.questions();
        site.silent_about.send_replace(Some("slow"));
        let mut events = join_all((0..20).map(|_| reason(&authorizer, "slow")));
        site.asked(before + 1, &mut events).await;
        // Another token does not wait with them.
        assert_eq!(reason(&authorizer, "other").await, "allowed");
        site.silent_about.send_replace(None);
        assert_eq!(events.await, ["allowed"; 20]);
        assert_eq!(site.questions(), before + 2);
        // Whoever comes later is told what is remembered, if anything is.
        assert_eq!(reason(&authorizer, "slow").await, "allowed");
        assert_eq!(site.questions(), before + 2 + asked_again);
    }
}

#[tokio::test]
async fn events_with_one_token_share_a_failure_and_a_refusal() {
    let site = Site::start().await;
    for (status, text, expected) in [
        (503, "", UNAVAILABLE),
        (200, r#"{"active": false}"#, "inactive"),
    ] {
        let authorizer = site.authorizer("0s").await;
        let before = site.questions();
        site.says(status, text);
        let events = join_all((0..20).map(|_| reason(&authorizer, "token")));
        assert_eq!(events.await, [expected; 20]);
        assert_eq!(site.questions(), before + 1);
    }
}

#[tokio::test]
async fn an_event_that_ends_early_leaves_its_question_to_the_next() {
    let site = Site::start().await;
    let authorizer = site.authorizer("0s").await;
    let mut first = Box::pin(reason(&authorizer, "slow"));
    site.asked(1, &mut first).await;
    let mut others = join_all((0..5).map(|_| reason(&authorizer, "slow")));
    assert_eq!((&mut others).now_or_never(), None);
    drop(first);
    site.asked(2, &mut others).await;
    site.silent_about.send_replace(None);
    assert_eq!(others.await, ["allowed"; 5]);
    assert_eq!(site.questions(), 2);
}

/// How many questions two events make, one after the other, if the first is answered so.
async fn questions_after(status: u16, text: &str) -> usize {
    let site = Site::start().await;
    let authorizer = site.authorizer("60s").await;
    site.says(status, text);
    for token in ["first", "second"] {
        assert_eq!(reason(&authorizer, token).await, UNAVAILABLE, "{status}");
    }
    site.questions()
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_left_alone() {
    for status in [201, 302, 401, 403, 404, 429, 500, 502, 503] {
        assert_eq!(questions_after(status, "").await, 1, "{status}");
    }
    for text in ["", "<html>", r#"{"active": "true"}"#, &"x".repeat(100_000)] {
        assert_eq!(questions_after(200, text).await, 1, "{text}");
    }
    // What lies with one token stands in the way of no other.
    for status in [400, 413, 431] {
        assert_eq!(questions_after(status, "").await, 2, "{status}");
    }
}

#[tokio::test]
async fn after_a_pause_one_question_finds_out_whether_the_issuer_is_well() {
    let site = Site::start().await;
    let authorizer = site.authorizer("60s").await;
    assert_eq!(reason(&authorizer, "known").await, "allowed");
    site.says(503, "");
    for number in 0..20 {
        let token = format!("token-{number}");
        assert_eq!(reason(&authorizer, &token).await, UNAVAILABLE);
    }
    assert_eq!(site.questions(), 1 + 1);
    // What the issuer has said before counts meanwhile.
    assert_eq!(reason(&authorizer, "known").await, "allowed");
    tokio::time::sleep(FIRST_PAUSE).await;
    site.is_well();
    let mut probes = join_all((0..5).map(|_| reason(&authorizer, "slow")));
    site.asked(3, &mut probes).await;
    assert_eq!(reason(&authorizer, "token-1").await, UNAVAILABLE);
    site.silent_about.send_replace(None);
    assert_eq!(probes.await, ["allowed"; 5]);
    assert_eq!(site.questions(), 3);
    for token in ["token-1", "token-2"] {
        assert_eq!(reason(&authorizer, token).await, "allowed");
    }
}

#[tokio::test]
async fn a_question_after_a_pause_that_nobody_waits_for_keeps_no_other_back() {
    let site = Site::start().await;
    let authorizer = site.authorizer("60s").await;
    site.says(503, "");
    assert_eq!(reason(&authorizer, "token").await, UNAVAILABLE);
    tokio::time::sleep(FIRST_PAUSE).await;
    site.is_well();
    let mut probe = Box::pin(reason(&authorizer, "slow"));
    site.asked(2, &mut probe).await;
    assert_eq!(reason(&authorizer, "token").await, UNAVAILABLE);
    drop(probe);
    assert_eq!(reason(&authorizer, "token").await, "allowed");
}

/// Time that stands still but where the test moves it on. Somebody is always busy: without, it would leap ahead
/// whenever all wait for bytes. In the end it does, so that a test that waits for nothing fails.
fn stop_time() {
    tokio::time::pause();
    let end = Instant::now() + Duration::from_secs(30);
    tokio::spawn(async move {
        while Instant::now() < end {
            tokio::task::yield_now().await;
        }
    });
}

async fn pass(seconds: f64) {
    tokio::time::advance(Duration::from_secs_f64(seconds)).await;
}

#[tokio::test]
async fn an_issuer_that_is_silent_holds_up_those_who_wait_already_and_nobody_else() {
    let site = Site::start().await;
    let authorizer = site.authorizer("60s").await;
    stop_time();
    let mut waiting = join_all((0..20).map(async |number| {
        let token = format!("slow-{number}");
        reason(&authorizer, &token).await
    }));
    let begun = tokio::time::Instant::now();
    site.asked(20, &mut waiting).await;
    pass(3.9).await;
    assert_eq!((&mut waiting).now_or_never(), None);
    pass(0.15).await;
    assert_eq!(waiting.await, [UNAVAILABLE; 20]);
    assert!(begun.elapsed() < Duration::from_millis(4_200));
    let later = join_all((0..20).map(|_| reason(&authorizer, "later")));
    assert_eq!(later.await, [UNAVAILABLE; 20]);
    assert_eq!(site.questions(), 20);
}

/// Two documents that just come in time, and then an answer that comes at the last moment or does not.
#[tokio::test]
async fn all_that_one_event_waits_for_takes_nine_seconds_at_most() {
    stop_time();
    for (answers, expected) in [(true, "allowed"), (false, "out_of_time")] {
        let site = Site::start().await;
        let authorizer = site.authorizer("60s").await;
        site.silent_about.send_replace(Some("eyJ"));
        *site.slowness.lock().unwrap() = Some(Duration::from_millis(3_900));
        let header = json!({"alg": "ES256", "kid": "other"});
        let token = sign(Key::Other, "ES256", &header, &claims(&site.base));
        let begun = tokio::time::Instant::now();
        let mut event = Box::pin(reason(&authorizer, &token));
        for documents in [3, 4] {
            site.fetched(documents, &mut event).await;
            pass(3.91).await;
        }
        site.asked(1, &mut event).await;
        pass(1.1).await;
        assert_eq!((&mut event).now_or_never(), None);
        if answers {
            site.silent_about.send_replace(None);
        } else {
            pass(0.1).await;
        }
        assert_eq!(event.await, expected);
        assert!(begun.elapsed() < Duration::from_millis(9_100));
    }
}
