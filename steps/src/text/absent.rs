//! The tokenizer of a build without texts: there is none, and making one says so.

use super::{Encoded, Options, Settings, SettingsError, Text, TextError};

/// A tokenizer of a build that has none.
#[derive(Debug, Clone, Copy)]
pub enum Tokenizer {}

impl Tokenizer {
    /// Refuses, for the build lacks what it takes.
    pub fn new(_settings: &Settings, _json: &[u8]) -> Result<Self, SettingsError> {
        Err(SettingsError::Absent)
    }

    /// How many words there are.
    pub fn words(&self) -> usize {
        match *self {}
    }

    /// How many ids there are.
    pub fn vocabulary(&self) -> usize {
        match *self {}
    }

    /// The most tokens of a row.
    pub fn max_length(&self) -> usize {
        match *self {}
    }

    /// A batch of tokens.
    pub fn encode(&self, _texts: &[Text<'_>], _options: &Options) -> Result<Encoded, TextError> {
        match *self {}
    }
}
