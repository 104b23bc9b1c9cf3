//! What a body says beside its rows or columns, in the dialects that are not the Open Inference Protocol's.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use super::InputError;
use super::columns::NAMES;
use super::nested::QUOTED;

/// Bytes of `params` that are looked into.
const LONGEST_PARAMS: usize = 1 << 16;

/// The signature that every model has by TensorFlow's convention.
const SIGNATURE: &str = "serving_default";

pub(super) fn check_signature(text: Option<&str>) -> Result<(), InputError> {
    let Some(text) = text else {
        return Ok(());
    };
    match serde_json::from_str::<String>(text) {
        Ok(name) if name == SIGNATURE => Ok(()),
        Ok(_) | Err(_) => {
            let given = text.chars().take(QUOTED).collect();
            Err(InputError::Signature { given })
        }
    }
}

/// A model that has become an ONNX file takes no parameters any more: to pass some over would answer
/// another question.
pub(super) fn check_params(text: Option<&str>) -> Result<(), InputError> {
    let Some(text) = text.filter(|text| *text != "null") else {
        return Ok(());
    };
    let short = Some(text).filter(|text| text.len() <= LONGEST_PARAMS);
    let given: Option<BTreeMap<String, IgnoredAny>> =
        short.and_then(|text| serde_json::from_str(text).ok());
    match given {
        Some(given) if given.is_empty() => Ok(()),
        given => {
            let names = given.into_iter().flatten().map(|(name, _)| name);
            let given = names.take(NAMES).collect();
            Err(InputError::Params { given })
        }
    }
}
