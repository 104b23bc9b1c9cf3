//! Streams of Arrow, as pyarrow and pandas write them: `tests/fixtures/make_arrow.py` makes each of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use half::f16;

use super::*;

/// A stream by its name.
pub(super) fn stream(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(format!("{name}.arrows"))).unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/arrow")
}

fn of(inputs: Vec<Port>) -> Specification {
    let outputs = Vec::new();
    Specification { inputs, outputs }
}

/// A model of one input whose values have names.
pub(super) fn titled() -> Specification {
    let mut x = port("x", Datatype::Fp32, &[-1, 3]);
    x.labels = ["a", "b", "c"].map(str::to_owned).to_vec();
    of(vec![x])
}

pub(super) fn wide() -> Specification {
    of(vec![port("x", Datatype::Fp32, &[-1, 3])])
}

fn texts() -> Specification {
    of(vec![port("x", Datatype::Bytes, &[-1])])
}

pub(super) fn floats(shape: &[usize], values: &[f32]) -> Tensor {
    tensor(shape, Values::Fp32(values.to_vec()))
}

fn text(values: &[&str]) -> Values {
    Values::Bytes(values.iter().map(|text| (*text).to_owned()).collect())
}

/// What a column of integers and one of text become.
fn both(n: &[i64], t: &[&str]) -> [Tensor; 2] {
    [
        tensor(&[n.len(), 1], Values::Int64(n.to_vec())),
        tensor(&[t.len()], text(t)),
    ]
}

pub(super) fn ask(
    specification: &Specification,
    body: &[u8],
    limits: &Limits,
) -> Result<Question, InputError> {
    read_as(Format::Arrow, body, specification, limits, Accepted::Any)
}

#[track_caller]
pub(super) fn check(specification: &Specification, name: &str, inputs: &[Tensor]) {
    let question = ask(specification, &stream(name), &LIMITS).unwrap();
    assert_eq!(question.dialect, Dialect::Rows, "{name}");
    // As they are written, for not-a-number is not equal to itself.
    let written = |inputs: &[Tensor]| format!("{inputs:?}");
    assert_eq!(written(&question.inputs), written(inputs), "{name}");
}

#[track_caller]
fn refused(specification: &Specification, name: &str, code: &str, message: &str) {
    refused_bytes(specification, &stream(name), code, message);
}

#[track_caller]
fn refused_bytes(specification: &Specification, body: &[u8], code: &str, message: &str) {
    let error = ask(specification, body, &LIMITS).unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), (code, message));
}

/// Of a body that is no stream that is read.
#[track_caller]
pub(super) fn no_stream(body: &[u8], message: &str) {
    let message = format!("the body is no Arrow stream that is read: it {message}");
    refused_bytes(&titled(), body, "not_arrow", &message);
}

#[test]
fn columns_go_to_the_values_of_their_names_batch_by_batch() {
    let expected = [floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])];
    check(&titled(), "columns", &expected);
    check(
        &titled(),
        "columns_v4",
        &[floats(&[1, 3], &[1.0, 2.0, 3.0])],
    );
    check(
        &titled(),
        "columns_empty",
        &[floats(&[1, 3], &[1.0, 2.0, 3.0])],
    );
    let separate = ["a", "b", "c"].map(|name| port(name, Datatype::Fp64, &[-1, 1]));
    let column = |values: [f64; 2]| tensor(&[2, 1], Values::Fp64(values.to_vec()));
    let expected = [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]].map(column);
    check(&of(separate.to_vec()), "columns", &expected);
}

#[test]
fn the_end_may_be_marked_or_not() {
    let body = stream("columns_v4");
    let unmarked = &body[..body.len() - 8];
    assert_eq!(
        ask(&titled(), unmarked, &LIMITS),
        ask(&titled(), &body, &LIMITS)
    );
    no_stream(&[&body, &[0; 3][..]].concat(), "has 3 bytes behind its end");
    no_stream(
        &[&body, body.as_slice()].concat(),
        "has 480 bytes behind its end",
    );
}

#[test]
fn columns_that_pandas_counts_are_places() {
    let expected = [floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])];
    for specification in [wide(), titled()] {
        check(&specification, "frame", &expected);
        check(&specification, "frame_backwards", &expected);
    }
    check(&two(), "frame_titled", &both(&[1, 2], &["u", "v"]));
}

#[test]
fn names_that_do_not_fit_are_told() {
    let columns = "the columns do not fit the model: ";
    let message = format!("{columns}`c` missing; `a` given twice");
    refused(&titled(), "columns_twice", "columns_unfit", &message);
    let message = format!("{columns}`n`, `t` unknown; `a`, `b`, `c` missing");
    refused(&titled(), "frame_titled", "columns_unfit", &message);
    let message = "the columns have names, and the order of the values of input `x` is not known by name: \
                   leave the names out, or name them in `columns` of `model.yaml`";
    refused(&wide(), "columns", "columns_unnamed", message);
    // Its name is told, not its type.
    let message = format!("{columns}`x` unknown; `n`, `t` missing");
    refused(&two(), "refused_timestamp", "columns_unfit", &message);
}

#[test]
fn the_index_of_a_frame_is_no_column() {
    let message = "column `__index_level_0__` is the index of a data frame: \
                   write the table without it (`preserve_index=False`)";
    refused(&wide(), "frame_index", "columns_unfit", message);
    refused(&two(), "frame_titled_index", "columns_unfit", message);
}

#[test]
fn values_of_every_type_are_exact() {
    let ports = [
        ("u1", Datatype::Uint8),
        ("u2", Datatype::Uint16),
        ("u4", Datatype::Uint32),
        ("u8", Datatype::Uint64),
        ("i1", Datatype::Int8),
        ("i2", Datatype::Int16),
        ("i4", Datatype::Int32),
        ("i8", Datatype::Int64),
        ("f2", Datatype::Fp16),
        ("f4", Datatype::Fp32),
        ("f8", Datatype::Fp64),
        ("b", Datatype::Bool),
        ("t", Datatype::Bytes),
    ];
    let ports = ports.map(|(name, datatype)| port(name, datatype, &[-1]));
    let expected = [
        Values::Uint8(vec![0, u8::MAX]),
        Values::Uint16(vec![0, u16::MAX]),
        Values::Uint32(vec![0, u32::MAX]),
        Values::Uint64(vec![0, u64::MAX]),
        Values::Int8(vec![i8::MIN, i8::MAX]),
        Values::Int16(vec![i16::MIN, i16::MAX]),
        Values::Int32(vec![i32::MIN, i32::MAX]),
        Values::Int64(vec![i64::MIN, i64::MAX]),
        Values::Fp16(vec![f16::from_f32(0.5), f16::MIN]),
        Values::Fp32(vec![0.1, f32::MIN]),
        Values::Fp64(vec![0.1, f64::MIN]),
        Values::Bool(vec![true, false]),
        text(&["é", ""]),
    ];
    let limits = Limits {
        elements: 26,
        ..LIMITS
    };
    let inputs = expected.map(|values| tensor(&[2], values)).to_vec();
    let read = ask(&of(ports.to_vec()), &stream("scalars"), &limits).unwrap();
    assert_eq!(read.inputs, inputs);
    let fewer = Limits {
        elements: 25,
        ..LIMITS
    };
    let error = ask(&of(ports.to_vec()), &stream("scalars"), &fewer).unwrap_err();
    assert_eq!(error, InputError::TooManyElements { limit: 25 });
}

#[test]
fn numbers_go_into_floats_by_rounding_and_into_integers_whole() {
    let rounded = [floats(&[1, 3], &[0.1, -0.0, 0.0])];
    check(&titled(), "rounded", &rounded);
    let value =
        |given: &str, at: &str| format!("input `x` takes `FP32`: {given} at {at} does not fit");
    refused(
        &titled(),
        "too_large",
        "wrong_value",
        &value("1e39", "[0, 1]"),
    );
    refused(
        &titled(),
        "infinite",
        "wrong_value",
        &value("-inf", "[0, 1]"),
    );
    check(&two(), "number_whole", &both(&[1, -2], &["a", "b"]));
    let value =
        |given: &str, at: &str| format!("input `n` takes `INT64`: {given} at {at} does not fit");
    refused(
        &two(),
        "number_fraction",
        "wrong_value",
        &value("1.5", "[1]"),
    );
    refused(&two(), "number_truth", "wrong_value", &value("true", "[0]"));
    let large = value("9223372036854775808", "[0]");
    refused(&two(), "number_large", "wrong_value", &large);
    let text = "input `x` takes `FP32`: \"a\" at [0, 0] does not fit";
    refused(&one(), "list_of_text", "wrong_value", text);
}

#[test]
fn what_is_missing_is_not_a_number_and_nothing_else() {
    let nan = f32::NAN;
    check(
        &titled(),
        "missing",
        &[floats(&[2, 3], &[1.0, nan, nan, nan, 5.0, nan])],
    );
    check(&one(), "list_value_null", &[floats(&[1, 2], &[1.0, nan])]);
    let value = |input: &str, datatype: &str, at: &str| {
        format!("input `{input}` takes `{datatype}`: null at {at} does not fit")
    };
    refused(
        &two(),
        "number_null",
        "wrong_value",
        &value("n", "INT64", "[0]"),
    );
    refused(
        &texts(),
        "text_null",
        "wrong_value",
        &value("x", "BYTES", "[1]"),
    );
    refused(
        &two(),
        "category_null",
        "wrong_value",
        &value("t", "BYTES", "[1]"),
    );
    for list in ["list_null", "large_list_null", "fixed_size_list_null"] {
        let message = "input `x` is ragged at [1]: a list expected, null given";
        refused(&one(), list, "ragged", message);
    }
}

#[test]
fn every_kind_of_text_is_read() {
    let values = ["é\0", "longer than in place", "twelve bytes"];
    let expected = [tensor(&[3], text(&values))];
    for kind in [
        "string",
        "large_string",
        "string_view",
        "binary",
        "large_binary",
        "binary_view",
    ] {
        check(&texts(), &format!("text_{kind}"), &expected);
    }
    let message = "the body is no Arrow stream that is read: it has text outside its buffer, or text that is not UTF-8";
    refused(&texts(), "text_bytes", "not_arrow", message);
}

#[test]
fn dictionaries_stand_for_their_values() {
    // The second batch has a dictionary of its own.
    check(&two(), "category", &both(&[1, 2, 3], &["v", "u", "w"]));
    for index in [
        "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    ] {
        let expected = both(&[1, 2], &["u", "v"]);
        check(&two(), &format!("category_{index}"), &expected);
    }
    check(
        &two(),
        "category_numbers",
        &both(&[7, 5, 7], &["a", "b", "c"]),
    );
    check(&two(), "frame_category", &both(&[1, 2], &["v", "u"]));
    let listed = of(vec![port("x", Datatype::Bytes, &[-1, 2])]);
    let message = "input `x` is ragged at [1]: 2 entries expected, 1 given";
    refused(&listed, "category_listed", "ragged", message);
    let message = "the body is no Arrow stream that is read: it adds to a dictionary: write each dictionary as a whole";
    refused(&two(), "category_delta", "not_arrow", message);
    let message = "column `x` has the type `list`, which no input takes: \
                   cast it to a number, `bool` or `string`, as `float64` is one";
    refused(&one(), "category_of_lists", "wrong_datatype", message);
}

#[test]
fn lists_are_the_rows_of_an_input() {
    let expected = [floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0])];
    for list in ["list", "large_list", "fixed_size_list", "list_sliced"] {
        check(&one(), list, &expected);
    }
    let message = "input `x` is ragged at [1]: 2 entries expected, 1 given";
    refused(&one(), "list_ragged", "ragged", message);
    let message = "input `x` takes the shape [-1, 3], given [2, 2]";
    refused(&wide(), "list", "wrong_shape", message);
    let image = of(vec![port("x", Datatype::Fp32, &[-1, 3, 2, 1])]);
    let expected = [floats(&[1, 3, 2, 1], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])];
    check(&image, "image", &expected);
    check(&image, "image_flat", &expected);
    let message = "input `x` is empty, given the shape [2, 0]";
    refused(&one(), "list_empty", "empty_batch", message);
}

#[test]
fn slices_begin_within_a_byte() {
    let mut specification = two();
    specification.inputs.push(port("b", Datatype::Bool, &[-1]));
    let [n, t] = both(&[8, 7], &["c", "d"]);
    let b = tensor(&[2], Values::Bool(vec![true, false]));
    check(&specification, "sliced", &[n, t, b]);
}

#[test]
fn limits_hold() {
    refused(
        &titled(),
        "columns_many",
        "too_many_rows",
        "the inputs hold more than 3 rows: send them in parts",
    );
    let message = "the inputs hold more than 12 values";
    refused(&one(), "list_many", "too_many_elements", message);
    refused(&one(), "list_empty_many", "too_many_elements", message);
    let message = "lists are nested more than 4 deep";
    refused(&one(), "deep", "too_deep", message);
    let longest = |text_bytes, decoded_bytes| {
        let limits = Limits {
            text_bytes,
            decoded_bytes,
            ..LIMITS
        };
        let read = ask(&texts(), &stream("text_long"), &limits);
        read.map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(longest(1001, 1001), Ok(()));
    let message = "the texts have more than 1000 bytes together: send the rows in parts";
    assert_eq!(longest(1001, 1000), Err(message.to_owned()));
    let message = "input `x` has a text of 1001 bytes at [0], and the limit is 1000";
    assert_eq!(longest(1000, 1001), Err(message.to_owned()));
    let message = "input `x` is empty, given the shape [0]";
    refused(&titled(), "columns_none", "empty_batch", message);
}

#[test]
fn types_that_no_input_takes_are_named() {
    for (name, given) in [
        ("date", "date"),
        ("decimal", "decimal"),
        ("duration", "duration"),
        ("extension", "extension"),
        ("fixed_size_binary", "fixed_size_binary"),
        ("interval", "interval"),
        ("large_list_view", "large_list_view"),
        ("list_of_date", "date"),
        ("list_view", "list_view"),
        ("map", "map"),
        ("run_end_encoded", "run_end_encoded"),
        ("struct", "struct"),
        ("time", "time"),
        ("timestamp", "timestamp"),
        ("union", "union"),
    ] {
        let message = format!(
            "column `x` has the type `{given}`, which no input takes: \
             cast it to a number, `bool` or `string`, as `float64` is one"
        );
        refused(
            &one(),
            &format!("refused_{name}"),
            "wrong_datatype",
            &message,
        );
    }
}

#[test]
fn what_is_no_stream_is_told() {
    let lengthless = "ends within a message";
    no_stream(b"", "does not begin with a schema");
    no_stream(b"\xff\xff\xff", lengthless);
    no_stream(b"\xff\xff\xff\xff\x01\0", lengthless);
    no_stream(b"\xff\xff\xff\xff\0\0\0\0", "does not begin with a schema");
    no_stream(b"\xff\xff\xff\xff\xff\0\0\0", lengthless);
    let damaged = "has metadata that is damaged, or that does not fit its buffers";
    no_stream(b"\xff\xff\xff\xff\xff\xff\xff\xff", damaged);
    no_stream(b"\xff\xff\xff\xff\x04\0\0\0\0\0\0\0", damaged);
    let unmarked = "has no mark (FF FF FF FF) where a message begins: it is something else, or written as before Arrow 0.15";
    no_stream(b"a,b,c\n1,2,3\n", unmarked);
    no_stream(&stream("columns_legacy"), unmarked);
    let file = "is a file of Arrow: write it as a stream, as `pyarrow.ipc.new_stream` does";
    no_stream(&stream("columns_file"), file);
    let compressed = "has compressed buffers: write it without compression, and compress the body with gzip instead";
    no_stream(&stream("columns_lz4"), compressed);
    no_stream(&stream("columns_zstd"), compressed);
    let tensor = "has a tensor among its messages: send record batches";
    no_stream(&stream("refused_tensor"), tensor);
    let unended = |name| {
        let mut body = stream(name);
        body.truncate(body.len() - 8);
        body
    };
    let twice = [unended("columns_v4"), stream("columns_v4")].concat();
    no_stream(&twice, "has a second schema: send one table");
    let rows = unended("columns_v4")[stream("columns_none").len() - 8..].to_vec();
    no_stream(&rows, "does not begin with a schema");
    let more = rows.repeat(1 << 16);
    let limits = Limits {
        rows: usize::MAX,
        elements: usize::MAX,
        ..LIMITS
    };
    let ask = |body: &[u8]| ask(&titled(), body, &limits).map(|question| question.rows);
    let schema = unended("columns_none");
    let rows = [&schema, &more[rows.len()..]].concat();
    assert_eq!(ask(&rows), Ok((1 << 16) - 1));
    let error = ask(&[&schema, more.as_slice()].concat()).unwrap_err();
    let message = "the body is no Arrow stream that is read: it has more than 65536 messages: put more rows into one";
    assert_eq!(error.to_string(), message);
}

#[test]
fn every_stream_is_read_by_a_test() {
    let source = concat!(include_str!("arrow.rs"), include_str!("schemas.rs"));
    let files = std::fs::read_dir(folder()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let names = names.filter_map(|name| name.strip_suffix(".arrows").map(str::to_owned));
    let names: BTreeSet<String> = names.collect();
    let prefixes = ["category_", "refused_", "text_"];
    let is_named = |name: &str| source.contains(&format!("\"{name}\""));
    let unused: Vec<_> = names
        .iter()
        .filter(|name| !is_named(name))
        .filter(|name| {
            !prefixes
                .iter()
                .any(|prefix| name.strip_prefix(prefix).is_some_and(is_named))
        })
        .collect();
    assert!(!names.is_empty() && unused.is_empty(), "{unused:?}");
}
