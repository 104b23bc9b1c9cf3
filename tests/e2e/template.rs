//! What AWS would make of `template.yaml`, as its own translator says: asserted here because the
//! emulator does not enforce it, or leaves it out.

mod front;
mod parts;
mod policies;
mod translated;
mod versions;

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Map, Value, json};

use crate::case::case_with;
use crate::ministack;
use crate::sam::{self, sam};
use crate::template::translated::{LIMIT, Route, Template};

/// The part that Parliament, Checkov and its detectors of secrets are installed as.
pub const CHECKS: &str = "checks";
const PARTS: &[&str] = &[ministack::PART];

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
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
            "template: the gateway's own replies say what is needed",
            replies_say_what_is_needed,
        ),
        case_with(
            PARTS,
            "template: functions have the names that others rely on",
            functions_are_named,
        ),
    ];
    trials.extend(parts::trials());
    trials.extend(policies::trials());
    trials.extend(versions::trials());
    trials.extend(front::trials());
    trials
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
            || route.name == "GET /.well-known/oauth-protected-resource"
            || route.name.starts_with("OPTIONS ");
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
        for (name, expected) in [
            ("PUBLIC_BASE_URL", "https://api.example"),
            ("ISSUER", "https://issuer.example/"),
        ] {
            let variable = template.at(&format!(
                "/Resources/{function}/Properties/Environment/Variables/{name}"
            ))?;
            ensure!(variable == expected, "{function}: {variable}");
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
    ensure!(variable == "120", "{variable}");
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
        match (field("FunctionName")?, within.strip_prefix("/*/")) {
            (function, Some(route)) if *function == json!({"Ref": "ModelFunctionAliaslive"}) => {
                routes.insert(route.to_owned());
            }
            (function, None) if *function == json!({"Ref": "AuthorizerFunctionAliaslive"}) => {
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

/// Type, status, a header and its value.
type Expected<'a> = (&'a str, Option<&'a str>, Option<(&'a str, &'a str)>);

/// Which pages may read the gateway's own replies.
const ALLOW_ORIGIN: &str = "/responseParameters/gatewayresponse.header.Access-Control-Allow-Origin";

fn replies_say_what_is_needed() -> Result<()> {
    let metadata = |base: &str| {
        format!(
            "'Bearer realm=\"tollgate\", resource_metadata=\"{base}/.well-known/oauth-protected-resource\"'"
        )
    };
    let (mapped, own) = (
        metadata("https://api.example"),
        metadata("https://own.example"),
    );
    let certified = "CertificateArn=arn:aws:acm:us-east-1:000000000000:certificate/1";
    check_replies(&[], "'Bearer realm=\"tollgate\"'", false)?;
    check_replies(&["PublicBaseUrl=https://api.example"], &mapped, false)?;
    check_replies(
        &["DomainName=own.example", certified, "CorsOrigins=*"],
        &own,
        true,
    )
}

fn check_replies(parameters: &[&str], challenge: &str, for_pages: bool) -> Result<()> {
    let template = Template::translate(parameters)?;
    let replies =
        template.at("/Resources/Api/Properties/Body/x-amazon-apigateway-gateway-responses")?;
    let said = "context.authorizer.www_authenticate";
    let expected: [Expected<'_>; 10] = [
        (
            "UNAUTHORIZED",
            Some("401"),
            Some(("WWW-Authenticate", challenge)),
        ),
        (
            "ACCESS_DENIED",
            Some("403"),
            Some(("WWW-Authenticate", said)),
        ),
        ("INVALID_API_KEY", Some("403"), None),
        ("WAF_FILTERED", Some("403"), None),
        ("MISSING_AUTHENTICATION_TOKEN", Some("404"), None),
        ("REQUEST_TOO_LARGE", Some("413"), None),
        ("THROTTLED", Some("429"), Some(("Retry-After", "'1'"))),
        (
            "QUOTA_EXCEEDED",
            Some("429"),
            Some(("Retry-After", "'3600'")),
        ),
        ("DEFAULT_4XX", None, None),
        ("DEFAULT_5XX", None, Some(("Retry-After", "'5'"))),
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
        // The gateway writes this variable as text of JSON.
        let body = body
            .context("no body")?
            .replace("$context.error.messageString", "\"said\"");
        let body: Map<String, Value> = serde_json::from_str(&body)?;
        ensure!(
            body.contains_key("error") && body.contains_key("code"),
            "{name}: {reply}"
        );
        if let Some((header, expected)) = header {
            let pointer = format!("/responseParameters/gatewayresponse.header.{header}");
            let value = reply.pointer(&pointer);
            ensure!(value == Some(&json!(expected)), "{name}: {reply}");
        }
        let origin = reply.pointer(ALLOW_ORIGIN);
        ensure!(
            origin == for_pages.then(|| json!("'*'")).as_ref(),
            "{name}: {reply}"
        );
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
