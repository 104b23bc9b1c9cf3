//! Activations of recurrent layers, by name, with the numbers that onnxruntime takes by default.

use tract_onnx::tract_core::tract_linalg::routines::Func;
use tract_onnx::tract_hir::internal::*;

/// What a gate or a state goes through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Activation {
    Affine { scale: f32, shift: f32 },
    Relu,
    LeakyRelu { slope: f32 },
    ThresholdedRelu { threshold: f32 },
    Tanh,
    ScaledTanh { scale: f32, inner: f32 },
    Sigmoid,
    HardSigmoid { slope: f32, shift: f32 },
    Elu { scale: f32 },
    Softsign,
    Softplus,
}

impl Activation {
    /// Reads a name; `alpha` and `beta` give what the lists of the node have next.
    pub(super) fn named(
        name: &str,
        mut alpha: impl FnMut(f32) -> f32,
        mut beta: impl FnMut(f32) -> f32,
    ) -> TractResult<Self> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "affine" => Self::Affine {
                scale: alpha(0.0),
                shift: beta(0.0),
            },
            "relu" => Self::Relu,
            "leakyrelu" => Self::LeakyRelu { slope: alpha(0.01) },
            "thresholdedrelu" => Self::ThresholdedRelu {
                threshold: alpha(0.0),
            },
            "tanh" => Self::Tanh,
            "scaledtanh" => Self::ScaledTanh {
                scale: alpha(0.0),
                inner: beta(0.0),
            },
            "sigmoid" => Self::Sigmoid,
            "hardsigmoid" => Self::HardSigmoid {
                slope: alpha(0.2),
                shift: beta(0.5),
            },
            "elu" => Self::Elu { scale: alpha(1.0) },
            "softsign" => Self::Softsign,
            "softplus" => Self::Softplus,
            _ => bail!("`activations` has the entry `{name}`"),
        })
    }

    /// Puts what comes out in the place of what goes in.
    pub(super) fn apply(self, values: &mut [f32]) -> TractResult<()> {
        match self {
            // tract's are whole vectors at once, where a function of the system for each value
            // takes ten times as long.
            Self::Sigmoid => keeping_nan(Func::Sigmoid, values),
            Self::Tanh => keeping_nan(Func::Tanh, values),
            Self::Affine { .. }
            | Self::Relu
            | Self::LeakyRelu { .. }
            | Self::ThresholdedRelu { .. }
            | Self::ScaledTanh { .. }
            | Self::HardSigmoid { .. }
            | Self::Elu { .. }
            | Self::Softsign
            | Self::Softplus => {
                values.iter_mut().for_each(|value| *value = self.of(*value));
                Ok(())
            }
        }
    }

    fn of(self, value: f32) -> f32 {
        match self {
            Self::Affine { scale, shift } => scale * value + shift,
            Self::Relu if value < 0.0 => 0.0,
            Self::Relu => value,
            Self::LeakyRelu { slope } if value < 0.0 => slope * value,
            Self::LeakyRelu { .. } => value,
            Self::ThresholdedRelu { threshold } if value > threshold => value,
            Self::ThresholdedRelu { .. } => 0.0,
            Self::Tanh => value.tanh(),
            Self::ScaledTanh { scale, inner } => scale * (inner * value).tanh(),
            Self::Sigmoid => 1.0 / (1.0 + (-value).exp()),
            Self::HardSigmoid { slope, shift } => (slope * value + shift).clamp(0.0, 1.0),
            Self::Elu { scale } if value < 0.0 => scale * value.exp_m1(),
            Self::Elu { .. } => value,
            Self::Softsign => value / (1.0 + value.abs()),
            Self::Softplus => value.max(0.0) + (-value.abs()).exp().ln_1p(),
        }
    }
}

/// tract's functions make a number of a NaN.
fn keeping_nan(function: Func, values: &mut [f32]) -> TractResult<()> {
    let places = values.iter().enumerate();
    let missing: Vec<usize> = places
        .filter_map(|(place, value)| value.is_nan().then_some(place))
        .collect();
    function.ew_f32()?.run(values)?;
    for place in missing {
        if let Some(value) = values.get_mut(place) {
            *value = f32::NAN;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_stays_none() {
        for activation in [Activation::Sigmoid, Activation::Tanh, Activation::Relu] {
            let mut values = [f32::NAN, 0.0, f32::NAN, 1.0];
            activation.apply(&mut values).unwrap();
            let are_nan = values.map(f32::is_nan);
            assert_eq!(are_nan, [true, false, true, false], "{activation:?}");
        }
    }
}
