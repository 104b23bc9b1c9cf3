//! Texts: the tokens of a model's own `tokenizer.json`, padded to one length.

use serde::Deserialize;

/// How texts become tokens, as `tokenizer_config.json` names it; every key is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {}
