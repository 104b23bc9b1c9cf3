//! The models that one caller may see and run; the others are not told apart from those that are not there.

use std::sync::Arc;

use super::{Entry, FindError, Found, Repository, State, Version, Wanted};
use crate::caller::Caller;
use crate::grants::Grants;
use crate::pipeline::Pipeline;

/// A repository as one caller sees it.
#[derive(Debug, Clone, Copy)]
pub struct Visible<'a> {
    repository: &'a Repository,
    /// Nobody where requests are answered without an authorizer: then all is seen.
    caller: Option<(&'a Caller, &'a Grants)>,
}

/// A model's default version, and what runs of it while it is looked at.
#[derive(Debug)]
pub struct Shown<'a> {
    /// The version.
    pub found: Found<'a>,
    running: Option<Arc<Pipeline>>,
}

impl Repository {
    /// What a caller may see and run; everything where there is no caller to be known.
    pub fn visible<'a>(&'a self, caller: Option<&'a Caller>, grants: &'a Grants) -> Visible<'a> {
        Visible {
            repository: self,
            caller: caller.map(|caller| (caller, grants)),
        }
    }
}

impl<'a> Visible<'a> {
    /// The models, by name.
    pub fn models(self) -> impl Iterator<Item = &'a Entry> {
        let models = self.repository.models.values();
        models.filter(move |entry| self.is_open(&entry.name))
    }

    /// The name of the default model.
    pub fn default_model(self) -> Option<&'a str> {
        let default = self.repository.default.as_deref();
        default.filter(|name| self.is_open(name))
    }

    /// The default versions of the models, by name.
    pub fn shown(self) -> Vec<Shown<'a>> {
        let found = self
            .models()
            .filter_map(|entry| entry.find(Wanted::Default).ok());
        let shown = found.map(|found| Shown {
            found,
            running: found.running(),
        });
        shown.collect()
    }

    /// All versions of all models, and how it stands with them.
    pub fn states(self) -> impl Iterator<Item = (Found<'a>, State)> {
        let versions = self.models().flat_map(Entry::all);
        versions.map(move |found| (found, self.repository.state(found)))
    }

    /// Finds a version of a model; the default ones where nothing is named.
    pub fn find(self, model: Option<&str>, version: Wanted<'_>) -> Result<Found<'a>, FindError> {
        let models = || self.models().map(|entry| entry.name.clone()).collect();
        let Some(name) = model.or(self.default_model()) else {
            return Err(match self.repository.default {
                Some(_) => FindError::DefaultClosed,
                None => FindError::NoDefault { models: models() },
            });
        };
        if let Some((_, grants)) = self.caller.filter(|_| !self.is_open(name)) {
            return Err(FindError::Closed {
                model: name.to_owned(),
                wanted: grants.wanted(name),
            });
        }
        match self.repository.models.get(name) {
            Some(entry) => entry.find(version),
            None => Err(FindError::Model {
                model: name.to_owned(),
                models: models(),
            }),
        }
    }

    fn is_open(self, model: &str) -> bool {
        let caller = self.caller;
        caller.is_none_or(|(caller, grants)| grants.open(model, caller))
    }
}

impl Shown<'_> {
    /// What runs, if anything does.
    pub fn version(&self) -> Option<Version<'_>> {
        let running = self.running.as_deref();
        running.map(|model| self.found.with(model))
    }
}
