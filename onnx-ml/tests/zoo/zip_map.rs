//! Models that end with `ZipMap` give the tensor it was made of.
//!
//! To be replaced by the library's own function of this kind.

use tract_onnx::pb::{ModelProto, TypeProto, type_proto};

/// Leaves `ZipMap` out: the output is then what it was given, with a column for each class.
pub(crate) fn without_zip_map(model: &mut ModelProto) {
    const FLOAT: i32 = 1;
    let Some(graph) = &mut model.graph else {
        return;
    };
    for node in &graph.node {
        let is_made = |name: &str| node.output.first().is_some_and(|output| output == name);
        let made = graph.output.iter_mut().find(|output| is_made(&output.name));
        let (Some(output), Some(input)) = (made, node.input.first()) else {
            continue;
        };
        if node.op_type == "ZipMap" {
            output.name.clone_from(input);
            let tensor = type_proto::Tensor {
                elem_type: FLOAT,
                shape: None,
            };
            output.r#type = Some(TypeProto {
                value: Some(type_proto::Value::TensorType(tensor)),
                ..Default::default()
            });
        }
    }
    graph.node.retain(|node| node.op_type != "ZipMap");
}
