//! tract's own builders, for the operators that are right but for some of their attributes.

use std::sync::LazyLock;

use tract_onnx::Onnx;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

/// What a builder gives: the operator, and values of outer graphs that it needs.
pub(crate) type Built = (Box<dyn InferenceOp>, Vec<String>);

/// Builds a node as tract does.
pub(crate) fn build(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    static TRACT: LazyLock<Onnx> = LazyLock::new(tract_onnx::onnx);
    let builder = TRACT.op_register.0.get(&node.op_type);
    builder.with_context(|| format!("tract has no `{}`", node.op_type))?(context, node)
}

/// The rules of an operator whose one output has the type and the shape of its one input.
pub(crate) fn same_as_input<'r, 'p: 'r>(
    solver: &mut Solver<'r>,
    inputs: &'p [TensorProxy],
    outputs: &'p [TensorProxy],
) -> InferenceResult {
    check_input_arity(inputs, 1)?;
    check_output_arity(outputs, 1)?;
    let ([input], [output]) = (inputs, outputs) else {
        bail!("the operator has one input and one output")
    };
    solver.equals(&output.datum_type, &input.datum_type)?;
    solver.equals(&output.shape, &input.shape)
}

/// The rule of operators that give one thing a row: a single list of features is one row.
pub(crate) fn rows<'r, 'p: 'r>(
    solver: &mut Solver<'r>,
    input: &'p TensorProxy,
    output: &'p TensorProxy,
) -> InferenceResult {
    solver.given(&input.rank, move |solver, rank| {
        ensure!(
            rank == 1 || rank == 2,
            "a model of features takes rows of them"
        );
        if rank == 1 {
            return solver.equals(&output.shape[0], 1.to_dim());
        }
        solver.equals(&output.shape[0], &input.shape[0])
    })
}

/// Wires one node that has one output.
pub(crate) fn wire_one(
    model: &mut TypedModel,
    name: String,
    operator: impl Into<Box<dyn TypedOp>>,
    inputs: &[OutletId],
) -> TractResult<OutletId> {
    let outputs = model.wire_node(name, operator, inputs)?;
    outputs.first().copied().context("a node has an output")
}

/// What tract wires of a node it built.
pub(crate) fn expansion(built: Built) -> TractResult<Box<dyn Expansion>> {
    let operator: &dyn Op = built.0.as_ref();
    let expansion = operator.downcast_ref::<Box<dyn Expansion>>();
    expansion.cloned().context("the operator is wired by tract")
}
