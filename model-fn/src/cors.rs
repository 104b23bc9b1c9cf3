//! Pages of other origins in browsers: which may read answers, and what a browser is told before it asks
//! (Fetch standard, "CORS protocol"). Cookies play no part: a page sends its token itself.

use std::collections::BTreeMap;

use crate::event::Request;

/// A browser asks again after so many seconds: the most that Chromium keeps.
const MAX_AGE: &str = "7200";

const METHODS: &str = "GET, POST";

/// What pages may send beyond what every page may. `*` would not stand for `authorization`.
const REQUEST_HEADERS: &str = "accept, authorization, content-encoding, content-type, dpop, \
    inference-header-content-length, traceparent, tracestate, x-api-key";

/// What pages may read beyond what every page may.
const RESPONSE_HEADERS: &str = "content-encoding, inference-header-content-length, retry-after, server-timing, \
    truncated-rows, www-authenticate, x-amzn-requestid";

/// Whose pages may call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Cors {
    /// Nobody's: the headers are not there.
    #[default]
    Off,
    /// Everybody's, as `*` says.
    Any,
    /// Those of these origins.
    Listed(Vec<String>),
}

/// Why a browser must not send what a page wants to send.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CorsError {
    /// No page may.
    #[error("pages of other origins may not call: `CORS_ORIGINS` is not set")]
    Off,
    /// Pages of this origin may not.
    #[error("pages of this origin may not call: it is not among `CORS_ORIGINS`")]
    Origin,
}

impl Cors {
    /// Origins such as `https://app.example`, with commas or spaces between them, or `*` alone.
    pub fn read(text: &str) -> Result<Self, String> {
        let words = text.split([',', ' ']).map(str::trim);
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [] => Ok(Self::Off),
            ["*"] => Ok(Self::Any),
            origins => match origins.iter().find(|origin| !is_origin(origin)) {
                Some(odd) => Err(format!(
                    "must be origins such as `https://app.example`, without a slash at the end, or `*` alone; `{}` is none",
                    odd.escape_debug()
                )),
                None => Ok(Self::Listed(
                    origins.iter().map(ToString::to_string).collect(),
                )),
            },
        }
    }

    /// The answer to a browser that asks whether it may send a page's request; nothing where this is no such question.
    pub(crate) fn preflight(&self, request: &Request<'_>) -> Option<Result<(), CorsError>> {
        let origin = request.header("origin")?;
        request.header("access-control-request-method")?;
        (request.method == "OPTIONS").then(|| match (self, self.allowed(origin)) {
            (Self::Off, _) => Err(CorsError::Off),
            (Self::Any | Self::Listed(_), Some(_)) => Ok(()),
            (Self::Any | Self::Listed(_), None) => Err(CorsError::Origin),
        })
    }

    /// The headers of an answer that are for browsers.
    pub(crate) fn headers(&self, request: &Request<'_>) -> BTreeMap<&'static str, String> {
        let is_preflight = self.preflight(request).is_some();
        self.of_origin(request.header("origin"), is_preflight)
    }

    fn of_origin(
        &self,
        origin: Option<&str>,
        is_preflight: bool,
    ) -> BTreeMap<&'static str, String> {
        let allowed = origin.and_then(|origin| self.allowed(origin));
        let mut headers: BTreeMap<_, _> = match (allowed, is_preflight) {
            (None, _) => BTreeMap::new(),
            (Some(allowed), true) => BTreeMap::from([
                ("access-control-allow-headers", REQUEST_HEADERS.to_owned()),
                ("access-control-allow-methods", METHODS.to_owned()),
                ("access-control-allow-origin", allowed.to_owned()),
                ("access-control-max-age", MAX_AGE.to_owned()),
            ]),
            (Some(allowed), false) => BTreeMap::from([
                ("access-control-allow-origin", allowed.to_owned()),
                ("access-control-expose-headers", RESPONSE_HEADERS.to_owned()),
            ]),
        };
        // Whoever keeps the answer must not give it to pages of another origin.
        if matches!(self, Self::Listed(_)) {
            headers.insert("vary", "origin".to_owned());
        }
        headers
    }

    fn allowed<'a>(&self, origin: &'a str) -> Option<&'a str> {
        match self {
            Self::Off => None,
            Self::Any => Some("*"),
            Self::Listed(origins) => origins.iter().any(|one| one == origin).then_some(origin),
        }
    }
}

/// A scheme, a host in small letters and perhaps a port, as browsers write origins (RFC 6454 section 6.2).
fn is_origin(text: &str) -> bool {
    let host = ["https://", "http://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let is_of_host = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || "-.:[]".contains(character)
    };
    host.is_some_and(|host| !host.is_empty() && host.chars().all(is_of_host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<Cors, &str>) {
        match (Cors::read(text), expected) {
            (Err(problem), Err(words)) => assert!(problem.contains(words), "{problem}"),
            (read, expected) => assert_eq!(read, expected.map_err(str::to_owned), "{text}"),
        }
    }

    fn listed(origins: &[&str]) -> Cors {
        Cors::Listed(origins.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn origins_are_those_that_browsers_write() {
        check("", Ok(Cors::Off));
        check(" , ", Ok(Cors::Off));
        check("*", Ok(Cors::Any));
        check("https://a.example", Ok(listed(&["https://a.example"])));
        let two = ["https://a.example:8443", "http://[::1]:3000"];
        check(&two.join(","), Ok(listed(&two)));
        check(&two.join(", "), Ok(listed(&two)));
        for odd in [
            "https://a.example/",
            "https://A.example",
            "a.example",
            "null",
            "https://",
            "https://*.example",
            "https://a.example,*",
            "ftp://a.example",
        ] {
            check(odd, Err("must be origins such as"));
        }
    }

    #[track_caller]
    fn check_headers(cors: &Cors, origin: Option<&str>, expected: &[(&str, &str)]) {
        let headers = cors.of_origin(origin, false);
        let without = |name: &&str| *name != "access-control-expose-headers";
        let given: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .filter(|(name, _)| without(name))
            .collect();
        assert_eq!(given, expected);
        let exposed = headers.contains_key("access-control-expose-headers");
        assert_eq!(exposed, headers.contains_key("access-control-allow-origin"));
    }

    #[test]
    fn a_page_may_read_answers_if_its_origin_is_listed() {
        let allowed = |origin| ("access-control-allow-origin", origin);
        let vary = ("vary", "origin");
        let (a, b) = ("https://a.example", "https://b.example");
        check_headers(&Cors::Off, Some(a), &[]);
        check_headers(&Cors::Any, Some(a), &[allowed("*")]);
        check_headers(&Cors::Any, None, &[]);
        check_headers(&listed(&[a]), Some(a), &[allowed(a), vary]);
        check_headers(&listed(&[b, a]), Some(a), &[allowed(a), vary]);
        check_headers(&listed(&[a]), Some(b), &[vary]);
        check_headers(&listed(&[a]), Some("https://a.example.b.example"), &[vary]);
        check_headers(&listed(&[a]), Some("null"), &[vary]);
        check_headers(&listed(&[a]), None, &[vary]);
    }
}
