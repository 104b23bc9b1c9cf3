//! Pictures: decoded, resized, cropped, scaled and laid out as a model takes them.

use serde::Deserialize;

/// How pictures become tensors, as `preprocessor_config.json` names it; every key is optional.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {}
