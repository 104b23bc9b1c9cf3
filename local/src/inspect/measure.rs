//! What loading and running cost on this machine.

use std::fs;
use std::time::{Duration, Instant};

use model_fn::engine::{Model, RunError};
use model_fn::repository::made_up;
use model_fn::tensor::Tensor;
use serde::Serialize;

/// Runs are repeated for so long, and for so many times at most.
const SPAN: Duration = Duration::from_millis(500);
const MOST_RUNS: usize = 1_000;

/// Runs of one number of rows.
#[derive(Debug, Clone, Serialize)]
pub struct Timing {
    /// The rows of each input.
    pub rows: usize,
    /// The first run, the plan for these shapes included.
    pub first_milliseconds: f64,
    /// The middle one of the others.
    pub median_milliseconds: f64,
    /// How many others there were.
    pub runs: usize,
}

/// The shapes of made-up inputs of one row.
pub(super) fn one_row(model: &Model) -> Vec<Vec<usize>> {
    let [inputs, _] = made_up(model, 1);
    inputs.iter().map(|input| input.shape().to_vec()).collect()
}

/// Runs a model on made-up inputs again and again; nothing if it does not take so many rows, or no made-up value.
pub(super) fn run(model: &Model, rows: usize) -> Result<Option<Timing>, RunError> {
    let [ones, zeros] = made_up(model, rows);
    match run_on(model, rows, ones) {
        Err(RunError::Unfit(_) | RunError::Failed(_)) => match run_on(model, rows, zeros) {
            Err(RunError::Unfit(_)) => Ok(None),
            other => other,
        },
        other => other,
    }
}

fn run_on(model: &Model, rows: usize, inputs: Vec<Tensor>) -> Result<Option<Timing>, RunError> {
    let given = inputs.first().and_then(Tensor::rows);
    if rows > 1 && given != Some(rows) {
        return Ok(None);
    }
    let once = || {
        let inputs = inputs.clone();
        let (outputs, milliseconds) = timed(|| model.run(inputs));
        outputs.map(|_| milliseconds)
    };
    let first_milliseconds = once()?;
    let (started, mut times) = (Instant::now(), vec![once()?]);
    while started.elapsed() < SPAN && times.len() < MOST_RUNS {
        times.push(once()?);
    }
    times.sort_by(f64::total_cmp);
    Ok(Some(Timing {
        rows,
        first_milliseconds,
        median_milliseconds: times.get(times.len() / 2).copied().unwrap_or_default(),
        runs: times.len(),
    }))
}

/// What a function answers, and how long it took, in milliseconds.
pub(super) fn timed<T>(function: impl FnOnce() -> T) -> (T, f64) {
    let started = Instant::now();
    let answer = function();
    (answer, started.elapsed().as_secs_f64() * 1_000.0)
}

/// Memory of this process, where Linux tells it.
pub(super) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
