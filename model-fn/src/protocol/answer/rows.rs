//! Outputs by name, and outputs by row.

use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use super::Output;

/// `{name: nested list}`; the list alone of a single output.
pub(super) struct AsColumns<'a>(pub(super) &'a [Output<'a>]);

impl Serialize for AsColumns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(outputs) = self;
        match outputs {
            [output] => output.whole().serialize(serializer),
            outputs => {
                let named = outputs.iter().map(|output| (output.name, output.whole()));
                serializer.collect_map(named)
            }
        }
    }
}

/// One entry a row: bare for one output, an object for several.
pub(super) struct AsRows<'a> {
    pub(super) outputs: &'a [Output<'a>],
    pub(super) rows: usize,
}

impl Serialize for AsRows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.rows))?;
        for row in 0..self.rows {
            match self.outputs {
                [output] => list.serialize_element(&output.row(row))?,
                outputs => list.serialize_element(&AsRow { outputs, row })?,
            }
        }
        list.end()
    }
}

pub(super) struct AsRow<'a> {
    pub(super) outputs: &'a [Output<'a>],
    pub(super) row: usize,
}

impl Serialize for AsRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.outputs
                .iter()
                .map(|output| (output.name, output.row(self.row))),
        )
    }
}
