//! Streams of Arrow: tables by column, from their buffers straight into the inputs.
//!
//! The streaming format with plain columns, lists and dictionaries, in little-endian and without compression. Columns meet
//! the model as those of every table do. What the messages say of lengths and places is believed nowhere.

mod batch;
mod flatbuffer;
mod message;
mod schema;

use super::columns::{self, Layout};
use super::named::NamedTensor;
use super::nested::Builder;
use super::reading::Reading;
use super::table::Table;
use super::{InputError, Limits, TableError};
use crate::tensor::Scalar;
use batch::Array;
use message::{Kind, Messages};
use schema::Schema;

/// What pandas calls the index of a frame where it becomes a column.
const INDEX: &str = "__index_level_";

/// Reads a table whose columns have names.
pub(super) fn read<'a>(
    body: &[u8],
    reading: &'a Reading<'a>,
) -> Result<Vec<NamedTensor>, InputError> {
    let mut messages = Messages::new(body)?;
    let first = messages.next()?.filter(|first| first.kind == Kind::Schema);
    let first = first.ok_or_else(|| wrong("does not begin with a schema"))?;
    let fields = schema::fields(first.header)?;
    let names = schema::names(fields, first.metadata_bytes)?;
    // A column that the model does not know is told by its name, whatever it is.
    let layout = layout(reading, &names)?;
    let schema = Schema::read(fields, &names, reading.limits.depth)?;
    let mut table = Table::new(reading, layout)?;
    let mut dictionaries: Vec<Option<Array<'_>>> = Vec::new();
    dictionaries.resize_with(schema.dictionaries.len(), || None);
    let mut counts = Counts::default();
    while let Some(message) = messages.next()? {
        match message.kind {
            Kind::Schema => return Err(wrong("has a second schema: send one table")),
            Kind::Dictionary => {
                let known = |id| {
                    let mut known = schema.dictionaries.iter().enumerate();
                    let found = known.find(|(_, known)| known.id == id);
                    found.map(|(place, known)| (place, &known.values))
                };
                let (place, array) = batch::dictionary(&message, known)?;
                if let Some(dictionary) = dictionaries.get_mut(place) {
                    *dictionary = Some(array);
                }
            }
            Kind::Rows => {
                let (rows, arrays) = batch::arrays(&message, &schema.columns)?;
                let mut cells = Cells {
                    limits: reading.limits,
                    dictionaries: &dictionaries,
                    counts: &mut counts,
                };
                cells.rows(&mut table, rows, &arrays)?;
            }
        }
    }
    table.finish()
}

fn layout(reading: &Reading<'_>, names: &[String]) -> Result<Layout, InputError> {
    let known = columns::known(reading.ports);
    let is_index = |name: &&String| name.starts_with(INDEX) && !known.contains(&name.as_str());
    match names.iter().find(is_index) {
        Some(column) => Err(TableError::Index {
            column: column.clone(),
        }
        .into()),
        None => Layout::named(reading, names),
    }
}

/// What has been read so far. Many values may stand at the same bytes, so the body does not bound them.
#[derive(Default)]
struct Counts {
    /// Lists, of which many may be empty.
    lists: usize,
    /// Bytes of texts.
    text_bytes: usize,
}

/// The cells of a table on their way into the inputs.
struct Cells<'a, 'b> {
    limits: &'b Limits,
    dictionaries: &'b [Option<Array<'a>>],
    counts: &'b mut Counts,
}

impl Cells<'_, '_> {
    fn rows(
        &mut self,
        table: &mut Table<'_>,
        rows: usize,
        arrays: &[Array<'_>],
    ) -> Result<(), InputError> {
        for row in 0..rows {
            table.begin_row()?;
            for array in arrays {
                let Some(cell) = table.cell() else {
                    return Err(table.overfull());
                };
                self.push(cell, array, row)?;
                table.end_cell();
            }
            table.end_row()?;
        }
        Ok(())
    }

    fn push(
        &mut self,
        builder: &mut Builder<'_>,
        array: &Array<'_>,
        index: usize,
    ) -> Result<(), InputError> {
        match array.kind {
            schema::Kind::List { .. } | schema::Kind::Fixed { .. } => {
                if array.is_null(index) {
                    return Err(builder.ragged("a list", "null"));
                }
                let (places, entries) = array.list(index).ok_or_else(damaged)?;
                self.count_list()?;
                builder.open()?;
                for place in places {
                    self.push(builder, entries, place)?;
                    builder.next();
                }
                builder.close()
            }
            _ if array.is_null(index) => builder.push(Scalar::Null),
            schema::Kind::Coded { dictionary, .. } => {
                let code = array.code(index).ok_or_else(damaged)?;
                let values = self.dictionaries.get(*dictionary).and_then(Option::as_ref);
                let values = values.filter(|values| code < values.length);
                let values = values.ok_or_else(|| {
                    wrong(format!(
                        "names value {code} of a dictionary, which has none there"
                    ))
                })?;
                self.push(builder, values, code)
            }
            schema::Kind::Null | schema::Kind::Bool | schema::Kind::Number(_) => {
                builder.push(array.scalar(index).ok_or_else(damaged)?)
            }
            schema::Kind::Text { .. } | schema::Kind::View => {
                let scalar = array.scalar(index).ok_or_else(|| {
                    wrong("has text outside its buffer, or text that is not UTF-8")
                })?;
                self.count_text(scalar)?;
                builder.push(scalar)
            }
        }
    }

    fn count_list(&mut self) -> Result<(), InputError> {
        let limit = self.limits.elements;
        self.counts.lists += 1;
        match self.counts.lists > limit {
            true => Err(InputError::TooManyElements { limit }),
            false => Ok(()),
        }
    }

    /// All texts together are not longer than a body may be that has each of them once.
    fn count_text(&mut self, scalar: Scalar<'_>) -> Result<(), InputError> {
        let Scalar::Text(text) = scalar else {
            return Ok(());
        };
        let limit = self.limits.decoded_bytes;
        self.counts.text_bytes = self.counts.text_bytes.saturating_add(text.len());
        match self.counts.text_bytes > limit {
            true => Err(TableError::Texts { limit }.into()),
            false => Ok(()),
        }
    }
}

fn wrong(message: impl Into<String>) -> InputError {
    let message = message.into();
    TableError::NotArrow { message }.into()
}

fn damaged() -> InputError {
    wrong("has metadata that is damaged, or that does not fit its buffers")
}
