//! `infra/aws/http-api.yaml`: an HTTP API before the functions of the shared stack, with our authorizer and with the
//! gateway's own.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use serde_json::json;

use super::{PARTS, STACK, deployment};
use crate::case::case_with;
use crate::gateway::example;
use crate::http;
use crate::keycloak::{self, keycloak};
use crate::recorded;
use crate::setup;

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    let case = |name, run: fn() -> Result<()>| case_with(PARTS, name, run);
    vec![
        case(
            "deployed: an HTTP API before the same functions answers as the REST API does",
            with_our_authorizer,
        ),
        case(
            "deployed: the HTTP API's own JWT authorizer opens models by the token's scope",
            with_the_gateways_own,
        ),
    ]
}

/// Where the front of this name answers.
fn front(stack: &str, parameters: &[(&str, &str)]) -> Result<String> {
    let template = setup::repository().join("infra/aws/http-api.yaml");
    let mut all = vec![("Functions", STACK)];
    all.extend(parameters);
    let emulator = &deployment()?.emulator;
    emulator.deploy_template(&template, stack, &all)?;
    emulator.http_api(stack)
}

fn check_calls(url: &str) -> Result<()> {
    let token = keycloak()?.client_token("predict")?;
    let post = |path: &str, token: Option<&str>| -> Result<u16> {
        Ok(http::post_json(&format!("{url}{path}"), token, &example()?)?.status)
    };
    recorded::check("wine", |body| {
        http::post_json(&format!("{url}/v2/models/wine/infer"), Some(&token), body)?
            .expect(200)?
            .json()
    })?;
    let expected = json!([200, 200, 401, 404]);
    let statuses = json!([
        post("/predict", Some(&token))?,
        post("/predict/wine", Some(&token))?,
        post("/predict", None)?,
        post("/predict/none", Some(&token))?,
    ]);
    ensure!(statuses == expected, "{statuses}");
    // The emulator answers 500 to an authorizer's `Unauthorized`; what AWS's HTTP APIs do with it is unproven.
    let status = post("/predict", Some("a.b.c"))?;
    ensure!([401, 500].contains(&status), "{status}");
    for path in ["/v2/health/live", "/v2/health/ready", "/ping"] {
        http::get(&format!("{url}{path}"), None)?.expect(200)?;
    }
    // A token without the scope: closed by the policy here, by the model function there.
    let closed = keycloak()?.client_token("ml-model-api-scope")?;
    let status = post("/predict", Some(&closed))?;
    ensure!(status == 403, "{status}");
    http::get(&format!("{url}/models"), Some(&closed))?
        .expect(200)
        .map(drop)
}

fn with_our_authorizer() -> Result<()> {
    check_calls(&front(
        "front",
        &[("AccessLogs", "on"), ("CorsOrigins", "https://app.example")],
    )?)
}

fn with_the_gateways_own() -> Result<()> {
    let issuer = keycloak()?.issuer();
    check_calls(&front(
        "front-jwt",
        &[
            ("Authorizer", "jwt"),
            ("Issuer", &issuer),
            ("Audience", keycloak::AUDIENCE),
        ],
    )?)
}
