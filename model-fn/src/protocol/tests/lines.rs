//! Tables in text: CSV and JSON lines.

use serde_json::{Value, json};

use super::*;

fn csv(
    specification: &Specification,
    body: &str,
    header: Option<bool>,
) -> Result<Vec<Tensor>, InputError> {
    let format = Format::Csv { header };
    let question = read_as(
        format,
        body.as_bytes(),
        specification,
        &LIMITS,
        Accepted::Any,
    )?;
    assert_eq!(question.dialect, Dialect::Rows);
    Ok(question.inputs)
}

#[track_caller]
fn reads(specification: &Specification, body: &str, header: Option<bool>, expected: &[Tensor]) {
    assert_eq!(
        csv(specification, body, header).as_deref(),
        Ok(expected),
        "{body:?}"
    );
}

#[track_caller]
fn unread(
    specification: &Specification,
    body: &str,
    header: Option<bool>,
    code: &str,
    message: &str,
) {
    let error = csv(specification, body, header).unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        (code, message),
        "{body:?}"
    );
}

fn floats(rows: usize, values: &[f32]) -> [Tensor; 1] {
    [tensor(
        &[rows, values.len() / rows],
        Values::Fp32(values.to_vec()),
    )]
}

fn both(n: &[i64], t: &[&str]) -> [Tensor; 2] {
    let text = t.iter().map(|text| (*text).to_owned()).collect();
    [
        tensor(&[n.len(), 1], Values::Int64(n.to_vec())),
        tensor(&[t.len()], Values::Bytes(text)),
    ]
}

/// Numbers whose columns have names.
fn titled() -> Specification {
    let mut specification = one();
    specification.inputs[0].labels = vec!["a".to_owned(), "2".to_owned()];
    specification
}

#[test]
fn numbers_without_names_stand_as_the_model_takes_them() {
    let expected = floats(2, &[1.0, -2.5, 300.0, 0.0]);
    for body in [
        "1,-2.5\n3e2,0\n",
        "1,-2.5\r\n3e2,0",
        "\u{feff}1,-2.5\n 3e2 ,\t0\n",
        "\"1\",\"-2.5\"\r\n\"3e2\",0\r\n",
    ] {
        reads(&one(), body, None, &expected);
        reads(&one(), body, Some(false), &expected);
        reads(&titled(), body, None, &expected);
    }
}

#[test]
fn an_empty_field_is_a_missing_number() {
    let inputs = csv(&one(), "1,\n\"\",2\n", None).unwrap();
    let Values::Fp32(values) = inputs[0].values() else {
        panic!("floats: {inputs:?}")
    };
    assert!(values[1].is_nan() && values[2].is_nan());
    assert_eq!((values[0], values[3]), (1.0, 2.0));
    let integer = "input `n` takes `INT64`: null at [0] does not fit";
    unread(&two(), "n,t\n,a", None, "wrong_value", integer);
    let text = "input `t` takes `BYTES`: null at [0] does not fit";
    unread(&two(), "1,", None, "wrong_value", text);
    reads(&two(), "1,\"\"", None, &both(&[1], &[""]));
}

#[test]
fn fields_are_quoted_as_rfc_4180_has_it() {
    let expected = both(&[1, 2], &["a,\"b\"\r\nc", " d "]);
    reads(
        &two(),
        "1,\"a,\"\"b\"\"\r\nc\"\r\n2, d \r\n",
        None,
        &expected,
    );
    let kept = "the body is not CSV: line 3 has a quote or a carriage return in a field that is not quoted";
    unread(&two(), "1,\"a\nb\"\n2,c\"d\"", None, "not_csv", kept);
    unread(&two(), "1,\"a\nb\"\n2,c\rd", None, "not_csv", kept);
    let open = "the body is not CSV: line 2 has a quote that is not closed";
    unread(&two(), "1,a\n2,\"b\n3,c", None, "not_csv", open);
    let behind = "the body is not CSV: line 1 has text behind a closing quote";
    unread(&two(), "1,\"a\"b", None, "not_csv", behind);
    let blank = "the body is not CSV: line 2 is blank: write `\"\"` for a missing value";
    unread(&one(), "1,2\n\n3,4", None, "not_csv", blank);
    unread(&one(), "1,2\r\n\r\n", None, "not_csv", blank);
    unread(&one(), "1,2\n \t", None, "not_csv", blank);
    unread(&one(), "1,2\r\n\r", None, "not_csv", blank);
    let nothing = "the body is not CSV: line 1 is blank: write `\"\"` for a missing value";
    unread(&one(), "", None, "not_csv", nothing);
    unread(&one(), "\u{feff}", None, "not_csv", nothing);
    let error = read_as(
        Format::Csv { header: None },
        b"1,2\n\xff",
        &one(),
        &LIMITS,
        Accepted::Any,
    );
    let message = "the body is not CSV: line 2 is not UTF-8".to_owned();
    assert_eq!(error.map_err(|error| error.to_string()), Err(message));
}

/// Whoever writes nothing but commas must not make anybody hold them.
#[test]
fn a_table_has_so_many_columns_at_most() {
    let code = |format, body: String| {
        let question = read_as(format, body.as_bytes(), &one(), &LIMITS, Accepted::Any);
        question.unwrap_err().code()
    };
    let csv = |columns: usize| {
        let header = Some(true);
        code(
            Format::Csv { header },
            format!("{}\n", ",".repeat(columns - 1)),
        )
    };
    let frame = |columns: usize| {
        let columns = vec!["0"; columns].join(",");
        let body = format!(r#"{{"dataframe_split": {{"columns": [{columns}], "data": []}}}}"#);
        code(Format::Json, body)
    };
    assert_eq!(csv(1 << 18), "columns_unnamed");
    assert_eq!(csv((1 << 18) + 1), "too_many_elements");
    assert_eq!(frame(1 << 18), "columns_unnamed");
    assert_eq!(frame((1 << 18) + 1), "too_many_elements");
}

#[test]
fn numbers_are_those_of_json() {
    for number in [
        "NaN", "inf", "+1", ".5", "1.", "01", "0x1", "1_000", "1 2", "1e400", "١", "true",
    ] {
        let message = format!("input `x` takes `FP32`: {number:?} at [1, 1] does not fit");
        unread(
            &one(),
            &format!("1,2\n3,{number}"),
            None,
            "wrong_value",
            &message,
        );
    }
    let integers = Specification {
        inputs: vec![port("n", Datatype::Int64, &[-1, 2])],
        outputs: Vec::new(),
    };
    let expected = [tensor(&[1, 2], Values::Int64(vec![i64::MIN, i64::MAX]))];
    reads(
        &integers,
        "-9223372036854775808,9223372036854775807",
        None,
        &expected,
    );
    let fraction = "input `n` takes `INT64`: 1.5 at [0, 0] does not fit";
    unread(&integers, "1.5,2", None, "wrong_value", fraction);
}

#[test]
fn truth_is_read_as_json_and_python_write_it() {
    let truth = Specification {
        inputs: vec![port("b", Datatype::Bool, &[-1, 4])],
        outputs: Vec::new(),
    };
    let expected = [tensor(
        &[1, 4],
        Values::Bool(vec![true, true, false, false]),
    )];
    reads(&truth, "true,True,false,False", None, &expected);
    let message = "input `b` takes `BOOL`: \"1\" at [0, 0] does not fit";
    unread(&truth, "1,1,1,1", Some(false), "wrong_value", message);
}

#[test]
fn a_header_names_the_columns_in_any_order() {
    let expected = floats(2, &[1.0, 2.0, 3.0, 4.0]);
    reads(&titled(), "2,a\n2,1\n4,3", None, &expected);
    reads(&titled(), "a,2\n1,2\n3,4", Some(true), &expected);
    reads(&one(), "1,0\n2,1\n4,3", Some(true), &expected);
    reads(&two(), "t,n\nu,1\nv,2", None, &both(&[1, 2], &["u", "v"]));
    let unfit = "the columns do not fit the model: `b` unknown; `2` missing";
    unread(&titled(), "a,b\n1,2", None, "columns_unfit", unfit);
    let index = "the columns do not fit the model: `` unknown";
    unread(&titled(), ",a,2\n0,1,2", None, "columns_unfit", index);
    let unnamed = "the columns have names, and the order of the values of input `x` is not known by name: \
                   leave the names out, or name them in `columns` of `model.yaml`";
    unread(&one(), "a,b\n1,2", None, "columns_unnamed", unnamed);
    let empty = "input `x` is empty, given the shape [0]";
    unread(&titled(), "a,2\n", None, "empty_batch", empty);
}

/// The first line is names or values, and which of both is never guessed.
#[test]
fn a_line_that_may_be_names_or_values_must_be_said() {
    let message = "the first line of the CSV may be names or values: send `text/csv; header=present` or `header=absent`";
    let mut numbered = one();
    numbered.inputs[0].labels = vec!["2019".to_owned(), "2020".to_owned()];
    let words = Specification {
        inputs: vec![port("t", Datatype::Bytes, &[-1])],
        outputs: Vec::new(),
    };
    for (specification, body) in [
        (&one(), "0,1\n2,3"),
        (&one(), "1,0\n2,3"),
        (&numbered, "2019,2020\n1,2"),
        (&words, "t\nu"),
        (&words, "u\nv"),
    ] {
        unread(specification, body, None, "header_unsaid", message);
    }
    reads(
        &one(),
        "0,1\n2,3",
        Some(false),
        &floats(2, &[0.0, 1.0, 2.0, 3.0]),
    );
    reads(&one(), "0,1\n2,3", Some(true), &floats(1, &[2.0, 3.0]));
    let text = |values: &[&str]| {
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        [tensor(&[values.len()], Values::Bytes(values))]
    };
    reads(&words, "t\nu", Some(true), &text(&["u"]));
    reads(&words, "t\nu", Some(false), &text(&["t", "u"]));
    let unfit = "the columns do not fit the model: `1`, `2.5` unknown; `a`, `2` missing";
    unread(&titled(), "1,2.5\n1,2", Some(true), "columns_unfit", unfit);
}

#[test]
fn lines_are_as_long_as_the_columns_are_many() {
    let message = "row 1 of the table has 3 values, where there are 2 columns";
    unread(&titled(), "a,2\n1,2\n3,4,5", None, "ragged", message);
    unread(
        &two(),
        "1,a\n2",
        None,
        "ragged",
        "row 1 of the table has 1 values, where there are 2 columns",
    );
    unread(
        &two(),
        "1,2,3",
        None,
        "ragged",
        "row 0 of the table has 3 values, where there are 2 columns",
    );
    let ragged = "input `x` is ragged at [1]: 2 entries expected, 3 given";
    unread(&one(), "1,2\n3,4,5", None, "ragged", ragged);
    let shape = "input `x` takes the shape [-1, 2], given [1, 3]";
    unread(&one(), "1,2,3", None, "wrong_shape", shape);
    let rows = "the inputs hold more than 3 rows: send them in parts";
    unread(&one(), "1,2\n3,4\n5,6\n7,8", None, "too_many_rows", rows);
    let elements = "the inputs hold more than 12 values";
    unread(
        &one(),
        "1,2,3,4,5,6,7\n1,2,3,4,5,6,7",
        None,
        "too_many_elements",
        elements,
    );
}

#[track_caller]
fn lines(specification: &Specification, body: &str, expected: Result<&[Tensor], &str>) {
    let question = read_as(
        Format::JsonLines,
        body.as_bytes(),
        specification,
        &LIMITS,
        Accepted::Any,
    );
    let inputs = question.map(|question| {
        assert_eq!(question.dialect, Dialect::Rows);
        question.inputs
    });
    let expected = expected.map(<[Tensor]>::to_vec).map_err(str::to_owned);
    assert_eq!(
        inputs.map_err(|error| error.to_string()),
        expected,
        "{body:?}"
    );
}

#[test]
fn a_line_of_json_is_a_row() {
    let expected = floats(2, &[1.0, 2.0, 3.0, 4.0]);
    lines(&one(), "[1, 2]\n[3, 4]\n", Ok(&expected));
    lines(&one(), "{\"x\": [1, 2]}\r\n\n  [3, 4]", Ok(&expected));
    lines(
        &titled(),
        "{\"2\": 2, \"a\": 1}\n{\"a\": 3, \"2\": 4}",
        Ok(&expected),
    );
    lines(&two(), "{\"t\": \"u\", \"n\": 1}", Ok(&both(&[1], &["u"])));
    lines(
        &one(),
        "\n\n",
        Err("input `x` is empty, given the shape [0]"),
    );
    let broken = "the body is not JSON: EOF while parsing a list at line 3 column 2";
    lines(&one(), "[1, 2]\n\n[3", Err(broken));
    let more = "the body is not JSON: trailing characters at line 2 column 8";
    lines(&one(), "[1, 2]\n[3, 4] [5, 6]", Err(more));
    lines(
        &two(),
        "[1, \"u\"]",
        Err("the model has 2 inputs: give them by name"),
    );
    let rows = "the inputs hold more than 3 rows: send them in parts";
    lines(&one(), "[1, 2]\n[1, 2]\n[1, 2]\n[1, 2]", Err(rows));
}

#[test]
fn tables_are_no_tensors() {
    let format = Format::Csv { header: None };
    let question = read_as(format, b"1,2", &one(), &LIMITS, Accepted::TensorsOnly);
    assert_eq!(question, Err(InputError::NotTensors));
    let expected: Value = json!({"unknown": ["b"], "missing": ["2"], "repeated": []});
    let error = csv(&titled(), "a,b\n1,2", None).unwrap_err();
    assert_eq!(Value::Object(error.detail()), expected);
}
