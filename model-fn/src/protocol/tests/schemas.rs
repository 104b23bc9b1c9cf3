//! Schemas of Arrow as no writer writes them: many columns, or few bytes that stand for many.

use super::arrow::{ask, check, floats, no_stream, stream, titled, wide};
use super::*;

/// A field of a schema: a truth value, which may be encoded by a dictionary.
fn column(name: &str, dictionary: Option<i64>) -> Vec<u8> {
    let encoding = if dictionary.is_some() { 12 } else { 0 };
    let mut bytes = Vec::new();
    let shorts = |list: &[u16], bytes: &mut Vec<u8>| {
        bytes.extend(list.iter().flat_map(|number| number.to_le_bytes()));
    };
    // Its slots, the table behind them (where the name, the type and the encoding stand), and the encoding.
    shorts(&[18, 16, 4, 0, 8, 0, encoding, 0, 0, 0], &mut bytes);
    bytes.extend([20u32, 32, 6, 12].map(u32::to_le_bytes).concat());
    shorts(&[6, 12, 4, 0], &mut bytes);
    bytes.extend(8u32.to_le_bytes());
    bytes.extend(dictionary.unwrap_or_default().to_le_bytes());
    bytes.extend(u32::try_from(name.len()).unwrap().to_le_bytes());
    bytes.extend(name.as_bytes());
    bytes
}

/// A stream of nothing but a schema: its columns are fields by their place among those given.
fn only_schema(fields: &[Vec<u8>], columns: &[usize]) -> Vec<u8> {
    let mut metadata = [16u32].map(u32::to_le_bytes).concat();
    let shorts = [10u16, 12, 4, 6, 8, 0].map(u16::to_le_bytes);
    metadata.extend(shorts.concat());
    metadata.extend([12u32, 4 | 1 << 16, 12].map(u32::to_le_bytes).concat());
    metadata.extend([8u16, 8, 0, 4].map(u16::to_le_bytes).concat());
    let count = u32::try_from(columns.len()).unwrap();
    metadata.extend([8, 4, count].map(u32::to_le_bytes).concat());
    let list = metadata.len();
    let starts = fields.iter().scan(list + 4 * columns.len(), |next, field| {
        let start = *next;
        *next += field.len();
        Some(start)
    });
    let starts: Vec<usize> = starts.collect();
    for (index, place) in columns.iter().enumerate() {
        // The table stands behind its slots.
        let offset = starts[*place] + 20 - (list + 4 * index);
        metadata.extend(u32::try_from(offset).unwrap().to_le_bytes());
    }
    metadata.extend(fields.concat());
    let length = u32::try_from(metadata.len()).unwrap();
    [&[0xff; 4], length.to_le_bytes().as_slice(), &metadata].concat()
}

#[test]
fn columns_names_and_dictionaries_are_counted() {
    let told = |body: &[u8]| ask(&wide(), body, &LIMITS).unwrap_err().to_string();
    let empty = "input `x` is empty, given the shape [0]";
    let plain =
        |names: &[&str]| -> Vec<Vec<u8>> { names.iter().map(|name| column(name, None)).collect() };
    assert_eq!(told(&only_schema(&plain(&["1", "0"]), &[0, 1])), empty);
    // Columns that share one field.
    let most = 1 << 18;
    let shared = |count: usize| told(&only_schema(&plain(&["0"]), &vec![0; count]));
    assert!(shared(most).starts_with("the columns have names"));
    assert_eq!(shared(most + 1), "the inputs hold more than 262144 values");
    let long = "n".repeat(1000);
    let shared = |count: usize| told(&only_schema(&plain(&[&long]), &vec![0; count]));
    assert!(shared(1).starts_with("the columns have names"));
    assert!(
        shared(2).ends_with("it has metadata that is damaged, or that does not fit its buffers")
    );
    let coded = |count: usize| {
        let fields = 0..count;
        let fields: Vec<_> = fields
            .map(|place| column(&place.to_string(), i64::try_from(place).ok()))
            .collect();
        told(&only_schema(&fields, &(0..count).collect::<Vec<_>>()))
    };
    assert_eq!(coded(4096), empty);
    let message = "it has more than 4096 dictionaries: write texts as they are";
    assert!(coded(4097).ends_with(message));
    check(
        &titled(),
        "metadata_64",
        &[floats(&[1, 3], &[1.0, 2.0, 3.0])],
    );
    no_stream(
        &stream("metadata_65"),
        "has more than 64 entries of metadata in a column",
    );
}

/// Four bytes as a number.
fn four(body: &[u8], at: usize) -> usize {
    let bytes = body[at..at + 4].first_chunk().unwrap();
    usize::try_from(u32::from_le_bytes(*bytes)).unwrap()
}

/// Where a table tells the place of one of its fields.
fn slot(body: &[u8], table: usize, field: usize) -> usize {
    table - four(body, table) + 4 + 2 * field
}

/// Where a field of a table stands.
fn field(body: &[u8], table: usize, field: usize) -> usize {
    table + usize::from(body[slot(body, table, field)])
}

#[test]
fn what_only_other_writers_write_is_told() {
    let body = stream("columns");
    let message = 8 + four(&body, 8);
    let mut old = body.clone();
    old[field(&body, message, 0)] = 2;
    no_stream(
        &old,
        "has metadata of version 3, and versions 4 and 5 are read",
    );
    let header = field(&body, message, 2);
    let schema = header + four(&body, header);
    let mut big = body.clone();
    // Its first field is left out; the beginning of the list of columns stands in for one that is not 0.
    assert_eq!(big[slot(&body, schema, 0)], 0);
    big[slot(&body, schema, 0)] = body[slot(&body, schema, 1)];
    no_stream(&big, "is big-endian: write it in little-endian");
}
