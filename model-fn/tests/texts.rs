//! Texts in, vectors and labels out, against what the reference stack makes of the same texts.
//!
//! `fixtures/steps/make_words.py` has made the model and recorded tokens, vectors and scores.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model_fn::{Config, ModelFunction, StartError};
use serde_json::{Value, json};
use tempfile::TempDir;

use support::{answered, ask, repository, send, start};

/// The mean of its tokens, of length one.
const VECTORS: &str = "
text: {max_length: 16}
outputs:
  - {name: embedding, from: last_hidden_state, steps: [mean_pooling, l2_normalize]}
parameters: [truncation, dimensions]
";

const LABELS: &str = "
labels: [cold, warm, hot]
text: {max_length: 16}
outputs:
  - {from: logits, steps: [softmax, {top_k: 3}]}
";

/// As far as two orders of summation may differ.
const CLOSE: f64 = 1e-3;

/// The model twice: `words` makes vectors and is the default one, `moods` makes labels.
fn two() -> ModelFunction {
    let folder = tempfile::tempdir().unwrap();
    add(&folder, "words", VECTORS);
    add(&folder, "moods", LABELS);
    let source = folder.path().display().to_string();
    let lookup = |name: &str| match name {
        "MODEL_SOURCE" => Some(source.clone()),
        "DEFAULT_MODEL" => Some("words".to_owned()),
        "MAX_ROWS" => Some("8".to_owned()),
        "MAX_TEXT_BYTES" => Some("2000".to_owned()),
        _ => None,
    };
    ModelFunction::start(Config::load(lookup).unwrap()).unwrap()
}

fn add(folder: &TempDir, name: &str, description: &str) {
    let to = folder.path().join(name);
    std::fs::create_dir(&to).unwrap();
    let copy = |from: &str, name: &str| {
        std::fs::copy(repository().join(from), to.join(name)).unwrap();
    };
    copy(
        "model-fn/tests/fixtures/steps/words/model.onnx",
        "model.onnx",
    );
    copy("steps/tests/golden/text/bert.json", "tokenizer.json");
    std::fs::write(to.join("model.yaml"), description).unwrap();
}

fn golden() -> Vec<Value> {
    let file = "model-fn/tests/fixtures/steps/words/golden.json";
    let text = std::fs::read_to_string(repository().join(file)).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() > 2, "there is something to compare with");
    cases
}

#[track_caller]
fn close(given: &Value, expected: &Value) {
    let numbers = |value: &Value| -> Vec<f64> {
        let list = value.as_array().unwrap().iter();
        list.map(|one| one.as_f64().unwrap()).collect()
    };
    let (given, expected) = (numbers(given), numbers(expected));
    assert_eq!(given.len(), expected.len());
    for (given, expected) in given.iter().zip(&expected) {
        assert!((given - expected).abs() < CLOSE, "{given} {expected}");
    }
}

#[track_caller]
fn all_close<'a>(given: impl Iterator<Item = &'a Value>, expected: &Value) {
    let given: Vec<&Value> = given.collect();
    let expected = expected.as_array().unwrap();
    assert_eq!(given.len(), expected.len());
    for (given, expected) in given.into_iter().zip(expected) {
        close(given, expected);
    }
}

#[test]
fn vectors_of_texts_are_those_of_the_reference_in_every_dialect() {
    let function = two();
    for case in golden() {
        let (texts, expected, cut) = (&case["texts"], &case["embeddings"], &case["cut"]);
        let rows = |answer: Value, key: &str| answer[key].as_array().unwrap().clone();
        for (path, body, key) in [
            ("/predict", json!({"instances": texts}), "predictions"),
            ("/predict", json!({"inputs": texts}), "outputs"),
            (
                "/v1/models/words:predict",
                json!({"inputs": {"text": texts}}),
                "outputs",
            ),
            (
                "/invocations",
                json!({"dataframe_split": {"columns": ["text"], "data": texts.as_array().unwrap().iter().map(|text| json!([text])).collect::<Vec<_>>()}}),
                "predictions",
            ),
        ] {
            let answer = answered(&function, path, &body);
            let said = &answer["truncated_rows"];
            assert_eq!(
                said.as_array().unwrap_or(&Vec::new()),
                cut.as_array().unwrap(),
                "{body}"
            );
            all_close(rows(answer, key).iter(), expected);
        }
        let count = texts.as_array().unwrap().len();
        let tensor = json!({"name": "text", "datatype": "BYTES", "shape": [count], "data": texts});
        let answer = answered(
            &function,
            "/v2/models/words/infer",
            &json!({"inputs": [tensor]}),
        );
        let output = &answer["outputs"][0];
        assert_eq!(
            (&output["name"], &output["shape"]),
            (&json!("embedding"), &json!([count, 6]))
        );
        let flat: Vec<Value> = expected
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|row| row.as_array().unwrap().clone())
            .collect();
        close(&output["data"], &flat.into());
    }
}

#[test]
fn one_text_is_a_body_of_its_own() {
    let function = two();
    let case = &golden()[0];
    let text = case["texts"][0].as_str().unwrap();
    let (_, answer) = send(&function, "/predict", "text/plain", text.as_bytes());
    all_close(
        answer["predictions"].as_array().unwrap().iter(),
        &case["embeddings"],
    );
}

#[test]
fn scores_of_texts_come_with_their_labels() {
    let function = two();
    for case in golden() {
        let answer = answered(
            &function,
            "/predict/moods",
            &json!({"instances": case["texts"]}),
        );
        let predictions = answer["predictions"].as_array().unwrap();
        let expected = case["scores"].as_array().unwrap();
        assert_eq!(predictions.len(), expected.len());
        for (row, expected) in predictions.iter().zip(expected) {
            let names = ["cold", "warm", "hot"];
            let mut best: Vec<(usize, f64)> = (0..3)
                .map(|class| (class, expected[class].as_f64().unwrap()))
                .collect();
            best.sort_by(|(_, one), (_, other)| other.total_cmp(one));
            let labels: Vec<&str> = best.iter().map(|(class, _)| names[*class]).collect();
            assert_eq!(row["label"], json!(labels));
            let scores: Vec<f64> = best.iter().map(|(_, score)| *score).collect();
            close(&row["score"], &json!(scores));
        }
    }
}

#[test]
fn embeddings_are_asked_for_as_of_openai() {
    let function = two();
    for case in golden() {
        let body = json!({"model": "words", "input": case["texts"], "user": "somebody"});
        let answer = answered(&function, "/v1/embeddings", &body);
        assert_eq!(
            (&answer["object"], &answer["model"]),
            (&json!("list"), &json!("words"))
        );
        let tokens: u64 = case["tokens"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one.as_u64().unwrap())
            .sum();
        assert_eq!(
            answer["usage"],
            json!({"prompt_tokens": tokens, "total_tokens": tokens})
        );
        let cut = answer["truncated_rows"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        assert_eq!(Value::from(cut), case["cut"]);
        let data = answer["data"].as_array().unwrap();
        for (place, entry) in data.iter().enumerate() {
            assert_eq!(
                (&entry["object"], &entry["index"]),
                (&json!("embedding"), &json!(place))
            );
        }
        all_close(
            data.iter().map(|entry| &entry["embedding"]),
            &case["embeddings"],
        );

        let mut encoded = body;
        encoded["encoding_format"] = "base64".into();
        let answer = answered(&function, "/v1/embeddings", &encoded);
        let vectors = answer["data"].as_array().unwrap().iter().map(|entry| {
            let bytes = STANDARD
                .decode(entry["embedding"].as_str().unwrap())
                .unwrap();
            let floats = bytes
                .chunks_exact(4)
                .map(|four| f32::from_le_bytes(four.try_into().unwrap()));
            Value::from(floats.map(f64::from).collect::<Vec<_>>())
        });
        let vectors: Vec<Value> = vectors.collect();
        all_close(vectors.iter(), &case["embeddings"]);
    }
}

#[test]
fn the_default_model_answers_where_none_is_named_and_one_text_is_no_list() {
    let function = two();
    let case = &golden()[0];
    let answer = answered(
        &function,
        "/v1/embeddings",
        &json!({"input": case["texts"][0]}),
    );
    close(&answer["data"][0]["embedding"], &case["embeddings"][0]);
    assert_eq!(answer["data"][1], Value::Null);
}

#[test]
fn shorter_vectors_have_length_one_too() {
    let function = two();
    let case = &golden()[0];
    let body = json!({"input": case["texts"], "dimensions": 2.0, "encoding_format": "float"});
    let answer = answered(&function, "/v1/embeddings", &body);
    let whole: Vec<f64> = case["embeddings"][0]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_f64().unwrap())
        .collect();
    let length = whole[0].hypot(whole[1]);
    close(
        &answer["data"][0]["embedding"],
        &json!([whole[0] / length, whole[1] / length]),
    );
}

/// The model with this description alone.
fn start_as(description: &str) -> Result<ModelFunction, StartError> {
    let folder = tempfile::tempdir().unwrap();
    add(&folder, "words", description);
    start(&folder)
}

#[test]
fn a_request_gets_fewer_numbers_of_vectors_and_never_more_than_the_description_leaves() {
    const TEXT: &str = "text: {max_length: 16}\nparameters: [dimensions]\noutputs:\n";
    for (outputs, given, expected) in [
        ("  - {name: embedding, from: logits}", 2, Some(2)),
        (
            "  - {from: last_hidden_state, steps: [mean_pooling]}",
            2,
            Some(2),
        ),
        (
            "  - {from: last_hidden_state, steps: [mean_pooling]}",
            7,
            None,
        ),
        (
            "  - {from: last_hidden_state, steps: [mean_pooling, l2_normalize, {dimensions: 4}]}",
            2,
            Some(2),
        ),
        (
            "  - {from: last_hidden_state, steps: [mean_pooling, l2_normalize, {dimensions: 4}]}",
            5,
            None,
        ),
        (
            "  - {from: last_hidden_state, steps: [mean_pooling, {dimensions: 4}, l2_normalize]}",
            4,
            Some(4),
        ),
        (
            "  - {from: last_hidden_state, steps: [mean_pooling, {dimensions: 4}, l2_normalize]}",
            3,
            Some(3),
        ),
    ] {
        let function = start_as(&format!("{TEXT}{outputs}\n")).unwrap();
        let body = json!({"input": "a text", "dimensions": given});
        let (status, answer) = ask(&function, "/v1/embeddings", &body);
        let numbers = answer["data"][0]["embedding"].as_array().map(Vec::len);
        assert_eq!(numbers, expected, "{outputs}: {answer}");
        let is_right = status == 200 || answer["error"]["param"] == "dimensions";
        assert!(is_right, "{answer}");
    }
}

#[test]
fn scores_beside_a_vector_stay_whole() {
    let outputs = "
text: {max_length: 16}
parameters: [dimensions]
outputs:
  - {name: embedding, from: last_hidden_state, steps: [mean_pooling]}
  - {name: mood, from: logits, steps: [softmax]}
";
    let function = start_as(outputs).unwrap();
    let body = json!({"instances": ["a text"], "parameters": {"dimensions": 2}});
    let answer = answered(&function, "/predict", &body);
    let row = &answer["predictions"][0];
    let lengths = ["embedding", "mood"].map(|name| row[name].as_array().unwrap().len());
    assert_eq!(lengths, [2, 3], "{answer}");
}

#[test]
fn dimensions_are_for_models_with_a_vector() {
    for description in [
        "text: {max_length: 16}\nparameters: [dimensions]\n",
        "text: {max_length: 16}\nparameters: [dimensions]\noutputs: [{from: logits, steps: [softmax]}]\n",
    ] {
        let error = start_as(description).unwrap_err().to_string();
        assert!(
            error.contains("`dimensions` is for models with a vector"),
            "{error}"
        );
    }
}

#[test]
fn the_texts_of_a_request_have_a_limit_together() {
    let function = start_as(VECTORS).unwrap();
    let text = "word ".repeat(180_000);
    let body = json!({"input": vec![text.as_str(); 5]});
    let (status, answer) = ask(&function, "/v1/embeddings", &body);
    assert_eq!(
        (status, &answer["code"]),
        (413, &json!("too_many_elements")),
        "{}",
        answer["error"]
    );
    answered(
        &function,
        "/v1/embeddings",
        &json!({"input": vec![text.as_str(); 4]}),
    );
}

#[test]
fn a_limit_of_the_model_bounds_its_texts() {
    let function = start_as(&format!("{VECTORS}limits: {{text_bytes: 10}}\n")).unwrap();
    answered(&function, "/v1/embeddings", &json!({"input": "0123456789"}));
    let (status, answer) = ask(
        &function,
        "/v1/embeddings",
        &json!({"input": "0123456789x"}),
    );
    assert_eq!(
        (status, &answer["code"]),
        (413, &json!("text_too_long")),
        "{answer}"
    );
}

#[test]
fn what_is_no_question_for_embeddings_is_refused_with_what_to_change() {
    let function = two();
    let long = "x".repeat(2001);
    for (body, status, code) in [
        (json!({"model": "words"}), 400, "wrong_parameter"),
        (json!({"input": null}), 400, "wrong_parameter"),
        (json!({"input": []}), 400, "wrong_parameter"),
        (json!({"input": 5}), 400, "wrong_parameter"),
        (json!({"input": {"text": "a"}}), 400, "wrong_parameter"),
        (json!({"input": ["a", null]}), 400, "wrong_parameter"),
        (json!({"input": [1, 2]}), 400, "wrong_parameter"),
        (json!({"input": [[1, 2]]}), 400, "wrong_parameter"),
        (json!({"input": "a", "model": 5}), 400, "wrong_parameter"),
        (
            json!({"input": "a", "encoding_format": "int8"}),
            400,
            "wrong_parameter",
        ),
        (
            json!({"input": "a", "encoding_format": 1}),
            400,
            "wrong_parameter",
        ),
        (
            json!({"input": "a", "dimensions": 0}),
            400,
            "wrong_parameter",
        ),
        (
            json!({"input": "a", "dimensions": 1.5}),
            400,
            "wrong_parameter",
        ),
        (
            json!({"input": "a", "dimensions": 7}),
            422,
            "wrong_parameter",
        ),
        (json!(["a"]), 400, "not_a_dialect"),
        (json!({"input": vec!["a"; 9]}), 413, "too_many_rows"),
        (json!({"input": long}), 413, "text_too_long"),
        (
            json!({"input": "a", "model": "moods"}),
            422,
            "no_embeddings",
        ),
        (
            json!({"input": "a", "model": "nobody"}),
            404,
            "model_unknown",
        ),
    ] {
        let (given, answer) = ask(&function, "/v1/embeddings", &body);
        assert_eq!(
            (given, &answer["code"]),
            (status, &json!(code)),
            "{body}: {answer}"
        );
    }
    let (_, answer) = ask(&function, "/v1/embeddings", &json!({"input": [[1, 2]]}));
    let error = &answer["error"];
    let named = json!([error["type"], error["param"], error["code"]]);
    let expected = json!(["invalid_request_error", "input", "wrong_parameter"]);
    assert_eq!(named, expected);
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("not tokens"), "{message}");
}

#[test]
fn bodies_that_are_no_json_of_this_kind_are_refused_too() {
    let function = two();
    for (content_type, body, status) in [
        ("application/json", r#"{"input": "a", "input": "b"}"#, 400),
        ("application/json", r#"{"input": "a""#, 400),
        ("application/json", r#"{"input": "\ud800"}"#, 400),
        ("text/csv", r#"{"input": "a"}"#, 415),
        ("application/x-unknown", r#"{"input": "a"}"#, 415),
    ] {
        let (given, answer) = send(&function, "/v1/embeddings", content_type, body.as_bytes());
        assert_eq!(given, status, "{body}: {answer}");
    }
}

#[test]
fn a_model_whose_token_it_does_not_open_gives_no_embeddings() {
    let function = two();
    let event = json!({
        "httpMethod": "POST",
        "path": "/v1/embeddings",
        "requestContext": {"authorizer": {"principalId": "somebody", "scope": "predict:moods"}},
        "body": json!({"model": "words", "input": "a"}).to_string(),
    });
    let reply = function.handle(&event.to_string(), "request").reply;
    assert_eq!(reply.status_code, 403, "{}", reply.body);
}

#[test]
fn openapi_describes_the_route_of_models_with_embeddings_to_whom_they_are_open() {
    let function = two();
    let document = |scope: &str| -> Value {
        let event = json!({
            "httpMethod": "GET",
            "path": "/openapi.json",
            "requestContext": {"authorizer": {"principalId": "somebody", "scope": scope}},
        });
        let reply = function.handle(&event.to_string(), "request").reply;
        serde_json::from_str(&reply.body).unwrap()
    };
    let all = document("predict");
    let body =
        &all["paths"]["/v1/embeddings"]["post"]["requestBody"]["content"]["application/json"];
    assert_eq!(
        body["schema"]["properties"]["model"]["enum"],
        json!(["words", null])
    );
    assert_eq!(body["schema"]["required"], json!(["input"]));
    answered(&function, "/v1/embeddings", &body["example"]);
    assert_eq!(
        document("predict:moods")["paths"]["/v1/embeddings"],
        Value::Null
    );
    // Texts are a body, and what may be asked of the steps is said.
    let infer = &all["components"]["schemas"]["words.1.tensors"]["properties"]["parameters"];
    assert_eq!(infer["properties"]["dimensions"]["maximum"], 6);
    assert_eq!(infer["properties"]["top_k"], json!({"type": "null"}));
    // What callers may shorten is of no fixed width, and what is not known is not said.
    let answer = &all["components"]["schemas"]["words.1.tensors-answer"];
    assert!(!answer.to_string().contains("\"const\":6"), "{answer}");
    assert!(!all.to_string().contains("\"maximum\":null"));
    let content = &all["paths"]["/predict/words"]["post"]["requestBody"]["content"];
    assert!(content["text/plain"].is_object() && content["multipart/form-data"].is_object());
}

#[test]
fn truncation_that_is_refused_is_an_error() {
    let function = two();
    let text = "word ".repeat(40);
    let tensor = json!({"name": "text", "datatype": "BYTES", "shape": [1], "data": [text]});
    let body = json!({"inputs": [tensor], "parameters": {"truncation": false}});
    let (status, answer) = ask(&function, "/v2/models/words/infer", &body);
    assert_eq!(
        (status, &answer["code"]),
        (422, &json!("text_refused")),
        "{answer}"
    );
}

#[test]
fn a_tokenizer_of_another_model_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    add(&folder, "words", VECTORS);
    let file = folder.path().join("words/tokenizer.json");
    let mut tokenizer: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    // The model has a vector for each of 900 tokens.
    tokenizer["model"]["vocab"]["onemore"] = 900.into();
    std::fs::write(&file, tokenizer.to_string()).unwrap();
    let error = start(&folder).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("`words`") && error.contains("last of its 901 words"),
        "{error}"
    );
}

#[test]
fn requests_that_run_together_get_what_they_would_alone() {
    let folder = tempfile::tempdir().unwrap();
    add(
        &folder,
        "words",
        &format!("{VECTORS}batching: {{rows: 8, delay_ms: 20}}\n"),
    );
    let function = start(&folder).unwrap();
    let cases = golden();
    for _ in 0..10 {
        std::thread::scope(|scope| {
            let asked = cases.iter().map(|case| {
                let function = &function;
                scope.spawn(move || {
                    answered(function, "/predict", &json!({"instances": case["texts"]}))
                })
            });
            let asked: Vec<_> = asked.collect();
            for (asked, case) in asked.into_iter().zip(&cases) {
                let answer = asked.join().unwrap();
                all_close(
                    answer["predictions"].as_array().unwrap().iter(),
                    &case["embeddings"],
                );
            }
        });
    }
}
