//! `ReduceMax` and `ReduceMin` (standard domain, version 20) of truths.
//!
//! tract has numbers alone; a truth is compared as the number 0 or 1.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_hir::internal::*;

use crate::tract::{Built, Rewire, build, expansion, rewired, wire_one};

/// Builds either operator from its node.
pub(crate) fn reduce(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    Ok(rewired(expansion(build(context, node)?)?, Reduce))
}

#[derive(Debug)]
struct Reduce;

impl Rewire for Reduce {
    fn wire(
        &self,
        tract: &dyn Expansion,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let mut inputs: TVec<OutletId> = inputs.into();
        let values = inputs.first_mut().context("there is an input")?;
        if model.outlet_fact(*values)?.datum_type != bool::datum_type() {
            return tract.wire(prefix, model, &inputs);
        }
        let name = format!("{prefix}.numbers");
        *values = wire_one(model, name, cast(DatumType::U8), &[*values])?;
        let reduced = tract.wire(&format!("{prefix}.reduced"), model, &inputs)?;
        model.wire_node(prefix, cast(DatumType::Bool), &reduced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, integers, standard};

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn truths_are_ordered() {
        let run = |operator, input: Tensor| {
            let attributes = vec![integers("axes", &[1])];
            standard(operator, 13, attributes, vec![Input::Given(input)]).unwrap()
        };
        let truths = || tensor2(&[[true, false], [false, false], [true, true]]);
        let any = tensor2(&[[true], [false], [true]]);
        assert_eq!(run("ReduceMax", truths()), [any]);
        let all = tensor2(&[[false], [false], [true]]);
        assert_eq!(run("ReduceMin", truths()), [all]);
        let numbers = tensor2(&[[1f32, -2.]]);
        assert_eq!(run("ReduceMin", numbers), [tensor2(&[[-2f32]])]);
    }
}
