//! The models that ship with Tollgate load, verify and answer their own examples.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::path::{Path, PathBuf};

use model_fn::{Config, ModelFunction};
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

fn start() -> ModelFunction {
    let source = folder().display().to_string();
    let lookup = |name: &str| match name {
        "MODEL_SOURCE" => Some(source.clone()),
        "DEFAULT_MODEL" => Some("wine".to_owned()),
        _ => None,
    };
    ModelFunction::start(Config::load(lookup).unwrap()).unwrap()
}

fn call(function: &ModelFunction, method: &str, path: &str, body: Option<&str>) -> (u16, Value) {
    let event = json!({
        "httpMethod": method,
        "path": path,
        "headers": {"Content-Type": "application/json"},
        "requestContext": {"authorizer": {"principalId": "somebody", "scope": "predict"}},
        "body": body,
    });
    let reply = function.handle(&event.to_string(), "request").reply;
    (
        reply.status_code,
        serde_json::from_str(&reply.body).unwrap(),
    )
}

fn names() -> Vec<String> {
    let entries = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let models = entries.filter(|path| path.join("model.onnx").is_file());
    models
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_example_is_answered_with_a_prediction_a_row() {
    let function = start();
    let names = names();
    assert!(!names.is_empty());
    for name in names {
        let example = std::fs::read_to_string(folder().join(&name).join("example.json")).unwrap();
        let (status, answer) = call(
            &function,
            "POST",
            &format!("/predict/{name}"),
            Some(&example),
        );
        assert_eq!(status, 200, "{name}: {answer}");
        let asked: Value = serde_json::from_str(&example).unwrap();
        let rows = asked["instances"].as_array().unwrap().len();
        assert_eq!(
            answer["predictions"].as_array().unwrap().len(),
            rows,
            "{name}"
        );
    }
}

#[test]
fn every_recorded_case_is_answered_over_the_open_inference_protocol() {
    let function = start();
    for name in names() {
        let expected = std::fs::read_to_string(folder().join(&name).join("expected.json")).unwrap();
        let expected: Value = serde_json::from_str(&expected).unwrap();
        for case in expected["cases"].as_array().unwrap() {
            let body = json!({"id": "7", "inputs": case["inputs"]}).to_string();
            let (status, answer) = call(
                &function,
                "POST",
                &format!("/v2/models/{name}/infer"),
                Some(&body),
            );
            assert_eq!(status, 200, "{name}: {answer}");
            assert_eq!(
                (&answer["model_name"], &answer["id"]),
                (&json!(name), &json!("7"))
            );
            let forms = |tensors: &Value| {
                let tensors = tensors.as_array().unwrap().clone().into_iter();
                tensors
                    .map(|tensor| {
                        (
                            tensor["name"].clone(),
                            tensor["shape"].clone(),
                            tensor["datatype"].clone(),
                        )
                    })
                    .collect::<Vec<_>>()
            };
            // Steps may add outputs to those of the model.
            let given = forms(&answer["outputs"]);
            let recorded = forms(&case["outputs"]);
            let yaml = std::fs::read_to_string(folder().join(&name).join("model.yaml")).unwrap();
            if !yaml.contains("outputs:") {
                assert_eq!(given.len(), recorded.len(), "{name}: {given:?}");
            }
            let has_all = recorded.iter().all(|form| given.contains(form));
            assert!(has_all && !recorded.is_empty(), "{name}: {given:?}");
        }
    }
}

#[test]
fn the_wine_model_tells_the_cultivar() {
    let function = start();
    let example = std::fs::read_to_string(folder().join("wine/example.json")).unwrap();
    let (status, answer) = call(&function, "POST", "/predict", Some(&example));
    assert_eq!(status, 200, "{answer}");
    let labels: Vec<i64> = answer["predictions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["label"].as_i64().unwrap())
        .collect();
    for (row, label) in answer["predictions"].as_array().unwrap().iter().zip(labels) {
        let scores: Vec<f64> = row["probabilities"]
            .as_array()
            .unwrap()
            .iter()
            .map(|score| score.as_f64().unwrap())
            .collect();
        let best = (0..scores.len())
            .max_by(|a, b| scores[*a].total_cmp(&scores[*b]))
            .unwrap();
        assert_eq!(i64::try_from(best).unwrap(), label);
        assert!((scores.iter().sum::<f64>() - 1.0).abs() < 1e-5);
    }
}

#[test]
fn the_template_sets_where_the_models_are_and_keeps_the_door_closed() {
    let template = folder().join("../template.yaml");
    let template = std::fs::read_to_string(template).unwrap();
    let sets = |name: &str| {
        template
            .lines()
            .any(|line| line.trim_start().starts_with(&format!("{name}:")))
    };
    assert!(sets("MODEL_SOURCE") && sets("DEFAULT_MODEL"));
    assert!(!sets("ALLOW_UNAUTHENTICATED"));
}

/// `model.yaml` names the columns of the wine, so they may come in any order.
#[test]
fn a_table_is_read_by_the_names_of_its_columns() {
    let function = start();
    let example = std::fs::read_to_string(folder().join("wine/example.json")).unwrap();
    let (_, expected) = call(&function, "POST", "/predict/wine", Some(&example));
    let (_, model) = call(&function, "GET", "/v2/models/wine", None);
    let names: Vec<&str> = model["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    let example: Value = serde_json::from_str(&example).unwrap();
    let rows: Vec<Vec<&Value>> = example["instances"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row.as_array().unwrap().iter().collect())
        .collect();
    let backwards = |row: &[&Value]| {
        row.iter()
            .rev()
            .map(|value| (*value).clone())
            .collect::<Vec<_>>()
    };
    let reversed: Vec<&str> = names.iter().rev().copied().collect();
    let data: Vec<Vec<Value>> = rows.iter().map(|row| backwards(row)).collect();
    let split = json!({"dataframe_split": {"columns": reversed, "index": [5], "data": data}});
    let records: Vec<serde_json::Map<String, Value>> = data
        .iter()
        .map(|row| {
            reversed
                .iter()
                .map(|name| (*name).to_owned())
                .zip(row.clone())
                .collect()
        })
        .collect();
    for body in [
        split,
        json!({"dataframe_records": records}),
        json!({"instances": records}),
    ] {
        let (status, answer) = call(&function, "POST", "/invocations", Some(&body.to_string()));
        assert_eq!((status, &answer), (200, &expected), "{body}");
    }
    let line = |row: &Vec<Value>| {
        row.iter()
            .map(Value::to_string)
            .collect::<Vec<_>>()
            .join(",")
    };
    let table: Vec<String> = data.iter().map(line).collect();
    let csv = format!("{}\r\n{}\r\n", reversed.join(","), table.join("\r\n"));
    let event = json!({
        "httpMethod": "POST",
        "path": "/invocations",
        "headers": {"Content-Type": "text/csv", "Accept": "text/csv;q=0.5, application/json"},
        "requestContext": {"authorizer": {"principalId": "somebody", "scope": "predict"}},
        "body": csv,
    });
    let reply = function.handle(&event.to_string(), "request").reply;
    assert_eq!(
        serde_json::from_str::<Value>(&reply.body).unwrap(),
        expected
    );
}
