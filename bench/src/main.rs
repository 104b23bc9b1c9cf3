//! The authorizer beside its peers, the engine beside onnxruntime and rten, the function beside a Python handler, and steps beside Python's:
//! the same tokens, models, rows and events on the same machine, in alternating rounds of one run. `bench/run` installs the others and starts this.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

mod contender;
mod engine;
mod extra;
mod function;
mod peer;
#[path = "../../onnx-ml/tests/zoo/recorded.rs"]
#[expect(dead_code, reason = "shared with the tests of `onnx-ml`")]
mod recorded;
mod report;
mod steps;
#[path = "../../authorizer/tests/support/mod.rs"]
#[expect(clippy::indexing_slicing, reason = "test code")]
mod support;
mod workload;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};

use contender::{Contender, FullPath, Jsonwebtoken, Raw, Verify};
use peer::Peer;
use report::Series;
use workload::{ALGORITHMS, Shape, Workload};

/// How far over a goal `--check` lets a ratio be: what a busy machine adds to it.
const TOLERANCE: f64 = 0.10;
/// The most that memory may grow by while events are answered: the allocator's own play.
const MOST_GROWTH_KILOBYTES: i64 = 4 * 1024;
/// What refusing garbage of an ordinary length must stay below.
const GARBAGE_GOAL_MICROSECONDS: f64 = 1.0;

#[derive(Parser)]
struct Arguments {
    /// What to measure, if not everything.
    #[arg(value_enum)]
    sections: Vec<Section>,
    /// Rounds in which every contender has its turn.
    #[arg(long, default_value_t = 61)]
    rounds: usize,
    /// Tokens of each algorithm for each contender in each round.
    #[arg(long, default_value_t = 100)]
    tokens: usize,
    /// Events over which memory is watched.
    #[arg(long, default_value_t = 1_000_000)]
    events: usize,
    /// A contender in a process of its own: NAME=COMMAND, in which `WORKLOAD` stands for a path.
    #[arg(long)]
    peer: Vec<String>,
    /// The shared library of onnxruntime.
    #[arg(long)]
    onnxruntime: Option<PathBuf>,
    /// The program that runs models by rten.
    #[arg(long)]
    rten: Option<PathBuf>,
    /// The program of the model function, if not the one that was built beside this one.
    #[arg(long)]
    function: Option<PathBuf>,
    /// An environment of Python with onnxruntime, NumPy and awslambdaric: what the function is compared with.
    #[arg(long)]
    python: Option<PathBuf>,
    /// An environment of Python with Pillow, tokenizers and NumPy: what the steps are compared with.
    #[arg(long)]
    steps_python: Option<PathBuf>,
    /// The `tokenizer.json` that texts are cut by.
    #[arg(long)]
    tokenizer: Option<PathBuf>,
    /// A folder of models that the engine is measured with: NAME=FOLDER.
    #[arg(long)]
    models: Vec<String>,
    /// Leave out contenders without this text in their names, but for the first, and models: for profiling.
    #[arg(long, default_value = "")]
    only: String,
    /// End with an error if a goal is missed by more than the tolerance.
    #[arg(long)]
    check: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    Authorizer,
    Engine,
    Function,
    Steps,
}

type Results = BTreeMap<(usize, usize), Series>;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let wanted = |section| arguments.sections.is_empty() || arguments.sections.contains(&section);
    let mut missed = Vec::new();
    if wanted(Section::Authorizer) {
        missed.extend(print_authorizer(&arguments)?);
    }
    if wanted(Section::Engine) {
        missed.extend(print_engine(&arguments)?);
    }
    if wanted(Section::Function) {
        let settings = function::Settings {
            program: arguments
                .function
                .clone()
                .map_or_else(function::beside, Ok)?,
            python: arguments.python.clone(),
            rounds: arguments.rounds,
        };
        missed.extend(function::run(&settings, TOLERANCE)?);
    }
    if let (true, Some(python), Some(tokenizer)) = (
        wanted(Section::Steps),
        &arguments.steps_python,
        &arguments.tokenizer,
    ) {
        let settings = steps::Settings {
            python: python.clone(),
            tokenizer: tokenizer.clone(),
            rounds: arguments.rounds,
        };
        missed.extend(steps::run(&settings, TOLERANCE)?);
    }
    if arguments.check && !missed.is_empty() {
        bail!("goals missed beyond the tolerance: {}", missed.join("; "));
    }
    Ok(())
}

/// The tables of the authorizer; the goals missed beyond the tolerance.
fn print_authorizer(arguments: &Arguments) -> Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let workload = Workload::new(now());
    workload.write(folder.path())?;
    let mut contenders = contenders(&workload, folder.path())?;
    let path = folder.path().join("workload.json");
    let path = path.to_str().context("the path is not Unicode")?;
    for peer in &arguments.peer {
        contenders.push(Box::new(Peer::start(peer, path)?));
    }
    let mut index = 0;
    contenders.retain(|contender| {
        index += 1;
        index == 1 || contender.name().contains(&arguments.only)
    });
    print_agreement(&mut contenders, &workload)?;
    let results = measure(&mut contenders, arguments)?;
    let mut missed = print_table(&contenders, &results);
    missed.extend(print_garbage()?);
    missed.extend(print_growth(&workload, folder.path(), arguments.events)?);
    Ok(missed)
}

/// The tables of the engine; the goals missed beyond the tolerance.
fn print_engine(arguments: &Arguments) -> Result<Vec<String>> {
    let Some(library) = &arguments.onnxruntime else {
        return Ok(Vec::new());
    };
    let part = |text: &String| {
        let (name, folder) = text.split_once('=').context("`--models` is NAME=FOLDER")?;
        Ok((name.to_owned(), PathBuf::from(folder)))
    };
    let settings = engine::Settings {
        parts: arguments.models.iter().map(part).collect::<Result<_>>()?,
        rten: arguments.rten.clone(),
        rounds: arguments.rounds,
        only: arguments.only.clone(),
    };
    engine::start(library)?;
    engine::run(&settings, TOLERANCE)
}

/// Those in this process. The first is what the others are compared with.
fn contenders(workload: &Workload, folder: &Path) -> Result<Vec<Box<dyn Contender>>> {
    let access = folder.join("access.yaml");
    let access = access.to_str().context("the path is not Unicode")?;
    let mut contenders: Vec<Box<dyn Contender>> = vec![
        Box::new(Raw::new(workload)?),
        Box::new(Verify::new(workload)?),
    ];
    for shape in [Shape::Token, Shape::Request, Shape::Http] {
        contenders.push(Box::new(FullPath::new(workload, access, shape)?));
    }
    contenders.push(Box::new(Jsonwebtoken::new(workload)?));
    Ok(contenders)
}

/// What each contender accepts of the tokens that the authorizer refuses. On the others they must agree.
fn leniencies(
    contenders: &mut [Box<dyn Contender>],
    workload: &Workload,
) -> Result<Vec<(String, Vec<&'static str>)>> {
    let mut lenient = Vec::new();
    for contender in contenders {
        for token in workload.tokens.values().flatten() {
            if contender.accepts(token)? == Some(false) {
                bail!("`{}` refuses a good token", contender.name());
            }
        }
        let mut accepted = Vec::new();
        for refused in &workload.refused {
            if contender.accepts(&refused.token)? == Some(true) {
                if refused.by_all {
                    bail!("`{}` accepts: {}", contender.name(), refused.name);
                }
                accepted.push(refused.name);
            }
        }
        lenient.push((contender.name().to_owned(), accepted));
    }
    Ok(lenient)
}

fn print_agreement(contenders: &mut [Box<dyn Contender>], workload: &Workload) -> Result<()> {
    println!("| contender | accepts, and the authorizer does not |\n| --- | --- |");
    for (name, accepted) in leniencies(contenders, workload)? {
        println!("| {name} | {} |", accepted.join(", "));
    }
    Ok(())
}

/// All contenders in each round, each round beginning with another one. A first round is for warming up.
fn measure(contenders: &mut [Box<dyn Contender>], arguments: &Arguments) -> Result<Results> {
    let mut results = Results::new();
    let count = arguments.tokens.max(1);
    for round in 0..=arguments.rounds {
        for (number, algorithm) in ALGORITHMS.into_iter().enumerate() {
            for turn in 0..contenders.len() {
                let index = (turn + round) % contenders.len();
                let Some(contender) = contenders.get_mut(index) else {
                    continue;
                };
                let time = contender.time(algorithm, count)? / u32::try_from(count)?;
                if round > 0 {
                    let series = results.entry((number, index)).or_default();
                    series.0.push(time.as_secs_f64());
                }
            }
        }
    }
    Ok(results)
}

/// Prints the table; the goals missed beyond the tolerance.
fn print_table(contenders: &[Box<dyn Contender>], results: &Results) -> Vec<String> {
    println!("\n| algorithm | contender | µs, best round | median | to the bare check | goal |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let mut missed = Vec::new();
    for ((number, index), series) in results {
        let (Some(algorithm), Some(contender), Some(raw)) = (
            ALGORITHMS.get(*number),
            contenders.get(*index),
            results.get(&(*number, 0)),
        ) else {
            continue;
        };
        println!("{}", series.line(contender.name(), algorithm, raw));
        let goal = report::goal(contender.name(), algorithm);
        if goal.is_some_and(|goal| series.least() / raw.least() > goal + TOLERANCE) {
            missed.push(format!("{} {algorithm}", contender.name()));
        }
    }
    missed
}

fn print_garbage() -> Result<Vec<String>> {
    println!("\n| garbage | µs until it is refused |\n| --- | --- |");
    let mut missed = Vec::new();
    for (name, value) in extra::garbage() {
        let times: Result<Vec<_>> = (0..9).map(|_| extra::refusal(&value, 2_000)).collect();
        let times = times?.iter().map(|time| time.as_secs_f64() * 1e6).collect();
        let time = report::median(times);
        println!("| {name} | {time:.2} |");
        let ordinary = value.len() <= 2 * extra::ORDINARY_BYTES;
        if ordinary && time > GARBAGE_GOAL_MICROSECONDS + TOLERANCE {
            missed.push(format!("garbage: {name}"));
        }
    }
    Ok(missed)
}

fn print_growth(workload: &Workload, folder: &Path, events: usize) -> Result<Vec<String>> {
    let access = folder.join("access.yaml");
    let access = access.to_str().context("the path is not Unicode")?;
    let full_path = FullPath::new(workload, access, Shape::Token)?;
    extra::growth(&full_path, workload, events / 10)?;
    let grown = extra::growth(&full_path, workload, events)?;
    println!("\nMemory grows by {grown} kB over {events} events, half of them distinct garbage.");
    let missed = grown > MOST_GROWTH_KILOBYTES;
    Ok(missed.then(|| "memory".to_owned()).into_iter().collect())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place of this program that reads the clock"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

/// Held by tests that watch memory, or take much: they share one process.
#[cfg(test)]
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[cfg(test)]
mod tests {
    use super::*;

    fn workload() -> (Workload, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let workload = Workload::new(now());
        workload.write(folder.path()).unwrap();
        (workload, folder)
    }

    #[test]
    fn contenders_agree_on_what_is_accepted() {
        let (workload, folder) = workload();
        let mut contenders = contenders(&workload, folder.path()).unwrap();
        for (name, accepted) in leniencies(&mut contenders, &workload).unwrap() {
            if name.starts_with("authorizer") {
                assert_eq!(accepted, Vec::<&str>::new(), "{name}");
            }
        }
    }

    #[test]
    fn every_contender_can_be_measured() {
        let (workload, folder) = workload();
        let mut contenders = contenders(&workload, folder.path()).unwrap();
        let arguments = Arguments::parse_from(["bench", "--rounds", "1", "--tokens", "5"]);
        let results = measure(&mut contenders, &arguments).unwrap();
        assert_eq!(results.len(), ALGORITHMS.len() * contenders.len());
        for (_, value) in extra::garbage() {
            extra::refusal(&value, 1).unwrap();
        }
    }

    #[test]
    fn memory_stays_flat() {
        let _alone = ALONE.lock().unwrap();
        let (workload, folder) = workload();
        let access = folder.path().join("access.yaml");
        let full_path = FullPath::new(&workload, access.to_str().unwrap(), Shape::Token).unwrap();
        extra::growth(&full_path, &workload, 10_000).unwrap();
        let grown = extra::growth(&full_path, &workload, 200_000).unwrap();
        assert!(grown < MOST_GROWTH_KILOBYTES, "{grown} kB");
    }
}
