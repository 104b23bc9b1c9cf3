//! Models of a bucket, against MiniStack, an AWS emulator that is installed by `tests/parts/ministack.sh`. Where it is
//! not, the tests are skipped, with `CI=true` they fail. It checks neither signatures nor permissions, and is never
//! slow: what stands between it and the function here refuses, changes and delays.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "test code"
)]

#[allow(dead_code, reason = "shared with tests of other parts")]
#[path = "../../authorizer/tests/support/ministack.rs"]
mod ministack;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model_fn::{Config, ModelFunction};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

use ministack::Ministack;

/// A bucket of the emulator, behind a front that does what a test wants of it.
struct Store {
    aws: Ministack,
    front: String,
    wish: Arc<Mutex<Wish>>,
    runtime: Runtime,
}

/// What the front does, and what it has seen.
#[derive(Default)]
struct Wish {
    /// Answers requests whose path has this in it with a status and a code.
    refuse: Option<(&'static str, u16, &'static str)>,
    /// Before the second part of an object with this in its path, it becomes this.
    change: Option<(&'static str, Vec<u8>)>,
    /// Holds answers back.
    is_slow: bool,
    /// Objects a page of a list.
    page: Option<usize>,
    /// Path and query, range, and the version that is wanted.
    seen: Vec<[String; 3]>,
}

#[derive(Clone)]
struct Behind {
    url: String,
    wish: Arc<Mutex<Wish>>,
    client: reqwest::Client,
}

/// Path and query, range, and the version that is wanted, of a request that is signed.
fn said(request: Request) -> [String; 3] {
    let header = |name: &str| {
        let value = request.headers().get(name);
        value.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
    };
    assert!(header("authorization").contains("/us-east-1/s3/aws4_request"));
    let path = request.uri().path_and_query().unwrap().to_string();
    [path, header("range"), header("if-match")]
}

/// One request and its answer.
async fn pass(State(behind): State<Behind>, request: Request) -> Response {
    let [path, range, version] = said(request);
    let (refuse, change, page) = {
        let mut wish = behind.wish.lock().unwrap();
        wish.seen
            .push([path.clone(), range.clone(), version.clone()]);
        let is_later = !range.is_empty() && !range.starts_with("bytes=0-");
        let change = wish
            .change
            .take_if(|(part, _)| is_later && path.contains(*part));
        (wish.refuse, change, wish.page)
    };
    while behind.wish.lock().unwrap().is_slow {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if let Some((part, status, code)) = refuse
        && path.contains(part)
    {
        let document = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
        return (StatusCode::from_u16(status).unwrap(), document).into_response();
    }
    let path = match page {
        Some(page) if path.contains("list-type=2") => format!("{path}&max-keys={page}"),
        Some(_) | None => path,
    };
    let url = format!("{}{path}", behind.url);
    if let Some((_, bytes)) = change {
        let reply = behind.client.put(&url).body(bytes).send().await.unwrap();
        assert!(reply.status().is_success());
    }
    let mut asked = behind.client.get(&url);
    for (name, value) in [("range", range), ("if-match", version)] {
        if !value.is_empty() {
            asked = asked.header(name, value);
        }
    }
    let reply = asked.send().await.unwrap();
    let mut response = Response::builder().status(reply.status());
    for name in ["etag", "content-range", "content-type"] {
        if let Some(value) = reply.headers().get(name) {
            response = response.header(name, value);
        }
    }
    response
        .body(Body::from(reply.bytes().await.unwrap()))
        .unwrap()
}

impl Store {
    /// With the bucket `bucket`, empty; nothing where the emulator is not installed.
    fn start() -> Option<Self> {
        let aws = Ministack::start()?;
        let wish = Arc::new(Mutex::new(Wish::default()));
        let behind = Behind {
            url: aws.url.clone(),
            wish: Arc::clone(&wish),
            client: reqwest::Client::new(),
        };
        let (send, receive) = std::sync::mpsc::channel();
        thread::spawn(move || {
            Self::runtime().block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                send.send(listener.local_addr().unwrap()).unwrap();
                let routes = Router::new().fallback(pass).with_state(behind);
                axum::serve(listener, routes).await.unwrap();
            });
        });
        let store = Self {
            aws,
            front: format!("http://{}", receive.recv().unwrap()),
            wish,
            runtime: Self::runtime(),
        };
        store.put_raw("bucket", Vec::new());
        Some(store)
    }

    fn runtime() -> Runtime {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap()
    }

    fn put_raw(&self, path: &str, bytes: Vec<u8>) {
        self.runtime.block_on(self.aws.put_object(path, bytes));
    }

    /// An object under the prefix of the models.
    fn put(&self, path: &str, bytes: impl Into<Vec<u8>>) -> &Self {
        self.put_raw(&format!("bucket/models/{path}"), bytes.into());
        self
    }

    /// `pair`, whose only version adds up.
    fn pair(&self) -> &Self {
        self.put("pair/1/model.onnx", fixture("pair/1/model.onnx"))
    }

    fn wish(&self, wish: impl FnOnce(&mut Wish)) {
        wish(&mut self.wish.lock().unwrap());
    }

    fn begin(&self, variables: &[(&str, &str)]) -> Result<ModelFunction, Vec<String>> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            let found = found.map(|(_, value)| (*value).to_owned());
            found.or_else(|| match name {
                "MODEL_SOURCE" => Some("s3://bucket/models".to_owned()),
                "AWS_ENDPOINT_URL_S3" => Some(self.front.clone()),
                "AWS_REGION" => Some("us-east-1".to_owned()),
                "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
                _ => None,
            })
        };
        ModelFunction::start(Config::load(lookup).unwrap()).map_err(|error| error.problems)
    }
}

fn fixture(file: &str) -> Vec<u8> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/served");
    fs::read(fixtures.join(file)).unwrap()
}

/// Status, `Retry-After` and body of `GET …` or `POST …`, and the log.
fn ask(
    function: &ModelFunction,
    route: &str,
    body: Option<Value>,
) -> (u16, Option<String>, Value, Vec<String>) {
    let (method, path) = route.split_once(' ').unwrap();
    let context = json!({"authorizer": {"principalId": "somebody", "scope": "predict"}});
    let body = body.map(|body| body.to_string());
    let event =
        json!({"httpMethod": method, "path": path, "requestContext": context, "body": body});
    let outcome = function.handle(&event.to_string(), "request");
    let reply = outcome.reply;
    (
        reply.status_code,
        reply.headers.get("retry-after").cloned(),
        serde_json::from_str(&reply.body).unwrap(),
        outcome.log,
    )
}

/// What `pair` makes of 3 and 1, and the log.
fn answer(function: &ModelFunction) -> (f64, Vec<String>) {
    let rows = json!({"instances": [{"a": [3, 3], "b": [1, 1]}]});
    let (status, _, answer, log) = ask(function, "POST /predict/pair", Some(rows));
    assert_eq!(status, 200, "{answer}");
    (answer["predictions"][0]["both"][0].as_f64().unwrap(), log)
}

const SUM: f64 = 4.0;
const DIFFERENCE: f64 = 2.0;

/// Asks until an answer has a line with this text in it; that line, and what `pair` says then.
fn until(function: &ModelFunction, text: &str) -> (String, f64) {
    let started = Instant::now();
    loop {
        let (value, log) = answer(function);
        if let Some(line) = log.iter().find(|line| line.contains(text)) {
            return (line.clone(), answer(function).0);
        }
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "no line with {text}"
        );
        assert!([SUM, DIFFERENCE].contains(&value));
        thread::sleep(Duration::from_millis(50));
    }
}

/// The folder of what a line of the log says is loaded, while it is there.
fn folder(line: &str) -> Option<PathBuf> {
    let line: Value = serde_json::from_str(line).unwrap();
    let digest = line["digest"].as_str().unwrap()[..16].to_owned();
    let own = format!("{}.", std::process::id());
    let folders = fs::read_dir("/tmp/tollgate-models").unwrap();
    let names = folders.map(|entry| entry.unwrap().path());
    let is_it = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(&own) && name.ends_with(&digest)
    };
    names.into_iter().find(is_it)
}

/// The thread that has brought it may hold it for a moment longer.
#[track_caller]
fn is_gone(folder: &Path) {
    let started = Instant::now();
    while folder.exists() {
        assert!(started.elapsed() < Duration::from_secs(10), "{folder:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..bytes).map(next).collect()
}

fn sum_of(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Three parts of an object, three pages of a list, and digests that hold.
#[test]
fn models_of_a_bucket_are_served_as_those_of_a_folder() {
    let Some(store) = Store::start() else { return };
    let noise = noise((20 << 20) + 1);
    let sums = format!(
        "{}  1/model.onnx\n{}  a b+c.bin\n{}  empty\n",
        sum_of(&fixture("pair/1/model.onnx")),
        sum_of(&noise),
        sum_of(b"")
    );
    store
        .pair()
        .put("pair/a%20b%2Bc.bin", noise)
        .put("pair/empty", "");
    store.put("pair/SHA256SUMS", sums);
    store.put("total/model.onnx", fixture("total/model.onnx"));
    // None of these is a file of a model.
    store
        .put("README.md", "x")
        .put("_old/model.onnx", "x")
        .put(".git/x", "x");
    store.put_raw("bucket/other/broken/model.onnx", b"x".to_vec());
    store.wish(|wish| wish.page = Some(3));
    let function = store.begin(&[("DEFAULT_MODEL", "pair")]).unwrap();
    let log = function.start_log().to_vec();
    let [loaded, started, _] = log.as_slice() else {
        panic!("{log:?}")
    };
    assert!(loaded.contains(r#""outcome":"loaded""#), "{loaded}");
    assert!(
        started.contains(r#""models":["pair","total"]"#),
        "{started}"
    );
    assert_eq!(answer(&function).0, SUM);
    let (status, _, ready, _) = ask(&function, "GET /v2/health/ready", None);
    assert_eq!((status, ready), (200, json!({"live": true, "ready": true})));

    let seen = std::mem::take(&mut store.wish.lock().unwrap().seen);
    let pages = seen
        .iter()
        .filter(|[path, ..]| path.contains("list-type=2"));
    assert!(pages.count() >= 3, "{seen:?}");
    let parts = seen
        .iter()
        .filter(|[path, ..]| path.contains("a%20b%2Bc.bin"));
    let mut parts: Vec<&str> = parts
        .map(|[_, range, version]| {
            assert!(version.starts_with('"'), "{version}");
            range.as_str()
        })
        .collect();
    parts.sort_unstable();
    let expected = [
        "bytes=0-8388607",
        "bytes=16777216-20971520",
        "bytes=8388608-16777215",
    ];
    assert_eq!(parts, expected);
    for path in ["README", "_old", ".git", "other"] {
        assert!(!seen.iter().any(|[seen, ..]| seen.contains(path)), "{path}");
    }
    // What is served has its files, and they go with it.
    let held = folder(loaded).unwrap();
    assert!(held.join("pair/a b+c.bin").is_file());
    drop(function);
    is_gone(&held);
}

#[test]
fn files_without_their_digests_are_not_served() {
    let Some(store) = Store::start() else { return };
    let model = sum_of(&fixture("pair/1/model.onnx"));
    store.pair().put("pair/model.yaml", "description: d");
    let check = |sums: String, expected: &str| {
        store.put("pair/SHA256SUMS", sums);
        assert_eq!(store.begin(&[]).map(drop), Err(vec![expected.to_owned()]));
    };
    check(
        format!("{model}  1/model.onnx\n{model}  model.yaml\n"),
        "`pair/model.yaml` is not the file whose digest is in `SHA256SUMS`",
    );
    check(
        format!("{model}  1/model.onnx\n"),
        "`pair/model.yaml` is not in `SHA256SUMS`",
    );
    let yaml = sum_of(b"description: d");
    store.put(
        "pair/SHA256SUMS",
        format!("{model}  1/model.onnx\n{yaml}  model.yaml\n"),
    );
    assert_eq!(answer(&store.begin(&[]).unwrap()).0, SUM);
}

/// Nothing is served that was put together of two objects; it is tried again.
#[test]
fn an_object_that_changes_while_it_is_read_is_not_taken() {
    let Some(store) = Store::start() else { return };
    store.pair().put("pair/weights", noise(9 << 20));
    store.wish(|wish| wish.change = Some(("weights", noise(9 << 20)[1..].to_vec())));
    let function = store.begin(&[]).unwrap();
    let failed = &function.start_log()[0];
    assert!(
        failed.contains("`pair/weights` has changed while it was read"),
        "{failed}"
    );
    let (status, after, body, _) = ask(&function, "POST /predict", Some(json!({"instances": []})));
    assert_eq!((status, &body["code"]), (503, &json!("models_unreached")));
    assert!(after.unwrap().parse::<u64>().unwrap() <= 5);
    thread::sleep(Duration::from_secs(5));
    assert_eq!(answer(&function).0, SUM);
}

#[test]
fn what_is_wrong_with_the_bucket_keeps_the_function_from_starting() {
    let Some(store) = Store::start() else { return };
    let start = |variables: &[(&str, &str)]| {
        let [problem] = <[String; 1]>::try_from(store.begin(variables).unwrap_err()).unwrap();
        problem
    };
    assert_eq!(
        start(&[]),
        "no object under `s3://bucket/models/` is a file of a model"
    );
    assert_eq!(
        start(&[("MODEL_SOURCE", "s3://nothing")]),
        "there is no bucket `nothing`"
    );
    store.pair();
    store.wish(|wish| wish.refuse = Some(("list-type=2", 403, "AccessDenied")));
    assert_eq!(
        start(&[]),
        "the function's role may not read the list of objects: it needs `s3:ListBucket` (AccessDenied)"
    );
    store.wish(|wish| wish.refuse = Some(("model.onnx", 403, "AccessDenied")));
    assert_eq!(
        start(&[]),
        "the function's role may not read `pair/1/model.onnx`: it needs `s3:GetObject` (AccessDenied)"
    );
    store.wish(|wish| wish.refuse = None);
    store.put("pair/1/model.onnx", "no model");
    let problem = start(&[]);
    assert!(
        problem.starts_with("model `pair` version 1: the file cannot be read as ONNX"),
        "{problem}"
    );
}

/// Health is told at once; questions wait as long as something is tried.
#[test]
fn an_outage_is_neither_a_failed_start_nor_a_refusal() {
    let Some(store) = Store::start() else { return };
    store
        .pair()
        .wish(|wish| wish.refuse = Some(("", 503, "SlowDown")));
    let function = store.begin(&[]).unwrap();
    let [failed, started, _] = function.start_log() else {
        panic!("{:?}", function.start_log())
    };
    let reason = "S3 answers with status 503 and `SlowDown` about the list of objects";
    assert!(failed.contains(reason), "{failed}");
    assert!(started.contains("on their way"), "{started}");
    for route in [
        "GET /v2/health/ready",
        "GET /ping",
        "GET /v2/models",
        "GET /v2/models/pair/ready",
        "POST /v2/repository/index",
        "GET /v1/models/pair",
    ] {
        let (status, after, body, log) = ask(&function, route, None);
        assert_eq!((status, &body["ready"]), (503, &json!(false)), "{route}");
        assert_eq!(body["code"], "models_unreached");
        assert!(after.is_some() && log[0].contains("SlowDown"), "{log:?}");
        assert!(!body.to_string().contains("SlowDown"), "{body}");
    }
    let (status, _, live, _) = ask(&function, "GET /v2/health/live", None);
    assert_eq!((status, live), (200, json!({"live": true, "ready": false})));
    store.wish(|wish| wish.refuse = None);
    thread::sleep(Duration::from_secs(5));
    assert_eq!(answer(&function).0, SUM);
}

#[test]
fn nobody_at_the_address_is_an_outage_too() {
    let Some(store) = Store::start() else { return };
    let nobody = [("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")];
    let function = store.begin(&nobody).unwrap();
    let failed = &function.start_log()[0];
    assert!(
        failed.contains("S3 has not answered about the list of objects"),
        "{failed}"
    );
}

#[test]
fn the_start_does_not_wait_longer_than_lambda_does() {
    let Some(store) = Store::start() else { return };
    store.pair().wish(|wish| wish.is_slow = true);
    let started = Instant::now();
    let function = store.begin(&[]).unwrap();
    let took = started.elapsed();
    assert!(
        took >= Duration::from_secs(8) && took < Duration::from_millis(9500),
        "{took:?}"
    );
    let (status, after, body, _) = ask(&function, "GET /v2/health/ready", None);
    assert_eq!((status, after.as_deref()), (503, Some("1")));
    assert_eq!(
        (&body["code"], &body["ready"]),
        (&json!("model_loading"), &json!(false))
    );
    thread::scope(|scope| {
        let waiting = scope.spawn(|| answer(&function).0);
        thread::sleep(Duration::from_millis(200));
        store.wish(|wish| wish.is_slow = false);
        assert_eq!(waiting.join().unwrap(), SUM);
    });
}

#[test]
fn what_changes_in_the_bucket_is_served_once_it_is_found_right() {
    let Some(store) = Store::start() else { return };
    store.pair();
    store.put("pair/model.yaml", "description: of this test alone");
    let function = store.begin(&[("MODEL_REFRESH", "1")]).unwrap();
    let first = folder(&function.start_log()[0]).unwrap();
    assert_eq!(answer(&function).0, SUM);

    store.put("pair/1/model.onnx", "no model");
    let (line, value) = until(&function, r#""outcome":"failed""#);
    assert!(
        line.contains("model `pair` version 1: the file cannot be read as ONNX"),
        "{line}"
    );
    assert_eq!(value, SUM);

    // It is brought once: after that the bucket is listed, and nothing else.
    store.wish(|wish| wish.seen.clear());
    let is_list = |[path, ..]: &[String; 3]| path.contains("list-type=2");
    let started = Instant::now();
    let mut lists = 0;
    while lists < 2 {
        answer(&function);
        store.wish(|wish| {
            assert!(wish.seen.iter().all(is_list), "{:?}", wish.seen);
            lists = wish.seen.len();
        });
        assert!(started.elapsed() < Duration::from_secs(30), "{lists} lists");
        thread::sleep(Duration::from_millis(50));
    }

    store.put("pair/1/model.onnx", fixture("pair/2/model.onnx"));
    let (second, value) = until(&function, r#""outcome":"loaded""#);
    assert_eq!(value, DIFFERENCE);
    is_gone(&first);
    assert!(folder(&second).is_some());

    store.wish(|wish| wish.refuse = Some(("", 500, "InternalError")));
    let (line, value) = until(&function, r#""outcome":"failed""#);
    assert!(line.contains("InternalError"), "{line}");
    assert_eq!(value, DIFFERENCE);

    // Another model comes, and is found by callers that come after it.
    store.wish(|wish| wish.refuse = None);
    store.put("total/model.onnx", fixture("total/model.onnx"));
    until(&function, r#""outcome":"loaded""#);
    let (status, _, models, _) = ask(&function, "GET /v2/models", None);
    assert_eq!(
        (status, models),
        (200, json!({"models": ["pair", "total"]}))
    );
}

/// Whoever asks while models change is answered by the ones or by the others.
#[test]
fn callers_at_one_time_see_no_change_in_the_middle() {
    let Some(store) = Store::start() else { return };
    store.pair();
    let function = store.begin(&[("MODEL_REFRESH", "1")]).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let ask = || {
            let mut answers = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                answers.push(answer(&function).0);
                thread::sleep(Duration::from_millis(1));
            }
            answers
        };
        let callers: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        store.put("pair/1/model.onnx", fixture("pair/2/model.onnx"));
        let started = Instant::now();
        while answer(&function).0 == SUM && started.elapsed() < Duration::from_secs(30) {
            thread::sleep(Duration::from_millis(20));
        }
        is_over.store(true, Ordering::Relaxed);
        for caller in callers {
            let answers = caller.join().unwrap();
            let first = answers.iter().position(|answer| *answer == DIFFERENCE);
            let (before, after) = answers.split_at(first.unwrap_or(answers.len()));
            assert!(before.iter().all(|answer| *answer == SUM));
            assert!(after.iter().all(|answer| *answer == DIFFERENCE));
        }
    });
    assert_eq!(answer(&function).0, DIFFERENCE);
}

/// Nothing is looked at where nobody has asked for it.
#[test]
fn without_a_time_to_look_again_nothing_changes() {
    let Some(store) = Store::start() else { return };
    store.pair();
    let function = store.begin(&[]).unwrap();
    let seen = store.wish.lock().unwrap().seen.len();
    store.put("pair/1/model.onnx", fixture("pair/2/model.onnx"));
    thread::sleep(Duration::from_millis(1100));
    assert_eq!(answer(&function).0, SUM);
    assert_eq!(store.wish.lock().unwrap().seen.len(), seen);
}

/// Versions that are loaded on their first use find their files, also after others have come.
#[test]
fn a_bucket_may_be_loaded_on_first_use() {
    let Some(store) = Store::start() else { return };
    store
        .pair()
        .put("total/model.onnx", fixture("total/model.onnx"));
    let variables = [
        ("MODEL_LOADING", "first-use"),
        ("DEFAULT_MODEL", "total"),
        ("MODEL_REFRESH", "1"),
    ];
    let function = store.begin(&variables).unwrap();
    let (_, _, index, _) = ask(&function, "POST /v2/repository/index", None);
    assert_eq!(index[0]["state"], "UNAVAILABLE");
    assert_eq!(answer(&function).0, SUM);
    // What runs is not given up for what does not.
    store.put("pair/1/model.onnx", "no model");
    let (line, value) = until(&function, r#""outcome":"failed""#);
    assert!(line.contains("model `pair` version 1"), "{line}");
    assert_eq!(value, SUM);
    store.put("pair/1/model.onnx", fixture("pair/2/model.onnx"));
    let (_, value) = until(&function, r#""outcome":"loaded""#);
    assert_eq!(value, DIFFERENCE);
}
