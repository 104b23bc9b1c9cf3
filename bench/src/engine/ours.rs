//! The engine as the function calls it.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use model_fn::engine::Model;
use model_fn::tensor::Tensor;

use super::Runner;

/// A model, loaded.
pub(super) struct Engine(Model);

impl Engine {
    pub(super) fn load(file: &Path) -> Result<Self> {
        Ok(Self(Model::load(file)?))
    }

    /// The inputs in the order that the model has them.
    fn ordered(&self, inputs: &[(String, Tensor)]) -> Result<Vec<Tensor>> {
        let ports = self.0.specification().inputs.iter();
        ports
            .map(|port| {
                let input = inputs.iter().find(|(name, _)| *name == port.name);
                let (_, tensor) = input.with_context(|| format!("no input `{}`", port.name))?;
                Ok(tensor.clone())
            })
            .collect()
    }
}

impl Runner for Engine {
    fn answer(&mut self, inputs: &[(String, Tensor)]) -> Result<Vec<Tensor>> {
        Ok(self.0.run(self.ordered(inputs)?)?)
    }

    /// A run takes its inputs over: there is a copy for each, made before the clock starts.
    fn time(&mut self, inputs: &[(String, Tensor)], runs: u32) -> Result<Duration> {
        let copies = (0..runs).map(|_| self.ordered(inputs));
        let copies: Vec<_> = copies.collect::<Result<_>>()?;
        let started = Instant::now();
        for inputs in copies {
            black_box(self.0.run(inputs)?);
        }
        Ok(started.elapsed())
    }
}
