//! `POST /v1/embeddings`, one operation for all models that have embeddings: the body names the model.

use serde_json::{Map, Value, json};

use super::Described;
use super::answers::truncated_rows;
use super::operations::{REFUSALS, UNFIT};
use super::values::reference;
use crate::pipeline::Parameter;

/// The path, and its operation, where there is a model for it.
pub(super) fn path(
    default_model: Option<&str>,
    versions: &[Described<'_>],
) -> Option<(String, Value)> {
    let is_meant = |one: &&Described<'_>| {
        let model = one.version.model;
        one.is_default() && model.embedding().is_some()
    };
    let models: Vec<&Described<'_>> = versions.iter().filter(is_meant).collect();
    let most = models.iter().map(|one| one.limits.rows).max()?;
    let names: Vec<&str> = models.iter().map(|one| one.model()).collect();
    let is_optional = default_model.is_some_and(|name| names.contains(&name));
    let required: Vec<&str> = if is_optional {
        vec!["input"]
    } else {
        vec!["input", "model"]
    };
    let body = json!({
        "type": "object",
        "required": required,
        "properties": {
            "model": {"enum": nullable(&names)},
            "input": {"oneOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": most},
            ]},
            "encoding_format": {
                "enum": ["float", "base64", null],
                "description": "`base64`: 32-bit floats, little-endian.",
            },
            "dimensions": dimensions(&models),
            "user": {"description": "Passed over."},
        },
    });
    let example = json!({"model": names.first(), "input": ["A text.", "Another one."]});
    let answer = json!({
        "description": "A vector for each text.",
        "content": {"application/json": {"schema": answer(&names)}},
    });
    let mut responses = Map::from_iter([("200".to_owned(), answer)]);
    responses.extend(REFUSALS.iter().chain(&UNFIT).map(refusal));
    let operation = json!({
        "operationId": "embeddings",
        "tags": ["openai"],
        "summary": "Vectors of texts",
        "requestBody": {
            "required": true,
            "content": {"application/json": {"schema": body, "example": example}},
        },
        "responses": responses,
    });
    Some(("/v1/embeddings".to_owned(), json!({"post": operation})))
}

/// The names, and nothing for the default model.
fn nullable(names: &[&str]) -> Vec<Value> {
    let names = names.iter().map(|name| json!(name));
    names.chain([Value::Null]).collect()
}

/// Where one model at least lets callers ask for fewer numbers.
fn dimensions(models: &[&Described<'_>]) -> Value {
    let mut allowed = models
        .iter()
        .filter_map(|one| one.version.model.parameters());
    match allowed.any(|allowed| allowed.contains(&Parameter::Dimensions)) {
        true => json!({"type": ["integer", "null"], "minimum": 1}),
        false => json!({"type": "null"}),
    }
}

/// An error, in the shape that clients of OpenAI's API expect.
fn refusal(status: &u16) -> (String, Value) {
    let text = json!({"type": "string"});
    let error = json!({
        "type": "object",
        "required": ["message", "type", "param", "code"],
        "properties": {
            "message": text,
            "type": {"enum": ["invalid_request_error", "server_error"]},
            "param": {"type": ["string", "null"]},
            "code": text,
        },
    });
    // Of what the gateway answers by itself, `error` is a text, as everywhere.
    let schema = json!({
        "type": "object",
        "required": ["error", "code"],
        "properties": {"error": {"anyOf": [error, text]}, "code": text, "detail": {"type": "object"}},
    });
    let response = json!({
        "description": "What is wrong, and what to change.",
        "content": {"application/json": {"schema": schema}},
    });
    (status.to_string(), response)
}

fn answer(names: &[&str]) -> Value {
    let count = json!({"type": "integer", "minimum": 0});
    json!({
        "type": "object",
        "required": ["object", "data", "model", "usage"],
        "properties": {
            "object": {"const": "list"},
            "data": {"type": "array", "items": {
                "type": "object",
                "required": ["object", "index", "embedding"],
                "properties": {
                    "object": {"const": "embedding"},
                    "index": count,
                    "embedding": {"oneOf": [
                        {"type": "array", "items": reference("schemas", "FP32")},
                        {"type": "string", "contentEncoding": "base64"},
                    ]},
                },
                "additionalProperties": false,
            }},
            "model": {"enum": names},
            "usage": {
                "type": "object",
                "required": ["prompt_tokens", "total_tokens"],
                "properties": {"prompt_tokens": count, "total_tokens": count},
                "additionalProperties": false,
            },
            "truncated_rows": truncated_rows(),
        },
        "additionalProperties": false,
    })
}
