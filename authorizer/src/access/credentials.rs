//! The entries below `credentials`: the places in which a token is looked for.

use serde::Deserialize;

use super::values::{Reader, present};
use crate::event::Place;

/// What the one place without a name is called.
const AUTHORIZATION: &str = "authorization";

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum PlaceEntry {
    Plain(String),
    Named(NamedEntry),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NamedEntry {
    #[serde(default, deserialize_with = "present")]
    cookie: Option<String>,
    #[serde(default, deserialize_with = "present")]
    query: Option<String>,
}

impl Reader<'_> {
    /// The places; the header `Authorization` alone where the file says nothing.
    pub(super) fn credentials(&mut self, entries: Option<Vec<PlaceEntry>>) -> Vec<Place> {
        let places = match entries {
            Some(entries) => self.places(entries),
            None => vec![Place::Authorization],
        };
        self.check_remembered(&places);
        places
    }

    fn places(&mut self, entries: Vec<PlaceEntry>) -> Vec<Place> {
        if entries.is_empty() {
            let problem = "`credentials` is an empty list: no token could ever be found";
            self.problems.push(problem.to_owned());
        }
        let mut places = Vec::new();
        for entry in entries {
            let Some(place) = self.place(entry) else {
                continue;
            };
            if places.contains(&place) {
                self.problems.push(format!(
                    "`credentials` names {place} twice: each token there would be two"
                ));
            }
            places.push(place);
        }
        places
    }

    fn place(&mut self, entry: PlaceEntry) -> Option<Place> {
        let (key, name) = match entry {
            PlaceEntry::Plain(name) if name == AUTHORIZATION => return Some(Place::Authorization),
            PlaceEntry::Plain(name) => {
                self.problems.push(format!(
                    "`credentials: {}` is none of `authorization`, `{{cookie: NAME}}` and `{{query: NAME}}`",
                    name.escape_debug()
                ));
                return None;
            }
            PlaceEntry::Named(NamedEntry {
                cookie: Some(name),
                query: None,
            }) => ("cookie", name),
            PlaceEntry::Named(NamedEntry {
                cookie: None,
                query: Some(name),
            }) => ("query", name),
            PlaceEntry::Named(_) => {
                self.problems.push(
                    "an entry of `credentials` must have either `cookie` or `query`".to_owned(),
                );
                return None;
            }
        };
        let name = self.value(key, &name)?;
        if !is_name(&name) {
            self.problems.push(format!(
                "`{key}: {}` is not of letters, digits and `-._`",
                name.escape_debug()
            ));
            return None;
        }
        Some(match key {
            "cookie" => Place::Cookie(name),
            _ => Place::Query(name),
        })
    }

    /// What the gateway does not remember answers by must not decide on them: whoever sends the same
    /// header without the cookie would be given the answer of another's.
    fn check_remembered(&mut self, places: &[Place]) {
        if !self.deployment.remembers() {
            return;
        }
        for place in places {
            if !self.deployment.identity_sources.have(place) {
                self.problems.push(format!(
                    "`credentials` has {place}, by which the gateway does not remember answers: set `AUTHORIZER_TTL=0`, \
                     or add {} to the authorizer's identity sources and to `AUTHORIZER_IDENTITY_SOURCES`",
                    source(place)
                ));
            }
        }
    }
}

fn source(place: &Place) -> String {
    match place {
        Place::Authorization => "`$request.header.Authorization`".to_owned(),
        Place::Cookie(_) => "`$request.header.Cookie`".to_owned(),
        Place::Query(name) => format!("`$request.querystring.{name}`"),
    }
}

/// The part of what RFC 6265 section 4.1.1 allows that needs no escape in a query.
fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    name.bytes().all(allowed)
}
