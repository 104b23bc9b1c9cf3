//! The schema of a stream: what its columns are called, and what they are.

use super::flatbuffer::{Table, Tables};
use super::{damaged, wrong};
use crate::protocol::csv::MOST_COLUMNS;
use crate::protocol::{InputError, TableError};
use crate::tensor::Datatype;

/// Columns that are encoded by a dictionary of their own.
const MOST_DICTIONARIES: usize = 4096;

/// Entries of metadata of a column: pandas and pyarrow write one or two.
const MOST_METADATA: usize = 64;

/// The metadata of a column whose values mean more than their type says.
const EXTENSION: &str = "ARROW:extension:name";

/// The fields of a schema.
const ENDIANNESS: usize = 0;
const FIELDS: usize = 1;

/// The fields of a field.
const NAME: usize = 0;
const TYPE: usize = 2;
const TYPE_TABLE: usize = 3;
const DICTIONARY: usize = 4;
const CHILDREN: usize = 5;
const METADATA: usize = 6;

/// The types by their number.
const TYPES: [&str; 27] = [
    "none",
    "null",
    "int",
    "float",
    "binary",
    "string",
    "bool",
    "decimal",
    "date",
    "time",
    "timestamp",
    "interval",
    "list",
    "struct",
    "union",
    "fixed_size_binary",
    "fixed_size_list",
    "map",
    "duration",
    "large_binary",
    "large_string",
    "large_list",
    "run_end_encoded",
    "binary_view",
    "string_view",
    "list_view",
    "large_list_view",
];

/// What the values of a column are.
#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool,
    Number(Datatype),
    /// Behind offsets, which have 64 bits where they are wide.
    Text {
        is_wide: bool,
    },
    /// Short texts in place, others in buffers of their own.
    View,
    List {
        is_wide: bool,
        entry: Box<Self>,
    },
    Fixed {
        length: usize,
        entry: Box<Self>,
    },
    /// Places in a dictionary, which has a place among the schema's.
    Coded {
        index: Datatype,
        dictionary: usize,
    },
}

/// A dictionary that some columns share.
#[derive(Debug)]
pub(super) struct Dictionary {
    pub(super) id: i64,
    pub(super) values: Kind,
}

/// The columns of a table.
pub(super) struct Schema {
    pub(super) columns: Vec<Kind>,
    pub(super) dictionaries: Vec<Dictionary>,
}

/// The fields of a schema.
pub(super) fn fields(schema: Table<'_>) -> Result<Tables<'_>, InputError> {
    if schema.short(ENDIANNESS).ok_or_else(damaged)? != 0 {
        return Err(wrong("is big-endian: write it in little-endian"));
    }
    let fields = schema.tables(FIELDS).ok_or_else(damaged)?;
    if fields.len() > MOST_COLUMNS {
        let limit = MOST_COLUMNS;
        return Err(InputError::TooManyElements { limit });
    }
    Ok(fields)
}

/// The names of the columns. Fields may share the bytes of a name, but no names take more bytes than there are.
pub(super) fn names(fields: Tables<'_>, metadata_bytes: usize) -> Result<Vec<String>, InputError> {
    let (mut names, mut bytes) = (Vec::new(), 0usize);
    for field in fields.iter() {
        let name = field.and_then(|field| field.text(NAME));
        let name = name.ok_or_else(damaged)?;
        bytes += name.len();
        if bytes > metadata_bytes {
            return Err(damaged());
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

impl Schema {
    /// Reads what the columns are, with lists nested so deep at most.
    pub(super) fn read(
        fields: Tables<'_>,
        names: &[String],
        depth: usize,
    ) -> Result<Self, InputError> {
        let mut dictionaries = Vec::new();
        let mut columns = Vec::new();
        for (field, column) in fields.iter().zip(names) {
            let mut types = Types {
                column,
                dictionaries: &mut dictionaries,
                limit: depth,
            };
            columns.push(types.kind(field.ok_or_else(damaged)?, depth)?);
        }
        Ok(Self {
            columns,
            dictionaries,
        })
    }
}

/// The types of one column.
struct Types<'a> {
    column: &'a str,
    dictionaries: &'a mut Vec<Dictionary>,
    limit: usize,
}

impl Types<'_> {
    fn kind(&mut self, field: Table<'_>, depth: usize) -> Result<Kind, InputError> {
        self.check_extension(field)?;
        let number = field.byte(TYPE).ok_or_else(damaged)?;
        let is_wide = || number >= 19;
        let kind = match number {
            1 => Kind::Null,
            2 => Kind::Number(integer(field.table(TYPE_TABLE)).ok_or_else(damaged)?),
            3 => Kind::Number(float(field).ok_or_else(damaged)?),
            4 | 5 | 19 | 20 => Kind::Text { is_wide: is_wide() },
            6 => Kind::Bool,
            23 | 24 => Kind::View,
            12 | 21 => Kind::List {
                is_wide: is_wide(),
                entry: self.entry(field, depth)?,
            },
            16 => Kind::Fixed {
                length: length(field).ok_or_else(damaged)?,
                entry: self.entry(field, depth)?,
            },
            _ => return Err(self.unfit(number)),
        };
        if !field.has(DICTIONARY) {
            return Ok(kind);
        }
        match kind {
            Kind::List { .. } | Kind::Fixed { .. } => Err(self.unfit(number)),
            Kind::Null | Kind::Bool | Kind::Number(_) => self.coded(field, kind),
            Kind::Text { .. } | Kind::View => self.coded(field, kind),
            Kind::Coded { .. } => Err(damaged()),
        }
    }

    /// What the lists of a column hold: they have one field below them.
    fn entry(&mut self, field: Table<'_>, depth: usize) -> Result<Box<Kind>, InputError> {
        let limit = self.limit;
        let depth = depth.checked_sub(1).ok_or(InputError::TooDeep { limit })?;
        let mut children = field.tables(CHILDREN).ok_or_else(damaged)?.iter();
        match (children.next(), children.next()) {
            (Some(Some(entry)), None) => self.kind(entry, depth).map(Box::new),
            (_, _) => Err(damaged()),
        }
    }

    fn coded(&mut self, field: Table<'_>, values: Kind) -> Result<Kind, InputError> {
        let encoding = field.table(DICTIONARY).ok_or_else(damaged)?;
        let id = encoding.long(0).ok_or_else(damaged)?;
        let index = match encoding.has(1) {
            true => integer(encoding.table(1)).ok_or_else(damaged)?,
            false => Datatype::Int32,
        };
        let known = self.dictionaries.iter();
        let known = known.enumerate().find(|(_, known)| known.id == id);
        let dictionary = match known {
            Some((place, known)) if known.values == values => place,
            Some(_) => return Err(damaged()),
            None if self.dictionaries.len() == MOST_DICTIONARIES => {
                let message = format!(
                    "has more than {MOST_DICTIONARIES} dictionaries: write texts as they are"
                );
                return Err(wrong(message));
            }
            None => {
                self.dictionaries.push(Dictionary { id, values });
                self.dictionaries.len() - 1
            }
        };
        Ok(Kind::Coded { index, dictionary })
    }

    fn check_extension(&self, field: Table<'_>) -> Result<(), InputError> {
        let metadata = field.tables(METADATA).ok_or_else(damaged)?;
        if metadata.len() > MOST_METADATA {
            let message = format!("has more than {MOST_METADATA} entries of metadata in a column");
            return Err(wrong(message));
        }
        for entry in metadata.iter() {
            let entry = entry.ok_or_else(damaged)?;
            if entry.text(0).ok_or_else(damaged)? == EXTENSION {
                return Err(self.refused("extension"));
            }
        }
        Ok(())
    }

    fn unfit(&self, number: u8) -> InputError {
        match TYPES.get(usize::from(number)) {
            None | Some(&"none") => damaged(),
            Some(given) => self.refused(given),
        }
    }

    fn refused(&self, given: &'static str) -> InputError {
        let column = self.column.to_owned();
        TableError::ColumnType { column, given }.into()
    }
}

fn integer(table: Option<Table<'_>>) -> Option<Datatype> {
    let table = table?;
    match (table.int(0)?, table.byte(1)? != 0) {
        (8, true) => Some(Datatype::Int8),
        (16, true) => Some(Datatype::Int16),
        (32, true) => Some(Datatype::Int32),
        (64, true) => Some(Datatype::Int64),
        (8, false) => Some(Datatype::Uint8),
        (16, false) => Some(Datatype::Uint16),
        (32, false) => Some(Datatype::Uint32),
        (64, false) => Some(Datatype::Uint64),
        (_, _) => None,
    }
}

fn float(field: Table<'_>) -> Option<Datatype> {
    match field.table(TYPE_TABLE)?.short(0)? {
        0 => Some(Datatype::Fp16),
        1 => Some(Datatype::Fp32),
        2 => Some(Datatype::Fp64),
        _ => None,
    }
}

fn length(field: Table<'_>) -> Option<usize> {
    usize::try_from(field.table(TYPE_TABLE)?.int(0)?).ok()
}
