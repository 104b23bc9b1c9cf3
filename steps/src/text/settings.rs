//! What `model.yaml` says of texts.

use serde::{Deserialize, Serialize};

/// How texts become tokens, as `tokenizer_config.json` names it; every key is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What callers name the text; `text` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The file of the tokenizer beside `model.yaml`; `tokenizer.json` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<String>,
    /// The most tokens of a row, special ones included; what the tokenizer's `truncation` says if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<usize>,
    /// Whether longer texts are cut, which is told; they are refused otherwise. `true` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncation: Option<bool>,
    /// Which end is cut off; what the tokenizer's `truncation` says if left out, or else the right one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncation_side: Option<Side>,
    /// How far rows are padded: to the longest of the batch if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub padding: Option<Padding>,
    /// Where padding is added; what the tokenizer's `padding` says if left out, or else on the right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub padding_side: Option<Side>,
    /// The token to pad with; what the tokenizer's `padding` says if left out, or else its `[PAD]`, `<pad>` and such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pad_token: Option<String>,
    /// What lengths are rounded up to, so that there are few of them; the tokenizer's own if left out, or else 16
    /// where the model is told what is padding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pad_to_multiple_of: Option<usize>,
    /// The most bytes of one text, or of both of a pair. It bounds the time of a text that is cut, too: but for BERT's
    /// kind all of it is normalized before, some 0.7 s for the million bytes that are taken if this is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<usize>,
}

impl Settings {
    /// What callers name the text.
    pub fn input(&self) -> &str {
        self.input.as_deref().unwrap_or("text")
    }

    /// The file of the tokenizer, beside `model.yaml`.
    pub fn tokenizer(&self) -> &str {
        self.tokenizer.as_deref().unwrap_or("tokenizer.json")
    }
}

/// An end of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The beginning.
    #[serde(alias = "Left")]
    Left,
    /// The end.
    #[serde(alias = "Right")]
    Right,
}

/// How far rows are padded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// To the longest of the batch.
    Longest,
    /// To `max_length`, as models ask that were exported with one length.
    MaxLength,
}
