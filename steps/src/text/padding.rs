//! What rows are padded with, and to which length.

use tokenizers::Tokenizer;

use super::document::Document;
use super::{Padding, Settings, SettingsError, Side};

/// What rows are rounded up to where the model is told what is padding: few lengths, and few words more than needed.
const MULTIPLE: usize = 16;

/// The most that rows may be rounded up to: what is beyond it is mostly padding.
const MAX_MULTIPLE: usize = 1024;

/// What tokens for padding are called, where the file has no `padding`.
const PAD_TOKENS: [&str; 6] = [
    "[PAD]",
    "<pad>",
    "<|pad|>",
    "<|padding|>",
    "<PAD>",
    "<|finetune_right_pad_id|>",
];

/// How rows are padded.
#[derive(Debug)]
pub(super) struct Filling {
    pub(super) id: u32,
    pub(super) type_id: u32,
    pub(super) side: Side,
    to: Padding,
    multiple: Option<usize>,
}

impl Filling {
    /// What the settings say, or else the file.
    pub(super) fn new(
        settings: &Settings,
        document: &Document,
        tokenizer: &Tokenizer,
    ) -> Result<Self, SettingsError> {
        let stated = document.padding.as_ref();
        let multiple = match settings.pad_to_multiple_of {
            Some(value) if (1..=MAX_MULTIPLE).contains(&value) => Some(value),
            Some(value) => {
                return Err(SettingsError::Range {
                    field: "pad_to_multiple_of",
                    value,
                    least: 1,
                    most: MAX_MULTIPLE,
                });
            }
            None => stated
                .and_then(|padding| padding.pad_to_multiple_of)
                .filter(|multiple| (1..=MAX_MULTIPLE).contains(multiple)),
        };
        let id = match (&settings.pad_token, stated) {
            (Some(token), _) => tokenizer
                .token_to_id(token)
                .ok_or_else(|| SettingsError::UnknownPadToken(token.clone()))?,
            (None, Some(padding)) => padding.pad_id,
            (None, None) => pad_token(tokenizer).ok_or(SettingsError::NoPadToken)?,
        };
        Ok(Self {
            id,
            type_id: stated.map_or(0, |padding| padding.pad_type_id),
            side: settings
                .padding_side
                .or_else(|| stated.and_then(|padding| padding.direction))
                .unwrap_or(Side::Right),
            to: settings.padding.unwrap_or(Padding::Longest),
            multiple,
        })
    }

    /// The length of rows of which the longest has `longest` tokens; never beyond what the model takes.
    pub(super) fn length(&self, longest: usize, most: usize, attention_mask: bool) -> usize {
        let default = if attention_mask { MULTIPLE } else { 1 };
        match self.to {
            Padding::MaxLength => most,
            Padding::Longest => longest
                .next_multiple_of(self.multiple.unwrap_or(default))
                .min(most),
        }
    }
}

/// A token for padding among those that were added to the vocabulary.
fn pad_token(tokenizer: &Tokenizer) -> Option<u32> {
    let added = tokenizer.get_added_vocabulary().get_vocab();
    PAD_TOKENS
        .iter()
        .find_map(|token| added.get(*token).copied())
}
