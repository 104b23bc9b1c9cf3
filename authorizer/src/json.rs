//! JSON as tokens must carry it: every member name at most once, at any depth (RFC 7515 section 4, RFC 7519
//! section 4), and every name a name: `serde_json`'s own value gives one of them a meaning. Depth is
//! bounded by serde_json's own limit of 128. `members` reads it; what is read now and then becomes a tree of
//! serde_json's values here.

mod members;
mod view;

use serde::de::Error;
use serde_json::{Map, Value};

pub use members::Members;
pub(crate) use members::Place;
pub use view::{Array, Object, View};

/// Reads one JSON value and nothing after it.
pub(crate) fn value(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    // Looked at as a whole, the text costs less than string by string.
    let text = std::str::from_utf8(bytes).map_err(Error::custom)?;
    members::tree(text)
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
