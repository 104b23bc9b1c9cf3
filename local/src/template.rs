//! Reads of `template.yaml` what the local gateway needs to behave as the deployed one: routes,
//! authorizer, gateway responses and the functions' variables. CloudFormation's intrinsic functions
//! are not evaluated, but for a `!Ref` of a parameter that has a default, and an `!If` in a header.

use std::collections::BTreeMap;
use std::time::Duration;

use regex::Regex;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::gateway::routes::{Access, Route};

/// The template as built into this program.
pub const TEMPLATE: &str = include_str!("../../template.yaml");

/// How long a REST API remembers an authorizer's answer unless told otherwise.
const DEFAULT_TTL: u64 = 300;

/// What the template says about the gateway and its functions.
#[derive(Debug)]
pub struct Template {
    /// Every route, in no order that matters.
    pub routes: Vec<Route>,
    /// How the authorizer is asked.
    pub authorizer: AuthorizerSettings,
    /// The gateway's own replies, by response type, such as `UNAUTHORIZED` or `DEFAULT_5XX`.
    pub responses: BTreeMap<String, ResponseSettings>,
    /// Variables of the authorizer.
    pub authorizer_variables: BTreeMap<String, String>,
    /// Variables of the function behind the routes.
    pub model_variables: BTreeMap<String, String>,
}

/// How the gateway asks the authorizer.
#[derive(Debug)]
pub struct AuthorizerSettings {
    /// Which event it is asked with.
    pub kind: AuthorizerKind,
    /// How long an answer is remembered.
    pub ttl: Duration,
    /// What a token must look like for the authorizer to be asked at all.
    pub validation: Option<Regex>,
}

/// Which event an authorizer is asked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AuthorizerKind {
    /// The header `Authorization` alone.
    Token,
    /// The whole request, but for its body.
    Request,
}

/// What the template changes about one of the gateway's own replies.
#[derive(Debug, Default, Clone)]
pub struct ResponseSettings {
    /// Another status.
    pub status: Option<u16>,
    /// Headers with fixed values.
    pub headers: BTreeMap<String, String>,
    /// Headers with values from the authorizer's context, by the name there.
    pub authorizer_headers: BTreeMap<String, String>,
    /// The body for `application/json`, with `$context` variables.
    pub body: Option<String>,
}

/// Why a template cannot be served.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// Not YAML.
    #[error("`template.yaml` is not YAML")]
    Yaml(#[source] serde_saphyr::Error),
    /// No function has an event of type `Api`.
    #[error("`template.yaml` has no function with an event of type `Api`")]
    NoRoutes,
    /// Not one API with one default authorizer that is a function of the template.
    #[error(
        "`template.yaml` has no `AWS::Serverless::Api` whose default authorizer is a function of the template"
    )]
    NoAuthorizer,
    /// Bodies must reach the function as bytes.
    #[error("`template.yaml` does not have `*/*` among the `BinaryMediaTypes` of its API")]
    NotBinary,
    /// A value that cannot be what it should.
    #[error("`{path}` in `template.yaml` has the value `{value}`, which is not understood")]
    Value {
        /// Where.
        path: &'static str,
        /// What it says.
        value: String,
    },
}

impl Template {
    /// Reads the text of a template.
    pub fn read(text: &str) -> Result<Self, TemplateError> {
        let document: Value = serde_saphyr::from_str(text).map_err(TemplateError::Yaml)?;
        let source = Source(&document);
        let api = source
            .of_type("AWS::Serverless::Api")
            .map(|(_, api)| api)
            .next()
            .ok_or(TemplateError::NoAuthorizer)?;
        if !list(api, "/BinaryMediaTypes").any(|media_type| media_type == "*/*") {
            return Err(TemplateError::NotBinary);
        }
        let authorizer = default_authorizer(api).ok_or(TemplateError::NoAuthorizer)?;
        let arn = authorizer
            .pointer("/FunctionArn")
            .and_then(Value::as_str)
            .ok_or(TemplateError::NoAuthorizer)?;
        let (serving, routes) = source.routes().ok_or(TemplateError::NoRoutes)?;
        Ok(Self {
            routes,
            authorizer: source.authorizer_settings(authorizer)?,
            responses: source.responses(api),
            authorizer_variables: source.variables(arn.split('.').next().unwrap_or_default()),
            model_variables: source.variables(serving),
        })
    }
}

struct Source<'a>(&'a Value);

impl<'a> Source<'a> {
    /// Names and properties of the resources of one type.
    fn of_type(
        &self,
        resource_type: &'static str,
    ) -> impl Iterator<Item = (&'a String, &'a Value)> {
        let resources = members(self.0, "/Resources");
        let typed = resources.filter(move |(_, resource)| {
            resource.pointer("/Type").and_then(Value::as_str) == Some(resource_type)
        });
        typed.filter_map(|(name, resource)| Some((name, resource.get("Properties")?)))
    }

    /// The function behind the routes, and the routes.
    fn routes(&self) -> Option<(&'a str, Vec<Route>)> {
        self.of_type("AWS::Serverless::Function")
            .find_map(|(name, function)| {
                let routes: Vec<_> = members(function, "/Events")
                    .filter_map(|(_, event)| route(event))
                    .collect();
                (!routes.is_empty()).then_some((name.as_str(), routes))
            })
    }

    fn authorizer_settings(&self, authorizer: &Value) -> Result<AuthorizerSettings, TemplateError> {
        let ttl = match authorizer.pointer("/Identity/ReauthorizeEvery") {
            None => DEFAULT_TTL,
            Some(value) => {
                let value = self.resolve(value).unwrap_or_default();
                value.parse().map_err(|_| TemplateError::Value {
                    path: "ReauthorizeEvery",
                    value,
                })?
            }
        };
        let expression = authorizer
            .pointer("/Identity/ValidationExpression")
            .and_then(Value::as_str);
        // The whole token must match, as the gateway has it.
        let whole = expression.map(|expression| Regex::new(&format!("^(?:{expression})$")));
        let validation = whole.transpose().map_err(|_| TemplateError::Value {
            path: "ValidationExpression",
            value: expression.unwrap_or_default().to_owned(),
        })?;
        let kind = authorizer.pointer("/FunctionPayloadType");
        let kind = kind.and_then(|kind| self.resolve(kind));
        let kind = match kind.as_deref() {
            None | Some("TOKEN") => AuthorizerKind::Token,
            Some("REQUEST") => AuthorizerKind::Request,
            Some(other) => {
                return Err(TemplateError::Value {
                    path: "FunctionPayloadType",
                    value: other.to_owned(),
                });
            }
        };
        Ok(AuthorizerSettings {
            kind,
            ttl: Duration::from_secs(ttl),
            validation,
        })
    }

    fn responses(&self, api: &Value) -> BTreeMap<String, ResponseSettings> {
        let settings = |response: &Value| {
            let mut settings = ResponseSettings {
                status: response
                    .pointer("/StatusCode")
                    .and_then(plain)
                    .and_then(|status| status.parse().ok()),
                body: response
                    .pointer("/ResponseTemplates/application~1json")
                    .and_then(plain),
                ..ResponseSettings::default()
            };
            for (name, value) in members(response, "/ResponseParameters/Headers") {
                let value = self.without_condition(value).and_then(Value::as_str);
                let value = value.unwrap_or_default();
                if let Some(value) = fixed(value) {
                    settings.headers.insert(name.clone(), value.to_owned());
                } else if let Some(of) = value.strip_prefix("context.authorizer.") {
                    settings
                        .authorizer_headers
                        .insert(name.clone(), of.to_owned());
                }
            }
            settings
        };
        members(api, "/GatewayResponses")
            .map(|(name, response)| (name.clone(), settings(response)))
            .collect()
    }

    /// The last of three after an `!If`, whose tag is lost as well: here no parameter has been given, and
    /// conditions ask for given ones.
    fn without_condition<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        let Some([condition, _, otherwise]) = value.as_array().map(Vec::as_slice) else {
            return Some(value);
        };
        let is_it = |(name, _): (&String, _)| Some(name.as_str()) == condition.as_str();
        members(self.0, "/Conditions")
            .any(is_it)
            .then_some(otherwise)
    }

    fn variables(&self, function: &str) -> BTreeMap<String, String> {
        let of_all = members(self.0, "/Globals/Function/Environment/Variables");
        let functions = self
            .of_type("AWS::Serverless::Function")
            .filter(|(name, _)| *name == function);
        let own = functions.flat_map(|(_, function)| members(function, "/Environment/Variables"));
        of_all
            .chain(own)
            .filter_map(|(name, value)| Some((name.clone(), self.resolve(value)?)))
            .collect()
    }

    /// A plain value, or the default of the parameter it refers to. The tag `!Ref` is lost on the
    /// way here: a value that is a parameter's name is taken for a reference.
    fn resolve(&self, value: &Value) -> Option<String> {
        let text = plain(value)?;
        match members(self.0, "/Parameters").find(|(name, _)| **name == text) {
            Some((_, parameter)) => parameter.get("Default").and_then(plain),
            None => (!text.contains("${")).then_some(text),
        }
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn members<'a>(
    value: &'a Value,
    pointer: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    value
        .pointer(pointer)
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::iter)
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn default_authorizer(api: &Value) -> Option<&Value> {
    let name = api.pointer("/Auth/DefaultAuthorizer")?.as_str()?;
    api.pointer("/Auth/Authorizers")?.get(name)
}

fn route(event: &Value) -> Option<Route> {
    if event.pointer("/Type")?.as_str()? != "Api" {
        return None;
    }
    let open = event
        .pointer("/Properties/Auth/Authorizer")
        .and_then(Value::as_str)
        == Some("NONE");
    Some(Route {
        method: event
            .pointer("/Properties/Method")?
            .as_str()?
            .to_uppercase(),
        resource: event.pointer("/Properties/Path")?.as_str()?.to_owned(),
        access: if open {
            Access::Open
        } else {
            Access::Authorized
        },
    })
}

/// A header whose value is fixed: in single quotes. Others are mapped from the request.
fn fixed(value: &str) -> Option<&str> {
    value.strip_prefix('\'')?.strip_suffix('\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Ttl: {Type: Number, Default: 60}
  Issuer: {Type: String}
  Model: {Type: String, Default: wine}
Conditions:
  HasRole: !Not [!Equals [!Ref Issuer, ""]]
Globals:
  Function: {Environment: {Variables: {LOG: debug, LIMIT: 1}}}
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: !Ref Stage
      BinaryMediaTypes: ["*/*"]
      Auth:
        DefaultAuthorizer: Token
        Authorizers:
          Token:
            FunctionArn: !GetAtt Gate.Arn
            Identity: {ValidationExpression: "^Bearer .+$", ReauthorizeEvery: !Ref Ttl}
      GatewayResponses:
        UNAUTHORIZED:
          StatusCode: 401
          ResponseParameters: {Headers: {WWW-Authenticate: "'Bearer'", X-Request: method.request.header.x, X-Error: context.authorizer.error, X-If: !If [HasRole, "'a'", "'b'"], X-Odd: ["'a'", "'b'", "'c'"]}}
          ResponseTemplates: {application/json: '{"message":$context.error.messageString}'}
  Gate:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub "${AWS::StackName}-gate"
      Environment: {Variables: {ISSUER: !Ref Issuer, NAME: !Sub "${AWS::StackName}"}}
  Serve:
    Type: AWS::Serverless::Function
    Properties:
      Layers: !If [HasRole, [!Ref Layer], !Ref "AWS::NoValue"]
      Environment: {Variables: {DEFAULT_MODEL: !Ref Model, LIMIT: 2}}
      Events:
        Predict: {Type: Api, Properties: {Method: post, Path: /predict}}
        Live: {Type: Api, Properties: {Method: GET, Path: /live, Auth: {Authorizer: NONE}}}
        Warm: {Type: Schedule, Properties: {Schedule: rate(5 minutes)}}
"#;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[track_caller]
    fn check_refused(from: &str, to: &str, words: &str) {
        assert!(SMALL.contains(from), "`{from}`");
        let error = Template::read(&SMALL.replace(from, to))
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
    }

    #[test]
    fn routes_are_the_events_of_type_api() {
        let routes = Template::read(SMALL).unwrap().routes;
        let route = |method: &str, resource: &str, access| Route {
            method: method.to_owned(),
            resource: resource.to_owned(),
            access,
        };
        let expected = [
            route("GET", "/live", Access::Open),
            route("POST", "/predict", Access::Authorized),
        ];
        assert_eq!(routes.len(), expected.len());
        assert!(
            expected.iter().all(|route| routes.contains(route)),
            "{routes:?}"
        );
    }

    #[test]
    fn references_to_parameters_stand_for_their_defaults() {
        let template = Template::read(SMALL).unwrap();
        assert_eq!(template.authorizer.ttl, Duration::from_secs(60));
        assert_eq!(
            template.authorizer_variables,
            variables(&[("LIMIT", "1"), ("LOG", "debug")])
        );
        let expected = [("DEFAULT_MODEL", "wine"), ("LIMIT", "2"), ("LOG", "debug")];
        assert_eq!(template.model_variables, variables(&expected));
    }

    #[test]
    fn gateway_responses_keep_fixed_headers_and_those_of_the_authorizer() {
        let responses = Template::read(SMALL).unwrap().responses;
        let unauthorized = responses.get("UNAUTHORIZED").unwrap();
        assert_eq!(unauthorized.status, Some(401));
        assert_eq!(
            unauthorized.headers,
            variables(&[("WWW-Authenticate", "Bearer"), ("X-If", "b")])
        );
        assert_eq!(
            unauthorized.authorizer_headers,
            variables(&[("X-Error", "error")])
        );
        assert_eq!(
            unauthorized.body.as_deref(),
            Some(r#"{"message":$context.error.messageString}"#)
        );
    }

    #[test]
    fn the_event_is_the_one_that_the_template_names() {
        let kind = |text: &str| Template::read(text).unwrap().authorizer.kind;
        assert_eq!(kind(SMALL), AuthorizerKind::Token);
        let other = SMALL.replace(
            "FunctionArn: !GetAtt Gate.Arn",
            "FunctionArn: !GetAtt Gate.Arn\n            FunctionPayloadType: REQUEST",
        );
        assert_eq!(kind(&other), AuthorizerKind::Request);
        let odd = other.replace("REQUEST", "request");
        assert!(
            Template::read(&odd)
                .unwrap_err()
                .to_string()
                .contains("`request`")
        );
    }

    #[test]
    fn a_template_that_cannot_be_served_is_refused() {
        check_refused("\"*/*\"", "image/png", "BinaryMediaTypes");
        check_refused(
            "DefaultAuthorizer: Token",
            "DefaultAuthorizer: Other",
            "default authorizer",
        );
        check_refused(
            "ReauthorizeEvery: !Ref Ttl",
            "ReauthorizeEvery: soon",
            "`soon`",
        );
        check_refused("^Bearer .+$", "(", "ValidationExpression");
        check_refused("Type: Api", "Type: HttpApi", "event of type `Api`");
    }

    #[test]
    fn the_template_of_this_project_is_served() {
        let template = Template::read(TEMPLATE).unwrap();
        let is_open = |route: &&Route| route.access == Access::Open;
        assert!(
            template
                .routes
                .iter()
                .any(|route| route.resource == "/predict" && route.method == "POST")
        );
        assert!(template.routes.iter().filter(is_open).all(|route| {
            route.resource.starts_with("/v2/health/")
                || route.resource == "/ping"
                || route.method == "OPTIONS"
                || route.resource == "/.well-known/oauth-protected-resource"
        }));
        let denied = template.responses.get("ACCESS_DENIED").unwrap();
        assert_eq!(
            denied.authorizer_headers,
            variables(&[("WWW-Authenticate", "www_authenticate")])
        );
        let unauthorized = template.responses.get("UNAUTHORIZED").unwrap();
        assert!(unauthorized.headers.contains_key("WWW-Authenticate"));
    }
}
