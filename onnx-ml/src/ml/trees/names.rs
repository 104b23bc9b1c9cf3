//! Nodes by tree and number.
//!
//! Exporters number the nodes of a tree from 0 on, in order: a node then lies so many places behind the first of its
//! tree. All others are looked up.

use std::collections::HashMap;

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::forest::Child;
use super::lists::integers_for;

/// The nodes of a tree, which are neighbours.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Run {
    tree: i64,
    first: usize,
    length: usize,
    /// Whether the nodes are numbered from 0 on.
    is_counted: bool,
}

/// Where the nodes of the file are.
pub(super) struct Names {
    /// In the order of the file.
    runs: Vec<Run>,
    /// The place of each among the runs.
    trees: HashMap<i64, usize>,
    /// The nodes of trees that are not counted.
    others: HashMap<(i64, i64), usize>,
}

impl Names {
    /// Reads the names of so many nodes.
    pub(super) fn of(node: &NodeProto, nodes: usize) -> TractResult<Self> {
        let trees = integers_for(node, "nodes_treeids", nodes)?;
        let numbers = integers_for(node, "nodes_nodeids", nodes)?;
        let mut names = Self {
            runs: Vec::new(),
            trees: HashMap::new(),
            others: HashMap::new(),
        };
        let mut first = 0;
        for trees in trees.chunk_by(|tree, next| tree == next) {
            let numbers = numbers.iter().skip(first).take(trees.len());
            if let Some(tree) = trees.first() {
                names.add(*tree, first, numbers)?;
            }
            first += trees.len();
        }
        Ok(names)
    }

    fn add<'a>(
        &mut self,
        tree: i64,
        first: usize,
        numbers: impl ExactSizeIterator<Item = &'a i64> + Clone,
    ) -> TractResult<()> {
        let run = Run {
            tree,
            first,
            length: numbers.len(),
            is_counted: (0..)
                .zip(numbers.clone())
                .all(|(place, number): (i64, _)| place == *number),
        };
        let is_new = self.trees.insert(tree, self.runs.len()).is_none();
        ensure!(is_new, "the nodes of tree {tree} are in several places");
        self.runs.push(run);
        if !run.is_counted {
            for (place, number) in (first..).zip(numbers) {
                let is_new = self.others.insert((tree, *number), place).is_none();
                ensure!(is_new, "node {number} of tree {tree} is there twice");
            }
        }
        Ok(())
    }

    /// The tree of each node, in the order of the file.
    pub(super) fn runs(&self) -> impl Iterator<Item = Run> {
        let runs = self.runs.iter().copied();
        runs.flat_map(|run| std::iter::repeat_n(run, run.length))
    }

    /// The nodes of a tree, which may be those of the last one asked for.
    pub(super) fn run(&self, tree: i64, last: Run) -> TractResult<Run> {
        if last.tree == tree && last.length > 0 {
            return Ok(last);
        }
        let place = self.trees.get(&tree).copied();
        let run = place.and_then(|place| self.runs.get(place)).copied();
        run.with_context(|| format!("there is no tree {tree}"))
    }

    /// The node of a tree that has this number.
    pub(super) fn child(&self, run: Run, number: i64, places: &[Child]) -> TractResult<Child> {
        let place = if run.is_counted {
            let place = usize::try_from(number).ok();
            place
                .filter(|place| *place < run.length)
                .map(|place| run.first + place)
        } else {
            self.others.get(&(run.tree, number)).copied()
        };
        let child = place.and_then(|place| places.get(place)).copied();
        child.with_context(|| format!("tree {} has no node {number}", run.tree))
    }

    /// The first node of each tree.
    pub(super) fn roots(&self, places: &[Child]) -> Vec<Child> {
        let first = |run: &Run| places.get(run.first).copied();
        self.runs.iter().filter_map(first).collect()
    }
}
