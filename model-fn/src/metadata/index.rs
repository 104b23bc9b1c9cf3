//! `POST /v2/repository/index` and `GET /v2/models`: what there is.

use serde::Serialize;
use serde_json::Value;

use crate::repository::{State, Visible};

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
    /// All versions, or those that are ready alone.
    pub(crate) fn all(visible: Visible<'a>, only_ready: bool) -> Vec<Self> {
        let versions = visible.states();
        let wanted = versions.filter(|(_, state)| !only_ready || *state == State::Ready);
        let indexed = wanted.map(|(found, state)| {
            let (state, reason) = words(state);
            Self {
                name: &found.entry.name,
                version: found.number.to_string(),
                state,
                reason,
                version_labels: found.entry.labels_of(found.number),
            }
        });
        indexed.collect()
    }

    /// Whether a body asks for what is ready alone. It may be empty, or say it; any other asks for no index.
    pub(crate) fn asked(body: &[u8]) -> Option<bool> {
        if body.trim_ascii().is_empty() {
            return Some(false);
        }
        let body: Value = serde_json::from_slice(body).ok()?;
        match body.as_object()?.get("ready") {
            None | Some(Value::Null) => Some(false),
            Some(ready) => ready.as_bool(),
        }
    }
}

/// Triton's words for a state, and why it is so. What the log says of a load that failed is not for callers.
fn words(state: State) -> (&'static str, &'static str) {
    match state {
        State::Ready => ("READY", ""),
        State::Loading => ("LOADING", ""),
        State::Idle => ("UNAVAILABLE", "it is loaded when it is asked for"),
        State::Failed => ("UNAVAILABLE", "its last load failed"),
    }
}
