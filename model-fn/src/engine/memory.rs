//! What a model needs of memory: known before it is asked for, so that a function is told and not killed.

use std::collections::HashMap;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, TensorProto};
use tract_onnx::prelude::{DatumType, TractResult, TypedFact, TypedModel};
use tract_onnx::tract_core::internal::{DimLike, TypedNode};

/// The program itself, its runtime, and an event with its answer: what is there before a model is.
const PROGRAM: u64 = 32 << 20;

/// Operators that keep their weights once more, in the order that the processor reads them, by tract's names.
const PACKING: [&str; 4] = ["EinSum", "Conv", "Deconv", "MatMul"];

/// How much memory models may take, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory(Option<u64>);

/// More memory is needed than there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} MB of memory are needed, and {} MB are left", megabytes(*.needed), .left / MEGABYTE)]
pub struct TooLarge {
    /// How many bytes are needed.
    pub needed: u64,
    /// How many there are.
    pub left: u64,
}

const MEGABYTE: u64 = 1 << 20;

/// Rounded up: what is needed is never told to be there.
fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(MEGABYTE)
}

impl Memory {
    /// As much as the machine has.
    pub const UNKNOWN: Self = Self(None);

    /// The memory of a function, without what it needs itself.
    pub fn of_function(bytes: u64) -> Self {
        Self(Some(bytes.saturating_sub(PROGRAM)))
    }

    #[cfg(test)]
    pub(super) fn left(bytes: u64) -> Self {
        Self(Some(bytes))
    }

    /// What is left beside these bytes.
    pub(crate) fn without(self, bytes: u64) -> Self {
        Self(self.0.map(|all| all.saturating_sub(bytes)))
    }

    /// Whether so much is there.
    pub(super) fn check(self, needed: u64) -> Result<(), TooLarge> {
        match self.0 {
            Some(left) if needed > left => Err(TooLarge { needed, left }),
            Some(_) | None => Ok(()),
        }
    }

    /// What plans that are kept may take together: a quarter.
    pub(super) fn for_plans(self) -> u64 {
        const UNKNOWN: u64 = 1 << 30;
        self.0.map_or(UNKNOWN, |all| all / 4)
    }
}

/// The bytes of the tensors that a graph stores, in its file or beside it.
pub(super) fn stored(graph: &GraphProto) -> u64 {
    let bytes = graph.initializer.iter().map(bytes_of);
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
            all = weights.map(bytes).fold(all, u64::saturating_add);
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
    let (mut there, mut most) = (0_u64, 0);
    for (step, id) in order.into_iter().enumerate() {
        let node = graph.node(id);
        there += made(node);
        most = most.max(there);
        let mut ended: Vec<usize> = node.inputs.iter().map(|input| input.node).collect();
        ended.dedup();
        ended.retain(|input| last_use.get(input) == Some(&step));
        let ended = ended.into_iter().map(|input| made(graph.node(input)));
        there = ended.fold(there, u64::saturating_sub);
    }
    Ok(most)
}

/// The bytes that a node makes in a run.
fn made(node: &TypedNode) -> u64 {
    let values = node.outputs.iter().map(|output| &output.fact);
    let values = values.filter(|fact| fact.konst.is_none());
    values.map(bytes).sum()
}

/// Nothing where only a run tells the length.
fn bytes(fact: &TypedFact) -> u64 {
    let bytes = fact.mem_size().to_usize();
    bytes.map_or(0, |bytes| bytes as u64)
}
