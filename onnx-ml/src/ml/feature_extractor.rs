//! `ArrayFeatureExtractor` (ai.onnx.ml, version 1): columns by their places.
//!
//! The places are one list, whatever their shape, and a single row stays a row: as in
//! onnxruntime. tract keeps the shape of the places.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::Gather;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_hir::internal::*;

use crate::tract::{Built, wire_one};

/// Builds the operator from its node.
pub(crate) fn feature_extractor(
    _context: &ParsingContext,
    _node: &NodeProto,
) -> TractResult<Built> {
    Ok((expand(FeatureExtractor), vec![]))
}

#[derive(Debug, Clone)]
struct FeatureExtractor;

impl Expansion for FeatureExtractor {
    fn name(&self) -> StaticName {
        "ArrayFeatureExtractor".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 2)?;
        check_output_arity(outputs, 1)?;
        let ([rows, places], [output]) = (inputs, outputs) else {
            bail!("a feature extractor has two inputs and one output")
        };
        solver.equals(&output.datum_type, &rows.datum_type)?;
        solver.given_2(&rows.shape, &places.shape, move |solver, rows, places| {
            let mut shape = rows;
            shape.pop();
            if shape.is_empty() {
                shape.push(1.to_dim());
            }
            shape.push(places.iter().product());
            solver.equals(&output.shape, shape)
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [rows, places] = *inputs else {
            bail!("a feature extractor has two inputs")
        };
        let rank = model.outlet_fact(rows)?.rank();
        let last = rank.checked_sub(1).context("a row has a feature")?;
        let shape = model.outlet_fact(places)?.shape.to_tvec();
        let list = AxisOp::Reshape(0, shape.clone(), tvec![shape.iter().product()]);
        let places = wire_one(model, format!("{prefix}.list"), list, &[places])?;
        let cast = cast(DatumType::I64);
        let places = wire_one(model, format!("{prefix}.places"), cast, &[places])?;
        let found = model.wire_node(prefix, Gather::new(last), &[rows, places])?;
        if last > 0 {
            return Ok(found);
        }
        model.wire_node(format!("{prefix}.row"), AxisOp::Add(0), &found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, ml};

    #[track_caller]
    fn check(rows: Tensor, places: Tensor, expected: Tensor) {
        let inputs = vec![Input::Given(rows), Input::Given(places)];
        let output = ml("ArrayFeatureExtractor", vec![], inputs).unwrap();
        assert_eq!(output, [expected]);
    }

    /// Expected values and shapes: onnxruntime 1.31.1.
    #[test]
    fn places_are_one_list() {
        let rows = || tensor2(&[[1f32, 2., 3.], [4., 5., 6.]]);
        let expected = || tensor2(&[[3f32, 1.], [6., 4.]]);
        check(rows(), tensor1(&[2i64, 0]), expected());
        check(rows(), tensor2(&[[2i64, 0]]), expected());
        check(rows(), tensor2(&[[2i64], [0]]), expected());
        check(rows(), tensor0(1i64), tensor2(&[[2f32], [5.]]));
    }

    /// The labels of a classifier, looked up with the places of the largest scores.
    #[test]
    fn a_single_row_stays_a_row() {
        let labels = || tensor1(&[10i64, 20, 30]);
        let expected = || tensor2(&[[30i64, 10]]);
        check(labels(), tensor2(&[[2i64], [0]]), expected());
        check(labels(), tensor1(&[2i64, 0]), expected());
        let labels = tensor1(&["a".to_owned(), "b".to_owned()]);
        check(labels, tensor2(&[[1i64]]), tensor2(&[["b".to_owned()]]));
    }
}
