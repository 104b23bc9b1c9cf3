//! Answers in every dialect.

use serde_json::{Value, json};

use super::*;

#[track_caller]
fn answers(dialect: Dialect, outputs: Option<Vec<Asked>>, expected: Value) {
    let specification = two();
    let served = served(&specification.outputs);
    let question = Question {
        dialect,
        id: Some("7".to_owned()),
        inputs: Vec::new(),
        rows: 2,
        outputs,
        wishes: Ok(Default::default()),
    };
    let a = tensor(&[2], Values::Fp32(vec![0.1, f32::NAN]));
    let b = tensor(&[2, 2], Values::Int64(vec![1, 2, 3, i64::MAX]));
    let text = json_of(write(served, &question, &[a, b]).unwrap());
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
        plain(&[1]),
        json!({"model_name": "m", "model_version": "1", "id": "7", "outputs": [b]}),
    );
    let rows = json!([{"a": 0.1, "b": [1, 2]}, {"a": null, "b": [3, i64::MAX]}]);
    answers(Dialect::Rows, None, json!({"predictions": rows}));
    answers(
        Dialect::Rows,
        plain(&[1]),
        json!({"predictions": [[1, 2], [3, i64::MAX]]}),
    );
    answers(
        Dialect::Rows,
        plain(&[0]),
        json!({"predictions": [0.1, null]}),
    );
    answers(
        Dialect::Columns,
        None,
        json!({"outputs": {"a": [0.1, null], "b": [[1, 2], [3, i64::MAX]]}}),
    );
    answers(
        Dialect::Invoked,
        None,
        json!({"predictions": {"a": [0.1, null], "b": [[1, 2], [3, i64::MAX]]}}),
    );
    answers(
        Dialect::Invoked,
        plain(&[0]),
        json!({"predictions": [0.1, null]}),
    );
    answers(
        Dialect::Columns,
        plain(&[1]),
        json!({"outputs": [[1, 2], [3, i64::MAX]]}),
    );
}

/// A classifier as scikit-learn exports it: labels, and a map from label to probability a row.
#[test]
fn maps_are_objects_where_the_dialect_has_rows_and_a_tensor_where_it_has_not() {
    let mut scores = port("scores", Datatype::Fp32, &[-1, 2]);
    scores.labels = vec!["no".to_owned(), "yes \"é\"".to_owned()];
    let outputs = [port("label", Datatype::Int64, &[-1]), scores];
    let served = served(&outputs);
    let label = tensor(&[2], Values::Int64(vec![0, 1]));
    let scores = tensor(&[2, 2], Values::Fp32(vec![0.75, 0.25, 0.5, f32::NAN]));
    let answer = |dialect, outputs| {
        let question = Question {
            dialect,
            id: None,
            inputs: Vec::new(),
            rows: 2,
            outputs,
            wishes: Ok(Default::default()),
        };
        let text = json_of(write(served, &question, &[label.clone(), scores.clone()]).unwrap());
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let maps = json!([{"no": 0.75, "yes \"é\"": 0.25}, {"no": 0.5, "yes \"é\"": null}]);
    assert_eq!(
        answer(Dialect::Rows, None),
        json!({"predictions": [{"label": 0, "scores": maps[0]}, {"label": 1, "scores": maps[1]}]})
    );
    assert_eq!(
        answer(Dialect::Rows, plain(&[1])),
        json!({"predictions": maps})
    );
    assert_eq!(
        answer(Dialect::Columns, None),
        json!({"outputs": {"label": [0, 1], "scores": maps}})
    );
    assert_eq!(
        answer(Dialect::Tensors, plain(&[1]))["outputs"],
        json!([{
            "name": "scores", "shape": [2, 2], "datatype": "FP32", "data": [0.75, 0.25, 0.5, null],
            "parameters": {"labels": r#"["no","yes \"é\""]"#},
        }])
    );
}

#[test]
fn an_output_without_rows_cannot_be_told_by_row() {
    let specification = one();
    let served = served(&specification.outputs);
    let ask = |dialect, output: &Tensor| {
        let question = Question {
            dialect,
            id: None,
            inputs: Vec::new(),
            rows: 2,
            outputs: None,
            wishes: Ok(Default::default()),
        };
        let written = write(served, &question, std::slice::from_ref(output));
        written.map(json_of).map_err(|error| error.to_string())
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

/// The answer in another form, and its error if it has none.
#[track_caller]
fn written(form: AnswerForm, outputs: &[Port], tensors: &[Tensor], expected: Result<&str, &str>) {
    let served = served(outputs);
    for dialect in [Dialect::Rows, Dialect::Columns, Dialect::Invoked] {
        let question = Question {
            dialect,
            id: None,
            inputs: Vec::new(),
            rows: 2,
            outputs: None,
            wishes: Ok(Default::default()),
        };
        let written = write_as(form, served, &question, tensors);
        let text = written.map_err(|error| error.to_string());
        let expected = expected.map(|text| Written::Text(text.to_owned()));
        assert_eq!(text, expected.map_err(str::to_owned));
    }
}

#[test]
fn csv_has_the_values_of_all_outputs_side_by_side() {
    let mut outputs = two().outputs;
    let a = tensor(&[2], Values::Fp32(vec![0.1, f32::NAN]));
    let b = tensor(&[2, 2], Values::Int64(vec![1, 2, 3, i64::MAX]));
    let both = [a.clone(), b];
    let plain = AnswerForm::Csv { header: false };
    let titled = AnswerForm::Csv { header: true };
    written(
        plain,
        &outputs,
        &both,
        Ok("0.1,1,2\r\n,3,9223372036854775807\r\n"),
    );
    let rows = "a,b.0,b.1\r\n0.1,1,2\r\n,3,9223372036854775807\r\n";
    written(titled, &outputs, &both, Ok(rows));
    outputs[1].labels = vec!["no".to_owned(), "yes, \"sir\"".to_owned()];
    let rows = "a,b.no,\"b.yes, \"\"sir\"\"\"\r\n0.1,1,2\r\n,3,9223372036854775807\r\n";
    written(titled, &outputs, &both, Ok(rows));
    // What would be a blank line is quoted.
    written(plain, &outputs[..1], &[a], Ok("0.1\r\n\"\"\r\n"));
    let text = tensor(
        &[2, 1],
        Values::Bytes(vec![String::new(), "a\nb".to_owned()]),
    );
    written(plain, &outputs[..1], &[text], Ok("\"\"\r\n\"a\nb\"\r\n"));
    let deep = tensor(&[2, 1, 1], Values::Bool(vec![true, false]));
    let message =
        "output `a` has the shape [2, 1, 1], which is no table: accept `application/json`";
    written(plain, &outputs[..1], &[deep], Err(message));
}

#[test]
fn json_lines_have_a_row_each() {
    let outputs = two().outputs;
    let a = tensor(&[2], Values::Fp32(vec![0.1, f32::NAN]));
    let b = tensor(&[2, 2], Values::Int64(vec![1, 2, 3, 4]));
    let both = "{\"a\":0.1,\"b\":[1,2]}\n{\"a\":null,\"b\":[3,4]}\n";
    written(AnswerForm::JsonLines, &outputs, &[a, b.clone()], Ok(both));
    written(
        AnswerForm::JsonLines,
        &outputs[1..],
        &[b],
        Ok("[1,2]\n[3,4]\n"),
    );
    let message = "output `a` has the shape [3], which is no table: accept `application/json`";
    let odd = tensor(&[3], Values::Bool(vec![true; 3]));
    written(AnswerForm::JsonLines, &outputs[..1], &[odd], Err(message));
}

#[test]
fn tensors_are_answered_with_tensors_alone() {
    let specification = one();
    let served = served(&specification.outputs);
    let question = Question {
        dialect: Dialect::Tensors,
        id: None,
        inputs: Vec::new(),
        rows: 1,
        outputs: None,
        wishes: Ok(Default::default()),
    };
    let outputs = [tensor(&[1], Values::Fp32(vec![1.0]))];
    let json = write(served, &question, &outputs).unwrap();
    for form in [
        AnswerForm::Json,
        AnswerForm::JsonLines,
        AnswerForm::Csv { header: true },
    ] {
        assert_eq!(write_as(form, served, &question, &outputs).unwrap(), json);
    }
}
