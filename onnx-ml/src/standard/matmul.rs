//! `MatMul` (standard domain) of two lists, which tract refuses (the first is made a matrix of one row), and of rows
//! with a small matrix that is stored.
//!
//! All else is tract's.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::matmul::compute_shapes;

use crate::product::by_few;
use crate::tract::{Built, Rewire, build, expansion, rewired, wire_one};

/// Builds the operator from its node.
pub(crate) fn product(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    Ok(rewired(expansion(build(context, node)?)?, Product))
}

#[derive(Debug)]
struct Product;

impl Rewire for Product {
    fn wire(
        &self,
        tract: &dyn Expansion,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [first, second] = *inputs else {
            bail!("a product has two inputs")
        };
        check_factors(model, first, second, [false, false])?;
        let ranks = [first, second].map(|factor| model.outlet_fact(factor).map(|fact| fact.rank()));
        if let [Ok(2), Ok(rank)] = ranks
            && let Some(product) = by_few(model.outlet_fact(second)?, false)?
        {
            return match rank {
                1 => {
                    let product = wire_one(model, format!("{prefix}.product"), product, &[first])?;
                    model.wire_node(prefix, AxisOp::Rm(1), &[product])
                }
                _ => model.wire_node(prefix, product, &[first]),
            };
        }
        if !matches!(ranks, [Ok(1), Ok(1)]) {
            return tract.wire(prefix, model, inputs);
        }
        let row = wire_one(model, format!("{prefix}.row"), AxisOp::Add(0), &[first])?;
        let products = tract.wire(&format!("{prefix}.product"), model, &[row, second])?;
        model.wire_node(prefix, AxisOp::Rm(0), &products)
    }
}

/// Fails unless two tensors have a product, as they are or transposed.
pub(super) fn check_factors(
    model: &TypedModel,
    first: OutletId,
    second: OutletId,
    [first_is_transposed, second_is_transposed]: [bool; 2],
) -> TractResult<()> {
    let (first, second) = (model.outlet_fact(first)?, model.outlet_fact(second)?);
    let types = [first.datum_type, second.datum_type];
    ensure!(
        types[0] == types[1],
        "a product of {:?} and {:?}",
        types[0],
        types[1]
    );
    let [first, second] = [first, second].map(|fact| fact.shape.as_concrete());
    let (Some(first), Some(second)) = (first, second) else {
        return Ok(());
    };
    compute_shapes(
        first.into(),
        second.into(),
        first_is_transposed,
        second_is_transposed,
        false,
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, standard};

    #[test]
    fn factors_that_do_not_fit_are_refused() {
        let zeros = |shape: &[usize]| Input::Given(Tensor::zero::<f32>(shape).unwrap());
        let run = |first: &[usize], second| {
            standard("MatMul", 13, vec![], vec![zeros(first), zeros(second)])
        };
        run(&[2, 3], &[3, 4]).unwrap();
        for first in [&[2, 4][..], &[4], &[2, 2, 4]] {
            run(first, &[3, 4]).unwrap_err();
        }
        run(&[2, 2, 3], &[3, 3, 4]).unwrap_err();
    }

    /// Expected values: written by hand.
    #[test]
    fn rows_are_multiplied_by_a_stored_matrix() {
        let rows = || Input::Given(tensor2(&[[1f32, 2., 3.], [0., -1., 2.]]));
        let matrix = Input::Stored(tensor2(&[[1f32, 2.], [3., 4.], [5., 6.]]));
        let output = standard("MatMul", 13, vec![], vec![rows(), matrix]).unwrap();
        assert_eq!(output, [tensor2(&[[22f32, 28.], [7., 8.]])]);
        let list = Input::Stored(tensor1(&[1f32, -1., 2.]));
        let output = standard("MatMul", 13, vec![], vec![rows(), list]).unwrap();
        assert_eq!(output, [tensor1(&[5f32, 5.])]);
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn a_list_times_a_list_is_a_number() {
        let list = || Input::Given(tensor1(&[1f32, 2., 3.]));
        let output = standard("MatMul", 13, vec![], vec![list(), list()]).unwrap();
        assert_eq!(output, [tensor0(14f32)]);
        let matrix = Input::Given(tensor2(&[[1f32, 2.], [3., 4.], [5., 6.]]));
        let output = standard("MatMul", 13, vec![], vec![list(), matrix]).unwrap();
        assert_eq!(output, [tensor1(&[22f32, 28.])]);
    }
}
