//! A stack with the optional parts on, as far as the emulator knows them, and what callers then see. Web ACLs, OIDC providers
//! and the gateway's own replies it does not know: `template` asserts those.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::json;

use super::{PARTS, deployment};
use crate::case::case_with;
use crate::gateway::example;
use crate::http::{self, Reply};
use crate::keycloak::{self, keycloak};
use crate::ministack::Stack;
use crate::sam::{self, build};
use crate::setup;
use crate::shared::Shared;

const STACK: &str = "parts";
const ORIGIN: &str = "https://app.example";
/// As many predictions as the client has in its quota.
const QUOTA: usize = 6;

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    let case = |name, run: fn() -> Result<()>| case_with(PARTS, name, run);
    vec![
        case(
            "deployed with every part: a client has its quota, and no more",
            clients_have_quotas,
        ),
        case(
            "deployed with every part: pages of the named origin may call",
            pages_may_call,
        ),
        case(
            "deployed with every part: without a good token nothing is open but health",
            nothing_is_open,
        ),
    ]
}

/// The shared stack, made at the first call.
fn stack() -> Result<&'static Stack> {
    static SHARED: Shared<Stack> = Shared::new(|| {
        let issuer = keycloak()?.issuer();
        let quota = QUOTA.to_string();
        let parameters = [
            ("Issuer", issuer.as_str()),
            ("Audience", keycloak::AUDIENCE),
            ("AccessLogs", "on"),
            ("AlarmEmail", "ops@example.org"),
            ("AuthorizerConcurrency", "5"),
            ("AuthorizerType", "REQUEST"),
            ("AuthorizerTtl", "0"),
            (
                "CertificateArn",
                "arn:aws:acm:us-east-1:000000000000:certificate/1",
            ),
            ("ClientQuota", &quota),
            ("CorsOrigins", ORIGIN),
            ("Dashboard", "on"),
            ("DirectAudience", keycloak::CLIENT),
            ("DirectSubject", "somebody"),
            ("DomainName", "api.example"),
            ("GradualDeployment", "Canary10Percent5Minutes"),
            ("KmsKeyArn", "arn:aws:kms:us-east-1:000000000000:key/1"),
            ("ModelProvisioned", "1"),
            (
                "OidcProviderArn",
                "arn:aws:iam::000000000000:oidc-provider/issuer.example",
            ),
            ("SecurityGroupIds", "sg-1"),
            ("SubnetIds", "subnet-1"),
            ("ThrottleRate", "1000"),
            ("Tracing", "on"),
            ("UsagePlan", "true"),
        ];
        deployment()?.emulator.deploy(build()?, STACK, &parameters)
    });
    SHARED.get()
}

/// The example of the default model, from a page, with an API key or none.
fn predict(token: &str, key: Option<&str>) -> Result<Reply> {
    let mut request = http::request("POST", &format!("{}/predict", stack()?.url))?
        .header("authorization", format!("Bearer {token}"))
        .header("origin", ORIGIN);
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    http::send(request.json(&example()?))
}

/// The emulator reads the key from a header. AWS's gateway reads it from the authorizer's answer, by its documents; that the
/// answer names the key which `tollgate usage-key` prints is a matter of the authorizer's own tests.
fn clients_have_quotas() -> Result<()> {
    let token = keycloak()?.client_token("predict")?;
    predict(&token, None)?.expect(403)?;
    let mut print = Command::new(setup::program("tollgate")?);
    let key = sam::run(
        print.args(["usage-key", keycloak::CLIENT]),
        Duration::from_secs(30),
    )?;
    let key = key.trim();
    ensure!(key.len() == 64, "`{key}` is no digest");
    let emulator = &deployment()?.emulator;
    let body = json!({"name": keycloak::CLIENT, "value": key, "enabled": true});
    let made = emulator.make("/apikeys", &body)?;
    let outputs = &stack()?.outputs;
    let plan = outputs["UsagePlanId"]
        .as_str()
        .context("no `UsagePlanId`")?;
    let body = json!({"keyId": made["id"], "keyType": "API_KEY"});
    emulator.make(&format!("/usageplans/{plan}/keys"), &body)?;
    for _ in 0..QUOTA {
        let reply = predict(&token, Some(key))?.expect(200)?;
        let allowed = reply.header("access-control-allow-origin");
        ensure!(allowed == Some(ORIGIN), "{allowed:?}");
    }
    predict(&token, Some(key))?.expect(429)?;
    // What predicts nothing counts against nothing.
    http::get(&format!("{}/models", stack()?.url), Some(&token))?
        .expect(200)
        .map(drop)
}

fn pages_may_call() -> Result<()> {
    for path in [
        "/predict",
        "/v2/models/wine/infer",
        "/v1/models/wine:predict",
    ] {
        let reply = preflight(path, ORIGIN)?.expect(204)?;
        let allowed = reply.header("access-control-allow-origin");
        ensure!(allowed == Some(ORIGIN), "{path}: {allowed:?}");
        let headers = reply
            .header("access-control-allow-headers")
            .unwrap_or_default();
        ensure!(headers.contains("authorization"), "{path}: {headers}");
        let reply = preflight(path, "https://other.example")?.expect(403)?;
        let allowed = reply.header("access-control-allow-origin");
        ensure!(allowed.is_none(), "{path}: {allowed:?}");
    }
    Ok(())
}

/// What a browser asks before it sends the request of a page.
fn preflight(path: &str, origin: &str) -> Result<Reply> {
    http::send(
        http::request("OPTIONS", &format!("{}{path}", stack()?.url))?
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization"),
    )
}

fn nothing_is_open() -> Result<()> {
    let url = &stack()?.url;
    for path in ["/v2/health/live", "/v2/health/ready", "/ping"] {
        http::get(&format!("{url}{path}"), None)?.expect(200)?;
    }
    for path in ["/v2", "/models", "/openapi.json", "/v1/models/wine"] {
        http::get(&format!("{url}{path}"), None)?.expect(401)?;
        http::get(&format!("{url}{path}"), Some("a.b.c"))?.expect(401)?;
    }
    let closed = keycloak()?.client_token("ml-model-api-scope")?;
    predict(&closed, None)?.expect(403).map(drop)
}
