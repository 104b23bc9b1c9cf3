//! JSON lines: a row a line, each as an entry of `instances`.

use serde::de::DeserializeSeed;

use super::InputError;
use super::named::NamedTensor;
use super::reading::Reading;
use super::rows::Rows;
use crate::json::Reader;

/// Reads the rows. Lines without anything in them are passed over.
pub(super) fn read<'a>(
    body: &[u8],
    reading: &'a Reading<'a>,
) -> Result<Vec<NamedTensor>, InputError> {
    let mut rows = Rows::new(reading)?;
    for (lines, text) in (0..).zip(body.split(|byte| *byte == b'\n')) {
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let mut reader = Reader::new(text);
        let read = rows.row().deserialize(&mut reader);
        let ended = read.and_then(|()| reader.end());
        ended.map_err(|error| reading.problem_behind(&error, lines))?;
        rows.end_row()?;
    }
    rows.finish()
}
