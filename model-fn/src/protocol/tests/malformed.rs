//! Bodies that no model takes, and those over a limit.

use serde_json::{Value, json};

use super::*;

#[test]
fn what_is_not_json_is_told_with_its_place() {
    let message = "the body is not JSON: EOF while parsing a list at line 1 column 15";
    refused(&one(), r#"{"instances": ["#, "not_json", message, json!({}));
    let nan = "the body is not JSON: expected value at line 1 column 17";
    refused(
        &one(),
        r#"{"instances": [[NaN, 1]]}"#,
        "not_json",
        nan,
        json!({}),
    );
    let more = "the body is not JSON: trailing characters at line 1 column 25";
    refused(
        &one(),
        r#"{"instances": [[1, 2]]} {"#,
        "not_json",
        more,
        json!({}),
    );
    let text = "the body is not JSON: expected value at line 1 column 1";
    refused(&one(), "alcohol,ash\n1,2", "not_json", text, json!({}));
}

#[test]
fn what_is_no_dialect_is_told() {
    let message = "the body is no known dialect: send `instances`, a data frame, or `inputs` as a list of tensors, as an object or as a nested list";
    let detail = |keys: &[&str]| json!({"given": keys});
    refused(
        &one(),
        r#"{"input": [[1, 2]], "id": 1}"#,
        "not_a_dialect",
        message,
        detail(&["input", "id"]),
    );
    refused(&one(), "[[1, 2]]", "not_a_dialect", message, detail(&[]));
    refused(&one(), "1", "not_a_dialect", message, detail(&[]));
    refused(&one(), "{}", "not_a_dialect", message, detail(&[]));
    let twice = "the body asks twice: send one of `inputs`, `instances` and data frames, once";
    code(
        &one(),
        r#"{"instances": [[1, 2]], "inputs": [[1, 2]]}"#,
        "not_a_dialect",
        twice,
    );
    code(
        &one(),
        r#"{"inputs": [[1, 2]], "inputs": [[1, 2]]}"#,
        "not_a_dialect",
        twice,
    );
    let other = read(
        br#"{"instances": [[1, 2]]}"#,
        &one(),
        &LIMITS,
        Accepted::TensorsOnly,
    );
    assert_eq!(other, Err(InputError::NotTensors));
}

#[test]
fn rows_are_a_list() {
    for (value, given) in [
        (r#"{"x": [1, 2]}"#, "an object"),
        ("{}", "an object"),
        ("5", "a number"),
        ("-1", "a number"),
        ("0.5", "a number"),
        ("null", "null"),
        ("true", "a boolean"),
        (r#""[[1, 2]]""#, "text"),
    ] {
        let body = format!(r#"{{"instances": {value}, "id": 1}}"#);
        let message = format!("`instances` must be a list of rows, given {given}");
        for specification in [one(), two()] {
            let detail = json!({"given": given});
            refused(&specification, &body, "not_a_dialect", &message, detail);
        }
    }
}

#[test]
fn a_field_that_is_there_twice_is_refused() {
    let x =
        r#"{"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {}, "data": [1, 2]}"#;
    let tensors = |field: &str| {
        let (name, value) = field.split_once(':').unwrap();
        let doubled = x.replacen(field, &format!("{field}, {name}:{value}"), 1);
        let message = format!("tensor `x`: `{}` is given twice", name.trim_matches('"'));
        let body = format!(r#"{{"inputs": [{doubled}]}}"#);
        code(&one(), &body, "malformed_tensor", &message);
    };
    tensors(r#""name": "x""#);
    tensors(r#""shape": [1, 2]"#);
    tensors(r#""datatype": "FP32""#);
    tensors(r#""parameters": {}"#);
    tensors(r#""data": [1, 2]"#);
    for field in ["id", "outputs", "parameters"] {
        let body = format!(r#"{{"{field}": null, "{field}": null, "inputs": [{x}]}}"#);
        let message = format!("`{field}` of the request must be given once");
        code(&one(), &body, "wrong_parameter", &message);
    }
}

#[test]
fn ragged_lists_are_told_with_their_place() {
    let ragged = |body: &str, at: Value, expected: &str, given: &str| {
        let place = at.to_string().replace(',', ", ");
        let message = format!("input `x` is ragged at {place}: {expected} expected, {given} given");
        refused(
            &one(),
            body,
            "ragged",
            &message,
            json!({"input": "x", "at": at, "expected": expected, "given": given}),
        );
    };
    ragged(
        r#"{"instances": [[1, 2], [3]]}"#,
        json!([1]),
        "2 entries",
        "1",
    );
    ragged(
        r#"{"instances": [[1, 2], [3, 4, 5]]}"#,
        json!([1]),
        "2 entries",
        "3",
    );
    ragged(
        r#"{"instances": [[1, 2], 3]}"#,
        json!([1]),
        "a list",
        "a value",
    );
    ragged(
        r#"{"inputs": [[1, 2], [3, [4]]]}"#,
        json!([1, 1]),
        "a value",
        "a list",
    );
    ragged(
        r#"{"inputs": [[1, 2], {"x": 1}]}"#,
        json!([1]),
        "a value or a list",
        "an object",
    );
    ragged(r#"{"inputs": [[], [1]]}"#, json!([1]), "0 entries", "1");
}

#[test]
fn data_without_a_list_are_those_of_no_axes_alone() {
    let tensor = |shape: &str| {
        format!(
            r#"{{"inputs": [{{"name": "x", "shape": {shape}, "datatype": "FP32", "data": 5}}]}}"#
        )
    };
    let message = "tensor `x`: the shape [1] does not hold the data given";
    code(&one(), &tensor("[1]"), "malformed_tensor", message);
    let mut scalar = one();
    scalar.inputs = vec![port("x", Datatype::Fp32, &[])];
    let read = read(tensor("[]").as_bytes(), &scalar, &LIMITS, Accepted::Any);
    assert_eq!(read.unwrap().inputs[0].values(), &Values::Fp32(vec![5.0]));
}

#[test]
fn lengths_and_places_may_have_a_fraction_of_zero() {
    let tensors = |shape: &str, classes: &str| {
        format!(
            r#"{{"inputs": [{{"name": "x", "shape": {shape}, "datatype": "FP32", "data": [1, 2]}}],
            "outputs": [{{"name": "y", "parameters": {{"classification": {classes}}}}}]}}"#
        )
    };
    let frame = |columns: &str| {
        format!(r#"{{"dataframe_split": {{"columns": {columns}, "data": [[1, 2]]}}}}"#)
    };
    for (body, other) in [
        (tensors("[1, 2]", "3"), tensors("[1.0, 2]", "3.0")),
        (frame("[1, 0]"), frame("[1.0, 0e0]")),
    ] {
        let read = |body: &str| read(body.as_bytes(), &one(), &LIMITS, Accepted::Any).unwrap();
        assert_eq!(read(&body), read(&other), "{other}");
    }
}

#[test]
fn malformed_tensors_are_told_by_field() {
    let wrong = |tensor: &str, name: &str, field: &str, message: &str| {
        let body = format!(r#"{{"inputs": [{tensor}]}}"#);
        let message = format!("tensor `{name}`: `{field}` {message}");
        refused(
            &one(),
            &body,
            "malformed_tensor",
            &message,
            json!({"input": name, "field": field}),
        );
    };
    wrong(
        r#"{"shape": [1, 2], "datatype": "FP32", "data": [1, 2]}"#,
        "0",
        "name",
        "is missing",
    );
    wrong(
        r#"{"name": "x", "datatype": "FP32", "data": [1, 2]}"#,
        "x",
        "shape",
        "is missing",
    );
    wrong(
        r#"{"name": "x", "shape": [1, 2], "data": [1, 2]}"#,
        "x",
        "datatype",
        "is missing",
    );
    wrong(
        r#"{"name": "x", "shape": [1, 2], "datatype": "FP32"}"#,
        "x",
        "data",
        "is missing",
    );
    wrong(r#"{"name": 1}"#, "0", "name", "must be text");
    wrong(
        r#"{"name": "x", "shape": [-1, 2]}"#,
        "x",
        "shape",
        "must be a list of lengths from 0",
    );
    wrong(
        r#"{"name": "x", "shape": 2}"#,
        "x",
        "shape",
        "must be a list of lengths from 0",
    );
    wrong(
        r#"{"name": "x", "datatype": "float"}"#,
        "x",
        "datatype",
        "is `float`, which is not supported",
    );
    let twice =
        r#"{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2], "data": [1, 2]}"#;
    wrong(twice, "x", "data", "is given twice");

    let length = |shape: &str, data: &str, given: Value| {
        let body = format!(
            r#"{{"inputs": [{{"name": "x", "shape": {shape}, "datatype": "FP32", "data": {data}}}]}}"#
        );
        let message = format!("tensor `x`: the shape {shape} does not hold the data given");
        let shape: Value = serde_json::from_str(shape).unwrap();
        let detail = json!({"input": "x", "expected": {"shape": shape}, "given": {"shape": given}});
        refused(&one(), &body, "malformed_tensor", &message, detail);
    };
    length("[1, 2]", "[1, 2, 3]", json!([3]));
    length("[2, 2]", "[1, 2]", json!([2]));
    length("[1, 2]", "[[1], [2]]", json!([2, 1]));
    length("[18446744073709551615, 2]", "[1, 2]", json!([2]));
}

#[test]
fn every_limit_holds_and_one_past_it_does_not() {
    let rows = |count: usize| format!(r#"{{"instances": [{}]}}"#, vec!["[1, 2]"; count].join(","));
    assert!(read(rows(3).as_bytes(), &one(), &LIMITS, Accepted::Any).is_ok());
    let message = "the inputs hold more than 3 rows: send them in parts";
    refused(
        &one(),
        &rows(4),
        "too_many_rows",
        message,
        json!({"limit": 3}),
    );
    let columns = rows(4).replace("instances", "inputs");
    refused(
        &one(),
        &columns,
        "too_many_rows",
        message,
        json!({"limit": 3}),
    );

    let elements = |count: usize| {
        format!(
            r#"{{"inputs": {{"ids": [[{}]]}}}}"#,
            vec!["1"; count].join(",")
        )
    };
    code(
        &named(),
        &elements(12),
        "input_missing",
        "input `mask` is missing",
    );
    refused(
        &named(),
        &elements(13),
        "too_many_elements",
        "the inputs hold more than 12 values",
        json!({"limit": 12}),
    );

    let deep = |depth: usize| {
        format!(
            r#"{{"inputs": {}1{}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    code(
        &one(),
        &deep(4),
        "wrong_shape",
        "input `x` takes the shape [-1, 2], given [1, 1, 1, 1]",
    );
    let nested = "lists are nested more than 4 deep";
    refused(&one(), &deep(5), "too_deep", nested, json!({"limit": 4}));
    refused(
        &one(),
        &deep(250_000),
        "too_deep",
        nested,
        json!({"limit": 4}),
    );
}
