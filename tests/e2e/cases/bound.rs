//! Tokens that are bound to a key (RFC 9449): a real Keycloak binds them, a real client proves the key.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::case::case_with;
use crate::claims::claims;
use crate::gateway::{self, Gateway, example};
use crate::http::{self, Reply, text};
use crate::keycloak::{self, AUDIENCE, SECRET, keycloak};
use crate::node;
use crate::shared::Shared;

const PEERS: &str = "peers";
const CLIENT: &str = "bound";

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    let case = |name, run| case_with(&[keycloak::PART, PEERS], name, run);
    vec![
        case(
            "bound: a client that proves its key is answered, each time with a new proof",
            a_proven_key_is_answered,
        ),
        case(
            "bound: a proof is good once, for one request, and never dispensable",
            a_proof_is_good_for_one_request,
        ),
    ]
}

/// What oauth4webapi sent, and what came of it.
#[derive(Debug)]
struct Sent {
    token: String,
    statuses: Value,
    proofs: Vec<String>,
}

/// The gateway that remembers nothing, and asks the authorizer with the whole request.
fn gateway() -> Result<&'static (Gateway, NamedTempFile)> {
    static SHARED: Shared<(Gateway, NamedTempFile)> = Shared::new(start);
    SHARED.get()
}

fn start() -> Result<(Gateway, NamedTempFile)> {
    let keycloak = keycloak()?;
    keycloak.add_client(CLIENT, &json!({"dpop.bound.access.tokens": "true"}))?;
    let access = gateway::access_file(&format!(
        "issuers:\n  - issuer: {}\n    audience: {AUDIENCE}\n    profile: keycloak\n    proof: [dpop]\nrules:\n  - allow: [POST /predict]\n    require: {{scope: predict}}\n",
        keycloak.issuer()
    ))?;
    let path = access.path().display().to_string();
    let mut command = gateway::dev(&["--access", &path, "--authorizer-type", "request"])?;
    command.env("AUTHORIZER_TTL", "0");
    Ok((Gateway::start_with(&mut command)?, access))
}

fn sent(address: &str) -> Result<Sent> {
    let mut script = node::script(PEERS, "peers/dpop.mjs")?;
    script
        .command
        .env("ISSUER", keycloak()?.issuer())
        .env("CLIENT_ID", CLIENT)
        .env("CLIENT_SECRET", SECRET)
        .env("SCOPE", "predict")
        .env("ADDRESS", address)
        .env("BODY", example()?.to_string());
    let printed = node::printed(script)?;
    let proofs = printed["proofs"].as_array().into_iter().flatten();
    Ok(Sent {
        token: text(&printed, "access_token")?,
        statuses: printed["statuses"].clone(),
        proofs: proofs
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
    })
}

fn a_proven_key_is_answered() -> Result<()> {
    let (gateway, _) = gateway()?;
    let sent = sent(&format!("{}/predict", gateway.url))?;
    ensure!(sent.statuses == json!([200, 200]), "{sent:?}");
    let claims = claims(&sent.token)?;
    ensure!(
        claims["cnf"]["jkt"].is_string(),
        "the token is not bound: {claims}"
    );
    Ok(())
}

fn a_proof_is_good_for_one_request() -> Result<()> {
    let (gateway, _) = gateway()?;
    // Nothing answers there: the proofs are for this gateway, and still unused.
    let unused = sent(&format!("{}/predict/wine", gateway.url))?;
    let used = sent(&format!("{}/predict", gateway.url))?;
    let refused = |token: &str, scheme: &str, proof: Option<&str>, reason: &str| -> Result<()> {
        call(gateway, &format!("{scheme} {token}"), proof)?.expect(401)?;
        gateway.refused(token, reason)
    };
    let proof = used.proofs.first().map(String::as_str);
    refused(&used.token, "DPoP", proof, "proof_replayed")?;
    refused(&used.token, "DPoP", None, "proof_missing")?;
    refused(&used.token, "Bearer", None, "proof_scheme")?;
    let elsewhere = unused.proofs.first().map(String::as_str);
    refused(&unused.token, "DPoP", elsewhere, "proof_target")
}

fn call(gateway: &Gateway, authorization: &str, proof: Option<&str>) -> Result<Reply> {
    let mut request = gateway
        .request("POST", "/predict")?
        .header("authorization", authorization)
        .json(&example()?);
    if let Some(proof) = proof {
        request = request.header("dpop", proof);
    }
    http::send(request)
}
