//! `Scaler` (ai.onnx.ml, version 1): `(x - offset) * scale`, feature by feature.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, built, only, tensor, values};
use crate::tract::Built;

/// A scaler as the file describes it: each list holds one number for all features, or one each.
#[derive(Debug)]
struct Scaler {
    offset: Vec<f32>,
    scale: Vec<f32>,
}

/// Builds the operator from its node. Both attributes must be there: the specification has no
/// default for them.
pub(crate) fn scaler(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let offset = numbers(node, "offset")?;
    let scale = numbers(node, "scale")?;
    let (offsets, scales) = (offset.len(), scale.len());
    ensure!(
        offsets == scales,
        "scaler wants as many numbers in `offset` as in `scale`, not {offsets} and {scales}"
    );
    Ok(built(Scaler { offset, scale }))
}

fn numbers(node: &NodeProto, name: &str) -> TractResult<Vec<f32>> {
    let numbers: Vec<f32> = node.get_attr_vec(name)?;
    node.expect_attr(name, !numbers.is_empty(), "at least one number")?;
    Ok(numbers)
}

impl Scaler {
    /// The number of features that the attributes fix, if they do.
    fn features(&self) -> Option<usize> {
        Some(self.offset.len()).filter(|features| *features > 1)
    }

    /// Values of rows of this width; `scale` is told value, offset and scale.
    fn scaled<T: Copy>(
        &self,
        values: &[T],
        width: usize,
        scale: impl Fn(T, f32, f32) -> f32,
    ) -> Vec<f32> {
        let [offsets, scales] = [&self.offset, &self.scale].map(|list| match **list {
            [number] => vec![number; width],
            _ => list.clone(),
        });
        let mut scaled = Vec::with_capacity(values.len());
        for row in values.chunks(width.max(1)) {
            let numbers = offsets.iter().zip(&scales);
            let row = row.iter().zip(numbers);
            scaled.extend(row.map(|(value, (offset, by))| scale(*value, *offset, *by)));
        }
        scaled
    }
}

impl Kernel for Scaler {
    fn name(&self) -> &'static str {
        "Scaler"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (datum_type, shape) = only(inputs)?;
        ensure!(
            datum_type.is_number(),
            "scaler wants numbers, given {datum_type:?}"
        );
        if let Some(features) = self.features() {
            let width = shape.last().filter(|_| shape.len() <= 2);
            ensure!(
                width == Some(&features.to_dim()),
                "scaler of {features} features wants a shape [rows, {features}] or [{features}], given {shape:?}"
            );
        }
        Ok(tvec![(DatumType::F32, shape.clone())])
    }

    /// A double input is scaled as double and rounded once, at the end; all others as float.
    #[expect(clippy::cast_possible_truncation, reason = "rounded to a float")]
    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let input = only(&inputs)?;
        let width = input.shape().last().copied().unwrap_or(1);
        let scaled = if input.datum_type() == f64::datum_type() {
            self.scaled(values::<f64>(input)?, width, |value, offset, scale| {
                ((value - f64::from(offset)) * f64::from(scale)) as f32
            })
        } else {
            let floats = input.cast_to::<f32>()?;
            self.scaled(values::<f32>(&floats)?, width, |value, offset, scale| {
                (value - offset) * scale
            })
        };
        Ok(tvec![tensor(input.shape(), scaled)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{floats, run};

    #[track_caller]
    fn check(input: Tensor, offset: &[f32], scale: &[f32], expected: Tensor) {
        let attributes = vec![floats("offset", offset), floats("scale", scale)];
        let output = run("Scaler", attributes, input).unwrap();
        assert_eq!(output.as_slice(), [expected]);
    }

    #[track_caller]
    fn refused(input: Tensor, offset: &[f32], scale: &[f32], reason: &str) {
        let attributes = vec![floats("offset", offset), floats("scale", scale)];
        let error = format!("{:?}", run("Scaler", attributes, input).unwrap_err());
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn each_feature_has_its_offset_and_scale() {
        let rows = tensor2(&[[1f32, 2., 3.], [4., 5., 6.]]);
        check(
            rows,
            &[1., 2., 3.],
            &[2., 0.5, -1.],
            tensor2(&[[0f32, 0., 0.], [6., 1.5, -3.]]),
        );
        check(
            tensor1(&[4f32, 5.]),
            &[1., 2.],
            &[2., 0.5],
            tensor1(&[6f32, 1.5]),
        );
        check(tensor2(&[[7f32]]), &[1.], &[2.], tensor2(&[[12f32]]));
    }

    #[test]
    fn one_number_holds_for_all_features_of_any_rank() {
        check(tensor2(&[[1f32, 2.]]), &[1.], &[2.], tensor2(&[[0f32, 2.]]));
        check(
            tensor3(&[[[1f32], [2.]]]),
            &[1.],
            &[2.],
            tensor3(&[[[0f32], [2.]]]),
        );
    }

    #[test]
    fn every_number_becomes_a_float() {
        check(
            tensor2(&[[1i64, -2]]),
            &[0.5],
            &[2.],
            tensor2(&[[1f32, -5.]]),
        );
        check(
            tensor2(&[[1i32, -2]]),
            &[0.5],
            &[2.],
            tensor2(&[[1f32, -5.]]),
        );
        // As float, 16777217 is 16777216: only in double is the difference 1.
        check(
            tensor2(&[[16_777_217f64]]),
            &[16_777_216.],
            &[2.],
            tensor2(&[[2f32]]),
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let rows = || tensor2(&[[1f32, 2.]]);
        refused(
            rows(),
            &[1., 2., 3.],
            &[1., 1., 1.],
            "scaler of 3 features wants a shape [rows, 3]",
        );
        let volume = tensor3(&[[[1f32, 2.]]]);
        refused(volume, &[1., 2.], &[1., 1.], "or [2], given");
        refused(rows(), &[1., 2.], &[1.], "not 2 and 1");
        refused(rows(), &[1.], &[1., 2.], "not 1 and 2");
        refused(rows(), &[1., 2., 3.], &[1., 2.], "not 3 and 2");
        refused(rows(), &[], &[1.], "at least one number");
        refused(
            tensor1(&["a".to_owned()]),
            &[1.],
            &[1.],
            "scaler wants numbers",
        );
    }
}
