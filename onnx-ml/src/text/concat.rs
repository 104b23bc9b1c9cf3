//! `StringConcat` (standard domain, version 20): texts joined pair by pair, with broadcasting.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::broadcast::multi_broadcast;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, built, tensor};
use crate::tract::Built;

#[derive(Debug)]
struct Concat;

/// Builds the operator from its node.
pub(crate) fn concat(_context: &ParsingContext, _node: &NodeProto) -> TractResult<Built> {
    Ok(built(Concat))
}

impl Kernel for Concat {
    fn name(&self) -> &'static str {
        "StringConcat"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let [(left_type, left), (right_type, right)] = inputs else {
            bail!("a concatenation has two inputs")
        };
        ensure!(
            [left_type, right_type] == [&String::datum_type(); 2],
            "a concatenation wants text, given {left_type:?} and {right_type:?}"
        );
        let shape = multi_broadcast(&[left, right])?;
        Ok(tvec![(String::datum_type(), shape)])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let (left, right) = args_2!(inputs);
        let shape = multi_broadcast(&[left.shape(), right.shape()])?;
        let (left, right) = (left.to_plain_array_view()?, right.to_plain_array_view()?);
        let broadcast = |texts: &tract_ndarray::ArrayViewD<String>| {
            let texts = texts.broadcast(&*shape).context("shapes that fit")?;
            Ok::<Vec<String>, TractError>(texts.iter().cloned().collect())
        };
        let right = broadcast(&right)?;
        let joined = broadcast(&left)?.into_iter().zip(right);
        let joined = joined.map(|(left, right)| left + &right).collect();
        Ok(tvec![tensor(&shape, joined)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, standard};

    fn concatenated(left: Tensor, right: Tensor) -> TractResult<Tensor> {
        let inputs = vec![Input::Given(left), Input::Given(right)];
        Ok(standard("StringConcat", 20, vec![], inputs)?.remove(0))
    }

    fn owned<const N: usize>(texts: [&str; N]) -> [String; N] {
        texts.map(str::to_owned)
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn texts_are_joined_pair_by_pair() {
        let check = |left, right, expected| {
            assert_eq!(concatenated(left, right).unwrap(), expected);
        };
        let [a, b] = owned(["a", "b"]);
        let pair = tensor1(&[a.clone(), b.clone()]);
        check(
            pair.clone(),
            tensor1(&owned(["é", ""])),
            tensor1(&owned(["aé", "b"])),
        );
        let expected = tensor2(&[owned(["ax", "ay", "az"]), owned(["bx", "by", "bz"])]);
        check(
            tensor2(&[[a.clone()], [b]]),
            tensor1(&owned(["x", "y", "z"])),
            expected,
        );
        check(
            tensor0(a.clone()),
            pair.clone(),
            tensor1(&owned(["aa", "ab"])),
        );
        let empty = || tensor::<String>(&[0], vec![]).unwrap();
        check(empty(), tensor1(&[a]), empty());
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let three = tensor1(&owned(["a", "b", "c"]));
        assert!(concatenated(tensor1(&owned(["a", "b"])), three).is_err());
    }
}
