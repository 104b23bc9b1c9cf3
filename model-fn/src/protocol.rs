//! What bodies mean: from JSON to the inputs of a model, and from its outputs to JSON.
//!
//! One pass reads a body straight into the buffers of the inputs; there is no tree of JSON values
//! in between. The dialect of the question is the dialect of the answer. Routes, headers and
//! statuses are left to the edge.

mod answer;
mod binary;
mod body;
mod classes;
mod error;
mod fit;
mod inputs;
mod limits;
mod named;
mod nested;
mod parameters;
mod reading;
mod rows;

use crate::engine::Specification;
use crate::tensor::Tensor;

pub use answer::{AnswerError, Served, Written, write};
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
    /// The outputs asked for; all, in JSON, where nothing is said.
    pub outputs: Option<Vec<Asked>>,
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

/// Reads a body for a model.
pub fn read(
    body: &[u8],
    specification: &Specification,
    limits: &Limits,
    accepted: Accepted,
) -> Result<Question, InputError> {
    let mut body = body::read(body, &[], specification, limits)?;
    body.dialect = accepted.dialect(body.dialect)?;
    question(body, specification, limits)
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
        body::Body::raw(tensor)
    } else {
        body::read(json, binary, specification, limits)?
    };
    if body.dialect == Dialect::Tensors {
        question(body, specification, limits)
    } else {
        Err(InputError::NotTensors)
    }
}

fn question(
    body: body::Body,
    specification: &Specification,
    limits: &Limits,
) -> Result<Question, InputError> {
    let fitted = fit::fit(body.inputs, body.dialect, &specification.inputs, limits)?;
    let outputs = answer::asked(body.outputs, body.is_binary, &specification.outputs)?;
    Ok(Question {
        dialect: body.dialect,
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
