//! `Reshape` and `Flatten` (standard domain, every version) of lengths that only a run tells.
//!
//! tract wants to prove beforehand that no value is lost, and to know the list of lengths. Where
//! it cannot, the shape is changed at the run.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::change_axes::compute_shape_with_onnx_rules;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, node as kernel};
use crate::standard::sized::{check_planned, lengths};
use crate::tract::{Built, axis_place, build, expansion, integers};
use crate::unfit::fits;

/// Builds `Reshape` or `Flatten` from its node.
pub(crate) fn reshape(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let form = match node.op_type.as_str() {
        "Flatten" => Form::Rows {
            axis: node.get_attr_opt("axis")?.unwrap_or(1),
        },
        _ => Form::Listed {
            keeps_zeros: node.get_attr_opt("allowzero")?.unwrap_or(0i64) != 0,
        },
    };
    let tract = expansion(build(context, node)?)?;
    Ok((expand(Reshape { tract, form }), vec![]))
}

/// How the shape is changed.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// The axes before this one are one, and those from it on.
    Rows { axis: i64 },
    /// To the lengths of a list; a zero is the length that was, unless zeros are kept.
    Listed { keeps_zeros: bool },
}

#[derive(Debug, Clone)]
struct Reshape {
    tract: Box<dyn Expansion>,
    form: Form,
}

impl Form {
    /// The shape that a run gives, for these lengths and the list.
    fn shape(self, given: &[usize], list: Option<&TValue>) -> TractResult<TVec<usize>> {
        match self {
            Self::Rows { axis } => {
                let (before, after) = given.split_at(border(axis, given.len())?);
                Ok(tvec![before.iter().product(), after.iter().product()])
            }
            Self::Listed { keeps_zeros } => {
                let list = integers(list.context("Reshape has a list of lengths")?)?;
                listed(given, &list, keeps_zeros)
            }
        }
    }
}

/// The place of the first axis that is not before the rows; it may be the one after the last.
fn border(axis: i64, rank: usize) -> TractResult<usize> {
    match usize::try_from(axis) {
        Ok(axis) if axis == rank => Ok(rank),
        _ => axis_place(axis, rank),
    }
}

fn listed(given: &[usize], list: &[i64], keeps_zeros: bool) -> TractResult<TVec<usize>> {
    let values: usize = given.iter().product();
    let mut shape: TVec<usize> = tvec![];
    let mut open = None;
    for (place, length) in list.iter().enumerate() {
        shape.push(match *length {
            0 if !keeps_zeros => *given.get(place).context("an axis to copy the length of")?,
            -1 if open.is_none() => {
                open = Some(place);
                1
            }
            length => usize::try_from(length)?,
        });
    }
    let others = shape.iter().copied().fold(1, usize::saturating_mul);
    if let Some(length) = open.and_then(|place| shape.get_mut(place)) {
        *length = values.checked_div(others).unwrap_or(0);
    }
    let reshaped = shape.iter().copied().fold(1, usize::saturating_mul);
    fits(
        reshaped == values,
        "a tensor is reshaped to another number of values",
    )?;
    Ok(shape)
}

impl Expansion for Reshape {
    fn name(&self) -> StaticName {
        self.tract.name()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_output_arity(outputs, 1)?;
        match (self.form, inputs, outputs) {
            (Form::Rows { axis }, [input], [output]) => {
                solver.equals(&output.rank, 2)?;
                solver.given(&input.rank, move |_, rank| {
                    border(axis, usize::try_from(rank)?)?;
                    Ok(())
                })?;
                self.tract.rules(solver, inputs, outputs)
            }
            (Form::Listed { keeps_zeros }, [input, list], [output]) => {
                solver.equals(&output.datum_type, &input.datum_type)?;
                solver.equals(output.rank.bex().to_dim(), &list.shape[0])?;
                solver.given_2(&input.shape, &list.value, move |solver, shape, list| {
                    let list = list.cast_to::<TDim>()?;
                    let list = list.try_as_plain_ram()?.as_slice::<TDim>()?;
                    let is_known = shape.iter().all(|length| length.to_i64().is_ok());
                    let reshaped = compute_shape_with_onnx_rules(&shape, list, keeps_zeros);
                    match reshaped {
                        Ok(shape) => solver.equals(&output.shape, ShapeFactoid::from(shape)),
                        Err(_) if !is_known => Ok(()),
                        Err(error) => Err(error),
                    }
                })
            }
            _ => bail!("{} has other inputs", self.name()),
        }
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        self.wire_as(prefix, None, model, inputs)
    }

    fn wire_with_inference_model_and_node(
        &self,
        prefix: &str,
        _source: &InferenceModel,
        node: &InferenceNode,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        self.wire_as(prefix, Some(node), model, inputs)
    }
}

impl Reshape {
    fn wire_as(
        &self,
        prefix: &str,
        node: Option<&InferenceNode>,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let fact = model.outlet_fact(*inputs.first().context("an input")?)?;
        if let Form::Rows { axis } = self.form {
            border(axis, fact.rank())?;
        }
        let (datum_type, is_known) = (fact.datum_type, fact.shape.as_concrete().is_some());
        let list = inputs.get(1).map(|list| model.outlet_fact(*list));
        let list = list.transpose()?.cloned();
        let is_listed = list.as_ref().is_none_or(|list| list.konst.is_some());
        let wired = self.tract.wire(prefix, model, inputs);
        if is_known && is_listed || wired.is_ok() {
            return wired;
        }
        let rank = match &list {
            Some(list) => list.shape.first().context("a list")?.to_usize()?,
            None => 2,
        };
        let late = Late {
            form: self.form,
            fact: (datum_type, lengths(model, node, rank)),
        };
        model.wire_node(format!("{prefix}.at-run"), kernel(late), inputs)
    }
}

/// A change that a run makes.
#[derive(Debug)]
struct Late {
    form: Form,
    fact: Fact,
}

impl Kernel for Late {
    fn name(&self) -> &'static str {
        "Reshape"
    }

    fn has_new_lengths(&self) -> bool {
        true
    }

    fn facts(&self, _inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        Ok(tvec![self.fact.clone()])
    }

    fn outputs_of(&self, mut inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let list = (inputs.len() > 1).then(|| inputs.remove(1));
        let input = args_1!(inputs).into_tensor();
        let shape = self.form.shape(input.shape(), list.as_ref())?;
        check_planned(&shape, &self.fact.1)?;
        Ok(tvec![input.into_shape(&shape)?])
    }
}
