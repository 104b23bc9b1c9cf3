//! Trees as a file describes them, once they are known to be trees.
//!
//! Children are places in a list, so a node may be shared, as exporters do with categories; a
//! node that leads back to itself is refused, and so is a child that is not there.

use tract_onnx::tract_hir::internal::*;

use crate::ml::post_transform::PostTransform;

/// More nodes than this are refused: places are 32-bit integers, some of whose values are not
/// stored as they are in a float.
pub(super) const MOST_NODES: usize = 1 << 29;

/// How many features a node may choose from: the upper bits of its feature say how it compares.
pub(super) const MOST_FEATURES: usize = 1 << 27;

/// How many targets there may be: each row has a score for all of them, with weights or not.
const MOST_TARGETS: usize = 1 << 20;

/// What a node asks of its feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Test {
    AtMost,
    Below,
    AtLeast,
    Above,
    Equal,
    Unequal,
    /// The place of a set in [`Forest::sets`].
    Member(u32),
}

/// Where a branch leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Child {
    Split(u32),
    Leaf(u32),
}

/// A node with a question.
#[derive(Debug, Clone)]
pub(super) struct Split {
    pub(super) feature: u32,
    pub(super) test: Test,
    pub(super) threshold: f64,
    /// Whether a value that is missing passes.
    pub(super) missing: bool,
    pub(super) passed: Child,
    pub(super) failed: Child,
}

/// How the leaves that a row ends in make one score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Aggregate {
    Sum,
    Average,
    Least,
    Largest,
}

/// What a leaf gives to which target.
pub(super) type Weights = tract_smallvec::SmallVec<[(u32, f64); 1]>;

/// An ensemble of trees.
///
/// Numbers are 64-bit floats, which hold those of a file of 32-bit floats as they are.
#[derive(Debug, Clone)]
pub(super) struct Forest {
    pub(super) splits: Vec<Split>,
    pub(super) leaves: Vec<Weights>,
    /// Sorted, without duplicates.
    pub(super) sets: Vec<Vec<f64>>,
    pub(super) roots: Vec<Child>,
    pub(super) targets: usize,
    /// One for each target, or for a classifier what [`super::classes`] makes of them.
    pub(super) base: Vec<f64>,
    pub(super) aggregate: Aggregate,
    pub(super) transform: PostTransform,
    /// Whether the file holds numbers that only a 64-bit float does.
    pub(super) is_double: bool,
}

impl Forest {
    /// One more than the largest feature that is looked at.
    pub(super) fn features(&self) -> usize {
        let features = self.splits.iter().map(|split| split.feature as usize + 1);
        features.max().unwrap_or(0)
    }

    /// Checks that every child exists, that no path comes back, and that every target does too.
    pub(super) fn checked(self) -> TractResult<Self> {
        let nodes = self.splits.len() + self.leaves.len();
        ensure!(nodes < MOST_NODES, "trees of {nodes} nodes are too large");
        ensure!(self.features() < MOST_FEATURES, "a feature id is too large");
        ensure!(self.targets > 0, "there is no target");
        ensure!(
            self.targets <= MOST_TARGETS,
            "{} targets are too many",
            self.targets
        );
        let targets = self.leaves.iter().flatten().map(|(target, _)| *target);
        let largest = targets.max().unwrap_or(0) as usize;
        ensure!(
            largest < self.targets,
            "a leaf has a weight for target {largest} of {}",
            self.targets
        );
        self.acyclic()?;
        Ok(self)
    }

    /// Visits all nodes, each once: a child that is still open closes a cycle.
    fn acyclic(&self) -> TractResult<()> {
        let mut states = vec![State::New; self.splits.len()];
        let mut open: Vec<u32> = Vec::new();
        for root in &self.roots {
            self.enter(*root, &mut states, &mut open)?;
            while let Some(place) = open.last().copied() {
                let split = self.split(place)?;
                let state = states.get_mut(place as usize);
                match state.context("a state for each node")? {
                    state @ State::New => {
                        *state = State::First;
                        self.enter(split.failed, &mut states, &mut open)?;
                    }
                    state @ State::First => {
                        *state = State::Second;
                        self.enter(split.passed, &mut states, &mut open)?;
                    }
                    state @ State::Second => {
                        *state = State::Done;
                        open.pop();
                    }
                    State::Done => {
                        open.pop();
                    }
                }
            }
        }
        Ok(())
    }

    fn enter(&self, child: Child, states: &mut [State], open: &mut Vec<u32>) -> TractResult<()> {
        match child {
            Child::Leaf(place) => {
                let leaves = self.leaves.len();
                ensure!((place as usize) < leaves, "there is no leaf {place}");
            }
            Child::Split(place) => match states.get(place as usize) {
                None => bail!("there is no node {place}"),
                Some(State::New) => open.push(place),
                Some(State::Done) => {}
                Some(State::First | State::Second) => bail!("node {place} leads back to itself"),
            },
        }
        Ok(())
    }

    pub(super) fn split(&self, place: u32) -> TractResult<&Split> {
        let split = self.splits.get(place as usize);
        split.with_context(|| format!("there is no node {place}"))
    }
}

/// How far the visit of a node has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    First,
    Second,
    Done,
}
