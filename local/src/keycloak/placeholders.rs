//! References of a set-up's file: `${NAME}` and `${NAME:default}`, in capitals, as Keycloak's own import has them. Unlike the
//! import, a name that is set nowhere is a problem. Other texts in braces are Keycloak's own, and stay.

use serde_json::{Map, Value};

/// Gives the value of a name, if it has one.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What the references of a file are taken from.
pub(super) struct Values<'a> {
    /// Of the command line; secrets never, for other users of the machine can read it.
    pub(super) set: &'a [(String, String)],
    pub(super) environment: Lookup<'a>,
}

/// A part of a text.
enum Part<'a> {
    Text(&'a str),
    Reference {
        name: &'a str,
        default: Option<&'a str>,
    },
}

/// Replaces every reference in a document. A secret that is set nowhere is left out of it: Keycloak makes one.
pub(super) fn resolve(document: &mut Value, values: &Values<'_>) -> Vec<String> {
    let mut walk = Walk {
        values,
        used: Vec::new(),
        problems: Vec::new(),
    };
    walk.value(document);
    let Walk { used, problems, .. } = walk;
    let unused = values.set.iter().filter(|(name, _)| !used.contains(name));
    let unused = unused.map(|(name, _)| format!("`--set {name}=…`: the set-up has no `{name}`"));
    let mut problems: Vec<_> = problems.into_iter().chain(unused).collect();
    problems.dedup();
    problems
}

struct Walk<'a> {
    values: &'a Values<'a>,
    used: Vec<String>,
    problems: Vec<String>,
}

impl Walk<'_> {
    fn value(&mut self, value: &mut Value) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(members) => self.members(members),
        }
    }

    fn members(&mut self, members: &mut Map<String, Value>) {
        // A credential is an object whose `type` says what its `value` is.
        let secret = match members.contains_key("type") && members.contains_key("value") {
            true => "value",
            false => "secret",
        };
        let found = members
            .get(secret)
            .and_then(Value::as_str)
            .map(str::to_owned);
        if let Some(text) = found {
            match self.secret(secret, &text) {
                Some(value) => members.insert(secret.to_owned(), value.into()),
                None => members.remove(secret),
            };
        }
        for (name, value) in members {
            if name != secret {
                self.value(value);
            }
        }
    }

    /// A secret is one reference and nothing else, and comes from the environment.
    fn secret(&mut self, member: &str, text: &str) -> Option<String> {
        let parts = parts(text);
        let [Part::Reference { name, default }] = parts.as_slice() else {
            self.problem(format!(
                "`{member}` stands in the file: write `${{NAME}}`, and set `NAME` in the environment"
            ));
            return None;
        };
        self.used.push((*name).to_owned());
        if default.is_some() {
            self.problem(format!("`{name}` is a secret: it must have no default"));
        }
        if self.set(name).is_some() {
            self.problem(format!(
                "`{name}` is a secret: set it in the environment, and not with `--set`, which others can read"
            ));
        }
        (self.values.environment)(name)
    }

    fn text(&mut self, text: &str) -> String {
        let parts = parts(text);
        let texts = parts.into_iter().map(|part| match part {
            Part::Text(text) => text.to_owned(),
            Part::Reference { name, default } => self.reference(name, default),
        });
        texts.collect()
    }

    fn reference(&mut self, name: &str, default: Option<&str>) -> String {
        self.used.push(name.to_owned());
        let value = self
            .set(name)
            .or_else(|| (self.values.environment)(name))
            .or_else(|| default.map(str::to_owned));
        value.unwrap_or_else(|| {
            self.problem(format!(
                "`{name}` is not set: give `--set {name}=VALUE`, or set it in the environment"
            ));
            String::new()
        })
    }

    fn set(&self, name: &str) -> Option<String> {
        let mut set = self.values.set.iter().rev();
        let found = set.find(|(set, _)| set == name);
        found.map(|(_, value)| value.clone())
    }

    fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    let mut from = 0;
    while let Some(at) = rest.get(from..).and_then(|later| later.find("${")) {
        let at = from + at;
        let inner = rest.get(at + 2..).and_then(|inner| inner.split_once('}'));
        let Some((inner, after)) = inner else {
            break;
        };
        let (name, default) = match inner.split_once(':') {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        if !is_ours(name) {
            from = at + 2;
            continue;
        }
        parts.extend(
            rest.get(..at)
                .filter(|text| !text.is_empty())
                .map(Part::Text),
        );
        parts.push(Part::Reference { name, default });
        (rest, from) = (after, 0);
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// Keycloak's own texts (`${client_id}`, `${rolesScopeConsentText}`) have small letters.
fn is_ours(name: &str) -> bool {
    let capital = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    name.starts_with(|first: char| first.is_ascii_uppercase()) && name.bytes().all(capital)
}

/// What `--set` gives, as tests write it.
#[cfg(test)]
pub(super) fn owned(set: &[(&str, &str)]) -> Vec<(String, String)> {
    set.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn environment(name: &str) -> Option<String> {
        let value = match name {
            "HOST" => "models.example",
            "SECRET" => "hunter2",
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn resolved(document: Value, set: &[(&str, &str)]) -> (Value, Vec<String>) {
        let set = owned(set);
        let values = Values {
            set: &set,
            environment: &environment,
        };
        let mut document = document;
        let problems = resolve(&mut document, &values);
        (document, problems)
    }

    #[track_caller]
    fn check(text: &str, set: &[(&str, &str)], expected: Result<&str, &str>) {
        let (document, problems) = resolved(json!({"a": [text]}), set);
        match expected {
            Ok(expected) => assert_eq!((document, problems), (json!({"a": [expected]}), vec![])),
            Err(part) => assert!(problems.join("\n").contains(part), "{problems:?}"),
        }
    }

    #[test]
    fn a_name_is_set_in_the_environment_or_on_the_command_line_or_has_a_default() {
        check("https://${HOST}/cb", &[], Ok("https://models.example/cb"));
        check("${HOST}", &[("HOST", "b")], Ok("b"));
        check("${HOST}", &[("HOST", "b"), ("HOST", "c")], Ok("c"));
        check("${HOST}${HOST}", &[("HOST", "b")], Ok("bb"));
        check("${URI:http://127.0.0.1/cb}", &[], Ok("http://127.0.0.1/cb"));
        check("${NONE}", &[], Err("`NONE` is not set"));
        check("a", &[("TYPO", "b")], Err("the set-up has no `TYPO`"));
    }

    #[test]
    fn other_braces_are_keycloaks_own() {
        for text in [
            "resource_access.${client_id}.roles",
            "${rolesScopeConsentText}",
            "${HOST",
            "$",
        ] {
            check(text, &[], Ok(text));
        }
        check("${x}${HOST}", &[("HOST", "b")], Ok("${x}b"));
    }

    #[track_caller]
    fn check_secret(text: &str, set: &[(&str, &str)], expected: Result<Option<&str>, &str>) {
        for (document, member) in [
            (json!({"secret": text}), "secret"),
            (json!({"type": "password", "value": text}), "value"),
        ] {
            let (document, problems) = resolved(document, set);
            match expected {
                Ok(expected) => {
                    assert_eq!(document.get(member).and_then(Value::as_str), expected);
                    assert!(problems.is_empty(), "{problems:?}");
                }
                Err(part) => assert!(problems.join("\n").contains(part), "{problems:?}"),
            }
        }
    }

    #[test]
    fn a_secret_comes_from_the_environment_or_is_left_out() {
        check_secret("${SECRET}", &[], Ok(Some("hunter2")));
        check_secret("${NONE}", &[], Ok(None));
        check_secret("${NONE:s}", &[], Err("must have no default"));
        check_secret("${SECRET}", &[("SECRET", "s")], Err("not with `--set`"));
        check_secret("hunter2", &[], Err("stands in the file"));
        check_secret("x${SECRET}", &[], Err("stands in the file"));
    }
}
