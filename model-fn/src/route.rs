//! Which path and method mean what.

mod serving;

pub use serving::{Serving, Unserved};

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `POST /predict[/{model}]`: a body of any dialect.
    Predict(Target),
    /// `POST /v2/models/{model}[/versions/{version}]/infer`
    Infer(Target),
    /// `GET /v2`: the server's metadata.
    Server,
    /// `GET /v2/health/live`
    Live,
    /// `GET /v2/health/ready`
    Ready,
    /// `GET /v2/models/{model}[/versions/{version}]`: a model's metadata.
    Model(Target),
    /// `GET /v2/models/{model}[/versions/{version}]/ready`
    ModelReady(Target),
    /// `GET /v2/models[/{model}[/versions/{version}]]/stats`: of all versions where none is named.
    Statistics(Target),
    /// `GET /v2/models/{model}[/versions/{version}]/config`
    Configuration(Target),
    /// `GET /v2/models`: the names of all models.
    ModelNames,
    /// `POST /v2/repository/index`: all versions of all models.
    Index,
    /// `POST /v2/repository/models/{model}/load`
    Load,
    /// `POST /v2/repository/models/{model}/unload`
    Unload,
    /// `GET /models`: all models.
    Models,
    /// `GET /openapi.json`: this API, of the models that are open to the caller.
    OpenApi,
    /// `/v1/models…`: TensorFlow Serving's routes.
    Serving(Serving),
    /// `POST /v1/embeddings`: OpenAI's API, of the model that the body names.
    Embeddings,
    /// `POST /invocations`: SageMaker and MLflow, of the default model.
    Invocations,
    /// `GET /ping`: health for SageMaker and MLflow.
    Ping,
    /// `GET /.well-known/oauth-protected-resource`: where to get a token.
    ProtectedResource,
}

/// A model by name and version; the default ones where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// The model.
    pub model: Option<String>,
    /// The version, by its number or label.
    pub version: Option<String>,
    /// The label of a version, where a path says that it is one.
    pub label: Option<String>,
}

/// Why a request has no route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Nothing is there.
    #[error("no such route")]
    Unknown,
    /// Something is there, under another method.
    #[error("this route takes `{allowed}`")]
    Method {
        /// The method it takes.
        allowed: &'static str,
    },
}

impl Route {
    /// Finds the route of a request.
    pub fn find(method: &str, path: &[String]) -> Result<Self, RouteError> {
        let route = Self::at(path).ok_or(RouteError::Unknown)?;
        match route.method() {
            Some(allowed) if method != allowed => Err(RouteError::Method { allowed }),
            Some(_) | None => Ok(route),
        }
    }

    fn at(path: &[String]) -> Option<Self> {
        let segments: Vec<&str> = path.iter().map(String::as_str).collect();
        Some(match segments.as_slice() {
            ["predict"] => Self::Predict(Target::default()),
            ["predict", model] => Self::Predict(Target::of(model, None)),
            ["models"] => Self::Models,
            ["openapi.json"] => Self::OpenApi,
            ["v1", "embeddings"] => Self::Embeddings,
            ["v1", "models", rest @ ..] => Self::Serving(Serving::at(rest)?),
            ["invocations"] => Self::Invocations,
            ["ping"] => Self::Ping,
            [".well-known", "oauth-protected-resource"] => Self::ProtectedResource,
            ["v2"] => Self::Server,
            ["v2", "health", "live"] => Self::Live,
            ["v2", "health", "ready"] => Self::Ready,
            ["v2", "models"] => Self::ModelNames,
            ["v2", "models", "stats"] => Self::Statistics(Target::default()),
            ["v2", "repository", "index"] => Self::Index,
            ["v2", "repository", "models", _, "load"] => Self::Load,
            ["v2", "repository", "models", _, "unload"] => Self::Unload,
            ["v2", "models", model] => Self::Model(Target::of(model, None)),
            ["v2", "models", model, "ready"] => Self::ModelReady(Target::of(model, None)),
            ["v2", "models", model, "infer"] => Self::Infer(Target::of(model, None)),
            ["v2", "models", model, "stats"] => Self::Statistics(Target::of(model, None)),
            ["v2", "models", model, "config"] => Self::Configuration(Target::of(model, None)),
            ["v2", "models", model, "versions", version, "stats"] => {
                Self::Statistics(Target::of(model, Some(version)))
            }
            ["v2", "models", model, "versions", version, "config"] => {
                Self::Configuration(Target::of(model, Some(version)))
            }
            ["v2", "models", model, "versions", version] => {
                Self::Model(Target::of(model, Some(version)))
            }
            ["v2", "models", model, "versions", version, "ready"] => {
                Self::ModelReady(Target::of(model, Some(version)))
            }
            ["v2", "models", model, "versions", version, "infer"] => {
                Self::Infer(Target::of(model, Some(version)))
            }
            _ => return None,
        })
    }

    /// The method it takes; any where there is none.
    fn method(&self) -> Option<&'static str> {
        match self {
            Self::Predict(_) | Self::Infer(_) | Self::Invocations => Some("POST"),
            Self::Embeddings | Self::Index | Self::Load | Self::Unload => Some("POST"),
            Self::Serving(route) => route.method(),
            Self::Statistics(_) | Self::Configuration(_) | Self::ModelNames => Some("GET"),
            Self::Server
            | Self::Live
            | Self::Ready
            | Self::Ping
            | Self::Model(_)
            | Self::ModelReady(_)
            | Self::Models
            | Self::OpenApi
            | Self::ProtectedResource => Some("GET"),
        }
    }

    /// Whether the route answers without an authorizer: health does, and what tells where to get a token.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Live | Self::Ready | Self::Ping | Self::ProtectedResource => true,
            Self::Predict(_) | Self::Infer(_) | Self::Server => false,
            Self::Serving(_) | Self::Embeddings | Self::Invocations => false,
            Self::Model(_) | Self::ModelReady(_) | Self::Models | Self::OpenApi => false,
            Self::Statistics(_) | Self::Configuration(_) | Self::ModelNames => false,
            Self::Index | Self::Load | Self::Unload => false,
        }
    }

    /// Whether who asks there looks for errors as OpenAI's API gives them.
    pub fn is_of_openai(path: &[String]) -> bool {
        matches!(Self::at(path), Some(Self::Embeddings))
    }

    /// Whether an answer is worth waiting for until there are models.
    pub fn needs_models(&self) -> bool {
        !(self.is_open() || matches!(self, Self::Server))
    }

    /// The route in the log: a template, never what the caller wrote.
    pub fn template(&self) -> &'static str {
        match self {
            Self::Predict(Target { model: None, .. }) => "POST /predict",
            Self::Predict(Target { model: Some(_), .. }) => "POST /predict/{model}",
            Self::Infer(Target { version: None, .. }) => "POST /v2/models/{model}/infer",
            Self::Infer(Target {
                version: Some(_), ..
            }) => "POST /v2/models/{model}/versions/{version}/infer",
            Self::ProtectedResource => "GET /.well-known/oauth-protected-resource",
            Self::Server => "GET /v2",
            Self::Live => "GET /v2/health/live",
            Self::Ready => "GET /v2/health/ready",
            Self::Model(Target { version: None, .. }) => "GET /v2/models/{model}",
            Self::Model(Target {
                version: Some(_), ..
            }) => "GET /v2/models/{model}/versions/{version}",
            Self::ModelReady(Target { version: None, .. }) => "GET /v2/models/{model}/ready",
            Self::ModelReady(Target {
                version: Some(_), ..
            }) => "GET /v2/models/{model}/versions/{version}/ready",
            Self::Statistics(Target { model: None, .. }) => "GET /v2/models/stats",
            Self::Statistics(Target { version: None, .. }) => "GET /v2/models/{model}/stats",
            Self::Statistics(Target {
                version: Some(_), ..
            }) => "GET /v2/models/{model}/versions/{version}/stats",
            Self::Configuration(Target { version: None, .. }) => "GET /v2/models/{model}/config",
            Self::Configuration(Target {
                version: Some(_), ..
            }) => "GET /v2/models/{model}/versions/{version}/config",
            Self::ModelNames => "GET /v2/models",
            Self::Index => "POST /v2/repository/index",
            Self::Load => "POST /v2/repository/models/{model}/load",
            Self::Unload => "POST /v2/repository/models/{model}/unload",
            Self::Models => "GET /models",
            Self::OpenApi => "GET /openapi.json",
            Self::Serving(route) => route.template(),
            Self::Embeddings => "POST /v1/embeddings",
            Self::Invocations => "POST /invocations",
            Self::Ping => "GET /ping",
        }
    }
}

impl Target {
    fn of(model: &str, version: Option<&str>) -> Self {
        Self {
            model: Some(model.to_owned()),
            version: version.map(str::to_owned),
            label: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(method: &str, path: &str) -> Result<Route, RouteError> {
        let path: Vec<String> = path.split('/').skip(1).map(str::to_owned).collect();
        Route::find(method, &path)
    }

    #[test]
    fn every_route_is_found_by_its_template_under_its_method_alone() {
        let routes = [
            "POST /predict",
            "POST /predict/{model}",
            "POST /v2/models/{model}/infer",
            "POST /v2/models/{model}/versions/{version}/infer",
            "GET /v2",
            "GET /v2/health/live",
            "GET /v2/health/ready",
            "GET /v2/models/{model}",
            "GET /v2/models/{model}/versions/{version}",
            "GET /v2/models/{model}/ready",
            "GET /v2/models/{model}/versions/{version}/ready",
            "GET /v2/models",
            "GET /v2/models/stats",
            "GET /v2/models/{model}/stats",
            "GET /v2/models/{model}/versions/{version}/stats",
            "GET /v2/models/{model}/config",
            "GET /v2/models/{model}/versions/{version}/config",
            "POST /v2/repository/index",
            "POST /v2/repository/models/{model}/load",
            "POST /v2/repository/models/{model}/unload",
            "GET /models",
            "GET /openapi.json",
            "GET /.well-known/oauth-protected-resource",
            "GET /v1/models",
            "GET /v1/models/{model}",
            "GET /v1/models/{model}/versions/{version}",
            "GET /v1/models/{model}/metadata",
            "GET /v1/models/{model}/versions/{version}/metadata",
            "POST /v1/models/{model}:predict",
            "POST /v1/models/{model}/versions/{version}:predict",
            "GET /v1/models/{model}/labels/{label}",
            "GET /v1/models/{model}/labels/{label}/metadata",
            "POST /v1/models/{model}/labels/{label}:predict",
            "POST /v1/embeddings",
            "POST /invocations",
            "GET /ping",
        ];
        for route in routes {
            let (method, path) = route.split_once(' ').unwrap();
            assert_eq!(find(method, path).unwrap().template(), route);
            let allowed = if method == "GET" { "GET" } else { "POST" };
            assert_eq!(find("DELETE", path), Err(RouteError::Method { allowed }));
        }
    }

    #[test]
    fn a_verb_stands_behind_the_last_segment() {
        let predict = |version| {
            let target = Target::of("m.x", version);
            Ok(Route::Serving(Serving::Predict(target)))
        };
        assert_eq!(find("POST", "/v1/models/m.x:predict"), predict(None));
        let versioned = find("POST", "/v1/models/m.x/versions/2:predict");
        assert_eq!(versioned, predict(Some("2")));
        let labelled = Target {
            label: Some("stable".to_owned()),
            ..Target::of("m.x", None)
        };
        assert_eq!(
            find("POST", "/v1/models/m.x/labels/stable:predict"),
            Ok(Route::Serving(Serving::Predict(labelled)))
        );
    }

    #[test]
    fn what_tensorflow_serving_has_besides_is_known_under_any_method() {
        for (path, expected) in [
            ("/v1/models/m:classify", Unserved::Classify),
            ("/v1/models/m/versions/1:regress", Unserved::Regress),
            ("/v1/models/m:explain", Unserved::Explain),
        ] {
            for method in ["GET", "POST"] {
                let route = Route::Serving(Serving::Unserved(expected));
                assert_eq!(find(method, path), Ok(route));
            }
        }
    }

    #[test]
    fn other_paths_are_unknown() {
        for path in [
            "/",
            "/predict/a/b",
            "/v2/health",
            "/v2/repository",
            "/v2/repository/models/m",
            "/v2/models/m/versions",
            "/v2/models/m/versions/1/x",
            "/v1",
            "/v1/models/m:infer",
            "/v1/models/m:predict:predict",
            "/v1/models/m:predict/metadata/x",
            "/v1/models/m/versions",
            "/v1/models/m/labels",
            "/v1/models/m/labels/stable/x",
            "/v1/models/m/labels/stable:infer",
            "/v2/models/m/labels/stable",
            "/invocations/m",
            "/v1/embeddings/m",
        ] {
            assert_eq!(find("GET", path), Err(RouteError::Unknown));
        }
    }

    #[test]
    fn health_and_the_way_to_a_token_are_open_alone() {
        let open = |path| find("GET", path).unwrap().is_open();
        assert!(open("/v2/health/live") && open("/v2/health/ready") && open("/ping"));
        assert!(!open("/v1/models") && !open("/v1/models/ping") && !open("/v1/models/m/metadata"));
        assert!(open("/.well-known/oauth-protected-resource"));
        assert!(
            !open("/v2")
                && !open("/models")
                && !open("/openapi.json")
                && !open("/v2/models/health")
                && !open("/v2/models/m/ready")
        );
    }
}
