//! Probabilities of classes from the scores of their pairs: Platt's sigmoid for each pair, and the
//! coupling of Wu, Lin and Weng (2004), second method.
//!
//! In float and in the order of onnxruntime, for its iteration stops early enough to show.

/// Probabilities of a pair stay this far from none and all.
const MARGIN: f32 = 1e-7;

/// The iteration ends after so many rounds, converged or not.
const ROUNDS: usize = 100;

/// The sigmoid of each pair.
#[derive(Debug)]
pub(super) struct Platt {
    pub(super) slopes: Vec<f32>,
    pub(super) offsets: Vec<f32>,
}

/// A square matrix, row by row.
struct Square {
    width: usize,
    values: Vec<f32>,
}

impl Square {
    fn new(width: usize) -> Self {
        Self {
            width,
            values: vec![0.0; width * width],
        }
    }

    fn get(&self, row: usize, column: usize) -> f32 {
        let value = self.values.get(row * self.width + column);
        value.copied().unwrap_or_default()
    }

    fn set(&mut self, row: usize, column: usize, to: f32) {
        if let Some(value) = self.values.get_mut(row * self.width + column) {
            *value = to;
        }
    }

    fn row(&self, row: usize) -> &[f32] {
        let mut rows = self.values.chunks_exact(self.width);
        rows.nth(row).unwrap_or_default()
    }
}

impl Platt {
    /// The probabilities of the classes, from the scores of all pairs of one row.
    pub(super) fn probabilities(&self, scores: &[f32], classes: &mut [f32]) {
        couple(&self.pairs(scores, classes.len()), classes);
    }

    /// Place `(i, j)`: how probable class `i` is where it is either `i` or `j`.
    fn pairs(&self, scores: &[f32], classes: usize) -> Square {
        let mut pairs = Square::new(classes);
        let sigmoids = self.slopes.iter().zip(&self.offsets);
        let mut all = scores.iter().zip(sigmoids);
        for first in 0..classes {
            for (second, (score, (slope, offset))) in (first + 1..classes).zip(all.by_ref()) {
                let probability = 1.0 - logistic(score * slope + offset);
                let probability = probability.clamp(MARGIN, 1.0 - MARGIN);
                pairs.set(first, second, probability);
                pairs.set(second, first, 1.0 - probability);
            }
        }
        pairs
    }
}

fn logistic(value: f32) -> f32 {
    let upper = 1.0 / (1.0 + (-value.abs()).exp());
    if value < 0.0 { 1.0 - upper } else { upper }
}

#[expect(clippy::cast_precision_loss, reason = "a number of classes is small")]
fn couple(pairs: &Square, classes: &mut [f32]) {
    let count = classes.len() as f32;
    let quadratic = quadratic(pairs);
    let near = 0.005 / count;
    classes.fill(1.0 / count);
    for _ in 0..ROUNDS {
        let mut products: Vec<f32> = (0..classes.len())
            .map(|class| dot(quadratic.row(class), classes))
            .collect();
        let mut total = dot(classes, &products);
        let apart = products.iter().map(|product| (product - total).abs());
        if apart.fold(0.0, f32::max) < near {
            break;
        }
        for class in 0..classes.len() {
            let own = quadratic.get(class, class);
            let product = products.get(class).copied().unwrap_or_default();
            let step = (-product + total) / own;
            if let Some(probability) = classes.get_mut(class) {
                *probability += step;
            }
            let scale = 1.0 + step;
            total = (total + step * (step * own + 2.0 * product)) / scale / scale;
            let row = quadratic.row(class);
            for ((product, value), class) in products.iter_mut().zip(row).zip(classes.iter_mut()) {
                *product = (*product + step * value) / scale;
                *class /= scale;
            }
        }
    }
}

/// What the probabilities minimise, as the matrix of a quadratic form.
fn quadratic(pairs: &Square) -> Square {
    let mut quadratic = Square::new(pairs.width);
    for first in 0..pairs.width {
        let others = (0..pairs.width).filter(|second| *second != first);
        let own = others.clone().fold(0.0, |sum, second| {
            sum + pairs.get(second, first) * pairs.get(second, first)
        });
        quadratic.set(first, first, own);
        for second in others {
            quadratic.set(
                first,
                second,
                -pairs.get(second, first) * pairs.get(first, second),
            );
        }
    }
    quadratic
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    let pairs = left.iter().zip(right);
    pairs.fold(0.0, |sum, (left, right)| sum + left * right)
}
