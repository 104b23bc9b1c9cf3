//! What is wrong with a text, and where.

use std::fmt;

use serde::de;

use super::Reader;

/// Why a text is not read.
#[derive(Debug)]
pub(crate) struct Error(Box<Problem>);

#[derive(Debug)]
enum Problem {
    /// It is no JSON.
    Syntax {
        /// What is wrong, in the words of `serde_json`.
        words: String,
        line: usize,
        column: usize,
    },
    /// It is no JSON of what is read: whoever read it knows more.
    Unwanted,
}

/// A short text with the same mistake at the first place: `serde_json` has the words for it.
pub(super) type Like = &'static [u8];

pub(super) const VALUE: Like = b"?";
pub(super) const VALUE_ENDS: Like = b"";
pub(super) const WORD: Like = b"nul?";
pub(super) const NUMBER: Like = b"1.?";
pub(super) const TOO_LARGE: Like = b"1e999";
pub(super) const STRING_ENDS: Like = b"\"";
pub(super) const CONTROL: Like = b"\"\x01";
pub(super) const ESCAPE: Like = br#""\?"#;
pub(super) const SURROGATE: Like = br#""\udc00"#;
pub(super) const HALF: Like = br#""\ud800?"#;
pub(super) const NOT_UTF8: Like = b"\"\xff\"";
pub(super) const LIST: Like = b"[1?";
pub(super) const LIST_ENDS: Like = b"[";
pub(super) const OBJECT: Like = br#"{"":1?"#;
pub(super) const OBJECT_ENDS: Like = b"{";
pub(super) const KEY: Like = b"{?";
pub(super) const COLON: Like = br#"{""?"#;
pub(super) const COMMA: Like = b"[1,]";
pub(super) const TRAILING: Like = b"1?";
pub(super) const TOO_DEEP: Like = &[b'['; super::DEEPEST + 1];

impl Error {
    /// The message for a text that is no JSON, with lines counted from `before`.
    pub(crate) fn message(&self, before: usize) -> Option<String> {
        match &*self.0 {
            Problem::Syntax {
                words,
                line,
                column,
            } => {
                let line = before + line;
                Some(format!("{words} at line {line} column {column}"))
            }
            Problem::Unwanted => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message(0).unwrap_or_default())
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    #[cold]
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self(Box::new(Problem::Unwanted))
    }
}

impl Reader<'_> {
    /// An error behind what has been read.
    #[cold]
    pub(super) fn error(&self, like: Like) -> Error {
        self.error_before(like, 0)
    }

    /// An error of the next byte.
    #[cold]
    pub(super) fn error_ahead(&self, like: Like) -> Error {
        let ahead = self.rest.get(1..).unwrap_or_default();
        let ahead = Self {
            rest: ahead,
            ..*self
        };
        ahead.error(like)
    }

    /// An error so many bytes before what comes next.
    #[cold]
    pub(super) fn error_before(&self, like: Like, bytes: usize) -> Error {
        let (read, _) = self.text.split_at(self.text.len() - self.rest.len());
        let mut lines = read.rsplit(|byte| *byte == b'\n');
        let column = lines.next().map_or(0, <[u8]>::len);
        let line = 1 + lines.count();
        let words = serde_json::from_slice::<serde_json::Value>(like);
        let words = words.err().map(|error| error.to_string());
        let words = words.unwrap_or_default();
        let words = words.split(" at line ").next().unwrap_or_default();
        Error(Box::new(Problem::Syntax {
            words: words.to_owned(),
            line,
            column: column.saturating_sub(bytes),
        }))
    }
}
