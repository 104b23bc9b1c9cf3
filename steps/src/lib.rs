//! Steps before a model: texts to tokens, pictures to tensors of pixels.
//!
//! The settings have the names that the ecosystem gives them (`tokenizer_config.json`, `preprocessor_config.json`), and
//! the results are those of its reference programs. Nothing here knows of models, requests or the network; a file
//! comes as its bytes, and every size that comes from outside has a limit.

pub mod image;
pub mod text;
