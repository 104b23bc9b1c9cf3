//! What is wrong with tables and arrays, in words and values that say what to change.

use serde::Serialize;

use super::{as_datatype, as_shape};
use crate::tensor::Datatype;

/// Why a table or an array is refused, or an answer is none.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Serialize)]
#[serde(untagged)]
pub enum TableError {
    /// A part of a data frame is not what it must be.
    #[error("`{field}` must {must}")]
    Frame {
        /// The part.
        field: &'static str,
        /// What it must be.
        #[serde(skip)]
        must: &'static str,
    },
    /// A row of a table is longer or shorter than others.
    #[error("row {row} of the table has {given} values, where there are {expected} columns")]
    Cells {
        /// The row, from 0.
        row: usize,
        /// How many columns there are.
        expected: usize,
        /// How many values there are; at least so many.
        given: usize,
    },
    /// A tensor is no column of the data frame that it is sent as.
    #[error(
        "column `{column}` has the shape {given:?}, where the columns of a data frame (`content_type` is `pd`) are {expected} values each"
    )]
    Series {
        /// The column.
        column: String,
        /// How many values the first one has.
        expected: usize,
        /// The shape.
        #[serde(serialize_with = "as_shape")]
        given: Vec<usize>,
    },
    /// The text is not CSV.
    #[error("the body is not CSV: line {line} {message}")]
    NotCsv {
        /// What is wrong.
        #[serde(skip)]
        message: &'static str,
        /// In which line.
        line: usize,
    },
    /// The bytes are no array that is read.
    #[error("the body is no npy array: it {message}")]
    NotNpy {
        /// What is wrong.
        #[serde(skip)]
        message: String,
    },
    /// The bytes are no stream that is read.
    #[error("the body is no Arrow stream that is read: it {message}")]
    NotArrow {
        /// What is wrong.
        #[serde(skip)]
        message: String,
    },
    /// A column of a type that no input takes.
    #[error(
        "column `{column}` has the type `{given}`, which no input takes: cast it to a number, `bool` or `string`, as `float64` is one"
    )]
    ColumnType {
        /// The column.
        column: String,
        /// Its type.
        given: &'static str,
    },
    /// The index of a data frame among its columns.
    #[error(
        "column `{column}` is the index of a data frame: write the table without it (`preserve_index=False`)"
    )]
    Index {
        /// The column.
        column: String,
    },
    /// Texts that are longer together than a body may be.
    #[error("the texts have more than {limit} bytes together: send the rows in parts")]
    Texts {
        /// The limit.
        limit: usize,
    },
    /// An array holds one output, and there are several.
    #[error(
        "the model has {} outputs, and npy holds one: accept `application/json`, or `application/x-npy; output=NAME`",
        expected.len()
    )]
    NoArray {
        /// Their names.
        expected: Vec<String>,
    },
    /// An output whose values no array holds.
    #[error("output `{output}` goes into no npy array: accept `application/json`")]
    NotArray {
        /// The output.
        output: String,
        /// Its datatype.
        #[serde(serialize_with = "as_datatype")]
        given: Datatype,
    },
    /// The first line may be names or values.
    #[error(
        "the first line of the CSV may be names or values: send `text/csv; header=present` or `header=absent`"
    )]
    Header,
    /// The columns of a table are not those of the model.
    #[error("the columns do not fit the model: {}", unfit(.unknown, .missing, .repeated))]
    Columns {
        /// Names that the model does not know; the first of them.
        unknown: Vec<String>,
        /// Names that are not given; the first of them.
        missing: Vec<String>,
        /// Names that are given more than once; the first of them.
        repeated: Vec<String>,
    },
    /// The columns have names, and nobody knows those of the model.
    #[error(
        "the columns have names, and the order of the values of input `{input}` is not known by name: leave the names out, or name them in `columns` of `model.yaml`"
    )]
    NoColumns {
        /// The input.
        input: String,
        /// The names given; the first of them.
        given: Vec<String>,
    },
    /// An output whose rows are no lists of values.
    #[error(
        "output `{output}` has the shape {given:?}, which is no table: accept `application/json`"
    )]
    NoTable {
        /// The output.
        output: String,
        /// Its shape.
        #[serde(serialize_with = "as_shape")]
        given: Vec<usize>,
    },
}

impl TableError {
    /// One word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Cells { .. } | Self::Series { .. } => "ragged",
            Self::Frame { .. } => "malformed_frame",
            Self::NotCsv { .. } => "not_csv",
            Self::NotNpy { .. } => "not_npy",
            Self::NotArrow { .. } => "not_arrow",
            Self::ColumnType { .. } => "wrong_datatype",
            Self::Texts { .. } => "text_too_long",
            Self::Header => "header_unsaid",
            Self::Columns { .. } | Self::Index { .. } => "columns_unfit",
            Self::NoColumns { .. } => "columns_unnamed",
            Self::NoTable { .. } | Self::NoArray { .. } | Self::NotArray { .. } => "not_acceptable",
        }
    }
}

fn unfit(unknown: &[String], missing: &[String], repeated: &[String]) -> String {
    let kinds = [
        ("unknown", unknown),
        ("missing", missing),
        ("given twice", repeated),
    ];
    let said = kinds.iter().filter(|(_, names)| !names.is_empty());
    let said = said.map(|(kind, names)| format!("`{}` {kind}", names.join("`, `")));
    said.collect::<Vec<_>>().join("; ")
}
