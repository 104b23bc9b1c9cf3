//! `ReduceMax` and `ReduceMin` (standard domain, versions 1 to 20) of truths and infinities.
//!
//! tract has numbers alone; a truth is compared as the number 0 or 1. Where all values are the
//! infinity that any number wins against, tract gives the number next to it.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::dyn_clone::clone_box;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_num_traits::Float;

use crate::kernel::{Fact, Kernel, node as kernel};
use crate::tract::{Built, Rewire, build, expansion, rewired, wire_one};

/// Builds either operator from its node.
pub(crate) fn reduce(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    Ok(rewired(expansion(build(context, node)?)?, Reduce))
}

#[derive(Debug)]
struct Reduce;

impl Rewire for Reduce {
    fn wire(
        &self,
        tract: &dyn Expansion,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let mut inputs: TVec<OutletId> = inputs.into();
        let values = inputs.first_mut().context("there is an input")?;
        let datum_type = model.outlet_fact(*values)?.datum_type;
        if let Some(last) = last_number(datum_type) {
            let reduced = tract.wire(&format!("{prefix}.reduced"), model, &inputs)?;
            inputs.extend(reduced);
            let tract = clone_box(tract);
            return model.wire_node(prefix, kernel(Infinities { tract, last }), &inputs);
        }
        if datum_type != bool::datum_type() {
            return tract.wire(prefix, model, &inputs);
        }
        let name = format!("{prefix}.numbers");
        *values = wire_one(model, name, cast(DatumType::U8), &[*values])?;
        let reduced = tract.wire(&format!("{prefix}.reduced"), model, &inputs)?;
        model.wire_node(prefix, cast(DatumType::Bool), &reduced)
    }
}

/// The largest number of a floating-point type.
fn last_number(datum_type: DatumType) -> Option<f64> {
    let types = [
        (DatumType::F16, f16::MAX.to_f64()),
        (DatumType::F32, f64::from(f32::MAX)),
        (DatumType::F64, f64::MAX),
    ];
    let found = types.iter().find(|(other, _)| *other == datum_type);
    found.map(|(_, last)| *last)
}

/// What tract reduced, the last of the inputs, with infinities in the place of numbers next to one.
#[derive(Debug)]
struct Infinities {
    tract: Box<dyn Expansion>,
    last: f64,
}

impl Infinities {
    fn is_last(&self, value: f64) -> bool {
        value.abs() == self.last
    }
}

impl Kernel for Infinities {
    fn name(&self) -> &'static str {
        "Infinities"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        Ok(tvec![inputs.last().context("what is reduced")?.clone()])
    }

    /// Of values half as large tract's answer is half as large, unless they were infinite.
    fn outputs_of(&self, mut inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let reduced = inputs.pop().context("what is reduced")?;
        if !dispatch_floatlike!(holds_last(reduced.datum_type())(&reduced))? {
            return Ok(tvec![reduced.into_tensor()]);
        }
        let mut numbers = reduced.cast_to::<f64>()?.into_owned();
        let mut numbers_view = numbers.to_plain_array_view_mut::<f64>()?;
        let values = inputs.first_mut().context("values")?;
        let mut halves = values.cast_to::<f64>()?.into_owned();
        let mut halves_view = halves.to_plain_array_view_mut::<f64>()?;
        halves_view.mapv_inplace(|value| value / 2.0);
        let halves = halves.cast_to_dt(values.datum_type())?.into_owned();
        *values = halves.into_tvalue();
        let halves = self.tract.eval(&EvalContext::out_of_plan(), inputs)?;
        let halves = halves
            .first()
            .context("what is reduced")?
            .cast_to::<f64>()?;
        let halves = halves.to_plain_array_view::<f64>()?;
        for (value, half) in numbers_view.iter_mut().zip(halves.iter()) {
            if self.is_last(*value) && self.is_last(*half) {
                *value = value.signum() * f64::INFINITY;
            }
        }
        Ok(tvec![
            numbers.cast_to_dt(reduced.datum_type())?.into_owned()
        ])
    }
}

/// Whether one of the values is the number next to an infinity.
fn holds_last<T: Datum + Float>(values: &Tensor) -> TractResult<bool> {
    let values = values.to_plain_array_view::<T>()?;
    Ok(values.iter().any(|value| value.abs() == T::max_value()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, integer, integers, standard};

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn truths_are_ordered() {
        let run = |operator, input: Tensor| {
            let attributes = vec![integers("axes", &[1])];
            standard(operator, 13, attributes, vec![Input::Given(input)]).unwrap()
        };
        let truths = || tensor2(&[[true, false], [false, false], [true, true]]);
        let any = tensor2(&[[true], [false], [true]]);
        assert_eq!(run("ReduceMax", truths()), [any]);
        let all = tensor2(&[[false], [false], [true]]);
        assert_eq!(run("ReduceMin", truths()), [all]);
        let numbers = tensor2(&[[1f32, -2.]]);
        assert_eq!(run("ReduceMin", numbers), [tensor2(&[[-2f32]])]);
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn infinities_stay_where_there_is_nothing_else() {
        let infinity = f32::INFINITY;
        let rows = tensor2(&[
            [-infinity, -infinity],
            [-infinity, f32::MIN],
            [-infinity, 1.0],
            [f32::MAX, infinity],
            [infinity, infinity],
        ]);
        let check = |operator, expected: [f32; 5]| {
            for datum_type in [DatumType::F16, DatumType::F32, DatumType::F64] {
                let last = last_number(datum_type).unwrap();
                let as_type = |tensor: &Tensor| {
                    let numbers = tensor.cast_to::<f64>().unwrap().into_owned();
                    let numbers = numbers.to_plain_array_view::<f64>().unwrap();
                    let is_last = |value: f64| value.abs() == f64::from(f32::MAX);
                    let last = |value: f64| {
                        if is_last(value) {
                            value.signum() * last
                        } else {
                            value
                        }
                    };
                    let numbers = numbers.mapv(last).into_tensor();
                    numbers.cast_to_dt(datum_type).unwrap().into_owned()
                };
                let attributes = vec![integers("axes", &[1]), integer("keepdims", 0)];
                let inputs = vec![Input::Given(as_type(&rows))];
                let output = standard(operator, 13, attributes, inputs).unwrap();
                assert_eq!(output, [as_type(&tensor1(&expected))], "{operator}");
            }
        };
        let [least, most] = [f32::MIN, f32::MAX];
        check("ReduceMax", [-infinity, least, 1.0, infinity, infinity]);
        check(
            "ReduceMin",
            [-infinity, -infinity, -infinity, most, infinity],
        );
    }
}
