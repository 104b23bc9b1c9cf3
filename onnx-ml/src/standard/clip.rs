//! `Clip` (standard domain, versions 6 to 13): a NaN stays one, and an infinity none.
//!
//! tract makes a bound of a NaN, and keeps an infinity where a bound is left out. Its own operator is kept where it runs within a product or a
//! convolution: what a deep net computes is seldom no number, and a pass of its own costs time.

use tract_onnx::model::{ParsingContext, optional_inputs};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_core::ops::cnn::Conv;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_num_traits::Float;

use crate::kernel::{Fact, Kernel, node as kernel};
use crate::tract::{Built, Rewire, build, expansion, rewired, wire_one};

/// From this version on the bounds are inputs.
const BOUNDS_ARE_INPUTS: i64 = 11;

/// Builds the operator from its node.
pub(crate) fn clip(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let tract = expansion(build(context, node)?)?;
    let [low, high] = if context.onnx_operator_set_version < BOUNDS_ARE_INPUTS {
        let number = |name| node.get_attr_opt::<f32>(name);
        [number("min")?, number("max")?].map(|number| number.map(Bound::Number))
    } else {
        let mut places = optional_inputs(node).skip(1);
        let mut place = || places.next().flatten().map(Bound::Input);
        [place(), place()]
    };
    Ok(rewired(tract, Clip { low, high }))
}

#[derive(Debug, Clone, Copy)]
enum Bound {
    Number(f32),
    /// The place of an input.
    Input(usize),
}

#[derive(Debug)]
struct Clip {
    low: Option<Bound>,
    high: Option<Bound>,
}

impl Rewire for Clip {
    fn wire(
        &self,
        tract: &dyn Expansion,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let values = *inputs.first().context("Clip has an input")?;
        let datum_type = model.outlet_fact(values)?.datum_type;
        if !datum_type.is_float() || is_of_product(model, values) {
            return tract.wire(prefix, model, inputs);
        }
        let mut given = tvec![values];
        for (name, bound) in [("low", self.low), ("high", self.high)] {
            let name = format!("{prefix}.{name}");
            let bound = match bound {
                None => continue,
                Some(Bound::Number(number)) => model.add_const(name.clone(), tensor0(number))?,
                Some(Bound::Input(place)) => *inputs.get(place).context("a bound")?,
            };
            given.push(wire_one(model, name + ".cast", cast(datum_type), &[bound])?);
        }
        let bounds = Bounds {
            has_low: self.low.is_some(),
            has_high: self.high.is_some(),
        };
        model.wire_node(prefix, kernel(bounds), &given)
    }
}

/// Whether a value comes from a product or a convolution, by way of constants alone.
fn is_of_product(model: &TypedModel, mut outlet: OutletId) -> bool {
    let is_computed = |input: &&OutletId| {
        let fact = model.outlet_fact(**input);
        fact.is_ok_and(|fact| fact.konst.is_none())
    };
    while let Some(node) = model.nodes.get(outlet.node) {
        if node.op_is::<EinSum>() || node.op_is::<Conv>() {
            return true;
        }
        let mut computed = node.inputs.iter().filter(is_computed);
        let is_passed = node.op_is::<TypedBinOp>() || node.op_is::<AxisOp>();
        let (true, Some(input), None) = (is_passed, computed.next(), computed.next()) else {
            return false;
        };
        outlet = *input;
    }
    false
}

/// The values, followed by the bounds there are: scalars of their datatype.
#[derive(Debug)]
struct Bounds {
    has_low: bool,
    has_high: bool,
}

impl Bounds {
    fn clip<T: Datum + Float>(&self, values: &mut Tensor, bounds: &[TValue]) -> TractResult<()> {
        let mut bounds = bounds.iter();
        let mut bound = |is_given: bool, none: T| -> TractResult<T> {
            if !is_given {
                return Ok(none);
            }
            bounds.next().context("a bound")?.cast_to_scalar::<T>()
        };
        let low = bound(self.has_low, T::min_value())?;
        let high = bound(self.has_high, T::max_value())?;
        // As in onnxruntime, a bound that is left out is the last number, so no infinity stays.
        // A comparison with a NaN fails, so it stays; the upper bound wins, as in ONNX.
        let clipped = |value: T| {
            let value = if value < low { low } else { value };
            if value > high { high } else { value }
        };
        let mut plain = values.try_as_plain_ram_mut()?;
        let values = plain.as_slice_mut::<T>()?.iter_mut();
        values.for_each(|value| *value = clipped(*value));
        Ok(())
    }
}

impl Kernel for Bounds {
    fn name(&self) -> &'static str {
        "Clip"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let values = inputs.first().context("Clip has an input")?;
        Ok(tvec![values.clone()])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let mut inputs = inputs.into_iter();
        let mut values = inputs.next().context("Clip has an input")?.into_tensor();
        let bounds: Vec<TValue> = inputs.collect();
        dispatch_floatlike!(Self::clip(values.datum_type())(self, &mut values, &bounds))?;
        Ok(tvec![values])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, float, standard};
    use tract_onnx::pb::AttributeProto;

    /// Given in order: a NaN below, values around the bounds -1 and 1.
    const VALUES: [f32; 5] = [f32::NAN, -2., 0.5, 2., f32::INFINITY];

    #[track_caller]
    fn check(
        version: i64,
        attributes: Vec<AttributeProto>,
        bounds: Vec<Input>,
        expected: [f32; 5],
    ) {
        let mut inputs = vec![Input::Given(tensor1(&VALUES))];
        inputs.extend(bounds);
        let outputs = standard("Clip", version, attributes, inputs).unwrap();
        outputs[0].close_enough(&tensor1(&expected), false).unwrap();
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn what_is_no_number_stays_none() {
        let [low, high] = [-1f32, 1.].map(|bound| Input::Stored(tensor0(bound)));
        let nan = f32::NAN;
        let both = [nan, -1., 0.5, 1., 1.];
        let attributes = vec![float("min", -1.), float("max", 1.)];
        check(6, attributes, vec![], both);
        check(13, vec![], vec![low.clone(), high.clone()], both);
        let above = [nan, -1., 0.5, 2., f32::MAX];
        check(13, vec![], vec![low.clone()], above);
        let below = [nan, -2., 0.5, 1., 1.];
        check(13, vec![], vec![Input::None, high], below);
        let unbounded = [nan, -2., 0.5, 2., f32::MAX];
        check(13, vec![], vec![], unbounded);
        check(6, vec![], vec![], unbounded);
        let crossed = [nan, -3., -3., -3., -3.];
        let given = Input::Given(tensor0(-3f32));
        check(13, vec![], vec![low, given], crossed);
    }

    /// So that it stays in the kernel of the product.
    #[test]
    fn a_product_is_clipped_by_tract() {
        let mut model = TypedModel::default();
        let given = model.add_source("x", f32::fact([2, 3])).unwrap();
        assert!(!is_of_product(&model, given));
        let weights = Tensor::zero::<f32>(&[3, 4]).unwrap();
        let weights = model.add_const("weights", weights).unwrap();
        let product = EinSum::new("mk,kn->mn".parse().unwrap(), DatumType::F32);
        let product = wire_one(&mut model, "y".into(), product, &[given, weights]).unwrap();
        assert!(is_of_product(&model, product));
        let add = tract_core::ops::math::add;
        let bias = model.add_const("bias", tensor2(&[[1f32]])).unwrap();
        let sum = wire_one(&mut model, "sum".into(), add(), &[product, bias]).unwrap();
        assert!(is_of_product(&model, sum));
        let both = wire_one(&mut model, "both".into(), add(), &[sum, product]).unwrap();
        assert!(!is_of_product(&model, both));
    }

    #[test]
    fn bounds_have_the_type_of_the_values() {
        let inputs = [f64::NAN, 2., 1.].map(tensor0).map(Input::Given);
        let [value, ..] = &standard("Clip", 13, vec![], inputs.to_vec()).unwrap()[..] else {
            panic!("an output")
        };
        assert!(value.cast_to_scalar::<f64>().unwrap().is_nan());
        let inputs = [5i64, 1, 3].map(tensor0).map(Input::Given);
        let output = standard("Clip", 13, vec![], inputs.to_vec()).unwrap();
        assert_eq!(output, [tensor0(3i64)]);
    }
}
