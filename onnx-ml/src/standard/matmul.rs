//! `MatMul` (standard domain) of two lists, which tract refuses: the first is made a matrix of one row.
//!
//! All else is tract's.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

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
        if model.outlet_fact(first)?.rank() != 1 || model.outlet_fact(second)?.rank() != 1 {
            return tract.wire(prefix, model, inputs);
        }
        let row = wire_one(model, format!("{prefix}.row"), AxisOp::Add(0), &[first])?;
        let products = tract.wire(&format!("{prefix}.product"), model, &[row, second])?;
        model.wire_node(prefix, AxisOp::Rm(0), &products)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, standard};

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
