//! Bodies that are well-formed but do not fit the model.

use serde_json::{Value, json};

use super::*;

#[test]
fn names_must_be_the_models() {
    let unknown = "the model has no input `y`";
    let detail = json!({"input": "y", "expected": ["x"]});
    refused(
        &one(),
        r#"{"instances": [{"y": [1, 2]}]}"#,
        "input_unknown",
        unknown,
        detail.clone(),
    );
    refused(
        &one(),
        r#"{"inputs": {"y": [[1, 2]]}}"#,
        "input_unknown",
        unknown,
        detail.clone(),
    );
    let tensor =
        r#"{"inputs": [{"name": "y", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}"#;
    refused(&one(), tensor, "input_unknown", unknown, detail);

    refused(
        &two(),
        r#"{"instances": [{"n": 1, "t": ""}, {"n": 1}]}"#,
        "input_missing",
        "input `t` is missing",
        json!({"input": "t", "row": 1}),
    );
    refused(
        &two(),
        r#"{"inputs": {"n": [1]}}"#,
        "input_missing",
        "input `t` is missing",
        json!({"input": "t"}),
    );
    let several = "the model has 2 inputs: give them by name";
    refused(
        &two(),
        r#"{"instances": [[1, 2]]}"#,
        "input_missing",
        several,
        json!({"expected": ["n", "t"]}),
    );
    refused(
        &two(),
        r#"{"inputs": [[1, 2]]}"#,
        "input_missing",
        several,
        json!({"expected": ["n", "t"]}),
    );
    refused(
        &two(),
        r#"{"inputs": []}"#,
        "input_missing",
        several,
        json!({"expected": ["n", "t"]}),
    );

    let twice = "input `x` is given twice";
    refused(
        &one(),
        r#"{"instances": [{"x": [1, 2], "x": [1, 2]}]}"#,
        "input_repeated",
        twice,
        json!({"input": "x"}),
    );
    refused(
        &one(),
        r#"{"inputs": {"x": [[1, 2]], "x": [[1, 2]]}}"#,
        "input_repeated",
        twice,
        json!({"input": "x"}),
    );
}

/// `expected` is the detail as text: the input, the place, the datatype and what is given.
#[track_caller]
fn wrong(specification: &Specification, body: &str, expected: &str) {
    let error = read(body.as_bytes(), specification, &LIMITS, Accepted::Any).unwrap_err();
    let detail = error.detail();
    let datatype = &detail["expected"]["datatype"];
    let parts = [&detail["input"], &detail["at"], datatype, &detail["given"]];
    let text = parts.map(|part| {
        part.as_str()
            .map_or_else(|| part.to_string(), str::to_owned)
    });
    assert_eq!(
        (error.code(), text.join(" ").as_str()),
        ("wrong_value", expected)
    );
}

#[test]
fn values_must_be_of_the_inputs_datatype() {
    wrong(
        &one(),
        r#"{"instances": [[1, "2"]]}"#,
        r#"x [0,1] FP32 "2""#,
    );
    wrong(&one(), r#"{"instances": [[1, true]]}"#, "x [0,1] FP32 true");
    wrong(&one(), r#"{"instances": [[1e39, 1]]}"#, "x [0,0] FP32 1e39");
    wrong(
        &two(),
        r#"{"inputs": {"n": [1, 2.5], "t": []}}"#,
        "n [1] INT64 2.5",
    );
    wrong(
        &two(),
        r#"{"inputs": {"n": [null], "t": []}}"#,
        "n [0] INT64 null",
    );
    let large = r#"{"inputs": {"n": [9223372036854775808]}}"#;
    wrong(&two(), large, "n [0] INT64 9223372036854775808");
    wrong(&two(), r#"{"inputs": {"t": [1]}}"#, "t [0] BYTES 1");
    let long = format!(r#"{{"instances": [["{}"]]}}"#, "a".repeat(50));
    wrong(
        &one(),
        &long,
        &format!("x [0,0] FP32 \"{}\"…", "a".repeat(40)),
    );
}

#[test]
fn null_is_a_missing_number_but_no_tensor() {
    let column = Specification {
        inputs: vec![port("x", Datatype::Fp32, &[-1, 1])],
        outputs: Vec::new(),
    };
    for body in [r#"{"instances": [null]}"#, r#"{"inputs": [null]}"#] {
        assert!(read(body.as_bytes(), &column, &LIMITS, Accepted::Any).is_ok());
    }
    let message = "input `x` is null, which is no tensor";
    for body in [
        r#"{"inputs": null}"#,
        r#"{"inputs": {"x": null}}"#,
        r#"{"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP32", "data": null}]}"#,
        r#"{"inputs": [{"data": null, "name": "x", "shape": [1, 1], "datatype": "FP32"}]}"#,
    ] {
        for specification in [&column, &one()] {
            let detail = json!({"input": "x"});
            refused(specification, body, "wrong_value", message, detail);
        }
    }
    let several = "the model has 2 inputs: give them by name";
    code(&two(), r#"{"inputs": null}"#, "input_missing", several);
}

#[test]
fn values_of_tensors_must_be_of_both_datatypes() {
    let tensor = |datatype: &str, data: &str| {
        let fields =
            format!(r#""name": "x", "shape": [1, 2], "datatype": "{datatype}", "data": {data}"#);
        format!(r#"{{"inputs": [{{{fields}}}]}}"#)
    };
    wrong(&one(), &tensor("UINT8", "[1, 256]"), "x [1] UINT8 256");
    wrong(
        &one(),
        &tensor("INT32", "[1, 16777217]"),
        "x [0,1] FP32 a value of `INT32`",
    );
}

#[test]
fn datatypes_convert_only_without_loss() {
    let body =
        r#"{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}]}"#;
    let detail =
        json!({"input": "x", "expected": {"datatype": "FP32"}, "given": {"datatype": "FP64"}});
    refused(
        &one(),
        body,
        "wrong_datatype",
        "input `x` takes `FP32`, given `FP64`",
        detail,
    );
}

#[test]
fn shapes_must_be_the_models() {
    let detail = |given: Value| json!({"input": "x", "expected": {"shape": [-1, 2]}, "given": {"shape": given}});
    let wide = "input `x` takes the shape [-1, 2], given [1, 3]";
    refused(
        &one(),
        r#"{"instances": [[1, 2, 3]]}"#,
        "wrong_shape",
        wide,
        detail(json!([1, 3])),
    );
    let flat = "input `x` takes the shape [-1, 2], given [2]";
    refused(
        &one(),
        r#"{"instances": [1, 2]}"#,
        "wrong_shape",
        flat,
        detail(json!([2])),
    );
    let scalar = "input `x` takes the shape [-1, 2], given []";
    refused(
        &one(),
        r#"{"inputs": {"x": 1}}"#,
        "wrong_shape",
        scalar,
        detail(json!([])),
    );
    // In tensors, a shape is meant as it is written: no axis is added.
    let bare = r#"{"inputs": [{"name": "n", "shape": [1], "datatype": "INT64", "data": [1]},
        {"name": "t", "shape": [1], "datatype": "BYTES", "data": [""]}]}"#;
    code(
        &two(),
        bare,
        "wrong_shape",
        "input `n` takes the shape [-1, 1], given [1]",
    );
}

#[test]
fn an_empty_batch_is_refused() {
    let empty = |body: &str, given: Value| {
        let shape = given.to_string().replace(',', ", ");
        let message = format!("input `x` is empty, given the shape {shape}");
        refused(
            &one(),
            body,
            "empty_batch",
            &message,
            json!({"input": "x", "given": {"shape": given}}),
        );
    };
    empty(r#"{"instances": []}"#, json!([0]));
    empty(r#"{"instances": [[]]}"#, json!([1, 0]));
    empty(r#"{"inputs": []}"#, json!([0]));
    empty(
        r#"{"inputs": [{"name": "x", "shape": [0, 2], "datatype": "FP32", "data": []}]}"#,
        json!([0, 2]),
    );
}

#[test]
fn a_text_has_no_more_bytes_than_it_may() {
    let body = |text: &str| json!({"inputs": {"n": [1, 2], "t": ["", text]}}).to_string();
    let question = read(
        body(&"é".repeat(500)).as_bytes(),
        &two(),
        &LIMITS,
        Accepted::Any,
    );
    assert_eq!(question.unwrap().rows, 2);
    refused(
        &two(),
        &body(&"é".repeat(501)),
        "text_too_long",
        "input `t` has a text of 1002 bytes at [1], and the limit is 1000",
        json!({"input": "t", "at": [1], "limit": 1000, "given": 1002}),
    );
}
