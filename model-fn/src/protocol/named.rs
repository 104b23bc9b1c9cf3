//! Tensors of the Open Inference Protocol: `{"name", "shape", "datatype", "data"}`.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::Number;

use super::fit::position;
use super::nested::{self, Builder, Nested};
use super::parameters::{Content, whole};
use super::reading::Reading;
use super::{InputError, Limits, binary, parameters};
use crate::json::{Raw, Reader};
use crate::tensor::{Datatype, Tensor, Values, volume};

/// The longest text of a shape: no model takes dozens of axes, whose lengths have 20 digits at most.
const LONGEST_SHAPE: usize = 1024;

const LENGTHS: &str = "must be a list of lengths from 0";

/// A tensor and its name.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    /// The name.
    pub name: String,
    /// The tensor.
    pub tensor: Tensor,
}

/// Reads one tensor that stands alone.
pub fn named_tensor(text: &str, limits: &Limits) -> Result<NamedTensor, InputError> {
    let reading = Reading::new(&[], limits).of(text.len(), &[]);
    let mut reader = Reader::new(text.as_bytes());
    let tensor = reader.deserialize_map(Named {
        reading: &reading,
        place: 0,
    });
    tensor.map_err(|error| reading.problem(&error))
}

/// Reads one tensor of a list.
///
/// The data goes straight into its buffer if the datatype stands before it, as every client
/// writes it; otherwise its text is passed over once and read at the end.
pub(super) struct Named<'a> {
    pub(super) reading: &'a Reading<'a>,
    /// The place in the list: the tensor's name until it says one.
    pub(super) place: usize,
}

impl<'de> DeserializeSeed<'de> for Named<'_> {
    type Value = NamedTensor;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<NamedTensor, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Named<'_> {
    type Value = NamedTensor;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a tensor")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NamedTensor, A::Error> {
        let first = map.next_key()?;
        self.tensor(first, map)
    }
}

impl Named<'_> {
    /// Reads a tensor whose first key has been read.
    pub(super) fn tensor<'de, A: MapAccess<'de>>(
        self,
        first: Option<String>,
        mut map: A,
    ) -> Result<NamedTensor, A::Error> {
        let mut parts = Parts::new(&self);
        let mut next = first;
        while let Some(key) = next {
            if let Some(field) = parts.given(&key) {
                let message = "is given twice".to_owned();
                return Err(self.reading.stop(parts.wrong(field, message)));
            }
            match key.as_str() {
                "name" => parts.name = Some(self.field(&parts, "name", Raw::of(&mut map)?)?),
                "shape" => parts.shape = Some(self.shape(&parts, Raw::of(&mut map)?)?),
                "datatype" => parts.datatype = Some(self.datatype(&parts, Raw::of(&mut map)?)?),
                "data" => match parts.builder() {
                    Some(mut builder) => {
                        map.next_value_seed(Nested(&mut builder))?;
                        parts.data = Some(Data::Read(builder));
                    }
                    None => parts.data = Some(Data::Text(Raw::of(&mut map)?)),
                },
                "parameters" => parts.parameters = Some(Raw::of(&mut map)?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            next = map.next_key()?;
        }
        parts.finish().map_err(|problem| self.reading.stop(problem))
    }

    /// A small field, read apart so that its problems are told with its name.
    fn field<T: DeserializeOwned, E: serde::de::Error>(
        &self,
        parts: &Parts<'_, '_>,
        field: &'static str,
        text: &str,
    ) -> Result<T, E> {
        let (wanted, longest) = if field == "shape" {
            (LENGTHS, LONGEST_SHAPE)
        } else {
            ("must be text", usize::MAX)
        };
        let text = Some(text).filter(|text| text.len() <= longest);
        let value = text.and_then(|text| serde_json::from_str(text).ok());
        let stop = || self.reading.stop(parts.wrong(field, wanted.to_owned()));
        value.ok_or_else(stop)
    }

    fn shape<E: serde::de::Error>(
        &self,
        parts: &Parts<'_, '_>,
        text: &str,
    ) -> Result<Vec<usize>, E> {
        let lengths: Vec<Number> = self.field(parts, "shape", text)?;
        let lengths: Option<Vec<usize>> = lengths.iter().map(whole).collect();
        lengths.ok_or_else(|| self.reading.stop(parts.wrong("shape", LENGTHS.to_owned())))
    }

    fn datatype<E: serde::de::Error>(
        &self,
        parts: &Parts<'_, '_>,
        text: &str,
    ) -> Result<Datatype, E> {
        let name: String = self.field(parts, "datatype", text)?;
        let datatype = name.parse().map(|datatype| self.reading.datatype(datatype));
        datatype.map_err(|_| {
            let message = format!("is `{}`, which is not supported", name.escape_debug());
            self.reading.stop(parts.wrong("datatype", message))
        })
    }
}

/// What is known of a tensor so far.
struct Parts<'a, 'de> {
    reading: &'a Reading<'a>,
    place: usize,
    name: Option<String>,
    shape: Option<Vec<usize>>,
    datatype: Option<Datatype>,
    data: Option<Data<'a, 'de>>,
    parameters: Option<&'de str>,
}

/// The data of a tensor.
enum Data<'a, 'de> {
    Read(Builder<'a>),
    Text(&'de str),
}

impl<'a, 'de> Parts<'a, 'de> {
    fn new(named: &Named<'a>) -> Self {
        Self {
            reading: named.reading,
            place: named.place,
            name: None,
            shape: None,
            datatype: None,
            data: None,
            parameters: None,
        }
    }

    /// The field of this key, if it has been read already.
    fn given(&self, key: &str) -> Option<&'static str> {
        let fields = [
            ("name", self.name.is_some()),
            ("shape", self.shape.is_some()),
            ("datatype", self.datatype.is_some()),
            ("data", self.data.is_some()),
            ("parameters", self.parameters.is_some()),
        ];
        let given = fields.iter().find(|(field, given)| *field == key && *given);
        given.map(|(field, _)| *field)
    }

    fn title(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.place.to_string())
    }

    fn wrong(&self, field: &'static str, message: String) -> InputError {
        InputError::Field {
            tensor: self.title(),
            field,
            message,
        }
    }

    /// A builder for the data, once its datatype is known.
    fn builder(&self) -> Option<Builder<'a>> {
        let mut builder = Builder::new(self.reading, &self.title(), self.datatype?);
        builder.reserve(self.shape.as_deref().and_then(volume).unwrap_or_default());
        Some(builder)
    }

    fn finish(mut self) -> Result<NamedTensor, InputError> {
        let missing = |part: &Self, field| part.wrong(field, "is missing".to_owned());
        let binary_bytes = parameters::input_bytes(self.parameters, &self.title())?;
        let builder = match (self.data.take(), binary_bytes) {
            (None, Some(bytes)) => {
                let content = parameters::content(self.parameters, &self.title())?;
                let NamedTensor { name, tensor } = self.binary(bytes)?;
                let tensor = self.of_content(content, &name, tensor)?;
                return Ok(NamedTensor { name, tensor });
            }
            (Some(_), Some(_)) => {
                let message = "is given beside `binary_data_size`".to_owned();
                return Err(self.wrong("data", message));
            }
            (Some(Data::Read(builder)), None) => builder,
            (Some(Data::Text(text)), None) => self.read(text)?,
            (None, None) if self.datatype.is_none() => return Err(missing(&self, "datatype")),
            (None, None) => return Err(missing(&self, "data")),
        };
        let (name, shape) = self.name_and_shape()?;
        let tensor = reshaped(&name, shape, builder.finish()?)?;
        let content = parameters::content(self.parameters, &name)?;
        let tensor = self.of_content(content, &name, tensor)?;
        Ok(NamedTensor { name, tensor })
    }

    fn of_content(
        &self,
        content: Content,
        name: &str,
        tensor: Tensor,
    ) -> Result<Tensor, InputError> {
        Ok(match content {
            Content::Plain => tensor,
            Content::Texts => self.flattened(name, tensor),
            Content::Encoded => self.flattened(name, decoded(name, tensor)?),
        })
    }

    /// Texts come as a column, where the model may take them as a list.
    fn flattened(&self, name: &str, tensor: Tensor) -> Tensor {
        let mut ports = self.reading.ports.iter();
        let port = ports.find(|port| port.name == name);
        let is_list = port
            .and_then(|port| port.shape.as_deref())
            .is_some_and(|axes| axes.len() == 1);
        match tensor.shape() {
            [rows, 1] if is_list => {
                let rows = vec![*rows];
                tensor.reshaped(rows)
            }
            _ => tensor,
        }
    }

    /// Data that stood before its datatype.
    fn read(&self, text: &str) -> Result<Builder<'a>, InputError> {
        let missing = || self.wrong("datatype", "is missing".to_owned());
        let mut builder = self.builder().ok_or_else(missing)?;
        let mut reader = Reader::new(text.as_bytes());
        let read = Nested(&mut builder).deserialize(&mut reader);
        read.map_err(|error| self.reading.problem(&error))?;
        Ok(builder)
    }

    fn name_and_shape(&self) -> Result<(String, Vec<usize>), InputError> {
        let missing = |field| self.wrong(field, "is missing".to_owned());
        let name = self.name.clone().ok_or_else(|| missing("name"))?;
        let shape = self.shape.clone().ok_or_else(|| missing("shape"))?;
        Ok((name, shape))
    }

    /// The tensor that has the next so many bytes behind the JSON.
    fn binary(&self, bytes: usize) -> Result<NamedTensor, InputError> {
        let (name, shape) = self.name_and_shape()?;
        let taken = self.reading.take(bytes).map_err(|left| {
            let message = format!("is {bytes}, and {left} bytes are left behind the JSON");
            self.wrong("binary_data_size", message)
        })?;
        let Some(datatype) = self.datatype else {
            return Err(self.wrong("datatype", "is missing".to_owned()));
        };
        // Numbers have their bytes, or are refused; texts are counted before there is room for them.
        let count = volume(&shape).unwrap_or(usize::MAX);
        if datatype.width().is_none() || count <= taken.len() {
            self.reading.count(count)?;
        }
        let tensor = binary::tensor(&name, datatype, shape, taken)?;
        Ok(NamedTensor { name, tensor })
    }
}

/// Texts of base64 as what they encode.
fn decoded(name: &str, tensor: Tensor) -> Result<Tensor, InputError> {
    let (shape, values) = tensor.into_parts();
    let Values::Bytes(texts) = values else {
        return Tensor::new(shape, values).map_err(|error| InputError::Empty {
            input: name.to_owned(),
            given: error.shape,
        });
    };
    let decode = |(index, text): (usize, String)| {
        nested::decoded(&text).ok_or_else(|| InputError::Encoded {
            input: name.to_owned(),
            at: position(&shape, index),
        })
    };
    let texts: Result<Vec<String>, _> = texts.into_iter().enumerate().map(decode).collect();
    Tensor::new(shape.clone(), Values::Bytes(texts?)).map_err(|error| InputError::Empty {
        input: name.to_owned(),
        given: error.shape,
    })
}

/// Flat data takes the shape; nested data must have it already.
fn reshaped(name: &str, shape: Vec<usize>, data: Tensor) -> Result<Tensor, InputError> {
    let (given, values) = data.into_parts();
    let fits = given == shape || (given.len() == 1 && volume(&shape) == Some(values.len()));
    let wrong = || InputError::Length {
        tensor: name.to_owned(),
        shape: shape.clone(),
        given: given.clone(),
    };
    if !fits {
        return Err(wrong());
    }
    Tensor::new(shape.clone(), values).map_err(|_| wrong())
}
