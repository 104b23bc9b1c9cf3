//! The model function beside a Python handler with onnxruntime: the same events, through the same Runtime API.
//!
//! Both are programs of their own. What is measured is the processor time that their threads have had, which other
//! work on the machine hardly changes.

mod goal;
mod package;
mod process;
mod work;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use goal::{GOALS, Goal};
use process::{Kind, Running};
use work::Work;

/// What to measure.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The program of the model function.
    pub(crate) program: PathBuf,
    /// An environment of Python with onnxruntime, NumPy and awslambdaric.
    pub(crate) python: Option<PathBuf>,
    /// Starts of each, and turns of each event.
    pub(crate) rounds: usize,
}

/// What one contender takes, in milliseconds or megabytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    pub(crate) cold: f64,
    pub(crate) rows: f64,
    pub(crate) image: f64,
    pub(crate) memory: f64,
    pub(crate) zipped: f64,
    pub(crate) unzipped: f64,
}

/// Events of a turn: enough for the clock of the processor's time.
const EVENTS: usize = 20;

/// Prints the table; the goals missed by more than the tolerance.
pub(crate) fn run(settings: &Settings, tolerance: f64) -> Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let work = Work::new(folder.path())?;
    let ours = Kind::Function(settings.program.clone());
    let theirs = settings.python.clone().map(Kind::Python);
    let mut figures = vec![Figures::default(); 1 + usize::from(theirs.is_some())];
    let kinds: Vec<&Kind> = std::iter::once(&ours).chain(&theirs).collect();
    agree(&kinds, &work)?;
    for _ in 0..settings.rounds.max(1) {
        for (kind, figures) in kinds.iter().zip(&mut figures) {
            figures.add(kind, &work)?;
        }
    }
    for (kind, figures) in kinds.iter().zip(&mut figures) {
        let [zipped, unzipped] = package::megabytes(kind)?;
        (figures.zipped, figures.unzipped) = (zipped, unzipped);
    }
    println!(
        "\n| function | model-fn | Python handler | ratio | goal |\n| --- | --- | --- | --- | --- |"
    );
    let lines = GOALS.iter().map(|goal| goal.line(&figures, tolerance));
    let lines = lines.collect::<Vec<_>>();
    lines.iter().for_each(|(line, _)| println!("{line}"));
    let missed = lines
        .into_iter()
        .zip(GOALS)
        .filter(|((_, is_missed), _)| *is_missed);
    Ok(missed
        .map(|(_, Goal { what, .. })| format!("function: {what}"))
        .collect())
}

/// All must give the same answers before anything is measured.
fn agree(kinds: &[&Kind], work: &Work) -> Result<()> {
    for (model, event) in [(&work.iris, &work.rows), (&work.image, &work.picture)] {
        let mut first = None;
        for kind in kinds {
            let answer = outputs(&Running::start(kind, model)?.ask(event)?)?;
            let expected = first.get_or_insert_with(|| answer.clone());
            ensure!(is_close(&answer, expected), "{kind:?} answers otherwise");
        }
    }
    Ok(())
}

fn outputs(answer: &str) -> Result<Value> {
    let reply: Value = serde_json::from_str(answer)?;
    let body = reply.get("body").and_then(Value::as_str);
    let body: Value = serde_json::from_str(body.context("a reply has a body")?)?;
    let outputs = body
        .get("outputs")
        .with_context(|| format!("no outputs: {body}"))?;
    Ok(outputs.clone())
}

/// Floats of 32 bits come out of two engines with other last digits.
fn is_close(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(ones), Value::Array(others)) => {
            ones.len() == others.len()
                && ones
                    .iter()
                    .zip(others)
                    .all(|(one, other)| is_close(one, other))
        }
        (Value::Object(ones), Value::Object(others)) => {
            ones.len() == others.len()
                && ones
                    .iter()
                    .all(|(name, one)| others.get(name).is_some_and(|other| is_close(one, other)))
        }
        (one, other) => match (one.as_f64(), other.as_f64()) {
            (Some(one), Some(other)) => (one - other).abs() <= 1e-5 * one.abs().max(1.0),
            _ => one == other,
        },
    }
}

impl Figures {
    /// One more round: the least of all counts.
    fn add(&mut self, kind: &Kind, work: &Work) -> Result<()> {
        let running = Running::start(kind, &work.iris)?;
        running.ask(&work.row)?;
        least(&mut self.cold, running.milliseconds()?);
        least(&mut self.rows, each(&running, &work.rows, EVENTS)?);
        least(&mut self.memory, running.megabytes()?);
        drop(running);
        let running = Running::start(kind, &work.image)?;
        least(&mut self.image, each(&running, &work.picture, EVENTS / 4)?);
        Ok(())
    }
}

fn least(least: &mut f64, value: f64) {
    if *least == 0.0 || value < *least {
        *least = value;
    }
}

/// The processor's time for one event, once the program is warm.
fn each(running: &Running, event: &str, events: usize) -> Result<f64> {
    for _ in 0..3 {
        running.ask(event)?;
    }
    let before = running.milliseconds()?;
    for _ in 0..events {
        running.ask(event)?;
    }
    Ok((running.milliseconds()? - before) / events as f64)
}

/// The program of the model function that was built beside this one.
pub(crate) fn beside() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folders = own
        .ancestors()
        .skip(1)
        .map(|folder| folder.join("model-fn"));
    let found = folders
        .take(2)
        .find(|program: &PathBuf| Path::is_file(program));
    found.context("no program `model-fn` beside this one: build the workspace")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_can_be_measured() {
        let settings = Settings {
            program: beside().unwrap(),
            python: None,
            rounds: 1,
        };
        let folder = tempfile::tempdir().unwrap();
        let work = Work::new(folder.path()).unwrap();
        let kind = Kind::Function(settings.program.clone());
        agree(&[&kind], &work).unwrap();
        let mut figures = Figures::default();
        figures.add(&kind, &work).unwrap();
        for figure in [figures.cold, figures.rows, figures.image, figures.memory] {
            assert!(figure > 0.0, "{figures:?}");
        }
    }

    #[test]
    fn other_last_digits_are_no_other_answer() {
        let close = |one: &str, other: &str| {
            let [one, other] = [one, other].map(|text| serde_json::from_str(text).unwrap());
            is_close(&one, &other)
        };
        assert!(close("[[0.1, 1]]", "[[0.1000001, 1]]"));
        assert!(!close("[0.1]", "[0.2]"));
        assert!(!close("[1, 2]", "[1]"));
        assert!(!close(r#"{"a": [1]}"#, r#"{"b": [1]}"#));
    }
}
