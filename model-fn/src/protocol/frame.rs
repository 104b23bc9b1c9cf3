//! `dataframe_split`: the names of columns, and rows of cells.

use std::fmt;

use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Number;

use super::columns::Layout;
use super::csv::MOST_COLUMNS;
use super::named::NamedTensor;
use super::nested::{Nested, visit_scalars};
use super::parameters::whole;
use super::reading::Reading;
use super::table::Table;
use super::{InputError, TableError};
use crate::json::{Raw, Reader};
use crate::tensor::Scalar;

/// Reads a data frame in two parts, as pandas splits it.
pub(super) struct Frame<'a>(pub(super) &'a Reading<'a>);

impl<'a> Frame<'a> {
    fn wrong<E: de::Error>(&self, field: &'static str, must: &'static str) -> E {
        self.0.stop(TableError::Frame { field, must }.into())
    }

    /// The data goes straight into the inputs if the names of the columns stand before it, as pandas writes them.
    fn table<E: de::Error>(&self, columns: Option<&[String]>) -> Result<Table<'a>, E> {
        let Self(reading) = self;
        let layout = match columns {
            Some(columns) => Layout::named(reading, columns),
            None => Ok(Layout::unnamed(reading)),
        };
        let table = layout.and_then(|layout| Table::new(reading, layout));
        table.map_err(|problem| reading.stop(problem))
    }

    fn scalar<E: de::Error>(self, _scalar: Scalar<'_>) -> Result<Vec<NamedTensor>, E> {
        Err(self.wrong(FRAME, OBJECT))
    }
}

const FRAME: &str = "dataframe_split";
const OBJECT: &str = "be an object of `columns` and `data`";
const NAMES: &str = "be a list of names";
const ONCE: &str = "be given once";

impl<'de> DeserializeSeed<'de> for Frame<'_> {
    type Value = Vec<NamedTensor>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Frame<'_> {
    type Value = Vec<NamedTensor>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a data frame")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self(reading) = self;
        let stop = |problem| reading.stop::<A::Error>(problem);
        let mut columns: Option<Vec<String>> = None;
        let mut waiting: Option<&'de str> = None;
        let mut read = None;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "columns" if columns.is_some() => return Err(self.wrong("columns", ONCE)),
                "columns" => columns = Some(self.names(Raw::of(&mut map)?)?),
                "data" if waiting.is_some() || read.is_some() => {
                    return Err(self.wrong("data", ONCE));
                }
                "data" if columns.is_some() => {
                    let mut table = self.table(columns.as_deref())?;
                    map.next_value_seed(Data(&mut table, reading))?;
                    read = Some(table.finish().map_err(stop)?);
                }
                "data" => waiting = Some(Raw::of(&mut map)?),
                "index" => drop(map.next_value::<IgnoredAny>()?),
                _ => {
                    return Err(self.wrong(FRAME, "have nothing but `columns`, `index` and `data`"));
                }
            }
        }
        match (read, waiting) {
            (Some(tensors), _) => Ok(tensors),
            (None, Some(text)) => {
                let mut table = self.table(columns.as_deref())?;
                let mut reader = Reader::new(text.as_bytes());
                let data = Data(&mut table, reading).deserialize(&mut reader);
                data.map_err(|error| stop(reading.problem(&error)))?;
                table.finish().map_err(stop)
            }
            (None, None) => Err(self.wrong(FRAME, OBJECT)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _list: A) -> Result<Self::Value, A::Error> {
        Err(self.wrong(FRAME, OBJECT))
    }

    visit_scalars!();
}

/// The name of a column; pandas counts the columns of a frame that has no names.
#[derive(Deserialize)]
#[serde(untagged)]
enum Name {
    Text(String),
    Place(Number),
}

impl Frame<'_> {
    fn names<E: de::Error>(&self, text: &str) -> Result<Vec<String>, E> {
        let commas = text.bytes().filter(|byte| *byte == b',').count();
        if commas >= MOST_COLUMNS {
            let limit = MOST_COLUMNS;
            return Err(self.0.stop(InputError::TooManyElements { limit }));
        }
        let names: Result<Vec<Name>, _> = serde_json::from_str(text);
        let names = names.map_err(|_| self.wrong::<E>("columns", NAMES))?;
        let name = |name| match name {
            Name::Text(text) => Some(text),
            Name::Place(place) => whole(&place).map(|place| place.to_string()),
        };
        let names: Option<Vec<String>> = names.into_iter().map(name).collect();
        names.ok_or_else(|| self.wrong("columns", NAMES))
    }
}

/// The rows.
struct Data<'b, 'a>(&'b mut Table<'a>, &'a Reading<'a>);

const ROWS: &str = "be a list of rows, each a list of values";

impl Data<'_, '_> {
    fn wrong<E: de::Error>(&self) -> E {
        let field = "data";
        self.1.stop(TableError::Frame { field, must: ROWS }.into())
    }

    fn scalar<E: de::Error>(self, _scalar: Scalar<'_>) -> Result<(), E> {
        Err(self.wrong())
    }
}

impl<'de> DeserializeSeed<'de> for Data<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Data<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self(table, reading) = self;
        while list.next_element_seed(Row(Data(table, reading)))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, _map: A) -> Result<(), A::Error> {
        Err(self.wrong())
    }

    visit_scalars!();
}

/// One row.
struct Row<'b, 'a>(Data<'b, 'a>);

impl Row<'_, '_> {
    fn scalar<E: de::Error>(self, _scalar: Scalar<'_>) -> Result<(), E> {
        Err(self.0.wrong())
    }
}

impl<'de> DeserializeSeed<'de> for Row<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Row<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a row")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self(Data(table, reading)) = self;
        let stop = |problem| reading.stop::<A::Error>(problem);
        table.begin_row().map_err(stop)?;
        loop {
            let Some(builder) = table.cell() else {
                if list.next_element::<IgnoredAny>()?.is_some() {
                    return Err(stop(table.overfull()));
                }
                break;
            };
            if list.next_element_seed(Nested(builder))?.is_none() {
                break;
            }
            table.end_cell();
        }
        table.end_row().map_err(stop)
    }

    fn visit_map<A: MapAccess<'de>>(self, _map: A) -> Result<(), A::Error> {
        Err(self.0.wrong())
    }

    visit_scalars!();
}
