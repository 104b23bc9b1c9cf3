//! The operators of the domain `ai.onnx.ml`, one module a family.

pub(crate) mod classes;
pub(crate) mod feature_extractor;
pub(crate) mod feature_vectorizer;
pub(crate) mod imputer;
pub(crate) mod label_encoder;
pub(crate) mod linear;
pub(crate) mod normalizer;
pub(crate) mod one_hot_encoder;
pub(crate) mod post_transform;
pub(crate) mod scaler;
pub(crate) mod svm;
pub(crate) mod trees;
