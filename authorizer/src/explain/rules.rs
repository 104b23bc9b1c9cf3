//! The rules in words: what each asks for beside what the caller has, for the route asked for.

use serde::Serialize;

use super::text::{date_text, quoted, value_text};
use crate::authorizer::{Authorizer, wall_clock};
use crate::caller::Caller;
use crate::event::Request;
use crate::requirement::{
    Case, ClaimTest, Comparison, Condition, Facts, Grant, Kind, Operand, Requirement, StepUp, Test,
};
use crate::rules::Standing;
use crate::verify::seconds;

/// How one rule stands to the caller and to the route asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleStep {
    /// Its number, from 1.
    pub rule: usize,
    /// The routes that it opens.
    pub routes: Vec<String>,
    /// False for a shadowed rule, which opens its routes to every caller.
    pub enforced: bool,
    /// Whether the route asked for is one of its routes.
    pub names_the_route: bool,
    /// Whether the caller brings what it asks for: all its conditions, under `not` and `any` as they say.
    pub holds: bool,
    /// Why none of it counts for this caller, where that is so.
    pub passed_over: Option<String>,
    /// What it asks for.
    pub conditions: Vec<ConditionStep>,
}

/// One condition of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConditionStep {
    /// How deep it lies below `any` and `not`.
    pub depth: usize,
    /// What is asked for.
    pub condition: String,
    /// Whether it holds.
    pub holds: bool,
    /// What the caller has.
    pub compared: String,
}

/// The first rule that opens the route.
pub(super) fn deciding(rules: &[RuleStep]) -> Option<usize> {
    let mut deciding = rules.iter().filter(|rule| rule.opens());
    deciding.next().map(|rule| rule.rule)
}

/// The rule that names the route and of which the fewest conditions fail, if none opens it.
pub(super) fn nearest(rules: &[RuleStep]) -> Option<usize> {
    if deciding(rules).is_some() {
        return None;
    }
    let naming = rules.iter().filter(|rule| rule.names_the_route);
    let nearest = naming.min_by_key(|rule| rule.distance());
    nearest.map(|rule| rule.rule)
}

impl RuleStep {
    fn opens(&self) -> bool {
        let counts = self.passed_over.is_none();
        self.names_the_route && counts && (self.holds || !self.enforced)
    }

    /// A rule of another issuer is further away than any that asks for more.
    fn distance(&self) -> (bool, usize) {
        let top = self.conditions.iter().filter(|step| step.depth == 0);
        let failing = top.filter(|step| !step.holds).count();
        (self.passed_over.is_some(), failing)
    }
}

impl Authorizer {
    /// Every rule, for a caller whose token has passed.
    pub(super) fn stand(&self, caller: &Caller, request: &Request) -> Vec<RuleStep> {
        let facts = Facts {
            caller,
            circumstances: &request.circumstances,
            now: seconds(wall_clock()),
        };
        let standings = self.rules.standings(&facts, &request.route).into_iter();
        standings.map(|standing| told(&standing)).collect()
    }
}

fn told(standing: &Standing<'_>) -> RuleStep {
    let mut conditions = Vec::new();
    tell(&standing.rule.require, &standing.case, 0, &mut conditions);
    RuleStep {
        rule: standing.number,
        routes: standing
            .rule
            .allow
            .iter()
            .map(ToString::to_string)
            .collect(),
        enforced: standing.rule.enforce,
        names_the_route: standing.names_the_route,
        holds: standing.holds,
        passed_over: passed_over(standing),
        conditions,
    }
}

fn passed_over(standing: &Standing<'_>) -> Option<String> {
    match (&standing.rule.issuer, standing.applies) {
        (_, true) => None,
        (Some(issuer), false) if *issuer != standing.case.facts.caller.issuer() => {
            Some(format!("it is for tokens of `{issuer}`"))
        }
        (_, false) => Some("it asks for an address, and the event has none".to_owned()),
    }
}

fn tell(requirement: &Requirement, case: &Case<'_>, depth: usize, told: &mut Vec<ConditionStep>) {
    for condition in &requirement.0 {
        let (text, compared) = words(condition, case);
        told.push(ConditionStep {
            depth,
            condition: text,
            holds: condition.until(case).is_some(),
            compared,
        });
        match condition {
            Condition::Any(choices) => {
                for choice in choices {
                    tell(choice, case, depth + 1, told);
                }
            }
            Condition::Not(inner) => tell(inner, case, depth + 1, told),
            Condition::Holds(..)
            | Condition::Claim(_)
            | Condition::SourceIp(_)
            | Condition::StepUp(_) => {}
        }
    }
}

/// A condition, and what it is compared with.
fn words(condition: &Condition, case: &Case<'_>) -> (String, String) {
    let (asked, compared) = match condition {
        Condition::Holds(kind, grant) => (format!("{kind} `{grant}`"), granted(*kind, case)),
        Condition::Claim(test) => claim(test, case),
        Condition::Any(_) => ("one of these".to_owned(), String::new()),
        Condition::Not(_) => ("not this".to_owned(), String::new()),
        Condition::SourceIp(networks) => {
            let networks: Vec<_> = networks.iter().map(ToString::to_string).collect();
            let compared = match case.facts.circumstances.source_ip {
                Some(address) => format!("the client's address is `{address}`"),
                None => "the client's address is not known".to_owned(),
            };
            (format!("an address of {}", quoted(&networks)), compared)
        }
        Condition::StepUp(step_up) => authentication(step_up, case),
    };
    let parameter = condition.grant().and_then(Grant::parameter);
    match (parameter, case.value) {
        (None, _) => (asked, compared),
        (Some(name), Some(value)) => (asked, format!("{compared}; `{name}` is `{value}`")),
        (Some(name), None) => (
            asked,
            format!("{compared}; `{name}` has no value that counts"),
        ),
    }
}

fn granted(kind: Kind, case: &Case<'_>) -> String {
    let held = case.facts.caller.granted_once(kind);
    match held.is_empty() {
        true => format!("the token has no {kind}"),
        false => format!("the token has {}", quoted(held)),
    }
}

fn claim(test: &ClaimTest, case: &Case<'_>) -> (String, String) {
    let name = test.name();
    let asked = match &test.test {
        Test::Equals(operand) => format!("is {}", operand_text(operand)),
        Test::In(operands) => {
            let operands: Vec<_> = operands.iter().map(operand_text).collect();
            format!("is one of {}", operands.join(", "))
        }
        Test::Contains(operand) => format!("has the member {}", operand_text(operand)),
        Test::StartsWith(prefix) => format!("begins with `{prefix}`"),
        Test::Compares(comparison, number) => {
            let side = match comparison {
                Comparison::AtLeast => "at least",
                Comparison::AtMost => "at most",
                Comparison::Above => "above",
                Comparison::Below => "below",
            };
            format!("is {side} {number}")
        }
        Test::Exists(true) => "is there".to_owned(),
        Test::Exists(false) => "is not there".to_owned(),
    };
    let compared = match test.claim(case.facts.caller.claims()) {
        Some(value) => format!("it is {}", value_text(&value)),
        None => "it is not there".to_owned(),
    };
    (format!("claim `{name}` {asked}"), compared)
}

fn operand_text(operand: &Operand) -> String {
    match operand {
        Operand::Text(text) => format!("`{text}`"),
        Operand::Number(number) => format!("`{number}`"),
        Operand::Bool(truth) => format!("`{truth}`"),
    }
}

fn authentication(step_up: &StepUp, case: &Case<'_>) -> (String, String) {
    let mut asked = Vec::new();
    if !step_up.acr_values.is_empty() {
        asked.push(format!("`acr` is one of {}", quoted(&step_up.acr_values)));
    }
    if let Some(max_age) = step_up.max_age {
        asked.push(format!(
            "`auth_time` is less than {} s ago",
            max_age.as_secs()
        ));
    }
    let shown = |name: &str| match case.facts.caller.claims().get(name) {
        Some(value) => format!("`{name}` is {}", value_text(&value)),
        None => format!("no `{name}`"),
    };
    let now = date_text(case.facts.now).unwrap_or_default();
    let compared = format!("{}, {}; now it is {now}", shown("acr"), shown("auth_time"));
    (asked.join(" and "), compared)
}
