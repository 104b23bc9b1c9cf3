//! `infra/auth0/tenant.yaml`, as the tool that deploys it reads and checks it. No tenant is asked.

use std::fs;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::case::case_with;
use crate::node;
use crate::setup;

const PART: &str = "auth0";
const IDENTIFIER: &str = "https://models.example/api";
const PAGE: &str = "https://models.example";

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    let case = |name, run| case_with(&[PART], name, run);
    vec![
        case(
            "auth0: the tenant's file is what its page says, to the tool that deploys it",
            the_file_is_what_its_page_says,
        ),
        case(
            "auth0: a tenant's file with a mistake is refused",
            a_mistake_is_refused,
        ),
    ]
}

fn tenant() -> Result<String> {
    let path = setup::repository().join("infra/auth0/tenant.yaml");
    fs::read_to_string(path).context("the tenant's file")
}

/// What would be deployed of each file (`tenant`), or the tool's `complaint`: it takes seconds to start.
fn read(files: &[String]) -> Result<Vec<Value>> {
    let folder = tempfile::tempdir()?;
    let mut paths = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let path = folder.path().join(format!("{index}.yaml"));
        fs::write(&path, file)?;
        paths.push(path);
    }
    let mappings = json!({
        "MACHINE_LEARNING_API_IDENTIFIER": IDENTIFIER,
        "ML_MODEL_WEB_CALLBACKS": [format!("{PAGE}/callback")],
        "ML_MODEL_WEB_LOGOUT_URLS": [PAGE],
        "ML_MODEL_WEB_ORIGINS": [PAGE],
    });
    let mut script = node::script(PART, "auth0/validate.mjs")?;
    script
        .command
        .env("TENANTS", json!(paths).to_string())
        .env("MAPPINGS", mappings.to_string());
    let printed = node::printed(script)?;
    Ok(printed.as_array().context("no list")?.clone())
}

fn the_file_is_what_its_page_says() -> Result<()> {
    let text = tenant()?;
    ensure!(!text.contains("client_secret:"), "a secret stands in it");
    let answers = read(&[text])?;
    let answer = answers.first().context("no answer")?;
    let tenant = answer.get("tenant").with_context(|| answer.to_string())?;
    ensure!(
        !tenant.to_string().contains("##") && !tenant.to_string().contains("@@"),
        "a parameter is left: {tenant}"
    );
    let api = &tenant["resourceServers"][0];
    ensure!(
        api["name"] == "machine-learning-api" && api["identifier"] == IDENTIFIER,
        "{api}"
    );
    ensure!(
        api["enforce_policies"] == true && api["token_dialect"] == "rfc9068_profile_authz",
        "no RBAC: {api}"
    );
    let scopes = api["scopes"].as_array().context("no scopes")?;
    let scopes: Vec<_> = scopes.iter().map(|scope| &scope["value"]).collect();
    ensure!(
        scopes == ["predict", "predict:wine", "predict:digits"],
        "{api}"
    );
    let [machine, web] = tenant["clients"]
        .as_array()
        .context("no clients")?
        .as_slice()
    else {
        anyhow::bail!("other clients: {tenant}");
    };
    ensure!(
        machine["app_type"] == "non_interactive"
            && machine["grant_types"] == json!(["client_credentials"]),
        "{machine}"
    );
    ensure!(
        web["app_type"] == "spa"
            && web["token_endpoint_auth_method"] == "none"
            && web["grant_types"] == json!(["authorization_code", "refresh_token"])
            && web["callbacks"] == json!([format!("{PAGE}/callback")]),
        "{web}"
    );
    let grant = &tenant["clientGrants"][0];
    ensure!(
        grant["client_id"] == machine["name"]
            && grant["audience"] == IDENTIFIER
            && grant["scope"] == json!(["predict"]),
        "{grant}"
    );
    let permission = &tenant["roles"][0]["permissions"][0];
    ensure!(
        permission["permission_name"] == "predict"
            && permission["resource_server_identifier"] == IDENTIFIER,
        "{permission}"
    );
    Ok(())
}

fn a_mistake_is_refused() -> Result<()> {
    let text = tenant()?;
    let mistakes = [
        (
            "resourceServers:",
            "resourceServer:",
            "additional properties",
        ),
        ("    identifier: ", "    identifer: ", "identifier"),
        (
            "enforce_policies: true",
            "enforce_policies: yes please",
            "enforce_policies",
        ),
        ("    audience: ", "    audiences: ", "audience"),
        (
            "      - predict\n\nroles",
            "      - [predict]\n\nroles",
            "scope",
        ),
        ("app_type: spa", "app_type: web", "web is none of"),
        ("rfc9068_profile_authz", "rfc9068", "rfc9068 is none of"),
    ];
    let files = mistakes.map(|(good, bad, _)| text.replace(good, bad));
    ensure!(!files.contains(&text), "one of them is not in the file");
    let answers = read(&files)?;
    ensure!(answers.len() == mistakes.len(), "{answers:?}");
    for ((_, bad, words), answer) in mistakes.into_iter().zip(answers) {
        let complaint = answer["complaint"].as_str().unwrap_or_default();
        ensure!(complaint.contains(words), "`{bad}`: {answer}");
    }
    Ok(())
}
