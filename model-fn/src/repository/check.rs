//! Whether a model answers as it must, before anybody asks it.
//!
//! Recorded answers of the reference runtime are compared where they are there. Otherwise the
//! example is run, or inputs made up from the specification: one row, then several. Of these
//! the answer's form is checked.

use std::collections::BTreeMap;

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
    /// The model fails where its open axes are longer than one.
    #[error("a run at the start on {SEVERAL} fails; {RECORD}")]
    Several(#[source] RunError),
    /// An output is not what the file declares.
    #[error("a run at the start on {input}: output `{output}` {difference}; {RECORD}")]
    Form {
        /// What the model was run on.
        input: &'static str,
        /// The output.
        output: String,
        /// In what.
        difference: Difference,
    },
    /// `labels` are not as many as the classes.
    #[error("`model.yaml`: {given} `labels`, where output `{output}` has {expected} classes")]
    Labels {
        /// The output with a score for each class.
        output: String,
        /// How many classes it has.
        expected: usize,
        /// How many labels there are.
        given: usize,
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

/// What to do about a model that is right and does not pass the check of its form.
const RECORD: &str = "if that is right, record `expected.json`: see models/README.md";
/// What a model is run on, in words.
const EXAMPLE: &str = "`example.json`";
const ONE: &str = "a made-up input";
const SEVERAL: &str = "a made-up input of several rows";

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
    let outputs = match (recorded.expected, example) {
        (Some(text), _) => check_expected(model, &Expected::read(text)?)?,
        (None, Some(question)) => check_form(model, question.inputs, EXAMPLE)?,
        (None, None) => check_synthetic(model)?,
    };
    check_labels(model, description, &outputs)?;
    Ok(outputs)
}

/// Labels are as many as the scores of a row, where there is an output of such scores.
///
/// A single score may tell two classes apart.
fn check_labels(
    model: &Model,
    description: &Description,
    outputs: &[Tensor],
) -> Result<(), CheckError> {
    let given = description.labels.len();
    let scores = |(port, output): (&Port, &Tensor)| match (output.values(), output.shape()) {
        (Values::Fp16(_) | Values::Fp32(_) | Values::Fp64(_), [_, classes]) => {
            Some((port.name.clone(), *classes))
        }
        _ => None,
    };
    let ports = model.specification().outputs.iter();
    let scores: Vec<(String, usize)> = ports.zip(outputs).filter_map(scores).collect();
    let fits = |classes: usize| classes == given || (classes, given) == (1, 2);
    if given == 0 || scores.iter().any(|(_, classes)| fits(*classes)) {
        return Ok(());
    }
    match scores.into_iter().next() {
        Some((output, expected)) => Err(CheckError::Labels {
            output,
            expected,
            given,
        }),
        None => Ok(()),
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

/// Compares a model's answers with the recorded ones of `expected.json`; how many cases agree, if all do.
pub fn verify(model: &Model, expected: &str) -> Result<usize, CheckError> {
    let expected = Expected::read(expected)?;
    check_expected(model, &expected).map(|_| expected.cases.len())
}

impl Expected {
    fn read(text: &str) -> Result<Self, CheckError> {
        serde_json::from_str(text).map_err(CheckError::Unreadable)
    }
}

fn check_expected(model: &Model, expected: &Expected) -> Result<Vec<Tensor>, CheckError> {
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

/// How long the open axes of made-up inputs are.
#[derive(Debug, Clone, Copy)]
struct Lengths {
    first: usize,
    others: usize,
}

impl Lengths {
    /// One row of everything.
    const ONE: Self = Self {
        first: 1,
        others: 1,
    };
    /// Two rows, and what is neither one nor two on the other axes.
    const SEVERAL: Self = Self {
        first: 2,
        others: 3,
    };
}

/// Inputs of this many rows for runs that tell nothing but how long they take; where a model does not take the
/// first, it may take the second.
pub fn made_up(model: &Model, rows: usize) -> [Vec<Tensor>; 2] {
    let lengths = Lengths {
        first: rows,
        ..Lengths::ONE
    };
    FILLINGS.map(|filling| filled(model, filling, lengths))
}

/// Answers nothing for a model that takes no made-up value: it has been planned, and names of cities or the like
/// cannot be guessed.
fn check_synthetic(model: &Model) -> Result<Vec<Tensor>, CheckError> {
    let run = |filling| check_form(model, filled(model, filling, Lengths::ONE), ONE);
    let [ones, zeros] = FILLINGS;
    let (filling, outputs) = match run(ones) {
        Ok(outputs) => (ones, outputs),
        Err(CheckError::Run(RunError::Unfit(_))) => match run(zeros) {
            Err(CheckError::Run(RunError::Unfit(_))) => return Ok(Vec::new()),
            other => (zeros, other?),
        },
        Err(error) => (zeros, run(zeros).map_err(|_| error)?),
    };
    check_several(model, filling)?;
    Ok(outputs)
}

/// Logic that is wrong about shapes is often right where all are one long.
///
/// A model that cannot be planned for these lengths may be made for others, and is served: its
/// callers are told. So is one that takes several inputs and fails: they may not fit each other.
/// So is one that takes no made-up value. One that fails on a single input, or answers in a shape it does not declare, would do so to
/// callers. What is not finite is no matter here: one row was.
fn check_several(model: &Model, filling: u64) -> Result<(), CheckError> {
    let ports = &model.specification().inputs;
    let is_open = |axis: &Dimension| !matches!(axis, Dimension::Fixed(_));
    if !ports
        .iter()
        .flat_map(|port| &port.shape)
        .flatten()
        .any(is_open)
    {
        return Ok(());
    }
    let inputs = filled(model, filling, Lengths::SEVERAL);
    match check_form(model, inputs, SEVERAL) {
        Err(CheckError::Run(RunError::Shapes(_) | RunError::Unfit(_))) => Ok(()),
        Err(CheckError::Run(_)) if ports.len() > 1 => Ok(()),
        Err(CheckError::Run(source)) => Err(CheckError::Several(source)),
        Err(CheckError::Form {
            difference: Difference::NotFinite(_),
            ..
        }) => Ok(()),
        checked => checked.map(drop),
    }
}

/// Inputs of one value all over; axes of one name are of one length.
fn filled(model: &Model, filling: u64, lengths: Lengths) -> Vec<Tensor> {
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    let mut made_up = Vec::new();
    for port in &model.specification().inputs {
        let open = |place: usize| {
            if place == 0 {
                lengths.first
            } else {
                lengths.others
            }
        };
        let axes = port.shape.iter().flatten().enumerate();
        let shape: Vec<usize> = axes
            .map(|(place, axis)| match axis {
                Dimension::Fixed(length) => *length,
                Dimension::Named(name) => *named.entry(name).or_insert(open(place)),
                Dimension::Any => open(place),
            })
            .collect();
        let values = Values::filled(port.datatype, filling, volume(&shape).unwrap_or_default());
        let tensor = Tensor::new(shape, values.clone());
        made_up.push(tensor.unwrap_or_else(|_| Tensor::flat(values)));
    }
    made_up
}

fn check_form(
    model: &Model,
    inputs: Vec<Tensor>,
    input: &'static str,
) -> Result<Vec<Tensor>, CheckError> {
    let specification = model.specification();
    let named = named_lengths(&specification.inputs, &inputs);
    let outputs = model.run(inputs).map_err(CheckError::Run)?;
    for (port, output) in specification.outputs.iter().zip(&outputs) {
        if let Some(difference) = compare::form(port, output, &named) {
            return Err(CheckError::Form {
                input,
                output: port.name.clone(),
                difference,
            });
        }
    }
    Ok(outputs)
}

/// How long the named axes of the inputs are.
fn named_lengths<'a>(ports: &'a [Port], inputs: &[Tensor]) -> BTreeMap<&'a str, usize> {
    let axes = ports.iter().zip(inputs).flat_map(|(port, input)| {
        let axes = port.shape.iter().flatten();
        axes.zip(input.shape().to_vec())
    });
    let named = |(axis, length): (&'a Dimension, usize)| match axis {
        Dimension::Named(name) => Some((name.as_str(), length)),
        Dimension::Fixed(_) | Dimension::Any => None,
    };
    axes.filter_map(named).collect()
}
