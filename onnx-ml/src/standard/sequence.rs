//! `SplitToSequence` (standard domain, versions 11 and 24) with `SequenceAt`: how exporters write
//! a split or an unbinding whose pieces are known by their places.
//!
//! No sequence is made: the whole tensor stands for it, and each piece is cut out where it is
//! taken. All other uses of a sequence are refused.

use std::ops::Range;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{GraphProto, NodeProto};
use tract_onnx::tract_core::ops::array::Slice;
use tract_onnx::tract_hir::internal::*;

use crate::graph::{inner_graphs, stored};
use crate::kernel::values;
use crate::tract::{Built, axis_place};

/// Why a node that makes or takes a sequence cannot be run, if it cannot.
pub(crate) fn refusal(graph: &GraphProto, node: &NodeProto) -> Option<&'static str> {
    match node.op_type.as_str() {
        "SplitToSequence" => node
            .output
            .iter()
            .any(|name| !is_only_taken_apart(graph, name))
            .then_some("its sequence is used by others than `SequenceAt`"),
        "SequenceAt" => maker(graph, node)
            .is_none()
            .then_some("its sequence is not made by `SplitToSequence`"),
        _ => None,
    }
}

fn is_only_taken_apart(graph: &GraphProto, name: &str) -> bool {
    let is_name = |other: &String| other == name;
    let is_used = |node: &&NodeProto| node.input.iter().any(is_name);
    let mut users = graph.node.iter().filter(is_used);
    let mut inner = graph.node.iter().flat_map(inner_graphs);
    users.all(|node| node.op_type == "SequenceAt")
        && !graph.output.iter().any(|output| output.name == name)
        && !inner.any(|graph| is_mentioned(graph, name))
}

fn is_mentioned(graph: &GraphProto, name: &str) -> bool {
    let is_name = |other: &String| other == name;
    let in_node = |node: &NodeProto| {
        node.input.iter().any(is_name) || inner_graphs(node).any(|graph| is_mentioned(graph, name))
    };
    graph.node.iter().any(in_node) || graph.output.iter().any(|output| output.name == name)
}

/// The node of the same graph that makes the sequence this one takes from.
fn maker<'g>(graph: &'g GraphProto, node: &NodeProto) -> Option<&'g NodeProto> {
    let sequence = node.input.first()?;
    let makes = |node: &&NodeProto| {
        node.op_type == "SplitToSequence" && node.output.first() == Some(sequence)
    };
    graph.node.iter().find(makes)
}

/// Builds `SplitToSequence` from its node.
pub(crate) fn split(_context: &ParsingContext, _node: &NodeProto) -> TractResult<Built> {
    Ok((expand(Whole), vec![]))
}

/// Builds `SequenceAt` from its node.
pub(crate) fn at(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let graph = context.parent_graphs.last().context("a node has a graph")?;
    let maker = maker(graph, node).context("the sequence is not made by `SplitToSequence`")?;
    let sizes = match maker.input.get(1).filter(|name| !name.is_empty()) {
        None => Sizes::One,
        Some(name) => {
            let sizes = stored(graph, name).context("`split` is not stored in the model")?;
            let sizes = context.load_tensor(sizes)?.cast_to::<i64>()?.into_owned();
            let is_list = sizes.rank() > 0;
            let sizes = values::<i64>(&sizes)?.iter();
            let sizes = sizes.map(|size| usize::try_from(*size));
            let sizes: TVec<usize> = sizes.collect::<Result<_, _>>()?;
            match sizes.as_slice() {
                [size] if !is_list => Sizes::Equal(*size),
                _ => Sizes::Each(sizes),
            }
        }
    };
    let keeps_axis = sizes != Sizes::One || maker.get_attr_opt("keepdims")?.unwrap_or(1i64) != 0;
    let axis = maker.get_attr_opt("axis")?.unwrap_or(0);
    Ok((
        expand(Piece {
            axis,
            keeps_axis,
            sizes,
        }),
        vec![],
    ))
}

/// A tensor in place of the sequence of its pieces.
#[derive(Debug, Clone)]
struct Whole;

impl Expansion for Whole {
    fn name(&self) -> StaticName {
        "SplitToSequence".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_output_arity(outputs, 1)?;
        let ([input, ..], [output]) = (inputs, outputs) else {
            bail!("SplitToSequence has an input and an output")
        };
        solver.equals(&output.datum_type, &input.datum_type)?;
        solver.equals(&output.shape, &input.shape)
    }

    fn wire(
        &self,
        _prefix: &str,
        _model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        Ok(inputs.iter().take(1).copied().collect())
    }
}

/// How long the pieces are along the axis.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sizes {
    One,
    /// All the same, the last as long as it comes.
    Equal(usize),
    Each(TVec<usize>),
}

impl Sizes {
    /// Where the piece at a place begins and ends; places below zero count from the end.
    fn piece(&self, place: i64, length: usize) -> TractResult<Range<usize>> {
        let begins: Vec<usize> = match self {
            Self::One => (0..length).collect(),
            Self::Equal(size) => {
                ensure!(*size > 0, "`split` is zero");
                (0..length).step_by(*size).collect()
            }
            Self::Each(sizes) => {
                let mut begin = 0usize;
                let begins = sizes.iter().map(|size| {
                    let at = begin;
                    begin = begin.saturating_add(*size);
                    at
                });
                let begins = begins.collect();
                ensure!(
                    begin == length,
                    "pieces of {begin} along an axis of {length}"
                );
                begins
            }
        };
        let place = axis_place(place, begins.len()).context("there is no such piece")?;
        let begin = begins.get(place).copied().unwrap_or(length);
        let end = begins.get(place + 1).copied().unwrap_or(length);
        Ok(begin..end)
    }
}

#[derive(Debug, Clone)]
struct Piece {
    axis: i64,
    keeps_axis: bool,
    sizes: Sizes,
}

impl Piece {
    /// The axis, and the part of it that is the piece.
    fn range(&self, shape: &[TDim], place: &Tensor) -> TractResult<(usize, Range<usize>)> {
        let along = axis_place(self.axis, shape.len())?;
        let length = shape.get(along).context("an axis")?.to_usize()?;
        let place = place.cast_to_scalar::<i64>()?;
        Ok((along, self.sizes.piece(place, length)?))
    }
}

impl Expansion for Piece {
    fn name(&self) -> StaticName {
        "SequenceAt".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 2)?;
        check_output_arity(outputs, 1)?;
        let ([whole, place], [output]) = (inputs, outputs) else {
            bail!("SequenceAt has two inputs and one output")
        };
        solver.equals(&output.datum_type, &whole.datum_type)?;
        solver.given_2(&whole.shape, &place.value, move |solver, shape, place| {
            let (along, range) = self.range(&shape, &place)?;
            let mut shape = shape;
            if self.keeps_axis {
                *shape.get_mut(along).context("an axis")? = range.len().to_dim();
            } else {
                shape.remove(along);
            }
            solver.equals(&output.shape, shape)
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [whole, place] = *inputs else {
            bail!("SequenceAt has two inputs")
        };
        let place = model.outlet_fact(place)?.konst.clone();
        let place = place.context("the place of a piece is not stored in the model")?;
        let shape = model.outlet_fact(whole)?.shape.to_tvec();
        let (along, range) = self.range(&shape, &place)?;
        let slice = Slice::new(along, range.start, range.end);
        if self.keeps_axis {
            return model.wire_node(prefix, slice, &[whole]);
        }
        let slice = model.wire_node(format!("{prefix}.slice"), slice, &[whole])?;
        model.wire_node(prefix, AxisOp::Rm(along), &slice)
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::tensor_proto::DataType;
    use tract_onnx::pb::{AttributeProto, ModelProto, TensorProto};

    use super::*;
    use crate::testing::{Input, evaluate, integer, model};

    /// The piece at this place.
    fn taken(place: i64, attributes: Vec<AttributeProto>) -> ModelProto {
        let mut model = model("SplitToSequence", "", attributes);
        let graph = model.graph.as_mut().unwrap();
        graph.node[0].output = vec!["pieces".into()];
        graph.node.push(NodeProto {
            input: vec!["pieces".into(), "place".into()],
            output: vec!["y".into()],
            op_type: "SequenceAt".into(),
            ..Default::default()
        });
        graph.initializer.push(TensorProto {
            name: "place".into(),
            data_type: DataType::Int64.into(),
            int64_data: vec![place],
            ..Default::default()
        });
        model
    }

    fn run(place: i64, attributes: &[(&str, i64)], split: Input) -> TractResult<Vec<Tensor>> {
        let attributes = attributes.iter().map(|(name, value)| integer(name, *value));
        let given = Input::Given(tensor2(&[[1f32, 2., 3.], [4., 5., 6.]]));
        evaluate(taken(place, attributes.collect()), vec![given, split])
    }

    #[track_caller]
    fn check(place: i64, attributes: &[(&str, i64)], split: Input, expected: Tensor) {
        assert_eq!(run(place, attributes, split).unwrap(), [expected]);
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn pieces_are_cut_out_where_they_are_taken() {
        check(1, &[], Input::None, tensor2(&[[4f32, 5., 6.]]));
        check(0, &[("keepdims", 0)], Input::None, tensor1(&[1f32, 2., 3.]));
        let column = tensor1(&[3f32, 6.]);
        check(-1, &[("axis", -1), ("keepdims", 0)], Input::None, column);
        let two = || Input::Stored(tensor0(2i64));
        let rest = tensor2(&[[3f32], [6.]]);
        check(1, &[("axis", 1)], two(), rest);
        let sizes = || Input::Stored(tensor1(&[1i64, 2]));
        let rest = tensor2(&[[2f32, 3.], [5., 6.]]);
        check(-1, &[("axis", 1)], sizes(), rest);
    }

    #[test]
    fn pieces_that_are_not_there_are_refused() {
        assert!(run(2, &[], Input::None).is_err());
        assert!(run(0, &[("axis", 2)], Input::None).is_err());
        assert!(run(0, &[], Input::Stored(tensor0(0i64))).is_err());
        assert!(run(0, &[], Input::Stored(tensor1(&[1i64, 2]))).is_err());
        assert!(run(0, &[], Input::Stored(tensor1(&[-1i64, 3]))).is_err());
    }

    #[test]
    fn all_other_sequences_are_refused() {
        let reasons = |model: &ModelProto| -> Vec<String> {
            let found = crate::unsupported(&crate::onnx(), model);
            found.iter().map(ToString::to_string).collect()
        };
        assert!(reasons(&taken(0, vec![])).is_empty());
        let mut shown = taken(0, vec![]);
        let graph = shown.graph.as_mut().unwrap();
        graph.output[0].name = "pieces".into();
        let used = "its sequence is used by others than `SequenceAt`";
        let expected = format!("node `pieces`: operator `SplitToSequence` is refused: {used}");
        assert_eq!(reasons(&shown), [expected]);
        let mut unmade = taken(0, vec![]);
        unmade.graph.as_mut().unwrap().node.remove(0);
        let made = "its sequence is not made by `SplitToSequence`";
        let expected = format!("node `y`: operator `SequenceAt` is refused: {made}");
        assert_eq!(reasons(&unmade), [expected]);
    }
}
