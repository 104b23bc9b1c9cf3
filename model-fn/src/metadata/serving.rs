//! What TensorFlow Serving, KServe's first protocol and OpenAI's API tell of models below `/v1/models`.

use serde::{Serialize, Serializer};

use crate::engine::{Dimension, Port};
use crate::repository::{Found, State, Version, Visible};
use crate::tensor::Datatype;

/// `GET /v1/models`: KServe's list of names, and OpenAI's of objects.
#[derive(Debug, Serialize)]
pub(crate) struct Names<'a> {
    models: Vec<&'a str>,
    object: &'static str,
    data: Vec<Listed<'a>>,
}

/// A model as OpenAI's clients read it.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

/// `GET /v1/models/{model}`: TensorFlow Serving's status of each version, and KServe's of the model.
#[derive(Debug, Serialize)]
pub(crate) struct Status<'a> {
    name: &'a str,
    ready: bool,
    model_version_status: Vec<VersionStatus>,
}

#[derive(Debug, Serialize)]
struct VersionStatus {
    version: String,
    state: &'static str,
    status: Verdict,
}

#[derive(Debug, Serialize)]
struct Verdict {
    error_code: &'static str,
    error_message: &'static str,
}

/// `GET /v1/models/{model}/metadata`
#[derive(Debug, Serialize)]
pub(crate) struct Metadata<'a> {
    model_spec: ModelSpec<'a>,
    metadata: Signatures<Signatures<Default<'a>>>,
}

#[derive(Debug, Serialize)]
struct ModelSpec<'a> {
    name: &'a str,
    signature_name: &'static str,
    version: String,
}

/// The same name twice, one in the other: so TensorFlow Serving prints it.
#[derive(Debug, Serialize)]
struct Signatures<T> {
    signature_def: T,
}

#[derive(Debug, Serialize)]
struct Default<'a> {
    serving_default: Signature<'a>,
}

#[derive(Debug, Serialize)]
struct Signature<'a> {
    #[serde(serialize_with = "by_name")]
    inputs: &'a [Port],
    #[serde(serialize_with = "by_name")]
    outputs: &'a [Port],
    method_name: &'static str,
}

#[derive(Debug, Serialize)]
struct TensorInfo<'a> {
    dtype: &'static str,
    tensor_shape: TensorShape<'a>,
    name: &'a str,
}

#[derive(Debug, Serialize)]
struct TensorShape<'a> {
    dim: Vec<Axis<'a>>,
    unknown_rank: bool,
}

#[derive(Debug, Serialize)]
struct Axis<'a> {
    size: String,
    name: &'a str,
}

impl<'a> Names<'a> {
    /// `since` is when this process began to serve them, in seconds since 1970: what other servers of OpenAI's API
    /// take for the making of a model.
    pub(crate) fn of(visible: Visible<'a>, since: u64) -> Self {
        let models = visible.models().map(|entry| entry.name.as_str());
        let models: Vec<&str> = models.collect();
        let listed = |id: &&'a str| Listed {
            id,
            object: "model",
            created: since,
            owned_by: "tollgate",
        };
        Self {
            data: models.iter().map(listed).collect(),
            object: "list",
            models,
        }
    }
}

impl<'a> Status<'a> {
    /// Of one version, or of all that are served where none is named, the highest first.
    pub(crate) fn of(found: Found<'a>, is_named: bool, state: impl Fn(Found<'a>) -> State) -> Self {
        let mut versions: Vec<Found<'a>> = match is_named {
            true => vec![found],
            false => found.entry.all().collect(),
        };
        versions.reverse();
        let status = |found: Found<'a>| VersionStatus::of(found.number, state(found));
        Self {
            name: &found.entry.name,
            // Whoever waits for it before the first question must not wait for what that question begins.
            ready: matches!(state(found), State::Ready | State::Idle),
            model_version_status: versions.into_iter().map(status).collect(),
        }
    }
}

impl VersionStatus {
    /// TensorFlow Serving's words. What the log says of a load that failed is not for callers.
    fn of(number: u64, state: State) -> Self {
        let (state, error_code, error_message) = match state {
            State::Ready => ("AVAILABLE", "OK", ""),
            State::Idle => ("START", "OK", ""),
            State::Loading => ("LOADING", "OK", ""),
            State::Failed => ("END", "UNAVAILABLE", "its last load failed"),
        };
        Self {
            version: number.to_string(),
            state,
            status: Verdict {
                error_code,
                error_message,
            },
        }
    }
}

impl<'a> Metadata<'a> {
    pub(crate) fn of(
        Version {
            entry,
            number,
            model,
            ..
        }: Version<'a>,
    ) -> Self {
        let specification = model.specification();
        Self {
            model_spec: ModelSpec {
                name: &entry.name,
                signature_name: "",
                version: number.to_string(),
            },
            metadata: Signatures {
                signature_def: Signatures {
                    signature_def: Default {
                        serving_default: Signature {
                            inputs: &specification.inputs,
                            outputs: &specification.outputs,
                            method_name: "tensorflow/serving/predict",
                        },
                    },
                },
            },
        }
    }
}

fn by_name<S: Serializer>(ports: &[Port], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(ports.iter().map(|port| (&port.name, TensorInfo::of(port))))
}

impl<'a> TensorInfo<'a> {
    fn of(port: &'a Port) -> Self {
        let axes = port.shape.iter().flatten();
        Self {
            dtype: dtype(port.datatype),
            tensor_shape: TensorShape {
                dim: axes.map(Axis::of).collect(),
                unknown_rank: port.shape.is_none(),
            },
            name: &port.name,
        }
    }
}

impl<'a> Axis<'a> {
    fn of(dimension: &'a Dimension) -> Self {
        let (size, name) = match dimension {
            Dimension::Fixed(length) => (length.to_string(), ""),
            Dimension::Named(name) => ("-1".to_owned(), name.as_str()),
            Dimension::Any => ("-1".to_owned(), ""),
        };
        Self { size, name }
    }
}

/// TensorFlow's name of a datatype.
fn dtype(datatype: Datatype) -> &'static str {
    match datatype {
        Datatype::Bool => "DT_BOOL",
        Datatype::Uint8 => "DT_UINT8",
        Datatype::Uint16 => "DT_UINT16",
        Datatype::Uint32 => "DT_UINT32",
        Datatype::Uint64 => "DT_UINT64",
        Datatype::Int8 => "DT_INT8",
        Datatype::Int16 => "DT_INT16",
        Datatype::Int32 => "DT_INT32",
        Datatype::Int64 => "DT_INT64",
        Datatype::Fp16 => "DT_HALF",
        Datatype::Bf16 => "DT_BFLOAT16",
        Datatype::Fp32 => "DT_FLOAT",
        Datatype::Fp64 => "DT_DOUBLE",
        Datatype::Bytes | Datatype::Octets => "DT_STRING",
    }
}
