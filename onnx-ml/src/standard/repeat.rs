//! `Expand` and `Tile` (standard domain, every version): what is repeated stays so.
//!
//! tract takes a broadcast away in front of a product, and of the axes that no other factor has
//! the output then keeps one of many. Rules and computation are tract's.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::{MultiBroadcastTo, Tile};
use tract_onnx::tract_hir::internal::*;

use crate::standard::sized::{self, Expanded, MOST_VALUES, Planned, at_most, at_run, lengths};
use crate::text::tile::tile;
use crate::tract::{Built, build, expansion, integers};
use crate::unfit::fits;

/// As many as a run may ask for.
const MOST_EMPTY: f64 = MOST_VALUES as f64;

/// Builds `Expand` or `Tile` from its node.
pub(crate) fn repeat(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let (built, made): (_, fn(&[TValue]) -> _) = match node.op_type.as_str() {
        "Tile" => (tile(context, node)?, tiled),
        _ => (build(context, node)?, expanded),
    };
    let tract = expansion(built)?;
    Ok((sized::expanded(Repeat { tract, made }), vec![]))
}

#[derive(Debug, Clone)]
struct Repeat {
    tract: Box<dyn Expansion>,
    /// How many values it makes.
    made: fn(&[TValue]) -> TractResult<f64>,
}

impl Planned for Repeat {
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
        node: Option<&InferenceNode>,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [input, list] = *inputs else {
            bail!("{} has two inputs", self.tract.name())
        };
        let list = model.outlet_fact(list)?;
        if let Some(stored) = &list.konst {
            check_stored(&model.outlet_fact(input)?.shape, stored)?;
            let outputs = self.tract.wire(prefix, model, inputs)?;
            return Ok(kept(model, outputs));
        }
        let listed = list.shape.first().context("a list")?.to_usize()?;
        let fact = model.outlet_fact(input)?;
        let output = (
            fact.datum_type,
            lengths(model, node, fact.rank().max(listed)),
        );
        at_run(
            prefix,
            model,
            Box::new(Expanded(self.clone())),
            inputs,
            output,
            Box::new(self.made),
        )
    }
}

/// An error for a stored list that tract would cut to 32 bits, or that clears memory for no value.
fn check_stored(shape: &ShapeFact, list: &Tensor) -> TractResult<()> {
    if list.datum_type() == TDim::datum_type() {
        return Ok(());
    }
    let list = integers(list)?;
    let is_empty = list.contains(&0) || shape.iter().any(|length| *length == 0.to_dim());
    let most = if is_empty {
        MOST_EMPTY
    } else {
        f64::from(i32::MAX)
    };
    let asked = at_most(list.iter().map(|length| *length as f64));
    ensure!(
        asked <= most,
        "{asked} copies are asked for, and {most} are the most"
    );
    Ok(())
}

/// The input's lengths and those of the list, from the last axis on.
fn ends(inputs: &[TValue]) -> TractResult<Vec<(f64, f64)>> {
    let [input, list] = inputs else {
        bail!("the operator has two inputs")
    };
    let list = integers(list)?;
    fits(
        list.iter().all(|length| *length >= 0),
        "a tensor is repeated less than no times, or to a length below zero",
    )?;
    let axes = input.rank().max(list.len());
    let lengths = input.shape().iter().rev().map(|length| *length as f64);
    let lengths = lengths.chain(std::iter::repeat(1.0));
    let listed = list.iter().rev().map(|length| *length as f64);
    let listed = listed.chain(std::iter::repeat(1.0));
    Ok(lengths.zip(listed).take(axes).collect())
}

/// How many values an `Expand` makes.
fn expanded(inputs: &[TValue]) -> TractResult<f64> {
    let lengths = ends(inputs)?;
    let is_broadcast =
        |(length, listed): &(f64, f64)| length == listed || *length == 1.0 || *listed == 1.0;
    fits(
        lengths.iter().all(is_broadcast),
        "a tensor is expanded along an axis that is neither one long nor as long as asked for",
    )?;
    Ok(at_most(
        lengths.iter().map(|(length, listed)| length.max(*listed)),
    ))
}

/// How many values a `Tile` makes at most.
fn tiled(inputs: &[TValue]) -> TractResult<f64> {
    let lengths = ends(inputs)?;
    let factors = lengths.iter().flat_map(|(length, times)| [*length, *times]);
    Ok(at_most(factors))
}

/// The outputs, of nodes that tract does not move or take away.
fn kept(model: &mut TypedModel, outputs: TVec<OutletId>) -> TVec<OutletId> {
    for output in &outputs {
        let node = model.node_mut(output.node);
        if node.op_is::<MultiBroadcastTo>() || node.op_is::<Tile>() {
            node.op = Box::new(Kept(node.op.clone()));
        }
    }
    outputs
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept(Box<dyn TypedOp>);

impl Op for Kept {
    fn name(&self) -> StaticName {
        self.0.name()
    }

    op_as_typed_op!();
}

impl EvalOp for Kept {
    op_out_of_plan!();

    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.0.eval(context, inputs)
    }
}

impl TypedOp for Kept {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.0.output_facts(inputs)
    }

    fn declutter(
        &self,
        model: &TypedModel,
        node: &TypedNode,
    ) -> TractResult<Option<TypedModelPatch>> {
        let input = node.inputs.first().context("something is repeated")?;
        let repeated = model.outlet_fact(node.id.into())?;
        if model.outlet_fact(*input)?.shape == repeated.shape {
            return TypedModelPatch::shunt_one_op(model, node);
        }
        Ok(None)
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, node, outputs_of_graph, standard, stored, value};
    use tract_onnx::pb::GraphProto;

    /// A row of `x` is repeated, then multiplied with a matrix; values by onnxruntime 1.32.0.
    #[track_caller]
    fn check(operator: &str, repeats: &[i64], x: Tensor, expected: Tensor) {
        let matrix = tensor2(&[[1f32, 2.0], [3.0, 4.0], [5.0, 6.0]]);
        let graph = GraphProto {
            node: vec![
                node(operator, &["x", "repeats"], &["rows"], vec![]),
                node("MatMul", &["rows", "matrix"], &["y"], vec![]),
            ],
            initializer: vec![
                stored("repeats", &tensor1(repeats)),
                stored("matrix", &matrix),
            ],
            input: vec![value("x")],
            output: vec![value("y")],
            ..Default::default()
        };
        let outputs = outputs_of_graph(graph, 20, vec![x]).unwrap();
        outputs[0].close_enough(&expected, false).unwrap();
    }

    #[test]
    fn repeated_rows_are_multiplied_each() {
        let row = || tensor2(&[[1f32, -1.0, 0.5]]);
        let product = tensor2(&[[0.5f32, 1.0], [0.5, 1.0]]);
        check("Expand", &[2, 1], row(), product.clone());
        check("Tile", &[2, 1], row(), product.clone());
        check("Expand", &[1, 3], row(), tensor2(&[[0.5f32, 1.0]]));
        check(
            "Expand",
            &[1],
            product_of_ones(),
            tensor2(&[[9f32, 12.0], [9.0, 12.0]]),
        );
    }

    /// tract repeats one axis after the other, so what a later one takes away is made before.
    #[test]
    fn what_a_run_makes_on_the_way_is_bounded() {
        let check = |operator, x: &[usize], list: &[i64], reason| {
            let x = Tensor::zero::<f32>(x).unwrap();
            let inputs = vec![Input::Given(x), Input::Given(tensor1(list))];
            let error = standard(operator, 13, vec![], inputs).unwrap_err();
            let unfit = crate::Unfit::of(&error).map(|unfit| unfit.to_string());
            assert!(
                unfit.is_some_and(|unfit| unfit.contains(reason)),
                "{error:?}"
            );
        };
        let too_many = "67,108,864 values";
        check("Tile", &[1, 1], &[1 << 33, 0], too_many);
        check("Tile", &[1, 1], &[0, 1 << 40], too_many);
        check("Tile", &[0, 1], &[1 << 40, 1], too_many);
        check("Expand", &[1, 1], &[i64::MAX, 0], too_many);
        check("Tile", &[1, 1], &[0, -1], "less than no times");
        check("Expand", &[2, 3], &[4, 3], "neither one long");
    }

    #[test]
    fn stored_lists_are_bounded() {
        let check = |operator, x: &[usize], list: &[i64]| {
            let x = Tensor::zero::<f32>(x).unwrap();
            let inputs = vec![Input::Given(x), Input::Stored(tensor1(list))];
            let error = standard(operator, 13, vec![], inputs).unwrap_err();
            assert!(format!("{error:?}").contains("are the most"), "{error:?}");
        };
        check("Tile", &[1, 1], &[1 << 27, 0]);
        check("Tile", &[0, 1], &[1 << 30, 1]);
        check("Tile", &[1, 1], &[1 << 32, 1]);
        check("Expand", &[1, 1], &[1 << 33, 0]);
        check("Expand", &[1], &[i64::MAX]);
    }

    fn product_of_ones() -> Tensor {
        tensor2(&[[1f32, 1.0, 1.0], [1.0, 1.0, 1.0]])
    }
}
