//! The operations of routes: what they take, what they answer, and how they refuse.

use serde_json::{Map, Value, json};

use super::Described;
use super::answers;
use super::examples::Example;
use super::questions::{has_rows, has_table, whole};
use super::values::{any_of, reference};
use crate::engine::Port;
use crate::tensor::Datatype;

/// Which bodies a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// Those of every dialect.
    Any,
    /// The Open Inference Protocol's.
    Tensors,
    /// TensorFlow Serving's.
    Serving,
    /// Those of every dialect, answered as MLflow does.
    Invocations,
}

/// A route that asks one version of a model.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) path: String,
    pub(super) asks: Asks,
    /// Its name, which no other route has.
    pub(super) id: String,
}

/// What every route may answer that is not open to everybody.
pub(super) const REFUSALS: [u16; 7] = [401, 403, 405, 413, 500, 503, 504];

/// What a route may answer that is open to everybody.
const OPEN: [u16; 4] = [405, 500, 503, 504];

/// What a route that asks a model may answer besides.
pub(super) const UNFIT: [u16; 4] = [400, 404, 415, 422];

/// The types of pictures.
const PICTURES: [&str; 3] = ["image/jpeg", "image/png", "image/webp"];

/// Writes out the answers of routes that are the same for every model.
pub(super) fn complete(paths: &mut Map<String, Value>) {
    for (path, methods) in paths {
        let asks_a_model = path.contains("{model}");
        let parameters = ["Model", "Version"].into_iter();
        let parameters =
            parameters.filter(|name| path.contains(&format!("{{{}}}", name.to_lowercase())));
        let parameters: Vec<Value> = parameters
            .map(|name| reference("parameters", name))
            .collect();
        let operations = methods
            .as_object_mut()
            .into_iter()
            .flat_map(Map::values_mut);
        for operation in operations.filter_map(Value::as_object_mut) {
            let is_open = operation.contains_key("security");
            let refusals = if is_open { OPEN.as_slice() } else { &REFUSALS };
            let not_found = asks_a_model.then_some(&404);
            if let Some(responses) = operation
                .get_mut("responses")
                .and_then(Value::as_object_mut)
            {
                responses
                    .iter_mut()
                    .for_each(|(status, named)| *named = answer(status, named));
                refuse(responses, refusals.iter().chain(not_found));
            }
        }
        if let (Some(methods), false) = (methods.as_object_mut(), parameters.is_empty()) {
            methods.insert("parameters".to_owned(), parameters.into());
        }
    }
}

/// An answer by the name of its schema; that of an error by its status.
fn answer(status: &str, named: &Value) -> Value {
    match named.as_str() {
        Some(name) if !name.is_empty() => {
            let schema = reference("schemas", name);
            json!({"description": "The answer.", "content": {"application/json": {"schema": schema}}})
        }
        Some(_) | None => reference("responses", status),
    }
}

fn refuse<'a>(responses: &mut Map<String, Value>, statuses: impl Iterator<Item = &'a u16>) {
    responses.extend(statuses.map(|status| {
        let status = status.to_string();
        let response = reference("responses", &status);
        (status, response)
    }));
}

impl Route {
    /// The operation of the route.
    pub(super) fn operation(&self, described: &Described<'_>, examples: &[Example]) -> Value {
        let (asks, model) = (self.asks, described.model());
        let mut operation = json!({
            "operationId": self.id,
            "tags": [asks.tag()],
            "summary": format!("A prediction of `{model}`, version {}", described.version.number),
            "requestBody": {"required": true, "content": asks.takes(described, examples)},
            "responses": asks.responses(described),
        });
        let told = &described.version.entry.description.description;
        let description = told.as_deref().map(|text| ("description", text.into()));
        let length = || {
            (
                "parameters",
                json!([reference("parameters", "HeaderLength")]),
            )
        };
        let parameters = (asks == Asks::Tensors).then(length);
        let more = description.into_iter().chain(parameters);
        if let Some(operation) = operation.as_object_mut() {
            operation.extend(more.map(|(name, value): (&str, Value)| (name.to_owned(), value)));
        }
        operation
    }
}

impl Asks {
    fn tag(self) -> &'static str {
        match self {
            Self::Any => "predictions",
            Self::Tensors => "open inference protocol",
            Self::Serving => "tensorflow serving",
            Self::Invocations => "sagemaker and mlflow",
        }
    }

    /// The bodies in JSON, by the names of their components.
    fn bodies(self, described: &Described<'_>) -> Vec<&'static str> {
        let is_by_row = has_rows(described.version.model.specification());
        let rows = ["instances", "records", "frame"]
            .into_iter()
            .filter(|_| is_by_row);
        match self {
            Self::Tensors => vec!["tensors"],
            Self::Any | Self::Invocations => {
                ["tensors", "columns"].into_iter().chain(rows).collect()
            }
            Self::Serving => ["columns"].into_iter().chain(rows).collect(),
        }
    }

    fn takes(self, described: &Described<'_>, examples: &[Example]) -> Value {
        let specification = described.version.model.specification();
        let bodies = self.bodies(described);
        let schemas = bodies.iter().map(|kind| component(described, kind));
        let schemas: Vec<Value> = schemas.collect();
        let schema = match self {
            Self::Tensors => any_of(schemas),
            Self::Any | Self::Serving | Self::Invocations => json!({"oneOf": schemas}),
        };
        let of = |kinds: &[&str]| named(described, examples, kinds);
        let is_recorded = self == Self::Any && described.is_default();
        let recorded = is_recorded.then_some("recorded");
        let kinds: Vec<&str> = bodies.iter().copied().chain(recorded).collect();
        let mut content = Map::new();
        let mut take = |media_type: &str, value| {
            content.insert(media_type.to_owned(), value);
        };
        take(
            "application/json",
            json!({"schema": schema, "examples": of(&kinds)}),
        );
        if self == Self::Tensors {
            take("application/octet-stream", binary());
            return content.into();
        }
        let text = |kind| json!({"schema": {"type": "string"}, "examples": of(&[kind])});
        if has_rows(specification) {
            take("application/jsonlines", text("lines"));
            take("application/vnd.apache.arrow.stream", binary());
        }
        if has_table(specification) {
            take("text/csv; header=absent", text("csv"));
            take("text/csv; header=present", text("csv-with-names"));
        }
        let picture = whole(specification).map(|port| port.datatype == Datatype::Octets);
        if specification.inputs.len() == 1 && picture != Some(true) {
            take("application/x-npy", binary());
        }
        match picture {
            Some(true) => PICTURES.iter().for_each(|kind| take(kind, binary())),
            Some(false) => take("text/plain", json!({"schema": {"type": "string"}})),
            None => {}
        }
        if let Some(port) = whole(specification) {
            take("multipart/form-data", form(port));
        }
        content.into()
    }

    /// The answers in JSON.
    fn answers(self, described: &Described<'_>) -> Vec<Value> {
        let tensors = || component(described, "tensors-answer");
        let columns = || component(described, "columns-answer");
        let invoked = || answers::named_outputs(described, "predictions");
        let is_by_row = has_rows(described.version.model.specification());
        let rows = is_by_row.then(|| component(described, "rows-answer"));
        match self {
            Self::Tensors => vec![tensors()],
            Self::Any => [tensors(), columns()].into_iter().chain(rows).collect(),
            Self::Serving => [columns()].into_iter().chain(rows).collect(),
            Self::Invocations => [tensors(), invoked()].into_iter().chain(rows).collect(),
        }
    }

    fn responses(self, described: &Described<'_>) -> Value {
        let specification = described.version.model.specification();
        let schema = any_of(self.answers(described));
        let mut content = Map::new();
        let mut give = |media_type: &str, value| content.insert(media_type.to_owned(), value);
        give("application/json", json!({"schema": schema}));
        if self != Self::Serving {
            give("application/octet-stream", binary());
        }
        if self != Self::Tensors {
            give("application/x-npy", binary());
            give("application/vnd.apache.arrow.stream", binary());
            give(
                "application/jsonlines",
                json!({"schema": {"type": "string"}}),
            );
            if answers::has_table(specification) {
                give("text/csv", json!({"schema": {"type": "string"}}));
            }
        }
        let headers =
            json!({"Inference-Header-Content-Length": reference("headers", "HeaderLength")});
        let mut answered = json!({"description": "The prediction, in the dialect of the question.", "content": content});
        if let (Some(answered), true) = (answered.as_object_mut(), self != Self::Serving) {
            answered.insert("headers".to_owned(), headers);
        }
        let mut responses = Map::from_iter([("200".to_owned(), answered)]);
        let not_acceptable = (self != Self::Tensors).then_some(&406);
        refuse(
            &mut responses,
            REFUSALS.iter().chain(&UNFIT).chain(not_acceptable),
        );
        responses.into()
    }
}

fn component(described: &Described<'_>, kind: &str) -> Value {
    reference("schemas", &described.component(kind))
}

/// Those examples that there are.
fn named(described: &Described<'_>, examples: &[Example], kinds: &[&str]) -> Value {
    let there = kinds
        .iter()
        .filter(|kind| examples.iter().any(|(known, _)| known == *kind));
    let named = there.map(|kind| {
        (
            (*kind).to_owned(),
            reference("examples", &described.component(kind)),
        )
    });
    named.collect::<Map<_, _>>().into()
}

/// Texts or pictures, a row a part.
fn form(port: &Port) -> Value {
    let part = if port.datatype == Datatype::Octets {
        json!({"type": "string", "format": "binary"})
    } else {
        json!({"type": "string"})
    };
    let parts = json!({"type": "array", "items": part, "minItems": 1});
    json!({"schema": {
        "type": "object", "minProperties": 1, "properties": {port.name.as_str(): parts}, "additionalProperties": parts,
    }})
}

fn binary() -> Value {
    json!({"schema": {"type": "string", "format": "binary"}})
}
