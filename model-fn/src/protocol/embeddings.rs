//! The body of `POST /v1/embeddings`: that of OpenAI's API, which clients of many servers of embeddings send.

use std::fmt;

use serde::de::{self, DeserializeSeed, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Number;
use serde_json::value::RawValue;

use super::body::Body;
use super::named::NamedTensor;
use super::parameters::{Form, StepParameters, whole};
use super::reading::Reading;
use super::{Dialect, InputError};
use crate::engine::Specification;
use crate::tensor::{Datatype, Tensor, Values};

/// Where one of several outputs has this name, it is the one meant.
const EMBEDDING: &str = "embedding";

/// What is read; `user` and other members are passed over.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, default)]
    model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    encoding_format: Option<&'a RawValue>,
    #[serde(borrow, default)]
    dimensions: Option<&'a RawValue>,
}

/// The model that a body names, if it does.
pub(crate) fn model(body: &[u8]) -> Result<Option<String>, InputError> {
    let named = Members::read(body)?.model;
    typed("model", named, "be the name of a model")
}

/// The output of a model that is an embedding: a vector of floats a row.
pub(crate) fn output(specification: &Specification) -> Option<usize> {
    let outputs = specification.outputs.iter().enumerate();
    let vectors = outputs.filter(|(_, port)| {
        let is_vector = port.shape.as_ref().is_none_or(|axes| axes.len() == 2);
        let is_float = matches!(
            port.datatype,
            Datatype::Fp32 | Datatype::Fp16 | Datatype::Bf16 | Datatype::Fp64
        );
        is_vector && is_float && port.labels.is_empty()
    });
    let vectors: Vec<_> = vectors.collect();
    let named = vectors.iter().find(|(_, port)| port.name == EMBEDDING);
    match (named, vectors.as_slice()) {
        (Some((place, _)), _) | (None, [(place, _)]) => Some(*place),
        (None, _) => None,
    }
}

/// Reads a body for a model whose only input is texts.
pub(super) fn read(
    body: &[u8],
    specification: &Specification,
    reading: &Reading<'_>,
) -> Result<Body, InputError> {
    let members = Members::read(body)?;
    let port = specification.inputs.first().filter(|port| {
        let is_only = specification.inputs.len() == 1;
        is_only && port.datatype == Datatype::Bytes
    });
    let place = output(specification);
    let output = place.and_then(|place| specification.outputs.get(place));
    let (Some(port), Some(output)) = (port, output) else {
        return Err(InputError::NoEmbeddings);
    };
    let texts = texts(members.input, reading)?;
    let inputs = vec![NamedTensor {
        name: port.name.clone(),
        tensor: Tensor::flat(texts),
    }];
    let dialect = Dialect::Embeddings {
        is_base64: members.is_base64()?,
    };
    Ok(Body {
        outputs: Some(vec![(output.name.clone(), Form::default())]),
        wishes: Ok(StepParameters {
            dimensions: members.dimensions()?,
            ..StepParameters::default()
        }),
        ..Body::of(dialect, inputs)
    })
}

impl<'a> Members<'a> {
    fn read(body: &'a [u8]) -> Result<Self, InputError> {
        // A list of the members' values is none.
        if body.trim_ascii_start().first() == Some(&b'[') {
            return Err(InputError::NoInput);
        }
        serde_json::from_slice(body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => InputError::NoInput,
            serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof
            | serde_json::error::Category::Io => {
                let message = error.to_string();
                InputError::NotJson { message }
            }
        })
    }

    fn is_base64(&self) -> Result<bool, InputError> {
        let must = "be `float` or `base64`";
        let given: Option<String> = typed("encoding_format", self.encoding_format, must)?;
        match given.as_deref() {
            None | Some("float") => Ok(false),
            Some("base64") => Ok(true),
            Some(_) => Err(wrong("encoding_format", must)),
        }
    }

    fn dimensions(&self) -> Result<Option<usize>, InputError> {
        let must = "be a number of values from 1";
        let given: Option<Number> = typed("dimensions", self.dimensions, must)?;
        let count = given.map(|given| whole(&given).filter(|count| *count > 0));
        let count = count.map(|count| count.ok_or_else(|| wrong("dimensions", must)));
        count.transpose()
    }
}

fn wrong(parameter: &'static str, must: &'static str) -> InputError {
    InputError::Parameter {
        of: "the request".to_owned(),
        parameter,
        must,
    }
}

fn typed<'a, T: Deserialize<'a>>(
    parameter: &'static str,
    value: Option<&'a RawValue>,
    must: &'static str,
) -> Result<Option<T>, InputError> {
    let value = value.map(|value| serde_json::from_str(value.get()));
    value.transpose().map_err(|_| wrong(parameter, must))
}

const TEXTS: &str = "be a text or a list of texts, and have one at least";

/// LangChain and others send the tokens of OpenAI's own models where nobody tells them not to.
const TOKENS: &str =
    "be texts, not tokens: those of one model mean something else to another, which has its own";

fn texts(input: Option<&RawValue>, reading: &Reading<'_>) -> Result<Values, InputError> {
    let input = input.ok_or_else(|| wrong("input", TEXTS))?;
    // The text was valid JSON as a member: nothing stands behind the value.
    let mut json = serde_json::Deserializer::from_str(input.get());
    let texts = Texts(reading).deserialize(&mut json);
    let texts = texts.map_err(|_| reading.said().unwrap_or_else(|| wrong("input", TEXTS)))?;
    match texts.is_empty() {
        true => Err(wrong("input", TEXTS)),
        false => Ok(Values::Bytes(texts)),
    }
}

/// One text, or a list of them.
struct Texts<'a, 'b>(&'a Reading<'b>);

impl<'de> DeserializeSeed<'de> for Texts<'_, '_> {
    type Value = Vec<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<String>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Texts<'_, '_> {
    type Value = Vec<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text or a list of texts")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<String>, E> {
        Ok(vec![text.to_owned()])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
        let mut texts = Vec::new();
        loop {
            let (into, reading) = (&mut texts, self.0);
            let entry = Entry {
                texts: into,
                reading,
            };
            if list.next_element_seed(entry)?.is_none() {
                return Ok(texts);
            }
        }
    }
}

/// One of the list.
struct Entry<'a, 'b> {
    texts: &'a mut Vec<String>,
    reading: &'a Reading<'b>,
}

impl Entry<'_, '_> {
    fn tokens<E: de::Error>(self) -> E {
        self.reading.stop(wrong("input", TOKENS))
    }
}

impl<'de> DeserializeSeed<'de> for Entry<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entry<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        let Self { texts, reading } = self;
        let counted = reading.count(1);
        let counted = counted.and_then(|()| reading.check_rows(texts.len() + 1));
        counted.map_err(|error| reading.stop(error))?;
        texts.push(text.to_owned());
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        Err(self.tokens())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Err(self.tokens())
    }
}
