//! Which inputs and outputs of a graph are maps that columns can stand for.
//!
//! The reader of the file knows types of tensors alone: a port without one is something else.

use std::collections::HashSet;
use std::hash::Hash;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    GraphProto, ModelProto, NodeProto, TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};
use tract_onnx::prelude::DatumType;

use crate::graph::inner_graphs;

/// The longest row that `max_map` may ask for: an attribute costs a file nothing.
const MAX_COLUMNS: i64 = 65_536;

/// What the columns of a tensor are called that stands for maps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Labels {
    /// Keys that are integers.
    Integers(Vec<i64>),
    /// Keys that are text.
    Texts(Vec<String>),
}

impl Labels {
    /// How many columns there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Integers(labels) => labels.len(),
            Self::Texts(labels) => labels.len(),
        }
    }

    /// Whether there is no column.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn either(integers: Vec<i64>, texts: Vec<String>) -> Result<Self, &'static str> {
        let differ = are_different(&integers) && are_different(&texts);
        match (integers.is_empty(), texts.is_empty()) {
            _ if !differ => Err("a map would have one label twice"),
            (false, true) => Ok(Self::Integers(integers)),
            (true, false) => Ok(Self::Texts(texts)),
            (true, true) | (false, false) => Err("labels must be either integers or text"),
        }
    }
}

fn are_different<T: Hash + Eq>(labels: &[T]) -> bool {
    labels.iter().collect::<HashSet<_>>().len() == labels.len()
}

/// An input or output that is a list of maps in the file, and a tensor `[rows, labels]` now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The name of the input or output.
    pub name: String,
    /// A label for each column.
    pub labels: Labels,
}

/// The inputs and outputs of a model that were maps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlatMaps {
    /// Inputs: an entry that a map does not have is zero.
    pub inputs: Vec<Columns>,
    /// Outputs.
    pub outputs: Vec<Columns>,
}

/// Declares maps at the border of a model as the tensors that flow inside.
///
/// An output of a `ZipMap` becomes its tensor of probabilities. An input that goes into one
/// `DictVectorizer` or sparse `CastMap` alone becomes a row of its entries: floats, unless the
/// file declares what comes out of that node. All other maps stay as they are, and
/// [`crate::unsupported`] names them. Call it before that, and before the model is parsed.
pub fn flatten_maps(model: &mut ModelProto) -> FlatMaps {
    let Some(graph) = &mut model.graph else {
        return FlatMaps::default();
    };
    let mut flat = FlatMaps::default();
    let maps = graph.node.iter().filter(|node| is_map(node));
    for node in maps.cloned().collect::<Vec<_>>() {
        let Ok(border) = Border::of(&node) else {
            continue;
        };
        let Some(name) = border.port(graph, &node) else {
            continue;
        };
        let element = border.element(graph, &node);
        let (ports, found) = match border.side {
            Side::Output => (&mut graph.output, &mut flat.outputs),
            Side::Input => (&mut graph.input, &mut flat.inputs),
        };
        if let Some(port) = ports.iter_mut().find(|port| port.name == name) {
            port.r#type = Some(rows_of(element, border.labels.len()));
            found.push(Columns {
                name,
                labels: border.labels,
            });
        }
    }
    flat
}

/// Why a node's maps cannot be tensors, if it has maps that are none.
pub(crate) fn refusal(graph: &GraphProto, node: &NodeProto) -> Option<&'static str> {
    if !is_map(node) {
        let is_open = |name: &&String| {
            let mut ports = graph.input.iter();
            ports.any(|port| port.name == **name && is_other(port))
        };
        let found = node.input.iter().find(is_open);
        return found.map(|_| "its input is no tensor");
    }
    let border = match Border::of(node) {
        Ok(border) => border,
        Err(reason) => return Some(reason),
    };
    let (ports, reason) = match border.side {
        Side::Output => (&graph.output, "its maps do not leave the model as they are"),
        Side::Input => (
            &graph.input,
            "its maps do not come straight from outside, for it alone",
        ),
    };
    let Some(name) = border.port(graph, node) else {
        return Some(reason);
    };
    let port = ports.iter().find(|port| port.name == name);
    let is_flat = port.is_some_and(is_tensor);
    (!is_flat).then_some("its maps were not declared as tensors before")
}

fn is_map(node: &NodeProto) -> bool {
    node.domain == "ai.onnx.ml"
        && ["ZipMap", "DictVectorizer", "CastMap"].contains(&node.op_type.as_str())
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Input,
    Output,
}

/// A node between maps and tensors.
#[derive(Debug)]
pub(super) struct Border {
    pub(super) operator: &'static str,
    pub(super) labels: Labels,
    /// The datatype that the node casts to, if it does.
    pub(super) datum_type: Option<DatumType>,
    side: Side,
}

impl Border {
    /// The node as its attributes describe it, or why no columns can stand for its maps.
    pub(super) fn of(node: &NodeProto) -> Result<Self, &'static str> {
        match node.op_type.as_str() {
            "ZipMap" => Ok(Self {
                operator: "ZipMap",
                labels: labels(node, "classlabels_int64s", "classlabels_strings")?,
                datum_type: None,
                side: Side::Output,
            }),
            "DictVectorizer" => Ok(Self {
                operator: "DictVectorizer",
                labels: labels(node, "int64_vocabulary", "string_vocabulary")?,
                datum_type: None,
                side: Side::Input,
            }),
            _ => Self::of_cast(node),
        }
    }

    fn of_cast(node: &NodeProto) -> Result<Self, &'static str> {
        let text = |name, default| {
            let text = node.get_attr_opt::<&str>(name).ok();
            text.map_or("", |text| text.unwrap_or(default))
        };
        if text("map_form", "DENSE") != "SPARSE" {
            return Err("only a sparse map has columns that are known");
        }
        let datum_type = match text("cast_to", "TO_FLOAT") {
            "TO_FLOAT" => DatumType::F32,
            "TO_INT64" => DatumType::I64,
            _ => return Err("only casts to floats and integers are supported"),
        };
        let columns = node.get_attr_opt::<i64>("max_map").ok().flatten();
        let columns = columns.unwrap_or(1);
        if !(1..=MAX_COLUMNS).contains(&columns) {
            return Err("`max_map` is not between 1 and 65536");
        }
        Ok(Self {
            operator: "CastMap",
            labels: Labels::Integers((0..columns).collect()),
            datum_type: Some(datum_type),
            side: Side::Input,
        })
    }

    /// The name of the input or output that is a map for this node alone.
    fn port(&self, graph: &GraphProto, node: &NodeProto) -> Option<String> {
        let ([input], [output]) = (node.input.as_slice(), node.output.as_slice()) else {
            return None;
        };
        let (ports, name, readers) = match self.side {
            Side::Output => (&graph.output, output, 0),
            Side::Input => (&graph.input, input, 1),
        };
        let is_port = ports.iter().filter(|port| port.name == *name).count() == 1;
        (is_port && readers_of(graph, name) == readers).then(|| name.clone())
    }

    /// The datatype of the tensor that stands for the maps.
    fn element(&self, graph: &GraphProto, node: &NodeProto) -> i32 {
        let is_output = |port: &&ValueInfoProto| node.output.contains(&port.name);
        let mut declared = graph.output.iter().chain(&graph.value_info);
        let declared = declared.find(is_output).and_then(tensor);
        match (self.operator, declared) {
            ("DictVectorizer", Some(tensor)) => tensor.elem_type,
            _ => DataType::Float.into(),
        }
    }
}

fn labels(node: &NodeProto, integers: &str, texts: &str) -> Result<Labels, &'static str> {
    let unreadable = |_| "labels must be either integers or text";
    let integers = node.get_attr_opt_vec(integers).map_err(unreadable)?;
    let texts = node.get_attr_opt_vec(texts).map_err(unreadable)?;
    Labels::either(integers.unwrap_or_default(), texts.unwrap_or_default())
}

/// How often nodes read a value, those of inner graphs included.
fn readers_of(graph: &GraphProto, name: &str) -> usize {
    let of_node = |node: &NodeProto| {
        let read = node.input.iter().filter(|input| *input == name).count();
        let inner = inner_graphs(node).map(|graph| readers_of(graph, name));
        read + inner.sum::<usize>()
    };
    graph.node.iter().map(of_node).sum()
}

fn tensor(port: &ValueInfoProto) -> Option<&type_proto::Tensor> {
    let type_proto::Value::TensorType(tensor) = port.r#type.as_ref()?.value.as_ref()?;
    Some(tensor)
}

fn is_tensor(port: &ValueInfoProto) -> bool {
    tensor(port).is_some()
}

/// Whether a value is declared as what is no tensor; inner graphs need not declare theirs.
fn is_other(port: &ValueInfoProto) -> bool {
    let declared = port
        .r#type
        .as_ref()
        .and_then(|r#type| r#type.value.as_ref());
    declared.is_some() && !is_tensor(port)
}

fn rows_of(elem_type: i32, columns: usize) -> TypeProto {
    let columns = i64::try_from(columns).unwrap_or(i64::MAX);
    let columns = dimension::Value::DimValue(columns);
    let dimension = |value| Dimension {
        value,
        ..Default::default()
    };
    let shape = TensorShapeProto {
        dim: vec![dimension(None), dimension(Some(columns))],
    };
    let tensor = type_proto::Tensor {
        elem_type,
        shape: Some(shape),
    };
    TypeProto {
        value: Some(type_proto::Value::TensorType(tensor)),
        ..Default::default()
    }
}
