//! The binary tensor extension: what stands behind the JSON, and bodies that are nothing but values.

use super::InputError;
use super::fit::position;
use super::named::NamedTensor;
use crate::engine::{Dimension, Port};
use crate::tensor::{BytesError, Datatype, Tensor, Values, volume};

/// A body with the length of its JSON: the JSON, and what follows.
pub(super) fn split<'a>(
    body: &'a [u8],
    header_length: &str,
) -> Result<(&'a [u8], &'a [u8]), InputError> {
    let text = header_length.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let length = text.parse().ok().filter(|_| is_number);
    let parts = length.and_then(|length| body.split_at_checked(length));
    parts.ok_or_else(|| InputError::HeaderLength {
        limit: body.len(),
        given: text.to_owned(),
    })
}

/// Makes a tensor of the bytes that its `binary_data_size` takes.
pub(super) fn tensor(
    name: &str,
    datatype: Datatype,
    shape: Vec<usize>,
    bytes: &[u8],
) -> Result<Tensor, InputError> {
    let wrong = |message: String| InputError::Field {
        tensor: name.to_owned(),
        field: "binary_data_size",
        message,
    };
    // What is too large for the address space has no bytes that fit it.
    let count = volume(&shape).unwrap_or(usize::MAX);
    let value = |index: usize, given: String| InputError::Value {
        input: name.to_owned(),
        at: position(&shape, index),
        expected: datatype,
        given,
    };
    let values = Values::from_bytes(datatype, count, bytes).map_err(|error| match error {
        BytesError::Length { expected } => wrong(format!(
            "is {}, the shape {shape:?} of `{datatype}` takes {expected}",
            bytes.len()
        )),
        BytesError::Truncated { .. } | BytesError::LeftOver { .. } => wrong(format!(
            "is {}, the shape {shape:?} takes {count} texts: {error}",
            bytes.len()
        )),
        BytesError::Truth { index, given } => value(index, given.to_string()),
        BytesError::Text { index } => value(index, error.to_string()),
    })?;
    Tensor::new(shape.clone(), values).map_err(|error| InputError::Length {
        tensor: name.to_owned(),
        shape,
        given: vec![error.given],
    })
}

/// A body that is nothing but the values of the only input.
pub(super) fn raw(body: &[u8], ports: &[Port]) -> Result<NamedTensor, InputError> {
    let [port] = ports else {
        let expected = ports.iter().map(|port| port.name.clone()).collect();
        return Err(InputError::Unnamed { expected });
    };
    let shape = raw_shape(port, body.len()).ok_or_else(|| InputError::Raw {
        input: port.name.clone(),
        expected: port.lengths().unwrap_or_default(),
        datatype: port.datatype,
        given: body.len(),
    })?;
    let tensor = if port.datatype == Datatype::Bytes {
        text(port, shape, body)?
    } else if port.datatype == Datatype::Octets {
        octets(port, shape, body)?
    } else {
        tensor(&port.name, port.datatype, shape, body)?
    };
    let name = port.name.clone();
    Ok(NamedTensor { name, tensor })
}

/// The shape of so many bytes: one axis may be open, and is as long as they make it. A text is one value.
fn raw_shape(port: &Port, bytes: usize) -> Option<Vec<usize>> {
    let axes = port.shape.as_deref()?;
    let fixed = |axis: &Dimension| match axis {
        Dimension::Fixed(length) => Some(*length),
        Dimension::Named(_) | Dimension::Any => None,
    };
    let Some(width) = port.datatype.width() else {
        let shape: Vec<_> = axes.iter().map(|axis| fixed(axis).unwrap_or(1)).collect();
        return (volume(&shape) == Some(1)).then_some(shape);
    };
    let known: Vec<usize> = axes.iter().filter_map(fixed).collect();
    let unit = volume(&known)?.checked_mul(width)?;
    let open = match axes.len() - known.len() {
        0 => 1,
        1 => bytes.checked_div(unit)?,
        _ => return None,
    };
    let is_whole = unit.checked_mul(open) == Some(bytes);
    is_whole.then(|| {
        axes.iter()
            .map(|axis| fixed(axis).unwrap_or(open))
            .collect()
    })
}

/// A picture or the like without its length, for the body has one.
fn octets(port: &Port, shape: Vec<usize>, body: &[u8]) -> Result<Tensor, InputError> {
    let values = Values::Octets(vec![body.to_vec()]);
    Tensor::new(shape, values).map_err(|error| InputError::Empty {
        input: port.name.clone(),
        given: error.shape,
    })
}

/// A text without its length, for the body has one.
fn text(port: &Port, shape: Vec<usize>, body: &[u8]) -> Result<Tensor, InputError> {
    let text = str::from_utf8(body).map_err(|_| InputError::Value {
        input: port.name.clone(),
        at: vec![0; shape.len()],
        expected: Datatype::Bytes,
        given: "bytes that are not UTF-8".to_owned(),
    })?;
    let values = Values::Bytes(vec![text.to_owned()]);
    Tensor::new(shape, values).map_err(|error| InputError::Empty {
        input: port.name.clone(),
        given: error.shape,
    })
}
