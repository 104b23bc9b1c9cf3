//! Answers in every dialect.

use serde_json::{Value, json};

use super::*;

#[track_caller]
fn answers(dialect: Dialect, outputs: Option<Vec<usize>>, expected: Value) {
    let specification = two();
    let served = Served {
        model: "m",
        version: "1",
        outputs: &specification.outputs,
    };
    let question = Question {
        dialect,
        id: Some("7".to_owned()),
        inputs: Vec::new(),
        rows: 2,
        outputs,
    };
    let a = tensor(&[2], Values::Fp32(vec![0.1, f32::NAN]));
    let b = tensor(&[2, 2], Values::Int64(vec![1, 2, 3, i64::MAX]));
    let text = write(served, &question, &[a, b]).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
}

#[test]
fn answers_come_in_the_dialect_of_the_question() {
    let a = json!({"name": "a", "shape": [2], "datatype": "FP32", "data": [0.1, null]});
    let b = json!({"name": "b", "shape": [2, 2], "datatype": "INT64", "data": [1, 2, 3, i64::MAX]});
    answers(
        Dialect::Tensors,
        None,
        json!({"model_name": "m", "model_version": "1", "id": "7", "outputs": [a, b]}),
    );
    answers(
        Dialect::Tensors,
        Some(vec![1]),
        json!({"model_name": "m", "model_version": "1", "id": "7", "outputs": [b]}),
    );
    let rows = json!([{"a": 0.1, "b": [1, 2]}, {"a": null, "b": [3, i64::MAX]}]);
    answers(Dialect::Rows, None, json!({"predictions": rows}));
    answers(
        Dialect::Rows,
        Some(vec![1]),
        json!({"predictions": [[1, 2], [3, i64::MAX]]}),
    );
    answers(
        Dialect::Rows,
        Some(vec![0]),
        json!({"predictions": [0.1, null]}),
    );
    answers(
        Dialect::Columns,
        None,
        json!({"outputs": {"a": [0.1, null], "b": [[1, 2], [3, i64::MAX]]}}),
    );
    answers(
        Dialect::Columns,
        Some(vec![1]),
        json!({"outputs": [[1, 2], [3, i64::MAX]]}),
    );
}

#[test]
fn an_output_without_rows_cannot_be_told_by_row() {
    let specification = one();
    let served = Served {
        model: "m",
        version: "1",
        outputs: &specification.outputs,
    };
    let ask = |dialect, output: &Tensor| {
        let question = Question {
            dialect,
            id: None,
            inputs: Vec::new(),
            rows: 2,
            outputs: None,
        };
        write(served, &question, std::slice::from_ref(output)).map_err(|error| error.to_string())
    };
    let scalar = tensor(&[], Values::Fp32(vec![1.0]));
    let message = "output `y` has the shape [], not one entry a row: ask with `inputs` instead of `instances`";
    assert_eq!(ask(Dialect::Rows, &scalar), Err(message.to_owned()));
    assert_eq!(
        ask(Dialect::Columns, &scalar),
        Ok(r#"{"outputs":1.0}"#.to_owned())
    );
    assert!(ask(Dialect::Rows, &tensor(&[3], Values::Fp32(vec![1.0; 3]))).is_err());
}
