//! An explanation for people: a line a check, the rules for the route, the reason, and what the gateway is told.

use std::fmt::Write as _;

use authorizer::explain::{Explanation, RuleStep};

/// Everything in the order in which it happened.
pub(super) fn text(told: &Explanation) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_checks(&mut text, told);
    let _ = write_rules(&mut text, told);
    let _ = write_answer(&mut text, told);
    text
}

fn write_checks(text: &mut String, told: &Explanation) -> std::fmt::Result {
    let width = told.checks.iter().map(|step| step.check.len()).max();
    let width = width.unwrap_or_default();
    for step in &told.checks {
        let verdict = verdict(step.passed);
        writeln!(text, "{verdict}  {:width$}  {}", step.check, step.compared)?;
    }
    Ok(())
}

fn write_rules(text: &mut String, told: &Explanation) -> std::fmt::Result {
    let (naming, others): (Vec<_>, Vec<_>) =
        told.rules.iter().partition(|rule| rule.names_the_route);
    for rule in naming {
        write_rule(text, rule, told)?;
    }
    if !others.is_empty() {
        let numbers: Vec<_> = others.iter().map(|rule| rule.rule.to_string()).collect();
        let numbers = numbers.join(", ");
        writeln!(text, "\nnot for `{}`: rule {numbers}", told.route)?;
    }
    Ok(())
}

fn write_rule(text: &mut String, rule: &RuleStep, told: &Explanation) -> std::fmt::Result {
    let role = match Some(rule.rule) {
        number if number == told.decided_by => " decides",
        number if number == told.nearest => " is the nearest",
        _ => "",
    };
    let shadowed = if rule.enforced { "" } else { ", not enforced" };
    let routes = rule.routes.join(", ");
    writeln!(text, "\nrule {}{role}{shadowed}: {routes}", rule.rule)?;
    if let Some(reason) = &rule.passed_over {
        writeln!(text, "    passed over: {reason}")?;
    }
    if rule.conditions.is_empty() {
        writeln!(text, "    ok  every valid token")?;
    }
    for step in &rule.conditions {
        let indent = "    ".repeat(step.depth + 1);
        let verdict = verdict(step.holds);
        let compared = match step.compared.as_str() {
            "" => String::new(),
            compared => format!(": {compared}"),
        };
        writeln!(text, "{indent}{verdict}  {}{compared}", step.condition)?;
    }
    Ok(())
}

fn write_answer(text: &mut String, told: &Explanation) -> std::fmt::Result {
    write!(
        text,
        "\n{} `{}`: {}",
        told.decision, told.route, told.reason
    )?;
    if let Some(detail) = &told.detail {
        write!(text, " ({detail})")?;
    }
    match (&told.answer, &told.error) {
        (Some(answer), _) => write!(text, "\n\nthe gateway is told\n{answer:#}"),
        (None, Some(error)) => write!(text, "\n\nthe invocation ends in the error `{error}`"),
        (None, None) => Ok(()),
    }
}

fn verdict(holds: bool) -> &'static str {
    if holds { "ok" } else { "NO" }
}
