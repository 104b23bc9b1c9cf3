//! Whether a model answers as it must, before anybody asks it.
//!
//! Recorded answers of the reference runtime are compared where they are there. Otherwise the
//! example is run, or inputs made up from the specification: one row, then several. Of these
//! the answer's form is checked.

mod names;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Description;
use super::batches::{self, BatchingError};
use super::compare::{self, Difference, Tolerance};
use super::made_up::{self, FILLINGS, Lengths};
use super::shapes::{self, Shapes, ShapesError};
use crate::engine::{Dimension, Model, Port, RunError};
use crate::pipeline::{Given, Pipeline, StepsError};
use crate::protocol::{self, Accepted, Format, InputError, Limits, NamedTensor, StepParameters};
use crate::tensor::{self, Tensor};

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
    /// The steps fail on what is recorded.
    #[error("{0}")]
    Steps(&'static str, #[source] StepsError),
    /// The `shapes` of `model.yaml` do not fit.
    #[error("`model.yaml`")]
    Shapes(#[from] ShapesError),
    /// Requests cannot run as one.
    #[error(transparent)]
    Batching(#[from] BatchingError),
    /// A plan for them cannot be made.
    #[error("`model.yaml`: `shapes`, entry {0}")]
    Prepare(usize, #[source] RunError),
    /// The model cannot be run on inputs of any shapes that were tried.
    #[error("{UNSHAPED}")]
    Unshaped(#[source] RunError),
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
    /// The tokenizer is another model's.
    #[error(
        "`text.tokenizer` of `model.yaml`: the model fails on the last of its {words} words: is it another model's?"
    )]
    Tokens {
        /// How many words it has.
        words: usize,
        /// How it fails.
        source: RunError,
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
    /// There is no row that `columns` could be of.
    #[error(
        "`model.yaml`: `columns` names the values in a row of the only input, and there are {0} inputs"
    )]
    ColumnsOfSeveral(usize),
    /// A column has the name of another.
    #[error("`model.yaml`: `columns` has `{0}` twice")]
    ColumnTwice(String),
    /// `columns` are others than those of the file, or in another order.
    #[error("`model.yaml`: `columns` differs from the names that the file has: leave it out")]
    ColumnsDiffer,
    /// `columns` are of an input whose rows are no rows of values.
    #[error("`model.yaml`: `columns` names the values in a row, and the input has {0} axes, not 2")]
    ColumnsOfAxes(usize),
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
/// What to do about a model whose inputs are of lengths that nobody can guess.
const UNSHAPED: &str =
    "no run at the start: name the lengths that it takes by `shapes` in `model.yaml`";
/// What a model is run on, in words.
const EXAMPLE: &str = "`example.json`";
const EXPECTED: &str = "`expected.json`";
const TOKENIZER: &str = "`tokenizer.json`";
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

/// What a model that is served has shown.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// Its last answer; nothing where it was not run.
    pub(super) outputs: Vec<Tensor>,
    /// Inputs that it takes, if they are few: those of its example before others.
    pub(super) example: Option<Vec<Tensor>>,
    /// Real inputs, of the last case or the example, where there are any.
    sample: Option<Vec<Tensor>>,
}

/// Values in all inputs of an example: it is for people to read, and kept as long as its model is.
const MOST_OF_EXAMPLE: usize = 1024;

/// The same in bytes, for what is long.
const MOST_BYTES_OF_EXAMPLE: usize = 1 << 16;

/// Runs a model once at least, and compares what can be compared.
pub(super) fn check(
    pipeline: &Pipeline,
    description: &Description,
    recorded: Recorded<'_>,
    limits: &Limits,
) -> Result<Passed, CheckError> {
    let model = pipeline.model();
    names::check_columns(model, description)?;
    let shapes = shapes::of(description, model.specification(), limits)?;
    let example = recorded
        .example
        .map(|text| Example::read(pipeline, text, limits));
    let example = example.transpose()?;
    let of_file = example.as_ref().and_then(|example| example.shown.clone());
    let mut passed = match (recorded.expected, example) {
        (Some(text), _) => check_expected(pipeline, &Expected::read(text)?)?,
        (None, Some(Example { inputs, .. })) => {
            let sample = inputs.clone();
            let passed = check_form(model, inputs, EXAMPLE)?;
            let mask = pipeline.mask(&sample);
            let seen = pipeline.seen(
                passed.outputs.clone(),
                mask.as_ref(),
                &StepParameters::default(),
            );
            seen.map_err(|source| CheckError::Steps(EXAMPLE, source))?;
            Passed {
                sample: Some(sample),
                ..passed
            }
        }
        (None, None) => check_synthetic(model, shapes.first(), limits)?,
    };
    let last = pipeline.last_token();
    if let Some(last) = last.map_err(|source| CheckError::Steps(TOKENIZER, source))? {
        let words = last.words;
        let ran = model.run(last.inputs);
        ran.map_err(|source| CheckError::Tokens { words, source })?;
    }
    // What is made up is of the model's own tensors.
    passed.example = of_file.or(passed.example.filter(|_| !pipeline.has_inputs()));
    batches::check(model, description, passed.sample.take())?;
    names::check_labels(model, description, &passed.outputs)?;
    // The first one last, so that it is among the plans that are kept.
    for (entry, shapes) in shapes.into_iter().enumerate().rev() {
        let plan = model.prepare(shapes);
        plan.map_err(|source| CheckError::Prepare(entry, source))?;
    }
    Ok(passed)
}

/// What `example.json` holds.
struct Example {
    /// Inputs of the model.
    inputs: Vec<Tensor>,
    /// The inputs that callers see, if they are few.
    shown: Option<Vec<Tensor>>,
}

impl Example {
    fn read(pipeline: &Pipeline, text: &str, limits: &Limits) -> Result<Self, CheckError> {
        let read = pipeline.read(Format::Json, text.as_bytes(), limits, Accepted::Any);
        let (question, given) = read.map_err(CheckError::Example)?;
        let is_shown = given == Given::Declared || !pipeline.has_inputs();
        let shown = few(&question.inputs).filter(|_| is_shown);
        let wishes = pipeline.wishes(&question).map_err(CheckError::Example)?;
        let made = pipeline.made(given, question.inputs, &wishes, limits.elements);
        let made = made.map_err(|source| CheckError::Steps(EXAMPLE, source))?;
        Ok(Self {
            inputs: made.inputs,
            shown,
        })
    }
}

/// The same inputs, if they are few enough for an example.
fn few(inputs: &[Tensor]) -> Option<Vec<Tensor>> {
    let values: usize = inputs.iter().map(|input| input.values().len()).sum();
    let bytes: usize = inputs.iter().map(|input| input.values().byte_count()).sum();
    (values <= MOST_OF_EXAMPLE && bytes <= MOST_BYTES_OF_EXAMPLE).then(|| inputs.to_vec())
}

/// Compares a model's answers with the recorded ones of `expected.json`; how many cases agree, if all do.
pub fn verify(model: &Pipeline, expected: &str) -> Result<usize, CheckError> {
    let expected = Expected::read(expected)?;
    check_expected(model, &expected).map(|_| expected.cases.len())
}

impl Expected {
    fn read(text: &str) -> Result<Self, CheckError> {
        serde_json::from_str(text).map_err(CheckError::Unreadable)
    }
}

fn check_expected(model: &Pipeline, expected: &Expected) -> Result<Passed, CheckError> {
    let mut last = Err(CheckError::NoCases);
    for (index, case) in expected.cases.iter().enumerate() {
        let passed = check_case(model, expected.tolerance, index, case)?;
        // One of several rows tells more than the last one.
        let sample = last.ok().and_then(|last: Passed| last.sample);
        let sample = sample.filter(|sample| tensor::rows(sample) > Some(1));
        last = Ok(Passed {
            sample: sample.or(passed.sample),
            ..passed
        });
    }
    last
}

/// Records are the operator's own: no limit but memory's.
const UNLIMITED: Limits = Limits {
    body_bytes: usize::MAX,
    decoded_bytes: usize::MAX,
    reply_bytes: usize::MAX,
    rows: usize::MAX,
    elements: usize::MAX,
    text_bytes: usize::MAX,
    depth: Limits::DEEPEST,
};

fn check_case(
    model: &Pipeline,
    tolerance: Tolerance,
    case: usize,
    recorded: &Case,
) -> Result<Passed, CheckError> {
    let wrong = |source| CheckError::Case { case, source };
    let tensor = |text: &RawValue| protocol::named_tensor(text.get(), &UNLIMITED);
    let tensors = |texts: &[Box<RawValue>]| -> Result<Vec<_>, _> {
        texts.iter().map(|text| tensor(text)).collect()
    };
    let inputs = tensors(&recorded.inputs).map_err(wrong)?;
    let (inputs, given) = model.arrange(&inputs, &UNLIMITED).map_err(wrong)?;
    let example = few(&inputs);
    let wishes = StepParameters::default();
    let failed = |source| CheckError::Steps(EXPECTED, source);
    let made = model
        .made(given, inputs, &wishes, UNLIMITED.elements)
        .map_err(failed)?;
    let sample = Some(made.inputs.clone());
    let mask = model.mask(&made.inputs);
    let outputs = model.run(made.inputs).map_err(CheckError::Run)?;
    let seen = model
        .seen(outputs.clone(), mask.as_ref(), &wishes)
        .map_err(failed)?;
    for NamedTensor {
        name: output,
        tensor: expected,
    } in tensors(&recorded.outputs).map_err(wrong)?
    {
        // Answers of the reference runtime are of the model itself; others may be recorded of what callers see.
        let of = |ports: &[Port]| ports.iter().position(|port| port.name == output);
        let own = of(&model.model().specification().outputs);
        let own = own.and_then(|place| outputs.get(place));
        let declared = of(&model.specification().outputs);
        let declared = declared.and_then(|place| seen.get(place));
        let first = if given == Given::Declared {
            declared.or(own)
        } else {
            own.or(declared)
        };
        let difference = match first {
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
    Ok(Passed {
        outputs,
        example,
        sample,
    })
}

/// Answers nothing for a model that takes no made-up value: it has been planned, and names of cities or the like
/// cannot be guessed. Only lengths that cannot be planned make others be tried.
fn check_synthetic(
    model: &Model,
    named: Option<&Shapes>,
    limits: &Limits,
) -> Result<Passed, CheckError> {
    if let Some(shapes) = named {
        let checked = check_filled(model, shapes)?;
        return Ok(checked.map(|(passed, _)| passed).unwrap_or_default());
    }
    let mut unshaped = None;
    for shapes in made_up::one_row(model.specification()) {
        let shapes = shapes::within(shapes, limits)?;
        match check_filled(model, &shapes) {
            Err(CheckError::Run(error @ RunError::Shapes(_))) => {
                unshaped.get_or_insert(error);
            }
            Err(error) => return Err(error),
            Ok(None) => return Ok(Passed::default()),
            Ok(Some((passed, filling))) => {
                check_several(model, filling)?;
                return Ok(passed);
            }
        }
    }
    match unshaped {
        Some(error) => Err(CheckError::Unshaped(error)),
        None => Ok(Passed::default()),
    }
}

/// The answers to inputs of these shapes, and what they were filled with.
fn check_filled(model: &Model, shapes: &Shapes) -> Result<Option<(Passed, u64)>, CheckError> {
    // Before there are any inputs, which may be large.
    model.prepare(shapes.clone()).map_err(CheckError::Run)?;
    let run = |filling| {
        let inputs = made_up::filled(model.specification(), shapes, filling);
        check_form(model, inputs, ONE).map(|passed| Some((passed, filling)))
    };
    let [ones, zeros] = FILLINGS;
    match run(ones) {
        Err(CheckError::Run(RunError::Unfit(_))) => match run(zeros) {
            Err(CheckError::Run(RunError::Unfit(_))) => Ok(None),
            other => other,
        },
        Err(error) => run(zeros).map_err(|_| error),
        answered => answered,
    }
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
    let shapes = Lengths::SEVERAL.of(model.specification());
    if model.prepare(shapes.clone()).is_err() {
        return Ok(());
    }
    let inputs = made_up::filled(model.specification(), &shapes, filling);
    match check_form(model, inputs, SEVERAL) {
        Err(CheckError::Run(RunError::Unfit(_))) => Ok(()),
        Err(CheckError::Run(_)) if ports.len() > 1 => Ok(()),
        Err(CheckError::Run(source)) => Err(CheckError::Several(source)),
        Err(CheckError::Form {
            difference: Difference::NotFinite(_),
            ..
        }) => Ok(()),
        checked => checked.map(drop),
    }
}

fn check_form(
    model: &Model,
    inputs: Vec<Tensor>,
    input: &'static str,
) -> Result<Passed, CheckError> {
    let specification = model.specification();
    let named = named_lengths(&specification.inputs, &inputs);
    let example = few(&inputs);
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
    Ok(Passed {
        outputs,
        example,
        sample: None,
    })
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
