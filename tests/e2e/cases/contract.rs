//! The document at `/openapi.json`, held against the API that it describes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use tempfile::TempDir;

use crate::case::case_with;
use crate::gateway::{Gateway, dev};
use crate::sam;
use crate::setup;
use crate::shared::Shared;

/// Schemathesis, and a validator of documents.
const PARTS: &[&str] = &["schemathesis"];
/// It takes about a minute, and longer on a machine that builds something else meanwhile.
const LIMIT: Duration = Duration::from_secs(600);
/// Several datatypes, inputs, outputs and versions; columns, text, labels, named axes, and an output without rows.
const MODELS: [&str; 6] = ["pair", "zipped", "echo", "columns", "pooled", "total"];

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        case_with(PARTS, "contract: the document is OpenAPI 3.1", is_valid),
        case_with(
            PARTS,
            "contract: Schemathesis finds no server error and no breach of the document",
            is_kept,
        ),
    ]
}

fn is_valid() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let document = document(scratch.path())?;
    let mut command = program("python")?;
    let script = setup::repository().join("tests/clients/openapi.py");
    sam::run(command.arg(script).arg(document), LIMIT).map(drop)
}

fn is_kept() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let document = document(scratch.path())?;
    let gateway = gateway()?;
    let folder = setup::repository().join("tests/clients");
    let mut command = program("schemathesis")?;
    command
        .current_dir(scratch.path())
        .arg("--config-file")
        .arg(folder.join("schemathesis.toml"))
        .arg("run")
        .arg(document)
        .env("BASE_URL", &gateway.url)
        .env("HOOKS", folder.join("contract.py"))
        .env("TOKEN", gateway.token("predict")?);
    let told = sam::run(&mut command, LIMIT)?;
    // What is refused, and rightly, shows nothing of answers.
    let answered = told.lines().find(|line| line.starts_with("answered: "));
    let answered = answered.with_context(|| format!("no questions were counted:\n{told}"))?;
    println!("{answered}");
    ensure!(answered.contains("none by 0 routes"), "{answered}");
    Ok(())
}

/// A program of the part, that leaves no compiled scripts in the repository.
fn program(name: &str) -> Result<Command> {
    let part = setup::part("schemathesis").context("Schemathesis is not installed")?;
    let mut command = Command::new(part.join("bin").join(name));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(command)
}

/// The document, as a file in this folder.
fn document(folder: &Path) -> Result<PathBuf> {
    let gateway = gateway()?;
    let reply = gateway.get("/openapi.json", Some(&gateway.token("predict")?))?;
    let path = folder.join("openapi.json");
    fs::write(&path, reply.expect(200)?.json()?.to_string())?;
    Ok(path)
}

/// A gateway over some of the small models of the model function's own tests.
fn gateway() -> Result<&'static Gateway> {
    static MODELS_FOLDER: Shared<TempDir> = Shared::new(models);
    static SHARED: Shared<Gateway> = Shared::new(|| {
        let mut command = dev(&[])?;
        command.env("DEFAULT_MODEL", "pair");
        Gateway::start_with(command.arg("--models").arg(MODELS_FOLDER.get()?.path()))
    });
    SHARED.get().context("the gateway over some models")
}

fn models() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let source = setup::repository().join("model-fn/tests/fixtures/served");
    for model in MODELS {
        std::os::unix::fs::symlink(source.join(model), folder.path().join(model))?;
    }
    Ok(folder)
}
