//! The zoo: models as exporters write them, with the answers of onnxruntime. One test a model.
//!
//! `tests/parts/zoo.sh` and `tests/parts/deep.sh` make them. `tests/zoo/known.txt` names the models
//! that are not answered yet, and how: they count as skipped, and a test fails where a model does
//! otherwise.

mod compare;
mod known;
mod model;
mod operators;
mod recorded;
#[path = "../../../tests/e2e/setup.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the end-to-end tests"
)]
mod setup;
mod shapes;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use compare::Tolerance;
use known::Known;
use model::Integers;

/// The folders of models, and how close their answers must be.
const PARTS: [(&str, Tolerance); 2] = [("zoo", Tolerance::TABLES), ("deep", Tolerance::NETWORKS)];

fn main() -> Result<ExitCode> {
    let arguments = Arguments::from_args();
    // The report of a test has what it panicked with.
    std::panic::set_hook(Box::new(|_| ()));
    let file = setup::repository().join("tests/zoo/known.txt");
    let known = Arc::new(Known::read(&fs::read_to_string(file)?)?);
    let mut trials = Vec::new();
    for (part, tolerance) in PARTS {
        match setup::part(part) {
            Some(folder) => {
                trials.extend(model_trials(part, &folder, tolerance, &known)?);
                trials.extend(operators::trial(&folder));
                trials.extend(shapes::trial(&folder));
            }
            None => trials.push(missing_trial(part)),
        }
    }
    Ok(libtest_mimic::run(&arguments, trials).exit_code())
}

/// Without a part there is one test, which is skipped, and fails under `CI=true`.
fn missing_trial(part: &'static str) -> Trial {
    let missing = format!("`{part}` is not installed");
    Trial::ignorable_test(part, move || {
        if setup::in_ci() {
            Err(missing.into())
        } else {
            Ok(Completion::ignored_with(missing))
        }
    })
}

/// A test for each model of a part, and one that the list names no other.
fn model_trials(
    part: &'static str,
    folder: &Path,
    tolerance: Tolerance,
    known: &Arc<Known>,
) -> Result<Vec<Trial>> {
    let models = models(folder)?;
    let names = models.iter().map(|(name, _)| format!("{part}/{name}"));
    let names: Vec<String> = names.collect();
    let mut trials = Vec::new();
    for (name, (_, folder)) in names.iter().cloned().zip(models) {
        let known = Arc::clone(known);
        trials.push(Trial::ignorable_test(name.clone(), move || {
            let tolerance = known.tolerance(&name, tolerance);
            known.verdict(&name, model::outcome(&folder, tolerance, Integers::Given))
        }));
    }
    let known = Arc::clone(known);
    let name = format!("{part}: listed models exist");
    trials.push(Trial::test(name, move || {
        let gone = known.gone(part, &names);
        if gone.is_empty() {
            return Ok(());
        }
        Err(Failed::from(format!("remove from the list: {gone:?}")))
    }));
    Ok(trials)
}

/// The folders that hold a model, by name.
fn models(part: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut models = Vec::new();
    for entry in fs::read_dir(part)? {
        let folder = entry?.path();
        if folder.join("model.onnx").is_file() {
            let name = folder.file_name().and_then(|name| name.to_str());
            models.push((name.context("a name is not text")?.to_owned(), folder));
        }
    }
    models.sort();
    Ok(models)
}
