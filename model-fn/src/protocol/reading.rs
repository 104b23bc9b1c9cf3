//! What the parts of the reader share: limits, counts, and the way a typed error gets out.

use std::cell::{Cell, RefCell};

use serde::de;

use super::{InputError, Limits};
use crate::engine::Port;
use crate::json;
use crate::tensor::Datatype;

/// One body being read.
///
/// The JSON reader can only carry text as an error; the typed one waits here meanwhile.
pub(super) struct Reading<'a> {
    pub(super) ports: &'a [Port],
    pub(super) limits: &'a Limits,
    elements: Cell<usize>,
    json_bytes: usize,
    /// What stands behind the JSON, without what tensors have taken of it.
    binary: Cell<&'a [u8]>,
    problem: RefCell<Option<InputError>>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(ports: &'a [Port], limits: &'a Limits) -> Self {
        Self {
            ports,
            limits,
            elements: Cell::new(0),
            json_bytes: 0,
            binary: Cell::new(&[]),
            problem: RefCell::new(None),
        }
    }

    /// Of so much JSON, with what stands behind it.
    pub(super) fn of(self, json_bytes: usize, binary: &'a [u8]) -> Self {
        self.binary.set(binary);
        Self { json_bytes, ..self }
    }

    /// How many of the scalars that a shape promises can be there: each has a comma or a bracket at least.
    pub(super) fn credible(&self, scalars: usize) -> usize {
        scalars.min(self.limits.elements).min(self.json_bytes / 2)
    }

    /// Takes the next so many bytes of what stands behind the JSON, or tells how many are left.
    pub(super) fn take(&self, bytes: usize) -> Result<&'a [u8], usize> {
        let left = self.binary.get();
        let (taken, rest) = left.split_at_checked(bytes).ok_or(left.len())?;
        self.binary.set(rest);
        Ok(taken)
    }

    /// How many bytes behind the JSON no tensor has taken.
    pub(super) fn left_over(&self) -> usize {
        self.binary.get().len()
    }

    /// Stops the JSON reader with this problem.
    pub(super) fn stop<E: de::Error>(&self, problem: InputError) -> E {
        self.problem.replace(Some(problem));
        E::custom("refused")
    }

    /// Counts so many more scalars.
    #[inline]
    pub(super) fn count(&self, scalars: usize) -> Result<(), InputError> {
        let elements = self.elements.get().saturating_add(scalars);
        self.elements.set(elements);
        let limit = self.limits.elements;
        if elements > limit {
            Err(InputError::TooManyElements { limit })
        } else {
            Ok(())
        }
    }

    /// An error once there are more rows than may be.
    pub(super) fn check_rows(&self, rows: usize) -> Result<(), InputError> {
        let limit = self.limits.rows;
        if rows > limit {
            Err(InputError::TooManyRows { limit })
        } else {
            Ok(())
        }
    }

    /// What was wrong, if this was what stopped the reader.
    pub(super) fn said(&self) -> Option<InputError> {
        self.problem.take()
    }

    /// What was wrong, once the JSON reader has stopped.
    pub(super) fn problem(&self, error: &json::Error) -> InputError {
        self.problem_behind(error, 0)
    }

    /// The same, where the reader has not seen so many lines before.
    pub(super) fn problem_behind(&self, error: &json::Error, lines: usize) -> InputError {
        self.problem
            .take()
            .unwrap_or_else(|| match error.message(lines) {
                None => InputError::NotADialect { keys: Vec::new() },
                Some(message) => InputError::NotJson { message },
            })
    }

    /// What is called by the name of this datatype: both texts and other bytes are `BYTES`.
    pub(super) fn datatype(&self, named: Datatype) -> Datatype {
        let takes_octets = || {
            let mut ports = self.ports.iter();
            ports.any(|port| port.datatype == Datatype::Octets)
        };
        if named == Datatype::Bytes && takes_octets() {
            Datatype::Octets
        } else {
            named
        }
    }

    /// The place of an input.
    pub(super) fn place(&self, name: &str) -> Result<usize, InputError> {
        let place = self.ports.iter().position(|port| port.name == name);
        place.ok_or_else(|| InputError::Unknown {
            input: name.to_owned(),
            expected: self.names(),
        })
    }

    /// The names of all inputs.
    pub(super) fn names(&self) -> Vec<String> {
        self.ports.iter().map(|port| port.name.clone()).collect()
    }
}
