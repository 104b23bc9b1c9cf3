//! `ConstantOfShape` (standard domain, versions 9 to 25) of a shape that only a run tells.
//!
//! tract wants to know the shape beforehand; where it does, its own operator is kept.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, node as kernel, only, values};
use crate::standard::sized::{
    MOST_VALUES, Planned, TOO_MANY, at_most, check_planned, expanded, lengths,
};
use crate::tract::{Built, integers};
use crate::unfit::fits;

/// Builds the operator from its node.
pub(crate) fn constant_of_shape(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let value = match node.get_attr_opt::<&TensorProto>("value")? {
        Some(proto) => context.load_tensor(proto)?,
        None => tensor1(&[0f32]),
    };
    ensure!(
        value.len() == 1,
        "`value` has {} values, not one",
        value.len()
    );
    let value = value.into_shape(&[])?.into_arc_tensor();
    Ok((expanded(Filled { value }), vec![]))
}

#[derive(Debug, Clone)]
struct Filled {
    value: Arc<Tensor>,
}

impl Planned for Filled {
    fn name(&self) -> StaticName {
        "ConstantOfShape".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        let ([input], [output]) = (inputs, outputs) else {
            bail!("ConstantOfShape has one input and one output")
        };
        solver.equals(&output.datum_type, self.value.datum_type())?;
        solver.equals(&input.rank, 1)?;
        solver.equals(output.rank.bex().to_dim(), &input.shape[0])?;
        solver.given(&input.value, move |solver, shape| {
            let shape = shape.cast_to::<TDim>()?;
            let shape: TVec<TDim> = values::<TDim>(&shape)?.into();
            solver.equals(&output.shape, shape)
        })
    }

    fn wire(
        &self,
        prefix: &str,
        node: Option<&InferenceNode>,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let fact = model.outlet_fact(*only(inputs)?)?;
        if let Some(shape) = &fact.konst {
            if shape.datum_type() != TDim::datum_type() {
                // Before tract cuts them to 32 bits.
                counts(&integers(shape)?)?;
            }
            let shape = shape.cast_to::<TDim>()?;
            let shape: TVec<TDim> = values::<TDim>(&shape)?.into();
            let known: Vec<i64> = shape.iter().filter_map(|dim| dim.to_i64().ok()).collect();
            counts(&known)?;
            let value = model.add_const(format!("{prefix}.value"), Arc::clone(&self.value))?;
            let broadcast = tract_core::ops::array::MultiBroadcastTo::new(shape.into());
            return model.wire_node(prefix, broadcast, &[value]);
        }
        let rank = fact
            .shape
            .first()
            .context("a shape is a list")?
            .to_usize()?;
        let late = Late {
            value: Arc::clone(&self.value),
            lengths: lengths(model, node, rank),
        };
        model.wire_node(prefix, kernel(late), inputs)
    }
}

/// The operator of a shape that is given with each run.
#[derive(Debug)]
struct Late {
    value: Arc<Tensor>,
    lengths: TVec<TDim>,
}

impl Kernel for Late {
    fn name(&self) -> &'static str {
        "ConstantOfShape"
    }

    fn has_new_lengths(&self) -> bool {
        true
    }

    fn facts(&self, _inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        Ok(tvec![(self.value.datum_type(), self.lengths.clone())])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let shape = args_1!(inputs);
        let shape = shape.cast_to::<i64>()?;
        let shape = counts(values::<i64>(&shape)?)?;
        check_planned(&shape, &self.lengths)?;
        Ok(tvec![self.value.broadcast_scalar_to_shape(&shape)?])
    }
}

/// The lengths of a shape that can be made; one without values may not be of any lengths either.
fn counts(shape: &[i64]) -> TractResult<TVec<usize>> {
    let are_lengths = shape.iter().all(|length| *length >= 0);
    fits(are_lengths, "a length of a shape is below zero")?;
    let most = at_most(shape.iter().map(|length| *length as f64));
    fits(most <= MOST_VALUES as f64, TOO_MANY)?;
    let lengths = shape.iter().copied().map(usize::try_from);
    Ok(lengths.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, standard};

    #[track_caller]
    fn check(shape: Input, expected: &[usize]) {
        let output = standard("ConstantOfShape", 17, vec![], vec![shape]).unwrap();
        assert_eq!(output, [Tensor::zero::<f32>(expected).unwrap()]);
    }

    #[test]
    fn shapes_are_stored_or_given() {
        for shape in [&[2i64, 3][..], &[0], &[]] {
            let expected: Vec<usize> = shape.iter().map(|length| *length as usize).collect();
            check(Input::Stored(tensor1(shape)), &expected);
            check(Input::Given(tensor1(shape)), &expected);
        }
    }

    #[test]
    fn a_shape_has_bounds() {
        let shapes: [(&[i64], &str); 6] = [
            (&[-1], "below zero"),
            (&[0, -1], "below zero"),
            (&[-1, 0], "below zero"),
            (&[1 << 20, 1 << 20], "67,108,864 values"),
            (&[1 << 62, 1 << 62], "67,108,864 values"),
            (&[1 << 40, 0], "67,108,864 values"),
        ];
        for (shape, reason) in shapes {
            for shape in [Input::Given(tensor1(shape)), Input::Stored(tensor1(shape))] {
                let error = standard("ConstantOfShape", 17, vec![], vec![shape]).unwrap_err();
                assert!(format!("{error:?}").contains(reason), "{error:?}");
            }
            let given = vec![Input::Given(tensor1(shape))];
            let error = standard("ConstantOfShape", 17, vec![], given).unwrap_err();
            assert!(crate::Unfit::of(&error).is_some(), "{error:?}");
        }
    }
}
