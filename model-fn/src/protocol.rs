//! What bodies mean: from JSON to the inputs of a model, and from its outputs to JSON.
//!
//! One pass reads a body straight into the buffers of the inputs; there is no tree of JSON values
//! in between. The dialect of the question is the dialect of the answer. Routes, headers and
//! statuses are left to the edge.

mod answer;
mod arrow;
mod binary;
mod body;
mod classes;
mod columns;
mod csv;
pub(crate) mod embeddings;
mod error;
mod fit;
mod frame;
mod inputs;
mod limits;
mod lines;
mod literals;
mod named;
mod nested;
mod npy;
mod options;
mod parameters;
mod parts;
mod reading;
mod rows;
mod series;
mod table;

use crate::engine::{Port, Specification};
use crate::tensor::Tensor;
use body::Body;
use reading::Reading;

pub(crate) use columns::{known, matrix};

pub use answer::{AnswerError, Served, Written, write, write_as};
pub use error::{InputError, TableError};
pub use limits::Limits;
pub use named::{NamedTensor, named_tensor};
pub use parameters::StepParameters;

/// The dialect of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `inputs` is a list of tensors: the Open Inference Protocol.
    Tensors,
    /// `instances`: one entry a row.
    Rows,
    /// `inputs` by name, or of the only input.
    Columns,
    /// The same, answered as `predictions`.
    Invoked,
    /// `input` is texts: OpenAI's API of embeddings.
    Embeddings {
        /// Whether vectors are answered as base64 of 32-bit floats instead of lists.
        is_base64: bool,
    },
}

impl Dialect {
    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tensors => "tensors",
            Self::Rows => "rows",
            Self::Columns | Self::Invoked => "columns",
            Self::Embeddings { .. } => "embeddings",
        }
    }
}

/// Which dialects a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// Any of them, told apart by the body.
    Any,
    /// The Open Inference Protocol alone.
    TensorsOnly,
    /// TensorFlow Serving: values by row or by column.
    Serving,
    /// Any of them, and every answer is called `predictions`, as MLflow's clients expect.
    Invocations,
    /// OpenAI's alone: texts to vectors.
    Embeddings,
}

impl Accepted {
    /// The dialect of the answer to a body of this one, if it is taken.
    fn dialect(self, body: Dialect) -> Result<Dialect, InputError> {
        let is_tensors = body == Dialect::Tensors;
        match self {
            Self::TensorsOnly if !is_tensors => Err(InputError::NotTensors),
            Self::Serving if is_tensors => Err(InputError::NotValues),
            Self::Invocations if body == Dialect::Columns => Ok(Dialect::Invoked),
            Self::Any | Self::TensorsOnly | Self::Serving => Ok(body),
            Self::Invocations | Self::Embeddings => Ok(body),
        }
    }

    /// Whether bodies may have `NaN`: the clients of these routes are Python's, which write it, and their own
    /// servers read it.
    fn has_nan(self) -> bool {
        match self {
            Self::Serving | Self::Invocations => true,
            Self::Any | Self::TensorsOnly | Self::Embeddings => false,
        }
    }
}

/// A body that fits a model.
#[derive(Debug, PartialEq)]
pub struct Question {
    /// The dialect it was asked in.
    pub dialect: Dialect,
    /// The caller's name for the request, given back in the answer.
    pub id: Option<String>,
    /// The inputs in the model's order.
    pub inputs: Vec<Tensor>,
    /// How many rows are asked for: the length of the first axis.
    pub rows: usize,
    /// The outputs asked for; all, in JSON, where nothing is said.
    pub outputs: Option<Vec<Asked>>,
    /// What is asked of the steps of the model, if it has any: others pass it over, right or wrong.
    pub wishes: Result<StepParameters, InputError>,
}

/// An output that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Its place among the model's outputs.
    pub place: usize,
    /// Whether it goes as bytes, behind the JSON.
    pub is_binary: bool,
    /// Whether it goes as so many of its highest values.
    pub classes: Option<usize>,
}

impl Question {
    /// Asks for one output alone.
    pub fn select(&mut self, output: &str, outputs: &[Port]) -> Result<(), InputError> {
        let requested = (output.to_owned(), parameters::Form::default());
        self.outputs = answer::asked(Some(vec![requested]), false, outputs)?;
        Ok(())
    }
}

/// What a body is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format<'a> {
    /// JSON of any dialect.
    Json,
    /// CSV, and whether its first line is names, where that is said.
    Csv {
        /// Whether it is.
        header: Option<bool>,
    },
    /// A row a line, in JSON.
    JsonLines,
    /// An array as NumPy saves it.
    Npy,
    /// A table as a stream of Arrow.
    Arrow,
    /// One text.
    Text,
    /// One picture.
    Picture,
    /// Texts or pictures as forms send them.
    Multipart {
        /// What stands between them.
        boundary: &'a str,
    },
}

/// What an answer is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerForm {
    /// JSON in the dialect of the question.
    Json,
    /// CSV, a row a line.
    Csv {
        /// Whether the first line is names.
        header: bool,
    },
    /// A row a line, in JSON.
    JsonLines,
    /// An array as NumPy saves it.
    Npy,
    /// A table as a stream of Arrow.
    Arrow,
}

/// Reads a body of JSON for a model.
pub fn read(
    body: &[u8],
    specification: &Specification,
    limits: &Limits,
    accepted: Accepted,
) -> Result<Question, InputError> {
    read_as(Format::Json, body, specification, limits, accepted)
}

/// Reads a body of any format for a model.
pub fn read_as(
    format: Format<'_>,
    body: &[u8],
    specification: &Specification,
    limits: &Limits,
    accepted: Accepted,
) -> Result<Question, InputError> {
    let reading = || Reading::new(&specification.inputs, limits);
    let body = match format {
        _ if accepted == Accepted::Embeddings => embeddings::read(body, specification, &reading())?,
        Format::Json => match body::read(body, &[], specification, limits) {
            Err(InputError::NotJson { message }) => {
                let readable = literals::without_nan(body).filter(|_| accepted.has_nan());
                let readable = readable.ok_or(InputError::NotJson { message })?;
                body::read(&readable, &[], specification, limits)?
            }
            read => read?,
        },
        Format::Csv { header } => Body::of(Dialect::Rows, csv::read(body, header, &reading())?),
        Format::JsonLines => Body::of(Dialect::Rows, lines::read(body, &reading())?),
        Format::Npy => Body::of(Dialect::Columns, npy::read(body, &reading())?),
        Format::Arrow => Body::of(Dialect::Rows, arrow::read(body, &reading())?),
        Format::Text | Format::Picture | Format::Multipart { .. } => {
            Body::of(Dialect::Rows, parts::read(format, body, &reading())?)
        }
    };
    question(body, specification, limits, accepted)
}

/// Reads a body of the Open Inference Protocol that has binary data behind its JSON.
///
/// `header_length` is how long the JSON is, as the header says. Without any, the body is nothing but
/// the values of the only input, and the outputs are asked for as bytes.
pub fn read_binary(
    body: &[u8],
    header_length: &str,
    specification: &Specification,
    limits: &Limits,
) -> Result<Question, InputError> {
    let (json, binary) = binary::split(body, header_length)?;
    let body = if json.is_empty() {
        let tensor = binary::raw(binary, &specification.inputs)?;
        let (limit, given) = (limits.elements, tensor.tensor.values().len());
        if given > limit {
            return Err(InputError::TooManyElements { limit });
        }
        Body::raw(tensor)
    } else {
        body::read(json, binary, specification, limits)?
    };
    question(body, specification, limits, Accepted::TensorsOnly)
}

fn question(
    body: Body,
    specification: &Specification,
    limits: &Limits,
    accepted: Accepted,
) -> Result<Question, InputError> {
    let dialect = accepted.dialect(body.dialect)?;
    let fitted = fit::fit(body.inputs, dialect, &specification.inputs, limits)?;
    let outputs = answer::asked(body.outputs, body.is_binary, &specification.outputs)?;
    Ok(Question {
        dialect,
        id: body.id,
        inputs: fitted.inputs,
        rows: fitted.rows,
        outputs,
        wishes: body.wishes,
    })
}

/// Puts tensors that are not from a request into the model's order, as strictly as a request's.
pub fn arrange(
    tensors: Vec<NamedTensor>,
    specification: &Specification,
    limits: &Limits,
) -> Result<Vec<Tensor>, InputError> {
    let fitted = fit::fit(tensors, Dialect::Tensors, &specification.inputs, limits)?;
    Ok(fitted.inputs)
}

#[cfg(test)]
mod tests;
