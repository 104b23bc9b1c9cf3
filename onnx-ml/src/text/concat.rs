//! `StringConcat` (standard domain, version 20): texts joined pair by pair, with broadcasting.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::broadcast::multi_broadcast;
use tract_onnx::tract_hir::internal::*;

use crate::tract::Built;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Concat;

/// Builds the operator from its node.
pub(crate) fn concat(_context: &ParsingContext, _node: &NodeProto) -> TractResult<Built> {
    Ok((expand(Concat), vec![]))
}

impl Op for Concat {
    fn name(&self) -> StaticName {
        "StringConcat".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Concat {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
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
        Ok(tvec![super::tensor(&shape, joined)?.into_tvalue()])
    }
}

impl TypedOp for Concat {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [left, right] = inputs else {
            bail!("a concatenation has two inputs")
        };
        let shape = multi_broadcast(&[&left.shape, &right.shape])?;
        Ok(tvec![String::fact(shape)])
    }

    as_op!();
}

impl Expansion for Concat {
    fn name(&self) -> StaticName {
        "StringConcat".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 2)?;
        check_output_arity(outputs, 1)?;
        let ([left, right], [output]) = (inputs, outputs) else {
            bail!("a concatenation has two inputs and one output")
        };
        solver.equals(&output.datum_type, String::datum_type())?;
        solver.given_2(&left.shape, &right.shape, move |solver, left, right| {
            solver.equals(&output.shape, multi_broadcast(&[left, right])?)
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
        let empty = || super::super::tensor(&[0], vec![]).unwrap();
        check(empty(), tensor1(&[a]), empty());
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let three = tensor1(&owned(["a", "b", "c"]));
        assert!(concatenated(tensor1(&owned(["a", "b"])), three).is_err());
    }
}
