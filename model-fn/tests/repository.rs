//! Which models and versions a started function serves, under which names, and what it says of them.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::fs;
use std::path::Path;

use model_fn::{Config, ModelFunction};
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

/// Status and body of `GET …` or `POST …`.
fn ask(function: &ModelFunction, route: &str, body: Option<Value>) -> (u16, Value) {
    let (method, path) = route.split_once(' ').unwrap();
    let context = json!({"authorizer": {"principalId": "somebody", "scope": "predict"}});
    let body = body.map(|body| body.to_string());
    let event =
        json!({"httpMethod": method, "path": path, "requestContext": context, "body": body});
    let reply = function.handle(&event.to_string(), "request").reply;
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
