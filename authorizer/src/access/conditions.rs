//! The members of `require`: what a caller must bring.

mod claims;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use serde_json::Value;

use super::values::{OneOrMany, Reader, present};
use crate::requirement::{Condition, Grant, Kind, Requirement, StepUp, is_scope_token};

/// Deepest `any`, `all` and `not` in one another: beyond it nobody can say what a rule means.
const MAX_DEPTH: usize = 8;
/// Most conditions of one rule, each of which is looked at for each value of a parameter.
const MAX_CONDITIONS: usize = 64;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RequireEntry {
    #[serde(default, deserialize_with = "present")]
    scope: Option<OneOrMany>,
    #[serde(default, deserialize_with = "present")]
    role: Option<OneOrMany>,
    #[serde(default, deserialize_with = "present")]
    client_role: Option<OneOrMany>,
    #[serde(default, deserialize_with = "present")]
    permission: Option<OneOrMany>,
    #[serde(default, deserialize_with = "present")]
    claims: Option<BTreeMap<String, Value>>,
    #[serde(default, deserialize_with = "present")]
    source_ip: Option<OneOrMany>,
    #[serde(default, deserialize_with = "present")]
    step_up: Option<StepUpEntry>,
    #[serde(default, deserialize_with = "present")]
    all: Option<Vec<Self>>,
    #[serde(default, deserialize_with = "present")]
    any: Option<Vec<Self>>,
    #[serde(default, deserialize_with = "present")]
    not: Option<Box<Self>>,
    #[serde(default, deserialize_with = "present")]
    authenticated: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepUpEntry {
    #[serde(default, deserialize_with = "present")]
    acr_values: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    max_age: Option<String>,
}

/// Translates the entry of one rule; every problem begins with the rule's number.
pub(super) fn requirement(
    reader: &mut Reader<'_>,
    rule: usize,
    entry: RequireEntry,
) -> Requirement {
    let mut translation = Translation {
        reader,
        rule,
        depth: 0,
        conditions: 0,
    };
    let requirement = translation.requirement(entry);
    let conditions = translation.conditions;
    if conditions > MAX_CONDITIONS {
        translation.problem(format!(
            "has {conditions} conditions, more than {MAX_CONDITIONS}; split it"
        ));
    }
    requirement
}

struct Translation<'a, 'b> {
    reader: &'a mut Reader<'b>,
    rule: usize,
    depth: usize,
    conditions: usize,
}

impl Translation<'_, '_> {
    fn problem(&mut self, problem: impl std::fmt::Display) {
        let problem = format!("rule {} {problem}", self.rule);
        self.reader.problems.push(problem);
    }

    fn requirement(&mut self, entry: RequireEntry) -> Requirement {
        let empty = entry.asks_for_nothing();
        match (entry.authenticated, empty) {
            (Some(false), _) => self.problem(
                "cannot have `authenticated: false`; open routes have no authorizer in `template.yaml`",
            ),
            (None, true) => self.problem(
                "requires nothing; write `authenticated: true` if every valid token is enough",
            ),
            (Some(true), _) | (None, false) => {}
        }
        let mut conditions = Vec::new();
        let grants = [
            (Kind::Scope, entry.scope),
            (Kind::Role, entry.role),
            (Kind::ClientRole, entry.client_role),
            (Kind::Permission, entry.permission),
        ];
        for (kind, names) in grants {
            conditions.extend(self.grants(kind, names));
        }
        conditions.extend(self.claims(entry.claims));
        conditions.extend(self.source_ip(entry.source_ip));
        conditions.extend(self.step_up(entry.step_up));
        self.conditions += conditions.len();
        if let Some(all) = self.several("all", entry.all) {
            conditions.extend(all.into_iter().flat_map(|requirement| requirement.0));
        }
        conditions.extend(self.several("any", entry.any).map(Condition::Any));
        if let Some(not) = entry.not {
            let not = self.several("not", Some(vec![*not])).unwrap_or_default();
            conditions.extend(not.into_iter().map(Condition::Not));
        }
        Requirement(conditions)
    }

    fn several(
        &mut self,
        name: &str,
        entries: Option<Vec<RequireEntry>>,
    ) -> Option<Vec<Requirement>> {
        let entries = entries?;
        if entries.is_empty() {
            self.problem(format!("has an empty `{name}`, which says nothing"));
        }
        if self.depth == MAX_DEPTH {
            self.problem(format!("nests conditions deeper than {MAX_DEPTH}"));
            return None;
        }
        self.depth += 1;
        let entries = entries.into_iter();
        let requirements = entries.map(|entry| self.requirement(entry)).collect();
        self.depth -= 1;
        Some(requirements)
    }

    /// Each name must be one: a blank asks for nothing.
    fn grants(&mut self, kind: Kind, names: Option<OneOrMany>) -> Vec<Condition> {
        let Some(names) = names.map(OneOrMany::into_vec) else {
            return Vec::new();
        };
        if names.is_empty() || names.iter().any(|name| name.trim().is_empty()) {
            self.problem(format!("asks for a {kind} without a name"));
        }
        let mut conditions = Vec::new();
        for name in names.iter().flat_map(|name| kind.names(name)) {
            match Grant::parse(kind, name) {
                Ok(grant) => conditions.push(Condition::Holds(kind, grant)),
                Err(error) => self.problem(format!("cannot ask for a {kind}: {error}")),
            }
        }
        conditions
    }

    fn source_ip(&mut self, networks: Option<OneOrMany>) -> Option<Condition> {
        let networks = networks?.into_vec();
        if self.reader.deployment.remembers() {
            self.problem("asks for `source_ip`, and the gateway would replay its answer for other addresses; set `AUTHORIZER_TTL` to 0");
        }
        if networks.is_empty() {
            self.problem("has an empty `source_ip`, which no address is in");
        }
        let mut parsed = Vec::new();
        for text in networks {
            let Some(text) = self.reader.value("source_ip", &text) else {
                continue;
            };
            match network(&text) {
                Some(network) => parsed.push(network),
                None => self.problem(format!(
                    "has `{text}` as `source_ip`, which is no network such as `192.0.2.0/24` or `2001:db8::/32`, with no bit set beyond its length"
                )),
            }
        }
        Some(Condition::SourceIp(parsed))
    }

    fn step_up(&mut self, entry: Option<StepUpEntry>) -> Option<Condition> {
        let entry = entry?;
        if entry.acr_values.is_none() && entry.max_age.is_none() {
            self.problem("has a `step_up` with neither `acr_values` nor `max_age`");
        }
        let acr_values = self.reader.list("acr_values", entry.acr_values);
        let acr_values = acr_values.unwrap_or_default();
        for value in &acr_values {
            if !is_scope_token(value) {
                self.problem(format!(
                    "asks for the `acr` `{value}`, which no challenge can name: letters, digits and punctuation of ASCII, without spaces, quotes and backslashes"
                ));
            }
        }
        let max_age = self.reader.duration("max_age", entry.max_age);
        if max_age == Some(Duration::ZERO) {
            self.problem("has `max_age: 0`, which no authentication is younger than");
        }
        Some(Condition::StepUp(StepUp {
            acr_values,
            max_age,
        }))
    }
}

impl RequireEntry {
    fn asks_for_nothing(&self) -> bool {
        let names = [
            &self.scope,
            &self.role,
            &self.client_role,
            &self.permission,
            &self.source_ip,
        ];
        let nested = [&self.all, &self.any];
        names.iter().all(|names| names.is_none())
            && nested.iter().all(|nested| nested.is_none())
            && self.claims.is_none()
            && self.step_up.is_none()
            && self.not.is_none()
    }
}

/// A network, or an address as a network of one. Bits beyond the length are a mistake, not noise.
fn network(text: &str) -> Option<IpNet> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let network: IpNet = text.parse().ok().or_else(address)?;
    (network.trunc() == network).then_some(network)
}
