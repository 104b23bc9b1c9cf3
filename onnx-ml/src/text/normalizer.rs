//! `StringNormalizer` (standard domain, version 10): stop words removed, case changed.
//!
//! `case_change_action` is `NONE`, `LOWER` or `UPPER`; `is_case_sensitive` says how words are
//! compared with `stopwords`. Texts are `[C]` or `[1, C]`; where none is left, one empty text is.
//! `locale` matters where it names letters differently: `C` and `POSIX` know those of ASCII
//! alone; those of Turkish and its kin are refused.

use std::collections::HashSet;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::letters::{Case, Letters};
use super::{only_texts, texts};
use crate::kernel::{Fact, Kernel, built, tensor};
use crate::tract::Built;

/// Languages in which `I` and `i` are not one letter.
const DOTTED: [&str; 6] = ["az", "crh", "ku", "tk", "tr", "tt"];

#[derive(Debug)]
struct Normalizer {
    change: Option<Case>,
    /// Whether words are compared with stop words as they are; otherwise, in lower case.
    is_case_sensitive: bool,
    letters: Letters,
    stop_words: HashSet<String>,
    /// How many texts are left, where that depends on them.
    left: Symbol,
}

/// Builds the operator from its node.
pub(crate) fn normalizer(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let action = node.get_attr_opt("case_change_action")?.unwrap_or("NONE");
    let change = match action {
        "NONE" => None,
        "LOWER" => Some(Case::Lower),
        "UPPER" => Some(Case::Upper),
        _ => return node.bail_attr("case_change_action", "`NONE`, `LOWER` or `UPPER`"),
    };
    let is_case_sensitive = node.get_attr_opt::<i64>("is_case_sensitive")?.unwrap_or(0) != 0;
    let letters = letters(node)?;
    let stop_words: TVec<&str> = node.get_attr_opt_tvec("stopwords")?.unwrap_or_default();
    let stop_words = stop_words.into_iter().map(|word| match is_case_sensitive {
        true => word.to_owned(),
        false => Case::Lower.of(word, letters),
    });
    let normalizer = Normalizer {
        change,
        is_case_sensitive,
        letters,
        stop_words: stop_words.collect(),
        left: context.template.symbols.new_with_prefix("texts"),
    };
    Ok(built(normalizer))
}

fn letters(node: &NodeProto) -> TractResult<Letters> {
    let locale = node.get_attr_opt("locale")?.unwrap_or("en_US");
    let language = locale.split(['_', '-', '.', '@']).next().unwrap_or(locale);
    node.expect_attr(
        "locale",
        !DOTTED.contains(&language),
        "a locale without dotless letters",
    )?;
    Ok(match locale {
        "C" | "POSIX" => Letters::Ascii,
        _ => Letters::Unicode,
    })
}

impl Normalizer {
    /// The output's shape, for an input of this one.
    fn shape(&self, input: &[TDim]) -> TractResult<TVec<TDim>> {
        let (rows, texts) = match input {
            [texts] => (None, texts),
            [rows, texts] => (Some(rows), texts),
            _ => bail!("a string normalizer wants [texts] or [1, texts], given {input:?}"),
        };
        let is_one = rows.is_none_or(|rows| *rows == 1.to_dim());
        ensure!(
            is_one && *texts != 0.to_dim(),
            "a string normalizer wants [texts] or [1, texts] with at least one text, given {input:?}"
        );
        let left = if self.stop_words.is_empty() {
            texts.clone()
        } else {
            self.left.to_dim()
        };
        Ok(rows.into_iter().cloned().chain([left]).collect())
    }

    /// What a text becomes; none if it is a stop word.
    fn normal(&self, text: &String) -> Option<String> {
        let is_stop_word = match self.is_case_sensitive {
            _ if self.stop_words.is_empty() => false,
            true => self.stop_words.contains(text),
            false => self
                .stop_words
                .contains(&Case::Lower.of(text, self.letters)),
        };
        let changed = || match self.change {
            Some(case) => case.of(text, self.letters),
            None => text.clone(),
        };
        (!is_stop_word).then(changed)
    }
}

impl Kernel for Normalizer {
    fn name(&self) -> &'static str {
        "StringNormalizer"
    }

    fn has_new_lengths(&self) -> bool {
        !self.stop_words.is_empty()
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let shape = self.shape(only_texts(inputs)?)?;
        Ok(tvec![(String::datum_type(), shape)])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let input = args_1!(inputs);
        let normal = texts(&input)?.iter().filter_map(|text| self.normal(text));
        let mut normal: Vec<String> = normal.collect();
        if normal.is_empty() {
            normal.push(String::new());
        }
        let mut shape: TVec<usize> = input.shape().into();
        shape.pop();
        shape.push(normal.len());
        Ok(tvec![tensor(&shape, normal)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, integer, standard, string, strings};
    use tract_onnx::pb::AttributeProto;

    fn attributes(
        action: &str,
        is_case_sensitive: i64,
        stop_words: &[&str],
    ) -> Vec<AttributeProto> {
        vec![
            string("case_change_action", action),
            integer("is_case_sensitive", is_case_sensitive),
            strings("stopwords", stop_words),
        ]
    }

    fn normalized(
        attributes: Vec<AttributeProto>,
        shape: &[usize],
        words: &[&str],
    ) -> TractResult<Tensor> {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let input = Input::Given(tensor(shape, words)?);
        Ok(standard("StringNormalizer", 10, attributes, vec![input])?.remove(0))
    }

    #[track_caller]
    fn check(action: &str, is_case_sensitive: i64, words: &[&str], expected: &[&str]) {
        let attributes = attributes(action, is_case_sensitive, &["Dog", "élan"]);
        let given = normalized(attributes, &[words.len()], words).unwrap();
        let expected: Vec<String> = expected.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(given, tensor1(&expected));
    }

    const WORDS: [&str; 5] = ["dog", "Dog", "DOG", "ÉLAN", "Cat"];

    /// Expected values here and below: onnxruntime 1.32.0.
    #[test]
    fn stop_words_are_removed_before_the_case_is_changed() {
        check("NONE", 1, &WORDS, &["dog", "DOG", "ÉLAN", "Cat"]);
        check("LOWER", 1, &WORDS, &["dog", "dog", "élan", "cat"]);
        check("UPPER", 1, &WORDS, &["DOG", "DOG", "ÉLAN", "CAT"]);
        check("NONE", 0, &WORDS, &["Cat"]);
        check("LOWER", 0, &WORDS, &["cat"]);
        check("UPPER", 0, &WORDS, &["CAT"]);
    }

    /// In upper case, `ς` and `ı` would be `Σ` and `I`.
    #[test]
    fn words_are_compared_in_lower_case() {
        let attributes = attributes("UPPER", 0, &["Σ", "i"]);
        let given = normalized(attributes, &[5], &["σ", "ς", "ı", "İ", "ẞ"]).unwrap();
        let left = ["Σ", "I", "ẞ"].map(str::to_owned);
        assert_eq!(given, tensor1(&left));
    }

    #[test]
    fn one_empty_text_is_left_of_nothing() {
        let removed = |shape: &[usize]| {
            let given = normalized(attributes("NONE", 1, &["Dog"]), shape, &["Dog"]);
            given.unwrap()
        };
        assert_eq!(removed(&[1]), tensor1(&[String::new()]));
        assert_eq!(removed(&[1, 1]), tensor2(&[[String::new()]]));
    }

    #[test]
    fn without_attributes_texts_stay_as_they_are() {
        let given = normalized(vec![], &[1, 2], &["Dog", ""]).unwrap();
        assert_eq!(given, tensor2(&[["Dog".to_owned(), String::new()]]));
    }

    #[track_caller]
    fn refused(attributes: Vec<AttributeProto>, shape: &[usize], reason: &str) {
        let words = vec!["a"; shape.iter().product()];
        let error = format!("{:?}", normalized(attributes, shape, &words).unwrap_err());
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for shape in [&[0][..], &[1, 0], &[2, 1], &[], &[1, 1, 1]] {
            refused(
                vec![],
                shape,
                "a string normalizer wants [texts] or [1, texts]",
            );
        }
        refused(
            vec![string("case_change_action", "lower")],
            &[1],
            "`NONE`, `LOWER` or `UPPER`",
        );
        refused(
            vec![string("locale", "tr_TR.UTF-8")],
            &[1],
            "without dotless letters",
        );
    }

    #[test]
    fn the_locale_c_knows_ascii_alone() {
        let attributes = vec![string("case_change_action", "UPPER"), string("locale", "C")];
        let given = normalized(attributes, &[2], &["é", "i"]).unwrap();
        assert_eq!(given, tensor1(&["é".to_owned(), "I".to_owned()]));
    }
}
