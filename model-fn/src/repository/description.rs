//! `model.yaml`: what people say of a model, and which versions are served.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::versions::{self, VersionPolicy, VersionsError};
use crate::protocol::Limits;

/// What `model.yaml` says; every key is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
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
    /// Shapes of inputs whose plans are made at the start: the shape of each input, by its name.
    pub shapes: Vec<BTreeMap<String, Vec<usize>>>,
}

/// Limits of one model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelLimits {
    /// Rows of a request.
    pub rows: Option<usize>,
    /// Values in all inputs of a request.
    pub elements: Option<usize>,
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
}

impl Description {
    /// Reads the text of the file; an empty one says nothing.
    pub fn read(text: &str) -> Result<Self, DescriptionError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        serde_saphyr::from_str(text)
            .map_err(|error| DescriptionError::Unreadable(error.to_string()))
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
