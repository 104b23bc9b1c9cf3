//! The document of a denylist, read strictly: what a doubtful entry was to revoke would not be revoked.

use serde_json::Value;
use thiserror::Error;

use super::{Denylist, Entry, Mark};
use crate::claims::LATEST_DATE;
use crate::json;

/// Largest document: read whole, into a sandbox of 128 MB.
pub(super) const MAX_DOCUMENT_BYTES: usize = 4 * 1024 * 1024;
/// Most entries: with members of ordinary length they fill the document.
const MAX_ENTRIES: usize = 50_000;
/// Longest value of a member. A `sub` has 255 characters at most, a `jti` rarely 64.
const MAX_VALUE_BYTES: usize = 1024;

/// Why a document is no denylist. A document with a doubtful entry is refused whole: what it was to revoke
/// would not be.
#[derive(Debug, Error)]
pub(crate) enum DenylistError {
    #[error("more than {MAX_DOCUMENT_BYTES} bytes")]
    TooLarge,
    #[error("not JSON, or an object in it names a member twice")]
    Json(#[source] serde_json::Error),
    #[error("not an object with one member, the list `entries`")]
    Shape,
    #[error("{0} entries; {MAX_ENTRIES} are accepted, and a table of DynamoDB holds any number")]
    TooMany(usize),
    #[error("entry {0}: {1}")]
    Entry(usize, EntryError),
}

/// What is wrong with one entry.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum EntryError {
    #[error("not an object")]
    NotAnObject,
    #[error("`{0}` is none of `jti`, `sid`, `sub`, `client_id`, `issuer` and `issued_before`")]
    Unknown(String),
    #[error("`{0}` is no text of 1 to {MAX_VALUE_BYTES} bytes")]
    Text(&'static str),
    #[error("`issued_before` is no time in whole seconds since 1970")]
    Time,
    #[error(
        "it revokes nothing: it has none of `jti`, `sid`, `sub`, `client_id` and `issued_before`"
    )]
    Nothing,
}

impl Denylist {
    /// Reads a document: `{"entries": [{"jti": "…"}, …]}`.
    pub(crate) fn parse(document: &[u8]) -> Result<Self, DenylistError> {
        if document.len() > MAX_DOCUMENT_BYTES {
            return Err(DenylistError::TooLarge);
        }
        let entries = match json::value(document).map_err(DenylistError::Json)? {
            Value::Object(mut members) if members.len() == 1 => members.remove("entries"),
            Value::Object(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => None,
        };
        let Some(Value::Array(entries)) = entries else {
            return Err(DenylistError::Shape);
        };
        if entries.len() > MAX_ENTRIES {
            return Err(DenylistError::TooMany(entries.len()));
        }
        let numbered = (1..).zip(entries);
        let entries: Result<Vec<_>, _> = numbered
            .map(|(number, entry)| {
                Entry::read(entry).map_err(|error| DenylistError::Entry(number, error))
            })
            .collect();
        Ok(Self::of(entries?))
    }
}

impl Entry {
    fn read(entry: Value) -> Result<Self, EntryError> {
        let Value::Object(members) = entry else {
            return Err(EntryError::NotAnObject);
        };
        let mut read = Self::default();
        for (name, value) in &members {
            read.take(name, value)?;
        }
        if read.marks.is_empty() && read.issued_before.is_none() {
            return Err(EntryError::Nothing);
        }
        Ok(read)
    }

    fn take(&mut self, name: &str, value: &Value) -> Result<(), EntryError> {
        let mark = Mark::ALL.into_iter().find(|mark| mark.name() == name);
        match (mark, name) {
            (Some(mark), _) => self.marks.push((mark, text(mark.name(), value)?)),
            (None, "issuer") => self.issuer = Some(text("issuer", value)?),
            (None, "issued_before") => {
                let time = value.as_u64().filter(|time| *time <= LATEST_DATE);
                self.issued_before = Some(time.ok_or(EntryError::Time)?);
            }
            (None, _) => {
                let name = name.escape_debug().take(MAX_VALUE_BYTES).collect();
                return Err(EntryError::Unknown(name));
            }
        }
        Ok(())
    }
}

fn text(name: &'static str, value: &Value) -> Result<String, EntryError> {
    let text = value
        .as_str()
        .filter(|text| (1..=MAX_VALUE_BYTES).contains(&text.len()));
    text.map(str::to_owned).ok_or(EntryError::Text(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn refused(document: &str, part: &str) {
        let error = Denylist::parse(document.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{error}");
    }

    #[test]
    fn a_doubtful_document_is_refused_whole() {
        for shape in [
            "[]",
            "{}",
            r#"{"entries": {}}"#,
            r#"{"entries": [], "x": 1}"#,
            "null",
        ] {
            refused(shape, "the list `entries`");
        }
        refused("", "not JSON");
        refused(r#"{"entries": [{"jti": "a", "jti": "b"}]}"#, "not JSON");
        let entry = |entry: &str, part: &str| {
            refused(
                &format!(r#"{{"entries": [{{"jti": "a"}}, {entry}]}}"#),
                part,
            );
        };
        entry("1", "entry 2: not an object");
        entry("{}", "entry 2: it revokes nothing");
        entry(r#"{"issuer": "x"}"#, "entry 2: it revokes nothing");
        entry(r#"{"jit": "x"}"#, "entry 2: `jit` is none of");
        entry(r#"{"jti": "x", "until": 1}"#, "entry 2: `until` is none of");
        for odd in ["null", "1", r#""""#, r#"["a"]"#] {
            entry(&format!(r#"{{"sub": {odd}}}"#), "entry 2: `sub` is no text");
        }
        for odd in ["null", "-1", "1.5", r#""2026-01-01""#, "1800000000000"] {
            let time = format!(r#"{{"issued_before": {odd}}}"#);
            entry(&time, "entry 2: `issued_before` is no time");
        }
    }

    #[test]
    fn a_document_is_bounded() {
        let of =
            |entries: usize| json!({"entries": vec![json!({"jti": "x"}); entries]}).to_string();
        assert_eq!(
            Denylist::parse(of(MAX_ENTRIES).as_bytes()).unwrap().entries,
            MAX_ENTRIES
        );
        refused(&of(MAX_ENTRIES + 1), "50001 entries");
        let text = |bytes: usize| json!({"entries": [{"jti": "x".repeat(bytes)}]}).to_string();
        assert!(Denylist::parse(text(MAX_VALUE_BYTES).as_bytes()).is_ok());
        refused(&text(MAX_VALUE_BYTES + 1), "entry 1: `jti` is no text");
        refused(&" ".repeat(MAX_DOCUMENT_BYTES + 1), "more than");
    }
}
