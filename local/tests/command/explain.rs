//! `tollgate explain`: tokens of the running issuer, and pasted ones against a file of keys.

use std::io::Write as _;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::running::{command, send, start};

fn explain(token: &str, arguments: &[&str]) -> Output {
    let mut command = command(&["explain"]);
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    // What is refused for its arguments is not read.
    let _ = input.write_all(token.as_bytes());
    drop(input);
    process.wait_with_output().unwrap()
}

/// The text on standard output, which never holds the token.
fn told(token: &str, arguments: &[&str]) -> String {
    let output = explain(token, arguments);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains(token.trim()), "{text}");
    text
}

#[test]
fn a_token_is_explained_with_the_keys_of_the_issuer_or_of_a_file() {
    let running = start(&[]);
    let token = running.token(&[]);
    let of_issuer = ["--issuer", &running.issuer];
    let text = told(&token, &[&["POST", "/predict"], &of_issuer[..]].concat());
    for part in [
        "ok  audience",
        "ok  signature",
        "rule 1 decides: POST /predict",
        "    ok  scope `predict`: the token has `predict`",
        "not for `POST/predict`: rule 2",
        "allow `POST/predict`: allowed",
        "policyDocument",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let text = told(&token, &[&["DELETE", "/predict"], &of_issuer[..]].concat());
    assert!(
        text.contains("deny `DELETE/predict`: route_not_open"),
        "{text}"
    );

    let keys = tempfile::NamedTempFile::new().unwrap();
    let (_, _, document) = send(&running.issuer, "GET /jwks", &[], b"");
    std::fs::write(keys.path(), document).unwrap();
    let issuer = running.issuer.clone();
    // Nobody answers any more.
    drop(running);
    let path = keys.path().display().to_string();
    let offline = ["POST", "/predict", "--issuer", &issuer, "--jwks", &path];
    let json = told(&token, &[&offline[..], &["--json"]].concat());
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["decision"], "allow");
    assert_eq!(json["checks"][0]["check"], "credential");
    assert_eq!(json["checks"][0]["passed"], true);

    let text = told(&token, &[&offline[..], &["--audience", "another"]].concat());
    assert!(text.contains("NO  audience"), "{text}");
    assert!(text.contains("refuse `POST/predict`: audience"), "{text}");
    assert!(text.contains("ends in the error `Unauthorized`"), "{text}");
    let unreachable = ["POST", "/predict", "--issuer", &issuer];
    let text = told(&token, &unreachable);
    assert!(
        text.contains("error `POST/predict`: issuer_unavailable"),
        "{text}"
    );
}

#[test]
fn what_is_missing_is_named() {
    for (token, arguments, part) in [
        ("", &["POST", "/predict"][..], "there is no token"),
        ("t", &["POST", "predict"], "begins with `/`"),
        ("t", &["GET", "/", "-H", "odd"], "has no colon"),
        ("t", &["GET", "/", "--jwks", "no/such"], "no/such"),
        ("t", &["GET", "/", "--jwks", "Cargo.toml"], "cannot be used"),
        ("t", &["--event", "Cargo.toml"], "the event is not JSON"),
    ] {
        let output = explain(token, arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(part), "{error}");
    }
}
