//! Makes the events that a REST API sends to its functions: the authorizer's of type `TOKEN` or `REQUEST`
//! and the proxy event, version 1.0, with every body in base64, for the template's `binaryMediaTypes` is `*/*`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::grant::Grant;
use super::routes::Matched;

const ACCOUNT: &str = "123456789012";
const API_ID: &str = "local";
const STAGE: &str = "dev";

/// A request, complete and without anything of the HTTP library's.
#[derive(Debug)]
pub struct Call {
    /// In capitals.
    pub method: String,
    /// As received, without the query.
    pub path: String,
    /// What follows `?`.
    pub query: Option<String>,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body as received.
    pub body: Vec<u8>,
    /// Where the request came from.
    pub source_ip: IpAddr,
    /// The gateway's id of this request.
    pub request_id: String,
    /// When it came.
    pub received_at: SystemTime,
}

impl Call {
    /// The values of a header, joined with a comma as for one list; none if it is missing.
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<_> = self
            .headers
            .iter()
            .filter(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
            .collect();
        (!values.is_empty()).then(|| values.join(","))
    }

    /// What the policy of a token is asked about.
    pub fn method_arn(&self) -> String {
        let Self { method, path, .. } = self;
        format!("arn:aws:execute-api:us-east-1:{ACCOUNT}:{API_ID}/{STAGE}/{method}{path}")
    }
}

/// The event of a `TOKEN` authorizer.
pub fn token_event(call: &Call, token: &str) -> Value {
    json!({"type": "TOKEN", "authorizationToken": token, "methodArn": call.method_arn()})
}

/// The event of a `REQUEST` authorizer: the request without its body.
pub fn request_event(call: &Call, matched: &Matched<'_>) -> Value {
    let mut event = request(call, matched, None);
    if let Value::Object(members) = &mut event {
        members.insert("type".to_owned(), json!("REQUEST"));
        members.insert("methodArn".to_owned(), json!(call.method_arn()));
    }
    event
}

/// The event of a function behind a proxy integration.
pub fn proxy_event(call: &Call, matched: &Matched<'_>, grant: Option<&Grant>) -> Value {
    let body = (!call.body.is_empty()).then(|| STANDARD.encode(&call.body));
    let mut event = request(call, matched, grant);
    if let Value::Object(members) = &mut event {
        members.insert("isBase64Encoded".to_owned(), json!(body.is_some()));
        members.insert("body".to_owned(), json!(body));
    }
    event
}

/// What both kinds of function are told of a request.
fn request(call: &Call, matched: &Matched<'_>, grant: Option<&Grant>) -> Value {
    let headers = headers(call);
    let query = query(call);
    json!({
        "resource": matched.route.resource,
        "path": call.path,
        "httpMethod": call.method,
        "headers": last(&headers),
        "multiValueHeaders": headers,
        "queryStringParameters": last(&query),
        "multiValueQueryStringParameters": (!query.is_empty()).then_some(&query),
        "pathParameters": (!matched.parameters.is_empty()).then_some(&matched.parameters),
        "stageVariables": null,
        "requestContext": request_context(call, matched, grant),
    })
}

fn request_context(call: &Call, matched: &Matched<'_>, grant: Option<&Grant>) -> Value {
    let mut context = json!({
        "accountId": ACCOUNT,
        "apiId": API_ID,
        "domainName": call.header("host"),
        "domainPrefix": API_ID,
        "extendedRequestId": call.request_id,
        "httpMethod": call.method,
        "identity": identity(call),
        "path": format!("/{STAGE}{}", call.path),
        "protocol": "HTTP/1.1",
        "requestId": call.request_id,
        "requestTime": common_log_time(call.received_at),
        "requestTimeEpoch": milliseconds(call.received_at),
        "resourceId": API_ID,
        "resourcePath": matched.route.resource,
        "stage": STAGE,
    });
    if let (Some(grant), Value::Object(context)) = (grant, &mut context) {
        context.insert("authorizer".to_owned(), authorizer(grant));
    }
    context
}

fn authorizer(grant: &Grant) -> Value {
    let mut values = grant.context.clone();
    // The gateway's own value: a context cannot replace it.
    values.insert("principalId".to_owned(), grant.principal.clone());
    json!(values)
}

fn identity(call: &Call) -> Value {
    json!({
        "accessKey": null,
        "accountId": null,
        "caller": null,
        "cognitoAuthenticationProvider": null,
        "cognitoAuthenticationType": null,
        "cognitoIdentityId": null,
        "cognitoIdentityPoolId": null,
        "principalOrgId": null,
        "sourceIp": call.source_ip,
        "user": null,
        "userAgent": call.header("user-agent"),
        "userArn": null,
    })
}

/// Names and all their values.
type Multiple = BTreeMap<String, Vec<String>>;

/// The last value of each name; null where there are no names.
fn last(values: &Multiple) -> Value {
    let last: BTreeMap<_, _> = values
        .iter()
        .filter_map(|(name, values)| Some((name, values.last()?)))
        .collect();
    if last.is_empty() {
        Value::Null
    } else {
        json!(last)
    }
}

/// The client's headers and the gateway's own, without those that concern the connection alone.
fn headers(call: &Call) -> Multiple {
    const CONNECTION: [&str; 6] = [
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let mut headers = Multiple::new();
    for (name, value) in &call.headers {
        if !CONNECTION.contains(&name.as_str()) {
            headers
                .entry(capitalized(name))
                .or_default()
                .push(value.clone());
        }
    }
    let forwarded_for = headers.entry("X-Forwarded-For".to_owned()).or_default();
    let mut addresses = std::mem::take(forwarded_for);
    addresses.push(call.source_ip.to_string());
    *forwarded_for = vec![addresses.join(", ")];
    headers.insert("X-Amzn-Trace-Id".to_owned(), vec![trace_id(call)]);
    headers.insert("X-Forwarded-Port".to_owned(), vec!["443".to_owned()]);
    headers.insert("X-Forwarded-Proto".to_owned(), vec!["https".to_owned()]);
    headers
}

/// Version, seconds in eight hexadecimal digits, 24 random ones.
fn trace_id(call: &Call) -> String {
    let random = call
        .request_id
        .chars()
        .filter(char::is_ascii_hexdigit)
        .take(24);
    let seconds = milliseconds(call.received_at) / 1000;
    format!("Root=1-{seconds:08x}-{}", random.collect::<String>())
}

/// `content-type` as `Content-Type`: the spelling most clients send, which the server did not keep.
fn capitalized(name: &str) -> String {
    let mut start = true;
    let letter = |character: char| {
        let letter = if start {
            character.to_ascii_uppercase()
        } else {
            character
        };
        start = character == '-';
        letter
    };
    name.chars().map(letter).collect()
}

fn query(call: &Call) -> Multiple {
    let mut query = Multiple::new();
    for (name, value) in
        form_urlencoded::parse(call.query.as_deref().unwrap_or_default().as_bytes())
    {
        query
            .entry(name.into_owned())
            .or_default()
            .push(value.into_owned());
    }
    query
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// `01/Jan/2026:12:30:00 +0000`
fn common_log_time(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    let month: String = time.month().to_string().chars().take(3).collect();
    let (hour, minute, second) = time.to_hms();
    format!(
        "{:02}/{month}/{}:{hour:02}:{minute:02}:{second:02} +0000",
        time.day(),
        time.year()
    )
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;
    use crate::gateway::routes::{Access, Route, find};

    fn call(method: &str, path: &str, query: Option<&str>) -> Call {
        Call {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.map(str::to_owned),
            headers: Vec::new(),
            body: Vec::new(),
            source_ip: Ipv4Addr::LOCALHOST.into(),
            request_id: "059a8beb-7b9c-40b2-965e-7f56b5254ad7".to_owned(),
            received_at: UNIX_EPOCH + Duration::from_millis(1_767_270_600_123),
        }
    }

    fn event(call: &Call, resource: &str, grant: Option<&Grant>) -> Value {
        let route = Route {
            method: call.method.clone(),
            resource: resource.to_owned(),
            access: Access::Authorized,
        };
        proxy_event(
            call,
            &find(&[route], &call.method, &call.path).unwrap(),
            grant,
        )
    }

    /// Checks values of the event by JSON pointer.
    #[track_caller]
    fn check(event: &Value, expected: &[(&str, Value)]) {
        for (pointer, value) in expected {
            assert_eq!(event.pointer(pointer), Some(value), "{pointer}");
        }
    }

    #[test]
    fn the_token_event_names_method_and_path() {
        let call = call("POST", "/predict/wine%20red", Some("a=1"));
        let expected = json!({
            "type": "TOKEN",
            "authorizationToken": "Bearer x",
            "methodArn": "arn:aws:execute-api:us-east-1:123456789012:local/dev/POST/predict/wine%20red",
        });
        assert_eq!(token_event(&call, "Bearer x"), expected);
    }

    #[test]
    fn the_request_event_has_all_but_the_body() {
        let mut call = call("POST", "/predict/wine", Some("a=1"));
        call.headers = vec![("dpop".to_owned(), "x".to_owned())];
        call.body = vec![1];
        let route = Route {
            method: "POST".to_owned(),
            resource: "/predict/{model}".to_owned(),
            access: Access::Authorized,
        };
        let event = request_event(&call, &find(&[route], "POST", "/predict/wine").unwrap());
        check(
            &event,
            &[
                ("/type", json!("REQUEST")),
                ("/methodArn", json!(call.method_arn())),
                ("/resource", json!("/predict/{model}")),
                ("/path", json!("/predict/wine")),
                ("/httpMethod", json!("POST")),
                ("/headers/Dpop", json!("x")),
                ("/multiValueHeaders/Dpop", json!(["x"])),
                ("/queryStringParameters", json!({"a": "1"})),
                ("/pathParameters", json!({"model": "wine"})),
                ("/requestContext/path", json!("/dev/predict/wine")),
                ("/requestContext/identity/sourceIp", json!("127.0.0.1")),
            ],
        );
        for absent in ["/body", "/isBase64Encoded", "/requestContext/authorizer"] {
            assert_eq!(event.pointer(absent), None, "{absent}");
        }
    }

    #[test]
    fn a_body_is_base64_and_no_body_is_null() {
        let mut call = call("POST", "/predict", None);
        check(
            &event(&call, "/predict", None),
            &[("/body", Value::Null), ("/isBase64Encoded", json!(false))],
        );
        call.body = vec![0, 255, b'{'];
        check(
            &event(&call, "/predict", None),
            &[("/body", json!("AP97")), ("/isBase64Encoded", json!(true))],
        );
    }

    #[test]
    fn headers_come_with_the_last_and_with_all_values() {
        let mut call = call("POST", "/predict", None);
        call.headers = [
            ("host", "h:3000"),
            ("x-a", "1"),
            ("x-a", "2"),
            ("connection", "close"),
            ("user-agent", "c/1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        let event = event(&call, "/predict", None);
        check(
            &event,
            &[
                ("/headers/X-A", json!("2")),
                ("/multiValueHeaders/X-A", json!(["1", "2"])),
                ("/headers/Host", json!("h:3000")),
                ("/headers/X-Forwarded-For", json!("127.0.0.1")),
                (
                    "/headers/X-Amzn-Trace-Id",
                    json!("Root=1-695668c8-059a8beb7b9c40b2965e7f56"),
                ),
                ("/headers/X-Forwarded-Proto", json!("https")),
                ("/requestContext/identity/userAgent", json!("c/1")),
                ("/requestContext/identity/sourceIp", json!("127.0.0.1")),
            ],
        );
        assert_eq!(event.pointer("/headers/Connection"), None);
        assert_eq!(call.header("x-a").as_deref(), Some("1,2"));
        assert_eq!(call.header("x-b"), None);
    }

    #[test]
    fn query_and_path_parameters_are_decoded_or_null() {
        check(
            &event(&call("GET", "/models", None), "/models", None),
            &[
                ("/queryStringParameters", Value::Null),
                ("/multiValueQueryStringParameters", Value::Null),
                ("/pathParameters", Value::Null),
            ],
        );
        check(
            &event(
                &call("GET", "/v2/models/a%20b", Some("x=1&x=a+b&y=")),
                "/v2/models/{model}",
                None,
            ),
            &[
                ("/queryStringParameters", json!({"x": "a b", "y": ""})),
                (
                    "/multiValueQueryStringParameters",
                    json!({"x": ["1", "a b"], "y": [""]}),
                ),
                ("/pathParameters", json!({"model": "a b"})),
                ("/path", json!("/v2/models/a%20b")),
                ("/resource", json!("/v2/models/{model}")),
                ("/requestContext/resourcePath", json!("/v2/models/{model}")),
                ("/requestContext/path", json!("/dev/v2/models/a%20b")),
                ("/requestContext/stage", json!("dev")),
                (
                    "/requestContext/requestTime",
                    json!("01/Jan/2026:12:30:00 +0000"),
                ),
                (
                    "/requestContext/requestTimeEpoch",
                    json!(1_767_270_600_123_u64),
                ),
            ],
        );
    }

    #[test]
    fn the_authorizers_context_is_there_only_after_the_authorizer() {
        let call = call("POST", "/predict", None);
        assert_eq!(
            event(&call, "/predict", None).pointer("/requestContext/authorizer"),
            None
        );
        let grant = Grant::read(&json!({
            "principalId": "alice",
            "policyDocument": {"Version": "2012-10-17", "Statement": []},
            "context": {"exp": 1_700_000_000, "scope": "predict", "principalId": "mallory"},
        }));
        let expected = json!({"principalId": "alice", "exp": "1700000000", "scope": "predict"});
        check(
            &event(&call, "/predict", Some(&grant.unwrap())),
            &[("/requestContext/authorizer", expected)],
        );
    }
}
