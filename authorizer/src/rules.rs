//! The rule table: which routes are open to a caller, and until when. Rules add up. The answer depends on the
//! token alone, for the gateway replays it on every route that the token calls next, unless it is told not to.

mod lack;
mod open;
mod standing;
mod table;

use std::sync::Arc;

use thiserror::Error;

use crate::caller::Caller;
use crate::pattern::RoutePattern;
use crate::requirement::{Case, Condition, FOREVER, Facts, Requirement, is_plain};
pub use open::{OpenRoute, OpenRoutes, Route};
pub(crate) use standing::Standing;
pub use table::TableError;

/// The compiled rules of `access.yaml`.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    rules: Vec<Compiled>,
    /// True if no policy says when it ends.
    timeless: bool,
}

/// One rule: what it asks for, and the routes it opens.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Routes that open if the requirement is met.
    pub allow: Vec<RoutePattern>,
    /// What a caller must bring.
    pub require: Requirement,
    /// The only issuer whose tokens count, if the rule names one.
    pub issuer: Option<String>,
    /// False for a shadowed rule: its routes are open to every caller of its issuer, and the log says
    /// whose they would not be.
    pub enforce: bool,
}

/// A rule with all of it that no caller changes.
#[derive(Debug, Clone)]
struct Compiled {
    rule: Rule,
    routes: Vec<Arc<Route>>,
    /// The parameter that stands in its requirement.
    parameter: Option<String>,
    /// True if it asks for an address anywhere.
    asks_for_address: bool,
}

/// More grants with parameters than any policy can express.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the token's grants open more than {MAX_BOUND_PATTERNS} routes, one by one")]
pub struct TooManyRoutes;

/// Most routes that grants with parameters may open: a policy of 8 KB has room for about 100.
const MAX_BOUND_PATTERNS: usize = 200;

impl Rules {
    /// Compiles a table, or says all that is wrong with it.
    pub fn compile(rules: Vec<Rule>) -> Result<Self, Vec<TableError>> {
        let problems = table::problems(&rules);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            rules: rules.into_iter().map(Compiled::new).collect(),
            timeless: false,
        })
    }

    /// The same table for policies that do not say when they end.
    #[must_use]
    pub fn timeless(self) -> Self {
        Self {
            timeless: true,
            ..self
        }
    }

    /// Every route that any of the rules can open.
    pub fn routes(&self) -> impl Iterator<Item = &RoutePattern> {
        self.rules.iter().flat_map(|rule| &rule.rule.allow)
    }

    /// Every route that is open, each until it is no longer.
    pub fn open_to(&self, facts: &Facts<'_>) -> Result<OpenRoutes, TooManyRoutes> {
        let mut open = OpenRoutes::default();
        let shadowless = self.rules.iter().all(|rule| rule.rule.enforce);
        for (index, rule) in self.rules.iter().enumerate() {
            let mut earned = match rule.earned(facts) {
                Err(_) if !rule.rule.enforce => Vec::new(),
                earned => earned?,
            };
            for route in &mut earned {
                route.until = self.end(route.until, facts.caller);
            }
            if !earned.is_empty() {
                open.rules.push(index + 1);
            }
            if !shadowless {
                open.earned.extend(earned.iter().cloned());
            }
            if rule.rule.enforce {
                open.routes.extend(earned);
            } else if rule.is_of(facts.caller) {
                open.routes
                    .extend(rule.open(self.end(FOREVER, facts.caller)));
                open.shadows.push((index + 1, rule.routes.clone()));
            }
        }
        open.merge();
        Ok(open)
    }

    /// The numbers of the rules that are not enforced, from 1.
    pub(crate) fn shadowed(&self) -> Vec<usize> {
        let numbered = self.rules.iter().enumerate();
        let shadowed = numbered.filter(|(_, rule)| !rule.rule.enforce);
        shadowed.map(|(index, _)| index + 1).collect()
    }

    /// The numbers of the rules that may hold for a shorter time than the token, from 1.
    pub(crate) fn fleeting(&self) -> Vec<usize> {
        let fleeting = |rule: &Compiled| {
            let mut conditions = rule.rule.require.all().into_iter();
            conditions.any(|(condition, _)| {
                matches!(condition, Condition::StepUp(step_up) if step_up.max_age.is_some())
            })
        };
        let numbered = self.rules.iter().enumerate();
        let fleeting = numbered.filter(|(_, rule)| fleeting(rule));
        fleeting.map(|(index, _)| index + 1).collect()
    }

    fn end(&self, until: u64, caller: &Caller) -> u64 {
        if self.timeless {
            FOREVER
        } else {
            until.min(caller.accepted_until)
        }
    }
}

impl Compiled {
    fn new(rule: Rule) -> Self {
        let parameter = rule.require.parameters().pop_first().map(str::to_owned);
        let conditions = rule.require.all();
        let mut conditions = conditions.into_iter();
        let asks_for_address =
            conditions.any(|(condition, _)| matches!(condition, Condition::SourceIp(_)));
        let routes = rule.allow.iter().cloned().map(Route::new).map(Arc::new);
        Self {
            routes: routes.collect(),
            parameter,
            asks_for_address,
            rule,
        }
    }

    /// The routes that the caller has earned, enforced or not.
    fn earned(&self, facts: &Facts<'_>) -> Result<Vec<OpenRoute>, TooManyRoutes> {
        if !self.applies(facts) {
            return Ok(Vec::new());
        }
        let require = &self.rule.require;
        let always = require.until(&Case::new(facts, None));
        let mut earned = always.map_or_else(Vec::new, |until| self.open(until));
        let Some(parameter) = &self.parameter else {
            return Ok(earned);
        };
        let mut bound = 0;
        for value in require.values(facts.caller) {
            let until = require.until(&Case::new(facts, Some(value)));
            // What is open for all values needs no value, unless that one lasts longer.
            let Some(until) = until.filter(|until| always < Some(*until)) else {
                continue;
            };
            bound += self.routes.len();
            if bound > MAX_BOUND_PATTERNS {
                return Err(TooManyRoutes);
            }
            earned.extend(self.routes.iter().map(|route| OpenRoute {
                route: Arc::new(Route::new(route.pattern.bind(parameter, value))),
                until,
                denied_from: None,
            }));
        }
        Ok(earned)
    }

    /// The facts for a route that the rule names, with the value of its parameter: of several patterns that match,
    /// the first for which the rule holds, or else the first.
    fn case<'a>(&self, facts: &Facts<'a>, route: &'a str) -> Option<Case<'a>> {
        let parameter = self.parameter.as_deref();
        let matching = self
            .rule
            .allow
            .iter()
            .filter(|pattern| pattern.matches(route));
        let cases: Vec<_> = matching
            .map(|pattern| {
                let value = parameter.and_then(|parameter| pattern.value_in(route, parameter));
                Case::new(facts, value.filter(|value| is_plain(value)))
            })
            .collect();
        let holding = cases.iter().find(|case| self.meets(case));
        holding.or(cases.first()).copied()
    }

    fn meets(&self, case: &Case<'_>) -> bool {
        self.rule.require.until(case).is_some()
    }

    /// All its routes.
    fn open(&self, until: u64) -> Vec<OpenRoute> {
        let open = |route: &Arc<Route>| OpenRoute {
            route: Arc::clone(route),
            until,
            denied_from: None,
        };
        self.routes.iter().map(open).collect()
    }

    fn is_of(&self, caller: &Caller) -> bool {
        let issuer = self.rule.issuer.as_ref();
        issuer.is_none_or(|issuer| *issuer == caller.issuer())
    }

    /// False for a caller of another issuer, and where an address is asked for and none is known: nothing
    /// is then said of it, not even below `not`.
    fn applies(&self, facts: &Facts<'_>) -> bool {
        let known = !self.asks_for_address || facts.circumstances.source_ip.is_some();
        self.is_of(facts.caller) && known
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::event::Circumstances;
    use crate::requirement::{ClaimTest, Grant, Kind, Operand, StepUp, Test};
    use crate::token::Scheme;

    const NOW: u64 = 1_800_000_000;
    const END: u64 = NOW + 600;

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
            enforce: true,
        }
    }

    fn caller(scopes: &str, roles: &str) -> Caller {
        let roles: Vec<_> = roles.split_whitespace().collect();
        Caller::of(&json!({"sub": "a", "scope": scopes, "roles": roles}), END)
    }

    fn open_to(rules: &Rules, caller: &Caller) -> Result<OpenRoutes, TooManyRoutes> {
        let circumstances = Circumstances::default();
        rules.open_to(&facts(caller, &circumstances))
    }

    fn facts<'a>(caller: &'a Caller, circumstances: &'a Circumstances) -> Facts<'a> {
        Facts {
            caller,
            circumstances,
            now: NOW,
        }
    }

    #[track_caller]
    fn opens(rules: &[Rule], caller: &Caller, expected: &[&str]) {
        let rules = Rules::compile(rules.to_vec()).unwrap();
        let open = open_to(&rules, caller).unwrap().routes;
        let open: Vec<_> = open
            .iter()
            .map(|open| open.route.pattern.to_string())
            .collect();
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
        let open = open_to(&table.unwrap(), &caller("", "")).unwrap();
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
            open_to(&table, &caller(&scopes(half), ""))
                .unwrap()
                .routes
                .len(),
            MAX_BOUND_PATTERNS
        );
        assert_eq!(
            open_to(&table, &caller(&scopes(half + 1), "")),
            Err(TooManyRoutes)
        );
        assert_eq!(
            open_to(&table, &caller(&scopes(1_500), "")),
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

    fn claim(name: &str, text: &str) -> Condition {
        let test = Test::Equals(Operand::Text(Grant::text(text).unwrap()));
        Condition::Claim(ClaimTest::new(name, test).unwrap())
    }

    fn step_up(acr: &str, max_age: u64) -> Condition {
        Condition::StepUp(StepUp {
            acr_values: vec![acr.to_owned()],
            max_age: Some(Duration::from_secs(max_age)),
        })
    }

    fn with(caller: Caller, claims: &Value) -> Caller {
        let mut all = serde_json::to_value(caller.claims()).unwrap();
        let members = claims.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(members);
        Caller::of(&all, caller.accepted_until)
    }

    #[test]
    fn below_not_there_is_neither_a_parameter_nor_a_step_up() {
        let not = |condition| Requirement(vec![Condition::Not(Requirement(vec![condition]))]);
        let inner = Condition::Any(vec![scope("predict:{m}")]);
        refused(
            vec![rule(&["POST /predict/{m}"], not(inner))],
            &["rule 1 asks for `{m}` below `not`"],
        );
        refused(
            vec![rule(&["POST /predict/{m}"], not(claim("model", "{m}")))],
            &["rule 1 asks for `{m}` below `not`"],
        );
        refused(
            vec![rule(&["GET /x"], not(step_up("mfa", 60)))],
            &["rule 1 has `step_up` below `not`"],
        );
    }

    #[test]
    fn not_holds_for_what_is_missing_or_of_another_type() {
        let not = Requirement(vec![Condition::Not(Requirement(vec![
            claim("tier", "free"),
            claim("org", "acme"),
        ]))]);
        let table = [rule(&["GET /x"], not)];
        let opens = |claims: &Value, expected: &[&str]| {
            opens(&table, &with(caller("", ""), claims), expected);
        };
        opens(&json!({"tier": "free", "org": "acme"}), &[]);
        opens(&json!({"tier": "free", "org": "b"}), &["GET /x"]);
        opens(&json!({"tier": "free"}), &["GET /x"]);
        opens(&json!({"tier": ["free"], "org": "acme"}), &["GET /x"]);
        opens(&json!({}), &["GET /x"]);
    }

    #[test]
    fn a_claim_opens_the_parameter_it_names() {
        let require = Requirement(vec![claim("model", "models/{m}"), holds(Kind::Scope, "s")]);
        let table = [rule(&["POST /predict/{m}"], require)];
        let opens = |model: &str, expected: &[&str]| {
            let caller = with(caller("s", ""), &json!({"model": model}));
            opens(&table, &caller, expected);
        };
        opens("models/wine", &["POST /predict/wine"]);
        for odd in ["models/*", "models/a/b", "models/", "wine", "models/.."] {
            opens(odd, &[]);
        }
    }

    #[test]
    fn an_address_counts_where_it_is_known() {
        let network = |text: &str| Condition::SourceIp(vec![text.parse().unwrap()]);
        let inside = Requirement(vec![network("192.0.2.0/24")]);
        let outside = Requirement(vec![Condition::Not(inside.clone())]);
        let v6 = Requirement(vec![network("2001:db8::/32")]);
        let table = vec![
            rule(&["GET /in"], inside),
            rule(&["GET /out"], outside),
            rule(&["GET /six"], v6),
        ];
        let rules = Rules::compile(table).unwrap();
        for (address, expected) in [
            (None, &[][..]),
            (Some("192.0.2.255"), &[1]),
            (Some("::ffff:192.0.2.1"), &[1]),
            (Some("192.0.3.0"), &[2]),
            (Some("2001:db8::1"), &[2, 3]),
        ] {
            let circumstances = Circumstances {
                source_ip: address.map(|address| address.parse().unwrap()),
                ..Circumstances::default()
            };
            let caller = caller("", "");
            let open = rules.open_to(&facts(&caller, &circumstances)).unwrap();
            assert_eq!(open.rules, expected, "{address:?}");
        }
    }

    #[track_caller]
    fn ends(rules: &Rules, caller: &Caller, expected: &[(&str, u64, Option<u64>)]) {
        let open = open_to(rules, caller).unwrap().routes;
        let texts: Vec<_> = open
            .iter()
            .map(|open| open.route.pattern.to_string())
            .collect();
        let found: Vec<_> = open
            .iter()
            .zip(&texts)
            .map(|(open, text)| (text.as_str(), open.until, open.denied_from))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn routes_close_when_their_rule_no_longer_holds() {
        let table = vec![
            rule(&["GET /m/**"], Requirement(vec![step_up("mfa", 300)])),
            rule(&["GET /m/{x}"], scope("s")),
        ];
        let rules = Rules::compile(table).unwrap();
        let fresh = |ago: u64| {
            let claims = json!({"acr": "mfa", "auth_time": NOW - ago});
            with(caller("s", ""), &claims)
        };
        let wide = ("GET /m/**", NOW + 1, None);
        let narrow = ("GET /m/{x}", END, Some(NOW + 1));
        ends(&rules, &fresh(299), &[wide, narrow]);
        ends(&rules, &fresh(300), &[("GET /m/{x}", END, None)]);
        let timeless = rules.timeless();
        ends(&timeless, &fresh(299), &[("GET /m/**", FOREVER, None)]);
    }

    #[test]
    fn a_value_that_lasts_longer_than_all_values_is_bound() {
        let either = Condition::Any(vec![
            Requirement(vec![step_up("mfa", 300)]),
            scope("predict:{m}"),
        ]);
        let table = vec![rule(&["GET /{m}"], Requirement(vec![either]))];
        let claims = json!({"acr": "mfa", "auth_time": NOW});
        let caller = with(caller("predict:a", ""), &claims);
        let expected = [
            ("GET /{m}", NOW + 300, None),
            ("GET /a", END, Some(NOW + 300)),
        ];
        ends(&Rules::compile(table).unwrap(), &caller, &expected);
    }

    fn shadow(rule: Rule) -> Rule {
        Rule {
            enforce: false,
            ..rule
        }
    }

    #[test]
    fn a_shadowed_rule_opens_its_routes_and_says_to_whom_it_would_not() {
        let of_b = Rule {
            issuer: Some("https://b".to_owned()),
            ..rule(&["GET /b"], scope("t"))
        };
        let table = vec![
            shadow(rule(&["GET /m/{x}"], scope("read:{x}"))),
            shadow(of_b),
            rule(&["GET /m/free"], scope("s")),
        ];
        let rules = Rules::compile(table).unwrap();
        assert_eq!(rules.shadowed(), [1, 2]);
        let check = |scopes: &str, route: &str, open: bool, owed: &[usize]| {
            let found = open_to(&rules, &caller(scopes, "")).unwrap();
            assert_eq!(found.contain(route), open, "{scopes} {route}");
            assert_eq!(found.owed_to_shadows(route), owed, "{scopes} {route}");
        };
        check("", "GET/m/a", true, &[1]);
        check("read:a", "GET/m/a", true, &[]);
        check("read:a", "GET/m/b", true, &[1]);
        check("", "GET/m/free", true, &[1]);
        check("s", "GET/m/free", true, &[]);
        check("t", "GET/b", false, &[]);
        check("", "GET/other", false, &[]);
        assert_eq!(open_to(&rules, &caller("s", "")).unwrap().rules, [3]);
        let flood = (0..1_000).map(|number| format!("read:{number} "));
        check(&flood.collect::<String>(), "GET/m/a", true, &[1]);
    }

    #[track_caller]
    fn challenged(rules: Vec<Rule>, caller: &Caller, route: Option<&str>, expected: &str) {
        let rules = Rules::compile(rules).unwrap();
        let circumstances = Circumstances::default();
        let facts = facts(caller, &circumstances);
        let open = rules.open_to(&facts).unwrap();
        let challenge = rules.challenge(&facts, &open, route);
        assert_eq!(
            challenge
                .text(Scheme::Bearer)
                .trim_start_matches("Bearer error="),
            expected
        );
    }

    #[test]
    fn the_first_rule_that_does_not_hold_says_what_to_ask_for() {
        let table = || {
            vec![
                rule(&["GET /a"], Requirement(vec![holds(Kind::Role, "r")])),
                shadow(rule(&["GET /s"], scope("shadow"))),
                rule(&["GET /b"], scope("b")),
                rule(&["GET /c/{m}"], scope("c:{m}")),
                rule(
                    &["GET /d"],
                    Requirement(vec![
                        Condition::Any(vec![scope("d"), scope("e")]),
                        Condition::Not(scope("f")),
                    ]),
                ),
            ]
        };
        let challenged = |scopes, route, expected: &str| {
            challenged(table(), &caller(scopes, ""), route, expected);
        };
        let none = r#""insufficient_scope""#;
        challenged("", None, r#""insufficient_scope", scope="b""#);
        challenged("b", None, r#""insufficient_scope", scope="d""#);
        challenged("b e", None, none);
        challenged("", Some("GET/a"), none);
        challenged("", Some("GET/d"), r#""insufficient_scope", scope="d""#);
        challenged(
            "c:y",
            Some("GET/c/x"),
            r#""insufficient_scope", scope="c:x""#,
        );
        challenged("", Some("GET/c/x\"y"), none);
        challenged("", Some("GET/other"), none);
    }

    #[test]
    fn a_step_up_is_asked_for_where_nothing_else_is_missing() {
        let table = || {
            let require = Requirement(vec![holds(Kind::Scope, "run:{m}"), step_up("mfa", 300)]);
            vec![rule(&["GET /{m}"], require)]
        };
        let step_up = r#""insufficient_user_authentication", acr_values="mfa", max_age="300""#;
        let old = json!({"acr": "mfa", "auth_time": NOW - 300});
        let check = |scopes, route, expected: &str| {
            challenged(table(), &with(caller(scopes, ""), &old), route, expected);
        };
        check("run:a", None, step_up);
        check("run:a", Some("GET/a"), step_up);
        check(
            "run:a",
            Some("GET/b"),
            r#""insufficient_scope", scope="run:b""#,
        );
        check("", None, r#""insufficient_scope""#);
        let fresh = with(
            caller("run:a", ""),
            &json!({"acr": "mfa", "auth_time": NOW - 299}),
        );
        challenged(table(), &fresh, None, r#""insufficient_scope""#);
    }
}
