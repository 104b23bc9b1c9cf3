//! `tollgate inspect`: what an ONNX file holds, what of it cannot be run and why, what it costs to load and to
//! run, and a `model.yaml` to start from. Everything is the model function's own: nothing is called.

mod beside;
mod measure;
mod start;
mod text;

use std::path::{Path, PathBuf};
use std::{fs, io};

use model_fn::engine::{Contents, LoadError, Model, Port};
use serde::Serialize;
use thiserror::Error;

use crate::chain;
use crate::cli::InspectOptions;
use measure::Timing;

/// How many rows the timed runs have.
const ROWS: [usize; 2] = [1, 32];

/// Why there is nothing to tell.
#[derive(Debug, Error)]
pub enum InspectError {
    /// The file itself.
    #[error("`{path}` cannot be read")]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// It is no ONNX file.
    #[error("`{path}` is no model")]
    Model {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: LoadError,
    },
}

/// What is told of a model.
#[derive(Debug, Serialize)]
pub struct Inspection {
    /// The file.
    pub file: PathBuf,
    /// How long it is; data outside of it is not counted.
    pub bytes: u64,
    /// What it says of itself.
    #[serde(flatten)]
    pub contents: Contents,
    /// What the model takes, -1 for an axis of any length.
    pub inputs: Vec<Port>,
    /// What it gives.
    pub outputs: Vec<Port>,
    /// Why it cannot be served, if it cannot.
    pub problem: Option<String>,
    /// Time to read and build it, in milliseconds.
    pub load_milliseconds: Option<f64>,
    /// Memory that the process has more of once the model is loaded and has run, in bytes.
    pub memory_bytes: Option<u64>,
    /// Runs on made-up inputs.
    pub runs: Vec<Timing>,
    /// A `model.yaml` to start from.
    pub model_yaml: String,
}

/// Answers the text to print, and whether the model can be served.
pub fn run(options: &InspectOptions) -> Result<(String, bool), InspectError> {
    let told = inspect(&model_file(&options.model))?;
    let text = match options.json {
        true => serde_json::to_string_pretty(&told).unwrap_or_default(),
        // What a file says of itself must not steer the terminal.
        false => text::text(&told).replace(is_steering, "\u{fffd}"),
    };
    Ok((text, told.problem.is_none()))
}

fn is_steering(character: char) -> bool {
    character.is_control() && character != '\n'
}

/// A folder stands for the `model.onnx` in it.
pub(crate) fn model_file(named: &Path) -> PathBuf {
    if named.is_dir() {
        named.join("model.onnx")
    } else {
        named.to_owned()
    }
}

fn inspect(file: &Path) -> Result<Inspection, InspectError> {
    let found = fs::metadata(file).map_err(|source| InspectError::File {
        path: file.to_owned(),
        source,
    })?;
    let contents = Contents::read(file).map_err(|source| InspectError::Model {
        path: file.to_owned(),
        source,
    })?;
    let before = measure::resident_bytes();
    let (model, load_milliseconds) = measure::timed(|| Model::load(file));
    let mut told = Inspection {
        file: file.to_owned(),
        bytes: found.len(),
        contents,
        inputs: Vec::new(),
        outputs: Vec::new(),
        problem: None,
        load_milliseconds: None,
        memory_bytes: None,
        runs: Vec::new(),
        model_yaml: String::new(),
    };
    let mut shapes = Vec::new();
    match model {
        Ok(model) => {
            told.load_milliseconds = Some(load_milliseconds);
            told.run(&model);
            shapes = measure::one_row(&model);
            told.memory_bytes = before.and_then(|before| {
                let after = measure::resident_bytes()?;
                Some(after.saturating_sub(before))
            });
        }
        Err(error) => told.problem = Some(chain(&error)),
    }
    told.model_yaml = start::model_yaml(&told, &shapes);
    Ok(told)
}

impl Inspection {
    fn run(&mut self, model: &Model) {
        let specification = model.specification();
        self.inputs.clone_from(&specification.inputs);
        self.outputs.clone_from(&specification.outputs);
        for rows in ROWS {
            match measure::run(model, rows) {
                Ok(timing) => self.runs.extend(timing),
                Err(error) => {
                    self.problem = Some(format!("{rows} made-up rows: {}", chain(&error)));
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
    }

    fn of(name: &str, json: bool) -> Result<(String, bool), InspectError> {
        run(&InspectOptions {
            model: models().join(name),
            json,
        })
    }

    #[test]
    fn a_model_is_told_with_its_costs() {
        let (text, served) = of("wine", false).unwrap();
        assert!(served, "{text}");
        for part in [
            "ai.onnx.ml.LinearClassifier",
            "FP32",
            "[-1, 13]",
            "32 rows",
            "model.yaml",
            "# columns:",
        ] {
            assert!(text.contains(part), "no {part} in {text}");
        }
    }

    #[test]
    fn programs_get_the_same_as_json() {
        let (text, _) = of("digits/model.onnx", true).unwrap();
        assert!(!text.contains("columns"), "an image has none: {text}");
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(told["unsupported"], serde_json::json!([]));
        assert_eq!(told["runs"][1]["rows"], 32);
        assert!(told["runs"][0]["median_milliseconds"].as_f64().unwrap() > 0.0);
        assert!(told["parameters"].as_u64().unwrap() > 0);
        assert_eq!(told["problem"], serde_json::Value::Null);
    }

    #[test]
    fn what_is_no_model_is_an_error() {
        let error = |name| chain(&of(name, false).unwrap_err());
        assert!(error("none.onnx").contains("none.onnx"));
        assert!(error("README.md").contains("is no model"));
    }
}
