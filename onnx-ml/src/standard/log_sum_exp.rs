//! `ReduceLogSumExp` and `LogSoftmax` (standard domain), for values of any size.
//!
//! tract takes exponentials of the values as they are, which overflow from 89 on. Here the
//! largest value is taken off before and added after, as in onnxruntime.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer, Softmax, SoftmaxKind};
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::nn;

use crate::tract::{Built, axis_place, same_as_input, wire_one};

/// Since this version of the operators, `LogSoftmax` is along one axis.
const ONE_AXIS: i64 = 13;
/// Since this version of the operators, the axes of a reduction are an input.
const AXES_AS_INPUT: i64 = 18;

/// Builds `LogSoftmax` from its node.
pub(crate) fn log_softmax(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let along = if context.onnx_operator_set_version < ONE_AXIS {
        Along::From(node.get_attr_opt("axis")?.unwrap_or(1))
    } else {
        Along::Only(node.get_attr_opt("axis")?.unwrap_or(-1))
    };
    Ok((expand(LogSoftmax(along)), vec![]))
}

/// Builds `ReduceLogSumExp` from its node.
pub(crate) fn reduce(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let keep_axes = node.get_attr_opt("keepdims")?.unwrap_or(1i64) == 1;
    let is_kept_whole = node.get_attr_opt("noop_with_empty_axes")?.unwrap_or(0i64) == 1;
    let has_input = node.input.get(1).is_some_and(|name| !name.is_empty());
    let axes = if context.onnx_operator_set_version < AXES_AS_INPUT {
        Axes::Fixed(node.get_attr_opt_vec("axes")?)
    } else if has_input {
        Axes::Input { is_kept_whole }
    } else {
        Axes::Fixed(is_kept_whole.then(Vec::new))
    };
    Ok((expand(LogSumExp { axes, keep_axes }), vec![]))
}

/// The axes of a `LogSoftmax`; negative ones count from the last.
#[derive(Debug, Clone, Copy)]
enum Along {
    Only(i64),
    From(i64),
}

impl Along {
    fn axes(self, rank: usize) -> TractResult<TVec<usize>> {
        Ok(match self {
            Self::Only(axis) => tvec![axis_place(axis, rank)?],
            Self::From(axis) => (axis_place(axis, rank)?..rank).collect(),
        })
    }
}

#[derive(Debug, Clone)]
struct LogSoftmax(Along);

impl Expansion for LogSoftmax {
    fn name(&self) -> StaticName {
        "LogSoftmax".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        same_as_input(solver, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [input] = *inputs else {
            bail!("a log-softmax has one input")
        };
        let axes = self.0.axes(model.outlet_fact(input)?.rank())?;
        let operator = Softmax {
            axes,
            quant_output_dt: None,
            kind: SoftmaxKind::LogSoftmax,
        };
        model.wire_node(prefix, operator, &[input])
    }
}

/// Where the axes of a reduction stand.
#[derive(Debug, Clone)]
enum Axes {
    /// In the file; all axes where nothing is said.
    Fixed(Option<Vec<i64>>),
    /// In the second input; if that is empty, all axes or none.
    Input { is_kept_whole: bool },
}

#[derive(Debug, Clone)]
struct LogSumExp {
    axes: Axes,
    keep_axes: bool,
}

impl LogSumExp {
    /// tract's reduction over these axes, for what it knows of shapes.
    fn shaped(&self, stored: Option<&Tensor>) -> TractResult<nn::Reduce> {
        let axes = match (&self.axes, stored) {
            (Axes::Fixed(axes), _) => axes.clone(),
            (Axes::Input { is_kept_whole }, Some(axes)) => {
                let axes = axes.cast_to::<i64>()?;
                let axes = axes.try_as_plain_ram()?.as_slice::<i64>()?.to_vec();
                Some(axes).filter(|axes| *is_kept_whole || !axes.is_empty())
            }
            (Axes::Input { .. }, None) => bail!("the axes of ReduceLogSumExp must be stored"),
        };
        let reducer = nn::Reducer::LogSumExp;
        Ok(nn::Reduce::new(axes, self.keep_axes, reducer))
    }
}

impl Expansion for LogSumExp {
    fn name(&self) -> StaticName {
        "ReduceLogSumExp".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_output_arity(outputs, 1)?;
        let (Some(input), [output]) = (inputs.first(), outputs) else {
            bail!("a reduction has an input and one output")
        };
        solver.equals(&output.datum_type, &input.datum_type)?;
        match (&self.axes, inputs) {
            (Axes::Fixed(_), [_]) => solver.given(&input.shape, move |solver, shape| {
                solver.equals(&output.shape, self.shaped(None)?.output_shape(&shape))
            }),
            (Axes::Input { .. }, [_, axes]) => {
                solver.given_2(&input.shape, &axes.value, move |solver, shape, axes| {
                    let shape = self.shaped(Some(&axes))?.output_shape(&shape);
                    solver.equals(&output.shape, shape)
                })
            }
            (Axes::Fixed(_) | Axes::Input { .. }, _) => bail!("axes are stored once"),
        }
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let input = inputs
            .first()
            .copied()
            .context("a reduction has an input")?;
        let fact = model.outlet_fact(input)?.clone();
        let (lowest, highest) = finite(fact.datum_type)?;
        let stored = match inputs.get(1) {
            Some(axes) => model.outlet_fact(*axes)?.konst.clone(),
            None => None,
        };
        let shaped = self.shaped(stored.as_deref())?;
        let rank = fact.rank();
        let axes: TVec<usize> = (0..rank)
            .filter(|axis| shaped.must_reduce(*axis, rank))
            .collect();

        let bounded = |model: &mut TypedModel, name: &str, bound: Tensor| {
            let bound = bound.broadcast_into_rank(rank)?.into_arc_tensor();
            model.add_const(format!("{prefix}.{name}"), bound)
        };
        let lowest = bounded(model, "lowest", lowest)?;
        let highest = bounded(model, "highest", highest)?;
        let named = |name: &str| format!("{prefix}.{name}");
        let max = Reduce::new(axes.clone(), Reducer::Max);
        let max = wire_one(model, named("max"), max, &[input])?;
        // An infinite largest value is bounded: the difference of two infinities is no number.
        let max = wire_one(model, named("above"), math::max(), &[max, lowest])?;
        let max = wire_one(model, named("below"), math::min(), &[max, highest])?;
        let less = wire_one(model, named("less"), math::sub(), &[input, max])?;
        let exp = wire_one(model, named("exp"), math::exp(), &[less])?;
        let sum = Reduce::new(axes.clone(), Reducer::Sum);
        let sum = wire_one(model, named("sum"), sum, &[exp])?;
        let ln = wire_one(model, named("ln"), math::ln(), &[sum])?;
        let mut output = wire_one(model, prefix.to_owned(), math::add(), &[ln, max])?;
        for axis in axes.into_iter().rev().filter(|_| !self.keep_axes) {
            let name = format!("{prefix}.without_{axis}");
            output = wire_one(model, name, AxisOp::Rm(axis), &[output])?;
        }
        Ok(tvec![output])
    }
}

/// The lowest and the highest finite number; integers are refused, for onnxruntime rounds inside.
fn finite(datum_type: DatumType) -> TractResult<(Tensor, Tensor)> {
    if datum_type == DatumType::F16 {
        Ok((tensor0(f16::MIN), tensor0(f16::MAX)))
    } else if datum_type == DatumType::F32 {
        Ok((tensor0(f32::MIN), tensor0(f32::MAX)))
    } else if datum_type == DatumType::F64 {
        Ok((tensor0(f64::MIN), tensor0(f64::MAX)))
    } else {
        bail!("ReduceLogSumExp wants floats, given {datum_type:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, close, integer, integers, standard};

    #[track_caller]
    fn check_softmax(opset: i64, axis: Option<i64>, input: Tensor, expected: &[f32]) {
        let attributes = axis.map(|axis| integer("axis", axis)).into_iter().collect();
        let output = standard("LogSoftmax", opset, attributes, vec![Input::Given(input)]);
        close(&output.unwrap(), expected);
    }

    /// Expected values: onnxruntime 1.31.1.
    #[test]
    fn log_softmax_of_large_values() {
        check_softmax(13, None, tensor2(&[[100f32, 0.]]), &[0., -100.]);
        check_softmax(13, None, tensor2(&[[1000f32, 0.]]), &[0., -1000.]);
        check_softmax(13, None, tensor2(&[[1f32, 2.]]), &[-1.313_262, -0.313_262]);
    }

    #[test]
    fn before_version_13_all_axes_from_one_on_are_one() {
        let input = || tensor3(&[[[0f32, 1.], [0., 1.]]]);
        check_softmax(
            11,
            None,
            input(),
            &[-2.006_409, -1.006_409, -2.006_409, -1.006_409],
        );
        check_softmax(
            13,
            None,
            input(),
            &[-1.313_262, -0.313_262, -1.313_262, -0.313_262],
        );
        check_softmax(13, Some(0), input(), &[0.; 4]);
    }

    #[track_caller]
    fn check(input: Tensor, axes: &[i64], keep_axes: bool, shape: &[usize], expected: &[f32]) {
        let keep = || integer("keepdims", keep_axes.into());
        let old = vec![integers("axes", axes), keep()];
        let old = standard(
            "ReduceLogSumExp",
            13,
            old,
            vec![Input::Given(input.clone())],
        );
        let inputs = vec![Input::Given(input), Input::Stored(tensor1(axes))];
        let new = standard("ReduceLogSumExp", 18, vec![keep()], inputs);
        for output in [old.unwrap(), new.unwrap()] {
            assert_eq!(output[0].shape(), shape);
            close(&output, expected);
        }
    }

    /// Expected values: onnxruntime 1.31.1.
    #[test]
    fn sums_of_large_and_small_exponentials() {
        let rows = tensor2(&[[-800f32, -900.], [800., 900.], [1., 2.]]);
        check(rows, &[1], true, &[3, 1], &[-800., 900., 2.313_262]);
        let rows = || tensor2(&[[1f32, 2.], [3., 4.]]);
        check(rows(), &[0, 1], false, &[], &[4.440_19]);
        check(rows(), &[-1], false, &[2], &[2.313_262, 4.313_262]);
    }

    #[test]
    fn infinities_stay_infinite() {
        let (high, low) = (f32::INFINITY, f32::NEG_INFINITY);
        let rows = tensor2(&[[low, low], [low, 1.], [high, 1.]]);
        check(rows, &[1], false, &[3], &[low, 1., high]);
    }

    #[test]
    fn integers_are_refused() {
        let inputs = vec![Input::Given(tensor1(&[1i32, 2]))];
        let error = standard("ReduceLogSumExp", 13, vec![], inputs).unwrap_err();
        assert!(format!("{error:?}").contains("wants floats"), "{error:?}");
    }
}
