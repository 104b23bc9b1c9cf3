//! Requests whose body the model cannot take: each has its status, and says what to change.

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::case::case;
use crate::gateway::embedded;
use crate::http;

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        case(
            "bodies: what is no known body is 400",
            what_is_no_known_body_is_400,
        ),
        case(
            "bodies: what does not fit the model is 422",
            what_does_not_fit_is_422,
        ),
        case("bodies: too large a body is 413", too_large_is_413),
        case(
            "bodies: unknown types and encodings are 415",
            unknown_types_are_415,
        ),
        case(
            "bodies: unknown models and routes are 404",
            unknown_models_are_404,
        ),
    ]
}

/// Posts a body and expects a status, a code and a message with these words in it.
fn check(path: &str, body: &str, expected: (u16, &str), words: &[&str]) -> Result<()> {
    check_as(path, "application/json", body, expected, words)
}

fn check_as(
    path: &str,
    content_type: &str,
    body: &str,
    expected: (u16, &str),
    words: &[&str],
) -> Result<()> {
    let gateway = embedded()?;
    let request = gateway
        .request("POST", path)?
        .bearer_auth(gateway.token("predict")?);
    let reply = http::send(
        request
            .header("content-type", content_type)
            .body(body.to_owned()),
    )?;
    let start: String = body.chars().take(120).collect();
    let says = || format!("{path} `{start}`: {} {}", reply.status, reply.body);
    let answer = reply.json().with_context(says)?;
    let given = (reply.status, answer["code"].as_str().unwrap_or_default());
    ensure!(given == expected, "{expected:?} expected: {}", says());
    let error = answer["error"].as_str().with_context(says)?;
    for word in words {
        ensure!(error.contains(word), "`{word}` is not said: {}", says());
    }
    Ok(())
}

fn what_is_no_known_body_is_400() -> Result<()> {
    for (body, code, words) in [
        ("", "body_missing", ["body"]),
        (" ", "not_json", ["JSON"]),
        ("{", "not_json", ["line 1"]),
        ("not json", "not_json", ["JSON"]),
        (r#"{"instances": [[1, 2"#, "not_json", ["JSON"]),
        ("[1, 2]", "not_a_dialect", ["instances"]),
        (r#"{"instances": 7}"#, "not_a_dialect", ["instances"]),
        ("\"text\"", "not_a_dialect", ["instances"]),
        ("7", "not_a_dialect", ["instances"]),
        ("null", "not_a_dialect", ["inputs"]),
        ("{}", "not_a_dialect", ["inputs"]),
        (r#"{"rows": [[1]]}"#, "not_a_dialect", ["instances"]),
        (
            r#"{"instances": [[1, 2], [3]]}"#,
            "ragged",
            ["2 entries expected, 1 given"],
        ),
        (r#"{"inputs": {"X": [[1, 2], 3]}}"#, "ragged", ["`X`"]),
        (
            r#"{"inputs": [{"name": "X", "shape": [1, 13], "datatype": "FP32", "data": [1]}]}"#,
            "malformed_tensor",
            ["[1, 13]"],
        ),
        (
            r#"{"inputs": [{"name": "X", "datatype": "FP32", "data": [1, 2]}]}"#,
            "malformed_tensor",
            ["shape"],
        ),
        (
            r#"{"inputs": [{"name": "X", "shape": [1], "datatype": "FP99", "data": [1]}]}"#,
            "malformed_tensor",
            ["FP99"],
        ),
    ] {
        check("/predict/wine", body, (400, code), &words)?;
    }
    Ok(())
}

fn what_does_not_fit_is_422() -> Result<()> {
    let row = vec![1.0; 13];
    let tensor = |name: &str, datatype: &str, shape: [usize; 2], value: Value| {
        let values: Vec<_> = std::iter::repeat_n(value, shape[0] * shape[1]).collect();
        json!({"name": name, "shape": shape, "datatype": datatype, "data": values})
    };
    let good = tensor("X", "FP32", [1, 13], json!(1.0));
    for (body, code, words) in [
        (json!({"inputs": {"Y": [row]}}), "input_unknown", ["`Y`"]),
        (
            json!({"inputs": {"X": [row], "Y": [row]}}),
            "input_unknown",
            ["`Y`"],
        ),
        (
            json!({"inputs": [tensor("Y", "FP32", [1, 13], json!(1.0))]}),
            "input_unknown",
            ["`Y`"],
        ),
        (json!({"inputs": [good, good]}), "input_repeated", ["`X`"]),
        (json!({"inputs": {}}), "input_missing", ["`X`"]),
        (
            json!({"instances": [vec![1.0; 12]]}),
            "wrong_shape",
            ["[-1, 13], given [1, 12]"],
        ),
        (
            json!({"instances": [vec![1.0; 14], vec![1.0; 14]]}),
            "wrong_shape",
            ["[2, 14]"],
        ),
        (
            json!({"inputs": [tensor("X", "FP32", [2, 12], json!(1.0))]}),
            "wrong_shape",
            ["[2, 12]"],
        ),
        (json!({"instances": row}), "wrong_shape", ["[13]"]),
        (json!({"instances": [[row]]}), "wrong_shape", ["[1, 1, 13]"]),
        (
            json!({"instances": [vec!["1.0"; 13]]}),
            "wrong_value",
            ["at [0, 0]"],
        ),
        (
            json!({"instances": [vec![true; 13]]}),
            "wrong_value",
            ["`FP32`"],
        ),
        (
            json!({"inputs": [tensor("X", "BYTES", [1, 13], json!("a"))]}),
            "wrong_datatype",
            ["BYTES"],
        ),
        (json!({"instances": []}), "empty_batch", ["`X` is empty"]),
        (json!({"inputs": {"X": []}}), "empty_batch", ["`X`"]),
        (
            json!({"inputs": [tensor("X", "FP32", [0, 13], json!(1.0))]}),
            "empty_batch",
            ["[0, 13]"],
        ),
    ] {
        check("/predict/wine", &body.to_string(), (422, code), &words)?;
    }
    Ok(())
}

/// Past the function's own limit, past what an event can carry, and past what the gateway takes.
fn too_large_is_413() -> Result<()> {
    let row = "1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5";
    for megabytes in [5, 8, 11] {
        let rows = vec![format!("[{row}]"); megabytes * 1_048_576 / (row.len() + 3)];
        let body = format!("{{\"instances\": [{}]}}", rows.join(","));
        check("/predict/wine", &body, (413, "body_too_large"), &[])
            .with_context(|| format!("{megabytes} MB"))?;
    }
    Ok(())
}

fn unknown_types_are_415() -> Result<()> {
    for content_type in [
        "application/xml",
        "image/png",
        "multipart/form-data; boundary=x",
    ] {
        check_as(
            "/predict/wine",
            content_type,
            "<a/>",
            (415, "content_type_unknown"),
            &[],
        )?;
    }
    let gateway = embedded()?;
    let request = gateway
        .request("POST", "/predict/wine")?
        .bearer_auth(gateway.token("predict")?);
    let request = request
        .header("content-encoding", "br")
        .header("content-type", "application/json")
        .body("{}");
    http::send(request)?.expect(415)?;
    Ok(())
}

fn unknown_models_are_404() -> Result<()> {
    let body = json!({"instances": [vec![1.0; 13]]}).to_string();
    check(
        "/predict/nothing",
        &body,
        (404, "model_unknown"),
        &["nothing"],
    )?;
    check(
        "/v2/models/nothing/infer",
        &body,
        (404, "model_unknown"),
        &["nothing"],
    )?;
    check(
        "/v2/models/wine/versions/99/infer",
        &body,
        (404, "version_unknown"),
        &["99"],
    )?;
    check("/predict/wine/more", &body, (404, "route_unknown"), &[])?;
    check("/nowhere", &body, (404, "route_unknown"), &[])?;
    Ok(())
}
