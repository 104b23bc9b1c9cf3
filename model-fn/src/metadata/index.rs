//! `POST /v2/repository/index` and `GET /v2/models`: what there is.

use serde::Serialize;
use serde_json::Value;

use crate::repository::{Entry, Version, Visible};

/// `GET /v2/models`
#[derive(Debug, Serialize)]
pub(crate) struct Names<'a> {
    models: Vec<&'a str>,
}

/// One version in the index.
#[derive(Debug, Serialize)]
pub(crate) struct Indexed<'a> {
    name: &'a str,
    version: String,
    state: &'static str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    version_labels: Vec<&'a str>,
}

impl<'a> Names<'a> {
    pub(crate) fn of(visible: Visible<'a>) -> Self {
        Self {
            models: visible.models().map(|entry| entry.name.as_str()).collect(),
        }
    }
}

impl<'a> Indexed<'a> {
    /// A function that answers has loaded all of its models: the index is the same with `ready` and without.
    pub(crate) fn all(visible: Visible<'a>) -> Vec<Self> {
        let versions = visible.models().flat_map(Entry::all);
        let indexed = |version: Version<'a>| Self {
            name: &version.entry.name,
            version: version.number.to_string(),
            state: "READY",
            reason: "",
            version_labels: version.entry.labels_of(version.number),
        };
        versions.map(indexed).collect()
    }

    /// Whether a body asks for the index: it may be empty, or say whether models must be ready.
    pub(crate) fn is_asked(body: &[u8]) -> bool {
        if body.trim_ascii().is_empty() {
            return true;
        }
        let body: Option<Value> = serde_json::from_slice(body).ok();
        let ready = body
            .as_ref()
            .and_then(Value::as_object)
            .map(|body| body.get("ready"));
        matches!(ready, Some(None | Some(Value::Bool(_) | Value::Null)))
    }
}
