//! A table on its way into the inputs: rows of cells, in the order of the table's columns.

use super::columns::Layout;
use super::named::NamedTensor;
use super::nested::{Builder, finished};
use super::reading::Reading;
use super::{InputError, TableError, columns};
use crate::engine::{Dimension, Port};
use crate::tensor::{Tensor, volume};

/// A table being read.
pub(super) struct Table<'a> {
    reading: &'a Reading<'a>,
    layout: Layout,
    builders: Vec<Builder<'a>>,
    rows: usize,
    /// How many cells of the current row there have been.
    cells: usize,
}

impl<'a> Table<'a> {
    pub(super) fn new(reading: &'a Reading<'a>, layout: Layout) -> Result<Self, InputError> {
        let ports = reading.ports.iter();
        let builder = |port: &Port| Builder::new(reading, &port.name, port.datatype);
        let mut builders: Vec<_> = ports.map(builder).collect();
        builders.iter_mut().try_for_each(Builder::open)?;
        Ok(Self {
            reading,
            layout,
            builders,
            rows: 0,
            cells: 0,
        })
    }

    pub(super) fn begin_row(&mut self) -> Result<(), InputError> {
        self.cells = 0;
        match (&self.layout, self.builders.as_mut_slice()) {
            (Layout::Row(_) | Layout::Plain, [builder]) => builder.open(),
            (Layout::Inputs(_) | Layout::Row(_) | Layout::Plain, _) => Ok(()),
        }
    }

    /// The builder that takes the next cell; none where the row is full.
    pub(super) fn cell(&mut self) -> Option<&mut Builder<'a>> {
        let place = match &self.layout {
            Layout::Inputs(places) => *places.get(self.cells)?,
            Layout::Row(places) => places.get(self.cells).map(|_| 0)?,
            Layout::Plain => 0,
        };
        self.builders.get_mut(place)
    }

    /// Goes on behind a cell.
    pub(super) fn end_cell(&mut self) {
        self.cells += 1;
        if let (Layout::Row(_) | Layout::Plain, [builder]) =
            (&self.layout, self.builders.as_mut_slice())
        {
            builder.next();
        }
    }

    /// More cells than there are columns.
    pub(super) fn overfull(&self) -> InputError {
        self.unequal(self.cells + 1)
    }

    fn unequal(&self, given: usize) -> InputError {
        TableError::Cells {
            row: self.rows,
            expected: self.layout.width().unwrap_or_default(),
            given,
        }
        .into()
    }

    pub(super) fn end_row(&mut self) -> Result<(), InputError> {
        if self.layout.width().is_some_and(|width| width != self.cells) {
            return Err(self.unequal(self.cells));
        }
        match (&self.layout, self.builders.as_mut_slice()) {
            (Layout::Row(places), [builder]) => {
                builder.close()?;
                builder.arrange(places)?;
            }
            (Layout::Plain, [builder]) => builder.close()?,
            (Layout::Inputs(_) | Layout::Row(_) | Layout::Plain, _) => {}
        }
        self.builders.iter_mut().for_each(Builder::next);
        self.rows += 1;
        self.reading.check_rows(self.rows)
    }

    /// The inputs, once all rows have ended.
    pub(super) fn finish(self) -> Result<Vec<NamedTensor>, InputError> {
        let inputs = finished(self.reading, self.builders)?;
        let Some(port) = columns::matrix(self.reading.ports) else {
            return Ok(inputs);
        };
        let inputs = inputs.into_iter().map(|NamedTensor { name, tensor }| {
            let tensor = unfolded(port, tensor);
            NamedTensor { name, tensor }
        });
        Ok(inputs.collect())
    }
}

/// A row stands flat in a table, where the model may take it as an image or the like, of fixed lengths.
fn unfolded(port: &Port, tensor: Tensor) -> Tensor {
    let ([rows, width], Some([_, axes @ ..])) = (tensor.shape(), port.shape.as_deref()) else {
        return tensor;
    };
    let length = |axis: &Dimension| match axis {
        Dimension::Fixed(length) => Some(*length),
        Dimension::Named(_) | Dimension::Any => None,
    };
    let lengths: Option<Vec<usize>> = axes.iter().map(length).collect();
    let Some(lengths) = lengths.filter(|lengths| volume(lengths) == Some(*width)) else {
        return tensor;
    };
    let shape = std::iter::once(*rows).chain(lengths).collect();
    tensor.reshaped(shape)
}
