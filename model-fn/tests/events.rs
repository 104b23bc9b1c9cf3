//! Recorded events of the gateway against stored replies, compared whole.
//!
//! `fixtures/events/NAME.json` is answered as `fixtures/replies/NAME.json` says: the reply with its
//! body decompressed and read as JSON, and the log line without its durations. A file without its pair fails.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model_fn::coding::Coding;
use model_fn::{Config, ModelFunction, Reply};
use serde_json::{Value, json};

fn fixtures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(folder)
}

fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(fixtures(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect()
}

fn start(more: &[(&str, &str)]) -> ModelFunction {
    let source = fixtures("served").display().to_string();
    let variables = [
        ("MODEL_SOURCE", source.as_str()),
        ("DEFAULT_MODEL", "pair"),
        ("MAX_ROWS_CLAIM", "most_rows"),
        ("MAX_BODY_BYTES_CLAIM", "most_bytes"),
        ("MAX_BODY_BYTES", "4096"),
        ("MAX_DECODED_BYTES", "8192"),
        ("MAX_REPLY_BYTES", "5000"),
    ];
    let find = |name: &str| {
        more.iter()
            .chain(&variables)
            .find(|(known, _)| *known == name)
    };
    let config = Config::load(|name| find(name).map(|(_, value)| (*value).to_owned()));
    ModelFunction::start(config.unwrap()).unwrap()
}

/// The body as the caller reads it: decompressed, and as JSON where it says so.
fn body(reply: &Reply) -> Value {
    if !reply.is_base64_encoded {
        return match reply.headers["content-type"].as_str() {
            "application/json" => serde_json::from_str(&reply.body).unwrap(),
            _ => Value::from(reply.body.as_str()),
        };
    }
    let body = STANDARD.decode(&reply.body).unwrap();
    let coding = reply.headers.get("content-encoding");
    let body = match coding.and_then(|coding| Coding::of(coding).unwrap()) {
        Some(coding) => coding.decode(&body, 1 << 16).unwrap(),
        None => body,
    };
    if reply.headers["content-type"] == "application/json" {
        serde_json::from_slice(&body).unwrap()
    } else {
        json!({"base64": STANDARD.encode(&body)})
    }
}

/// What the function does with an event, in the form of the stored replies.
fn outcome(function: &ModelFunction, event: &str) -> Value {
    let outcome = function.handle(event, "c0ffee00-0000-4000-8000-000000000000");
    let mut reply = serde_json::to_value(&outcome.reply).unwrap();
    reply["body"] = body(&outcome.reply);
    // Nothing but times, which have tests of their own.
    let listed = reply
        .pointer_mut("/body/data")
        .and_then(Value::as_array_mut);
    for model in listed
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        model.remove("created");
    }
    reply["headers"]
        .as_object_mut()
        .unwrap()
        .remove("server-timing");
    let lines = outcome
        .log
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    // Lines of metrics tell the time, and nothing else that the log does not.
    let lines: Vec<Value> = lines
        .filter(|line| line.get("_aws").is_none())
        .map(|line| {
            let fields = line.as_object().unwrap().clone().into_iter();
            fields.filter(|(name, _)| !name.ends_with("_ms")).collect()
        })
        .collect();
    json!({"reply": reply, "log": lines})
}

#[test]
fn every_event_is_answered_as_stored() {
    let function = start(&[]);
    let events = names("events");
    assert_eq!(events, names("replies"));
    let mut different = Vec::new();
    for name in &events {
        let event = fs::read_to_string(fixtures("events").join(name)).unwrap();
        let stored = fs::read_to_string(fixtures("replies").join(name)).unwrap();
        let given = outcome(&function, &event);
        if given != serde_json::from_str::<Value>(&stored).unwrap() {
            different.push(format!("{name}: {given:#}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn without_an_authorizer_only_a_function_that_allows_it_answers() {
    let event = fs::read_to_string(fixtures("events").join("rest_no_authorizer.json")).unwrap();
    let function = start(&[("ALLOW_UNAUTHENTICATED", "true")]);
    assert_eq!(function.handle(&event, "r").reply.status_code, 200);
    let [warning, _, _] = function.start_log() else {
        panic!(
            "a warning, the start and its metrics: {:?}",
            function.start_log()
        )
    };
    assert!(
        warning.contains("ALLOW_UNAUTHENTICATED is true"),
        "{warning}"
    );
    let function = start(&[("ALLOW_UNAUTHENTICATED", "false")]);
    assert_eq!(function.handle(&event, "r").reply.status_code, 403);
    assert_eq!(function.start_log().len(), 2);
}

#[test]
fn what_is_no_event_is_refused() {
    let function = start(&[]);
    for event in ["", "null", "7", "\"text\"", "{\"requestContext\": null}"] {
        let status = function.handle(event, "r").reply.status_code;
        assert!(matches!(status, 400 | 403), "{event}: {status}");
    }
}
