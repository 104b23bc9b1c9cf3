//! Requests that come at the same time, from as many threads, to models whose folder says that they may run as one.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::fs;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use model_fn::{Config, ModelFunction};
use serde_json::{Value, json};

const THREADS: usize = 8;
const ROUNDS: usize = 60;
const INFER: &str = "/v2/models/m/infer";

/// A folder with one model of the fixtures, and this `model.yaml`.
fn start(model: &str, description: &str) -> Result<ModelFunction, Vec<String>> {
    start_with(model, description, None)
}

/// The same, with an example.
fn start_with(
    model: &str,
    description: &str,
    example: Option<&Value>,
) -> Result<ModelFunction, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(model);
    let copy = folder.path().join("m");
    fs::create_dir(&copy).unwrap();
    fs::copy(fixture.join("model.onnx"), copy.join("model.onnx")).unwrap();
    fs::write(copy.join("model.yaml"), description).unwrap();
    if let Some(example) = example {
        fs::write(copy.join("example.json"), example.to_string()).unwrap();
    }
    let source = folder.path().display().to_string();
    let lookup = |name: &str| (name == "MODEL_SOURCE").then(|| source.clone());
    ModelFunction::start(Config::load(lookup).unwrap()).map_err(|error| error.problems)
}

fn ask(function: &ModelFunction, method: &str, path: &str, body: &str) -> (u16, Value) {
    let context = json!({"authorizer": {"principalId": "somebody", "scope": "predict"}});
    let event =
        json!({"httpMethod": method, "path": path, "requestContext": context, "body": body});
    let outcome = function.handle(&event.to_string(), "request");
    let body = serde_json::from_str(&outcome.reply.body).unwrap();
    (outcome.reply.status_code, body)
}

/// A question with an id and values of its own.
fn question(thread: usize, round: usize) -> Value {
    let row = |row: usize| [thread as f32, round as f32, row as f32].to_vec();
    let rows = 1 + (thread + round) % 3;
    let data: Vec<f32> = (0..rows).flat_map(|at| row(at)[..2].to_vec()).collect();
    let input =
        |name: &str| json!({"name": name, "datatype": "FP32", "shape": [rows, 2], "data": data});
    json!({"id": format!("{thread}-{round}"), "inputs": [input("a"), input("b")]})
}

/// A city that `strict` knows, or not.
fn city(thread: usize, round: usize) -> Value {
    let city = ["Bern", "Basel", "Chur"][(thread + round) % 3];
    let input = json!({"name": "city", "datatype": "BYTES", "shape": [1], "data": [city]});
    json!({"id": format!("{thread}-{round}"), "inputs": [input]})
}

/// All threads ask at once, again and again: what they asked and what came of it.
fn all_at_once(
    function: &ModelFunction,
    question: impl Fn(usize, usize) -> Value + Sync,
) -> Vec<(Value, u16, Value)> {
    let together = Barrier::new(THREADS);
    let rounds = |thread: usize| {
        let rounds = (0..ROUNDS).map(|round| {
            let question = question(thread, round);
            together.wait();
            let (status, answer) = ask(function, "POST", INFER, &question.to_string());
            (question, status, answer)
        });
        rounds.collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let rounds = &rounds;
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || rounds(thread)))
            .collect();
        let answers = threads.into_iter().map(|thread| thread.join().unwrap());
        answers.flatten().collect()
    })
}

#[track_caller]
fn check_all(
    model: &str,
    example: Option<&Value>,
    question: impl Fn(usize, usize) -> Value + Sync,
    refused: usize,
) {
    let batching = start_with(model, "batching: {rows: 32, delay_ms: 20}", example).unwrap();
    let alone = start(model, "").unwrap();
    let mut failed = 0;
    for (question, status, answer) in all_at_once(&batching, question) {
        let expected = ask(&alone, "POST", INFER, &question.to_string());
        assert_eq!((status, &answer), (expected.0, &expected.1));
        if status == 200 {
            assert_eq!(answer["id"], question["id"]);
        } else {
            failed += 1;
            assert_eq!((status, &answer["code"]), (422, &json!("value_refused")));
        }
    }
    assert_eq!(failed, refused);
    let (_, statistics) = ask(&batching, "GET", "/v2/models/m/stats", "");
    let statistics = &statistics["model_stats"][0];
    let count = |value: &Value| value.as_u64().unwrap() as usize;
    let answered = count(&statistics["inference_stats"]["success"]["count"]);
    assert_eq!(answered, THREADS * ROUNDS - refused);
    assert!(count(&statistics["execution_count"]) <= answered);
}

#[test]
fn everybody_gets_an_answer_of_their_own() {
    check_all("served/pair/1", None, question, 0);
}

#[test]
fn a_value_that_does_not_fit_is_its_senders_trouble_alone() {
    let example = json!({"instances": ["Bern", "Basel"]});
    check_all("served/strict", Some(&example), city, THREADS * ROUNDS / 3);
}

#[track_caller]
fn refused(model: &str, description: &str, reason: &str) {
    let problems = start(model, description).unwrap_err();
    let [problem] = problems.as_slice() else {
        panic!("one problem: {problems:?}")
    };
    assert!(problem.contains(reason), "{problem}");
}

#[test]
fn rows_must_be_answered_as_they_are_alone() {
    refused(
        "together/centred",
        "batching: {}",
        "row 0 of output `y` is answered otherwise when it comes with others",
    );
    start("together/centred", "").unwrap();
    // Rows that are alike show nothing, and made-up ones are tried.
    let alike = json!({"instances": [[1, 2], [1, 2]]});
    let started = start_with("together/centred", "batching: {}", Some(&alike));
    assert!(started.is_err());
    refused(
        "served/strict",
        "batching: {}",
        "needs a sample of two rows that differ",
    );
    refused(
        "served/total",
        "batching: {}",
        "has no first axis of any length",
    );
}

#[test]
fn batches_have_bounds() {
    for wrong in ["rows: 1", "rows: 48", "rows: 256", "delay_ms: 101"] {
        refused(
            "served/pair/1",
            &format!("batching: {{{wrong}}}"),
            "`batching` takes `rows` that are 2, 4, 8 or so on up to 128, and `delay_ms` up to 100",
        );
    }
    refused(
        "served/pair/1",
        "batching: {delay: 1}",
        "unknown field `delay`",
    );
}
