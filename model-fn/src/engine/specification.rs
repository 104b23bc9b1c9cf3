//! What a model takes and gives, as its file declares it.

use onnx_ml::{Columns, FlatMaps, Labels};
use serde::{Serialize, Serializer};
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value;
use tract_onnx::pb::{GraphProto, TensorShapeProto, ValueInfoProto, type_proto};

use crate::tensor::Datatype;

/// The inputs and outputs of a model, in its own order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Specification {
    /// What must be given.
    pub inputs: Vec<Port>,
    /// What comes out.
    pub outputs: Vec<Port>,
}

/// One input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name in the file.
    pub name: String,
    /// What its values are.
    pub datatype: Datatype,
    /// Its axes; an output's may be undeclared, and what is declared may be wrong.
    pub shape: Option<Vec<Dimension>>,
    /// What the values of a row are called, where the file has a map a row, or where `model.yaml` says so of
    /// the only input; none otherwise.
    pub labels: Vec<String>,
}

/// One axis of an input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dimension {
    /// Always this long.
    Fixed(usize),
    /// As long as every other axis of this name.
    Named(String),
    /// Of any length.
    Any,
}

/// Why an input or output cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// It is a map or a sequence.
    #[error("`{0}` is not a tensor")]
    NotTensor(String),
    /// Its values are none of the known datatypes.
    #[error("`{0}` has the ONNX datatype {1}, which is not supported")]
    Datatype(String, i32),
    /// It is an input without a shape: the number of its axes is needed.
    #[error("input `{0}` declares no shape")]
    NoShape(String),
}

impl Specification {
    /// Reads it from a graph; inputs that have a stored value are not asked for. `maps` are the ports that are
    /// maps in the file.
    pub(super) fn of(graph: &GraphProto, maps: &FlatMaps) -> Result<Self, Vec<PortError>> {
        let stored = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
        let asked = graph.input.iter().filter(|input| !stored(&input.name));
        let input = |value| port(value, &maps.inputs).and_then(with_shape);
        let (inputs, mut problems) = sort(asked.map(input));
        let output = |value| port(value, &maps.outputs);
        let (outputs, more) = sort(graph.output.iter().map(output));
        problems.extend(more);
        if problems.is_empty() {
            Ok(Self { inputs, outputs })
        } else {
            Err(problems)
        }
    }
}

fn sort(ports: impl Iterator<Item = Result<Port, PortError>>) -> (Vec<Port>, Vec<PortError>) {
    let mut sorted = (Vec::new(), Vec::new());
    for port in ports {
        match port {
            Ok(port) => sorted.0.push(port),
            Err(problem) => sorted.1.push(problem),
        }
    }
    sorted
}

fn port(value: &ValueInfoProto, maps: &[Columns]) -> Result<Port, PortError> {
    let name = value.name.clone();
    let map = maps.iter().find(|map| map.name == name);
    let Some(type_proto::Value::TensorType(tensor)) =
        value.r#type.as_ref().and_then(|kind| kind.value.as_ref())
    else {
        return Err(PortError::NotTensor(name));
    };
    let Some(datatype) = datatype(tensor.elem_type) else {
        return Err(PortError::Datatype(name, tensor.elem_type));
    };
    Ok(Port {
        name,
        datatype,
        shape: tensor.shape.as_ref().map(dimensions),
        labels: map.map(|map| texts(&map.labels)).unwrap_or_default(),
    })
}

fn texts(labels: &Labels) -> Vec<String> {
    match labels {
        Labels::Integers(labels) => labels.iter().map(i64::to_string).collect(),
        Labels::Texts(labels) => labels.clone(),
    }
}

fn with_shape(port: Port) -> Result<Port, PortError> {
    if port.shape.is_some() {
        Ok(port)
    } else {
        Err(PortError::NoShape(port.name))
    }
}

fn datatype(onnx: i32) -> Option<Datatype> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "ONNX adds datatypes that nobody can send"
    )]
    match DataType::try_from(onnx).ok()? {
        DataType::Bool => Some(Datatype::Bool),
        DataType::Uint8 => Some(Datatype::Uint8),
        DataType::Uint16 => Some(Datatype::Uint16),
        DataType::Uint32 => Some(Datatype::Uint32),
        DataType::Uint64 => Some(Datatype::Uint64),
        DataType::Int8 => Some(Datatype::Int8),
        DataType::Int16 => Some(Datatype::Int16),
        DataType::Int32 => Some(Datatype::Int32),
        DataType::Int64 => Some(Datatype::Int64),
        DataType::Float16 => Some(Datatype::Fp16),
        DataType::Float => Some(Datatype::Fp32),
        DataType::Double => Some(Datatype::Fp64),
        DataType::String => Some(Datatype::Bytes),
        _ => None,
    }
}

fn dimensions(shape: &TensorShapeProto) -> Vec<Dimension> {
    let dimension = |value: &Option<Value>| match value {
        Some(Value::DimValue(length)) => {
            usize::try_from(*length).map_or(Dimension::Any, Dimension::Fixed)
        }
        Some(Value::DimParam(name)) if !name.is_empty() && name != "?" => {
            Dimension::Named(name.clone())
        }
        Some(Value::DimParam(_)) | None => Dimension::Any,
    };
    shape
        .dim
        .iter()
        .map(|axis| dimension(&axis.value))
        .collect()
}

impl Port {
    /// Corrects the declared axes by the shape of a right answer: exporters leave them out or
    /// write them wrongly, and tract does not need them.
    pub(super) fn correct(&mut self, shape: &[usize]) {
        let declared = self.shape.take().filter(|axes| axes.len() == shape.len());
        let declared = declared.unwrap_or_else(|| vec![Dimension::Any; shape.len()]);
        let corrected = |(axis, length): (Dimension, &usize)| match axis {
            Dimension::Fixed(declared) if declared != *length => Dimension::Any,
            Dimension::Fixed(_) | Dimension::Named(_) | Dimension::Any => axis,
        };
        self.shape = Some(declared.into_iter().zip(shape).map(corrected).collect());
    }

    /// The axes as the Open Inference Protocol writes them: -1 where any length will do.
    pub fn lengths(&self) -> Option<Vec<i64>> {
        let length = |dimension: &Dimension| match dimension {
            Dimension::Fixed(length) => i64::try_from(*length).unwrap_or(i64::MAX),
            Dimension::Named(_) | Dimension::Any => -1,
        };
        self.shape
            .as_ref()
            .map(|shape| shape.iter().map(length).collect())
    }
}

impl Serialize for Port {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Metadata<'a> {
            name: &'a str,
            datatype: Datatype,
            shape: Vec<i64>,
            #[serde(skip_serializing_if = "<[String]>::is_empty")]
            labels: &'a [String],
        }
        let shape = self.lengths().unwrap_or_default();
        Metadata {
            name: &self.name,
            datatype: self.datatype,
            shape,
            labels: &self.labels,
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::tensor_shape_proto::Dimension as Axis;
    use tract_onnx::pb::{TensorProto, TypeProto};

    fn value(name: &str, elem_type: i32, axes: Option<&[Value]>) -> ValueInfoProto {
        let dim = |axes: &[Value]| {
            axes.iter()
                .map(|value| Axis {
                    value: Some(value.clone()),
                    ..Axis::default()
                })
                .collect()
        };
        let tensor = type_proto::Tensor {
            elem_type,
            shape: axes.map(|axes| TensorShapeProto { dim: dim(axes) }),
        };
        let kind = TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..TypeProto::default()
        };
        ValueInfoProto {
            name: name.to_owned(),
            r#type: Some(kind),
            ..ValueInfoProto::default()
        }
    }

    #[test]
    fn ports_are_read_with_their_axes() {
        let axes = [
            Value::DimParam("batch".to_owned()),
            Value::DimValue(-1),
            Value::DimValue(3),
            Value::DimParam("?".to_owned()),
        ];
        let graph = GraphProto {
            input: vec![value("x", 1, Some(&axes)), value("weight", 1, None)],
            output: vec![value("y", 7, None)],
            initializer: vec![TensorProto {
                name: "weight".to_owned(),
                ..TensorProto::default()
            }],
            ..GraphProto::default()
        };
        let specification = Specification::of(&graph, &FlatMaps::default()).unwrap();
        let [input] = specification.inputs.as_slice() else {
            panic!("one input, the weight is stored")
        };
        let shape = [
            Dimension::Named("batch".to_owned()),
            Dimension::Any,
            Dimension::Fixed(3),
            Dimension::Any,
        ];
        assert_eq!(input.shape.as_deref(), Some(shape.as_slice()));
        let metadata =
            serde_json::json!({"name": "x", "datatype": "FP32", "shape": [-1, -1, 3, -1]});
        assert_eq!(serde_json::to_value(input).unwrap(), metadata);
        assert_eq!(specification.outputs[0].datatype, Datatype::Int64);
    }

    #[test]
    fn an_answer_corrects_what_is_declared() {
        let corrected = |declared: Option<&[Dimension]>, shape: &[usize]| {
            let shape_declared = declared.map(<[Dimension]>::to_vec);
            let mut port = Port {
                name: String::new(),
                datatype: Datatype::Fp32,
                shape: shape_declared,
                labels: Vec::new(),
            };
            port.correct(shape);
            port.lengths().unwrap()
        };
        assert_eq!(corrected(None, &[2, 3]), [-1, -1]);
        assert_eq!(
            corrected(Some(&[Dimension::Any, Dimension::Fixed(3)]), &[2, 3]),
            [-1, 3]
        );
        assert_eq!(
            corrected(Some(&[Dimension::Any, Dimension::Fixed(4)]), &[2, 3]),
            [-1, -1]
        );
        assert_eq!(corrected(Some(&[Dimension::Fixed(2)]), &[2, 3]), [-1, -1]);
    }

    #[test]
    fn all_ports_that_cannot_be_served_are_named() {
        let graph = GraphProto {
            input: vec![value("a", 14, Some(&[])), value("b", 1, None)],
            output: vec![ValueInfoProto {
                name: "c".to_owned(),
                ..ValueInfoProto::default()
            }],
            ..GraphProto::default()
        };
        let problems: Vec<String> = Specification::of(&graph, &FlatMaps::default())
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect();
        let expected = [
            "`a` has the ONNX datatype 14, which is not supported",
            "input `b` declares no shape",
            "`c` is not a tensor",
        ];
        assert_eq!(problems, expected);
    }
}
