//! `post_transform`: what classifiers and regressors do with the scores of a row.
//!
//! As onnxruntime computes them, which for one target without a second class is: not at all.

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::elementwise::{each, exponentials};

/// What is done with the scores of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PostTransform {
    None,
    Softmax,
    SoftmaxZero,
    Logistic,
    Probit,
}

/// Scores nearer to zero than this stay zero under `SOFTMAX_ZERO`.
const ZERO: f32 = 1e-7;

impl PostTransform {
    /// Reads the attribute.
    pub(crate) fn of(node: &NodeProto) -> TractResult<Self> {
        let name = node.get_attr_opt("post_transform")?.unwrap_or("NONE");
        Self::named(name)
    }

    /// The transform of this name.
    pub(crate) fn named(name: &str) -> TractResult<Self> {
        match name {
            "NONE" => Ok(Self::None),
            "SOFTMAX" => Ok(Self::Softmax),
            "SOFTMAX_ZERO" => Ok(Self::SoftmaxZero),
            "LOGISTIC" => Ok(Self::Logistic),
            "PROBIT" => Ok(Self::Probit),
            other => bail!("post_transform `{other}` is not supported"),
        }
    }

    /// Transforms the scores of one row of several targets.
    pub(crate) fn apply(self, scores: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Softmax => softmax(scores, |_| true),
            Self::SoftmaxZero => softmax(scores, |score| score.abs() > ZERO),
            Self::Logistic => scores
                .iter_mut()
                .for_each(|score| *score = logistic(*score)),
            Self::Probit => scores.iter_mut().for_each(|score| *score = probit(*score)),
        }
    }

    /// Transforms the scores of many rows of so many targets.
    pub(crate) fn apply_rows(self, scores: &mut [f32], targets: usize) -> TractResult<()> {
        match self {
            Self::Softmax => softmax_rows(scores, targets),
            Self::Logistic => logistics(scores),
            Self::None => Ok(()),
            Self::SoftmaxZero | Self::Probit => {
                scores.chunks_mut(targets).for_each(|row| self.apply(row));
                Ok(())
            }
        }
    }

    /// The scores of both classes of many rows, where a single target tells two apart.
    pub(crate) fn both_rows(self, scores: &[f32]) -> TractResult<Vec<f32>> {
        if self != Self::Logistic {
            return Ok(scores.iter().flat_map(|score| self.both(*score)).collect());
        }
        let pairs = scores.iter().flat_map(|score| [-score, *score]);
        let mut pairs: Vec<f32> = pairs.collect();
        logistics(&mut pairs)?;
        Ok(pairs)
    }

    /// Reads the attribute where a single target tells two classes apart: onnxruntime leaves the
    /// second score of `PROBIT` to chance.
    pub(crate) fn of_single(node: &NodeProto) -> TractResult<Self> {
        let transform = Self::of(node)?;
        ensure!(
            transform != Self::Probit,
            "post_transform `PROBIT` is not supported for a single target"
        );
        Ok(transform)
    }

    /// The scores of both classes, where a single target tells two apart.
    pub(crate) fn both(self, score: f32) -> [f32; 2] {
        match self {
            Self::Logistic => [logistic(-score), logistic(score)],
            Self::None | Self::Softmax | Self::SoftmaxZero | Self::Probit => [1.0 - score, score],
        }
    }
}

/// Scores that do not take part are scaled with the rest, and count for nothing in the sum.
fn softmax(scores: &mut [f32], takes_part: impl Fn(f32) -> bool) {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let scale = (-largest).exp();
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        if takes_part(*score) {
            *score = (*score - largest).exp();
            sum += *score;
        } else {
            *score *= scale;
        }
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}

/// [`softmax`] of rows in which all scores take part.
fn softmax_rows(scores: &mut [f32], targets: usize) -> TractResult<()> {
    for row in scores.chunks_mut(targets) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        each(row, |score| score - largest);
    }
    exponentials(scores)?;
    for row in scores.chunks_mut(targets) {
        let sum: f32 = row.iter().sum();
        each(row, |score| score / sum);
    }
    Ok(())
}

/// [`logistic`] of each score.
fn logistics(scores: &mut [f32]) -> TractResult<()> {
    let mut powers: Vec<f32> = scores.iter().map(|score| -score.abs()).collect();
    exponentials(&mut powers)?;
    for (score, power) in scores.iter_mut().zip(powers) {
        let upper = 1.0 / (1.0 + power);
        *score = if *score < 0.0 { 1.0 - upper } else { upper };
    }
    Ok(())
}

/// Exact for scores of any size: the exponential never overflows.
fn logistic(score: f32) -> f32 {
    let upper = 1.0 / (1.0 + (-score.abs()).exp());
    if score < 0.0 { 1.0 - upper } else { upper }
}

/// The quantile of a probability, by Winitzki's approximation of the inverse error function.
fn probit(probability: f32) -> f32 {
    const CURVE: f32 = 0.147;
    let place = 2.0 * probability - 1.0;
    let log = ((1.0 - place) * (1.0 + place)).ln();
    let half = 2.0 / (std::f32::consts::PI * CURVE) + 0.5 * log;
    let square = half * half - log / CURVE;
    let inverse = (square.sqrt() - half).sqrt();
    let sign = if place < 0.0 { -1.0 } else { 1.0 };
    std::f32::consts::SQRT_2 * sign * inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(transform: PostTransform, scores: &[f32], expected: &[f32]) {
        const ROWS: usize = 40;
        let mut given = scores.to_vec();
        transform.apply(&mut given);
        let mut rows = scores.repeat(ROWS);
        transform.apply_rows(&mut rows, scores.len()).unwrap();
        for (together, alone) in rows.iter().zip(given.repeat(ROWS)) {
            assert!((together - alone).abs() < 1e-6, "{together} {alone}");
        }
        let apart = given
            .iter()
            .zip(expected)
            .map(|(given, expected)| (given - expected).abs());
        assert!(apart.fold(0.0, f32::max) < 1e-6, "{given:?} {expected:?}");
    }

    #[test]
    fn scores_of_a_row_are_transformed_together() {
        check(PostTransform::None, &[1.0, -2.0], &[1.0, -2.0]);
        check(PostTransform::Softmax, &[0.0, 3f32.ln()], &[0.25, 0.75]);
        check(PostTransform::Softmax, &[1000.0, 1000.0], &[0.5, 0.5]);
        check(
            PostTransform::SoftmaxZero,
            &[0.0, 1.0, 1.0],
            &[0.0, 0.5, 0.5],
        );
        check(
            PostTransform::Logistic,
            &[0.0, 3f32.ln(), -1000.0],
            &[0.5, 0.75, 0.0],
        );
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn scores_are_quantiles_under_probit() {
        check(
            PostTransform::Probit,
            &[0.75, 0.3125, 0.0625, 0.875, 0.5],
            &[0.674_574_3, -0.488_814_18, -1.534_093_4, 1.150_535_5, 0.0],
        );
        assert!(probit(1.5).is_nan());
    }

    #[test]
    fn one_target_tells_two_classes_apart() {
        assert_eq!(PostTransform::Logistic.both(0.0), [0.5, 0.5]);
        assert_eq!(PostTransform::None.both(0.25), [0.75, 0.25]);
        assert_eq!(PostTransform::Softmax.both(2.0), [-1.0, 2.0]);
        let rows = |transform: PostTransform| transform.both_rows(&[0.0, 2.0]).unwrap();
        assert_eq!(rows(PostTransform::Logistic)[..2], [0.5, 0.5]);
        assert_eq!(rows(PostTransform::Softmax), [1.0, 0.0, -1.0, 2.0]);
    }
}
