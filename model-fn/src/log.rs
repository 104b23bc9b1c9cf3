//! One JSON line a request, and one of metrics: what was asked and what came of it, never a value of it.

mod metrics;

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use serde::{Serialize, Serializer};

/// The line of one request, filled while it is answered.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Line<'a> {
    pub(crate) event: &'static str,
    pub(crate) request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gateway_request_id: Option<String>,
    /// X-Ray's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace_id: Option<&'a str>,
    /// The caller's own, of `traceparent` (W3C Trace Context).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) caller_trace_id: Option<String>,
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
    /// How many requests ran as one, where this was not the only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) batched: Option<usize>,
    /// In the metrics alone: the log is the function's own.
    #[serde(skip)]
    pub(crate) function_name: &'a str,
    pub(crate) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    pub(crate) duration_ms: Milliseconds,
    /// How long the request waited for its model to be loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) load_ms: Option<Milliseconds>,
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

impl Milliseconds {
    fn number(self) -> f64 {
        (self.0.as_secs_f64() * 1e6).round() / 1e3
    }
}

impl Serialize for Milliseconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.number())
    }
}

impl fmt::Display for Milliseconds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(formatter)
    }
}

impl Line<'_> {
    /// The line as text, and the metrics of a question to a model or of what was refused.
    pub(crate) fn texts(&self, at: SystemTime) -> Vec<String> {
        let metrics = metrics::Metrics::of(self, at);
        let metrics = metrics.map(|metrics| text(&metrics));
        std::iter::once(text(self)).chain(metrics).collect()
    }
}

/// The metrics of a start: how long it took, and of that the loads and the checks of models.
pub(crate) fn started(
    function_name: &str,
    took: Milliseconds,
    phases: Option<[Milliseconds; 2]>,
    at: SystemTime,
) -> String {
    text(&metrics::Start::new(function_name, took, phases, at))
}

/// Strings and numbers always have a JSON form.
fn text(line: &impl Serialize) -> String {
    serde_json::to_string(line).unwrap_or_default()
}

/// The trace of X-Ray's header, `Root=1-58406520-a006649127e371903a2de979;…`: a caller may have sent any.
pub(crate) fn xray_trace_id(header: &str) -> Option<&str> {
    let mut parts = header.split(';');
    let root = parts.find_map(|part| part.trim().strip_prefix("Root="))?;
    let mut parts = root.split('-');
    let is_hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let is_root = parts.next() == Some("1")
        && parts.next().is_some_and(|time| is_hex(time, 8))
        && parts.next().is_some_and(|rest| is_hex(rest, 24))
        && parts.next().is_none();
    is_root.then_some(root)
}

/// The trace of a `traceparent` header, if it is one (W3C Trace Context, version 00).
pub(crate) fn trace_id(traceparent: &str) -> Option<String> {
    let mut parts = traceparent.trim().split('-');
    let is_hex = |text: &&str| {
        text.bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let mut part = |length: usize| {
        parts
            .next()
            .filter(|part| part.len() == length)
            .filter(is_hex)
    };
    let (_version, trace, _span, _flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
    let is_trace = trace.bytes().any(|byte| byte != b'0');
    is_trace.then(|| trace.to_owned())
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
            line.texts(SystemTime::UNIX_EPOCH),
            [r#"{"event":"request","request_id":"r","status":200,"duration_ms":0.0}"#]
        );
        let took = serde_json::to_string(&Milliseconds(Duration::from_nanos(1_234_567))).unwrap();
        assert_eq!(took, "1.235");
    }

    #[test]
    fn x_rays_trace_is_its_root_alone() {
        let root = "1-58406520-a006649127e371903a2de979";
        assert_eq!(
            xray_trace_id(&format!("Root={root};Parent=53995c3f42cd8ad8;Sampled=1")),
            Some(root)
        );
        assert_eq!(
            xray_trace_id(&format!(
                "Self=1-67891234-12456789abcdef012345678;Root={root}"
            )),
            Some(root)
        );
        for header in [
            "",
            "Root=",
            "Root=1-58406520-a006649127e371903a2de97",
            "Root=1-5840652g-a006649127e371903a2de979",
            root,
        ] {
            assert_eq!(xray_trace_id(header), None, "{header}");
        }
        assert_eq!(xray_trace_id(&format!("Root={root}-1")), None);
    }

    #[test]
    fn a_trace_is_named_by_a_whole_header_alone() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let found = |text: &str| trace_id(text);
        let whole = format!("00-{trace}-00f067aa0ba902b7-01");
        assert_eq!(found(&whole).as_deref(), Some(trace));
        assert_eq!(found(&whole.to_uppercase()), None);
        assert_eq!(found(&format!("00-{trace}-00f067aa0ba902b7")), None);
        assert_eq!(found(&format!("00-{trace}0-00f067aa0ba902b7-01")), None);
        assert_eq!(found(&whole.replace(trace, &"0".repeat(32))), None);
        assert_eq!(
            found(&whole.replace(trace, "\n\"injected\": true, \"x\":\"12345678")),
            None
        );
        assert_eq!(found(""), None);
    }
}
