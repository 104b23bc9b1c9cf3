//! `model.yaml`: what people say of a model, and which versions are served.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::versions::{self, VersionPolicy, VersionsError};
use crate::batching::{Batcher, Settings};
use crate::pipeline::{OutputSettings, Parameter};
use crate::protocol::Limits;

/// Of each power of two there is a plan, and eight plans are kept.
const MOST_ROWS: usize = 128;

/// Nobody waits longer for the requests of others.
const LONGEST_DELAY_MS: u64 = 100;

/// What `model.yaml` says; every key is optional.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Description {
    /// What the model tells, in a sentence or two.
    pub description: Option<String>,
    /// Where its data comes from.
    pub source: Option<String>,
    /// The names of its classes, in the order of its scores.
    pub labels: Vec<String>,
    /// The names of the values in a row of its only input.
    pub columns: Vec<String>,
    /// The versions to serve; all where nothing is said.
    pub versions: VersionPolicy,
    /// Words that stand for versions in paths. They are not the names of classes.
    pub version_labels: BTreeMap<String, u64>,
    /// The version that serves where none is named; the highest where nothing is said.
    #[serde(rename = "default")]
    pub default_version: Option<u64>,
    /// Limits that are narrower than the function's.
    pub limits: ModelLimits,
    /// That requests which come at the same time may run as one.
    pub batching: Option<Batching>,
    /// Shapes of inputs whose plans are made at the start: the shape of each input, by its name.
    pub shapes: Vec<BTreeMap<String, Vec<usize>>>,
    /// That callers send texts, and how they become tokens.
    pub text: Option<steps::text::Settings>,
    /// That callers send pictures, and how they become tensors.
    pub image: Option<steps::image::Settings>,
    /// What callers get in place of the outputs of the model.
    pub outputs: Vec<OutputSettings>,
    /// What requests may ask of the steps.
    pub parameters: Vec<Parameter>,
}

/// Limits of one model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelLimits {
    /// Rows of a request.
    pub rows: Option<usize>,
    /// Values in all inputs of a request.
    pub elements: Option<usize>,
    /// Bytes of one text among the inputs.
    pub text_bytes: Option<usize>,
}

/// How large a batch may be, and how long it may be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Batching {
    /// The most rows of a batch.
    pub rows: usize,
    /// The longest wait for requests that are being read, in milliseconds.
    pub delay_ms: u64,
}

impl Default for Batching {
    fn default() -> Self {
        Self {
            rows: 64,
            delay_ms: 2,
        }
    }
}

/// What is wrong with a `model.yaml`.
#[derive(Debug, thiserror::Error)]
pub enum DescriptionError {
    /// It is not YAML, or has a key that is not known.
    #[error("{0}")]
    Unreadable(String),
    /// The versions that it names cannot be served so.
    #[error(transparent)]
    Versions(#[from] VersionsError),
    /// A batch of these rows is none, or one that takes too long.
    #[error(
        "`batching` takes `rows` that are 2, 4, 8 or so on up to {MOST_ROWS}, and `delay_ms` up to {LONGEST_DELAY_MS}, has {rows} and {delay_ms}"
    )]
    Batching {
        /// Its rows.
        rows: usize,
        /// Its delay.
        delay_ms: u64,
    },
}

impl Description {
    /// Reads the text of the file; an empty one says nothing.
    pub fn read(text: &str) -> Result<Self, DescriptionError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let description: Self = serde_saphyr::from_str(text)
            .map_err(|error| DescriptionError::Unreadable(error.to_string()))?;
        match description.batching {
            Some(Batching { rows, delay_ms })
                if !rows.is_power_of_two()
                    || !(2..=MOST_ROWS).contains(&rows)
                    || delay_ms > LONGEST_DELAY_MS =>
            {
                Err(DescriptionError::Batching { rows, delay_ms })
            }
            Some(_) | None => Ok(description),
        }
    }

    /// A batcher, where requests may run as one: never more of them than one may ask.
    pub(super) fn batcher(&self, limits: &Limits) -> Option<Batcher> {
        let Batching { rows, delay_ms } = self.batching?;
        Some(Batcher::new(Settings {
            rows: rows.min(limits.rows),
            elements: limits.elements,
            delay: Duration::from_millis(delay_ms),
        }))
    }

    /// The versions to serve of those that are there, and the default one.
    pub(super) fn choose(&self, there: &[u64]) -> Result<(Vec<u64>, u64), DescriptionError> {
        let (served, default) = versions::choose(&self.versions, self.default_version, there)?;
        versions::check_labels(&self.version_labels, &served, there)?;
        Ok((served, default))
    }
}

impl ModelLimits {
    /// These limits, never wider than the function's.
    pub(super) fn within(self, limits: &Limits) -> Limits {
        let narrower = |own: Option<usize>, all: usize| own.map_or(all, |own| own.min(all));
        let rows = narrower(self.rows, limits.rows);
        let elements = narrower(self.elements, limits.elements);
        Limits {
            rows,
            elements,
            text_bytes: narrower(self.text_bytes, limits.text_bytes),
            ..limits.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused() {
        let error = Description::read("lables: [a]").unwrap_err().to_string();
        assert!(error.contains("lables"), "{error}");
        assert!(Description::read("limits: {row: 1}").is_err());
        assert!(Description::read("labels: a\nb").is_err());
    }

    #[test]
    fn limits_only_narrow() {
        let limits = |text: &str| {
            Description::read(text)
                .unwrap()
                .limits
                .within(&Limits::DEFAULT)
        };
        assert_eq!(
            limits("limits: {rows: 5, elements: 6}"),
            Limits {
                rows: 5,
                elements: 6,
                ..Limits::DEFAULT
            }
        );
        assert_eq!(limits("limits: {rows: 99999999}"), Limits::DEFAULT);
        assert_eq!(limits("description: d"), Limits::DEFAULT);
    }
}
