//! The engine beside onnxruntime, and deep networks beside rten: the same models and rows, one thread each, in
//! alternating rounds of one run.
//!
//! All are given values in memory and give values in memory; reading requests is nobody's here.

mod goal;
mod measure;
mod model;
mod onnxruntime;
mod ours;
mod rten;
mod table;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use model_fn::tensor::Tensor;

use crate::report::Series;
use goal::{Family, family};

/// What to measure.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Folders of models, each with a name that tells what is asked of them.
    pub(crate) parts: Vec<(String, PathBuf)>,
    /// The program that runs models by rten.
    pub(crate) rten: Option<PathBuf>,
    /// Rounds in which all have their turn.
    pub(crate) rounds: usize,
    /// Models without this text in their names are left out.
    pub(crate) only: String,
}

/// Values by the names of inputs.
type Inputs = [(String, Tensor)];

/// One that runs a model.
trait Runner {
    /// What it is asked from now on.
    fn give(&mut self, inputs: &Inputs) -> Result<()>;
    /// Answers once.
    fn answer(&mut self) -> Result<Vec<Tensor>>;
    /// How long it takes to answer as often as asked.
    fn time(&mut self, runs: u32) -> Result<Duration>;
    /// How long it takes to load the model anew.
    fn load(&mut self) -> Result<Duration>;
}

/// The times of all, in seconds.
#[derive(Debug, Default)]
struct Times {
    ours: Series,
    theirs: Series,
    /// Where rten is measured.
    rten: Option<Guest>,
}

/// What comes of one that need not answer.
#[derive(Debug)]
enum Guest {
    Timed(Series),
    /// In one word, and why.
    Out(&'static str, String),
}

/// What was measured of one model.
struct Measured {
    name: String,
    family: &'static Family,
    /// From the file to the first answer, beside the making of a session alone.
    load: Times,
    /// One for each of the family's batches.
    runs: Vec<Times>,
}

/// Makes onnxruntime ready, from its shared library.
pub(crate) fn start(library: &Path) -> Result<()> {
    onnxruntime::start(library)
}

/// Prints the tables; the goals missed by more than the tolerance.
pub(crate) fn run(settings: &Settings, tolerance: f64) -> Result<Vec<String>> {
    let mut missed = Vec::new();
    for (part, folder) in &settings.parts {
        let measured = measure_part(part, folder, settings)?;
        table::print(part, &measured);
        missed.extend(measured.iter().flat_map(|model| model.missed(tolerance)));
    }
    Ok(missed)
}

fn measure_part(part: &str, folder: &Path, settings: &Settings) -> Result<Vec<Measured>> {
    let mut measured = Vec::new();
    for (name, folder) in model::folders(folder)? {
        let Some(family) = family(part, &name).filter(|_| name.contains(&settings.only)) else {
            continue;
        };
        let times = measure::measure(&name, family, &folder, settings);
        measured.push(times.with_context(|| format!("model `{name}`"))?);
    }
    measured.sort_by_key(|model| goal::place(model.family));
    Ok(measured)
}

#[cfg(test)]
#[path = "../../tests/e2e/setup.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "shared with the end-to-end tests"
)]
mod setup;

#[cfg(test)]
mod tests {
    use super::*;

    /// Both parts, or none: then nothing is tested, and that fails under `CI=true`.
    fn parts() -> Option<(PathBuf, PathBuf)> {
        let found = setup::part("onnxruntime").zip(setup::part("zoo"));
        assert!(
            found.is_some() || !setup::in_ci(),
            "`onnxruntime` or `zoo` is not installed"
        );
        found
    }

    #[test]
    fn answers_are_those_of_onnxruntime_for_every_batch() {
        let Some((library, zoo)) = parts() else {
            return;
        };
        let _alone = crate::ALONE.lock().unwrap();
        start(&library.join(onnxruntime::LIBRARY)).unwrap();
        let settings = Settings {
            parts: vec![("zoo".to_owned(), zoo)],
            rten: None,
            rounds: 1,
            only: String::new(),
        };
        let (part, folder) = settings.parts.first().unwrap();
        let measured = measure_part(part, folder, &settings).unwrap();
        assert!(measured.len() > 50, "{}", measured.len());
        for model in measured {
            assert_eq!(model.load.ours.0.len(), 1);
        }
    }
}
