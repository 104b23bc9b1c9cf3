//! Operators whose output's shape depends on the values of lists among their inputs.
//!
//! Exporters store such lists, and the graph is planned for them. [`Listed`] is for operators of
//! ours, which want them stored; [`at_run`] for operators of tract that want them stored, where
//! a run gives them. [`Planned`] is what they are wired as, to keep the lengths that inference found.

use std::any::Any;
use std::fmt;

use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, Node, node};
use crate::tract::{Built, integers, stored_list};
use crate::unfit::fits;

/// An operator as its attributes describe it, before its lists are known.
pub(crate) trait Listed: fmt::Debug + Any + Send + Sync {
    /// The operator's name.
    fn name(&self) -> &'static str;

    /// The places of its lists among the inputs, in order.
    fn lists(&self) -> TVec<usize>;

    /// What computes the output for such lists, of the other inputs.
    fn planned(&self, lists: &[Vec<i64>]) -> TractResult<Node>;
}

/// The node of such an operator, for the register.
pub(crate) fn built(listed: impl Listed) -> Built {
    (expand(Lists(Arc::new(listed))), vec![])
}

/// An operator that is wired with a look at what inference found of its node, where it was asked.
pub(crate) trait Planned: fmt::Debug + Clone + Send + Sync + 'static {
    /// The operator's name.
    fn name(&self) -> StaticName;

    /// What its inputs and outputs have to do with each other.
    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult;

    /// Wires it.
    fn wire(
        &self,
        prefix: &str,
        node: Option<&InferenceNode>,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>>;
}

/// Such an operator for a graph.
pub(crate) fn expanded(planned: impl Planned) -> Box<dyn InferenceOp> {
    expand(Expanded(planned))
}

/// The same as what tract wires.
#[derive(Debug, Clone)]
pub(crate) struct Expanded<P>(pub(crate) P);

impl<P: Planned> Expansion for Expanded<P> {
    fn name(&self) -> StaticName {
        self.0.name()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        self.0.rules(solver, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        self.0.wire(prefix, None, model, inputs)
    }

    fn wire_with_inference_model_and_node(
        &self,
        prefix: &str,
        _source: &InferenceModel,
        node: &InferenceNode,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        self.0.wire(prefix, Some(node), model, inputs)
    }
}

#[derive(Debug, Clone)]
struct Lists(Arc<dyn Listed>);

impl Lists {
    /// The inputs that are no lists.
    fn others<'t, T>(&self, inputs: &'t [T]) -> impl Iterator<Item = &'t T> {
        let lists = self.0.lists();
        let others = inputs.iter().enumerate();
        others
            .filter(move |(place, _)| !lists.contains(place))
            .map(|(_, input)| input)
    }
}

impl Expansion for Lists {
    fn name(&self) -> StaticName {
        self.0.name().into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_output_arity(outputs, 1)?;
        let lists = self.0.lists();
        let lists = lists.iter().filter_map(|place| inputs.get(*place));
        let lists = lists.map(|list| &list.value);
        solver.given_all(lists, move |solver, lists| {
            let lists = lists.iter().map(|list| integers(list));
            let lists: Vec<_> = lists.collect::<TractResult<_>>()?;
            let planned = self.0.planned(&lists)?;
            let types = self.others(inputs).map(|input| &input.datum_type);
            solver.given_all(types, move |solver, types| {
                let planned = planned.clone();
                let shapes = self.others(inputs).map(|input| &input.shape);
                solver.given_all(shapes, move |solver, shapes| {
                    let facts: Vec<Fact> = types.iter().copied().zip(shapes).collect();
                    for (output, (datum_type, shape)) in outputs.iter().zip(planned.facts(&facts)?)
                    {
                        solver.equals(&output.datum_type, datum_type)?;
                        solver.equals(&output.shape, shape)?;
                    }
                    Ok(())
                })
            })
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let stored = |place: &usize| {
            let list = stored_list(model, *inputs.get(*place).context("a list")?)?;
            list.with_context(|| format!("the lists of {} must be stored", self.0.name()))
        };
        let lists: Vec<_> = self
            .0
            .lists()
            .iter()
            .map(stored)
            .collect::<TractResult<_>>()?;
        let others: TVec<OutletId> = self.others(inputs).copied().collect();
        model.wire_node(prefix, self.0.planned(&lists)?, &others)
    }
}

/// Lists of a file or a caller make outputs of any size; this many 64-bit floats take half a gigabyte.
pub(crate) const MOST_VALUES: usize = 1 << 26;

/// What is told of inputs that ask for more.
pub(crate) const TOO_MANY: &str = "an operator is asked to make more than 67,108,864 values";

/// How many values a tensor of these lengths has.
pub(crate) fn volume(lengths: impl IntoIterator<Item = usize>) -> TractResult<usize> {
    let lengths = lengths.into_iter();
    let values = lengths.fold(1usize, usize::saturating_mul);
    ensure!(
        values <= MOST_VALUES,
        "too many values: {values}, and {MOST_VALUES} are the most"
    );
    Ok(values)
}

/// How many values there are at most while axes change one after the other: a length of zero makes
/// none of the others shorter.
pub(crate) fn at_most(lengths: impl Iterator<Item = f64>) -> f64 {
    lengths.map(|length| length.max(1.0)).product()
}

/// The lengths of a node's output that inference found, of what comes after it too, and symbols for the others.
pub(crate) fn lengths(model: &TypedModel, node: Option<&InferenceNode>, rank: usize) -> TVec<TDim> {
    let output = node.and_then(|node| node.outputs.first());
    let mut known = output
        .into_iter()
        .flat_map(|output| output.fact.shape.dims());
    let length = |_| {
        let known = known.next().and_then(Factoid::concretize);
        known.unwrap_or_else(|| model.symbols.new_with_prefix("length").to_dim())
    };
    (0..rank).map(length).collect()
}

/// An error unless a shape has the lengths that the graph is planned for.
pub(crate) fn check_planned(shape: &[usize], planned: &[TDim]) -> TractResult<()> {
    let is_planned = |(length, planned): (&usize, &TDim)| {
        planned.to_usize().is_ok_and(|planned| planned == *length) || planned.to_i64().is_err()
    };
    let are_planned = shape.len() == planned.len() && shape.iter().zip(planned).all(is_planned);
    fits(
        are_planned,
        "an operator is asked for lengths that do not fit what comes after it",
    )
}

/// Wires an operator of tract's that is planned anew at each run, for the values it is given.
///
/// The fact is that of its output, with [`lengths`]. How many values it
/// makes of its inputs is asked first.
pub(crate) fn at_run(
    prefix: &str,
    model: &mut TypedModel,
    expansion: Box<dyn Expansion>,
    inputs: &[OutletId],
    output: Fact,
    count: Count,
) -> TractResult<TVec<OutletId>> {
    let run = AtRun {
        expansion,
        output,
        count,
    };
    model.wire_node(prefix, node(run), inputs)
}

/// How many values an operator makes at most, of these inputs.
pub(crate) type Count = Box<dyn Fn(&[TValue]) -> TractResult<f64> + Send + Sync>;

struct AtRun {
    expansion: Box<dyn Expansion>,
    output: Fact,
    count: Count,
}

impl fmt::Debug for AtRun {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = formatter.debug_struct("AtRun");
        fields.field("expansion", &self.expansion);
        fields.field("output", &self.output).finish_non_exhaustive()
    }
}

impl Kernel for AtRun {
    fn name(&self) -> &'static str {
        "AtRun"
    }

    fn has_new_lengths(&self) -> bool {
        true
    }

    fn facts(&self, _inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        Ok(tvec![self.output.clone()])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        fits((self.count)(&inputs)? <= MOST_VALUES as f64, TOO_MANY)?;
        let outputs = self.expansion.eval(&EvalContext::out_of_plan(), inputs)?;
        for output in &outputs {
            check_planned(output.shape(), &self.output.1)?;
        }
        Ok(outputs.into_iter().map(IntoTensor::into_tensor).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, integer, node, numbers, outputs_of_graph, stored, value};
    use tract_onnx::pb::{GraphProto, NodeProto};

    /// What is made of `n`, and of `x` where there is one, then goes into this node with `o`.
    fn run(
        made: &NodeProto,
        follows: NodeProto,
        given: &[(&str, Tensor)],
        other: Input,
    ) -> TractResult<Vec<Tensor>> {
        let mut inputs: Vec<(&str, Tensor)> = given.to_vec();
        let mut initializer = vec![];
        match other {
            Input::Given(tensor) => inputs.push(("o", tensor)),
            Input::Stored(tensor) => initializer.push(stored("o", &tensor)),
            Input::None => {}
        }
        let graph = GraphProto {
            node: vec![made.clone(), follows],
            input: inputs.iter().map(|(name, _)| value(name)).collect(),
            output: vec![value("y")],
            initializer,
            ..Default::default()
        };
        let given = inputs.into_iter().map(|(_, tensor)| tensor);
        outputs_of_graph(graph, 18, given.collect())
    }

    /// What is made has the shape [1, 1, 4, 4]; each operator after it fixes lengths of it.
    #[track_caller]
    fn check_followed(made: &NodeProto, given: &[(&str, Tensor)]) {
        let square = || numbers(&[1, 1, 4, 4], 1);
        let zeros = |shape: &[usize]| Input::Stored(Tensor::zero::<f32>(shape).unwrap());
        let list = |list: &[i64]| Input::Stored(tensor1(list));
        let pair = |operator, attributes| node(operator, &["m", "o"], &["y"], attributes);
        let cases = [
            (pair("Reshape", vec![]), list(&[1, 16]), vec![1, 16]),
            (pair("Reshape", vec![]), list(&[2, 0, -1]), vec![2, 1, 8]),
            (
                node("Flatten", &["m"], &["y"], vec![]),
                Input::None,
                vec![1, 16],
            ),
            (pair("MatMul", vec![]), zeros(&[4, 2]), vec![1, 1, 4, 2]),
            (
                pair("Add", vec![]),
                Input::Given(square()),
                vec![1, 1, 4, 4],
            ),
            (
                pair("Concat", vec![integer("axis", 1)]),
                Input::Given(square()),
                vec![1, 2, 4, 4],
            ),
            (pair("Conv", vec![]), zeros(&[1, 1, 3, 3]), vec![1, 1, 2, 2]),
        ];
        for (follows, other, shape) in cases {
            let name = format!("{} {}", made.op_type, follows.op_type);
            let outputs = run(made, follows, given, other).unwrap();
            assert_eq!(outputs[0].shape(), shape, "{name}");
        }
    }

    #[test]
    fn what_follows_may_fix_lengths_that_a_run_tells() {
        let made = |operator, inputs: &[&str]| node(operator, inputs, &["m"], vec![]);
        let sizes = || ("n", tensor1(&[1i64, 1, 4, 4]));
        let twice = ("n", tensor1(&[1i64, 1, 2, 2]));
        let image = |length| ("x", numbers(&[1, 1, length, length], 0));
        let resize = made("Resize", &["x", "", "", "n"]);
        check_followed(&resize, &[image(2), sizes()]);
        check_followed(&made("ConstantOfShape", &["n"]), &[sizes()]);
        check_followed(&made("Expand", &["x", "n"]), &[image(1), sizes()]);
        check_followed(&made("Tile", &["x", "n"]), &[image(2), twice]);
        let reshape = made("Reshape", &["x", "n"]);
        check_followed(&reshape, &[("x", numbers(&[2, 8], 0)), sizes()]);
    }

    #[test]
    fn lengths_that_do_not_fit_what_follows_are_errors() {
        let concat = || node("Concat", &["m", "o"], &["y"], vec![integer("axis", 1)]);
        let check = |made: NodeProto, given: &[(&str, Tensor)]| {
            let other = Input::Given(numbers(&[1, 1, 4, 4], 1));
            let error = run(&made, concat(), given, other).unwrap_err();
            assert!(crate::Unfit::of(&error).is_some(), "{error:?}");
        };
        let made = |operator, inputs: &[&str]| node(operator, inputs, &["m"], vec![]);
        let sizes = |sizes: [i64; 4]| ("n", tensor1(&sizes));
        let one = || ("x", numbers(&[1, 1, 1, 1], 0));
        check(made("ConstantOfShape", &["n"]), &[sizes([1, 1, 4, 5])]);
        check(made("Expand", &["x", "n"]), &[one(), sizes([1, 1, 4, 5])]);
        check(made("Expand", &["x", "n"]), &[one(), sizes([1, 1, 4, -1])]);
        check(
            made("Tile", &["x", "n"]),
            &[one(), sizes([1, 1, 4, 1 << 40])],
        );
        let row = ("x", numbers(&[20], 0));
        check(
            made("Reshape", &["x", "n"]),
            &[row.clone(), sizes([1, 1, 4, 5])],
        );
        check(made("Reshape", &["x", "n"]), &[row, sizes([1, 1, 4, 4])]);
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn what_a_run_gives_is_repeated() {
        let identity = node("Identity", &["m"], &["y"], vec![]);
        let check = |operator: &str, list: &[i64], expected: Tensor| {
            let made = node(operator, &["x", "n"], &["m"], vec![]);
            let given = [("x", tensor2(&[[1f32], [2.]])), ("n", tensor1(list))];
            let outputs = run(&made, identity.clone(), &given, Input::None).unwrap();
            assert_eq!(outputs, [expected], "{operator}");
        };
        check("Expand", &[2], tensor2(&[[1f32, 1.], [2., 2.]]));
        check(
            "Expand",
            &[2, 1, 1],
            tensor3(&[[[1f32], [2.]], [[1.], [2.]]]),
        );
        check("Tile", &[2, 1], tensor2(&[[1f32], [2.], [1.], [2.]]));
        check("Tile", &[1, 0], Tensor::zero::<f32>(&[2, 0]).unwrap());
    }

    #[test]
    fn volumes_are_bounded() {
        assert_eq!(volume([1 << 13, 1 << 13]).unwrap(), MOST_VALUES);
        assert!(volume([1 << 13, (1 << 13) + 1]).is_err());
        assert!(volume([usize::MAX, 2]).is_err());
        assert_eq!(volume([]).unwrap(), 1);
    }
}
