//! CSV as RFC 4180 has it, from its fields straight into the inputs.
//!
//! Numbers are those of JSON. A field that is empty, and not quoted where text is asked for, is a missing value.

use std::borrow::Cow;

use serde_json::Number;

use super::columns::{self, Layout};
use super::named::NamedTensor;
use super::reading::Reading;
use super::table::Table;
use super::{InputError, TableError};
use crate::tensor::{Datatype, Scalar};

/// Columns of a table: more than the values of a picture of 224 by 224, and few enough to hold their names.
pub(super) const MOST_COLUMNS: usize = 1 << 18;

/// Spreadsheets begin text in UTF-8 so.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads a table; whether its first line is names is said, or told from the model.
pub(super) fn read<'a>(
    body: &[u8],
    header: Option<bool>,
    reading: &'a Reading<'a>,
) -> Result<Vec<NamedTensor>, InputError> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let before = body.get(..error.valid_up_to()).unwrap_or_default();
        let breaks = before.iter().filter(|byte| **byte == b'\n').count();
        let message = "is not UTF-8";
        TableError::NotCsv {
            message,
            line: breaks + 1,
        }
    })?;
    let mut fields = Fields::new(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text));
    fields.check_line()?;
    let first = fields.record()?;
    let is_header = match header {
        Some(said) => said,
        None => is_header(&first, reading)?,
    };
    let layout = if is_header {
        let names: Vec<String> = first
            .iter()
            .map(|field| field.text.clone().into_owned())
            .collect();
        Layout::named(reading, &names)?
    } else {
        Layout::unnamed(reading)
    };
    let mut table = Table::new(reading, layout)?;
    if !is_header {
        table.begin_row()?;
        first.iter().try_for_each(|field| push(&mut table, field))?;
        table.end_row()?;
    }
    while !fields.is_at_end() {
        fields.check_line()?;
        table.begin_row()?;
        loop {
            let field = fields.next()?;
            push(&mut table, &field)?;
            if field.ends_record {
                break;
            }
        }
        table.end_row()?;
    }
    table.finish()
}

fn push(table: &mut Table<'_>, field: &Field<'_>) -> Result<(), InputError> {
    let Some(builder) = table.cell() else {
        return Err(table.overfull());
    };
    let datatype = builder.datatype();
    builder.push(field.scalar(datatype))?;
    table.end_cell();
    Ok(())
}

/// Whether the first line is names. It is never guessed: where it may be values as well, the caller must say.
fn is_header(first: &[Field<'_>], reading: &Reading<'_>) -> Result<bool, InputError> {
    let types: Vec<Datatype> = match columns::matrix(reading.ports) {
        Some(port) => vec![port.datatype; first.len()],
        None => reading.ports.iter().map(|port| port.datatype).collect(),
    };
    let is_text = |datatype| matches!(datatype, Datatype::Bytes | Datatype::Octets);
    if types.iter().copied().all(is_text) {
        return Err(TableError::Header.into());
    }
    let may_be_values = if types.len() == first.len() {
        let mut fields = first.iter().zip(&types);
        fields.all(|(field, datatype)| field.is_value(*datatype))
    } else {
        first.iter().all(|field| field.is_value(Datatype::Fp64))
    };
    let names: Vec<String> = first
        .iter()
        .map(|field| field.text.clone().into_owned())
        .collect();
    let known = columns::known(reading.ports);
    let may_be_names = columns::positions(&names).is_some() || columns::are_known(&names, &known);
    match (may_be_values, may_be_names) {
        (true, true) => Err(TableError::Header.into()),
        (true, false) => Ok(false),
        (false, _) => Ok(true),
    }
}

/// One field.
struct Field<'a> {
    text: Cow<'a, str>,
    is_quoted: bool,
    ends_record: bool,
}

impl Field<'_> {
    /// What the field says where values are of this datatype; what it cannot say is text, which does not fit.
    fn scalar(&self, datatype: Datatype) -> Scalar<'_> {
        let trimmed = self.text.trim_matches([' ', '\t']);
        let text = Scalar::Text(&self.text);
        match datatype {
            Datatype::Bytes if self.text.is_empty() && !self.is_quoted => Scalar::Null,
            Datatype::Bytes | Datatype::Octets => text,
            Datatype::Bool => boolean(trimmed).unwrap_or(text),
            Datatype::Uint8 | Datatype::Uint16 | Datatype::Uint32 | Datatype::Uint64 => {
                number(trimmed).unwrap_or(text)
            }
            Datatype::Int8 | Datatype::Int16 | Datatype::Int32 | Datatype::Int64 => {
                number(trimmed).unwrap_or(text)
            }
            Datatype::Fp16 | Datatype::Bf16 | Datatype::Fp32 | Datatype::Fp64 => {
                number(trimmed).unwrap_or(text)
            }
        }
    }

    /// Whether the field may be a value of this datatype, or one that is out of its range.
    fn is_value(&self, datatype: Datatype) -> bool {
        let is_text = matches!(datatype, Datatype::Bytes | Datatype::Octets);
        is_text || !matches!(self.scalar(datatype), Scalar::Text(_))
    }
}

/// Python writes truth with a capital.
fn boolean(text: &str) -> Option<Scalar<'static>> {
    match text {
        "" => Some(Scalar::Null),
        "true" | "True" => Some(Scalar::Bool(true)),
        "false" | "False" => Some(Scalar::Bool(false)),
        _ => None,
    }
}

fn number(text: &str) -> Option<Scalar<'static>> {
    if text.is_empty() {
        return Some(Scalar::Null);
    }
    let number: Number = serde_json::from_str(text).ok()?;
    let unsigned = number.as_u64().map(Scalar::Unsigned);
    let signed = || number.as_i64().map(Scalar::Signed);
    let float = || number.as_f64().map(Scalar::Float);
    unsigned.or_else(signed).or_else(float)
}

/// The fields that are not read yet.
struct Fields<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Fields<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            line: 1,
        }
    }

    fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// A blank line may be a row of one missing value, or nothing at all.
    fn check_line(&self) -> Result<(), InputError> {
        let line = self.rest.trim_start_matches([' ', '\t', '\r']);
        if line.is_empty() || line.starts_with('\n') {
            let message = "is blank: write `\"\"` for a missing value";
            return Err(self.wrong(message));
        }
        Ok(())
    }

    fn record(&mut self) -> Result<Vec<Field<'a>>, InputError> {
        let mut record = Vec::new();
        loop {
            let field = self.next()?;
            let ends_record = field.ends_record;
            record.push(field);
            if record.len() > MOST_COLUMNS {
                let limit = MOST_COLUMNS;
                return Err(InputError::TooManyElements { limit });
            }
            if ends_record {
                return Ok(record);
            }
        }
    }

    fn next(&mut self) -> Result<Field<'a>, InputError> {
        match self.rest.strip_prefix('"') {
            Some(rest) => self.quoted(rest),
            None => self.plain(),
        }
    }

    fn plain(&mut self) -> Result<Field<'a>, InputError> {
        let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        let ends_record = !rest.starts_with(',');
        let text = match text.strip_suffix('\r') {
            Some(text) if ends_record => text,
            Some(_) | None => text,
        };
        if text.contains(['"', '\r']) {
            return Err(
                self.wrong("has a quote or a carriage return in a field that is not quoted")
            );
        }
        self.rest = rest;
        self.end(text.into(), false)
    }

    fn quoted(&mut self, mut rest: &'a str) -> Result<Field<'a>, InputError> {
        let mut text = Cow::Borrowed("");
        let opened_in = self.line;
        loop {
            let Some((part, behind)) = rest.split_once('"') else {
                self.line = opened_in;
                return Err(self.wrong("has a quote that is not closed"));
            };
            self.line += part.matches('\n').count();
            text += part;
            let Some(more) = behind.strip_prefix('"') else {
                self.rest = behind
                    .strip_prefix('\r')
                    .filter(|behind| behind.starts_with('\n'))
                    .unwrap_or(behind);
                return self.end(text, true);
            };
            text += "\"";
            rest = more;
        }
    }

    /// Goes on behind the field, which a comma or the end of its line must follow.
    fn end(&mut self, text: Cow<'a, str>, is_quoted: bool) -> Result<Field<'a>, InputError> {
        let ends_record = match self.rest.chars().next() {
            Some(',') => false,
            Some('\n') | None => true,
            Some(_) => return Err(self.wrong("has text behind a closing quote")),
        };
        let mut rest = self.rest.chars();
        rest.next();
        self.rest = rest.as_str();
        self.line += usize::from(ends_record);
        Ok(Field {
            text,
            is_quoted,
            ends_record,
        })
    }

    fn wrong(&self, message: &'static str) -> InputError {
        let line = self.line;
        TableError::NotCsv { message, line }.into()
    }
}
