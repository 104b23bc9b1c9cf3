//! `StringSplit` (standard domain, version 20): texts split into pieces.
//!
//! Without a `delimiter`, or with an empty one, runs of spaces separate; with one, each occurrence
//! does, and pieces may be empty. `maxsplit` bounds the number of cuts. Every text gets as many
//! pieces as the longest has, filled up with empty ones; the second output says how many are its.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{filled, only_texts, texts};
use crate::kernel::{Fact, Kernel, built, tensor};
use crate::tract::Built;

#[derive(Debug)]
struct Split {
    delimiter: String,
    /// As many pieces as there may be; no limit where the file has none.
    most: Option<usize>,
    /// How many pieces the texts have, which depends on them.
    pieces: Symbol,
}

/// Builds the operator from its node.
pub(crate) fn split(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let cuts: Option<i64> = node.get_attr_opt("maxsplit")?;
    let split = Split {
        delimiter: node.get_attr_opt("delimiter")?.unwrap_or_default(),
        // A negative number bounds nothing, as in onnxruntime.
        most: cuts.and_then(|cuts| usize::try_from(cuts).ok()?.checked_add(1)),
        pieces: context.template.symbols.new_with_prefix("pieces"),
    };
    Ok(built(split))
}

impl Split {
    /// The shape of the pieces, for texts of this one: no text has no pieces.
    fn shape(&self, texts: &[TDim]) -> TVec<TDim> {
        let zero = 0.to_dim();
        let pieces = if texts.contains(&zero) {
            zero
        } else {
            self.pieces.to_dim()
        };
        texts.iter().cloned().chain([pieces]).collect()
    }

    fn pieces<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let most = self.most.unwrap_or(usize::MAX);
        match self.delimiter.as_str() {
            _ if text.is_empty() => vec![],
            "" => words(text, most),
            delimiter => text.splitn(most, delimiter).collect(),
        }
    }
}

/// What is between spaces; the last piece may hold some.
fn words(text: &str, most: usize) -> Vec<&str> {
    let mut words = vec![];
    let mut rest = text.trim_matches(' ');
    while !rest.is_empty() {
        let cut = rest.split_once(' ').filter(|_| words.len() + 1 < most);
        let (word, after) = cut.unwrap_or((rest, ""));
        words.push(word);
        rest = after.trim_start_matches(' ');
    }
    words
}

impl Kernel for Split {
    fn name(&self) -> &'static str {
        "StringSplit"
    }

    fn outputs(&self) -> usize {
        2
    }

    fn has_new_lengths(&self) -> bool {
        true
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let texts = only_texts(inputs)?;
        let pieces = (String::datum_type(), self.shape(texts));
        Ok(tvec![pieces, (i64::datum_type(), texts.clone())])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let input = args_1!(inputs);
        let pieces = texts(&input)?.iter().map(|text| self.pieces(text));
        let pieces: Vec<_> = pieces.collect();
        let most = pieces.iter().map(Vec::len).max().unwrap_or_default();
        let counts = pieces.iter().map(|pieces| i64::try_from(pieces.len()));
        let counts: Vec<i64> = counts.collect::<Result<_, _>>()?;
        let mut all = Vec::with_capacity(filled(pieces.len(), most)?);
        for pieces in pieces {
            let filling = std::iter::repeat_n("", most - pieces.len());
            all.extend(pieces.into_iter().chain(filling).map(str::to_owned));
        }
        let shape: TVec<usize> = input.shape().iter().copied().chain([most]).collect();
        Ok(tvec![tensor(&shape, all)?, tensor(input.shape(), counts)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, integer, outputs, string};

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn run(delimiter: &str, most: Option<i64>, input: Tensor) -> Vec<Tensor> {
        let most = most.map(|most| integer("maxsplit", most));
        let attributes = most.into_iter().chain([string("delimiter", delimiter)]);
        let inputs = vec![Input::Given(input)];
        outputs("StringSplit", 20, attributes.collect(), inputs, &["y", "z"]).unwrap()
    }

    /// Pieces of each text with bars between them. Expected values: onnxruntime 1.32.0.
    #[track_caller]
    fn check(
        delimiter: &str,
        most: Option<i64>,
        texts: &[&str],
        expected: &[&str],
        counts: &[i64],
    ) {
        let given = run(delimiter, most, tensor1(&owned(texts)));
        let pieces = given[0].to_plain_array_view::<String>().unwrap();
        let pieces = pieces.rows().into_iter().map(|row| row.to_vec().join("|"));
        assert_eq!(pieces.collect::<Vec<_>>(), expected);
        assert_eq!(given[1], tensor1(counts));
    }

    #[test]
    fn spaces_separate_unless_something_else_does() {
        check(
            "",
            None,
            &["a b  c", "", " x "],
            &["a|b|c", "||", "x||"],
            &[3, 0, 1],
        );
        check(
            "",
            None,
            &["a\tb c\u{a0}d\n e"],
            &["a\tb|c\u{a0}d\n|e"],
            &[3],
        );
        check(
            ",",
            None,
            &["a,b,,c", "", ","],
            &["a|b||c", "|||", "|||"],
            &[4, 0, 2],
        );
        check("aa", None, &["aaa"], &["|a"], &[2]);
    }

    #[test]
    fn cuts_are_bounded() {
        check("", Some(1), &["a b  c ", " x "], &["a|b  c", "x|"], &[2, 1]);
        check("", Some(0), &["  a  b  "], &["a  b"], &[1]);
        check(",", Some(2), &["a,b,,c"], &["a|b|,c"], &[3]);
        check(",", Some(0), &["a,b"], &["a,b"], &[1]);
        check("", Some(-1), &["a b"], &["a|b"], &[2]);
    }

    #[test]
    fn pieces_are_a_new_axis() {
        let shapes = |shape: &[usize]| {
            let texts = vec!["a b".to_owned(); shape.iter().product()];
            let given = run("", None, tensor(shape, texts).unwrap());
            (given[0].shape().to_vec(), given[1].shape().to_vec())
        };
        assert_eq!(shapes(&[]), (vec![2], vec![]));
        assert_eq!(shapes(&[2, 1]), (vec![2, 1, 2], vec![2, 1]));
        assert_eq!(shapes(&[1, 0]), (vec![1, 0, 0], vec![1, 0]));
    }
}
