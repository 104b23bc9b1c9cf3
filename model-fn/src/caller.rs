//! What an authorizer says of a caller, whichever kind of authorizer it is.
//!
//! Nothing here was checked here: the gateway hands it on from an authorizer that has. A member that cannot be read
//! for certain holds nothing.

use serde_json::{Map, Number, Value};

/// A caller that an authorizer let pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    /// The authorizer's context, or the token's claims.
    members: Map<String, Value>,
    /// Scopes that the gateway itself has read out of the token.
    scopes: Vec<String>,
}

/// A member that is no limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{member}` of the authorizer's context must be a whole number above 0")]
pub struct LimitError {
    /// The member.
    pub member: String,
}

/// Members whose text is a list of words (RFC 6749 section 3.3; `scp` is Microsoft's name).
const WORDS: [&str; 2] = ["scope", "scp"];

impl Caller {
    /// A caller with a context, or the claims of a token; `scopes` are those that the gateway lists beside them.
    pub(crate) fn new(members: Map<String, Value>, scopes: &Value) -> Self {
        let scopes = scopes.as_array().into_iter().flatten();
        let scopes = scopes.filter_map(Value::as_str).map(str::to_owned);
        Self {
            members,
            scopes: scopes.collect(),
        }
    }

    /// Whether a member is this value, or a list with it.
    ///
    /// A list is one of JSON, or the text of one, as contexts of Lambda authorizers have it. The HTTP API's own JWT
    /// authorizer writes lists as `[a b]`, in which names with spaces cannot be told apart: such a text is no list.
    pub fn has(&self, member: &str, value: &str) -> bool {
        let is_word = WORDS.contains(&member);
        let is_listed = is_word && self.scopes.iter().any(|scope| scope == value);
        is_listed
            || match self.members.get(member) {
                // A list that lost its quotes: where its members begin and end, nobody knows.
                Some(Value::String(text)) if is_word && text.starts_with('[') => false,
                Some(Value::String(text)) if is_word => text.split(' ').any(|word| word == value),
                Some(Value::String(text)) => text == value || is_in_list(text, value),
                Some(Value::Array(list)) => list.iter().any(|entry| entry == value),
                Some(Value::Bool(flag)) => value.parse() == Ok(*flag),
                Some(Value::Number(number)) => {
                    value.parse().is_ok_and(|value: Number| value == *number)
                }
                Some(Value::Null | Value::Object(_)) | None => false,
            }
    }

    /// The limit that a member sets, if it is there.
    pub fn limit(&self, member: &str) -> Result<Option<usize>, LimitError> {
        let number = match self.members.get(member) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.parse().ok(),
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => None,
        };
        let limit = number.and_then(|number| usize::try_from(number).ok());
        match limit.filter(|limit| *limit > 0) {
            Some(limit) => Ok(Some(limit)),
            None => Err(LimitError {
                member: member.to_owned(),
            }),
        }
    }
}

fn is_in_list(text: &str, value: &str) -> bool {
    let is_list = text.starts_with('[');
    let list = is_list.then(|| serde_json::from_str::<Vec<Value>>(text));
    list.and_then(Result::ok)
        .is_some_and(|list| list.iter().any(|entry| entry == value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn caller(members: &Value) -> Caller {
        Caller::new(members.as_object().unwrap().clone(), &Value::Null)
    }

    #[track_caller]
    fn check(member: &str, given: Value, value: &str, expected: bool) {
        let members = json!({member: given});
        assert_eq!(caller(&members).has(member, value), expected, "{members}");
    }

    #[test]
    fn scopes_are_words() {
        check("scope", json!("openid predict"), "predict", true);
        check("scp", json!("predict"), "predict", true);
        check("scope", json!(["openid", "predict"]), "predict", true);
        check("scope", json!("predict:wine"), "predict", false);
        check("scope", json!("predicts"), "predict", false);
        check("scope", json!("Predict"), "predict", false);
        check("scope", json!("openid\tpredict"), "predict", false);
        check("scope", json!(r#"["predict"]"#), "predict", false);
        check("scp", json!("[a predict b]"), "predict", false);
        check("scp", json!("[predict a]"), "a]", false);
        check("scope", json!(""), "predict", false);
        check("scope", json!(null), "predict", false);
        check("scope", json!({"predict": true}), "predict", false);
    }

    #[test]
    fn other_members_are_values_or_lists() {
        check("roles", json!(r#"["reader","ml user"]"#), "ml user", true);
        check("roles", json!(r#"["reader","ml user"]"#), "ml", false);
        check("roles", json!(["reader"]), "reader", true);
        check("team", json!("ml user"), "ml user", true);
        check("team", json!("ml user"), "ml", false);
        check("level", json!(3), "3", true);
        check("staff", json!(true), "true", true);
        check("staff", json!("true"), "true", true);
        check("roles", json!("[reader admin]"), "admin", false);
        check("roles", json!(r#"["admin""#), "admin", false);
        check("roles", json!([["admin"]]), "admin", false);
        check("roles", json!([3]), "3", false);
    }

    #[test]
    fn scopes_that_the_gateway_lists_count_as_scopes_alone() {
        let caller = Caller::new(Map::new(), &json!(["predict", 1]));
        assert!(caller.has("scope", "predict"));
        assert!(!caller.has("roles", "predict"));
        assert!(!caller.has("scope", "1"));
    }

    #[test]
    fn a_limit_is_a_whole_number_or_refused() {
        let limit = |given: Value| caller(&json!({"rows": given})).limit("rows").ok();
        assert_eq!(limit(json!("100")), Some(Some(100)));
        assert_eq!(limit(json!(1)), Some(Some(1)));
        assert_eq!(limit(json!(null)), Some(None));
        assert_eq!(caller(&json!({})).limit("rows"), Ok(None));
        for wrong in [
            json!("0"),
            json!(0),
            json!(-1),
            json!(1.5),
            json!("many"),
            json!(true),
            json!(""),
        ] {
            assert_eq!(limit(wrong.clone()), None, "{wrong}");
        }
    }
}
