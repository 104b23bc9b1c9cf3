//! Translates the entries of `access.yaml` one by one, and keeps what is wrong with each.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    Issuer, IssuerEntry, KeyPlace, KeySource, KeySourceEntry, OneOrMany, RequireEntry, RuleEntry,
};
use crate::algorithm::Algorithm;
use crate::keys::KeySet;
use crate::pattern::RoutePattern;
use crate::policy;
use crate::reply::RESERVED_NAMES;
use crate::requirement::{Condition, Grant, Kind, Requirement};
use crate::rules::{Rule, Rules};
use crate::verify::Trust;

/// Longest tolerance for clocks that differ: RFC 7519 section 4.1.4 speaks of a few minutes.
const MAX_LEEWAY: Duration = Duration::from_secs(5 * 60);
/// Tolerance if `leeway` is left out.
pub(super) const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

/// Translates entries and keeps what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) lookup: &'a dyn Fn(&str) -> Option<String>,
    pub(super) problems: Vec<String>,
}

impl Reader<'_> {
    pub(super) fn issuers(&mut self, entries: Vec<IssuerEntry>) -> Vec<Issuer> {
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
        let issuer = self.value("issuer", &entry.issuer).unwrap_or_default();
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
        let names = audience.into_vec();
        if names.is_empty() {
            self.problems
                .push(format!("`audience` of `{issuer}` is an empty list"));
        }
        let values = names.iter().filter_map(|name| self.value("audience", name));
        let audiences: Vec<_> = values.collect();
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
                let uri = self.value("uri", &uri).unwrap_or_default();
                if !uri.is_empty() {
                    self.check_address("jwks uri", &uri, issuer);
                }
                KeySource::Uri(uri)
            }
            Some(KeySourceEntry::Placed(KeyPlace::File(path))) => {
                KeySource::File(self.key_file(&path).unwrap_or_default())
            }
        }
    }

    fn key_file(&mut self, path: &str) -> Option<KeySet> {
        let path = self.value("file", path)?;
        let problem = match std::fs::read(&path) {
            Ok(text) => match KeySet::parse(&text) {
                Ok(keys) => return Some(keys),
                Err(error) => error.to_string(),
            },
            Err(error) => format!("cannot be read: {error}"),
        };
        self.problems.push(format!("key file `{path}`: {problem}"));
        None
    }

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

    pub(super) fn context(&mut self, entries: BTreeMap<String, String>) -> Vec<(String, String)> {
        let mut context = Vec::new();
        for (name, claim) in entries {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            if name.is_empty() || !name.bytes().all(plain) {
                self.problems.push(format!(
                    "the context name `{name}` is not of letters, digits and `_`"
                ));
            }
            if RESERVED_NAMES.contains(&name.as_str()) {
                self.problems.push(format!(
                    "the context name `{name}` is taken by the authorizer itself"
                ));
            }
            context.extend(self.value("context", &claim).map(|claim| (name, claim)));
        }
        context
    }

    /// A value with its variables, which must be one: not blank, not padded, nothing invisible in it.
    pub(super) fn value(&mut self, key: &str, text: &str) -> Option<String> {
        let value = self.expand(text)?;
        let odd = value.trim() != value || value.chars().any(char::is_control);
        if value.is_empty() {
            self.problems.push(format!("`{key}` has an empty value"));
        } else if odd {
            self.problems.push(format!(
                "`{key}: {}` has white space around it or a control character in it",
                value.escape_debug()
            ));
        }
        (!value.is_empty() && !odd).then_some(value)
    }

    /// Replaces each `${NAME}`, after YAML has been parsed: a value cannot become syntax.
    fn expand(&mut self, text: &str) -> Option<String> {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            expanded.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                self.problems
                    .push(format!("`{text}` opens a `${{` that it does not close"));
                return None;
            };
            let Some(value) = (self.lookup)(name).filter(|value| !value.trim().is_empty()) else {
                let problem = format!("`{name}` is not set");
                if !self.problems.contains(&problem) {
                    self.problems.push(problem);
                }
                return None;
            };
            expanded.push_str(&value);
            rest = after;
        }
        expanded.push_str(rest);
        Some(expanded)
    }

    fn list(&mut self, name: &str, entries: Option<Vec<String>>) -> Option<Vec<String>> {
        let entries = entries?;
        if entries.is_empty() {
            self.problems.push(format!(
                "`{name}` is an empty list: no token could ever be accepted"
            ));
        }
        Some(
            entries
                .iter()
                .filter_map(|entry| self.value(name, entry))
                .collect(),
        )
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
