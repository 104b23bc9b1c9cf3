//! What a caller lacks to whom a rule opens nothing, or not the route asked for.

use super::{Compiled, OpenRoutes, Rules};
use crate::challenge::Challenge;
use crate::requirement::{Case, Facts};

impl Rules {
    /// What the caller lacks to whom this much is open: for this route, which is not, or for the first rule that
    /// does not hold. Rules that ask for nothing that a challenge can name are passed over.
    pub(crate) fn challenge(
        &self,
        facts: &Facts<'_>,
        open: &OpenRoutes,
        route: Option<&str>,
    ) -> Challenge<'_> {
        let rules = self.rules.iter().zip(1..);
        let rules = rules.filter(|(rule, _)| rule.rule.enforce && rule.applies(facts));
        let mut challenges = rules.filter_map(|(rule, number)| match route {
            Some(route) => rule.lack_for_route(facts, route),
            None if open.rules.contains(&number) => None,
            None => rule.lack(facts, None),
        });
        challenges.next().unwrap_or_default()
    }

    /// True if a rule for this route and this caller counts for nothing because it asks for an address and none is
    /// known.
    pub(crate) fn lacks_address(&self, facts: &Facts<'_>, route: &str) -> bool {
        let mut rules = self.rules.iter();
        facts.circumstances.source_ip.is_none()
            && rules.any(|rule| {
                rule.asks_for_address
                    && rule.is_of(facts.caller)
                    && rule.case(facts, route).is_some()
            })
    }
}

impl Compiled {
    /// What would make the rule hold for this route, which is closed, if it names it.
    fn lack_for_route(&self, facts: &Facts<'_>, route: &str) -> Option<Challenge<'_>> {
        self.lack(facts, self.case(facts, route)?.value)
    }

    fn lack(&self, facts: &Facts<'_>, value: Option<&str>) -> Option<Challenge<'_>> {
        let require = &self.rule.require;
        let step_up = require.step_up(facts);
        if let Some(step_up) = step_up.filter(|_| self.lacks_step_up(facts, value)) {
            return Some(Challenge::StepUp(step_up));
        }
        let scopes = require.scopes(value);
        (!scopes.is_empty()).then_some(Challenge::Scopes(scopes))
    }

    /// True if the rule would hold for a better or fresher authentication.
    fn lacks_step_up(&self, facts: &Facts<'_>, value: Option<&str>) -> bool {
        let require = &self.rule.require;
        let suppose = |value| {
            let case = Case::new(facts, value);
            let case = Case {
                stepped_up: true,
                ..case
            };
            require.until(&case).is_some()
        };
        let mut values = require.values(facts.caller).into_iter();
        suppose(value) || value.is_none() && values.any(|value| suppose(Some(value)))
    }
}
