//! Events from outside: whatever a client can write into one, the answer is a policy, a verdict or
//! `Unauthorized`, and never a failure of the function.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod support;

use std::path::Path;

use authorizer::{Answer, Authorizer, Config, HandleError};
use serde_json::{Value, json};
use support::{AUDIENCE, ISSUER, good_claims, key_set, token, with};

/// What decides which event it is: the gateway's own, and no client's.
const GATEWAYS_OWN: [&str; 4] = ["/type", "/version", "/methodArn", "/routeArn"];
/// 2100-01-01
const END: u64 = 4_102_444_800;

const ACCESS: &str = "
credentials: [authorization, {cookie: token}, {query: token}]
rules:
  - allow: [POST /predict, GET /v2/**, $connect]
    require: {scope: predict}
";

async fn authorizer(folder: &Path, answers: &'static str) -> Authorizer {
    let (keys, access) = (folder.join("jwks.json"), folder.join("access.yaml"));
    std::fs::write(&keys, key_set().to_string()).unwrap();
    let keys = keys.display();
    let issuer = format!(
        "issuers: [{{issuer: '{ISSUER}', audience: {AUDIENCE}, jwks: {{file: '{keys}'}}}}]"
    );
    std::fs::write(&access, issuer + ACCESS).unwrap();
    let access = access.to_str().unwrap().to_owned();
    let config = Config::load(move |name| match name {
        "ACCESS_FILE" => Some(access.clone()),
        "AUTHORIZER_TTL" => Some("0".to_owned()),
        "AUTHORIZER_ANSWERS" => Some(answers.to_owned()),
        _ => None,
    });
    Authorizer::start(config.unwrap()).await.unwrap()
}

/// The recorded events of authorizers, each with a good token.
fn events() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/events");
    let names = [
        "rest-token",
        "rest-request",
        "http-1.0",
        "http-2.0",
        "websocket-connect",
    ];
    let good = token(&with(good_claims(END - 600), "iat", Value::Null));
    let read = |name: &str| {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        serde_json::from_str(&text.replace("${good}", &good)).unwrap()
    };
    names.map(read).to_vec()
}

fn odd_values() -> Vec<Value> {
    let long = "a".repeat(100_000);
    vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5e300),
        json!(u64::MAX),
        json!(""),
        json!(","),
        json!("Bearer"),
        json!("\u{0}\u{fffd}\u{1f600}é; token=ü"),
        json!(long),
        json!([]),
        json!([null, 1, [[]], {"a": []}]),
        json!([long, long]),
        json!({}),
        json!({"": null, "é": [1], "authorization": {}, "cookie": 1, "token": [[]], "DPoP": {"a": 1}}),
        json!({"Authorization": ["Bearer é"], "COOKIE": ["token=é; token", "=;;==,,"], "token": "é"}),
    ]
}

/// JSON pointers to every member and item.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, value)| (index.to_string(), value))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (name, value) in members {
        let pointer = format!("{at}/{name}");
        pointers(value, &pointer, found);
        found.push(pointer);
    }
}

#[track_caller]
fn check(outcome: &Result<Answer, HandleError>, event: &Value, pointer: &str) {
    match outcome {
        Ok(_) | Err(HandleError::Unauthorized) => {}
        Err(_) if GATEWAYS_OWN.contains(&pointer) => {}
        Err(error) => panic!("{error} for `{pointer}` of {event}"),
    }
}

#[tokio::test]
async fn no_odd_value_in_any_member_is_a_failure_of_the_function() {
    let folder = tempfile::tempdir().unwrap();
    let policies = authorizer(folder.path(), "iam").await;
    let verdicts = authorizer(folder.path(), "simple").await;
    for event in events() {
        let good = policies.handle(&event.to_string(), "id").await;
        assert!(good.answer.is_ok(), "{event}");
        let mut found = Vec::new();
        pointers(&event, "", &mut found);
        for pointer in found {
            for odd in odd_values() {
                let mut event = event.clone();
                *event.pointer_mut(&pointer).unwrap() = odd;
                let text = event.to_string();
                check(&policies.handle(&text, "id").await.answer, &event, &pointer);
                if event["version"] == "2.0" {
                    check(&verdicts.handle(&text, "id").await.answer, &event, &pointer);
                }
            }
        }
    }
}

#[tokio::test]
async fn an_event_without_a_member_is_no_failure_either() {
    let folder = tempfile::tempdir().unwrap();
    let authorizer = authorizer(folder.path(), "iam").await;
    for event in events() {
        for name in event.as_object().unwrap().keys() {
            let event = with(event.clone(), name, Value::Null);
            let answer = authorizer.handle(&event.to_string(), "id").await.answer;
            check(&answer, &event, &format!("/{name}"));
        }
    }
}

/// What a deployment is refused for, all of it together.
fn problems(access: &str, variables: &'static [(&'static str, &'static str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.yaml");
    let issuer = format!("issuers: [{{issuer: '{ISSUER}', audience: {AUDIENCE}}}]\n");
    std::fs::write(&path, issuer + access).unwrap();
    let path = path.to_str().unwrap().to_owned();
    let config = Config::load(move |name| match name {
        "ACCESS_FILE" => Some(path.clone()),
        _ => {
            let mut variables = variables.iter();
            let found = variables.find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    });
    config.err().map(|error| error.problems).unwrap_or_default()
}

#[track_caller]
fn refused(access: &str, variables: &'static [(&'static str, &'static str)], parts: &[&str]) {
    let problems = problems(access, variables);
    assert_eq!(problems.len(), parts.len(), "{problems:?}");
    for (problem, part) in problems.iter().zip(parts) {
        assert!(problem.contains(part), "{problem}");
    }
}

#[test]
fn places_are_named_and_named_once() {
    const FORGETS: &[(&str, &str)] = &[("AUTHORIZER_TTL", "0")];
    let places = |text: &str, parts: &[&str]| {
        let rules = "rules: [{allow: [GET /a], require: {scope: a}}]";
        refused(&format!("credentials: {text}\n{rules}"), FORGETS, parts);
    };
    places("[authorization]", &[]);
    places(
        "[authorization, {cookie: __Host-token}, {query: access_token}]",
        &[],
    );
    places("[]", &["`credentials` is an empty list"]);
    places("[header]", &["`credentials: header` is none of"]);
    places(
        "[authorization, authorization]",
        &["the header `Authorization` twice"],
    );
    places("[{cookie: a}, {cookie: a}]", &["the cookie `a` twice"]);
    places("[{cookie: a}, {cookie: A}, {query: a}]", &[]);
    places("[{cookie: a, query: b}]", &["either `cookie` or `query`"]);
    places("[{}]", &["either `cookie` or `query`"]);
    places("[{cookie: 'a b'}]", &["`cookie: a b` is not of letters"]);
    places("[{cookie: 'a=b'}]", &["`cookie: a=b` is not of letters"]);
    places("[{query: ''}]", &["`query` has an empty value"]);
    places("[{query: '${NOT_SET}'}]", &["`NOT_SET` is not set"]);
    places("[{query: 'é'}]", &["is not of letters"]);
    places("[{header: a}]", &[""]);
    places("", &[""]);
}

#[test]
fn a_place_decides_only_if_the_gateway_remembers_by_it() {
    let cookie = "credentials: [{cookie: token}]\nrules: [{allow: [GET /a], require: {scope: a}}]";
    let query = "credentials: [{query: token}]\nrules: [{allow: [GET /a], require: {scope: a}}]";
    refused(cookie, &[("AUTHORIZER_TTL", "0")], &[]);
    refused(
        cookie,
        &[],
        &["the cookie `token`, by which the gateway does not remember"],
    );
    refused(
        cookie,
        &[(
            "AUTHORIZER_IDENTITY_SOURCES",
            "method.request.header.Cookie",
        )],
        &[],
    );
    refused(
        query,
        &[("AUTHORIZER_IDENTITY_SOURCES", "$request.querystring.token")],
        &[],
    );
    let other = &[("AUTHORIZER_IDENTITY_SOURCES", "$request.querystring.Token")];
    refused(query, other, &["add `$request.querystring.token`"]);
    let default = "rules: [{allow: [GET /a], require: {scope: a}}]";
    let other = &[("AUTHORIZER_IDENTITY_SOURCES", "$request.header.X-Token")];
    refused(default, other, &["the header `Authorization`, by which"]);
}

#[test]
fn simple_answers_are_refused_where_they_would_be_replayed_for_other_routes() {
    const SIMPLE: (&str, &str) = ("AUTHORIZER_ANSWERS", "simple");
    const SOURCES: &str = "AUTHORIZER_IDENTITY_SOURCES";
    let exact = "rules: [{allow: [GET /a], require: {scope: a}}]";
    let wide = "rules: [{allow: ['GET /a/{b}'], require: {scope: a}}]";
    let (route, path) = ("add `$context.routeKey`", "add `$context.path`");
    refused(exact, &[SIMPLE], &[route]);
    refused(wide, &[SIMPLE], &[route, path]);
    refused(wide, &[SIMPLE, ("AUTHORIZER_TTL", "0")], &[]);
    const BY_ROUTE: (&str, &str) = (SOURCES, "$request.header.Authorization,$context.routeKey");
    refused(exact, &[SIMPLE, BY_ROUTE], &[]);
    refused(wide, &[SIMPLE, BY_ROUTE], &[path]);
    const BY_PATH: (&str, &str) = (
        SOURCES,
        "$request.header.Authorization,$context.routeKey,$context.path",
    );
    refused(wide, &[SIMPLE, BY_PATH], &[]);
}
