//! The Lambda Runtime API on a free port of this machine: hands events to the real binary, one after
//! another, and keeps what it answers.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path as Segments, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::sync::mpsc;

/// Longest wait for one answer, a slow start included.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an invocation came to: the response, or the error.
pub(crate) type Answer = Result<Value, Value>;

#[derive(Debug)]
struct Api {
    waiting: Mutex<VecDeque<(String, String)>>,
    answers: mpsc::UnboundedSender<(String, Answer)>,
}

/// A process that ends with its owner.
#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How `authorizer` is started.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    /// `ACCESS_FILE`.
    pub(crate) access: &'a Path,
    /// Where standard output is written to.
    pub(crate) log: &'a Path,
    /// `SSL_CERT_FILE`: the authorities to trust in place of the machine's.
    pub(crate) authorities: Option<&'a Path>,
}

/// Starts `authorizer`, gives it every event, and answers what came of each, by its number.
pub(crate) async fn run(events: &[String], with: &Start<'_>) -> BTreeMap<usize, Answer> {
    let (answers, mut received) = mpsc::unbounded_channel();
    let numbered = events.iter().enumerate();
    let waiting = numbered.map(|(number, event)| (format!("request-{number}"), event.clone()));
    let api = Arc::new(Api {
        waiting: Mutex::new(waiting.collect()),
        answers,
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route(
            "/2018-06-01/runtime/invocation/{id}/response",
            post(response),
        )
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .with_state(api);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let _process = start(&address, with);
    let mut found = BTreeMap::new();
    while found.len() < events.len() {
        let answer = tokio::time::timeout(PATIENCE, received.recv()).await;
        let (id, answer) = answer.expect("an answer in time").unwrap();
        let number = id.strip_prefix("request-").unwrap().parse().unwrap();
        assert!(
            found.insert(number, answer).is_none(),
            "{id} is answered twice"
        );
    }
    found
}

fn start(address: &str, with: &Start<'_>) -> Process {
    let child = Command::new(env!("CARGO_BIN_EXE_authorizer"))
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", address)
        .env("AWS_LAMBDA_FUNCTION_NAME", "authorizer")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/authorizer")
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
        .env("ACCESS_FILE", with.access)
        .env("AUTHORIZER_TTL", "0")
        .env("PUBLIC_BASE_URL", "https://api.example/v1")
        .envs(with.authorities.map(|file| ("SSL_CERT_FILE", file)))
        // Nobody listens there: the environment's proxies must not count.
        .envs(["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].map(|name| (name, "http://127.0.0.1:1")))
        .stdin(Stdio::null())
        .stdout(File::create(with.log).unwrap())
        .spawn();
    Process(child.unwrap())
}

/// The next event; when there is none, no answer at all, as Lambda freezes a function that waits.
async fn next(State(api): State<Arc<Api>>) -> Response {
    let waiting = api.waiting.lock().unwrap().pop_front();
    let Some((id, event)) = waiting else {
        return std::future::pending().await;
    };
    let headers = [
        ("lambda-runtime-aws-request-id", id.as_str()),
        ("lambda-runtime-deadline-ms", "4102444800000"),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:123456789012:function:authorizer",
        ),
        ("content-type", "application/json"),
    ];
    (headers, event).into_response()
}

async fn response(
    State(api): State<Arc<Api>>,
    Segments(id): Segments<String>,
    body: String,
) -> StatusCode {
    api.take(id, Ok(serde_json::from_str(&body).unwrap()))
}

async fn error(
    State(api): State<Arc<Api>>,
    Segments(id): Segments<String>,
    body: String,
) -> StatusCode {
    api.take(id, Err(serde_json::from_str(&body).unwrap()))
}

impl Api {
    fn take(&self, id: String, answer: Answer) -> StatusCode {
        self.answers.send((id, answer)).unwrap();
        StatusCode::ACCEPTED
    }
}
