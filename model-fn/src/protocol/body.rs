//! The outermost object of a body, and which dialect it is.

use std::fmt;

use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::frame::Frame;
use super::inputs::{Given, Inputs};
use super::named::NamedTensor;
use super::parameters::{self, Form, StepParameters};
use super::reading::Reading;
use super::rows::List;
use super::{Dialect, InputError, Limits, options, series};
use crate::engine::Specification;
use crate::json::{Raw, Reader};

/// A body as read; whether it fits the model is decided later.
pub(super) struct Body {
    pub(super) dialect: Dialect,
    pub(super) inputs: Vec<NamedTensor>,
    pub(super) id: Option<String>,
    /// The outputs asked for, by name.
    pub(super) outputs: Option<Vec<(String, Form)>>,
    /// Whether outputs that do not say otherwise are asked for as bytes.
    pub(super) is_binary: bool,
    /// What is asked of the steps of the model.
    pub(super) wishes: Result<StepParameters, InputError>,
}

impl Body {
    /// A body that is nothing but the values of one tensor.
    pub(super) fn raw(tensor: NamedTensor) -> Self {
        Self {
            dialect: Dialect::Tensors,
            inputs: vec![tensor],
            id: None,
            outputs: None,
            is_binary: true,
            wishes: Ok(StepParameters::default()),
        }
    }

    /// Values that say nothing besides.
    pub(super) fn of(dialect: Dialect, inputs: Vec<NamedTensor>) -> Self {
        Self {
            dialect,
            inputs,
            id: None,
            outputs: None,
            is_binary: false,
            wishes: Ok(StepParameters::default()),
        }
    }
}

/// Reads a body; the datatypes of the model's inputs are those of the buffers.
pub(super) fn read(
    body: &[u8],
    binary: &[u8],
    specification: &Specification,
    limits: &Limits,
) -> Result<Body, InputError> {
    let reading = Reading::new(&specification.inputs, limits).of(body.len(), binary);
    let mut reader = Reader::new(body);
    let outermost = Outermost { reading: &reading }.deserialize(&mut reader);
    let parts = outermost.map_err(|error| reading.problem(&error))?;
    let end = reader.end();
    end.map_err(|error| reading.problem(&error))?;
    match reading.left_over() {
        0 => parts.body(&Reading::new(&specification.inputs, limits)),
        given => Err(InputError::LeftOver { given }),
    }
}

struct Outermost<'a> {
    reading: &'a Reading<'a>,
}

/// The fields that matter, whatever their order; others are passed over.
#[derive(Default)]
struct Parts<'de> {
    given: Option<(Dialect, Vec<NamedTensor>)>,
    id: Option<&'de str>,
    outputs: Option<&'de str>,
    parameters: Option<&'de str>,
    signature: Option<&'de str>,
    params: Option<&'de str>,
    keys: Vec<String>,
}

impl Outermost<'_> {
    /// Keeps a field that no other one of its name may replace.
    fn once<'de, E: de::Error>(
        &self,
        place: &mut Option<&'de str>,
        parameter: &'static str,
        value: &'de str,
    ) -> Result<(), E> {
        match place.replace(value) {
            None => Ok(()),
            Some(_) => Err(self.reading.stop(InputError::Parameter {
                of: "the request".to_owned(),
                parameter,
                must: "be given once",
            })),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Outermost<'_> {
    type Value = Parts<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Parts<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Outermost<'_> {
    type Value = Parts<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parts<'de>, A::Error> {
        let reading = self.reading;
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
                "signature_name" => {
                    self.once(&mut parts.signature, "signature_name", Raw::of(&mut map)?)?;
                }
                "params" => self.once(&mut parts.params, "params", Raw::of(&mut map)?)?,
                "id" => self.once(&mut parts.id, "id", Raw::of(&mut map)?)?,
                "outputs" => self.once(&mut parts.outputs, "outputs", Raw::of(&mut map)?)?,
                "parameters" => {
                    self.once(&mut parts.parameters, "parameters", Raw::of(&mut map)?)?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            if parts.keys.len() < KEYS {
                parts.keys.push(key);
            }
        }
        Ok(parts)
    }
}

/// How many keys a message repeats.
const KEYS: usize = 8;

/// The longest text of `outputs`: more than the names of any model's outputs take.
const LONGEST_OUTPUTS: usize = 1 << 16;

/// An output asked for by name.
#[derive(Deserialize)]
struct Requested<'a> {
    name: String,
    #[serde(borrow, default)]
    parameters: Option<&'a RawValue>,
}

impl Parts<'_> {
    fn body<'a>(self, reading: &'a Reading<'a>) -> Result<Body, InputError> {
        let Some((dialect, inputs)) = self.given else {
            return Err(InputError::NotADialect { keys: self.keys });
        };
        let mut body = Body {
            dialect,
            inputs,
            id: None,
            outputs: None,
            is_binary: false,
            wishes: parameters::wishes(self.parameters),
        };
        // In the other dialects, these names are not the protocol's.
        if dialect == Dialect::Tensors {
            body.id = self.id.map(id).transpose()?.flatten();
            body.outputs = self.outputs.map(requested).transpose()?.flatten();
            let asked = parameters::of_request(self.parameters)?;
            body.is_binary = asked.is_binary;
            if asked.is_frame {
                body.inputs = series::inputs(body.inputs, reading)?;
            }
        } else {
            options::check_signature(self.signature)?;
            if let Some(wishes) = options::params(self.params)? {
                body.wishes = Ok(wishes);
            }
        }
        Ok(body)
    }
}

/// The protocol has texts; numbers are what people write.
fn id(text: &str) -> Result<Option<String>, InputError> {
    if text == "null" {
        return Ok(None);
    }
    let id = serde_json::from_str(text).ok();
    let number = || serde_json::from_str::<serde_json::Number>(text).ok();
    let id = id.or_else(|| number().map(|_| text.to_owned()));
    id.map(Some).ok_or_else(|| InputError::Parameter {
        of: "the request".to_owned(),
        parameter: "id",
        must: "be text",
    })
}

/// The outputs asked for; an empty list asks for all, as none does.
fn requested(text: &str) -> Result<Option<Vec<(String, Form)>>, InputError> {
    let must = "be a list of objects with a `name`, of 65536 bytes at most";
    let text = Some(text).filter(|text| text.len() <= LONGEST_OUTPUTS);
    let outputs = text.and_then(|text| serde_json::from_str::<Vec<&RawValue>>(text).ok());
    let outputs = outputs.ok_or(InputError::Outputs { must })?.into_iter();
    let outputs = outputs.map(|output| parameters::object(output.get()));
    let outputs: Option<Vec<Requested<'_>>> = outputs.collect();
    let form = |output: Requested<'_>| {
        let form = parameters::form(output.parameters.map(RawValue::get), &output.name)?;
        Ok((output.name, form))
    };
    let outputs = outputs.ok_or(InputError::Outputs { must })?.into_iter();
    let outputs: Result<Vec<_>, InputError> = outputs.map(form).collect();
    Ok(Some(outputs?).filter(|outputs| !outputs.is_empty()))
}
