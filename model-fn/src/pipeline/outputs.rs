//! `outputs` of `model.yaml`: what becomes of the outputs of a model before callers see them.

mod entry;
mod ports;

use serde::Deserialize;

use super::{StepsError, Wishes};
use crate::engine::{Port, Specification};
use crate::protocol::embeddings;
use crate::tensor::Tensor;
use entry::Entry;

/// What callers see as one output, or as two: `top_k` gives labels and their scores.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutputSettings {
    /// What callers call it; the name of the model's output, or `label` and `score`, where nothing is said.
    pub name: Option<String>,
    /// The output of the model; its only one where nothing is said.
    pub from: Option<String>,
    /// What is done to it, in this order.
    pub steps: Vec<Step>,
}

/// What is done to an output, by row: along its last axis, or over its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The mean of the vectors of the tokens that the attention mask has: `[rows, tokens, width]` to `[rows, width]`.
    MeanPooling,
    /// The vector of the first token.
    ClsPooling,
    /// The first so many numbers of each vector.
    Dimensions(usize),
    /// Vectors of length one.
    L2Normalize,
    /// Scores that are one together.
    Softmax,
    /// Scores from 0 to 1, each for itself.
    Sigmoid,
    /// To so many digits behind the point.
    Round(u32),
    /// The labels of the so many highest scores and these scores. The last step.
    TopK(usize),
    /// The label of the highest score. The last step.
    Argmax,
    /// Whether each score is at least so much. The last step.
    Threshold(f64),
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::MeanPooling => "mean_pooling",
            Self::ClsPooling => "cls_pooling",
            Self::Dimensions(_) => "dimensions",
            Self::L2Normalize => "l2_normalize",
            Self::Softmax => "softmax",
            Self::Sigmoid => "sigmoid",
            Self::Round(_) => "round",
            Self::TopK(_) => "top_k",
            Self::Argmax => "argmax",
            Self::Threshold(_) => "threshold",
        }
    }

    fn is_last(self) -> bool {
        matches!(self, Self::TopK(_) | Self::Argmax | Self::Threshold(_))
    }

    /// How many numbers it leaves.
    fn dimensions(self) -> Option<usize> {
        if let Self::Dimensions(count) = self {
            Some(count)
        } else {
            None
        }
    }

    /// Whether what it is done to is a vector, and no score.
    fn is_of_vectors(self) -> bool {
        self.is_pooling() || matches!(self, Self::L2Normalize | Self::Dimensions(_))
    }

    /// Whether what it is done to are scores.
    fn is_of_scores(self) -> bool {
        self.is_last() || matches!(self, Self::Softmax | Self::Sigmoid)
    }

    pub(super) fn is_pooling(self) -> bool {
        matches!(self, Self::MeanPooling | Self::ClsPooling)
    }
}

/// The outputs that callers see.
#[derive(Debug)]
pub struct Outputs {
    entries: Vec<Entry>,
    labels: Vec<String>,
}

impl Outputs {
    /// What `model.yaml` says, if it fits the outputs of the model.
    pub fn new(
        settings: &[OutputSettings],
        ports: &[Port],
        labels: &[String],
    ) -> Result<Self, StepsError> {
        let entries = settings.iter().enumerate();
        let entries = entries.map(|(place, entry)| Entry::new(place, entry, ports, labels));
        let mut entries: Vec<Entry> = entries.collect::<Result<_, _>>()?;
        find_vector(&mut entries, labels);
        let mut names: Vec<&str> = Vec::new();
        for port in entries.iter().flat_map(|entry| &entry.ports) {
            if names.contains(&port.name.as_str()) {
                let name = port.name.clone();
                return Err(StepsError::OutputTwice { name });
            }
            names.push(&port.name);
        }
        Ok(Self {
            entries,
            labels: labels.to_vec(),
        })
    }

    /// What callers see.
    pub(super) fn ports(&self) -> Vec<Port> {
        let ports = self.entries.iter().flat_map(|entry| &entry.ports);
        ports.cloned().collect()
    }

    /// Of which of them a request may ask for fewer numbers.
    pub(super) fn vectors(&self) -> Vec<bool> {
        let entries = self.entries.iter();
        let each = entries.flat_map(|entry| entry.ports.iter().map(|_| entry.is_vector));
        each.collect()
    }

    pub(super) fn needs_mask(&self) -> bool {
        let mut steps = self.entries.iter().flat_map(|entry| &entry.steps);
        steps.any(|step| matches!(step, Step::MeanPooling))
    }

    /// Does the steps. `mask` says which tokens there are, `[rows, tokens]`.
    pub fn of(
        &self,
        outputs: Vec<Tensor>,
        mask: Option<&Tensor>,
        wishes: &Wishes,
    ) -> Result<Vec<Tensor>, StepsError> {
        let mut outputs: Vec<Option<Tensor>> = outputs.into_iter().map(Some).collect();
        let mut seen = Vec::new();
        for (place, entry) in self.entries.iter().enumerate() {
            // Vectors of tokens are large: only what another entry needs too is copied.
            let mut later = self.entries.iter().skip(place + 1);
            let is_last = !later.any(|other| other.from == entry.from);
            let output = outputs.get_mut(entry.from);
            let output = output.and_then(|slot| if is_last { slot.take() } else { slot.clone() });
            let output = output.ok_or_else(|| entry.unfit("is not there"))?;
            seen.extend(entry.done(output, mask, wishes, &self.labels)?);
        }
        Ok(seen)
    }
}

/// Where no step says which output is a vector, it is the embedding, as everywhere.
fn find_vector(entries: &mut [Entry], labels: &[String]) {
    if !labels.is_empty() || entries.iter().any(|entry| entry.is_vector) {
        return;
    }
    let ports = entries.iter().flat_map(|entry| entry.ports.clone());
    let outputs = ports.collect();
    let specification = Specification {
        inputs: Vec::new(),
        outputs,
    };
    let place = embeddings::output(&specification);
    let port = place.and_then(|place| specification.outputs.get(place));
    let Some(port) = port else { return };
    for entry in entries {
        let is_of_scores = entry.steps.iter().any(|step| step.is_of_scores());
        entry.is_vector = !is_of_scores && entry.ports.iter().any(|one| one.name == port.name);
    }
}

#[cfg(test)]
mod tests;
