//! Nodes as people name them, and the graphs inside of them.

use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

/// A node's name; where it has none, its first output's.
pub fn node_name(node: &NodeProto) -> &str {
    let mut names = std::iter::once(&node.name).chain(&node.output);
    names.find(|name| !name.is_empty()).map_or("", |name| name)
}

/// An operator's name, with its domain unless that is the standard one.
pub fn operator_name(node: &NodeProto) -> String {
    match node.domain.as_str() {
        "" | "ai.onnx" => node.op_type.clone(),
        domain => format!("{domain}.{}", node.op_type),
    }
}

/// The graphs that a node has in its attributes: branches and bodies.
pub fn inner_graphs(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    let attributes = node.attribute.iter();
    attributes.flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs))
}

/// A tensor of the file, as an initializer or as the value of a `Constant`.
pub(crate) fn stored<'a>(graph: &'a GraphProto, name: &str) -> Option<&'a TensorProto> {
    let is_made_by = |node: &&NodeProto| node.output.iter().any(|output| output == name);
    let constant = graph.node.iter().find(is_made_by);
    let value = constant
        .and_then(|node| {
            node.attribute
                .iter()
                .find(|attribute| attribute.name == "value")
        })
        .and_then(|value| value.t.as_ref());
    let initializer = graph.initializer.iter().find(|tensor| tensor.name == name);
    initializer.or(value)
}
