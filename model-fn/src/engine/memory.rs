//! What a model needs of memory: known before it is asked for, so that a function is told and not killed.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, TensorProto};
use tract_onnx::prelude::{DatumType, TractResult, TypedFact, TypedModel};
use tract_onnx::tract_core::internal::{AxisOp, DimLike, TypedNode};
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;

/// The program itself, its runtime, and an event with its answer: what is there before a model is.
const PROGRAM: u64 = 32 << 20;

/// Operators that keep their weights once more, in the order that the processor reads them, by tract's names.
const PACKING: [&str; 4] = ["EinSum", "Conv", "Deconv", "MatMul"];

/// How much memory a function has for its models, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory(Option<u64>);

/// The memory of a function, and how much of it its models and their plans take: shared by all of them.
#[derive(Clone)]
pub struct Budget {
    all: Memory,
    taken: Arc<AtomicU64>,
    rooms: Arc<Mutex<Vec<Weak<Room>>>>,
    /// Held by who loads a model: what is left is known when the one before is there.
    turn: Arc<Mutex<()>>,
}

/// Makes one model leave that can be had again; whether one has gone.
pub type Room = dyn Fn() -> bool + Send + Sync;

/// Bytes that a model takes of the budget as long as it is there.
#[derive(Debug)]
pub(crate) struct Taken {
    budget: Budget,
    bytes: u64,
}

/// More memory is needed than there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} MB of memory are needed, and {} MB are left", .needed.div_ceil(MEGABYTE), .left / MEGABYTE)]
pub struct TooLarge {
    /// How many bytes are needed.
    pub needed: u64,
    /// How many there are.
    pub left: u64,
}

const MEGABYTE: u64 = 1 << 20;

impl Memory {
    /// As much as the machine has.
    pub const UNKNOWN: Self = Self(None);

    /// The memory of a function, without what it needs itself.
    pub fn of_function(bytes: u64) -> Self {
        Self(Some(bytes.saturating_sub(PROGRAM)))
    }

    #[cfg(test)]
    pub(super) fn of_models(bytes: u64) -> Self {
        Self(Some(bytes))
    }
}

impl Budget {
    /// All of it, for models to come.
    pub fn new(all: Memory) -> Self {
        Self {
            all,
            taken: Arc::default(),
            rooms: Arc::default(),
            turn: Arc::default(),
        }
    }

    /// Waits until nobody else loads a model, and lets nobody else until it is dropped.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for room here as well where there is not enough, as long as it is there.
    pub fn ask_for_room(&self, room: &Arc<Room>) {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.retain(|room| room.strong_count() > 0);
        rooms.push(Arc::downgrade(room));
    }

    /// Whether so much is left, once models that can be had again have made room.
    pub(super) fn check(&self, needed: u64) -> Result<(), TooLarge> {
        loop {
            match self.check_left(needed) {
                Err(_) if self.make_room() => {}
                checked => return checked,
            }
        }
    }

    /// The lock is not held while models leave: they give back what they have taken.
    fn make_room(&self) -> bool {
        let rooms: Vec<_> = {
            let rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
            rooms.iter().filter_map(Weak::upgrade).collect()
        };
        rooms.into_iter().any(|room| room())
    }

    /// Whether so much is left. Two that ask at one time may both be told so.
    pub(super) fn check_left(&self, needed: u64) -> Result<(), TooLarge> {
        let Memory(Some(all)) = self.all else {
            return Ok(());
        };
        let left = all.saturating_sub(self.taken.load(Ordering::Relaxed));
        if needed > left {
            return Err(TooLarge { needed, left });
        }
        Ok(())
    }

    /// Takes so much until it is dropped, if it is left: of several that ask at one time, those get it that it is enough for.
    pub(crate) fn hold(&self, bytes: u64) -> Result<Taken, TooLarge> {
        let all = self.all.0.unwrap_or(u64::MAX);
        let fitting = |taken: u64| taken.checked_add(bytes).filter(|taken| *taken <= all);
        let (order, held) = (Ordering::Relaxed, &self.taken);
        match held.fetch_update(order, order, fitting) {
            Ok(_) => Ok(Taken {
                budget: self.clone(),
                bytes,
            }),
            Err(taken) => Err(TooLarge {
                needed: bytes,
                left: all.saturating_sub(taken),
            }),
        }
    }

    pub(super) fn take(&self, bytes: u64) {
        self.taken.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The same, until it is dropped.
    pub(super) fn taken(&self, bytes: u64) -> Taken {
        self.take(bytes);
        Taken {
            budget: self.clone(),
            bytes,
        }
    }

    pub(super) fn give_back(&self, bytes: u64) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// What the plans of one model may take together: a quarter of all.
    pub(super) fn for_plans(&self) -> u64 {
        const UNKNOWN: u64 = 1 << 30;
        self.all.0.map_or(UNKNOWN, |all| all / 4)
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = out.debug_struct("Budget");
        let out = out.field("all", &self.all).field("taken", &self.taken);
        out.finish_non_exhaustive()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

/// The bytes of what a graph stores, in its file or beside it, inner graphs included.
pub(super) fn stored(graph: &GraphProto) -> u64 {
    let tensors = graph.initializer.iter().map(bytes_of);
    let attributes = graph.node.iter().flat_map(|node| &node.attribute);
    let attributes = attributes.map(|attribute| {
        let tensors = attribute.t.iter().chain(&attribute.tensors);
        let tensors: u64 = sum(tensors.map(bytes_of));
        let graphs = sum(attribute.g.iter().chain(&attribute.graphs).map(stored));
        let lists = 4 * attribute.floats.len() + 8 * attribute.ints.len();
        sum([tensors, graphs, lists as u64].into_iter())
    });
    sum(tensors.chain(attributes))
}

fn sum(bytes: impl Iterator<Item = u64>) -> u64 {
    bytes.fold(0, u64::saturating_add)
}

fn bytes_of(tensor: &TensorProto) -> u64 {
    let datum_type = DataType::try_from(tensor.data_type).map(DatumType::try_from);
    let size = match datum_type {
        Ok(Ok(datum_type)) => datum_type.size_of() as u64,
        Ok(Err(_)) | Err(_) => 1,
    };
    let lengths = tensor.dims.iter();
    let lengths = lengths.map(|length| u64::try_from(*length).unwrap_or_default());
    lengths.fold(size, u64::saturating_mul)
}

/// The bytes of the weights that a plan of this graph will keep once more.
pub(super) fn packed(graph: &TypedModel) -> TractResult<u64> {
    let mut all = 0_u64;
    for node in graph.nodes() {
        if PACKING.contains(&node.op.name().as_ref()) {
            let inputs = graph.node_input_facts(node.id)?;
            let weights = inputs.into_iter().filter(|fact| fact.konst.is_some());
            all = all.saturating_add(sum(weights.map(bytes)));
        }
    }
    Ok(all)
}

/// The most bytes that the values of one run take at one time, weights not counted.
pub(super) fn at_once(graph: &TypedModel) -> TractResult<u64> {
    let order = graph.eval_order()?;
    let mut last_use = HashMap::new();
    for (step, node) in order.iter().enumerate() {
        let inputs = graph.node(*node).inputs.iter();
        last_use.extend(inputs.map(|input| (input.node, step)));
    }
    // Answers are there until the end.
    let outputs = graph.output_outlets()?.iter();
    last_use.extend(outputs.map(|output| (output.node, usize::MAX)));
    let (mut there, mut most) = (0_u64, 0);
    for (step, id) in order.into_iter().enumerate() {
        let node = graph.node(id);
        let mut ended: Vec<usize> = node.inputs.iter().map(|input| input.node).collect();
        ended.sort_unstable();
        ended.dedup();
        ended.retain(|input| last_use.get(input) == Some(&step));
        let ended = sum(ended.into_iter().map(|input| made(graph.node(input))));
        let made = made(node);
        if is_in_place(node) && ended == made {
            continue;
        }
        there = there.saturating_add(made);
        most = most.max(there);
        there = there.saturating_sub(ended);
    }
    Ok(most)
}

/// Whether the output takes the place of an input that nobody else uses.
fn is_in_place(node: &TypedNode) -> bool {
    node.op_is::<AxisOp>() || node.op_is::<ElementWiseOp>()
}

/// The bytes that a node makes in a run.
fn made(node: &TypedNode) -> u64 {
    let values = node.outputs.iter().map(|output| &output.fact);
    sum(values.filter(|fact| fact.konst.is_none()).map(bytes))
}

/// Nothing where only a run tells the length.
fn bytes(fact: &TypedFact) -> u64 {
    let bytes = fact.mem_size().to_usize();
    bytes.map_or(0, |bytes| bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::prelude::*;
    use tract_onnx::tract_core::ops::array::TypedConcat;
    use tract_onnx::tract_core::ops::math;

    const KILOBYTE: usize = 1024;

    fn kilobytes(build: impl FnOnce(&mut TypedModel, OutletId) -> Vec<OutletId>) -> u64 {
        let mut graph = TypedModel::default();
        let input = graph.add_source("x", f32::fact([KILOBYTE / 4])).unwrap();
        let outputs = build(&mut graph, input);
        graph.select_output_outlets(&outputs).unwrap();
        at_once(&graph).unwrap() / KILOBYTE as u64
    }

    #[test]
    fn values_are_there_from_their_making_to_their_last_use() {
        let one =
            |graph: &mut TypedModel, name: &str, op: Box<dyn TypedOp>, inputs: &[OutletId]| {
                graph.wire_node(name, op, inputs).unwrap()[0]
            };
        let add = || -> Box<dyn TypedOp> { Box::new(math::add()) };
        // Two in, one out; and what is computed in place takes no more.
        assert_eq!(
            kilobytes(|graph, x| vec![one(graph, "y", add(), &[x, x])]),
            2
        );
        let in_place = kilobytes(|graph, x| {
            let sine = one(graph, "sine", Box::new(math::sin()), &[x]);
            vec![one(graph, "y", Box::new(math::cos()), &[sine])]
        });
        assert_eq!(in_place, 1);
        // An answer stays to the end, also where others are computed of it.
        let early = kilobytes(|graph, x| {
            let first = one(graph, "first", add(), &[x, x]);
            let second = one(graph, "second", add(), &[first, first]);
            vec![first, one(graph, "third", add(), &[second, second])]
        });
        assert_eq!(early, 3);
        // What is used several times by one node ends once.
        let joined = kilobytes(|graph, x| {
            let a = one(graph, "a", add(), &[x, x]);
            let join: Box<dyn TypedOp> = Box::new(TypedConcat { axis: 0 });
            let joined = one(graph, "joined", join, &[x, a, x, a]);
            vec![one(graph, "y", add(), &[joined, joined])]
        });
        assert_eq!(joined, 8);
    }
}
