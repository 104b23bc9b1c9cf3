//! An answer as a stream of Arrow: a schema, one batch of all rows, and the mark of the end.
//!
//! A column for each output: its values, or lists of them where a row has several. As in CSV, a row of one value is no list,
//! and values with labels have a column each. No column has a value that is missing: not-a-number is a number here.

mod tables;

use std::borrow::Cow;

use super::table::names;
use super::{Answer, AnswerError, Output};
use crate::tensor::{Datatype, Values};
use tables::{Field, Lead, Tables};

/// What begins each message; with no length behind it, the end.
const MARK: [u8; 4] = [0xff; 4];

/// Offsets of texts have 32 bits.
const MOST_BYTES: usize = i32::MAX as usize;

/// Buffers begin at multiples of this.
const ALIGNMENT: usize = 8;

/// Version 5 of the metadata.
const VERSION: i16 = 4;

const SCHEMA: u8 = 1;
const ROWS: u8 = 3;

/// Types by their number.
const LIST: u8 = 16;

/// What lists call their entries.
const ENTRY: &str = "item";

/// A column: values in row-major order, as many for each row as the lengths of its lists make.
struct Column<'a> {
    name: String,
    values: Cow<'a, Values>,
    lists: &'a [usize],
}

pub(super) fn arrow(answer: &Answer<'_>) -> Result<Vec<u8>, AnswerError> {
    let columns: Vec<Column<'_>> = answer.outputs.iter().flat_map(columns).collect();
    let sizes: Vec<usize> = columns.iter().flat_map(Column::buffers).collect();
    let aligned = |size: &usize| size.next_multiple_of(ALIGNMENT);
    let body_bytes = sizes.iter().map(aligned).sum();
    let schema = schema(&columns);
    let batch = batch(&columns, answer.rows, &sizes, body_bytes);
    let ends = 3 * (MARK.len() + size_of::<u32>());
    let bytes = ends + schema.len() + batch.len() + body_bytes;
    answer.check_bytes(bytes)?;
    if bytes > MOST_BYTES {
        return Err(AnswerError::TooLarge { limit: MOST_BYTES });
    }
    let mut stream = Vec::with_capacity(bytes);
    for metadata in [schema, batch] {
        begin(&mut stream, metadata.len());
        stream.extend_from_slice(&metadata);
    }
    for column in &columns {
        column.append(&mut stream);
    }
    begin(&mut stream, 0);
    Ok(stream)
}

fn begin(stream: &mut Vec<u8>, metadata_bytes: usize) {
    // Names and sizes are shorter than any reply.
    let length = u32::try_from(metadata_bytes).unwrap_or(u32::MAX);
    stream.extend_from_slice(&MARK);
    stream.extend_from_slice(&length.to_le_bytes());
}

/// The columns of an output.
fn columns<'a>(output: &'a Output<'_>) -> Vec<Column<'a>> {
    let values = output.tensor.values();
    let lists = match output.tensor.shape() {
        [_, width] if *width == output.labels.len() && *width > 0 => {
            let names = names(output, *width).into_iter().enumerate();
            let column = |(place, name)| Column {
                name,
                values: Cow::Owned(every(values, place, *width)),
                lists: &[],
            };
            return names.map(column).collect();
        }
        [_, 1] | [] => &[],
        [_, lists @ ..] => lists,
    };
    vec![Column {
        name: output.name.to_owned(),
        values: Cow::Borrowed(values),
        lists,
    }]
}

/// The value at a place of each row.
fn every(values: &Values, place: usize, width: usize) -> Values {
    let mut picked = Values::new(values.datatype());
    for place in (place..values.len()).step_by(width) {
        let is_same = picked.append_range(values, place..place + 1);
        debug_assert!(is_same, "both are of one datatype");
    }
    picked
}

fn schema(columns: &[Column<'_>]) -> Vec<u8> {
    let (mut tables, root) = Tables::new();
    let schema = message(&mut tables, root, SCHEMA, 0);
    let [fields] = tables.table(schema, &[Field::NONE, Field::LEAD]);
    let fields = tables.leads(fields, columns.len());
    for (lead, column) in fields.into_iter().zip(columns) {
        let datatype = column.values.datatype();
        field(&mut tables, lead, &column.name, column.lists, datatype);
    }
    tables.finish()
}

fn message(tables: &mut Tables, root: Lead, kind: u8, body_bytes: usize) -> Lead {
    let body_bytes = i64::try_from(body_bytes).unwrap_or(i64::MAX);
    let fields = [
        Field::short(VERSION),
        Field::byte(kind),
        Field::LEAD,
        Field::long(body_bytes),
    ];
    let [header] = tables.table(root, &fields);
    header
}

/// A column, or what its lists hold.
fn field(tables: &mut Tables, lead: Lead, name: &str, lists: &[usize], datatype: Datatype) {
    let kind = if lists.is_empty() {
        kind(datatype)
    } else {
        LIST
    };
    let fields = [
        Field::LEAD,
        Field::NONE,
        Field::byte(kind),
        Field::LEAD,
        Field::NONE,
        Field::LEAD,
    ];
    let [title, details, children] = tables.table(lead, &fields);
    tables.text(title, name);
    match lists {
        [] => {
            let [] = tables.table(details, &width(datatype));
            tables.leads(children, 0);
        }
        [length, lists @ ..] => {
            // Longer lists are of no values: there is no room for others.
            let length = i32::try_from(*length).unwrap_or(i32::MAX);
            let [] = tables.table(details, &[Field::int(length)]);
            for child in tables.leads(children, 1) {
                field(tables, child, ENTRY, lists, datatype);
            }
        }
    }
}

/// The type of values by its number.
fn kind(datatype: Datatype) -> u8 {
    match datatype {
        Datatype::Uint8 | Datatype::Uint16 | Datatype::Uint32 | Datatype::Uint64 => 2,
        Datatype::Int8 | Datatype::Int16 | Datatype::Int32 | Datatype::Int64 => 2,
        Datatype::Fp16 | Datatype::Bf16 | Datatype::Fp32 | Datatype::Fp64 => 3,
        Datatype::Octets => 4,
        Datatype::Bytes => 5,
        Datatype::Bool => 6,
    }
}

/// What a type says of its values: the bits of integers and whether they may be negative, or the precision of floats.
fn width(datatype: Datatype) -> Vec<Field> {
    let integer = |bits, is_signed: bool| vec![Field::int(bits), Field::byte(is_signed.into())];
    let float = |precision| vec![Field::short(precision)];
    match datatype {
        Datatype::Uint8 => integer(8, false),
        Datatype::Uint16 => integer(16, false),
        Datatype::Uint32 => integer(32, false),
        Datatype::Uint64 => integer(64, false),
        Datatype::Int8 => integer(8, true),
        Datatype::Int16 => integer(16, true),
        Datatype::Int32 => integer(32, true),
        Datatype::Int64 => integer(64, true),
        Datatype::Fp16 => float(0),
        // Arrow has no such type; each of its values is one of these.
        Datatype::Bf16 | Datatype::Fp32 => float(1),
        Datatype::Fp64 => float(2),
        Datatype::Bytes | Datatype::Octets | Datatype::Bool => Vec::new(),
    }
}

fn batch(columns: &[Column<'_>], rows: usize, sizes: &[usize], body_bytes: usize) -> Vec<u8> {
    let (mut tables, root) = Tables::new();
    let batch = message(&mut tables, root, ROWS, body_bytes);
    let length = i64::try_from(rows).unwrap_or(i64::MAX);
    let [nodes, buffers] = tables.table(batch, &[Field::long(length), Field::LEAD, Field::LEAD]);
    let lengths = columns.iter().flat_map(|column| column.lengths(rows));
    let lengths: Vec<[usize; 2]> = lengths.map(|length| [length, 0]).collect();
    tables.pairs(nodes, &lengths);
    let mut start = 0;
    let places = sizes.iter().map(|size| {
        let place = [start, *size];
        start += size.next_multiple_of(ALIGNMENT);
        place
    });
    let places: Vec<[usize; 2]> = places.collect();
    tables.pairs(buffers, &places);
    tables.finish()
}

impl Column<'_> {
    /// How many values there are at each depth: lists, and what they hold.
    fn lengths(&self, rows: usize) -> Vec<usize> {
        let inner = self.lists.iter().scan(rows, |length, list| {
            *length *= list;
            Some(*length)
        });
        std::iter::once(rows).chain(inner).collect()
    }

    /// How many bytes each buffer has. Those that would say which values are missing have none.
    fn buffers(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.lists.len() + 1];
        let values = self.values.as_ref();
        match values {
            Values::Bool(list) => sizes.push(list.len().div_ceil(8)),
            Values::Bf16(list) => sizes.push(list.len() * size_of::<f32>()),
            Values::Bytes(list) => {
                sizes.push((list.len() + 1) * size_of::<i32>());
                sizes.push(list.iter().map(String::len).sum());
            }
            Values::Octets(list) => {
                sizes.push((list.len() + 1) * size_of::<i32>());
                sizes.push(list.iter().map(Vec::len).sum());
            }
            Values::Uint8(_) | Values::Uint16(_) | Values::Uint32(_) | Values::Uint64(_) => {
                sizes.push(values.byte_count());
            }
            Values::Int8(_) | Values::Int16(_) | Values::Int32(_) | Values::Int64(_) => {
                sizes.push(values.byte_count());
            }
            Values::Fp16(_) | Values::Fp32(_) | Values::Fp64(_) => sizes.push(values.byte_count()),
        }
        sizes
    }

    /// Appends the buffers. What is before them ends at a multiple.
    fn append(&self, stream: &mut Vec<u8>) {
        let values = self.values.as_ref();
        match values {
            Values::Bool(list) => {
                let bits = |list: &[bool]| {
                    let bits = list.iter().rev();
                    bits.fold(0, |byte, bit| byte << 1 | u8::from(*bit))
                };
                stream.extend(list.chunks(8).map(bits));
            }
            Values::Bf16(list) => {
                stream.extend(list.iter().flat_map(|number| number.to_f32().to_le_bytes()));
            }
            Values::Bytes(list) => append_texts(list, stream),
            Values::Octets(list) => append_texts(list, stream),
            Values::Uint8(_) | Values::Uint16(_) | Values::Uint32(_) | Values::Uint64(_) => {
                values.append_bytes(stream);
            }
            Values::Int8(_) | Values::Int16(_) | Values::Int32(_) | Values::Int64(_) => {
                values.append_bytes(stream);
            }
            Values::Fp16(_) | Values::Fp32(_) | Values::Fp64(_) => values.append_bytes(stream),
        }
        align(stream);
    }
}

fn append_texts<T: AsRef<[u8]>>(texts: &[T], stream: &mut Vec<u8>) {
    let mut end = 0usize;
    let offset = |end: usize| i32::try_from(end).unwrap_or(i32::MAX).to_le_bytes();
    stream.extend_from_slice(&offset(end));
    for text in texts {
        end += text.as_ref().len();
        stream.extend_from_slice(&offset(end));
    }
    align(stream);
    for text in texts {
        stream.extend_from_slice(text.as_ref());
    }
}

fn align(stream: &mut Vec<u8>) {
    let length = stream.len().next_multiple_of(ALIGNMENT);
    stream.resize(length, 0);
}
