//! What a `tokenizer.json` says of cutting and padding, read beside the crate, which would act on it.

use serde::Deserialize;

use super::Side;

/// Those parts of the file that are done here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Document {
    pub(super) truncation: Option<Truncation>,
    pub(super) padding: Option<Padding>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Truncation {
    pub(super) max_length: usize,
    #[serde(default)]
    pub(super) strategy: Strategy,
    pub(super) direction: Option<Side>,
}

/// Which text of a pair is cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(super) enum Strategy {
    /// The longer one, until both are as long.
    #[default]
    LongestFirst,
    /// The first, or a single one.
    OnlyFirst,
    /// The second.
    OnlySecond,
}

#[derive(Debug, Deserialize)]
pub(super) struct Padding {
    pub(super) direction: Option<Side>,
    pub(super) pad_to_multiple_of: Option<usize>,
    pub(super) pad_id: u32,
    #[serde(default)]
    pub(super) pad_type_id: u32,
}
