//! Rows through all trees: from features to one sum, mean, least or largest for each target.
//!
//! Rows go in groups, side by side, through one tree after the other; the few that are left go
//! alone, through several trees at once. Either way the leaves of a row are added in the order
//! of the trees, so a row has the same score in any batch.

use tract_onnx::tract_hir::internal::*;

use super::forest::{Aggregate, Forest};
use super::layout::{Comparison, Layout, Tree};
use super::number::Number;
use super::walk::{LANES, Missing, Mixed, Plain, Rule, walk};

/// How many groups of rows go through a tree before the next tree is fetched.
const GROUPS: usize = 16;

/// A forest made ready for one kind of float.
#[derive(Debug)]
pub(super) struct Kernel<T> {
    layout: Layout<T>,
    /// Several trees at once, for rows that go alone.
    bundles: Vec<Bundle>,
    sets: Vec<Vec<T>>,
    leaves: Leaves<T>,
    aggregate: Aggregate,
    /// How many features are looked at.
    features: usize,
    /// How many scores a row has.
    pub(super) columns: usize,
}

/// What the leaves give.
#[derive(Debug)]
enum Leaves<T> {
    /// Each keeps its weight, for all are for the same target.
    One,
    /// Each keeps its place in this list: where its weights begin, and where they end.
    Several {
        spans: Vec<(u32, u32)>,
        weights: Vec<(u32, T)>,
    },
}

/// Trees that a row goes through at once.
#[derive(Debug)]
struct Bundle {
    roots: [u32; LANES],
    /// Of all of them, with the nearest and the farthest leaf.
    tree: Tree,
    /// How many of the roots count.
    trees: usize,
}

impl<T: Number> Kernel<T> {
    /// Scores of one column if `is_single`: all weights are for the same target.
    pub(super) fn of(forest: &Forest, is_single: bool) -> TractResult<Self> {
        // A weight of negative zero would read as none.
        let positive = |weight: f64| T::of(weight) + T::of(0.0);
        let sets = forest.sets.iter();
        let sets = sets.map(|set| set.iter().map(|member| T::of(*member)).collect());
        let mut kernel = Self {
            layout: Layout::of(forest, T::from_place)?,
            bundles: Vec::new(),
            sets: sets.collect(),
            leaves: Leaves::One,
            aggregate: forest.aggregate,
            features: forest.features(),
            columns: if is_single { 1 } else { forest.targets },
        };
        if is_single {
            kernel.layout = Layout::of(forest, |leaf| {
                let weights = forest.leaves.get(leaf as usize).into_iter().flatten();
                let weights = weights.map(|(_, weight)| positive(*weight));
                let both = |first, second| forest.aggregate.with(first, second);
                weights.reduce(both).unwrap_or(T::UNSCORED)
            })?;
        } else {
            let mut spans = Vec::with_capacity(forest.leaves.len());
            let mut weights: Vec<(u32, T)> = Vec::new();
            for leaf in &forest.leaves {
                let begin = u32::try_from(weights.len())?;
                weights.extend(
                    leaf.iter()
                        .map(|(target, weight)| (*target, positive(*weight))),
                );
                spans.push((begin, u32::try_from(weights.len())?));
            }
            kernel.leaves = Leaves::Several { spans, weights };
        }
        kernel.bundles = kernel.layout.trees.chunks(LANES).map(bundle).collect();
        Ok(kernel)
    }

    /// The scores `[rows, columns]` of rows of this width.
    pub(super) fn scores(&self, rows: &[T], width: usize) -> TractResult<Vec<T>> {
        let features = self.features;
        ensure!(
            width > 0 && width >= features,
            "trees that look at {features} features, given rows of {width}"
        );
        let mut scores = vec![T::UNSCORED; rows.len() / width * self.columns];
        match self.layout.comparison {
            Comparison::Plain => self.run(rows, width, &mut scores, Plain),
            Comparison::Missing => self.run(rows, width, &mut scores, Missing),
            Comparison::Mixed => self.run(rows, width, &mut scores, Mixed(&self.sets)),
        }
        Ok(scores)
    }

    fn run<R: Rule<T>>(&self, rows: &[T], width: usize, scores: &mut [T], rule: R) {
        let mut columns = Vec::new();
        let mut alone = Vec::new();
        let blocks = rows.chunks(GROUPS * LANES * width);
        let scores = scores.chunks_mut(GROUPS * LANES * self.columns);
        for (rows, scores) in blocks.zip(scores) {
            let groups = rows.chunks_exact(LANES * width);
            let rest = groups.remainder();
            columns.clear();
            groups.for_each(|group| self.transpose(group, width, &mut columns));
            let grouped = columns.len() / (self.features + 1) * LANES * self.columns;
            let (grouped, single) = scores.split_at_mut(grouped);
            self.side_by_side(&columns, grouped, rule);
            let single = single.chunks_mut(self.columns);
            for (row, scores) in rest.chunks(width).zip(single) {
                alone.clear();
                alone.push(T::NAN);
                alone.extend(row.iter().take(self.features));
                self.alone(&alone, scores, rule);
            }
        }
    }

    /// Features of a group of rows, those of one feature next to each other.
    fn transpose(&self, group: &[T], width: usize, columns: &mut Vec<[T; LANES]>) {
        let begin = columns.len();
        columns.resize(begin + self.features + 1, [T::NAN; LANES]);
        for (lane, row) in group.chunks(width).enumerate() {
            let columns = columns.iter_mut().skip(begin + 1);
            for (column, value) in columns.zip(row) {
                if let Some(place) = column.get_mut(lane) {
                    *place = *value;
                }
            }
        }
    }

    fn side_by_side<R: Rule<T>>(&self, columns: &[[T; LANES]], scores: &mut [T], rule: R) {
        for tree in &self.layout.trees {
            let groups = columns.chunks(self.features + 1);
            let scores = scores.chunks_mut(LANES * self.columns);
            for (columns, scores) in groups.zip(scores) {
                let value = |lane: usize, column: usize| {
                    let column = columns.get(column);
                    let value = column.and_then(|column| column.get(lane));
                    value.copied().unwrap_or(T::NAN)
                };
                let nodes = &self.layout.nodes;
                let ends = walk(nodes, *tree, [tree.root; LANES], rule, value);
                for (end, scores) in ends.into_iter().zip(scores.chunks_mut(self.columns)) {
                    self.add(end, scores);
                }
            }
        }
    }

    fn alone<R: Rule<T>>(&self, row: &[T], scores: &mut [T], rule: R) {
        let value = |_: usize, column: usize| row.get(column).copied().unwrap_or(T::NAN);
        for bundle in &self.bundles {
            let ends = walk(&self.layout.nodes, bundle.tree, bundle.roots, rule, value);
            for end in ends.into_iter().take(bundle.trees) {
                self.add(end, scores);
            }
        }
    }

    /// Adds to the scores of a row what a leaf gives.
    fn add(&self, end: T, scores: &mut [T]) {
        match &self.leaves {
            Leaves::One => {
                if let [score] = scores {
                    *score = self.aggregate.with(*score, end);
                }
            }
            Leaves::Several { spans, weights } => {
                let (begin, end) = spans.get(end.place() as usize).copied().unwrap_or((0, 0));
                let weights = weights.get(begin as usize..end as usize);
                for (target, weight) in weights.unwrap_or_default() {
                    if let Some(score) = scores.get_mut(*target as usize) {
                        *score = self.aggregate.with(*score, *weight);
                    }
                }
            }
        }
    }
}

impl Aggregate {
    fn with<T: Number>(self, score: T, weight: T) -> T {
        let replaced = match self {
            // What is unscored is a zero.
            Self::Sum | Self::Average => return score + weight,
            Self::Least => weight < score,
            Self::Largest => weight > score,
        };
        if score.is_unscored() || (replaced && !weight.is_unscored()) {
            weight
        } else {
            score
        }
    }
}

fn bundle(trees: &[Tree]) -> Bundle {
    let mut roots = [trees.first().map_or(0, |tree| tree.root); LANES];
    roots
        .iter_mut()
        .zip(trees)
        .for_each(|(root, tree)| *root = tree.root);
    Bundle {
        roots,
        tree: Tree {
            root: 0,
            least: trees.iter().map(|tree| tree.least).min().unwrap_or(0),
            most: trees.iter().map(|tree| tree.most).max().unwrap_or(0),
        },
        trees: trees.len(),
    }
}
