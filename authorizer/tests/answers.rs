//! Recorded gateway events in, whole answers out, with keys from a file.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "test code"
)]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use authorizer::{Authorizer, Config};
use serde_json::{Value, json};
use support::{AUDIENCE, ISSUER, good_claims, key_set, token, with};

/// 2100-01-01: answers name the time at which the token ends, and so are the same every day.
const END: u64 = 4_102_444_800;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The names of the `.json` files in a folder of fixtures.
fn names(folder: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(fixtures().join(folder)).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// What a recorded event is answered with: the access file built in, and as its name begins, a rule or a key
/// more and other variables.
fn settings(name: &str) -> (&'static str, &'static [(&'static str, &'static str)]) {
    match name.split('-').next() {
        Some("websocket") => (
            "\n  - allow: [$connect]\n    require: {scope: predict}\n",
            &[],
        ),
        Some("simple") => (
            "",
            &[("AUTHORIZER_ANSWERS", "simple"), ("AUTHORIZER_TTL", "0")],
        ),
        Some("places") => (
            "\ncredentials: [authorization, {cookie: __Host-token}, {query: access_token}]\n",
            &[("AUTHORIZER_TTL", "0")],
        ),
        Some(_) | None => ("", &[]),
    }
}

async fn authorizer(folder: &Path, name: &str) -> Authorizer {
    let (more, variables) = settings(name);
    let keys = folder.join("jwks.json");
    std::fs::write(&keys, key_set().to_string()).unwrap();
    let access = folder.join("access.yaml");
    let built_in = include_str!("../../access.yaml");
    let pinned = format!(
        "audience: ${{AUDIENCE}}\n    jwks: {{file: {}}}\n",
        keys.display()
    );
    let text = built_in.replacen("audience: ${AUDIENCE}", &pinned, 1);
    std::fs::write(&access, text + more).unwrap();
    let access = access.to_str().unwrap().to_owned();
    let config = Config::load(move |name| match name {
        "ISSUER" => Some(ISSUER.to_owned()),
        "AUDIENCE" => Some(AUDIENCE.to_owned()),
        "ACCESS_FILE" => Some(access.clone()),
        _ => {
            let mut variables = variables.iter();
            let found = variables.find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    });
    Authorizer::start(config.unwrap()).await.unwrap()
}

fn event(name: &str) -> String {
    let claims = with(good_claims(END - 600 - 30), "iat", Value::Null);
    let tokens = [
        ("${good}", token(&claims)),
        (
            "${other_scope}",
            token(&with(claims.clone(), "scope", json!("other"))),
        ),
        ("${expired}", token(&with(claims.clone(), "exp", json!(1)))),
    ];
    let text = std::fs::read_to_string(fixtures().join("events").join(name)).unwrap();
    tokens
        .iter()
        .fold(text, |text, (place, token)| text.replace(place, token))
}

#[tokio::test]
async fn recorded_events_get_the_stored_answers() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        names("events"),
        names("replies")
            .into_iter()
            .filter(|name| name != "README.md")
            .collect()
    );
    for name in names("events") {
        let authorizer = authorizer(folder.path(), &name).await;
        let outcome = authorizer.handle(&event(&name), "request-1").await;
        let found = match outcome.answer {
            Ok(answer) => answer.value(),
            Err(error) => json!({"error": error.to_string()}),
        };
        let path = fixtures().join("replies").join(&name);
        let stored = std::fs::read_to_string(path).unwrap();
        let stored: Value = serde_json::from_str(&stored).unwrap();
        assert_eq!(found, stored, "{name}: {found:#}");
    }
}

#[tokio::test]
async fn the_log_has_reason_and_digest_but_neither_token_nor_claims() {
    let folder = tempfile::tempdir().unwrap();
    let authorizer = authorizer(folder.path(), "").await;
    for (name, decision, reason) in [
        ("rest-token.json", "allow", "allowed"),
        ("rest-token-without-scope.json", "deny", "route_not_open"),
        ("rest-token-expired.json", "refuse", "expired"),
        (
            "rest-request-two-credentials.json",
            "refuse",
            "several_credentials",
        ),
        ("not-an-authorizer-event.json", "error", "event"),
    ] {
        let outcome = authorizer.handle(&event(name), "request-1").await;
        let [line, metrics] = outcome.log.as_slice() else {
            panic!("two lines")
        };
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&line["decision"], &line["reason"]),
            (&json!(decision), &json!(reason)),
            "{name}"
        );
        assert_eq!(line["request_id"], "request-1");
        let metrics: Value = serde_json::from_str(metrics).unwrap();
        assert_eq!(
            (
                &metrics["FunctionName"],
                &metrics["Reason"],
                &metrics["Decisions"]
            ),
            (&json!("local"), &json!(reason), &json!(1))
        );
        let text = outcome.log.concat();
        assert!(!text.contains("eyJ") && !text.contains("user-1"), "{text}");
    }
}

#[tokio::test]
async fn an_issuer_that_differs_by_a_slash_is_refused_and_named_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let authorizer = authorizer(folder.path(), "").await;
    let claims = with(good_claims(END), "iss", json!(format!("{ISSUER}/")));
    let event = json!({"type": "TOKEN", "authorizationToken": format!("Bearer {}", token(&claims)), "methodArn": "arn:aws:execute-api:r:1:a/b"});
    let outcome = authorizer.handle(&event.to_string(), "request-1").await;
    assert_eq!(outcome.answer.unwrap_err().to_string(), "Unauthorized");
    assert!(
        outcome.log[0].contains("by a slash at the end only"),
        "{:?}",
        outcome.log
    );
}

#[test]
fn key_files_that_cannot_be_used_are_reported_with_all_else() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.json");
    std::fs::write(&empty, r#"{"keys": [{"kty": "oct"}]}"#).unwrap();
    let access = folder.path().join("access.yaml");
    let issuer = |name: &str, file: &Path| {
        format!(
            "  - {{issuer: 'https://{name}', audience: a, jwks: {{file: '{}'}}}}\n",
            file.display()
        )
    };
    let text = format!(
        "issuers:\n{}{}rules: [{{allow: [GET /x], require: {{}}}}]\n",
        issuer("a", &empty),
        issuer("b", &folder.path().join("none.json"))
    );
    std::fs::write(&access, text).unwrap();
    let access = access.to_str().unwrap().to_owned();
    let error =
        Config::load(move |name| (name == "ACCESS_FILE").then(|| access.clone())).unwrap_err();
    let problems = error.to_string();
    assert!(
        problems.contains("empty.json`: the key set has no usable key"),
        "{problems}"
    );
    assert!(
        problems.contains("none.json`: cannot be read"),
        "{problems}"
    );
    assert!(problems.contains("rule 1 requires nothing"), "{problems}");
}
