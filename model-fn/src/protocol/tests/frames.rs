//! Tables in JSON: data frames by their columns, and rows of named values.

use serde_json::{Value, json};

use super::*;

/// A model of one input whose values have names.
fn titled() -> Specification {
    let mut specification = wide(3);
    specification.inputs[0].labels = ["a", "b", "c"].map(str::to_owned).to_vec();
    specification
}

/// A model of one input whose values have none.
fn wide(width: i64) -> Specification {
    Specification {
        inputs: vec![port("x", Datatype::Fp32, &[-1, width])],
        outputs: vec![port("y", Datatype::Fp32, &[-1])],
    }
}

fn floats(shape: &[usize], values: &[f32]) -> [Tensor; 1] {
    [tensor(shape, Values::Fp32(values.to_vec()))]
}

/// Values by row and by column, whose order in the body differs.
fn both(n: &[i64], t: &[&str]) -> [Tensor; 2] {
    let text = t.iter().map(|text| (*text).to_owned()).collect();
    [
        tensor(&[n.len(), 1], Values::Int64(n.to_vec())),
        tensor(&[t.len()], Values::Bytes(text)),
    ]
}

#[track_caller]
fn rows(specification: &Specification, body: &str, rows: usize, inputs: &[Tensor]) {
    check(specification, body, Dialect::Rows, rows, inputs);
}

#[test]
fn columns_go_to_the_values_of_their_names() {
    let expected = floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    for body in [
        r#"{"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1, 2, 3], [4, 5, 6]]}}"#,
        r#"{"dataframe_split": {"index": [7, 8], "columns": ["c", "a", "b"], "data": [[3, 1, 2], [6, 4, 5]]}}"#,
        r#"{"dataframe_split": {"data": [[2, 3, 1], [5, 6, 4]], "columns": ["b", "c", "a"]}}"#,
        r#"{"dataframe_split": {"columns": [2, 0, 1], "data": [[3, 1, 2], [6, 4, 5]]}}"#,
        r#"{"dataframe_split": {"data": [[1, 2, 3], [4, 5, 6]]}}"#,
        r#"{"dataframe_split": {"columns": ["x"], "data": [[[1, 2, 3]], [[4, 5, 6]]]}}"#,
        r#"{"dataframe_records": [{"a": 1, "b": 2, "c": 3}, {"c": 6, "a": 4, "b": 5}]}"#,
        r#"{"dataframe_records": [{"x": [1, 2, 3]}, {"x": [4, 5, 6]}]}"#,
        r#"{"instances": [{"b": 2, "a": 1, "c": 3}, [4, 5, 6]]}"#,
    ] {
        rows(&titled(), body, 2, &expected);
    }
}

#[test]
fn columns_go_to_the_inputs_of_their_names() {
    let expected = both(&[1, 2], &["u", "v"]);
    for body in [
        r#"{"dataframe_split": {"columns": ["t", "n"], "data": [["u", 1], ["v", 2]]}}"#,
        r#"{"dataframe_split": {"columns": ["n", "t"], "data": [[1, "u"], [2, "v"]]}}"#,
        r#"{"dataframe_split": {"data": [["u", 1], ["v", 2]], "columns": ["t", "n"]}}"#,
        r#"{"dataframe_split": {"data": [[1, "u"], [2, "v"]]}}"#,
        r#"{"dataframe_split": {"columns": [1, 0], "data": [["u", 1], ["v", 2]]}}"#,
        r#"{"dataframe_records": [{"t": "u", "n": 1}, {"n": 2, "t": "v"}], "params": {}}"#,
    ] {
        rows(&two(), body, 2, &expected);
    }
}

#[test]
fn columns_without_names_stand_as_the_model_takes_them() {
    let expected = floats(&[1, 3], &[1.0, 2.0, 3.0]);
    let counted = r#"{"dataframe_split": {"columns": [0, 1, 2], "data": [[1, 2, 3]]}}"#;
    rows(&wide(3), counted, 1, &expected);
    let bare = r#"{"dataframe_split": {"data": [[1, 2, 3]]}, "params": null}"#;
    rows(&wide(3), bare, 1, &expected);
    rows(&wide(-1), bare, 1, &expected);
    let image = Specification {
        inputs: vec![port("x", Datatype::Fp32, &[-1, 1, 3, 1])],
        outputs: Vec::new(),
    };
    rows(&image, bare, 1, &floats(&[1, 1, 3, 1], &[1.0, 2.0, 3.0]));
    let column = r#"{"dataframe_split": {"columns": ["x"], "data": [[1], [2]]}}"#;
    rows(&wide(1), column, 2, &floats(&[2, 1], &[1.0, 2.0]));
}

#[test]
fn names_that_nobody_knows_are_never_taken_for_an_order() {
    let body = r#"{"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1, 2, 3]]}}"#;
    let message = "the columns have names, and the order of the values of input `x` is not known by name: \
                   leave the names out, or name them in `columns` of `model.yaml`";
    let detail = json!({"input": "x", "given": ["a", "b", "c"]});
    refused(&wide(3), body, "columns_unnamed", message, detail);
    let record = r#"{"dataframe_records": [{"a": 1, "b": 2, "c": 3}]}"#;
    code(
        &wide(3),
        record,
        "input_unknown",
        "the model has no input `a`",
    );
}

#[test]
fn columns_that_do_not_fit_are_named() {
    let columns = |specification: &Specification, names: Value, message: &str, detail: Value| {
        let body = json!({"dataframe_split": {"columns": names, "data": []}}).to_string();
        let message = format!("the columns do not fit the model: {message}");
        refused(specification, &body, "columns_unfit", &message, detail);
    };
    columns(
        &titled(),
        json!(["a", "c"]),
        "`b` missing",
        json!({"unknown": [], "missing": ["b"], "repeated": []}),
    );
    columns(
        &titled(),
        json!(["a", "d", "c", "a", "a"]),
        "`d` unknown; `b` missing; `a` given twice",
        json!({"unknown": ["d"], "missing": ["b"], "repeated": ["a"]}),
    );
    columns(
        &two(),
        json!(["n", ""]),
        "`` unknown; `t` missing",
        json!({"unknown": [""], "missing": ["t"], "repeated": []}),
    );
    let record = |body: &str, kind: &str, message: &str| {
        let body = format!(r#"{{"dataframe_records": [{body}]}}"#);
        code(&titled(), &body, kind, message);
    };
    record(
        r#"{"a": 1, "b": 2}"#,
        "input_missing",
        "input `c` is missing",
    );
    record(
        r#"{"a": 1, "d": 2}"#,
        "input_unknown",
        "the model has no input `d`",
    );
    record(
        r#"{"a": 1, "a": 2}"#,
        "input_repeated",
        "input `a` is given twice",
    );
    record(
        r#"{"x": [1, 2, 3], "a": 2}"#,
        "input_unknown",
        "the model has no input `a`",
    );
}

#[test]
fn rows_are_as_long_as_the_columns_are_many() {
    for (data, row, given) in [
        ("[[1, 2, 3], [1, 2]]", 1, 2),
        ("[[1, 2, 3, 4]]", 0, 4),
        ("[[]]", 0, 0),
    ] {
        let body =
            format!(r#"{{"dataframe_split": {{"columns": ["c", "b", "a"], "data": {data}}}}}"#);
        let message =
            format!("row {row} of the table has {given} values, where there are 3 columns");
        let detail = json!({"row": row, "expected": 3, "given": given});
        refused(&titled(), &body, "ragged", &message, detail);
    }
    let lists = r#"{"dataframe_split": {"columns": ["c", "b", "a"], "data": [[[1], [2], [3]]]}}"#;
    let message = "input `x` is ragged at [0]: a value expected, a list given";
    code(&titled(), lists, "ragged", message);
    let none = r#"{"dataframe_split": {"columns": ["c", "b", "a"], "data": []}}"#;
    code(
        &titled(),
        none,
        "empty_batch",
        "input `x` is empty, given the shape [0]",
    );
    let many = r#"{"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1, 2, 3], [1, 2, 3], [1, 2, 3], [1, 2, 3]]}}"#;
    let message = "the inputs hold more than 3 rows: send them in parts";
    code(&titled(), many, "too_many_rows", message);
}

#[test]
fn a_frame_that_is_none_is_told() {
    let frame = "`dataframe_split` must be an object of `columns` and `data`";
    for body in ["[]", "7", "\"a\"", "null", "{}", r#"{"columns": ["a"]}"#] {
        let body = format!(r#"{{"dataframe_split": {body}}}"#);
        refused(
            &titled(),
            &body,
            "malformed_frame",
            frame,
            json!({"field": "dataframe_split"}),
        );
    }
    let data = "`data` must be a list of rows, each a list of values";
    let columns = "`columns` must be a list of names";
    for (body, message) in [
        (r#"{"data": [1, 2, 3]}"#, data),
        (r#"{"data": [{"a": 1}]}"#, data),
        (r#"{"data": {"a": [1]}}"#, data),
        (r#"{"columns": ["a", "b", "c"], "data": null}"#, data),
        (r#"{"columns": "abc", "data": []}"#, columns),
        (r#"{"columns": [["a"]], "data": []}"#, columns),
        (r#"{"columns": [0.5], "data": []}"#, columns),
        (r#"{"columns": [-1], "data": []}"#, columns),
        (
            r#"{"columns": [], "columns": []}"#,
            "`columns` must be given once",
        ),
        (r#"{"data": [], "data": []}"#, "`data` must be given once"),
        (
            r#"{"rows": []}"#,
            "`dataframe_split` must have nothing but `columns`, `index` and `data`",
        ),
    ] {
        let body = format!(r#"{{"dataframe_split": {body}}}"#);
        code(&titled(), &body, "malformed_frame", message);
    }
    let records = "`dataframe_records` must be a list of rows, given an object";
    code(
        &titled(),
        r#"{"dataframe_records": {"a": [1]}}"#,
        "not_a_dialect",
        records,
    );
}

#[test]
fn parameters_and_other_signatures_are_refused() {
    let with = |more: &str| format!(r#"{{"instances": [[1, 2]], {more}}}"#);
    let expected = floats(&[1, 2], &[1.0, 2.0]);
    rows(
        &one(),
        &with(r#""signature_name": "serving_default""#),
        1,
        &expected,
    );
    let message = r#"the model has no signature "other": leave it out, or send `serving_default`"#;
    let body = with(r#""signature_name": "other""#);
    refused(
        &one(),
        &body,
        "signature_unknown",
        message,
        json!({"given": "\"other\""}),
    );
    assert!(
        read(
            with(r#""signature_name": null"#).as_bytes(),
            &one(),
            &LIMITS,
            Accepted::Any
        )
        .is_err()
    );
    let message = "the model takes no parameters: leave out `params`";
    let body = with(r#""params": {"top": 3}"#);
    refused(
        &one(),
        &body,
        "params_unknown",
        message,
        json!({"given": ["top"]}),
    );
    code(&one(), &with(r#""params": [1]"#), "params_unknown", message);
}

/// Python writes it for missing values, which JSON has no word for.
#[test]
fn nan_is_read_where_the_routes_own_servers_read_it() {
    let body = br#"{"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1, NaN, 3]]}}"#;
    for accepted in [Accepted::Invocations, Accepted::Serving] {
        let question = read(body, &titled(), &LIMITS, accepted).unwrap();
        let [input] = question.inputs.as_slice() else {
            panic!("one input")
        };
        assert_eq!(input.values().not_finite(), Some(1));
        let other = read(
            br#"{"instances": [[1, Infinity, 3]]}"#,
            &titled(),
            &LIMITS,
            accepted,
        );
        assert!(matches!(other, Err(InputError::NotJson { .. })));
        let integer = read(
            br#"{"instances": [{"n": NaN, "t": "a"}]}"#,
            &two(),
            &LIMITS,
            accepted,
        );
        assert_eq!(integer.unwrap_err().code(), "wrong_value");
    }
    for accepted in [Accepted::Any, Accepted::TensorsOnly] {
        let refused = read(body, &titled(), &LIMITS, accepted);
        assert!(matches!(refused, Err(InputError::NotJson { .. })));
    }
}

#[test]
fn text_may_stand_in_base64() {
    let expected = |text: &str| [tensor(&[1], Values::Bytes(vec![text.to_owned()]))];
    let words = Specification {
        inputs: vec![port("t", Datatype::Bytes, &[-1])],
        outputs: Vec::new(),
    };
    rows(
        &words,
        r#"{"instances": [{"b64": "SMOp"}]}"#,
        1,
        &expected("Hé"),
    );
    rows(
        &words,
        r#"{"instances": [{"t": {"b64": "SA"}}]}"#,
        1,
        &expected("H"),
    );
    let columns = r#"{"inputs": [{"b64": "SA=="}]}"#;
    check(&words, columns, Dialect::Columns, 1, &expected("H"));
    let message = "input `t`: `b64` at [0] must be alone in its object, and base64 of UTF-8 text";
    for value in [r#""/w==""#, r#""?""#, "7", r#""SA==", "x": 1"#] {
        let body = format!(r#"{{"instances": [{{"b64": {value}}}]}}"#);
        refused(
            &words,
            &body,
            "wrong_value",
            message,
            json!({"input": "t", "at": [0]}),
        );
    }
    let message = r#"input `x` takes `FP32`: "H" at [0] does not fit"#;
    code(
        &one(),
        r#"{"instances": [{"b64": "SA=="}]}"#,
        "wrong_value",
        message,
    );
}
