//! The outermost object of a body, and which dialect it is.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::frame::Frame;
use super::inputs::{Given, Inputs};
use super::named::NamedTensor;
use super::reading::Reading;
use super::rows::List;
use super::{Dialect, InputError, Limits};
use crate::engine::Specification;

/// A body as read; whether it fits the model is decided later.
pub(super) struct Body {
    pub(super) dialect: Dialect,
    pub(super) inputs: Vec<NamedTensor>,
    pub(super) id: Option<String>,
    /// The names of the outputs asked for.
    pub(super) outputs: Option<Vec<String>>,
}

impl Body {
    /// Values that say nothing besides.
    pub(super) fn of(dialect: Dialect, inputs: Vec<NamedTensor>) -> Self {
        Self {
            dialect,
            inputs,
            id: None,
            outputs: None,
        }
    }
}

/// Reads a body; the datatypes of the model's inputs are those of the buffers.
pub(super) fn read(
    body: &[u8],
    specification: &Specification,
    limits: &Limits,
) -> Result<Body, InputError> {
    let reading = Reading::new(&specification.inputs, limits);
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let outermost = Outermost { reading: &reading }.deserialize(&mut deserializer);
    let parts = outermost.map_err(|error| reading.problem(&error))?;
    deserializer
        .end()
        .map_err(|error| reading.problem(&error))?;
    parts.body()
}

struct Outermost<'a> {
    reading: &'a Reading<'a>,
}

/// The fields that matter, whatever their order; others are passed over.
#[derive(Default)]
struct Parts {
    given: Option<(Dialect, Vec<NamedTensor>)>,
    id: Option<String>,
    outputs: Option<Box<RawValue>>,
    signature: Option<Box<RawValue>>,
    params: Option<Box<RawValue>>,
    keys: Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Outermost<'_> {
    type Value = Parts;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Parts, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Outermost<'_> {
    type Value = Parts;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parts, A::Error> {
        let Self { reading } = self;
        let mut parts = Parts::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "inputs" | "instances" | "dataframe_split" | "dataframe_records"
                    if parts.given.is_some() =>
                {
                    return Err(reading.stop(InputError::Twice));
                }
                "inputs" => {
                    parts.given = Some(match map.next_value_seed(Inputs(reading))? {
                        Given::Tensors(tensors) => (Dialect::Tensors, tensors),
                        Given::Columns(columns) => (Dialect::Columns, columns),
                    });
                }
                "instances" => {
                    let key = "instances";
                    let rows = map.next_value_seed(List { reading, key })?;
                    parts.given = Some((Dialect::Rows, rows));
                }
                "dataframe_records" => {
                    let key = "dataframe_records";
                    let rows = map.next_value_seed(List { reading, key })?;
                    parts.given = Some((Dialect::Rows, rows));
                }
                "dataframe_split" => {
                    let rows = map.next_value_seed(Frame(reading))?;
                    parts.given = Some((Dialect::Rows, rows));
                }
                "signature_name" => parts.signature = Some(map.next_value()?),
                "params" => parts.params = Some(map.next_value()?),
                "id" => parts.id = id(map.next_value()?),
                "outputs" => parts.outputs = Some(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            parts.keys.push(key);
        }
        Ok(parts)
    }
}

fn id(value: Value) -> Option<String> {
    match value {
        Value::String(id) => Some(id),
        Value::Number(id) => Some(id.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A name is quoted in messages up to this many characters.
const QUOTED: usize = 40;

/// How many keys a message repeats.
const KEYS: usize = 8;

/// An output asked for by name.
#[derive(Deserialize)]
struct Requested {
    name: String,
    #[serde(default)]
    parameters: serde_json::Map<String, Value>,
}

impl Parts {
    fn body(mut self) -> Result<Body, InputError> {
        let Some((dialect, inputs)) = self.given else {
            self.keys.truncate(KEYS);
            return Err(InputError::NotADialect { keys: self.keys });
        };
        let outputs = match (dialect, &self.outputs) {
            (Dialect::Tensors, Some(text)) => requested(text)?,
            (Dialect::Tensors, None) => None,
            (Dialect::Rows | Dialect::Columns | Dialect::Invoked, _) => None,
        };
        match dialect {
            Dialect::Tensors => {}
            Dialect::Rows | Dialect::Columns | Dialect::Invoked => {
                check_signature(self.signature.as_deref())?;
                check_params(self.params.as_deref())?;
            }
        }
        Ok(Body {
            dialect,
            inputs,
            id: self.id,
            outputs,
        })
    }
}

/// The signature that every model has by TensorFlow's convention.
const SIGNATURE: &str = "serving_default";

fn check_signature(text: Option<&RawValue>) -> Result<(), InputError> {
    let Some(text) = text.map(RawValue::get) else {
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
fn check_params(text: Option<&RawValue>) -> Result<(), InputError> {
    let Some(text) = text.map(RawValue::get).filter(|text| *text != "null") else {
        return Ok(());
    };
    let given: Option<BTreeMap<String, IgnoredAny>> = serde_json::from_str(text).ok();
    match given {
        Some(given) if given.is_empty() => Ok(()),
        given => {
            let names = given.into_iter().flatten().map(|(name, _)| name);
            let given = names.take(KEYS).collect();
            Err(InputError::Params { given })
        }
    }
}

/// The names of the outputs asked for; an empty list asks for all, as none does.
fn requested(text: &RawValue) -> Result<Option<Vec<String>>, InputError> {
    let wrong = |must| InputError::Outputs { must };
    let outputs: Vec<Requested> = serde_json::from_str(text.get())
        .map_err(|_| wrong("be a list of objects with a `name`"))?;
    if outputs
        .iter()
        .any(|output| output.parameters.contains_key("classification"))
    {
        return Err(wrong("not ask for a `classification`: it is not supported"));
    }
    let names: Vec<String> = outputs.into_iter().map(|output| output.name).collect();
    Ok(Some(names).filter(|names| !names.is_empty()))
}
