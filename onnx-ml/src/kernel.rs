//! Operators whose outputs are computed by one function of ours: what they have in common.
//!
//! Shapes and datatypes follow from those of the inputs alone. Reading attributes and computing
//! is each operator's.

use std::any::Any;
use std::fmt;

use tract_onnx::tract_hir::internal::*;

use crate::tract::Built;

/// The datatype and the shape of a value.
pub(crate) type Fact = (DatumType, TVec<TDim>);

/// An operator as its attributes describe it.
pub(crate) trait Kernel: fmt::Debug + Any + Send + Sync {
    /// The operator's name.
    fn name(&self) -> &'static str;

    /// How many outputs it has.
    fn outputs(&self) -> usize {
        1
    }

    /// What the outputs are for such inputs; an error for inputs that it does not take.
    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>>;

    /// Whether outputs have lengths that only a run tells: symbols of the operator's own.
    fn has_new_lengths(&self) -> bool {
        false
    }

    /// What takes the place of this node, where something faster can.
    fn replacement(
        &self,
        _model: &TypedModel,
        _node: &TypedNode,
    ) -> TractResult<Option<TypedModelPatch>> {
        Ok(None)
    }

    /// Computes the outputs, of inputs that [`Self::facts`] takes.
    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>>;
}

/// The node of such an operator, for the register.
pub(crate) fn built(kernel: impl Kernel) -> Built {
    (expand(node(kernel)), vec![])
}

/// The same for a graph whose datatypes and shapes are known.
pub(crate) fn node(kernel: impl Kernel) -> Node {
    Node(Arc::new(kernel))
}

/// The operator of a node, if it is one of this kind.
pub(crate) fn kernel_of<K: Kernel>(node: &TypedNode) -> Option<&K> {
    let kernel: &dyn Any = node.op_as::<Node>()?.0.as_ref();
    kernel.downcast_ref()
}

/// The only input of an operator that has one.
pub(crate) fn only<T>(inputs: &[T]) -> TractResult<&T> {
    match inputs {
        [input] => Ok(input),
        several => bail!("the operator has one input, given {}", several.len()),
    }
}

/// Rows and features of an input of numbers: a single list of features is one row.
pub(crate) fn rows(shape: &[TDim]) -> TractResult<(TDim, TDim)> {
    match shape {
        [features] => Ok((1.to_dim(), features.clone())),
        [rows, features] => Ok((rows.clone(), features.clone())),
        other => bail!("rows of features have the shape [rows, features], given {other:?}"),
    }
}

/// The values of a tensor, in the order of its rows.
pub(crate) fn values<T: Datum>(tensor: &Tensor) -> TractResult<&[T]> {
    let values = tensor.to_plain_array_view::<T>()?.to_slice();
    values.context("a tensor's values are in order")
}

/// A tensor of these values.
pub(crate) fn tensor<T: Datum>(shape: &[usize], values: Vec<T>) -> TractResult<Tensor> {
    Ok(tract_ndarray::ArrayD::from_shape_vec(shape, values)?.into_tensor())
}

/// A node of a graph that computes by a kernel.
#[derive(Debug, Clone)]
pub(crate) struct Node(Arc<dyn Kernel>);

impl Node {
    /// What its outputs are for such inputs.
    pub(crate) fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        self.0.facts(inputs)
    }
}

/// Two nodes are the same if they were built from one.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Node {}

impl Expansion for Node {
    fn name(&self) -> StaticName {
        self.0.name().into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.0.outputs())
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_output_arity(outputs, self.0.outputs())?;
        let types = inputs.iter().map(|input| &input.datum_type);
        solver.given_all(types, move |solver, types| {
            let shapes = inputs.iter().map(|input| &input.shape);
            solver.given_all(shapes, move |solver, shapes| {
                let inputs: Vec<Fact> = types.iter().copied().zip(shapes).collect();
                let facts = self.0.facts(&inputs)?;
                for (output, (datum_type, shape)) in outputs.iter().zip(facts) {
                    solver.equals(&output.datum_type, datum_type)?;
                    solver.equals(&output.shape, shape)?;
                }
                Ok(())
            })
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }
}

impl Op for Node {
    fn name(&self) -> StaticName {
        self.0.name().into()
    }

    fn mints_runtime_symbols(&self) -> bool {
        self.0.has_new_lengths()
    }

    op_as_typed_op!();
}

impl EvalOp for Node {
    op_out_of_plan!();

    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let inputs = inputs.into_iter().map(|input| told(context, input));
        let outputs = self.0.outputs_of(inputs.collect::<TractResult<_>>()?)?;
        Ok(outputs.into_iter().map(IntoTValue::into_tvalue).collect())
    }
}

/// The lengths among the inputs of a node, of which a run has told the symbols.
fn told(context: &EvalContext, input: TValue) -> TractResult<TValue> {
    if input.datum_type() != TDim::datum_type() {
        return Ok(input);
    }
    let mut lengths = input.into_tensor();
    let mut view = lengths.to_plain_array_view_mut::<TDim>()?;
    view.mapv_inplace(|length| length.eval(context.symbols));
    Ok(lengths.into_tvalue())
}

impl TypedOp for Node {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let fact = |input: &&TypedFact| (input.datum_type, input.shape.to_tvec());
        let inputs: Vec<Fact> = inputs.iter().map(fact).collect();
        let facts = self.0.facts(&inputs)?.into_iter();
        Ok(facts
            .map(|(datum_type, shape)| datum_type.fact(&*shape))
            .collect())
    }

    fn declutter(
        &self,
        model: &TypedModel,
        node: &TypedNode,
    ) -> TractResult<Option<TypedModelPatch>> {
        self.0.replacement(model, node)
    }

    fn codegen(
        &self,
        model: &TypedModel,
        node: &TypedNode,
    ) -> TractResult<Option<TypedModelPatch>> {
        self.0.replacement(model, node)
    }

    as_op!();
}
