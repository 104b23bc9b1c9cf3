//! What a body says beside its rows or columns, in the dialects that are not the Open Inference Protocol's.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::InputError;
use super::columns::NAMES;
use super::nested::QUOTED;
use super::parameters::{self, StepParameters};

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

/// A model that has become an ONNX file takes no parameters any more, but those of its steps: to pass some over would
/// answer another question.
pub(super) fn params(text: Option<&str>) -> Result<Option<StepParameters>, InputError> {
    let Some(text) = text.filter(|text| *text != "null") else {
        return Ok(None);
    };
    let short = Some(text).filter(|text| text.len() <= LONGEST_PARAMS);
    let given: Option<BTreeMap<String, &RawValue>> =
        short.and_then(|text| serde_json::from_str(text).ok());
    let is_known = |name: &String| StepParameters::NAMES.contains(&name.as_str());
    match given {
        Some(given) if given.is_empty() => Ok(None),
        Some(given) if given.keys().all(is_known) => {
            let required = StepParameters::NAMES.map(|name| given.contains_key(name));
            let wishes = parameters::wishes(short)?;
            Ok(Some(StepParameters { required, ..wishes }))
        }
        given => {
            let names = given.into_iter().flatten().map(|(name, _)| name);
            let given = names.take(NAMES).collect();
            Err(InputError::Params { given })
        }
    }
}
