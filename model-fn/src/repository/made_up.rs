//! Inputs made up from what a model declares, for runs that tell whether it answers at all.

use std::collections::BTreeMap;

use super::shapes::Shapes;
use crate::engine::{Dimension, Model, Specification};
use crate::protocol::Limits;
use crate::tensor::{Tensor, Values, volume};

/// Ones, as a mask that hides nothing needs them; then zeros, the one index that every table has.
pub(super) const FILLINGS: [u64; 2] = [1, 0];

/// How long the open axes of made-up inputs are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lengths {
    first: usize,
    others: usize,
}

impl Lengths {
    /// Two rows, and what is neither one nor two on the other axes.
    pub(super) const SEVERAL: Self = Self {
        first: 2,
        others: 3,
    };

    /// The shapes of all inputs; axes of one name are of one length.
    pub(super) fn of(self, specification: &Specification) -> Shapes {
        let mut named: BTreeMap<&str, usize> = BTreeMap::new();
        let ports = specification.inputs.iter();
        let shapes = ports.map(|port| {
            let axes = port.shape.iter().flatten().enumerate();
            let lengths = axes.map(|(place, axis)| match axis {
                Dimension::Fixed(length) => *length,
                Dimension::Named(name) => *named.entry(name).or_insert(self.open(place)),
                Dimension::Any => self.open(place),
            });
            lengths.collect()
        });
        shapes.collect()
    }

    fn open(self, place: usize) -> usize {
        if place == 0 { self.first } else { self.others }
    }
}

/// One row, with other open axes as short as can be, or as long as an image is: what slides windows over
/// them takes no single value.
const OTHERS: [usize; 3] = [1, 64, 224];

/// Nothing is tried that no request may have.
const MOST: usize = Limits::DEFAULT.elements;

/// The shapes to try for one row, without doubles.
pub(super) fn one_row(specification: &Specification) -> Vec<Shapes> {
    rows(specification, 1)
}

fn rows(specification: &Specification, first: usize) -> Vec<Shapes> {
    let tried = OTHERS.map(|others| Lengths { first, others }.of(specification));
    let mut tried = tried.to_vec();
    tried.dedup();
    let [first, others @ ..] = tried.as_slice() else {
        return tried;
    };
    let fitting = others.iter().filter(|shapes| elements(shapes) <= MOST);
    std::iter::once(first).chain(fitting).cloned().collect()
}

/// How many values inputs of these shapes have.
pub(super) fn elements(shapes: &Shapes) -> usize {
    let volume = |shape: &Vec<usize>| shape.iter().copied().fold(1, usize::saturating_mul);
    shapes.iter().map(volume).fold(0, usize::saturating_add)
}

/// Inputs of this many rows for runs that tell nothing but how long they take; where a model does not take the
/// first, it may take the second.
pub fn made_up(model: &Model, first: usize) -> [Vec<Tensor>; 2] {
    let specification = model.specification();
    let tried = rows(specification, first);
    let planned = tried
        .iter()
        .find(|shapes| model.prepare(shapes.to_vec()).is_ok());
    let shapes = planned.or(tried.first()).cloned().unwrap_or_default();
    FILLINGS.map(|filling| filled(specification, &shapes, filling))
}

/// Inputs of one value all over.
pub(super) fn filled(specification: &Specification, shapes: &Shapes, filling: u64) -> Vec<Tensor> {
    let ports = specification.inputs.iter().zip(shapes);
    let inputs = ports.map(|(port, shape)| {
        let count = volume(shape).unwrap_or_default();
        let values = || Values::filled(port.datatype, filling, count);
        let tensor = Tensor::new(shape.clone(), values());
        tensor.unwrap_or_else(|_| Tensor::flat(values()))
    });
    inputs.collect()
}
