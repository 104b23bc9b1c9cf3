//! A function over a folder of models, asked over a gateway with a token that opens them all.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model_fn::{Config, ModelFunction, StartError};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The function over the models of a folder.
pub(crate) fn start(folder: &TempDir) -> Result<ModelFunction, StartError> {
    let source = folder.path().display().to_string();
    let lookup = |name: &str| (name == "MODEL_SOURCE").then(|| source.clone());
    ModelFunction::start(Config::load(lookup).unwrap())
}

/// The status and body of the answer to a body of bytes.
pub(crate) fn send(
    function: &ModelFunction,
    path: &str,
    content_type: &str,
    body: &[u8],
) -> (u16, Value) {
    let event = json!({
        "httpMethod": "POST",
        "path": path,
        "headers": {"Content-Type": content_type},
        "requestContext": {"authorizer": {"principalId": "somebody", "scope": "predict"}},
        "body": STANDARD.encode(body),
        "isBase64Encoded": true,
    });
    let reply = function.handle(&event.to_string(), "request").reply;
    let body = serde_json::from_str(&reply.body).unwrap();
    (reply.status_code, body)
}

/// The same of a body of JSON.
pub(crate) fn ask(function: &ModelFunction, path: &str, body: &Value) -> (u16, Value) {
    send(
        function,
        path,
        "application/json",
        body.to_string().as_bytes(),
    )
}

/// The body of an answer that must be one.
#[track_caller]
pub(crate) fn answered(function: &ModelFunction, path: &str, body: &Value) -> Value {
    let (status, answer) = ask(function, path, body);
    assert_eq!(status, 200, "{answer}");
    answer
}
