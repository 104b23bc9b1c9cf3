//! One step of one row: from the states before to those after.
//!
//! Gates lie next to each other as in the weights: the one of an `RNN`; update, reset and
//! candidate of a `GRU`; input, output, forget and candidate of an `LSTM`.

use tract_onnx::prelude::TractResult;

use super::activation::Activation;
use super::layer::{Direction, Kind, Layer};

/// The weights of one direction.
#[derive(Debug)]
pub(super) struct Weights<'a> {
    /// For each value of the hidden state, what it adds to all gates.
    pub(super) recurrence: &'a [f32],
    /// What all gates begin with, in products with the hidden state and besides them.
    pub(super) bias: Vec<f32>,
    /// What a product begins with that is reset as a whole.
    pub(super) product_bias: Vec<f32>,
    /// Of input, output and forget gate: how they look at the cell state.
    pub(super) peepholes: &'a [f32],
}

/// A row on its way.
#[derive(Debug)]
pub(super) struct Row<'a> {
    /// The product of the input and the weights; the gates afterwards.
    pub(super) gates: &'a mut [f32],
    pub(super) hidden: &'a mut [f32],
    pub(super) cell: &'a mut [f32],
    /// As long as the hidden state.
    pub(super) scratch: &'a mut [f32],
}

/// Takes one step.
pub(super) fn step(
    layer: &Layer,
    direction: &Direction,
    weights: &Weights,
    row: Row,
) -> TractResult<()> {
    add(row.gates, &weights.bias);
    match (layer.kind, direction.activations.as_slice()) {
        (Kind::Rnn, [activation, ..]) => rnn(layer, *activation, weights, row),
        (Kind::Gru, [gate, candidate, ..]) => gru(layer, [*gate, *candidate], weights, row),
        (Kind::Lstm, [gate, candidate, output, ..]) => {
            lstm(layer, [*gate, *candidate, *output], weights, row)
        }
        (Kind::Gru | Kind::Lstm, _) | (Kind::Rnn, []) => Ok(()),
    }
}

fn rnn(layer: &Layer, activation: Activation, weights: &Weights, row: Row) -> TractResult<()> {
    add_product(
        row.gates,
        row.hidden,
        weights.recurrence,
        row.gates.len(),
        0,
    );
    activate(layer, activation, row.gates)?;
    row.hidden.copy_from_slice(row.gates);
    Ok(())
}

fn gru(
    layer: &Layer,
    [gate, candidate]: [Activation; 2],
    weights: &Weights,
    row: Row,
) -> TractResult<()> {
    let (width, size) = (row.gates.len(), row.hidden.len());
    let (gates, new) = row.gates.split_at_mut(2 * size);
    add_product(gates, row.hidden, weights.recurrence, width, 0);
    activate(layer, gate, gates)?;
    let (update, reset) = gates.split_at(size);
    if layer.resets_product {
        row.scratch.copy_from_slice(&weights.product_bias);
        add_product(row.scratch, row.hidden, weights.recurrence, width, 2 * size);
        add_scaled(new, reset, row.scratch);
    } else {
        row.scratch.fill(0.0);
        add_scaled(row.scratch, reset, row.hidden);
        add_product(new, row.scratch, weights.recurrence, width, 2 * size);
    }
    activate(layer, candidate, new)?;
    for ((hidden, new), update) in row.hidden.iter_mut().zip(&*new).zip(update) {
        *hidden = (1.0 - update) * new + update * *hidden;
    }
    Ok(())
}

fn lstm(
    layer: &Layer,
    [gate, candidate, output]: [Activation; 3],
    weights: &Weights,
    row: Row,
) -> TractResult<()> {
    let (width, size) = (row.gates.len(), row.hidden.len());
    add_product(row.gates, row.hidden, weights.recurrence, width, 0);
    let (input, rest) = row.gates.split_at_mut(size);
    let (shown, rest) = rest.split_at_mut(size);
    let (kept, new) = rest.split_at_mut(size);
    let mut peepholes = weights.peepholes.chunks(size);
    let [on_input, on_shown, on_kept] = [(); 3].map(|()| peepholes.next().unwrap_or_default());
    add_scaled(input, on_input, row.cell);
    activate(layer, gate, input)?;
    if layer.is_coupled {
        let kept = kept.iter_mut().zip(&*input);
        kept.for_each(|(kept, input)| *kept = 1.0 - input);
    } else {
        add_scaled(kept, on_kept, row.cell);
        activate(layer, gate, kept)?;
    }
    activate(layer, candidate, new)?;
    for (((cell, kept), input), new) in row.cell.iter_mut().zip(kept).zip(input).zip(new) {
        *cell = *kept * *cell + *input * *new;
    }
    add_scaled(shown, on_shown, row.cell);
    activate(layer, gate, shown)?;
    row.scratch.copy_from_slice(row.cell);
    output.apply(row.scratch)?;
    row.hidden.fill(0.0);
    add_scaled(row.hidden, shown, row.scratch);
    Ok(())
}

fn activate(layer: &Layer, activation: Activation, values: &mut [f32]) -> TractResult<()> {
    let clip = layer.clip;
    if clip.is_finite() {
        let values = values.iter_mut();
        values.for_each(|value| *value = value.clamp(-clip, clip));
    }
    activation.apply(values)
}

/// Adds to each sum.
fn add(sums: &mut [f32], terms: &[f32]) {
    let pairs = sums.iter_mut().zip(terms);
    pairs.for_each(|(sum, term)| *sum += term);
}

/// Adds to each sum a value times its scale.
fn add_scaled(sums: &mut [f32], scales: &[f32], values: &[f32]) {
    let terms = scales.iter().zip(values);
    let pairs = sums.iter_mut().zip(terms);
    pairs.for_each(|(sum, (scale, value))| *sum += scale * value);
}

/// Adds a row times the columns of a matrix from `begin` on, which has rows of this width.
fn add_product(sums: &mut [f32], row: &[f32], matrix: &[f32], width: usize, begin: usize) {
    for (value, weights) in row.iter().zip(matrix.chunks_exact(width)) {
        let weights = weights.get(begin..).unwrap_or_default();
        let pairs = sums.iter_mut().zip(weights);
        pairs.for_each(|(sum, weight)| *sum += value * weight);
    }
}
