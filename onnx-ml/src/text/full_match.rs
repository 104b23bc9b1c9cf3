//! `RegexFullMatch` (standard domain, version 20): which texts a pattern matches as a whole.

use regex_automata::meta::Regex;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::pattern::whole;
use super::{only_texts, texts};
use crate::kernel::{Fact, Kernel, built, tensor};
use crate::tract::Built;

#[derive(Debug)]
struct FullMatch(Regex);

/// Builds the operator from its node.
pub(crate) fn full_match(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    Ok(built(FullMatch(whole(node.get_attr("pattern")?)?)))
}

impl Kernel for FullMatch {
    fn name(&self) -> &'static str {
        "RegexFullMatch"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        Ok(tvec![(bool::datum_type(), only_texts(inputs)?.clone())])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let input = args_1!(inputs);
        let matches = texts(&input)?.iter().map(|text| self.0.is_match(text));
        Ok(tvec![tensor(input.shape(), matches.collect())?])
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
