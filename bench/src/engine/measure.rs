//! One model, measured: all that run it have their turns in each round.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use model_fn::tensor::Tensor;

use super::goal::Family;
use super::model::{self, Sample};
use super::onnxruntime::Session;
use super::ours::Engine;
use super::rten::Network;
use super::{Guest, Inputs, Measured, Runner, Settings, Times};
use crate::report::Series;

/// How long one turn is, as far as whole runs allow: long enough for the clock, short enough that what else the
/// machine does spoils few turns.
const TURN: Duration = Duration::from_micros(800);
/// No more runs than these in one turn.
const MOST_RUNS: u32 = 200;

pub(super) fn measure(
    name: &str,
    family: &'static Family,
    folder: &Path,
    settings: &Settings,
) -> Result<Measured> {
    let sample = Sample::read(folder)?;
    let rten = settings.rten.as_deref().filter(|_| family.rten);
    let mut contenders = Contenders::load(&sample, rten)?;
    let mut load = contenders.ask(&sample.rows(1)?, family)?;
    contenders.take(&mut load, settings.rounds, |runner| runner.load())?;
    let mut runs = Vec::new();
    for batch in family.batches {
        let mut times = contenders.ask(&sample.rows(*batch)?, family)?;
        let count = contenders.runs()?;
        contenders.take(&mut times, settings.rounds, |runner| {
            Ok(runner.time(count)? / count)
        })?;
        runs.push(times);
    }
    Ok(Measured {
        name: name.to_owned(),
        family,
        load,
        runs,
    })
}

/// A model as each has loaded it.
struct Contenders {
    ours: Engine,
    theirs: Session,
    /// Where it is measured: the model, or why there is none.
    rten: Option<Result<Network, String>>,
}

impl Contenders {
    fn load(sample: &Sample, rten: Option<&Path>) -> Result<Self> {
        Ok(Self {
            ours: Engine::load(&sample.ours)?,
            theirs: Session::load(&sample.theirs)?,
            rten: rten.map(|program| network(program, sample)).transpose()?,
        })
    }

    /// No times yet, for those who give the answers of onnxruntime; an error where the engine does not.
    fn ask(&mut self, inputs: &Inputs, family: &Family) -> Result<Times> {
        self.theirs.give(inputs)?;
        let expected = self.theirs.answer()?;
        self.ours.give(inputs)?;
        agree(&self.ours.answer()?, &expected, family)?;
        let rten = self.rten.as_mut();
        Ok(Times {
            rten: rten.map(|network| ask(network, inputs, &expected, family)),
            ..Times::default()
        })
    }

    /// How many runs are a turn.
    fn runs(&mut self) -> Result<u32> {
        let longest = self.ours.time(1)?.max(self.theirs.time(1)?);
        let runs = TURN.as_nanos() / longest.as_nanos().max(1);
        Ok(u32::try_from(runs).unwrap_or(MOST_RUNS).clamp(1, MOST_RUNS))
    }

    fn take(
        &mut self,
        times: &mut Times,
        rounds: usize,
        mut time: impl FnMut(&mut dyn Runner) -> Result<Duration>,
    ) -> Result<()> {
        let mut turns: Vec<(&mut dyn Runner, &mut Series)> = vec![
            (&mut self.ours, &mut times.ours),
            (&mut self.theirs, &mut times.theirs),
        ];
        if let (Some(Ok(network)), Some(Guest::Timed(series))) = (&mut self.rten, &mut times.rten) {
            turns.push((network, series));
        }
        take(&mut turns, rounds, |runner| time(*runner))
    }
}

/// All have their turns in each round, and each round begins with another one.
fn take<T>(
    turns: &mut [(T, &mut Series)],
    rounds: usize,
    mut time: impl FnMut(&mut T) -> Result<Duration>,
) -> Result<()> {
    for _ in 0..rounds {
        for (contender, series) in &mut *turns {
            series.0.push(time(contender)?.as_secs_f64());
        }
        turns.rotate_left(turns.len().min(1));
    }
    Ok(())
}

/// A model that rten does not load is no error; a program that does not start is.
fn network(program: &Path, sample: &Sample) -> Result<Result<Network, String>> {
    let mut network = Network::start(program)?;
    let loaded = network.open(&sample.exported);
    Ok(match loaded {
        Ok(()) => Ok(network),
        Err(error) => Err(format!("{error:#}")),
    })
}

fn ask(
    network: &mut Result<Network, String>,
    inputs: &Inputs,
    expected: &[Tensor],
    family: &Family,
) -> Guest {
    let network = match network {
        Ok(network) => network,
        Err(reason) => return Guest::Out("refused", reason.clone()),
    };
    match network.give(inputs).and_then(|()| network.answer()) {
        Err(error) => Guest::Out("fails", format!("{error:#}")),
        Ok(answers) => match agree(&answers, expected, family) {
            Err(error) => Guest::Out("differs", format!("{error:#}")),
            Ok(()) => Guest::Timed(Series::default()),
        },
    }
}

/// An error where the answers are not the same, floats within the family's tolerance.
fn agree(given: &[Tensor], expected: &[Tensor], family: &Family) -> Result<()> {
    ensure!(given.len() == expected.len(), "not as many outputs");
    for (given, expected) in given.iter().zip(expected) {
        if let Some(difference) = model::difference(given, expected, family.tolerance) {
            bail!("the answers differ: {difference}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_begins_with_another_contender() {
        let mut series = [const { Series(Vec::new()) }; 3];
        let mut turns: Vec<_> = (0..3).zip(&mut series).collect();
        let mut begun = Vec::new();
        let time = |place: &mut i32| {
            begun.push(*place);
            Ok(Duration::from_secs(1))
        };
        take(&mut turns, 3, time).unwrap();
        assert_eq!(begun, [0, 1, 2, 1, 2, 0, 2, 0, 1]);
        assert!(series.iter().all(|series| series.0 == [1.0; 3]));
    }
}
