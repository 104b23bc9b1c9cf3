//! What of a model cannot be run rightly, found before anything is run.
//!
//! tract loads some operators and answers wrongly without an error, and picks operators by name
//! whatever their domain. Every such node is named here, with the reason, all of them at once.

use std::fmt;

use tract_onnx::Onnx;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

use crate::graph::{inner_graphs, node_name, operator_name, stored};
use crate::maps;
use crate::standard::{scan, sequence};

/// Domains whose operators are looked up; the empty one is `ai.onnx`.
///
/// Operators of other domains are refused even where tract knows one of that name.
const DOMAINS: [&str; 3] = ["", "ai.onnx", "ai.onnx.ml"];

/// The domain of `Tokenizer`, which skl2onnx writes for text, and of no other operator here.
const TOKENIZER: &str = "com.microsoft";

/// A node that cannot be run rightly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// The node's name; where it has none, its first output's.
    pub node: String,
    /// The operator's name, with its domain unless that is the standard one.
    pub operator: String,
    /// Why it is refused.
    pub reason: Reason,
}

/// Why a node is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Neither tract nor this crate has it.
    Unknown,
    /// The domain is none of those that are looked up.
    Domain,
    /// Answers of tract were found wrong; the text says when.
    Wrong(&'static str),
}

impl fmt::Display for Unsupported {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            node,
            operator,
            reason,
        } = self;
        write!(formatter, "node `{node}`: operator `{operator}` ")?;
        match reason {
            Reason::Unknown => write!(formatter, "is not supported"),
            Reason::Domain => write!(formatter, "is of a domain that is not supported"),
            Reason::Wrong(when) => write!(formatter, "is refused: {when}"),
        }
    }
}

/// Every node that `onnx` cannot run rightly, those of inner graphs included.
pub fn unsupported(onnx: &Onnx, model: &ModelProto) -> Vec<Unsupported> {
    let mut found = Vec::new();
    if let Some(graph) = &model.graph {
        in_graph(onnx, version(model), graph, &mut found);
    }
    found
}

/// The version of the standard domain.
fn version(model: &ModelProto) -> i64 {
    let mut sets = model.opset_import.iter();
    let standard = sets.find(|set| ["", "ai.onnx"].contains(&set.domain.as_str()));
    standard.map_or(i64::MAX, |set| set.version)
}

fn in_graph(onnx: &Onnx, version: i64, graph: &GraphProto, found: &mut Vec<Unsupported>) {
    for node in &graph.node {
        if let Some(reason) = reason(onnx, version, graph, node) {
            found.push(Unsupported {
                node: node_name(node).to_owned(),
                operator: operator_name(node),
                reason,
            });
        }
        inner_graphs(node).for_each(|graph| in_graph(onnx, version, graph, found));
    }
}

fn reason(onnx: &Onnx, version: i64, graph: &GraphProto, node: &NodeProto) -> Option<Reason> {
    let is_looked_up = match node.op_type.as_str() {
        "Tokenizer" => node.domain == TOKENIZER,
        _ => DOMAINS.contains(&node.domain.as_str()),
    };
    if !is_looked_up {
        return Some(Reason::Domain);
    }
    let wrong = || wrong(version, graph, node);
    if let Some(when) = maps::refusal(graph, node).or_else(wrong) {
        return Some(Reason::Wrong(when));
    }
    (!onnx.op_register.0.contains_key(&node.op_type)).then_some(Reason::Unknown)
}

/// When tract's answer for this node would be wrong, or none at all.
fn wrong(version: i64, graph: &GraphProto, node: &NodeProto) -> Option<&'static str> {
    match node.op_type.as_str() {
        "Dropout" => is_training(graph, node).then_some("training drops values at random"),
        "GlobalLpPool" => Some("tract divides the sum by the number of values"),
        "Resize" => wrong_resize(node),
        "Scan" => (version < scan::WITHOUT_BATCH).then_some(scan::BATCH),
        "Swish" => attribute(node, "alpha")
            .filter(|alpha| alpha.f != 1.0)
            .map(|_| "tract ignores `alpha`"),
        "SequenceAt" | "SplitToSequence" => sequence::refusal(graph, node),
        _ => None,
    }
}

fn wrong_resize(node: &NodeProto) -> Option<&'static str> {
    let is_nearest = text(node, "mode").unwrap_or("nearest") == "nearest";
    let transformation = text(node, "coordinate_transformation_mode").unwrap_or("half_pixel");
    if is_nearest {
        return (transformation == "half_pixel_symmetric")
            .then_some("tract rounds `half_pixel_symmetric` coordinates differently");
    }
    let is_set = |name| attribute(node, name).is_some_and(|attribute| attribute.i != 0);
    let is_antialiased = is_set("antialias");
    if is_antialiased && is_set("exclude_outside") {
        return Some("tract weighs antialiased values next to what is outside differently");
    }
    (is_antialiased && !["half_pixel", "pytorch_half_pixel"].contains(&transformation))
        .then_some("tract weighs antialiased values at other than half pixels differently")
}

/// Whether a dropout may drop anything; what is not stored in the same graph may be anything.
fn is_training(graph: &GraphProto, node: &NodeProto) -> bool {
    let is_zero = |place: usize| {
        let name = node.input.get(place).filter(|name| !name.is_empty());
        name.map(|name| stored(graph, name).is_some_and(is_zero))
    };
    let (ratio, training) = (is_zero(1), is_zero(2));
    training == Some(false) && ratio != Some(true)
}

/// Whether a tensor holds no number but zero.
fn is_zero(tensor: &TensorProto) -> bool {
    tensor.raw_data.iter().all(|byte| *byte == 0)
        && tensor.int32_data.iter().all(|value| *value == 0)
        && tensor.float_data.iter().all(|value| *value == 0.0)
        && tensor.double_data.iter().all(|value| *value == 0.0)
        && tensor.external_data.is_empty()
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute
        .iter()
        .find(|attribute| attribute.name == name)
}

fn text<'a>(node: &'a NodeProto, name: &str) -> Option<&'a str> {
    attribute(node, name).and_then(|attribute| str::from_utf8(&attribute.s).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{float, integer, model, string};
    use tract_onnx::pb::OperatorSetIdProto;

    #[track_caller]
    fn check(
        operator: &str,
        domain: &str,
        attributes: Vec<AttributeProto>,
        expected: Option<&str>,
    ) {
        let found = unsupported(&crate::onnx(), &model(operator, domain, attributes));
        let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
        let expected: Vec<String> = expected
            .map(|text| format!("node `y`: operator {text}"))
            .into_iter()
            .collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn only_known_operators_of_known_domains_pass() {
        check("Relu", "", vec![], None);
        check("Relu", "ai.onnx", vec![], None);
        check("Scaler", "ai.onnx.ml", vec![], None);
        check(
            "Nonesuch",
            "ai.onnx.ml",
            vec![],
            Some("`ai.onnx.ml.Nonesuch` is not supported"),
        );
        check(
            "Relu",
            "org.example",
            vec![],
            Some("`org.example.Relu` is of a domain that is not supported"),
        );
        check("Tokenizer", "com.microsoft", vec![], None);
        check(
            "Tokenizer",
            "",
            vec![],
            Some("`Tokenizer` is of a domain that is not supported"),
        );
        check(
            "Gelu",
            "com.microsoft",
            vec![],
            Some("`com.microsoft.Gelu` is of a domain that is not supported"),
        );
    }

    #[test]
    fn attributes_that_tract_does_not_follow_are_refused() {
        let check = |operator: &str, attribute, reason: Option<&str>| {
            let text = reason.map(|reason| format!("`{operator}` is refused: {reason}"));
            check(operator, "", vec![attribute], text.as_deref());
        };
        let mean = "tract divides the sum by the number of values";
        check("GlobalLpPool", integer("p", 2), Some(mean));
        let mode = |mode| string("coordinate_transformation_mode", mode);
        let rounds = "tract rounds `half_pixel_symmetric` coordinates differently";
        check("Resize", mode("half_pixel_symmetric"), Some(rounds));
        check("Resize", mode("align_corners"), None);
        check("Swish", float("alpha", 0.5), Some("tract ignores `alpha`"));
        check("Swish", float("alpha", 1.0), None);
    }

    #[test]
    fn a_scan_has_no_axis_for_the_batch() {
        let found = |version| {
            let mut model = model("Scan", "", vec![]);
            let domain = String::new();
            model.opset_import = vec![OperatorSetIdProto { domain, version }];
            unsupported(&crate::onnx(), &model)
        };
        assert_eq!(found(8).len(), 1);
        assert_eq!(found(9), []);
    }

    #[test]
    fn antialiased_values_are_at_half_pixels() {
        let check = |transformation, reason: Option<&str>| {
            let attributes = vec![
                string("mode", "linear"),
                string("coordinate_transformation_mode", transformation),
                integer("antialias", 1),
            ];
            check("Resize", "", attributes, reason);
        };
        let weighs = "`Resize` is refused: \
            tract weighs antialiased values at other than half pixels differently";
        check("half_pixel", None);
        check("pytorch_half_pixel", None);
        check("align_corners", Some(weighs));
        check("asymmetric", Some(weighs));
    }

    #[test]
    fn a_dropout_must_not_drop() {
        let dropout = |training: Option<u8>, ratio: f32| {
            let mut model = model("Dropout", "", vec![]);
            let graph = model.graph.as_mut().unwrap();
            graph.node[0].input = ["x", "ratio", "training"].map(str::to_owned).to_vec();
            let tensor = |name: &str, raw_data| TensorProto {
                name: name.to_owned(),
                raw_data,
                ..Default::default()
            };
            graph.initializer = vec![tensor("ratio", ratio.to_le_bytes().to_vec())];
            let training = training.map(|training| tensor("training", vec![training]));
            graph.initializer.extend(training);
            unsupported(&crate::onnx(), &model).len()
        };
        assert_eq!(dropout(Some(0), 0.5), 0);
        assert_eq!(dropout(Some(1), 0.0), 0);
        assert_eq!(dropout(Some(1), 0.5), 1);
        assert_eq!(dropout(None, 0.5), 1);
        check("Dropout", "", vec![], None);
    }

    #[test]
    fn nodes_of_inner_graphs_are_found() {
        let inner = model("Nonesuch", "ai.onnx.ml", vec![]).graph;
        let branch = AttributeProto {
            name: "then_branch".into(),
            g: inner,
            ..Default::default()
        };
        check(
            "If",
            "",
            vec![branch],
            Some("`ai.onnx.ml.Nonesuch` is not supported"),
        );
    }
}
