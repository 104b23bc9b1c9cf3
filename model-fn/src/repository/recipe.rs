//! All that it takes to load one version: its files, what `model.yaml` says, and what it must answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Description, Problem, VersionFiles, check};
use crate::engine::{Budget, LoadError, Model};
use crate::pipeline::{Pipeline, StepsError};
use crate::protocol::Limits;
use crate::tensor::Tensor;

/// Of a file beside a model: the largest vocabularies in use have some 30 MB.
const MOST_BYTES: u64 = 64 << 20;

/// How one version is loaded.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) model: String,
    pub(super) files: VersionFiles,
    /// The text of `expected.json`, where it holds for this version.
    pub(super) expected: Option<String>,
    /// The text of `example.json`.
    pub(super) example: Option<String>,
    pub(super) description: Arc<Description>,
    pub(super) limits: Limits,
    pub(super) budget: Budget,
}

/// A version that is loaded and was found right.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) model: Pipeline,
    /// Inputs that it takes, if they are few.
    pub(super) example: Option<Vec<Tensor>>,
    pub(super) took: Took,
}

/// How long it took until a version could answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Took {
    /// Reading the file and making a graph of it.
    pub load: Duration,
    /// Making plans, and running it to see that its answers are right.
    pub check: Duration,
}

impl Recipe {
    /// Loads and checks the version; a panic on the way is a problem like others.
    pub(super) fn load(&self) -> Result<Loaded, Box<Problem>> {
        let _turn = self.budget.turn();
        let load = || self.load_unguarded();
        let loaded = catch_unwind(AssertUnwindSafe(load));
        loaded.unwrap_or_else(|_| Err(self.unloaded(LoadError::Panicked)))
    }

    fn load_unguarded(&self) -> Result<Loaded, Box<Problem>> {
        let started = Instant::now();
        let model = Model::load_within(&self.files.model, &self.budget);
        let mut model = model.map_err(|source| self.unloaded(source))?;
        let load = started.elapsed();
        model.name_columns(&self.description.columns);
        let file = |name: &str| self.file(name);
        let steps = Pipeline::new(model, &self.description, &file, &self.budget);
        let model = steps.map_err(|source| self.stepless(source))?;
        let recorded = check::Recorded {
            expected: self.expected.as_deref(),
            example: self.example.as_deref(),
        };
        let passed = check::check(&model, &self.description, recorded, &self.limits);
        let passed = passed.map_err(|source| {
            let (model, version) = (self.model.clone(), self.files.number);
            Box::new(Problem::Check {
                model,
                version,
                source,
            })
        })?;
        let corrected = model.correct(&passed.outputs);
        let model = corrected.map_err(|source| self.stepless(source))?;
        let check = started.elapsed().saturating_sub(load);
        Ok(Loaded {
            model,
            example: passed.example,
            took: Took { load, check },
        })
    }

    /// A file in the folder of the version, or else of the model.
    fn file(&self, name: &str) -> Result<Vec<u8>, StepsError> {
        let unread = |why: String| StepsError::File {
            name: name.to_owned(),
            why,
        };
        if Path::new(name).file_name() != Some(name.as_ref()) {
            return Err(unread("it is no name of a file".to_owned()));
        }
        let folder = self.files.model.parent().unwrap_or(Path::new(""));
        let number = self.files.number.to_string();
        let is_version = folder.file_name() == Some(number.as_ref());
        let above = folder.parent().filter(|_| is_version);
        let mut files = std::iter::once(folder)
            .chain(above)
            .map(|folder| folder.join(name));
        let file = files.find(|file| file.exists());
        let file = file.ok_or_else(|| unread("it is not there".to_owned()))?;
        let length = file
            .metadata()
            .map_err(|error| unread(error.to_string()))?
            .len();
        if length > MOST_BYTES {
            return Err(unread(format!(
                "it has {length} bytes, and at most {MOST_BYTES} are read"
            )));
        }
        std::fs::read(&file).map_err(|error| unread(error.to_string()))
    }

    fn stepless(&self, source: StepsError) -> Box<Problem> {
        Box::new(Problem::Steps {
            model: self.model.clone(),
            version: self.files.number,
            source,
        })
    }

    fn unloaded(&self, source: LoadError) -> Box<Problem> {
        Box::new(Problem::Load {
            model: self.model.clone(),
            version: self.files.number,
            source,
        })
    }
}
