//! Clients that people have already, against the local gateway, with a token.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use libtest_mimic::Trial;

use crate::case::case_with;
use crate::gateway::{Gateway, dev, embedded};
use crate::sam;
use crate::setup;
use crate::shared::Shared;

/// Python clients of model servers.
const PARTS: &[&str] = &["clients"];
/// KServe's client takes some seconds to be imported.
const LIMIT: Duration = Duration::from_secs(120);

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        case_with(
            PARTS,
            "clients: tritonclient, in JSON and in bytes",
            tritonclient,
        ),
        case_with(PARTS, "clients: KServe's REST client", kserve),
        case_with(
            PARTS,
            "clients: pictures, by tritonclient, KServe's client, base64 and forms",
            pictures,
        ),
        case_with(
            PARTS,
            "clients: pyarrow's and pandas' tables, answered by such",
            pyarrow,
        ),
    ]
}

fn tritonclient() -> Result<()> {
    let gateway = gateway()?;
    let address = gateway.url.trim_start_matches("http://");
    sam::run(python("triton.py", gateway)?.arg(address), LIMIT).map(drop)
}

fn kserve() -> Result<()> {
    let gateway = gateway()?;
    sam::run(python("kserve_rest.py", gateway)?.arg(&gateway.url), LIMIT).map(drop)
}

fn pictures() -> Result<()> {
    let gateway = embedded()?;
    let folder = setup::repository().join("model-fn/tests/fixtures/steps");
    let mut command = python("pictures.py", gateway)?;
    sam::run(command.arg(&gateway.url).arg(folder), LIMIT).map(drop)
}

fn pyarrow() -> Result<()> {
    let gateway = gateway()?;
    sam::run(python("arrow.py", gateway)?.arg(&gateway.url), LIMIT).map(drop)
}

/// A gateway over the small models of the model function's own tests.
fn gateway() -> Result<&'static Gateway> {
    static SHARED: Shared<Gateway> = Shared::new(|| {
        let models = setup::repository().join("model-fn/tests/fixtures/served");
        let mut command = dev(&[])?;
        Gateway::start_with(command.arg("--models").arg(models))
    });
    SHARED.get().context("the gateway over small models")
}

/// A script of `tests/clients`, with a token for the gateway.
fn python(script: &str, gateway: &Gateway) -> Result<Command> {
    let part = setup::part("clients").context("the clients are not installed")?;
    let mut command = Command::new(part.join("bin/python"));
    command
        .arg(setup::repository().join("tests/clients").join(script))
        .env("TOKEN", gateway.token("predict")?);
    Ok(command)
}
