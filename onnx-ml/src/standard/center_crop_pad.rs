//! `CenterCropPad` (standard domain, version 18): the middle of a tensor, or zeros around it.
//!
//! For each axis, all or those of `axes`, the length of the output, which must be stored; where
//! the difference is odd, there is one more after the middle than before it.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::{PadMode, Slice};
use tract_onnx::tract_hir::internal::*;

use crate::standard::pad::filled;
use crate::standard::sized::volume;
use crate::tract::{Built, axis_place, integers, stored_list, wire_one};

/// Builds the operator from its node.
pub(crate) fn center_crop_pad(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let axes = node.get_attr_opt_vec("axes")?;
    Ok((expand(CenterCropPad { axes }), vec![]))
}

#[derive(Debug, Clone)]
struct CenterCropPad {
    axes: Option<Vec<i64>>,
}

impl CenterCropPad {
    /// The lengths of the output.
    fn lengths(&self, shape: &[TDim], lengths: &[i64]) -> TractResult<TVec<TDim>> {
        let all = || (0..).take(shape.len()).collect();
        let axes: Vec<i64> = self.axes.clone().unwrap_or_else(all);
        ensure!(
            axes.len() == lengths.len(),
            "a length for each of {} axes, given {}",
            axes.len(),
            lengths.len()
        );
        let mut shape: TVec<TDim> = shape.into();
        for (axis, length) in axes.iter().zip(lengths) {
            ensure!(
                *length >= 0,
                "a length of CenterCropPad is not below zero, given {length}"
            );
            let place = axis_place(*axis, shape.len())?;
            *shape.get_mut(place).context("an axis")? = length.to_dim();
        }
        Ok(shape)
    }
}

impl Expansion for CenterCropPad {
    fn name(&self) -> StaticName {
        "CenterCropPad".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 2)?;
        check_output_arity(outputs, 1)?;
        let ([input, lengths], [output]) = (inputs, outputs) else {
            bail!("CenterCropPad has two inputs and one output")
        };
        solver.equals(&output.datum_type, &input.datum_type)?;
        solver.equals(&output.rank, &input.rank)?;
        solver.given_2(
            &input.shape,
            &lengths.value,
            move |solver, shape, lengths| {
                solver.equals(&output.shape, self.lengths(&shape, &integers(&lengths)?)?)
            },
        )
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [input, lengths] = *inputs else {
            bail!("CenterCropPad has two inputs")
        };
        let lengths = stored_list(model, lengths)?;
        let lengths = lengths.context("the lengths of CenterCropPad must be stored")?;
        let fact = model.outlet_fact(input)?;
        let (datum_type, shape) = (fact.datum_type, fact.shape.to_tvec());
        let lengths = self.lengths(&shape, &lengths)?;
        let (mut middle, mut pads) = (input, vec![]);
        for (axis, (given, wanted)) in shape.iter().zip(&lengths).enumerate() {
            if given == wanted {
                pads.push((0, 0));
                continue;
            }
            let given = given.to_usize().context(
                "CenterCropPad cannot change a length that only a run tells: fix it in the model",
            )?;
            let wanted = wanted.to_usize()?;
            let padding = wanted.saturating_sub(given);
            pads.push((padding / 2, padding - padding / 2));
            if wanted < given {
                let first = (given - wanted) / 2;
                let slice = Slice::new(axis, first, first + wanted);
                middle = wire_one(model, format!("{prefix}.crop-{axis}"), slice, &[middle])?;
            }
        }
        // What is padded may be of any size: that is for those to bound who give it.
        volume(pads.iter().map(|(before, after)| (before + after).max(1)))?;
        let mode = PadMode::Constant(Tensor::zero_scalar_dt(datum_type)?.into_arc_tensor());
        Ok(tvec![filled(prefix, model, middle, pads, mode)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{
        Input, integer, integers, node, outputs_of_graph, standard, stored, value,
    };
    use tract_onnx::pb::GraphProto;

    fn run(axes: Option<&[i64]>, lengths: &[i64]) -> TractResult<Vec<Tensor>> {
        let input = tensor2(&[[1f32, 2., 3., 4.], [5., 6., 7., 8.], [9., 10., 11., 12.]]);
        let inputs = vec![Input::Given(input), Input::Stored(tensor1(lengths))];
        let axes = axes.map(|axes| integers("axes", axes));
        standard("CenterCropPad", 18, axes.into_iter().collect(), inputs)
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn the_middle_stays_in_the_middle() {
        let check = |axes: Option<&[i64]>, lengths: &[i64], expected: Tensor| {
            assert_eq!(run(axes, lengths).unwrap(), [expected]);
        };
        check(None, &[2, 1], tensor2(&[[2f32], [6.]]));
        check(None, &[1, 4], tensor2(&[[5f32, 6., 7., 8.]]));
        let padded = [
            [0f32, 1., 2., 3., 4., 0., 0.],
            [0., 5., 6., 7., 8., 0., 0.],
            [0., 9., 10., 11., 12., 0., 0.],
        ];
        check(Some(&[-1]), &[7], tensor2(&padded));
        let both = [[2f32, 3.], [6., 7.], [10., 11.], [0., 0.]];
        check(Some(&[1, 0]), &[2, 4], tensor2(&both));
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn truths_are_padded() {
        let truths = Input::Given(tensor2(&[[false, true, true]]));
        let inputs = vec![truths, Input::Stored(tensor1(&[2i64, 5]))];
        let padded = [[false, false, true, true, false], [false; 5]];
        let output = standard("CenterCropPad", 18, vec![], inputs).unwrap();
        assert_eq!(output, [tensor2(&padded)]);
    }

    #[test]
    fn lengths_must_fit_the_axes() {
        let check = |axes: Option<&[i64]>, lengths: &[i64], reason: &str| {
            let error = format!("{:?}", run(axes, lengths).unwrap_err());
            assert!(error.contains(reason), "{error}");
        };
        check(None, &[1], "a length for each of 2 axes");
        check(Some(&[2]), &[1], "no axis 2");
        check(Some(&[0]), &[-1], "not below zero");
        check(None, &[1 << 14, 1 << 14], "67108864 are the most");
    }

    #[test]
    fn a_length_that_a_run_tells_is_an_error() {
        let left = vec![integer("axis", 0)];
        let graph = GraphProto {
            node: vec![
                node("Compress", &["x", "kept"], &["left"], left),
                node("CenterCropPad", &["left", "lengths"], &["y"], vec![]),
            ],
            initializer: vec![stored("lengths", &tensor1(&[2i64]))],
            input: ["x", "kept"].map(value).into(),
            output: vec![value("y")],
            ..Default::default()
        };
        let inputs = vec![tensor1(&[1f32, 2.]), tensor1(&[true, false])];
        let error = outputs_of_graph(graph, 18, inputs).unwrap_err();
        assert!(
            format!("{error:?}").contains("fix it in the model"),
            "{error:?}"
        );
    }
}
