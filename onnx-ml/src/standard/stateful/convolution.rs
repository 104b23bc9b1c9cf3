//! `CausalConvWithState` (standard domain, version 27): each channel summed over its last places.
//!
//! `activation` is `none`, `silu` or `swish`. Sums are in single precision.

use tract_onnx::model::{ParsingContext, optional_inputs};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{floats, optional, row, singles, typed};
use crate::kernel::{Fact, Kernel, built, values};
use crate::tract::Built;

/// Builds the operator from its node.
pub(crate) fn convolution(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let activation = node.get_attr_opt("activation")?.unwrap_or("none");
    let mut inputs = optional_inputs(node).skip(2);
    Ok(built(Convolution {
        is_silu: match activation {
            "none" => false,
            "silu" | "swish" => true,
            other => bail!("`activation` is `{other}`"),
        },
        bias: inputs.next().flatten(),
        past: inputs.next().flatten(),
    }))
}

/// The places of optional inputs, and whether sums are activated.
#[derive(Debug)]
struct Convolution {
    is_silu: bool,
    bias: Option<usize>,
    past: Option<usize>,
}

impl Convolution {
    fn activated(&self, sum: f32) -> f32 {
        if self.is_silu {
            sum / (1.0 + (-sum).exp())
        } else {
            sum
        }
    }
}

impl Kernel for Convolution {
    fn name(&self) -> &'static str {
        "CausalConvWithState"
    }

    fn outputs(&self) -> usize {
        2
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        floats(inputs)?;
        let [(datum_type, input), (_, weight), ..] = inputs else {
            bail!("a convolution has an input and weights")
        };
        let ([batch, channels, _], [weighted, one, width]) = (&**input, &**weight) else {
            bail!("a convolution wants inputs and weights of three axes")
        };
        let width = width.to_i64()?;
        ensure!(
            weighted == channels && one.is_one() && width > 0,
            "weights of {weight:?} do not fit an input of {input:?}"
        );
        let state = tvec![batch.clone(), channels.clone(), (width - 1).to_dim()];
        let shape = |place: usize| inputs.get(place).map(|(_, shape)| &**shape);
        let bias = self.bias.and_then(shape);
        ensure!(
            bias.is_none_or(|bias| bias == [channels.clone()]),
            "one bias for each channel"
        );
        let past = self.past.and_then(shape);
        ensure!(
            past.is_none_or(|past| past == &*state),
            "the past has the shape {state:?}"
        );
        Ok(tvec![(*datum_type, input.clone()), (*datum_type, state)])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let datum_type = inputs.first().context("an input")?.datum_type();
        let inputs = singles(&inputs)?;
        let [input, weight, ..] = &*inputs else {
            bail!("a convolution has an input and weights")
        };
        let ([batch, channels, length], [_, _, width]) = (input.shape(), weight.shape()) else {
            bail!("a convolution wants inputs and weights of three axes")
        };
        let (length, width, before) = (*length, *width, width - 1);
        let (bias, past) = (optional(&inputs, self.bias)?, optional(&inputs, self.past)?);
        let (all, weights) = (values::<f32>(input)?, values::<f32>(weight)?);
        let mut output = Vec::with_capacity(all.len());
        let mut state = Vec::with_capacity(batch * channels * before);
        for place in 0..batch * channels {
            let channel = place % channels;
            let mut line = match past {
                Some(past) => row(past, place, before)?.to_vec(),
                None => vec![0.0; before],
            };
            line.extend(row(all, place, length)?);
            let weights = row(weights, channel, width)?;
            let bias = bias.map(|bias| row(bias, channel, 1)).transpose()?;
            let bias: f32 = bias.into_iter().flatten().sum();
            let sums = line.windows(width).map(|window| {
                let products = window
                    .iter()
                    .zip(weights)
                    .map(|(value, weight)| value * weight);
                bias + products.sum::<f32>()
            });
            output.extend(sums.map(|sum| self.activated(sum)));
            state.extend(line.iter().skip(length));
        }
        let output = typed(input.shape(), output, datum_type)?;
        let state = typed(&[*batch, *channels, before], state, datum_type)?;
        Ok(tvec![output, state])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, close, numbers, outputs, string};

    fn run(activation: &str, inputs: Vec<Input>) -> TractResult<Vec<Tensor>> {
        let activation = vec![string("activation", activation)];
        outputs(
            "CausalConvWithState",
            27,
            activation,
            inputs,
            &["y", "state"],
        )
    }

    #[track_caller]
    fn check(activation: &str, bias: Input, past: Input, expected: &[f32]) {
        let given = |shape: &[usize], seed| Input::Given(numbers(shape, seed));
        let inputs = vec![given(&[1, 2, 3], 1), given(&[2, 1, 3], 2), bias, past];
        let output = run(activation, inputs).unwrap();
        close(&output, expected);
        close(&output[1..], &[1.5, 0., 0.25, -1.25]);
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn a_place_sees_those_before_it() {
        let given = |shape: &[usize], seed| Input::Given(numbers(shape, seed));
        let past = || given(&[1, 2, 2], 4);
        let plain = [-0.3125, 2., -1., 0., -2.25, 0.75];
        check("none", Input::None, Input::None, &plain);
        let biased = [-0.4375, -0.25, -2., -0.875, -1.25, 1.5];
        check("none", given(&[2], 3), past(), &biased);
        let activated = [
            0.358_329_8,
            0.509_384,
            -0.268_941_4,
            -0.267_339_3,
            -0.238_405_8,
            0.509_384,
        ];
        check("silu", Input::None, past(), &activated);
        check("swish", Input::None, past(), &activated);
    }

    #[test]
    fn a_state_keeps_what_was_before_a_short_input() {
        let given = |shape: &[usize], seed| Input::Given(numbers(shape, seed));
        let inputs = vec![given(&[1, 1, 1], 1), given(&[1, 1, 4], 2)];
        let output = run("none", inputs).unwrap();
        close(&output[1..], &[0., 0., -0.25]);
    }

    #[track_caller]
    fn refused(activation: &str, shapes: &[&[usize]], reason: &str) {
        let given = |shape: &&[usize]| Input::Given(numbers(shape, 1));
        let error = run(activation, shapes.iter().map(given).collect()).unwrap_err();
        assert!(format!("{error:?}").contains(reason), "{error:?}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        refused("relu", &[&[1, 2, 3], &[2, 1, 3]], "`activation` is `relu`");
        refused("none", &[&[1, 2, 3], &[3, 1, 3]], "do not fit an input");
        refused("none", &[&[1, 2, 3], &[2, 2, 3]], "do not fit an input");
        refused("none", &[&[1, 2, 3], &[2, 1, 0]], "do not fit an input");
        refused("none", &[&[2, 3], &[2, 1, 3]], "three axes");
        refused("none", &[&[1, 2, 3], &[2, 1, 3], &[3]], "one bias");
        let long = [&[1usize, 2, 3] as &[usize], &[2, 1, 3], &[2], &[1, 2, 3]];
        refused("none", &long, "the past has the shape");
    }
}
