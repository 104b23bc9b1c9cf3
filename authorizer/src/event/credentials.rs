//! Where a token may come from: the header `Authorization`, a cookie, a query parameter. Every value found
//! in any of the places counts, so that two credentials in one request never become a choice.

use std::fmt;

use super::{header, strings};
use crate::json::Members;
use crate::token::{BearerToken, TokenError};

/// One of the places in which a token is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The header `Authorization`, with the scheme (RFC 6750 section 2.1).
    Authorization,
    /// The cookie of this name, which holds the bare token.
    Cookie(String),
    /// The query parameter of this name, which holds the bare token (RFC 6750 section 2.3).
    Query(String),
}

/// What was found in one of the places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Credential {
    /// The value of a header, with a scheme.
    Header(String),
    /// A token without a scheme.
    Bare(String),
}

impl Place {
    /// Every credential of a `REQUEST` event in this place.
    pub(super) fn find(&self, event: &Members) -> Vec<Credential> {
        match self {
            Self::Authorization => with_scheme(header(event, "authorization")),
            Self::Cookie(name) => bare(cookies(event, name)),
            Self::Query(name) => bare(parameters(event, name)),
        }
    }

    /// A `TOKEN` event has the one header that the gateway was told to pass on.
    pub(super) fn find_in_token_event(&self, event: &Members) -> Vec<Credential> {
        match self {
            Self::Authorization => with_scheme(strings(event.get("authorizationToken"))),
            Self::Cookie(_) | Self::Query(_) => Vec::new(),
        }
    }
}

impl Credential {
    pub(super) fn token(&self) -> Result<BearerToken<'_>, TokenError> {
        match self {
            Self::Header(value) => BearerToken::from_header(value),
            Self::Bare(value) => BearerToken::bare(value),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authorization => out.write_str("the header `Authorization`"),
            Self::Cookie(name) => write!(out, "the cookie `{name}`"),
            Self::Query(name) => write!(out, "the query parameter `{name}`"),
        }
    }
}

fn with_scheme(values: Vec<String>) -> Vec<Credential> {
    values.into_iter().map(Credential::Header).collect()
}

fn bare(values: Vec<String>) -> Vec<Credential> {
    values.into_iter().map(Credential::Bare).collect()
}

/// The values of every cookie with this name. Payload 2.0 has cookies in a list of their own, and all else
/// in the header. Gateways may join repeated headers with a comma, which no cookie contains (RFC 6265
/// section 4.1.1): a cookie behind one is a cookie.
fn cookies(event: &Members, wanted: &str) -> Vec<String> {
    let texts = match strings(event.get("cookies")) {
        listed if !listed.is_empty() => listed,
        _ => header(event, "cookie"),
    };
    let pairs = texts.iter().flat_map(|text| text.split([';', ',']));
    let pairs = pairs.filter_map(|pair| pair.split_once('='));
    let named = pairs.filter(|(name, _)| name.trim() == wanted);
    named.map(|(_, value)| value.trim().to_owned()).collect()
}

/// The values of every query parameter with this name. `queryStringParameters` has the last value of each
/// name only, or in payload 2.0 all of them joined with a comma.
fn parameters(event: &Members, wanted: &str) -> Vec<String> {
    let values = |member: &str| strings(event.get(member).and_then(|names| names.get(wanted)));
    match values("multiValueQueryStringParameters") {
        several if !several.is_empty() => several,
        _ => values("queryStringParameters"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(place: &Place, event: &Value, expected: &[&str]) {
        let expected = bare(expected.iter().map(|text| (*text).to_owned()).collect());
        let members = Members::from(event.as_object().unwrap());
        assert_eq!(place.find(&members), expected, "{event}");
    }

    #[test]
    fn a_cookie_is_found_wherever_the_payload_has_cookies() {
        let place = Place::Cookie("__Host-token".to_owned());
        check(
            &place,
            &json!({"headers": {"Cookie": "a=b; __Host-token=x"}}),
            &["x"],
        );
        check(
            &place,
            &json!({"headers": {"cookie": "__Host-token=x"}}),
            &["x"],
        );
        check(
            &place,
            &json!({"cookies": ["a=b", "__Host-token=x"]}),
            &["x"],
        );
        check(
            &place,
            &json!({"cookies": [], "headers": {"cookie": "__Host-token=x"}}),
            &["x"],
        );
        check(
            &place,
            &json!({"multiValueHeaders": {"cookie": ["a=b", "__Host-token=x=="]}}),
            &["x=="],
        );
        check(
            &place,
            &json!({"headers": {"cookie": "__host-token=x; a__Host-token=y; __Host-token"}}),
            &[],
        );
        for odd in [
            json!(null),
            json!(1),
            json!({}),
            json!([1, null, {}]),
            json!(""),
        ] {
            check(
                &place,
                &json!({"cookies": odd, "headers": {"cookie": odd}}),
                &[],
            );
        }
    }

    #[test]
    fn a_cookie_that_stands_twice_is_two_credentials() {
        let place = Place::Cookie("t".to_owned());
        for event in [
            json!({"headers": {"cookie": "t=x; t=y"}}),
            json!({"headers": {"cookie": "t=x;t=y"}}),
            json!({"headers": {"cookie": "t=x, t =y"}}),
            json!({"headers": {"Cookie": "t=x", "cookie": "t=y"}}),
            json!({"headers": {"cookie": "t=y"}, "multiValueHeaders": {"cookie": ["t=x", "t=y"]}}),
            json!({"cookies": ["t=x", "t=y"]}),
            json!({"cookies": ["t=x; t=y"]}),
        ] {
            check(&place, &event, &["x", "y"]);
        }
    }

    #[test]
    fn a_query_parameter_is_found_with_all_its_values() {
        let place = Place::Query("access_token".to_owned());
        check(
            &place,
            &json!({"queryStringParameters": {"access_token": "x"}}),
            &["x"],
        );
        check(
            &place,
            &json!({"queryStringParameters": {"access_token": "x,y"}}),
            &["x,y"],
        );
        let event = json!({
            "queryStringParameters": {"access_token": "y"},
            "multiValueQueryStringParameters": {"access_token": ["x", "y"]},
        });
        check(&place, &event, &["x", "y"]);
        check(
            &place,
            &json!({"queryStringParameters": {"Access_Token": "x"}}),
            &[],
        );
        for odd in [json!(null), json!(1), json!({}), json!([1]), json!("a")] {
            let event =
                json!({"queryStringParameters": odd, "multiValueQueryStringParameters": odd});
            check(&place, &event, &[]);
            check(
                &place,
                &json!({"queryStringParameters": {"access_token": 1}}),
                &[],
            );
        }
    }
}
