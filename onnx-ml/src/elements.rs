//! Values of any type, text among them, moved from place to place.

use tract_onnx::tract_hir::internal::*;

use crate::kernel::{tensor, values};

/// The blocks at these places of a tensor, in order, as a tensor of this shape.
///
/// A block is so many values that lie next to each other.
pub(crate) fn picked(
    given: &Tensor,
    block: usize,
    places: &[usize],
    shape: &[usize],
) -> TractResult<Tensor> {
    let missing = || format!("there is no place for blocks of {block} in the tensor");
    let datum_type = given.datum_type();
    let range = |place: usize, length: usize| place * length..(place + 1) * length;
    if datum_type == String::datum_type() {
        let texts = values::<String>(given)?;
        let mut picked = Vec::with_capacity(places.len() * block);
        for place in places {
            let texts = texts.get(range(*place, block)).with_context(missing)?;
            picked.extend_from_slice(texts);
        }
        return tensor(shape, picked);
    }
    ensure!(datum_type.is_copy(), "{datum_type:?} cannot be moved");
    let bytes = block * datum_type.size_of();
    let mut picked = Tensor::zero_dt(datum_type, shape)?;
    if bytes == 0 {
        return Ok(picked);
    }
    let to = picked.as_bytes_mut().chunks_exact_mut(bytes);
    for (to, place) in to.zip(places) {
        let from = given.as_bytes().get(range(*place, bytes));
        to.copy_from_slice(from.with_context(missing)?);
    }
    Ok(picked)
}

/// How many values there are before an axis, along it, and after it.
pub(crate) fn around(shape: &[usize], axis: usize) -> TractResult<[usize; 3]> {
    let (before, rest) = shape.split_at(axis.min(shape.len()));
    let (length, after) = rest.split_first().context("an axis of the tensor")?;
    Ok([before.iter().product(), *length, after.iter().product()])
}
