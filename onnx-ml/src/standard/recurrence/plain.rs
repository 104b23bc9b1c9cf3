//! Layers that tract computes: those with the usual activations and nothing else.
//!
//! tract reads no direction: it runs one forward, and two in both directions. A reverse layer is
//! a forward one whose steps are reversed before and after. Of an `LSTM` whose states begin alike
//! tract makes one constant, then changes the axes of one and fails where the batch is longer
//! than one; here a cell state that begins with zeros begins with the smallest number above zero
//! instead, which no answer shows.

use tract_onnx::model::{ParsingContext, optional_inputs, optional_outputs};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::Gather;
use tract_onnx::tract_hir::internal::*;

use super::layer::{Kind, Layer};
use crate::tract::{build, expansion, wire_one};

/// The places of the hidden and the cell state among the inputs of the operator.
const STATES: [usize; 2] = [5, 6];

#[derive(Debug, Clone)]
pub(super) struct Plain {
    /// tract's layer, steps first, with all its states among its inputs.
    stated: Box<dyn Expansion>,
    /// Where the hidden state is, and whether it is given.
    hidden: (usize, bool),
    /// Where the cell state is, and whether it is given.
    cell: Option<(usize, bool)>,
    is_reverse: bool,
    /// Whether the outputs of all steps, which are the first, are asked for.
    has_steps: bool,
}

impl Plain {
    pub(super) fn of(
        context: &ParsingContext,
        node: &NodeProto,
        layer: &Layer,
    ) -> TractResult<Self> {
        let given: Vec<bool> = optional_inputs(node)
            .take(STATES[1] + 1)
            .map(|place| place.is_some())
            .collect();
        let before = given.iter().take(STATES[0]).filter(|given| **given).count();
        let is_given = |slot: usize| given.get(slot) == Some(&true);
        let has_cell = layer.kind == Kind::Lstm;
        let [hidden, cell] = STATES.map(is_given);
        Ok(Self {
            stated: expansion(build(context, &stated(node, has_cell))?)?,
            hidden: (before, hidden),
            cell: has_cell.then_some((before + 1, cell)),
            is_reverse: layer.is_reverse(),
            has_steps: optional_outputs(node).next().flatten().is_some(),
        })
    }

    /// Wires the layer for inputs whose steps are first.
    pub(super) fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let mut inputs: TVec<OutletId> = inputs.into();
        let states = [("hidden", Some(self.hidden)), ("cell", self.cell)];
        for (name, state) in states {
            let Some((place, false)) = state else {
                continue;
            };
            let zeros = zeros(model, &inputs)?;
            let zeros = model.add_const(format!("{prefix}.{name}"), zeros)?;
            inputs.insert(place.min(inputs.len()), zeros);
        }
        if let Some((place, _)) = self.cell {
            let cell = inputs.get_mut(place).context("an LSTM has a cell")?;
            if let Some(apart) = apart(model.outlet_fact(*cell)?)? {
                *cell = model.add_const(format!("{prefix}.apart"), apart)?;
            }
        }
        if !self.is_reverse {
            return self.stated.wire(prefix, model, &inputs);
        }
        let input = inputs.first_mut().context("a layer has an input")?;
        *input = reversed(&format!("{prefix}.reversed"), model, *input)?;
        let mut outputs = self.stated.wire(prefix, model, &inputs)?;
        if let Some(steps) = outputs.first_mut().filter(|_| self.has_steps) {
            *steps = reversed(&format!("{prefix}.restored"), model, *steps)?;
        }
        Ok(outputs)
    }
}

/// The node with steps first, and with its states among its inputs.
fn stated(node: &NodeProto, has_cell: bool) -> NodeProto {
    let mut node = node.clone();
    node.attribute
        .retain(|attribute| attribute.name != "layout");
    let inputs = node.input.len().max(STATES[1] + 1);
    node.input.resize(inputs, String::new());
    for place in STATES.into_iter().take(if has_cell { 2 } else { 1 }) {
        if let Some(name) = node.input.get_mut(place) {
            *name = format!("state {place}");
        }
    }
    node
}

fn zeros(model: &TypedModel, inputs: &[OutletId]) -> TractResult<Tensor> {
    let [input, weights, recurrence, ..] = *inputs else {
        bail!("a recurrent layer has three inputs at least")
    };
    let length = |outlet, axis| length(model, outlet, axis);
    let shape = [
        length(weights, 0)?,
        length(input, 1)?,
        length(recurrence, 2)?,
    ];
    Tensor::zero_dt(model.outlet_fact(input)?.datum_type, &shape)
}

fn length(model: &TypedModel, outlet: OutletId, axis: usize) -> TractResult<usize> {
    let shape = &model.outlet_fact(outlet)?.shape;
    Ok(shape.get(axis).context("too few axes")?.to_usize()?)
}

/// A value with its first axis from the end to the start.
fn reversed(prefix: &str, model: &mut TypedModel, value: OutletId) -> TractResult<OutletId> {
    let steps = i64::try_from(length(model, value, 0)?)?;
    let places: Vec<i64> = (0..steps).rev().collect();
    let places = model.add_const(format!("{prefix}.places"), tensor1(&places))?;
    wire_one(model, prefix.to_owned(), Gather::new(0), &[value, places])
}

/// As many smallest numbers above zero, where the fact is a stored tensor of zeros.
fn apart(fact: &TypedFact) -> TractResult<Option<Arc<Tensor>>> {
    let Some(stored) = fact
        .konst
        .as_ref()
        .filter(|_| fact.datum_type == DatumType::F32)
    else {
        return Ok(None);
    };
    let values = stored.try_as_plain_ram()?.as_slice::<f32>()?;
    if values.iter().any(|value| *value != 0.0) {
        return Ok(None);
    }
    let apart = tensor0(f32::from_bits(1)).broadcast_scalar_to_shape(stored.shape())?;
    Ok(Some(apart.into_arc_tensor()))
}
