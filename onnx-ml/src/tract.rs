//! tract's own builders, for the operators that are right but for some of their attributes.

use std::fmt;
use std::sync::LazyLock;

use tract_onnx::Onnx;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, ModelProto, NodeProto};
use tract_onnx::tract_hir::internal::*;

/// What a builder gives: the operator, and values of outer graphs that it needs.
pub(crate) type Built = (Box<dyn InferenceOp>, Vec<String>);

static TRACT: LazyLock<Onnx> = LazyLock::new(tract_onnx::onnx);

/// Builds a node as tract does.
pub(crate) fn build(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let builder = TRACT.op_register.0.get(&node.op_type);
    builder.with_context(|| format!("tract has no `{}`", node.op_type))?(context, node)
}

/// What tract wires of a node, for operators that ask nothing of their file but its version.
pub(crate) fn rebuilt(version: i64, node: &NodeProto) -> TractResult<Box<dyn Expansion>> {
    static FILE: LazyLock<ModelProto> = LazyLock::new(ModelProto::default);
    let context = ParsingContext {
        onnx_operator_set_version: version,
        framework: &TRACT,
        model: &FILE,
        parent_graphs: vec![],
        model_dir: None,
        template: InferenceModel::default(),
    };
    expansion(build(&context, node)?)
}

/// The same node with these attributes in the place of those that it has of their names.
pub(crate) fn with_attributes(node: &NodeProto, attributes: Vec<AttributeProto>) -> NodeProto {
    let mut node = without_attributes(node, &[]);
    for attribute in attributes {
        node.attribute.retain(|given| given.name != attribute.name);
        node.attribute.push(attribute);
    }
    node
}

/// The same node without the attributes of these names.
pub(crate) fn without_attributes(node: &NodeProto, names: &[&str]) -> NodeProto {
    let mut node = node.clone();
    let is_left = |attribute: &AttributeProto| !names.contains(&attribute.name.as_str());
    node.attribute.retain(is_left);
    node
}

/// Text as an attribute.
pub(crate) fn text_attribute(name: &str, text: &str) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        s: text.into(),
        r#type: AttributeType::String.into(),
        ..AttributeProto::default()
    }
}

/// A list of integers as an attribute.
pub(crate) fn integers_attribute(name: &str, integers: Vec<i64>) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        ints: integers,
        r#type: AttributeType::Ints.into(),
        ..AttributeProto::default()
    }
}

/// The place of an axis among as many as there are; negative ones count from the last.
pub(crate) fn axis_place(axis: i64, rank: usize) -> TractResult<usize> {
    let ranks = i64::try_from(rank)?;
    let place = if axis < 0 {
        axis.saturating_add(ranks)
    } else {
        axis
    };
    ensure!((0..ranks).contains(&place), "no axis {axis} in {rank} axes");
    Ok(usize::try_from(place)?)
}

/// The values of a list of integers, if they are stored.
pub(crate) fn stored_list(model: &TypedModel, outlet: OutletId) -> TractResult<Option<Vec<i64>>> {
    let stored = model.outlet_fact(outlet)?.konst.as_ref();
    stored.map(|list| integers(list)).transpose()
}

/// The values of a list of integers.
pub(crate) fn integers(list: &Tensor) -> TractResult<Vec<i64>> {
    let list = list.cast_to::<i64>()?;
    Ok(list.try_as_plain_ram()?.as_slice::<i64>()?.to_vec())
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

/// How an operator of tract's is wired differently: its rules stay tract's.
pub(crate) trait Rewire: fmt::Debug + Send + Sync + 'static {
    /// Wires the operator, or has tract do it.
    fn wire(
        &self,
        tract: &dyn Expansion,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>>;
}

/// An operator with these rules of tract's, for the register, wired in another way.
pub(crate) fn rewired(tract: Box<dyn Expansion>, wiring: impl Rewire) -> Built {
    let wiring = Arc::new(wiring);
    (expand(Rewired { tract, wiring }), vec![])
}

#[derive(Debug, Clone)]
struct Rewired {
    tract: Box<dyn Expansion>,
    wiring: Arc<dyn Rewire>,
}

impl Expansion for Rewired {
    fn name(&self) -> StaticName {
        self.tract.name()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        self.tract.rules(solver, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        self.wiring.wire(self.tract.as_ref(), prefix, model, inputs)
    }
}
