//! `GatherND`, `ScatterND` and `OneHot` (standard domain), whose indices may count from the end.
//!
//! tract takes negative indices as they are and fails. Here they are made to count from the
//! start before tract gathers and scatters; `OneHot` compares instead of writing.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_core::ops::logic::{Iff, comp_eq, comp_lt};
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::array;

use crate::standard::sized::volume;
use crate::tract::{Built, wire_one};

/// Builds `GatherND` from its node.
pub(crate) fn gather(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let batch_axes = node.get_attr_opt("batch_dims")?.unwrap_or(0);
    Ok((expand(Gather(array::GatherNd::new(batch_axes))), vec![]))
}

/// Builds `ScatterND` from its node.
pub(crate) fn scatter(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let reduction = node.get_attr_opt("reduction")?.unwrap_or("none");
    let reduction = array::ScatterReduction::parse(reduction)?;
    Ok((expand(Scatter(array::ScatterNd::new(reduction))), vec![]))
}

/// Builds `OneHot` from its node.
pub(crate) fn one_hot(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let axis = node.get_attr_opt("axis")?.unwrap_or(-1);
    Ok((expand(OneHot { axis }), vec![]))
}

/// The indices as 64-bit integers that count from the start of axes of these lengths.
///
/// The lengths are one, or one for each value in the last axis of the indices.
fn from_start(
    prefix: &str,
    model: &mut TypedModel,
    indices: OutletId,
    lengths: &[TDim],
) -> TractResult<OutletId> {
    let lengths: Vec<i64> = lengths.iter().map(TDim::to_i64).collect::<Result<_, _>>()?;
    let rank = model.outlet_fact(indices)?.rank();
    let mut constant = |name: &str, values: Tensor| {
        let values = values.broadcast_into_rank(rank)?.into_arc_tensor();
        model.add_const(format!("{prefix}.{name}"), values)
    };
    let zero = constant("zero", tensor0(0i64))?;
    let lengths = match *lengths {
        [length] => constant("length", tensor0(length))?,
        _ => constant("lengths", tensor1(&lengths))?,
    };
    let named = |name: &str| format!("{prefix}.{name}");
    let given = wire_one(model, named("given"), cast(DatumType::I64), &[indices])?;
    let is_negative = TypedBinOp(comp_lt(), None);
    let is_negative = wire_one(model, named("is_negative"), is_negative, &[given, zero])?;
    let moved = wire_one(model, named("moved"), math::add(), &[given, lengths])?;
    wire_one(model, named("indices"), Iff, &[is_negative, moved, given])
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
        InferenceRulesOp::rules(&self.0, solver, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [values, indices] = *inputs else {
            bail!("GatherND has two inputs")
        };
        let lengths = indexed(model, values, indices, self.0.batch_dims)?;
        let indices = from_start(prefix, model, indices, &lengths)?;
        model.wire_node(prefix, self.0.clone(), &[values, indices])
    }
}

/// The lengths of the axes that the last axis of the indices goes through.
fn indexed(
    model: &TypedModel,
    values: OutletId,
    indices: OutletId,
    batch_axes: usize,
) -> TractResult<TVec<TDim>> {
    let through = model.outlet_fact(indices)?.shape.last().cloned();
    let through = through.context("indices have an axis")?.to_usize()?;
    let lengths = model.outlet_fact(values)?.shape.to_tvec();
    Ok(lengths.into_iter().skip(batch_axes).take(through).collect())
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
        self.0.rules(solver, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [values, indices, updates] = *inputs else {
            bail!("ScatterND has three inputs")
        };
        let lengths = indexed(model, values, indices, 0)?;
        let indices = from_start(prefix, model, indices, &lengths)?;
        self.0.wire(prefix, model, &[values, indices, updates])
    }
}

#[derive(Debug, Clone)]
struct OneHot {
    axis: i64,
}

impl OneHot {
    /// The place of the new axis among as many axes as the output has.
    fn place(&self, input_rank: usize) -> TractResult<usize> {
        let ranks = i64::try_from(input_rank)? + 1;
        let axis = if self.axis < 0 {
            self.axis + ranks
        } else {
            self.axis
        };
        ensure!(
            (0..ranks).contains(&axis),
            "no axis {} in {ranks} axes",
            self.axis
        );
        Ok(usize::try_from(axis)?)
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
        let indices = from_start(prefix, model, indices, &[depth.to_dim()])?;
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
    use crate::testing::{Input, integer, standard, string};

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
