//! Whether a model answers as it must, before anybody asks it.
//!
//! Recorded answers of the reference runtime are compared where they are there. Otherwise the
//! example is run, or a row made up from the specification, and the answer's form is checked.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Description;
use super::compare::{self, Difference, Tolerance};
use crate::engine::{Dimension, Model, Port, RunError};
use crate::protocol::{self, Accepted, InputError, Limits, NamedTensor};
use crate::tensor::{Tensor, Values, volume};

/// Why a loaded model is not served.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// `expected.json` is not what it should be.
    #[error("`expected.json` cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// It records nothing.
    #[error("`expected.json` has no cases")]
    NoCases,
    /// A recorded input or output is wrong in itself, or does not fit.
    #[error("`expected.json`, case {case}")]
    Case {
        /// The place of the case.
        case: usize,
        /// Why.
        source: InputError,
    },
    /// The model does not answer what is recorded.
    #[error("`expected.json`, case {case}: output `{output}` {difference}")]
    Differs {
        /// The place of the case.
        case: usize,
        /// The output.
        output: String,
        /// In what.
        difference: Difference,
    },
    /// `example.json` is refused, as it would be for a caller.
    #[error("`example.json` does not fit")]
    Example(#[source] InputError),
    /// The model fails.
    #[error("a run at the start fails")]
    Run(#[source] RunError),
    /// An output is not what the file declares.
    #[error("a run at the start: output `{output}` {difference}")]
    Form {
        /// The output.
        output: String,
        /// In what.
        difference: Difference,
    },
    /// `columns` are not as many as the values in a row.
    #[error("`model.yaml`: {given} columns, where a row has {expected} values")]
    Columns {
        /// How many values a row has.
        expected: usize,
        /// How many columns are named.
        given: usize,
    },
}

/// What is recorded of a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recorded<'a> {
    pub(super) expected: Option<&'a str>,
    pub(super) example: Option<&'a str>,
}

/// What the reference runtime answered; which runtime and script it was is for people.
#[derive(Deserialize)]
struct Expected {
    tolerance: Tolerance,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    inputs: Vec<Box<RawValue>>,
    outputs: Vec<Box<RawValue>>,
}

/// Runs a model once at least, compares what can be compared, and gives its last answer.
pub(super) fn check(
    model: &Model,
    description: &Description,
    recorded: Recorded<'_>,
    limits: &Limits,
) -> Result<Vec<Tensor>, CheckError> {
    check_columns(model, description)?;
    let example = recorded.example.map(|text| {
        let question = protocol::read(
            text.as_bytes(),
            model.specification(),
            limits,
            Accepted::Any,
        );
        question.map_err(CheckError::Example)
    });
    let example = example.transpose()?;
    match (recorded.expected, example) {
        (Some(text), _) => check_expected(model, text),
        (None, Some(question)) => check_form(model, question.inputs),
        (None, None) => check_synthetic(model),
    }
}

fn check_columns(model: &Model, description: &Description) -> Result<(), CheckError> {
    let given = description.columns.len();
    let [
        Port {
            shape: Some(axes), ..
        },
    ] = model.specification().inputs.as_slice()
    else {
        return Ok(());
    };
    match axes.last() {
        Some(Dimension::Fixed(expected)) if given > 0 && given != *expected => {
            Err(CheckError::Columns {
                expected: *expected,
                given,
            })
        }
        Some(Dimension::Fixed(_) | Dimension::Named(_) | Dimension::Any) | None => Ok(()),
    }
}

fn check_expected(model: &Model, text: &str) -> Result<Vec<Tensor>, CheckError> {
    let expected: Expected = serde_json::from_str(text).map_err(CheckError::Unreadable)?;
    let mut last = Err(CheckError::NoCases);
    for (index, case) in expected.cases.iter().enumerate() {
        last = Ok(check_case(model, expected.tolerance, index, case)?);
    }
    last
}

/// Records are the operator's own: no limit but memory's.
const UNLIMITED: Limits = Limits {
    body_bytes: usize::MAX,
    reply_bytes: usize::MAX,
    rows: usize::MAX,
    elements: usize::MAX,
    depth: Limits::DEEPEST,
};

fn check_case(
    model: &Model,
    tolerance: Tolerance,
    case: usize,
    recorded: &Case,
) -> Result<Vec<Tensor>, CheckError> {
    let wrong = |source| CheckError::Case { case, source };
    let tensor = |text: &RawValue| protocol::named_tensor(text.get(), &UNLIMITED);
    let tensors = |texts: &[Box<RawValue>]| -> Result<Vec<_>, _> {
        texts.iter().map(|text| tensor(text)).collect()
    };
    let specification = model.specification();
    let inputs = tensors(&recorded.inputs).map_err(wrong)?;
    let inputs = protocol::arrange(inputs, specification, &UNLIMITED).map_err(wrong)?;
    let outputs = model.run(inputs).map_err(CheckError::Run)?;
    for NamedTensor {
        name: output,
        tensor: expected,
    } in tensors(&recorded.outputs).map_err(wrong)?
    {
        let place = specification
            .outputs
            .iter()
            .position(|port| port.name == output);
        let difference = match place.and_then(|place| outputs.get(place)) {
            Some(given) => compare::difference(given, &expected, tolerance),
            None => Some(Difference::Missing),
        };
        if let Some(difference) = difference {
            return Err(CheckError::Differs {
                case,
                output,
                difference,
            });
        }
    }
    Ok(outputs)
}

/// Ones, as a mask that hides nothing needs them; then zeros, the one index that every table has.
const FILLINGS: [u64; 2] = [1, 0];

fn check_synthetic(model: &Model) -> Result<Vec<Tensor>, CheckError> {
    let ports = &model.specification().inputs;
    let [ones, zeros] =
        FILLINGS.map(|filling| ports.iter().map(|port| synthetic(port, filling)).collect());
    check_form(model, ones).or_else(|error| check_form(model, zeros).map_err(|_| error))
}

/// One row: every axis that is open is one long.
fn synthetic(port: &Port, filling: u64) -> Tensor {
    let length = |dimension: &Dimension| match dimension {
        Dimension::Fixed(length) => *length,
        Dimension::Named(_) | Dimension::Any => 1,
    };
    let shape: Vec<usize> = port.shape.iter().flatten().map(length).collect();
    let values = Values::filled(port.datatype, filling, volume(&shape).unwrap_or_default());
    Tensor::new(shape, values.clone()).unwrap_or_else(|_| Tensor::flat(values))
}

fn check_form(model: &Model, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, CheckError> {
    let outputs = model.run(inputs).map_err(CheckError::Run)?;
    for (port, output) in model.specification().outputs.iter().zip(&outputs) {
        if let Some(difference) = compare::form(port, output) {
            return Err(CheckError::Form {
                output: port.name.clone(),
                difference,
            });
        }
    }
    Ok(outputs)
}
