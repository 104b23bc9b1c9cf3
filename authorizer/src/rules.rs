//! The rule table: which routes a caller's grants open. Rules add up, and the answer depends on the
//! token alone, for the gateway replays it on every route that the token calls next.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::caller::Caller;
use crate::pattern::{RoutePattern, glob_matches, globs_meet};
use crate::requirement::Requirement;

/// The compiled rules of `access.yaml`.
#[derive(Debug, Clone, Default)]
pub struct Rules(Vec<Rule>);

/// One rule: what it asks for, and the routes it opens.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Routes that open if the requirement is met.
    pub allow: Vec<RoutePattern>,
    /// What a caller must bring.
    pub require: Requirement,
    /// The only issuer whose tokens count, if the rule names one.
    pub issuer: Option<String>,
}

/// More grants with parameters than any policy can express.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the token's grants open more than {MAX_BOUND_PATTERNS} routes, one by one")]
pub struct TooManyRoutes;

/// Most routes that grants with parameters may open: a policy of 8 KB has room for about 100.
const MAX_BOUND_PATTERNS: usize = 200;

/// The routes that a caller may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenRoutes {
    /// Patterns none of which covers another.
    pub patterns: Vec<RoutePattern>,
    /// The numbers of the rules that hold, from 1.
    pub rules: Vec<usize>,
}

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
    /// Grants of one rule name different parameters.
    #[error("rule {rule} asks for several parameters; one rule can ask for one")]
    SeveralParameters {
        /// The rule's number, from 1.
        rule: usize,
    },
}

impl Rules {
    /// Compiles a table, or says all that is wrong with it.
    pub fn compile(rules: Vec<Rule>) -> Result<Self, Vec<TableError>> {
        let mut problems = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
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
        if problems.is_empty() {
            Ok(Self(rules))
        } else {
            Err(problems)
        }
    }

    /// Every route that is open to the caller.
    pub fn open_to(&self, caller: &Caller) -> Result<OpenRoutes, TooManyRoutes> {
        let mut open = OpenRoutes::default();
        for (index, rule) in self.0.iter().enumerate() {
            let patterns = rule.open_to(caller)?;
            if !patterns.is_empty() {
                open.rules.push(index + 1);
                open.patterns.extend(patterns);
            }
        }
        open.patterns = without_covered(open.patterns);
        Ok(open)
    }

    /// The scopes of the first rule that asks for any: what to ask the issuer for.
    pub fn first_scopes(&self) -> Vec<&str> {
        let scopes = self.0.iter().map(|rule| rule.require.scopes());
        scopes
            .into_iter()
            .find(|scopes| !scopes.is_empty())
            .unwrap_or_default()
    }
}

impl OpenRoutes {
    /// Globs over `METHOD/path` that match these routes, and more.
    pub fn allow_globs(&self) -> Vec<String> {
        self.patterns
            .iter()
            .flat_map(RoutePattern::allow_globs)
            .collect()
    }

    /// Globs that match what [`Self::allow_globs`] match beyond these routes.
    pub fn deny_globs(&self) -> Vec<String> {
        self.patterns
            .iter()
            .flat_map(RoutePattern::deny_globs)
            .collect()
    }

    /// True if this route (`METHOD/path`) is open, as the globs have it.
    pub fn contain(&self, route: &str) -> bool {
        let matched = |globs: Vec<String>| globs.iter().any(|glob| glob_matches(glob, route));
        matched(self.allow_globs()) && !matched(self.deny_globs())
    }
}

impl Rule {
    fn open_to(&self, caller: &Caller) -> Result<Vec<RoutePattern>, TooManyRoutes> {
        let of_issuer = self
            .issuer
            .as_ref()
            .is_none_or(|issuer| *issuer == caller.issuer);
        if !of_issuer {
            return Ok(Vec::new());
        }
        if self.require.met(&caller.grants, None) {
            return Ok(self.allow.clone());
        }
        let Some(parameter) = self.require.parameters().pop_first() else {
            return Ok(Vec::new());
        };
        let mut bound = Vec::new();
        for value in self.require.values(&caller.grants) {
            if self.require.met(&caller.grants, Some(value)) {
                bound.extend(self.allow.iter().map(|route| route.bind(parameter, value)));
            }
            if bound.len() > MAX_BOUND_PATTERNS {
                return Err(TooManyRoutes);
            }
        }
        Ok(bound)
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

fn without_covered(patterns: Vec<RoutePattern>) -> Vec<RoutePattern> {
    let mut kept: Vec<RoutePattern> = Vec::new();
    for pattern in patterns {
        if kept.iter().any(|wide| wide.covers(&pattern)) {
            continue;
        }
        kept.retain(|narrow| !pattern.covers(narrow));
        kept.push(pattern);
    }
    kept
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::caller::Grants;
    use crate::requirement::{Condition, Grant, Kind};

    fn pattern(text: &str) -> RoutePattern {
        RoutePattern::parse(text).unwrap()
    }

    fn holds(kind: Kind, name: &str) -> Condition {
        Condition::Holds(kind, Grant::parse(kind, name).unwrap())
    }

    fn scope(name: &str) -> Requirement {
        Requirement(vec![holds(Kind::Scope, name)])
    }

    fn rule(allow: &[&str], require: Requirement) -> Rule {
        Rule {
            allow: allow.iter().map(|text| pattern(text)).collect(),
            require,
            issuer: None,
        }
    }

    fn caller(scopes: &str, roles: &str) -> Caller {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Caller {
            principal: "a".to_owned(),
            subject: None,
            client_id: None,
            issuer: "https://a".to_owned(),
            accepted_until: 0,
            grants: Grants {
                scopes: words(scopes),
                roles: words(roles),
                ..Grants::default()
            },
            claims: Map::new(),
        }
    }

    #[track_caller]
    fn opens(rules: &[Rule], caller: &Caller, expected: &[&str]) {
        let rules = Rules::compile(rules.to_vec()).unwrap();
        let open = rules.open_to(caller).unwrap().patterns;
        let open: Vec<_> = open.iter().map(ToString::to_string).collect();
        assert_eq!(open, expected);
    }

    #[test]
    fn every_condition_of_a_requirement_must_hold() {
        let both = Requirement(vec![
            holds(Kind::Scope, "predict"),
            holds(Kind::Role, "user"),
        ]);
        let table = [rule(&["POST /predict"], both)];
        opens(&table, &caller("predict", "user"), &["POST /predict"]);
        opens(&table, &caller("predict", ""), &[]);
        opens(&table, &caller("", "user"), &[]);
        opens(&table, &caller("predicts", "user"), &[]);
        opens(&table, &caller("user", "predict"), &[]);
    }

    #[test]
    fn one_of_any_is_enough_and_none_is_not() {
        let either = Requirement(vec![Condition::Any(vec![scope("a"), scope("b")])]);
        let table = [rule(&["GET /x"], either)];
        opens(&table, &caller("a", ""), &["GET /x"]);
        opens(&table, &caller("c b", ""), &["GET /x"]);
        opens(&table, &caller("c", ""), &[]);
        opens(
            &[rule(&["GET /x"], Requirement(vec![Condition::Any(vec![])]))],
            &caller("a", ""),
            &[],
        );
    }

    #[test]
    fn rules_add_up_and_wide_patterns_swallow_narrow_ones() {
        let table = [
            rule(&["GET /v2/models/{m}"], Requirement::default()),
            rule(&["GET /v2/**", "POST /predict"], scope("predict")),
        ];
        opens(&table, &caller("", ""), &["GET /v2/models/{m}"]);
        opens(
            &table,
            &caller("predict", ""),
            &["GET /v2/**", "POST /predict"],
        );
    }

    #[test]
    fn a_route_is_open_if_the_globs_say_so() {
        let table = Rules::compile(vec![rule(
            &["POST /predict/{m}", "GET /v2/**"],
            Requirement::default(),
        )]);
        let open = table.unwrap().open_to(&caller("", "")).unwrap();
        for (route, expected) in [
            ("POST/predict/wine", true),
            ("POST/predict/a/b", false),
            ("POST/predict/", false),
            ("GET/predict/wine", false),
            ("GET/v2", true),
            ("GET/v2/a/b", true),
            ("POST/predict/*", true),
            ("POST/predict/*/*", false),
            ("", false),
        ] {
            assert_eq!(open.contain(route), expected, "{route}");
        }
    }

    #[test]
    fn a_rule_of_one_issuer_ignores_the_others() {
        let of = |issuer: &str| Rule {
            issuer: Some(issuer.to_owned()),
            ..rule(&["GET /x"], Requirement::default())
        };
        opens(&[of("https://a")], &caller("", ""), &["GET /x"]);
        opens(&[of("https://b")], &caller("", ""), &[]);
    }

    #[test]
    fn a_grant_opens_the_parameter_it_names_and_no_other() {
        let table = [rule(&["POST /predict/{model}"], scope("predict:{model}"))];
        opens(
            &table,
            &caller("predict:wine predict:digits-2", ""),
            &["POST /predict/digits-2", "POST /predict/wine"],
        );
        for odd in [
            "predict:*",
            "predict:",
            "predict:a/b",
            "predict:..",
            "predict",
            "predict:a?",
            "predict:{model}",
        ] {
            opens(&table, &caller(odd, ""), &[]);
        }
    }

    #[test]
    fn a_token_with_countless_grants_costs_little() {
        let table =
            Rules::compile(vec![rule(&["POST /a/{m}", "POST /b/{m}"], scope("p:{m}"))]).unwrap();
        let scopes = |count: usize| {
            (0..count)
                .map(|number| format!("p:{number} "))
                .collect::<String>()
        };
        let half = MAX_BOUND_PATTERNS / 2;
        assert_eq!(
            table
                .open_to(&caller(&scopes(half), ""))
                .unwrap()
                .patterns
                .len(),
            MAX_BOUND_PATTERNS
        );
        assert_eq!(
            table.open_to(&caller(&scopes(half + 1), "")),
            Err(TooManyRoutes)
        );
        assert_eq!(
            table.open_to(&caller(&scopes(1_500), "")),
            Err(TooManyRoutes)
        );
    }

    #[test]
    fn all_conditions_must_hold_for_the_same_value() {
        let both = Requirement(vec![
            holds(Kind::Scope, "run:{m}"),
            holds(Kind::Role, "{m}-user"),
        ]);
        let table = [rule(&["POST /predict/{m}"], both)];
        opens(
            &table,
            &caller("run:a run:b", "b-user c-user"),
            &["POST /predict/b"],
        );
    }

    #[track_caller]
    fn refused(rules: Vec<Rule>, expected: &[&str]) {
        let problems = Rules::compile(rules).unwrap_err();
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, start) in problems.iter().zip(expected) {
            assert!(problem.starts_with(start), "{problem}");
        }
    }

    #[test]
    fn tables_that_no_policy_can_express_are_refused() {
        let open = |allow: &[&str]| rule(allow, Requirement::default());
        refused(
            vec![open(&["GET /models/{m}"]), open(&["GET /models/{m}/ready"])],
            &["no IAM policy can open `GET /models/{m}` and `GET /models/{m}/ready`"],
        );
        refused(
            vec![open(&[
                "POST /models/{m}/infer",
                "POST /models/{m}/versions/{v}/infer",
            ])],
            &["no IAM policy can open `POST /models/{m}/infer` and"],
        );
        refused(
            vec![open(&["GET /*/a", "GET /b/**"])],
            &["no IAM policy can open `GET /b/**` and `GET /*/a`"],
        );
        for fine in [
            &["GET /models/{m}", "POST /models/{m}/ready"][..],
            &["GET /models/{m}", "GET /models/**"],
            &["GET /models/{m}", "GET /models/wine"],
            &["POST /predict", "POST /predict/{m}"],
        ] {
            assert!(Rules::compile(vec![open(fine)]).is_ok(), "{fine:?}");
        }
    }

    #[test]
    fn parameters_asked_for_must_be_in_every_route() {
        refused(
            vec![rule(
                &["POST /predict/{m}", "POST /predict"],
                scope("predict:{m}"),
            )],
            &["rule 1 asks for `{m}`, which `POST /predict` does not have"],
        );
        let two = Requirement(vec![
            holds(Kind::Scope, "a:{m}"),
            holds(Kind::Scope, "b:{n}"),
        ]);
        refused(
            vec![rule(&["POST /{m}/{n}"], two)],
            &["rule 1 asks for several parameters"],
        );
    }

    #[test]
    fn the_first_rule_with_scopes_says_what_to_ask_for() {
        let table = vec![
            rule(&["GET /a"], Requirement(vec![holds(Kind::Role, "r")])),
            rule(&["GET /b"], scope("b")),
            rule(&["GET /c"], scope("c")),
        ];
        assert_eq!(Rules::compile(table).unwrap().first_scopes(), ["b"]);
        assert!(Rules::default().first_scopes().is_empty());
    }
}
