//! What API Gateway sends: the shape is recognised from the event, and read leniently. A missing, null
//! or odd header is no credential; it never fails the event.

mod credentials;

use std::net::IpAddr;

use thiserror::Error;

use crate::json::{self, Members, View};
use crate::pattern::CONNECT;
use crate::policy::StageArn;
use crate::token::{BearerToken, TokenError};
use credentials::Credential;
pub use credentials::Place;

/// A request to decide on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Where the policy's resources lie.
    pub stage: StageArn,
    /// The route asked for, as `METHOD/path`: for the log alone where the answer is replayed on others.
    pub route: String,
    /// What it brings beside its token.
    pub circumstances: Circumstances,
    /// Which answers the gateway can take.
    pub payload: Payload,
    credentials: Vec<Credential>,
}

/// What kind of event asks, as far as it matters for the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// `TOKEN` or `REQUEST` of a REST API, payload 1.0 of an HTTP API, `$connect` of a WebSocket API: they
    /// take a policy.
    First,
    /// Payload 2.0 of an HTTP API: a policy, or a simple answer if the API is set to want one.
    Second {
        /// The route of the API that was found for the request, such as `POST /predict/{model}`.
        route_key: Option<String>,
    },
}

/// What an event says of a request beside its token. An answer that depends on any of it must not be
/// remembered by the gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// The HTTP method; none in a `TOKEN` event.
    pub method: Option<String>,
    /// The path without the stage, as received; none in a `TOKEN` event.
    pub path: Option<String>,
    /// The address of the client, as the gateway saw it.
    pub source_ip: Option<IpAddr>,
    /// Every value of the header `DPoP`.
    pub dpop_proofs: Vec<String>,
    /// The client's certificate in PEM, where the gateway asks for one.
    pub client_certificate: Option<String>,
}

/// Why a JSON text is no authorizer event. Our mistake or the deployment's, never the caller's.
#[derive(Debug, Error)]
pub enum EventError {
    /// The event is not JSON.
    #[error("the event is not JSON")]
    Json(#[source] serde_json::Error),
    /// Not an event of an authorizer.
    #[error(
        "the event is none of a REST API authorizer (`TOKEN`, `REQUEST`), an HTTP API authorizer (payload 1.0, 2.0) or a WebSocket API authorizer"
    )]
    Shape,
    /// The ARN of the method or route is missing or malformed.
    #[error("the event has no `execute-api` ARN of the method or route")]
    Arn,
}

impl Request {
    /// Reads a `TOKEN` or `REQUEST` event of a REST API, payload 1.0 or 2.0 of an HTTP API, or `$connect` of
    /// a WebSocket API; the token may come from any of the `places`. Payload 1.0 and `$connect` are those of
    /// a REST API, but for the ARN of `$connect`, which has neither method nor path.
    pub fn read(event: &str, places: &[Place]) -> Result<Self, EventError> {
        // Names of headers and of query parameters are the client's: none may have a meaning for a parser.
        let event = members(event)?;
        let text = |name: &str| event.text(name);
        let (is_token, is_second) = match (text("type"), text("version")) {
            (Some("TOKEN"), _) => (true, false),
            (Some("REQUEST"), version) => (false, version == Some("2.0")),
            _ => return Err(EventError::Shape),
        };
        let (arn, payload) = if is_second {
            let route_key = text("routeKey").map(str::to_owned);
            ("routeArn", Payload::Second { route_key })
        } else {
            ("methodArn", Payload::First)
        };
        let find = |place: &Place| {
            if is_token {
                place.find_in_token_event(&event)
            } else {
                place.find(&event)
            }
        };
        let arn = text(arn).unwrap_or_default();
        Ok(Self {
            stage: StageArn::of(arn).ok_or(EventError::Arn)?,
            route: arn.splitn(3, '/').nth(2).unwrap_or_default().to_owned(),
            circumstances: Circumstances::read(&event),
            payload,
            credentials: places.iter().flat_map(find).collect(),
        })
    }

    /// True for the request that opens a connection to a WebSocket API.
    pub(crate) fn is_connect(&self) -> bool {
        self.route == CONNECT
    }

    /// The one bearer token of the request.
    pub fn token(&self) -> Result<BearerToken<'_>, TokenError> {
        match self.credentials.as_slice() {
            [] => Err(TokenError::Missing),
            [credential] => credential.token(),
            _ => Err(TokenError::SeveralCredentials),
        }
    }
}

impl Circumstances {
    fn read(event: &Members) -> Self {
        let context = |path: &[&str]| {
            let mut names = path.iter();
            let found = names.try_fold(event.get("requestContext")?, |value, name| value.get(name));
            found?.as_str()
        };
        let top = |name: &str| event.text(name);
        let method = top("httpMethod").or_else(|| context(&["http", "method"]));
        let address = context(&["identity", "sourceIp"]).or_else(|| context(&["http", "sourceIp"]));
        let certificate = context(&["identity", "clientCert", "clientCertPem"])
            .or_else(|| context(&["authentication", "clientCert", "clientCertPem"]));
        Self {
            method: method.map(str::to_owned),
            path: top("path").or_else(|| raw_path(event)).map(str::to_owned),
            source_ip: address.and_then(|address| address.parse().ok()),
            dpop_proofs: header(event, "dpop"),
            client_certificate: certificate.map(str::to_owned),
        }
    }
}

fn members(event: &str) -> Result<Members, EventError> {
    Members::read(event.to_owned()).map_err(|error| {
        // What is JSON, but no object, is no event of any kind.
        match json::value(event.as_bytes()) {
            Ok(_) => EventError::Shape,
            Err(_) => EventError::Json(error),
        }
    })
}

/// The path of payload 2.0 begins with the stage, unless that is the one without a name.
fn raw_path(event: &Members) -> Option<&str> {
    let path = event.text("rawPath")?;
    let stage = event.get("requestContext")?.get("stage")?.as_str()?;
    let within = path
        .strip_prefix('/')
        .and_then(|path| path.strip_prefix(stage))
        .filter(|rest| rest.is_empty() || rest.starts_with('/'));
    match within {
        Some("") => Some("/"),
        Some(rest) => Some(rest),
        None => Some(path),
    }
}

/// The values of every header with this name in any case. `headers` has the last value of each name
/// only, so `multiValueHeaders` counts where it has any.
fn header(event: &Members, wanted: &str) -> Vec<String> {
    let values = |member: &str| -> Vec<String> {
        let headers = event.get(member).and_then(|headers| headers.as_object());
        let named = headers.into_iter().flat_map(|headers| headers.iter());
        let named = named.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        named.flat_map(|(_, value)| strings(Some(value))).collect()
    };
    match values("multiValueHeaders") {
        several if !several.is_empty() => several,
        _ => values("headers"),
    }
}

fn strings(value: Option<View<'_>>) -> Vec<String> {
    match value {
        Some(View::String(text)) => vec![text.to_owned()],
        Some(View::Array(items)) => {
            let texts = items.iter().filter_map(|item| item.as_str());
            texts.map(str::to_owned).collect()
        }
        Some(View::Null | View::Bool(_) | View::Number(_) | View::Object(_)) | None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/POST/predict";

    fn read(event: &Value) -> Result<Request, EventError> {
        Request::read(&event.to_string(), &[Place::Authorization])
    }

    #[track_caller]
    fn check(event: &Value, expected: Result<&str, TokenError>) {
        let request = read(event).unwrap();
        assert_eq!(
            request.token().map(|token| token.as_str()),
            expected,
            "{event}"
        );
    }

    fn request(headers: Value, several: Value) -> Value {
        json!({"type": "REQUEST", "methodArn": ARN, "headers": headers, "multiValueHeaders": several})
    }

    #[test]
    fn token_events_carry_one_header_value() {
        let token =
            |value: Value| json!({"type": "TOKEN", "methodArn": ARN, "authorizationToken": value});
        check(&token(json!("Bearer a.b.c")), Ok("a.b.c"));
        check(
            &token(json!("Bearer a.b.c,Bearer d.e.f")),
            Err(TokenError::SeveralCredentials),
        );
        for odd in [json!(null), json!(1), json!({}), json!("")] {
            check(&token(odd), Err(TokenError::Missing));
        }
        check(
            &json!({"type": "TOKEN", "methodArn": ARN}),
            Err(TokenError::Missing),
        );
    }

    #[test]
    fn request_events_are_read_from_whichever_headers_they_have() {
        let bearer = "Bearer a.b.c";
        check(
            &request(json!({"authorization": bearer}), json!(null)),
            Ok("a.b.c"),
        );
        check(
            &request(json!({"AUTHORIZATION": bearer}), json!({"Accept": ["*/*"]})),
            Ok("a.b.c"),
        );
        check(
            &request(json!(null), json!({"Authorization": [bearer]})),
            Ok("a.b.c"),
        );
        check(
            &request(
                json!({"Authorization": bearer}),
                json!({"Authorization": [bearer]}),
            ),
            Ok("a.b.c"),
        );
        check(&request(json!({}), json!({})), Err(TokenError::Missing));
        check(&request(json!([]), json!("x")), Err(TokenError::Missing));
        check(
            &request(
                json!({"X-Odd": [1, null], "Authorization": null}),
                json!(null),
            ),
            Err(TokenError::Missing),
        );
    }

    #[test]
    fn two_credentials_are_one_too_many() {
        let two = Err(TokenError::SeveralCredentials);
        check(
            &request(
                json!({"Authorization": "Bearer b"}),
                json!({"Authorization": ["Bearer a", "Bearer b"]}),
            ),
            two,
        );
        check(
            &request(
                json!({"Authorization": "Bearer b", "authorization": "Bearer a"}),
                json!(null),
            ),
            two,
        );
        let joined = json!({"type": "REQUEST", "version": "2.0", "routeArn": ARN, "headers": {"authorization": "Bearer a,Bearer b"}});
        check(&joined, two);
    }

    #[test]
    fn payload_2_names_the_route() {
        let event = json!({"type": "REQUEST", "version": "2.0", "routeArn": ARN, "methodArn": "x", "headers": {"authorization": "bearer a.b.c"}});
        check(&event, Ok("a.b.c"));
        let request = read(&event).unwrap();
        assert_eq!(request.route, "POST/predict");
    }

    #[test]
    fn circumstances_are_read_where_each_payload_has_them() {
        let rest = json!({
            "type": "REQUEST", "methodArn": ARN, "httpMethod": "POST", "path": "/predict", "headers": {"dpop": "a"},
            "requestContext": {"path": "/prod/predict", "identity": {"sourceIp": "192.0.2.1", "clientCert": {"clientCertPem": "PEM"}}},
        });
        let http = |path: &str, stage: &str| {
            json!({
                "type": "REQUEST", "version": "2.0", "routeArn": ARN, "rawPath": path, "headers": {"DPoP": "a"},
                "requestContext": {
                    "stage": stage, "http": {"method": "POST", "sourceIp": "192.0.2.1"},
                    "authentication": {"clientCert": {"clientCertPem": "PEM"}},
                },
            })
        };
        let expected = Circumstances {
            method: Some("POST".to_owned()),
            path: Some("/predict".to_owned()),
            source_ip: Some([192, 0, 2, 1].into()),
            dpop_proofs: vec!["a".to_owned()],
            client_certificate: Some("PEM".to_owned()),
        };
        let read = |event: Value| read(&event).unwrap().circumstances;
        assert_eq!(read(rest), expected);
        assert_eq!(read(http("/prod/predict", "prod")), expected);
        assert_eq!(read(http("/predict", "$default")), expected);
        assert_eq!(
            read(http("/production", "prod")).path.as_deref(),
            Some("/production")
        );
        assert_eq!(read(http("/prod", "prod")).path.as_deref(), Some("/"));
        let none = json!({"type": "TOKEN", "methodArn": ARN, "authorizationToken": "x"});
        assert_eq!(read(none), Circumstances::default());
    }

    #[test]
    fn other_events_are_errors_of_the_deployment() {
        let read = |event: &str| Request::read(event, &[]).unwrap_err().to_string();
        assert_eq!(read("{"), "the event is not JSON");
        for event in [
            "[]",
            "{}",
            r#"{"type": "token"}"#,
            r#"{"type": 1}"#,
            r#"{"version": "2.0", "routeArn": "x"}"#,
        ] {
            assert!(read(event).starts_with("the event is none of"), "{event}");
        }
        assert!(read(r#"{"type": "TOKEN", "methodArn": "x"}"#).contains("ARN"));
        assert!(read(r#"{"type": "REQUEST", "version": "2.0"}"#).contains("ARN"));
    }
}
