//! `SVMClassifier` and `SVMRegressor` (ai.onnx.ml, version 1): what both have in common.
//!
//! Kernels `LINEAR`, `POLY`, `RBF` and `SIGMOID` with `kernel_params` (gamma, coef0, degree), in
//! float whatever the input, as in onnxruntime. Without support vectors the coefficients are those
//! of a linear model.

mod classifier;
mod probability;
mod regressor;

pub(crate) use classifier::classifier;
pub(crate) use regressor::regressor;

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::elementwise::{each, exponentials, tangents};
use crate::kernel::values;

/// From so many rows on a product of matrices pays.
const MATRIX: usize = 4;

/// Fewer vectors than these are multiplied one by one.
const FEW: usize = 8;

/// Partial sums of a product that are added up side by side.
const LANES: usize = 8;

/// How alike a row and a support vector are.
#[derive(Debug, Clone, Copy)]
enum Similarity {
    Linear,
    Poly {
        gamma: f32,
        offset: f32,
        degree: f32,
    },
    Rbf {
        gamma: f32,
    },
    Sigmoid {
        gamma: f32,
        offset: f32,
    },
}

/// Support vectors, or the coefficients of a linear model, and how rows are compared with them.
#[derive(Debug)]
struct Vectors {
    similarity: Similarity,
    count: usize,
    features: usize,
    /// `[features, count]`: one feature of all vectors lies together.
    by_feature: Vec<f32>,
    /// `[count, features]`, where the vectors are few.
    by_vector: Option<Vec<f32>>,
}

impl Similarity {
    fn of(node: &NodeProto) -> TractResult<Self> {
        let parameters: Vec<f32> = node.get_attr_opt_vec("kernel_params")?.unwrap_or_default();
        let (gamma, offset, degree) = match *parameters {
            [] => (0.0, 0.0, 0.0),
            [gamma, offset, degree, ..] => (gamma, offset, degree),
            _ => bail!("kernel_params must be gamma, coef0 and degree"),
        };
        match node
            .get_attr_opt::<&str>("kernel_type")?
            .unwrap_or("LINEAR")
        {
            "LINEAR" => Ok(Self::Linear),
            "POLY" => Ok(Self::Poly {
                gamma,
                offset,
                degree,
            }),
            "RBF" => Ok(Self::Rbf { gamma }),
            "SIGMOID" => Ok(Self::Sigmoid { gamma, offset }),
            other => bail!("kernel_type `{other}` is not supported"),
        }
    }

    /// Products, or squared distances, become similarities.
    fn finish(self, values: &mut [f32]) -> TractResult<()> {
        match self {
            Self::Linear => {}
            Self::Rbf { gamma } => {
                each(values, |value| -gamma * value);
                exponentials(values)?;
            }
            Self::Sigmoid { gamma, offset } => {
                each(values, |value| gamma * value + offset);
                tangents(values)?;
            }
            Self::Poly {
                gamma,
                offset,
                degree,
            } => {
                let base = |value: f32| gamma * value + offset;
                if degree == 2.0 {
                    each(values, |value| base(value) * base(value));
                } else if degree == 3.0 {
                    each(values, |value| base(value) * base(value) * base(value));
                } else {
                    each(values, |value| base(value).powf(degree));
                }
            }
        }
        Ok(())
    }
}

impl Vectors {
    /// `count` vectors, one after the other.
    fn of(similarity: Similarity, vectors: &[f32], count: usize) -> TractResult<Self> {
        ensure!(
            count > 0 && !vectors.is_empty() && vectors.len().is_multiple_of(count),
            "{} numbers cannot be {count} vectors of the same length",
            vectors.len()
        );
        let features = vectors.len() / count;
        let matrix = tract_ndarray::ArrayView2::from_shape((count, features), vectors)?;
        let by_feature = matrix.t().iter().copied().collect();
        Ok(Self {
            similarity,
            count,
            features,
            by_feature,
            by_vector: (count < FEW).then(|| vectors.to_vec()),
        })
    }

    /// The rows of an input that fits.
    fn rows(&self, shape: &[TDim]) -> TractResult<TDim> {
        let (rows, features) = crate::kernel::rows(shape)?;
        ensure!(
            features == self.features.to_dim(),
            "vectors of {} features, given rows of the shape {shape:?}",
            self.features
        );
        Ok(rows)
    }

    /// The similarities `[rows, count]` of an input.
    fn similarities(&self, input: &Tensor) -> TractResult<Vec<f32>> {
        let input = input.cast_to::<f32>()?;
        let input = values::<f32>(&input)?;
        let mut found = match self.similarity {
            Similarity::Rbf { .. } => self.each_row(input, |found, value, vector| {
                let apart = value - vector;
                *found += apart * apart;
            }),
            Similarity::Linear | Similarity::Poly { .. } | Similarity::Sigmoid { .. } => {
                self.products(input)?
            }
        };
        self.similarity.finish(&mut found)?;
        Ok(found)
    }

    fn products(&self, input: &[f32]) -> TractResult<Vec<f32>> {
        let rows = input.len() / self.features;
        if let Some(vectors) = &self.by_vector {
            let products = |row| {
                let vectors = vectors.chunks_exact(self.features);
                vectors.map(move |vector| product(row, vector))
            };
            return Ok(input
                .chunks_exact(self.features)
                .flat_map(products)
                .collect());
        }
        if rows < MATRIX {
            let add = |found: &mut f32, value: f32, vector: f32| *found += value * vector;
            return Ok(self.each_row(input, add));
        }
        let input = tract_ndarray::ArrayView2::from_shape((rows, self.features), input)?;
        let vectors =
            tract_ndarray::ArrayView2::from_shape((self.features, self.count), &self.by_feature)?;
        Ok(input.dot(&vectors).into_raw_vec_and_offset().0)
    }

    /// What a function makes of each feature of a row and that of all vectors, side by side.
    fn each_row(&self, input: &[f32], add: impl Fn(&mut f32, f32, f32)) -> Vec<f32> {
        let mut found = vec![0.0; input.len() / self.features * self.count];
        let rows = input.chunks_exact(self.features);
        for (row, found) in rows.zip(found.chunks_exact_mut(self.count)) {
            for (value, vectors) in row.iter().zip(self.by_feature.chunks_exact(self.count)) {
                for (found, vector) in found.iter_mut().zip(vectors) {
                    add(found, *value, *vector);
                }
            }
        }
        found
    }
}

fn product(row: &[f32], vector: &[f32]) -> f32 {
    let (left, left_rest) = row.as_chunks::<LANES>();
    let (right, right_rest) = vector.as_chunks::<LANES>();
    let mut sums = [0f32; LANES];
    for (left, right) in left.iter().zip(right) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum += left * right;
        }
    }
    let rest = left_rest.iter().zip(right_rest);
    let rest: f32 = rest.map(|(left, right)| left * right).sum();
    sums.iter().sum::<f32>() + rest
}

/// An input of numbers.
fn numbers(datum_type: DatumType) -> TractResult<()> {
    ensure!(
        datum_type.is_number(),
        "a support vector machine takes numbers, given {datum_type:?}"
    );
    Ok(())
}
