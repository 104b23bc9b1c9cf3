//! JSON lines: a row a line, each as an entry of `instances`.

use serde::de::DeserializeSeed;

use super::InputError;
use super::named::NamedTensor;
use super::reading::Reading;
use super::rows::Rows;

/// Reads the rows. Lines without anything in them are passed over.
pub(super) fn read<'a>(
    body: &[u8],
    reading: &'a Reading<'a>,
) -> Result<Vec<NamedTensor>, InputError> {
    let mut rows = Rows::new(reading)?;
    for (line, text) in (1..).zip(body.split(|byte| *byte == b'\n')) {
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let read = rows.row().deserialize(&mut deserializer);
        let ended = read.and_then(|()| deserializer.end());
        ended.map_err(|error| reading.problem_in(&error, line))?;
        rows.end_row()?;
    }
    rows.finish()
}
