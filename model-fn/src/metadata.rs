//! What the function says of itself and of its models.

mod configuration;
mod index;
pub(crate) mod serving;
mod statistics;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::engine::Port;
use crate::repository::{Entry, Shown, Version};

pub(crate) use configuration::Configuration;
pub(crate) use index::{Indexed, Names};
pub(crate) use statistics::ModelStatistics;

/// What runs the models.
const PLATFORM: &str = "onnx_tract";

/// Extensions of the protocol that are here. Of `model_repository` only the index is, so it is not one of them.
const EXTENSIONS: [&str; 4] = [
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "statistics",
];

/// `GET /v2`
#[derive(Debug, Serialize)]
pub(crate) struct Server {
    name: &'static str,
    version: &'static str,
    extensions: [&'static str; 4],
}

/// `GET /v2/health/live` and `/ready`: clients look for either key in either answer.
#[derive(Debug, Serialize)]
pub(crate) struct Health {
    live: bool,
    ready: bool,
}

/// `GET /v2/models/{model}/ready`
#[derive(Debug, Serialize)]
pub(crate) struct ModelReady<'a> {
    name: &'a str,
    ready: bool,
}

/// `GET /v2/models/{model}`
#[derive(Debug, Serialize)]
pub(crate) struct Model<'a> {
    name: &'a str,
    versions: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    version_labels: BTreeMap<&'a str, String>,
    platform: &'static str,
    #[serde(flatten)]
    ports: Option<Ports<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    labels: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    columns: &'a [String],
}

/// What a model takes and gives: known once it is loaded.
#[derive(Debug, Serialize)]
struct Ports<'a> {
    inputs: &'a [Port],
    outputs: &'a [Port],
}

/// `GET /.well-known/oauth-protected-resource` (RFC 9728 section 2). Which scopes open what is the
/// authorizer's matter: its 403 names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProtectedResource {
    resource: String,
    authorization_servers: [String; 1],
    bearer_methods_supported: [&'static str; 1],
}

/// `GET /models`
#[derive(Debug, Serialize)]
pub(crate) struct Models<'a> {
    default: Option<&'a str>,
    models: Vec<Listed<'a>>,
}

/// A model in the list: its default version's metadata.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    model: Model<'a>,
    default_version: String,
    /// Where it is not loaded now, and so no inputs and outputs are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    ready: Option<bool>,
}

impl ProtectedResource {
    pub(crate) fn new(base: &str, issuer: String) -> Self {
        Self {
            resource: base.to_owned(),
            authorization_servers: [issuer],
            bearer_methods_supported: ["header"],
        }
    }
}

impl Server {
    pub(crate) fn new() -> Self {
        Self {
            name: "tollgate",
            version: env!("CARGO_PKG_VERSION"),
            extensions: EXTENSIONS,
        }
    }
}

impl Health {
    /// A function that answers lives; whether it has loaded what it loads at the start is another matter.
    pub(crate) fn of(ready: bool) -> Self {
        Self { live: true, ready }
    }
}

impl<'a> ModelReady<'a> {
    pub(crate) fn of(version: Version<'a>) -> Self {
        Self {
            name: &version.entry.name,
            ready: true,
        }
    }
}

impl<'a> Model<'a> {
    pub(crate) fn of(version: Version<'a>) -> Self {
        Self::with(version.entry, Some(version))
    }

    fn with(entry: &'a Entry, version: Option<Version<'a>>) -> Self {
        let specification = version.map(|version| version.model.specification());
        let description = &entry.description;
        let version_labels = description.version_labels.iter();
        let version_labels = version_labels.map(|(label, number)| (label.as_str(), number));
        Self {
            name: &entry.name,
            versions: entry.versions().iter().map(u64::to_string).collect(),
            version_labels: version_labels
                .map(|(label, number)| (label, number.to_string()))
                .collect(),
            platform: PLATFORM,
            ports: specification.map(|specification| Ports {
                inputs: &specification.inputs,
                outputs: &specification.outputs,
            }),
            description: description.description.as_deref(),
            source: description.source.as_deref(),
            labels: &description.labels,
            columns: &description.columns,
        }
    }
}

impl<'a> Models<'a> {
    pub(crate) fn of(default: Option<&'a str>, shown: &'a [Shown<'a>]) -> Self {
        let listed = |shown: &'a Shown<'a>| {
            let (entry, version) = (shown.found.entry, shown.version());
            Listed {
                model: Model::with(entry, version),
                default_version: entry.default_version.to_string(),
                ready: version.is_none().then_some(false),
            }
        };
        Self {
            default,
            models: shown.iter().map(listed).collect(),
        }
    }
}
