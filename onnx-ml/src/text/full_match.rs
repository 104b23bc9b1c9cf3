//! `RegexFullMatch` (standard domain, version 20): which texts a pattern matches as a whole.

use regex_automata::meta::Regex;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::pattern::whole;
use super::texts;
use crate::tract::Built;

#[derive(Debug, Clone)]
struct FullMatch(Arc<Regex>);

/// Builds the operator from its node.
pub(crate) fn full_match(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let pattern = whole(node.get_attr("pattern")?)?;
    Ok((expand(FullMatch(Arc::new(pattern))), vec![]))
}

/// Two are the same if they are copies of one.
impl PartialEq for FullMatch {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for FullMatch {}

impl Op for FullMatch {
    fn name(&self) -> StaticName {
        "RegexFullMatch".into()
    }

    op_as_typed_op!();
}

impl EvalOp for FullMatch {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let matches = texts(&input)?.iter().map(|text| self.0.is_match(text));
        let matches: Vec<bool> = matches.collect();
        let matches = tract_ndarray::ArrayD::from_shape_vec(input.shape(), matches)?;
        Ok(tvec![matches.into_tvalue()])
    }
}

impl TypedOp for FullMatch {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [input] = inputs else {
            bail!("a match has one input")
        };
        Ok(tvec![bool::fact(&*input.shape)])
    }

    as_op!();
}

impl Expansion for FullMatch {
    fn name(&self) -> StaticName {
        "RegexFullMatch".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        let ([input], [output]) = (inputs, outputs) else {
            bail!("a match has one input and one output")
        };
        solver.equals(&output.datum_type, bool::datum_type())?;
        solver.equals(&output.shape, &input.shape)
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
    use crate::testing::{Input, standard, string};

    fn matched(pattern: &str, input: Tensor) -> TractResult<Tensor> {
        let inputs = vec![Input::Given(input)];
        Ok(standard(
            "RegexFullMatch",
            20,
            vec![string("pattern", pattern)],
            inputs,
        )?
        .remove(0))
    }

    /// Expected values: onnxruntime 1.32.0.
    #[track_caller]
    fn check(pattern: &str, texts: &[&str], expected: &[bool]) {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(
            matched(pattern, tensor1(&texts)).unwrap(),
            tensor1(expected)
        );
    }

    #[test]
    fn the_whole_text_must_match() {
        check("ab|abc", &["abc", "ab", "xabc"], &[true, true, false]);
        check("a|b|^ab$", &["ab"], &[true]);
        check("a*", &["", "a", "a\n"], &[true, true, false]);
        check("", &["", "a"], &[true, false]);
        check("a.", &["a\n", "aé"], &[false, true]);
        check(r"\w", &["é", "e"], &[false, true]);
        check("a$\nb", &["a\nb"], &[false]);
        check("(?m)a$\nb", &["a\nb"], &[true]);
        let address = r"www\.[\w.-]+\.\bcom\b";
        check(
            address,
            &["www.google.com", "www.bbc.co.uk"],
            &[true, false],
        );
    }

    #[test]
    fn shapes_stay() {
        assert_eq!(
            matched("a", tensor0("a".to_owned())).unwrap(),
            tensor0(true)
        );
        assert_eq!(
            matched("a", tensor2(&[["a".to_owned()]])).unwrap(),
            tensor2(&[[true]])
        );
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        assert!(matched("(", tensor0("a".to_owned())).is_err());
    }
}
