//! `Reshape` and `Flatten` (standard domain, every version) of lengths that only a run tells.
//!
//! tract wants to prove beforehand that no value is lost, and to know the list of lengths. Where
//! it cannot, the shape is changed at the run.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::change_axes::compute_shape_with_onnx_rules;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, node as kernel};
use crate::standard::sized::{
    MOST_VALUES, Planned, TOO_MANY, at_most, check_planned, expanded, lengths,
};
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
    Ok((expanded(Reshape { tract, form }), vec![]))
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
        let copied = given.get(place);
        shape.push(match *length {
            0 if !keeps_zeros => {
                fits(copied.is_some(), NONE_TO_COPY)?;
                *copied.context(NONE_TO_COPY)?
            }
            -1 => {
                fits(open.is_none(), "a tensor is reshaped to two open lengths")?;
                open = Some(place);
                1
            }
            length => {
                fits(length >= 0, "a tensor is reshaped to a length below -1")?;
                usize::try_from(length)?
            }
        });
    }
    let others = shape.iter().copied().fold(1, usize::saturating_mul);
    if let Some(length) = open.and_then(|place| shape.get_mut(place)) {
        let rest = values.checked_div(others);
        fits(rest.is_some(), "an open length stands beside one of zero")?;
        *length = rest.context("a length")?;
    }
    let reshaped = shape.iter().copied().fold(1, usize::saturating_mul);
    fits(
        reshaped == values,
        "a tensor is reshaped to another number of values",
    )?;
    // Lengths beside a zero are bounded by nothing else.
    let most = at_most(shape.iter().map(|length| *length as f64));
    fits(most <= values.max(MOST_VALUES) as f64, TOO_MANY)?;
    Ok(shape)
}

const NONE_TO_COPY: &str = "a tensor is reshaped to the length of an axis that it has not";

impl Planned for Reshape {
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
                solver.equals(&output.datum_type, &input.datum_type)?;
                solver.equals(&output.rank, 2)?;
                solver.given(&input.rank, move |_, rank| {
                    border(axis, usize::try_from(rank)?)?;
                    Ok(())
                })?;
                solver.given(&input.shape, move |solver, shape| {
                    let (before, after) = shape.split_at(border(axis, shape.len())?);
                    for (place, axes) in [before, after].into_iter().enumerate() {
                        // tract does not compare products of symbols.
                        let open = axes.iter().filter(|length| length.to_i64().is_err());
                        if open.count() <= 1 {
                            solver.equals(&output.shape[place], axes.iter().product::<TDim>())?;
                        }
                    }
                    Ok(())
                })
            }
            (Form::Listed { keeps_zeros }, [input, list], [output]) => {
                solver.equals(&output.datum_type, &input.datum_type)?;
                solver.equals(output.rank.bex().to_dim(), &list.shape[0])?;
                solver.given_2(&input.shape, &list.value, move |solver, shape, list| {
                    let list = list.cast_to::<TDim>()?;
                    let list = list.try_as_plain_ram()?.as_slice::<TDim>()?;
                    let mut lengths = shape.iter().chain(list);
                    let is_known = lengths.all(|length| length.to_i64().is_ok());
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
        let is_stored = |list: &TypedFact| list.konst.as_deref().is_some_and(is_of_numbers);
        let is_listed = list.as_ref().is_none_or(is_stored);
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

/// Whether a stored list has no symbol, as the shape of a tensor may.
fn is_of_numbers(list: &Tensor) -> bool {
    list.cast_to::<i64>().is_ok()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, integer, node, outputs_of_graph, standard, value};
    use tract_onnx::pb::GraphProto;

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn lists_of_a_run_follow_the_rules() {
        let run = |given: &[usize], list: &[i64], keeps_zeros| {
            let input = Input::Given(Tensor::zero::<f32>(given).unwrap());
            let inputs = vec![input, Input::Given(tensor1(list))];
            standard(
                "Reshape",
                14,
                vec![integer("allowzero", keeps_zeros)],
                inputs,
            )
        };
        let check = |given: &[usize], list: &[i64], expected: &[usize]| {
            assert_eq!(run(given, list, 0).unwrap()[0].shape(), expected);
        };
        check(&[0, 3], &[-1, 0], &[0, 3]);
        check(&[0, 3], &[5, -1], &[5, 0]);
        check(&[2, 3], &[0, -1, 1], &[2, 3, 1]);
        let refused = |given: &[usize], list: &[i64], keeps_zeros, reason| {
            let error = run(given, list, keeps_zeros).unwrap_err();
            let unfit = crate::Unfit::of(&error).map(|unfit| unfit.to_string());
            assert!(
                unfit.is_some_and(|unfit| unfit.contains(reason)),
                "{error:?}"
            );
        };
        refused(&[0, 3], &[0, -1], 0, "beside one of zero");
        refused(&[2, 3], &[2, 3, 0], 0, "that it has not");
        refused(&[2, 3], &[-2, 3], 0, "below -1");
        refused(&[2, 3], &[-1, -1], 0, "two open lengths");
        refused(&[2, 3], &[4, -1], 0, "another number of values");
        let long = i64::MAX;
        refused(&[0, 3], &[long, long, 0], 1, "67,108,864 values");
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn a_list_may_be_a_shape_that_a_run_tells() {
        let graph = GraphProto {
            node: vec![
                node("Compress", &["x", "a"], &["left"], vec![integer("axis", 0)]),
                node("Shape", &["left"], &["shape"], vec![]),
                node("Reshape", &["z", "shape"], &["like"], vec![]),
                node("Add", &["left", "like"], &["y"], vec![]),
            ],
            input: ["x", "a", "z"].map(value).into(),
            output: vec![value("y")],
            ..Default::default()
        };
        let run = |kept: &[bool]| {
            let zeros = |shape: &[usize]| Tensor::zero::<f32>(shape).unwrap();
            let inputs = vec![zeros(&[3, 2]), tensor1(kept), zeros(&[4])];
            outputs_of_graph(graph.clone(), 18, inputs)
        };
        let output = run(&[true, false, true]).unwrap();
        assert_eq!(output[0].shape(), [2, 2]);
        let error = run(&[true, true, true]).unwrap_err();
        assert!(crate::Unfit::of(&error).is_some(), "{error:?}");
    }

    #[test]
    fn rows_of_two_lengths_that_a_run_tells_are_flattened() {
        let axis = |axis| vec![integer("axis", axis)];
        for (first, flat) in [(1, [2usize, 6]), (2, [4, 3]), (0, [1, 12])] {
            let graph = GraphProto {
                node: vec![
                    node("Compress", &["x", "a"], &["rows"], axis(0)),
                    node("Compress", &["rows", "b"], &["both"], axis(1)),
                    node("Flatten", &["both"], &["y"], axis(first)),
                ],
                input: ["x", "a", "b"].map(value).into(),
                output: vec![value("y")],
                ..Default::default()
            };
            let input = Tensor::zero::<f32>(&[3, 2, 3]).unwrap();
            let (a, b) = (tensor1(&[true, false, true]), tensor1(&[true, true]));
            let output = outputs_of_graph(graph, 18, vec![input, a, b]).unwrap();
            assert_eq!(output[0].shape(), flat);
        }
    }
}
