//! How long an axis must be for its pads, which tract does not ask.

use tract_onnx::tract_core::ops::array::PadMode;
use tract_onnx::tract_hir::internal::*;

use super::NONE_LEFT;
use crate::kernel::{Fact, Kernel, node as kernel, only};
use crate::tract::wire_one;
use crate::unfit::fits;

/// How many values an axis has at least for these pads.
pub(super) fn least(mode: &PadMode, (before, after): (i64, i64)) -> i64 {
    let cropped = (-before).max(0) + (-after).max(0);
    let most = before.max(after).max(0);
    let stays = match mode {
        PadMode::Constant(_) => 0,
        PadMode::Edge => most.min(1),
        PadMode::Reflect => most + most.min(1),
    };
    cropped + stays
}

/// An error for a known length that is too short.
pub(super) fn check_reach(shape: &[TDim], ends: &[(i64, i64)], mode: &PadMode) -> TractResult<()> {
    for (length, ends) in shape.iter().zip(ends) {
        let is_beyond = |length| length < least(mode, *ends);
        let is_reached = !length.to_i64().is_ok_and(is_beyond);
        let most = ends.0.max(ends.1);
        match mode {
            PadMode::Constant(_) => {}
            PadMode::Edge => ensure!(is_reached, "{NONE_LEFT}"),
            PadMode::Reflect => ensure!(
                is_reached,
                "an axis of {length} values cannot be reflected into {most} pads"
            ),
        }
    }
    Ok(())
}

/// What is padded as it is, once a run has told that its axes are long enough.
#[derive(Debug)]
struct Reached {
    least: Vec<i64>,
}

impl Kernel for Reached {
    fn name(&self) -> &'static str {
        "Reached"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        Ok(tvec![only(inputs)?.clone()])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let input = args_1!(inputs);
        let mut lengths = input.shape().iter().zip(&self.least);
        fits(
            lengths.all(|(length, least)| *length as f64 >= *least as f64),
            "an axis has fewer values than are cropped off it, or than are reflected or repeated",
        )?;
        Ok(tvec![input.into_tensor()])
    }
}

/// The input, with a check at the run of those of its axes whose length only that tells.
pub(super) fn reached(
    prefix: &str,
    model: &mut TypedModel,
    input: OutletId,
    least: Vec<i64>,
) -> TractResult<OutletId> {
    let shape = model.outlet_fact(input)?.shape.to_tvec();
    let mut lengths = shape.iter().zip(&least);
    if lengths.any(|(length, least)| *least > 0 && length.to_i64().is_err()) {
        let name = format!("{prefix}.reached");
        return wire_one(model, name, kernel(Reached { least }), &[input]);
    }
    Ok(input)
}
