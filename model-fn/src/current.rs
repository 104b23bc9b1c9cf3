//! What is served now. Models of a folder are there from the start to the end; those of a bucket may still be on their
//! way, and others may take their place between two requests.

#[cfg(feature = "s3")]
mod remote;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::config::Source;
use crate::engine::Budget;
use crate::log::{self, Milliseconds};
use crate::report::reports;
use crate::repository::{Entry, Found, Repository, Settings, State, Unavailable};
use crate::{Config, StartError, source};

#[cfg(feature = "s3")]
use remote::Remote;

/// What is served, now or soon.
#[derive(Debug)]
pub(crate) enum Current {
    /// The same from the start to the end.
    Fixed(Arc<Served>),
    /// What a bucket holds.
    #[cfg(feature = "s3")]
    Remote(Arc<Remote>),
}

/// What an invocation has from its beginning to its end.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) repository: Repository,
    /// What the files of the models lie in, where that goes with them.
    #[cfg(feature = "s3")]
    folder: Option<crate::s3::Folder>,
}

impl Current {
    /// Loads what is loaded at the start.
    pub(crate) fn start(config: &Config) -> Result<Self, StartError> {
        match &config.source {
            Source::Folders(folders) => {
                let opened = open(folders, config, Budget::new(config.memory));
                let repository = opened.map_err(|problems| StartError { problems })?;
                Ok(Self::Fixed(Arc::new(Served {
                    repository,
                    #[cfg(feature = "s3")]
                    folder: None,
                })))
            }
            #[cfg(feature = "s3")]
            Source::S3(bucket) => Remote::start(bucket, config).map(Self::Remote),
        }
    }

    /// What is served, as soon as it is there; waits for that as long as there is patience, for as long as it takes
    /// where that has no end.
    pub(crate) fn get(
        &self,
        patience: Option<Duration>,
        now: SystemTime,
    ) -> Result<Arc<Served>, Unavailable> {
        match self {
            Self::Fixed(served) => {
                let _ = (patience, now);
                Ok(Arc::clone(served))
            }
            #[cfg(feature = "s3")]
            Self::Remote(remote) => remote.get(patience, now),
        }
    }

    /// Lines for the log about what has come meanwhile.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Self::Fixed(_) => Vec::new(),
            #[cfg(feature = "s3")]
            Self::Remote(remote) => remote.lines(),
        }
    }
}

/// Everything that is wrong with any model is told at once, files and contents together.
fn open(
    folders: &[std::path::PathBuf],
    config: &Config,
    budget: Budget,
) -> Result<Repository, Vec<String>> {
    let found = source::find(folders);
    let mut problems = reports(&found.problems);
    let is_told = |name: &String| found.problems.iter().any(|problem| problem.explains(name));
    let settings = Settings {
        default: config.default_model.clone().filter(|name| !is_told(name)),
        limits: config.limits.clone(),
        budget,
        loading: config.loading,
    };
    let opened = Repository::open(found.models, settings);
    let opened = opened.map_err(|more| problems.extend(reports(&more)));
    match opened {
        Ok(repository) if problems.is_empty() => Ok(repository),
        Ok(_) | Err(()) => Err(problems),
    }
}

/// The lines of the start: what is served, if that is there, and what took how long, for people and as metrics.
pub(crate) fn start_lines(
    served: Option<&Served>,
    config: &Config,
    took: Duration,
    now: SystemTime,
) -> [String; 2] {
    let duration = Milliseconds(took);
    let function = config.function_name.as_str();
    let Some(served) = served else {
        let line = json!({"event": "start", "models": "on their way", "duration_ms": duration});
        return [
            line.to_string(),
            log::started(function, duration, None, now),
        ];
    };
    let all = served.repository.visible(None, &config.grants);
    let models: Vec<&str> = all.models().map(|entry| entry.name.as_str()).collect();
    let idle = all.states().filter(|(_, state)| *state == State::Idle);
    let phases = all.models().flat_map(Entry::all).filter_map(Found::took);
    let (load, check) = phases.fold((Duration::ZERO, Duration::ZERO), |(load, check), took| {
        (load + took.load, check + took.check)
    });
    let phases = [load, check].map(Milliseconds);
    let [load, check] = phases;
    let line = json!({
        "event": "start",
        "models": models,
        "default": all.default_model(),
        "versions_for_first_use": idle.count(),
        "duration_ms": duration,
        "load_ms": load,
        "check_ms": check,
    });
    [
        line.to_string(),
        log::started(function, duration, Some(phases), now),
    ]
}
