//! JSON as tokens must carry it: every member name at most once, at any depth (RFC 7515 section 4, RFC 7519
//! section 4), and every name a name: `serde_json`'s own value gives one of them a meaning. Depth is
//! bounded by serde_json's own limit of 128. Here it becomes a tree of serde_json's values, for what is read
//! now and then; `members` is for what comes with every token.

mod members;
mod view;

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

pub use members::Members;
pub(crate) use members::Place;
pub use view::{Array, Object, View};

/// Reads one JSON value and nothing after it.
pub(crate) fn value(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    // Looked at as a whole, the text costs less than string by string.
    let text = std::str::from_utf8(bytes).map_err(Error::custom)?;
    serde_json::from_str(text).map(|Strict(value)| value)
}

/// Reads one JSON object and nothing after it.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, serde_json::Error> {
    match value(bytes)? {
        Value::Object(members) => Ok(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Error::custom("not an object"))
        }
    }
}

/// A JSON value none of whose objects names a member twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON without duplicate members")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("number out of range"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("duplicate member"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, readable: bool) {
        assert_eq!(object(text.as_bytes()).is_ok(), readable, "{text}");
    }

    #[test]
    fn only_objects_without_duplicate_members_are_read() {
        check(r#"{"a": 1, "b": [1, -2, 0.5, null, true, "x"]}"#, true);
        check(r#"{"a": 1, "a": 1}"#, false);
        check(r#"{"a": {"b": [{"c": 1, "c": 2}]}}"#, false);
        check(r#"{"a": 1, "\u0061": 2}"#, false);
        check(r#"{"a": {"b": 1}, "c": {"b": 1}}"#, true);
        check(r#"{"a": 1} {}"#, false);
        check("[]", false);
        check("null", false);
        check(r#"{"a": NaN}"#, false);
    }

    /// `serde_json` keeps this name for itself and would read its value as JSON in place of the object.
    #[test]
    fn a_private_name_is_a_name_like_any_other() {
        for inner in [json!("[1]"), json!("{"), json!(1)] {
            let object = json!({"a": {"$serde_json::private::RawValue": inner}});
            assert_eq!(value(object.to_string().as_bytes()).unwrap(), object);
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        check(&nested(100), true);
        check(&nested(1_000), false);
    }
}
