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
