//! Reads and evaluates the policy of an authorizer's answer, as IAM does for `execute-api`.
//!
//! Written against AWS's documents and not against our authorizer: it is what proves that the
//! policies mean what they should. What it does not know, a condition or a `NotAction`, is an error,
//! never skipped.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The longest policy document the gateway takes, as compact JSON.
const MAX_POLICY_BYTES: usize = 8 * 1024;
/// The longest `Resource` the gateway takes.
const MAX_RESOURCE_CHARACTERS: usize = 512;
/// `arn`, partition, service, region, account, resource.
const ARN_PARTS: usize = 6;

/// A policy document that was understood completely.
#[derive(Debug)]
pub struct Policy {
    statements: Vec<Statement>,
}

/// What a policy says about one action on one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A statement allows it and none denies it.
    Allowed,
    /// A statement denies it; that wins over any `Allow`.
    ExplicitlyDenied,
    /// No statement speaks of it: the default.
    ImplicitlyDenied,
}

/// Why a policy document cannot be evaluated.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// Not the shape of a policy document, or an element this evaluator does not know.
    #[error("the policy document is malformed")]
    Malformed(#[source] serde_json::Error),
    /// Larger than the gateway takes.
    #[error("the policy document has {bytes} bytes, at most {MAX_POLICY_BYTES} are taken")]
    TooLarge {
        /// Size as compact JSON.
        bytes: usize,
    },
    /// A `Resource` longer than the gateway takes.
    #[error(
        "a `Resource` has {characters} characters, at most {MAX_RESOURCE_CHARACTERS} are taken"
    )]
    LongResource {
        /// Its length.
        characters: usize,
    },
    /// A `Resource` that is neither `*` nor an ARN, or that holds a policy variable.
    #[error("the `Resource` `{0}` is neither `*` nor an ARN without variables")]
    Resource(String),
    /// A condition whose meaning is unknown here.
    #[error("the condition `{operator}` on `{key}` is not supported")]
    Condition {
        /// The operator, such as `DateLessThan`.
        operator: String,
        /// The condition key, such as `aws:CurrentTime`.
        key: String,
    },
    /// A date that is not of the form `2026-01-31T12:00:00Z`.
    #[error("the date `{0}` is not of the form `2026-01-31T12:00:00Z`")]
    Date(String),
}

impl Policy {
    /// Reads the `policyDocument` of an authorizer's answer.
    pub fn read(document: &Value) -> Result<Self, PolicyError> {
        let bytes = document.to_string().len();
        if bytes > MAX_POLICY_BYTES {
            return Err(PolicyError::TooLarge { bytes });
        }
        let document = PolicyDocument::deserialize(document).map_err(PolicyError::Malformed)?;
        let one = std::slice::from_ref(&document.statement);
        let statements = document.statement.as_array().map_or(one, Vec::as_slice);
        let statements: Result<_, _> = statements.iter().map(Statement::read).collect();
        Ok(Self {
            statements: statements?,
        })
    }

    /// Says whether `action` on `resource` is allowed at the time `now`.
    pub fn verdict(&self, action: &str, resource: &str, now: SystemTime) -> Verdict {
        let speaks = |effect| {
            self.statements.iter().any(|statement| {
                statement.effect == effect && statement.covers(action, resource, now)
            })
        };
        if speaks(Effect::Deny) {
            Verdict::ExplicitlyDenied
        } else if speaks(Effect::Allow) {
            Verdict::Allowed
        } else {
            Verdict::ImplicitlyDenied
        }
    }
}

#[derive(Debug)]
struct Statement {
    effect: Effect,
    actions: Vec<String>,
    resources: Vec<String>,
    conditions: Vec<DateCondition>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Effect {
    Allow,
    Deny,
}

/// A comparison of the current time; the dates are alternatives.
#[derive(Debug)]
struct DateCondition {
    comparison: Comparison,
    dates: Vec<SystemTime>,
}

#[derive(Debug, Clone, Copy)]
enum Comparison {
    Before,
    NotAfter,
    After,
    NotBefore,
}

impl Statement {
    fn read(document: &Value) -> Result<Self, PolicyError> {
        let document = StatementDocument::deserialize(document).map_err(PolicyError::Malformed)?;
        let resources = document.resource.into_vec();
        for resource in &resources {
            check_resource(resource)?;
        }
        let mut conditions = Vec::new();
        for (operator, keys) in document.condition {
            for (key, dates) in keys {
                conditions.push(DateCondition::read(&operator, key, dates.into_vec())?);
            }
        }
        Ok(Self {
            effect: document.effect,
            actions: document.action.into_vec(),
            resources,
            conditions,
        })
    }

    fn covers(&self, action: &str, resource: &str, now: SystemTime) -> bool {
        // Actions are compared without case, resources with it.
        let action = action.to_lowercase();
        self.actions
            .iter()
            .any(|pattern| wildcard(&pattern.to_lowercase(), &action))
            && self
                .resources
                .iter()
                .any(|pattern| arn_matches(pattern, resource))
            && self.conditions.iter().all(|condition| condition.holds(now))
    }
}

impl DateCondition {
    fn read(operator: &str, key: String, dates: Vec<String>) -> Result<Self, PolicyError> {
        let comparison = match operator {
            "DateLessThan" => Some(Comparison::Before),
            "DateLessThanEquals" => Some(Comparison::NotAfter),
            "DateGreaterThan" => Some(Comparison::After),
            "DateGreaterThanEquals" => Some(Comparison::NotBefore),
            _ => None,
        };
        let comparison = comparison.filter(|_| key.eq_ignore_ascii_case("aws:CurrentTime"));
        let Some(comparison) = comparison else {
            return Err(PolicyError::Condition {
                operator: operator.to_owned(),
                key,
            });
        };
        let dates: Result<_, _> = dates.into_iter().map(date).collect();
        Ok(Self {
            comparison,
            dates: dates?,
        })
    }

    fn holds(&self, now: SystemTime) -> bool {
        self.dates.iter().any(|date| match self.comparison {
            Comparison::Before => now < *date,
            Comparison::NotAfter => now <= *date,
            Comparison::After => now > *date,
            Comparison::NotBefore => now >= *date,
        })
    }
}

fn date(text: String) -> Result<SystemTime, PolicyError> {
    match OffsetDateTime::parse(&text, &Rfc3339) {
        Ok(date) => Ok(date.into()),
        Err(_) => Err(PolicyError::Date(text)),
    }
}

fn check_resource(resource: &str) -> Result<(), PolicyError> {
    let characters = resource.chars().count();
    if characters > MAX_RESOURCE_CHARACTERS {
        return Err(PolicyError::LongResource { characters });
    }
    let is_arn =
        resource.starts_with("arn:") && resource.splitn(ARN_PARTS, ':').count() == ARN_PARTS;
    if resource == "*" || (is_arn && !resource.contains("${")) {
        Ok(())
    } else {
        Err(PolicyError::Resource(resource.to_owned()))
    }
}

/// Compares part by part: a `*` crosses `/` but not the `:` between the parts of an ARN.
fn arn_matches(pattern: &str, arn: &str) -> bool {
    let patterns: Vec<_> = pattern.splitn(ARN_PARTS, ':').collect();
    let parts: Vec<_> = arn.splitn(ARN_PARTS, ':').collect();
    let all_match = || {
        patterns
            .iter()
            .zip(&parts)
            .all(|(pattern, part)| wildcard(pattern, part))
    };
    pattern == "*" || (patterns.len() == parts.len() && all_match())
}

/// `*` is any number of characters, none included; `?` is exactly one.
fn wildcard(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut read) = (0, 0);
    // Where to go on when a guess fails: after the last `*`, with one more character given to it.
    let mut retry = None;
    while let Some(character) = text.get(read) {
        match pattern.get(at) {
            Some('*') => {
                at += 1;
                retry = Some((at, read));
            }
            Some(expected) if *expected == '?' || expected == character => {
                at += 1;
                read += 1;
            }
            Some(_) | None => {
                let Some((after_star, from)) = retry else {
                    return false;
                };
                at = after_star;
                read = from + 1;
                retry = Some((after_star, read));
            }
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PolicyDocument {
    #[serde(rename = "Version")]
    _version: Version,
    #[serde(default, rename = "Id")]
    _id: Option<String>,
    /// One statement or a list; read one by one, for the errors to be clear.
    statement: Value,
}

/// The language version whose meaning is implemented here.
#[derive(Deserialize)]
enum Version {
    #[serde(rename = "2012-10-17")]
    Current,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StatementDocument {
    #[serde(default, rename = "Sid")]
    _sid: Option<String>,
    effect: Effect,
    action: OneOrMany<String>,
    resource: OneOrMany<String>,
    #[serde(default)]
    condition: BTreeMap<String, BTreeMap<String, OneOrMany<String>>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:local/dev/POST/predict";
    /// 2026-01-01T00:00:00Z
    const NOW: u64 = 1_767_225_600;

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(NOW)
    }

    fn verdict(statements: Value, resource: &str) -> Result<Verdict, PolicyError> {
        let document = json!({"Version": "2012-10-17", "Statement": statements});
        Ok(Policy::read(&document)?.verdict("execute-api:Invoke", resource, now()))
    }

    fn statement(effect: &str, resource: &str) -> Value {
        json!({"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource})
    }

    #[track_caller]
    fn check(statements: Value, expected: Verdict) {
        assert_eq!(verdict(statements, ARN).unwrap(), expected);
    }

    #[track_caller]
    fn check_resource_match(pattern: &str, resource: &str, expected: bool) {
        let allowed =
            verdict(json!([statement("Allow", pattern)]), resource).unwrap() == Verdict::Allowed;
        assert_eq!(allowed, expected, "`{pattern}` and `{resource}`");
    }

    #[track_caller]
    fn check_condition(condition: Value, expected: Verdict) {
        let mut statement = statement("Allow", ARN);
        statement["Condition"] = condition;
        check(json!([statement]), expected);
    }

    #[track_caller]
    fn check_refused(statement: Value, words: &str) {
        let error = verdict(statement, ARN).unwrap_err();
        let source = std::error::Error::source(&error)
            .map(ToString::to_string)
            .unwrap_or_default();
        let message = format!("{error}: {source}");
        assert!(message.contains(words), "{message}");
    }

    #[test]
    fn deny_wins_and_silence_denies() {
        let other = "arn:aws:execute-api:us-east-1:123456789012:local/dev/GET/models";
        check(json!([]), Verdict::ImplicitlyDenied);
        check(json!([statement("Allow", ARN)]), Verdict::Allowed);
        check(statement("Allow", ARN), Verdict::Allowed);
        check(
            json!([statement("Allow", other)]),
            Verdict::ImplicitlyDenied,
        );
        check(json!([statement("Deny", ARN)]), Verdict::ExplicitlyDenied);
        check(
            json!([statement("Deny", other), statement("Allow", ARN)]),
            Verdict::Allowed,
        );
        check(
            json!([statement("Allow", ARN), statement("Deny", "*")]),
            Verdict::ExplicitlyDenied,
        );
        check(
            json!([statement("Deny", ARN), statement("Allow", ARN)]),
            Verdict::ExplicitlyDenied,
        );
    }

    #[test]
    fn wildcards_cross_slashes_and_stay_in_their_part_of_the_arn() {
        let base = "arn:aws:execute-api:us-east-1:123456789012:";
        let arn = |rest: &str| format!("{base}{rest}");
        for (pattern, resource, expected) in [
            ("local/dev/POST/predict", "local/dev/POST/predict", true),
            (
                "local/dev/POST/predict",
                "local/dev/POST/predict/wine",
                false,
            ),
            ("local/dev/POST/predict", "local/dev/post/predict", false),
            ("local/dev/POST/predict", "local/dev/POST/Predict", false),
            ("local/dev/POST/predict", "local/dev/GET/predict", false),
            ("local/dev/POST/predict/*", "local/dev/POST/predict", false),
            ("local/dev/POST/predict/*", "local/dev/POST/predict/", true),
            (
                "local/dev/POST/predict/*",
                "local/dev/POST/predict/wine",
                true,
            ),
            (
                "local/dev/POST/predict/*",
                "local/dev/POST/predict/wine/infer",
                true,
            ),
            ("local/dev/*/predict", "local/dev/POST/a/b/predict", true),
            ("local/*/predict", "local/dev/POST/predict", true),
            ("local/*/predict", "local/dev/POST/predicts", false),
            ("local/dev/POST/v?/x", "local/dev/POST/v2/x", true),
            ("local/dev/POST/v?/x", "local/dev/POST/v/x", false),
            ("local/dev/POST/v?/x", "local/dev/POST/v22/x", false),
            ("local/dev/POST/*a*b", "local/dev/POST/xaxbxb", true),
            ("local/dev/POST/*a*b", "local/dev/POST/xbxa", false),
            ("local/dev/POST/a:b", "local/dev/POST/a:b", true),
            ("local/dev/POST/*", "local/dev/POST/a:b", true),
            ("*", "anything", true),
        ] {
            check_resource_match(&arn(pattern), &arn(resource), expected);
        }
        check_resource_match("*", ARN, true);
        check_resource_match("arn:*:*:*:*:*", ARN, true);
        check_resource_match("arn:aws:execute-api:*:123456789012:local/*", ARN, true);
        check_resource_match(
            "arn:aws:execute-api:eu-west-1:123456789012:local/*",
            ARN,
            false,
        );
        check_resource_match(
            "arn:aws:execute-api:us-east-1:999999999999:local/*",
            ARN,
            false,
        );
        check_resource_match("arn:*:execute-api:us-east-1:*:x/*", ARN, false);
    }

    #[test]
    fn actions_are_matched_without_case() {
        for (action, expected) in [
            ("execute-api:Invoke", Verdict::Allowed),
            ("Execute-API:invoke", Verdict::Allowed),
            ("execute-api:*", Verdict::Allowed),
            ("*", Verdict::Allowed),
            ("execute-api:ManageConnections", Verdict::ImplicitlyDenied),
            ("lambda:Invoke", Verdict::ImplicitlyDenied),
        ] {
            check(
                json!([{"Action": [action], "Effect": "Allow", "Resource": [ARN]}]),
                expected,
            );
        }
    }

    #[test]
    fn dates_are_compared_with_now() {
        for (operator, before, same, after) in [
            ("DateLessThan", false, false, true),
            ("DateLessThanEquals", false, true, true),
            ("DateGreaterThan", true, false, false),
            ("DateGreaterThanEquals", true, true, false),
        ] {
            for (date, holds) in [
                ("2025-12-31T23:59:59Z", before),
                ("2026-01-01T00:00:00Z", same),
                ("2026-01-01T00:00:01Z", after),
            ] {
                let expected = if holds {
                    Verdict::Allowed
                } else {
                    Verdict::ImplicitlyDenied
                };
                check_condition(json!({operator: {"aws:CurrentTime": date}}), expected);
            }
        }
        check_condition(
            json!({"DateLessThan": {"aws:currenttime": "2026-01-01T01:00:01+01:00"}}),
            Verdict::Allowed,
        );
        check_condition(
            json!({"DateLessThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"},
                   "DateGreaterThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}}),
            Verdict::ImplicitlyDenied,
        );
    }

    #[test]
    fn an_expired_deny_no_longer_denies() {
        let mut deny = statement("Deny", ARN);
        deny["Condition"] = json!({"DateLessThan": {"aws:CurrentTime": "2025-01-01T00:00:00Z"}});
        check(json!([deny, statement("Allow", ARN)]), Verdict::Allowed);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let with = |name: &str, value: Value| {
            let mut statement = statement("Allow", ARN);
            statement[name] = value;
            statement
        };
        check_refused(with("Effect", json!("allow")), "unknown variant `allow`");
        check_refused(json!({"Action": "*", "Resource": "*"}), "malformed");
        check_refused(with("NotAction", json!("*")), "malformed");
        check_refused(
            with(
                "Condition",
                json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
            ),
            "`IpAddress`",
        );
        check_refused(
            with(
                "Condition",
                json!({"DateLessThan": {"aws:TokenIssueTime": "x"}}),
            ),
            "`aws:TokenIssueTime`",
        );
        check_refused(
            with(
                "Condition",
                json!({"DateLessThan": {"aws:CurrentTime": "soon"}}),
            ),
            "`soon`",
        );
        check_refused(
            with("Resource", json!("local/dev/POST/predict")),
            "neither `*` nor an ARN",
        );
        check_refused(
            with("Resource", json!("arn:aws:*:local/dev/POST/predict")),
            "neither `*` nor an ARN",
        );
        check_refused(
            with(
                "Resource",
                json!("arn:aws:execute-api:us-east-1:1:${aws:username}"),
            ),
            "variables",
        );
    }

    #[test]
    fn sizes_are_limited_as_the_gateway_limits_them() {
        let resource =
            |characters: usize| format!("arn:aws:execute-api:::{}", "x".repeat(characters - 22));
        check_resource_match(&resource(512), ARN, false);
        check_refused(statement("Allow", &resource(513)), "513 characters");
        let many = |count: usize| Value::from(vec![statement("Allow", &resource(400)); count]);
        check(many(15), Verdict::ImplicitlyDenied);
        check_refused(many(20), "at most 8192");
    }
}
