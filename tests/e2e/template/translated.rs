//! The template as AWS's translator and CloudFormation's conditions make it, for given parameters.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::sam;

/// How long the translator may take.
pub const LIMIT: Duration = Duration::from_secs(120);

/// The translated template.
#[derive(Debug)]
pub struct Template(Value);

/// A method of a path, such as `POST /predict`, and what it asks of callers.
#[derive(Debug)]
pub struct Route {
    /// Method and path.
    pub name: String,
    /// As OpenAPI has it: a list of schemes.
    pub security: Value,
}

impl Route {
    /// How a permission names it: parameters are `*`.
    pub fn pattern(&self) -> String {
        let segments = self.name.split('/').map(|segment| {
            if segment.starts_with('{') {
                "*"
            } else {
                segment
            }
        });
        segments.collect::<Vec<_>>().join("/").replacen(' ', "", 1)
    }
}

impl Template {
    /// For these parameters beside issuer and audience.
    pub fn translate(parameters: &[&str]) -> Result<Self> {
        let given = ["Issuer=https://issuer.example/", "Audience=ml-api"];
        Self::of("template.yaml", &[&given, parameters].concat())
    }

    /// Any template of the repository, for these parameters.
    pub fn of(file: &str, parameters: &[&str]) -> Result<Self> {
        let mut command = sam::python("translate.py")?;
        let text = sam::run(command.arg(file).args(parameters), LIMIT)?;
        Ok(Self(serde_json::from_str(&text)?))
    }

    /// A part of it.
    pub fn at(&self, pointer: &str) -> Result<&Value> {
        self.0
            .pointer(pointer)
            .with_context(|| format!("no `{pointer}` in the translated template"))
    }

    /// Names and properties of the resources of a type.
    pub fn of_type(&self, resource_type: &str) -> Result<Vec<(String, &Value)>> {
        let resources = self.at("/Resources")?.as_object().context("no resources")?;
        let typed = resources
            .iter()
            .filter(|(_, resource)| resource.get("Type") == Some(&json!(resource_type)));
        Ok(typed
            .filter_map(|(name, resource)| Some((name.clone(), resource.get("Properties")?)))
            .collect())
    }

    /// As JSON.
    pub fn text(&self) -> String {
        self.0.to_string()
    }

    /// How many resources there are of each type.
    pub fn types(&self) -> Result<BTreeMap<String, usize>> {
        let resources = self.at("/Resources")?.as_object().context("no resources")?;
        let mut types = BTreeMap::new();
        for resource in resources.values() {
            let name = resource.get("Type").and_then(Value::as_str);
            *types
                .entry(name.context("no type")?.to_owned())
                .or_default() += 1;
        }
        Ok(types)
    }

    /// All methods of all paths.
    pub fn routes(&self) -> Result<Vec<Route>> {
        let paths = self
            .at("/Resources/Api/Properties/Body/paths")?
            .as_object()
            .context("no paths")?;
        let methods = paths.iter().flat_map(|(path, methods)| {
            methods
                .as_object()
                .into_iter()
                .flatten()
                .map(move |(method, operation)| Route {
                    name: format!("{} {path}", method.to_uppercase()),
                    security: operation.get("security").cloned().unwrap_or_default(),
                })
        });
        Ok(methods.collect())
    }
}
