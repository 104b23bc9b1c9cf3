//! The binary tensor extension: bodies with data behind their JSON, and answers.

use serde_json::{Value, json};

use super::*;

/// A tensor in the JSON of a body whose data stands behind it.
fn listed(name: &str, datatype: &str, shape: &str, bytes: usize) -> String {
    format!(
        r#"{{"name": "{name}", "shape": {shape}, "datatype": "{datatype}", "parameters": {{"binary_data_size": {bytes}}}}}"#
    )
}

fn ask(
    specification: &Specification,
    tensors: &[String],
    binary: &[u8],
) -> Result<Question, InputError> {
    let mut body = format!(r#"{{"inputs": [{}]}}"#, tensors.join(", ")).into_bytes();
    let header = body.len().to_string();
    body.extend_from_slice(binary);
    read_binary(&body, &header, specification, &LIMITS)
}

#[track_caller]
fn read_as(specification: &Specification, tensors: &[String], binary: &[u8], inputs: &[Tensor]) {
    let question = ask(specification, tensors, binary).unwrap();
    assert_eq!(question.inputs, inputs);
    assert_eq!(question.outputs, None);
}

#[track_caller]
fn refused(
    specification: &Specification,
    tensors: &[String],
    binary: &[u8],
    code: &str,
    message: &str,
) {
    let error = ask(specification, tensors, binary).unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), (code, message));
}

fn floats(numbers: &[f32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

#[test]
fn data_stands_behind_the_json_in_the_order_of_the_tensors() {
    let x = tensor(&[1, 2], Values::Fp32(vec![1.5, f32::MIN]));
    read_as(
        &one(),
        &[listed("x", "FP32", "[1, 2]", 8)],
        &floats(&[1.5, f32::MIN]),
        &[x],
    );
    let inputs = [
        tensor(&[2, 1], Values::Int64(vec![7, -7])),
        tensor(&[2], Values::Bytes(vec!["é".to_owned(), String::new()])),
    ];
    let n = [7i64.to_le_bytes(), (-7i64).to_le_bytes()].concat();
    let t = [2, 0, 0, 0, 0xc3, 0xa9, 0, 0, 0, 0];
    let (number, text) = (
        listed("n", "INT64", "[2, 1]", 16),
        listed("t", "BYTES", "[2]", 10),
    );
    let binary = [n.as_slice(), &t].concat();
    read_as(&two(), &[number.clone(), text.clone()], &binary, &inputs);
    read_as(
        &two(),
        &[text.clone(), number.clone()],
        &[&t, n.as_slice()].concat(),
        &inputs,
    );
    // Beside data in JSON, whose parameters come first.
    let plain =
        r#"{"parameters": {}, "data": ["é", ""], "name": "t", "shape": [2], "datatype": "BYTES"}"#;
    read_as(&two(), &[plain.to_owned(), number], &n, &inputs);
}

#[test]
fn another_datatype_is_taken_where_nothing_is_lost() {
    let read = |datatype: &str, bytes: &[u8], numbers: [f32; 2]| {
        let x = tensor(&[1, 2], Values::Fp32(numbers.to_vec()));
        read_as(
            &one(),
            &[listed("x", datatype, "[1, 2]", bytes.len())],
            bytes,
            &[x],
        );
    };
    read("UINT8", &[1, 255], [1.0, 255.0]);
    read("INT16", &[255, 255, 1, 0], [-1.0, 1.0]);
    read("FP16", &[0, 0x3e, 0, 0], [1.5, 0.0]);
    read("BF16", &[0xc0, 0x3f, 0, 0], [1.5, 0.0]);
    let message = "input `x` takes `FP32`, given `FP64`";
    refused(
        &one(),
        &[listed("x", "FP64", "[1, 2]", 16)],
        &[0; 16],
        "wrong_datatype",
        message,
    );
    let message = "input `x` takes `FP32`: a value of `INT32` at [0, 1] does not fit";
    let numbers = [0i32.to_le_bytes(), ((1 << 24) + 1i32).to_le_bytes()].concat();
    refused(
        &one(),
        &[listed("x", "INT32", "[1, 2]", 8)],
        &numbers,
        "wrong_value",
        message,
    );
}

#[test]
fn bytes_that_do_not_fit_are_refused() {
    let refused = |tensor: String, bytes: usize, message: &str| {
        refused(
            &one(),
            &[tensor],
            &vec![0; bytes],
            "malformed_tensor",
            message,
        );
    };
    let size = "tensor `x`: `binary_data_size`";
    let x = |shape: &str, bytes| listed("x", "FP32", shape, bytes);
    refused(
        x("[1, 2]", 7),
        7,
        &format!("{size} is 7, the shape [1, 2] of `FP32` takes 8"),
    );
    refused(
        x("[1, 2]", 9),
        9,
        &format!("{size} is 9, the shape [1, 2] of `FP32` takes 8"),
    );
    refused(
        x("[1, 2]", 8),
        7,
        &format!("{size} is 8, and 7 bytes are left behind the JSON"),
    );
    refused(
        x("[1, 2]", usize::MAX),
        8,
        &format!("{size} is 18446744073709551615, and 8 bytes are left behind the JSON"),
    );
    refused(
        x("[4294967296, 4294967296, 2]", 8),
        8,
        &format!(
            "{size} is 8, the shape [4294967296, 4294967296, 2] of `FP32` takes 18446744073709551615"
        ),
    );
    refused(
        x("[1, 2]", 8),
        9,
        "1 bytes are left over behind the JSON: say by `binary_data_size` which tensor they are of",
    );
    let unsaid = r#"{"name": "x", "shape": [1, 2], "datatype": "FP32"}"#;
    refused(unsaid.to_owned(), 8, "tensor `x`: `data` is missing");
    let both = x("[1, 2]", 8).replace("\"name\"", "\"data\": [1, 2], \"name\"");
    refused(
        both,
        8,
        "tensor `x`: `data` is given beside `binary_data_size`",
    );
    refused(
        x("[-1, 2]", 8),
        8,
        "tensor `x`: `shape` must be a list of lengths from 0",
    );
    let long = format!("[1{}, 2]", ", 1".repeat(400));
    refused(
        x(&long, 8),
        8,
        "tensor `x`: `shape` must be a list of lengths from 0",
    );
}

/// The tensors are as many as the model has inputs, so the second `x` finds no data.
#[test]
fn one_name_twice_is_refused() {
    let x = || listed("x", "FP32", "[1, 2]", 8);
    refused(
        &one(),
        &[x(), x()],
        &[0; 16],
        "input_repeated",
        "input `x` is given twice",
    );
    let many =
        vec![r#"{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}"#.to_owned(); 5];
    refused(
        &one(),
        &many,
        &[],
        "input_repeated",
        "input `x` is given twice",
    );
}

#[test]
fn texts_have_their_length_before_them() {
    let refused = |bytes: &[u8], shape: &str| {
        let tensors = [
            r#"{"name": "n", "shape": [1, 1], "datatype": "INT64", "data": [1]}"#.to_owned(),
            listed("t", "BYTES", shape, bytes.len()),
        ];
        ask(&two(), &tensors, bytes).unwrap_err()
    };
    let said = |bytes: &[u8], shape: &str| refused(bytes, shape).to_string();
    let size = "tensor `t`: `binary_data_size` is";
    let truncated = "they end within text 0, behind the length of each text must be its bytes";
    assert_eq!(
        said(&[2, 0, 0, 0, 65], "[1]"),
        format!("{size} 5, the shape [1] takes 1 texts: {truncated}")
    );
    assert_eq!(
        said(&[0, 0, 0, 0, 9], "[1]"),
        format!(
            "{size} 5, the shape [1] takes 1 texts: 1 bytes are left over behind the last text"
        )
    );
    let error = refused(&[1, 0, 0, 0, 255], "[1]");
    assert_eq!(
        error.to_string(),
        "input `t` takes `BYTES`: bytes that are not UTF-8 at [0] does not fit"
    );
    assert_eq!(
        refused(&[0; 4], "[4294967296, 4294967296]").code(),
        "too_many_elements"
    );
}

#[test]
fn the_length_of_the_json_is_a_number_within_the_body() {
    let body = br#"{"inputs": []}"#;
    let said = |header: &str| {
        read_binary(body, header, &one(), &LIMITS)
            .unwrap_err()
            .to_string()
    };
    for header in [
        "15",
        "-1",
        "1.0",
        "x",
        "14,14",
        "+14",
        "99999999999999999999999",
        "1\n2",
    ] {
        let expected = format!(
            "`Inference-Header-Content-Length` must be a number of bytes from 0 to 14, the body's, given `{}`",
            header.escape_debug()
        );
        assert_eq!(said(header), expected);
    }
    assert_eq!(
        said(" 13 "),
        "the body is not JSON: EOF while parsing an object at line 1 column 13"
    );
    let other = br#"{"instances": [[1, 2]]}"#;
    let error = read_binary(other, "23", &one(), &LIMITS).unwrap_err();
    assert_eq!(error, InputError::NotTensors);
}

#[track_caller]
fn raw(port: Port, bytes: &[u8], expected: Option<Tensor>) {
    let inputs = vec![port];
    let outputs = one().outputs;
    let question = read_binary(bytes, "0", &Specification { inputs, outputs }, &LIMITS);
    let question = question.map(|question| {
        let is_binary = question
            .outputs
            .is_some_and(|asked| asked.iter().all(|asked| asked.is_binary));
        assert!(is_binary, "a raw body asks for raw outputs");
        question.inputs
    });
    let code = question.as_ref().err().map(InputError::code);
    assert!(
        code.is_none_or(|code| code == "malformed_tensor"),
        "{code:?}"
    );
    assert_eq!(question.ok(), expected.map(|expected| vec![expected]));
}

#[test]
fn a_body_without_json_is_the_only_input() {
    let fp32 = |shape: &[i64]| port("x", Datatype::Fp32, shape);
    let numbers = |shape: &[usize]| Some(tensor(shape, Values::Fp32(vec![0.0; 4])));
    raw(fp32(&[-1, 2]), &[0; 16], numbers(&[2, 2]));
    raw(fp32(&[2, -1]), &[0; 16], numbers(&[2, 2]));
    raw(fp32(&[2, 2]), &[0; 16], numbers(&[2, 2]));
    raw(fp32(&[-1, 2]), &[0; 15], None);
    raw(fp32(&[-1, 2]), &[0; 12], None);
    raw(fp32(&[2, 2]), &[0; 12], None);
    raw(fp32(&[-1, -1]), &[0; 16], None);
    raw(fp32(&[-1, 0]), &[0; 16], None);
    raw(fp32(&[i64::MAX, i64::MAX, -1]), &[0; 16], None);
    let text = |shape: &[usize]| Some(tensor(shape, Values::Bytes(vec!["é\0".to_owned()])));
    raw(
        port("x", Datatype::Bytes, &[-1]),
        "é\0".as_bytes(),
        text(&[1]),
    );
    raw(
        port("x", Datatype::Bytes, &[-1, 1]),
        "é\0".as_bytes(),
        text(&[1, 1]),
    );
    raw(port("x", Datatype::Bytes, &[2]), b"a", None);
    let several = read_binary(&[0; 8], "0", &two(), &LIMITS).unwrap_err();
    assert_eq!(
        several.to_string(),
        "the model has 2 inputs: give them by name"
    );
    let many = read_binary(
        &[0; 13],
        "0",
        &Specification {
            inputs: vec![port("x", Datatype::Uint8, &[-1])],
            outputs: Vec::new(),
        },
        &LIMITS,
    );
    assert_eq!(many.unwrap_err(), InputError::TooManyElements { limit: 12 });
}

#[track_caller]
fn answers(outputs: &[Asked], labels: &[&str], header: Value, binary: &[u8]) {
    let specification = two();
    let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
    let served = Served {
        labels: &labels,
        truncated: &[],
        tokens: None,
        most_bytes: usize::MAX,
        ..served(&specification.outputs)
    };
    let question = Question {
        dialect: Dialect::Tensors,
        id: None,
        inputs: Vec::new(),
        rows: 2,
        outputs: Some(outputs.to_vec()),
        wishes: Ok(Default::default()),
    };
    let a = tensor(&[2], Values::Fp32(vec![0.5, f32::NAN]));
    let b = tensor(&[2, 2], Values::Int64(vec![1, 2, 3, i64::MAX]));
    let (json, behind) = match write(served, &question, &[a, b]).unwrap() {
        Written::Json(text) => (text.into_bytes(), Vec::new()),
        Written::Binary { header_bytes, body } => {
            let (json, behind) = body.split_at(header_bytes);
            (json.to_vec(), behind.to_vec())
        }
        other @ (Written::Text(_) | Written::Bytes(_)) => panic!("no tensors: {other:?}"),
    };
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["outputs"], header);
    assert_eq!(behind, binary);
}

#[test]
fn outputs_asked_for_as_bytes_stand_behind_the_json_in_their_order() {
    let asked = |place, is_binary, classes| Asked {
        place,
        is_binary,
        classes,
    };
    let a = json!({"name": "a", "shape": [2], "datatype": "FP32", "parameters": {"binary_data_size": 8}});
    let b = json!({"name": "b", "shape": [2, 2], "datatype": "INT64", "parameters": {"binary_data_size": 32}});
    let a_bytes = floats(&[0.5, f32::NAN]);
    let b_bytes = [1i64, 2, 3, i64::MAX].map(i64::to_le_bytes).concat();
    let both = [b_bytes.as_slice(), &a_bytes].concat();
    answers(
        &[asked(1, true, None), asked(0, true, None)],
        &[],
        json!([b, a]),
        &both,
    );
    let plain =
        json!({"name": "b", "shape": [2, 2], "datatype": "INT64", "data": [1, 2, 3, i64::MAX]});
    answers(
        &[asked(1, false, None), asked(0, true, None)],
        &[],
        json!([plain, a]),
        &a_bytes,
    );
    let classes = json!({"name": "b", "shape": [2, 1], "datatype": "BYTES", "data": ["2:1:yes", "9223372036854775807:1:yes"]});
    answers(
        &[asked(1, false, Some(1))],
        &["no", "yes"],
        json!([classes]),
        &[],
    );
    let classes = json!({"name": "b", "shape": [2, 1], "datatype": "BYTES", "parameters": {"binary_data_size": 32}});
    let texts = [
        [3, 0, 0, 0].as_slice(),
        b"2:1",
        &[21, 0, 0, 0],
        b"9223372036854775807:1",
    ]
    .concat();
    answers(&[asked(1, true, Some(1))], &[], json!([classes]), &texts);
}

#[test]
fn what_is_no_number_has_no_classes() {
    let mut specification = one();
    specification.outputs = vec![port("y", Datatype::Bytes, &[-1])];
    let body = r#"{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}],
        "outputs": [{"name": "y", "parameters": {"classification": 1}}]}"#;
    let message =
        "output `y` is `BYTES`, which has no classes: ask for it without `classification`";
    code(&specification, body, "no_classes", message);
}
