//! What the tests of all operators share: attributes, a model of one node, and running it.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TypeProto,
    ValueInfoProto, type_proto,
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

/// A float as an attribute.
pub(crate) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        f: value,
        r#type: AttributeType::Float as i32,
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

/// An input or output of any shape; its datatype is set when the model is run.
pub(crate) fn value(name: &str) -> ValueInfoProto {
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
}

/// A model of one node, input `x`, output `y`; a classifier also has the output `scores`.
pub(crate) fn model(operator: &str, domain: &str, attribute: Vec<AttributeProto>) -> ModelProto {
    let outputs: &[&str] = match operator {
        "LinearClassifier" | "SVMClassifier" | "TreeEnsembleClassifier" => &["y", "scores"],
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

/// A node of a graph.
pub(crate) fn node(
    operator: &str,
    inputs: &[&str],
    outputs: &[&str],
    attribute: Vec<AttributeProto>,
) -> NodeProto {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    NodeProto {
        name: outputs.concat(),
        input: names(inputs),
        output: names(outputs),
        op_type: operator.into(),
        attribute,
        ..Default::default()
    }
}

/// Runs a graph of this version of the standard domain.
pub(crate) fn outputs_of_graph(
    graph: GraphProto,
    version: i64,
    inputs: Vec<Tensor>,
) -> TractResult<Vec<Tensor>> {
    let domain = String::new();
    let model = ModelProto {
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain, version }],
        ..Default::default()
    };
    answers(&model, inputs)
}

/// Runs one operator of `ai.onnx.ml` on one tensor.
pub(crate) fn run(
    operator: &str,
    attributes: Vec<AttributeProto>,
    input: Tensor,
) -> TractResult<Vec<Tensor>> {
    ml(operator, attributes, vec![Input::Given(input)])
}

/// An input of a node.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// Given at run time.
    Given(Tensor),
    /// Stored in the file: 64-bit integers or floats.
    Stored(Tensor),
    /// Left out.
    None,
}

/// Runs one operator of `ai.onnx.ml`.
pub(crate) fn ml(
    operator: &str,
    attributes: Vec<AttributeProto>,
    inputs: Vec<Input>,
) -> TractResult<Vec<Tensor>> {
    outputs_of(operator, "ai.onnx.ml", attributes, inputs)
}

/// Runs one operator of a domain.
pub(crate) fn outputs_of(
    operator: &str,
    domain: &str,
    attributes: Vec<AttributeProto>,
    inputs: Vec<Input>,
) -> TractResult<Vec<Tensor>> {
    evaluate(model(operator, domain, attributes), inputs)
}

/// Runs one operator of this version of the standard domain.
pub(crate) fn standard(
    operator: &str,
    version: i64,
    attributes: Vec<AttributeProto>,
    inputs: Vec<Input>,
) -> TractResult<Vec<Tensor>> {
    outputs(operator, version, attributes, inputs, &["y"])
}

/// The same, with outputs of these names.
pub(crate) fn outputs(
    operator: &str,
    version: i64,
    attributes: Vec<AttributeProto>,
    inputs: Vec<Input>,
    names: &[&str],
) -> TractResult<Vec<Tensor>> {
    let mut model = model(operator, "", attributes);
    let graph = model.graph.as_mut().unwrap();
    graph.node[0].output = names.iter().map(|name| (*name).to_owned()).collect();
    let named = names.iter().filter(|name| !name.is_empty());
    graph.output = named.copied().map(value).collect();
    model.opset_import = vec![OperatorSetIdProto {
        domain: String::new(),
        version,
    }];
    evaluate(model, inputs)
}

/// Runs a model of one node.
pub(crate) fn evaluate(mut model: ModelProto, inputs: Vec<Input>) -> TractResult<Vec<Tensor>> {
    let graph = model.graph.as_mut().unwrap();
    graph.input.clear();
    graph.node[0].input.clear();
    let mut given = tvec![];
    for (place, input) in inputs.into_iter().enumerate() {
        let name = format!("x{place}");
        match input {
            Input::Given(tensor) => {
                graph.input.push(value(&name));
                given.push(tensor);
                graph.node[0].input.push(name);
            }
            Input::Stored(tensor) => {
                graph.initializer.push(stored(&name, &tensor));
                graph.node[0].input.push(name);
            }
            Input::None => graph.node[0].input.push(String::new()),
        }
    }
    answers(&model, given.into_vec())
}

/// Runs a model, planned for the shapes of its inputs.
fn answers(model: &ModelProto, given: Vec<Tensor>) -> TractResult<Vec<Tensor>> {
    let graph = crate::onnx().parse(model, None)?.model;
    let fact = |tensor: &Tensor| InferenceFact::dt_shape(tensor.datum_type(), tensor.shape());
    let facts: Vec<_> = given.iter().map(fact).collect();
    let graph = crate::optimized(crate::typed(&graph, &facts)?)?;
    let given = given.into_iter().map(IntoTValue::into_tvalue).collect();
    let outputs = graph.into_runnable()?.run(given)?;
    Ok(outputs.into_iter().map(IntoTensor::into_tensor).collect())
}

/// A tensor that lies in the file: 64-bit integers or floats.
pub(crate) fn stored(name: &str, tensor: &Tensor) -> TensorProto {
    let types = [
        (DatumType::F32, DataType::Float),
        (DatumType::I64, DataType::Int64),
    ];
    let is_stored = |(datum_type, _): &&(DatumType, DataType)| *datum_type == tensor.datum_type();
    let (_, data_type) = *types.iter().find(is_stored).unwrap();
    let axes = tensor.shape().iter().map(|length| *length as i64);
    TensorProto {
        name: name.to_owned(),
        dims: axes.collect(),
        data_type: data_type.into(),
        raw_data: tensor.as_bytes().to_vec(),
        ..Default::default()
    }
}

/// Numbers between -1.5 and 1.5, others for each seed.
pub(crate) fn numbers(shape: &[usize], seed: u16) -> Tensor {
    let count = u16::try_from(shape.iter().product::<usize>()).unwrap();
    let number = |place: u16| f32::from((place * 7 + seed * 5) % 13) / 4.0 - 1.5;
    let numbers: Vec<f32> = (0..count).map(number).collect();
    tensor1(&numbers).into_shape(shape).unwrap()
}

/// The first output agrees with the values of the reference runtime, given with six digits.
#[track_caller]
pub(crate) fn close(outputs: &[Tensor], expected: &[f32]) {
    let output = outputs[0].cast_to::<f32>().unwrap();
    let given = output.to_plain_array_view::<f32>().unwrap();
    let given: Vec<f32> = given.iter().copied().collect();
    let is_close = |(given, expected): (&f32, &f32)| {
        given == expected || (given - expected).abs() <= 1e-6 + 1e-6 * expected.abs()
    };
    let are_close = given.len() == expected.len() && given.iter().zip(expected).all(is_close);
    assert!(are_close, "{given:?}, not {expected:?}");
}
