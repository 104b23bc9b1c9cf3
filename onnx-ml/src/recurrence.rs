//! `LSTM` (standard domain) whose hidden and cell states begin with the same values.
//!
//! tract makes one constant of both, then changes the axes of one and fails where the batch is
//! longer than one. Here a cell state that begins with zeros begins with the smallest number
//! above zero instead, which no answer shows. All else of the operator is tract's.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::tract::{Built, build, expansion};

/// The places of the states among the inputs of the operator.
const STATES: [usize; 2] = [5, 6];

/// Builds `LSTM` from its node; one that is given a single state stays tract's.
pub(crate) fn lstm(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let is_given = |place: usize| node.input.get(place).is_some_and(|name| !name.is_empty());
    let built = build(context, node)?;
    let [hidden, cell] = STATES.map(is_given);
    if hidden != cell {
        return Ok(built);
    }
    let before = (0..STATES[0]).filter(|place| is_given(*place)).count();
    let lstm = Lstm {
        given: expansion(built)?,
        stated: expansion(build(context, &with_states(node))?)?,
        states: (!hidden).then_some(before),
        cell: before + 1,
        batch_first: node.get_attr_opt("layout")?.unwrap_or(0i64) == 1,
    };
    Ok((expand(lstm), vec![]))
}

fn with_states(node: &NodeProto) -> NodeProto {
    let mut node = node.clone();
    let inputs = node.input.len().max(STATES[1] + 1);
    node.input.resize(inputs, String::new());
    for place in STATES {
        if let Some(name) = node.input.get_mut(place) {
            *name = format!("state {place}");
        }
    }
    node
}

#[derive(Debug, Clone)]
struct Lstm {
    given: Box<dyn Expansion>,
    /// The same with both states among its inputs.
    stated: Box<dyn Expansion>,
    /// Where the states are put in, if they are not given.
    states: Option<usize>,
    /// The place of the cell state, once it is there.
    cell: usize,
    batch_first: bool,
}

impl Lstm {
    fn zeros(&self, model: &TypedModel, inputs: &[OutletId]) -> TractResult<Tensor> {
        let [input, weights, recurrence, ..] = *inputs else {
            bail!("an LSTM has three inputs at least")
        };
        let length = |outlet, axis: usize| -> TractResult<usize> {
            let shape = &model.outlet_fact(outlet)?.shape;
            Ok(shape.get(axis).context("three axes")?.to_usize()?)
        };
        let directions = length(weights, 0)?;
        let hidden = length(recurrence, 2)?;
        let shape = if self.batch_first {
            [length(input, 0)?, directions, hidden]
        } else {
            [directions, length(input, 1)?, hidden]
        };
        Tensor::zero_dt(model.outlet_fact(input)?.datum_type, &shape)
    }
}

impl Expansion for Lstm {
    fn name(&self) -> StaticName {
        "LSTM".into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.given.as_ref().nboutputs()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        self.given.rules(solver, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let mut inputs: TVec<OutletId> = inputs.into();
        if let Some(place) = self.states {
            let zeros = self.zeros(model, &inputs)?.into_arc_tensor();
            for name in ["hidden", "cell"] {
                let zeros = model.add_const(format!("{prefix}.{name}"), Arc::clone(&zeros))?;
                inputs.insert(place, zeros);
            }
        }
        let cell = inputs.get_mut(self.cell).context("an LSTM has a cell")?;
        if let Some(apart) = apart(model.outlet_fact(*cell)?)? {
            *cell = model.add_const(format!("{prefix}.apart"), apart)?;
        }
        self.stated.wire(prefix, model, &inputs)
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, close, integer, outputs};

    /// Two steps of two rows, hidden size one, all outputs.
    #[track_caller]
    fn check(states: &[Input], expected: &[f32]) {
        let rows = tensor1(&[1f32, -1., 2., 0.5])
            .into_shape(&[2, 2, 1])
            .unwrap();
        let weights = tensor1(&[0.5f32, -0.5, 1., 2.])
            .into_shape(&[1, 4, 1])
            .unwrap();
        let mut inputs = vec![
            Input::Given(rows),
            Input::Stored(weights.clone()),
            Input::Stored(weights),
        ];
        if !states.is_empty() {
            inputs.extend([Input::None, Input::None]);
            inputs.extend_from_slice(states);
        }
        let attributes = vec![integer("hidden_size", 1)];
        let outputs = outputs("LSTM", 17, attributes, inputs, &["y", "h", "c"]).unwrap();
        let shapes: Vec<&[usize]> = outputs.iter().map(Tensor::shape).collect();
        assert_eq!(shapes, [&[2, 1, 2, 1][..], &[1, 2, 1], &[1, 2, 1]]);
        close(&outputs[2..], expected);
    }

    /// Expected values: onnxruntime 1.31.1.
    #[test]
    fn both_states_may_begin_alike() {
        let zeros = || tensor1(&[0f32, 0.]).into_shape(&[1, 2, 1]).unwrap();
        let expected = [1.290_657, 0.066_707];
        check(&[], &expected);
        check(&[Input::Stored(zeros()), Input::Stored(zeros())], &expected);
        check(&[Input::Given(zeros()), Input::Given(zeros())], &expected);
    }
}
