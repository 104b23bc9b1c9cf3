//! `GatherND`, `ScatterND` and `OneHot` (standard domain), whose indices may count from the end.
//!
//! tract takes negative indices as they are and fails. Here they are made to count from the
//! start, within lengths that a run may tell, before tract gathers and scatters; `OneHot`
//! compares instead of writing.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_core::ops::logic::{Iff, comp_eq, comp_lt};
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::array;

use crate::kernel::{Fact, Kernel, node};
use crate::standard::sized::volume;
use crate::tract::{Built, axis_place, wire_one};
use crate::unfit::fits;

/// Builds `GatherND` from its node.
pub(crate) fn gather(_context: &ParsingContext, proto: &NodeProto) -> TractResult<Built> {
    let batch_axes = proto.get_attr_opt("batch_dims")?.unwrap_or(0);
    Ok((expand(Gather(array::GatherNd::new(batch_axes))), vec![]))
}

/// Builds `ScatterND` from its node.
pub(crate) fn scatter(_context: &ParsingContext, proto: &NodeProto) -> TractResult<Built> {
    let reduction = proto.get_attr_opt("reduction")?.unwrap_or("none");
    let reduction = array::ScatterReduction::parse(reduction)?;
    Ok((expand(Scatter(array::ScatterNd::new(reduction))), vec![]))
}

/// Builds `OneHot` from its node.
pub(crate) fn one_hot(_context: &ParsingContext, proto: &NodeProto) -> TractResult<Built> {
    let axis = proto.get_attr_opt("axis")?.unwrap_or(-1);
    Ok((expand(OneHot { axis }), vec![]))
}

/// Indices into several axes, which are made to count from the start.
#[derive(Debug)]
struct FromStart {
    /// How many axes of the values and of the indices are the same.
    batch_axes: usize,
}

impl FromStart {
    /// The indices into axes of these lengths; updates have a shape that follows.
    fn counted(
        &self,
        lengths: &[usize],
        indices: &Tensor,
        updates: Option<&[usize]>,
    ) -> TractResult<Tensor> {
        let (through, places) = indices.shape().split_last().context(NO_AXIS)?;
        let batch = lengths.get(..self.batch_axes);
        fits(
            batch.is_some() && batch == places.get(..self.batch_axes),
            UNEQUAL,
        )?;
        let (_, lengths) = lengths
            .split_at_checked(self.batch_axes)
            .context(TOO_MANY_AXES)?;
        let (indexed, others) = lengths.split_at_checked(*through).context(TOO_MANY_AXES)?;
        if let Some(updates) = updates {
            fits(updates == [places, others].concat(), UPDATES)?;
        }
        let mut counted = indices.cast_to::<i64>()?.into_owned();
        let mut values = counted.to_plain_array_view_mut::<i64>()?;
        for (index, length) in values.iter_mut().zip(indexed.iter().cycle()) {
            let length = i64::try_from(*length)?;
            fits((-length..length).contains(index), BEYOND)?;
            if *index < 0 {
                *index += length;
            }
        }
        Ok(counted)
    }

    /// Wires the indices: at once where they and all lengths are known, else at each run.
    fn wire(
        self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<OutletId> {
        let name = format!("{prefix}.indices");
        let facts = inputs
            .iter()
            .map(|input| model.outlet_fact(*input).cloned());
        let facts: TVec<_> = facts.collect::<TractResult<_>>()?;
        let lengths = |fact: &TypedFact| fact.shape.as_concrete().map(<[usize]>::to_vec);
        let shapes: Option<Vec<_>> = facts.iter().map(lengths).collect();
        let stored = facts.get(1).and_then(|indices| indices.konst.clone());
        if let (Some([values, _, updates @ ..]), Some(indices)) = (shapes.as_deref(), stored) {
            let updates = updates.first().map(Vec::as_slice);
            let counted = self.counted(values, &indices, updates)?;
            return model.add_const(name, counted);
        }
        wire_one(model, name, node(self), inputs)
    }
}

const NO_AXIS: &str = "indices have an axis";
const TOO_MANY_AXES: &str = "indices have no more axes than the values";
const UNEQUAL: &str = "the first axes of the indices are as long as those of the values";
const UPDATES: &str = "updates have the shape that the indices ask for";
const BEYOND: &str = "an index is beyond its axis";

impl Kernel for FromStart {
    fn name(&self) -> &'static str {
        "FromStart"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (_, shape) = inputs.get(1).context("indices")?;
        Ok(tvec![(DatumType::I64, shape.clone())])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let [values, indices, updates @ ..] = &*inputs else {
            bail!("indices are of values")
        };
        let updates = updates.first().map(|updates| updates.shape());
        Ok(tvec![self.counted(values.shape(), indices, updates)?])
    }
}

/// The rule that indices have an axis, which tract takes for granted.
fn indices_have_an_axis<'r, 'p: 'r>(
    solver: &mut Solver<'r>,
    inputs: &'p [TensorProxy],
) -> InferenceResult {
    let indices = inputs.get(1).context("indices")?;
    solver.given(&indices.rank, |_, rank| {
        ensure!(rank > 0, "{NO_AXIS}");
        Ok(())
    })
}

#[derive(Debug, Clone)]
struct Gather(array::GatherNd);

impl Expansion for Gather {
    fn name(&self) -> StaticName {
        "GatherND".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 2)?;
        indices_have_an_axis(solver, inputs)?;
        InferenceRulesOp::rules(&self.0, solver, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [values, _] = *inputs else {
            bail!("GatherND has two inputs")
        };
        let from_start = FromStart {
            batch_axes: self.0.batch_dims,
        };
        let indices = from_start.wire(prefix, model, inputs)?;
        model.wire_node(prefix, self.0.clone(), &[values, indices])
    }
}

#[derive(Debug, Clone)]
struct Scatter(array::ScatterNd);

impl Expansion for Scatter {
    fn name(&self) -> StaticName {
        "ScatterND".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 3)?;
        indices_have_an_axis(solver, inputs)?;
        self.0.rules(solver, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [values, _, updates] = *inputs else {
            bail!("ScatterND has three inputs")
        };
        let indices = FromStart { batch_axes: 0 }.wire(prefix, model, inputs)?;
        self.0.wire(prefix, model, &[values, indices, updates])
    }
}

/// The indices as 64-bit integers, those below zero counted from the depth.
fn within(
    prefix: &str,
    model: &mut TypedModel,
    indices: OutletId,
    depth: i64,
) -> TractResult<OutletId> {
    let rank = model.outlet_fact(indices)?.rank();
    let mut constant = |name: &str, value: i64| {
        let value = tensor0(value).broadcast_into_rank(rank)?.into_arc_tensor();
        model.add_const(format!("{prefix}.{name}"), value)
    };
    let (zero, depth) = (constant("zero", 0)?, constant("depth", depth)?);
    let named = |name: &str| format!("{prefix}.{name}");
    let given = wire_one(model, named("given"), cast(DatumType::I64), &[indices])?;
    let is_negative = TypedBinOp(comp_lt(), None);
    let is_negative = wire_one(model, named("is_negative"), is_negative, &[given, zero])?;
    let moved = wire_one(model, named("moved"), math::add(), &[given, depth])?;
    wire_one(model, named("indices"), Iff, &[is_negative, moved, given])
}

#[derive(Debug, Clone)]
struct OneHot {
    axis: i64,
}

impl OneHot {
    /// The place of the new axis among as many axes as the output has.
    fn place(&self, input_rank: usize) -> TractResult<usize> {
        axis_place(self.axis, input_rank + 1)
    }
}

impl Expansion for OneHot {
    fn name(&self) -> StaticName {
        "OneHot".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 3)?;
        check_output_arity(outputs, 1)?;
        let ([indices, depth, values], [output]) = (inputs, outputs) else {
            bail!("OneHot has three inputs and one output")
        };
        solver.equals(&output.datum_type, &values.datum_type)?;
        solver.equals(indices.rank.bex() + 1, output.rank.bex())?;
        solver.given_2(&indices.shape, &depth.value, move |solver, shape, depth| {
            let mut shape = shape;
            shape.insert(
                self.place(shape.len())?,
                depth.cast_to_scalar::<i64>()?.to_dim(),
            );
            solver.equals(&output.shape, shape)
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [indices, depth, values] = *inputs else {
            bail!("OneHot has three inputs")
        };
        let stored = |outlet| -> TractResult<Arc<Tensor>> {
            let stored = model.outlet_fact(outlet)?.konst.clone();
            stored.context("the depth and the values of OneHot must be stored")
        };
        let depth = stored(depth)?.cast_to_scalar::<i64>()?;
        volume([usize::try_from(depth)?])?;
        let values = stored(values)?;
        let axis = self.place(model.outlet_fact(indices)?.rank())?;
        let indices = within(prefix, model, indices, depth)?;
        let axis_added = AxisOp::Add(axis);
        let indices = wire_one(model, format!("{prefix}.column"), axis_added, &[indices])?;
        let shape = model.outlet_fact(indices)?.shape.to_tvec();
        let mut along = tvec![1; shape.len()];
        *along.get_mut(axis).context("the new axis")? = usize::try_from(depth)?;

        let places: Vec<i64> = (0..depth).collect();
        let mut constant = |name: &str, value: Tensor, shape: &[usize]| {
            let value = value.into_shape(shape)?.into_arc_tensor();
            model.add_const(format!("{prefix}.{name}"), value)
        };
        let single = tvec![1; shape.len()];
        let places = constant("places", tensor1(&places), &along)?;
        let off = constant("off", values.slice(0, 0, 1)?, &single)?;
        let on = constant("on", values.slice(0, 1, 2)?, &single)?;
        let is_on = TypedBinOp(comp_eq(), None);
        let is_on = wire_one(model, format!("{prefix}.is_on"), is_on, &[indices, places])?;
        model.wire_node(prefix, Iff, &[is_on, on, off])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, integer, node, outputs_of_graph, standard, string, value};
    use tract_onnx::pb::GraphProto;

    #[track_caller]
    fn check_gather(batch_axes: i64, indices: Tensor, expected: Tensor) {
        let values = tensor3(&[[[1f32, 2.], [3., 4.]], [[5., 6.], [7., 8.]]]);
        let attributes = || vec![integer("batch_dims", batch_axes)];
        for indices in [Input::Given(indices.clone()), Input::Stored(indices)] {
            let inputs = vec![Input::Given(values.clone()), indices];
            let output = standard("GatherND", 17, attributes(), inputs).unwrap();
            assert_eq!(output.as_slice(), std::slice::from_ref(&expected));
        }
    }

    /// Expected values: onnxruntime 1.31.1.
    #[test]
    fn gathers_count_from_either_end() {
        check_gather(
            0,
            tensor2(&[[-1i64, 0], [0, -1]]),
            tensor2(&[[5f32, 6.], [3., 4.]]),
        );
        check_gather(0, tensor2(&[[1i64, 1, -2]]), tensor1(&[7f32]));
        check_gather(
            1,
            tensor2(&[[-1i64], [0]]),
            tensor2(&[[3f32, 4.], [5., 6.]]),
        );
    }

    #[track_caller]
    fn check_scatter(reduction: &str, expected: &[f32]) {
        let inputs = vec![
            Input::Given(tensor1(&[1f32, 2., 3., 4.])),
            Input::Given(tensor2(&[[-1i64], [0]])),
            Input::Given(tensor1(&[10f32, -20.])),
        ];
        let attributes = vec![string("reduction", reduction)];
        let output = standard("ScatterND", 18, attributes, inputs).unwrap();
        assert_eq!(output, [tensor1(expected)], "{reduction}");
    }

    /// Expected values: onnxruntime 1.31.1.
    #[test]
    fn scatters_count_from_either_end() {
        check_scatter("none", &[-20., 2., 3., 10.]);
        check_scatter("add", &[-19., 2., 3., 14.]);
        check_scatter("mul", &[-20., 2., 3., 40.]);
        check_scatter("max", &[1., 2., 3., 10.]);
        check_scatter("min", &[-20., 2., 3., 4.]);
    }

    /// What is left of two rows of three that a run picks is read and written; values by onnxruntime 1.32.0.
    #[test]
    fn lengths_may_be_known_at_the_run_alone() {
        let run = |operator: &str, inputs: &[&str], given: Vec<Tensor>| {
            let mut names = vec!["x", "is_kept"];
            names.extend(inputs);
            let kept = node("Compress", &names[..2], &["kept"], vec![integer("axis", 0)]);
            let inputs = [&["kept"], inputs].concat();
            let graph = GraphProto {
                node: vec![kept, node(operator, &inputs, &["y"], vec![])],
                input: names.into_iter().map(value).collect(),
                output: vec![value("y")],
                ..Default::default()
            };
            let rows = tensor2(&[[1f32, 2.], [3., 4.], [5., 6.]]);
            let kept = [rows, tensor1(&[true, false, true])];
            outputs_of_graph(graph, 18, [kept.to_vec(), given].concat())
        };
        let indices = || tensor2(&[[-1i64, 0], [0, -1]]);
        let gathered = run("GatherND", &["i"], vec![indices()]).unwrap();
        assert_eq!(gathered, [tensor1(&[5f32, 2.])]);
        let updates = || tensor1(&[7f32, 8.]);
        let scattered = run("ScatterND", &["i", "u"], vec![indices(), updates()]).unwrap();
        assert_eq!(scattered, [tensor2(&[[1f32, 8.], [7., 6.]])]);
        let beyond = run("GatherND", &["i"], vec![tensor2(&[[2i64, 0]])]).unwrap_err();
        assert!(crate::Unfit::of(&beyond).is_some(), "{beyond:?}");
    }

    #[test]
    fn indices_and_updates_that_do_not_fit_are_errors() {
        let check = |operator: &str, others: Vec<Tensor>, reason: &str| {
            let given = std::iter::once(tensor2(&[[1f32, 2.], [3., 4.]])).chain(others);
            let inputs = given.map(Input::Given).collect();
            let error = format!("{:?}", standard(operator, 18, vec![], inputs).unwrap_err());
            assert!(error.contains(reason), "{error}");
        };
        check("GatherND", vec![tensor2(&[[0i64, 2]])], "beyond its axis");
        check("GatherND", vec![tensor2(&[[-3i64, 0]])], "beyond its axis");
        check("GatherND", vec![tensor0(0i64)], "have an axis");
        check("GatherND", vec![tensor2(&[[0i64, 0, 0]])], "axes");
        let one = || tensor2(&[[0i64, 1]]);
        check(
            "ScatterND",
            vec![one(), tensor1(&[1f32, 2.])],
            "the shape that",
        );
        check(
            "ScatterND",
            vec![tensor2(&[[0i64, 2]]), tensor1(&[1f32])],
            "beyond its axis",
        );
        check(
            "ScatterND",
            vec![tensor0(0i64), tensor1(&[1f32])],
            "have an axis",
        );
    }

    #[track_caller]
    fn check_one_hot(axis: i64, indices: Tensor, expected: Tensor) {
        let inputs = vec![
            Input::Given(indices),
            Input::Stored(tensor1(&[3i64])),
            Input::Stored(tensor1(&[-1f32, 2.])),
        ];
        let output = standard("OneHot", 17, vec![integer("axis", axis)], inputs).unwrap();
        assert_eq!(output, [expected]);
    }

    /// Expected values: onnxruntime 1.31.1.
    #[test]
    fn an_index_beyond_the_depth_is_nowhere() {
        let indices = || tensor1(&[0i64, -1, 3, -4]);
        let rows = tensor2(&[
            [2f32, -1., -1.],
            [-1., -1., 2.],
            [-1., -1., -1.],
            [-1., -1., -1.],
        ]);
        check_one_hot(-1, indices(), rows);
        let columns = tensor2(&[
            [2f32, -1., -1., -1.],
            [-1., -1., -1., -1.],
            [-1., 2., -1., -1.],
        ]);
        check_one_hot(0, indices(), columns);
        check_one_hot(1, tensor1(&[1f32]), tensor2(&[[-1f32, 2., -1.]]));
    }
}
