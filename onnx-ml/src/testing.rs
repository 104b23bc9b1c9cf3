//! What the tests of all operators share: attributes, a model of one node, and running it.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TypeProto, ValueInfoProto, type_proto,
};
use tract_onnx::tract_hir::internal::*;

/// A list of floats as an attribute.
pub(crate) fn floats(name: &str, values: &[f32]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        floats: values.to_vec(),
        r#type: AttributeType::Floats as i32,
        ..Default::default()
    }
}

/// A list of integers as an attribute.
pub(crate) fn integers(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        ints: values.to_vec(),
        r#type: AttributeType::Ints as i32,
        ..Default::default()
    }
}

/// An integer as an attribute.
pub(crate) fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        i: value,
        r#type: AttributeType::Int as i32,
        ..Default::default()
    }
}

/// Text as an attribute.
pub(crate) fn string(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        s: value.into(),
        r#type: AttributeType::String as i32,
        ..Default::default()
    }
}

/// A list of texts as an attribute.
pub(crate) fn strings(name: &str, values: &[&str]) -> AttributeProto {
    let strings = values
        .iter()
        .map(|value| value.as_bytes().to_vec())
        .collect();
    AttributeProto {
        name: name.into(),
        strings,
        r#type: AttributeType::Strings as i32,
        ..Default::default()
    }
}

/// A model of one node, input `x`, output `y`; a classifier also has the output `scores`.
pub(crate) fn model(operator: &str, domain: &str, attribute: Vec<AttributeProto>) -> ModelProto {
    let value = |name: &str| {
        let tensor = type_proto::Tensor {
            elem_type: 1,
            shape: None,
        };
        let r#type = TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..Default::default()
        };
        ValueInfoProto {
            name: name.into(),
            r#type: Some(r#type),
            ..Default::default()
        }
    };
    let outputs: &[&str] = match operator {
        "LinearClassifier" => &["y", "scores"],
        _ => &["y"],
    };
    let node = NodeProto {
        input: vec!["x".into()],
        output: outputs.iter().map(|name| (*name).to_owned()).collect(),
        op_type: operator.into(),
        domain: domain.into(),
        attribute,
        ..Default::default()
    };
    let graph = GraphProto {
        node: vec![node],
        input: vec![value("x")],
        output: outputs.iter().copied().map(value).collect(),
        ..Default::default()
    };
    ModelProto {
        graph: Some(graph),
        ..Default::default()
    }
}

/// Runs one operator on one tensor.
pub(crate) fn run(
    operator: &str,
    attributes: Vec<AttributeProto>,
    input: Tensor,
) -> TractResult<Vec<Tensor>> {
    let mut graph = crate::onnx()
        .parse(&model(operator, "ai.onnx.ml", attributes), None)?
        .model;
    let fact = InferenceFact::dt_shape(input.datum_type(), input.shape());
    graph.set_input_fact(0, fact)?;
    let outputs = graph
        .into_optimized()?
        .into_runnable()?
        .run(tvec!(input.into()))?;
    Ok(outputs.into_iter().map(IntoTensor::into_tensor).collect())
}
