//! `Tile` (standard domain, versions 6 and 13) of text.
//!
//! tract fills its output with zeros beforehand, which text has none of. Here copies of text are
//! joined, one axis after the other; all else is tract's.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::{Slice, TypedConcat};
use tract_onnx::tract_hir::internal::*;

use super::MOST_PIECES;
use crate::tract::{Built, Rewire, build, expansion, rewired, stored_list, wire_one};
use crate::unfit::fits;

const TOO_MANY: &str = "copies make more than 4,194,304 texts";

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
        let copies = stored_list(model, copies)?.context("a list of copies")?;
        let copies = counts(&copies)?;
        let texts = model.outlet_fact(tiled)?.shape.volume();
        // No texts are no fewer copies: there is an input of a node for each.
        let most = copies.iter().map(|copies| (*copies).max(1));
        let most = most.fold(texts.to_usize().unwrap_or(1).max(1), usize::saturating_mul);
        fits(most <= MOST_PIECES, TOO_MANY)?;
        for (axis, copies) in copies.into_iter().enumerate() {
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

fn counts(copies: &[i64]) -> TractResult<Vec<usize>> {
    let are_counts = copies.iter().all(|copies| *copies >= 0);
    fits(are_counts, "a text is repeated less than no times")?;
    let counts = copies.iter().copied().map(usize::try_from);
    Ok(counts.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, standard};

    /// The copies may be a caller's.
    #[test]
    fn copies_are_bounded() {
        let check = |shape: &[usize], copies: &[i64], reason: &str| {
            let texts = vec![String::new(); shape.iter().product()];
            let texts = Input::Given(crate::kernel::tensor(shape, texts).unwrap());
            for copies in [
                Input::Given(tensor1(copies)),
                Input::Stored(tensor1(copies)),
            ] {
                let error = standard("Tile", 13, vec![], vec![texts.clone(), copies]).unwrap_err();
                let unfit = crate::Unfit::of(&error).map(|unfit| unfit.to_string());
                assert!(
                    unfit.is_some_and(|unfit| unfit.contains(reason)),
                    "{error:?}"
                );
            }
        };
        check(&[1, 1], &[0, (1 << 22) + 1], "4,194,304 texts");
        check(&[0, 1], &[1 << 12, 1 << 11], "4,194,304 texts");
        check(&[2, 1], &[1, 1 << 22], "4,194,304 texts");
        check(&[1, 1], &[0, -1], "less than no times");
    }

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
        check(given(), &[0, 1], none.clone());
        let inputs = [given(), tensor1(&[0i64, 1])].map(Input::Given);
        assert_eq!(standard("Tile", 13, vec![], inputs.into()).unwrap(), [none]);
        check(tensor1(&[1f32]), &[3], tensor1(&[1f32; 3]));
    }
}
