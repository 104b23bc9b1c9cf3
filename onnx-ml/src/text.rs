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
pub(crate) mod tokenizer;
pub(crate) mod unique;
pub(crate) mod vectorizer;

use tract_onnx::tract_core::internal::*;

/// One long text among many makes as many pieces of each: more than this would take over 2 GB.
const MOST_PIECES: usize = 1 << 26;

/// How many pieces there are once each text has as many as the longest.
fn filled(texts: usize, longest: usize) -> TractResult<usize> {
    let pieces = texts.saturating_mul(longest);
    ensure!(
        pieces <= MOST_PIECES,
        "{texts} texts of up to {longest} pieces are more than {MOST_PIECES}"
    );
    Ok(pieces)
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

/// A tensor of these texts.
fn tensor(shape: &[usize], texts: Vec<String>) -> TractResult<Tensor> {
    Ok(tract_ndarray::ArrayD::from_shape_vec(shape, texts)?.into_tensor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_bounded() {
        assert_eq!(filled(1 << 13, 1 << 13).unwrap(), MOST_PIECES);
        assert!(filled((1 << 13) + 1, 1 << 13).is_err());
        assert!(filled(usize::MAX, 2).is_err());
    }
}
