//! Tokens that the issuer is asked about (RFC 7662): Keycloak about those that it has revoked, the second issuer
//! about opaque ones.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::case::case_with;
use crate::gateway::{self, Gateway};
use crate::http::{self, text};
use crate::keycloak::{self, CLIENT, SECRET, keycloak};
use crate::second_issuer::{self, second_issuer};

/// The client of the API itself: Keycloak tells nobody else about a token for it.
const API: &str = "ml-api";
const VARIABLE: &str = "TESTS_INTROSPECTION_SECRET";

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        case_with(
            &[keycloak::PART],
            "introspection: a token that Keycloak has revoked is refused",
            a_revoked_token_is_refused,
        ),
        case_with(
            &[keycloak::PART],
            "introspection: whom Keycloak does not answer, decides nothing",
            an_unknown_asker_decides_nothing,
        ),
        case_with(
            &[second_issuer::PART],
            "introspection: an opaque token is good while its issuer says so",
            an_opaque_token_is_asked_about,
        ),
    ]
}

/// A gateway that remembers nothing, and asks the issuer about every token.
fn start(issuer: &str, audience: &str, settings: &str, secret: &str) -> Result<Asking> {
    let access = gateway::access_file(&format!(
        "issuers:\n  - issuer: {issuer}\n    audience: {audience}\n    introspection:\n      client_secret: ${{{VARIABLE}}}\n      cache: 0s\n{settings}rules:\n  - allow: [POST /predict]\n    require: {{scope: predict}}\n"
    ))?;
    let path = access.path().display().to_string();
    let mut command = gateway::dev(&["--access", &path])?;
    command.env("AUTHORIZER_TTL", "0").env(VARIABLE, secret);
    Ok(Asking {
        gateway: Gateway::start_with(&mut command)?,
        _access: access,
    })
}

struct Asking {
    gateway: Gateway,
    _access: NamedTempFile,
}

fn of_keycloak(secret: &str) -> Result<Asking> {
    let settings = format!("      client_id: {API}\n      tokens: jwt\n");
    start(&keycloak()?.issuer(), API, &settings, secret)
}

fn a_revoked_token_is_refused() -> Result<()> {
    let keycloak = keycloak()?;
    let Asking { gateway, .. } = of_keycloak(&keycloak.new_secret(API)?)?;
    let tokens = keycloak.machine_tokens(CLIENT, "predict")?;
    let token = text(&tokens, "access_token")?;
    gateway.predict(&token)?.expect(200)?;
    gateway.predict(&token)?.expect(200)?;
    let url = format!("{}/protocol/openid-connect/revoke", keycloak.issuer());
    let form = [
        ("token", token.as_str()),
        ("client_id", CLIENT),
        ("client_secret", SECRET),
    ];
    http::send(http::request("POST", &url)?.form(&form))?.expect(200)?;
    gateway.refuses(&token, "inactive")?;
    // The others of the same client are as good as before.
    let another = text(&keycloak.machine_tokens(CLIENT, "predict")?, "access_token")?;
    gateway.predict(&another)?.expect(200).map(drop)
}

fn an_unknown_asker_decides_nothing() -> Result<()> {
    let Asking { gateway, .. } = of_keycloak("not-its-secret")?;
    let token = keycloak()?.client_token("predict")?;
    gateway.predict(&token)?.expect(500)?;
    let log = gateway.process.stderr();
    ensure!(log.contains("\"introspection_unavailable\""), "{log}");
    Ok(())
}

fn an_opaque_token_is_asked_about() -> Result<()> {
    let issuer = second_issuer()?;
    let settings = format!(
        "      client_id: {}\n      tokens: opaque\n",
        second_issuer::API
    );
    let asking = start(
        &issuer.issuer,
        second_issuer::OPAQUE_AUDIENCE,
        &settings,
        second_issuer::SECRET,
    )?;
    let gateway = &asking.gateway;
    let token = issuer.opaque_token("predict")?;
    ensure!(!token.contains('.'), "the token is not opaque");
    let reply = gateway.predict(&token)?.expect(200)?;
    ensure!(matches!(reply.json()?, Value::Object(_)), "no prediction");
    issuer.revoke(&token)?;
    gateway.refuses(&token, "inactive")?;
    gateway.refuses("made-up", "inactive")
}
