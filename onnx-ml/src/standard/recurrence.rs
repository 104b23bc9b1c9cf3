//! `LSTM`, `GRU` and `RNN` (standard domain, versions 7 to 22) in every direction, with all
//! attributes.
//!
//! tract runs layers with the usual activations, forward and in both directions, and is fast at
//! it; `plain` reverses the steps around it. Layers with lengths of their own, peepholes, a clip,
//! coupled gates or other activations are computed by `kernel`, of 32-bit floats alone. Half
//! floats are computed as 32-bit ones, as in onnxruntime.

mod activation;
mod cells;
mod kernel;
mod layer;
mod plain;

use tract_onnx::model::{ParsingContext, optional_inputs, optional_outputs};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::Slice;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_hir::internal::*;

use crate::tract::{Built, build, expansion, wire_one};
use kernel::{Extra, Steps};
use layer::{Kind, Layer};
use plain::Plain;

/// How many outputs there may be: of all steps, and the last states.
const OUTPUTS: usize = 3;

/// tract's cells of an `LSTM` and a `GRU` take no 64-bit floats, and neither does onnxruntime.
const FLOATS: &str = "the layer is computed of 32-bit floats";

/// Builds `LSTM` from its node.
pub(crate) fn lstm(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    recurrence(context, node, Kind::Lstm)
}

/// Builds `GRU` from its node.
pub(crate) fn gru(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    recurrence(context, node, Kind::Gru)
}

/// Builds `RNN` from its node.
pub(crate) fn rnn(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    recurrence(context, node, Kind::Rnn)
}

fn recurrence(context: &ParsingContext, node: &NodeProto, kind: Kind) -> TractResult<Built> {
    let layer = Layer::read(node, kind)?;
    let mut extras = tvec![];
    for (slot, place) in optional_inputs(node).take(8).enumerate().skip(3) {
        extras.extend(Extra::of_slot(slot).zip(place));
    }
    let is_plain = layer.is_plain()
        && !extras
            .iter()
            .any(|(extra, _)| matches!(extra, Extra::Lengths | Extra::Peepholes));
    let recurrence = Recurrence {
        given: expansion(build(context, node)?)?,
        plain: is_plain
            .then(|| Plain::of(context, node, &layer))
            .transpose()?,
        outputs: optional_outputs(node).take(OUTPUTS).collect(),
        is_batch_first: node.get_attr_opt("layout")?.unwrap_or(0i64) == 1,
        extras,
        layer: Arc::new(layer),
    };
    Ok((expand(recurrence), vec![]))
}

#[derive(Debug, Clone)]
struct Recurrence {
    /// The node as tract reads it, whose shapes are right.
    given: Box<dyn Expansion>,
    /// What tract computes, if it can.
    plain: Option<Plain>,
    layer: Arc<Layer>,
    /// The inputs after the weights, with their places.
    extras: TVec<(Extra, usize)>,
    /// Of all steps and of the states, the place among the outputs that are asked for.
    outputs: TVec<Option<usize>>,
    is_batch_first: bool,
}

impl Recurrence {
    /// The batch goes after the steps, or after the directions.
    fn steps_first(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let mut moved: TVec<OutletId> = inputs.into();
        let is_state = |extra: &Extra| matches!(extra, Extra::Hidden | Extra::Cell);
        let states = self.extras.iter().filter(|(extra, _)| is_state(extra));
        for place in states.map(|(_, place)| *place).chain([0]) {
            let input = moved.get_mut(place).context("an input")?;
            let name = format!("{prefix}.steps_first.{place}");
            *input = wire_one(model, name, AxisOp::Move(0, 1), &[*input])?;
        }
        Ok(moved)
    }

    /// The batch goes first again.
    fn batch_first(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        outputs: &mut [OutletId],
    ) -> TractResult<()> {
        for (slot, place) in self.outputs.iter().enumerate() {
            let Some(output) = place.and_then(|place| outputs.get_mut(place)) else {
                continue;
            };
            let batch = if slot == 0 { 2 } else { 1 };
            let name = format!("{prefix}.batch_first.{slot}");
            *output = wire_one(model, name, AxisOp::Move(batch, 0), &[*output])?;
        }
        Ok(())
    }

    /// tract has a `GRU` of its own for long inputs, which takes rows of one feature for columns.
    fn fails_in_tract(&self, model: &TypedModel, inputs: &[OutletId]) -> bool {
        let weights = inputs.get(1).map(|weights| model.outlet_fact(*weights));
        let features = weights.and_then(|fact| fact.ok()?.shape.get(2).cloned());
        let is_single = features == Some(1.to_dim());
        self.layer.kind == Kind::Gru && self.layer.resets_product && is_single
    }

    /// Wires the layer of 32-bit floats for half floats.
    fn wire_halves(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let mut floats: TVec<OutletId> = inputs.into();
        for (place, input) in floats.iter_mut().enumerate() {
            if model.outlet_fact(*input)?.datum_type == DatumType::F16 {
                let name = format!("{prefix}.float.{place}");
                *input = wire_one(model, name, cast(DatumType::F32), &[*input])?;
            }
        }
        let mut outputs = self.wire(prefix, model, &floats)?;
        for (place, output) in outputs.iter_mut().enumerate() {
            let name = format!("{prefix}.half.{place}");
            *output = wire_one(model, name, cast(DatumType::F16), &[*output])?;
        }
        Ok(outputs)
    }

    /// Wires the kernel, which is given products of the input with the weights.
    fn wire_kernel(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [input, weights, recurrence, ..] = *inputs else {
            bail!("a recurrent layer has three inputs at least")
        };
        let datum_type = model.outlet_fact(input)?.datum_type;
        ensure!(
            datum_type == DatumType::F32,
            "{FLOATS}, given {datum_type:?}: cast its inputs to float"
        );
        let mut given = tvec![];
        for direction in 0..self.layer.directions.len() {
            let named = |name: &str| format!("{prefix}.{name}.{direction}");
            let slice = Slice::new(0, direction, direction + 1);
            let slice = wire_one(model, named("weights"), slice, &[weights])?;
            let own = wire_one(model, named("own"), AxisOp::Rm(0), &[slice])?;
            let product = EinSum::new("tbi,gi->tbg".parse()?, datum_type);
            given.push(wire_one(model, named("product"), product, &[input, own])?);
        }
        let name = format!("{prefix}.recurrence");
        given.push(wire_one(model, name, AxisOp::Move(1, 2), &[recurrence])?);
        for (_, place) in &self.extras {
            given.push(*inputs.get(*place).context("an input")?);
        }
        let extras = self.extras.iter().map(|(extra, _)| *extra).collect();
        let steps = Steps::new(Arc::clone(&self.layer), extras);
        let outputs = model.wire_node(prefix, crate::kernel::node(steps), &given)?;
        let wanted = outputs.iter().zip(&self.outputs);
        let wanted = wanted.filter(|(_, place)| place.is_some());
        Ok(wanted.map(|(output, _)| *output).collect())
    }
}

impl Expansion for Recurrence {
    fn name(&self) -> StaticName {
        self.layer.kind.name().into()
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
        self.given.rules(solver, inputs, outputs)?;
        let weights = inputs.get(1).context("a layer has weights")?;
        let directions = self.layer.directions.len().to_dim();
        solver.equals(&weights.shape[0], directions)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let input = *inputs.first().context("a layer has an input")?;
        let datum_type = model.outlet_fact(input)?.datum_type;
        if datum_type == DatumType::F16 {
            return self.wire_halves(prefix, model, inputs);
        }
        ensure!(
            datum_type == DatumType::F32 || self.layer.kind == Kind::Rnn,
            "{FLOATS}, given {datum_type:?}: cast its inputs to float"
        );
        let inputs = if self.is_batch_first {
            self.steps_first(prefix, model, inputs)?
        } else {
            inputs.into()
        };
        let plain = self.plain.as_ref();
        let mut outputs = match plain.filter(|_| !self.fails_in_tract(model, &inputs)) {
            Some(plain) => plain.wire(prefix, model, &inputs)?,
            None => self.wire_kernel(prefix, model, &inputs)?,
        };
        if self.is_batch_first {
            self.batch_first(prefix, model, &mut outputs)?;
        }
        Ok(outputs)
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::AttributeProto;

    use super::*;
    use crate::testing::{Input, close, float, floats, integer, outputs, string, strings};

    /// Numbers that look like weights.
    fn wave(shape: &[usize], seed: usize) -> Tensor {
        let count = shape.iter().product();
        let value = |place: usize| ((place * 7 + seed) % 11) as f32 / 8.0 - 0.625;
        let values: Vec<f32> = (0..count).map(value).collect();
        tensor1(&values).into_shape(shape).unwrap()
    }

    /// Three steps of two rows of one feature, hidden size two; `extras` are letters of inputs:
    /// bias, lengths, hidden and cell state, peepholes.
    fn run(
        operator: &str,
        extras: &str,
        directions: usize,
        mut attributes: Vec<AttributeProto>,
        changed: impl Fn(Tensor) -> Tensor,
    ) -> TractResult<Vec<Tensor>> {
        let gates = match operator {
            "RNN" => 1,
            "GRU" => 3,
            _ => 4,
        };
        let stored = |shape: &[usize], slot| Input::Stored(wave(shape, slot));
        let mut inputs = vec![
            Input::Given(changed(wave(&[3, 2, 1], 0))),
            stored(&[directions, gates * 2, 1], 1),
            stored(&[directions, gates * 2, 2], 2),
        ];
        let state = |slot| Input::Given(changed(wave(&[directions, 2, 2], slot)));
        for (slot, letter) in (3..).zip("BLhcP".chars()) {
            inputs.push(match letter {
                _ if !extras.contains(letter) => Input::None,
                'c' | 'P' if operator != "LSTM" => Input::None,
                'B' => stored(&[directions, gates * 4], slot),
                'L' => Input::Given(tensor1(&[2i32, 3])),
                'P' => stored(&[directions, 6], slot),
                _ => state(slot),
            });
        }
        let direction = ["forward", "bidirectional"][directions - 1];
        if !attributes
            .iter()
            .any(|attribute| attribute.name == "direction")
        {
            attributes.push(string("direction", direction));
        }
        let names: &[&str] = match operator {
            "LSTM" => &["y", "y_h", "y_c"],
            _ => &["y", "y_h"],
        };
        outputs(operator, 17, attributes, inputs, names)
    }

    #[track_caller]
    fn check(
        operator: &str,
        extras: &str,
        directions: usize,
        attributes: Vec<AttributeProto>,
        output: usize,
        expected: &[f32],
    ) {
        let outputs = run(operator, extras, directions, attributes, |same| same).unwrap();
        close(&outputs[output..], expected);
    }

    /// onnxruntime 1.32.0 computes half floats so too, and has no layers of 64-bit floats.
    #[test]
    fn half_floats_are_computed_as_floats_and_double_ones_refused() {
        let floats = |operator, datum_type| {
            let weights = |shape: &[usize], slot| wave(shape, slot);
            let gates = match operator {
                "LSTM" => 4,
                "GRU" => 3,
                _ => 1,
            };
            let tensors = [
                weights(&[3, 2, 1], 0),
                weights(&[1, gates * 2, 1], 1),
                weights(&[1, gates * 2, 2], 2),
            ];
            let inputs = tensors
                .map(|tensor| Input::Given(tensor.cast_to_dt(datum_type).unwrap().into_owned()));
            outputs(operator, 17, vec![], inputs.to_vec(), &["y"])
        };
        for operator in ["LSTM", "GRU", "RNN"] {
            let expected = floats(operator, DatumType::F32).unwrap().remove(0);
            let halves = expected.cast_to_dt(DatumType::F16).unwrap().into_owned();
            assert_eq!(floats(operator, DatumType::F16).unwrap(), [halves]);
        }
        for operator in ["LSTM", "GRU"] {
            let error = format!("{:?}", floats(operator, DatumType::F64).unwrap_err());
            let advice = "of 32-bit floats, given F64: cast its inputs to float";
            assert!(error.contains(advice), "{error}");
        }
        let double = floats("RNN", DatumType::F64).unwrap().remove(0);
        let single = floats("RNN", DatumType::F32).unwrap().remove(0);
        double
            .cast_to_dt(DatumType::F32)
            .unwrap()
            .close_enough(&single, Approximation::Close)
            .unwrap();
    }

    fn reverse() -> Vec<AttributeProto> {
        vec![string("direction", "reverse")]
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn a_reverse_layer_begins_with_the_last_step() {
        let check = |operator, expected: &[f32]| check(operator, "", 1, reverse(), 0, expected);
        check(
            "RNN",
            &[
                0.188_106, -0.174_26, 0.179_408, -0.053_786, 0.170_156, -0.116_637, -0.423_421,
                0.295_177, -0.062_419, 0.046_841, 0.185_333, -0.139_705,
            ],
        );
        check(
            "GRU",
            &[
                -0.073_334, 0.094_805, 0.057_809, -0.047_905, -0.024_338, 0.027_378, 0.079_538,
                -0.046_272, 0.016_108, -0.015_254, -0.042_369, 0.050_019,
            ],
        );
        check(
            "LSTM",
            &[
                -0.126_678, -0.022_211, 0.059_937, 0.015_574, -0.030_03, -0.007_785, 0.037_317,
                0.020_145, 0.018_726, 0.003_841, -0.064_06, -0.012_156,
            ],
        );
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn two_directions_are_two_layers() {
        let check = |operator, expected: &[f32]| check(operator, "Bh", 2, vec![], 1, expected);
        check(
            "RNN",
            &[
                -0.227_227, 0.276_271, 0.232_109, -0.032_478, -0.065_068, 0.775_298, -0.139_834,
                0.389_51,
            ],
        );
        check(
            "GRU",
            &[
                0.560_919, -0.293_421, 0.535_135, -0.169_445, -0.389_763, 0.383_463, -0.242_291,
                0.256_962,
            ],
        );
        check(
            "LSTM",
            &[
                -0.384_03, 0.220_756, -0.327_553, 0.247_916, 0.013_207, 0.002_4, -0.176_182,
                0.050_868,
            ],
        );
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn rows_end_with_their_last_step() {
        check(
            "RNN",
            "L",
            1,
            reverse(),
            0,
            &[
                0.215_688, -0.185_465, 0.179_408, -0.053_786, 0.124_353, -0.093_476, -0.423_421,
                0.295_177, 0., 0., 0.185_333, -0.139_705,
            ],
        );
        check(
            "RNN",
            "L",
            2,
            vec![],
            1,
            &[
                -0.103_235, 0.021_335, 0.346_197, -0.229_212, 0.070_35, 0.388_343, -0.021_246,
                -0.185_225,
            ],
        );
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn gates_look_at_the_cell_are_coupled_and_clipped() {
        let check = |operator, extras, attribute: Option<AttributeProto>, expected: &[f32]| {
            let attributes = attribute.into_iter().collect();
            check(operator, extras, 1, attributes, 1, expected);
        };
        check(
            "LSTM",
            "BP",
            None,
            &[-0.296_019, 0.228_822, -0.281_263, 0.271_12],
        );
        let coupled = integer("input_forget", 1);
        check(
            "LSTM",
            "B",
            Some(coupled),
            &[-0.322_659, 0.222_858, -0.302_944, 0.256_536],
        );
        check(
            "LSTM",
            "B",
            Some(float("clip", 0.25)),
            &[-0.114_554, 0.091_532, -0.116_303, 0.094_172],
        );
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn activations_are_any_of_those_with_a_name() {
        let given = [
            strings("activations", &["HardSigmoid", "Softsign"]),
            floats("activation_alpha", &[0.25]),
            floats("activation_beta", &[0.375]),
        ];
        let expected = [0.418_978, -0.125_014, 0.388_717, -0.131_074];
        check("GRU", "B", 1, given.to_vec(), 1, &expected);
        let rectified = |after| {
            let activations = strings("activations", &["Sigmoid", "Relu"]);
            vec![activations, integer("linear_before_reset", after)]
        };
        let expected = [0.664_616, 0., 0.612_248, 0.];
        check("GRU", "B", 1, rectified(0), 1, &expected);
        let expected = [0.568_091, 0.012_113, 0.520_124, 0.016_307];
        check("GRU", "B", 1, rectified(1), 1, &expected);
        let clipped = vec![integer("linear_before_reset", 1), float("clip", 0.5)];
        let expected = [0.434_456, -0.036_925, 0.411_038, -0.062_293];
        check("GRU", "B", 1, clipped, 1, &expected);
        let two = [
            strings("activations", &["LeakyRelu", "Affine"]),
            floats("activation_alpha", &[0.5, 0.25]),
            floats("activation_beta", &[0.125]),
        ];
        let expected = [
            -0.050_781, 0.222_656, 0.259_766, -0.023_438, 0.149_609, 0.310_562, 0.123_806,
            0.169_876,
        ];
        check("RNN", "B", 2, two.to_vec(), 1, &expected);
    }

    /// Numbers are taken from the lists by those activations that want one.
    #[test]
    fn numbers_of_activations_are_those_of_onnxruntime() {
        let check = |name: &str, usual: &[f32], given: &[f32]| {
            let named = || vec![strings("activations", &[name])];
            check("RNN", "", 1, named(), 1, usual);
            let numbers = [
                floats("activation_alpha", &[0.5]),
                floats("activation_beta", &[0.25]),
            ];
            check("RNN", "", 1, [named(), numbers.to_vec()].concat(), 1, given);
        };
        check(
            "Affine",
            &[0., 0., 0., 0.],
            &[0.210_693, 0.230_957, 0.392_09, 0.106_445],
        );
        check(
            "Relu",
            &[0., 0.046_875, 0.281_25, 0.],
            &[0., 0.046_875, 0.281_25, 0.],
        );
        check(
            "LeakyRelu",
            &[-0.000_655, 0.047_338, 0.282_244, -0.002_344],
            &[-0.030_884, 0.055_664, 0.326_66, -0.117_188],
        );
        check(
            "ThresholdedRelu",
            &[0., 0.046_875, 0.281_25, 0.],
            &[0., 0., 0., 0.],
        );
        check(
            "Tanh",
            &[-0.013_119, 0.036_192, 0.346_197, -0.229_212],
            &[-0.013_119, 0.036_192, 0.346_197, -0.229_212],
        );
        check(
            "ScaledTanh",
            &[0., 0., 0., 0.],
            &[-0.008_99, 0.006_477, 0.026_954, -0.019_352],
        );
        check(
            "Sigmoid",
            &[0.487_227, 0.459_061, 0.566_537, 0.404_39],
            &[0.487_227, 0.459_061, 0.566_537, 0.404_39],
        );
        check(
            "HardSigmoid",
            &[0.491_484, 0.465_781, 0.552_969, 0.422_375],
            &[0.210_693, 0.230_957, 0.392_09, 0.106_445],
        );
        check(
            "Elu",
            &[-0.022_339, 0.041_516, 0.355_775, -0.208_935],
            &[-0.031_241, 0.057_042, 0.321_786, -0.104_467],
        );
        check(
            "Softsign",
            &[-0.039_33, 0.044_235, 0.252_329, -0.180_994],
            &[-0.039_33, 0.044_235, 0.252_329, -0.180_994],
        );
        check(
            "Softplus",
            &[0.653_545, 0.592_475, 0.839_131, 0.491_573],
            &[0.653_545, 0.592_475, 0.839_131, 0.491_573],
        );
    }

    /// Both ways of computing, with the axes exchanged by hand.
    #[test]
    fn the_batch_may_come_first() {
        let exchanged = |tensor: Tensor| tensor.permute_axes(&[1, 0, 2]).unwrap();
        for operator in ["RNN", "GRU", "LSTM"] {
            for clip in [0.0, 0.5] {
                let attributes = || vec![float("clip", clip)];
                let expected = run(operator, "Bhc", 2, attributes(), |same| same).unwrap();
                let attributes = [attributes(), vec![integer("layout", 1)]].concat();
                let given = run(operator, "Bhc", 2, attributes, exchanged).unwrap();
                let mut steps = given[0].clone();
                steps = steps.permute_axes(&[1, 2, 0, 3]).unwrap();
                steps
                    .close_enough(&expected[0], Approximation::Close)
                    .unwrap();
                for (given, expected) in given[1..].iter().zip(&expected[1..]) {
                    let given = exchanged(given.clone());
                    given.close_enough(expected, Approximation::Close).unwrap();
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |operator, extras, directions, attributes| {
            assert!(run(operator, extras, directions, attributes, |same| same).is_err());
        };
        refused("LSTM", "", 1, vec![string("direction", "sideways")]);
        refused("LSTM", "", 2, reverse());
        refused("LSTM", "", 1, vec![strings("activations", &["Sigmoid"])]);
        refused(
            "GRU",
            "",
            1,
            vec![strings("activations", &["Sigmoid", "Cosine"])],
        );
        let short = |tensor: Tensor| tensor.slice(0, 0, 2).unwrap();
        assert!(run("GRU", "L", 1, vec![], short).is_err());
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn many_steps_of_one_feature_are_steps() {
        let inputs = vec![
            Input::Given(wave(&[5, 2, 1], 0)),
            Input::Stored(wave(&[1, 6, 1], 1)),
            Input::Stored(wave(&[1, 6, 2], 2)),
        ];
        let attributes = vec![integer("linear_before_reset", 1)];
        let outputs = outputs("GRU", 17, attributes, inputs, &["", "y_h"]).unwrap();
        close(&outputs, &[-0.027_927, 0.051_693, 0.051_752, -0.039_702]);
    }

    /// Two steps of two rows, hidden size one, all outputs.
    #[track_caller]
    fn check_states(states: &[Input], expected: &[f32]) {
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
        check_states(&[], &expected);
        check_states(&[Input::Stored(zeros()), Input::Stored(zeros())], &expected);
        check_states(&[Input::Given(zeros()), Input::Given(zeros())], &expected);
    }
}
