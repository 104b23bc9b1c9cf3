//! The entries below `rules`: what is asked of a caller, and which routes that opens.

use serde::Deserialize;

use super::Issuer;
use super::values::{OneOrMany, Reader, present};
use crate::pattern::RoutePattern;
use crate::policy;
use crate::requirement::{Condition, Grant, Kind, Requirement};
use crate::rules::{Rule, Rules};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleEntry {
    allow: Vec<String>,
    require: RequireEntry,
    #[serde(default, deserialize_with = "present")]
    issuer: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RequireEntry {
    #[serde(default, deserialize_with = "present")]
    scope: Option<OneOrMany>,
    #[serde(default, deserialize_with = "present")]
    role: Option<OneOrMany>,
    #[serde(default, deserialize_with = "present")]
    client_role: Option<OneOrMany>,
    #[serde(default, deserialize_with = "present")]
    permission: Option<OneOrMany>,
    #[serde(default, deserialize_with = "present")]
    any: Option<Vec<Self>>,
    #[serde(default, deserialize_with = "present")]
    authenticated: Option<bool>,
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
        let require = self.requirement(number, entry.require);
        Rule {
            allow,
            require,
            issuer,
        }
    }

    fn requirement(&mut self, rule: usize, entry: RequireEntry) -> Requirement {
        let kinds = [
            (Kind::Scope, entry.scope),
            (Kind::Role, entry.role),
            (Kind::ClientRole, entry.client_role),
            (Kind::Permission, entry.permission),
        ];
        let mut conditions = Vec::new();
        let mut asked = false;
        for (kind, names) in kinds {
            let names = names.map(OneOrMany::into_vec);
            asked |= names.is_some();
            conditions.extend(self.conditions(rule, kind, names));
        }
        if let Some(choices) = entry.any {
            asked = true;
            if choices.is_empty() {
                self.problems
                    .push(format!("rule {rule}: `any` is empty, and could never hold"));
            }
            let choices = choices
                .into_iter()
                .map(|choice| self.requirement(rule, choice));
            conditions.push(Condition::Any(choices.collect()));
        }
        match (entry.authenticated, asked) {
            (Some(false), _) => self.problems.push(format!(
                "rule {rule}: `authenticated: false` cannot be; open routes have no authorizer in `template.yaml`"
            )),
            (None, false) => self.problems.push(format!(
                "rule {rule} requires nothing; write `authenticated: true` if every valid token is enough"
            )),
            (Some(true), _) | (None, true) => {}
        }
        Requirement(conditions)
    }

    /// The conditions of one member of `require`. Each name must be one: a blank asks for nothing.
    fn conditions(
        &mut self,
        rule: usize,
        kind: Kind,
        names: Option<Vec<String>>,
    ) -> Vec<Condition> {
        let Some(names) = names else {
            return Vec::new();
        };
        if names.is_empty() || names.iter().any(|name| name.trim().is_empty()) {
            self.problems
                .push(format!("rule {rule} asks for a {kind} without a name"));
        }
        let mut conditions = Vec::new();
        for name in names.iter().flat_map(|name| kind.names(name)) {
            match Grant::parse(kind, name) {
                Ok(grant) => conditions.push(Condition::Holds(kind, grant)),
                Err(error) => self.problems.push(format!("rule {rule}: {error}")),
            }
        }
        conditions
    }
}
