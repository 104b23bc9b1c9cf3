//! Routes as `access.yaml` names them (`POST /predict/{model}`), and the IAM globs that say the same.
//! In a glob `*` crosses `/`; what a glob matches beyond its pattern is returned as globs to deny.

use std::fmt;

use thiserror::Error;

/// The methods API Gateway routes. `*` in a pattern stands for each of them: as a glob it would cross `/`.
const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// The one route of a WebSocket API that asks an authorizer. It has neither method nor path.
pub(crate) const CONNECT: &str = "$connect";

/// Routes of one shape: a method, and a path of literals, single segments and perhaps a rest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoutePattern {
    /// One of [`METHODS`], `None` for all of them, or [`CONNECT`].
    method: Option<&'static str>,
    segments: Vec<Segment>,
    /// `**` at the end: any number of further segments, none included.
    rest: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    /// `*` or `{name}`: one segment that is not empty, with an ending such as `:predict`.
    One {
        name: Option<String>,
        ending: String,
    },
}

/// Why a text is no route pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// Neither a method, a space and a path, nor `$connect`.
    #[error("`{0}` is not a method and a path, such as `POST /predict`, nor `$connect`")]
    Shape(String),
    /// A character that means something else in an ARN or a path.
    #[error("`{0}`: a path has letters, digits and `-._~:@!$&'()+;=` between its slashes")]
    Character(String),
    /// A wildcard in a place that no IAM policy can express.
    #[error(
        "`{0}`: `**` ends a path, after literals and at most one whole `*` or `{{name}}` right before it"
    )]
    Rest(String),
    /// A parameter name twice.
    #[error("`{0}`: the parameter `{1}` stands twice")]
    TwiceNamed(String, String),
}

impl RoutePattern {
    /// Reads `METHOD /path`, or `$connect`.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text == CONNECT {
            return Ok(Self {
                method: Some(CONNECT),
                segments: Vec::new(),
                rest: false,
            });
        }
        let shape = || PatternError::Shape(text.to_owned());
        let (method, path) = text.split_once(' ').ok_or_else(shape)?;
        let method = match method {
            "*" => None,
            name => Some(
                *METHODS
                    .iter()
                    .find(|method| **method == name)
                    .ok_or_else(shape)?,
            ),
        };
        let path = path.trim_start().strip_prefix('/').ok_or_else(shape)?;
        let (path, rest) = match path.strip_suffix("**") {
            Some("") => ("", true),
            Some(path) => (path.strip_suffix('/').ok_or_else(shape)?, true),
            None => (path, false),
        };
        let segments = match path {
            "" => Vec::new(),
            path => path
                .split('/')
                .map(|part| {
                    Segment::parse(part).ok_or_else(|| PatternError::Character(text.to_owned()))
                })
                .collect::<Result<_, _>>()?,
        };
        let pattern = Self {
            method,
            segments,
            rest,
        };
        pattern.check(text)?;
        Ok(pattern)
    }

    /// True if it stands for one route alone.
    pub fn is_exact(&self) -> bool {
        let is_literal = |segment: &Segment| matches!(segment, Segment::Literal(_));
        self.method.is_some() && !self.rest && self.segments.iter().all(is_literal)
    }

    fn is_connect(&self) -> bool {
        self.method == Some(CONNECT)
    }

    /// The names of its parameters.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(Segment::name)
    }

    /// The same routes with one parameter bound to a value. The value must be a safe path segment.
    #[must_use]
    pub fn bind(&self, parameter: &str, value: &str) -> Self {
        let bind = |segment: &Segment| match segment {
            Segment::One {
                name: Some(name),
                ending,
            } if name == parameter => Segment::Literal(format!("{value}{ending}")),
            Segment::One { .. } | Segment::Literal(_) => segment.clone(),
        };
        Self {
            segments: self.segments.iter().map(bind).collect(),
            ..self.clone()
        }
    }

    /// True if this route (`METHOD/path`) is one of these.
    pub fn matches(&self, route: &str) -> bool {
        self.places(route).is_some()
    }

    /// What stands in a route (`METHOD/path`) for a parameter; `None` if the route is none of these.
    pub fn value_in<'a>(&self, route: &'a str, parameter: &str) -> Option<&'a str> {
        let mut places = self.places(route)?.into_iter();
        places.find_map(|(segment, part)| match segment {
            Segment::One { name, ending } if name.as_deref() == Some(parameter) => {
                part.strip_suffix(ending.as_str())
            }
            Segment::One { .. } | Segment::Literal(_) => None,
        })
    }

    /// The segments, each with what stands in its place.
    fn places<'a>(&self, route: &'a str) -> Option<Vec<(&Segment, &'a str)>> {
        if self.is_connect() {
            return (self.method == Some(route)).then(Vec::new);
        }
        let (method, path) = route.split_once('/')?;
        let named = match self.method {
            Some(name) => name == method,
            None => METHODS.contains(&method),
        };
        let parts: Vec<_> = path.split('/').filter(|_| !path.is_empty()).collect();
        let length = match self.rest {
            true => parts.len() >= self.segments.len(),
            false => parts.len() == self.segments.len(),
        };
        let places: Vec<_> = self.segments.iter().zip(parts).collect();
        let fit = places.iter().all(|(segment, part)| segment.matches(part));
        (named && length && fit).then_some(places)
    }

    /// True if every route of `other` is one of these.
    pub fn covers(&self, other: &Self) -> bool {
        let method = match self.method {
            None => !other.is_connect(),
            Some(_) => self.method == other.method,
        };
        let length = match (self.rest, other.rest) {
            (true, _) => other.segments.len() >= self.segments.len(),
            (false, true) => false,
            (false, false) => other.segments.len() == self.segments.len(),
        };
        let mut pairs = self.segments.iter().zip(&other.segments);
        method && length && pairs.all(|(mine, theirs)| mine.covers(theirs))
    }

    /// Globs over `METHOD/path` that together match all these routes, and more.
    pub fn allow_globs(&self) -> Vec<String> {
        self.globs(&self.path_glob(|_| None))
    }

    /// Globs that match exactly what [`Self::allow_globs`] match beyond these routes: for each single
    /// segment, the paths in which its `*` is empty or, without a rest, spans several segments.
    pub fn deny_globs(&self) -> Vec<String> {
        let singles = (0..self.segments.len())
            .filter(|index| matches!(self.segments.get(*index), Some(Segment::One { .. })));
        let stretches: &[&str] = if self.rest { &[""] } else { &["", "*/*"] };
        let paths = singles.flat_map(|single| {
            stretches
                .iter()
                .map(move |stretch| self.path_glob(|index| (index == single).then_some(*stretch)))
        });
        paths.flat_map(|path| self.globs(&path)).collect()
    }

    fn globs(&self, path: &str) -> Vec<String> {
        if self.is_connect() {
            return vec![CONNECT.to_owned()];
        }
        let ends: &[&str] = match (self.rest, self.segments.is_empty()) {
            (true, true) => &["*"],
            (true, false) => &["", "/*"],
            (false, _) => &[""],
        };
        let methods = match &self.method {
            Some(method) => std::slice::from_ref(method),
            None => &METHODS,
        };
        let with = |method: &&str| {
            ends.iter()
                .map(|end| format!("{method}/{path}{end}"))
                .collect::<Vec<_>>()
        };
        methods.iter().flat_map(with).collect()
    }

    fn path_glob<'a>(&self, stretch: impl Fn(usize) -> Option<&'a str>) -> String {
        let part = |(index, segment): (usize, &Segment)| match segment {
            Segment::Literal(text) => text.clone(),
            Segment::One { ending, .. } => format!("{}{ending}", stretch(index).unwrap_or("*")),
        };
        let parts: Vec<_> = self.segments.iter().enumerate().map(part).collect();
        parts.join("/")
    }

    fn check(&self, text: &str) -> Result<(), PatternError> {
        let is_single = |segment: &Segment| matches!(segment, Segment::One { .. });
        let after = self
            .segments
            .iter()
            .skip_while(|segment| !is_single(segment))
            .skip(1);
        let ended = |segment: &Segment| matches!(segment, Segment::One { ending, .. } if !ending.is_empty());
        // No Deny tells the paths of `/{a}:b/**` from those in which the ending comes a segment later.
        if self.rest && (after.count() > 0 || self.segments.iter().any(ended)) {
            return Err(PatternError::Rest(text.to_owned()));
        }
        for (index, name) in self.parameters().enumerate() {
            if self.parameters().skip(index + 1).any(|other| other == name) {
                return Err(PatternError::TwiceNamed(text.to_owned(), name.to_owned()));
            }
        }
        Ok(())
    }
}

impl Segment {
    fn parse(part: &str) -> Option<Self> {
        let (name, ending) = match part.strip_prefix('*') {
            Some(ending) => (None, ending),
            None => match part.strip_prefix('{') {
                Some(rest) => {
                    let (name, ending) = rest.split_once('}')?;
                    (Some(name), ending)
                }
                None => return is_literal(part).then(|| Self::Literal(part.to_owned())),
            },
        };
        let named = name.is_none_or(is_name);
        let ended = ending.is_empty() || is_literal(ending);
        (named && ended).then(|| Self::One {
            name: name.map(str::to_owned),
            ending: ending.to_owned(),
        })
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::One { name, .. } => name.as_deref(),
            Self::Literal(_) => None,
        }
    }

    fn matches(&self, part: &str) -> bool {
        match self {
            Self::Literal(text) => text == part,
            Self::One { ending, .. } => {
                part.len() > ending.len() && part.ends_with(ending.as_str())
            }
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Literal(theirs)) => self.matches(theirs),
            (Self::Literal(_), Self::One { .. }) => false,
            (Self::One { ending, .. }, Self::One { ending: theirs, .. }) => {
                theirs.ends_with(ending.as_str())
            }
        }
    }
}

impl fmt::Display for RoutePattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_connect() {
            return out.write_str(CONNECT);
        }
        write!(out, "{} ", self.method.unwrap_or("*"))?;
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => write!(out, "/{text}")?,
                Segment::One {
                    name: Some(name),
                    ending,
                } => write!(out, "/{{{name}}}{ending}")?,
                Segment::One { name: None, ending } => write!(out, "/*{ending}")?,
            }
        }
        match (self.rest, self.segments.is_empty()) {
            (true, _) => out.write_str("/**"),
            (false, true) => out.write_str("/"),
            (false, false) => Ok(()),
        }
    }
}

/// RFC 3986 `pchar` without `*`, `,` and percent-encoding.
fn is_literal(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:@!$&'()+;=".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// True if some text is matched by both globs, in which `*` stands for any characters.
pub(crate) fn globs_meet(left: &str, right: &str) -> bool {
    let before = |text: &str, end: usize| {
        end.checked_sub(1)
            .and_then(|at| text.as_bytes().get(at).copied())
    };
    let at = |row: &[bool], column: Option<usize>| {
        column
            .and_then(|column| row.get(column).copied())
            .unwrap_or(false)
    };
    // In row `i`, column `j` is true if the first `i` characters of `left` and the first `j` of `right` meet.
    let mut above: Vec<bool> = Vec::new();
    for i in 0..=left.len() {
        let mut row = Vec::with_capacity(right.len() + 1);
        for j in 0..=right.len() {
            let neighbour = at(&above, Some(j)) || at(&row, j.checked_sub(1));
            row.push(match (before(left, i), before(right, j)) {
                (None, None) => true,
                (Some(b'*'), _) | (_, Some(b'*')) if neighbour => true,
                (Some(left), Some(right)) => left == right && at(&above, j.checked_sub(1)),
                (Some(_), None) | (None, Some(_)) => false,
            });
        }
        above = row;
    }
    at(&above, Some(right.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> RoutePattern {
        RoutePattern::parse(text).unwrap()
    }

    #[track_caller]
    fn refused(text: &str, message: &str) {
        assert_eq!(RoutePattern::parse(text).unwrap_err().to_string(), message);
    }

    #[test]
    fn patterns_are_printed_as_they_are_written() {
        for text in [
            "POST /predict",
            "GET /",
            "GET /**",
            "* /v2/**",
            "GET /v2/*/ready",
            "POST /v1/models/{model}:predict",
            "GET /v2/models/{model}/versions/{version}",
            "GET /files/{name}/**",
        ] {
            assert_eq!(pattern(text).to_string(), text);
        }
    }

    #[test]
    fn what_no_glob_can_say_is_refused() {
        let shape = |text: &str| {
            format!("`{text}` is not a method and a path, such as `POST /predict`, nor `$connect`")
        };
        for text in [
            "",
            "/predict",
            "POST",
            "post /predict",
            "ANY /x",
            "POST predict",
            "GET /a**",
        ] {
            refused(text, &shape(text));
        }
        for text in [
            "GET //",
            "GET /a/",
            "GET /a b",
            "GET /a%20b",
            "GET /a*b",
            "GET /{a",
            "GET /{}",
            "GET /{a+}",
            "GET /é",
            "GET /a?b",
            "GET /**/a",
        ] {
            refused(
                text,
                &format!(
                    "`{text}`: a path has letters, digits and `-._~:@!$&'()+;=` between its slashes"
                ),
            );
        }
        for text in ["GET /*/a/**", "GET /*/*/**", "GET /{n}:a/**"] {
            refused(
                text,
                &format!(
                    "`{text}`: `**` ends a path, after literals and at most one whole `*` or `{{name}}` right before it"
                ),
            );
        }
        refused(
            "GET /{a}/{a}",
            "`GET /{a}/{a}`: the parameter `a` stands twice",
        );
    }

    #[track_caller]
    fn globs(text: &str, allowed: &[&str], denied: &[&str]) {
        assert_eq!(pattern(text).allow_globs(), allowed);
        assert_eq!(pattern(text).deny_globs(), denied);
    }

    #[test]
    fn globs_allow_the_routes_and_deny_what_a_star_takes_too_much() {
        globs("POST /predict", &["POST/predict"], &[]);
        globs("GET /", &["GET/"], &[]);
        globs("GET /**", &["GET/*"], &[]);
        globs("GET /v2/**", &["GET/v2", "GET/v2/*"], &[]);
        globs(
            "POST /predict/{m}",
            &["POST/predict/*"],
            &["POST/predict/", "POST/predict/*/*"],
        );
        globs(
            "GET /a/*/b/*",
            &["GET/a/*/b/*"],
            &["GET/a//b/*", "GET/a/*/*/b/*", "GET/a/*/b/", "GET/a/*/b/*/*"],
        );
        globs(
            "GET /a/{b}/**",
            &["GET/a/*", "GET/a/*/*"],
            &["GET/a/", "GET/a//*"],
        );
        globs(
            "POST /m/{m}:predict",
            &["POST/m/*:predict"],
            &["POST/m/:predict", "POST/m/*/*:predict"],
        );
        assert_eq!(pattern("* /x").allow_globs().len(), METHODS.len());
    }

    /// True if the glob matches the text, in which every character stands for itself.
    fn glob_matches(glob: &str, text: &str) -> bool {
        let mut parts = glob.split('*');
        let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
            return false;
        };
        let Some(last) = parts.next_back() else {
            return rest.is_empty();
        };
        for part in parts {
            let Some((_, after)) = rest.split_once(part) else {
                return false;
            };
            rest = after;
        }
        rest.ends_with(last)
    }

    #[test]
    fn globs_say_what_the_pattern_says_for_every_short_path() {
        let letters = ['a', 'b', ':', '/'];
        let mut paths = vec![String::new()];
        for length in 1..=6 {
            let longer = paths.iter().filter(|path| path.len() == length - 1);
            let longer: Vec<_> = longer
                .flat_map(|path| letters.map(|letter| format!("{path}{letter}")))
                .collect();
            paths.extend(longer);
        }
        for text in [
            "GET /a",
            "GET /*",
            "GET /a/*",
            "GET /*/a",
            "GET /*/a/*",
            "GET /*/*",
            "GET /**",
            "GET /a/**",
            "GET /a/*/**",
            "GET /*:b",
            "GET /*:b/a",
        ] {
            let pattern = pattern(text);
            let (allow, deny) = (pattern.allow_globs(), pattern.deny_globs());
            let any =
                |globs: &[String], route: &str| globs.iter().any(|glob| glob_matches(glob, route));
            for path in &paths {
                let route = format!("GET/{path}");
                let open = any(&allow, &route) && !any(&deny, &route);
                assert_eq!(open, pattern.matches(&route), "{text} and {route}");
            }
        }
    }

    #[test]
    fn the_route_of_a_websocket_api_stands_alone() {
        let connect = pattern("$connect");
        assert_eq!(connect.to_string(), "$connect");
        assert_eq!(connect.allow_globs(), ["$connect"]);
        assert!(connect.deny_globs().is_empty() && connect.parameters().next().is_none());
        for other in ["* /**", "GET /$connect", "GET /"] {
            covers("$connect", other, false);
            covers(other, "$connect", false);
            let globs = pattern(other).allow_globs();
            assert!(!globs.iter().any(|glob| globs_meet(glob, "$connect")));
        }
        covers("$connect", "$connect", true);
        for odd in [
            "$connect ",
            "$connect /",
            "$disconnect",
            "$default",
            "GET $connect",
        ] {
            assert!(RoutePattern::parse(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_pattern_is_exact_if_it_is_one_route() {
        for text in ["$connect", "GET /", "GET /a/b:c"] {
            assert!(pattern(text).is_exact(), "{text}");
        }
        for text in ["* /a", "GET /**", "GET /*", "GET /{a}/b"] {
            assert!(!pattern(text).is_exact(), "{text}");
        }
    }

    #[track_caller]
    fn value(text: &str, route: &str, expected: Option<&str>) {
        assert_eq!(pattern(text).value_in(route, "m"), expected, "{route}");
    }

    #[test]
    fn a_parameter_has_the_value_that_stands_in_its_place() {
        value("GET /a/{m}:b", "GET/a/x:b", Some("x"));
        value("GET /a/{m}/**", "GET/a/x/y/z", Some("x"));
        value("* /{n}/{m}", "PUT/x/y", Some("y"));
        value("GET /a/{m}", "GET/a/x/y", None);
        value("GET /a/{m}", "POST/a/x", None);
        value("GET /a/{n}", "GET/a/x", None);
        assert!(pattern("GET /").matches("GET/"));
        assert!(pattern("* /a").matches("PUT/a"));
        assert!(!pattern("* /a").matches("ANY/a"));
        assert!(!pattern("GET /**").matches("GET"));
    }

    #[track_caller]
    fn covers(wide: &str, narrow: &str, expected: bool) {
        assert_eq!(
            pattern(wide).covers(&pattern(narrow)),
            expected,
            "{wide} and {narrow}"
        );
    }

    #[test]
    fn a_pattern_covers_what_it_matches_wholly() {
        covers("GET /a", "GET /a", true);
        covers("GET /a", "POST /a", false);
        covers("* /a", "POST /a", true);
        covers("POST /a", "* /a", false);
        covers("GET /**", "GET /a/{b}", true);
        covers("GET /a/**", "GET /a", true);
        covers("GET /a/**", "GET /a/*/**", true);
        covers("GET /a/*", "GET /a/**", false);
        covers("GET /a/*", "GET /a/b", true);
        covers("GET /a/b", "GET /a/*", false);
        covers("GET /*", "GET /{x}:y", true);
        covers("GET /{x}:y", "GET /*", false);
        covers("GET /{x}:y", "GET /a:y", true);
        covers("GET /{x}:y", "GET /:y", false);
    }

    #[track_caller]
    fn meet(left: &str, right: &str, expected: bool) {
        assert_eq!(globs_meet(left, right), expected, "{left} and {right}");
        assert_eq!(globs_meet(right, left), expected, "{right} and {left}");
    }

    #[test]
    fn a_glob_matches_texts_to_the_letter() {
        for (glob, text, expected) in [
            ("", "", true),
            ("a", "", false),
            ("*", "", true),
            ("a*", "a/b/c", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("ab*bc", "abc", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a/b", "a/*", false),
            ("**", "x", true),
        ] {
            assert_eq!(glob_matches(glob, text), expected, "{glob} and {text}");
        }
    }

    #[test]
    fn globs_meet_if_one_text_fits_both() {
        meet("", "", true);
        meet("", "*", true);
        meet("a", "", false);
        meet("a*", "*b", true);
        meet("a*c", "ab*", true);
        meet("a*c", "b*", false);
        meet("a/*/c", "a/*", true);
        meet("a/*/*", "a/b", false);
        meet("a/*/*", "a/*/ready", true);
        meet("***", "x", true);
    }
}
