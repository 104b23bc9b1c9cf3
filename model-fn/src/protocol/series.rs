//! Tensors that are the columns of a data frame, as MLServer's codec for pandas sends them: the request's `content_type` is `pd`.

use super::columns::{Layout, MOST_SERIES};
use super::fit::widened;
use super::named::NamedTensor;
use super::reading::Reading;
use super::table::Table;
use super::{InputError, TableError};
use crate::tensor::Tensor;

/// Puts columns where the model has them, by name. What is an input of the model already stays as it is.
pub(super) fn inputs<'a>(
    series: Vec<NamedTensor>,
    reading: &'a Reading<'a>,
) -> Result<Vec<NamedTensor>, InputError> {
    if let ([one], [port]) = (series.as_slice(), reading.ports)
        && one.name == port.name
        && values(&one.tensor).is_none()
    {
        return Ok(series);
    }
    // Those behind have been passed over.
    if series.len() > MOST_SERIES {
        let limit = MOST_SERIES;
        return Err(InputError::TooManyElements { limit });
    }
    let names: Vec<String> = series.iter().map(|column| column.name.clone()).collect();
    let mut table = Table::new(reading, Layout::named(reading, &names)?)?;
    let rows = series.first().and_then(|column| values(&column.tensor));
    let rows = rows.unwrap_or_default();
    for column in &series {
        check(column, rows)?;
    }
    for row in 0..rows {
        table.begin_row()?;
        for column in &series {
            let scalar = column.tensor.values().scalar(row);
            match (table.cell(), scalar) {
                (Some(cell), Some(scalar)) => cell.push(scalar)?,
                (_, _) => return Err(table.overfull()),
            }
            table.end_cell();
        }
        table.end_row()?;
    }
    let inputs = table.finish()?.into_iter().zip(reading.ports);
    let inputs = inputs.map(|(NamedTensor { name, tensor }, port)| NamedTensor {
        name,
        tensor: widened(port, tensor),
    });
    Ok(inputs.collect())
}

fn check(column: &NamedTensor, rows: usize) -> Result<(), InputError> {
    match values(&column.tensor) {
        Some(values) if values == rows => Ok(()),
        Some(_) | None => Err(TableError::Series {
            column: column.name.clone(),
            expected: rows,
            given: column.tensor.shape().to_vec(),
        }
        .into()),
    }
}

/// How many values a column has, if it is one.
fn values(tensor: &Tensor) -> Option<usize> {
    match tensor.shape() {
        [values] | [values, 1] => Some(*values),
        _ => None,
    }
}
