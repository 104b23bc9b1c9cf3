//! Functions of every value of a list.

use tract_onnx::tract_hir::internal::TractResult;
use tract_onnx::tract_hir::internal::tract_linalg::routines::Func;

/// Fewer values than these are taken alone: to ask tract for its function takes longer.
const FEW: usize = 24;

/// Replaces each value.
pub(crate) fn each(values: &mut [f32], of: impl Fn(f32) -> f32) {
    values.iter_mut().for_each(|value| *value = of(*value));
}

/// The exponential of each value.
pub(crate) fn exponentials(values: &mut [f32]) -> TractResult<()> {
    whole(Func::Exp, f32::exp, values)
}

/// The hyperbolic tangent of each value.
pub(crate) fn tangents(values: &mut [f32]) -> TractResult<()> {
    whole(Func::Tanh, f32::tanh, values)
}

/// tract's functions of whole lists are fast and lose a NaN: where there is one, each value is
/// taken alone.
fn whole(function: Func, of: impl Fn(f32) -> f32, values: &mut [f32]) -> TractResult<()> {
    let is_nan = values
        .iter()
        .fold(false, |found, value| found | value.is_nan());
    if is_nan || values.len() < FEW {
        each(values, of);
        return Ok(());
    }
    function.ew_f32()?.run(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_computed_as_short_ones() {
        let values = [f32::NEG_INFINITY, -200.0, -1.5, 0.0, 0.25, 60.0, 100.0];
        let mut long: Vec<f32> = values.into_iter().cycle().take(5 * FEW).collect();
        exponentials(&mut long).unwrap();
        for (long, value) in long.iter().zip(values.iter().cycle()) {
            let expected = value.exp();
            let is_close = (long - expected).abs() <= 1e-6 * expected;
            assert!(is_close || *long == expected, "{value}: {long}");
        }
        long.push(f32::NAN);
        exponentials(&mut long).unwrap();
        assert!(long.last().unwrap().is_nan());
    }
}
