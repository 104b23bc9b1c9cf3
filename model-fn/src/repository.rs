//! The models that are served, found by name and version.
//!
//! A repository holds only models that were loaded, run and found right; [`Repository::open`]
//! tells everything that is wrong with all of them.

mod check;
mod compare;
mod description;
mod made_up;
mod shapes;
mod versions;
mod visible;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::engine::{Budget, LoadError, Memory, Model};
use crate::protocol::Limits;
use crate::statistics::Statistics;

pub use check::{CheckError, verify};
pub use compare::Difference;
pub use description::{Description, DescriptionError};
pub use made_up::made_up;
pub use shapes::ShapesError;
pub use versions::{VersionPolicy, VersionsError};
pub use visible::Visible;

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

/// All models that are served.
#[derive(Debug)]
pub struct Repository {
    models: BTreeMap<String, Entry>,
    default: Option<String>,
}

/// A model with its versions.
#[derive(Debug)]
pub struct Entry {
    /// The model's name.
    pub name: String,
    /// What `model.yaml` says of it.
    pub description: Description,
    /// The version that serves where none is named.
    pub default_version: u64,
    /// The limits on its requests.
    pub limits: Limits,
    versions: BTreeMap<u64, Loaded>,
}

/// A version that runs, and what it has done.
#[derive(Debug)]
struct Loaded {
    model: Model,
    statistics: Statistics,
}

/// One version of a model, as a request finds it.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// The model it is of.
    pub entry: &'a Entry,
    /// The version.
    pub number: u64,
    /// What runs.
    pub model: &'a Model,
    /// What it has done.
    pub statistics: &'a Statistics,
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

/// Why a request's model is not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// What is known of the caller does not cover the model, which need not be there.
    #[error("the authorizer's context does not cover model `{model}`: it needs {}", any_of(.wanted))]
    Closed {
        /// The name asked for.
        model: String,
        /// Members of the context, any of which would open it.
        wanted: Vec<String>,
    },
    /// What is known of the caller does not cover the default model, and none is named.
    #[error("the authorizer's context does not cover the default model: name one that it covers")]
    DefaultClosed,
    /// No model of this name is served.
    #[error("no model `{model}`")]
    Model {
        /// The name asked for.
        model: String,
        /// The names there are.
        models: Vec<String>,
    },
    /// The model has no such version.
    #[error("no version `{version}` of model `{model}`")]
    Version {
        /// The model.
        model: String,
        /// The version asked for.
        version: String,
        /// The versions there are.
        versions: Vec<u64>,
        /// Their labels.
        labels: Vec<String>,
    },
    /// No name is given, and none is set.
    #[error("name a model: none of them is the default")]
    NoDefault {
        /// The names there are.
        models: Vec<String>,
    },
}

fn any_of(wanted: &[String]) -> String {
    let wanted: Vec<String> = wanted.iter().map(|grant| format!("`{grant}`")).collect();
    wanted.join(" or ")
}

/// What is wrong with a model.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// `model.yaml` is wrong.
    #[error("model `{model}`: `model.yaml`")]
    Description {
        /// The model.
        model: String,
        /// Why.
        source: DescriptionError,
    },
    /// A version cannot be loaded.
    #[error("model `{model}` version {version}")]
    Load {
        /// The model.
        model: String,
        /// The version.
        version: u64,
        /// Why.
        source: LoadError,
    },
    /// A version loads, but does not answer as it must.
    #[error("model `{model}` version {version}")]
    Check {
        /// The model.
        model: String,
        /// The version.
        version: u64,
        /// Why.
        source: CheckError,
    },
    /// The default model is not there.
    #[error("`DEFAULT_MODEL` is `{0}`, which is no model")]
    Default(String),
}

impl Repository {
    /// Loads and checks every version of every model; all of them must fit into the memory.
    pub fn open(
        found: Vec<Files>,
        default: Option<String>,
        limits: &Limits,
        memory: Memory,
    ) -> Result<Self, Vec<Problem>> {
        let budget = Budget::new(memory);
        let mut problems = Vec::new();
        let names: Vec<String> = found.iter().map(|files| files.name.clone()).collect();
        let default = match (default, names.as_slice()) {
            (None, [only]) => Some(only.clone()),
            (default, _) => default,
        };
        if let Some(name) = default.as_ref().filter(|name| !names.contains(name)) {
            problems.push(Problem::Default(name.clone()));
        }
        let mut models = BTreeMap::new();
        for files in found {
            match Entry::open(files, limits, &budget) {
                Ok(entry) => drop(models.insert(entry.name.clone(), entry)),
                Err(more) => problems.extend(more),
            }
        }
        if problems.is_empty() {
            Ok(Self { models, default })
        } else {
            Err(problems)
        }
    }
}

impl Entry {
    /// The versions there are.
    pub fn versions(&self) -> Vec<u64> {
        self.versions.keys().copied().collect()
    }

    /// Finds a version by its number or label, the default one where none is given.
    pub fn find(&self, wanted: Wanted<'_>) -> Result<Version<'_>, FindError> {
        let labels = &self.description.version_labels;
        let (asked, number) = match wanted {
            Wanted::Default => (None, Some(self.default_version)),
            Wanted::Version(asked) => (Some(asked), number(asked).or(labels.get(asked).copied())),
            Wanted::Label(asked) => (Some(asked), labels.get(asked).copied()),
        };
        let found = number.and_then(|number| Some((number, self.versions.get(&number)?)));
        let Some((number, loaded)) = found else {
            return Err(FindError::Version {
                model: self.name.clone(),
                version: asked.unwrap_or_default().to_owned(),
                versions: self.versions(),
                labels: labels.keys().cloned().collect(),
            });
        };
        Ok(self.version(number, loaded))
    }

    /// The labels of a version.
    pub fn labels_of(&self, number: u64) -> Vec<&str> {
        let labels = self.description.version_labels.iter();
        let labels = labels.filter(|(_, labelled)| **labelled == number);
        labels.map(|(label, _)| label.as_str()).collect()
    }

    /// All its versions.
    pub fn all(&self) -> impl Iterator<Item = Version<'_>> {
        let versions = self.versions.iter();
        versions.map(|(number, loaded)| self.version(*number, loaded))
    }

    fn version<'a>(&'a self, number: u64, loaded: &'a Loaded) -> Version<'a> {
        Version {
            entry: self,
            number,
            model: &loaded.model,
            statistics: &loaded.statistics,
        }
    }

    /// What is wrong with `model.yaml` is told beside what is wrong with the models.
    fn open(files: Files, limits: &Limits, budget: &Budget) -> Result<Self, Vec<Problem>> {
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
        let limits = description.limits.within(limits);
        let mut versions = BTreeMap::new();
        for version in &files.versions {
            let number = version.number;
            if !served.contains(&number) {
                continue;
            }
            let common = files
                .expected
                .as_ref()
                .filter(|_| number == default_version);
            let recorded = check::Recorded {
                expected: version.expected.as_ref().or(common).map(String::as_str),
                example: files.example.as_deref(),
            };
            match load(name, version, &description, recorded, &limits, budget) {
                Ok(model) => {
                    let statistics = Statistics::default();
                    versions.insert(number, Loaded { model, statistics });
                }
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
            versions,
        })
    }
}

/// A version's number is written in one way: `01` is none.
fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn load(
    name: &str,
    files: &VersionFiles,
    description: &Description,
    recorded: check::Recorded<'_>,
    limits: &Limits,
    budget: &Budget,
) -> Result<Model, Box<Problem>> {
    let (model, version) = (name.to_owned(), files.number);
    let mut loaded = match Model::load_within(&files.model, budget) {
        Ok(loaded) => loaded,
        Err(source) => {
            return Err(Box::new(Problem::Load {
                model,
                version,
                source,
            }));
        }
    };
    loaded.name_columns(&description.columns);
    match check::check(&loaded, description, recorded, limits) {
        Ok(outputs) => {
            loaded.correct(&outputs);
            Ok(loaded)
        }
        Err(source) => Err(Box::new(Problem::Check {
            model,
            version,
            source,
        })),
    }
}

impl Problem {
    fn description(model: &str, source: DescriptionError) -> Self {
        Self::Description {
            model: model.to_owned(),
            source,
        }
    }
}
