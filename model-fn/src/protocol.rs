//! What bodies mean: from JSON to the inputs of a model, and from its outputs to JSON.
//!
//! One pass reads a body straight into the buffers of the inputs; there is no tree of JSON values
//! in between. The dialect of the question is the dialect of the answer. Routes, headers and
//! statuses are left to the edge.

mod answer;
mod body;
mod columns;
mod csv;
mod error;
mod fit;
mod frame;
mod inputs;
mod limits;
mod lines;
mod named;
mod nested;
mod reading;
mod rows;
mod table;

use crate::engine::Specification;
use crate::tensor::Tensor;
use body::Body;
use reading::Reading;

pub use answer::{AnswerError, Served, write, write_as};
pub use error::InputError;
pub use limits::Limits;
pub use named::{NamedTensor, named_tensor};

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
}

impl Dialect {
    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tensors => "tensors",
            Self::Rows => "rows",
            Self::Columns | Self::Invoked => "columns",
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
}

impl Accepted {
    /// The dialect of the answer to a body of this one, if it is taken.
    fn dialect(self, body: Dialect) -> Result<Dialect, InputError> {
        let is_tensors = body == Dialect::Tensors;
        match self {
            Self::TensorsOnly if !is_tensors => Err(InputError::NotTensors),
            Self::Serving if is_tensors => Err(InputError::NotValues),
            Self::Invocations if body == Dialect::Columns => Ok(Dialect::Invoked),
            Self::Any | Self::TensorsOnly | Self::Serving | Self::Invocations => Ok(body),
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
    /// The places of the outputs asked for; all where nothing is said.
    pub outputs: Option<Vec<usize>>,
}

/// What a body is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON of any dialect.
    Json,
    /// CSV, and whether its first line is names, where that is said.
    Csv {
        /// Whether it is.
        header: Option<bool>,
    },
    /// A row a line, in JSON.
    JsonLines,
}

/// What an answer is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON in the dialect of the question.
    Json,
    /// CSV, a row a line.
    Csv {
        /// Whether the first line is names.
        header: bool,
    },
    /// A row a line, in JSON.
    JsonLines,
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
    format: Format,
    body: &[u8],
    specification: &Specification,
    limits: &Limits,
    accepted: Accepted,
) -> Result<Question, InputError> {
    let reading = || Reading::new(&specification.inputs, limits);
    let body = match format {
        Format::Json => body::read(body, specification, limits)?,
        Format::Csv { header } => Body::of(Dialect::Rows, csv::read(body, header, &reading())?),
        Format::JsonLines => Body::of(Dialect::Rows, lines::read(body, &reading())?),
    };
    let dialect = accepted.dialect(body.dialect)?;
    let fitted = fit::fit(body.inputs, dialect, &specification.inputs, limits)?;
    let outputs = body
        .outputs
        .map(|names| answer::places(&names, &specification.outputs))
        .transpose()?;
    Ok(Question {
        dialect,
        id: body.id,
        inputs: fitted.inputs,
        rows: fitted.rows,
        outputs,
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
