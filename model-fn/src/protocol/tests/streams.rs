//! Answers as streams of Arrow, compared with stored ones: `tests/fixtures/make_arrow.py` has pyarrow read those, and
//! compares what it finds with what is written here.

use std::path::Path;

use half::{bf16, f16};

use super::*;

fn texts(values: &[&str]) -> Values {
    Values::Bytes(values.iter().map(|text| (*text).to_owned()).collect())
}

fn labelled(name: &str, shape: &[i64], labels: &[&str]) -> Port {
    let mut port = port(name, Datatype::Fp32, shape);
    port.labels = labels.iter().map(|label| (*label).to_owned()).collect();
    port
}

/// A column of each datatype.
fn scalars() -> Vec<(Port, Tensor)> {
    let columns = [
        ("u1", Values::Uint8(vec![0, u8::MAX])),
        ("u2", Values::Uint16(vec![0, u16::MAX])),
        ("u4", Values::Uint32(vec![0, u32::MAX])),
        ("u8", Values::Uint64(vec![0, u64::MAX])),
        ("i1", Values::Int8(vec![i8::MIN, i8::MAX])),
        ("i2", Values::Int16(vec![i16::MIN, i16::MAX])),
        ("i4", Values::Int32(vec![i32::MIN, i32::MAX])),
        ("i8", Values::Int64(vec![i64::MIN, i64::MAX])),
        ("f2", Values::Fp16(vec![f16::from_f32(0.5), f16::MIN])),
        ("bf2", Values::Bf16(vec![bf16::from_f32(0.1), bf16::MAX])),
        ("f4", Values::Fp32(vec![0.1, f32::INFINITY])),
        ("f8", Values::Fp64(vec![0.1, f64::NAN])),
        ("b", Values::Bool(vec![true, false])),
        ("t", texts(&["é\0", ""])),
    ];
    let column = |(name, values): (&str, Values)| {
        let port = port(name, values.datatype(), &[-1]);
        (port, tensor(&[2], values))
    };
    columns.map(column).to_vec()
}

/// Outputs whose rows are more than a value.
fn lists() -> Vec<(Port, Tensor)> {
    let numbers = |count: u8| Values::Fp32((0..count).map(f32::from).collect());
    let truths = (0..20).map(|place| place % 3 == 0).collect();
    vec![
        (
            port("column", Datatype::Int64, &[-1, 1]),
            tensor(&[2, 1], Values::Int64(vec![1, -1])),
        ),
        (
            port("row", Datatype::Bool, &[-1, 10]),
            tensor(&[2, 10], Values::Bool(truths)),
        ),
        (
            port("words", Datatype::Bytes, &[-1, 2]),
            tensor(&[2, 2], texts(&["a", "", "é", "long enough"])),
        ),
        (
            port("image", Datatype::Fp32, &[-1, 2, 3, 1]),
            tensor(&[2, 2, 3, 1], numbers(12)),
        ),
        (
            port("nothing", Datatype::Fp32, &[-1, 0]),
            tensor(&[2, 0], numbers(0)),
        ),
    ]
}

/// A classifier as scikit-learn exports it.
fn maps() -> Vec<(Port, Tensor)> {
    let scores = Values::Fp32(vec![0.75, 0.25, 0.5, f32::NAN]);
    vec![
        (
            port("label", Datatype::Bytes, &[-1]),
            tensor(&[2], texts(&["no", "yes"])),
        ),
        (
            labelled("scores", &[-1, 2], &["no", "yes \"é\""]),
            tensor(&[2, 2], scores),
        ),
    ]
}

fn written(
    outputs: &[(Port, Tensor)],
    dialect: Dialect,
    most_bytes: usize,
) -> Result<Written, AnswerError> {
    let (ports, tensors): (Vec<Port>, Vec<Tensor>) = outputs.iter().cloned().unzip();
    let served = Served {
        truncated: &[],
        tokens: None,
        most_bytes,
        ..served(&ports)
    };
    let question = Question {
        dialect,
        id: None,
        inputs: Vec::new(),
        rows: 2,
        outputs: None,
        wishes: Ok(Default::default()),
    };
    write_as(AnswerForm::Arrow, served, &question, &tensors)
}

fn stream(outputs: &[(Port, Tensor)]) -> Vec<u8> {
    match written(outputs, Dialect::Rows, usize::MAX).unwrap() {
        Written::Bytes(bytes) => bytes,
        other @ (Written::Json(_) | Written::Text(_) | Written::Binary { .. }) => {
            panic!("bytes, not {other:?}")
        }
    }
}

#[track_caller]
fn check(name: &str, outputs: &[(Port, Tensor)]) {
    let bytes = stream(outputs);
    for dialect in [Dialect::Columns, Dialect::Invoked] {
        let same = Written::Bytes(bytes.clone());
        assert_eq!(written(outputs, dialect, bytes.len()).unwrap(), same);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/arrow/answers");
    let path = path.join(format!("{name}.arrows"));
    if std::env::var_os("TOLLGATE_RECORD").is_some() {
        std::fs::write(&path, &bytes).unwrap();
    }
    assert!(std::fs::read(path).unwrap() == bytes, "{name} differs");
}

#[test]
fn every_datatype_is_a_column_of_its_own_type() {
    check("scalars", &scalars());
}

#[test]
fn rows_of_several_values_are_lists_of_a_fixed_length() {
    check("lists", &lists());
}

#[test]
fn values_with_labels_have_a_column_each() {
    check("maps", &maps());
}

/// All but the datatype that Arrow does not have.
#[test]
fn what_is_written_is_read() {
    let columns = scalars().into_iter().chain(lists().into_iter().take(4));
    let columns: Vec<(Port, Tensor)> = columns
        .filter(|(port, _)| port.datatype != Datatype::Bf16)
        .collect();
    let specification = Specification {
        inputs: columns.iter().map(|(port, _)| port.clone()).collect(),
        outputs: Vec::new(),
    };
    let mut columns = columns;
    columns.reverse();
    let limits = Limits {
        elements: 100,
        ..LIMITS
    };
    // Numbers beyond all are no numbers of a table.
    for (_, tensor) in &mut columns {
        if *tensor.values() == Values::Fp32(vec![0.1, f32::INFINITY]) {
            *tensor = super::tensor(&[2], Values::Fp32(vec![0.1, f32::MAX]));
        }
    }
    let body = stream(&columns);
    let read = read_as(Format::Arrow, &body, &specification, &limits, Accepted::Any).unwrap();
    let given: Vec<&Tensor> = columns.iter().rev().map(|(_, tensor)| tensor).collect();
    assert_eq!(format!("{:?}", read.inputs), format!("{given:?}"));
}

#[test]
fn what_is_no_table_or_too_large_is_refused() {
    let odd = [(
        port("y", Datatype::Bool, &[-1]),
        tensor(&[3], Values::Bool(vec![true; 3])),
    )];
    let message = "output `y` has the shape [3], which is no table: accept `application/json`";
    let error = written(&odd, Dialect::Rows, usize::MAX).unwrap_err();
    assert_eq!(error.to_string(), message);
    let bytes = stream(&maps()).len();
    assert!(written(&maps(), Dialect::Rows, bytes).is_ok());
    let error = written(&maps(), Dialect::Rows, bytes - 1).unwrap_err();
    let message = format!("the answer has more than {} bytes", bytes - 1);
    assert_eq!(error.to_string(), message);
}

#[test]
fn tensors_are_answered_with_tensors() {
    let answer = written(&maps(), Dialect::Tensors, usize::MAX).unwrap();
    assert!(matches!(answer, Written::Json(_)));
}
