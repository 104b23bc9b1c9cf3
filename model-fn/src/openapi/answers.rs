//! Schemas of the answers of a version of a model, in each dialect.

use serde_json::{Value, json};

use super::Described;
use super::questions::has_rows;
use super::values::{Length, any_of, list, nested, object, reference, scalar, shape, with};
use crate::engine::{Dimension, Port, Specification};

/// Every answer in JSON, by the name of its component.
pub(super) fn schemas(described: &Described<'_>) -> Vec<(String, Value)> {
    let specification = answered(described);
    let specification = &specification;
    let mut schemas = vec![
        ("tensors-answer", tensors(described, specification)),
        ("outputs", by_column(&specification.outputs)),
        ("columns-answer", named_outputs(described, "outputs")),
    ];
    if has_rows(specification) {
        let rows = list(Length::ANY, row(&specification.outputs));
        schemas.push(("rows-answer", values_of(described, "predictions", rows)));
    }
    let named = |(kind, schema)| (described.component(kind), schema);
    schemas.into_iter().map(named).collect()
}

/// What callers see, but for the widths of vectors that they may choose.
fn answered(described: &Described<'_>) -> Specification {
    let mut specification = described.version.model.specification().clone();
    let shortened = described.version.model.shortened();
    let outputs = specification.outputs.iter_mut().zip(shortened);
    for (port, _) in outputs.filter(|(_, is_shortened)| *is_shortened) {
        if let Some(last) = port.shape.as_mut().and_then(|axes| axes.last_mut()) {
            *last = Dimension::Any;
        }
    }
    specification
}

/// The outputs by column, under a name that the dialect has for them.
pub(super) fn named_outputs(described: &Described<'_>, name: &str) -> Value {
    let outputs = reference("schemas", &described.component("outputs"));
    values_of(described, name, outputs)
}

/// An answer of the dialects that are not the Open Inference Protocol's.
fn values_of(described: &Described<'_>, name: &str, values: Value) -> Value {
    let answer = object([(name, values)]);
    match described.version.model.takes_texts() {
        true => with(answer, "truncated_rows", truncated_rows()),
        false => answer,
    }
}

/// What every answer says of texts that were cut.
pub(super) fn truncated_rows() -> Value {
    let description = "The rows whose texts were cut, from 0.";
    json!({"type": "array", "items": {"type": "integer", "minimum": 0}, "description": description})
}

/// Whether the outputs go into a table: each is a value or a list of values for each row.
pub(super) fn has_table(specification: &Specification) -> bool {
    let axes = |port: &Port| port.shape.as_ref().map_or(2, Vec::len);
    specification
        .outputs
        .iter()
        .all(|port| matches!(axes(port), 1 | 2))
}

/// The axes of an output; nothing where they are not known.
fn lengths(port: &Port) -> Option<Vec<Length>> {
    let axes = port.shape.as_deref()?.iter();
    Some(axes.map(|axis| Length::of(axis, Length::ANY)).collect())
}

/// Values in lists; an object of the labels innermost, where there are any.
fn values(port: &Port, lengths: Option<&[Length]>) -> Value {
    match lengths {
        None => json!({}),
        Some([outer @ .., _]) if !port.labels.is_empty() => {
            let labels = port.labels.iter().map(String::as_str);
            nested(outer, object(labels.map(|label| (label, scalar(port)))))
        }
        Some(lengths) => nested(lengths, scalar(port)),
    }
}

fn by_column(outputs: &[Port]) -> Value {
    let whole = |port: &Port| values(port, lengths(port).as_deref());
    match outputs {
        [port] => whole(port),
        outputs => object(outputs.iter().map(|port| (port.name.as_str(), whole(port)))),
    }
}

fn row(outputs: &[Port]) -> Value {
    let one = |port: &Port| {
        let lengths = lengths(port);
        values(
            port,
            lengths.as_deref().and_then(|lengths| lengths.get(1..)),
        )
    };
    match outputs {
        [port] => one(port),
        outputs => object(outputs.iter().map(|port| (port.name.as_str(), one(port)))),
    }
}

fn tensors(described: &Described<'_>, specification: &Specification) -> Value {
    let outputs = &specification.outputs;
    let mut tensors: Vec<Value> = outputs.iter().map(tensor).collect();
    let has_classes = |port: &&Port| port.datatype.is_float() || port.datatype.is_integer();
    let classified: Vec<&str> = outputs
        .iter()
        .filter(has_classes)
        .map(|port| port.name.as_str())
        .collect();
    if !classified.is_empty() {
        tensors.push(classes(&classified));
    }
    let number = described.version.number.to_string();
    let answer = json!({
        "type": "object",
        "required": ["model_name", "model_version", "outputs"],
        "properties": {
            "model_name": {"const": described.model()},
            "model_version": {"const": number},
            "id": {"type": "string"},
            "outputs": list(Length { least: 1, most: Some(outputs.len()) }, any_of(tensors)),
        },
        "additionalProperties": false,
    });
    match described.version.model.takes_texts() {
        true => with(
            answer,
            "parameters",
            object([("truncated_rows", json!({"type": "string"}))]),
        ),
        false => answer,
    }
}

fn tensor(port: &Port) -> Value {
    let shape = match lengths(port) {
        Some(lengths) => shape(&lengths),
        None => list(Length::ANY, json!({"type": "integer", "minimum": 0})),
    };
    json!({
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"const": port.name},
            "shape": shape,
            "datatype": {"const": port.datatype.to_string()},
            "data": list(Length::ANY, scalar(port)),
            "parameters": object([("labels", json!({"type": "string"}))]),
        },
        "additionalProperties": false,
    })
}

/// An output that was asked for by `classification`.
fn classes(names: &[&str]) -> Value {
    json!({
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"enum": names},
            "shape": list(Length { least: 1, most: Some(2) }, json!({"type": "integer", "minimum": 0})),
            "datatype": {"const": "BYTES"},
            "data": list(Length::ANY, json!({"type": "string", "pattern": "^[^:]+:[0-9]+"})),
        },
        "additionalProperties": false,
    })
}
