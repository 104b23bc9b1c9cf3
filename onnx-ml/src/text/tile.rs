//! `Tile` (standard domain, versions 6 and 13) of text.
//!
//! tract fills its output with zeros beforehand, which text has none of. Here copies of text are
//! joined, one axis after the other; all else is tract's.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::{Slice, TypedConcat};
use tract_onnx::tract_hir::internal::*;

use super::MOST_PIECES;
use crate::kernel::values;
use crate::tract::{Built, Rewire, build, expansion, rewired, wire_one};

/// Builds the operator from its node.
pub(crate) fn tile(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    Ok(rewired(expansion(build(context, node)?)?, Tile))
}

#[derive(Debug)]
struct Tile;

impl Rewire for Tile {
    fn wire(
        &self,
        tract: &dyn Expansion,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [mut tiled, copies] = *inputs else {
            bail!("Tile has two inputs")
        };
        if model.outlet_fact(tiled)?.datum_type != String::datum_type() {
            return tract.wire(prefix, model, inputs);
        }
        let copies = model.outlet_fact(copies)?.konst.clone();
        let copies = copies.context("how often a text is there is not stored in the model")?;
        let copies = copies.cast_to::<i64>()?;
        let shape = &model.outlet_fact(tiled)?.shape;
        let mut texts = shape.volume().to_usize().unwrap_or(1);
        for (axis, copies) in values::<i64>(&copies)?.iter().enumerate() {
            let copies = usize::try_from(*copies)?;
            texts = texts.saturating_mul(copies);
            ensure!(texts <= MOST_PIECES, "{copies} copies make too many texts");
            let name = format!("{prefix}.{axis}");
            tiled = match copies {
                0 => wire_one(model, name, Slice::new(axis, 0, 0), &[tiled])?,
                1 => tiled,
                _ => wire_one(model, name, TypedConcat::new(axis), &vec![tiled; copies])?,
            };
        }
        Ok(tvec![tiled])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, standard};

    #[track_caller]
    fn check(given: Tensor, copies: &[i64], expected: Tensor) {
        let inputs = vec![Input::Given(given), Input::Stored(tensor1(copies))];
        assert_eq!(standard("Tile", 13, vec![], inputs).unwrap(), [expected]);
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn texts_are_there_as_often_as_asked_for() {
        let [a, b] = ["a", "b"].map(str::to_owned);
        let row = || [a.clone(), b.clone(), a.clone(), b.clone()];
        let given = || tensor2(&[[a.clone(), b.clone()]]);
        check(given(), &[2, 2], tensor2(&[row(), row()]));
        check(given(), &[1, 1], given());
        let none = crate::kernel::tensor::<String>(&[0, 2], vec![]).unwrap();
        check(given(), &[0, 1], none);
        check(tensor1(&[1f32]), &[3], tensor1(&[1f32; 3]));
    }
}
