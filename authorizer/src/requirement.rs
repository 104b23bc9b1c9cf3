//! What a rule asks of a caller: grants, claims, a fresh authentication or an address, all or any of them,
//! perhaps for a value of the route's parameter. Which routes that opens is `rules`' business.

mod claim;
mod grant;
mod number;
mod step_up;

use std::collections::BTreeSet;

use ipnet::IpNet;

use crate::caller::Caller;
pub use crate::caller::Kind;
use crate::event::Circumstances;
pub use claim::{ClaimError, ClaimTest, Comparison, Operand, Test};
pub use grant::{Grant, GrantError};
pub(crate) use grant::{is_plain, is_scope_token};
pub(crate) use number::is_exact;
pub use step_up::StepUp;

/// The end of what has none.
pub const FOREVER: u64 = u64::MAX;

/// Conditions that must all hold. None at all: any verified caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirement(pub Vec<Condition>);

/// One condition of a requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The token grants this.
    Holds(Kind, Grant),
    /// A claim is what is asked for.
    Claim(ClaimTest),
    /// At least one of these requirements is met.
    Any(Vec<Requirement>),
    /// This requirement is not met.
    Not(Requirement),
    /// The client's address lies in one of these networks.
    SourceIp(Vec<IpNet>),
    /// The caller has been authenticated so, and recently.
    StepUp(StepUp),
}

/// All that a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Who is calling.
    pub caller: &'a Caller,
    /// What the request brings beside its token.
    pub circumstances: &'a Circumstances,
    /// Seconds since 1970.
    pub now: u64,
}

/// The facts, and what is supposed beside them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) facts: Facts<'a>,
    /// The value of the route's parameter, if it is one certain value.
    pub(crate) value: Option<&'a str>,
    /// True to take every [`StepUp`] for fulfilled.
    pub(crate) stepped_up: bool,
}

impl<'a> Case<'a> {
    pub(crate) fn new(facts: &Facts<'a>, value: Option<&'a str>) -> Self {
        Self {
            facts: *facts,
            value,
            stepped_up: false,
        }
    }
}

impl Requirement {
    /// Until when the requirement is met, in seconds since 1970. `None` if it is not met now.
    pub(crate) fn until(&self, case: &Case<'_>) -> Option<u64> {
        let mut conditions = self.0.iter();
        conditions.try_fold(FOREVER, |end, condition| {
            Some(end.min(condition.until(case)?))
        })
    }

    /// Every condition, with those inside others, and whether it stands below a `not`.
    pub(crate) fn all(&self) -> Vec<(&Condition, bool)> {
        let mut found = Vec::new();
        let mut waiting = vec![(self, false)];
        while let Some((requirement, negated)) = waiting.pop() {
            for condition in &requirement.0 {
                found.push((condition, negated));
                match condition {
                    Condition::Any(choices) => {
                        waiting.extend(choices.iter().map(|choice| (choice, negated)));
                    }
                    Condition::Not(inner) => waiting.push((inner, true)),
                    Condition::Holds(..)
                    | Condition::Claim(_)
                    | Condition::SourceIp(_)
                    | Condition::StepUp(_) => {}
                }
            }
        }
        found
    }

    pub(crate) fn parameters(&self) -> BTreeSet<&str> {
        let conditions = self.all().into_iter();
        conditions
            .filter_map(|(condition, _)| condition.grant()?.parameter())
            .collect()
    }

    /// The values of the parameter that any of the caller's grants or claims names.
    pub(crate) fn values<'a>(&self, caller: &'a Caller) -> BTreeSet<&'a str> {
        let conditions = self.all().into_iter();
        conditions
            .flat_map(|(condition, _)| condition.values(caller))
            .collect()
    }

    /// The scopes that would meet this, as far as scopes can: of alternatives, the first that asks for any.
    pub(crate) fn scopes(&self, value: Option<&str>) -> Vec<String> {
        let mut scopes: Vec<String> = Vec::new();
        for condition in &self.0 {
            let asked = match condition {
                Condition::Holds(Kind::Scope, grant) => grant.named(value).into_iter().collect(),
                Condition::Any(choices) => {
                    let mut asked = choices.iter().map(|choice| choice.scopes(value));
                    asked.find(|scopes| !scopes.is_empty()).unwrap_or_default()
                }
                Condition::Holds(Kind::Role | Kind::ClientRole | Kind::Permission, _)
                | Condition::Claim(_)
                | Condition::Not(_)
                | Condition::SourceIp(_)
                | Condition::StepUp(_) => Vec::new(),
            };
            for scope in asked {
                if !scopes.contains(&scope) {
                    scopes.push(scope);
                }
            }
        }
        scopes
    }

    /// The first demand on the authentication that is not fulfilled.
    pub(crate) fn step_up(&self, facts: &Facts<'_>) -> Option<&StepUp> {
        let demands = self.all().into_iter().filter_map(|(condition, _)| {
            if let Condition::StepUp(step_up) = condition {
                return Some(step_up);
            }
            None
        });
        let claims = facts.caller.claims();
        let mut unmet = demands.filter(|step_up| step_up.until(claims, facts.now).is_none());
        unmet.next()
    }
}

impl Condition {
    pub(crate) fn until(&self, case: &Case<'_>) -> Option<u64> {
        let caller = case.facts.caller;
        let holds = match self {
            Self::Holds(kind, grant) => {
                caller.granted(*kind).any(|held| grant.is(held, case.value))
            }
            Self::Claim(test) => test.holds(caller.claims(), case.value),
            Self::Any(choices) => {
                return choices.iter().filter_map(|choice| choice.until(case)).max();
            }
            Self::Not(requirement) => requirement.until(case).is_none(),
            Self::SourceIp(networks) => {
                let address = case.facts.circumstances.source_ip;
                address.is_some_and(|address| {
                    let address = address.to_canonical();
                    networks.iter().any(|network| network.contains(&address))
                })
            }
            Self::StepUp(step_up) if !case.stepped_up => {
                return step_up.until(caller.claims(), case.facts.now);
            }
            Self::StepUp(_) => true,
        };
        holds.then_some(FOREVER)
    }

    /// The text in which a parameter may stand.
    pub(crate) fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Holds(_, grant) => Some(grant),
            Self::Claim(test) => test.grant(),
            Self::Any(_) | Self::Not(_) | Self::SourceIp(_) | Self::StepUp(_) => None,
        }
    }

    fn values<'a>(&self, caller: &'a Caller) -> Vec<&'a str> {
        match self {
            Self::Holds(kind, grant) => {
                let held = caller.granted(*kind);
                held.filter_map(|held| grant.value(held)).collect()
            }
            Self::Claim(test) => test.values(caller.claims()),
            Self::Any(_) | Self::Not(_) | Self::SourceIp(_) | Self::StepUp(_) => Vec::new(),
        }
    }
}
