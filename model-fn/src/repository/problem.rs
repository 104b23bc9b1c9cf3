//! What is wrong with models, and why a request does not find one.

use super::{CheckError, DescriptionError};
use crate::engine::{LoadError, TooLarge};
use crate::pipeline::StepsError;
use crate::report::causes;

/// Why a request's model is not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// What is known of the caller does not cover the model, which need not be there.
    #[error("the authorizer's context does not cover model `{model}`: it needs {}", any_of(.wanted))]
    Closed {
        /// The name asked for.
        model: String,
        /// Members of the context, any of which would open it.
        wanted: Vec<String>,
    },
    /// What is known of the caller does not cover the default model, and none is named.
    #[error("the authorizer's context does not cover the default model: name one that it covers")]
    DefaultClosed,
    /// No model of this name is served.
    #[error("no model `{model}`")]
    Model {
        /// The name asked for.
        model: String,
        /// The names there are.
        models: Vec<String>,
    },
    /// The model has no such version.
    #[error("no version `{version}` of model `{model}`")]
    Version {
        /// The model.
        model: String,
        /// The version asked for.
        version: String,
        /// The versions there are.
        versions: Vec<u64>,
        /// Their labels.
        labels: Vec<String>,
    },
    /// No name is given, and none is set.
    #[error("name a model: none of them is the default")]
    NoDefault {
        /// The names there are.
        models: Vec<String>,
    },
}

fn any_of(wanted: &[String]) -> String {
    let wanted: Vec<String> = wanted.iter().map(|grant| format!("`{grant}`")).collect();
    wanted.join(" or ")
}

/// What is wrong with a model.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// `model.yaml` is wrong.
    #[error("model `{model}`: `model.yaml`")]
    Description {
        /// The model.
        model: String,
        /// Why.
        source: DescriptionError,
    },
    /// A version cannot be loaded.
    #[error("model `{model}` version {version}")]
    Load {
        /// The model.
        model: String,
        /// The version.
        version: u64,
        /// Why.
        source: LoadError,
    },
    /// A version loads, but does not answer as it must.
    #[error("model `{model}` version {version}")]
    Check {
        /// The model.
        model: String,
        /// The version.
        version: u64,
        /// Why.
        source: CheckError,
    },
    /// The steps that a version's `model.yaml` names cannot be done.
    #[error("model `{model}` version {version}: `model.yaml`")]
    Steps {
        /// The model.
        model: String,
        /// The version.
        version: u64,
        /// Why.
        source: StepsError,
    },
    /// The default model is not there.
    #[error("`DEFAULT_MODEL` is `{0}`, which is no model")]
    Default(String),
}

impl Problem {
    /// Whether there is not as much memory as is needed.
    pub(super) fn is_of_memory(&self) -> bool {
        causes(self).any(|cause| cause.is::<TooLarge>())
    }

    pub(super) fn description(model: &str, source: DescriptionError) -> Self {
        Self::Description {
            model: model.to_owned(),
            source,
        }
    }
}
