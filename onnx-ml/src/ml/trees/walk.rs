//! Walks: several at once, one step each in turn, so that none waits for memory alone.

use super::layout::{COLUMN, EQUAL, MEMBER, MISSING, Node, Tree};
use super::number::Number;

/// How many walks are under way at once: rows through one tree, or one row through trees.
pub(super) const LANES: usize = 8;

/// Whether a row passes a node; one type for each comparison, so that loops know theirs.
pub(super) trait Rule<T>: Copy {
    /// The column a node looks at.
    fn column(node: &Node<T>) -> usize;
    fn passes(self, node: &Node<T>, value: T) -> bool;
}

/// `Comparison::Plain`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain;

/// `Comparison::Missing`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Missing;

/// `Comparison::Mixed`, with the sets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mixed<'a, T>(pub(super) &'a [Vec<T>]);

impl<T: Number> Rule<T> for Plain {
    fn column(node: &Node<T>) -> usize {
        node.column as usize
    }

    fn passes(self, node: &Node<T>, value: T) -> bool {
        value <= node.threshold
    }
}

impl<T: Number> Rule<T> for Missing {
    fn column(node: &Node<T>) -> usize {
        (node.column & COLUMN) as usize
    }

    fn passes(self, node: &Node<T>, value: T) -> bool {
        (value <= node.threshold) | is_let_through(node, value)
    }
}

impl<T: Number> Rule<T> for Mixed<'_, T> {
    fn column(node: &Node<T>) -> usize {
        (node.column & COLUMN) as usize
    }

    fn passes(self, node: &Node<T>, value: T) -> bool {
        let passes = match node.column & (EQUAL | MEMBER) {
            0 => value <= node.threshold,
            EQUAL => value == node.threshold,
            _ => {
                let set = self.0.get(node.threshold.place() as usize);
                set.is_some_and(|set| is_member(set, value))
            }
        };
        passes | is_let_through(node, value)
    }
}

fn is_let_through<T: Number>(node: &Node<T>, value: T) -> bool {
    let is_nan = value.partial_cmp(&value).is_none();
    (node.column & MISSING != 0) & is_nan
}

fn is_member<T: Number>(set: &[T], value: T) -> bool {
    let place = set.partition_point(|member| *member < value);
    set.get(place) == Some(&value)
}

/// Leads each walk from where it stands to its leaf, and gives what the leaves keep.
///
/// `value` is what the row of a walk has in a column.
#[inline(always)]
pub(super) fn walk<T: Number, R: Rule<T>>(
    nodes: &[Node<T>],
    tree: Tree,
    mut at: [u32; LANES],
    rule: R,
    value: impl Fn(usize, usize) -> T,
) -> [T; LANES] {
    let step = |at: &mut [u32; LANES]| {
        for (lane, place) in at.iter_mut().enumerate() {
            if let Some(node) = nodes.get(*place as usize) {
                let passes = rule.passes(node, value(lane, R::column(node)));
                *place = node.next + u32::from(passes);
            }
        }
    };
    for _ in 0..tree.least {
        step(&mut at);
    }
    let mut left = tree.most - tree.least;
    while left > 0 {
        let before = at;
        for _ in 0..left.min(UNCHECKED) {
            step(&mut at);
        }
        if at == before {
            break;
        }
        left -= left.min(UNCHECKED);
    }
    at.map(|place| {
        nodes
            .get(place as usize)
            .map_or(T::NAN, |node| node.threshold)
    })
}

/// How many steps are made before the walks are asked whether they all stand still.
const UNCHECKED: u32 = 3;
