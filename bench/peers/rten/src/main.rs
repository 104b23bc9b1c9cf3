//! rten, for `bench`: answers each line of standard input with one line.
//!
//! ```text
//! load MODEL        done, or why not
//! give INPUTS       done: what is run from now on, in a file
//! answer OUTPUTS    done: runs once, and writes what comes out into a file
//! time RUNS         nanoseconds
//! start             nanoseconds from the file of the model to the first answer
//! ```
//!
//! Where something does not work, the line is `error` and the reason. All runs are on rten's pool of threads, which
//! has as many as the variable `RTEN_NUM_THREADS` says.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use rten::{Model, ModelOptions, Value, thread_pool};
use rten_tensor::prelude::*;
use serde::{Deserialize, Serialize};

/// An input. rten has numbers of 32 bits at most: longer integers and truths come as such.
#[derive(Deserialize)]
struct Input {
    name: String,
    shape: Vec<usize>,
    values: Values,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Values {
    Floats(Vec<f32>),
    Integers(Vec<i32>),
}

/// An output: what is not finite is `null`.
#[derive(Serialize)]
struct Output {
    shape: Vec<usize>,
    floats: Vec<f32>,
}

#[derive(Default)]
struct Peer {
    file: PathBuf,
    model: Option<Model>,
    inputs: Vec<(String, Value)>,
}

fn main() -> Result<()> {
    let mut peer = Peer::default();
    // On a thread of the pool, as all runs are: waking it is no part of them.
    thread_pool().run(|| {
        for line in io::stdin().lines() {
            let answer = peer.answer(&line?);
            let answer = answer.unwrap_or_else(|error| format!("error {error:#}"));
            println!("{}", answer.replace('\n', " "));
        }
        Ok(())
    })
}

impl Peer {
    fn answer(&mut self, line: &str) -> Result<String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "load" => self.load(Path::new(rest))?,
            "give" => self.give(Path::new(rest))?,
            "answer" => self.write(Path::new(rest))?,
            "time" => return self.time(rest.parse()?),
            "start" => return self.start(),
            _ => bail!("no command"),
        }
        Ok("done".to_owned())
    }

    fn load(&mut self, file: &Path) -> Result<()> {
        self.model = None;
        self.file = file.to_owned();
        self.model = Some(load(file)?);
        Ok(())
    }

    fn give(&mut self, file: &Path) -> Result<()> {
        let inputs: Vec<Input> = serde_json::from_slice(&fs::read(file)?)?;
        let value = |input: Input| {
            let value = match input.values {
                Values::Floats(list) => Value::from_shape(&input.shape, list)?,
                Values::Integers(list) => Value::from_shape(&input.shape, list)?,
            };
            Ok((input.name, value))
        };
        self.inputs = inputs.into_iter().map(value).collect::<Result<_>>()?;
        Ok(())
    }

    fn write(&self, file: &Path) -> Result<()> {
        let output = |value: Value| {
            let kind = value.dtype();
            let list = value.into_tensor::<f32>();
            let list = list.with_context(|| format!("an output is {kind}"))?;
            Ok(Output {
                shape: list.shape().to_vec(),
                floats: list.to_vec(),
            })
        };
        let values = run(self.loaded()?, &self.inputs)?;
        let outputs: Vec<Output> = values.into_iter().map(output).collect::<Result<_>>()?;
        let mut file = BufWriter::new(File::create(file)?);
        serde_json::to_writer(&mut file, &outputs)?;
        Ok(file.flush()?)
    }

    fn time(&self, runs: u32) -> Result<String> {
        let model = self.loaded()?;
        let started = Instant::now();
        for _ in 0..runs {
            black_box(run(model, &self.inputs)?);
        }
        Ok(started.elapsed().as_nanos().to_string())
    }

    fn start(&self) -> Result<String> {
        let started = Instant::now();
        run(&load(&self.file)?, &self.inputs)?;
        Ok(started.elapsed().as_nanos().to_string())
    }

    fn loaded(&self) -> Result<&Model> {
        self.model.as_ref().context("no model is loaded")
    }
}

/// All optimisations, and weights packed, as onnxruntime packs them by default.
fn load(file: &Path) -> Result<Model> {
    let mut options = ModelOptions::with_all_ops();
    Ok(options.prepack_weights(true).load_file(file)?)
}

/// Inputs are read where they are.
fn run(model: &Model, inputs: &[(String, Value)]) -> Result<Vec<Value>> {
    let mut views = Vec::new();
    for (name, value) in inputs {
        views.push((model.node_id(name)?, value.as_view().into()));
    }
    Ok(model.run(views, model.output_ids(), None)?)
}
