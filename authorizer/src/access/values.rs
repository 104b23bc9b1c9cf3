//! Single values of `access.yaml`: variables replaced, durations, names; and the list of what is wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::deployment::Deployment;
use crate::reply::RESERVED_NAMES;

/// Translates entries and keeps what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) lookup: &'a dyn Fn(&str) -> Option<String>,
    pub(super) deployment: &'a Deployment,
    pub(super) problems: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Reader<'_> {
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
    pub(super) fn expand(&mut self, text: &str) -> Option<String> {
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

    pub(super) fn list(&mut self, name: &str, entries: Option<Vec<String>>) -> Option<Vec<String>> {
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

    pub(super) fn duration(&mut self, name: &str, text: Option<String>) -> Option<Duration> {
        let text = text?;
        let parsed = duration(&text);
        if parsed.is_none() {
            self.problems.push(format!(
                "`{name}: {text}` is no duration such as `30s`, `5m` or `24h`"
            ));
        }
        parsed
    }
}

impl OneOrMany {
    pub(super) fn into_vec(self) -> Vec<String> {
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

/// A key without a value is an error, and not as good as no key at all: whoever writes `clients:`
/// means to name some.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
