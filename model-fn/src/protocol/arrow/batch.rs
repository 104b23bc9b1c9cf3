//! The arrays of a batch: stretches of its buffers, as the schema lays them out.
//!
//! Each is as long as it says, or is no array; what offsets and places lead to is checked where they are followed.

use half::f16;

use super::flatbuffer::{Table, number};
use super::message::Message;
use super::schema::Kind;
use super::{damaged, wrong};
use crate::protocol::InputError;
use crate::tensor::{Datatype, Scalar};

/// The fields of a batch.
const LENGTH: usize = 0;
const NODES: usize = 1;
const BUFFERS: usize = 2;
const COMPRESSION: usize = 3;
const VIEW_BUFFERS: usize = 4;

/// A node and a buffer are two numbers of 64 bits each.
const PAIR: usize = 16;

/// A text of a view, or where it stands.
const VIEW: usize = 16;

/// Texts up to here stand in their view.
const SHORT: usize = 12;

/// The values of a column, or of the lists in it.
#[derive(Debug)]
pub(super) struct Array<'a> {
    pub(super) kind: &'a Kind,
    pub(super) length: usize,
    /// A bit for each value; none where all are there.
    validity: Option<&'a [u8]>,
    /// Values of one width, or where those of other widths stand.
    values: &'a [u8],
    /// The buffers of texts.
    texts: Vec<&'a [u8]>,
    /// The values of all lists.
    entries: Option<Box<Self>>,
}

/// The rows of a message, column by column.
pub(super) fn arrays<'a>(
    message: &Message<'a>,
    columns: &'a [Kind],
) -> Result<(usize, Vec<Array<'a>>), InputError> {
    let (rows, mut parts) = Parts::of(message.header, message.body)?;
    let mut arrays = Vec::new();
    for kind in columns {
        let array = parts.array(kind).filter(|array| array.length == rows);
        arrays.push(array.ok_or_else(damaged)?);
    }
    Ok((rows, arrays))
}

/// The id of a dictionary, and its batch.
pub(super) fn dictionary<'a>(
    message: &Message<'a>,
    kind: impl FnOnce(i64) -> Option<(usize, &'a Kind)>,
) -> Result<(usize, Array<'a>), InputError> {
    let header = message.header;
    let id = header.long(0).ok_or_else(damaged)?;
    if header.byte(2).ok_or_else(damaged)? != 0 {
        return Err(wrong(
            "adds to a dictionary: write each dictionary as a whole",
        ));
    }
    let (place, kind) = kind(id).ok_or_else(damaged)?;
    let batch = header.table(1).ok_or_else(damaged)?;
    let (length, mut parts) = Parts::of(batch, message.body)?;
    let array = parts.array(kind).filter(|array| array.length == length);
    Ok((place, array.ok_or_else(damaged)?))
}

/// What of a batch no array has taken yet.
struct Parts<'a> {
    nodes: &'a [u8],
    buffers: &'a [u8],
    view_buffers: &'a [u8],
    body: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(batch: Table<'a>, body: &'a [u8]) -> Result<(usize, Self), InputError> {
        if batch.has(COMPRESSION) {
            return Err(wrong(
                "has compressed buffers: write it without compression, and compress the body with gzip instead",
            ));
        }
        let length = batch.long(LENGTH).ok_or_else(damaged)?;
        let length = usize::try_from(length).map_err(|_| damaged())?;
        let structures = |field, width| batch.structures(field, width).ok_or_else(damaged);
        let parts = Self {
            nodes: structures(NODES, PAIR)?,
            buffers: structures(BUFFERS, PAIR)?,
            view_buffers: structures(VIEW_BUFFERS, size_of::<i64>())?,
            body,
        };
        Ok((length, parts))
    }

    fn buffer(&mut self) -> Option<&'a [u8]> {
        let (start, length) = pair(&mut self.buffers)?;
        self.body.get(start..start.checked_add(length)?)
    }

    fn array(&mut self, kind: &'a Kind) -> Option<Array<'a>> {
        let (length, nulls) = pair(&mut self.nodes)?;
        let mut array = Array {
            kind,
            length,
            validity: None,
            values: &[],
            texts: Vec::new(),
            entries: None,
        };
        if *kind == Kind::Null {
            return Some(array);
        }
        let validity = self.buffer()?;
        if nulls > 0 {
            array.validity = Some(validity.get(..length.div_ceil(8))?);
        }
        match kind {
            Kind::Null => {}
            Kind::Bool => array.values = self.buffer()?.get(..length.div_ceil(8))?,
            Kind::Number(datatype) => array.values = self.values(length, datatype.width()?)?,
            Kind::Coded { index, .. } => array.values = self.values(length, index.width()?)?,
            Kind::Text { is_wide } => {
                array.values = self.offsets(length, *is_wide)?;
                array.texts = vec![self.buffer()?];
            }
            Kind::View => {
                array.values = self.values(length, VIEW)?;
                for _ in 0..next(&mut self.view_buffers)? {
                    array.texts.push(self.buffer()?);
                }
            }
            Kind::List { is_wide, entry } => {
                array.values = self.offsets(length, *is_wide)?;
                array.entries = Some(Box::new(self.array(entry)?));
            }
            Kind::Fixed { entry, .. } => array.entries = Some(Box::new(self.array(entry)?)),
        }
        Some(array)
    }

    /// The next buffer, which must have so many values.
    fn values(&mut self, length: usize, width: usize) -> Option<&'a [u8]> {
        self.buffer()?.get(..length.checked_mul(width)?)
    }

    /// The next buffer, which must have one offset more than there are values, or nothing where there are none.
    fn offsets(&mut self, length: usize, is_wide: bool) -> Option<&'a [u8]> {
        let width = if is_wide { 8 } else { 4 };
        let bytes = length.checked_add(1)?.checked_mul(width)?;
        let buffer = self.buffer()?;
        buffer.get(..if length == 0 { 0 } else { bytes })
    }
}

/// Takes two numbers that are not negative.
fn pair(rest: &mut &[u8]) -> Option<(usize, usize)> {
    Some((next(rest)?, next(rest)?))
}

fn next(rest: &mut &[u8]) -> Option<usize> {
    let (first, behind) = rest.split_first_chunk()?;
    *rest = behind;
    usize::try_from(i64::from_le_bytes(*first)).ok()
}

impl<'a> Array<'a> {
    pub(super) fn is_null(&self, index: usize) -> bool {
        *self.kind == Kind::Null
            || self
                .validity
                .is_some_and(|bits| bit(bits, index) != Some(true))
    }

    /// The values of the list at a place.
    pub(super) fn list(&self, index: usize) -> Option<(std::ops::Range<usize>, &Self)> {
        let entries = self.entries.as_deref()?;
        let range = match self.kind {
            Kind::List { is_wide, .. } => self.stretch(index, *is_wide)?,
            Kind::Fixed { length, .. } => {
                let start = index.checked_mul(*length)?;
                start..start.checked_add(*length)?
            }
            Kind::Null | Kind::Bool | Kind::Number(_) => return None,
            Kind::Text { .. } | Kind::View | Kind::Coded { .. } => return None,
        };
        (range.end <= entries.length).then_some((range, entries))
    }

    /// The place in its dictionary of the value at a place.
    pub(super) fn code(&self, index: usize) -> Option<usize> {
        let Kind::Coded {
            index: datatype, ..
        } = self.kind
        else {
            return None;
        };
        match scalar(*datatype, self.values, index)? {
            Scalar::Unsigned(code) => usize::try_from(code).ok(),
            Scalar::Signed(code) => usize::try_from(code).ok(),
            Scalar::Null | Scalar::Bool(_) | Scalar::Float(_) | Scalar::Text(_) => None,
        }
    }

    /// The value at a place, if it is neither a list nor in a dictionary.
    pub(super) fn scalar(&self, index: usize) -> Option<Scalar<'a>> {
        match self.kind {
            Kind::Null => Some(Scalar::Null),
            Kind::Bool => bit(self.values, index).map(Scalar::Bool),
            Kind::Number(datatype) => scalar(*datatype, self.values, index),
            Kind::Text { is_wide } => {
                let stretch = self.stretch(index, *is_wide)?;
                text(self.texts.first()?.get(stretch)?)
            }
            Kind::View => text(self.viewed(index)?),
            Kind::List { .. } | Kind::Fixed { .. } | Kind::Coded { .. } => None,
        }
    }

    /// What lies between the offset at a place and the next.
    fn stretch(&self, index: usize, is_wide: bool) -> Option<std::ops::Range<usize>> {
        let offset = |index: usize| {
            let offset = match is_wide {
                true => i64::from_le_bytes(number(self.values, index.checked_mul(8)?)?),
                false => i32::from_le_bytes(number(self.values, index.checked_mul(4)?)?).into(),
            };
            usize::try_from(offset).ok()
        };
        let (start, end) = (offset(index)?, offset(index + 1)?);
        (start <= end).then_some(start..end)
    }

    fn viewed(&self, index: usize) -> Option<&'a [u8]> {
        let view = self.values.get(index.checked_mul(VIEW)?..)?.get(..VIEW)?;
        let part = |at| usize::try_from(i32::from_le_bytes(number(view, at)?)).ok();
        let length = part(0)?;
        if length <= SHORT {
            return view.get(4..4 + length);
        }
        let (buffer, start) = (part(8)?, part(12)?);
        self.texts
            .get(buffer)?
            .get(start..start.checked_add(length)?)
    }
}

fn bit(bits: &[u8], index: usize) -> Option<bool> {
    bits.get(index / 8).map(|byte| byte >> (index % 8) & 1 == 1)
}

fn text(bytes: &[u8]) -> Option<Scalar<'_>> {
    std::str::from_utf8(bytes).ok().map(Scalar::Text)
}

fn scalar(datatype: Datatype, values: &[u8], index: usize) -> Option<Scalar<'static>> {
    let at = index.checked_mul(datatype.width()?)?;
    let unsigned = |number: u64| Scalar::Unsigned(number);
    let signed = |number: i64| Scalar::Signed(number);
    Some(match datatype {
        Datatype::Uint8 => unsigned(u8::from_le_bytes(number(values, at)?).into()),
        Datatype::Uint16 => unsigned(u16::from_le_bytes(number(values, at)?).into()),
        Datatype::Uint32 => unsigned(u32::from_le_bytes(number(values, at)?).into()),
        Datatype::Uint64 => unsigned(u64::from_le_bytes(number(values, at)?)),
        Datatype::Int8 => signed(i8::from_le_bytes(number(values, at)?).into()),
        Datatype::Int16 => signed(i16::from_le_bytes(number(values, at)?).into()),
        Datatype::Int32 => signed(i32::from_le_bytes(number(values, at)?).into()),
        Datatype::Int64 => signed(i64::from_le_bytes(number(values, at)?)),
        Datatype::Fp16 => Scalar::Float(f16::from_le_bytes(number(values, at)?).to_f64()),
        Datatype::Fp32 => Scalar::Float(f32::from_le_bytes(number(values, at)?).into()),
        Datatype::Fp64 => Scalar::Float(f64::from_le_bytes(number(values, at)?)),
        Datatype::Bool | Datatype::Bf16 | Datatype::Bytes | Datatype::Octets => return None,
    })
}
