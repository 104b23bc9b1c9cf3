//! `Normalizer` and `Binarizer` (ai.onnx.ml, version 1): rows brought to a norm, and values
//! compared with a threshold.
//!
//! As onnxruntime computes them: `MAX` divides by the largest value, not by the largest
//! magnitude; rows whose norm is zero stay as they are; a NaN has no binary value.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, built, only, rows, values};
use crate::tract::Built;
use crate::unfit::fits;

/// Builds `Normalizer` from its node.
pub(crate) fn normalizer(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let norm = match node.get_attr_opt::<&str>("norm")?.unwrap_or("MAX") {
        "MAX" => Normalizer::Max,
        "L1" => Normalizer::L1,
        "L2" => Normalizer::L2,
        other => bail!("norm `{other}` is not supported"),
    };
    Ok(built(norm))
}

/// Builds `Binarizer` from its node.
pub(crate) fn binarizer(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let threshold: f32 = node.get_attr_opt("threshold")?.unwrap_or(0.0);
    Ok(built(Binarizer { threshold }))
}

#[derive(Debug, Clone, Copy)]
enum Normalizer {
    Max,
    L1,
    L2,
}

#[derive(Debug)]
struct Binarizer {
    threshold: f32,
}

/// Partial sums of a row that are added up side by side.
const LANES: usize = 8;

/// A number of any datatype, rounded to a float where onnxruntime rounds it.
trait Number: Datum + Copy {
    fn float(self) -> f32;
    fn squared(self) -> f32;
}

impl Number for f32 {
    fn float(self) -> f32 {
        self
    }

    fn squared(self) -> f32 {
        self * self
    }
}

#[expect(clippy::cast_possible_truncation, reason = "rounded to a float")]
impl Number for f64 {
    fn float(self) -> f32 {
        self as f32
    }

    fn squared(self) -> f32 {
        (self * self) as f32
    }
}

#[expect(clippy::cast_precision_loss, reason = "rounded to a float")]
impl Number for i64 {
    fn float(self) -> f32 {
        self as f32
    }

    fn squared(self) -> f32 {
        self.wrapping_mul(self) as f32
    }
}

#[expect(clippy::cast_precision_loss, reason = "rounded to a float")]
impl Number for i32 {
    fn float(self) -> f32 {
        self as f32
    }

    fn squared(self) -> f32 {
        self.wrapping_mul(self) as f32
    }
}

impl Normalizer {
    fn rows<T: Number>(self, input: &[T], output: &mut [f32], width: usize) {
        let width = width.max(1);
        for (row, output) in input.chunks(width).zip(output.chunks_mut(width)) {
            match self {
                Self::Max => divide(row, output, largest(row)),
                Self::L1 => divide(row, output, sum(row, |value| value.float().abs())),
                Self::L2 => divide_squares(row, output, sum(row, Number::squared)),
            }
        }
    }
}

fn largest<T: Number>(row: &[T]) -> f32 {
    let pick = |largest: f32, value: &T| {
        if largest < value.float() {
            value.float()
        } else {
            largest
        }
    };
    row.iter().fold(f32::MIN, pick)
}

fn sum<T: Number>(row: &[T], of: impl Fn(T) -> f32) -> f32 {
    let (blocks, rest) = row.as_chunks::<LANES>();
    let mut sums = [0f32; LANES];
    for block in blocks {
        for (sum, value) in sums.iter_mut().zip(block) {
            *sum += of(*value);
        }
    }
    let rest: f32 = rest.iter().map(|value| of(*value)).sum();
    sums.iter().sum::<f32>() + rest
}

fn divide<T: Number>(row: &[T], output: &mut [f32], norm: f32) {
    let norm = if norm == 0.0 { 1.0 } else { norm };
    for (output, value) in output.iter_mut().zip(row) {
        *output = value.float() / norm;
    }
}

/// The root is taken after the division: squares that overflow or vanish show as onnxruntime's.
fn divide_squares<T: Number>(row: &[T], output: &mut [f32], squares: f32) {
    if squares == 0.0 {
        return divide(row, output, 1.0);
    }
    for (output, value) in output.iter_mut().zip(row) {
        let magnitude = (value.squared() / squares).sqrt();
        *output = if value.float() < 0.0 {
            -magnitude
        } else {
            magnitude
        };
    }
}

impl Kernel for Normalizer {
    fn name(&self) -> &'static str {
        "Normalizer"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (datum_type, shape) = only(inputs)?;
        numbers(*datum_type)?;
        rows(shape)?;
        Ok(tvec![(DatumType::F32, shape.clone())])
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all other datatypes are alike"
    )]
    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let input = args_1!(inputs);
        let mut output = Tensor::zero::<f32>(input.shape())?;
        let width = input.shape().last().copied().unwrap_or_default();
        let mut plain = output.try_as_plain_ram_mut()?;
        let rows = plain.as_slice_mut::<f32>()?;
        match input.datum_type() {
            DatumType::F32 => self.rows::<f32>(values(&input)?, rows, width),
            DatumType::F64 => self.rows::<f64>(values(&input)?, rows, width),
            DatumType::I64 => self.rows::<i64>(values(&input)?, rows, width),
            _ => self.rows::<i32>(values(&input)?, rows, width),
        }
        Ok(tvec![output])
    }
}

impl Kernel for Binarizer {
    fn name(&self) -> &'static str {
        "Binarizer"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (datum_type, shape) = only(inputs)?;
        numbers(*datum_type)?;
        Ok(tvec![(*datum_type, shape.clone())])
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all other datatypes are alike"
    )]
    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let mut tensor = args_1!(inputs).into_tensor();
        let threshold = f64::from(self.threshold);
        let datum_type = tensor.datum_type();
        let mut plain = tensor.try_as_plain_ram_mut()?;
        match datum_type {
            DatumType::F32 => {
                let values = plain.as_slice_mut::<f32>()?;
                let is_nan = values
                    .iter()
                    .fold(false, |found, value| found | value.is_nan());
                fits(!is_nan, "a binarizer takes no NaN")?;
                binary(values, |value| f32::from(value > self.threshold));
            }
            DatumType::F64 => {
                let values = plain.as_slice_mut::<f64>()?;
                let is_nan = values
                    .iter()
                    .fold(false, |found, value| found | value.is_nan());
                fits(!is_nan, "a binarizer takes no NaN")?;
                binary(values, |value| f64::from(value > threshold));
            }
            DatumType::I64 => {
                // An integer is above a number if it is above what the number is cut to.
                #[expect(clippy::cast_possible_truncation, reason = "bounds stay bounds")]
                let floor = threshold.floor() as i64;
                binary(plain.as_slice_mut::<i64>()?, |value| {
                    i64::from(value > floor)
                });
            }
            _ => binary(plain.as_slice_mut::<i32>()?, |value| {
                i32::from(f64::from(value) > threshold)
            }),
        }
        Ok(tvec![tensor])
    }
}

fn binary<T: Copy>(values: &mut [T], of: impl Fn(T) -> T) {
    values.iter_mut().for_each(|value| *value = of(*value));
}

fn numbers(datum_type: DatumType) -> TractResult<()> {
    let taken = [
        DatumType::F32,
        DatumType::F64,
        DatumType::I64,
        DatumType::I32,
    ];
    ensure!(
        taken.contains(&datum_type),
        "floats, doubles or integers are wanted, given {datum_type:?}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, float, run, string};

    /// Expected values: onnxruntime 1.32.0, as in all tests here.
    #[track_caller]
    fn check(norm: &str, input: Tensor, expected: &[f32]) {
        let outputs = run("Normalizer", vec![string("norm", norm)], input).unwrap();
        close(&outputs, expected);
    }

    #[test]
    fn a_row_is_divided_by_its_norm() {
        let rows = || tensor2(&[[1f32, -2., 2.], [0., 0., 0.], [-3., -4., 0.]]);
        let largest = [0.5, -1., 1., 0., 0., 0., -3., -4., 0.];
        check("MAX", rows(), &largest);
        let sum = [0.2, -0.4, 0.4, 0., 0., 0., -0.428_571_4, -0.571_428_6, 0.];
        check("L1", rows(), &sum);
        let squares = [
            0.333_333_34,
            -0.666_666_7,
            0.666_666_7,
            0.,
            0.,
            0.,
            -0.6,
            -0.8,
            0.,
        ];
        check("L2", rows(), &squares);
        for (norm, expected) in [("MAX", largest), ("L1", sum), ("L2", squares)] {
            let other = |datum_type| rows().cast_to_dt(datum_type).unwrap().into_owned();
            check(norm, other(DatumType::I64), &expected);
            check(norm, other(DatumType::I32), &expected);
            check(norm, other(DatumType::F64), &expected);
        }
        check("L2", tensor1(&[3f32, 4.]), &[0.6, 0.8]);
    }

    #[test]
    fn squares_may_vanish() {
        check("L2", tensor1(&[-0f32, 5., 1e-30]), &[0., 1., 0.]);
        check("L1", tensor1(&[-0f32, 5., 1e-30]), &[0., 1., 2e-31]);
    }

    #[test]
    fn what_is_no_number_is_passed_over_by_the_largest_alone() {
        let run = |norm| {
            let input = tensor1(&[f32::NAN, 1., -1.]);
            let output = run("Normalizer", vec![string("norm", norm)], input).unwrap();
            values::<f32>(&output[0]).unwrap().to_vec()
        };
        assert_eq!(run("MAX")[1..], [1., -1.]);
        assert!(run("L1").iter().all(|value| value.is_nan()));
        assert!(run("L2").iter().all(|value| value.is_nan()));
    }

    #[test]
    fn values_above_the_threshold_are_one() {
        let check = |input, expected| {
            let output = run("Binarizer", vec![float("threshold", 0.5)], input).unwrap();
            assert_eq!(output, [expected]);
        };
        let infinity = f32::INFINITY;
        check(
            tensor2(&[[0.5f32, 0.6, infinity, -infinity]]),
            tensor2(&[[0f32, 1., 1., 0.]]),
        );
        check(tensor1(&[0.5f64, 0.6]), tensor1(&[0f64, 1.]));
        check(tensor1(&[0i64, 1, -1]), tensor1(&[0i64, 1, 0]));
        check(tensor1(&[0i32, 1, -1]), tensor1(&[0i32, 1, 0]));
        let error = run("Binarizer", vec![], tensor1(&[f32::NAN])).unwrap_err();
        assert!(format!("{error:?}").contains("takes no NaN"), "{error:?}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |operator, attributes, input, reason| {
            let error = format!("{:?}", run(operator, attributes, input).unwrap_err());
            assert!(error.contains(reason), "{error}");
        };
        let row = || tensor1(&[1f32]);
        refused("Normalizer", vec![string("norm", "L3")], row(), "norm `L3`");
        refused(
            "Normalizer",
            vec![],
            tensor3(&[[[1f32]]]),
            "[rows, features]",
        );
        let text = || tensor1(&["a".to_owned()]);
        refused("Normalizer", vec![], text(), "floats, doubles or integers");
        refused("Binarizer", vec![], text(), "floats, doubles or integers");
    }
}
