//! Answers by row in text: CSV and JSON lines.

use super::bounded::Bounded;
use super::rows::AsRow;
use super::{Answer, AnswerError, Output};
use crate::protocol::{InputError, TableError};
use crate::tensor::{Values, volume};

/// A row a line; as in JSON.
pub(super) fn lines(answer: &Answer<'_>) -> Result<String, AnswerError> {
    let mut text = Bounded::new(answer.served.most_bytes);
    for row in 0..answer.rows {
        match answer.outputs.as_slice() {
            [output] => text.append(&output.row(row))?,
            outputs => text.append(&AsRow { outputs, row })?,
        }
        text.end_line();
    }
    Ok(text.text())
}

/// A row a line, the values of all outputs side by side; on demand, their names in a line before.
pub(super) fn csv(answer: &Answer<'_>, header: bool) -> Result<String, AnswerError> {
    let widths: Result<Vec<usize>, InputError> = answer.outputs.iter().map(width).collect();
    let columns: Vec<(&Output<'_>, usize)> = answer.outputs.iter().zip(widths?).collect();
    let mut text = String::new();
    if header {
        let names: Vec<String> = columns
            .iter()
            .flat_map(|(output, width)| names(output, *width))
            .collect();
        record(&mut text, names.iter(), |text, name| {
            push_text(text, name);
            Ok(())
        })?;
    }
    for row in 0..answer.rows {
        let places = columns.iter().flat_map(|(output, width)| {
            let start = row * width;
            (start..start + width).map(move |place| (output.tensor.values(), place))
        });
        record(&mut text, places, |text, (values, place)| {
            push_value(text, values, place)
        })?;
        answer.check_bytes(text.len())?;
    }
    Ok(text)
}

/// How many values a row has.
fn width(output: &Output<'_>) -> Result<usize, InputError> {
    match output.tensor.shape() {
        [_, values @ ..] if values.len() < 2 => Ok(volume(values).unwrap_or_default()),
        shape => Err(TableError::NoTable {
            output: output.name.to_owned(),
            given: shape.to_vec(),
        }
        .into()),
    }
}

/// What the values of a row are called.
pub(super) fn names(output: &Output<'_>, width: usize) -> Vec<String> {
    let Output { name, labels, .. } = output;
    if labels.len() == width {
        labels
            .iter()
            .map(|label| format!("{name}.{label}"))
            .collect()
    } else if width == 1 {
        vec![(*name).to_owned()]
    } else {
        (0..width).map(|place| format!("{name}.{place}")).collect()
    }
}

fn record<T>(
    text: &mut String,
    fields: impl Iterator<Item = T>,
    push: impl Fn(&mut String, T) -> Result<(), AnswerError>,
) -> Result<(), AnswerError> {
    let start = text.len();
    for (place, field) in fields.enumerate() {
        if place > 0 {
            text.push(',');
        }
        push(text, field)?;
    }
    if text.len() == start {
        // A blank line is no record for many readers, ours among them.
        text.push_str("\"\"");
    }
    text.push_str("\r\n");
    Ok(())
}

/// Numbers as in JSON, and nothing where JSON has null.
fn push_value(text: &mut String, values: &Values, place: usize) -> Result<(), AnswerError> {
    if let Values::Bytes(list) = values {
        push_text(text, list.get(place).map_or("", String::as_str));
        return Ok(());
    }
    let mut number = serde_json::Serializer::new(Vec::new());
    values.serialize_one(place, &mut number)?;
    let number = String::from_utf8(number.into_inner()).unwrap_or_default();
    if number != "null" {
        text.push_str(&number);
    }
    Ok(())
}

/// Text that is empty is quoted, to tell it from a missing value.
fn push_text(text: &mut String, field: &str) {
    let is_plain = !field.is_empty() && !field.contains([',', '"', '\r', '\n']);
    if is_plain {
        text.push_str(field);
    } else {
        text.push('"');
        text.push_str(&field.replace('"', "\"\""));
        text.push('"');
    }
}
