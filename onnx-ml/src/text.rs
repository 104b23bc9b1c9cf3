//! Operators over text: tensors of strings, as vectorizers and encoders of text are exported.
//!
//! Text is UTF-8. What is cut, joined or counted here is counted in characters, as onnxruntime
//! does; lengths that depend on the text become symbols of their own in the graph.

pub(crate) mod cast;
pub(crate) mod concat;
mod counter;
pub(crate) mod full_match;
mod grams;
mod letters;
pub(crate) mod normalizer;
mod numbers;
mod pattern;
pub(crate) mod split;
mod syntax;
pub(crate) mod tile;
pub(crate) mod tokenizer;
pub(crate) mod vectorizer;

use tract_onnx::tract_core::internal::*;

use crate::kernel::{Fact, only};
use crate::unfit::fits;

/// One long text among many makes as many pieces of each: more than this would take over 100 MB, and what is
/// given has not a tenth of it.
const MOST_PIECES: usize = 1 << 22;

/// How many pieces there are once each text has as many as the longest.
fn filled(texts: usize, longest: usize) -> TractResult<usize> {
    let pieces = texts.saturating_mul(longest);
    let is_possible = pieces <= MOST_PIECES;
    fits(
        is_possible,
        "texts have too many pieces, as many each as the longest",
    )?;
    Ok(pieces)
}

/// The shape of the only input, which is of text.
fn only_texts(inputs: &[Fact]) -> TractResult<&TVec<TDim>> {
    let (datum_type, shape) = only(inputs)?;
    ensure!(
        *datum_type == String::datum_type(),
        "the operator wants text, given {datum_type:?}"
    );
    Ok(shape)
}

/// The texts of a tensor, in order.
fn texts(tensor: &Tensor) -> TractResult<&[String]> {
    ensure!(
        tensor.datum_type() == String::datum_type(),
        "wants text, given {:?}",
        tensor.datum_type()
    );
    tensor.try_as_plain_ram()?.as_slice::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_bounded() {
        assert_eq!(filled(1 << 11, 1 << 11).unwrap(), MOST_PIECES);
        assert!(filled((1 << 11) + 1, 1 << 11).is_err());
        assert!(filled(usize::MAX, 2).is_err());
    }
}
