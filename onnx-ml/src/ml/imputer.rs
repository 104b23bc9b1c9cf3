//! `Imputer` (ai.onnx.ml, version 1): a value that stands for a missing one is replaced.
//!
//! `imputed_value_floats` and `replaced_value_float` for floats, `imputed_value_int64s` and
//! `replaced_value_int64` for integers; one imputed value for all features, or one each.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, built, only, rows};
use crate::tract::Built;

/// Builds the operator from its node.
pub(crate) fn imputer(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let floats: Vec<f32> = node
        .get_attr_opt_vec("imputed_value_floats")?
        .unwrap_or_default();
    let integers: Vec<i64> = node
        .get_attr_opt_vec("imputed_value_int64s")?
        .unwrap_or_default();
    let imputer = match (floats.is_empty(), integers.is_empty()) {
        (false, true) => Imputer::Floats {
            replaced: node.get_attr_opt("replaced_value_float")?.unwrap_or(0.0),
            imputed: floats,
        },
        (true, false) => Imputer::Integers {
            replaced: node.get_attr_opt("replaced_value_int64")?.unwrap_or(0),
            imputed: integers,
        },
        (true, true) | (false, false) => bail!("imputed values must be either floats or integers"),
    };
    Ok(built(imputer))
}

#[derive(Debug)]
enum Imputer {
    Floats { replaced: f32, imputed: Vec<f32> },
    Integers { replaced: i64, imputed: Vec<i64> },
}

impl Imputer {
    fn imputed(&self) -> usize {
        match self {
            Self::Floats { imputed, .. } => imputed.len(),
            Self::Integers { imputed, .. } => imputed.len(),
        }
    }

    fn takes(&self, datum_type: DatumType) -> bool {
        match self {
            Self::Floats { .. } => [DatumType::F32, DatumType::F64].contains(&datum_type),
            Self::Integers { .. } => [DatumType::I64, DatumType::I32].contains(&datum_type),
        }
    }
}

impl Kernel for Imputer {
    fn name(&self) -> &'static str {
        "Imputer"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (datum_type, shape) = only(inputs)?;
        ensure!(
            self.takes(*datum_type),
            "the imputed values are not of the input's datatype, {datum_type:?}"
        );
        let imputed = self.imputed();
        if imputed > 1 {
            let (_, features) = rows(shape)?;
            ensure!(
                features == imputed.to_dim(),
                "{imputed} imputed values, given rows of the shape {shape:?}"
            );
        }
        Ok(tvec![(*datum_type, shape.clone())])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let mut tensor = args_1!(inputs).into_tensor();
        let datum_type = tensor.datum_type();
        let mut plain = tensor.try_as_plain_ram_mut()?;
        match self {
            Self::Floats { replaced, imputed } if datum_type == DatumType::F32 => {
                impute(plain.as_slice_mut()?, *replaced, imputed);
            }
            Self::Floats { replaced, imputed } => {
                let imputed: Vec<f64> = imputed.iter().copied().map(f64::from).collect();
                impute(plain.as_slice_mut()?, f64::from(*replaced), &imputed);
            }
            Self::Integers { replaced, imputed } if datum_type == DatumType::I64 => {
                impute(plain.as_slice_mut()?, *replaced, imputed);
            }
            Self::Integers { replaced, imputed } => {
                let imputed: Vec<i32> = imputed
                    .iter()
                    .map(|value| i32::try_from(*value))
                    .collect::<Result<_, _>>()?;
                // What no 32-bit integer equals is never found.
                if let Ok(replaced) = i32::try_from(*replaced) {
                    impute(plain.as_slice_mut()?, replaced, &imputed);
                }
            }
        }
        Ok(tvec![tensor])
    }
}

/// A replaced NaN stands for every NaN.
#[expect(
    clippy::eq_op,
    reason = "only a NaN differs from itself, of any datatype"
)]
fn impute<T: Copy + PartialEq>(values: &mut [T], replaced: T, imputed: &[T]) {
    if replaced == replaced {
        replace(values, imputed, |value| value == replaced);
    } else {
        replace(values, imputed, |value| value != value);
    }
}

fn replace<T: Copy>(values: &mut [T], imputed: &[T], is_missing: impl Fn(T) -> bool) {
    let pick =
        |value: &mut T, imputed: T| *value = if is_missing(*value) { imputed } else { *value };
    if let [imputed] = *imputed {
        values.iter_mut().for_each(|value| pick(value, imputed));
        return;
    }
    for row in values.chunks_exact_mut(imputed.len().max(1)) {
        let pairs = row.iter_mut().zip(imputed);
        pairs.for_each(|(value, imputed)| pick(value, *imputed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{float, floats, integer, integers, run};
    use tract_onnx::pb::AttributeProto;

    fn of_floats(replaced: f32, imputed: &[f32]) -> Vec<AttributeProto> {
        vec![
            float("replaced_value_float", replaced),
            floats("imputed_value_floats", imputed),
        ]
    }

    fn of_integers(replaced: i64, imputed: &[i64]) -> Vec<AttributeProto> {
        vec![
            integer("replaced_value_int64", replaced),
            integers("imputed_value_int64s", imputed),
        ]
    }

    #[track_caller]
    fn check(attributes: Vec<AttributeProto>, input: Tensor, expected: Tensor) {
        assert_eq!(run("Imputer", attributes, input).unwrap(), [expected]);
    }

    #[track_caller]
    fn refused(attributes: Vec<AttributeProto>, input: Tensor, reason: &str) {
        let error = format!("{:?}", run("Imputer", attributes, input).unwrap_err());
        assert!(error.contains(reason), "{error}");
    }

    /// Expected values: by the specification, not recorded; exports of `SimpleImputer` agree with onnxruntime.
    #[test]
    fn each_feature_has_its_imputed_value_or_all_have_one() {
        let rows = || tensor2(&[[f32::NAN, 2.], [3., f32::NAN], [f32::INFINITY, -0.]]);
        check(
            of_floats(f32::NAN, &[7., 8.]),
            rows(),
            tensor2(&[[7f32, 2.], [3., 8.], [f32::INFINITY, -0.]]),
        );
        check(
            of_floats(f32::NAN, &[7.]),
            rows(),
            tensor2(&[[7f32, 2.], [3., 7.], [f32::INFINITY, -0.]]),
        );
        check(
            of_floats(3., &[7., 8.]),
            tensor1(&[3f32, 3.]),
            tensor1(&[7f32, 8.]),
        );
        check(
            of_integers(-1, &[7, 8]),
            tensor2(&[[-1i64, 2], [3, -1]]),
            tensor2(&[[7i64, 2], [3, 8]]),
        );
    }

    #[test]
    fn zero_is_replaced_where_nothing_else_is_named() {
        check(
            vec![floats("imputed_value_floats", &[5.])],
            tensor2(&[[0f32, -0., 1.]]),
            tensor2(&[[5f32, 5., 1.]]),
        );
    }

    #[test]
    fn doubles_and_short_integers_are_imputed_too() {
        check(
            of_floats(f32::NAN, &[7., 8.]),
            tensor2(&[[f64::NAN, 0.1], [0.2, f64::NAN]]),
            tensor2(&[[7f64, 0.1], [0.2, 8.]]),
        );
        check(
            of_integers(-1, &[7]),
            tensor1(&[-1i32, 2]),
            tensor1(&[7i32, 2]),
        );
        check(
            of_integers(1 << 40, &[7]),
            tensor1(&[0i32, 2]),
            tensor1(&[0i32, 2]),
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let rows = || tensor2(&[[1f32, 2.]]);
        refused(vec![], rows(), "either floats or integers");
        let both = [of_floats(0., &[1.]), of_integers(0, &[1])].concat();
        refused(both, rows(), "either floats or integers");
        refused(of_integers(0, &[1]), rows(), "not of the input's datatype");
        refused(of_floats(0., &[1.; 3]), rows(), "3 imputed values, given");
    }
}
