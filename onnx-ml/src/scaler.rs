//! `Scaler` (ai.onnx.ml, version 1): `(x - offset) * scale`, feature by feature.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::{cast::cast, math};
use tract_onnx::tract_hir::internal::*;

/// A scaler as the file describes it: each list holds one number for all features, or one each.
#[derive(Debug, Clone)]
struct Scaler {
    offset: Arc<Tensor>,
    scale: Arc<Tensor>,
}

/// Builds the operator from its node. Both attributes must be there: the specification has no
/// default for them.
pub(crate) fn scaler(
    _context: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let offset = numbers(node, "offset")?;
    let scale = numbers(node, "scale")?;
    let (offsets, scales) = (offset.len(), scale.len());
    node.expect(
        offsets == scales || offsets == 1 || scales == 1,
        "as many numbers in offset as in scale, or one",
    )?;
    Ok((expand(Scaler { offset, scale }), vec![]))
}

fn numbers(node: &NodeProto, name: &str) -> TractResult<Arc<Tensor>> {
    let numbers: Vec<f32> = node.get_attr_vec(name)?;
    node.expect_attr(name, !numbers.is_empty(), "at least one number")?;
    Ok(rctensor1(&numbers))
}

impl Scaler {
    /// The number of features that the attributes fix, if they do.
    fn features(&self) -> Option<usize> {
        Some(self.offset.len().max(self.scale.len())).filter(|features| *features > 1)
    }

    /// One attribute as a constant that broadcasts over an input of this rank.
    fn constant(numbers: &Tensor, datum_type: DatumType, rank: usize) -> TractResult<Arc<Tensor>> {
        let numbers = numbers.cast_to_dt(datum_type)?.into_owned();
        Ok(numbers.broadcast_into_rank(rank)?.into_arc_tensor())
    }
}

impl Expansion for Scaler {
    fn name(&self) -> StaticName {
        "Scaler".into()
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
            bail!("scaler has one input and one output")
        };
        solver.equals(&output.datum_type, f32::datum_type())?;
        solver.equals(&input.shape, &output.shape)
    }

    /// A double input is scaled as double and rounded once, at the end; all others as float.
    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [input] = *inputs else {
            bail!("scaler has one input")
        };
        let fact = model.outlet_fact(input)?.clone();
        ensure!(
            fact.datum_type.is_number(),
            "scaler wants numbers, given {:?}",
            fact.datum_type
        );
        if let Some(features) = self.features() {
            let width = fact.shape.last().filter(|_| fact.rank() <= 2);
            ensure!(
                width == Some(&features.to_dim()),
                "scaler of {features} features wants a shape [rows, {features}] or [{features}], given {:?}",
                fact.shape
            );
        }
        let precision = if fact.datum_type == f64::datum_type() {
            f64::datum_type()
        } else {
            f32::datum_type()
        };
        let offset = Self::constant(&self.offset, precision, fact.rank())?;
        let scale = Self::constant(&self.scale, precision, fact.rank())?;
        let offset = model.add_const(format!("{prefix}.offset"), offset)?;
        let scale = model.add_const(format!("{prefix}.scale"), scale)?;

        let input = model.wire_node(format!("{prefix}.input"), cast(precision), &[input])?;
        let input = input.first().copied().context("cast has an output")?;
        let centred =
            model.wire_node(format!("{prefix}.centred"), math::sub(), &[input, offset])?;
        let centred = centred.first().copied().context("sub has an output")?;
        let scaled = model.wire_node(format!("{prefix}.scaled"), math::mul(), &[centred, scale])?;
        model.wire_node(prefix, cast(f32::datum_type()), &scaled)
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
            tensor2(&[[1f32, 2.]]),
            &[1.],
            &[2., 3.],
            tensor2(&[[0f32, 3.]]),
        );
        check(
            tensor2(&[[1f32, 2.]]),
            &[1., 0.],
            &[2.],
            tensor2(&[[0f32, 4.]]),
        );
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
            &[1.],
            "scaler of 3 features wants a shape [rows, 3]",
        );
        refused(tensor3(&[[[1f32, 2.]]]), &[1., 2.], &[1.], "or [2], given");
        refused(
            rows(),
            &[1., 2., 3.],
            &[1., 2.],
            "as many numbers in offset as in scale",
        );
        refused(rows(), &[], &[1.], "at least one number");
        refused(
            tensor1(&["a".to_owned()]),
            &[1.],
            &[1.],
            "scaler wants numbers",
        );
    }
}
