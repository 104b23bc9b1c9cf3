//! `Tokenizer` (com.microsoft, version 1), which skl2onnx writes for text vectorizers: texts cut
//! into tokens.
//!
//! Tokens are what matches `tokenexp`, or what is left between matches of `separators`, which
//! are applied one after another; one empty separator, or `tokenexp` `.`, gives characters.
//! Tokens of fewer than `mincharnum` characters are left out. Every text gets as many tokens as
//! the longest has, filled up with `pad_value`; with `mark` they stand between two marks.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::pattern::Pattern;
use super::{filled, only_texts, texts};
use crate::kernel::{Fact, Kernel, built, tensor};
use crate::tract::Built;

/// What stands before and after the tokens of a text.
const MARKS: [&str; 2] = ["\u{2}", "\u{3}"];

#[derive(Debug, Clone)]
pub(super) struct Tokenizer {
    cut: Arc<Cut>,
    is_marked: bool,
    pub(super) filling: String,
    /// How many tokens the texts have, which depends on them.
    tokens: Symbol,
}

/// The tokens of some texts.
pub(super) struct Tokens<'t> {
    /// Those of all texts in order.
    pub(super) all: Vec<&'t str>,
    /// How many each text has.
    pub(super) counts: Vec<usize>,
    /// How many the text with the most has.
    pub(super) longest: usize,
}

/// How a text is cut.
#[derive(Debug)]
enum Cut {
    Characters,
    Matches {
        pattern: Pattern,
        least: usize,
    },
    Between {
        separators: Vec<Pattern>,
        least: usize,
    },
}

/// Builds the operator from its node.
pub(crate) fn tokenizer(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let tokenizer = Tokenizer {
        cut: Arc::new(Cut::new(node)?),
        is_marked: node.get_attr::<i64>("mark")? != 0,
        filling: node.get_attr("pad_value")?,
        tokens: context.template.symbols.new_with_prefix("tokens"),
    };
    Ok(built(tokenizer))
}

impl Cut {
    /// Where both are given, separators are followed, as in onnxruntime.
    fn new(node: &NodeProto) -> TractResult<Self> {
        let separators: TVec<&str> = node.get_attr_opt_tvec("separators")?.unwrap_or_default();
        let pattern: &str = node.get_attr_opt("tokenexp")?.unwrap_or_default();
        let least: usize = node.get_attr("mincharnum")?;
        node.expect_attr("mincharnum", least > 0, "at least 1")?;
        if *separators == [""] || (separators.is_empty() && pattern == ".") {
            node.expect_attr("mincharnum", least == 1, "1 for characters")?;
            return Ok(Self::Characters);
        }
        if !separators.is_empty() {
            let separators = separators.into_iter().map(Pattern::new);
            let separators = separators.collect::<TractResult<_>>()?;
            return Ok(Self::Between { separators, least });
        }
        node.expect(!pattern.is_empty(), "separators or tokenexp")?;
        let pattern = Pattern::new(pattern)?;
        Ok(Self::Matches { pattern, least })
    }

    /// Appends the tokens of a text.
    fn tokens<'t>(&self, text: &'t str, tokens: &mut Vec<&'t str>) {
        match self {
            Self::Characters => tokens.extend(characters(text)),
            Self::Matches { pattern, least } => matches(text, pattern, *least, tokens),
            Self::Between { separators, least } => {
                let mut pieces = vec![text];
                for separator in separators {
                    let whole = std::mem::take(&mut pieces);
                    let cut = whole.into_iter();
                    cut.for_each(|piece| between(piece, separator, *least, &mut pieces));
                }
                tokens.append(&mut pieces);
            }
        }
    }
}

fn characters(text: &str) -> impl Iterator<Item = &str> {
    let piece = |(begin, character): (usize, char)| text.get(begin..begin + character.len_utf8());
    text.char_indices().filter_map(piece)
}

/// Where the character ends that begins here; nowhere at the end of the text.
fn after(text: &str, begin: usize) -> Option<usize> {
    let character = text.get(begin..)?.chars().next()?;
    Some(begin + character.len_utf8())
}

fn is_long_enough(token: &str, least: usize) -> bool {
    token.len() >= least && (least == 1 || token.chars().nth(least - 1).is_some())
}

/// What matches; after one that is too short, a match may begin at its second character, but for a
/// run, which would be shorter still.
fn matches<'t>(text: &'t str, pattern: &Pattern, least: usize, tokens: &mut Vec<&'t str>) {
    let mut from = 0;
    while let Some(found) = pattern.find(text, from) {
        let token = text.get(found.clone()).unwrap_or_default();
        let is_token = is_long_enough(token, least);
        tokens.extend(Some(token).filter(|_| is_token));
        from = if is_token || pattern.is_run() {
            found.end
        } else {
            let Some(next) = after(text, found.start) else {
                return;
            };
            next
        };
    }
}

/// What is between matches; where one is empty, the character after it is left out.
fn between<'t>(text: &'t str, separator: &Pattern, least: usize, tokens: &mut Vec<&'t str>) {
    let mut from = 0;
    let mut push = |token: Option<&'t str>| {
        tokens.extend(token.filter(|token| is_long_enough(token, least)));
    };
    while let Some(found) = separator.find(text, from) {
        push(text.get(from..found.start));
        from = if found.is_empty() {
            let Some(next) = after(text, found.start) else {
                return;
            };
            next
        } else {
            found.end
        };
    }
    push(text.get(from..));
}

impl Tokenizer {
    /// The output's shape, for an input of this one: texts there are none of have no tokens.
    fn shape(&self, input: &[TDim]) -> TractResult<TVec<TDim>> {
        ensure!(
            matches!(input, [_] | [_, _]),
            "a tokenizer wants [texts] or [rows, texts], given {input:?}"
        );
        let zero = 0.to_dim();
        if input.contains(&zero) {
            let rows = input.iter().rev().skip(1).rev().cloned();
            return Ok(rows.chain([zero]).collect());
        }
        Ok(input
            .iter()
            .cloned()
            .chain([self.tokens.to_dim()])
            .collect())
    }

    /// Whether rows of this shape are one text's tokens each, of this many texts.
    pub(super) fn is_row_a_text(&self, texts: &TDim, rows: &[TDim]) -> bool {
        *rows == [texts.clone(), self.tokens.to_dim()]
    }

    pub(super) fn cut<'t>(&self, texts: &'t [String]) -> Tokens<'t> {
        let mut all = Vec::with_capacity(texts.len() * 8);
        let mut counts = Vec::with_capacity(texts.len());
        for text in texts {
            let before = all.len();
            self.cut.tokens(text, &mut all);
            counts.push(all.len() - before);
        }
        let longest = counts.iter().copied().max().unwrap_or_default();
        Tokens {
            all,
            counts,
            longest,
        }
    }

    /// What stands around each text's tokens; nothing where no text has any.
    pub(super) fn marks(&self, tokens: &Tokens) -> [Option<&'static str>; 2] {
        let is_marked = self.is_marked && tokens.longest > 0;
        MARKS.map(|mark| is_marked.then_some(mark))
    }

    fn tokens_of(&self, input: &Tensor) -> TractResult<Tensor> {
        if input.len() == 0 {
            let rows = input.shape().iter().rev().skip(1).rev().copied();
            let shape: TVec<usize> = rows.chain([0]).collect();
            return tensor::<String>(&shape, vec![]);
        }
        let tokens = self.cut(texts(input)?);
        let [begin, end] = self.marks(&tokens);
        let width = tokens.longest + begin.iter().chain(&end).count();
        let mut cut = tokens.all.into_iter();
        let mut all = Vec::with_capacity(filled(tokens.counts.len(), width)?);
        for count in tokens.counts {
            let row = begin.into_iter().chain(cut.by_ref().take(count)).chain(end);
            let filling = std::iter::repeat_n(self.filling.as_str(), tokens.longest - count);
            all.extend(row.chain(filling).map(str::to_owned));
        }
        let shape: TVec<usize> = input.shape().iter().copied().chain([width]).collect();
        tensor(&shape, all)
    }
}

impl Kernel for Tokenizer {
    fn name(&self) -> &'static str {
        "Tokenizer"
    }

    fn has_new_lengths(&self) -> bool {
        true
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let shape = self.shape(only_texts(inputs)?)?;
        Ok(tvec![(String::datum_type(), shape)])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let input = args_1!(inputs);
        Ok(tvec![self.tokens_of(&input)?])
    }
}

#[cfg(test)]
mod tests;
