//! What the gateway hands over: values of the header that are no single bearer token, tokens in other
//! places, and the same in the events of every kind of API.

use serde_json::{Value, json};

use super::{ARN, Case, credential, honest};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = header_values();
    cases.extend(odd_values());
    cases.extend(requests());
    cases.extend(payload_2());
    cases.extend(members_with_a_meaning());
    cases
}

fn header_values() -> Vec<Case> {
    let t = honest();
    let values = [
        ("empty", String::new(), "token_missing"),
        ("blank", " \t ".to_owned(), "token_missing"),
        ("a scheme alone", "Bearer".to_owned(), "token_missing"),
        (
            "a scheme and spaces",
            "Bearer   ".to_owned(),
            "token_missing",
        ),
        ("a token alone", t.clone(), "scheme"),
        ("Basic", "Basic dXNlcjpwYXNz".to_owned(), "scheme"),
        ("Digest", "Digest username=\"user\"".to_owned(), "scheme"),
        (
            "Negotiate",
            "Negotiate YIIJvwYGKwYBBQUCoIIJszCC".to_owned(),
            "scheme",
        ),
        ("Token", format!("Token {t}"), "scheme"),
        ("JWT", format!("JWT {t}"), "scheme"),
        ("DPoP", format!("DPoP {t}"), "proof_scheme"),
        (
            "a SigV4 signature",
            "AWS4-HMAC-SHA256 Credential=A/20300101/us-east-1/execute-api/aws4_request".to_owned(),
            "scheme",
        ),
        ("no space", format!("Bearer{t}"), "scheme"),
        ("a colon", format!("Bearer: {t}"), "scheme"),
        ("an equals sign", format!("Bearer={t}"), "scheme"),
        ("a tab", format!("Bearer\t{t}"), "scheme"),
        ("a newline", format!("Bearer\n{t}"), "scheme"),
        ("a no-break space", format!("Bearer\u{a0}{t}"), "scheme"),
        (
            "an ideographic space",
            format!("Bearer\u{3000}{t}"),
            "scheme",
        ),
        ("a Cyrillic letter", format!("B\u{435}arer {t}"), "scheme"),
        ("a long s", format!("Bea\u{17f}er {t}"), "scheme"),
        ("fullwidth", format!("\u{ff22}\u{ff45}arer {t}"), "scheme"),
        ("emoji", "\u{1f511}\u{1f511}\u{1f511}".to_owned(), "scheme"),
        (
            "an emoji for a token",
            "Bearer \u{1f511}".to_owned(),
            "not_a_jwt",
        ),
        (
            "a character across the sixth byte",
            "Beare\u{20ac}".to_owned(),
            "scheme",
        ),
        (
            "a header name",
            format!("Authorization: Bearer {t}"),
            "scheme",
        ),
        (
            "the scheme twice",
            format!("Bearer Bearer {t}"),
            "several_credentials",
        ),
        (
            "two tokens",
            format!("Bearer {t} {t}"),
            "several_credentials",
        ),
        (
            "two tokens with a tab",
            format!("Bearer {t}\t{t}"),
            "several_credentials",
        ),
        (
            "two credentials",
            format!("Bearer {t}, Bearer {t}"),
            "several_credentials",
        ),
        (
            "two without a space",
            format!("Bearer {t},Bearer {t}"),
            "several_credentials",
        ),
        (
            "another one before",
            format!("Basic dXNlcjpwYXNz, Bearer {t}"),
            "several_credentials",
        ),
        (
            "another one behind",
            format!("Bearer {t}, Basic dXNlcjpwYXNz"),
            "several_credentials",
        ),
        (
            "a comma behind",
            format!("Bearer {t},"),
            "several_credentials",
        ),
        (
            "a comma before",
            format!(",Bearer {t}"),
            "several_credentials",
        ),
        ("a comma alone", ",".to_owned(), "several_credentials"),
        (
            "another header behind",
            format!("Bearer {t}\r\nX-Admin: true"),
            "several_credentials",
        ),
        ("a parameter", format!("Bearer token={t}"), "base64"),
        ("a semicolon", format!("Bearer {t};"), "base64"),
        (
            "a newline and two commas",
            format!("Bearer {t}\n,,"),
            "several_credentials",
        ),
        (
            "one byte too long",
            format!("Bearer {}", "a".repeat(10_240 - 6)),
            "token_too_long",
        ),
        (
            "too long with its spaces",
            format!("Bearer {t}{}", " ".repeat(10_240)),
            "token_too_long",
        ),
        (
            "very long",
            format!("Bearer {}", "a.".repeat(500_000)),
            "token_too_long",
        ),
        (
            "as many dots as fit",
            format!("Bearer {}", ".".repeat(10_000)),
            "not_a_jwt",
        ),
        (
            "as many letters as fit",
            format!("Bearer {}", "A".repeat(10_000)),
            "not_a_jwt",
        ),
    ];
    let values = values.into_iter();
    values
        .map(|(name, value, reason)| credential(format!("value: {name}"), &json!(value), reason))
        .collect()
}

fn odd_values() -> Vec<Case> {
    let value = format!("Bearer {}", honest());
    let missing = [
        ("null", Value::Null),
        ("a number", json!(1)),
        ("true", json!(true)),
        ("an object", json!({"value": value})),
        ("an empty list", json!([])),
        ("a list of nulls", json!([null, null])),
        ("a list in a list", json!([[value]])),
    ];
    let missing =
        missing.map(|(name, value)| credential(format!("value: {name}"), &value, "token_missing"));
    let two = credential(
        "value: a list of two",
        &json!([value, value]),
        "several_credentials",
    );
    let none = Case {
        name: "value: left out".to_owned(),
        event: json!({"type": "TOKEN", "methodArn": ARN}),
        reason: "token_missing",
    };
    missing.into_iter().chain([two, none]).collect()
}

/// An event of a REST API with all of the request in it.
fn request(name: &str, members: Value, reason: &'static str) -> Case {
    let mut event =
        json!({"type": "REQUEST", "methodArn": ARN, "httpMethod": "POST", "path": "/predict"});
    let target = event.as_object_mut().unwrap();
    target.extend(members.as_object().unwrap().clone());
    Case {
        name: format!("request: {name}"),
        event,
        reason,
    }
}

fn requests() -> Vec<Case> {
    let token = honest();
    let good = format!("Bearer {token}");
    let (missing, several) = ("token_missing", "several_credentials");
    vec![
        request("no headers", json!({}), missing),
        request(
            "headers of null",
            json!({"headers": null, "multiValueHeaders": null}),
            missing,
        ),
        request("headers in a list", json!({"headers": [good]}), missing),
        request("headers of text", json!({"headers": good}), missing),
        request(
            "an empty value",
            json!({"headers": {"Authorization": ""}}),
            missing,
        ),
        request(
            "another header",
            json!({"headers": {"X-Authorization": good}}),
            missing,
        ),
        request(
            "the proxy's header",
            json!({"headers": {"Proxy-Authorization": good}}),
            missing,
        ),
        request(
            "a header with a space",
            json!({"headers": {"Authorization ": good}}),
            missing,
        ),
        request(
            "a header with a Cyrillic letter",
            json!({"headers": {"\u{410}uthorization": good}}),
            missing,
        ),
        request(
            "in the query",
            json!({"queryStringParameters": {"access_token": token, "Authorization": good}}),
            missing,
        ),
        request(
            "in a cookie",
            json!({"headers": {"Cookie": format!("Authorization={token}")}}),
            missing,
        ),
        request(
            "in the path",
            json!({"pathParameters": {"Authorization": good}, "path": format!("/predict/{token}")}),
            missing,
        ),
        request(
            "in a stage variable",
            json!({"stageVariables": {"Authorization": good}}),
            missing,
        ),
        request(
            "in the value of a TOKEN event",
            json!({"authorizationToken": good}),
            missing,
        ),
        request(
            "Basic",
            json!({"headers": {"Authorization": "Basic dXNlcjpwYXNz"}}),
            "scheme",
        ),
        request(
            "two values",
            json!({"multiValueHeaders": {"Authorization": [good, good]}}),
            several,
        ),
        request(
            "another scheme and a token",
            json!({"multiValueHeaders": {"Authorization": ["Basic x", good]}}),
            several,
        ),
        request(
            "an empty value and a token",
            json!({"multiValueHeaders": {"Authorization": ["", good]}}),
            several,
        ),
        request(
            "two names",
            json!({"headers": {"Authorization": good, "authorization": good}}),
            several,
        ),
        request(
            "two names with one value each",
            json!({"multiValueHeaders": {"AUTHORIZATION": [good], "authorization": [good]}}),
            several,
        ),
        request(
            "one value here, two there",
            json!({"headers": {"Authorization": good}, "multiValueHeaders": {"Authorization": ["Bearer x", good]}}),
            several,
        ),
        request(
            "two values in one",
            json!({"headers": {"authorization": format!("{good}, {good}")}}),
            several,
        ),
        request(
            "another in the list than the map",
            json!({"headers": {"Authorization": good}, "multiValueHeaders": {"Authorization": ["Bearer x"]}}),
            "not_a_jwt",
        ),
    ]
}

fn payload_2() -> Vec<Case> {
    let good = format!("Bearer {}", honest());
    let case = |name: &str, members: Value, reason| {
        let base = json!({"version": "2.0", "routeArn": ARN});
        let mut case = request(name, base, reason);
        case.name = format!("payload 2.0: {name}");
        let target = case.event.as_object_mut().unwrap();
        target.extend(members.as_object().unwrap().clone());
        case
    };
    vec![
        case("no headers", json!({}), "token_missing"),
        case(
            "the identity source alone",
            json!({"identitySource": [good]}),
            "token_missing",
        ),
        case(
            "in a cookie",
            json!({"cookies": [format!("authorization={good}")]}),
            "token_missing",
        ),
        case(
            "two values in one",
            json!({"headers": {"authorization": format!("{good},{good}")}}),
            "several_credentials",
        ),
        case(
            "Basic",
            json!({"headers": {"authorization": "Basic dXNlcjpwYXNz"}}),
            "scheme",
        ),
    ]
}

/// A name that `serde_json` keeps for itself must be a name like any other, whoever sends it.
fn members_with_a_meaning() -> Vec<Case> {
    const NAME: &str = "$serde_json::private::RawValue";
    let good = json!({"Authorization": format!("Bearer {}", honest())}).to_string();
    let case =
        |name: &str, members| request(&format!("a private name {name}"), members, "token_missing");
    vec![
        case(
            "in the query",
            json!({"queryStringParameters": {NAME: "{"}}),
        ),
        case("with a number", json!({"queryStringParameters": {NAME: 1}})),
        case("in the headers", json!({"headers": {NAME: good}})),
        case(
            "in a list of values",
            json!({"multiValueQueryStringParameters": {NAME: ["x"]}}),
        ),
    ]
}
