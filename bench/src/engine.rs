//! The engine beside onnxruntime: the same models and rows, one thread each, in alternating rounds of one run.
//!
//! Both are given values in memory and give values in memory; reading requests is nobody's here.

mod goal;
mod model;
mod onnxruntime;
mod ours;
mod table;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use model_fn::tensor::Tensor;

use crate::report::Series;
use goal::{Family, family};
use model::Sample;
use onnxruntime::Session;
use ours::Engine;

/// How long one turn is, as far as whole runs allow: long enough for the clock, short enough that what else the
/// machine does spoils few turns.
const TURN: Duration = Duration::from_micros(800);
/// No more runs than these in one turn.
const MOST_RUNS: u32 = 200;

/// What to measure.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Folders of models, each with a name that tells what is asked of them.
    pub(crate) parts: Vec<(String, PathBuf)>,
    /// Rounds in which both have their turn.
    pub(crate) rounds: usize,
    /// Models without this text in their names are left out.
    pub(crate) only: String,
}

/// One that runs models.
trait Runner {
    /// Answers once.
    fn answer(&mut self, inputs: &[(String, Tensor)]) -> Result<Vec<Tensor>>;
    /// How long it takes to answer as often as asked.
    fn time(&mut self, inputs: &[(String, Tensor)], runs: u32) -> Result<Duration>;
}

/// The times of both, in seconds.
#[derive(Debug, Default)]
struct Pair {
    ours: Series,
    theirs: Series,
}

/// What was measured of one model.
struct Measured {
    name: String,
    family: &'static Family,
    /// From the file to the first answer, beside the making of a session alone.
    load: Pair,
    /// One for each of the family's batches.
    runs: Vec<Pair>,
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
        let pair = measure(&name, family, &folder, settings.rounds);
        measured.push(pair.with_context(|| format!("model `{name}`"))?);
    }
    measured.sort_by_key(|model| goal::place(model.family));
    Ok(measured)
}

fn measure(name: &str, family: &'static Family, folder: &Path, rounds: usize) -> Result<Measured> {
    let sample = Sample::read(folder)?;
    let mut engine = Engine::load(&sample.ours)?;
    let mut session = Session::load(&sample.theirs)?;
    let mut measured = Measured {
        name: name.to_owned(),
        family,
        load: Pair::default(),
        runs: Vec::new(),
    };
    let first = sample.rows(1)?;
    for round in 0..rounds {
        turns(round, &mut measured.load, &mut |is_ours| {
            load(&sample, &first, is_ours)
        })?;
    }
    for batch in family.batches {
        let mut pair = Pair::default();
        let inputs = sample.rows(*batch)?;
        agree(&engine.answer(&inputs)?, &session.answer(&inputs)?, family)?;
        let runs = runs(engine.time(&inputs, 1)?.max(session.time(&inputs, 1)?));
        for round in 0..rounds {
            turns(round, &mut pair, &mut |is_ours| {
                let runner: &mut dyn Runner = if is_ours { &mut engine } else { &mut session };
                Ok(runner.time(&inputs, runs)? / runs)
            })?;
        }
        measured.runs.push(pair);
    }
    Ok(measured)
}

/// One turn each, by rounds the one or the other first.
fn turns(
    round: usize,
    pair: &mut Pair,
    time: &mut dyn FnMut(bool) -> Result<Duration>,
) -> Result<()> {
    let ours_first = round.is_multiple_of(2);
    for is_ours in [ours_first, !ours_first] {
        let seconds = time(is_ours)?.as_secs_f64();
        let series = if is_ours {
            &mut pair.ours
        } else {
            &mut pair.theirs
        };
        series.0.push(seconds);
    }
    Ok(())
}

fn load(sample: &Sample, first: &[(String, Tensor)], is_ours: bool) -> Result<Duration> {
    let started = Instant::now();
    if is_ours {
        Engine::load(&sample.ours)?.answer(first)?;
    } else {
        Session::load(&sample.theirs)?;
    }
    Ok(started.elapsed())
}

fn runs(time: Duration) -> u32 {
    let runs = TURN.as_nanos() / time.as_nanos().max(1);
    u32::try_from(runs).unwrap_or(MOST_RUNS).clamp(1, MOST_RUNS)
}

/// An error where the answers are not the same, floats within the family's tolerance.
fn agree(ours: &[Tensor], theirs: &[Tensor], family: &Family) -> Result<()> {
    ensure!(ours.len() == theirs.len(), "not as many outputs");
    for (ours, theirs) in ours.iter().zip(theirs) {
        if let Some(difference) = model::difference(ours, theirs, family.tolerance) {
            bail!("the answers differ: {difference}");
        }
    }
    Ok(())
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
