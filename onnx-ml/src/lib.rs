//! The `ai.onnx.ml` operators that tract lacks, registered into tract.
//!
//! One module an operator family. An operator is right or refused when the model is loaded: what
//! is known to be wrong in tract is named by [`unsupported`]. Reading files, planning and running
//! are tract's.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
mod linear;
mod post_transform;
mod scaler;
#[cfg(test)]
mod testing;
mod unsupported;

use tract_onnx::Onnx;

pub use unsupported::{Reason, Unsupported, unsupported};

/// tract's ONNX reader with the operators of this crate.
///
/// Shapes that the file declares for values inside the graph and for its outputs are ignored:
/// exporters write them wrongly often enough, and tract infers them from the inputs.
pub fn onnx() -> Onnx {
    let mut onnx = tract_onnx::onnx()
        .with_ignore_value_info(true)
        .with_ignore_output_shapes(true)
        .with_ignore_output_types(true);
    register(&mut onnx);
    onnx
}

/// Adds the operators of this crate to a reader.
pub fn register(onnx: &mut Onnx) {
    let operators = &mut onnx.op_register;
    operators.insert("LinearClassifier", linear::classifier);
    operators.insert("LinearRegressor", linear::regressor);
    operators.insert("Scaler", scaler::scaler);
}
