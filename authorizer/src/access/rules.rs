//! The entries below `rules`: which routes they open. What they ask for is `conditions`' business.

use serde::Deserialize;

use super::Issuer;
use super::conditions::{RequireEntry, requirement};
use super::values::{Reader, present};
use crate::deployment::Answers;
use crate::pattern::RoutePattern;
use crate::policy;
use crate::rules::{Rule, Rules};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleEntry {
    allow: Vec<String>,
    require: RequireEntry,
    #[serde(default, deserialize_with = "present")]
    issuer: Option<String>,
    #[serde(default, deserialize_with = "present")]
    enforce: Option<bool>,
}

impl Reader<'_> {
    pub(super) fn rules(&mut self, entries: Vec<RuleEntry>, issuers: &[Issuer]) -> Rules {
        if entries.is_empty() {
            self.problems
                .push("`rules` is empty: no route could ever be called".to_owned());
        }
        let mut rules = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            rules.push(self.rule(index + 1, entry, issuers));
        }
        Rules::compile(rules).unwrap_or_else(|problems| {
            self.problems
                .extend(problems.iter().map(ToString::to_string));
            Rules::default()
        })
    }

    /// Whether answers say when they end. Without that, what ends before its token cannot be remembered.
    pub(super) fn ends(&mut self, rules: Rules, expiry_condition: bool) -> Rules {
        let simple = self.deployment.answers == Answers::Simple;
        let nobody_says = match (simple, expiry_condition) {
            (true, _) => "no simple answer says when it is over",
            (false, false) => "with `expiry_condition: false` no policy says when it is over",
            (false, true) => return rules,
        };
        if self.deployment.remembers() {
            for rule in rules.fleeting() {
                self.problems.push(format!(
                    "rule {rule} has a `max_age`, and {nobody_says}; set `AUTHORIZER_TTL` to 0, or leave one of them out"
                ));
            }
        }
        rules.timeless()
    }

    fn rule(&mut self, number: usize, entry: RuleEntry, issuers: &[Issuer]) -> Rule {
        if entry.allow.is_empty() {
            self.problems.push(format!("rule {number} allows no route"));
        }
        let mut allow = Vec::new();
        for route in &entry.allow {
            match RoutePattern::parse(route) {
                Ok(pattern) => allow.push(pattern),
                Err(error) => self.problems.push(format!("rule {number}: {error}")),
            }
        }
        if let Err(error) = policy::check_size(&allow) {
            self.problems
                .push(format!("rule {number} opens too much: {error}"));
        }
        let issuer = entry
            .issuer
            .map(|issuer| self.value("issuer", &issuer).unwrap_or_default());
        let known = |issuer: &String| issuers.iter().any(|known| known.trust.issuer == *issuer);
        let unknown = issuer
            .as_ref()
            .filter(|issuer| !issuer.is_empty() && !known(issuer));
        if let Some(unknown) = unknown {
            self.problems.push(format!(
                "rule {number} names the issuer `{unknown}`, which is not configured"
            ));
        }
        let require = requirement(self, number, entry.require);
        Rule {
            allow,
            require,
            issuer,
            enforce: entry.enforce.unwrap_or(true),
        }
    }
}
