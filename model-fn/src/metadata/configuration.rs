//! `GET /v2/models/{model}[/versions/{version}]/config`: the model configuration extension.

use std::collections::BTreeMap;

use serde::Serialize;

use super::PLATFORM;
use crate::engine::{Dimension, Port};
use crate::repository::{Entry, Version, VersionPolicy};
use crate::tensor::Datatype;

/// What of Triton's model configuration says something about a model here.
#[derive(Debug, Serialize)]
pub(crate) struct Configuration<'a> {
    name: &'a str,
    platform: &'static str,
    backend: &'static str,
    version_policy: Policy,
    max_batch_size: usize,
    input: Vec<Input<'a>>,
    output: Vec<Output<'a>>,
    default_model_filename: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    parameters: BTreeMap<String, Parameter>,
}

/// The policy with its one key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Policy {
    All {},
    Latest { num_versions: usize },
    Specific { versions: Vec<u64> },
}

#[derive(Debug, Serialize)]
struct Input<'a> {
    #[serde(flatten)]
    tensor: TensorOf<'a>,
    format: &'static str,
    optional: bool,
}

#[derive(Debug, Serialize)]
struct Output<'a> {
    #[serde(flatten)]
    tensor: TensorOf<'a>,
    label_filename: &'static str,
}

#[derive(Debug, Serialize)]
struct TensorOf<'a> {
    name: &'a str,
    data_type: String,
    dims: Vec<i64>,
    /// The model's own axes, where the batch is all it has: `dims` must not be empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    reshape: Option<Reshape>,
}

#[derive(Debug, Serialize)]
struct Reshape {
    shape: [i64; 0],
}

#[derive(Debug, Serialize)]
struct Parameter {
    string_value: String,
}

impl<'a> Configuration<'a> {
    pub(crate) fn of(version: Version<'a>) -> Self {
        let entry = version.entry;
        let specification = version.model.specification();
        let mut ports = specification.inputs.iter().chain(&specification.outputs);
        let has_batch = ports.all(has_open_batch);
        let tensor = |port: &'a Port| TensorOf::of(port, has_batch);
        let input = |port| Input {
            tensor: tensor(port),
            format: "FORMAT_NONE",
            optional: false,
        };
        let output = |port| Output {
            tensor: tensor(port),
            label_filename: "",
        };
        Self {
            name: &entry.name,
            platform: PLATFORM,
            backend: "tract",
            version_policy: policy(entry),
            max_batch_size: if has_batch { entry.limits.rows } else { 0 },
            input: specification.inputs.iter().map(input).collect(),
            output: specification.outputs.iter().map(output).collect(),
            default_model_filename: "model.onnx",
            parameters: labels(version),
        }
    }
}

fn policy(entry: &Entry) -> Policy {
    match &entry.description.versions {
        VersionPolicy::All => Policy::All {},
        VersionPolicy::Latest(most) => Policy::Latest {
            num_versions: *most,
        },
        VersionPolicy::Specific(_) => Policy::Specific {
            versions: entry.versions(),
        },
    }
}

/// Labels are the values of parameters, as JSON: the model's own, and those of outputs that are maps.
fn labels(version: Version<'_>) -> BTreeMap<String, Parameter> {
    let own = ("labels".to_owned(), &version.entry.description.labels);
    let outputs = version.model.specification().outputs.iter();
    let maps = outputs.map(|port| (format!("{}.labels", port.name), &port.labels));
    let all = maps.chain([own]).filter(|(_, labels)| !labels.is_empty());
    let parameter = |labels: &Vec<String>| Parameter {
        string_value: serde_json::to_string(labels).unwrap_or_default(),
    };
    all.map(|(name, labels)| (name, parameter(labels)))
        .collect()
}

fn has_open_batch(port: &Port) -> bool {
    let first = port.shape.as_deref().and_then(<[Dimension]>::first);
    matches!(first, Some(Dimension::Named(_) | Dimension::Any))
}

impl<'a> TensorOf<'a> {
    /// Where models have a batch, the protocol leaves its axis out.
    fn of(port: &'a Port, has_batch: bool) -> Self {
        let axes = port.lengths().unwrap_or_default();
        let dims = axes.into_iter().skip(usize::from(has_batch));
        let mut dims: Vec<i64> = dims.collect();
        let is_batch_alone = has_batch && dims.is_empty();
        if is_batch_alone {
            dims.push(1);
        }
        Self {
            name: &port.name,
            data_type: data_type(port.datatype),
            dims,
            reshape: is_batch_alone.then_some(Reshape { shape: [] }),
        }
    }
}

fn data_type(datatype: Datatype) -> String {
    if matches!(datatype, Datatype::Bytes | Datatype::Octets) {
        "TYPE_STRING".to_owned()
    } else {
        format!("TYPE_{datatype}")
    }
}
