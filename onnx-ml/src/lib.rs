//! The `ai.onnx.ml` operators that tract lacks and the standard ones it gets wrong, registered
//! into tract.
//!
//! `operators` lists them; `ml`, `standard` and `text` have one module an operator family. An
//! operator is right or refused when the model is loaded: what is known to be wrong in tract is
//! named by [`unsupported`]. `kernel` and `tract` are what operators share: computing by a
//! function of ours, and wrapping tract's. `planning` wires small graphs; planning others, and running, is tract's, with the
//! kernels that `processor` leaves it.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod elements;
mod elementwise;
pub mod file;
mod graph;
mod kernel;
mod lookup;
mod maps;
mod ml;
mod operators;
mod planning;
mod processor;
mod product;
mod standard;
#[cfg(test)]
mod testing;
mod text;
mod tract;
mod unfit;
mod unsupported;

use tract_onnx::Onnx;

pub use graph::{inner_graphs, node_name, operator_name};
pub use maps::{Columns, FlatMaps, Labels, flatten_maps};
pub use planning::{optimized, typed};
pub use unfit::Unfit;
pub use unsupported::{Reason, Unsupported, unsupported};

/// tract's ONNX reader with the operators of this crate.
///
/// Shapes that the file declares for values inside the graph and for its outputs are ignored:
/// exporters write them wrongly often enough, and tract infers them from the inputs.
pub fn onnx() -> Onnx {
    processor::leave_out_matrix_extensions();
    let mut onnx = tract_onnx::onnx()
        .with_ignore_value_info(true)
        .with_ignore_output_shapes(true)
        .with_ignore_output_types(true);
    register(&mut onnx);
    onnx
}

/// Adds the operators of this crate to a reader.
pub fn register(onnx: &mut Onnx) {
    for (name, builder) in [operators::ML, operators::STANDARD].concat() {
        onnx.op_register.insert(name, builder);
    }
}
