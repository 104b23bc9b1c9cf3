//! The file `access.yaml`: its shape, and its translation into issuers and rules. Every problem of the
//! whole file is collected; a start with half a configuration is no start.

use std::time::Duration;

use serde::Deserialize;

use crate::algorithm::Algorithm;
use crate::pattern::RoutePattern;
use crate::rules::{Condition, Grant, Kind, Requirement, Rule, Rules};
use crate::verify::Trust;

/// Longest tolerance for clocks that differ: RFC 7519 section 4.1.4 speaks of a few minutes.
const MAX_LEEWAY: Duration = Duration::from_secs(5 * 60);
/// Tolerance if `leeway` is left out.
const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

/// Everything that `access.yaml` says.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) issuers: Vec<Issuer>,
    pub(crate) rules: Rules,
    pub(crate) context: Vec<(String, String)>,
    pub(crate) usage_key: Option<String>,
    pub(crate) expiry_condition: bool,
}

/// One trusted issuer and where its keys come from.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) trust: Trust,
    pub(crate) keys: KeySource,
}

/// Where an issuer's keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// `jwks_uri` of the discovery document.
    Discovery,
    /// This address.
    Uri(String),
    /// This file, read once: cold starts without network.
    File(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccessFile {
    issuers: Vec<IssuerEntry>,
    rules: Vec<RuleEntry>,
    #[serde(default)]
    context: std::collections::BTreeMap<String, String>,
    usage_key: Option<String>,
    expiry_condition: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuerEntry {
    issuer: String,
    audience: OneOrMany,
    algorithms: Option<Vec<String>>,
    jwks: Option<KeySourceEntry>,
    clients: Option<Vec<String>>,
    token_types: Option<Vec<String>>,
    leeway: Option<String>,
    max_age: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum KeySourceEntry {
    Named(String),
    Placed(KeyPlace),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
enum KeyPlace {
    Uri(String),
    File(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleEntry {
    allow: Vec<String>,
    require: RequireEntry,
    issuer: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RequireEntry {
    scope: Option<OneOrMany>,
    role: Option<OneOrMany>,
    client_role: Option<OneOrMany>,
    permission: Option<OneOrMany>,
    any: Option<Vec<Self>>,
    authenticated: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Access {
    /// Reads the file's text; `lookup` gives the variables of the environment.
    pub(crate) fn read(
        text: &str,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Vec<String>> {
        let file: AccessFile =
            serde_saphyr::from_str(text).map_err(|error| vec![error.to_string()])?;
        let mut reader = Reader {
            lookup,
            problems: Vec::new(),
        };
        let issuers = reader.issuers(file.issuers);
        let rules = reader.rules(file.rules, &issuers);
        if reader.problems.is_empty() {
            return Ok(Self {
                issuers,
                rules,
                context: file.context.into_iter().collect(),
                usage_key: file.usage_key,
                expiry_condition: file.expiry_condition.unwrap_or(true),
            });
        }
        Err(reader.problems)
    }
}

/// Translates entries and keeps what is wrong with them.
struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn issuers(&mut self, entries: Vec<IssuerEntry>) -> Vec<Issuer> {
        if entries.is_empty() {
            self.problems
                .push("`issuers` is empty: no token could ever be accepted".to_owned());
        }
        let issuers: Vec<_> = entries
            .into_iter()
            .map(|entry| self.issuer(entry))
            .collect();
        for (index, issuer) in issuers.iter().enumerate() {
            let name = &issuer.trust.issuer;
            let earlier = issuers
                .iter()
                .take(index)
                .any(|other| other.trust.issuer == *name);
            if earlier && !name.is_empty() {
                self.problems
                    .push(format!("the issuer `{name}` stands twice"));
            }
        }
        issuers
    }

    fn issuer(&mut self, entry: IssuerEntry) -> Issuer {
        let issuer = self.expand(&entry.issuer);
        if !issuer.is_empty() {
            self.check_address("issuer", &issuer, &issuer);
        }
        let keys = self.key_source(entry.jwks, &issuer);
        let trust = Trust {
            audiences: self.audiences(entry.audience, &issuer),
            algorithms: self.algorithms(entry.algorithms),
            clients: self.list("clients", entry.clients),
            token_types: self.list("token_types", entry.token_types),
            leeway: self
                .duration("leeway", entry.leeway)
                .unwrap_or(DEFAULT_LEEWAY),
            max_age: self.duration("max_age", entry.max_age),
            issuer,
        };
        if trust.leeway > MAX_LEEWAY {
            self.problems
                .push("`leeway` is over 5m: correct the clocks instead".to_owned());
        }
        Issuer { trust, keys }
    }

    fn audiences(&mut self, audience: OneOrMany, issuer: &str) -> Vec<String> {
        let audiences: Vec<_> = audience
            .into_vec()
            .iter()
            .map(|name| self.expand(name))
            .collect();
        if audiences.is_empty() {
            self.problems
                .push(format!("`audience` of `{issuer}` is empty"));
        }
        if audiences.iter().any(|name| name == "account") {
            self.problems.push(
                "the audience `account` is in every token of a Keycloak realm; name one of this API".to_owned(),
            );
        }
        audiences
    }

    fn algorithms(&mut self, names: Option<Vec<String>>) -> Vec<Algorithm> {
        let Some(names) = self.list("algorithms", names) else {
            return Algorithm::ALL.to_vec();
        };
        let mut algorithms = Vec::new();
        for name in names {
            match name.parse() {
                Ok(algorithm) => algorithms.push(algorithm),
                Err(error) => self.problems.push(format!(
                    "{error}; there are RS, PS 256 to 512, ES256, ES384 and EdDSA"
                )),
            }
        }
        algorithms
    }

    fn key_source(&mut self, entry: Option<KeySourceEntry>, issuer: &str) -> KeySource {
        match entry {
            None => KeySource::Discovery,
            Some(KeySourceEntry::Named(name)) => {
                if name != "discovery" {
                    self.problems.push(format!(
                        "`jwks: {name}` is none of `discovery`, `{{uri: …}}`, `{{file: …}}`"
                    ));
                }
                KeySource::Discovery
            }
            Some(KeySourceEntry::Placed(KeyPlace::Uri(uri))) => {
                let uri = self.expand(&uri);
                if !uri.is_empty() {
                    self.check_address("jwks uri", &uri, issuer);
                }
                KeySource::Uri(uri)
            }
            Some(KeySourceEntry::Placed(KeyPlace::File(path))) => {
                KeySource::File(self.expand(&path))
            }
        }
    }

    fn rules(&mut self, entries: Vec<RuleEntry>, issuers: &[Issuer]) -> Rules {
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
        let issuer = entry.issuer.map(|issuer| self.expand(&issuer));
        let known = |issuer: &String| issuers.iter().any(|known| known.trust.issuer == *issuer);
        if let Some(unknown) = issuer.as_ref().filter(|issuer| !known(issuer)) {
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
        for (kind, names) in kinds {
            for name in names.into_iter().flat_map(OneOrMany::into_vec) {
                conditions.extend(
                    name.split_whitespace()
                        .map(|name| Condition::Holds(kind, Grant::parse(name))),
                );
            }
        }
        if let Some(choices) = entry.any {
            let choices = choices
                .into_iter()
                .map(|choice| self.requirement(rule, choice));
            conditions.push(Condition::Any(choices.collect()));
        }
        match (entry.authenticated, conditions.is_empty()) {
            (Some(false), _) => self.problems.push(format!(
                "rule {rule}: `authenticated: false` cannot be; open routes have no authorizer in `template.yaml`"
            )),
            (None, true) => self.problems.push(format!(
                "rule {rule} requires nothing; write `authenticated: true` if every valid token is enough"
            )),
            (Some(true), _) | (None, false) => {}
        }
        Requirement(conditions)
    }

    /// Replaces each `${NAME}`, after YAML has been parsed: a value cannot become syntax.
    fn expand(&mut self, text: &str) -> String {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            expanded.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                self.problems
                    .push(format!("`{text}` opens a `${{` that it does not close"));
                return String::new();
            };
            match (self.lookup)(name).filter(|value| !value.trim().is_empty()) {
                Some(value) => expanded.push_str(value.trim()),
                None => {
                    let problem = format!("`{name}` is not set");
                    if !self.problems.contains(&problem) {
                        self.problems.push(problem);
                    }
                    return String::new();
                }
            }
            rest = after;
        }
        expanded.push_str(rest);
        expanded
    }

    fn list(&mut self, name: &str, entries: Option<Vec<String>>) -> Option<Vec<String>> {
        let entries: Vec<_> = entries?.iter().map(|entry| self.expand(entry)).collect();
        if entries.is_empty() {
            self.problems.push(format!(
                "`{name}` is an empty list: no token could ever be accepted"
            ));
        }
        Some(entries)
    }

    fn duration(&mut self, name: &str, text: Option<String>) -> Option<Duration> {
        let text = text?;
        let parsed = duration(&text);
        if parsed.is_none() {
            self.problems.push(format!(
                "`{name}: {text}` is no duration such as `30s`, `5m` or `24h`"
            ));
        }
        parsed
    }

    fn check_address(&mut self, what: &str, address: &str, issuer: &str) {
        if let Err(problem) = crate::address::check(address, issuer) {
            self.problems.push(format!("{what} `{address}`: {problem}"));
        }
    }
}

impl OneOrMany {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

fn duration(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        match name {
            "ISSUER" => Some("https://issuer.example/".to_owned()),
            "AUDIENCE" => Some("ml-api".to_owned()),
            "ODD" => Some("x\nrules: []".to_owned()),
            "EMPTY" => Some(" ".to_owned()),
            _ => None,
        }
    }

    const RULES: &str = "rules: [{allow: [POST /predict], require: {scope: predict}}]";

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let problems = Access::read(text, &environment).err().unwrap_or_default();
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, part) in problems.iter().zip(expected) {
            assert!(problem.contains(part), "{problem}");
        }
    }

    #[test]
    fn the_file_in_the_repository_is_read() {
        let access = Access::read(include_str!("../../access.yaml"), &environment).unwrap();
        let [issuer] = access.issuers.as_slice() else {
            panic!("one issuer")
        };
        assert_eq!(issuer.trust.issuer, "https://issuer.example/");
        assert_eq!(issuer.trust.audiences, ["ml-api"]);
        assert_eq!(issuer.trust.algorithms, Algorithm::ALL);
        assert_eq!(issuer.trust.leeway, DEFAULT_LEEWAY);
        assert_eq!(issuer.keys, KeySource::Discovery);
        assert_eq!(access.rules.first_scopes(), ["predict"]);
        assert!(access.expiry_condition);
    }

    #[test]
    fn every_key_of_an_issuer_is_read() {
        let issuer = "issuers: [{issuer: 'https://a', audience: [a, b], algorithms: [RS256, EdDSA], jwks: {file: keys.json}, \
                      clients: [c], token_types: [at+jwt], leeway: 5m, max_age: 24h}]\ncontext: {tenant: org_id}\nusage_key: azp\nexpiry_condition: false\n";
        let access = Access::read(&format!("{issuer}{RULES}"), &environment).unwrap();
        let issuer = &access.issuers[0];
        assert_eq!(
            issuer.trust.algorithms,
            [Algorithm::Rs256, Algorithm::EdDsa]
        );
        assert_eq!(issuer.trust.audiences, ["a", "b"]);
        assert_eq!(issuer.trust.leeway, Duration::from_secs(300));
        assert_eq!(issuer.trust.max_age, Some(Duration::from_secs(86_400)));
        assert_eq!(issuer.keys, KeySource::File("keys.json".to_owned()));
        assert_eq!(access.context, [("tenant".to_owned(), "org_id".to_owned())]);
        assert!(!access.expiry_condition);
    }

    #[test]
    fn problems_are_reported_together() {
        check(
            "issuers: [{issuer: '${NOT_SET}', audience: account, algorithms: [HS256], leeway: 6m, max_age: soon}]\n\
             rules: [{allow: [GET /a/, POST], require: {}}, {allow: [], require: {scope: a}, issuer: 'https://b'}]",
            &[
                "`NOT_SET` is not set",
                "the audience `account`",
                "`HS256` is not an accepted signature algorithm",
                "`max_age: soon`",
                "`leeway` is over 5m",
                "rule 1: `GET /a/`",
                "rule 1: `POST`",
                "rule 1 requires nothing",
                "rule 2 allows no route",
                "rule 2 names the issuer `https://b`",
            ],
        );
    }

    #[test]
    fn issuers_must_be_named_and_safe() {
        let issuer = |issuer: &str, problems: &[&str]| {
            check(
                &format!("issuers: [{{issuer: {issuer}, audience: a}}]\n{RULES}"),
                problems,
            );
        };
        issuer("'https://a'", &[]);
        issuer("'http://127.0.0.1:8080/realms/r'", &[]);
        issuer("'http://a'", &["plain HTTP"]);
        issuer("'${EMPTY}'", &["`EMPTY` is not set"]);
        issuer("'${ODD}'", &["`x\nrules: []`"]);
        issuer("'${ISSUER'", &["does not close"]);
        check(&format!("issuers: []\n{RULES}"), &["`issuers` is empty"]);
        check(
            &format!(
                "issuers: [{{issuer: 'https://a', audience: a}}, {{issuer: 'https://a', audience: b}}]\n{RULES}"
            ),
            &["stands twice"],
        );
        check(
            &format!("issuers: [{{issuer: 'https://a', audience: []}}]\n{RULES}"),
            &["`audience` of"],
        );
        check(
            &format!("issuers: [{{issuer: 'https://a', audience: a, jwks: local}}]\n{RULES}"),
            &["`jwks: local`"],
        );
        check(
            &format!("issuers: [{{issuer: 'https://a', audience: a, clients: []}}]\n{RULES}"),
            &["`clients` is an empty list"],
        );
    }

    #[test]
    fn unknown_and_missing_keys_are_refused() {
        check(
            &format!("issuers: [{{issuer: 'https://a'}}]\n{RULES}"),
            &["audience"],
        );
        check(
            &format!("issuers: [{{issuer: 'https://a', audience: a, audiences: b}}]\n{RULES}"),
            &["audiences"],
        );
        check("issuers: [{issuer: 'https://a', audience: a}]", &["rules"]);
        check(
            "issuers: [{issuer: 'https://a', audience: a}]\nrules: []",
            &["`rules` is empty"],
        );
        check(&format!("{RULES}\n{RULES}\nissuers: []"), &["rules"]);
        check("", &[""]);
    }
}
