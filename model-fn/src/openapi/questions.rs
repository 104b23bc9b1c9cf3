//! Schemas of the bodies that a version of a model takes, in each dialect.
//!
//! A schema cannot say that axes are equally long, or that data are as many as their shape says: such bodies are
//! valid here and refused by the function.

use serde_json::{Map, Value, json};

use super::Described;
use super::values::{Length, any_of, list, nested, object, reference, scalar, shape, tuple, with};
use crate::engine::{Dimension, Port, Specification};
use crate::pipeline::Parameter;
use crate::protocol::matrix;
use crate::tensor::{Datatype, volume};

/// Whether there is a question by rows, and an answer to it.
pub(super) fn has_rows(specification: &Specification) -> bool {
    let has_axes = |port: &Port| port.shape.as_ref().is_none_or(|axes| !axes.is_empty());
    let mut ports = specification.inputs.iter().chain(&specification.outputs);
    ports.all(has_axes)
}

/// Whether a row goes into a line of a table whose cells are no lists.
pub(super) fn has_table(specification: &Specification) -> bool {
    let inputs = &specification.inputs;
    let is_flat = match matrix(inputs) {
        Some(port) => {
            let inner = inner(port, false);
            inner.len() == 1 || inner.iter().all(|length| length.fixed().is_some())
        }
        None => inputs.iter().all(|port| inner(port, true).is_empty()),
    };
    is_flat && has_rows(specification)
}

/// The only input, where a body may be one value of it: a text or a picture.
pub(super) fn whole(specification: &Specification) -> Option<&Port> {
    let [port] = specification.inputs.as_slice() else {
        return None;
    };
    let axes = inner(port, false);
    let is_one = axes
        .iter()
        .all(|axis| axis.fixed().is_none_or(|length| length == 1));
    let is_whole = matches!(port.datatype, Datatype::Bytes | Datatype::Octets);
    Some(port).filter(|_| is_whole && is_one)
}

/// Every body, by the name of its component.
pub(super) fn schemas(described: &Described<'_>) -> Vec<(String, Value)> {
    let specification = described.version.model.specification();
    let mut schemas = vec![
        ("tensors", tensors(described, specification)),
        ("columns", columns(described, specification)),
    ];
    if has_rows(specification) {
        let refer = || reference("schemas", &described.component("rows"));
        schemas.push((
            "rows",
            list(rows(described, specification), row(&specification.inputs)),
        ));
        schemas.push(("instances", body(described, "instances", refer())));
        schemas.push(("records", body(described, "dataframe_records", refer())));
        schemas.push((
            "frame",
            body(
                described,
                "dataframe_split",
                frame(described, specification),
            ),
        ));
    }
    let named = |(kind, schema)| (described.component(kind), schema);
    schemas.into_iter().map(named).collect()
}

/// A body of the dialects that are not the Open Inference Protocol's.
fn body(described: &Described<'_>, key: &str, schema: Value) -> Value {
    let body = json!({
        "type": "object",
        "required": [key],
        "properties": {
            key: schema,
            "signature_name": {"const": "serving_default"},
            "params": {"type": ["object", "null"], "maxProperties": 0},
        },
    });
    let Some(asked) = steps(described) else {
        return body;
    };
    let params =
        json!({"type": ["object", "null"], "properties": asked, "additionalProperties": false});
    let parameters = json!({"type": ["object", "null"], "properties": asked});
    with(with(body, "params", params), "parameters", parameters)
}

/// What a request may ask of the steps of a model, by name; nothing where it has none.
fn steps(described: &Described<'_>) -> Option<Map<String, Value>> {
    let model = described.version.model;
    let allowed = model.parameters()?;
    let outputs = &model.specification().outputs;
    let output = model.embedding().and_then(|place| outputs.get(place));
    let width = output.and_then(|port| inner(port, false).last()?.fixed());
    let schema = |parameter: Parameter| match parameter {
        _ if !allowed.contains(&parameter) => json!({"type": "null"}),
        Parameter::TopK => json!({"type": ["integer", "null"], "minimum": 1, "maximum": u32::MAX}),
        Parameter::RawScores | Parameter::Truncation => json!({"type": ["boolean", "null"]}),
        Parameter::Dimensions => match width {
            Some(width) => json!({"type": ["integer", "null"], "minimum": 1, "maximum": width}),
            None => json!({"type": ["integer", "null"], "minimum": 1}),
        },
    };
    let all = Parameter::ALL.into_iter();
    Some(
        all.map(|one| (one.name().to_owned(), schema(one)))
            .collect(),
    )
}

/// How long the first axis may be.
fn first(described: &Described<'_>, port: &Port) -> Option<Length> {
    let open = Length {
        least: 1,
        most: Some(described.limits.rows),
    };
    let first = port.shape.as_deref().and_then(<[Dimension]>::first);
    first.map(|axis| Length::of(axis, open))
}

/// How many rows there may be: as many as any axis along them says.
fn rows(described: &Described<'_>, specification: &Specification) -> Length {
    let ports = specification.inputs.iter().chain(&specification.outputs);
    let lengths: Vec<Length> = ports.filter_map(|port| first(described, port)).collect();
    let fixed = lengths.iter().find(|length| length.fixed().is_some());
    let open = Length {
        least: 1,
        most: Some(described.limits.rows),
    };
    fixed.copied().unwrap_or(open)
}

/// The axes behind the first. A last one of length one may be left out: `is_bare` leaves it out.
fn inner(port: &Port, is_bare: bool) -> Vec<Length> {
    let axes = port.shape.as_deref().unwrap_or_default();
    let inner = axes.iter().skip(1);
    let mut inner: Vec<Length> = inner.map(|axis| Length::of(axis, Length::SOME)).collect();
    if is_bare && is_widened(port) {
        inner.pop();
    }
    inner
}

fn is_widened(port: &Port) -> bool {
    let axes = port.shape.as_deref().unwrap_or_default();
    matches!(axes, [_, .., Dimension::Fixed(1)])
}

/// Values behind these axes: with a last axis of length one, and without.
fn values(port: &Port, first: Option<Length>) -> Value {
    let forms = if is_widened(port) {
        [false, true].as_slice()
    } else {
        &[false]
    };
    let form = |is_bare: &bool| {
        let lengths: Vec<Length> = first.into_iter().chain(inner(port, *is_bare)).collect();
        nested(&lengths, scalar(port))
    };
    any_of(forms.iter().map(form).collect())
}

fn row(inputs: &[Port]) -> Value {
    let named = object(
        inputs
            .iter()
            .map(|port| (port.name.as_str(), values(port, None))),
    );
    let [port] = inputs else {
        return named;
    };
    let mut forms = vec![values(port, None), named];
    if inner(port, false).len() == 1 && !port.labels.is_empty() {
        let labels = port.labels.iter().map(String::as_str);
        forms.push(object(labels.map(|label| (label, scalar(port)))));
    }
    any_of(forms)
}

fn frame(described: &Described<'_>, specification: &Specification) -> Value {
    let inputs = &specification.inputs;
    let (columns, cells) = match matrix(inputs) {
        Some(port) => (columns_of_row(port), cells_of_row(port)),
        None => {
            let names = inputs.iter().map(|port| json!({"const": port.name}));
            let cells = inputs.iter().map(|port| values(port, None));
            let columns = vec![tuple(names.collect()), in_order(inputs.len())];
            (columns, tuple(cells.collect()))
        }
    };
    let mut properties = json!({
        "data": list(rows(described, specification), cells),
        "index": {"description": "Passed over."},
    });
    if let (Some(properties), false) = (properties.as_object_mut(), columns.is_empty()) {
        properties.insert("columns".to_owned(), any_of(columns));
    }
    json!({"type": "object", "required": ["data"], "properties": properties, "additionalProperties": false})
}

/// A row of the only input, without the lists within it where their lengths are known.
fn cells_of_row(port: &Port) -> Value {
    let inner = inner(port, false);
    match width(&inner) {
        Some(width) => list(Length::exactly(width), scalar(port)),
        None => nested(&inner, scalar(port)),
    }
}

/// Names in any order, or places in any order.
fn columns_of_row(port: &Port) -> Vec<Value> {
    let once = |count: usize, name: Value| json!({"type": "array", "items": name, "uniqueItems": true, "minItems": count, "maxItems": count});
    let mut columns = Vec::new();
    if !port.labels.is_empty() {
        columns.push(once(port.labels.len(), json!({"enum": port.labels})));
    }
    if let Some(width) = width(&inner(port, false)) {
        let last = width.saturating_sub(1);
        columns.push(once(
            width,
            json!({"type": "integer", "minimum": 0, "maximum": last}),
        ));
    }
    columns
}

fn in_order(count: usize) -> Value {
    tuple((0..count).map(|place| json!({"const": place})).collect())
}

fn width(inner: &[Length]) -> Option<usize> {
    let lengths: Option<Vec<usize>> = inner.iter().map(|length| length.fixed()).collect();
    volume(&lengths?)
}

fn columns(described: &Described<'_>, specification: &Specification) -> Value {
    let inputs = &specification.inputs;
    let whole = |port: &Port| values(port, first(described, port));
    let named = object(inputs.iter().map(|port| (port.name.as_str(), whole(port))));
    let bare = match inputs.as_slice() {
        [port] => Some(whole(port)),
        _ => None,
    };
    let whole = any_of([named].into_iter().chain(bare).collect());
    body(described, "inputs", whole)
}

fn tensors(described: &Described<'_>, specification: &Specification) -> Value {
    let inputs = specification.inputs.iter();
    let inputs: Vec<Value> = inputs.map(|port| tensor(described, port)).collect();
    let outputs = &specification.outputs;
    let once = outputs.iter().map(|port| {
        let named = json!({"required": ["name"], "properties": {"name": {"const": port.name}}});
        json!({"contains": named, "minContains": 0, "maxContains": 1})
    });
    let once: Vec<Value> = once.collect();
    let requested = any_of(outputs.iter().map(requested).collect());
    let mut parameters = steps(described).unwrap_or_default();
    let binary = json!({"type": ["boolean", "null"]});
    parameters.insert("binary_data_output".to_owned(), binary);
    json!({
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": ["string", "number", "null"]},
            "inputs": tuple(inputs),
            "outputs": {"type": "array", "items": requested, "allOf": once, "maxItems": outputs.len()},
            "parameters": {"type": ["object", "null"], "properties": parameters},
        },
    })
}

fn tensor(described: &Described<'_>, port: &Port) -> Value {
    let first = first(described, port).into_iter();
    let lengths: Vec<Length> = first.chain(inner(port, false)).collect();
    let all = Length {
        least: 1,
        most: Some(described.limits.elements),
    };
    let flat = list(width(&lengths).map_or(all, Length::exactly), scalar(port));
    let data = if lengths.len() == 1 {
        vec![flat]
    } else {
        vec![flat, nested(&lengths, scalar(port))]
    };
    json!({
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"const": port.name},
            "shape": shape(&lengths),
            "datatype": {"const": port.datatype.to_string()},
            "data": any_of(data),
            "parameters": {
                "type": ["object", "null"],
                "properties": {"binary_data_size": {"type": "null"}, "shared_memory_region": {"type": "null"}},
            },
        },
    })
}

fn requested(port: &Port) -> Value {
    let classification = if port.datatype.is_float() || port.datatype.is_integer() {
        json!({"type": ["integer", "null"], "minimum": 1, "maximum": u64::MAX})
    } else {
        json!({"type": "null"})
    };
    json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"const": port.name},
            "parameters": {
                "type": ["object", "null"],
                "properties": {
                    "binary_data": {"type": ["boolean", "null"]},
                    "classification": classification,
                    "shared_memory_region": {"type": "null"},
                },
            },
        },
    })
}
