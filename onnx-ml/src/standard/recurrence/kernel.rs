//! Layers that tract does not compute, row by row and step by step.
//!
//! Rows may have fewer steps than there are: those after their last are zeros, and a reverse
//! layer begins with their last.

use tract_onnx::tract_hir::internal::*;

use super::cells::{Row, Weights, step};
use super::layer::{Direction, Kind, Layer};
use crate::kernel::{Fact, Kernel, tensor, values};
use crate::unfit::fits;

/// An input of a layer that may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extra {
    Bias,
    /// How many steps each row has.
    Lengths,
    Hidden,
    Cell,
    Peepholes,
}

impl Extra {
    /// The extra that is given at a place among the inputs of the operator.
    pub(super) fn of_slot(slot: usize) -> Option<Self> {
        let extras = [
            Self::Bias,
            Self::Lengths,
            Self::Hidden,
            Self::Cell,
            Self::Peepholes,
        ];
        extras.get(slot.checked_sub(3)?).copied()
    }
}

/// The steps of a layer.
///
/// Inputs: for each direction, the product `[steps, rows, gates]` of the input and the weights;
/// the recurrence `[directions, hidden, gates]`; the extras.
#[derive(Debug)]
pub(super) struct Steps {
    layer: Arc<Layer>,
    extras: TVec<Extra>,
}

/// The lengths of the axes.
#[derive(Debug, Clone)]
struct Lengths<D> {
    steps: D,
    rows: D,
    hidden: D,
}

/// What a run is given, but for the products.
struct Given<'a> {
    recurrence: &'a [f32],
    bias: &'a [f32],
    hidden: &'a [f32],
    cell: &'a [f32],
    peepholes: &'a [f32],
    /// Of each row.
    steps: Vec<usize>,
}

/// All outputs, in order.
struct Outputs {
    steps: Vec<f32>,
    hidden: Vec<f32>,
    cell: Vec<f32>,
}

impl Steps {
    pub(super) fn new(layer: Arc<Layer>, extras: TVec<Extra>) -> Self {
        Self { layer, extras }
    }

    fn directions(&self) -> usize {
        self.layer.directions.len()
    }

    fn lengths<D: Clone>(&self, shapes: &[&[D]]) -> TractResult<Lengths<D>> {
        let recurrence = shapes.get(self.directions());
        let (Some([steps, rows, _]), Some([_, hidden, _])) = (shapes.first(), recurrence) else {
            bail!("a recurrent layer takes rows of three axes")
        };
        Ok(Lengths {
            steps: steps.clone(),
            rows: rows.clone(),
            hidden: hidden.clone(),
        })
    }

    fn given<'a>(&self, inputs: &'a [TValue], lengths: &Lengths<usize>) -> TractResult<Given<'a>> {
        let extra = |wanted: Extra| {
            let place = self.extras.iter().position(|extra| *extra == wanted);
            place.and_then(|place| inputs.get(self.directions() + 1 + place))
        };
        let floats = |wanted| extra(wanted).map_or(Ok(&[][..]), |tensor| values::<f32>(tensor));
        let steps = match extra(Extra::Lengths) {
            None => vec![lengths.steps; lengths.rows],
            Some(given) => steps(given, lengths.steps)?,
        };
        let recurrence = inputs.get(self.directions()).context("a recurrence")?;
        Ok(Given {
            recurrence: values(recurrence)?,
            bias: floats(Extra::Bias)?,
            hidden: floats(Extra::Hidden)?,
            cell: floats(Extra::Cell)?,
            peepholes: floats(Extra::Peepholes)?,
            steps,
        })
    }

    fn weights<'a>(&self, given: &Given<'a>, direction: usize, hidden: usize) -> Weights<'a> {
        let width = self.layer.kind.gates() * hidden;
        let bias = part(given.bias, direction, 2 * width);
        let (inner, outer) = bias.split_at(width.min(bias.len()));
        let resets = self.layer.kind == Kind::Gru && self.layer.resets_product;
        let summed = if resets { 2 * hidden } else { width };
        let mut bias = inner.to_vec();
        let both = bias.iter_mut().zip(outer.iter().take(summed));
        both.for_each(|(inner, outer)| *inner += outer);
        let mut product_bias = outer.get(2 * hidden..).unwrap_or_default().to_vec();
        product_bias.resize(hidden, 0.0);
        Weights {
            recurrence: part(given.recurrence, direction, hidden * width),
            bias,
            product_bias,
            peepholes: part(given.peepholes, direction, 3 * hidden),
        }
    }

    /// Takes all rows through all their steps in one direction.
    fn run(
        &self,
        (place, direction): (usize, &Direction),
        products: &[f32],
        given: &Given,
        lengths: &Lengths<usize>,
    ) -> TractResult<Outputs> {
        let Lengths { rows, hidden, .. } = *lengths;
        let width = self.layer.kind.gates() * hidden;
        let weights = self.weights(given, place, hidden);
        let state = |given: &[f32]| {
            let mut state = part(given, place, rows * hidden).to_vec();
            state.resize(rows * hidden, 0.0);
            state
        };
        let mut outputs = Outputs {
            steps: vec![0.0; lengths.steps * rows * hidden],
            hidden: state(given.hidden),
            cell: state(given.cell),
        };
        let (mut gates, mut scratch) = (vec![0.0; width], vec![0.0; hidden]);
        let states = outputs.hidden.chunks_mut(hidden);
        let states = states.zip(outputs.cell.chunks_mut(hidden));
        for ((row, (state, cell)), steps) in states.enumerate().zip(&given.steps) {
            for count in 0..*steps {
                let at = if direction.is_reverse {
                    steps - 1 - count
                } else {
                    count
                };
                gates.copy_from_slice(part(products, at * rows + row, width));
                let row_of = Row {
                    gates: &mut gates,
                    hidden: state,
                    cell,
                    scratch: &mut scratch,
                };
                step(&self.layer, direction, &weights, row_of)?;
                if let Some(shown) = outputs.steps.chunks_mut(hidden).nth(at * rows + row) {
                    shown.copy_from_slice(state);
                }
            }
            if *steps == 0 {
                state.fill(0.0);
                cell.fill(0.0);
            }
        }
        Ok(outputs)
    }
}

/// One of the parts of this length, or nothing of nothing.
fn part(values: &[f32], place: usize, length: usize) -> &[f32] {
    let part = values.get(place * length..(place + 1) * length);
    part.unwrap_or_default()
}

/// How many steps each row has, of so many.
fn steps(given: &Tensor, most: usize) -> TractResult<Vec<usize>> {
    let given = given.cast_to::<i64>()?;
    let checked = |length: &i64| {
        let steps = usize::try_from(*length).unwrap_or(usize::MAX);
        fits(steps <= most, "a row has more steps than there are")?;
        Ok(steps)
    };
    values::<i64>(&given)?.iter().map(checked).collect()
}

impl Kernel for Steps {
    fn name(&self) -> &'static str {
        self.layer.kind.name()
    }

    fn outputs(&self) -> usize {
        3
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let shapes: Vec<&[TDim]> = inputs.iter().map(|(_, shape)| shape.as_slice()).collect();
        let Lengths {
            steps,
            rows,
            hidden,
        } = self.lengths(&shapes)?;
        let directions = self.directions().to_dim();
        let state = tvec![directions.clone(), rows.clone(), hidden.clone()];
        let all = (f32::datum_type(), tvec![steps, directions, rows, hidden]);
        let state = (f32::datum_type(), state);
        Ok(tvec![all, state.clone(), state])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape()).collect();
        let lengths = self.lengths(&shapes)?;
        ensure!(lengths.hidden > 0, "the hidden state is empty");
        let given = self.given(&inputs, &lengths)?;
        let mut ran = Vec::new();
        for (direction, products) in self.layer.directions.iter().enumerate().zip(&inputs) {
            ran.push(self.run(direction, values(products)?, &given, &lengths)?);
        }
        let Lengths {
            steps,
            rows,
            hidden,
        } = lengths;
        let step = rows * hidden;
        let all = (0..steps).flat_map(|at| ran.iter().map(move |ran| part(&ran.steps, at, step)));
        let all: Vec<f32> = all.flatten().copied().collect();
        let joined = |state: fn(&Outputs) -> &[f32]| -> Vec<f32> {
            ran.iter()
                .flat_map(|ran| state(ran).iter().copied())
                .collect()
        };
        let state = [ran.len(), rows, hidden];
        Ok(tvec![
            tensor(&[steps, ran.len(), rows, hidden], all)?,
            tensor(&state, joined(|ran| &ran.hidden))?,
            tensor(&state, joined(|ran| &ran.cell))?,
        ])
    }
}
