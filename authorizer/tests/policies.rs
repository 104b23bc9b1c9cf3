//! Policies and simple verdicts against rules: for random tables, callers and routes, what they open is
//! compared with what the rules say. Rules and policies are read here anew: patterns are matched by segments,
//! globs and statements as IAM does it, and nothing of the crate's own matching is used.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "test code"
)]

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use authorizer::caller::Caller;
use authorizer::event::{Circumstances, Place, Request};
use authorizer::pattern::RoutePattern;
use authorizer::policy::{StageArn, allow, deny};
use authorizer::profile::Profile;
use authorizer::proof::Proofs;
use authorizer::requirement::{
    ClaimTest, Comparison, Condition, Facts, Grant, Kind, Operand, Requirement, StepUp, Test,
};
use authorizer::rules::{Rule, Rules};
use authorizer::simple;
use authorizer::verify::{Trust, accept};
use serde_json::{Value, json};

/// Tables tried. Nearly half of them are accepted, and each is compared on some 700 routes at several times.
const TABLES: u64 = 2_000;
/// Paths of up to three pieces.
const SHORTER: usize = 1 + 4 + 16 + 64;
const STAGE: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod";
/// 2027-01-15T08:00:00Z, the time of the decision.
const NOW: u64 = 1_800_000_000;
/// When the token ends.
const END: u64 = NOW + 600;

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
    ask: Ask,
    enforce: bool,
}

/// What a rule asks for.
#[derive(Debug, Clone)]
enum Ask {
    Scope(&'static str),
    /// The list `models` has this member.
    Model(&'static str),
    /// The claim `tier` equals this.
    Tier(u64),
    /// The claim `tier` is at least this.
    TierFrom(u64),
    /// The client's address is this machine's.
    Local,
    /// Authenticated within so many seconds.
    Fresh(u64),
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
}

/// A token and its request.
#[derive(Debug)]
struct Token {
    scopes: BTreeSet<String>,
    claims: Value,
    address: Option<IpAddr>,
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
        TextRule {
            routes,
            ask: random_ask(random, parameter, 2),
            enforce: random.below(8) > 0,
        }
    };
    (0..=random.below(3)).map(|_| rule(random)).collect()
}

/// At times one that the crate refuses: a parameter or a time below `not`.
fn random_ask(random: &mut Random, parameter: bool, depth: usize) -> Ask {
    let several = |random: &mut Random, least| {
        let count = least + random.below(2);
        (0..count)
            .map(|_| {
                let parameter = parameter && random.below(3) > 0;
                random_ask(random, parameter, depth - 1)
            })
            .collect()
    };
    match (random.below(11), depth) {
        (0 | 1, _) if parameter => Ask::Scope("p:{m}"),
        (2, _) if parameter => Ask::Model("{m}"),
        (0 | 1, _) => Ask::Scope(["s", "t"][random.below(2)]),
        (2, _) => Ask::Model("a"),
        (3, _) => Ask::Tier(2),
        (4, _) => Ask::TierFrom(2),
        (5, _) => Ask::Local,
        (6, _) => Ask::Fresh([100, 200, 300, 900][random.below(4)]),
        (7 | 8, 1..) => Ask::Any(several(random, 1)),
        (9, 1..) => Ask::All(several(random, 0)),
        (10, 1..) => {
            let parameter = parameter && random.below(8) == 0;
            Ask::Not(Box::new(random_ask(random, parameter, depth - 1)))
        }
        _ => Ask::Fresh(300),
    }
}

fn random_token(random: &mut Random) -> Token {
    let grants = ["s", "t", "p:a", "p:b", "p:a:b", "p:*", "p:..", "p:"];
    let scopes = (0..random.below(4)).map(|_| random.of(&grants).to_owned());
    let tiers = [json!(1), json!(2), json!(2.5), json!("2"), json!(null)];
    let models = [
        json!(["a", "*"]),
        json!(["b", "a:b", ".."]),
        json!("a"),
        json!([]),
    ];
    let ages = [
        json!(NOW),
        json!(NOW - 50),
        json!(NOW - 150),
        json!(NOW - 300),
        json!("now"),
    ];
    let addresses = [None, Some([127, 0, 0, 1]), Some([192, 0, 2, 1])];
    Token {
        scopes: scopes.collect(),
        claims: json!({
            "tier": tiers[random.below(5)],
            "models": models[random.below(4)],
            "auth_time": ages[random.below(5)],
        }),
        address: addresses[random.below(3)].map(IpAddr::from),
    }
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
        rules.push(Rule {
            allow: patterns.ok()?,
            require: Requirement(conditions(&rule.ask)),
            issuer: None,
            enforce: rule.enforce,
        });
    }
    Rules::compile(rules).ok()
}

fn conditions(ask: &Ask) -> Vec<Condition> {
    let claim = |name, test| Condition::Claim(ClaimTest::new(name, test).unwrap());
    vec![match ask {
        Ask::Scope(name) => Condition::Holds(Kind::Scope, Grant::parse(Kind::Scope, name).unwrap()),
        Ask::Model(name) => {
            let name = Operand::Text(Grant::text(name).unwrap());
            claim("models", Test::Contains(name))
        }
        Ask::Tier(tier) => claim("/tier", Test::Equals(Operand::Number((*tier).into()))),
        Ask::TierFrom(tier) => {
            let test = Test::Compares(Comparison::AtLeast, (*tier).into());
            claim("tier", test)
        }
        Ask::Local => Condition::SourceIp(vec!["127.0.0.0/8".parse().unwrap()]),
        Ask::Fresh(seconds) => Condition::StepUp(StepUp {
            acr_values: Vec::new(),
            max_age: Some(Duration::from_secs(*seconds)),
        }),
        Ask::All(asks) => return asks.iter().flat_map(conditions).collect(),
        Ask::Any(asks) => {
            let choices = asks.iter().map(|ask| Requirement(conditions(ask)));
            Condition::Any(choices.collect())
        }
        Ask::Not(ask) => Condition::Not(Requirement(conditions(ask))),
    }]
}

fn caller(token: &Token) -> Caller {
    let scopes: Vec<_> = token.scopes.iter().map(String::as_str).collect();
    let mut claims = token.claims.clone();
    claims["iss"] = json!(TRUST.issuer);
    claims["aud"] = json!(TRUST.audiences);
    claims["sub"] = json!("user");
    claims["exp"] = json!(END);
    claims["scope"] = json!(scopes.join(" "));
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    accept(claims.as_object().unwrap().into(), &TRUST, now).unwrap()
}

static TRUST: LazyLock<Trust> = LazyLock::new(|| Trust {
    issuer: "https://issuer.example".to_owned(),
    profile: Profile::Generic,
    audiences: vec!["ml-api".to_owned()],
    algorithms: Vec::new(),
    clients: None,
    token_types: None,
    leeway: Duration::ZERO,
    max_age: None,
    proofs: Proofs::default(),
});

/// Whether the rules open a route to this token at a time, read off the text.
fn rules_open(table: &[TextRule], token: &Token, (method, path): (&str, &str), at: u64) -> bool {
    table.iter().any(|rule| {
        rule.routes.iter().any(|route| {
            let (methods, pattern) = route.split_once(" /").unwrap();
            let Some(value) = segments_match(pattern, path) else {
                return false;
            };
            let answered = token.address.is_some() || !rule.ask.is_of_address();
            (methods == "*" || methods == method)
                && (!rule.enforce || answered && rule.ask.holds(token, &value, at))
        })
    }) && at < END
}

impl Ask {
    fn holds(&self, token: &Token, value: &str, at: u64) -> bool {
        let plain = |value: &str| {
            !value.is_empty()
                && value.chars().any(|letter| letter != '.')
                && value
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter))
        };
        let fits = |name: &str| !name.contains("{m}") || plain(value);
        let tier = token.claims["tier"].as_f64();
        match self {
            Self::Scope(name) => fits(name) && token.scopes.contains(&name.replace("{m}", value)),
            Self::Model(name) => {
                let models = token.claims["models"].as_array();
                let model = json!(name.replace("{m}", value));
                fits(name) && models.is_some_and(|models| models.contains(&model))
            }
            Self::Tier(wanted) => tier.is_some_and(|tier| tier.to_string() == wanted.to_string()),
            Self::TierFrom(wanted) => tier.is_some_and(|tier| (tier * 2.0) as u64 >= wanted * 2),
            Self::Local => token.address.is_some_and(|address| address.is_loopback()),
            Self::Fresh(seconds) => {
                let authenticated = token.claims["auth_time"].as_u64();
                authenticated.is_some_and(|time| at - time < *seconds)
            }
            Self::All(asks) => asks.iter().all(|ask| ask.holds(token, value, at)),
            Self::Any(asks) => asks.iter().any(|ask| ask.holds(token, value, at)),
            Self::Not(ask) => !ask.holds(token, value, at),
        }
    }

    fn is_of_address(&self) -> bool {
        match self {
            Self::Local => true,
            Self::All(asks) | Self::Any(asks) => asks.iter().any(Self::is_of_address),
            Self::Not(ask) => ask.is_of_address(),
            Self::Scope(_)
            | Self::Model(_)
            | Self::Tier(_)
            | Self::TierFrom(_)
            | Self::Fresh(_) => false,
        }
    }
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

/// A statement of a policy, its text read once.
struct Statement {
    allows: bool,
    /// The operator and its time: dates of one form are in the order of their texts.
    condition: Option<(String, String)>,
    resources: Vec<String>,
}

fn statements(policy: &Value) -> Vec<Statement> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = |value: &Value| -> Vec<_> { value.as_array().unwrap().iter().map(text).collect() };
    let condition = |operators: &Value| {
        let mut operators = operators.as_object()?.iter();
        let (operator, times) = operators.next().unwrap();
        assert!(operators.next().is_none(), "{policy}");
        let [time] = <[_; 1]>::try_from(list(&times["aws:CurrentTime"])).unwrap();
        assert_eq!(time.len(), date_text(NOW).len());
        Some((operator.clone(), time))
    };
    let statements = policy["Statement"].as_array().unwrap().iter();
    let read = |statement: &Value| Statement {
        allows: match statement["Effect"].as_str().unwrap() {
            "Allow" => true,
            "Deny" => false,
            other => panic!("{other}"),
        },
        condition: condition(&statement["Condition"]),
        resources: list(&statement["Resource"]),
    };
    statements.map(read).collect()
}

/// Whether an IAM policy allows a resource at a time: an explicit Deny wins, and what nothing allows is denied.
fn policy_opens(policy: &[Statement], resource: &str, date: &str) -> bool {
    let counts = |statement: &Statement| match &statement.condition {
        None => true,
        Some((operator, time)) => match operator.as_str() {
            "DateLessThan" => date < time.as_str(),
            "DateGreaterThanEquals" => date >= time.as_str(),
            other => panic!("{other}"),
        },
    };
    let matched = |allows: bool| {
        let mut statements = policy.iter();
        statements.any(|statement| {
            let mut globs = statement.resources.iter();
            statement.allows == allows
                && counts(statement)
                && globs.any(|glob| glob_matches(glob.as_bytes(), resource.as_bytes()))
        })
    };
    matched(true) && !matched(false)
}

/// A time of the hour after [`NOW`].
fn date_text(at: u64) -> String {
    let (minutes, seconds) = ((at - NOW) / 60, (at - NOW) % 60);
    format!("2027-01-15T08:{minutes:02}:{seconds:02}Z")
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

/// Now, and the seconds around every time at which something may change.
fn times(table: &[TextRule]) -> Vec<u64> {
    let fleeting = format!("{table:?}").contains("Fresh");
    let ends = match fleeting {
        false => vec![600],
        true => vec![50, 100, 150, 200, 250, 300, 600],
    };
    let around = ends.iter().flat_map(|end| [NOW + end - 1, NOW + end]);
    std::iter::once(NOW).chain(around).collect()
}

/// Compares policy and rules at these times. Answers how many routes are open now, and how many statements
/// the policy has.
fn compare(table: &[TextRule], token: &Token, rules: &Rules, times: &[u64]) -> (usize, usize) {
    let circumstances = Circumstances {
        source_ip: token.address,
        ..Circumstances::default()
    };
    let open = rules.open_to(&Facts {
        caller: &caller(token),
        circumstances: &circumstances,
        now: NOW,
    });
    let open = open.unwrap();
    let stage = StageArn::of(STAGE).unwrap();
    let policy = match open.routes.is_empty() {
        true => deny(&stage),
        false => allow(&open, &stage).unwrap(),
    };
    let policy = serde_json::to_value(policy).unwrap();
    let (read, paths) = (statements(&policy), paths());
    let mut opened = 0;
    for at in times {
        let date = date_text(*at);
        // Paths of all lengths now, the shorter ones at other times.
        let length = if *at == NOW { paths.len() } else { SHORTER };
        let paths = paths.iter().take(length);
        let routes = paths.flat_map(|path| [("GET", path), ("POST", path)]);
        for ((method, path), request) in routes.zip(REQUESTS.iter()) {
            let expected = rules_open(table, token, (method, path), *at);
            assert_eq!(
                policy_opens(&read, &format!("{STAGE}/{method}/{path}"), &date),
                expected,
                "{method} /{path} at {date} with {token:?} and {table:?}: {policy:#}"
            );
            if *at == NOW {
                assert_eq!(open.contain(&format!("{method}/{path}")), expected);
                assert_eq!(
                    simple::is_open(&open, request),
                    expected,
                    "the verdict on {method} /{path} with {token:?} and {table:?}"
                );
                opened += usize::from(expected);
            }
        }
    }
    (opened, read.len())
}

/// A request for each path and method, as an HTTP API hands it over.
static REQUESTS: LazyLock<Vec<Request>> = LazyLock::new(|| {
    let request = |(method, path): (&'static str, String)| {
        let event = json!({
            "type": "REQUEST", "version": "2.0", "routeArn": format!("{STAGE}/{method}/{path}"),
            "rawPath": format!("/prod/{path}"),
            "requestContext": {"stage": "prod", "http": {"method": method}},
        });
        Request::read(&event.to_string(), &[Place::Authorization]).unwrap()
    };
    let both = paths()
        .into_iter()
        .flat_map(|path| [("GET", path.clone()), ("POST", path)]);
    both.map(request).collect()
});

#[test]
fn policies_and_verdicts_open_what_the_rules_open_and_nothing_else() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (mut accepted, mut opened, mut most) = (0, 0, 0);
    for _ in 0..TABLES {
        let table = random_table(&mut random);
        let Some(rules) = compiled(&table) else {
            continue;
        };
        accepted += 1;
        let token = random_token(&mut random);
        let (routes, statements) = compare(&table, &token, &rules, &times(&table));
        opened += routes;
        most = most.max(statements);
        // Without ends a policy says the same of now.
        compare(&table, &token, &rules.timeless(), &[NOW]);
    }
    // Both sides must have been seen, and not too few tables.
    assert!(
        accepted > 800 && opened > 10_000 && most > 4,
        "{accepted} tables, {opened} open routes, {most} statements"
    );
}
