//! A JSON object as its own text and a list of where its parts lie: two allocations however many members it
//! has, for claims are read once a token and most of them never looked at. What is strict about `json` holds
//! here as well. Looking into it is `view`'s business.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::{Map, Number, Value};

use super::view::{Object, View};

/// Up to so many members of one object are compared with each other as they come, and sorted beyond, so that
/// an object of thousands costs little more than its length.
const FEW: usize = 32;
/// A node for so many bytes of claims: what access tokens of Keycloak and Auth0 have, with some room.
const BYTES_PER_NODE: usize = 16;
/// Those of an ordinary header.
const FEW_NODES: usize = 8;

/// The members of one object, none of them named twice, at any depth.
#[derive(Clone, Default, PartialEq)]
pub struct Members {
    /// As it was read, and behind it the texts that had escapes in them.
    text: String,
    nodes: Vec<Node>,
    /// The names at the top.
    names: Vec<Name>,
    /// What is known of them at one look: most claims that are asked for are not there.
    seen: Seen,
}

/// A value, or the name of a member before its value. What lies inside a list or an object follows it.
/// Numbers are bytes, so that a node is no larger than two positions and its kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Unsigned([u8; 8]),
    Signed([u8; 8]),
    Float([u8; 8]),
    Text(Place),
    /// A list, up to the node with this index.
    Array(u32),
    /// An object, up to the node with this index.
    Object(u32),
}

/// Where a text lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    start: u32,
    end: u32,
}

/// The name of a member, and which node it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Name {
    mark: Mark,
    node: u32,
}

/// What most names of members differ in: the length and the bytes at both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark(u32);

/// A set of marks that may hold more than was put in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Seen(u64);

impl Place {
    /// The text at this place.
    pub(crate) fn of(self, whole: &str) -> &str {
        let range = self.start as usize..self.end as usize;
        whole.get(range).unwrap_or_default()
    }

    /// The place of these texts, one after another, at the end of the whole.
    pub(crate) fn pushed(whole: &mut String, texts: &[&str]) -> Self {
        let start = position(whole.len());
        for text in texts {
            whole.push_str(text);
        }
        let end = position(whole.len());
        Self { start, end }
    }
}

impl Members {
    /// Reads one object and nothing after it. The text becomes part of what is answered.
    pub(crate) fn read(text: String) -> Result<Self, serde_json::Error> {
        let members = Self::any(text)?;
        match members.nodes.first() {
            Some(Node::Object(_)) => Ok(members),
            _ => Err(Error::custom("not an object")),
        }
    }

    /// The same for any value, which has no members if it is no object.
    fn any(mut text: String) -> Result<Self, serde_json::Error> {
        // Positions have 32 bits, with room for every text a second time.
        if text.len() > i32::MAX as usize {
            return Err(Error::custom("too long"));
        }
        let mut builder = Builder {
            text: &text,
            unescaped: String::new(),
            nodes: Vec::with_capacity(text.len() / BYTES_PER_NODE + FEW_NODES),
            names: Vec::with_capacity(FEW),
        };
        let mut deserializer = serde_json::Deserializer::from_str(&text);
        Part(&mut builder).deserialize(&mut deserializer)?;
        deserializer.end()?;
        let Builder {
            unescaped,
            nodes,
            names,
            ..
        } = builder;
        text.push_str(&unescaped);
        let mut seen = Seen::default();
        for name in &names {
            seen.put(name.mark);
        }
        Ok(Self {
            text,
            nodes,
            names,
            seen,
        })
    }

    /// The value of a member.
    #[inline]
    pub fn get(&self, name: &str) -> Option<View<'_>> {
        let mark = Mark::of(name);
        if !self.seen.may_hold(mark) {
            return None;
        }
        self.find(mark, name)
    }

    fn find(&self, mark: Mark, name: &str) -> Option<View<'_>> {
        let mut named = self.names.iter().filter(|known| known.mark == mark);
        let found = named.find(|known| self.text_of(known.node) == Some(name))?;
        Some(self.view(found.node as usize + 1))
    }

    /// The value of a member, if it is a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// Whether there is a member of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All of it.
    pub(crate) fn object(&self) -> Object<'_> {
        Object::new(self, 1, self.nodes.len())
    }

    /// The text at a place in these members.
    pub(crate) fn at(&self, place: Place) -> &str {
        place.of(&self.text)
    }

    /// Where a text of these members lies; nothing for any other text.
    pub(crate) fn place(&self, text: &str) -> Option<Place> {
        place(&self.text, text)
    }

    pub(super) fn view(&self, node: usize) -> View<'_> {
        match self.nodes.get(node).copied().unwrap_or(Node::Null) {
            Node::Null => View::Null,
            Node::Bool(value) => View::Bool(value),
            Node::Unsigned(bytes) => View::Number(u64::from_ne_bytes(bytes).into()),
            Node::Signed(bytes) => View::Number(i64::from_ne_bytes(bytes).into()),
            Node::Float(bytes) => {
                Number::from_f64(f64::from_ne_bytes(bytes)).map_or(View::Null, View::Number)
            }
            Node::Text(place) => View::String(self.at(place)),
            Node::Array(end) => View::Array(super::view::Array::new(self, node + 1, end as usize)),
            Node::Object(end) => View::Object(Object::new(self, node + 1, end as usize)),
        }
    }

    /// The node behind a value.
    pub(super) fn after(&self, node: usize) -> usize {
        match self.nodes.get(node) {
            Some(Node::Array(end) | Node::Object(end)) => *end as usize,
            _ => node + 1,
        }
    }

    fn text_of(&self, node: u32) -> Option<&str> {
        match self.nodes.get(node as usize) {
            Some(Node::Text(place)) => Some(self.at(*place)),
            _ => None,
        }
    }
}

/// Reads one value and nothing after it into a tree of its own.
pub(super) fn tree(text: &str) -> Result<Value, serde_json::Error> {
    Ok(Members::any(text.to_owned())?.view(0).value())
}

impl From<&Map<String, Value>> for Members {
    fn from(members: &Map<String, Value>) -> Self {
        // A tree of JSON always has a text, which is read again.
        let text = serde_json::to_string(members).unwrap_or_default();
        Self::read(text).unwrap_or_default()
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        View::Object(self.object()).serialize(serializer)
    }
}

/// Like the object itself: claims are seen in test failures alone.
impl fmt::Debug for Members {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&View::Object(self.object()), out)
    }
}

impl Mark {
    #[inline]
    fn of(name: &str) -> Self {
        let bytes = name.as_bytes();
        let byte = |index: usize| u32::from(bytes.get(index).copied().unwrap_or_default());
        let last = bytes.len().wrapping_sub(1);
        let length = u32::try_from(bytes.len()).unwrap_or_default();
        Self(byte(0) | byte(2) << 8 | byte(last) << 16 | length << 24)
    }
}

impl Seen {
    #[inline]
    fn may_hold(self, mark: Mark) -> bool {
        self.0 & Self::bit(mark) != 0
    }

    fn put(&mut self, mark: Mark) {
        self.0 |= Self::bit(mark);
    }

    /// One of 64 bits, by the top of a product that every bit of the mark enters.
    #[inline]
    fn bit(mark: Mark) -> u64 {
        1 << (mark.0.wrapping_mul(0x9e37_79b1) >> 26)
    }
}

/// Where one text lies in another that it is part of.
fn place(whole: &str, part: &str) -> Option<Place> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (end <= whole.len()).then_some(Place {
        start: u32::try_from(start).ok()?,
        end: u32::try_from(end).ok()?,
    })
}

struct Builder<'a> {
    text: &'a str,
    unescaped: String,
    nodes: Vec<Node>,
    /// The names of all objects that are not complete yet.
    names: Vec<Name>,
}

impl Builder<'_> {
    fn push(&mut self, node: Node) {
        self.nodes.push(node);
    }

    fn push_borrowed(&mut self, text: &str) {
        match place(self.text, text) {
            Some(place) => self.nodes.push(Node::Text(place)),
            None => self.push_copy(text),
        }
    }

    /// A text that does not stand in the whole as it is.
    fn push_copy(&mut self, text: &str) {
        let start = self.text.len() + self.unescaped.len();
        self.unescaped.push_str(text);
        let end = self.text.len() + self.unescaped.len();
        self.nodes.push(Node::Text(Place {
            start: position(start),
            end: position(end),
        }));
    }

    /// Notes a name that has just been pushed, unless it is one of its object's before: `from` is the first of
    /// them, `seen` has their marks.
    fn note(&mut self, from: usize, seen: &mut Seen) -> bool {
        let node = self.nodes.len().saturating_sub(1);
        let text = self.text_of(node);
        let name = Name {
            mark: Mark::of(text),
            node: position(node),
        };
        let others = self.names.get(from..).unwrap_or_default();
        let duplicate = seen.may_hold(name.mark)
            && others.len() < FEW
            && others
                .iter()
                .any(|other| other.mark == name.mark && self.text_of(other.node as usize) == text);
        seen.put(name.mark);
        self.names.push(name);
        !duplicate
    }

    /// Whether the names of an object differ, as far as that was not seen before.
    fn differ(&self, from: usize) -> bool {
        let names = self.names.get(from..).unwrap_or_default();
        if names.len() <= FEW {
            return true;
        }
        let texts = names.iter().map(|name| self.text_of(name.node as usize));
        let mut texts: Vec<_> = texts.collect();
        texts.sort_unstable();
        texts.windows(2).all(|pair| pair.first() != pair.last())
    }

    fn text_of(&self, node: usize) -> &str {
        let Some(Node::Text(place)) = self.nodes.get(node) else {
            return "";
        };
        let (start, end) = (place.start as usize, place.end as usize);
        match start.checked_sub(self.text.len()) {
            None => self.text.get(start..end),
            Some(start) => self.unescaped.get(start..end - self.text.len()),
        }
        .unwrap_or_default()
    }

    /// Says where the value at this node ends.
    fn close(&mut self, node: usize, end: impl Fn(u32) -> Node) {
        let last = position(self.nodes.len());
        if let Some(open) = self.nodes.get_mut(node) {
            *open = end(last);
        }
    }
}

/// Positions are below 2^32, for the text is below 2^31.
fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// One value, wherever it stands.
struct Part<'b, 'a>(&'b mut Builder<'a>);

impl<'de> DeserializeSeed<'de> for Part<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON without duplicate members")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.push(Node::Null);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.0.push(Node::Bool(value));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.0.push(Node::Unsigned(value.to_ne_bytes()));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.0.push(Node::Signed(value.to_ne_bytes()));
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        if !value.is_finite() {
            return Err(E::custom("number out of range"));
        }
        self.0.push(Node::Float(value.to_ne_bytes()));
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.0.push_borrowed(text);
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.push_copy(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let node = self.0.nodes.len();
        self.0.push(Node::Array(0));
        while items.next_element_seed(Part(self.0))?.is_some() {}
        self.0.close(node, Node::Array);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let (node, from) = (self.0.nodes.len(), self.0.names.len());
        self.0.push(Node::Object(0));
        let mut seen = Seen::default();
        let duplicate = || A::Error::custom("duplicate member");
        while members.next_key_seed(Part(self.0))?.is_some() {
            if !self.0.note(from, &mut seen) {
                return Err(duplicate());
            }
            members.next_value_seed(Part(self.0))?;
        }
        if !self.0.differ(from) {
            return Err(duplicate());
        }
        self.0.close(node, Node::Object);
        // The names at the top stay: they are what is asked for. At the top of a list there are none.
        if node > 0 {
            self.0.names.truncate(from);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&Value>) {
        let members = Members::read(text.to_owned()).ok();
        let found = members.map(|members| serde_json::to_value(&members).unwrap());
        assert_eq!(found.as_ref(), expected, "{text}");
    }

    #[test]
    fn an_object_is_read_as_it_is_written() {
        let whole = json!({
            "a": 1, "b": [1, -2, 0.5, null, true, "x", [], {}, [[{"c": "d"}], 2]], "": "e",
            "nested": {"a": {"a": {"a": 1}}, "b": {}}, "big": u64::MAX, "small": i64::MIN, "ä": "ö\u{1f600}",
        });
        check(&whole.to_string(), Some(&whole));
        check("{}", Some(&json!({})));
        check(" {\"a\" : 1 }\n", Some(&json!({"a": 1})));
        check(
            r#"{"a": -0.0, "b": 1e300}"#,
            Some(&json!({"a": -0.0, "b": 1e300})),
        );
    }

    #[test]
    fn escapes_are_undone_in_names_and_values() {
        check(
            r#"{"\u0061\n": "\"\\\ud83d\ude00", "c": "d", "e": "\t"}"#,
            Some(&json!({"a\n": "\"\\\u{1f600}", "c": "d", "e": "\t"})),
        );
        let members = Members::read(r#"{"\u0069ss": "\u0061", "b": "c"}"#.to_owned()).unwrap();
        assert_eq!(
            (members.text("iss"), members.text("b")),
            (Some("a"), Some("c"))
        );
    }

    #[test]
    fn only_objects_without_duplicate_members_are_read() {
        for text in [
            "",
            "[]",
            "null",
            "\"a\"",
            "1",
            "{",
            "{} {}",
            "{}x",
            r#"{"a": NaN}"#,
            r#"{"a": 1e999}"#,
            r#"{"a": 1,}"#,
            r#"{"a": 1, "a": 1}"#,
            r#"{"a": 1, "\u0061": 2}"#,
            r#"{"a": {"b": [{"c": 1, "c": 2}]}}"#,
            r#"{"a": {"b": 1}, "b": 2, "a": 3}"#,
            r#"{"a": "\ud800"}"#,
        ] {
            check(text, None);
        }
        check(
            r#"{"a": {"b": 1}, "c": {"b": 1}, "b": 1}"#,
            Some(&json!({"a": {"b": 1}, "c": {"b": 1}, "b": 1})),
        );
    }

    /// Names that differ only where the mark does not look.
    #[test]
    fn names_of_one_mark_are_different_names() {
        let whole = json!({"abcd": 1, "axcd": 2, "abcxd": 3, "ab": 4, "b": 5, "a": 6});
        let members = Members::from(whole.as_object().unwrap());
        for (name, value) in whole.as_object().unwrap() {
            assert_eq!(
                members.get(name).and_then(|found| found.as_u64()),
                value.as_u64(),
                "{name}"
            );
        }
        for name in ["", "abed", "aycd", "c", "ac"] {
            assert!(!members.contains(name), "{name}");
        }
    }

    #[test]
    fn large_objects_have_no_duplicates_either() {
        for count in [FEW - 1, FEW, FEW + 1, FEW + 2, 2_000] {
            let mut names: Vec<_> = (0..count)
                .map(|number| format!("\"n{number}\":{number}"))
                .collect();
            let text = format!("{{{}}}", names.join(","));
            let members = Members::read(text.clone()).unwrap();
            let last = count as u64 - 1;
            assert_eq!(
                members
                    .get(&format!("n{last}"))
                    .and_then(|found| found.as_u64()),
                Some(last)
            );
            assert!(Members::read(format!(r#"{{"a":{text},"n0":1}}"#)).is_ok());
            for twice in [0, count / 2, count - 1] {
                names.push(format!("\"n{twice}\":0"));
                let text = format!("{{{}}}", names.join(","));
                assert!(Members::read(text.clone()).is_err(), "{twice} of {count}");
                assert!(
                    Members::read(format!(r#"{{"a":[{text}]}}"#)).is_err(),
                    "{twice} of {count}, inside"
                );
                names.pop();
            }
        }
    }

    #[test]
    fn a_private_name_is_a_name_like_any_other() {
        for inner in [json!("[1]"), json!("{"), json!(1)] {
            let object = json!({"a": {"$serde_json::private::RawValue": inner}});
            check(&object.to_string(), Some(&object));
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        assert!(Members::read(nested(100)).is_ok());
        assert!(Members::read(nested(1_000)).is_err());
    }

    #[test]
    fn a_text_is_found_again_by_its_place() {
        let members = Members::read(r#"{"a": "b", "c": "\u0064"}"#.to_owned()).unwrap();
        for name in ["a", "c"] {
            let text = members.text(name).unwrap();
            let place = members.place(text).unwrap();
            assert_eq!(members.clone().at(place), text);
        }
        assert_eq!(members.place("b"), None);
    }
}
