//! `cargo lambda watch`, which serves both functions of the workspace as it compiles them, behind
//! the local gateway and its issuer.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use libtest_mimic::Trial;

use crate::case::case_with;
use crate::gateway::{Gateway, embedded, example, tollgate};
use crate::process::{self, Process};
use crate::sam;
use crate::setup;
use crate::shared::Shared;

const PARTS: &[&str] = &[sam::BUILDER];
const AUDIENCE: &str = "ml-api";
const READY: Duration = Duration::from_secs(60);
/// From nothing, on a small machine.
const COMPILED: Duration = Duration::from_secs(30 * 60);

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        case_with(
            PARTS,
            "watched: a token with the scope predicts",
            the_scope_predicts,
        ),
        case_with(
            PARTS,
            "watched: a token without the scope is 403",
            no_scope_is_403,
        ),
        case_with(
            PARTS,
            "watched: no or bad credentials are 401",
            bad_credentials_are_401,
        ),
        case_with(
            PARTS,
            "watched: health checks need no token",
            health_needs_no_token,
        ),
    ]
}

/// The watcher, and the gateway that calls the functions through it.
struct Watched {
    gateway: Gateway,
    watcher: Process,
}

impl Watched {
    /// The functions start at their first call, and then ask for the issuer's keys: it runs by then.
    fn start() -> Result<Self> {
        compile()?;
        let (functions_port, issuer_port) = (process::free_port()?, process::free_port()?);
        let issuer = format!("http://127.0.0.1:{issuer_port}");
        let watcher = Process::start(&mut watch(functions_port, &issuer)?)?;
        watcher.wait_for(READY, |line| {
            line.contains("starting Runtime server").then_some(())
        })?;
        let functions = format!("http://127.0.0.1:{functions_port}");
        let gateway = Gateway::start_with(
            tollgate()?
                .args(["dev", "--port", "0", "--functions", &functions])
                .args([
                    "--audience",
                    AUDIENCE,
                    "--issuer-port",
                    &issuer_port.to_string(),
                ]),
        )?;
        Ok(Self { gateway, watcher })
    }

    /// A failure is explained by what the functions logged.
    fn check(run: fn(&Gateway) -> Result<()>) -> Result<()> {
        let watched = watched()?;
        run(&watched.gateway).with_context(|| watched.watcher.log())
    }
}

fn watched() -> Result<&'static Watched> {
    static SHARED: Shared<Watched> = Shared::new(Watched::start);
    SHARED.get()
}

/// Compiles what the watcher would compile at the first calls, where nobody would see an error. There
/// is nothing to do after `cargo build --release --workspace`.
fn compile() -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo
        .args([
            "build",
            "--release",
            "--bin",
            "authorizer",
            "--bin",
            "model-fn",
        ])
        .current_dir(setup::repository());
    sam::run(&mut cargo, COMPILED).map(drop)
}

/// `cargo lambda watch` on loopback alone, for functions with the variables of the template.
fn watch(port: u16, issuer: &str) -> Result<Command> {
    let mut command = Command::new("cargo");
    command
        .args(["lambda", "watch", "--release", "--wait", "--ignore-changes"])
        .args([
            "--invoke-address",
            "127.0.0.1",
            "--invoke-port",
            &port.to_string(),
        ])
        .current_dir(setup::repository())
        .env("PATH", sam::builder_path()?)
        .env("ISSUER", issuer)
        .env("AUDIENCE", AUDIENCE)
        .env("MODEL_SOURCE", setup::repository().join("models"))
        .env("DEFAULT_MODEL", "wine");
    for name in ["ACCESS_FILE", "ALLOW_UNAUTHENTICATED", "AUTHORIZER_TTL"] {
        command.env_remove(name);
    }
    Ok(command)
}

/// The same answer as from the functions inside the gateway's own process.
fn the_scope_predicts() -> Result<()> {
    Watched::check(|gateway| {
        let watched = gateway.predict(&gateway.token("predict")?)?.expect(200)?;
        let own = embedded()?
            .predict(&embedded()?.token("predict")?)?
            .expect(200)?;
        anyhow::ensure!(
            watched.json()? == own.json()?,
            "{} instead of {}",
            watched.body,
            own.body
        );
        Ok(())
    })
}

fn no_scope_is_403() -> Result<()> {
    Watched::check(|gateway| {
        let token = gateway.token("other")?;
        gateway.predict(&token)?.expect(403)?;
        gateway.get("/models", Some(&token))?.expect(200)?;
        Ok(())
    })
}

fn bad_credentials_are_401() -> Result<()> {
    Watched::check(|gateway| {
        gateway.post("/predict", None, &example()?)?.expect(401)?;
        gateway
            .post("/predict", Some("a.b.c"), &example()?)?
            .expect(401)?;
        let token = embedded()?.token("predict")?;
        gateway
            .predict(&token)?
            .expect(401)
            .context("a token of another issuer")?;
        Ok(())
    })
}

fn health_needs_no_token() -> Result<()> {
    Watched::check(|gateway| {
        gateway.get("/v2/health/ready", None)?.expect(200)?;
        gateway.get("/v2", None)?.expect(401)?;
        Ok(())
    })
}
