//! The models that are served, found by name and version.
//!
//! A repository holds only models that were loaded, run and found right; [`Repository::open`]
//! tells everything that is wrong with all of them.

mod batches;
mod check;
mod compare;
mod description;
mod loader;
mod made_up;
mod problem;
mod recipe;
mod shapes;
mod slot;
mod versions;
mod visible;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::batching::Batcher;
use crate::engine::{Budget, Room};
use crate::pipeline::Pipeline;
use crate::protocol::Limits;
use crate::statistics::Statistics;
use crate::tensor::Tensor;
use loader::Loader;
use recipe::Recipe;
use slot::Slot;

pub use batches::BatchingError;
pub use check::{CheckError, verify};
pub use compare::Difference;
pub use description::{Description, DescriptionError};
pub use loader::{State, Unavailable};
pub use made_up::made_up;
pub use problem::{FindError, Problem};
pub use recipe::Took;
pub use shapes::ShapesError;
pub use versions::{VersionPolicy, VersionsError};
pub use visible::{Shown, Visible};

/// The files of one model, as found at its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The model's name.
    pub name: String,
    /// Its versions.
    pub versions: Vec<VersionFiles>,
    /// The text of `model.yaml`.
    pub description: Option<String>,
    /// The text of `example.json`: a body for `POST /predict/NAME`.
    pub example: Option<String>,
    /// The text of `expected.json`, which holds for the default version.
    pub expected: Option<String>,
}

/// The files of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionFiles {
    /// The version.
    pub number: u64,
    /// The ONNX file.
    pub model: PathBuf,
    /// The text of the version's own `expected.json`.
    pub expected: Option<String>,
}

/// When models are loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Loading {
    /// All of them at the start.
    #[default]
    Start,
    /// The default model at the start, the others when they are asked for.
    FirstUse,
}

/// How a repository is opened.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The model that serves where none is named.
    pub default: Option<String>,
    /// The limits on every request.
    pub limits: Limits,
    /// What models and their runs may take of memory.
    pub budget: Budget,
    /// When models are loaded.
    pub loading: Loading,
}

/// All models that are served.
pub struct Repository {
    models: BTreeMap<String, Entry>,
    default: Option<String>,
    loader: Arc<Loader>,
    /// Makes versions leave that are loaded on their first use. The budget knows of it as long as it is here.
    _room: Arc<Room>,
}

/// A model with its versions.
#[derive(Debug)]
pub struct Entry {
    /// The model's name.
    pub name: String,
    /// What `model.yaml` says of it.
    pub description: Arc<Description>,
    /// The version that serves where none is named.
    pub default_version: u64,
    /// The limits on its requests.
    pub limits: Limits,
    /// The text of `example.json`.
    pub example: Option<String>,
    versions: BTreeMap<u64, Arc<Slot>>,
}

/// One version of a model, as a request finds it. Whether it runs is another matter.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The model it is of.
    pub entry: &'a Entry,
    /// The version.
    pub number: u64,
    slot: &'a Arc<Slot>,
}

/// One version of a model that runs.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// The model it is of.
    pub entry: &'a Entry,
    /// The version.
    pub number: u64,
    /// What runs.
    pub model: &'a Pipeline,
    /// Inputs that it takes, if they are few: its example, or what it has answered at its start.
    pub example: Option<&'a [Tensor]>,
    /// What it has done.
    pub statistics: &'a Statistics,
    /// Where requests may run as one.
    pub batcher: Option<&'a Batcher>,
}

/// Which version of a model a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The one that serves where none is named.
    Default,
    /// The one with this number or label.
    Version(&'a str),
    /// The one with this label, which is no number.
    Label(&'a str),
}

impl Repository {
    /// Loads and checks every version of every model, or of the default one alone: all that is loaded must fit into
    /// the memory. What is said of the others is checked, and their files are there.
    pub fn open(found: Vec<Files>, settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let names: Vec<String> = found.iter().map(|files| files.name.clone()).collect();
        let default = match (settings.default.clone(), names.as_slice()) {
            (None, [only]) => Some(only.clone()),
            (default, _) => default,
        };
        if let Some(name) = default.as_ref().filter(|name| !names.contains(name)) {
            problems.push(Problem::Default(name.clone()));
        }
        let mut models = BTreeMap::new();
        for files in found {
            let is_lazy = match settings.loading {
                Loading::Start => false,
                Loading::FirstUse => default.as_ref() != Some(&files.name),
            };
            match Entry::open(files, &settings, is_lazy) {
                Ok(entry) => drop(models.insert(entry.name.clone(), entry)),
                Err(more) => problems.extend(more),
            }
        }
        if problems.is_empty() {
            Ok(Self::of(models, default, &settings.budget))
        } else {
            Err(problems)
        }
    }

    fn of(models: BTreeMap<String, Entry>, default: Option<String>, budget: &Budget) -> Self {
        let slots = models.values().flat_map(|entry| entry.versions.values());
        let lazy = slots.filter(|slot| slot.recipe().is_some());
        let loader = Arc::new(Loader::new(lazy.cloned().collect()));
        let leaving = Arc::clone(&loader);
        let room: Arc<Room> = Arc::new(move || leaving.make_room());
        budget.ask_for_room(&room);
        Self {
            models,
            default,
            loader,
            _room: room,
        }
    }

    /// The model of a version, loaded now unless it runs; waits for that as long as there is patience, for ever if
    /// that has no end.
    pub fn model(
        &self,
        found: Found<'_>,
        patience: Option<Duration>,
        now: SystemTime,
    ) -> Result<Arc<Pipeline>, Unavailable> {
        self.loader.model(found.slot, patience, now)
    }

    /// How it stands with a version.
    pub fn state(&self, found: Found<'_>) -> State {
        self.loader.state(found.slot)
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = out.debug_struct("Repository");
        let out = out.field("models", &self.models);
        out.field("default", &self.default).finish_non_exhaustive()
    }
}

impl<'a> Found<'a> {
    /// What it has done.
    pub fn statistics(self) -> &'a Statistics {
        &self.slot.statistics
    }

    /// How long its first load took, if there was one.
    pub fn took(self) -> Option<Took> {
        self.slot.took()
    }

    /// The version with what runs.
    pub fn with(self, model: &'a Pipeline) -> Version<'a> {
        Version {
            entry: self.entry,
            number: self.number,
            model,
            example: self.slot.example(),
            statistics: &self.slot.statistics,
            batcher: self.slot.batcher.as_ref(),
        }
    }

    /// Whether it runs now.
    pub fn is_running(self) -> bool {
        self.slot.is_running()
    }

    /// What runs, if anything does now.
    pub fn running(self) -> Option<Arc<Pipeline>> {
        self.slot.running()
    }
}

impl Entry {
    /// The versions there are.
    pub fn versions(&self) -> Vec<u64> {
        self.versions.keys().copied().collect()
    }

    /// Finds a version by its number or label, the default one where none is given.
    pub fn find(&self, wanted: Wanted<'_>) -> Result<Found<'_>, FindError> {
        let labels = &self.description.version_labels;
        let (asked, number) = match wanted {
            Wanted::Default => (None, Some(self.default_version)),
            Wanted::Version(asked) => (Some(asked), number(asked).or(labels.get(asked).copied())),
            Wanted::Label(asked) => (Some(asked), labels.get(asked).copied()),
        };
        let found = number.and_then(|number| Some((number, self.versions.get(&number)?)));
        let Some((number, slot)) = found else {
            return Err(FindError::Version {
                model: self.name.clone(),
                version: asked.unwrap_or_default().to_owned(),
                versions: self.versions(),
                labels: labels.keys().cloned().collect(),
            });
        };
        Ok(Found {
            entry: self,
            number,
            slot,
        })
    }

    /// The labels of a version.
    pub fn labels_of(&self, number: u64) -> Vec<&str> {
        let labels = self.description.version_labels.iter();
        let labels = labels.filter(|(_, labelled)| **labelled == number);
        labels.map(|(label, _)| label.as_str()).collect()
    }

    /// All its versions.
    pub fn all(&self) -> impl Iterator<Item = Found<'_>> {
        self.versions.iter().map(|(number, slot)| Found {
            entry: self,
            number: *number,
            slot,
        })
    }

    /// What is wrong with `model.yaml` is told beside what is wrong with the models.
    fn open(files: Files, settings: &Settings, is_lazy: bool) -> Result<Self, Vec<Problem>> {
        let name = files.name.as_str();
        let mut problems = Vec::new();
        let described = files.description.as_deref().unwrap_or_default();
        let description = Description::read(described).unwrap_or_else(|source| {
            problems.push(Problem::description(name, source));
            Description::default()
        });
        let numbers: Vec<u64> = files.versions.iter().map(|files| files.number).collect();
        let (served, default_version) = description.choose(&numbers).unwrap_or_else(|source| {
            problems.push(Problem::description(name, source));
            let highest = numbers.iter().max().copied().unwrap_or_default();
            (numbers.clone(), highest)
        });
        let limits = description.limits.within(&settings.limits);
        let description = Arc::new(description);
        let mut versions = BTreeMap::new();
        for version in files.versions {
            let number = version.number;
            if !served.contains(&number) {
                continue;
            }
            let common = files.expected.as_ref();
            let common = common.filter(|_| number == default_version);
            let recipe = Recipe {
                model: files.name.clone(),
                expected: version.expected.as_ref().or(common).cloned(),
                files: version,
                example: files.example.clone(),
                description: Arc::clone(&description),
                limits: limits.clone(),
                budget: settings.budget.clone(),
            };
            match slot(recipe, is_lazy) {
                Ok(slot) => drop(versions.insert(number, Arc::new(slot))),
                Err(problem) => problems.push(*problem),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            name: files.name,
            description,
            default_version,
            limits,
            example: files.example,
            versions,
        })
    }
}

fn slot(recipe: Recipe, is_lazy: bool) -> Result<Slot, Box<Problem>> {
    if is_lazy {
        return Ok(Slot::lazy(recipe));
    }
    let loaded = recipe.load()?;
    let batcher = recipe.description.batcher(&recipe.limits);
    Ok(Slot::kept(loaded, batcher))
}

/// A version's number is written in one way: `01` is none.
fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
