//! `Softmax` (standard domain, all versions) of short rows of 32-bit or 64-bit floats; all else of it is tract's.
//!
//! tract prepares some hundred values for each row, which is most of the time where a row is a few classes.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, node as wired, only};
use crate::ml::post_transform::PostTransform;
use crate::tract::{Built, Rewire, build, expansion, rewired};

/// Rows of up to so many values are computed here.
const SHORT: usize = 32;
/// Since this version the operator is along one axis, by default the last; before, along all from one on, by
/// default the second. From the last one on there is one.
const ONE_AXIS: i64 = 13;

/// Builds the operator from its node.
pub(crate) fn softmax(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let default = if context.onnx_operator_set_version < ONE_AXIS {
        1
    } else {
        -1
    };
    let softmax = Softmax {
        axis: node.get_attr_opt("axis")?.unwrap_or(default),
    };
    Ok(rewired(expansion(build(context, node)?)?, softmax))
}

#[derive(Debug)]
struct Softmax {
    axis: i64,
}

impl Softmax {
    fn is_short(&self, fact: &TypedFact) -> TractResult<bool> {
        let last = i64::try_from(fact.rank())? - 1;
        let length = fact.shape.last().and_then(|length| length.to_usize().ok());
        Ok([DatumType::F32, DatumType::F64].contains(&fact.datum_type)
            && (self.axis == -1 || self.axis == last)
            && length.is_some_and(|length| (1..=SHORT).contains(&length)))
    }
}

impl Rewire for Softmax {
    fn wire(
        &self,
        tract: &dyn Expansion,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        if self.is_short(model.outlet_fact(*only(inputs)?)?)? {
            return model.wire_node(prefix, wired(ShortRows), inputs);
        }
        tract.wire(prefix, model, inputs)
    }
}

#[derive(Debug)]
struct ShortRows;

impl Kernel for ShortRows {
    fn name(&self) -> &'static str {
        "Softmax"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        Ok(tvec![only(inputs)?.clone()])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let mut tensor = args_1!(inputs).into_tensor();
        let width = tensor.shape().last().copied().unwrap_or(1);
        let is_double = tensor.datum_type() == f64::datum_type();
        let mut plain = tensor.try_as_plain_ram_mut()?;
        if is_double {
            let rows = plain.as_slice_mut::<f64>()?.chunks_exact_mut(width);
            rows.for_each(double);
        } else {
            PostTransform::Softmax.apply_rows(plain.as_slice_mut()?, width)?;
        }
        Ok(tvec![tensor])
    }
}

/// A row of 64-bit floats; of the largest value, so none overflows.
fn double(row: &mut [f64]) {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter_mut()
        .for_each(|value| *value = (*value - largest).exp());
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|value| *value /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, integer, standard};

    /// Short rows are as the same rows made long by values that count for nothing.
    #[track_caller]
    fn check(version: i64, axis: Option<i64>) {
        let row = [0.5f32, -3.0, 2.25];
        let none = [f32::MIN; 2 * SHORT];
        let long = [&row[..], &none].concat();
        let softmax = |row: &[f32]| {
            let row = tensor1(row).into_shape(&[1, row.len()]).unwrap();
            let attributes = axis.iter().map(|axis| integer("axis", *axis)).collect();
            standard("Softmax", version, attributes, vec![Input::Given(row)]).unwrap()
        };
        let (short, long) = (softmax(&row), softmax(&long));
        let long = long[0].slice(1, 0, 3).unwrap();
        short[0].close_enough(&long, Approximation::Close).unwrap();
    }

    #[test]
    fn short_rows_are_as_long_ones() {
        check(11, None);
        check(11, Some(1));
        check(13, None);
        check(13, Some(-1));
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn short_rows_of_64_bit_floats() {
        let rows = tensor2(&[
            [1f64, 2., 3.],
            [1000., 1000., -1000.],
            [f64::NEG_INFINITY, 0., 0.],
            [f64::NAN, 1., 2.],
            [f64::INFINITY, 1., 2.],
        ]);
        let outputs = standard("Softmax", 13, vec![], vec![Input::Given(rows)]).unwrap();
        let expected = tensor2(&[
            [0.09003057317038046, 0.24472847105479764, 0.6652409557748219],
            [0.5, 0.5, 0.],
            [0., 0.5, 0.5],
            [f64::NAN; 3],
            [f64::NAN; 3],
        ]);
        let close = outputs[0].close_enough(&expected, Approximation::Close);
        close.unwrap();
    }

    #[test]
    fn another_axis_is_left_to_tract() {
        let input = Input::Given(tensor2(&[[1f32, 2.], [1., 2.]]));
        let outputs = standard("Softmax", 13, vec![integer("axis", 0)], vec![input]).unwrap();
        let expected = tensor2(&[[0.5f32, 0.5], [0.5, 0.5]]);
        outputs[0]
            .close_enough(&expected, Approximation::Close)
            .unwrap();
    }
}
