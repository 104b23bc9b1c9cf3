//! A text through the parts of the file: added tokens, normalizer, pre-tokenizer, model.
//!
//! The crate stops in silence where a pattern does not come to an end, and drops errors of normalizers; the patterns
//! are therefore run here, and the errors kept. It makes no more tokens than the limit asks for.

use std::error::Error;
use std::sync::OnceLock;

use fancy_regex::Regex;
use serde::Deserialize;
use tokenizers::pattern::Invert;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{
    Model, NormalizedString, Normalizer, NormalizerWrapper, OffsetReferential, OffsetType,
    PreTokenizedString, PreTokenizer, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer,
};

use super::Side;

type Cause = Box<dyn Error + Send + Sync>;

/// What byte-level tokenizers split by unless they say otherwise: the pattern of GPT-2.
const BYTE_LEVEL: &str =
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// How many tokens of a text are made, and from which end they count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) tokens: usize,
    /// The end that is cut off.
    pub(super) side: Side,
}

/// The tokens of a text: at least as many as the limit, if it has them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) ids: Vec<u32>,
    /// Whether the text has more tokens.
    pub(super) more: bool,
}

/// The steps of a file.
#[derive(Debug)]
pub(super) struct Pipeline {
    normalizers: Vec<Normalizing>,
    splits: Vec<Splitting>,
}

#[derive(Debug)]
enum Normalizing {
    Replace(Regex, String),
    Other(NormalizerWrapper),
}

#[derive(Debug)]
enum Splitting {
    Pattern {
        regex: Regex,
        behavior: SplitDelimiterBehavior,
        invert: bool,
    },
    /// The space that byte-level tokenizers begin with.
    Space,
    Other(PreTokenizerWrapper),
}

impl Pipeline {
    pub(super) fn new(tokenizer: &Tokenizer) -> Result<Self, Cause> {
        let mut pipeline = Self {
            normalizers: Vec::new(),
            splits: Vec::new(),
        };
        if let Some(normalizer) = tokenizer.get_normalizer() {
            pipeline.add_normalizer(normalizer)?;
        }
        if let Some(pre_tokenizer) = tokenizer.get_pre_tokenizer() {
            pipeline.add_split(pre_tokenizer)?;
        }
        Ok(pipeline)
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the crate does the other steps, and new ones too"
    )]
    fn add_normalizer(&mut self, normalizer: &NormalizerWrapper) -> Result<(), Cause> {
        match normalizer {
            NormalizerWrapper::Sequence(sequence) => {
                for normalizer in sequence.as_ref() {
                    self.add_normalizer(normalizer)?;
                }
            }
            NormalizerWrapper::Replace(replace) => {
                let pattern = PatternOf::deserialize(serde_json::to_value(replace)?)?.pattern;
                let content = replace.content.clone();
                self.normalizers
                    .push(Normalizing::Replace(pattern.regex()?, content));
            }
            other => self.normalizers.push(Normalizing::Other(other.clone())),
        }
        Ok(())
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the crate does the other steps, and new ones too"
    )]
    fn add_split(&mut self, pre_tokenizer: &PreTokenizerWrapper) -> Result<(), Cause> {
        match pre_tokenizer {
            PreTokenizerWrapper::Sequence(sequence) => {
                for pre_tokenizer in sequence.as_ref() {
                    self.add_split(pre_tokenizer)?;
                }
            }
            PreTokenizerWrapper::Split(split) => {
                let pattern = PatternOf::deserialize(serde_json::to_value(split)?)?.pattern;
                self.splits.push(Splitting::Pattern {
                    regex: pattern.regex()?,
                    behavior: split.behavior,
                    invert: split.invert,
                });
            }
            PreTokenizerWrapper::ByteLevel(bytes) if bytes.use_regex => {
                if bytes.add_prefix_space {
                    self.splits.push(Splitting::Space);
                }
                self.splits.push(Splitting::Pattern {
                    regex: Regex::new(BYTE_LEVEL)?,
                    behavior: SplitDelimiterBehavior::Isolated,
                    invert: false,
                });
                let bytes = ByteLevel::new(false, bytes.trim_offsets, false);
                self.splits.push(Splitting::Other(bytes.into()));
            }
            other => self.splits.push(Splitting::Other(other.clone())),
        }
        Ok(())
    }

    /// The tokens of a text.
    pub(super) fn tokens(
        &self,
        tokenizer: &Tokenizer,
        text: &str,
        limit: Limit,
    ) -> Result<Tokens, Cause> {
        let normalizers = Kept {
            steps: &self.normalizers,
            error: OnceLock::new(),
        };
        let mut parts = tokenizer
            .get_added_vocabulary()
            .extract_and_normalize(Some(&normalizers), text);
        if let Some(error) = normalizers.error.into_inner() {
            return Err(error);
        }
        for split in &self.splits {
            split.apply(&mut parts)?;
        }
        let parts = parts.get_splits(OffsetReferential::Normalized, OffsetType::None);
        let ids = |part: &(&str, _, &Option<Vec<tokenizers::Token>>)| match part.2 {
            Some(tokens) => Ok(tokens.iter().map(|token| token.id).collect()),
            None => tokenizer
                .get_model()
                .tokenize(part.0)
                .map(|tokens| tokens.iter().map(|token| token.id).collect()),
        };
        match limit.side {
            Side::Right => take(parts.iter().map(ids), limit.tokens, Vec::extend),
            Side::Left => take(parts.iter().rev().map(ids), limit.tokens, |all, part| {
                all.extend(part.into_iter().rev());
            })
            .map(|mut tokens| {
                tokens.ids.reverse();
                tokens
            }),
        }
    }
}

/// Takes whole parts until there are enough tokens, and looks whether there are more.
fn take(
    parts: impl Iterator<Item = Result<Vec<u32>, Cause>>,
    limit: usize,
    mut add: impl FnMut(&mut Vec<u32>, Vec<u32>),
) -> Result<Tokens, Cause> {
    let mut tokens = Tokens::default();
    for part in parts {
        let ids = part?;
        if tokens.ids.len() >= limit && !ids.is_empty() {
            tokens.more = true;
            break;
        }
        add(&mut tokens.ids, ids);
    }
    Ok(tokens)
}

impl Splitting {
    fn apply(&self, parts: &mut PreTokenizedString) -> Result<(), Cause> {
        match self {
            Self::Pattern {
                regex,
                behavior,
                invert: true,
            } => parts.split(|_, part| part.split(Invert(regex), *behavior)),
            Self::Pattern {
                regex,
                behavior,
                invert: false,
            } => parts.split(|_, part| part.split(regex, *behavior)),
            Self::Space => parts.split(|_, mut part| {
                if !part.get().starts_with(' ') {
                    part.prepend(" ");
                }
                Ok([part])
            }),
            Self::Other(other) => other.pre_tokenize(parts),
        }
    }
}

/// All normalizers, and the first error of them.
struct Kept<'a> {
    steps: &'a [Normalizing],
    error: OnceLock<Cause>,
}

impl Normalizer for Kept<'_> {
    fn normalize(&self, text: &mut NormalizedString) -> tokenizers::Result<()> {
        for step in self.steps {
            let done = match step {
                Normalizing::Replace(regex, content) => text.replace(regex, content),
                Normalizing::Other(other) => other.normalize(text),
            };
            if let Err(error) = done {
                self.error.get_or_init(|| error);
                break;
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct PatternOf {
    pattern: Pattern,
}

#[derive(Deserialize)]
enum Pattern {
    String(String),
    Regex(String),
}

impl Pattern {
    fn regex(&self) -> Result<Regex, Cause> {
        Ok(match self {
            Self::String(text) => Regex::new(&fancy_regex::escape(text))?,
            Self::Regex(pattern) => Regex::new(pattern)?,
        })
    }
}
