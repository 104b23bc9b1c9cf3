//! The values of one request in CloudWatch's embedded metric format: what was asked of a model, or why it was refused.

use std::sync::LazyLock;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{Line, Milliseconds};

/// Stands for a model, a dialect or a code that there is not: a dimension must have a value.
const NONE: &str = "none";

/// The line of metrics.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Metrics<'a> {
    #[serde(rename = "_aws")]
    embedded: Embedded,
    /// Stacks of one account share the namespace.
    function_name: &'a str,
    model: &'a str,
    dialect: &'a str,
    code: &'a str,
    requests: u8,
    duration: Milliseconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parse: Option<Milliseconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<Milliseconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    write: Option<Milliseconds>,
}

/// The line of metrics of a start.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Start<'a> {
    #[serde(rename = "_aws")]
    embedded: Embedded,
    function_name: &'a str,
    start: Milliseconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_load: Option<Milliseconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_check: Option<Milliseconds>,
}

/// What tells CloudWatch which members of a line are metrics.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Embedded {
    /// Milliseconds since 1970.
    timestamp: u64,
    cloud_watch_metrics: &'static RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: &'static [&'static [&'static str]],
    metrics: &'static [Metric],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}

const NAMESPACE: &str = "Tollgate/Model";

const fn count(name: &'static str) -> Metric {
    let unit = "Count";
    Metric { name, unit }
}

const fn milliseconds(name: &'static str) -> Metric {
    let unit = "Milliseconds";
    Metric { name, unit }
}

/// Requests by their outcome; of those that were answered also how large they were, and what took how long.
const BY_CODE: Directive = Directive {
    namespace: NAMESPACE,
    dimensions: &[&["FunctionName", "Model", "Code"]],
    metrics: &[count("Requests"), milliseconds("Duration")],
};
const BY_DIALECT: Directive = Directive {
    namespace: NAMESPACE,
    dimensions: &[&["FunctionName", "Model", "Dialect"]],
    metrics: &[
        count("Requests"),
        count("Rows"),
        milliseconds("Duration"),
        milliseconds("Parse"),
        milliseconds("Run"),
        milliseconds("Write"),
    ],
};

/// Of a start; without models that were loaded then, there is nothing but its length.
const STARTED: Directive = Directive {
    namespace: NAMESPACE,
    dimensions: &[&["FunctionName"]],
    metrics: &[
        milliseconds("Start"),
        milliseconds("StartLoad"),
        milliseconds("StartCheck"),
    ],
};
const STARTED_EMPTY: Directive = Directive {
    namespace: NAMESPACE,
    dimensions: &[&["FunctionName"]],
    metrics: &[milliseconds("Start")],
};

/// Always the same, so written out once.
static ANSWERED: LazyLock<Box<RawValue>> =
    LazyLock::new(|| to_raw_value(&[BY_CODE, BY_DIALECT]).unwrap_or_default());
static REFUSED: LazyLock<Box<RawValue>> =
    LazyLock::new(|| to_raw_value(&[BY_CODE]).unwrap_or_default());

static BEGUN: LazyLock<Box<RawValue>> =
    LazyLock::new(|| to_raw_value(&[STARTED]).unwrap_or_default());
static BEGUN_EMPTY: LazyLock<Box<RawValue>> =
    LazyLock::new(|| to_raw_value(&[STARTED_EMPTY]).unwrap_or_default());

impl Embedded {
    fn new(at: SystemTime, cloud_watch_metrics: &'static RawValue) -> Self {
        let since = at.duration_since(SystemTime::UNIX_EPOCH);
        let timestamp = since.map_or(0, |since| since.as_millis());
        Self {
            timestamp: u64::try_from(timestamp).unwrap_or(u64::MAX),
            cloud_watch_metrics,
        }
    }
}

impl<'a> Start<'a> {
    pub(super) fn new(
        function_name: &'a str,
        start: Milliseconds,
        phases: Option<[Milliseconds; 2]>,
        at: SystemTime,
    ) -> Self {
        let directive = if phases.is_some() {
            &BEGUN
        } else {
            &BEGUN_EMPTY
        };
        Self {
            embedded: Embedded::new(at, directive),
            function_name,
            start,
            start_load: phases.map(|[load, _]| load),
            start_check: phases.map(|[_, check]| check),
        }
    }
}

impl<'a> Metrics<'a> {
    /// Of a question to a model, or of what was refused; other requests are in the log alone.
    pub(super) fn of(line: &'a Line<'_>, at: SystemTime) -> Option<Self> {
        if line.dialect.is_none() && line.code.is_none() {
            return None;
        }
        let directive = match line.code {
            None => &ANSWERED,
            Some(_) => &REFUSED,
        };
        Some(Self {
            embedded: Embedded::new(at, directive),
            function_name: line.function_name,
            model: line.model.as_deref().unwrap_or(NONE),
            dialect: line.dialect.unwrap_or(NONE),
            code: line.code.unwrap_or("ok"),
            requests: 1,
            duration: line.duration_ms,
            rows: line.rows,
            parse: line.parse_ms,
            run: line.run_ms,
            write: line.write_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::time::Duration;

    fn metrics(line: &Line<'_>) -> Option<Value> {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        Metrics::of(line, at).map(|metrics| serde_json::to_value(&metrics).unwrap())
    }

    /// Whatever a directive names must be a member of the line, or CloudWatch drops the line.
    #[track_caller]
    fn check_members(line: &Value) {
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        for directive in directives {
            let dimensions = directive["Dimensions"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|set| set.as_array().unwrap());
            for name in dimensions {
                assert!(line[name.as_str().unwrap()].is_string(), "{name}");
            }
            for metric in directive["Metrics"].as_array().unwrap() {
                assert!(
                    line[metric["Name"].as_str().unwrap()].is_number(),
                    "{metric}"
                );
            }
        }
    }

    #[test]
    fn an_answer_is_measured_by_model_and_dialect() {
        let some = |nanoseconds| Some(Milliseconds(Duration::from_nanos(nanoseconds)));
        let line = Line {
            function_name: "fn",
            model: Some("wine".to_owned()),
            dialect: Some("rows"),
            rows: Some(3),
            parse_ms: some(10_000),
            run_ms: some(20_000),
            write_ms: some(30_000),
            ..Line::default()
        };
        let line = metrics(&line).unwrap();
        check_members(&line);
        assert_eq!(line["_aws"]["Timestamp"], json!(1_700_000_000_123_u64));
        assert_eq!(
            (&line["FunctionName"], &line["Model"], &line["Code"]),
            (&json!("fn"), &json!("wine"), &json!("ok"))
        );
        assert_eq!((&line["Rows"], &line["Run"]), (&json!(3), &json!(0.02)));
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"].as_array().unwrap().len(),
            2
        );
    }

    #[test]
    fn a_start_is_measured_with_its_phases() {
        let of = |milliseconds| Milliseconds(Duration::from_millis(milliseconds));
        let at = SystemTime::UNIX_EPOCH;
        let line = serde_json::to_value(Start::new("fn", of(9), Some([of(5), of(3)]), at)).unwrap();
        check_members(&line);
        assert_eq!(
            (&line["Start"], &line["StartLoad"], &line["StartCheck"]),
            (&json!(9.0), &json!(5.0), &json!(3.0))
        );
        let line = serde_json::to_value(Start::new("fn", of(9), None, at)).unwrap();
        check_members(&line);
        assert_eq!(line["Start"], json!(9.0));
    }

    #[test]
    fn a_refusal_is_measured_by_its_code() {
        let line = Line {
            code: Some("unauthenticated"),
            ..Line::default()
        };
        let line = metrics(&line).unwrap();
        check_members(&line);
        assert_eq!(
            (&line["Model"], &line["Code"]),
            (&json!("none"), &json!("unauthenticated"))
        );
    }

    #[test]
    fn what_asks_no_model_is_not_measured() {
        assert_eq!(metrics(&Line::default()), None);
    }
}
