//! Policies against rules: for random tables, callers and routes, what a policy opens is compared with
//! what the rules say. Both sides are written here anew: patterns are matched by segments, globs and
//! statements as IAM does it, and nothing of the crate's own matching is used.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::collections::BTreeSet;

use authorizer::caller::{Caller, Grants};
use authorizer::pattern::RoutePattern;
use authorizer::policy::{StageArn, allow, deny};
use authorizer::requirement::{Condition, Grant, Kind, Requirement};
use authorizer::rules::{Rule, Rules};
use serde_json::{Map, Value};

/// Tables tried. Nearly half of them are accepted, and each is compared on some 700 routes.
const TABLES: u64 = 3_000;
const STAGE: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod";

/// A small generator of the family of Marsaglia's xorshift: the same tables on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

/// A rule as text, from which both the crate and this file make their own.
#[derive(Debug, Clone)]
struct TextRule {
    routes: Vec<String>,
    scopes: Vec<&'static str>,
}

fn random_route(random: &mut Random, parameter: bool) -> String {
    let mut path: Vec<&str> = (0..random.below(3))
        .map(|_| random.of(&["a", "b", "*", "*:b", "a:b"]))
        .collect();
    if parameter {
        let place = random.below(path.len() + 1);
        path.insert(place, random.of(&["{m}", "{m}", "{m}:b"]));
    }
    if random.below(4) == 0 {
        path.push("**");
    }
    format!(
        "{} /{}",
        random.of(&["GET", "GET", "POST", "*"]),
        path.join("/")
    )
}

fn random_table(random: &mut Random) -> Vec<TextRule> {
    let rule = |random: &mut Random| {
        let parameter = random.below(3) == 0;
        let routes = (0..=random.below(2))
            .map(|_| random_route(random, parameter))
            .collect();
        let scopes: Vec<&str> = match (parameter, random.below(3)) {
            (true, 0) => vec!["s", "p:{m}"],
            (true, _) => vec!["p:{m}"],
            (false, 0) => vec![],
            (false, _) => vec![["s", "t"][random.below(2)]],
        };
        TextRule { routes, scopes }
    };
    (0..=random.below(3)).map(|_| rule(random)).collect()
}

/// The crate's table, or `None` if it refuses a route or the table.
fn compiled(table: &[TextRule]) -> Option<Rules> {
    let mut rules = Vec::new();
    for rule in table {
        let patterns: Result<Vec<_>, _> = rule
            .routes
            .iter()
            .map(|route| RoutePattern::parse(route))
            .collect();
        let condition =
            |scope: &&str| Condition::Holds(Kind::Scope, Grant::parse(Kind::Scope, scope).unwrap());
        rules.push(Rule {
            allow: patterns.ok()?,
            require: Requirement(rule.scopes.iter().map(condition).collect()),
            issuer: None,
        });
    }
    Rules::compile(rules).ok()
}

fn caller(scopes: &BTreeSet<String>) -> Caller {
    Caller {
        principal: "user".to_owned(),
        subject: None,
        client_id: None,
        issuer: "https://issuer.example".to_owned(),
        accepted_until: 0,
        grants: Grants {
            scopes: scopes.clone(),
            ..Grants::default()
        },
        claims: Map::new(),
    }
}

/// Whether the rules open a route to these scopes, read off the text.
fn rules_open(table: &[TextRule], scopes: &BTreeSet<String>, method: &str, path: &str) -> bool {
    table.iter().any(|rule| {
        rule.routes.iter().any(|route| {
            let (methods, pattern) = route.split_once(" /").unwrap();
            let Some(value) = segments_match(pattern, path) else {
                return false;
            };
            let plain = |value: &str| {
                !value.is_empty()
                    && value.chars().any(|letter| letter != '.')
                    && value
                        .chars()
                        .all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter))
            };
            (methods == "*" || methods == method)
                && rule.scopes.iter().all(|scope| match scope.contains("{m}") {
                    false => scopes.contains(*scope),
                    true => plain(&value) && scopes.contains(&scope.replace("{m}", &value)),
                })
        })
    })
}

/// The value of `{m}` if the path is one of the pattern's.
fn segments_match(pattern: &str, path: &str) -> Option<String> {
    let split = |text: &str| {
        text.split('/')
            .filter(|_| !text.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (mut wanted, given) = (split(pattern), split(path));
    let rest = wanted.last().is_some_and(|last| last == "**");
    if rest {
        wanted.pop();
    }
    if given.len() < wanted.len() || (!rest && given.len() > wanted.len()) {
        return None;
    }
    let mut value = String::new();
    for (wanted, given) in wanted.iter().zip(&given) {
        let ending = wanted
            .strip_prefix("{m}")
            .or_else(|| wanted.strip_prefix('*'));
        let matched = match ending {
            None => (wanted == given).then_some(""),
            Some(ending) => given.strip_suffix(ending).filter(|value| !value.is_empty()),
        }?;
        if wanted.starts_with('{') {
            value = matched.to_owned();
        }
    }
    Some(value)
}

/// Whether an IAM policy allows a resource: an explicit Deny wins, and what nothing allows is denied.
fn policy_opens(policy: &Value, resource: &str) -> bool {
    let matched = |effect: &str| {
        let statements = policy["Statement"].as_array().unwrap().iter();
        let mut statements = statements.filter(|statement| statement["Effect"] == effect);
        statements.any(|statement| {
            let mut resources = statement["Resource"].as_array().unwrap().iter();
            resources
                .any(|glob| glob_matches(glob.as_str().unwrap().as_bytes(), resource.as_bytes()))
        })
    };
    matched("Allow") && !matched("Deny")
}

/// IAM's wildcards: `*` is any characters, slashes included, and `?` is one.
fn glob_matches(glob: &[u8], text: &[u8]) -> bool {
    match (glob.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) if glob_matches(rest, text) => true,
        (Some((b'*', _)), Some((_, text))) => glob_matches(glob, text),
        (Some((b'?', rest)), Some((_, text))) => glob_matches(rest, text),
        (Some((wanted, rest)), Some((given, text))) => wanted == given && glob_matches(rest, text),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Every path of up to four of these pieces, empty segments included.
fn paths() -> Vec<String> {
    let mut paths = vec![String::new()];
    let mut longest = paths.clone();
    for _ in 0..4 {
        let longer = longest
            .iter()
            .flat_map(|path| ["a", "b", ":b", "/"].map(|piece| format!("{path}{piece}")));
        longest = longer.collect();
        paths.extend(longest.iter().cloned());
    }
    paths
}

#[test]
fn a_policy_opens_what_the_rules_open_and_nothing_else() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let stage = StageArn::of(STAGE).unwrap();
    let paths = paths();
    let (mut accepted, mut opened) = (0, 0);
    for _ in 0..TABLES {
        let table = random_table(&mut random);
        let Some(rules) = compiled(&table) else {
            continue;
        };
        accepted += 1;
        let grants = ["s", "t", "p:a", "p:b", "p:a:b", "p:*", "p:..", "p:"];
        let scopes: BTreeSet<String> = (0..random.below(4))
            .map(|_| random.of(&grants).to_owned())
            .collect();
        let open = rules.open_to(&caller(&scopes)).unwrap();
        let policy = match open.patterns.is_empty() {
            true => deny(&stage),
            false => allow(&open, &stage, None).unwrap(),
        };
        let policy = serde_json::to_value(policy).unwrap();
        for path in &paths {
            for method in ["GET", "POST"] {
                let expected = rules_open(&table, &scopes, method, path);
                let resource = format!("{STAGE}/{method}/{path}");
                assert_eq!(
                    policy_opens(&policy, &resource),
                    expected,
                    "{method} /{path} with {scopes:?} and {table:?}: {policy:#}"
                );
                opened += usize::from(expected);
            }
        }
    }
    // Both sides must have been seen, and not too few tables.
    assert!(
        accepted > 1_000 && opened > 10_000,
        "{accepted} tables, {opened} open routes"
    );
}
