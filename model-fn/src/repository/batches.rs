//! Whether a model answers each row as it would alone, which is what `batching` of `model.yaml` rests on.

use super::Description;
use super::compare::{self, Tolerance};
use super::made_up;
use super::shapes::Shapes;
use crate::engine::{Dimension, Model, Port, RunError, Specification};
use crate::tensor::{self, Tensor};

/// Why requests for a model cannot run as one.
#[derive(Debug, thiserror::Error)]
pub enum BatchingError {
    /// An input or output has no axis of rows, or one of a fixed length.
    #[error("`model.yaml`: `batching` needs rows, and `{0}` has no first axis of any length")]
    NoRows(String),
    /// A row is answered otherwise among others.
    #[error(
        "`model.yaml`: `batching` is not for this model: row {row} of output `{output}` is answered otherwise when it comes with others"
    )]
    Differs {
        /// The output.
        output: String,
        /// The row, from 0.
        row: usize,
    },
    /// There is nothing to compare.
    #[error(
        "`model.yaml`: `batching` needs a sample of two rows that differ: record `example.json` or `expected.json`"
    )]
    NoSample,
    /// A run fails that succeeds for other numbers of rows.
    #[error("`model.yaml`: `batching`: a run on several rows, or on one of them, fails")]
    Run(#[source] RunError),
}

/// Sums over many values come out otherwise by some digits where more rows are computed at a time.
const ROUNDING: Tolerance = Tolerance::new(1e-3, 1e-5);

/// Compares the answers to rows together and alone: those of a sample, or made-up ones where that has no two that differ.
pub(super) fn check(
    model: &Model,
    description: &Description,
    sample: Option<Vec<Tensor>>,
) -> Result<(), BatchingError> {
    if description.batching.is_none() {
        return Ok(());
    }
    let specification = model.specification();
    let mut ports = specification.inputs.iter().chain(&specification.outputs);
    if let Some(port) = ports.find(|port| !has_rows(port)) {
        return Err(BatchingError::NoRows(port.name.clone()));
    }
    if let Some(inputs) = sample.filter(|inputs| differ(inputs)) {
        return compare(model, specification, &inputs);
    }
    let unequal = unequal(model).into_iter();
    for inputs in unequal.filter(|inputs| differ(inputs)) {
        match compare(model, specification, &inputs) {
            Err(BatchingError::Run(RunError::Unfit(_))) => {}
            compared => return compared,
        }
    }
    Err(BatchingError::NoSample)
}

/// Whether there are two rows that are not alike.
fn differ(inputs: &[Tensor]) -> bool {
    let counts = vec![1; tensor::rows(inputs).unwrap_or_default()];
    inputs.iter().any(|input| {
        let rows = input.split(&counts).unwrap_or_default();
        rows.windows(2)
            .any(|pair| matches!(pair, [one, other] if one != other))
    })
}

fn has_rows(port: &Port) -> bool {
    match port.shape.as_deref() {
        Some([first, ..]) => !matches!(first, Dimension::Fixed(_)),
        Some([]) | None => false,
    }
}

/// What rows are filled with, of which the last is much larger than the others: whoever scales by the largest value shows
/// it. Then without it, for it may be no index of a table.
const ROWS: [&[u64]; 2] = [&[1, 0, 100], &[1, 0, 1]];

fn unequal(model: &Model) -> Vec<Vec<Tensor>> {
    let specification = model.specification();
    let tried = made_up::one_row(specification);
    let is_planned = |shapes: &&Shapes| model.prepare(shapes.to_vec()).is_ok();
    let Some(shapes) = tried.iter().find(is_planned) else {
        return Vec::new();
    };
    let stacked = ROWS.map(|fillings| {
        let rows = fillings.iter();
        let rows = rows.map(|filling| made_up::filled(specification, shapes, *filling));
        let rows: Vec<Vec<Tensor>> = rows.collect();
        let inputs = (0..specification.inputs.len()).map(|place| {
            let parts: Option<Vec<&Tensor>> = rows.iter().map(|row| row.get(place)).collect();
            Tensor::stacked(&parts?, fillings.len())
        });
        inputs.collect::<Option<Vec<Tensor>>>()
    });
    stacked.into_iter().flatten().collect()
}

fn compare(
    model: &Model,
    specification: &Specification,
    inputs: &[Tensor],
) -> Result<(), BatchingError> {
    let together = model.run(inputs.to_vec()).map_err(BatchingError::Run)?;
    let counts = vec![1; tensor::rows(inputs).unwrap_or_default()];
    let apart = |tensors: &[Tensor]| -> Option<Vec<Vec<Tensor>>> {
        tensors.iter().map(|tensor| tensor.split(&counts)).collect()
    };
    let inputs = apart(inputs).unwrap_or_default();
    for row in 0..counts.len() {
        let of_row = |tensors: &Vec<Tensor>| tensors.get(row).cloned();
        let input: Vec<Tensor> = inputs.iter().filter_map(of_row).collect();
        let alone = model.run(input).map_err(BatchingError::Run)?;
        for ((port, alone), together) in specification.outputs.iter().zip(&alone).zip(&together) {
            let part = together.split(&counts).and_then(|parts| of_row(&parts));
            let is_same = part.is_some_and(|part| {
                together.rows() == Some(counts.len())
                    && compare::difference(&part, alone, ROUNDING).is_none()
            });
            if !is_same {
                let output = port.name.clone();
                return Err(BatchingError::Differs { output, row });
            }
        }
    }
    Ok(())
}
