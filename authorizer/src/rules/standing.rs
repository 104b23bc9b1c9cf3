//! How each rule stands to one caller and one route: for whoever asks why.

use super::{Rule, Rules};
use crate::requirement::{Case, Facts};

/// A rule, seen from one request.
#[derive(Debug)]
pub(crate) struct Standing<'a> {
    /// Its number, from 1.
    pub(crate) number: usize,
    pub(crate) rule: &'a Rule,
    /// Whether the route is one of its routes.
    pub(crate) names_the_route: bool,
    /// The facts with the value of the route's parameter.
    pub(crate) case: Case<'a>,
    /// False if nothing of it counts for this caller.
    pub(crate) applies: bool,
    /// Whether the caller brings what it asks for.
    pub(crate) holds: bool,
}

impl Rules {
    /// Every rule, in the order of the table.
    pub(crate) fn standings<'a>(&'a self, facts: &Facts<'a>, route: &'a str) -> Vec<Standing<'a>> {
        let rules = self.rules.iter().zip(1..);
        let standings = rules.map(|(compiled, number)| {
            let rule = &compiled.rule;
            let case = compiled.case(facts, route);
            let without_value = Case::new(facts, None);
            let applies = compiled.applies(facts);
            Standing {
                number,
                rule,
                names_the_route: case.is_some(),
                applies,
                holds: applies && compiled.meets(&case.unwrap_or(without_value)),
                case: case.unwrap_or(without_value),
            }
        });
        standings.collect()
    }
}
