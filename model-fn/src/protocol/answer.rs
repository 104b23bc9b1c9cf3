//! Answers in the dialect of the question, written without a tree of values in between.

mod array;
mod arrow;
mod bounded;
mod embeddings;
mod rows;
mod table;

use std::collections::BTreeMap;

use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};

use bounded::Bounded;

use super::classes::{classes, has_classes};
use super::parameters::Form;
use super::{AnswerForm, Asked, Dialect, InputError, Question, TableError};
use crate::engine::{Dimension, Port};
use crate::tensor::{Tensor, Values, volume};
use rows::{AsColumns, AsRows};

/// Who answers: what an answer says besides the outputs.
#[derive(Debug, Clone, Copy)]
pub struct Served<'a> {
    /// The model's name.
    pub model: &'a str,
    /// The version that ran.
    pub version: &'a str,
    /// The model's outputs.
    pub outputs: &'a [Port],
    /// What the model's classes are called, where it says so.
    pub labels: &'a [String],
    /// The rows whose texts were cut.
    pub truncated: &'a [usize],
    /// How many tokens the texts have together, where they have any.
    pub tokens: Option<usize>,
    /// How many bytes an answer may have before it is compressed.
    pub most_bytes: usize,
}

/// An answer in the form that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    /// JSON alone.
    Json(String),
    /// Text of another form.
    Text(String),
    /// Bytes of another form.
    Bytes(Vec<u8>),
    /// JSON, and outputs as bytes behind it.
    Binary {
        /// How long the JSON is.
        header_bytes: usize,
        /// Both.
        body: Vec<u8>,
    },
}

/// The outputs that are asked for by name; nothing for all of them in JSON.
pub(super) fn asked(
    requested: Option<Vec<(String, Form)>>,
    is_binary: bool,
    outputs: &[Port],
) -> Result<Option<Vec<Asked>>, InputError> {
    let Some(requested) = requested else {
        let all = (0..outputs.len()).map(|place| Asked {
            place,
            is_binary,
            classes: None,
        });
        return Ok(is_binary.then(|| all.collect()));
    };
    let mut asked: Vec<Asked> = Vec::new();
    for (output, form) in requested {
        let found = outputs.iter().enumerate();
        let Some((place, port)) = found.into_iter().find(|(_, port)| port.name == output) else {
            let expected = outputs.iter().map(|output| output.name.clone()).collect();
            return Err(InputError::OutputUnknown { output, expected });
        };
        if asked.iter().any(|known| known.place == place) {
            return Err(InputError::OutputRepeated { output });
        }
        if form.classes.is_some() && !has_classes(port.datatype) {
            let given = port.datatype;
            return Err(InputError::NoClasses { output, given });
        }
        asked.push(Asked {
            place,
            is_binary: form.is_binary.unwrap_or(is_binary),
            classes: form.classes,
        });
    }
    Ok(Some(asked))
}

/// What names the rows whose texts were cut.
const TRUNCATED: &str = "truncated_rows";

/// One output of a port.
struct Output<'a> {
    name: &'a str,
    /// What the values of a row are called, where the model answers with maps.
    labels: &'a [String],
    tensor: &'a Tensor,
    is_binary: bool,
}

/// What an answer is made of; the dialect decides the form.
struct Answer<'a> {
    served: Served<'a>,
    id: Option<&'a str>,
    dialect: Dialect,
    rows: usize,
    outputs: Vec<Output<'a>>,
}

/// Why an answer cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The outputs do not go into the dialect of the question.
    #[error(transparent)]
    Dialect(#[from] InputError),
    /// It is over the limit.
    #[error("the answer has more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The JSON writer failed.
    #[error("the answer cannot be written")]
    Json(#[from] serde_json::Error),
}

/// Writes the answer to a question in JSON. `outputs` are all outputs of the model, in its order.
pub fn write(
    served: Served<'_>,
    question: &Question,
    outputs: &[Tensor],
) -> Result<Written, AnswerError> {
    write_as(AnswerForm::Json, served, question, outputs)
}

/// The same, in any form. Tensors are answered with tensors, whatever the form.
pub fn write_as(
    form: AnswerForm,
    served: Served<'_>,
    question: &Question,
    outputs: &[Tensor],
) -> Result<Written, AnswerError> {
    let all = served.outputs.iter().zip(outputs);
    let all: Vec<(&Port, &Tensor)> = all.collect();
    let in_json = |place| Asked {
        place,
        is_binary: false,
        classes: None,
    };
    let asked = question.outputs.clone();
    let asked = asked.unwrap_or_else(|| (0..all.len()).map(in_json).collect());
    let asked: Vec<_> = asked
        .iter()
        .filter_map(|asked| all.get(asked.place).map(|found| (asked, *found)))
        .collect();
    let classified = asked.iter().map(|(asked, (port, output))| {
        let count = asked.classes?;
        let rows = rows(port, output, question.rows);
        let labels = if port.labels.is_empty() {
            served.labels
        } else {
            &port.labels
        };
        classes(output, rows, count, labels)
    });
    let classified: Vec<Option<Tensor>> = classified.collect();
    let outputs = asked
        .iter()
        .zip(&classified)
        .map(|((asked, (port, output)), classified)| Output {
            name: &port.name,
            labels: if classified.is_some() {
                &[]
            } else {
                &port.labels
            },
            tensor: classified.as_ref().unwrap_or(output),
            is_binary: asked.is_binary,
        });
    let answer = Answer {
        served,
        id: question.id.as_deref(),
        dialect: question.dialect,
        rows: question.rows,
        outputs: outputs.collect(),
    };
    match (form, answer.dialect) {
        (AnswerForm::Json, Dialect::Rows | Dialect::Embeddings { .. }) => {
            answer.check_rows()?;
            answer.check_vectors()?;
            answer.written()
        }
        (AnswerForm::Json, _) | (_, Dialect::Tensors) => answer.written(),
        (AnswerForm::Csv { header }, _) => {
            answer.check_lines()?;
            table::csv(&answer, header).map(Written::Text)
        }
        (AnswerForm::JsonLines, _) => {
            answer.check_lines()?;
            table::lines(&answer).map(Written::Text)
        }
        (AnswerForm::Npy, _) => array::npy(&answer).map(Written::Bytes),
        (AnswerForm::Arrow, _) => {
            answer.check_lines()?;
            arrow::arrow(&answer).map(Written::Bytes)
        }
    }
}

/// The rows of an output that has one entry for each row asked for.
fn rows(port: &Port, output: &Tensor, asked: usize) -> Option<usize> {
    let is_open = !matches!(port.shape.as_deref(), Some([Dimension::Fixed(_), ..]));
    output.rows().filter(|rows| is_open && *rows == asked)
}

impl Answer<'_> {
    fn written(&self) -> Result<Written, AnswerError> {
        let binary = || self.outputs.iter().filter(|output| output.is_binary);
        if binary().next().is_none() {
            return Ok(Written::Json(self.json()?.text()));
        }
        let mut body = self.json()?.bytes();
        let header_bytes = body.len();
        let values = || binary().map(|output| output.tensor.values());
        self.check_bytes(body.len() + values().map(Values::byte_count).sum::<usize>())?;
        body.reserve_exact(values().map(Values::byte_count).sum());
        values().for_each(|values| values.append_bytes(&mut body));
        Ok(Written::Binary { header_bytes, body })
    }

    fn json(&self) -> Result<Bounded, AnswerError> {
        let mut json = Bounded::new(self.served.most_bytes);
        json.append(self)?;
        Ok(json)
    }

    fn check_bytes(&self, bytes: usize) -> Result<(), AnswerError> {
        let limit = self.served.most_bytes;
        match bytes > limit {
            true => Err(AnswerError::TooLarge { limit }),
            false => Ok(()),
        }
    }

    /// A line for each row, where that is the form that the caller takes.
    fn check_lines(&self) -> Result<(), InputError> {
        self.odd().map_or(Ok(()), |Output { name, tensor, .. }| {
            let (output, given) = ((*name).to_owned(), tensor.shape().to_vec());
            Err(TableError::NoTable { output, given }.into())
        })
    }

    fn check_rows(&self) -> Result<(), InputError> {
        self.odd().map_or(Ok(()), |Output { name, tensor, .. }| {
            Err(InputError::NoRows {
                output: (*name).to_owned(),
                given: tensor.shape().to_vec(),
            })
        })
    }

    /// Embeddings are a vector a row, also where that was not known before the run.
    fn check_vectors(&self) -> Result<(), InputError> {
        let is_vector = |output: &Output<'_>| output.tensor.shape().len() == 2;
        match self.dialect {
            Dialect::Embeddings { .. } if !self.outputs.iter().all(is_vector) => {
                Err(InputError::NoEmbeddings)
            }
            Dialect::Embeddings { .. } | Dialect::Rows | Dialect::Columns => Ok(()),
            Dialect::Tensors | Dialect::Invoked => Ok(()),
        }
    }

    /// An output that has not one entry for each row.
    fn odd(&self) -> Option<&Output<'_>> {
        let mut outputs = self.outputs.iter();
        outputs.find(|output| output.tensor.rows() != Some(self.rows))
    }
}

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match (self.dialect, self.outputs.as_slice()) {
            (Dialect::Tensors, outputs) => {
                map.serialize_entry("model_name", self.served.model)?;
                map.serialize_entry("model_version", self.served.version)?;
                if let Some(id) = self.id {
                    map.serialize_entry("id", id)?;
                }
                if !self.served.truncated.is_empty() {
                    // A parameter is text at most.
                    let rows: Vec<_> = self.served.truncated.iter().map(usize::to_string).collect();
                    let rows = [(TRUNCATED, rows.join(","))];
                    map.serialize_entry("parameters", &BTreeMap::from(rows))?;
                }
                map.serialize_entry("outputs", &outputs.iter().map(AsTensor).collect::<Vec<_>>())?;
            }
            (Dialect::Rows, outputs) => map.serialize_entry(
                "predictions",
                &AsRows {
                    outputs,
                    rows: self.rows,
                },
            )?,
            (Dialect::Columns, outputs) => map.serialize_entry("outputs", &AsColumns(outputs))?,
            (Dialect::Invoked, outputs) => {
                map.serialize_entry("predictions", &AsColumns(outputs))?;
            }
            (Dialect::Embeddings { is_base64 }, _) => {
                embeddings::serialize(self, is_base64, &mut map)?;
            }
        }
        if self.dialect != Dialect::Tensors && !self.served.truncated.is_empty() {
            map.serialize_entry(TRUNCATED, self.served.truncated)?;
        }
        map.end()
    }
}

/// `{"name", "shape", "datatype", "data"}`, the data flat, or its length where it stands behind the JSON.
struct AsTensor<'a>(&'a Output<'a>);

/// Labels are one text, for a parameter is text at most.
#[derive(Serialize)]
struct Parameters {
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_data_size: Option<usize>,
}

impl Serialize for AsTensor<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Output {
            name,
            labels,
            tensor,
            is_binary,
        } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", name)?;
        map.serialize_entry("shape", tensor.shape())?;
        map.serialize_entry("datatype", &tensor.datatype())?;
        let labels = (!labels.is_empty()).then(|| serde_json::to_string(labels));
        let parameters = Parameters {
            labels: labels.transpose().map_err(S::Error::custom)?,
            binary_data_size: is_binary.then(|| tensor.values().byte_count()),
        };
        if parameters.labels.is_some() || *is_binary {
            map.serialize_entry("parameters", &parameters)?;
        }
        if *is_binary {
            return map.end();
        }
        let flat = Nested {
            values: tensor.values(),
            shape: &[tensor.values().len()],
            labels: &[],
            start: 0,
        };
        map.serialize_entry("data", &flat)?;
        map.end()
    }
}

/// A stretch of values as lists within lists, the innermost ones as objects if their values have labels.
struct Nested<'a> {
    values: &'a Values,
    shape: &'a [usize],
    labels: &'a [String],
    start: usize,
}

impl<'a> Output<'a> {
    fn whole(&self) -> Nested<'a> {
        Nested {
            values: self.tensor.values(),
            shape: self.tensor.shape(),
            labels: self.labels,
            start: 0,
        }
    }

    /// One entry along the first axis.
    fn row(&self, row: usize) -> Nested<'a> {
        let shape = self.tensor.shape().get(1..).unwrap_or_default();
        Nested {
            shape,
            start: row * volume(shape).unwrap_or_default(),
            ..self.whole()
        }
    }
}

impl Nested<'_> {
    /// A single value, so many places behind the first.
    fn value(&self, index: usize) -> Self {
        Self {
            shape: &[],
            start: self.start + index,
            ..*self
        }
    }
}

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.shape {
            [] => self.values.serialize_one(self.start, serializer),
            [length] if self.labels.len() == *length => {
                let mut map = serializer.serialize_map(Some(*length))?;
                for (index, label) in self.labels.iter().enumerate() {
                    map.serialize_entry(label, &self.value(index))?;
                }
                map.end()
            }
            [length] => self
                .values
                .serialize_range(self.start..self.start + length, serializer),
            [length, shape @ ..] => {
                let step = volume(shape).unwrap_or_default();
                let inner = |index| Nested {
                    values: self.values,
                    shape,
                    labels: self.labels,
                    start: self.start + index * step,
                };
                serializer.collect_seq((0..*length).map(inner))
            }
        }
    }
}
