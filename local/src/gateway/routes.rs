//! Finds the route of a request as a REST API does: the most specific resource first, then its
//! method. Where the routes come from is the business of `template`.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

/// One method of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// An HTTP method in capitals, or `ANY`.
    pub method: String,
    /// The resource as the template names it: `/v2/models/{model}/infer`.
    pub resource: String,
    /// Whether the authorizer is asked first.
    pub access: Access,
}

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever the authorizer lets in.
    Authorized,
    /// Everybody.
    Open,
}

/// A route that answers a request, with what its parameters stand for.
#[derive(Debug, PartialEq, Eq)]
pub struct Matched<'a> {
    /// The route.
    pub route: &'a Route,
    /// Parameter names and decoded values.
    pub parameters: BTreeMap<String, String>,
}

/// Finds the route for `method` and `path`, the path as received and without its query.
pub fn find<'a>(routes: &'a [Route], method: &str, path: &str) -> Option<Matched<'a>> {
    let matches = routes
        .iter()
        .filter_map(|route| Some((route, parameters(&route.resource, path)?)));
    let matches: Vec<_> = matches.collect();
    let best = matches
        .iter()
        .map(|(route, _)| *route)
        .min_by(|a, b| specificity(a, b))?;
    // Only the best resource counts: a method that it lacks is not looked for elsewhere.
    let of_best = matches
        .into_iter()
        .filter(|(route, _)| specificity(route, best) == Ordering::Equal);
    let offered: Vec<_> = of_best
        .filter(|(route, _)| route.method == method || route.method == "ANY")
        .collect();
    let (route, parameters) = offered
        .into_iter()
        .min_by_key(|(route, _)| route.method == "ANY")?;
    Some(Matched { route, parameters })
}

/// How one segment of a resource reads a path; in the order of their precedence.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment<'a> {
    Literal(&'a str),
    Parameter(&'a str),
    Greedy(&'a str),
}

fn segments(resource: &str) -> impl Iterator<Item = Segment<'_>> {
    resource.split('/').map(|segment| {
        let name = segment
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        match name.map(|name| (name, name.strip_suffix('+'))) {
            Some((_, Some(greedy))) => Segment::Greedy(greedy),
            Some((name, None)) => Segment::Parameter(name),
            None => Segment::Literal(segment),
        }
    })
}

/// Compares two resources that match the same path: a literal goes before a parameter,
/// a parameter before a greedy one.
fn specificity(a: &Route, b: &Route) -> Ordering {
    let rank = |segment: Segment<'_>| match segment {
        Segment::Literal(_) => 0,
        Segment::Parameter(_) => 1,
        Segment::Greedy(_) => 2,
    };
    segments(&a.resource)
        .map(rank)
        .cmp(segments(&b.resource).map(rank))
}

/// The parameters of `path` under `resource`; none if they do not fit. A parameter is never empty.
fn parameters(resource: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let mut parameters = BTreeMap::new();
    let mut rest = Some(path);
    for segment in segments(resource) {
        let (head, tail) = match rest?.split_once('/') {
            Some((head, tail)) => (head, Some(tail)),
            None => (rest?, None),
        };
        let (name, value) = match segment {
            Segment::Literal(literal) if literal == head => {
                rest = tail;
                continue;
            }
            Segment::Literal(_) => return None,
            Segment::Parameter(name) => (name, head),
            Segment::Greedy(name) => (name, rest?),
        };
        rest = if matches!(segment, Segment::Greedy(_)) {
            None
        } else {
            tail
        };
        if value.is_empty() {
            return None;
        }
        parameters.insert(
            name.to_owned(),
            percent_decode_str(value).decode_utf8_lossy().into_owned(),
        );
    }
    rest.is_none().then_some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Vec<Route> {
        [
            ("POST", "/predict"),
            ("POST", "/predict/{model}"),
            ("GET", "/v2"),
            ("GET", "/v2/models/{model}"),
            ("GET", "/v2/models/{model}/versions/{version}"),
            ("POST", "/v2/models/{model}/infer"),
            ("GET", "/v2/models/special"),
            ("ANY", "/v1/{proxy+}"),
            ("GET", "/v1/models"),
            ("DELETE", "/v1/{proxy+}"),
        ]
        .map(|(method, resource)| Route {
            method: method.to_owned(),
            resource: resource.to_owned(),
            access: Access::Authorized,
        })
        .to_vec()
    }

    /// Method and resource of a route, and the parameters of a path under it.
    type Found<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

    #[track_caller]
    fn check(method: &str, path: &str, expected: Option<Found<'_>>) {
        let routes = routes();
        let found = find(&routes, method, path);
        let found = found.as_ref().map(|matched| {
            let parameters: Vec<_> = matched
                .parameters
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect();
            (
                matched.route.method.as_str(),
                matched.route.resource.as_str(),
                parameters,
            )
        });
        assert_eq!(
            found,
            expected.map(|(method, resource, parameters)| (method, resource, parameters.to_vec()))
        );
    }

    #[test]
    fn a_route_is_a_method_of_a_resource() {
        check("POST", "/predict", Some(("POST", "/predict", &[])));
        check("GET", "/predict", None);
        check("post", "/predict", None);
        check("POST", "/Predict", None);
        check("POST", "/predict/", None);
        check("POST", "//predict", None);
        check("POST", "predict", None);
        check("POST", "/", None);
        check("POST", "", None);
        check("GET", "/v2", Some(("GET", "/v2", &[])));
    }

    #[test]
    fn a_parameter_is_one_segment_decoded() {
        check(
            "POST",
            "/predict/wine",
            Some(("POST", "/predict/{model}", &[("model", "wine")])),
        );
        check(
            "POST",
            "/predict/a%20b%2Fc",
            Some(("POST", "/predict/{model}", &[("model", "a b/c")])),
        );
        check("POST", "/predict/wine/infer", None);
        check("POST", "/v2/models//infer", None);
        check(
            "GET",
            "/v2/models/wine/versions/3",
            Some((
                "GET",
                "/v2/models/{model}/versions/{version}",
                &[("model", "wine"), ("version", "3")],
            )),
        );
    }

    #[test]
    fn the_most_specific_resource_decides_and_then_its_methods() {
        check(
            "GET",
            "/v2/models/special",
            Some(("GET", "/v2/models/special", &[])),
        );
        check(
            "GET",
            "/v2/models/other",
            Some(("GET", "/v2/models/{model}", &[("model", "other")])),
        );
        check("GET", "/v1/models", Some(("GET", "/v1/models", &[])));
        check("POST", "/v1/models", None);
    }

    #[test]
    fn a_greedy_parameter_takes_the_rest() {
        let path = "/v1/models/wine:predict";
        check(
            "POST",
            path,
            Some(("ANY", "/v1/{proxy+}", &[("proxy", "models/wine:predict")])),
        );
        check(
            "DELETE",
            path,
            Some((
                "DELETE",
                "/v1/{proxy+}",
                &[("proxy", "models/wine:predict")],
            )),
        );
        check("POST", "/v1/", None);
        check("POST", "/v1", None);
    }
}
