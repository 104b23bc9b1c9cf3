//! The lines that every decision has, as types: they are on the way of every token, and a tree of JSON
//! values would cost several times as much.

use std::sync::LazyLock;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

/// The line of one decision.
#[derive(Serialize)]
pub(super) struct Decision<'a> {
    pub(super) event: &'static str,
    pub(super) request_id: &'a str,
    pub(super) decision: &'static str,
    pub(super) reason: &'static str,
    pub(super) detail: Option<&'a str>,
    pub(super) route: &'a str,
    pub(super) rules: &'a [usize],
    pub(super) shadowed: &'a [usize],
    pub(super) issuer: Option<&'a str>,
    pub(super) kid: Option<&'a str>,
    pub(super) token_sha256: Option<&'a str>,
    pub(super) duration_ms: f64,
}

/// The values of one decision in CloudWatch's embedded metric format.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Metrics<'a> {
    #[serde(rename = "_aws")]
    pub(super) embedded: Embedded,
    /// Stacks of one account share the namespace.
    pub(super) function_name: &'a str,
    pub(super) reason: &'static str,
    pub(super) decisions: u8,
    pub(super) key_fetches: usize,
    pub(super) shadowed: u8,
    pub(super) duration: f64,
}

/// What tells CloudWatch which members of a line are metrics.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Embedded {
    /// Milliseconds since 1970.
    timestamp: u64,
    cloud_watch_metrics: &'static RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: [[&'static str; 2]; 1],
    metrics: [Metric; 4],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}

const DIRECTIVE: Directive = Directive {
    namespace: "Tollgate/Authorizer",
    dimensions: [["FunctionName", "Reason"]],
    metrics: [
        Metric {
            name: "Decisions",
            unit: "Count",
        },
        Metric {
            name: "KeyFetches",
            unit: "Count",
        },
        Metric {
            name: "Shadowed",
            unit: "Count",
        },
        Metric {
            name: "Duration",
            unit: "Milliseconds",
        },
    ],
};

/// Always the same, so written out once.
static DIRECTIVES: LazyLock<Box<RawValue>> =
    LazyLock::new(|| to_raw_value(&[DIRECTIVE]).unwrap_or_default());

impl Embedded {
    pub(super) fn at(at: SystemTime) -> Self {
        let milliseconds = at
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_millis());
        Self {
            timestamp: u64::try_from(milliseconds).unwrap_or(u64::MAX),
            cloud_watch_metrics: &DIRECTIVES,
        }
    }
}

/// Strings and numbers always have a JSON form.
pub(super) fn line(members: &impl Serialize) -> String {
    serde_json::to_string(members).unwrap_or_default()
}
