//! Bodies that fit: every dialect, in every order of its fields.

use serde_json::json;

use super::*;

#[test]
fn rows_are_bare_or_objects() {
    let rows = tensor(&[2, 2], Values::Fp32(vec![1.0, 2.5, -3.0, f32::MAX]));
    check(
        &one(),
        r#"{"instances": [[1, 2.5], [-3, 3.4028235e38]]}"#,
        Dialect::Rows,
        2,
        std::slice::from_ref(&rows),
    );
    check(
        &one(),
        r#"{"instances": [{"x": [1, 2.5]}, [-3, 3.4028235e38]], "signature_name": "serving_default"}"#,
        Dialect::Rows,
        2,
        &[rows],
    );
    let columns = [
        tensor(&[2, 1], Values::Int64(vec![i64::MAX, i64::MIN])),
        tensor(&[2], Values::Bytes(vec!["a".to_owned(), "ü".to_owned()])),
    ];
    let body = r#"{"instances": [{"n": 9223372036854775807, "t": "a"}, {"t": "\u00fc", "n": [-9223372036854775808]}]}"#;
    // A bare number beside a list of one is ragged: rows must agree.
    code(
        &two(),
        body,
        "ragged",
        "input `n` is ragged at [1]: a value expected, a list given",
    );
    let bare = r#"{"instances": [{"n": 9223372036854775807, "t": "a"}, {"t": "\u00fc", "n": -9223372036854775808}]}"#;
    check(&two(), bare, Dialect::Rows, 2, &columns);
    let listed = r#"{"instances": [{"n": [9223372036854775807], "t": "a"}, {"t": "ü", "n": [-9223372036854775808]}]}"#;
    check(&two(), listed, Dialect::Rows, 2, &columns);
}

#[test]
fn columns_go_by_name_or_alone() {
    let columns = tensor(&[1, 2], Values::Fp32(vec![1.0, 2.0]));
    check(
        &one(),
        r#"{"inputs": {"x": [[1, 2]]}}"#,
        Dialect::Columns,
        1,
        std::slice::from_ref(&columns),
    );
    check(
        &one(),
        r#"{"inputs": [[1, 2]]}"#,
        Dialect::Columns,
        1,
        &[columns],
    );
    let columns = [
        tensor(&[2, 1], Values::Int64(vec![1, 2])),
        tensor(&[2], Values::Bytes(vec![String::new(); 2])),
    ];
    check(
        &two(),
        r#"{"inputs": {"t": ["", ""], "n": [1, 2.0]}}"#,
        Dialect::Columns,
        2,
        &columns,
    );
}

#[test]
fn tensors_come_flat_or_nested_with_their_fields_in_any_order() {
    let inputs = [tensor(&[2, 2], Values::Fp32(vec![1.0, 2.0, 3.0, 4.0]))];
    let flat =
        r#"{"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]}]}"#;
    check(&one(), flat, Dialect::Tensors, 2, &inputs);
    let nested = r#"{"inputs": [{"data": [[1, 2], [3, 4]], "datatype": "FP32", "parameters": {}, "shape": [2, 2], "name": "x"}]}"#;
    check(&one(), nested, Dialect::Tensors, 2, &inputs);
    let integers =
        r#"{"inputs": [{"name": "x", "shape": [2, 2], "datatype": "INT8", "data": [1, 2, 3, 4]}]}"#;
    check(&one(), integers, Dialect::Tensors, 2, &inputs);
}

#[test]
fn null_is_not_a_number() {
    let body = r#"{"instances": [[null, 1]]}"#;
    let question = read(body.as_bytes(), &one(), &LIMITS, Accepted::Any).unwrap();
    assert_eq!(question.inputs[0].values().not_finite(), Some(0));
}

#[test]
fn the_id_and_the_outputs_asked_for_are_kept() {
    let inputs = r#""inputs": [{"name": "n", "shape": [1, 1], "datatype": "INT64", "data": [1]},
        {"name": "t", "shape": [1], "datatype": "BYTES", "data": [""]}]"#;
    let ask = |more: &str| {
        let body = format!("{{{inputs}{more}}}");
        read(body.as_bytes(), &two(), &LIMITS, Accepted::TensorsOnly)
    };
    let kept = |more: &str| {
        ask(more)
            .map(|question| (question.id, question.outputs))
            .unwrap()
    };
    assert_eq!(kept(""), (None, None));
    assert_eq!(
        kept(r#", "id": "7", "outputs": [{"name": "b"}]"#),
        (Some("7".to_owned()), plain(&[1]))
    );
    assert_eq!(
        kept(r#", "id": 7, "outputs": []"#),
        (Some("7".to_owned()), None)
    );
    let error = |more: &str| ask(more).unwrap_err().to_string();
    assert_eq!(
        error(r#", "outputs": [{"name": "c"}]"#),
        "the model has no output `c`"
    );
    assert_eq!(
        error(r#", "outputs": [{"name": "b"}, {"name": "b"}]"#),
        "output `b` is asked for twice"
    );
    let outputs = "`outputs` must be a list of objects with a `name`, of 65536 bytes at most";
    assert_eq!(error(r#", "outputs": ["b"]"#), outputs);
    assert_eq!(error(r#", "outputs": [["b"]]"#), outputs);
    let long = format!(r#", "outputs": [{{"name": "b{}"}}]"#, " ".repeat(1 << 16));
    assert_eq!(error(&long), outputs);
    assert_eq!(error(r#", "id": [7]"#), "`id` of the request must be text");
    assert_eq!(kept(r#", "id": null, "parameters": null"#), (None, None));
}

/// Known parameters have the type of the protocol; unknown ones mean nothing, whatever they are.
#[test]
fn parameters_that_are_known_are_typed() {
    let ask = |parameters: &str, output: &str, input: &str| {
        let body = format!(
            r#"{{"parameters": {parameters}, "outputs": [{{"name": "y", "parameters": {output}}}],
            "inputs": [{{"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {input}, "data": [1, 2]}}]}}"#
        );
        read(body.as_bytes(), &one(), &LIMITS, Accepted::TensorsOnly)
    };
    let asked = |parameters: &str, output: &str| ask(parameters, output, "{}").unwrap().outputs;
    let form = |is_binary, classes| {
        Some(vec![Asked {
            place: 0,
            is_binary,
            classes,
        }])
    };
    let unknown = r#"{"timeout": "soon", "content_type": {"a": [1]}, "priority": -1}"#;
    assert!(ask(unknown, unknown, unknown).is_ok());
    assert_eq!(asked("null", "null"), form(false, None));
    assert_eq!(
        asked(r#"{"binary_data_output": true}"#, "{}"),
        form(true, None)
    );
    let but = r#"{"binary_data": false, "classification": 2}"#;
    assert_eq!(
        asked(r#"{"binary_data_output": true}"#, but),
        form(false, Some(2))
    );
    assert_eq!(asked("{}", r#"{"binary_data": true}"#), form(true, None));

    let error = |parameters: &str, output: &str, input: &str| {
        let error = ask(parameters, output, input).unwrap_err();
        assert_eq!(error.code(), "wrong_parameter");
        error.to_string()
    };
    assert_eq!(
        error(r#"{"binary_data_output": 1}"#, "{}", "{}"),
        "`binary_data_output` of the request must be true or false"
    );
    assert_eq!(
        error("[]", "{}", "{}"),
        "`parameters` of the request must be an object without repetitions"
    );
    assert_eq!(
        error("{}", r#"{"binary_data": "yes"}"#, "{}"),
        "`binary_data` of output `y` must be true or false"
    );
    for classes in ["0", "-1", "1.5", "\"2\""] {
        assert_eq!(
            error("{}", &format!(r#"{{"classification": {classes}}}"#), "{}"),
            "`classification` of output `y` must be a number of classes from 1"
        );
    }
    for bytes in ["-1", "8.0", "true", "1e3", "99999999999999999999"] {
        assert_eq!(
            error("{}", "{}", &format!(r#"{{"binary_data_size": {bytes}}}"#)),
            "`binary_data_size` of input `x` must be a number of bytes from 0"
        );
    }
    let shared = r#"{"shared_memory_region": "r", "shared_memory_byte_size": 8}"#;
    let message = "must not be asked for: no memory is shared with callers";
    assert_eq!(
        error("{}", shared, "{}"),
        format!("`shared_memory_region` of output `y` {message}")
    );
    assert_eq!(
        error("{}", "{}", shared),
        format!("`shared_memory_region` of input `x` {message}")
    );
}

#[test]
fn axes_of_one_name_and_batches_are_equally_long() {
    let body = |ids: &str, mask: &str| format!(r#"{{"inputs": {{"ids": {ids}, "mask": {mask}}}}}"#);
    let inputs = [
        tensor(&[1, 2], Values::Int64(vec![1, 2])),
        tensor(&[1, 2], Values::Int64(vec![1, 0])),
    ];
    check(
        &named(),
        &body("[[1, 2]]", "[[1, 0]]"),
        Dialect::Columns,
        1,
        &inputs,
    );
    let length = json!({"input": "mask", "axis": 1, "expected": 2, "given": 1});
    let message = "input `mask` has 1 along axis 1, another input has 2";
    refused(
        &named(),
        &body("[[1, 2]]", "[[1]]"),
        "rows_disagree",
        message,
        length,
    );
    let batch = "input `t` has 2 along axis 0, another input has 1";
    code(
        &two(),
        r#"{"inputs": {"n": [1], "t": ["", ""]}}"#,
        "rows_disagree",
        batch,
    );
}
