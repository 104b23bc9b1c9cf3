//! npy arrays, read and written.

use half::f16;

use super::*;

fn npy(version: u8, header: &str, elements: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY".to_vec();
    bytes.extend([version, 0]);
    let length = u32::try_from(header.len()).unwrap().to_le_bytes();
    bytes.extend(if version == 1 {
        &length[..2]
    } else {
        &length[..]
    });
    bytes.extend(header.as_bytes());
    bytes.extend(elements);
    bytes
}

fn header(descriptor: &str, fortran: &str, shape: &str) -> String {
    format!("{{'descr': '{descriptor}', 'fortran_order': {fortran}, 'shape': {shape}, }}      \n")
}

fn of(datatype: Datatype, shape: &[i64]) -> Specification {
    Specification {
        inputs: vec![port("x", datatype, shape)],
        outputs: Vec::new(),
    }
}

fn array(specification: &Specification, bytes: &[u8]) -> Result<Tensor, InputError> {
    let mut question = read_as(Format::Npy, bytes, specification, &LIMITS, Accepted::Any)?;
    assert_eq!(question.dialect, Dialect::Columns);
    Ok(question.inputs.remove(0))
}

#[track_caller]
fn reads(bytes: &[u8], shape: &[usize], values: Values) {
    let axes: Vec<i64> = shape.iter().map(|_| -1).collect();
    let specification = of(values.datatype(), &axes);
    assert_eq!(array(&specification, bytes), Ok(tensor(shape, values)));
}

#[test]
fn every_version_and_spelling_of_the_header_is_read() {
    let elements = [1u8, 2];
    let values = || Values::Uint8(elements.to_vec());
    for version in [1, 2, 3] {
        reads(
            &npy(version, &header("|u1", "False", "(2,)"), &elements),
            &[2],
            values(),
        );
    }
    for other in [
        "{\"shape\":(2,1),\"descr\":\"|u1\",\"fortran_order\":False}",
        "{'fortran_order': False,'shape': ( 2 , 1 , ), 'descr': '<u1'}\n",
    ] {
        reads(&npy(1, other, &elements), &[2, 1], values());
    }
}

#[test]
fn numbers_are_read_in_either_order_of_bytes() {
    let one = |descriptor: &str, elements: &[u8], values: Values| {
        reads(
            &npy(1, &header(descriptor, "False", "(2,)"), elements),
            &[2],
            values,
        );
    };
    one("|b1", &[0, 1], Values::Bool(vec![false, true]));
    one("|i1", &[0xff, 1], Values::Int8(vec![-1, 1]));
    one("<i2", &[0xfe, 0xff, 1, 0], Values::Int16(vec![-2, 1]));
    one(">i2", &[0xff, 0xfe, 0, 1], Values::Int16(vec![-2, 1]));
    one("<u2", &[2, 1, 0, 0], Values::Uint16(vec![258, 0]));
    one(
        ">u4",
        &[0, 0, 0, 1, 0, 0, 1, 0],
        Values::Uint32(vec![1, 256]),
    );
    one(
        "<i4",
        &[1, 0, 0, 0, 0, 1, 0, 0],
        Values::Int32(vec![1, 256]),
    );
    let words = |numbers: [u64; 2], big: bool| -> Vec<u8> {
        let bytes = |number: &u64| {
            if big {
                number.to_be_bytes()
            } else {
                number.to_le_bytes()
            }
        };
        numbers.iter().flat_map(bytes).collect()
    };
    one(
        "<u8",
        &words([1, u64::MAX], false),
        Values::Uint64(vec![1, u64::MAX]),
    );
    one(
        ">i8",
        &words([1, u64::MAX], true),
        Values::Int64(vec![1, -1]),
    );
    let half = [f16::from_f32(1.5), f16::from_f32(-2.0)];
    one(
        ">f2",
        &half.map(f16::to_be_bytes).concat(),
        Values::Fp16(half.to_vec()),
    );
    let floats = [0.1f32, f32::MIN];
    one(
        "<f4",
        &floats.map(f32::to_le_bytes).concat(),
        Values::Fp32(floats.to_vec()),
    );
    one(
        ">f4",
        &floats.map(f32::to_be_bytes).concat(),
        Values::Fp32(floats.to_vec()),
    );
    let doubles = [0.1f64, -0.0];
    one(
        ">f8",
        &doubles.map(f64::to_be_bytes).concat(),
        Values::Fp64(doubles.to_vec()),
    );
}

#[test]
fn text_is_read_of_bytes_and_of_characters() {
    let one = |descriptor: &str, elements: &[u8], values: Values| {
        reads(
            &npy(1, &header(descriptor, "False", "(2,)"), elements),
            &[2],
            values,
        );
    };
    let texts = |texts: [&str; 2]| Values::Bytes(texts.map(str::to_owned).to_vec());
    one("|S3", b"a\0\0\xc3\xa9b", texts(["a", "éb"]));
    let points: Vec<u32> = ['é', '\0', 'a', '𝄞'].map(u32::from).to_vec();
    let little: Vec<u8> = points
        .iter()
        .flat_map(|point| point.to_le_bytes())
        .collect();
    let big: Vec<u8> = points
        .iter()
        .flat_map(|point| point.to_be_bytes())
        .collect();
    one("<U2", &little, texts(["é", "a𝄞"]));
    one(">U2", &big, texts(["é", "a𝄞"]));
}

#[test]
fn arrays_whose_first_axis_is_the_fastest_are_put_in_rows() {
    let fortran = |shape: &str, elements: &[u8]| npy(1, &header("|u1", "True", shape), elements);
    reads(
        &fortran("(2, 3)", &[1, 4, 2, 5, 3, 6]),
        &[2, 3],
        Values::Uint8(vec![1, 2, 3, 4, 5, 6]),
    );
    let cube = fortran("(2, 2, 2)", &[0, 4, 2, 6, 1, 5, 3, 7]);
    reads(
        &cube,
        &[2, 2, 2],
        Values::Uint8(vec![0, 1, 2, 3, 4, 5, 6, 7]),
    );
    reads(
        &fortran("(3,)", &[1, 2, 3]),
        &[3],
        Values::Uint8(vec![1, 2, 3]),
    );
    let big = npy(
        1,
        &header(">i2", "True", "(2, 2)"),
        &[0, 1, 0, 3, 0, 2, 0, 4],
    );
    reads(&big, &[2, 2], Values::Int16(vec![1, 2, 3, 4]));
    let texts = npy(1, &header("|S1", "True", "(2, 2)"), b"acbd");
    let expected = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    reads(&texts, &[2, 2], Values::Bytes(expected));
}

#[test]
fn arrays_fit_the_model_as_everything_does() {
    let integers = npy(1, &header("<i2", "False", "(1, 2)"), &[1, 0, 2, 0]);
    let expected = tensor(&[1, 2], Values::Fp32(vec![1.0, 2.0]));
    assert_eq!(array(&one(), &integers), Ok(expected));
    let column = npy(1, &header("|u1", "False", "(2,)"), &[1, 2]);
    let expected = tensor(&[2, 1], Values::Uint8(vec![1, 2]));
    assert_eq!(array(&of(Datatype::Uint8, &[-1, 1]), &column), Ok(expected));
    let check = |specification: &Specification, bytes: &[u8], message: &str| {
        let error = array(specification, bytes).unwrap_err();
        assert_eq!(error.to_string(), message);
    };
    let doubles = npy(1, &header("<f8", "False", "(1, 2)"), &[0; 16]);
    check(&one(), &doubles, "input `x` takes `FP32`, given `FP64`");
    check(
        &two(),
        &integers,
        "the model has 2 inputs: give them by name",
    );
    let empty = npy(1, &header("<f4", "False", "(0, 2)"), &[]);
    check(&one(), &empty, "input `x` is empty, given the shape [0, 2]");
    let many = npy(1, &header("|u1", "False", "(13,)"), &[1; 13]);
    check(&one(), &many, "the inputs hold more than 12 values");
}

#[test]
fn what_is_no_array_is_told() {
    let check = |bytes: &[u8], message: &str| {
        let error = array(&one(), bytes).unwrap_err();
        let message = format!("the body is no npy array: it {message}");
        assert_eq!((error.code(), error.to_string()), ("not_npy", message));
    };
    check(b"1,2", "does not begin as npy does");
    check(
        b"PK\x03\x04...",
        "is an archive: send one array, as `numpy.save` writes it",
    );
    check(b"\x93NUMPY\x01", "ends within its header");
    check(b"\x93NUMPY\x01\x00\xff\x00{", "ends within its header");
    check(
        b"\x93NUMPY\x04\x00\x00\x00\x00\x00",
        "is of version 4.0, which is not known",
    );
    let long = "has a header of 4294967295 bytes, and 4096 are read at most";
    check(b"\x93NUMPY\x02\x00\xff\xff\xff\xff", long);
    let literal = "has a header that `numpy.save` does not write for numbers or text";
    for header in [
        "",
        "{}",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': [1]}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} + 1",
        "{'descr': '<\\x664', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
        "__import__('os')",
    ] {
        check(&npy(1, header, &[0; 4]), literal);
    }
    let axes = format!("({})", "1, ".repeat(65));
    check(&npy(1, &header("|u1", "False", &axes), &[0]), literal);
    for descriptor in [
        "|O", "<c8", "<M8[ns]", "<f16", "|V4", "|f4", "=f4", "<S0", "|U1", "<U", "<Ué", "f4", "",
    ] {
        let message = format!("has elements `{descriptor}`, which are not read");
        check(
            &npy(1, &header(descriptor, "False", "(1,)"), &[0; 4]),
            &message,
        );
    }
    for shape in [
        "(2,)",
        "(1, 0)",
        "(4611686018427387904, 4)",
        "(18446744073709551615, 2)",
    ] {
        let message = "has 4 bytes of values, which are not those of its shape";
        check(&npy(1, &header("<f4", "False", shape), &[0; 4]), message);
    }
    let truth = npy(1, &header("|b1", "False", "(1,)"), &[2]);
    check(
        &truth,
        "is wrong: the byte 2 is no truth value, which is 0 or 1",
    );
    let text = "has text that is not UTF-8, or not Unicode";
    check(&npy(1, &header("|S1", "False", "(1,)"), &[0xff]), text);
    check(
        &npy(1, &header("<U1", "False", "(1,)"), &[0, 0xd8, 0, 0]),
        text,
    );
}

/// The answer as npy, and its error if it has none.
#[track_caller]
fn writes(values: &[(&str, Tensor)], select: Option<&str>, expected: Result<&[u8], &str>) {
    let outputs = values
        .iter()
        .map(|(name, tensor)| port(name, tensor.datatype(), &[]));
    let outputs: Vec<Port> = outputs.collect();
    let tensors: Vec<Tensor> = values.iter().map(|(_, tensor)| tensor.clone()).collect();
    let mut question = Question {
        dialect: Dialect::Rows,
        id: None,
        inputs: Vec::new(),
        rows: 1,
        outputs: None,
        wishes: Ok(Default::default()),
    };
    if let Some(output) = select {
        question.select(output, &outputs).unwrap();
    }
    let written = write_as(AnswerForm::Npy, served(&outputs), &question, &tensors);
    let written = written.map_err(|error| error.to_string());
    let expected = expected.map(|bytes| Written::Bytes(bytes.to_vec()));
    assert_eq!(written, expected.map_err(str::to_owned));
}

#[test]
fn one_output_is_written_as_numpy_writes_it() {
    // `numpy.save` of NumPy 2 writes exactly these bytes.
    let saved = |header: &str, elements: &[u8]| {
        let mut text = header.to_owned();
        text.push_str(&" ".repeat(117 - text.len()));
        text.push('\n');
        npy(1, &text, elements)
    };
    let floats = tensor(&[1, 2], Values::Fp32(vec![1.5, f32::NAN]));
    let bytes = [1.5f32, f32::NAN].map(f32::to_le_bytes).concat();
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }";
    writes(&[("y", floats.clone())], None, Ok(&saved(header, &bytes)));
    let scalar = tensor(&[], Values::Bool(vec![true]));
    let header = "{'descr': '|b1', 'fortran_order': False, 'shape': (), }";
    writes(&[("y", scalar.clone())], None, Ok(&saved(header, &[1])));
    let texts = tensor(&[2], Values::Bytes(vec!["é".to_owned(), String::new()]));
    let header = "{'descr': '<U1', 'fortran_order': False, 'shape': (2,), }";
    let expected = saved(header, &[0xe9, 0, 0, 0, 0, 0, 0, 0]);
    writes(&[("y", texts)], None, Ok(&expected));
    let both = [("y", floats), ("z", scalar)];
    let message = "the model has 2 outputs, and npy holds one: accept `application/json`, or `application/x-npy; output=NAME`";
    writes(&both, None, Err(message));
    let header = "{'descr': '|b1', 'fortran_order': False, 'shape': (), }";
    writes(&both, Some("z"), Ok(&saved(header, &[1])));
}

#[test]
fn what_no_array_holds_is_not_acceptable() {
    let message = "output `y` goes into no npy array: accept `application/json`";
    let brain = tensor(&[1], Values::Bf16(vec![half::bf16::ONE]));
    writes(&[("y", brain)], None, Err(message));
    let zero = tensor(&[1], Values::Bytes(vec!["a\0".to_owned()]));
    writes(&[("y", zero)], None, Err(message));
    let mut wide = vec![String::new(); 1 << 12];
    wide[0] = "a".repeat(1 << 10);
    let wide = tensor(&[1 << 12], Values::Bytes(wide));
    writes(&[("y", wide)], None, Err(message));
}

#[test]
fn what_is_written_is_read_again() {
    let values = Values::Int64(vec![i64::MIN, 0, i64::MAX]);
    let outputs = [port("y", Datatype::Int64, &[-1, 3])];
    let question = Question {
        dialect: Dialect::Columns,
        id: None,
        inputs: Vec::new(),
        rows: 1,
        outputs: None,
        wishes: Ok(Default::default()),
    };
    let tensors = [tensor(&[1, 3], values.clone())];
    let written = write_as(AnswerForm::Npy, served(&outputs), &question, &tensors).unwrap();
    let Written::Bytes(bytes) = written else {
        panic!("an array, not {written:?}")
    };
    assert_eq!(bytes.len() % 64, 24);
    reads(&bytes, &[1, 3], values);
}
