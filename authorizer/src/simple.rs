//! The simple answers of HTTP APIs: one verdict in place of a policy, on the route asked for. Here is when
//! one may be given, and what it says; where a path can be read in two ways, both must be open.

use thiserror::Error;

use crate::deployment::{Answers, Deployment};
use crate::event::{Payload, Request};
use crate::pattern::RoutePattern;
use crate::rules::OpenRoutes;

/// Why the gateway cannot be given a verdict, though the function is set to answer one. A mistake of the
/// deployment.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SimpleError {
    /// Only payload 2.0 of an HTTP API takes a simple answer.
    #[error(
        "`AUTHORIZER_ANSWERS` is `simple`, and the event is not payload 2.0 of an HTTP API, which alone takes simple answers: set it to `iam`"
    )]
    Payload,
    /// The verdict would be replayed for other methods or paths.
    #[error(
        "a simple answer for the API's route `{route_key}` would be remembered for other requests of that route: set `AUTHORIZER_TTL=0`, \
         or add `{missing}` to the authorizer's identity sources and to `AUTHORIZER_IDENTITY_SOURCES`"
    )]
    Remembered {
        /// The API's route.
        route_key: String,
        /// What would keep the requests apart.
        missing: &'static str,
    },
}

/// What is wrong with a configuration for simple answers. Each rule alone is sound: what is missing is that
/// the gateway keeps apart what the rules do.
pub(crate) fn problems<'a>(
    deployment: &Deployment,
    mut routes: impl Iterator<Item = &'a RoutePattern>,
) -> Vec<String> {
    let problem = |missing: &str, why: &str| {
        format!(
            "`AUTHORIZER_ANSWERS=simple` gives one verdict, which the gateway would replay for {why}: set `AUTHORIZER_TTL=0`, \
             or add `{missing}` to the authorizer's identity sources and to `AUTHORIZER_IDENTITY_SOURCES`"
        )
    };
    match deployment.answers {
        Answers::Simple if deployment.remembers() => {}
        Answers::Simple | Answers::Policy => return Vec::new(),
    }
    let sources = &deployment.identity_sources;
    let mut problems = Vec::new();
    if !sources.have_context("routeKey") {
        problems.push(problem("$context.routeKey", "every route of a token"));
    }
    if !sources.have_context("path") && routes.any(|route| !route.is_exact()) {
        let why = "every path of a route, and a rule has a parameter or a wildcard";
        problems.push(problem("$context.path", why));
    }
    problems
}

/// Whether this request may be given what the deployment wants. A route of the API that stands for several
/// methods or paths has one verdict for all of them, unless the gateway is told to keep them apart.
pub(crate) fn check(request: &Request, deployment: &Deployment) -> Result<(), SimpleError> {
    let route_key = match (deployment.answers, &request.payload) {
        (Answers::Policy, _) => return Ok(()),
        (Answers::Simple, Payload::First) => return Err(SimpleError::Payload),
        (Answers::Simple, Payload::Second { route_key }) => route_key.as_deref(),
    };
    if !deployment.remembers() {
        return Ok(());
    }
    let route_key = route_key.unwrap_or("$default");
    let (method, path) = route_key.split_once(' ').unwrap_or(("ANY", "{}"));
    let sources = &deployment.identity_sources;
    let remembered = |missing| SimpleError::Remembered {
        route_key: route_key.escape_debug().to_string(),
        missing,
    };
    if method == "ANY" && !sources.have_context("httpMethod") {
        return Err(remembered("$context.httpMethod"));
    }
    if path.contains('{') && !sources.have_context("path") {
        return Err(remembered("$context.path"));
    }
    Ok(())
}

/// True if the route asked for is open in every way in which it can be read: as the ARN has it, as method
/// and path have it, and with the path's percent-encoding undone.
pub fn is_open(open: &OpenRoutes, request: &Request) -> bool {
    let circumstances = &request.circumstances;
    let (Some(method), Some(path)) = (&circumstances.method, &circumstances.path) else {
        return false;
    };
    let asked = [request.route.clone(), format!("{method}{path}")];
    asked.iter().all(|route| {
        let decoded = percent_decoded(route);
        open.contain(route) && decoded.is_some_and(|decoded| open.contain(&decoded))
    })
}

/// One pass, as a server makes. `None` if it is not percent-encoded UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
        decoded.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::deployment::IdentitySources;
    use crate::event::Place;

    fn deployment(ttl: u64, sources: &str) -> Deployment {
        Deployment {
            ttl: std::time::Duration::from_secs(ttl),
            answers: Answers::Simple,
            identity_sources: IdentitySources::parse(sources).unwrap(),
            ..Deployment::default()
        }
    }

    #[track_caller]
    fn start(deployment: &Deployment, routes: &[&str], expected: &[&str]) {
        let routes: Vec<_> = routes
            .iter()
            .map(|text| RoutePattern::parse(text).unwrap())
            .collect();
        let problems = problems(deployment, routes.iter());
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, part) in problems.iter().zip(expected) {
            assert!(problem.contains(part), "{problem}");
        }
    }

    #[test]
    fn a_verdict_is_remembered_by_route_and_where_rules_need_it_by_path() {
        const TOKEN: &str = "$request.header.Authorization";
        let by_route = format!("{TOKEN},$context.routeKey");
        let by_path = format!("{by_route},$context.path");
        let (exact, wide) = (["GET /a", "$connect"], ["GET /a", "GET /b/{c}"]);
        start(&deployment(0, TOKEN), &wide, &[]);
        start(
            &deployment(300, TOKEN),
            &exact,
            &["add `$context.routeKey`"],
        );
        start(
            &deployment(300, TOKEN),
            &wide,
            &["`$context.routeKey`", "`$context.path`"],
        );
        start(&deployment(300, &by_route), &exact, &[]);
        for wide in ["GET /b/{c}", "GET /*", "GET /b/**", "* /b"] {
            start(
                &deployment(300, &by_route),
                &[wide],
                &["add `$context.path`"],
            );
        }
        start(&deployment(300, &by_path), &wide, &[]);
        let policies = Deployment {
            answers: Answers::Policy,
            ..deployment(300, TOKEN)
        };
        start(&policies, &wide, &[]);
    }

    fn request(route: &str, path: &str, route_key: &str) -> Request {
        let method = route.split('/').next().unwrap();
        let event = json!({
            "type": "REQUEST", "version": "2.0", "routeKey": route_key, "rawPath": path,
            "routeArn": format!("arn:aws:execute-api:eu-west-1:123456789012:abc123/$default/{route}"),
            "requestContext": {"stage": "$default", "http": {"method": method}},
        });
        Request::read(&event.to_string(), &[Place::Authorization]).unwrap()
    }

    #[test]
    fn a_route_of_the_api_that_is_wider_than_the_memory_gets_no_verdict() {
        let missing = |route_key: &str, sources: &str| {
            let request = request("GET/a", "/a", route_key);
            match check(&request, &deployment(300, sources)) {
                Ok(()) => None,
                Err(SimpleError::Remembered { missing, .. }) => Some(missing),
                Err(SimpleError::Payload) => panic!("payload"),
            }
        };
        let by_route = "$context.routeKey";
        assert_eq!(missing("GET /a", by_route), None);
        assert_eq!(missing("ANY /a", by_route), Some("$context.httpMethod"));
        assert_eq!(missing("$default", by_route), Some("$context.httpMethod"));
        assert_eq!(missing("GET /a/{b}", by_route), Some("$context.path"));
        assert_eq!(
            missing("GET /{proxy+}", "$context.routeKey,$context.path"),
            None
        );
        let all = "$context.routeKey,$context.path,$context.httpMethod";
        assert_eq!(missing("$default", all), None);
        let forgetful = deployment(0, by_route);
        assert_eq!(
            check(&request("GET/a", "/a", "$default"), &forgetful),
            Ok(())
        );
    }

    #[test]
    fn other_events_get_no_verdict() {
        let event = json!({"type": "TOKEN", "methodArn": "arn:aws:execute-api:r:1:a/b/GET/c"});
        let request = Request::read(&event.to_string(), &[]).unwrap();
        let simple = deployment(0, "$context.routeKey");
        assert_eq!(check(&request, &simple), Err(SimpleError::Payload));
        assert_eq!(check(&request, &Deployment::default()), Ok(()));
    }

    #[test]
    fn every_reading_of_a_route_must_be_open() {
        let patterns = ["POST /predict/{m}", "GET /v2/**"];
        let patterns = patterns.map(|text| RoutePattern::parse(text).unwrap());
        let open = OpenRoutes::of(&patterns, u64::MAX);
        for (route, path, expected) in [
            ("POST/predict/wine", "/predict/wine", true),
            ("POST/predict/wine", "/predict/other", true),
            ("POST/predict/wine%20red", "/predict/wine%20red", true),
            ("POST/predict/a%2Fb", "/predict/a%2Fb", false),
            ("POST/predict/a%2fb", "/predict/ab", false),
            ("POST/predict/ab", "/predict/a%2fb", false),
            ("POST/predict/a%zz", "/predict/a%zz", false),
            ("POST/predict/a%", "/predict/a%", false),
            ("POST/predict/a%FF", "/predict/a%FF", false),
            ("POST/predict/wine", "/predict", false),
            ("POST/predict", "/predict/wine", false),
            ("GET/predict/wine", "/predict/wine", false),
            ("GET/v2/a%2Fb", "/v2/a%2Fb", true),
            ("GET/v2/x", "/admin", false),
        ] {
            let request = request(route, path, "POST /predict/{m}");
            assert_eq!(is_open(&open, &request), expected, "{route} and {path}");
        }
        let mut request = request("GET/v2/a", "/v2/a", "GET /v2/a");
        request.circumstances.path = None;
        assert!(!is_open(&open, &request));
    }
}
