//! Events of the gateway, read leniently: what is missing, null or odd is left out.
//!
//! REST API events (payload 1.0) and HTTP API events (2.0) become one [`Request`]. Whether the token is
//! good was decided by an authorizer; here is seen that there was one, and what it says of the caller.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use crate::caller::Caller;
use crate::json;

/// An HTTP request as the gateway hands it on.
#[derive(Debug)]
pub struct Request<'a> {
    /// The method, in capitals.
    pub method: String,
    /// The segments of the path, without the stage; values of path parameters are whole.
    pub path: Vec<String>,
    /// The path that the caller wrote, as far as the gateway tells it.
    full_path: Option<String>,
    /// Headers with their names in lower case.
    headers: Vec<(String, String)>,
    body: Option<Text<'a>>,
    is_base64: bool,
    /// What an authorizer says of the caller; nothing where none let the request pass.
    pub caller: Option<Caller>,
    /// Whether it came to a URL of the function's own, where no gateway stands in front.
    pub is_of_function_url: bool,
    /// The gateway's own name for the request.
    pub gateway_request_id: Option<String>,
}

/// Why an event cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It is not a JSON object of the gateway's fields.
    #[error("the event cannot be read")]
    Unreadable,
    /// It is no HTTP request: somebody invoked the function directly.
    #[error("the function answers http requests of api gateway, not direct invocations")]
    NotHttp,
}

/// Why the body of a request cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// There is none.
    #[error("the request has no body")]
    Missing,
    /// The gateway says it is base64, and it is not.
    #[error("the body is not base64")]
    NotBase64,
    /// It is over the limit.
    #[error("the body has more than {limit} bytes: send fewer rows")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(default)]
    version: Value,
    #[serde(default)]
    http_method: Value,
    #[serde(default)]
    resource: Value,
    #[serde(default)]
    path: Value,
    #[serde(default)]
    raw_path: Value,
    #[serde(default)]
    path_parameters: Value,
    #[serde(default)]
    headers: Value,
    #[serde(default)]
    multi_value_headers: Value,
    #[serde(default)]
    request_context: Value,
    #[serde(borrow, default)]
    body: Option<Text<'a>>,
    #[serde(default)]
    is_base64_encoded: Value,
}

/// Text that is copied out of the event only where it is escaped.
#[derive(Debug, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads an event.
pub fn read(event: &str) -> Result<Request<'_>, EventError> {
    let event: Event<'_> = json::read(event).map_err(|_| EventError::Unreadable)?;
    let context = &event.request_context;
    let is_second = event.version == "2.0";
    let method = if is_second {
        at(context, &["http", "method"])
    } else {
        &event.http_method
    };
    let (Some(method), true) = (method.as_str(), context.is_object()) else {
        return Err(EventError::NotHttp);
    };
    Ok(Request {
        method: method.to_ascii_uppercase(),
        path: path(&event, is_second),
        full_path: full_path(context).map(str::to_owned),
        headers: headers(&event),
        is_base64: event.is_base64_encoded == true,
        caller: caller(at(context, &["authorizer"]), is_second),
        is_of_function_url: is_second && is_of_function_url(context),
        gateway_request_id: at(context, &["requestId"]).as_str().map(str::to_owned),
        body: event.body,
    })
}

/// Such addresses are `ID.lambda-url.REGION.on.aws`.
fn is_of_function_url(context: &Value) -> bool {
    let domain = at(context, &["domainName"]).as_str().unwrap_or_default();
    let labels: Vec<&str> = domain.split('.').collect();
    matches!(labels.as_slice(), [_, "lambda-url", _, "on", "aws"])
}

fn at<'a>(value: &'a Value, keys: &[&str]) -> &'a Value {
    keys.iter()
        .fold(value, |value, key| value.get(key).unwrap_or(&Value::Null))
}

/// A REST API names the matched resource; then its template is the path, with the parameters as
/// whole segments, or as many as `{proxy+}` has, free of stages and base paths. Otherwise the path is taken, without the stage.
fn path(event: &Event<'_>, is_second: bool) -> Vec<String> {
    if let (Some(template), false) = (event.resource.as_str(), is_second)
        && template.starts_with('/')
    {
        let parameter = |name: &str| {
            let value = at(&event.path_parameters, &[name]).as_str();
            value.unwrap_or_default()
        };
        return segments(template)
            .flat_map(|segment| {
                let name = segment
                    .strip_prefix('{')
                    .and_then(|name| name.strip_suffix('}'));
                match name.map(|name| name.strip_suffix('+').ok_or(name)) {
                    None => vec![segment],
                    Some(Err(name)) => vec![parameter(name)],
                    Some(Ok(name)) => segments(parameter(name)).collect(),
                }
            })
            .map(str::to_owned)
            .collect();
    }
    let path = if is_second {
        &event.raw_path
    } else {
        &event.path
    };
    let mut segments: Vec<String> = segments(path.as_str().unwrap_or_default())
        .map(str::to_owned)
        .collect();
    let stage = at(&event.request_context, &["stage"]);
    if segments
        .first()
        .is_some_and(|first| stage == first.as_str())
    {
        segments.remove(0);
    }
    segments
}

/// A REST API tells the stage or the base path of its address here alone.
fn full_path(context: &Value) -> Option<&str> {
    let of_rest = at(context, &["path"]).as_str();
    of_rest.or(at(context, &["http", "path"]).as_str())
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// Every value of every header. A REST API tells them twice: the last of each name, and lists of all.
fn headers(event: &Event<'_>) -> Vec<(String, String)> {
    let pairs = |map: &Value| -> Vec<(String, String)> {
        let entries = map.as_object().into_iter().flatten();
        let values = |(name, value): (&String, &Value)| {
            let values = value
                .as_array()
                .map_or(std::slice::from_ref(value), Vec::as_slice);
            let texts = values.iter().filter_map(Value::as_str);
            let name = name.to_ascii_lowercase();
            texts
                .map(|text| (name.clone(), text.to_owned()))
                .collect::<Vec<_>>()
        };
        entries.flat_map(values).collect()
    };
    let mut headers = pairs(&event.multi_value_headers);
    let single = pairs(&event.headers).into_iter();
    let more: Vec<_> = single
        .filter(|(name, _)| headers.iter().all(|(known, _)| known != name))
        .collect();
    headers.extend(more);
    headers
}

/// A Lambda authorizer leaves its context, beside a principal in REST APIs; the gateway's own authorizers leave the
/// claims of the token: of Cognito or any issuer in REST APIs, of any issuer in HTTP APIs (there with the scopes that
/// it has read, and in payload 2.0 under `jwt`).
fn caller(authorizer: &Value, is_second: bool) -> Option<Caller> {
    let members = |keys: &[&str]| {
        let members = at(authorizer, keys).as_object();
        members.filter(|members| !members.is_empty()).cloned()
    };
    if is_second {
        let claims = || members(&["jwt", "claims"]);
        let scopes = at(authorizer, &["jwt", "scopes"]);
        let context = members(&["lambda"]).map(|context| Caller::new(context, &Value::Null));
        return context.or_else(|| claims().map(|claims| Caller::new(claims, scopes)));
    }
    // Values of a Lambda authorizer's context are none but scalars: an object is the gateway's own.
    if let Some(claims) = members(&["claims"]) {
        return Some(Caller::new(claims, at(authorizer, &["scopes"])));
    }
    let principal = at(authorizer, &["principalId"]).as_str();
    let is_named = principal.is_some_and(|principal| !principal.is_empty());
    let context = members(&[]).filter(|_| is_named);
    context.map(|context| Caller::new(context, &Value::Null))
}

impl<'a> Request<'a> {
    /// An event that is no HTTP request, taken for a body of `POST /predict`.
    pub fn direct(event: &'a str) -> Self {
        Self {
            method: "POST".to_owned(),
            path: vec!["predict".to_owned()],
            full_path: None,
            headers: Vec::new(),
            body: Some(Text(Cow::Borrowed(event))),
            is_base64: false,
            caller: None,
            is_of_function_url: true,
            gateway_request_id: None,
        }
    }
}

impl Request<'_> {
    /// What stands before the route in the path that the caller wrote: a stage, a base path, or nothing.
    pub fn prefix(&self) -> &str {
        let route: String = self
            .path
            .iter()
            .map(|segment| format!("/{segment}"))
            .collect();
        let full = self.full_path.as_deref().unwrap_or_default();
        let prefix = full.trim_end_matches('/').strip_suffix(&route);
        let is_plain = |prefix: &&str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
            prefix.starts_with('/') && prefix.bytes().all(plain)
        };
        prefix.filter(is_plain).unwrap_or_default()
    }

    /// The first value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    /// All values of a header as one, with commas between them; empty where there is none.
    pub fn header_list(&self, name: &str) -> String {
        self.values(name).collect::<Vec<_>>().join(",")
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.headers.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The body in bytes, if it is there and within the limit.
    pub fn body(&self, limit: usize) -> Result<Cow<'_, [u8]>, BodyError> {
        let Some(Text(text)) = self.body.as_ref().filter(|Text(text)| !text.is_empty()) else {
            return Err(BodyError::Missing);
        };
        let body = if self.is_base64 {
            // Three bytes for four characters: what is longer for sure need not be decoded.
            if text.len() / 4 * 3 > limit.saturating_add(3) {
                return Err(BodyError::TooLarge { limit });
            }
            Cow::Owned(
                STANDARD
                    .decode(text.as_bytes())
                    .map_err(|_| BodyError::NotBase64)?,
            )
        } else {
            Cow::Borrowed(text.as_bytes())
        };
        if body.len() > limit {
            Err(BodyError::TooLarge { limit })
        } else {
            Ok(body)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn request(event: &Value) -> (String, Vec<String>, bool) {
        let event = event.to_string();
        let request = read(&event).unwrap();
        (request.method, request.path, request.caller.is_some())
    }

    #[track_caller]
    fn check_path(event: Value, expected: &str) {
        let mut event = event;
        event["httpMethod"] = json!("GET");
        assert_eq!(request(&event).1.join("|"), expected);
    }

    #[test]
    fn the_path_is_free_of_stages_and_base_paths() {
        let context = json!({"stage": "prod"});
        check_path(
            json!({"path": "/predict", "requestContext": context}),
            "predict",
        );
        check_path(
            json!({"path": "/prod/predict/", "requestContext": context}),
            "predict",
        );
        check_path(
            json!({"path": "/predict/prod", "requestContext": context}),
            "predict|prod",
        );
        let rest = json!({"path": "/base/v1/models/a:predict", "resource": "/v1/{proxy+}", "requestContext": {"stage": "v1"},
            "pathParameters": {"proxy": "models/a:predict"}});
        check_path(rest, "v1|models|a:predict");
        let matched = json!({"path": "/base/predict/wine", "resource": "/predict/{model}",
            "pathParameters": {"model": "wine"}, "requestContext": context});
        check_path(matched, "predict|wine");
        let slash = json!({"path": "/predict/a/b", "resource": "/predict/{model}",
            "pathParameters": {"model": "a/b"}, "requestContext": context});
        check_path(slash, "predict|a/b");
        let proxy = json!({"path": "/v2/models", "resource": "/{proxy+}",
            "pathParameters": {"proxy": "v2/models"}, "requestContext": context});
        check_path(proxy, "v2|models");
        check_path(json!({"requestContext": context}), "");
    }

    #[track_caller]
    fn check_prefix(context: Value, expected: &str) {
        let event = json!({"httpMethod": "GET", "path": "/a/b", "requestContext": context});
        assert_eq!(read(&event.to_string()).unwrap().prefix(), expected);
    }

    #[test]
    fn the_prefix_is_what_the_gateway_takes_off() {
        check_prefix(json!({"path": "/prod/a/b", "stage": "prod"}), "/prod");
        check_prefix(json!({"path": "/base/v1/a/b/"}), "/base/v1");
        check_prefix(json!({"http": {"path": "/prod/a/b"}}), "/prod");
        check_prefix(json!({"path": "/a/b"}), "");
        check_prefix(json!({"path": "/prod/a/c"}), "");
        check_prefix(json!({"path": "//host\"/a/b"}), "");
        check_prefix(json!({"path": 7}), "");
        check_prefix(json!({}), "");
    }

    #[test]
    fn an_http_api_event_is_read_too() {
        let event = json!({"version": "2.0", "rawPath": "/prod/predict", "requestContext": {"stage": "prod",
            "http": {"method": "post"}, "authorizer": {"lambda": {"sub": "me"}}}});
        assert_eq!(
            request(&event),
            ("POST".to_owned(), vec!["predict".to_owned()], true)
        );
    }

    #[track_caller]
    fn check_authorizer(version: &str, authorizer: Value, expected: bool) {
        let event = json!({"version": version, "httpMethod": "GET",
            "requestContext": {"authorizer": authorizer, "http": {"method": "GET"}}});
        assert_eq!(request(&event).2, expected);
    }

    #[test]
    fn only_what_an_authorizer_leaves_counts() {
        check_authorizer("1.0", json!({"principalId": "me"}), true);
        check_authorizer("1.0", json!({"principalId": ""}), false);
        check_authorizer("1.0", json!({"principalId": 1}), false);
        check_authorizer(
            "1.0",
            json!({"claims": {"sub": "me"}, "scopes": null}),
            true,
        );
        check_authorizer("1.0", json!({"claims": {}}), false);
        check_authorizer("1.0", json!({"claims": "{\"sub\":\"me\"}"}), false);
        check_authorizer("1.0", json!({"lambda": {"sub": "me"}}), false);
        check_authorizer("1.0", json!({}), false);
        check_authorizer("1.0", Value::Null, false);
        check_authorizer("2.0", json!({"lambda": {"sub": "me"}}), true);
        check_authorizer("2.0", json!({"jwt": {"claims": {"sub": "me"}}}), true);
        check_authorizer("2.0", json!({"lambda": {}}), false);
        check_authorizer("2.0", json!({"iam": {"userId": "me"}}), false);
        check_authorizer("2.0", json!({"principalId": "me"}), false);
    }

    #[track_caller]
    fn refused(event: &str, expected: &EventError) {
        assert_eq!(&read(event).unwrap_err(), expected);
    }

    #[test]
    fn what_is_no_http_request_is_refused() {
        refused("", &EventError::Unreadable);
        refused("[1]", &EventError::NotHttp);
        refused(r#"{"inputs": [[1]]}"#, &EventError::NotHttp);
        refused(r#"{"httpMethod": "GET"}"#, &EventError::NotHttp);
        refused(r#"{"requestContext": {}}"#, &EventError::NotHttp);
        refused(
            r#"{"version": "2.0", "httpMethod": "GET", "requestContext": {}}"#,
            &EventError::NotHttp,
        );
    }

    #[test]
    fn odd_headers_are_left_out() {
        let event = json!({"httpMethod": "GET", "requestContext": {}, "isBase64Encoded": "no",
            "headers": {"Content-Type": "text/csv", "Null": null, "Number": 1, "X-Many": "b"},
            "multiValueHeaders": {"x-many": ["a", 1, "b"], "X-None": []}});
        let event = event.to_string();
        let request = read(&event).unwrap();
        assert_eq!(request.header("content-type"), Some("text/csv"));
        assert_eq!(request.header("x-many"), Some("a"));
        assert_eq!(request.header_list("x-many"), "a,b");
        assert_eq!(request.header_list("x-none"), "");
        assert_eq!(request.header("null"), None);
        assert_eq!(request.header("x-none"), None);
        assert!(read(r#"{"httpMethod": "GET", "requestContext": {}, "headers": [1]}"#).is_ok());
    }

    #[track_caller]
    fn check_body(body: &Value, is_base64: bool, expected: Result<&str, BodyError>) {
        let event = json!({"httpMethod": "GET", "requestContext": {}, "body": body, "isBase64Encoded": is_base64});
        let event = event.to_string();
        let request = read(&event).unwrap();
        let given = request
            .body(4)
            .map(|body| String::from_utf8(body.into_owned()).unwrap());
        assert_eq!(given, expected.map(str::to_owned));
    }

    #[test]
    fn a_body_is_decoded_up_to_the_limit() {
        check_body(&json!("abcd"), false, Ok("abcd"));
        check_body(
            &json!("abcde"),
            false,
            Err(BodyError::TooLarge { limit: 4 }),
        );
        check_body(&json!("YWJjZA=="), true, Ok("abcd"));
        check_body(
            &json!("YWJjZGU="),
            true,
            Err(BodyError::TooLarge { limit: 4 }),
        );
        check_body(
            &json!("YWJj".repeat(9)),
            true,
            Err(BodyError::TooLarge { limit: 4 }),
        );
        check_body(&json!("a\"b"), true, Err(BodyError::NotBase64));
        check_body(&json!("a\"b"), false, Ok("a\"b"));
        check_body(&json!(""), false, Err(BodyError::Missing));
        check_body(&Value::Null, false, Err(BodyError::Missing));
    }
}
