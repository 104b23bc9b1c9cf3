//! What can be wrong with settings, with a tokenizer and with a text.

use std::error::Error;

type Cause = Box<dyn Error + Send + Sync>;

/// What keeps a tokenizer from being made: a reason not to start.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The build has no tokenizers in it.
    #[error("`text` needs a build with the feature `text`: this one is without")]
    Absent,
    /// The tokenizer is sought in the model's folder alone.
    #[error("`text.tokenizer`: `{0}` is not the plain name of a file beside `model.yaml`")]
    FileName(String),
    /// A number is out of its range.
    #[error("`text.{field}`: {value} is not from {least} to {most}")]
    Range {
        /// The key.
        field: &'static str,
        /// What it says.
        value: usize,
        /// The least it may say.
        least: usize,
        /// The most it may say.
        most: usize,
    },
    /// Nothing says how long a text may be.
    #[error(
        "`text.max_length` is not set, and `tokenizer.json` has no `truncation.max_length`: set it"
    )]
    NoMaxLength,
    /// The file's own limit cannot be used.
    #[error(
        "`tokenizer.json`: `truncation.max_length` is {value}, not from {least} to {most}: set `text.max_length`"
    )]
    FileMaxLength {
        /// What it says.
        value: usize,
        /// The least it may say.
        least: usize,
        /// The most it may say.
        most: usize,
    },
    /// A name for the text must have letters.
    #[error("`text.input` is empty")]
    EmptyInput,
    /// There is nothing to pad with.
    #[error(
        "`tokenizer.json` names no token for padding: set `text.pad_token` to one of its tokens"
    )]
    NoPadToken,
    /// The token to pad with is none.
    #[error("`text.pad_token`: `{0}` is not a token of `tokenizer.json`")]
    UnknownPadToken(String),
    /// The file is larger than a tokenizer is.
    #[error("`tokenizer.json` has {bytes} bytes, and {most} at most can be read")]
    FileTooLarge {
        /// Its size.
        bytes: usize,
        /// The largest size.
        most: usize,
    },
    /// The file is no tokenizer.
    #[error("`tokenizer.json` cannot be read as a tokenizer")]
    File(#[source] Cause),
    /// The reader of the file failed in an unforeseen way.
    #[error("`tokenizer.json` cannot be used: its parts contradict each other")]
    Contradiction,
    /// The file asks for chance.
    #[error(
        "`tokenizer.json`: `model.dropout` is {0}, so that tokens differ from time to time: remove it"
    )]
    Dropout(f32),
}

/// Why a batch of texts cannot be made into tokens.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// A text is too large to look at.
    #[error("text {row} has {bytes} bytes, and {most} at most are taken: shorten it")]
    TooManyBytes {
        /// The place of the text, from 0.
        row: usize,
        /// Its size.
        bytes: usize,
        /// The largest size.
        most: usize,
    },
    /// A text is too long, and must not be cut.
    #[error(
        "text {row} has more than {most} tokens, special ones included: shorten it, or allow truncation"
    )]
    TooLong {
        /// The place of the text, from 0.
        row: usize,
        /// The most tokens.
        most: usize,
    },
    /// A pair is too long, and the text that may be cut is not what is long.
    #[error(
        "pair {row} has more than {most} tokens, and the text that may be cut is too short for it: shorten the other"
    )]
    CannotCut {
        /// The place of the pair, from 0.
        row: usize,
        /// The most tokens.
        most: usize,
    },
    /// The tokenizer has no place for a second text.
    #[error(
        "row {row} is a pair, and the tokenizer of this model takes single texts: send one text"
    )]
    NoPairs {
        /// The place of the pair, from 0.
        row: usize,
    },
    /// All rows together are too much.
    #[error(
        "{rows} texts of {length} tokens each are more than the {most} tokens of a batch: send fewer at once"
    )]
    TooManyTokens {
        /// How many rows there are.
        rows: usize,
        /// How long each would be.
        length: usize,
        /// The most tokens.
        most: usize,
    },
    /// The length that the model takes leaves no room for the text.
    #[error("the model takes {length} tokens, and the tokenizer adds {special} of its own")]
    NoRoom {
        /// The length.
        length: usize,
        /// How many tokens are special.
        special: usize,
    },
    /// The vocabulary has no token for a part of the text, or a pattern of the tokenizer does not come to an end on it.
    #[error("text {row} cannot be made into tokens: the tokenizer has no way to take it")]
    NoTokens {
        /// The place of the text, from 0.
        row: usize,
        /// What the tokenizer says.
        #[source]
        cause: Cause,
    },
    /// The tokenizer failed in an unforeseen way.
    #[error("the tokenizer failed on text {row}")]
    Failed {
        /// The place of the text, from 0.
        row: usize,
    },
}

impl TextError {
    /// Whether there is more than may come at once.
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::TooManyTokens { .. })
    }

    /// Whether another text would do; the tokenizer or the model is at fault otherwise.
    pub fn is_callers(&self) -> bool {
        match self {
            Self::TooManyBytes { .. }
            | Self::TooLong { .. }
            | Self::CannotCut { .. }
            | Self::NoPairs { .. }
            | Self::TooManyTokens { .. }
            | Self::NoTokens { .. } => true,
            Self::NoRoom { .. } | Self::Failed { .. } => false,
        }
    }
}
