//! An answer as npy, version 1: the one output, little-endian, the last axis fastest.

use super::{Answer, AnswerError, Output};
use crate::protocol::{InputError, TableError, npy};
use crate::tensor::Values;

/// Header and all before it are a multiple of this, as NumPy writes them.
const ALIGNMENT: usize = 64;

/// The most bytes of text: more than any reply may have. Texts of an array are all as wide as the longest.
const MOST_TEXT_BYTES: usize = 8 << 20;

pub(super) fn npy(answer: &Answer<'_>) -> Result<Vec<u8>, AnswerError> {
    let [output] = answer.outputs.as_slice() else {
        let names = answer.outputs.iter().map(|output| output.name.to_owned());
        let expected = names.collect();
        return Err(InputError::from(TableError::NoArray { expected }).into());
    };
    answer.check_bytes(output.tensor.values().byte_count())?;
    let unfit = || {
        InputError::from(TableError::NotArray {
            output: output.name.to_owned(),
            given: output.tensor.datatype(),
        })
    };
    let (descriptor, elements) = elements(output).ok_or_else(unfit)?;
    let mut bytes = header(&descriptor, output.tensor.shape());
    bytes.extend_from_slice(&elements);
    Ok(bytes)
}

fn elements(output: &Output<'_>) -> Option<(String, Vec<u8>)> {
    if let Values::Bytes(texts) = output.tensor.values() {
        return text(texts);
    }
    let values = output.tensor.values();
    let mut bytes = Vec::with_capacity(values.byte_count());
    values.append_bytes(&mut bytes);
    npy::descriptor(values.datatype()).map(|descriptor| (descriptor.to_owned(), bytes))
}

/// Text in UTF-32, zeros behind what is shorter than the longest; so none may end with a zero of its own.
fn text(texts: &[String]) -> Option<(String, Vec<u8>)> {
    let longest = texts.iter().map(|text| text.chars().count()).max();
    let longest = longest.unwrap_or_default().max(1);
    let width = longest.checked_mul(4)?;
    let size = width
        .checked_mul(texts.len())
        .filter(|size| *size <= MOST_TEXT_BYTES)?;
    let mut bytes = Vec::with_capacity(size);
    for text in texts {
        let end = bytes.len() + width;
        bytes.extend(
            text.chars()
                .flat_map(|point| u32::from(point).to_le_bytes()),
        );
        bytes.resize(end, 0);
    }
    let is_exact = texts.iter().all(|text| !text.ends_with('\0'));
    is_exact.then(|| (format!("<U{longest}"), bytes))
}

fn header(descriptor: &str, shape: &[usize]) -> Vec<u8> {
    let lengths: Vec<String> = shape.iter().map(usize::to_string).collect();
    let shape = match lengths.as_slice() {
        [length] => format!("({length},)"),
        lengths => format!("({})", lengths.join(", ")),
    };
    let text = format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': {shape}, }}");
    let start = npy::BEGINNING.len() + size_of::<u16>();
    let whole = (start + text.len() + 1).next_multiple_of(ALIGNMENT);
    // Some hundred bytes: a shape has few axes.
    let length = u16::try_from(whole - start).unwrap_or(u16::MAX);
    let mut header = npy::BEGINNING.to_vec();
    header.extend_from_slice(&length.to_le_bytes());
    header.extend_from_slice(text.as_bytes());
    header.resize(whole - 1, b' ');
    header.push(b'\n');
    header
}
