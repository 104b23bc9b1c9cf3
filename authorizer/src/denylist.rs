//! Tokens that are refused although their issuer still vouches for them: by their own number, by session,
//! subject or client, or by when they were issued. Pure: where a list comes from is `source`'s business, how long
//! it is good is `freshness`'s.

mod document;
mod freshness;
mod listed;
mod source;
#[cfg(feature = "aws")]
mod table;

use std::collections::HashMap;

use crate::caller::Caller;
use crate::json::{Members, View};
use crate::token::TokenError;
pub(crate) use listed::Snapshot;
pub(crate) use source::{Configured, Revocations};

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

impl Denylist {
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
            marks.extend(claim(caller.claims(), name)?.map(|value| (mark, value)));
        }
        // The claim is known to be a date if it is there: it has been checked.
        let issued_at = caller.claims().get("iat").and_then(|time| time.as_f64());
        Ok(Self {
            issuer: caller.issuer(),
            marks,
            issued_at: issued_at.map(|time| time as u64),
        })
    }

    /// A token that does not say when it was issued may be as old as any.
    fn is_older_than(&self, time: u64) -> bool {
        self.issued_at.is_none_or(|issued_at| issued_at < time)
    }
}

fn claim<'a>(claims: &'a Members, name: &'static str) -> Result<Option<&'a str>, TokenError> {
    match claims.get(name) {
        None => Ok(None),
        Some(View::String(value)) => Ok(Some(value)),
        Some(View::Null | View::Bool(_) | View::Number(_) | View::Array(_) | View::Object(_)) => {
            Err(TokenError::Claim(name))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use serde_json::{Value, json};

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
        accept(claims.as_object().unwrap().into(), &trust, now).unwrap()
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
}
