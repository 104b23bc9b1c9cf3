//! Bodies and answers as lines of data: the models they are for, and one check for each side.

mod answering;
mod arrays;
mod arrow;
mod binary;
mod damaged;
mod frames;
mod lines;
mod malformed;
mod reading;
mod schemas;
mod series;
mod streams;
mod unfit;

use serde_json::Value;

use super::*;
use crate::engine::{Dimension, Port};
use crate::tensor::{Datatype, Values};

const LIMITS: Limits = Limits {
    body_bytes: 1000,
    decoded_bytes: 1000,
    reply_bytes: 1000,
    rows: 3,
    elements: 12,
    text_bytes: 1000,
    depth: 4,
};

fn port(name: &str, datatype: Datatype, shape: &[i64]) -> Port {
    let axis = |length: &i64| usize::try_from(*length).map_or(Dimension::Any, Dimension::Fixed);
    Port {
        name: name.to_owned(),
        datatype,
        shape: Some(shape.iter().map(axis).collect()),
        labels: Vec::new(),
    }
}

/// A model of one input: rows of two floats.
fn one() -> Specification {
    let outputs = vec![port("y", Datatype::Fp32, &[-1])];
    Specification {
        inputs: vec![port("x", Datatype::Fp32, &[-1, 2])],
        outputs,
    }
}

/// A model of two inputs: a column of integers and one of text.
fn two() -> Specification {
    let inputs = vec![
        port("n", Datatype::Int64, &[-1, 1]),
        port("t", Datatype::Bytes, &[-1]),
    ];
    let outputs = vec![
        port("a", Datatype::Fp32, &[-1]),
        port("b", Datatype::Int64, &[-1, 2]),
    ];
    Specification { inputs, outputs }
}

/// Token ids and their mask: both axes have names.
fn named() -> Specification {
    let axes = || {
        Some(vec![
            Dimension::Named("batch".to_owned()),
            Dimension::Named("length".to_owned()),
        ])
    };
    let input = |name: &str| Port {
        name: name.to_owned(),
        datatype: Datatype::Int64,
        shape: axes(),
        labels: Vec::new(),
    };
    Specification {
        inputs: vec![input("ids"), input("mask")],
        outputs: Vec::new(),
    }
}

/// Outputs asked for in JSON.
fn plain(places: &[usize]) -> Option<Vec<Asked>> {
    let asked = |place: &usize| Asked {
        place: *place,
        is_binary: false,
        classes: None,
    };
    Some(places.iter().map(asked).collect())
}

/// The model `m` in version 1, which has no labels.
fn served(outputs: &[Port]) -> Served<'_> {
    Served {
        model: "m",
        version: "1",
        outputs,
        labels: &[],
        truncated: &[],
        tokens: None,
        most_bytes: usize::MAX,
    }
}

/// An answer that is JSON alone.
#[track_caller]
fn json_of(written: Written) -> String {
    match written {
        Written::Json(text) => text,
        Written::Binary { .. } | Written::Text(_) | Written::Bytes(_) => {
            panic!("JSON alone, not {written:?}")
        }
    }
}

fn tensor(shape: &[usize], values: Values) -> Tensor {
    Tensor::new(shape.to_vec(), values).unwrap()
}

#[track_caller]
fn check(
    specification: &Specification,
    body: &str,
    dialect: Dialect,
    rows: usize,
    inputs: &[Tensor],
) {
    let question = read(body.as_bytes(), specification, &LIMITS, Accepted::Any).unwrap();
    assert_eq!((question.dialect, question.rows), (dialect, rows));
    assert_eq!(question.inputs, inputs);
}

/// The error's code, its message and its detail.
#[track_caller]
fn refused(specification: &Specification, body: &str, code: &str, message: &str, detail: Value) {
    let error = read(body.as_bytes(), specification, &LIMITS, Accepted::Any).unwrap_err();
    assert_eq!(error.to_string(), message);
    assert_eq!(
        (error.code(), Value::Object(error.detail())),
        (code, detail)
    );
}

/// The error's code and message, where the detail says no more.
#[track_caller]
fn code(specification: &Specification, body: &str, code: &str, message: &str) {
    let error = read(body.as_bytes(), specification, &LIMITS, Accepted::Any).unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), (code, message));
}
