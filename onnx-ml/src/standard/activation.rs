//! `Softplus` and `Celu` (standard domain), element by element.
//!
//! tract's `Softplus` overflows from 89 on, and its `Celu` leaves `alpha` out of the negative
//! part.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::element_wise::{ElementWiseMiniOp, ElementWiseOp};
use tract_onnx::tract_hir::internal::*;

use crate::tract::{Built, same_as_input};

/// Builds `Softplus` from its node.
pub(crate) fn softplus(_context: &ParsingContext, _node: &NodeProto) -> TractResult<Built> {
    Ok((expand(Activation::Softplus), vec![]))
}

/// Builds `Celu` from its node.
pub(crate) fn celu(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let alpha: f32 = node.get_attr_opt("alpha")?.unwrap_or(1.0);
    Ok((expand(Activation::Celu { alpha }), vec![]))
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Activation {
    Softplus,
    Celu { alpha: f32 },
}

/// Two activations are the same if their numbers are: none of them is a NaN that matters.
impl Eq for Activation {}

impl Activation {
    fn of(self, value: f64) -> f64 {
        match self {
            Self::Softplus => value.max(0.0) + (-value.abs()).exp().ln_1p(),
            Self::Celu { alpha } if value < 0.0 => {
                let alpha = f64::from(alpha);
                alpha * (value / alpha).exp_m1()
            }
            Self::Celu { .. } => value,
        }
    }
}

impl Expansion for Activation {
    fn name(&self) -> StaticName {
        ElementWiseMiniOp::name(self).into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        same_as_input(solver, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, ElementWiseOp(Box::new(*self), None), inputs)
    }
}

impl ElementWiseMiniOp for Activation {
    fn name(&self) -> String {
        match self {
            Self::Softplus => "Softplus".to_owned(),
            Self::Celu { .. } => "Celu".to_owned(),
        }
    }

    /// Computed in double precision and rounded once.
    fn eval_in_place(&self, tensor: &mut Tensor, _out: Option<DatumType>) -> TractResult<()> {
        let datum_type = tensor.datum_type();
        let mut plain = tensor.try_as_plain_ram_mut()?;
        if datum_type == DatumType::F16 {
            let values = plain.as_slice_mut::<f16>()?;
            let of = |value: &mut f16| *value = f16::from_f64(self.of(value.to_f64()));
            values.iter_mut().for_each(of);
        } else if datum_type == DatumType::F32 {
            let values = plain.as_slice_mut::<f32>()?;
            #[expect(clippy::cast_possible_truncation, reason = "rounded to the datatype")]
            let of = |value: &mut f32| *value = self.of(f64::from(*value)) as f32;
            values.iter_mut().for_each(of);
        } else if datum_type == DatumType::F64 {
            let values = plain.as_slice_mut::<f64>()?;
            values.iter_mut().for_each(|value| *value = self.of(*value));
        } else {
            bail!(
                "{} wants floats, given {datum_type:?}",
                ElementWiseMiniOp::name(self)
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, close, float, standard};

    #[track_caller]
    fn check(operator: &str, alpha: Option<f32>, input: &[f32], expected: &[f32]) {
        let attributes = || {
            alpha
                .map(|alpha| float("alpha", alpha))
                .into_iter()
                .collect()
        };
        let run = |input| standard(operator, 17, attributes(), vec![Input::Given(input)]);
        close(&run(tensor1(input)).unwrap(), expected);
        let double: Vec<f64> = input.iter().map(|value| f64::from(*value)).collect();
        close(&run(tensor1(&double)).unwrap(), expected);
    }

    /// Expected values: onnxruntime 1.31.1.
    #[test]
    fn softplus_of_values_of_any_size() {
        check(
            "Softplus",
            None,
            &[1., -2.5, 50., 89., 1000., -100.],
            &[1.313_262, 0.078_889, 50., 89., 1000., 0.],
        );
    }

    /// Expected values: onnxruntime 1.31.1.
    #[test]
    fn celu_scales_the_negative_part() {
        check("Celu", None, &[-2.5, 0.5], &[-0.917_915, 0.5]);
        check(
            "Celu",
            Some(0.4),
            &[-2.5, -0.5, 1.5],
            &[-0.399_228, -0.285_398, 1.5],
        );
        check("Celu", Some(2.), &[-2., 0., 2.], &[-1.264_241, 0., 2.]);
    }

    #[test]
    fn what_is_no_number_stays_none() {
        let run = |operator| {
            let input = vec![Input::Given(tensor1(&[f32::NAN]))];
            standard(operator, 17, vec![], input).unwrap()
        };
        for operator in ["Softplus", "Celu"] {
            let output = run(operator).remove(0).cast_to_scalar::<f32>().unwrap();
            assert!(output.is_nan(), "{operator}");
        }
    }
}
