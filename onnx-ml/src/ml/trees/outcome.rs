//! From the scores of a row to what the operator gives: base values, labels, `post_transform`.
//!
//! As onnxruntime does it, which for two classes depends on which of them have weights, on how
//! many base values there are, and on whether a weight is negative.

use super::forest::{Aggregate, Forest};
use super::number::Number;
use crate::ml::post_transform::PostTransform;

/// How the scores of a row end.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    targets: usize,
    base: Vec<f64>,
    /// What a mean is divided by.
    trees: Option<f64>,
    transform: PostTransform,
    /// The one target that all weights are for, if so.
    pub(super) only: Option<usize>,
    classes: Option<Classes>,
}

/// What a classifier knows of its weights.
#[derive(Debug, Clone, Copy)]
struct Classes {
    has_negative: bool,
}

impl Outcome {
    pub(super) fn of(forest: &Forest, is_classifier: bool) -> Self {
        let weights = || forest.leaves.iter().flatten();
        let first = weights().next().map_or(0, |(target, _)| *target);
        let is_only = weights().all(|(target, _)| *target == first);
        let has_negative = weights().any(|(_, weight)| *weight < 0.0);
        let trees = match forest.aggregate {
            Aggregate::Average => Some(forest.roots.len() as f64),
            Aggregate::Sum | Aggregate::Least | Aggregate::Largest => None,
        };
        Self {
            targets: forest.targets,
            base: forest.base.clone(),
            trees,
            transform: forest.transform,
            only: is_only.then_some(first as usize),
            classes: is_classifier.then_some(Classes { has_negative }),
        }
    }

    /// Ends the scores of all rows; gives them, and of a classifier the place of each row's label.
    pub(super) fn of_scores<T: Number, O: Number>(
        &self,
        scores: &[T],
        columns: usize,
    ) -> (Vec<O>, Vec<usize>) {
        let rows = scores.len() / columns;
        let mut given = Vec::with_capacity(rows * self.targets);
        let mut winners = Vec::with_capacity(self.classes.map_or(0, |_| rows));
        let mut row = vec![T::UNSCORED; self.targets];
        for scores in scores.chunks(columns) {
            let first = self.only.unwrap_or(0);
            let places = row.iter_mut().skip(first);
            places
                .zip(scores)
                .for_each(|(place, score)| *place = *score);
            match self.classes {
                None => self.regress(&mut row),
                Some(classes) if self.targets == 2 => {
                    winners.push(self.two(classes, &mut row));
                }
                Some(_) => winners.push(self.several(&mut row)),
            }
            given.extend(row.iter().map(|score| O::of(score.wide())));
            row.fill(T::UNSCORED);
        }
        (given, winners)
    }

    fn base<T: Number>(&self, target: usize) -> T {
        T::of(self.base.get(target).copied().unwrap_or(0.0))
    }

    /// Targets without a score are zero whatever their base value, but for a single one.
    fn regress<T: Number>(&self, row: &mut [T]) {
        let is_single = self.targets == 1;
        for (target, score) in row.iter_mut().enumerate() {
            if let Some(trees) = self.trees.filter(|_| !score.is_unscored()) {
                *score = *score / T::of(trees);
            }
            if is_single || !score.is_unscored() {
                *score = *score + self.base(target);
            }
        }
        if !is_single || self.transform == PostTransform::Probit {
            self.transform(row);
        }
    }

    /// The largest score, the first of equals, of those that have one.
    fn several<T: Number>(&self, row: &mut [T]) -> usize {
        for (target, score) in row.iter_mut().enumerate() {
            if !self.base.is_empty() {
                *score = *score + T::of(0.0) + self.base(target);
            }
        }
        let scored = row
            .iter()
            .enumerate()
            .filter(|(_, score)| !score.is_unscored());
        let winner = scored.reduce(|best, next| if next.1 > best.1 { next } else { best });
        let winner = winner.map_or(0, |(target, _)| target);
        self.transform(row);
        winner
    }

    fn two<T: Number>(&self, classes: Classes, row: &mut [T]) -> usize {
        let [no, yes] = row else { return 0 };
        let (is_no, is_yes) = (!no.is_unscored(), !yes.is_unscored());
        let zero = T::of(0.0);
        match self.base.len() {
            0 => {}
            1 if is_no => *no = *no + self.base(0),
            1 => {}
            _ if is_yes => {
                *yes = *no + zero + self.base(1);
                *no = if is_no {
                    T::of(-yes.wide())
                } else {
                    T::UNSCORED
                };
            }
            _ if is_no => *no = *no + self.base(0),
            _ => {}
        }
        let score = if is_yes { *yes } else { *no };
        let is_split = self.only.is_some();
        let least = if is_split && !classes.has_negative {
            0.5
        } else {
            0.0
        };
        let winner = usize::from(score.wide() > least);
        if is_yes || self.base.len() == 2 {
            self.transform(row);
            return winner;
        }
        let score = score + zero;
        let other = if self.transform == PostTransform::Logistic {
            None
        } else if is_split && !classes.has_negative {
            Some(1.0 - score.wide())
        } else {
            Some(-score.wide())
        };
        match other {
            _ if !is_split && self.base.len() == 1 => (*no, *yes) = (score, zero),
            Some(other) => (*no, *yes) = (T::of(other), score),
            None => {
                (*no, *yes) = (T::of(-score.wide()), score);
                self.transform(row);
            }
        }
        winner
    }

    /// Transforms a row in 32 bits whatever it is of; what has no score is zero.
    fn transform<T: Number>(&self, row: &mut [T]) {
        if self.transform == PostTransform::None {
            row.iter_mut()
                .for_each(|score| *score = *score + T::of(0.0));
            return;
        }
        let mut narrow: Vec<f32> = row
            .iter()
            .map(|score| (score.wide() + 0.0) as f32)
            .collect();
        self.transform.apply(&mut narrow);
        row.iter_mut()
            .zip(narrow)
            .for_each(|(score, narrow)| *score = T::of(f64::from(narrow)));
    }
}
