//! npy: one array, as NumPy saves it, for a model of one input.
//!
//! Versions 1 to 3 of the format, either order of axes, either order of bytes. Arrays of objects, which are pickles,
//! and of structures are refused, and so are archives of several arrays.

mod header;

use std::borrow::Cow;

use super::named::NamedTensor;
use super::reading::Reading;
use super::{InputError, TableError};
use crate::tensor::{Datatype, Tensor, Values, volume};
use header::{Element, Header, Kind};

/// Reads the array into the only input; whether it fits is decided later.
pub(super) fn read(body: &[u8], reading: &Reading<'_>) -> Result<Vec<NamedTensor>, InputError> {
    let [port] = reading.ports else {
        let expected = reading.names();
        return Err(InputError::Unnamed { expected });
    };
    let (header, elements) = Header::read(body).map_err(wrong)?;
    let width = header.element.width();
    let count =
        volume(&header.shape).filter(|count| count.checked_mul(width) == Some(elements.len()));
    let Some(count) = count else {
        let must = format!(
            "has {} bytes of values, which are not those of its shape",
            elements.len()
        );
        return Err(wrong(must));
    };
    reading.count(count)?;
    let mut elements = Cow::Borrowed(elements);
    if header.is_big_endian {
        let chunk = header.element.number_width();
        let numbers = elements.to_mut().chunks_exact_mut(chunk);
        numbers.for_each(<[u8]>::reverse);
    }
    if header.is_fortran_order && header.shape.len() > 1 {
        elements = in_rows(&elements, &header.shape, width).into();
    }
    let values = values(header.element, count, &elements).map_err(wrong)?;
    let tensor = Tensor::new(header.shape, values).map_err(|error| wrong(error.to_string()))?;
    let name = port.name.clone();
    Ok(vec![NamedTensor { name, tensor }])
}

fn wrong(message: impl Into<String>) -> InputError {
    let message = message.into();
    TableError::NotNpy { message }.into()
}

/// Elements whose first axis is the fastest, put so that the last one is.
fn in_rows(elements: &[u8], shape: &[usize], width: usize) -> Vec<u8> {
    // Axes of one change nothing, and there may be many.
    let axes = shape.iter().copied().filter(|length| *length != 1);
    let shape: Vec<usize> = axes.collect();
    let steps = shape.iter().scan(width, |next, length| {
        let step = *next;
        *next = step.saturating_mul(*length);
        Some(step)
    });
    let steps: Vec<usize> = steps.collect();
    let mut position = vec![0usize; shape.len()];
    let mut ordered = Vec::with_capacity(elements.len());
    while ordered.len() < elements.len() {
        let start: usize = position
            .iter()
            .zip(&steps)
            .map(|(index, step)| index * step)
            .sum();
        ordered.extend_from_slice(elements.get(start..start + width).unwrap_or_default());
        for (index, length) in position.iter_mut().zip(&shape).rev() {
            *index += 1;
            if *index < *length {
                break;
            }
            *index = 0;
        }
    }
    ordered
}

fn values(element: Element, count: usize, elements: &[u8]) -> Result<Values, String> {
    match element.kind {
        Kind::Number(datatype) => Values::from_bytes(datatype, count, elements)
            .map_err(|error| format!("is wrong: {error}")),
        Kind::Bytes => texts(elements, element, |bytes| {
            String::from_utf8(bytes.to_vec())
                .ok()
                .map(|text| text.trim_end_matches('\0').to_owned())
        }),
        Kind::Text => texts(elements, element, |bytes| {
            let (points, _) = bytes.as_chunks::<4>();
            let points = points
                .iter()
                .map(|point| char::from_u32(u32::from_le_bytes(*point)));
            let text: Option<String> = points.collect();
            text.map(|text| text.trim_end_matches('\0').to_owned())
        }),
    }
}

/// Texts of one width, zeros behind those that are shorter.
fn texts(
    elements: &[u8],
    element: Element,
    text: impl Fn(&[u8]) -> Option<String>,
) -> Result<Values, String> {
    let texts: Option<Vec<String>> = elements.chunks_exact(element.width()).map(text).collect();
    let texts = texts.ok_or_else(|| "has text that is not UTF-8, or not Unicode".to_owned())?;
    Ok(Values::Bytes(texts))
}

/// NumPy's name of a datatype of numbers.
pub(super) fn descriptor(datatype: Datatype) -> Option<&'static str> {
    header::NUMBERS
        .iter()
        .find(|(_, _, known)| *known == datatype)
        .map(|(_, name, _)| *name)
}

/// What an array of version 1 begins with.
pub(super) const BEGINNING: &[u8] = b"\x93NUMPY\x01\x00";
