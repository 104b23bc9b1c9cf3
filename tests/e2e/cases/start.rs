//! What must not start: each names all of its problems, and ends with a status that is not 0.

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;

use crate::case::case;
use crate::gateway::{access_file, dev, tollgate};
use crate::process::Process;
use crate::setup;

/// Loading models takes a moment, on a busy machine a long one.
const ENDED: Duration = Duration::from_secs(60);

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        case(
            "start: a bad access table is refused with all its problems",
            a_bad_access_table_is_refused,
        ),
        case(
            "start: a variable that is not set is named",
            an_unset_variable_is_named,
        ),
        case(
            "start: an issuer without an audience is refused",
            an_issuer_needs_an_audience,
        ),
        case(
            "start: broken models are all named",
            broken_models_are_all_named,
        ),
        case(
            "start: a model that answers wrongly is refused",
            a_model_that_answers_wrongly_is_refused,
        ),
        case("start: a port in use is named", a_port_in_use_is_named),
    ]
}

/// Starts a gateway that must end by itself with a failure, and say all these words.
fn refused(mut command: Command, words: &[&str]) -> Result<()> {
    let process = Process::start(&mut command)?;
    let status = process.wait(ENDED)?;
    let log = process.log();
    ensure!(!status.success(), "it ended well:\n{log}");
    ensure!(
        !log.lines().any(|line| line.starts_with("ready ")),
        "it said that it is ready:\n{log}"
    );
    ensure!(!log.contains("panicked"), "it panicked:\n{log}");
    for word in words {
        ensure!(log.contains(word), "`{word}` is not said:\n{log}");
    }
    Ok(())
}

fn a_bad_access_table_is_refused() -> Result<()> {
    let access = access_file(
        "issuers:
  - issuer: http://elsewhere.example/
    audience: ml-api
  - issuer: https://issuer.example/
    audience: account
rules:
  - allow: [FETCH /predict]
    require: {scope: predict}
",
    )?;
    let path = access.path().display().to_string();
    let words = ["http://elsewhere.example/", "account", "FETCH"];
    refused(dev(&["--access", &path])?, &words)
}

fn an_unset_variable_is_named() -> Result<()> {
    let access = access_file(
        "issuers:
  - issuer: ${FIRST_UNSET_NAME}
    audience: ${SECOND_UNSET_NAME}
rules:
  - allow: [FETCH /predict]
    require: {scope: predict}
",
    )?;
    let path = access.path().display().to_string();
    let words = ["FIRST_UNSET_NAME", "SECOND_UNSET_NAME", "FETCH"];
    refused(dev(&["--access", &path])?, &words)
}

fn an_issuer_needs_an_audience() -> Result<()> {
    refused(
        dev(&["--issuer", "https://issuer.example/"])?,
        &["audience"],
    )
}

fn broken_models_are_all_named() -> Result<()> {
    let models = tempfile::tempdir()?;
    let wine = setup::repository().join("models/wine/model.onnx");
    for model in ["first", "second", "third"] {
        fs::create_dir(models.path().join(model))?;
    }
    fs::write(models.path().join("first/model.onnx"), "not a model")?;
    let whole = fs::read(wine)?;
    let half = whole.split_at(whole.len() / 2).0;
    fs::write(models.path().join("second/model.onnx"), half)?;
    fs::write(models.path().join("third/model.onnx"), &whole)?;
    fs::write(models.path().join("third/model.yaml"), "labels: {")?;
    let path = models.path().display().to_string();
    refused(dev(&["--models", &path])?, &["first", "second", "third"])
}

/// The recorded answers are part of the model: one that gives others is not the same model.
fn a_model_that_answers_wrongly_is_refused() -> Result<()> {
    let models = tempfile::tempdir()?;
    let folder = models.path().join("wine");
    fs::create_dir(&folder)?;
    let from = setup::repository().join("models/wine");
    fs::copy(from.join("model.onnx"), folder.join("model.onnx"))?;
    let recorded = fs::read_to_string(from.join("expected.json"))?;
    let other = recorded.replace(
        "\"name\": \"label\", \"shape\": [1], \"datatype\": \"INT64\", \"data\": [2]",
        "\"name\": \"label\", \"shape\": [1], \"datatype\": \"INT64\", \"data\": [1]",
    );
    ensure!(
        other != recorded,
        "the record has another form than this case expects"
    );
    fs::write(folder.join("expected.json"), other)?;
    let path = models.path().display().to_string();
    refused(dev(&["--models", &path])?, &["wine", "label"])
}

fn a_port_in_use_is_named() -> Result<()> {
    let taken = TcpListener::bind(("127.0.0.1", 0))?;
    let port = taken.local_addr()?.port().to_string();
    let mut command = tollgate()?;
    command.args(["dev", "--port", &port, "--issuer-port", "0"]);
    refused(command, &[&port])
}
