//! Paths of TensorFlow Serving's REST API, the first protocol of KServe among them.

use super::Target;

/// A route of TensorFlow Serving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Serving {
    /// `POST /v1/models/{model}[/versions/{version} or /labels/{label}]:predict`
    Predict(Target),
    /// Another verb behind a model: known there, not answered here.
    Unserved(Unserved),
    /// `GET /v1/models`: the names of all models.
    Models,
    /// `GET /v1/models/{model}[/versions/{version} or /labels/{label}]`: whether it is served.
    Status(Target),
    /// `GET /v1/models/{model}[/versions/{version} or /labels/{label}]/metadata`: its signature.
    Metadata(Target),
}

/// What TensorFlow Serving and KServe have and this server has not, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unserved {
    /// `:classify`
    #[error(
        "`:classify` takes features of `tf.Example`, which an ONNX model has not: ask `:predict`"
    )]
    Classify,
    /// `:regress`
    #[error(
        "`:regress` takes features of `tf.Example`, which an ONNX model has not: ask `:predict`"
    )]
    Regress,
    /// `:explain`
    #[error("no model has an explainer: ask `:predict`")]
    Explain,
}

impl Serving {
    /// The route at the segments behind `/v1/models`.
    pub(super) fn at(path: &[&str]) -> Option<Self> {
        match path {
            [] => Some(Self::Models),
            [model] => Self::of(Target::split(model, None)),
            [model, "metadata"] => Some(Self::Metadata(Target::of(model, None))),
            [model, "versions", version] => Self::of(Target::split(model, Some(version))),
            [model, "versions", version, "metadata"] => {
                Some(Self::Metadata(Target::of(model, Some(version))))
            }
            [model, "labels", label] => {
                let (label, verb) = split(label);
                Self::of((Target::labelled(model, label), verb))
            }
            [model, "labels", label, "metadata"] => {
                Some(Self::Metadata(Target::labelled(model, label)))
            }
            _ => None,
        }
    }

    fn of((target, verb): (Target, Option<&str>)) -> Option<Self> {
        match verb {
            None => Some(Self::Status(target)),
            Some("predict") => Some(Self::Predict(target)),
            Some("classify") => Some(Self::Unserved(Unserved::Classify)),
            Some("regress") => Some(Self::Unserved(Unserved::Regress)),
            Some("explain") => Some(Self::Unserved(Unserved::Explain)),
            Some(_) => None,
        }
    }

    /// The method it takes. What is not served is so by any method.
    pub(super) fn method(&self) -> Option<&'static str> {
        match self {
            Self::Predict(_) => Some("POST"),
            Self::Unserved(_) => None,
            Self::Models | Self::Status(_) | Self::Metadata(_) => Some("GET"),
        }
    }

    pub(super) fn template(&self) -> &'static str {
        let pick = |target: &Target, [plain, versioned, labelled]: [&'static str; 3]| match target {
            Target { label: Some(_), .. } => labelled,
            Target {
                version: Some(_), ..
            } => versioned,
            Target { .. } => plain,
        };
        match self {
            Self::Predict(target) => pick(
                target,
                [
                    "POST /v1/models/{model}:predict",
                    "POST /v1/models/{model}/versions/{version}:predict",
                    "POST /v1/models/{model}/labels/{label}:predict",
                ],
            ),
            Self::Unserved(Unserved::Classify) => "POST /v1/models/{model}:classify",
            Self::Unserved(Unserved::Regress) => "POST /v1/models/{model}:regress",
            Self::Unserved(Unserved::Explain) => "POST /v1/models/{model}:explain",
            Self::Models => "GET /v1/models",
            Self::Status(target) => pick(
                target,
                [
                    "GET /v1/models/{model}",
                    "GET /v1/models/{model}/versions/{version}",
                    "GET /v1/models/{model}/labels/{label}",
                ],
            ),
            Self::Metadata(target) => pick(
                target,
                [
                    "GET /v1/models/{model}/metadata",
                    "GET /v1/models/{model}/versions/{version}/metadata",
                    "GET /v1/models/{model}/labels/{label}/metadata",
                ],
            ),
        }
    }
}

impl Target {
    fn labelled(model: &str, label: &str) -> Self {
        Self {
            label: Some(label.to_owned()),
            ..Self::of(model, None)
        }
    }

    fn split<'a>(model: &'a str, version: Option<&'a str>) -> (Self, Option<&'a str>) {
        let (name, verb) = split(version.unwrap_or(model));
        let target = match version {
            Some(_) => Self::of(model, Some(name)),
            None => Self::of(name, None),
        };
        (target, verb)
    }
}

/// Splits the verb off the last segment. Names of models, versions and labels have no colon.
fn split(last: &str) -> (&str, Option<&str>) {
    match last.split_once(':') {
        Some((name, verb)) => (name, Some(verb)),
        None => (last, None),
    }
}
