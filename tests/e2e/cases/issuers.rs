//! Two real issuers in one access table, and issuers that cannot be reached.

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::case::{case, case_with};
use crate::claims::{self, claims, header, signature, token};
use crate::gateway::{self, Gateway, example};
use crate::http::text;
use crate::keycloak::{self, keycloak};
use crate::process::free_port;
use crate::second_issuer::{self, SecondIssuer, second_issuer};

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        case_with(
            &[keycloak::PART, second_issuer::PART],
            "issuers: Keycloak and tokens in Auth0's shape share one table",
            two_issuers_share_one_table,
        ),
        case_with(
            &[second_issuer::PART],
            "issuers: an audience of another issuer does not count",
            audiences_are_apart,
        ),
        case_with(
            &[second_issuer::PART],
            "issuers: keys outlive an issuer's outage",
            keys_outlive_an_outage,
        ),
        case(
            "issuers: one that was never reached is a 5xx, never a 401",
            one_never_reached_is_a_5xx,
        ),
    ]
}

fn two_issuers_share_one_table() -> Result<()> {
    let (first, second) = (keycloak()?, second_issuer()?);
    let access = gateway::access_file(&format!(
        "issuers:
  - issuer: {first}
    audience: {first_audience}
  - issuer: {second}
    audience: {second_audience}
    clients: [m2m]
rules:
  - allow: [POST /predict]
    require: {{scope: predict}}
  - allow: [POST /predict/wine]
    issuer: {first}
    require: {{role: ml-user}}
  - allow: [POST /predict/digits]
    issuer: {second}
    require: {{permission: \"predict:models\"}}
",
        first = first.issuer(),
        first_audience = keycloak::AUDIENCE,
        second = second.issuer,
        second_audience = second_issuer::AUDIENCE,
    ))?;
    let gateway = start(&access)?;
    let (of_first, of_second) = (first.client_token("predict")?, second.token("predict")?);
    ensure_auth0_shape(&claims(&of_second)?, &second.issuer)?;
    let digits = gateway::json_file("models/digits/example.json")?;
    for (token, path, body, status) in [
        (&of_first, "/predict", &example()?, 200),
        (&of_second, "/predict", &example()?, 200),
        (&of_first, "/predict/wine", &example()?, 200),
        (&of_second, "/predict/wine", &example()?, 403),
        (&of_first, "/predict/digits", &digits, 403),
        (&of_second, "/predict/digits", &digits, 200),
        (&second.token("")?, "/predict/digits", &digits, 403),
    ] {
        gateway
            .post(path, Some(token), body)?
            .expect(status)
            .context(path)?;
    }
    Ok(())
}

/// The case above proves nothing unless the token is what Auth0 would have sent.
fn ensure_auth0_shape(claims: &Value, issuer: &str) -> Result<()> {
    ensure!(
        issuer.ends_with('/') && claims["iss"] == issuer,
        "the issuer has no slash: {claims}"
    );
    ensure!(
        claims["sub"] == "m2m@clients" && claims["azp"] == "m2m",
        "the client differs: {claims}"
    );
    ensure!(
        claims["aud"][0] == second_issuer::AUDIENCE && claims["aud"][1].is_string(),
        "`aud` is no list: {claims}"
    );
    ensure!(
        claims["permissions"] == json!(["predict:models"]) && claims.get("client_id").is_none(),
        "{claims}"
    );
    Ok(())
}

fn audiences_are_apart() -> Result<()> {
    let second = second_issuer()?;
    let issuer = second.issuer.as_str();
    let token = second.token("predict")?;
    for (audience, status) in [
        (second_issuer::AUDIENCE, 200),
        ("https://models.example/other", 401),
    ] {
        let gateway = Gateway::start(&["--issuer", issuer, "--audience", audience])?;
        gateway.predict(&token)?.expect(status).context(audience)?;
    }
    Ok(())
}

fn keys_outlive_an_outage() -> Result<()> {
    let issuer = SecondIssuer::start()?;
    let gateway = Gateway::start(&[
        "--issuer",
        &issuer.issuer,
        "--audience",
        second_issuer::AUDIENCE,
    ])?;
    let token = issuer.token("predict")?;
    issuer.process.stop();
    gateway.predict(&token)?.expect(200)?;
    let mut header = header(&token)?;
    header["kid"] = json!("perhaps-a-new-one");
    let unknown = claims::token(&header, &claims(&token)?, &signature(&token)?);
    let reply = gateway.predict(&unknown)?;
    ensure!(
        reply.status >= 500,
        "{} for a key that nobody can ask for: {}",
        reply.status,
        reply.body
    );
    Ok(())
}

/// A 401 would tell a caller with a good token to get another, and the gateway to remember nothing.
fn one_never_reached_is_a_5xx() -> Result<()> {
    let issuer = format!("http://127.0.0.1:{}/realms/ml-models", free_port()?);
    let gateway = Gateway::start(&["--issuer", &issuer, "--audience", keycloak::AUDIENCE])?;
    let template = gateway::embedded()?.token("predict")?;
    let mut claims = claims(&template)?;
    claims["iss"] = json!(issuer);
    claims["aud"] = json!(keycloak::AUDIENCE);
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": "any"});
    let reply = gateway.predict(&token(&header, &claims, &[7; 256]))?;
    ensure!(
        reply.status >= 500,
        "{} instead of a 5xx: {}",
        reply.status,
        reply.body
    );
    ensure!(
        reply.header("retry-after").is_some(),
        "nothing says when to try again"
    );
    gateway
        .get("/v2/health/ready", None)?
        .expect(200)
        .context("the model is fine")?;
    ensure!(
        gateway.process.log().contains(&issuer),
        "the log does not name the issuer:\n{}",
        gateway.process.log()
    );
    text(&reply.json()?, "error")?;
    Ok(())
}

fn start(access: &NamedTempFile) -> Result<Gateway> {
    Gateway::start(&["--access", &access.path().display().to_string()])
}
