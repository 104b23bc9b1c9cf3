//! The program as Lambda starts it, behind a Runtime API: one event after the other, or several at once.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use runtime_api::RuntimeApi;
use serde_json::{Value, json};

/// For a start, or an answer, on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// A running program; it ends with this value.
struct Program {
    api: RuntimeApi,
    child: Child,
    /// Reads what is logged, for a pipe that is full would stop the program.
    log: Option<JoinHandle<String>>,
}

impl Program {
    fn start(variables: &[(&str, &str)]) -> Self {
        Self::start_over(&served(), variables)
    }

    fn start_over(models: &Path, variables: &[(&str, &str)]) -> Self {
        let api = RuntimeApi::start().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_model-fn"))
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .env("AWS_LAMBDA_FUNCTION_NAME", "model-serving-fn")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .env("MODEL_SOURCE", models)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = child.stdout.take().unwrap();
        let log = thread::spawn(move || {
            let mut text = String::new();
            output.read_to_string(&mut text).unwrap();
            text
        });
        Self {
            api,
            child,
            log: Some(log),
        }
    }

    /// Ends the program; what it has logged.
    fn log(mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        let text = self.log.take().unwrap().join().unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn served() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/served")
}

fn event(city: &str) -> String {
    asking("strict", &json!({"instances": [city]}))
}

fn asking(model: &str, body: &Value) -> String {
    let context = json!({"authorizer": {"principalId": "somebody", "scope": "predict"}});
    let path = format!("/predict/{model}");
    json!({"httpMethod": "POST", "path": path, "requestContext": context, "body": body.to_string()})
        .to_string()
}

#[track_caller]
fn check(answer: &runtime_api::Answer, status: u16) {
    assert!(!answer.is_error, "{}", answer.body);
    let reply: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(reply["statusCode"], status, "{reply}");
}

#[test]
fn events_are_answered_one_by_one() {
    let program = Program::start(&[]);
    program.api.wait_for_polls(1, LIMIT).unwrap();
    for (city, status) in [("Bern", 200), ("Chur", 422), ("Basel", 200)] {
        check(
            &program.api.invoke(event(city), LIMIT).wait(LIMIT).unwrap(),
            status,
        );
    }
    assert!(
        program
            .api
            .wait_for_polls(2, Duration::from_millis(50))
            .is_err()
    );
    let log = program.log();
    assert_eq!(log[0]["event"], "start");
    assert_eq!(
        log.iter().filter(|line| line["event"] == "request").count(),
        3
    );
}

#[test]
fn as_many_events_are_answered_at_once_as_lambda_says() {
    let program = Program::start(&[("AWS_LAMBDA_MAX_CONCURRENCY", "4")]);
    program.api.wait_for_polls(4, LIMIT).unwrap();
    let cities = ["Bern", "Chur", "Basel"].iter().cycle().take(300);
    let asked: Vec<_> = cities
        .map(|city| (*city, program.api.invoke(event(city), LIMIT)))
        .collect();
    for (city, pending) in &asked {
        let status = if *city == "Chur" { 422 } else { 200 };
        check(&pending.wait(LIMIT).unwrap(), status);
    }
    program.api.wait_for_polls(4, LIMIT).unwrap();
    let log = program.log();
    // Whole lines, though several threads write them.
    assert_eq!(
        log.iter().filter(|line| line["event"] == "request").count(),
        300
    );
}

/// Which shows that they are answered by several threads: one would be done with each before it reads the next.
#[test]
fn events_that_come_at_once_run_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("pair");
    fs::create_dir(&model).unwrap();
    fs::copy(served().join("pair/1/model.onnx"), model.join("model.onnx")).unwrap();
    fs::write(
        model.join("model.yaml"),
        "batching: {rows: 128, delay_ms: 100}",
    )
    .unwrap();
    // On a machine that has other work, requests may come one by one for a while.
    let is_together = (0..ROUNDS).any(|_| {
        let program = Program::start_over(folder.path(), &[("AWS_LAMBDA_MAX_CONCURRENCY", "4")]);
        program.api.wait_for_polls(4, LIMIT).unwrap();
        ask_many(&program);
        let log = program.log();
        let mut together = log.iter().filter_map(|line| line["batched"].as_u64());
        together.any(|requests| requests >= 2)
    });
    assert!(is_together, "no two requests ran as one");
}

/// Of 400 requests each.
const ROUNDS: usize = 20;

/// Many requests that differ, each with its own answer.
fn ask_many(program: &Program) {
    let rows = |number: usize| vec![[number, number + 1]; 30];
    let asked: Vec<_> = (0..400)
        .map(|number| {
            let body = json!({"inputs": {"a": rows(number), "b": rows(1)}});
            program.api.invoke(asking("pair", &body), LIMIT)
        })
        .collect();
    for (number, pending) in asked.iter().enumerate() {
        let answer = pending.wait(LIMIT).unwrap();
        check(&answer, 200);
        let reply: Value = serde_json::from_str(&answer.body).unwrap();
        let body: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
        let expected = [number as f64 + 1.0, number as f64 + 3.0];
        assert_eq!(body["outputs"]["both"][29], json!(expected));
    }
}

/// In kB; the allocator's own play.
const MOST_GROWTH: i64 = 4 * 1024;

#[test]
fn memory_stays_flat_over_bodies_of_many_sizes() {
    let program = Program::start(&[]);
    let resident = || -> i64 {
        let status = fs::read_to_string(format!("/proc/{}/status", program.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.unwrap()
            .split_whitespace()
            .next()
            .unwrap()
            .parse()
            .unwrap()
    };
    let ask = |number: usize| {
        let rows = vec![[number, 1]; 1 + number * 37 % 200];
        let good = json!({"inputs": {"a": rows, "b": rows}});
        let (model, body, status) = match number % 4 {
            0 => (
                "strict",
                json!({"instances": [format!("city {number}")]}),
                422,
            ),
            1 => (
                "pair",
                json!({"inputs": {"a": [[number]], "b": [[1, 2, 3]]}}),
                422,
            ),
            _ => ("pair", good, 413),
        };
        let status = if rows.len() <= 3 && number % 4 > 1 {
            200
        } else {
            status
        };
        check(
            &program
                .api
                .invoke(asking(model, &body), LIMIT)
                .wait(LIMIT)
                .unwrap(),
            status,
        );
    };
    (0..1000).for_each(ask);
    let before = resident();
    (0..6000).for_each(ask);
    let grown = resident() - before;
    assert!(grown < MOST_GROWTH, "{grown} kB");
}

#[test]
fn an_event_without_time_left_is_refused() {
    let program = Program::start(&[]);
    let pending = program.api.invoke(event("Bern"), Duration::ZERO);
    check(&pending.wait(LIMIT).unwrap(), 503);
}

#[test]
fn a_start_with_a_problem_ends_the_program() {
    let mut program = Program::start(&[("MAX_ROWS", "0")]);
    let started = Instant::now();
    let ended = loop {
        match program.child.try_wait().unwrap() {
            Some(ended) => break ended,
            None if started.elapsed() > LIMIT => panic!("it goes on"),
            None => thread::yield_now(),
        }
    };
    assert!(!ended.success());
}
