//! How an output differs from what it must be.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::engine::{Dimension, Port};
use crate::tensor::{Datatype, Tensor, Values};

/// How an output differs from what it must be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Difference {
    /// It is not there.
    #[error("is not there")]
    Missing,
    /// Another datatype.
    #[error("is `{given}`, not `{expected}`")]
    Datatype {
        /// What it must be.
        expected: Datatype,
        /// What it is.
        given: Datatype,
    },
    /// Another shape.
    #[error("has the shape {given:?}, not {expected:?}")]
    Shape {
        /// What it must be, -1 where any length will do.
        expected: Vec<i64>,
        /// What it is.
        given: Vec<usize>,
    },
    /// Another value.
    #[error("differs at {0}")]
    Value(usize),
    /// A value that is not a finite number.
    #[error("is not finite at {0}")]
    NotFinite(usize),
}

/// How far floats may be apart.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tolerance {
    relative: f64,
    absolute: f64,
}

impl Tolerance {
    pub(super) const fn new(relative: f64, absolute: f64) -> Self {
        Self { relative, absolute }
    }
}

/// How an output differs from the recorded one.
pub(super) fn difference(
    given: &Tensor,
    expected: &Tensor,
    tolerance: Tolerance,
) -> Option<Difference> {
    if given.datatype() != expected.datatype() {
        return Some(Difference::Datatype {
            expected: expected.datatype(),
            given: given.datatype(),
        });
    }
    if given.shape() != expected.shape() {
        let expected = expected
            .shape()
            .iter()
            .map(|length| written(Some(*length)))
            .collect();
        return Some(Difference::Shape {
            expected,
            given: given.shape().to_vec(),
        });
    }
    let place = match (given.values(), expected.values()) {
        (Values::Fp16(given), Values::Fp16(expected)) => first_apart(given, expected, tolerance),
        (Values::Bf16(given), Values::Bf16(expected)) => first_apart(given, expected, tolerance),
        (Values::Fp32(given), Values::Fp32(expected)) => first_apart(given, expected, tolerance),
        (Values::Fp64(given), Values::Fp64(expected)) => first_apart(given, expected, tolerance),
        (given, expected) => (given != expected).then_some(0),
    };
    place.map(Difference::Value)
}

fn first_apart<T: Copy + Into<f64>>(
    given: &[T],
    expected: &[T],
    tolerance: Tolerance,
) -> Option<usize> {
    let is_close = |(given, expected): (&T, &T)| {
        let (given, expected): (f64, f64) = ((*given).into(), (*expected).into());
        let is_same = given == expected || (given.is_nan() && expected.is_nan());
        let apart = (given - expected).abs();
        is_same
            || (apart.is_finite()
                && apart <= tolerance.absolute + tolerance.relative * expected.abs())
    };
    given.iter().zip(expected).position(|pair| !is_close(pair))
}

/// How an output differs from what the file declares; datatypes were compared by the engine.
///
/// An axis is as long as the axis of the inputs that has its name.
pub(super) fn form(
    port: &Port,
    output: &Tensor,
    named: &BTreeMap<&str, usize>,
) -> Option<Difference> {
    let length = |axis: &Dimension| match axis {
        Dimension::Fixed(length) => Some(*length),
        Dimension::Named(name) => named.get(name.as_str()).copied(),
        Dimension::Any => None,
    };
    let declared = port.shape.as_ref();
    let declared: Option<Vec<_>> = declared.map(|axes| axes.iter().map(length).collect());
    let given = output.shape();
    let fits = |expected: &[Option<usize>]| {
        let is_length = |(expected, given): (&Option<usize>, &usize)| {
            expected.is_none_or(|expected| expected == *given)
        };
        expected.len() == given.len() && expected.iter().zip(given).all(is_length)
    };
    match declared.filter(|declared| !fits(declared)) {
        Some(expected) => Some(Difference::Shape {
            expected: expected.into_iter().map(written).collect(),
            given: given.to_vec(),
        }),
        None => output.values().not_finite().map(Difference::NotFinite),
    }
}

/// A length as it is written: -1 where any will do.
fn written(length: Option<usize>) -> i64 {
    length.map_or(-1, |length| i64::try_from(length).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: Values, expected: Values, difference: Option<Difference>) {
        let tolerance = Tolerance {
            relative: 0.01,
            absolute: 0.1,
        };
        let found = super::difference(&Tensor::flat(given), &Tensor::flat(expected), tolerance);
        assert_eq!(found, difference);
    }

    #[test]
    fn floats_may_be_apart_as_far_as_the_tolerance() {
        check(
            Values::Fp64(vec![101.0, 1.0]),
            Values::Fp64(vec![100.0, 1.1]),
            None,
        );
        check(
            Values::Fp64(vec![101.2]),
            Values::Fp64(vec![100.0]),
            Some(Difference::Value(0)),
        );
        check(
            Values::Fp32(vec![0.0, 0.2]),
            Values::Fp32(vec![0.0, 0.0]),
            Some(Difference::Value(1)),
        );
        check(
            Values::Fp32(vec![f32::NAN]),
            Values::Fp32(vec![f32::NAN]),
            None,
        );
        check(
            Values::Fp32(vec![f32::NAN]),
            Values::Fp32(vec![0.0]),
            Some(Difference::Value(0)),
        );
        check(
            Values::Fp32(vec![f32::INFINITY]),
            Values::Fp32(vec![f32::INFINITY]),
            None,
        );
        check(
            Values::Fp32(vec![f32::INFINITY]),
            Values::Fp32(vec![f32::NEG_INFINITY]),
            Some(Difference::Value(0)),
        );
    }

    #[test]
    fn all_else_is_equal_or_differs() {
        check(Values::Int64(vec![1]), Values::Int64(vec![1]), None);
        check(
            Values::Int64(vec![1]),
            Values::Int64(vec![2]),
            Some(Difference::Value(0)),
        );
        let shape = Difference::Shape {
            expected: vec![2],
            given: vec![1],
        };
        check(
            Values::Int64(vec![1]),
            Values::Int64(vec![1, 1]),
            Some(shape),
        );
        let datatype = Difference::Datatype {
            expected: Datatype::Int32,
            given: Datatype::Int64,
        };
        check(
            Values::Int64(vec![1]),
            Values::Int32(vec![1]),
            Some(datatype),
        );
    }

    #[test]
    fn a_named_axis_is_as_long_as_in_the_inputs() {
        let port = Port {
            name: "y".to_owned(),
            datatype: Datatype::Fp32,
            shape: Some(vec![
                Dimension::Named("batch".to_owned()),
                Dimension::Any,
                Dimension::Named("other".to_owned()),
            ]),
            labels: Vec::new(),
        };
        let check = |shape: [usize; 3], expected: Option<&[i64]>| {
            let output = Tensor::new(shape.to_vec(), Values::Fp32(vec![1.0; 6])).unwrap();
            let expected = expected.map(|expected| Difference::Shape {
                expected: expected.to_vec(),
                given: shape.to_vec(),
            });
            assert_eq!(
                form(&port, &output, &BTreeMap::from([("batch", 2)])),
                expected
            );
        };
        check([2, 3, 1], None);
        check([2, 1, 3], None);
        check([3, 2, 1], Some(&[2, -1, -1]));
    }
}
