//! An explanation for people: a line a check, the reason, and what the gateway is told.

use std::fmt::Write as _;

use authorizer::explain::Explanation;

/// Everything in the order in which it happened.
pub(super) fn text(told: &Explanation) -> String {
    let mut text = String::new();
    let width = told.checks.iter().map(|step| step.check.len()).max();
    let width = width.unwrap_or_default();
    for step in &told.checks {
        let verdict = if step.passed { "ok" } else { "NO" };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{verdict}  {:width$}  {}", step.check, step.compared);
    }
    let _ = write!(
        text,
        "\n{} `{}`: {}",
        told.decision, told.route, told.reason
    );
    if let Some(detail) = &told.detail {
        let _ = write!(text, " ({detail})");
    }
    let _ = match (&told.answer, &told.error) {
        (Some(answer), _) => write!(text, "\n\nthe gateway is told\n{answer:#}"),
        (None, Some(error)) => write!(text, "\n\nthe invocation ends in the error `{error}`"),
        (None, None) => Ok(()),
    };
    text
}
