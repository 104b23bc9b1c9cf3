//! The deployed pair: `sam build`, `sam deploy` into an emulated AWS, and calls through its API
//! Gateway with tokens of a real Keycloak. What the emulator does not enforce is in `template`.

mod front;
mod parts;
mod release;

use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::answering;
use crate::case::case_with;
use crate::gateway::example;
use crate::http::{self, Reply};
use crate::keycloak::{self, keycloak};
use crate::ministack::{self, Ministack, Stack};
use crate::process;
use crate::recorded;
use crate::sam::{self, build};
use crate::shared::Shared;

const PARTS: &[&str] = &[sam::PART, sam::BUILDER, ministack::PART, keycloak::PART];
const WITH_CLIENTS: &[&str] = &[
    sam::PART,
    sam::BUILDER,
    ministack::PART,
    keycloak::PART,
    answering::CLIENTS,
];
const WITH_MLFLOW: &[&str] = &[
    sam::PART,
    sam::BUILDER,
    ministack::PART,
    keycloak::PART,
    answering::MLFLOW,
];
const WITH_MLSERVER: &[&str] = &[
    sam::PART,
    sam::BUILDER,
    ministack::PART,
    keycloak::PART,
    answering::MLSERVER,
];
const STACK: &str = "tollgate";
/// What the functions' names end in, after the stack's.
const FUNCTIONS: [&str; 2] = ["authorizer", "model-serving-fn"];
/// A quarter of what Lambda takes in an upload: cold starts fetch it.
const PACKAGE_BYTES: u64 = 12_500_000;

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        case_with(
            PARTS,
            "deployed: predicts what the reference runtime recorded",
            predicts_as_recorded,
        ),
        case_with(
            PARTS,
            "deployed: no or bad credentials are 401",
            bad_credentials_are_401,
        ),
        case_with(
            PARTS,
            "deployed: the scheme is read in any case",
            the_scheme_is_read_in_any_case,
        ),
        case_with(
            PARTS,
            "deployed: one remembered answer opens two routes",
            one_answer_opens_two_routes,
        ),
        case_with(
            PARTS,
            "deployed: a closed route first leaves the open one open",
            closed_first_then_open,
        ),
        case_with(
            PARTS,
            "deployed: a person's token opens the routes too",
            a_persons_token_opens_them_too,
        ),
        case_with(
            PARTS,
            "deployed: health checks need no token",
            health_needs_no_token,
        ),
        case_with(
            PARTS,
            "deployed: an issuer out of reach is a 5xx",
            an_issuer_out_of_reach_is_a_5xx,
        ),
        case_with(
            PARTS,
            "deployed: the layer holds the models and nothing else",
            the_layer_holds_the_models,
        ),
        case_with(
            PARTS,
            "deployed: the packages are small",
            the_packages_are_small,
        ),
        case_with(PARTS, "deployed: logs hold no token", logs_hold_no_token),
    ];
    trials.extend(asked_by_clients());
    trials.extend(parts::trials());
    trials.extend(front::trials());
    trials.extend(release::trials());
    trials
}

/// What clients of others get, as locally.
fn asked_by_clients() -> [Trial; 4] {
    [
        case_with(
            WITH_CLIENTS,
            "deployed: tritonclient and KServe's client are answered",
            || asked_by(answering::open_inference),
        ),
        case_with(
            WITH_MLSERVER,
            "deployed: MLServer's codecs are answered",
            || asked_by(answering::codecs),
        ),
        case_with(
            WITH_MLFLOW,
            "deployed: MLflow's client, pandas and NumPy are answered",
            || asked_by(answering::scoring),
        ),
        case_with(
            PARTS,
            "deployed: requests of TensorFlow Serving are answered",
            serving_is_answered,
        ),
    ]
}

/// The emulator, and the stack whose issuer is the shared Keycloak.
struct Deployment {
    emulator: Ministack,
    stack: Stack,
}

impl Deployment {
    fn make() -> Result<Self> {
        let build = build()?;
        let emulator = Ministack::start()?;
        let started = Instant::now();
        let issuer = keycloak()?.issuer();
        let stack = emulator.deploy(
            build,
            STACK,
            &[("Issuer", &issuer), ("Audience", keycloak::AUDIENCE)],
        )?;
        println!(
            "sam deploy: {:.1?}, outputs {}",
            started.elapsed(),
            stack.outputs
        );
        Ok(Self { emulator, stack })
    }

    fn get(&self, path: &str, token: Option<&str>) -> Result<Reply> {
        http::get(&format!("{}{path}", self.stack.url), token)
    }

    fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Result<Reply> {
        http::post_json(&format!("{}{path}", self.stack.url), token, body)
    }

    /// The example of the default model, with this value of the header `Authorization`.
    fn predict(&self, authorization: &str) -> Result<Reply> {
        let request = http::request("POST", &format!("{}/predict", self.stack.url))?;
        http::send(
            request
                .header("authorization", authorization)
                .json(&example()?),
        )
    }
}

/// The shared deployment, made at the first call.
fn deployment() -> Result<&'static Deployment> {
    static SHARED: Shared<Deployment> = Shared::new(Deployment::make);
    SHARED.get()
}

fn predicts_as_recorded() -> Result<()> {
    let token = keycloak()?.client_token("predict")?;
    for model in ["wine", "digits"] {
        let path = format!("/v2/models/{model}/infer");
        recorded::check(model, |body| {
            deployment()?
                .post(&path, Some(&token), body)?
                .expect(200)?
                .json()
        })?;
    }
    deployment()?
        .post("/predict", Some(&token), &example()?)?
        .expect(200)?;
    // Bytes reach the function as they are, in base64 of the gateway.
    for (name, digit) in recorded::PICTURES {
        let url = format!("{}/predict/digits", deployment()?.stack.url);
        recorded::picture(http::request("POST", &url)?, &token, name, digit)?;
    }
    Ok(())
}

fn bad_credentials_are_401() -> Result<()> {
    let token = keycloak()?.client_token("predict")?;
    let (signed, _) = token.rsplit_once('.').context("not a signed token")?;
    deployment()?
        .post("/predict", None, &example()?)?
        .expect(401)?;
    let bad = [
        "Bearer",
        "Bearer garbage",
        "Bearer a.b.c",
        &format!("Basic {token}"),
        &format!("Bearer {signed}."),
        &format!("Bearer {token} {token}"),
        &format!("Bearer {token}, Bearer {token}"),
        &token,
    ];
    for authorization in bad {
        deployment()?
            .predict(authorization)?
            .expect(401)
            .with_context(|| format!("`{authorization}`"))?;
    }
    Ok(())
}

fn the_scheme_is_read_in_any_case() -> Result<()> {
    let token = keycloak()?.client_token("predict")?;
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        deployment()?
            .predict(&format!("{scheme} {token}"))?
            .expect(200)?;
    }
    Ok(())
}

/// What clients get from the deployed functions is what they get from the local ones.
fn asked_by(client: fn(&str, &str) -> Result<()>) -> Result<()> {
    let token = keycloak()?.client_token("predict")?;
    client(&deployment()?.stack.url, &token)
}

fn serving_is_answered() -> Result<()> {
    let token = keycloak()?.client_token("predict")?;
    let post = |path: &str, body: &Value| deployment()?.post(path, Some(&token), body);
    let instances = &example()?["instances"];
    let rows = answering::predictions(&deployment()?.stack.url, &token)?;
    let reply = post("/v1/models/wine:predict", &json!({"instances": instances}))?;
    ensure!(reply.expect(200)?.json()?["predictions"] == rows, "by row");
    let reply = post(
        "/v1/models/wine/versions/1:predict",
        &json!({"inputs": instances}),
    )?;
    let labels = &reply.expect(200)?.json()?["outputs"]["label"];
    let asked = json!({"model": "wine", "input": "a text"});
    let refused = post("/v1/embeddings", &asked)?.expect(422)?.json()?;
    ensure!(refused["code"] == "no_embeddings", "{refused}");
    let expected: Value = rows
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| row["label"].clone())
        .collect();
    ensure!(*labels == expected, "by column: {labels}");
    let status = deployment()?
        .get("/v1/models/wine", Some(&token))?
        .expect(200)?
        .json()?;
    ensure!(
        status["model_version_status"][0]["state"] == "AVAILABLE",
        "{status}"
    );
    Ok(())
}

/// The authorizer logged one decision on that token: the second route got the remembered answer.
fn one_answer_opens_two_routes() -> Result<()> {
    let token = keycloak()?.client_token("predict")?;
    deployment()?
        .post("/predict", Some(&token), &example()?)?
        .expect(200)?;
    deployment()?
        .get("/v2/models/digits", Some(&token))?
        .expect(200)?;
    let digest = Sha256::digest(&token)
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    let decisions = decisions()?;
    let about = decisions
        .iter()
        .filter(|line| line.contains(&digest))
        .count();
    ensure!(
        about == 1,
        "{about} decisions on `{digest}`: {decisions:#?}"
    );
    Ok(())
}

fn closed_first_then_open() -> Result<()> {
    let token = keycloak()?.client_token("ml-model-api-scope")?;
    deployment()?
        .post("/predict", Some(&token), &example()?)?
        .expect(403)?;
    deployment()?.get("/models", Some(&token))?.expect(200)?;
    deployment()?
        .post("/v2/models/wine/infer", Some(&token), &example()?)?
        .expect(403)?;
    Ok(())
}

fn a_persons_token_opens_them_too() -> Result<()> {
    let tokens = keycloak()?.user_tokens("predict")?;
    let access = keycloak::text(&tokens, "access_token")?;
    deployment()?
        .post("/predict/wine", Some(&access), &example()?)?
        .expect(200)?;
    for other in ["id_token", "refresh_token"] {
        let other = keycloak::text(&tokens, other)?;
        deployment()?
            .post("/predict/wine", Some(&other), &example()?)?
            .expect(401)?;
    }
    Ok(())
}

fn health_needs_no_token() -> Result<()> {
    for path in ["/v2/health/live", "/v2/health/ready"] {
        deployment()?.get(path, None)?.expect(200)?;
    }
    deployment()?.get("/v2", None)?.expect(401)?;
    Ok(())
}

/// Nobody may take an outage for a refusal.
fn an_issuer_out_of_reach_is_a_5xx() -> Result<()> {
    let issuer = format!("http://127.0.0.1:{}/realms/none", process::free_port()?);
    let parameters = [
        ("Issuer", issuer.as_str()),
        ("Audience", keycloak::AUDIENCE),
    ];
    let stack = deployment()?
        .emulator
        .deploy(build()?, "outage", &parameters)?;
    let reply = http::get(&format!("{}/models", stack.url), Some(&token_of(&issuer)))?;
    ensure!(reply.status >= 500, "{} {}", reply.status, reply.body);
    Ok(())
}

fn the_layer_holds_the_models() -> Result<()> {
    let models = deployment()?.stack.opt.join("models");
    let mut kinds = BTreeSet::new();
    for model in fs::read_dir(&models)? {
        for file in fs::read_dir(model?.path())? {
            kinds.insert(file?.file_name());
        }
    }
    let expected = ["example.json", "expected.json", "model.onnx", "model.yaml"];
    ensure!(kinds.iter().eq(&expected), "{kinds:?}");
    Ok(())
}

fn the_packages_are_small() -> Result<()> {
    for function in FUNCTIONS {
        let bytes = deployment()?
            .emulator
            .package_bytes(&format!("{STACK}-{function}"))?;
        println!("{function}: {:.1} MB zipped", bytes as f64 / 1e6);
        ensure!(bytes < PACKAGE_BYTES, "{function} has {bytes} bytes zipped");
    }
    Ok(())
}

fn logs_hold_no_token() -> Result<()> {
    let token = keycloak()?.client_token("predict")?;
    deployment()?
        .post("/predict", Some(&token), &example()?)?
        .expect(200)?;
    deployment()?
        .predict(&format!("Bearer x{token}"))?
        .expect(401)?;
    ensure!(!decisions()?.is_empty(), "the authorizer logged nothing");
    for function in FUNCTIONS {
        for line in deployment()?.emulator.log(&format!("{STACK}-{function}"))? {
            ensure!(
                !token.split('.').any(|part| line.contains(part)),
                "a part of a token in `{line}`"
            );
        }
    }
    Ok(())
}

/// A token that only the issuer's keys could tell from a real one.
fn token_of(issuer: &str) -> String {
    let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = part(json!({"alg": "RS256", "typ": "JWT", "kid": "unknown"}));
    let claims = json!({"iss": issuer, "aud": keycloak::AUDIENCE, "sub": "someone", "exp": 4_102_444_800_u32});
    format!(
        "{header}.{}.{}",
        part(claims),
        URL_SAFE_NO_PAD.encode([7; 256])
    )
}

/// What the authorizer of the shared stack has logged so far.
fn decisions() -> Result<Vec<String>> {
    deployment()?.emulator.log(&format!("{STACK}-authorizer"))
}
