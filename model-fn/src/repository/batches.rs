//! Whether a model answers each row as it would alone, which is what `batching` of `model.yaml` rests on.

use super::Description;
use super::compare::{self, Tolerance};
use super::made_up::{self, FILLINGS};
use crate::engine::{Dimension, Model, Port, RunError, Specification};
use crate::tensor::Tensor;

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
    /// A run fails that succeeds for other numbers of rows.
    #[error("`model.yaml`: `batching`: a run on several rows, or on one of them, fails")]
    Run(#[source] RunError),
}

/// Sums over many values come out otherwise by some digits where more rows are computed at a time.
const ROUNDING: Tolerance = Tolerance::new(1e-3, 1e-5);

/// Compares the answers to rows together and alone: those of a sample, or made-up ones where that has no two.
///
/// Nothing is compared where a model takes no made-up value.
pub(super) fn check(
    model: &Model,
    description: &Description,
    sample: Option<&[Tensor]>,
) -> Result<(), BatchingError> {
    if description.batching.is_none() {
        return Ok(());
    }
    let specification = model.specification();
    let mut ports = specification.inputs.iter().chain(&specification.outputs);
    if let Some(port) = ports.find(|port| !has_rows(port)) {
        return Err(BatchingError::NoRows(port.name.clone()));
    }
    let is_several = |inputs: &&[Tensor]| rows(inputs) > Some(1);
    let inputs = match sample.filter(is_several) {
        Some(inputs) => Some(inputs.to_vec()),
        None => made_up(model),
    };
    match inputs.map(|inputs| compare(model, specification, &inputs)) {
        None | Some(Err(BatchingError::Run(RunError::Unfit(_)))) => Ok(()),
        Some(compared) => compared,
    }
}

fn has_rows(port: &Port) -> bool {
    match port.shape.as_deref() {
        Some([first, ..]) => !matches!(first, Dimension::Fixed(_)),
        Some([]) | None => false,
    }
}

fn rows(inputs: &[Tensor]) -> Option<usize> {
    let rows = inputs.first()?.rows()?;
    let is_same = inputs.iter().all(|input| input.rows() == Some(rows));
    is_same.then_some(rows)
}

/// Three rows, the second of which is not as the others.
fn made_up(model: &Model) -> Option<Vec<Tensor>> {
    let specification = model.specification();
    let tried = made_up::one_row(specification);
    let shapes = tried
        .iter()
        .find(|shapes| model.prepare(shapes.to_vec()).is_ok())?;
    let [ones, zeros] = FILLINGS.map(|filling| made_up::filled(specification, shapes, filling));
    let rows = ones.iter().zip(&zeros);
    rows.map(|(ones, zeros)| Tensor::stacked(&[ones, zeros, ones], 3))
        .collect()
}

fn compare(
    model: &Model,
    specification: &Specification,
    inputs: &[Tensor],
) -> Result<(), BatchingError> {
    let together = model.run(inputs.to_vec()).map_err(BatchingError::Run)?;
    let counts = vec![1; rows(inputs).unwrap_or_default()];
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
