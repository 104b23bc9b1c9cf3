//! The identity sources of the gateway's authorizer: what it remembers answers by. An answer is replayed for
//! every request in which all of them are the same.

use crate::event::Place;

/// The authorizer's identity sources, in the words of the API: `$request.header.Authorization` in an HTTP
/// API, `method.request.header.Authorization` in a REST API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdentitySources(Vec<Source>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    /// Names of headers are the same in any case.
    Header(String),
    Query(String),
    Context(String),
    StageVariable,
}

/// A text that no API has for an identity source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`AUTHORIZER_IDENTITY_SOURCES` has `{0}`, which is none; write them as the API has them, separated by commas, such as `$request.header.Authorization,$context.routeKey`"
)]
pub(crate) struct SourceError(String);

impl Default for IdentitySources {
    /// The header that the template names, and that a gateway must be told to name by default.
    fn default() -> Self {
        Self(vec![Source::Header("authorization".to_owned())])
    }
}

impl IdentitySources {
    pub(crate) fn parse(text: &str) -> Result<Self, SourceError> {
        let sources = text.split(',').map(str::trim);
        let sources = sources.map(|text| {
            Source::parse(text).ok_or_else(|| SourceError(text.escape_debug().to_string()))
        });
        sources.collect::<Result<_, _>>().map(Self)
    }

    /// True if requests with other values in this place are remembered apart.
    pub(crate) fn have(&self, place: &Place) -> bool {
        let wanted = match place {
            Place::Authorization => Source::Header("authorization".to_owned()),
            Place::Cookie(_) => Source::Header("cookie".to_owned()),
            Place::Query(name) => Source::Query(name.clone()),
        };
        self.0.contains(&wanted)
    }

    /// True if this variable of the request's context is among them.
    pub(crate) fn have_context(&self, variable: &str) -> bool {
        let is_it = |source: &Source| matches!(source, Source::Context(name) if name == variable);
        self.0.iter().any(is_it)
    }
}

impl Source {
    fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('$').unwrap_or(text);
        let request = ["request.", "method.request.", "route.request."];
        let after = |prefix: &str| bare.strip_prefix(prefix).filter(|name| !name.is_empty());
        if let Some(name) = after("context.") {
            return Some(Self::Context(name.to_owned()));
        }
        if after("stageVariables.").is_some() {
            return Some(Self::StageVariable);
        }
        let rest = request.iter().find_map(|prefix| after(prefix))?;
        let (kind, name) = rest.split_once('.').filter(|(_, name)| !name.is_empty())?;
        match kind {
            "header" => Some(Self::Header(name.to_ascii_lowercase())),
            "querystring" => Some(Self::Query(name.to_owned())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_as_either_api_has_them() {
        let query = |name: &str| Place::Query(name.to_owned());
        let cookie = Place::Cookie("a".to_owned());
        let check = |text: &str, expected: [bool; 4]| {
            let sources = IdentitySources::parse(text).unwrap();
            let found = [
                sources.have(&Place::Authorization),
                sources.have(&cookie),
                sources.have(&query("q")),
                sources.have_context("routeKey"),
            ];
            assert_eq!(found, expected, "{text}");
        };
        check("$request.header.Authorization", [true, false, false, false]);
        check(
            "method.request.header.AUTHORIZATION, stageVariables.a",
            [true, false, false, false],
        );
        check(
            "$request.header.cookie,$request.querystring.q",
            [false, true, true, false],
        );
        check("route.request.querystring.Q", [false, false, false, false]);
        check(
            "$context.routeKey,$stageVariables.a",
            [false, false, false, true],
        );
        assert!(IdentitySources::default().have(&Place::Authorization));
        for odd in [
            "",
            ",",
            "Authorization",
            "$request.header.",
            "$request.body.a",
            "$context.",
            "$request.header.a,",
        ] {
            assert!(IdentitySources::parse(odd).is_err(), "{odd}");
        }
    }
}
