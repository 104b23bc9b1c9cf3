//! Tokens that are refused although their issuer still vouches for them: by their own number, by session,
//! subject or client, or by when they were issued. Pure: where a list comes from is `source`'s business, how long
//! it is good is `freshness`'s.

mod freshness;
mod source;
#[cfg(feature = "aws")]
mod table;

use std::collections::HashMap;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::caller::Caller;
use crate::claims::LATEST_DATE;
use crate::json;
use crate::token::TokenError;
pub(crate) use source::{Configured, Revocations, Snapshot};

/// Largest document: read whole, into a sandbox of 128 MB.
const MAX_DOCUMENT_BYTES: usize = 4 * 1024 * 1024;
/// Most entries: with members of ordinary length they fill the document.
const MAX_ENTRIES: usize = 50_000;
/// Longest value of a member. A `sub` has 255 characters at most, a `jti` rarely 64.
const MAX_VALUE_BYTES: usize = 1024;

/// What an entry can ask of a token beside its issuer and its age, the most telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Mark {
    /// `jti`: the token itself (RFC 7519 section 4.1.7).
    Token,
    /// `sid`: the session it was issued in (OpenID Connect Front-Channel Logout section 3).
    Session,
    /// `sub`.
    Subject,
    /// `azp` or `client_id`.
    Client,
}

impl Mark {
    pub(crate) const ALL: [Self; 4] = [Self::Token, Self::Session, Self::Subject, Self::Client];

    /// The member of an entry.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Token => "jti",
            Self::Session => "sid",
            Self::Subject => "sub",
            Self::Client => "client_id",
        }
    }
}

/// One line of a denylist: it revokes the tokens to which all of it applies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) marks: Vec<(Mark, String)>,
    pub(crate) issuer: Option<String>,
    /// Seconds since 1970.
    pub(crate) issued_before: Option<u64>,
}

/// What a denylist looks at in a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) marks: Vec<(Mark, &'a str)>,
    issued_at: Option<u64>,
}

/// Revoked tokens, by what is most telling of each entry.
#[derive(Debug, Default)]
pub(crate) struct Denylist {
    marked: HashMap<(Mark, String), Vec<Entry>>,
    /// The latest `issued_before` of the entries with nothing else, by their issuer.
    unmarked: HashMap<Option<String>, u64>,
    pub(crate) entries: usize,
}

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

    pub(crate) fn of(entries: Vec<Entry>) -> Self {
        let mut list = Self {
            entries: entries.len(),
            ..Self::default()
        };
        for mut entry in entries {
            entry
                .marks
                .sort_by_key(|(mark, _)| Mark::ALL.iter().position(|other| other == mark));
            if entry.marks.is_empty() {
                let latest = list.unmarked.entry(entry.issuer).or_default();
                *latest = entry.issued_before.unwrap_or_default().max(*latest);
            } else {
                let mark = entry.marks.remove(0);
                list.marked.entry(mark).or_default().push(entry);
            }
        }
        list
    }

    /// Whether a token is revoked.
    pub(crate) fn revokes(&self, subject: &Subject<'_>) -> bool {
        let marked = subject.marks.iter().any(|(mark, value)| {
            let entries = self.marked.get(&(*mark, (*value).to_owned()));
            entries.is_some_and(|entries| entries.iter().any(|entry| entry.applies(subject)))
        });
        let unmarked = [None, Some(subject.issuer.to_owned())];
        let mut times = unmarked
            .iter()
            .filter_map(|issuer| self.unmarked.get(issuer));
        marked || times.any(|before| subject.is_older_than(*before))
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

    fn applies(&self, subject: &Subject<'_>) -> bool {
        let mut marks = self.marks.iter();
        marks.all(|(mark, value)| subject.marks.contains(&(*mark, value)))
            && self
                .issuer
                .as_ref()
                .is_none_or(|issuer| issuer == subject.issuer)
            && self
                .issued_before
                .is_none_or(|before| subject.is_older_than(before))
    }
}

fn text(name: &'static str, value: &Value) -> Result<String, EntryError> {
    let text = value
        .as_str()
        .filter(|text| (1..=MAX_VALUE_BYTES).contains(&text.len()));
    text.map(str::to_owned).ok_or(EntryError::Text(name))
}

impl<'a> Subject<'a> {
    /// What is to be looked at in a verified token. A number in a claim that must be text could be on no list,
    /// and refuses the token.
    pub(crate) fn of(caller: &'a Caller) -> Result<Self, TokenError> {
        let claims = [
            (Mark::Token, "jti"),
            (Mark::Session, "sid"),
            (Mark::Subject, "sub"),
            (Mark::Client, "azp"),
            (Mark::Client, "client_id"),
            (Mark::Client, "appid"),
        ];
        let mut marks = Vec::new();
        for (mark, name) in claims {
            marks.extend(claim(&caller.claims, name)?.map(|value| (mark, value)));
        }
        // The claim is known to be a date if it is there: it has been checked.
        let issued_at = caller.claims.get("iat").and_then(Value::as_f64);
        Ok(Self {
            issuer: &caller.issuer,
            marks,
            issued_at: issued_at.map(|time| time as u64),
        })
    }

    /// A token that does not say when it was issued may be as old as any.
    fn is_older_than(&self, time: u64) -> bool {
        self.issued_at.is_none_or(|issued_at| issued_at < time)
    }
}

fn claim<'a>(
    claims: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, TokenError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(value)) => Ok(Some(value)),
        Some(
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_),
        ) => Err(TokenError::Claim(name)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use serde_json::json;

    use super::*;
    use crate::algorithm::Algorithm;
    use crate::profile::Profile;
    use crate::support::{AUDIENCE, ISSUER, good_claims, with};
    use crate::verify::{Trust, accept};

    const NOW: u64 = 1_800_000_000;

    fn caller(claims: &Value) -> Caller {
        let trust = Trust {
            profile: Profile::Generic,
            issuer: ISSUER.to_owned(),
            audiences: vec![AUDIENCE.to_owned()],
            algorithms: Algorithm::ALL.to_vec(),
            clients: None,
            token_types: None,
            leeway: Duration::from_secs(30),
            max_age: None,
            proofs: crate::proof::Proofs::default(),
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        accept(claims.as_object().unwrap().clone(), &trust, now).unwrap()
    }

    fn claims() -> Value {
        let claims = with(good_claims(NOW), "jti", json!("j"));
        with(with(claims, "sid", json!("s")), "azp", json!("app"))
    }

    #[track_caller]
    fn token(claims: &Value, entries: &Value, revoked: bool) {
        let document = json!({"entries": entries}).to_string();
        let list = Denylist::parse(document.as_bytes()).unwrap();
        let caller = caller(claims);
        let found = list.revokes(&Subject::of(&caller).unwrap());
        assert_eq!(found, revoked, "{entries}");
    }

    #[track_caller]
    fn check(entries: Value, revoked: bool) {
        token(&claims(), &entries, revoked);
    }

    #[test]
    fn an_entry_revokes_what_all_of_it_applies_to() {
        check(json!([]), false);
        for (name, value) in [
            ("jti", "j"),
            ("sid", "s"),
            ("sub", "user-1"),
            ("client_id", "app"),
        ] {
            check(json!([{name: value}]), true);
            check(json!([{name: "other"}]), false);
            check(json!([{name: value, "issuer": ISSUER}]), true);
            check(
                json!([{name: value, "issuer": "https://other.example"}]),
                false,
            );
            check(json!([{name: value, "issued_before": NOW}]), false);
            check(json!([{name: value, "issued_before": NOW + 1}]), true);
            check(json!([{name: "other"}, {name: value}]), true);
            check(
                json!([{name: value, "issued_before": 1}, {name: value}]),
                true,
            );
        }
        check(json!([{"sub": "user-1", "client_id": "app"}]), true);
        check(json!([{"sub": "user-1", "client_id": "other"}]), false);
        check(json!([{"sub": "j", "jti": "user-1"}]), false);
    }

    #[test]
    fn all_tokens_issued_before_a_time_are_revoked() {
        check(json!([{"issued_before": NOW}]), false);
        check(json!([{"issued_before": NOW + 1}]), true);
        check(
            json!([{"issued_before": NOW + 1}, {"issued_before": 1}]),
            true,
        );
        check(json!([{"issued_before": NOW + 1, "issuer": ISSUER}]), true);
        check(
            json!([{"issued_before": NOW + 1, "issuer": "https://other.example"}]),
            false,
        );
        let undated = with(claims(), "iat", json!(null));
        token(&undated, &json!([{"issued_before": 1}]), true);
        token(
            &undated,
            &json!([{"issued_before": 1, "sub": "other"}]),
            false,
        );
        let half = with(claims(), "iat", json!(NOW as f64 - 0.5));
        token(&half, &json!([{"issued_before": NOW}]), true);
        token(&half, &json!([{"issued_before": NOW - 1}]), false);
    }

    #[test]
    fn both_names_of_a_client_count() {
        let both = with(claims(), "client_id", json!("second"));
        token(&both, &json!([{"client_id": "app"}]), true);
        token(&both, &json!([{"client_id": "second"}]), true);
        token(&both, &json!([{"client_id": "third"}]), false);
    }

    #[test]
    fn a_number_that_no_list_can_name_refuses_the_token() {
        for name in ["jti", "sid"] {
            let caller = caller(&with(claims(), name, json!(1)));
            assert_eq!(Subject::of(&caller), Err(TokenError::Claim(name)));
        }
    }

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
