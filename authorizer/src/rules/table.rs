//! Tables of rules that cannot be: routes that no policy opens exactly, parameters of which nothing finite
//! can be said.

use std::collections::BTreeSet;

use thiserror::Error;

use super::Rule;
use crate::pattern::{RoutePattern, globs_meet};
use crate::requirement::Condition;

/// Why a rule table is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TableError {
    /// No IAM policy can open both and nothing else.
    #[error(
        "no IAM policy can open `{one}` and `{other}` and nothing else, for `*` crosses `/` there; \
         open both with one `**`, or let them differ before the first `*` or `{{name}}`"
    )]
    Clash {
        /// One pattern.
        one: RoutePattern,
        /// The other: what keeps one of them narrow would cut the other.
        other: RoutePattern,
    },
    /// A grant names a parameter that a route of the rule does not have.
    #[error("rule {rule} asks for `{{{parameter}}}`, which `{route}` does not have")]
    NoSuchParameter {
        /// The rule's number, from 1.
        rule: usize,
        /// The parameter asked for.
        parameter: String,
        /// A route of the same rule without it.
        route: RoutePattern,
    },
    /// Nothing finite can be said of all values but some.
    #[error(
        "rule {rule} asks for `{{{parameter}}}` below `not`: no policy can name all other values"
    )]
    NegatedParameter {
        /// The rule's number, from 1.
        rule: usize,
        /// The parameter asked for.
        parameter: String,
    },
    /// When it would begin to hold is not what a policy's end says.
    #[error("rule {rule} has `step_up` below `not`: ask for what must hold instead")]
    NegatedStepUp {
        /// The rule's number, from 1.
        rule: usize,
    },
    /// Grants of one rule name different parameters.
    #[error("rule {rule} asks for several parameters; one rule can ask for one")]
    SeveralParameters {
        /// The rule's number, from 1.
        rule: usize,
    },
}

/// All that is wrong with a table.
pub(super) fn problems(rules: &[Rule]) -> Vec<TableError> {
    let mut problems = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        problems.extend(rule.negation_problems(index + 1));
        problems.extend(rule.parameter_problem(index + 1));
    }
    let patterns: BTreeSet<_> = rules.iter().flat_map(|rule| &rule.allow).collect();
    for (index, pattern) in patterns.iter().enumerate() {
        let later = patterns.iter().skip(index + 1);
        let clashing = later.filter(|other| clash(pattern, other) || clash(other, pattern));
        problems.extend(clashing.map(|other| TableError::Clash {
            one: (*pattern).clone(),
            other: (*other).clone(),
        }));
    }
    problems
}

impl Rule {
    fn negation_problems(&self, rule: usize) -> Vec<TableError> {
        let conditions = self.require.all().into_iter();
        let negated = conditions.filter(|(_, negated)| *negated);
        let problem = |condition: &Condition| {
            if let Condition::StepUp(_) = condition {
                return Some(TableError::NegatedStepUp { rule });
            }
            let parameter = condition.grant()?.parameter()?.to_owned();
            Some(TableError::NegatedParameter { rule, parameter })
        };
        negated
            .filter_map(|(condition, _)| problem(condition))
            .collect()
    }

    fn parameter_problem(&self, rule: usize) -> Option<TableError> {
        let mut parameters = self.require.parameters();
        let parameter = parameters.pop_first()?;
        if !parameters.is_empty() {
            return Some(TableError::SeveralParameters { rule });
        }
        let lacking = self
            .allow
            .iter()
            .find(|route| !route.parameters().any(|name| name == parameter));
        lacking.map(|route| TableError::NoSuchParameter {
            rule,
            parameter: parameter.to_owned(),
            route: route.clone(),
        })
    }
}

/// True if the globs that keep `narrow` narrow would deny routes of `other`.
fn clash(narrow: &RoutePattern, other: &RoutePattern) -> bool {
    if other.covers(narrow) {
        return false;
    }
    let allowed = other.allow_globs();
    let denied = narrow.deny_globs();
    denied
        .iter()
        .any(|deny| allowed.iter().any(|allow| globs_meet(deny, allow)))
}
