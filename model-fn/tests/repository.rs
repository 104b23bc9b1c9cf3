//! Which models and versions a started function serves, under which names, and what it says of them.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use model_fn::engine::{Budget, Memory};
use model_fn::protocol::Limits;
use model_fn::repository::{Loading, Repository, Settings, Unavailable, Wanted};
use model_fn::{Config, Invocation, ModelFunction, Outcome, source};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder of models, made for one test.
struct Models(TempDir);

impl Models {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Copies a file of a fixture: `pair/1` adds up, `pair/2` subtracts.
    fn copy(&self, fixture: &str, to: &str) -> &Self {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/served");
        self.write(to, &fs::read(fixtures.join(fixture)).unwrap())
    }

    fn write(&self, to: &str, bytes: &[u8]) -> &Self {
        let path = self.0.path().join(to);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    /// Versions 1, 2 and 10 of a model.
    fn pair(&self, description: &str) -> &Self {
        self.copy("pair/1/model.onnx", "pair/1/model.onnx");
        self.copy("pair/2/model.onnx", "pair/2/model.onnx");
        self.copy("pair/1/model.onnx", "pair/10/model.onnx");
        self.write("pair/model.yaml", description.as_bytes())
    }

    fn start(&self, variables: &[(&str, &str)]) -> Result<ModelFunction, Vec<String>> {
        let source = self.0.path().display().to_string();
        let lookup = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            let found = found.map(|(_, value)| (*value).to_owned());
            found.or_else(|| (name == "MODEL_SOURCE").then(|| source.clone()))
        };
        ModelFunction::start(Config::load(lookup).unwrap()).map_err(|error| error.problems)
    }
}

fn invoke(
    function: &ModelFunction,
    route: &str,
    body: Option<Value>,
    time_left: Option<Duration>,
) -> Outcome {
    let (method, path) = route.split_once(' ').unwrap();
    let context = json!({"authorizer": {"principalId": "somebody", "scope": "predict"}});
    let body = body.map(|body| body.to_string());
    let event =
        json!({"httpMethod": method, "path": path, "requestContext": context, "body": body});
    let invocation = Invocation {
        request_id: "request",
        time_left,
        trace_id: None,
    };
    function.invoke(&event.to_string(), invocation)
}

/// Status and body of `GET …` or `POST …`.
fn ask(function: &ModelFunction, route: &str, body: Option<Value>) -> (u16, Value) {
    let reply = invoke(function, route, body, None).reply;
    (
        reply.status_code,
        serde_json::from_str(&reply.body).unwrap(),
    )
}

fn get(function: &ModelFunction, path: &str) -> Value {
    let (status, answer) = ask(function, &format!("GET {path}"), None);
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

fn row() -> Value {
    let tensor =
        |name, data| json!({"name": name, "shape": [1, 2], "datatype": "FP32", "data": data});
    json!({"inputs": [tensor("a", [3, 4]), tensor("b", [1, 1])], "outputs": [{"name": "both"}]})
}

/// The version that a question in the Open Inference Protocol is answered by, and its answer.
fn answered(function: &ModelFunction, path: &str) -> (Value, Value) {
    let (status, answer) = ask(function, &format!("POST {path}"), Some(row()));
    assert_eq!(status, 200, "{path}: {answer}");
    (
        answer["model_version"].clone(),
        answer["outputs"][0]["data"].clone(),
    )
}

const LABELLED: &str = "default: 1\nversion_labels: {stable: 1, canary: 2, next: 2}";

#[test]
fn a_label_stands_for_its_version_wherever_a_version_may_stand() {
    let models = Models::new();
    let function = models.pair(LABELLED).start(&[]).unwrap();
    let (sum, difference) = (json!([4.0, 5.0]), json!([2.0, 3.0]));
    let at = |version: &str| answered(&function, &format!("/v2/models/pair{version}/infer"));
    assert_eq!(at(""), (json!("1"), sum.clone()));
    assert_eq!(at("/versions/stable"), (json!("1"), sum));
    assert_eq!(at("/versions/canary"), (json!("2"), difference));
    for path in ["", "/ready", "/config", "/stats"] {
        get(&function, &format!("/v2/models/pair/versions/canary{path}"));
    }
    let rows = json!({"instances": [{"a": [3, 4], "b": [1, 1]}]});
    for path in ["labels/canary", "versions/canary", "versions/2"] {
        let route = format!("POST /v1/models/pair/{path}:predict");
        let (status, answer) = ask(&function, &route, Some(rows.clone()));
        let expected = json!({"predictions": [{"both": [2.0, 3.0], "mean": 2.5}]});
        assert_eq!((status, answer), (200, expected), "{path}");
        let metadata = get(&function, &format!("/v1/models/pair/{path}/metadata"));
        assert_eq!(metadata["model_spec"]["version"], "2");
        let status = get(&function, &format!("/v1/models/pair/{path}"));
        let [only] = status["model_version_status"]
            .as_array()
            .unwrap()
            .as_slice()
        else {
            panic!("{status}")
        };
        assert_eq!(only["version"], "2");
    }
}

#[test]
fn a_version_that_is_not_served_is_not_found_by_any_name() {
    let models = Models::new();
    let description = "versions: {latest: 2}\nversion_labels: {stable: 2}";
    let function = models.pair(description).start(&[]).unwrap();
    for path in [
        "/v2/models/pair/versions/1",
        "/v2/models/pair/versions/02",
        "/v2/models/pair/versions/canary",
        "/v1/models/pair/labels/canary",
        // A label is no number, also where there is such a version.
        "/v1/models/pair/labels/2",
    ] {
        let (status, answer) = ask(&function, &format!("GET {path}"), None);
        assert_eq!((status, &answer["code"]), (404, &json!("version_unknown")));
        let expected = json!({"expected": [2, 10], "labels": ["stable"]});
        assert_eq!(answer["detail"], expected);
    }
    let pair = get(&function, "/v2/models/pair");
    assert_eq!(pair["versions"], json!(["2", "10"]));
}

#[test]
fn labels_and_the_policy_are_told() {
    let models = Models::new();
    let description = "versions: {latest: 2}\nversion_labels: {stable: 2, next: 2}";
    let function = models.pair(description).start(&[]).unwrap();
    let labels = json!({"stable": "2", "next": "2"});
    let pair = get(&function, "/v2/models/pair/versions/stable");
    assert_eq!(pair["version_labels"], labels);
    let listed = get(&function, "/models");
    assert_eq!(listed["models"][0]["version_labels"], labels);
    assert_eq!(listed["models"][0]["default_version"], "10");
    let (_, index) = ask(&function, "POST /v2/repository/index", None);
    let expected = json!([
        {"name": "pair", "version": "2", "state": "READY", "reason": "", "version_labels": ["next", "stable"]},
        {"name": "pair", "version": "10", "state": "READY", "reason": ""},
    ]);
    assert_eq!(index, expected);
    let policy = |description: &str| {
        let models = Models::new();
        let function = models.pair(description).start(&[]).unwrap();
        get(&function, "/v2/models/pair/config")["version_policy"].clone()
    };
    assert_eq!(policy(""), json!({"all": {}}));
    let latest = json!({"latest": {"num_versions": 2}});
    assert_eq!(policy("versions: {latest: 2}"), latest);
    let specific = json!({"specific": {"versions": [1, 2]}});
    assert_eq!(policy("versions: [2, 1]"), specific);
}

#[test]
fn a_version_that_no_policy_names_is_not_even_loaded() {
    let models = Models::new();
    models.pair("versions: {latest: 2}");
    models.write("pair/1/model.onnx", b"no model");
    models.start(&[]).unwrap();
    models.write("pair/model.yaml", b"versions: all");
    let problems = models.start(&[]).unwrap_err();
    assert!(problems[0].starts_with("model `pair` version 1: "));
}

#[test]
fn a_label_that_leads_nowhere_stops_the_start() {
    let models = Models::new();
    models.pair("versions: [1, 2]\nversion_labels: {stable: 10}");
    let expected = "model `pair`: `model.yaml`: `version_labels`: `stable` is version 10, which `versions` leaves out";
    assert_eq!(models.start(&[]).unwrap_err(), [expected]);
}

/// A matrix of 64 MB. To run, it is there once more in the processor's order.
fn large(models: &Models, name: &str) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sized");
    let model = fs::read(fixtures.join("large/model.onnx")).unwrap();
    models.write(&format!("{name}/model.onnx"), &model);
    let weights = models.0.path().join(name).join("weights");
    let weights = fs::File::create(weights).unwrap();
    weights.set_len(64 << 20).unwrap();
}

const FIRST_USE: (&str, &str) = ("MODEL_LOADING", "first-use");

/// With `total` as the default model, `pair`, and one that is broken.
fn lazy() -> (Models, ModelFunction) {
    let models = Models::new();
    models.copy("total/model.onnx", "total/model.onnx");
    models.copy("pair/1/model.onnx", "pair/1/model.onnx");
    models.copy("pair/2/model.onnx", "pair/2/model.onnx");
    models.write("broken/model.onnx", b"no model");
    let function = models.start(&[FIRST_USE, ("DEFAULT_MODEL", "total")]);
    let function = function.unwrap();
    (models, function)
}

/// The index as `model version state`, with the reasons.
fn index(function: &ModelFunction, body: Value) -> Vec<String> {
    let (status, index) = ask(function, "POST /v2/repository/index", Some(body));
    assert_eq!(status, 200, "{index}");
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    let entries = index.as_array().unwrap().iter().map(|entry| {
        let parts = ["name", "version", "state", "reason"].map(|name| text(entry, name));
        parts.join(" ").trim_end().to_owned()
    });
    entries.collect()
}

const IDLE: &str = "UNAVAILABLE it is loaded when it is asked for";

#[test]
fn the_default_model_is_loaded_at_the_start_and_others_when_they_are_asked_for() {
    let (_models, function) = lazy();
    let expected = [
        format!("broken 1 {IDLE}"),
        format!("pair 1 {IDLE}"),
        format!("pair 2 {IDLE}"),
        "total 1 READY".to_owned(),
    ];
    assert_eq!(index(&function, json!({})), expected);
    assert_eq!(index(&function, json!({"ready": true})), ["total 1 READY"]);
    let listed = get(&function, "/models")["models"].clone();
    assert_eq!(
        (&listed[1]["name"], &listed[1]["ready"]),
        (&json!("pair"), &json!(false))
    );
    assert!(listed[1].get("inputs").is_none() && listed[2]["inputs"].is_array());

    answered(&function, "/v2/models/pair/infer");
    assert_eq!(
        index(&function, json!({"ready": true})),
        ["pair 2 READY", "total 1 READY"]
    );
    for path in ["", "/ready", "/config"] {
        let (_models, function) = lazy();
        get(&function, &format!("/v2/models/pair/versions/1{path}"));
        assert!(
            index(&function, json!({})).contains(&"pair 1 READY".to_owned()),
            "{path}"
        );
    }
}

#[test]
fn tensorflow_serving_and_kserve_are_told_the_state_in_their_words() {
    let (_models, function) = lazy();
    let states = |model: &str| {
        let status = get(&function, &format!("/v1/models/{model}"));
        let versions = status["model_version_status"].as_array().unwrap().clone();
        let states = versions.iter().map(|version| version["state"].clone());
        (status["ready"].clone(), states.collect::<Vec<_>>())
    };
    assert_eq!(states("total"), (json!(true), vec![json!("AVAILABLE")]));
    // Whoever waits for `ready` before the first question would wait for ever.
    assert_eq!(states("pair"), (json!(true), vec![json!("START"); 2]));
    answered(&function, "/v2/models/pair/versions/1/infer");
    assert_eq!(states("pair").1, ["START", "AVAILABLE"]);
    ask(&function, "GET /v2/models/broken/ready", None);
    assert_eq!(states("broken"), (json!(false), vec![json!("END")]));
}

#[test]
fn a_model_that_cannot_be_loaded_is_a_503_whose_reason_is_in_the_log_alone() {
    let (models, function) = lazy();
    for route in ["GET /v2/models/broken/ready", "POST /predict/broken"] {
        let outcome = invoke(&function, route, Some(json!({"instances": [1]})), None);
        let reply = &outcome.reply;
        assert_eq!(
            (reply.status_code, reply.headers["retry-after"].as_str()),
            (503, "10")
        );
        let body: Value = serde_json::from_str(&reply.body).unwrap();
        let expected = json!({"error": "the model cannot be loaded", "code": "model_unavailable", "detail": {}, "ready": false});
        assert_eq!(body, expected);
        let line = &outcome.log[0];
        let reason = "model `broken` version 1: the file cannot be read as ONNX: ";
        assert!(line.contains(reason), "{line}");
    }
    // It is not looked at again at once, and the others answer.
    models.copy("total/model.onnx", "broken/model.onnx");
    let (status, _) = ask(&function, "GET /v2/models/broken/ready", None);
    assert_eq!(status, 503);
    let failed = "broken 1 UNAVAILABLE its last load failed";
    assert_eq!(index(&function, json!({}))[0], failed);
    answered(&function, "/v2/models/pair/infer");
    let (status, answer) = ask(&function, "GET /v2/health/ready", None);
    assert_eq!(
        (status, answer),
        (200, json!({"live": true, "ready": true}))
    );
}

#[test]
fn what_is_said_of_a_model_is_checked_at_the_start_in_any_case() {
    let models = Models::new();
    models.copy("total/model.onnx", "total/model.onnx");
    models.pair("version_labels: {stable: 3}");
    let start = || {
        models
            .start(&[FIRST_USE, ("DEFAULT_MODEL", "total")])
            .map(drop)
    };
    let expected =
        "model `pair`: `model.yaml`: `version_labels`: `stable` is version 3, which is not there";
    assert_eq!(start(), Err(vec![expected.to_owned()]));
    models.pair("").write("total/model.onnx", b"no model");
    assert!(start().unwrap_err()[0].starts_with("model `total` version 1: "));
}

/// Two loads of it at one time would not fit into the memory.
#[test]
fn callers_at_one_time_share_one_load() {
    let models = Models::new();
    models.copy("total/model.onnx", "total/model.onnx");
    large(&models, "large");
    let memory = ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "168");
    let function = models.start(&[FIRST_USE, ("DEFAULT_MODEL", "total"), memory]);
    let function = function.unwrap();
    thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| ask(&function, "GET /v2/models/large", None)))
            .collect();
        for caller in callers {
            let (status, answer) = caller.join().unwrap();
            assert_eq!(status, 200, "{answer}");
        }
    });
}

#[test]
fn a_load_that_takes_longer_than_a_request_goes_on_without_it() {
    let models = Models::new();
    models.copy("total/model.onnx", "total/model.onnx");
    large(&models, "large");
    let function = models.start(&[FIRST_USE, ("DEFAULT_MODEL", "total")]);
    let function = function.unwrap();
    // All of it is held back for the answer.
    let short = Some(Duration::from_millis(100));
    let reply = invoke(&function, "GET /v2/models/large/ready", None, short).reply;
    assert_eq!(
        (reply.status_code, reply.headers["retry-after"].as_str()),
        (503, "1")
    );
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(
        (&body["code"], &body["ready"]),
        (&json!("model_loading"), &json!(false))
    );
    assert_eq!(index(&function, json!({}))[0], "large 1 LOADING");
    let status = get(&function, "/v1/models/large");
    assert_eq!(
        (
            &status["ready"],
            &status["model_version_status"][0]["state"]
        ),
        (&json!(false), &json!("LOADING"))
    );
    // Nobody begins another.
    let outcome = invoke(&function, "GET /v2/models/large/ready", None, None);
    assert_eq!(outcome.reply.status_code, 200);
    assert!(outcome.log[0].contains(r#""load_ms""#), "{:?}", outcome.log);
    assert_eq!(index(&function, json!({}))[0], "large 1 READY");
}

/// The models of a folder, loaded on their first use into so many megabytes; the default model is `total`.
fn repository(models: &Models, megabytes: u64) -> Repository {
    let found = source::find(&[models.0.path().to_owned()]);
    let settings = Settings {
        default: Some("total".to_owned()),
        limits: Limits::DEFAULT,
        budget: Budget::new(Memory::of_function(megabytes << 20)),
        loading: Loading::FirstUse,
    };
    Repository::open(found.models, settings).unwrap()
}

#[test]
fn the_model_used_the_longest_time_ago_leaves_for_another() {
    let models = Models::new();
    models.copy("total/model.onnx", "total/model.onnx");
    ["a", "b", "c"].iter().for_each(|name| large(&models, name));
    // 32 for the program, and twice 64 for each of two.
    let memory = ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "300");
    let function = models.start(&[FIRST_USE, ("DEFAULT_MODEL", "total"), memory]);
    let function = function.unwrap();
    let used = |name: &str| {
        get(&function, &format!("/v2/models/{name}"));
        let ready = index(&function, json!({"ready": true}));
        let names = ready.iter().map(|entry| entry.split(' ').next().unwrap());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(used("a"), "a total");
    assert_eq!(used("b"), "a b total");
    assert_eq!(used("a"), "a b total");
    assert_eq!(used("c"), "a c total");
    assert_eq!(used("b"), "b c total");
    assert_eq!(used("total"), "b c total");
}

/// Longer than any load here.
const LOAD: Duration = Duration::from_secs(20);

#[test]
fn a_model_that_is_in_use_does_not_leave() {
    let models = Models::new();
    models.copy("total/model.onnx", "total/model.onnx");
    ["a", "b"].iter().for_each(|name| large(&models, name));
    let repository = repository(&models, 168);
    let grants = model_fn::grants::Grants::Any;
    let model = |name: &str, now| {
        let visible = repository.visible(None, &grants);
        let found = visible.find(Some(name), Wanted::Default).unwrap();
        repository.model(found, None, now)
    };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let held = model("a", now).unwrap();
    let refused = |milliseconds: u64, expected: u64| {
        let now = now + Duration::from_millis(milliseconds);
        let Err(Unavailable::Full { reason, pause }) = model("b", now) else {
            panic!("there is no memory for it")
        };
        assert!(reason.contains("MB of memory are needed"), "{reason}");
        // It counts from the end of the load.
        let expected = Duration::from_millis(expected);
        assert!(pause >= expected && pause < expected + LOAD, "{pause:?}");
    };
    refused(0, 1000);
    refused(999, 1);
    drop(held);
    // It is not tried again before its time.
    refused(999, 1);
    model("b", now + Duration::from_secs(1) + LOAD).unwrap();
    model("a", now + Duration::from_secs(1) + LOAD).unwrap();
}

/// What one model's runs need is taken from the others before a caller is refused.
#[test]
fn models_leave_for_the_runs_of_another() {
    let models = Models::new();
    models.copy("total/model.onnx", "total/model.onnx");
    ["a", "b"].iter().for_each(|name| large(&models, name));
    let memory = ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "296");
    let variables = [
        FIRST_USE,
        ("DEFAULT_MODEL", "total"),
        memory,
        ("MAX_BODY_BYTES", "6000000"),
    ];
    let function = models.start(&variables).unwrap();
    for name in ["a", "b"] {
        get(&function, &format!("/v2/models/{name}"));
    }
    let row = vec![0; 4096];
    let rows = json!({"instances": vec![row; 280]});
    let (status, answer) = ask(&function, "POST /predict/b", Some(rows));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        index(&function, json!({"ready": true})),
        ["b 1 READY", "total 1 READY"]
    );
}
