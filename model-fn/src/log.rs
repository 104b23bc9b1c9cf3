//! One JSON line a request: what was asked and what came of it, never a value of it.

use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};

/// The line of one request, filled while it is answered.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Line<'a> {
    pub(crate) event: &'static str,
    pub(crate) request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gateway_request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) route: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dialect: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<usize>,
    pub(crate) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    pub(crate) duration_ms: Milliseconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parse_ms: Option<Milliseconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) run_ms: Option<Milliseconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) write_ms: Option<Milliseconds>,
}

/// A duration, written in milliseconds with three digits.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Milliseconds(pub(crate) Duration);

impl Milliseconds {
    pub(crate) fn since(started: Instant) -> Self {
        Self(started.elapsed())
    }
}

impl Serialize for Milliseconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64((self.0.as_secs_f64() * 1e6).round() / 1e3)
    }
}

impl Line<'_> {
    /// The line as text.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_left_out() {
        let line = Line {
            event: "request",
            request_id: "r",
            status: 200,
            ..Line::default()
        };
        assert_eq!(
            line.text(),
            r#"{"event":"request","request_id":"r","status":200,"duration_ms":0.0}"#
        );
        let took = serde_json::to_string(&Milliseconds(Duration::from_nanos(1_234_567))).unwrap();
        assert_eq!(took, "1.235");
    }
}
