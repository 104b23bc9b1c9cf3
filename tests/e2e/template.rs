//! What AWS would make of `template.yaml`, as its own translator says: asserted here because the
//! emulator does not enforce it, or leaves it out.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Map, Value, json};

use crate::case::case_with;
use crate::ministack;
use crate::sam::{self, sam};

const PARTS: &[&str] = &[ministack::PART];
const LIMIT: Duration = Duration::from_secs(120);

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        case_with(
            &[sam::PART, sam::BUILDER],
            "template: `sam validate --lint`",
            is_valid,
        ),
        case_with(
            PARTS,
            "template: every route but health and metadata asks the authorizer",
            routes_ask_the_authorizer,
        ),
        case_with(
            PARTS,
            "template: the authorizer's answers are remembered as long as it knows",
            ttl_is_known,
        ),
        case_with(
            PARTS,
            "template: both functions know the address that callers use",
            public_address_is_known,
        ),
        case_with(
            PARTS,
            "template: only this API may invoke the functions",
            only_this_api_may_invoke,
        ),
        case_with(
            PARTS,
            "template: roles write their own log and nothing else",
            roles_write_their_own_log,
        ),
        case_with(
            PARTS,
            "template: the gateway's own replies say what is needed",
            replies_say_what_is_needed,
        ),
        case_with(
            PARTS,
            "template: functions have the names that others rely on",
            functions_are_named,
        ),
    ]
}

fn is_valid() -> Result<()> {
    sam::run(sam()?.args(["validate", "--lint"]), LIMIT).map(drop)
}

fn routes_ask_the_authorizer() -> Result<()> {
    let template = Template::translate(&[])?;
    let routes = template.routes()?;
    ensure!(
        routes.iter().any(|route| route.name == "POST /predict"),
        "no `POST /predict`"
    );
    for route in routes {
        let is_open = route.name.starts_with("GET /v2/health/")
            || route.name == "GET /ping"
            || route.name == "GET /.well-known/oauth-protected-resource";
        let expected = if is_open { "NONE" } else { "AccessToken" };
        ensure!(
            route.security == json!([{ expected: [] }]),
            "{}: {}",
            route.name,
            route.security
        );
    }
    let media_types =
        template.at("/Resources/Api/Properties/Body/x-amazon-apigateway-binary-media-types")?;
    ensure!(*media_types == json!(["*/*"]), "{media_types}");
    Ok(())
}

/// Both functions are told the same address: one points to what the other serves.
fn public_address_is_known() -> Result<()> {
    let template = Template::translate(&["PublicBaseUrl=https://api.example"])?;
    for function in ["AuthorizerFunction", "ModelFunction"] {
        for (name, parameter) in [("PUBLIC_BASE_URL", "PublicBaseUrl"), ("ISSUER", "Issuer")] {
            let variable = template.at(&format!(
                "/Resources/{function}/Properties/Environment/Variables/{name}"
            ))?;
            ensure!(
                *variable == json!({"Ref": parameter}),
                "{function}: {variable}"
            );
        }
    }
    Ok(())
}

fn ttl_is_known() -> Result<()> {
    let template = Template::translate(&["AuthorizerTtl=120"])?;
    let authorizer = template.at(&format!(
        "{SCHEMES}/AccessToken/x-amazon-apigateway-authorizer"
    ))?;
    ensure!(
        authorizer.get("type") == Some(&json!("token")),
        "{authorizer}"
    );
    ensure!(
        authorizer.get("authorizerResultTtlInSeconds") == Some(&json!("120")),
        "{authorizer}"
    );
    let variable = template
        .at("/Resources/AuthorizerFunction/Properties/Environment/Variables/AUTHORIZER_TTL")?;
    ensure!(*variable == json!({"Ref": "AuthorizerTtl"}), "{variable}");
    Ok(())
}

/// One permission a route, and one for the authorizer, each for the gateway and this API alone.
fn only_this_api_may_invoke() -> Result<()> {
    let template = Template::translate(&[])?;
    let (mut routes, mut authorizers) = (BTreeSet::new(), 0);
    for (name, permission) in template.of_type("AWS::Lambda::Permission")? {
        let field = |field| {
            permission
                .get(field)
                .with_context(|| format!("no `{field}` in `{name}`"))
        };
        ensure!(
            field("Action")? == "lambda:InvokeFunction",
            "{name}: {permission}"
        );
        ensure!(
            field("Principal")? == "apigateway.amazonaws.com",
            "{name}: {permission}"
        );
        let source = field("SourceArn")?;
        let api = source.pointer("/Fn::Sub/1/__ApiId__");
        ensure!(api == Some(&json!({"Ref": "Api"})), "{name}: {source}");
        let pattern = source
            .pointer("/Fn::Sub/0")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let within = pattern
            .strip_prefix(ARN)
            .with_context(|| format!("{name}: {source}"))?;
        match (
            field("FunctionName")?,
            within.strip_prefix("/${__Stage__}/"),
        ) {
            (function, Some(route)) if *function == json!({"Ref": "ModelFunction"}) => {
                routes.insert(route.to_owned());
            }
            (function, None)
                if *function == json!({"Fn::GetAtt": ["AuthorizerFunction", "Arn"]}) =>
            {
                ensure!(within == "/authorizers/*", "{name}: {source}");
                authorizers += 1;
            }
            (function, _) => anyhow::bail!("{name}: {function} by {source}"),
        }
    }
    let expected: BTreeSet<_> = template.routes()?.iter().map(Route::pattern).collect();
    ensure!(
        routes == expected && authorizers == 1,
        "{routes:?}, {authorizers} of authorizers"
    );
    Ok(())
}

fn roles_write_their_own_log() -> Result<()> {
    let template = Template::translate(&[])?;
    let mut roles = BTreeSet::new();
    for (name, function) in template.of_type("AWS::Lambda::Function")? {
        let role = function
            .pointer("/Role/Fn::GetAtt/0")
            .and_then(Value::as_str)
            .context("no role")?;
        let group = function
            .pointer("/LoggingConfig/LogGroup/Ref")
            .context("no log group")?;
        let policies = template.at(&format!("/Resources/{role}/Properties/Policies"))?;
        let expected = json!([{"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": {"Fn::GetAtt": [group, "Arn"]}}]);
        ensure!(
            policies.pointer("/0/PolicyDocument/Statement") == Some(&expected),
            "{name}: {policies}"
        );
        ensure!(
            policies
                .as_array()
                .is_some_and(|policies| policies.len() == 1),
            "{name}: {policies}"
        );
        let managed = template
            .at(&format!("/Resources/{role}/Properties"))?
            .get("ManagedPolicyArns");
        ensure!(managed.is_none(), "{name}: {managed:?}");
        roles.insert(role.to_owned());
    }
    let all: BTreeSet<_> = template
        .of_type("AWS::IAM::Role")?
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    ensure!(roles == all && roles.len() == 2, "{roles:?} of {all:?}");
    ensure!(
        template.of_type("AWS::IAM::Policy")?.is_empty(),
        "policies apart from roles"
    );
    Ok(())
}

fn replies_say_what_is_needed() -> Result<()> {
    let template = Template::translate(&[])?;
    let replies =
        template.at("/Resources/Api/Properties/Body/x-amazon-apigateway-gateway-responses")?;
    let metadata = "${PublicBaseUrl}/.well-known/oauth-protected-resource";
    let named = format!("'Bearer realm=\"tollgate\", resource_metadata=\"{metadata}\"'");
    let challenge =
        json!({"Fn::If": ["HasPublicBaseUrl", {"Fn::Sub": named}, "'Bearer realm=\"tollgate\"'"]});
    let expected = [
        (
            "UNAUTHORIZED",
            Some("401"),
            Some(("WWW-Authenticate", challenge)),
        ),
        (
            "ACCESS_DENIED",
            Some("403"),
            Some((
                "WWW-Authenticate",
                json!("context.authorizer.www_authenticate"),
            )),
        ),
        ("MISSING_AUTHENTICATION_TOKEN", Some("404"), None),
        ("REQUEST_TOO_LARGE", Some("413"), None),
        ("DEFAULT_5XX", None, Some(("Retry-After", json!("'5'")))),
    ];
    for (name, status, header) in expected {
        let reply = replies
            .get(name)
            .with_context(|| format!("no reply for `{name}`"))?;
        ensure!(
            reply.get("statusCode").and_then(Value::as_str) == status,
            "{name}: {reply}"
        );
        let body = reply
            .pointer("/responseTemplates/application~1json")
            .and_then(Value::as_str);
        let body: Map<String, Value> = serde_json::from_str(body.context("no body")?)?;
        ensure!(
            body.contains_key("error") && body.contains_key("code"),
            "{name}: {reply}"
        );
        if let Some((header, expected)) = header {
            let value = reply.pointer(&format!(
                "/responseParameters/gatewayresponse.header.{header}"
            ));
            ensure!(value == Some(&expected), "{name}: {reply}");
        }
    }
    Ok(())
}

fn functions_are_named() -> Result<()> {
    let template = Template::translate(&[])?;
    for (function, end) in [
        ("AuthorizerFunction", "authorizer"),
        ("ModelFunction", "model-serving-fn"),
    ] {
        let properties = template.at(&format!("/Resources/{function}/Properties"))?;
        let name = json!({"Fn::Sub": format!("${{AWS::StackName}}-{end}")});
        ensure!(
            properties.get("FunctionName") == Some(&name),
            "{properties}"
        );
        ensure!(
            properties.get("Runtime") == Some(&json!("provided.al2023")),
            "{properties}"
        );
    }
    Ok(())
}

const SCHEMES: &str = "/Resources/Api/Properties/Body/components/securitySchemes";
const ARN: &str = "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}";

/// The translated template.
struct Template(Value);

/// A method of a path, such as `POST /predict`, and what it asks of callers.
struct Route {
    name: String,
    security: Value,
}

impl Route {
    /// How a permission names it: parameters are `*`.
    fn pattern(&self) -> String {
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
    fn translate(parameters: &[&str]) -> Result<Self> {
        let given = [
            "template.yaml",
            "Issuer=https://issuer.example/",
            "Audience=ml-api",
        ];
        let text = sam::run(
            sam::python("translate.py")?.args(given).args(parameters),
            LIMIT,
        )?;
        Ok(Self(serde_json::from_str(&text)?))
    }

    fn at(&self, pointer: &str) -> Result<&Value> {
        self.0
            .pointer(pointer)
            .with_context(|| format!("no `{pointer}` in the translated template"))
    }

    /// Names and properties of the resources of a type.
    fn of_type(&self, resource_type: &str) -> Result<Vec<(String, &Value)>> {
        let resources = self.at("/Resources")?.as_object().context("no resources")?;
        let typed = resources
            .iter()
            .filter(|(_, resource)| resource.get("Type") == Some(&json!(resource_type)));
        Ok(typed
            .filter_map(|(name, resource)| Some((name.clone(), resource.get("Properties")?)))
            .collect())
    }

    fn routes(&self) -> Result<Vec<Route>> {
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
