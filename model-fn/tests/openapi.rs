//! The OpenAPI document of the test models: whole, and held against the function that it describes.
//!
//! `fixtures/openapi.json` is what one caller gets to see. To write it anew after a change that is meant:
//! `TOLLGATE_RECORD=1 cargo test --test openapi`, and read what has changed.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use model_fn::{Config, ModelFunction, Reply};
use serde_json::{Map, Value, json};

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn start(source: &str, variables: &[(&str, &str)]) -> ModelFunction {
    let source = folder(source).display().to_string();
    let lookup = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        let found = found.map(|(_, value)| (*value).to_owned());
        found.or_else(|| (name == "MODEL_SOURCE").then(|| source.clone()))
    };
    ModelFunction::start(Config::load(lookup).unwrap()).unwrap()
}

/// The small models, the pair of numbers the default one.
fn small() -> ModelFunction {
    start("tests/fixtures/served", &[("DEFAULT_MODEL", "pair")])
}

/// The same at an address of their own.
fn public() -> ModelFunction {
    let variables = [
        ("DEFAULT_MODEL", "pair"),
        ("ISSUER", "https://issuer.example/"),
        ("PUBLIC_BASE_URL", "https://api.example/"),
    ];
    start("tests/fixtures/served", &variables)
}

/// What a caller has in its token.
const ALL: &str = "predict";

fn call(
    function: &ModelFunction,
    scope: &str,
    method: &str,
    path: &str,
    sent: Option<(&str, &str)>,
) -> Reply {
    let event = json!({
        "httpMethod": method,
        "path": path,
        "headers": {"Content-Type": sent.map(|(media_type, _)| media_type)},
        "requestContext": {
            "path": format!("/prod{path}"),
            "authorizer": {"principalId": "somebody", "scope": scope, "most_rows": 1},
        },
        "body": sent.map(|(_, body)| body),
    });
    function.handle(&event.to_string(), "request").reply
}

fn document(function: &ModelFunction, scope: &str) -> Value {
    let reply = call(function, scope, "GET", "/openapi.json", None);
    assert_eq!(reply.status_code, 200, "{}", reply.body);
    assert_eq!(reply.headers["content-type"], "application/json");
    serde_json::from_str(&reply.body).unwrap()
}

fn members(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}

/// Every operation, with its method and its path.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let mut operations = Vec::new();
    for (path, methods) in members(&document["paths"]) {
        let methods = members(methods).iter();
        for (method, operation) in methods.filter(|(method, _)| *method != "parameters") {
            operations.push((method.to_uppercase(), path.clone(), operation));
        }
    }
    operations
}

/// What a reference is to, or the value itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => {
            let found = document.pointer(reference.strip_prefix('#').unwrap());
            found.unwrap_or_else(|| panic!("{reference} is not there"))
        }
        None => value,
    }
}

#[test]
fn the_document_is_as_stored() {
    let scope = "predict:pair predict:zipped";
    let function = public();
    let given = document(&function, scope);
    let path = folder("tests/fixtures/openapi.json");
    if std::env::var_os("TOLLGATE_RECORD").is_some() {
        std::fs::write(&path, format!("{given:#}\n")).unwrap();
    }
    let stored: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(given, stored, "{given:#}");
}

#[test]
fn the_same_models_make_the_same_document() {
    let text = |function: &ModelFunction| call(function, ALL, "GET", "/openapi.json", None).body;
    assert_eq!(text(&small()), text(&small()));
}

#[test]
fn every_example_is_answered() {
    for (source, default, least) in [
        ("tests/fixtures/served", "pair", 150),
        ("../models", "wine", 60),
    ] {
        let function = start(source, &[("DEFAULT_MODEL", default)]);
        let document = document(&function, ALL);
        let mut asked = 0;
        for (method, path, operation) in operations(&document) {
            let Some(content) = operation["requestBody"]["content"].as_object() else {
                continue;
            };
            for (media_type, body) in content {
                let examples = body["examples"].as_object().into_iter().flatten();
                let examples = examples.map(|(_, example)| &resolved(&document, example)["value"]);
                for example in examples.chain(body.get("example")) {
                    let text = example
                        .as_str()
                        .map_or_else(|| example.to_string(), str::to_owned);
                    let reply = call(&function, ALL, &method, &path, Some((media_type, &text)));
                    assert_eq!(
                        reply.status_code, 200,
                        "{path} {media_type} {text}: {}",
                        reply.body
                    );
                    let given = reply.headers["content-type"].split(';').next().unwrap();
                    let told = members(&operation["responses"]["200"]["content"]);
                    assert!(told.contains_key(given), "{path} answers {given}");
                    asked += 1;
                }
            }
        }
        assert!(asked >= least, "{asked} examples in {source}");
    }
}

/// All models but one, whose made-up cities it does not know.
#[test]
fn every_model_that_takes_made_up_values_has_examples() {
    let document = document(&small(), ALL);
    for (_, path, operation) in operations(&document) {
        let Some(json) = operation["requestBody"]["content"].get("application/json") else {
            continue;
        };
        let has_none = json["examples"].as_object().is_some_and(Map::is_empty);
        assert_eq!(has_none, path.contains("strict"), "{path}");
    }
}

/// Bodies are described once a model is loaded, names always.
#[test]
fn models_that_are_not_loaded_are_named() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(value["$ref"].as_str().map(str::to_owned));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let variables = [("DEFAULT_MODEL", "pair"), ("MODEL_LOADING", "first-use")];
    let function = start("tests/fixtures/served", &variables);
    for scope in ["predict:total", ALL] {
        let document = document(&function, scope);
        let names = &document["components"]["parameters"]["Model"]["schema"]["enum"];
        let names: Vec<&str> = names
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert!(names.contains(&"total"), "{names:?}");
        assert_eq!(names.contains(&"pair"), scope == ALL);
        let mut found = Vec::new();
        references(&document, &mut found);
        for reference in found {
            let place = document.pointer(&reference[1..]);
            assert!(place.is_some(), "{reference} for {scope}");
        }
    }
}

#[test]
fn whatever_is_referred_to_is_there_and_the_rest_is_used() {
    fn walk(document: &Value, value: &Value, used: &mut BTreeSet<String>) {
        if let Some(reference) = value["$ref"].as_str() {
            if used.insert(reference.to_owned()) {
                walk(document, resolved(document, value), used);
            }
        } else if let Some(members) = value.as_object() {
            members
                .values()
                .for_each(|value| walk(document, value, used));
        } else if let Some(list) = value.as_array() {
            list.iter().for_each(|value| walk(document, value, used));
        }
    }
    let function = public();
    let document = document(&function, ALL);
    let mut used = BTreeSet::new();
    walk(&document, &document["paths"], &mut used);
    for (kind, components) in members(&document["components"]) {
        for name in members(components)
            .keys()
            .filter(|_| kind != "securitySchemes")
        {
            let reference = format!("#/components/{kind}/{name}");
            // A datatype that no model here has.
            assert!(
                used.contains(&reference) || name == "BF16",
                "{reference} is not used"
            );
        }
    }
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let document = document(&small(), ALL);
    let mut names = BTreeSet::new();
    for (_, path, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name.to_owned()), "{path}: {name}");
    }
}

/// The routes that are answered with 501 alone are no part of what can be asked.
#[test]
fn every_route_is_described_under_its_method_alone() {
    let function = public();
    let document = document(&function, ALL);
    for (method, path, operation) in operations(&document) {
        let path = path.replace("{model}", "pair").replace("{version}", "2");
        let open = operation["security"].as_array().is_some_and(Vec::is_empty);
        let scope = if open { "" } else { ALL };
        let expected = if method == "GET" || path.ends_with("/index") {
            200
        } else {
            400
        };
        let reply = call(&function, scope, &method, &path, None);
        assert_eq!(
            reply.status_code, expected,
            "{method} {path}: {}",
            reply.body
        );
        let other = call(&function, scope, "DELETE", &path, None);
        assert_eq!(
            (other.status_code, &other.headers["allow"]),
            (405, &method),
            "{path}"
        );
    }
}

#[test]
fn a_model_that_is_closed_is_nowhere_in_the_document() {
    let names = [
        "columns", "echo", "every", "frame", "pooled", "quotient", "strict", "total", "zipped",
    ];
    let function = small();
    let text = document(&function, "predict:pair").to_string();
    for name in names {
        for written in [
            format!("\"{name}\""),
            format!("/{name}/"),
            format!("/{name}:"),
            format!("`{name}`"),
        ] {
            // Words of the dialects.
            let is_word = ["\"columns\"", "\"total\"", "\"frame\""].contains(&written.as_str());
            assert!(is_word || !text.contains(&written), "{written}");
        }
        assert!(
            !text.contains(&format!("schemas/{name}.")) && !text.contains(&format!("_{name}\"")),
            "{name}"
        );
    }
    assert!(text.contains("/v2/models/pair/versions/2/infer"));
    let nothing = document(&function, "");
    assert!(!nothing.to_string().contains("pair"), "{nothing:#}");
    assert!(
        members(&nothing["paths"])
            .keys()
            .all(|path| !path.contains('{'))
    );
    assert_eq!(nothing["paths"]["/predict"], Value::Null);
}

#[test]
fn limits_of_the_caller_are_those_of_the_document() {
    let variables = [("DEFAULT_MODEL", "pair"), ("MAX_ROWS_CLAIM", "most_rows")];
    let narrow = start("tests/fixtures/served", &variables);
    let most = |function: &ModelFunction| {
        let document = document(function, ALL);
        document["components"]["schemas"]["quotient.1.rows"]["maxItems"].clone()
    };
    assert_eq!((most(&small()), most(&narrow)), (json!(10000), json!(1)));
}

#[test]
fn tokens_are_those_of_the_issuer_and_routes_begin_at_the_address_of_the_caller() {
    let told = |variables: &[(&str, &str)]| {
        let document = document(&start("tests/fixtures/served", variables), ALL);
        let scheme = document["components"]["securitySchemes"]["token"].clone();
        (document["servers"][0]["url"].clone(), scheme)
    };
    let bearer = json!({"type": "http", "scheme": "bearer", "bearerFormat": "JWT"});
    assert_eq!(told(&[]), (json!("/prod"), bearer));
    let event = json!({"version": "2.0", "rawPath": "/openapi.json", "requestContext": {
        "http": {"method": "GET", "path": "/openapi.json"},
        "authorizer": {"lambda": {"scope": ALL}},
    }});
    let reply = small().handle(&event.to_string(), "request").reply;
    let document: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(document["servers"], json!([{"url": "/"}]));
    let connect = json!({"type": "openIdConnect", "openIdConnectUrl": "https://a/x/.well-known/openid-configuration"});
    let (server, scheme) = told(&[
        ("ISSUER", "https://a/x/"),
        ("PUBLIC_BASE_URL", "https://api.example/v1/"),
    ]);
    assert_eq!((server, scheme), (json!("https://api.example/v1"), connect));
}

#[test]
fn the_document_is_held_to_the_limit_on_answers() {
    let function = start("tests/fixtures/served", &[("MAX_REPLY_BYTES", "20000")]);
    let reply = call(&function, ALL, "GET", "/openapi.json", None);
    let error: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(
        (reply.status_code, &error["code"]),
        (413, &json!("reply_too_large"))
    );
}
