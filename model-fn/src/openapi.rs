//! `GET /openapi.json`: what one caller may ask, as an OpenAPI 3.1 document.
//!
//! Routes of many models are text beside this file; those that ask a model are made from its specification, one for
//! each model and version, for their schemas are the model's own. What a body means is `protocol`'s.

mod answers;
mod embeddings;
mod examples;
mod operations;
mod questions;
mod values;

use serde_json::{Map, Value, json};

use crate::protocol::Limits;
use crate::repository::Version;
use operations::{Asks, Route};

/// Schemas, parameters, headers and answers that are the same for every model.
const COMPONENTS: &str = include_str!("openapi/components.json");

/// Routes that are the same for every model; an answer is the name of its schema.
const PATHS: &str = include_str!("openapi/paths.json");

/// The only name of a security scheme here.
const TOKEN: &str = "token";

/// What is described, besides models.
#[derive(Debug)]
pub(crate) struct Api<'a> {
    /// Where routes begin: an address, or a path on the document's own host.
    pub(crate) server: &'a str,
    /// Who issues tokens, where that is known.
    pub(crate) issuer: Option<&'a str>,
    /// Whether it is told where to get a token.
    pub(crate) has_metadata: bool,
    /// The name of the default model.
    pub(crate) default_model: Option<&'a str>,
    /// All models and their versions, also those that are not loaded.
    pub(crate) models: Vec<(&'a str, Vec<u64>)>,
}

/// A version of a model, as a caller may ask it.
#[derive(Debug)]
pub(crate) struct Described<'a> {
    /// The version.
    pub(crate) version: Version<'a>,
    /// The limits on this caller's requests.
    pub(crate) limits: Limits,
}

impl Described<'_> {
    fn model(&self) -> &str {
        &self.version.entry.name
    }

    fn is_default(&self) -> bool {
        self.version.number == self.version.entry.default_version
    }

    /// The name of a component of this version.
    fn component(&self, kind: &str) -> String {
        format!("{}.{}.{kind}", self.model(), self.version.number)
    }
}

/// The document. The same models make the same one to the letter.
pub(crate) fn document(
    api: &Api<'_>,
    versions: &[Described<'_>],
) -> Result<Value, serde_json::Error> {
    let mut components: Map<String, Value> = serde_json::from_str(COMPONENTS)?;
    let mut paths: Map<String, Value> = serde_json::from_str(PATHS)?;
    paths.retain(|path, _| is_there(path, api));
    operations::complete(&mut paths);
    describe_errors(&mut components);
    name_models(&mut components, api);
    for described in versions {
        extend(&mut components, "schemas", questions::schemas(described));
        extend(&mut components, "schemas", answers::schemas(described));
        let examples = examples::of(described);
        let routes = routes(api, described).into_iter();
        paths.extend(routes.map(|route| {
            let operation = route.operation(described, &examples);
            (route.path, json!({"post": operation}))
        }));
        let example = |(kind, value)| (described.component(kind), json!({"value": value}));
        let examples = examples.into_iter().map(example);
        extend(&mut components, "examples", examples.collect());
    }
    paths.extend(embeddings::path(api.default_model, versions));
    components.insert("securitySchemes".to_owned(), security(api));
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tollgate",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Predictions of the models that the access token opens.",
        },
        "servers": [{"url": api.server}],
        "security": [{TOKEN: []}],
        "paths": paths,
        "components": components,
    }))
}

fn is_there(path: &str, api: &Api<'_>) -> bool {
    let is_metadata = path.starts_with("/.well-known/");
    let asks_a_model = path.contains("{model}");
    (api.has_metadata || !is_metadata) && (!api.models.is_empty() || !asks_a_model)
}

fn extend(components: &mut Map<String, Value>, kind: &str, more: Vec<(String, Value)>) {
    let of_kind = components.entry(kind).or_insert_with(|| json!({}));
    if let Some(of_kind) = of_kind.as_object_mut() {
        of_kind.extend(more);
    }
}

/// Every error has the same body.
fn describe_errors(components: &mut Map<String, Value>) {
    let responses = components
        .get_mut("responses")
        .and_then(Value::as_object_mut);
    let responses = responses.into_iter().flat_map(Map::values_mut);
    for response in responses.filter_map(Value::as_object_mut) {
        let schema = values::reference("schemas", "Error");
        let content = json!({"application/json": {"schema": schema}});
        response.insert("content".to_owned(), content);
    }
}

/// Parameters of paths take the names that there are.
fn name_models(components: &mut Map<String, Value>, api: &Api<'_>) {
    let models = api.models.iter().map(|(name, _)| Value::from(*name));
    let models: Vec<Value> = models.collect();
    let numbers = api.models.iter().flat_map(|(_, versions)| versions);
    let mut numbers: Vec<u64> = numbers.copied().collect();
    numbers.sort_unstable();
    numbers.dedup();
    let numbers = numbers.into_iter().map(|number| number.to_string().into());
    let parameters = components
        .get_mut("parameters")
        .and_then(Value::as_object_mut);
    let Some(parameters) = parameters else { return };
    for (name, known) in [("Model", models), ("Version", numbers.collect())] {
        if known.is_empty() {
            parameters.remove(name);
        } else if let Some(schema) = parameters
            .get_mut(name)
            .and_then(|one| one.get_mut("schema"))
        {
            *schema = json!({"type": "string", "enum": known});
        }
    }
}

fn security(api: &Api<'_>) -> Value {
    let scheme = match api.issuer {
        Some(issuer) => {
            let issuer = issuer.trim_end_matches('/');
            let url = format!("{issuer}/.well-known/openid-configuration");
            json!({"type": "openIdConnect", "openIdConnectUrl": url})
        }
        None => json!({"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}),
    };
    json!({TOKEN: scheme})
}

/// The routes that ask this version, by whichever name.
fn routes(api: &Api<'_>, described: &Described<'_>) -> Vec<Route> {
    let (model, number) = (described.model(), described.version.number);
    let route = |path: String, asks, id: String| Route { path, asks, id };
    let of_version = format!("/v2/models/{model}/versions/{number}/infer");
    let served = format!("/v1/models/{model}/versions/{number}:predict");
    let mut routes = vec![
        route(
            of_version,
            Asks::Tensors,
            format!("inferVersion{number}_{model}"),
        ),
        route(
            served,
            Asks::Serving,
            format!("serveVersion{number}_{model}"),
        ),
    ];
    if described.is_default() {
        let infer = format!("/v2/models/{model}/infer");
        let serve = format!("/v1/models/{model}:predict");
        routes.push(route(
            format!("/predict/{model}"),
            Asks::Any,
            format!("predict_{model}"),
        ));
        routes.push(route(infer, Asks::Tensors, format!("infer_{model}")));
        routes.push(route(serve, Asks::Serving, format!("serve_{model}")));
    }
    if described.is_default() && api.default_model == Some(model) {
        routes.push(route(
            "/predict".to_owned(),
            Asks::Any,
            "predict".to_owned(),
        ));
        let id = "invocations".to_owned();
        routes.push(route("/invocations".to_owned(), Asks::Invocations, id));
    }
    routes
}
