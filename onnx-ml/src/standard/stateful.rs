//! Operators of the standard domain that hand a state on from one run to the next:
//! `CausalConvWithState`, `LinearAttention` and `TensorScatter`.

pub(crate) mod convolution;
pub(crate) mod linear_attention;
pub(crate) mod scatter;

use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, tensor, values};

/// Inputs of 32- or 16-bit floats, all alike.
fn floats(inputs: &[Fact]) -> TractResult<()> {
    let is_float = |datum_type| datum_type == DatumType::F32 || datum_type == DatumType::F16;
    for (datum_type, _) in inputs {
        ensure!(
            is_float(*datum_type),
            "floats of 32 or 16 bits are computed, given {datum_type:?}"
        );
    }
    Ok(())
}

/// The inputs in single precision.
fn singles(inputs: &[TValue]) -> TractResult<Vec<Cow<'_, Tensor>>> {
    inputs.iter().map(|input| input.cast_to::<f32>()).collect()
}

/// The values of an optional input, by its place.
fn optional<'a>(inputs: &'a [Cow<Tensor>], place: Option<usize>) -> TractResult<Option<&'a [f32]>> {
    let input = place.map(|place| inputs.get(place).context("an input is missing"));
    input.map(|input| values(input?)).transpose()
}

/// Row by row, the part of this length.
fn row<T>(values: &[T], row: usize, length: usize) -> TractResult<&[T]> {
    let row = values.get(row * length..(row + 1) * length);
    row.context("an input has too few values")
}

/// A tensor of these values as this datatype.
fn typed(shape: &[usize], values: Vec<f32>, datum_type: DatumType) -> TractResult<Tensor> {
    Ok(tensor(shape, values)?.cast_to_dt(datum_type)?.into_owned())
}
