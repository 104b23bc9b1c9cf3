//! Trees as one list of small nodes, in the order in which they are walked.
//!
//! The two children of a node are neighbours, so a step is an addition and not a jump. A leaf is
//! a node that leads to itself: it looks at a column that is always NaN, and keeps in place of
//! the threshold what it gives. So rows that end early stand still while others go on.
//!
//! All comparisons are made of two: at most, and equal or member. The others are these with the
//! next smaller threshold or with the children exchanged.

use tract_onnx::tract_hir::internal::*;

use super::forest::{Child, Forest, MOST_NODES, Split, Test};
use super::number::Number;

/// The column of a row that is NaN; features follow it.
const NAN_COLUMN: u32 = 0;

/// Missing values pass.
pub(super) const MISSING: u32 = 1 << 31;
/// The threshold is to be met.
pub(super) const EQUAL: u32 = 1 << 30;
/// The threshold is the place of a set.
pub(super) const MEMBER: u32 = 1 << 29;
/// The bits of the column.
pub(super) const COLUMN: u32 = MEMBER - 1;

/// A question, or what a leaf gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Node<T> {
    pub(super) threshold: T,
    /// The column to look at, and how.
    pub(super) column: u32,
    /// Where the walk goes on if the question fails; one further if it passes.
    pub(super) next: u32,
}

/// Where a tree begins, and how many steps lead to its nearest and its farthest leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) root: u32,
    pub(super) least: u32,
    pub(super) most: u32,
}

/// How the nodes of all trees compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// At most, and missing values fail.
    Plain,
    /// At most, and missing values may pass.
    Missing,
    /// Anything.
    Mixed,
}

/// All trees of a forest.
#[derive(Debug, Clone)]
pub(super) struct Layout<T> {
    pub(super) nodes: Vec<Node<T>>,
    pub(super) trees: Vec<Tree>,
    pub(super) comparison: Comparison,
}

impl<T: Number> Layout<T> {
    /// Lays out a forest; `leaf` gives what a leaf keeps.
    pub(super) fn of(forest: &Forest, leaf: impl Fn(u32) -> T) -> TractResult<Self> {
        let mut builder = Builder {
            forest,
            nodes: Vec::new(),
            placed: vec![None; forest.splits.len()],
            leaf,
        };
        let mut trees = Vec::new();
        for root in &forest.roots {
            trees.push(builder.tree(*root)?);
        }
        let flags = builder.nodes.iter().fold(0, |all, node| all | node.column);
        let comparison = match (flags & (EQUAL | MEMBER), flags & MISSING) {
            (0, 0) => Comparison::Plain,
            (0, _) => Comparison::Missing,
            (_, _) => Comparison::Mixed,
        };
        Ok(Self {
            nodes: builder.nodes,
            trees,
            comparison,
        })
    }
}

/// Where a node stands, and the steps from there to leaves; none while it is open.
#[derive(Debug, Clone, Copy)]
struct Placed {
    place: u32,
    least: u32,
    most: u32,
}

struct Builder<'a, T, L> {
    forest: &'a Forest,
    nodes: Vec<Node<T>>,
    /// By split, once it is laid out with all below it.
    placed: Vec<Option<Placed>>,
    leaf: L,
}

/// A split whose place is fixed and whose children are laid out next.
struct Open {
    split: u32,
    place: u32,
    children: u32,
    /// How many children are laid out.
    done: u32,
    least: u32,
    most: u32,
}

impl<T: Number, L: Fn(u32) -> T> Builder<'_, T, L> {
    fn tree(&mut self, root: Child) -> TractResult<Tree> {
        let place = self.reserve(1)?;
        let mut open = Vec::new();
        let mut below = self.begin(root, place, &mut open)?;
        while let Some(mut last) = open.pop() {
            if let Some((least, most)) = below.take() {
                last.least = last.least.min(least);
                last.most = last.most.max(most);
                last.done += 1;
            }
            let split = self.forest.split(last.split)?;
            if last.done == 2 {
                below = Some(self.end(&last)?);
                continue;
            }
            let (failed, passed) = branches(split);
            let child = if last.done == 0 { failed } else { passed };
            let child_place = last.children + last.done;
            open.push(last);
            below = self.begin(child, child_place, &mut open)?;
        }
        let (least, most) = below.context("a tree has a root")?;
        Ok(Tree {
            root: place,
            least,
            most,
        })
    }

    fn reserve(&mut self, count: usize) -> TractResult<u32> {
        let place = self.nodes.len();
        ensure!(place + count < MOST_NODES, "trees are too large");
        let nothing = Node {
            threshold: T::NAN,
            column: NAN_COLUMN,
            next: 0,
        };
        self.nodes.resize(place + count, nothing);
        Ok(u32::try_from(place)?)
    }

    /// Lays out a child: at once and with its steps, or opened with those below it to follow.
    fn begin(
        &mut self,
        child: Child,
        place: u32,
        open: &mut Vec<Open>,
    ) -> TractResult<Option<(u32, u32)>> {
        let split = match child {
            Child::Leaf(leaf) => {
                let threshold = (self.leaf)(leaf);
                self.set(place, threshold, NAN_COLUMN, place)?;
                return Ok(Some((0, 0)));
            }
            Child::Split(split) => split,
        };
        if let Some(shared) = self.placed.get(split as usize).copied().flatten() {
            // Never passes, so it leads on to the node that stands elsewhere.
            self.set(place, T::NAN, NAN_COLUMN, shared.place)?;
            return Ok(Some((shared.least + 1, shared.most + 1)));
        }
        let children = self.reserve(2)?;
        let node = self.forest.split(split)?;
        let (threshold, column) = question(node);
        self.set(place, threshold, column, children)?;
        open.push(Open {
            split,
            place,
            children,
            done: 0,
            least: u32::MAX,
            most: 0,
        });
        Ok(None)
    }

    fn end(&mut self, done: &Open) -> TractResult<(u32, u32)> {
        let (least, most) = (done.least + 1, done.most + 1);
        let placed = self.placed.get_mut(done.split as usize);
        *placed.context("a place for each node")? = Some(Placed {
            place: done.place,
            least,
            most,
        });
        Ok((least, most))
    }

    fn set(&mut self, place: u32, threshold: T, column: u32, next: u32) -> TractResult<()> {
        let node = self.nodes.get_mut(place as usize);
        *node.context("a reserved place")? = Node {
            threshold,
            column,
            next,
        };
        Ok(())
    }
}

/// Whether the children of a node are exchanged.
fn is_exchanged(split: &Split) -> bool {
    match split.test {
        Test::AtLeast | Test::Above | Test::Unequal => true,
        Test::AtMost | Test::Below | Test::Equal | Test::Member(_) => false,
    }
}

/// The children in the order of a step.
fn branches(split: &Split) -> (Child, Child) {
    if is_exchanged(split) {
        (split.passed, split.failed)
    } else {
        (split.failed, split.passed)
    }
}

/// The threshold, and the column with how it is compared.
///
/// A NaN never passes but where it is missing, and always is unequal.
fn question<T: Number>(split: &Split) -> (T, u32) {
    let threshold = T::of(split.threshold);
    let (threshold, flags) = match split.test {
        Test::AtMost => (threshold, 0),
        Test::Below => (threshold.below(), 0),
        Test::AtLeast => (threshold.below(), 0),
        Test::Above => (threshold, 0),
        Test::Equal | Test::Unequal => (threshold, EQUAL),
        Test::Member(set) => (T::from_place(set), MEMBER),
    };
    let passes = match split.test {
        Test::Unequal => false,
        Test::AtLeast | Test::Above => !split.missing,
        Test::AtMost | Test::Below | Test::Equal | Test::Member(_) => split.missing,
    };
    let missing = if passes { MISSING } else { 0 };
    (threshold, (split.feature + 1) | flags | missing)
}
