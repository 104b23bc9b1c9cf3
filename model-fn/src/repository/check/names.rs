//! Whether the labels and columns that `model.yaml` names are those of the model.

use std::collections::BTreeSet;

use super::CheckError;
use crate::engine::{Dimension, Model, Port};
use crate::repository::Description;
use crate::tensor::{Tensor, Values};

/// Labels are as many as the scores of a row, where there is an output of such scores.
///
/// A single score may tell two classes apart.
pub(super) fn check_labels(
    model: &Model,
    description: &Description,
    outputs: &[Tensor],
) -> Result<(), CheckError> {
    let given = description.labels.len();
    let scores = |(port, output): (&Port, &Tensor)| match (output.values(), output.shape()) {
        (Values::Fp16(_) | Values::Bf16(_) | Values::Fp32(_) | Values::Fp64(_), [_, classes]) => {
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

pub(super) fn check_columns(model: &Model, description: &Description) -> Result<(), CheckError> {
    let columns = &description.columns;
    let given = columns.len();
    let mut seen = BTreeSet::new();
    if let Some(twice) = columns.iter().find(|name| !seen.insert(*name)) {
        return Err(CheckError::ColumnTwice(twice.clone()));
    }
    if given == 0 {
        return Ok(());
    }
    let [port] = model.specification().inputs.as_slice() else {
        let inputs = model.specification().inputs.len();
        return Err(CheckError::ColumnsOfSeveral(inputs));
    };
    match port.shape.as_deref() {
        Some([_, Dimension::Fixed(expected)]) if given != *expected => Err(CheckError::Columns {
            expected: *expected,
            given,
        }),
        Some([_, _]) | None if port.labels != *columns => Err(CheckError::ColumnsDiffer),
        Some([_, _]) | None => Ok(()),
        Some(axes) => Err(CheckError::ColumnsOfAxes(axes.len())),
    }
}
