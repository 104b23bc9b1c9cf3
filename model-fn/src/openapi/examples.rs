//! Questions that a version of a model has answered at its start, in each dialect that has them.

use serde_json::{Map, Value, json};

use super::Described;
use super::questions::{has_rows, has_table};
use crate::engine::{Dimension, Port};
use crate::protocol::{known, matrix};
use crate::tensor::{Tensor, Values, volume};

/// The longest `example.json` that goes into the document: it is read by people.
const LONGEST: usize = 1 << 14;

/// An example by the name of its component.
pub(super) type Example = (&'static str, Value);

/// What the examples are made of.
struct Answered<'a> {
    ports: &'a [Port],
    tensors: &'a [Tensor],
    rows: usize,
}

/// Every example of this version; none where it has answered nothing that its caller may ask.
pub(super) fn of(described: &Described<'_>) -> Vec<Example> {
    let specification = described.version.model.specification();
    let Some(answered) = Answered::of(described) else {
        return Vec::new();
    };
    let mut examples = vec![
        ("tensors", answered.in_tensors()),
        ("columns", json!({"inputs": answered.by_column()})),
    ];
    if has_rows(specification) && answered.has_equal_rows() {
        let rows = answered.by_row();
        let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
        examples.push(("lines", lines.into()));
        examples.push(("records", json!({"dataframe_records": rows})));
        examples.push(("frame", json!({"dataframe_split": answered.frame()})));
        examples.push(("instances", json!({"instances": rows})));
        if has_table(specification) {
            let names = answered.names();
            let table = answered.table();
            if let Some(names) = &names {
                let names: Vec<Value> = names.iter().map(|name| (*name).into()).collect();
                examples.push(("csv-with-names", format!("{}{table}", line(&names)).into()));
            }
            examples.push(("csv", table.into()));
        }
    }
    if let Some(recorded) = recorded(described) {
        examples.push(("recorded", recorded));
    }
    let limit = described.limits.body_bytes;
    examples.retain(|(_, example)| example.to_string().len() <= limit);
    examples
}

/// What the folder of the model has, which is a body for `/predict`.
fn recorded(described: &Described<'_>) -> Option<Value> {
    let text = described.version.entry.example.as_deref()?;
    let text = Some(text).filter(|text| text.len() <= LONGEST)?;
    serde_json::from_str(text).ok()
}

impl<'a> Answered<'a> {
    fn of(described: &Described<'a>) -> Option<Self> {
        let tensors = described.version.example?;
        let rows = tensors.iter().find_map(Tensor::rows).unwrap_or(1);
        let elements: usize = tensors.iter().map(|tensor| tensor.values().len()).sum();
        let limits = &described.limits;
        let fits = rows <= limits.rows && elements <= limits.elements;
        fits.then_some(Self {
            ports: &described.version.model.specification().inputs,
            tensors,
            rows,
        })
    }

    fn pairs(&self) -> impl Iterator<Item = (&'a Port, &'a Tensor)> {
        self.ports.iter().zip(self.tensors)
    }

    fn has_equal_rows(&self) -> bool {
        let mut tensors = self.tensors.iter();
        tensors.all(|tensor| tensor.rows() == Some(self.rows))
    }

    fn in_tensors(&self) -> Value {
        let tensor = |(port, tensor): (&Port, &Tensor)| {
            let datatype = port.datatype.to_string();
            json!({"name": port.name, "shape": tensor.shape(), "datatype": datatype, "data": flat(tensor)})
        };
        json!({"inputs": self.pairs().map(tensor).collect::<Vec<_>>()})
    }

    fn by_column(&self) -> Value {
        let whole = |(port, tensor): (&Port, &Tensor)| {
            (port.name.clone(), nested(tensor.shape(), &flat(tensor)))
        };
        one_or_all(self.pairs().map(whole).collect())
    }

    /// The values of each row of each input, under a shape without last axes of length one.
    fn by_row(&self) -> Vec<Value> {
        let columns = self.pairs().map(|(port, tensor)| {
            let shape = tensor.shape().get(1..).unwrap_or_default();
            let shape = match (port.shape.as_deref(), shape) {
                (Some([_, .., Dimension::Fixed(1)]), [outer @ .., 1]) => outer,
                _ => shape,
            };
            (port.name.clone(), self.rows_of(tensor), shape)
        });
        let columns: Vec<_> = columns.collect();
        let row = |place: usize| {
            let values = columns.iter().map(|(name, rows, shape)| {
                let row = rows.get(place).map(Vec::as_slice).unwrap_or_default();
                (name.clone(), nested(shape, row))
            });
            one_or_all(values.collect())
        };
        (0..self.rows).map(row).collect()
    }

    fn rows_of(&self, tensor: &Tensor) -> Vec<Vec<Value>> {
        let values = flat(tensor);
        let width = (values.len() / self.rows.max(1)).max(1);
        values.chunks(width).map(<[Value]>::to_vec).collect()
    }

    /// The names of columns, where they are known.
    fn names(&self) -> Option<Vec<&'a str>> {
        let is_known = matrix(self.ports).is_none_or(|port| !port.labels.is_empty());
        is_known.then(|| known(self.ports))
    }

    fn frame(&self) -> Value {
        let rows = self.by_row();
        let cells: Vec<Value> = match (matrix(self.ports), self.tensors) {
            (Some(_), [tensor]) => {
                let shape = tensor.shape().get(1..).unwrap_or_default();
                let is_flat = has_known_width(self.ports);
                let cells = self.rows_of(tensor).into_iter();
                cells
                    .map(|row| {
                        if is_flat {
                            row.into()
                        } else {
                            nested(shape, &row)
                        }
                    })
                    .collect()
            }
            _ => rows.into_iter().map(|row| self.in_order(row)).collect(),
        };
        match self.names() {
            Some(names) => json!({"columns": names, "data": cells}),
            None => json!({"data": cells}),
        }
    }

    /// The values of a row, in the model's order.
    fn in_order(&self, row: Value) -> Value {
        if self.ports.len() == 1 {
            return json!([row]);
        }
        let member = |port: &Port| row.get(&port.name).cloned().unwrap_or_default();
        self.ports.iter().map(member).collect()
    }

    fn table(&self) -> String {
        let columns: Vec<Vec<Vec<Value>>> = self
            .tensors
            .iter()
            .map(|tensor| self.rows_of(tensor))
            .collect();
        let row = |place: usize| {
            let cells = columns.iter().filter_map(|rows| rows.get(place)).flatten();
            line(&cells.cloned().collect::<Vec<_>>())
        };
        (0..self.rows).map(row).collect()
    }
}

fn has_known_width(ports: &[Port]) -> bool {
    let axes = ports
        .iter()
        .flat_map(|port| port.shape.iter().flatten().skip(1));
    let mut axes = axes.into_iter();
    axes.all(|axis| matches!(axis, Dimension::Fixed(_)))
}

/// The value alone where there is one input, an object of all by name where there are several.
fn one_or_all(mut named: Vec<(String, Value)>) -> Value {
    match named.as_mut_slice() {
        [(_, value)] => value.take(),
        _ => Value::Object(named.into_iter().collect::<Map<_, _>>()),
    }
}

/// The values as a request has them.
fn flat(tensor: &Tensor) -> Vec<Value> {
    let values: &Values = tensor.values();
    let mut json = serde_json::Serializer::new(Vec::new());
    let written = values.serialize_range(0..values.len(), &mut json);
    let read = written.and_then(|()| serde_json::from_slice(&json.into_inner()));
    read.unwrap_or_default()
}

fn nested(shape: &[usize], values: &[Value]) -> Value {
    match shape {
        [] => values.first().cloned().unwrap_or_default(),
        [_, inner @ ..] => {
            let width = volume(inner).unwrap_or_default().max(1);
            values
                .chunks(width)
                .map(|values| nested(inner, values))
                .collect()
        }
    }
}

/// A line of CSV: text in quotes, nothing for a missing number.
fn line(cells: &[Value]) -> String {
    let cell = |value: &Value| match value {
        Value::String(text) => format!("\"{}\"", text.replace('"', "\"\"")),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    let cells: Vec<String> = cells.iter().map(cell).collect();
    format!("{}\r\n", cells.join(","))
}
