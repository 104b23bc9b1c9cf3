//! What the parts of the reader share: limits, counts, and the way a typed error gets out.

use std::cell::{Cell, RefCell};

use serde::de;

use super::{InputError, Limits};
use crate::engine::Port;

/// One body being read.
///
/// The JSON reader can only carry text as an error; the typed one waits here meanwhile.
pub(super) struct Reading<'a> {
    pub(super) ports: &'a [Port],
    pub(super) limits: &'a Limits,
    elements: Cell<usize>,
    problem: RefCell<Option<InputError>>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(ports: &'a [Port], limits: &'a Limits) -> Self {
        Self {
            ports,
            limits,
            elements: Cell::new(0),
            problem: RefCell::new(None),
        }
    }

    /// Stops the JSON reader with this problem.
    pub(super) fn stop<E: de::Error>(&self, problem: InputError) -> E {
        self.problem.replace(Some(problem));
        E::custom("refused")
    }

    /// Counts one more scalar.
    pub(super) fn count(&self) -> Result<(), InputError> {
        let elements = self.elements.get() + 1;
        self.elements.set(elements);
        let limit = self.limits.elements;
        if elements > limit {
            Err(InputError::TooManyElements { limit })
        } else {
            Ok(())
        }
    }

    /// What was wrong, once the JSON reader has stopped.
    pub(super) fn problem(&self, error: &serde_json::Error) -> InputError {
        self.problem_in(error, error.line())
    }

    /// The same, where the reader has seen this line alone.
    pub(super) fn problem_in(&self, error: &serde_json::Error, line: usize) -> InputError {
        self.problem
            .take()
            .unwrap_or_else(|| match error.classify() {
                serde_json::error::Category::Data => InputError::NotADialect { keys: Vec::new() },
                serde_json::error::Category::Io
                | serde_json::error::Category::Syntax
                | serde_json::error::Category::Eof => {
                    let place = |line| format!("at line {line} column {}", error.column());
                    let message = error.to_string();
                    let message = message.replace(&place(error.line()), &place(line));
                    InputError::NotJson { message }
                }
            })
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
