//! The Open Inference Protocol over whole events: every datatype, JSON and binary, and what must be refused.
//!
//! The cases of hostile bodies have the titles of Triton's own tests of its HTTP endpoint.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model_fn::coding::Coding;
use model_fn::{Config, ModelFunction};
use serde_json::{Value, json};

static FUNCTION: LazyLock<ModelFunction> = LazyLock::new(start);

fn start() -> ModelFunction {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/served");
    let source = source.display().to_string();
    let lookup = |name: &str| (name == "MODEL_SOURCE").then(|| source.clone());
    ModelFunction::start(Config::load(lookup).unwrap()).unwrap()
}

/// A reply as the caller gets it: bytes, before they are decompressed.
struct Reply {
    status: u16,
    headers: BTreeMap<&'static str, String>,
    body: Vec<u8>,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The JSON, and what stands behind it.
    fn parts(&self) -> (Value, &[u8]) {
        let length = self.headers["inference-header-content-length"].parse();
        let (header, binary) = self.body.split_at(length.unwrap());
        assert_eq!(self.headers["content-type"], "application/octet-stream");
        (serde_json::from_slice(header).unwrap(), binary)
    }
}

/// A request through a REST API, which puts every body in base64.
fn ask_of(function: &ModelFunction, route: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let (method, path) = route.split_once(' ').unwrap();
    let headers: BTreeMap<_, _> = headers.iter().copied().collect();
    let event = json!({"httpMethod": method, "path": path, "headers": headers,
        "requestContext": {"authorizer": {"principalId": "somebody", "scope": "predict"}},
        "body": STANDARD.encode(body), "isBase64Encoded": true});
    let reply = function.handle(&event.to_string(), "request").reply;
    let body = if reply.is_base64_encoded {
        STANDARD.decode(&reply.body).unwrap()
    } else {
        reply.body.into_bytes()
    };
    Reply {
        status: reply.status_code,
        headers: reply.headers,
        body,
    }
}

fn ask(route: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    ask_of(&FUNCTION, route, headers, body)
}

/// JSON with binary data behind it, as clients of the extension send it: without a content type.
fn ask_binary(model: &str, header: &Value, binary: &[u8]) -> Reply {
    let mut body = header.to_string().into_bytes();
    let length = body.len().to_string();
    body.extend_from_slice(binary);
    let route = format!("POST /v2/models/{model}/infer");
    ask(
        &route,
        &[("Inference-Header-Content-Length", &length)],
        &body,
    )
}

#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str) {
    let body = reply.json();
    assert_eq!(
        (reply.status, &body["code"]),
        (status, &json!(code)),
        "{body}"
    );
    assert_eq!(reply.headers["content-type"], "application/json");
    assert!(body["error"].is_string(), "{body}");
}

/// Each input of the model `every`: its datatype, values in JSON, and their bytes.
fn every() -> Vec<(&'static str, Value, Vec<u8>)> {
    let texts = [&[3, 0, 0, 0][..], "é\0".as_bytes(), &[0, 0, 0, 0]].concat();
    vec![
        ("BOOL", json!([true, false]), vec![1, 0]),
        ("UINT8", json!([0, 255]), vec![0, 255]),
        ("UINT16", json!([1, 65535]), vec![1, 0, 255, 255]),
        (
            "UINT32",
            json!([1, u32::MAX]),
            [1, u32::MAX].map(u32::to_le_bytes).concat(),
        ),
        (
            "UINT64",
            json!([1, u64::MAX]),
            [1, u64::MAX].map(u64::to_le_bytes).concat(),
        ),
        ("INT8", json!([-128, 127]), vec![128, 127]),
        ("INT16", json!([i16::MIN, 1]), vec![0, 128, 1, 0]),
        (
            "INT32",
            json!([i32::MIN, 1]),
            [i32::MIN, 1].map(i32::to_le_bytes).concat(),
        ),
        (
            "INT64",
            json!([i64::MIN, i64::MAX]),
            [i64::MIN, i64::MAX].map(i64::to_le_bytes).concat(),
        ),
        ("FP16", json!([1.5, -0.25]), vec![0, 0x3e, 0, 0xb4]),
        (
            "FP32",
            json!([0.1, null]),
            [0.1, f32::NAN].map(f32::to_le_bytes).concat(),
        ),
        (
            "FP64",
            json!([0.1, 1e300]),
            [0.1, 1e300].map(f64::to_le_bytes).concat(),
        ),
        ("BYTES", json!(["é\0", ""]), texts),
    ]
}

/// The input and the output of a datatype: `uint8` and `uint8_`.
fn named(datatype: &str, is_output: bool) -> String {
    datatype.to_lowercase() + if is_output { "_" } else { "" }
}

#[test]
fn every_datatype_comes_back_as_json() {
    let inputs: Vec<Value> = every()
        .into_iter()
        .map(|(datatype, data, _)| json!({"name": named(datatype, false), "shape": [2], "datatype": datatype, "data": data}))
        .collect();
    let body = json!({"inputs": inputs}).to_string();
    let reply = ask("POST /v2/models/every/infer", &[], body.as_bytes());
    let outputs: Vec<Value> = every()
        .into_iter()
        .map(|(datatype, data, _)| json!({"name": named(datatype, true), "shape": [2], "datatype": datatype, "data": data}))
        .collect();
    let expected = json!({"model_name": "every", "model_version": "1", "outputs": outputs});
    assert_eq!((reply.status, reply.json()), (200, expected));
}

#[test]
fn every_datatype_comes_back_as_bytes() {
    let tensor = |(datatype, _, bytes): &(&str, Value, Vec<u8>), is_output| {
        json!({"name": named(datatype, is_output), "shape": [2], "datatype": datatype,
            "parameters": {"binary_data_size": bytes.len()}})
    };
    let every = every();
    let inputs: Vec<Value> = every.iter().map(|one| tensor(one, false)).collect();
    let outputs: Vec<Value> = every.iter().map(|one| tensor(one, true)).collect();
    let binary: Vec<u8> = every
        .iter()
        .flat_map(|(_, _, bytes)| bytes.clone())
        .collect();
    let header = json!({"id": "7", "inputs": inputs, "parameters": {"binary_data_output": true}});
    let reply = ask_binary("every", &header, &binary);
    assert_eq!(
        reply.status,
        200,
        "{}",
        String::from_utf8_lossy(&reply.body)
    );
    let expected =
        json!({"model_name": "every", "model_version": "1", "id": "7", "outputs": outputs});
    let (header, behind) = reply.parts();
    assert_eq!(header, expected);
    assert_eq!(behind, binary);
}

/// Of other datatypes than the model's, those are taken that lose nothing.
#[test]
fn bf16_and_fp16_become_the_models_floats() {
    let tensor = |datatype: &str| json!({"inputs": [{"name": "x", "shape": [1, 2], "datatype": datatype, "parameters": {"binary_data_size": 4}}]});
    let mean = |reply: Reply| reply.json()["outputs"][0]["data"][0].clone();
    assert_eq!(
        mean(ask_binary("total", &tensor("BF16"), &[0xc0, 0x3f, 0, 0])),
        0.75
    );
    assert_eq!(
        mean(ask_binary("total", &tensor("FP16"), &[0, 0x3e, 0, 0])),
        0.75
    );
    let json =
        json!({"inputs": [{"name": "x", "shape": [1, 2], "datatype": "BF16", "data": [0.1, 0.1]}]});
    let reply = ask(
        "POST /v2/models/total/infer",
        &[],
        json.to_string().as_bytes(),
    );
    assert_eq!(mean(reply), 0.100_097_656);
}

fn floats(numbers: &[f32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

fn two_floats(shape: Value) -> Value {
    json!({"inputs": [{"name": "x", "shape": shape, "datatype": "FP32", "parameters": {"binary_data_size": 8}}]})
}

/// Raw binary: the body is the data of the only input, and the answer is binary.
#[test]
fn raw_binary() {
    let raw = |model: &str, body: &[u8]| {
        let route = format!("POST /v2/models/{model}/infer");
        ask(&route, &[("Inference-Header-Content-Length", "0")], body)
    };
    let reply = raw("total", &floats(&[1.0, 2.0, 3.0, 6.0]));
    let (header, binary) = reply.parts();
    let output = json!({"name": "mean", "shape": [], "datatype": "FP32", "parameters": {"binary_data_size": 4}});
    assert_eq!(header["outputs"], json!([output]));
    assert_eq!(binary, floats(&[3.0]));
    let reply = raw("strict", b"Basel");
    assert_eq!(reply.parts().1, floats(&[0.0, 1.0]));
    refused(
        &raw("total", &floats(&[1.0, 2.0, 3.0])),
        400,
        "malformed_tensor",
    );
    refused(&raw("total", &[0; 7]), 400, "malformed_tensor");
    refused(&raw("pair", &[0; 16]), 422, "input_missing");
    refused(&raw("total", b""), 400, "body_missing");
}

#[test]
fn classification() {
    let ask = |model: &str, output: &str, parameters: Value, input: Value| {
        let body =
            json!({"inputs": [input], "outputs": [{"name": output, "parameters": parameters}]});
        let route = format!("POST /v2/models/{model}/infer");
        ask(&route, &[], body.to_string().as_bytes())
    };
    let city =
        json!({"name": "city", "shape": [2, 1], "datatype": "BYTES", "data": ["Bern", "Zürich"]});
    let reply = ask("zipped", "map", json!({"classification": 1}), city.clone());
    let output = json!({"name": "map", "shape": [2, 1], "datatype": "BYTES", "data": ["0.880797:0:no", "0.880797:1:yes"]});
    assert_eq!(reply.json()["outputs"], json!([output]));
    let parameters = json!({"classification": 9, "binary_data": true});
    let reply = ask("zipped", "map", parameters, city.clone());
    let (header, binary) = reply.parts();
    assert_eq!(header["outputs"][0]["shape"], json!([2, 2]));
    assert_eq!(
        header["outputs"][0]["parameters"],
        json!({"binary_data_size": binary.len()})
    );
    refused(
        &ask("zipped", "label", json!({"classification": 1}), city),
        422,
        "no_classes",
    );
}

/// Shapes that overflow, are negative or empty, in JSON and with data behind it.
#[test]
fn shapes() {
    #[track_caller]
    fn check(shape: Value, status: u16, code: &str) {
        refused(
            &ask_binary("total", &two_floats(shape.clone()), &[0; 8]),
            status,
            code,
        );
        let json =
            json!({"inputs": [{"name": "x", "shape": shape, "datatype": "FP32", "data": [1, 2]}]});
        let reply = ask(
            "POST /v2/models/total/infer",
            &[],
            json.to_string().as_bytes(),
        );
        refused(&reply, status, code);
    }
    check(
        json!([4_294_967_296u64, 4_294_967_296u64]),
        400,
        "malformed_tensor",
    );
    check(json!([u64::MAX, 2]), 400, "malformed_tensor");
    check(
        json!([2_305_843_009_213_693_953u64, 8]),
        400,
        "malformed_tensor",
    );
    check(json!([-1, 2]), 400, "malformed_tensor");
    check(json!([-1, -2]), 400, "malformed_tensor");
    check(json!([0, 2]), 400, "malformed_tensor");
    check(json!([1.5, 2]), 400, "malformed_tensor");
    check(json!([1e30, 2]), 400, "malformed_tensor");
    check(json!("2"), 400, "malformed_tensor");
    check(json!([2]), 422, "wrong_shape");
    check(json!([1, 2, 1]), 422, "wrong_shape");
    let empty = json!({"inputs": [{"name": "x", "shape": [0, 2], "datatype": "FP32", "parameters": {"binary_data_size": 0}}]});
    refused(&ask_binary("total", &empty, &[]), 422, "empty_batch");
}

#[test]
fn duplicates() {
    #[track_caller]
    fn check(body: Value, code: &str) {
        let reply = ask(
            "POST /v2/models/total/infer",
            &[],
            body.to_string().as_bytes(),
        );
        refused(&reply, 422, code);
    }
    let x = json!({"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]});
    let mean = json!({"name": "mean"});
    let classes = json!({"name": "mean", "parameters": {"classification": 1}});
    check(json!({"inputs": [x, x]}), "input_repeated");
    check(
        json!({"inputs": [x], "outputs": [mean, classes]}),
        "output_repeated",
    );
    check(
        json!({"inputs": [x], "outputs": [{"name": "other"}]}),
        "output_unknown",
    );
}

/// Lists in lists that would exhaust the stack of a reader that calls itself.
#[test]
fn deep_json() {
    #[track_caller]
    fn check(before: &str, after: &str, status: u16, code: &str) {
        let open = [before, &"[".repeat(250_000)].concat();
        let whole = [&open, "]".repeat(250_000).as_str(), after].concat();
        let infer = |body: &str| ask("POST /v2/models/total/infer", &[], body.as_bytes());
        refused(&infer(&whole), status, code);
        let status = infer(&open).status;
        assert!((400..500).contains(&status), "{status}");
    }
    let x = r#"{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}"#;
    let inputs = format!(r#", "inputs": [{x}]}}"#);
    check("", "", 400, "not_a_dialect");
    check(r#"{"inputs": "#, "}", 413, "too_deep");
    check(
        r#"{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": "#,
        "}]}",
        413,
        "too_deep",
    );
    check(
        r#"{"inputs": [{"name": "x", "shape": "#,
        "}]}",
        400,
        "malformed_tensor",
    );
    check(r#"{"id": "#, &inputs, 400, "wrong_parameter");
    check(r#"{"parameters": "#, &inputs, 400, "wrong_parameter");
    check(r#"{"outputs": "#, &inputs, 400, "malformed_tensor");
    let unknown = format!(
        r#"{{"parameters": {{"more": {}{}}}{inputs}"#,
        "[".repeat(250_000),
        "]".repeat(250_000)
    );
    assert_eq!(
        ask("POST /v2/models/total/infer", &[], unknown.as_bytes()).status,
        200
    );
}

/// Null characters are characters like others, in values; no name has any.
#[test]
fn null_characters() {
    let city = |name: &str, city: &str| {
        json!({"inputs": [{"name": name, "shape": [1, 1], "datatype": "BYTES", "data": [city]}]})
            .to_string()
    };
    let reply = |body: &str| ask("POST /v2/models/zipped/infer", &[], body.as_bytes());
    assert_eq!(
        reply(&city("city", "Be\0rn")).json()["outputs"][0]["data"],
        json!(["no"])
    );
    refused(&reply(&city("city\0", "Bern")), 422, "input_unknown");
    refused(&reply("\0"), 400, "not_json");
    refused(&reply("{\"inputs\": [\0]}"), 400, "not_json");
    let bare = city("city", "Bern").replace("Bern", "Be\0rn");
    refused(&reply(&bare), 400, "not_json");
}

/// The length of the header counts what is decompressed.
#[test]
fn compression() {
    let header = two_floats(json!([1, 2])).to_string();
    let length = header.len().to_string();
    let plain = [header.as_bytes(), &floats(&[1.0, 2.0])].concat();
    for coding in [Coding::Gzip, Coding::Deflate] {
        let body = coding.encode(&plain).unwrap();
        let headers = [
            ("Inference-Header-Content-Length", length.as_str()),
            ("Content-Encoding", coding.name()),
        ];
        let reply = ask("POST /v2/models/total/infer", &headers, &body);
        assert_eq!(reply.json()["outputs"][0]["data"], json!([1.5]));
        let reply = ask("POST /v2/models/total/infer", &headers, &plain);
        refused(&reply, 400, "body_damaged");
    }
    let both = [("Content-Encoding", "gzip, deflate")];
    let reply = ask("POST /v2/models/total/infer", &both, &plain);
    refused(&reply, 415, "content_encoding_unknown");
    assert_eq!(reply.headers["accept-encoding"], "gzip, deflate");
}

/// A body of nearly all that the gateway takes, there and back, in both codings.
#[test]
fn large_payloads() {
    const NUMBERS: usize = 1_000_000;
    let numbers: Vec<i64> = (0..NUMBERS as i64 / 2)
        .map(|number| number % 7 + 1)
        .collect();
    let bytes: Vec<u8> = numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    let tensor = |name: &str| json!({"name": name, "shape": [NUMBERS / 2], "datatype": "INT64", "parameters": {"binary_data_size": bytes.len()}});
    let header =
        json!({"inputs": [tensor("x"), tensor("y")], "parameters": {"binary_data_output": true}});
    let plain = [
        header.to_string().into_bytes(),
        bytes.clone(),
        bytes.clone(),
    ]
    .concat();
    let length = header.to_string().len().to_string();
    for coding in [Coding::Gzip, Coding::Deflate] {
        let body = coding.encode(&plain).unwrap();
        assert!(body.len() < 1_000_000, "{}", body.len());
        let headers = [
            ("Inference-Header-Content-Length", length.as_str()),
            ("Content-Encoding", coding.name()),
            ("Accept-Encoding", coding.name()),
        ];
        let function = wide();
        let mut reply = ask_of(&function, "POST /v2/models/quotient/infer", &headers, &body);
        assert_eq!(
            reply.status,
            200,
            "{}",
            String::from_utf8_lossy(&reply.body)
        );
        assert_eq!(reply.headers["content-encoding"], coding.name());
        reply.body = coding.decode(&reply.body, 10_000_000).unwrap();
        assert_eq!(reply.parts().1, 1i64.to_le_bytes().repeat(NUMBERS / 2));
        let plain = ask_of(
            &function,
            "POST /v2/models/quotient/infer",
            &headers[..1],
            &plain,
        );
        refused(&plain, 413, "body_too_large");
    }
}

/// A function that takes half a million rows.
fn wide() -> ModelFunction {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/served");
    let source = source.display().to_string();
    let variables = [("MODEL_SOURCE", source.as_str()), ("MAX_ROWS", "1000000")];
    let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
    let config = Config::load(|name| find(name).map(|(_, value)| (*value).to_owned()));
    ModelFunction::start(config.unwrap()).unwrap()
}

/// What stands behind the JSON, or should, and is something else.
#[test]
fn binary_data_that_does_not_fit() {
    #[track_caller]
    fn check(header: &Value, binary: &[u8], code: &str) {
        refused(&ask_binary("total", header, binary), 400, code);
    }
    let fine = two_floats(json!([1, 2]));
    check(&fine, &[0; 7], "malformed_tensor");
    check(&fine, &[0; 9], "malformed_tensor");
    check(&fine, &[], "malformed_tensor");
    for (size, code) in [
        (json!(4), "malformed_tensor"),
        (json!(-8), "wrong_parameter"),
        (json!(u64::MAX), "malformed_tensor"),
        (json!("8"), "wrong_parameter"),
    ] {
        let mut header = fine.clone();
        header["inputs"][0]["parameters"]["binary_data_size"] = size;
        check(&header, &[0; 8], code);
    }
    // In the wrong order, the sizes are not those of the shapes.
    let tensor = |name: &str, datatype: &str, bytes: usize| json!({"name": name, "shape": [1], "datatype": datatype, "parameters": {"binary_data_size": bytes}});
    let header = json!({"inputs": [tensor("uint8", "UINT8", 8), tensor("int64", "INT64", 1)]});
    refused(
        &ask_binary("every", &header, &[0; 9]),
        400,
        "malformed_tensor",
    );
    for length in ["-1", "1e2", "100000", "", " "] {
        let headers = [("Inference-Header-Content-Length", length)];
        let body = [fine.to_string().as_bytes(), &[0; 8]].concat();
        let reply = ask("POST /v2/models/total/infer", &headers, &body);
        assert_eq!(reply.status, 400, "{length}");
    }
}

/// A header without a value is no header that is missing.
#[test]
fn an_empty_header_length_is_no_length() {
    let body =
        json!({"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]});
    let infer = |length: &str| {
        let headers = [("Inference-Header-Content-Length", length)];
        ask(
            "POST /v2/models/total/infer",
            &headers,
            body.to_string().as_bytes(),
        )
        .status
    };
    assert_eq!(infer(&body.to_string().len().to_string()), 200);
    assert_eq!(infer(""), 400);
}

/// Whatever byte of a request is lost or changed, what is wrong is the caller's.
#[test]
fn damaged_requests() {
    let header = json!({"id": "7", "inputs": [
        {"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}],
        "outputs": [{"name": "mean", "parameters": {"binary_data": true, "classification": 1}}],
        "parameters": {"binary_data_output": false}});
    let header = header.to_string();
    let body = [header.as_bytes(), &floats(&[1.0, 2.0])].concat();
    let length = header.len().to_string();
    let infer = |length: &str, body: &[u8]| {
        let headers = [("Inference-Header-Content-Length", length)];
        ask("POST /v2/models/total/infer", &headers, body).status
    };
    assert_eq!(infer(&length, &body), 200);
    for end in 0..body.len() {
        let status = infer(&length, &body[..end]);
        assert_eq!(status, 400, "the first {end} bytes");
        let expected = if end == header.len() {
            200..=200
        } else {
            400..=499
        };
        let status = infer(&end.to_string(), &body);
        assert!(
            expected.contains(&status),
            "a header of {end} bytes: {status}"
        );
    }
    for place in 0..header.len() {
        for byte in [0, b'"', b'[', b'{', b'9', b'-', 0xff] {
            let mut body = body.clone();
            body[place] = byte;
            let status = infer(&length, &body);
            assert!(status < 500, "{byte} at {place}: {status}");
        }
    }
}

#[test]
fn statistics_count_what_was_answered_and_what_was_not() {
    let function = start();
    let stats = |route: &str| {
        let reply = ask_of(&function, route, &[], b"");
        assert_eq!(reply.status, 200);
        reply.json()["model_stats"].as_array().unwrap().clone()
    };
    let before = &stats("GET /v2/models/pair/versions/1/stats")[0];
    assert_eq!(
        (&before["last_inference"], &before["execution_count"]),
        (&json!(0), &json!(0))
    );
    let tensor = |name: &str| json!({"name": name, "shape": [3, 2], "datatype": "FP32", "data": [1, 2, 3, 4, 5, 6]});
    let body = json!({"inputs": [tensor("a"), tensor("b")]}).to_string();
    for _ in 0..2 {
        let reply = ask_of(
            &function,
            "POST /v2/models/pair/infer",
            &[],
            body.as_bytes(),
        );
        assert_eq!(reply.status, 200);
    }
    ask_of(&function, "POST /v2/models/pair/infer", &[], b"{}");
    ask_of(
        &function,
        "POST /v2/models/pair/versions/9/infer",
        &[],
        body.as_bytes(),
    );
    let [after] = &stats("GET /v2/models/pair/versions/1/stats")[..] else {
        panic!("one version")
    };
    assert_eq!(
        (&after["name"], &after["version"]),
        (&json!("pair"), &json!("1"))
    );
    assert_eq!(
        (&after["inference_count"], &after["execution_count"]),
        (&json!(6), &json!(2))
    );
    assert!(after["last_inference"].as_u64().unwrap() > 1_700_000_000_000);
    for (step, count) in [
        ("success", 2),
        ("fail", 1),
        ("compute_input", 2),
        ("compute_infer", 2),
        ("compute_output", 2),
    ] {
        let sum = &after["inference_stats"][step];
        assert_eq!(sum["count"], count, "{step}");
        assert!(sum["ns"].as_u64().unwrap() > 0, "{step}: {sum}");
    }
    assert_eq!(stats("GET /v2/models/pair/stats").len(), 2);
    assert!(stats("GET /v2/models/stats").len() > 8);
    refused(
        &ask("GET /v2/models/other/stats", &[], b""),
        404,
        "model_unknown",
    );
}

#[test]
fn models_are_listed_and_described_as_triton_does() {
    let names = ask("GET /v2/models/", &[], b"").json();
    assert!(names["models"].as_array().unwrap().contains(&json!("pair")));
    for body in ["", "{}", r#"{"ready": true}"#, r#"{"ready": null}"#] {
        let index = ask("POST /v2/repository/index", &[], body.as_bytes()).json();
        let entry = json!({"name": "pair", "version": "2", "state": "READY", "reason": ""});
        assert!(index.as_array().unwrap().contains(&entry), "{index}");
    }
    for body in ["[]", "{", r#"{"ready": "yes"}"#] {
        let reply = ask("POST /v2/repository/index", &[], body.as_bytes());
        refused(&reply, 400, "malformed_body");
    }
    for verb in ["load", "unload"] {
        let reply = ask(&format!("POST /v2/repository/models/pair/{verb}"), &[], b"");
        refused(&reply, 501, "not_implemented");
    }
    let extensions = [
        "binary_tensor_data",
        "classification",
        "model_configuration",
        "statistics",
    ];
    assert_eq!(
        ask("GET /v2/", &[], b"").json()["extensions"],
        json!(extensions)
    );
    assert_eq!(ask("GET /v2/models/pair/config/", &[], b"").status, 200);
}

#[test]
fn a_configuration_has_a_batch_where_all_tensors_do() {
    let config = |model: &str| ask(&format!("GET /v2/models/{model}/config"), &[], b"").json();
    let pair = config("pair");
    let input = json!({"name": "a", "data_type": "TYPE_FP32", "dims": [2], "format": "FORMAT_NONE", "optional": false});
    assert_eq!(
        (&pair["max_batch_size"], &pair["input"][0]),
        (&json!(3), &input)
    );
    let output = json!({"name": "mean", "data_type": "TYPE_FP32", "dims": [1], "reshape": {"shape": []}, "label_filename": ""});
    assert_eq!(pair["output"][1], output);
    assert_eq!(pair["version_policy"], json!({"all": {}}));
    let total = config("total");
    assert_eq!(
        (&total["max_batch_size"], &total["input"][0]["dims"]),
        (&json!(0), &json!([-1, 2]))
    );
    let zipped = config("zipped");
    assert_eq!(zipped["input"][0]["data_type"], "TYPE_STRING");
    assert_eq!(
        zipped["parameters"],
        json!({"map.labels": {"string_value": r#"["no","yes"]"#}})
    );
}
