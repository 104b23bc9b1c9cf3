//! The models that are known to have no right answer yet, and what a test says of a model.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::{Completion, Failed};

use crate::compare::Tolerance;

/// What came of a model.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It answers as onnxruntime does.
    Right,
    /// `unsupported` names these operators.
    Refused(String),
    /// It is accepted, and gives an error or panics instead of an answer.
    Fails(String),
    /// It answers something else.
    Differs(String),
}

/// How a listed model is known to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Refused,
    Fails,
    Differs,
    /// Large terms of its sums cancel out: rounding decides the last digits, and the processor decides rounding.
    Cancels,
    /// A value inside is at the edge of a step of quantization: rounding decides to which side it falls.
    Steps,
}

/// The list, `tests/zoo/known.txt`: model, kind, reason, one model a line.
#[derive(Debug)]
pub(crate) struct Known(BTreeMap<String, Kind>);

impl Known {
    /// Reads the list; what follows `#` at the start of a line is for people.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let mut models = BTreeMap::new();
        for line in text.lines() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.splitn(3, ' ');
            let name = words.next().context("a line has no name")?;
            let kind = match words.next() {
                Some("refused") => Kind::Refused,
                Some("fails") => Kind::Fails,
                Some("differs") => Kind::Differs,
                Some("cancels") => Kind::Cancels,
                Some("steps") => Kind::Steps,
                _ => {
                    bail!("`{line}`: neither `refused`, `fails`, `differs`, `cancels` nor `steps`")
                }
            };
            words
                .next()
                .with_context(|| format!("`{name}` has no reason"))?;
            let before = models.insert(name.to_owned(), kind);
            ensure!(before.is_none(), "`{name}` is listed twice");
        }
        Ok(Self(models))
    }

    /// How close the answers of a model must be.
    pub(crate) fn tolerance(&self, name: &str, usual: Tolerance) -> Tolerance {
        match self.0.get(name) {
            Some(Kind::Cancels) => Tolerance::CANCELLING,
            Some(Kind::Steps) => Tolerance::STEPPING,
            Some(Kind::Refused | Kind::Fails | Kind::Differs) | None => usual,
        }
    }

    /// Passes what is right, skips what is listed, fails everything else.
    pub(crate) fn verdict(&self, name: &str, outcome: Outcome) -> Result<Completion, Failed> {
        match (self.0.get(name).copied(), outcome.kind()) {
            (None | Some(Kind::Cancels | Kind::Steps), None) => Ok(Completion::Completed),
            (Some(_), None) => Err("the answers are right: remove it from the list".into()),
            (Some(listed), Some(kind)) if listed == kind => {
                Ok(Completion::ignored_with(outcome.to_string()))
            }
            (Some(listed), Some(_)) => Err(format!("listed as {listed:?}: {outcome}").into()),
            (None, Some(_)) => Err(outcome.to_string().into()),
        }
    }

    /// Listed models of a part that it does not have.
    pub(crate) fn gone(&self, part: &str, names: &[String]) -> Vec<&str> {
        let is_of_part = |name: &&String| name.split('/').next() == Some(part);
        let listed = self.0.keys().filter(is_of_part);
        listed
            .filter(|name| !names.contains(name))
            .map(String::as_str)
            .collect()
    }
}

impl Outcome {
    /// The kind, as it is listed; none for what is right.
    pub(crate) fn word(&self) -> Option<&'static str> {
        self.kind().map(|kind| match kind {
            Kind::Refused => "refused",
            Kind::Fails => "fails",
            Kind::Differs => "differs",
            Kind::Cancels => "cancels",
            Kind::Steps => "steps",
        })
    }

    fn kind(&self) -> Option<Kind> {
        match self {
            Self::Right => None,
            Self::Refused(_) => Some(Kind::Refused),
            Self::Fails(_) => Some(Kind::Fails),
            Self::Differs(_) => Some(Kind::Differs),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right => write!(formatter, "right"),
            Self::Refused(operators) => write!(formatter, "refused {operators}"),
            Self::Fails(error) => write!(formatter, "fails {error}"),
            Self::Differs(difference) => write!(formatter, "differs {difference}"),
        }
    }
}
