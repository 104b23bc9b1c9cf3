//! `Det` (standard domain, from version 11): the determinant of each matrix.
//!
//! By elimination in double precision, with the largest value of a column as its pivot.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, built, only, tensor, values};
use crate::tract::Built;

#[derive(Debug)]
struct Determinant;

/// Builds the operator from its node.
pub(crate) fn determinant(_context: &ParsingContext, _node: &NodeProto) -> TractResult<Built> {
    Ok(built(Determinant))
}

impl Kernel for Determinant {
    fn name(&self) -> &'static str {
        "Det"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (datum_type, shape) = only(inputs)?;
        ensure!(
            datum_type.is_float(),
            "Det wants floats, given {datum_type:?}"
        );
        let [matrices @ .., rows, columns] = shape.as_slice() else {
            bail!("a matrix has two axes, given {shape:?}")
        };
        ensure!(
            rows == columns,
            "a determinant is of a square, given {rows} by {columns}"
        );
        Ok(tvec![(*datum_type, matrices.into())])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let input = args_1!(inputs);
        let [matrices @ .., size, _] = input.shape() else {
            bail!("a matrix has two axes")
        };
        let numbers = input.cast_to::<f64>()?;
        let mut determinants = vec![1.0; matrices.iter().product()];
        if *size > 0 {
            let matrices = values::<f64>(&numbers)?.chunks_exact(size * size);
            for (determinant, matrix) in determinants.iter_mut().zip(matrices) {
                let rows = matrix.chunks_exact(*size).map(<[f64]>::to_vec);
                *determinant = eliminated(rows.collect());
            }
        }
        let output = tensor(matrices, determinants)?;
        Ok(tvec![output.cast_to_dt(input.datum_type())?.into_owned()])
    }
}

/// The product of the pivots; the rows are those of a square.
fn eliminated(mut rows: Vec<Vec<f64>>) -> f64 {
    let mut product = 1.0;
    while !rows.is_empty() {
        let first = |row: &Vec<f64>| row.first().copied().unwrap_or_default();
        let sizes = rows.iter().map(|row| first(row).abs()).enumerate();
        let largest = sizes.max_by(|(_, one), (_, other)| one.total_cmp(other));
        let place = largest.map_or(0, |(place, _)| place);
        // The row takes the place of the first one, and so on: one exchange for each on the way.
        let sign = if place % 2 == 0 { 1.0 } else { -1.0 };
        let pivot_row = rows.remove(place);
        let pivot = first(&pivot_row);
        product *= sign * pivot;
        if pivot == 0.0 {
            return product;
        }
        for row in &mut rows {
            let factor = first(row) / pivot;
            let pairs = row.iter_mut().zip(&pivot_row);
            pairs.for_each(|(value, above)| *value -= factor * above);
            row.remove(0);
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, close, standard};

    fn run(input: Tensor) -> TractResult<Vec<Tensor>> {
        standard("Det", 22, vec![], vec![Input::Given(input)])
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn each_matrix_has_a_determinant() {
        close(&run(tensor2(&[[0f32, 1.], [2., 3.]])).unwrap(), &[-2.]);
        let matrices = tensor3(&[
            [[1f32, 2.], [3., 4.]],
            [[1., 2.], [2., 1.]],
            [[1., 3.], [3., 1.]],
        ]);
        close(&run(matrices).unwrap(), &[-2., -3., -8.]);
        let rows = tensor2(&[[0f32, 2., 1.], [1., 1., 4.], [3., -1., 2.]]);
        close(&run(rows).unwrap(), &[16.]);
        close(&run(tensor2(&[[1f32, 2.], [2., 4.]])).unwrap(), &[0.]);
        close(
            &run(Tensor::zero::<f32>(&[1, 0, 0]).unwrap()).unwrap(),
            &[1.],
        );
    }

    #[test]
    fn what_is_no_square_has_none() {
        let error = format!("{:?}", run(tensor2(&[[1f32, 2.]])).unwrap_err());
        assert!(error.contains("square"), "{error}");
    }
}
