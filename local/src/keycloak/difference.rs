//! What a set-up states and a server has otherwise. Only stated members count: Keycloak adds many of its own.

use serde_json::{Map, Value};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// A member that differs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    /// Its name, with those of the objects around it.
    pub(super) path: String,
    /// What the server has.
    pub(super) old: Value,
    /// What the set-up states.
    pub(super) new: Value,
}

/// The members of `stated` that `current` has otherwise. Values of secrets are not among what is answered.
pub(super) fn differences(stated: &Object, current: &Object) -> Vec<Field> {
    let mut fields = Vec::new();
    collect("", stated, current, &mut fields);
    fields
}

/// `current` with what is stated put over it.
pub(super) fn overlay(stated: &Object, current: &Object) -> Object {
    let mut merged = current.clone();
    for (name, value) in stated {
        let merged_value = match (value, current.get(name)) {
            (Value::Object(stated), Some(Value::Object(current))) => {
                Value::Object(overlay(stated, current))
            }
            _ => value.clone(),
        };
        merged.insert(name.clone(), merged_value);
    }
    merged
}

fn collect(prefix: &str, stated: &Object, current: &Object, fields: &mut Vec<Field>) {
    for (name, new) in stated {
        let path = match prefix {
            "" => name.clone(),
            _ => format!("{prefix}.{name}"),
        };
        let old = current.get(name).unwrap_or(&Value::Null);
        match (new, old) {
            (Value::Object(new), Value::Object(old)) => collect(&path, new, old, fields),
            _ if same(new, old) => {}
            _ => fields.push(Field {
                old: shown(name, old),
                new: shown(name, new),
                path,
            }),
        }
    }
}

/// Keycloak leaves out what is empty, and its lists of texts are sets.
fn same(stated: &Value, current: &Value) -> bool {
    match (stated, current) {
        (_, Value::Null) => is_empty(stated),
        (Value::Array(stated), Value::Array(current)) => {
            let plain = |items: &[Value]| items.iter().all(|item| text(item).is_some());
            if plain(stated) && plain(current) {
                return sorted(stated) == sorted(current);
            }
            let mut pairs = stated.iter().zip(current);
            stated.len() == current.len() && pairs.all(|(stated, current)| same(stated, current))
        }
        (Value::Object(stated), Value::Object(current)) => stated
            .iter()
            .all(|(name, value)| same(value, current.get(name).unwrap_or(&Value::Null))),
        _ => text(stated).is_some() && text(stated) == text(current),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) | Value::Number(_) => false,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
    }
}

/// `true` and `"true"` are one: attributes are texts, and so are values of references.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn sorted(items: &[Value]) -> Vec<Option<String>> {
    let mut texts: Vec<_> = items.iter().map(text).collect();
    texts.sort();
    texts
}

fn shown(name: &str, value: &Value) -> Value {
    let name = name.to_ascii_lowercase();
    let secret = ["secret", "password", "credential"]
        .iter()
        .any(|part| name.contains(part));
    match value.is_string() && secret {
        true => "(hidden)".into(),
        false => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Object {
        value.as_object().unwrap().clone()
    }

    #[track_caller]
    fn check(stated: Value, current: Value, expected: &[(&str, Value, Value)]) {
        let fields = differences(&object(stated), &object(current));
        let found: Vec<_> = fields
            .into_iter()
            .map(|field| (field.path, field.old, field.new))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(path, old, new)| ((*path).to_owned(), old.clone(), new.clone()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_not_stated_does_not_count() {
        check(json!({}), json!({"a": 1}), &[]);
        check(
            json!({"attributes": {"a": "1"}}),
            json!({"attributes": {"a": "1", "b": "2"}}),
            &[],
        );
    }

    #[test]
    fn what_is_stated_counts_and_is_named() {
        check(
            json!({"a": "x"}),
            json!({"a": "y"}),
            &[("a", json!("y"), json!("x"))],
        );
        check(
            json!({"attributes": {"pkce": "S256"}}),
            json!({"attributes": {}}),
            &[("attributes.pkce", Value::Null, json!("S256"))],
        );
        check(
            json!({"a": true}),
            json!({}),
            &[("a", Value::Null, json!(true))],
        );
        check(
            json!({"a": []}),
            json!({"a": ["x"]}),
            &[("a", json!(["x"]), json!([]))],
        );
    }

    #[test]
    fn texts_and_values_are_one_and_what_is_empty_may_be_left_out() {
        check(
            json!({"a": "false", "b": 300, "c": true}),
            json!({"a": false, "b": "300", "c": "true"}),
            &[],
        );
        check(
            json!({"a": [], "b": false, "c": "", "d": {}}),
            json!({}),
            &[],
        );
        check(
            json!({"a": "false"}),
            json!({"a": true}),
            &[("a", json!(true), json!("false"))],
        );
    }

    #[test]
    fn lists_of_texts_are_sets_and_lists_of_objects_are_not() {
        check(json!({"a": ["x", "y"]}), json!({"a": ["y", "x"]}), &[]);
        check(
            json!({"a": ["x"]}),
            json!({"a": ["x", "y"]}),
            &[("a", json!(["x", "y"]), json!(["x"]))],
        );
        check(
            json!({"a": [{"b": 1}]}),
            json!({"a": [{"b": 1, "c": 2}]}),
            &[],
        );
        let (one, two) = (json!([{"b": 1}, {"b": 2}]), json!([{"b": 2}, {"b": 1}]));
        check(json!({"a": one}), json!({"a": two}), &[("a", two, one)]);
    }

    #[test]
    fn secrets_are_not_shown() {
        check(
            json!({"secret": "new"}),
            json!({"secret": "old"}),
            &[("secret", json!("(hidden)"), json!("(hidden)"))],
        );
        check(
            json!({"attributes": {"smtpPassword": "new"}}),
            json!({"attributes": {}}),
            &[("attributes.smtpPassword", Value::Null, json!("(hidden)"))],
        );
    }

    #[test]
    fn what_is_stated_is_put_over_what_is_there() {
        let merged = overlay(
            &object(json!({"a": 1, "m": {"x": "1"}, "l": [1]})),
            &object(json!({"b": 2, "m": {"y": "2"}, "l": [2, 3]})),
        );
        assert_eq!(
            Value::Object(merged),
            json!({"a": 1, "b": 2, "m": {"x": "1", "y": "2"}, "l": [1]})
        );
    }
}
