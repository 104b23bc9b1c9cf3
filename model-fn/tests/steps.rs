//! Pictures in, labels out: the steps that a `model.yaml` names before and after a model, by events and answers.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model_fn::ModelFunction;
use serde_json::{Value, json};
use tempfile::TempDir;

use support::{answered, ask, repository, send, start};

/// Black ink on white paper becomes 16 and 0, as the model was trained.
const DIGITS: &str = "
labels: [zero, one, two, three, four, five, six, seven, eight, nine]
image:
  size: {height: 8, width: 8}
  resample: box
  color: grey
  rescale_factor: -0.06274509803921569
  image_mean: [-16]
  image_std: [1]
outputs:
  - steps: [softmax, {top_k: 2}]
parameters: [top_k, raw_scores]
";

fn picture(name: &str) -> Vec<u8> {
    std::fs::read(
        repository()
            .join("model-fn/tests/fixtures/steps")
            .join(name),
    )
    .unwrap()
}

fn encoded(name: &str) -> String {
    STANDARD.encode(picture(name))
}

/// A folder with the model of digits and this `model.yaml`.
fn folder(description: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("digits");
    std::fs::create_dir(&model).unwrap();
    std::fs::copy(
        repository().join("models/digits/model.onnx"),
        model.join("model.onnx"),
    )
    .unwrap();
    std::fs::write(model.join("model.yaml"), description).unwrap();
    folder
}

fn digits() -> ModelFunction {
    start(&folder(DIGITS)).unwrap()
}

/// The best label of each row of `predictions`.
#[track_caller]
fn labels((status, answer): (u16, Value)) -> Vec<String> {
    assert_eq!(status, 200, "{answer}");
    let rows = answer["predictions"].as_array().unwrap();
    let label = |row: &Value| row["label"][0].as_str().unwrap().to_owned();
    rows.iter().map(label).collect()
}

#[test]
fn a_picture_is_a_body_of_its_own() {
    let function = digits();
    for (name, media_type) in [
        ("two.png", "image/png"),
        ("two.jpg", "image/jpeg"),
        ("two.webp", "image/webp"),
    ] {
        let answer = send(&function, "/predict", media_type, &picture(name));
        assert_eq!(labels(answer), ["two"], "{name}");
    }
    assert_eq!(
        labels(send(
            &function,
            "/predict",
            "image/png",
            &picture("zero.png")
        )),
        ["zero"]
    );
}

/// `fixtures/steps/make.py` has recorded what Pillow and onnxruntime make of the same files.
#[test]
fn scores_of_pictures_are_those_of_the_reference() {
    let description = DIGITS.replace("{top_k: 2}", "{top_k: 10}");
    let function = start(&folder(&description)).unwrap();
    let golden = std::fs::read(repository().join("model-fn/tests/fixtures/steps/golden.json"));
    let golden: Value = serde_json::from_slice(&golden.unwrap()).unwrap();
    let golden = golden.as_object().unwrap();
    assert_eq!(golden.len(), 4);
    let names = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    for (name, expected) in golden {
        let row = json!({"instances": [encoded(name)]});
        let answer = answered(&function, "/predict", &row);
        let row = &answer["predictions"][0];
        let pairs = row["label"]
            .as_array()
            .unwrap()
            .iter()
            .zip(row["score"].as_array().unwrap());
        for (label, score) in pairs {
            let class = names.iter().position(|one| label == one).unwrap();
            let apart = score.as_f64().unwrap() - expected[class].as_f64().unwrap();
            assert!(
                apart.abs() < 1e-3,
                "{name}, {label}: {score} and {}",
                expected[class]
            );
        }
    }
}

#[test]
fn several_pictures_come_as_a_form() {
    let function = digits();
    let mut form = Vec::new();
    for name in ["two.png", "zero.png", "two.jpg"] {
        let head = format!(
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
        );
        form.extend_from_slice(head.as_bytes());
        form.extend_from_slice(&picture(name));
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(b"--b--\r\n");
    let answer = send(
        &function,
        "/predict",
        "multipart/form-data; boundary=b",
        &form,
    );
    assert_eq!(labels(answer), ["two", "zero", "two"]);
    let cut = &form[..form.len() - 8];
    let (status, answer) = send(
        &function,
        "/predict",
        "multipart/form-data; boundary=b",
        cut,
    );
    assert_eq!((status, &answer["code"]), (400, &json!("malformed_form")));
}

#[test]
fn every_dialect_carries_pictures() {
    let function = digits();
    let [two, zero] = ["two.png", "zero.png"].map(encoded);
    let address = format!("data:image/png;base64,{zero}");
    let rows = json!({"instances": [{"b64": two}, {"b64": zero}]});
    assert_eq!(labels(ask(&function, "/predict", &rows)), ["two", "zero"]);
    let named = json!({"instances": [{"image": {"b64": two}}, {"image": address}]});
    assert_eq!(
        labels(ask(&function, "/v1/models/digits:predict", &named)),
        ["two", "zero"]
    );
    let frame = json!({"dataframe_split": {"columns": ["image"], "data": [[two], [zero]]}});
    assert_eq!(
        labels(ask(&function, "/invocations", &frame)),
        ["two", "zero"]
    );

    let columns = json!({"inputs": [two, zero]});
    let (status, answer) = ask(&function, "/predict", &columns);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["outputs"]["label"][1][0], "zero");

    let tensor = json!({"name": "image", "shape": [2], "datatype": "BYTES", "data": [two, zero]});
    let question = json!({"inputs": [tensor], "outputs": [{"name": "label"}]});
    let (status, answer) = ask(&function, "/v2/models/digits/infer", &question);
    assert_eq!(status, 200, "{answer}");
    let output = &answer["outputs"][0];
    assert_eq!(
        (&output["shape"], &output["datatype"]),
        (&json!([2, 2]), &json!("BYTES"))
    );
    assert_eq!(
        (&output["data"][0], &output["data"][2]),
        (&json!("two"), &json!("zero"))
    );
}

#[test]
fn the_tensors_of_the_model_are_taken_as_well() {
    let function = digits();
    let recorded = std::fs::read(repository().join("models/digits/expected.json")).unwrap();
    let recorded: Value = serde_json::from_slice(&recorded).unwrap();
    let two = json!({"inputs": recorded["cases"][0]["inputs"]});
    let answer = answered(&function, "/v2/models/digits/infer", &two);
    assert_eq!(answer["outputs"][0]["data"][0], "two", "{answer}");
    let tensor =
        json!({"name": "pixels", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": vec![0; 64]});
    answered(
        &function,
        "/v2/models/digits/infer",
        &json!({"inputs": [tensor]}),
    );
    // An error is of the form that was meant.
    let wrong = json!({"instances": [[[1.0, 2.0]]]});
    let (status, answer) = ask(&function, "/predict", &wrong);
    assert_eq!(
        (status, &answer["code"]),
        (422, &json!("wrong_shape")),
        "{answer}"
    );
}

#[test]
fn a_request_asks_the_steps_for_what_the_description_allows() {
    let function = digits();
    let two = json!([{"b64": encoded("two.png")}]);
    let scores = |parameters: Value| {
        let body = json!({"instances": two, "parameters": parameters});
        let (status, answer) = ask(&function, "/predict", &body);
        assert_eq!(status, 200, "{answer}");
        answer["predictions"][0]["score"]
            .as_array()
            .unwrap()
            .clone()
    };
    assert_eq!(scores(json!({})).len(), 2);
    assert_eq!(scores(json!({"top_k": 10})).len(), 10);
    assert!(scores(json!({}))[0].as_f64().unwrap() <= 1.0);
    assert!(scores(json!({"raw_scores": true}))[0].as_f64().unwrap() > 1.0);

    let refused = |parameters: Value| {
        let body = json!({"instances": two, "parameters": parameters});
        let (status, answer) = ask(&function, "/predict", &body);
        (status, answer["code"].as_str().unwrap().to_owned())
    };
    assert_eq!(
        refused(json!({"dimensions": 3})),
        (422, "parameter_not_allowed".to_owned())
    );
    assert_eq!(
        refused(json!({"top_k": 0})),
        (400, "wrong_parameter".to_owned())
    );
    // MLflow calls them otherwise.
    let body = json!({"inputs": [encoded("two.png")], "params": {"top_k": 1}});
    let (status, answer) = ask(&function, "/invocations", &body);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["predictions"]["label"], json!([["two"]]));
}

#[test]
fn what_is_no_picture_is_refused_with_its_place() {
    let function = digits();
    let cut = &picture("two.jpg")[..300];
    let rows = json!({"instances": [{"b64": encoded("two.png")}, {"b64": STANDARD.encode(cut)}]});
    let (status, answer) = ask(&function, "/predict", &rows);
    assert_eq!((status, &answer["code"]), (422, &json!("picture_refused")));
    assert!(
        answer["error"].as_str().unwrap().starts_with("picture 1: "),
        "{answer}"
    );
    let (status, answer) = send(&function, "/predict", "image/png", b"GIF89a");
    assert_eq!(
        (status, &answer["code"]),
        (422, &json!("picture_refused")),
        "{answer}"
    );
    let (status, answer) = ask(&function, "/predict", &json!({"instances": ["%"]}));
    assert_eq!(
        (status, &answer["code"]),
        (422, &json!("wrong_value")),
        "{answer}"
    );
}

#[test]
fn pictures_become_no_more_values_than_a_request_may_have() {
    let limited = format!("{DIGITS}limits: {{elements: 127}}\n");
    let function = start(&folder(&limited)).unwrap();
    let two = encoded("two.png");
    let one = json!({"instances": [{"b64": two}]});
    assert_eq!(labels(ask(&function, "/predict", &one)), ["two"]);
    let both = json!({"instances": [{"b64": two}, {"b64": two}]});
    let (status, answer) = ask(&function, "/predict", &both);
    assert_eq!(
        (status, &answer["code"]),
        (413, &json!("too_many_elements")),
        "{answer}"
    );
}

#[test]
fn texts_and_pictures_are_no_types_of_a_model_that_takes_neither() {
    let function = start(&folder("")).unwrap();
    for media_type in ["text/plain", "image/png", "multipart/form-data; boundary=b"] {
        let (status, answer) = send(&function, "/predict", media_type, b"x");
        assert_eq!(
            (status, &answer["code"]),
            (415, &json!("content_type_unknown")),
            "{media_type}"
        );
    }
}

#[test]
fn callers_are_told_what_they_send_and_get() {
    let function = digits();
    let event = json!({
        "httpMethod": "GET",
        "path": "/v2/models/digits",
        "requestContext": {"authorizer": {"principalId": "somebody", "scope": "predict"}},
    });
    let reply = function.handle(&event.to_string(), "request").reply;
    let metadata: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(
        metadata["inputs"],
        json!([{"name": "image", "datatype": "BYTES", "shape": [-1]}])
    );
    let outputs = json!([
        {"name": "label", "datatype": "BYTES", "shape": [-1, -1]},
        {"name": "score", "datatype": "FP32", "shape": [-1, -1]},
    ]);
    assert_eq!(metadata["outputs"], outputs);
}

#[track_caller]
fn unstarted(description: &str, expected: &str) {
    let problems = start(&folder(description)).unwrap_err().problems.join("\n");
    assert!(problems.contains(expected), "{problems}");
}

#[test]
fn steps_that_do_not_fit_the_model_are_no_start() {
    let sized = DIGITS.replace("height: 8, width: 8", "height: 9, width: 8");
    unstarted(
        &sized,
        "input `pixels` takes the shape [-1, 1, 8, 8], and pictures become [1, 1, 9, 8]",
    );
    let labelled = DIGITS.replace(", nine]", "]");
    unstarted(
        &labelled,
        "`logits` has 10 classes, and there are 9 `labels`",
    );
    unstarted(
        "text: {max_length: 8}",
        "`text` is for models with an input `input_ids`",
    );
    unstarted("image: {sise: 8}", "sise");
    let other = DIGITS.replace("color: grey", "color: grey\n  tensor: pixel_values");
    unstarted(
        &other,
        "`image.tensor` must name the input that pictures become: `pixels`",
    );
}
