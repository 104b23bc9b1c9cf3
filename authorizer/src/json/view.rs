//! Values of `Members` as they are looked at: each knows where it lies, none is copied.

use std::fmt;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Number, Value};

use super::members::Members;

/// One value.
#[derive(Debug, Clone)]
pub enum View<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(&'a str),
    /// A list.
    Array(Array<'a>),
    /// An object.
    Object(Object<'a>),
}

/// A list.
#[derive(Clone, Copy)]
pub struct Array<'a>(Range<'a>);

/// An object.
#[derive(Clone, Copy)]
pub struct Object<'a>(Range<'a>);

/// Nodes of members, one value after another.
#[derive(Clone, Copy)]
struct Range<'a> {
    members: &'a Members,
    next: usize,
    end: usize,
}

impl<'a> View<'a> {
    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::String(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// The number, if it is one.
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            Self::Null | Self::Bool(_) | Self::String(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// The whole number, if it is one that is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_number()?.as_u64()
    }

    /// The nearest floating-point number to a number.
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number()?.as_f64()
    }

    /// The list, if it is one.
    pub fn as_array(&self) -> Option<Array<'a>> {
        match self {
            Self::Array(items) => Some(*items),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Object(_) => {
                None
            }
        }
    }

    /// The object, if it is one.
    pub fn as_object(&self) -> Option<Object<'a>> {
        match self {
            Self::Object(members) => Some(*members),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Array(_) => None,
        }
    }

    /// The value of a member, if this is an object that has it.
    pub fn get(&self, name: &str) -> Option<Self> {
        self.as_object()?.get(name)
    }

    /// The value at a JSON Pointer (RFC 6901).
    pub(crate) fn pointer(&self, pointer: &str) -> Option<Self> {
        if pointer.is_empty() {
            return Some(self.clone());
        }
        let tokens = pointer.strip_prefix('/')?.split('/');
        let tokens = tokens.map(|token| token.replace("~1", "/").replace("~0", "~"));
        let mut found = self.clone();
        for token in tokens {
            found = match found {
                Self::Array(items) => items.iter().nth(index(&token)?)?,
                Self::Object(members) => members.get(&token)?,
                Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => return None,
            };
        }
        Some(found)
    }

    /// The same as a tree of its own.
    pub(crate) fn value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// An index of RFC 6901 section 4: digits without leading zeros.
fn index(token: &str) -> Option<usize> {
    let digits = token.bytes().all(|byte| byte.is_ascii_digit());
    let leading = token.len() > 1 && token.starts_with('0');
    (digits && !leading).then(|| token.parse().ok())?
}

impl<'a> Array<'a> {
    pub(super) fn new(members: &'a Members, next: usize, end: usize) -> Self {
        Self(Range { members, next, end })
    }

    /// Its members, in their order.
    pub fn iter(&self) -> impl Iterator<Item = View<'a>> + use<'a> {
        let mut range = self.0;
        std::iter::from_fn(move || range.next())
    }
}

impl<'a> Object<'a> {
    pub(super) fn new(members: &'a Members, next: usize, end: usize) -> Self {
        Self(Range { members, next, end })
    }

    /// Its members, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, View<'a>)> + use<'a> {
        let mut range = self.0;
        std::iter::from_fn(move || Some((range.next()?.as_str()?, range.next()?)))
    }

    /// The value of a member.
    pub fn get(&self, name: &str) -> Option<View<'a>> {
        let mut members = self.iter();
        members.find_map(|(found, value)| (found == name).then_some(value))
    }

    /// Whether there is a member of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.0.next >= self.0.end
    }
}

impl<'a> Range<'a> {
    fn next(&mut self) -> Option<View<'a>> {
        if self.next >= self.end {
            return None;
        }
        let value = self.members.view(self.next);
        self.next = self.members.after(self.next);
        Some(value)
    }
}

impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => {
                let mut list = serializer.serialize_seq(None)?;
                for item in items.iter() {
                    list.serialize_element(&item)?;
                }
                list.end()
            }
            Self::Object(members) => {
                let mut object = serializer.serialize_map(None)?;
                for (name, value) in members.iter() {
                    object.serialize_entry(name, &value)?;
                }
                object.end()
            }
        }
    }
}

/// The order of an object's members means nothing.
impl PartialEq for View<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.value() == other.value()
    }
}

/// As JSON.
impl fmt::Display for View<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        out.write_str(&text)
    }
}

impl fmt::Debug for Array<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Object<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn members() -> Members {
        let whole = json!({"a": [{"b": 1}, [2, 3], "c"], "d/e": {"~": null}, "f": {}, "n": -1.5});
        Members::from(whole.as_object().unwrap())
    }

    #[track_caller]
    fn check(pointer: &str, expected: Option<Value>) {
        let members = members();
        let found = View::Object(members.object()).pointer(pointer);
        assert_eq!(found.map(|found| found.value()), expected, "{pointer}");
    }

    #[test]
    fn pointers_lead_to_values() {
        check("/a/0/b", Some(json!(1)));
        check("/a/1/1", Some(json!(3)));
        check("/a/2", Some(json!("c")));
        check("/d~1e/~0", Some(json!(null)));
        check("/f", Some(json!({})));
        for nowhere in [
            "/a/3", "/a/00", "/a/-", "/a/+1", "/a/", "/n/0", "/f/x", "/x", "a", "/a/0/b/c",
        ] {
            check(nowhere, None);
        }
    }

    #[test]
    fn a_value_is_of_one_type() {
        let members = members();
        let get = |name: &str| members.get(name).unwrap();
        assert_eq!(
            get("a").as_array().map(|items| items.iter().count()),
            Some(3)
        );
        assert!(get("a").as_object().is_none() && get("a").as_str().is_none());
        assert!(get("f").as_object().is_some_and(|object| object.is_empty()));
        assert_eq!((get("n").as_f64(), get("n").as_u64()), (Some(-1.5), None));
        assert!(get("d/e").get("~").is_some() && get("d/e").get("x").is_none());
        assert!(get("a").get("b").is_none());
    }

    #[test]
    fn the_order_of_members_means_nothing() {
        let of = |text: &str| Members::read(format!("{{\"x\":{text}}}")).unwrap();
        let (one, other, third) = (
            of(r#"{"a":1,"b":2}"#),
            of(r#"{"b":2,"a":1}"#),
            of(r#"{"a":1}"#),
        );
        assert_eq!(one.get("x"), other.get("x"));
        assert_ne!(one.get("x"), third.get("x"));
        assert_eq!(one.get("x").unwrap().to_string(), r#"{"a":1,"b":2}"#);
    }
}
