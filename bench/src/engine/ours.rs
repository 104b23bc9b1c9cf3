//! The engine as the function calls it.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use model_fn::engine::Model;
use model_fn::tensor::Tensor;

use super::{Inputs, Runner};

/// A model, loaded.
pub(super) struct Engine {
    file: PathBuf,
    model: Model,
    /// In the order that the model has them.
    inputs: Vec<Tensor>,
}

impl Engine {
    pub(super) fn load(file: &Path) -> Result<Self> {
        Ok(Self {
            file: file.to_owned(),
            model: Model::load(file)?,
            inputs: Vec::new(),
        })
    }
}

impl Runner for Engine {
    fn give(&mut self, inputs: &Inputs) -> Result<()> {
        let ports = self.model.specification().inputs.iter();
        let ordered = ports.map(|port| {
            let input = inputs.iter().find(|(name, _)| *name == port.name);
            let (_, tensor) = input.with_context(|| format!("no input `{}`", port.name))?;
            Ok(tensor.clone())
        });
        self.inputs = ordered.collect::<Result<_>>()?;
        Ok(())
    }

    fn answer(&mut self) -> Result<Vec<Tensor>> {
        Ok(self.model.run(self.inputs.clone())?)
    }

    /// A run takes its inputs over: there is a copy for each, made before the clock starts.
    fn time(&mut self, runs: u32) -> Result<Duration> {
        let copies: Vec<_> = (0..runs).map(|_| self.inputs.clone()).collect();
        let started = Instant::now();
        for inputs in copies {
            black_box(self.model.run(inputs)?);
        }
        Ok(started.elapsed())
    }

    /// With the first answer: plans are made for the shapes that come.
    fn load(&mut self) -> Result<Duration> {
        let started = Instant::now();
        Model::load(&self.file)?.run(self.inputs.clone())?;
        Ok(started.elapsed())
    }
}
