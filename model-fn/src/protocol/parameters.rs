//! `parameters` of the Open Inference Protocol: known ones have a type, all others are passed over.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Number;
use serde_json::value::RawValue;

use super::InputError;
use crate::tensor::{Datatype, Scalar, Values};

/// What `parameters` of a request, an input or a requested output may hold that means something here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Known<'a> {
    #[serde(borrow)]
    binary_data_size: Option<&'a RawValue>,
    #[serde(borrow)]
    binary_data: Option<&'a RawValue>,
    #[serde(borrow)]
    binary_data_output: Option<&'a RawValue>,
    #[serde(borrow)]
    classification: Option<&'a RawValue>,
    #[serde(borrow)]
    shared_memory_region: Option<&'a RawValue>,
    #[serde(borrow)]
    content_type: Option<&'a RawValue>,
    #[serde(borrow)]
    top_k: Option<&'a RawValue>,
    #[serde(borrow)]
    raw_scores: Option<&'a RawValue>,
    #[serde(borrow)]
    truncation: Option<&'a RawValue>,
    #[serde(borrow)]
    dimensions: Option<&'a RawValue>,
}

/// What a request asks of the steps before and after a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepParameters {
    /// How many labels.
    pub top_k: Option<usize>,
    /// Scores as the model gives them.
    pub raw_scores: bool,
    /// Whether longer texts are cut, or refused.
    pub truncation: Option<bool>,
    /// The first so many numbers of each vector.
    pub dimensions: Option<usize>,
    /// Which of them come as `params`, which a model without steps does not pass over.
    pub required: [bool; 4],
}

impl StepParameters {
    /// Their names.
    pub(super) const NAMES: [&str; 4] = ["top_k", "raw_scores", "truncation", "dimensions"];

    /// What they mean to a model that has no steps.
    pub fn without_steps(&self) -> Result<Self, InputError> {
        let required = Self::NAMES.iter().zip(self.required);
        let given = required.filter(|(_, is_required)| *is_required);
        let given: Vec<String> = given.map(|(name, _)| (*name).to_owned()).collect();
        match given.is_empty() {
            true => Ok(Self::default()),
            false => Err(InputError::Params { given }),
        }
    }
}

/// What a request is, and asks for, as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct OfRequest {
    /// All its outputs as bytes.
    pub(super) is_binary: bool,
    /// Its tensors are the columns of a data frame.
    pub(super) is_frame: bool,
}

/// What an input is, by MLServer's content types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// `str`: texts, one a row.
    Texts,
    /// `base64`: the same, encoded.
    Encoded,
    /// Anything else is what its datatype says.
    Plain,
}

/// What an output is asked for as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Form {
    /// Whether as bytes; nothing where it does not say.
    pub(super) is_binary: Option<bool>,
    /// As so many of its highest values.
    pub(super) classes: Option<usize>,
}

/// What a request is, and asks for.
pub(super) fn of_request(text: Option<&str>) -> Result<OfRequest, InputError> {
    let of = || "the request".to_owned();
    let known = Known::read(text, of)?;
    let value = known.binary_data_output;
    let is_binary = typed("binary_data_output", value, "be true or false", of)?;
    Ok(OfRequest {
        is_binary: is_binary.unwrap_or_default(),
        is_frame: known.content_type() == Some("pd"),
    })
}

/// What a request asks of the steps of a model.
pub(super) fn wishes(text: Option<&str>) -> Result<StepParameters, InputError> {
    let of = || "the request".to_owned();
    let known = Known::read(text, of)?;
    let count = |name, value, must| {
        let given: Option<Number> = typed(name, value, must, of)?;
        let count = given.map(|given| whole(&given).filter(|count| *count > 0));
        count
            .map(|count| count.ok_or_else(|| wrong(name, must, of)))
            .transpose()
    };
    let truth = |name, value| typed(name, value, "be true or false", of);
    Ok(StepParameters {
        top_k: count("top_k", known.top_k, "be a number of labels from 1")?,
        raw_scores: truth("raw_scores", known.raw_scores)?.unwrap_or_default(),
        truncation: truth("truncation", known.truncation)?,
        dimensions: count(
            "dimensions",
            known.dimensions,
            "be a number of values from 1",
        )?,
        required: [false; 4],
    })
}

/// What an input is.
pub(super) fn content(text: Option<&str>, input: &str) -> Result<Content, InputError> {
    let known = Known::read(text, || format!("input `{input}`"))?;
    Ok(match known.content_type() {
        Some("str") => Content::Texts,
        Some("base64") => Content::Encoded,
        Some(_) | None => Content::Plain,
    })
}

/// How many bytes of an input stand behind the JSON.
pub(super) fn input_bytes(text: Option<&str>, input: &str) -> Result<Option<usize>, InputError> {
    let of = || format!("input `{input}`");
    let known = Known::read(text, of)?;
    known.refuse_shared_memory(of)?;
    let must = "be a number of bytes from 0";
    typed("binary_data_size", known.binary_data_size, must, of)
}

/// What a requested output is asked for as.
pub(super) fn form(text: Option<&str>, output: &str) -> Result<Form, InputError> {
    let of = || format!("output `{output}`");
    let known = Known::read(text, of)?;
    known.refuse_shared_memory(of)?;
    let is_binary = typed("binary_data", known.binary_data, "be true or false", of)?;
    let must = "be a number of classes from 1";
    let given: Option<Number> = typed("classification", known.classification, must, of)?;
    let classes = given.as_ref().map(whole);
    match classes {
        Some(None | Some(0)) => Err(wrong("classification", must, of)),
        classes => Ok(Form {
            is_binary,
            classes: classes.flatten(),
        }),
    }
}

/// A length or a place, which may have a fraction of zero as integers in tensors may.
pub(super) fn whole(number: &Number) -> Option<usize> {
    let mut values = Values::new(Datatype::Uint64);
    let scalar = number
        .as_u64()
        .map(Scalar::Unsigned)
        .or_else(|| number.as_f64().map(Scalar::Float));
    let is_whole = values.push(scalar?);
    let Values::Uint64(list) = values else {
        return None;
    };
    let whole = list.first().filter(|_| is_whole)?;
    usize::try_from(*whole).ok()
}

impl<'a> Known<'a> {
    fn read(text: Option<&'a str>, of: impl Fn() -> String) -> Result<Self, InputError> {
        let Some(text) = text.filter(|text| *text != "null") else {
            return Ok(Self::default());
        };
        let known = object(text);
        known.ok_or_else(|| wrong("parameters", "be an object without repetitions", of))
    }

    /// Other servers know other ones, so none is an error.
    fn content_type(&self) -> Option<&'a str> {
        let text = self.content_type?.get();
        text.strip_prefix('"')?.strip_suffix('"')
    }

    fn refuse_shared_memory(&self, of: impl Fn() -> String) -> Result<(), InputError> {
        let must = "not be asked for: no memory is shared with callers";
        self.shared_memory_region
            .map_or(Ok(()), |_| Err(wrong("shared_memory_region", must, of)))
    }
}

/// Reads an object; a list of its values in their order is none.
pub(super) fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    let text = Some(text).filter(|text| text.starts_with('{'))?;
    serde_json::from_str(text).ok()
}

fn typed<T: DeserializeOwned>(
    name: &'static str,
    value: Option<&RawValue>,
    must: &'static str,
    of: impl Fn() -> String,
) -> Result<Option<T>, InputError> {
    let read = |value: &RawValue| serde_json::from_str(value.get());
    value
        .map(read)
        .transpose()
        .map_err(|_| wrong(name, must, of))
}

fn wrong(parameter: &'static str, must: &'static str, of: impl Fn() -> String) -> InputError {
    InputError::Parameter {
        of: of(),
        parameter,
        must,
    }
}
