//! Scores of rows by few coefficients: no product of matrices is worth preparing for them.

use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, only, tensor, values};

/// Up to so many coefficients rows are multiplied here.
pub(super) const FEW: usize = 512;

/// Rows that are multiplied side by side.
const LANES: usize = 8;

/// Coefficients `[targets, features]`, and what is added to each target.
#[derive(Debug)]
pub(super) struct Product {
    pub(super) coefficients: Vec<f32>,
    pub(super) intercepts: Vec<f32>,
    pub(super) features: usize,
}

impl Product {
    /// The features of a row are added one after the other, so it has the same scores in any batch.
    fn scores(&self, input: &[f32]) -> Vec<f32> {
        let targets = self.intercepts.len();
        let mut scores = vec![0.0; input.len() / self.features * targets];
        let mut columns = vec![[0f32; LANES]; self.features];
        let groups = input.chunks(LANES * self.features);
        for (group, scores) in groups.zip(scores.chunks_mut(LANES * targets)) {
            transpose(group, &mut columns);
            let coefficients = self.coefficients.chunks(self.features);
            let targets = coefficients.zip(&self.intercepts).enumerate();
            for (target, (coefficients, intercept)) in targets {
                let sums = sums(&columns, coefficients);
                let places = scores.iter_mut().skip(target);
                let places = places.step_by(self.intercepts.len());
                places
                    .zip(sums)
                    .for_each(|(score, sum)| *score = sum + intercept);
            }
        }
        scores
    }
}

/// The features of up to as many rows as there are lanes, those of one feature next to each other.
fn transpose(group: &[f32], columns: &mut [[f32; LANES]]) {
    for (lane, row) in group.chunks(columns.len()).enumerate() {
        for (column, value) in columns.iter_mut().zip(row) {
            if let Some(place) = column.get_mut(lane) {
                *place = *value;
            }
        }
    }
}

fn sums(columns: &[[f32; LANES]], coefficients: &[f32]) -> [f32; LANES] {
    let mut sums = [0f32; LANES];
    for (column, coefficient) in columns.iter().zip(coefficients) {
        for (sum, value) in sums.iter_mut().zip(column) {
            *sum += value * coefficient;
        }
    }
    sums
}

impl Kernel for Product {
    fn name(&self) -> &'static str {
        "Scores"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (_, shape) = only(inputs)?;
        let rows = shape.first().cloned().context("scores are of rows")?;
        let targets = self.intercepts.len().to_dim();
        Ok(tvec![(DatumType::F32, tvec![rows, targets])])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let input = only(&inputs)?.cast_to::<f32>()?;
        let scores = self.scores(values(&input)?);
        let targets = self.intercepts.len();
        Ok(tvec![tensor(&[scores.len() / targets, targets], scores)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_same_scores_in_any_batch() {
        let product = Product {
            coefficients: vec![1.0, 2.0, -1.0, 0.1, 0.7, -0.3],
            intercepts: vec![0.5, -0.5],
            features: 3,
        };
        let rows: Vec<f32> = (0..3 * 19_u8).map(|place| f32::from(place) / 7.0).collect();
        let together = product.scores(&rows);
        let alone = rows.chunks(3).flat_map(|row| product.scores(row));
        assert_eq!(together, alone.collect::<Vec<_>>());
        assert_eq!(together.first(), Some(&0.5));
        assert!(product.scores(&[]).is_empty());
    }
}
