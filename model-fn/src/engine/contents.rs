//! What an ONNX file holds, whether or not it can be run: for people who look into it.

use std::collections::BTreeMap;
use std::path::Path;

use onnx_ml::{Unsupported, inner_graphs, operator_name};
use serde::{Serialize, Serializer};
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, TensorProto};

use super::{LoadError, ONNX};

/// What an ONNX file says of itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contents {
    /// The version of the format.
    pub ir_version: i64,
    /// Which program wrote it, and in which version.
    pub producer: String,
    /// The version of each domain's operators; the empty domain is `ai.onnx`.
    pub opsets: BTreeMap<String, i64>,
    /// What its author says of it.
    pub description: String,
    /// Further names and values, as the exporter wrote them.
    pub metadata: BTreeMap<String, String>,
    /// How many nodes there are of each operator, those of inner graphs included; operators of other domains
    /// than `ai.onnx` with their domain.
    pub operators: BTreeMap<String, usize>,
    /// How many numbers and texts the file stores: weights, and lists in attributes.
    pub parameters: u64,
    /// What cannot be run rightly, with the reason.
    #[serde(serialize_with = "as_texts")]
    pub unsupported: Vec<Unsupported>,
}

impl Contents {
    /// Reads a file without planning or running it.
    pub fn read(file: &Path) -> Result<Self, LoadError> {
        let mut model = super::proto(&ONNX, file)?;
        onnx_ml::flatten_maps(&mut model);
        let unsupported = onnx_ml::unsupported(&ONNX, &model);
        Ok(Self::of(&model, unsupported))
    }

    fn of(model: &ModelProto, unsupported: Vec<Unsupported>) -> Self {
        let opsets = model.opset_import.iter();
        let metadata = model.metadata_props.iter();
        let mut counts = Counts::default();
        model.graph.iter().for_each(|graph| counts.add(graph));
        Self {
            ir_version: model.ir_version,
            producer: format!("{} {}", model.producer_name, model.producer_version)
                .trim()
                .to_owned(),
            opsets: opsets
                .map(|opset| (opset.domain.clone(), opset.version))
                .collect(),
            description: model.doc_string.trim().to_owned(),
            metadata: metadata
                .map(|entry| (entry.key.clone(), entry.value.clone()))
                .collect(),
            operators: counts.operators,
            parameters: counts.parameters,
            unsupported,
        }
    }
}

#[derive(Default)]
struct Counts {
    operators: BTreeMap<String, usize>,
    parameters: u64,
}

impl Counts {
    fn add(&mut self, graph: &GraphProto) {
        self.parameters += graph.initializer.iter().map(volume).sum::<u64>();
        for node in &graph.node {
            *self.operators.entry(operator_name(node)).or_default() += 1;
            for attribute in &node.attribute {
                self.parameters += stored(attribute);
            }
            inner_graphs(node).for_each(|graph| self.add(graph));
        }
    }
}

/// A single number is a setting; lists and tensors are what was learned.
fn stored(attribute: &AttributeProto) -> u64 {
    let lists = [
        attribute.floats.len(),
        attribute.ints.len(),
        attribute.strings.len(),
    ];
    let lists: usize = lists.into_iter().sum();
    let tensors = attribute.t.iter().chain(&attribute.tensors);
    lists as u64 + tensors.map(volume).sum::<u64>()
}

fn volume(tensor: &TensorProto) -> u64 {
    let lengths = tensor.dims.iter();
    lengths
        .map(|length| u64::try_from(*length).unwrap_or_default())
        .fold(1, u64::saturating_mul)
}

fn as_texts<S: Serializer>(unsupported: &[Unsupported], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(unsupported.iter().map(ToString::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../models"))
    }

    #[test]
    fn a_file_tells_what_it_holds() {
        let wine = Contents::read(&models().join("wine/model.onnx")).unwrap();
        assert!(wine.producer.starts_with("skl2onnx "), "{}", wine.producer);
        assert_eq!(wine.operators.get("ai.onnx.ml.Scaler"), Some(&1));
        assert_eq!(wine.operators.get("ai.onnx.ml.LinearClassifier"), Some(&1));
        // 13 offsets and scales; 13 weights and an intercept for each of three classes; their labels.
        assert!(
            wine.parameters >= 2 * 13 + 3 * 14 + 3,
            "{}",
            wine.parameters
        );
        assert!(wine.unsupported.is_empty());
    }

    #[test]
    fn what_is_no_onnx_is_refused() {
        let text = Contents::read(&models().join("README.md"));
        assert!(text.is_err());
        let missing = Contents::read(Path::new("missing.onnx"));
        assert!(matches!(missing, Err(LoadError::Unreadable(_))));
    }
}
