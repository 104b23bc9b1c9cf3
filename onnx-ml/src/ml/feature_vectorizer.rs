//! `FeatureVectorizer` (ai.onnx.ml, version 1): the features of several inputs in one row.
//!
//! `inputdimensions` says how many features each input gives: more are cut off, and missing ones
//! are zero. Where it is missing, each gives all it has. Every number becomes a float.

use std::iter::Product;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, built, values};
use crate::tract::Built;

/// Builds the operator from its node.
pub(crate) fn feature_vectorizer(
    _context: &ParsingContext,
    node: &NodeProto,
) -> TractResult<Built> {
    let widths: Option<Vec<usize>> = node.get_attr_opt_vec("inputdimensions")?;
    let fits = widths
        .as_ref()
        .is_none_or(|widths| widths.len() == node.input.len());
    node.expect(fits, "one of inputdimensions for each input")?;
    Ok(built(FeatureVectorizer { widths }))
}

#[derive(Debug)]
struct FeatureVectorizer {
    widths: Option<Vec<usize>>,
}

/// Rows and features: all axes but the first are features, and a single list is one row.
fn matrix<D: DimLike + for<'d> Product<&'d D>>(shape: &[D]) -> TractResult<(D, D)> {
    match shape {
        [] => bail!("rows of features are wanted, given a single value"),
        [features] => Ok((1.into(), features.clone())),
        [rows, features @ ..] => Ok((rows.clone(), features.iter().product())),
    }
}

impl FeatureVectorizer {
    fn width(&self, place: usize) -> Option<usize> {
        self.widths.as_ref()?.get(place).copied()
    }
}

impl Kernel for FeatureVectorizer {
    fn name(&self) -> &'static str {
        "FeatureVectorizer"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let mut shape: Option<TVec<TDim>> = None;
        for (place, (datum_type, input)) in inputs.iter().enumerate() {
            ensure!(
                datum_type.is_number(),
                "a feature vectorizer takes numbers, given {datum_type:?}"
            );
            let (rows, features) = matrix(input)?;
            let width = self.width(place).map_or(features, |width| width.to_dim());
            shape = Some(match shape.as_deref() {
                Some([first, sum]) => {
                    ensure!(*first == rows, "inputs of {first} and of {rows} rows");
                    tvec![rows, sum.clone() + width]
                }
                _ => tvec![rows, width],
            });
        }
        let shape = shape.context("a feature vectorizer has inputs")?;
        Ok(tvec![(DatumType::F32, shape)])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let mut parts = Vec::with_capacity(inputs.len());
        for (place, input) in inputs.iter().enumerate() {
            let (rows, features) = matrix(input.shape())?;
            let width = self.width(place).unwrap_or(features);
            parts.push((input.cast_to::<f32>()?, rows, features, width));
        }
        let rows = parts.first().map_or(0, |(_, rows, ..)| *rows);
        let total = parts.iter().map(|(.., width)| width).sum::<usize>();
        let mut output = Tensor::zero::<f32>(&[rows, total])?;
        let mut plain = output.try_as_plain_ram_mut()?;
        let into = plain.as_slice_mut::<f32>()?;
        let mut offset = 0;
        for (part, _, features, width) in &parts {
            let from = values::<f32>(part)?.chunks((*features).max(1));
            let taken = (*features).min(*width);
            for (row, from) in into.chunks_mut(total.max(1)).zip(from) {
                let to = row.get_mut(offset..offset + taken);
                let from = from.get(..taken);
                let (to, from) = to.zip(from).context("a part fits its row")?;
                to.copy_from_slice(from);
            }
            offset += width;
        }
        Ok(tvec![output])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, integers, ml};

    fn vectorize(widths: Option<&[i64]>, inputs: &[Tensor]) -> TractResult<Vec<Tensor>> {
        let attributes = widths.map(|widths| integers("inputdimensions", widths));
        let inputs = inputs.iter().cloned().map(Input::Given).collect();
        ml(
            "FeatureVectorizer",
            attributes.into_iter().collect(),
            inputs,
        )
    }

    /// Expected values: by the specification, not recorded.
    #[test]
    fn features_stand_side_by_side() {
        let floats = tensor2(&[[1f32, 2.], [3., 4.]]);
        let integers = tensor2(&[[5i64], [6]]);
        let both = [floats, integers];
        let plain = tensor2(&[[1f32, 2., 5.], [3., 4., 6.]]);
        assert_eq!(vectorize(Some(&[2, 1]), &both).unwrap()[0], plain);
        assert_eq!(vectorize(None, &both).unwrap(), [plain]);
        let fitted = tensor2(&[[1f32, 5., 0.], [3., 6., 0.]]);
        assert_eq!(vectorize(Some(&[1, 2]), &both).unwrap(), [fitted]);
        let lists = [tensor1(&[1f64, 2.]), tensor1(&[3i32])];
        let row = tensor2(&[[1f32, 2., 3.]]);
        assert_eq!(vectorize(Some(&[2, 1]), &lists).unwrap(), [row]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |widths, inputs: &[Tensor], reason| {
            let error = format!("{:?}", vectorize(widths, inputs).unwrap_err());
            assert!(error.contains(reason), "{error}");
        };
        let (one, two) = (tensor2(&[[1f32]]), tensor2(&[[1f32], [2.]]));
        refused(Some(&[1]), &[one.clone(), one.clone()], "inputdimensions");
        refused(None, &[one, two], "inputs of 1 and of 2 rows");
        refused(None, &[tensor1(&["a".to_owned()])], "takes numbers");
    }
}
