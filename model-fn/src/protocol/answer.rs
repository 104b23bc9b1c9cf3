//! Answers in the dialect of the question, written without a tree of values in between.

mod table;

use std::collections::BTreeMap;

use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::{Dialect, Form, InputError, Question};
use crate::engine::Port;
use crate::tensor::{Tensor, Values, volume};

/// Who answers: what an answer says besides the outputs.
#[derive(Debug, Clone, Copy)]
pub struct Served<'a> {
    /// The model's name.
    pub model: &'a str,
    /// The version that ran.
    pub version: &'a str,
    /// The model's outputs.
    pub outputs: &'a [Port],
}

/// The places of outputs that are asked for by name.
pub(super) fn places(names: &[String], outputs: &[Port]) -> Result<Vec<usize>, InputError> {
    let mut places = Vec::with_capacity(names.len());
    for name in names {
        let Some(place) = outputs.iter().position(|output| output.name == *name) else {
            let expected = outputs.iter().map(|output| output.name.clone()).collect();
            return Err(InputError::OutputUnknown {
                output: name.clone(),
                expected,
            });
        };
        if places.contains(&place) {
            return Err(InputError::OutputRepeated {
                output: name.clone(),
            });
        }
        places.push(place);
    }
    Ok(places)
}

/// One output of a port.
struct Output<'a> {
    name: &'a str,
    /// What the values of a row are called, where the model answers with maps.
    labels: &'a [String],
    tensor: &'a Tensor,
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
    /// The JSON writer failed.
    #[error("the answer cannot be written")]
    Json(#[from] serde_json::Error),
}

/// Writes the answer to a question in JSON. `outputs` are all outputs of the model, in its order.
pub fn write(
    served: Served<'_>,
    question: &Question,
    outputs: &[Tensor],
) -> Result<String, AnswerError> {
    write_as(Form::Json, served, question, outputs)
}

/// The same, in any form. Tensors are answered with tensors, whatever the form.
pub fn write_as(
    form: Form,
    served: Served<'_>,
    question: &Question,
    outputs: &[Tensor],
) -> Result<String, AnswerError> {
    let all: Vec<_> = served.outputs.iter().zip(outputs).collect();
    let asked = match &question.outputs {
        Some(places) => places
            .iter()
            .filter_map(|place| all.get(*place).copied())
            .collect(),
        None => all,
    };
    let outputs = asked
        .into_iter()
        .map(|(port, tensor)| Output {
            name: &port.name,
            labels: &port.labels,
            tensor,
        })
        .collect();
    let id = question.id.as_deref();
    let answer = Answer {
        served,
        id,
        dialect: question.dialect,
        rows: question.rows,
        outputs,
    };
    match (form, answer.dialect) {
        (Form::Json, Dialect::Rows) => {
            answer.check_rows()?;
            Ok(serde_json::to_string(&answer)?)
        }
        (Form::Json, _) | (_, Dialect::Tensors) => Ok(serde_json::to_string(&answer)?),
        (Form::Csv { header }, _) => {
            answer.check_rows()?;
            table::csv(&answer, header)
        }
        (Form::JsonLines, _) => {
            answer.check_rows()?;
            table::lines(&answer)
        }
    }
}

impl Answer<'_> {
    fn check_rows(&self) -> Result<(), InputError> {
        let odd = self
            .outputs
            .iter()
            .find(|output| output.tensor.rows() != Some(self.rows));
        odd.map_or(Ok(()), |Output { name, tensor, .. }| {
            Err(InputError::NoRows {
                output: (*name).to_owned(),
                given: tensor.shape().to_vec(),
            })
        })
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
        }
        map.end()
    }
}

/// `{"name", "shape", "datatype", "data"}`, the data flat. Labels are a parameter, which is text at most.
struct AsTensor<'a>(&'a Output<'a>);

impl Serialize for AsTensor<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Output {
            name,
            labels,
            tensor,
        } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", name)?;
        map.serialize_entry("shape", tensor.shape())?;
        map.serialize_entry("datatype", &tensor.datatype())?;
        if !labels.is_empty() {
            let labels = serde_json::to_string(labels).map_err(S::Error::custom)?;
            map.serialize_entry("parameters", &BTreeMap::from([("labels", labels)]))?;
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

/// `{name: nested list}`; the list alone of a single output.
struct AsColumns<'a>(&'a [Output<'a>]);

impl Serialize for AsColumns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(outputs) = self;
        match outputs {
            [output] => output.whole().serialize(serializer),
            outputs => {
                let named = outputs.iter().map(|output| (output.name, output.whole()));
                serializer.collect_map(named)
            }
        }
    }
}

/// One entry a row: bare for one output, an object for several.
struct AsRows<'a> {
    outputs: &'a [Output<'a>],
    rows: usize,
}

impl Serialize for AsRows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.rows))?;
        for row in 0..self.rows {
            match self.outputs {
                [output] => list.serialize_element(&output.row(row))?,
                outputs => list.serialize_element(&AsRow { outputs, row })?,
            }
        }
        list.end()
    }
}

struct AsRow<'a> {
    outputs: &'a [Output<'a>],
    row: usize,
}

impl Serialize for AsRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.outputs
                .iter()
                .map(|output| (output.name, output.row(self.row))),
        )
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
