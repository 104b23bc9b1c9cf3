//! Texts: the tokens of a model's own `tokenizer.json`, cut to what the model takes and padded to one length.
//!
//! The ids are those of the reference program, whose crate does the work; what the file says of cutting and padding
//! is read here and done here, so that nothing is cut unseen. Special tokens that are written in a text are taken
//! for what they are, as the reference takes them.

mod error;
mod files;
mod settings;

#[cfg(not(feature = "text"))]
mod absent;
#[cfg(feature = "text")]
mod cut;
#[cfg(feature = "text")]
mod document;
#[cfg(feature = "text")]
mod layout;
#[cfg(feature = "text")]
mod padding;
#[cfg(feature = "text")]
mod pipeline;
#[cfg(feature = "text")]
mod tokenizer;
#[cfg(feature = "text")]
mod words;

#[cfg(not(feature = "text"))]
pub use absent::Tokenizer;
pub use error::{SettingsError, TextError};
pub use files::from_files;
pub use settings::{Padding, Settings, Side};
#[cfg(feature = "text")]
pub use tokenizer::Tokenizer;

/// The most tokens of one text, special ones included: as many as long-context encoders take.
pub const MAX_LENGTH: usize = 32_768;

/// The most bytes of one text: what the longest context holds many times over, and a bound to time and memory,
/// for of what comes before the cut all is normalized.
pub const MAX_BYTES: usize = 1_048_576;

/// The most tokens of one batch, padding included: three arrays of 8 MB.
pub const MAX_TOKENS: usize = 1_048_576;

/// The most bytes of a `tokenizer.json`: the largest vocabularies in use take half of it.
pub const MAX_FILE: usize = 67_108_864;

/// What a row is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// The text, or the first of a pair, such as a question.
    pub first: &'a str,
    /// The second of a pair, such as a passage.
    pub second: Option<&'a str>,
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(first: &'a str) -> Self {
        Self {
            first,
            second: None,
        }
    }
}

impl<'a> From<(&'a str, &'a str)> for Text<'a> {
    fn from((first, second): (&'a str, &'a str)) -> Self {
        Self {
            first,
            second: Some(second),
        }
    }
}

/// What a request or the model asks of a batch beyond the settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether longer texts are cut or refused, instead of what the settings say.
    pub truncation: Option<bool>,
    /// The one length that the model takes: rows are cut and padded to it.
    pub length: Option<usize>,
    /// Whether the model is told what is padding, so that a batch may be padded further than to its longest row.
    pub attention_mask: bool,
}

/// A batch of tokens: row after row, each of one length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoded {
    /// How many rows there are.
    pub rows: usize,
    /// How many tokens each row has, padding included.
    pub length: usize,
    /// The places of the tokens in the vocabulary.
    pub ids: Vec<i64>,
    /// 1 for a token, 0 for padding.
    pub attention_mask: Vec<i64>,
    /// To which text of a pair a token belongs.
    pub type_ids: Vec<i64>,
    /// How many tokens each row has, without padding.
    pub tokens: Vec<usize>,
    /// The rows that were cut, in their order.
    pub truncated: Vec<usize>,
}
