//! The function: started once, then asked one event at a time, from any number of threads.

use std::borrow::Cow;
use std::error::Error;
use std::time::{Instant, SystemTime};

use serde::Serialize;
use serde_json::json;

use crate::Config;
use crate::coding::Acceptable;
use crate::event::{self, BodyError, Request};
use crate::failure::{Failure, status};
use crate::log::{Line, Milliseconds};
use crate::metadata::{
    Configuration, Health, Indexed, Model, ModelReady, ModelStatistics, Models, Names, Server,
    serving,
};
use crate::prediction;
use crate::protocol::Accepted;
use crate::reply::{Answer, Outcome, Reply};
use crate::repository::{Entry, Repository, Version};
use crate::route::{Route, RouteError, Serving, Target};
use crate::source;

/// The model function with all its models loaded, run and found right.
#[derive(Debug)]
pub struct ModelFunction {
    repository: Repository,
    config: Config,
    start_log: Vec<String>,
}

/// Everything that keeps the function from starting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .problems.join("\n"))]
pub struct StartError {
    /// One line each, causes included.
    pub problems: Vec<String>,
}

fn reports<E: Error>(problems: &[E]) -> Vec<String> {
    problems.iter().map(|problem| report(problem)).collect()
}

/// An error and its causes on one line.
fn report(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause: &&dyn Error| (*cause).source());
    let texts = std::iter::once(error.to_string()).chain(causes.map(ToString::to_string));
    texts.collect::<Vec<_>>().join(": ").replace('\n', " ")
}

impl ModelFunction {
    /// Loads every model, runs it and compares its answers with those recorded.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let started = Instant::now();
        let repository = open(&config)?;
        let mut start_log = Vec::new();
        if config.allow_unauthenticated {
            let message = "ALLOW_UNAUTHENTICATED is true: every request is answered, with or without an authorizer";
            start_log.push(json!({"event": "warning", "message": message}).to_string());
        }
        let models: Vec<&str> = repository
            .models()
            .map(|entry| entry.name.as_str())
            .collect();
        let duration = Milliseconds::since(started);
        let default = repository.default_model();
        start_log.push(json!({"event": "start", "models": models, "default": default, "duration_ms": duration}).to_string());
        Ok(Self {
            repository,
            config,
            start_log,
        })
    }

    /// JSON lines for the log about the start; `main` prints them once.
    pub fn start_log(&self) -> &[String] {
        &self.start_log
    }

    /// Answers one event of the gateway, given as JSON text.
    pub fn handle(&self, event: &str, request_id: &str) -> Outcome {
        let started = Instant::now();
        let mut line = Line {
            event: "request",
            request_id,
            ..Line::default()
        };
        let reply = match self.answer(event, &mut line) {
            Ok(reply) => reply,
            Err(failure) => {
                line.code = Some(failure.code());
                line.reason = failure.reason();
                debug_assert!(status(&failure) >= 400, "{failure} is a failure");
                Reply::failure(&failure)
            }
        };
        line.status = reply.status_code;
        line.duration_ms = Milliseconds::since(started);
        Outcome {
            reply,
            log: vec![line.text()],
        }
    }

    fn answer(&self, event: &str, line: &mut Line<'_>) -> Result<Reply, Failure> {
        let request = event::read(event)?;
        line.gateway_request_id
            .clone_from(&request.gateway_request_id);
        let route = Route::find(&request.method, &request.path);
        line.route = route.as_ref().ok().map(Route::template);
        // Before anything is said of routes and models: without an authorizer there is only what is open.
        let is_open = route.as_ref().is_ok_and(Route::is_open);
        if !(is_open || request.is_authorized || self.config.allow_unauthenticated) {
            return Err(Failure::Unauthenticated);
        }
        let answer = self.routed(&request, route?, line)?;
        let acceptable = Acceptable::of(&request.header_list("accept-encoding"));
        Reply::success(answer, acceptable, &self.config.limits)
    }

    fn routed(
        &self,
        request: &Request<'_>,
        route: Route,
        line: &mut Line<'_>,
    ) -> Result<Answer, Failure> {
        match route {
            Route::Predict(target) => self.predict(request, &target, Accepted::Any, line),
            Route::Infer(target) => self.predict(request, &target, Accepted::TensorsOnly, line),
            Route::Server => json(&Server::new()),
            Route::Live | Route::Ready => json(&Health::good()),
            Route::Model(target) => json(&Model::of(self.find(&target, line)?)),
            Route::ModelReady(target) => json(&ModelReady::of(self.find(&target, line)?)),
            Route::ProtectedResource => match &self.config.protected_resource {
                Some(resource) => json(resource),
                None => Err(RouteError::Unknown.into()),
            },
            Route::Models => json(&Models::of(&self.repository)),
            Route::ModelNames => json(&Names::of(&self.repository)),
            Route::Statistics(target) => json(&self.statistics(&target, line)?),
            Route::Configuration(target) => json(&Configuration::of(self.find(&target, line)?)),
            Route::Index => self.index(request),
            Route::Load | Route::Unload => Err(Failure::NotLoadable),
            Route::Ping => json(&Health::good()),
            Route::Invocations => {
                self.predict(request, &Target::default(), Accepted::Invocations, line)
            }
            Route::Serving(route) => self.serving(request, route, line),
        }
    }

    fn serving(
        &self,
        request: &Request<'_>,
        route: Serving,
        line: &mut Line<'_>,
    ) -> Result<Answer, Failure> {
        match route {
            Serving::Predict(target) => self.predict(request, &target, Accepted::Serving, line),
            Serving::Unserved(what) => Err(what.into()),
            Serving::Models => json(&serving::Names::of(&self.repository)),
            Serving::Status(target) => {
                let found = self.find(&target, line)?;
                json(&serving::Status::of(found, target.version.is_some()))
            }
            Serving::Metadata(target) => json(&serving::Metadata::of(self.find(&target, line)?)),
        }
    }

    fn index(&self, request: &Request<'_>) -> Result<Answer, Failure> {
        let body = match prediction::body(request, &self.config.limits) {
            Err(Failure::Body(BodyError::Missing)) => Cow::default(),
            body => body?,
        };
        if Indexed::is_asked(&body) {
            json(&Indexed::all(&self.repository))
        } else {
            Err(Failure::NotIndex)
        }
    }

    /// Of one version, of all versions of a model, or of all models.
    fn statistics(
        &self,
        target: &Target,
        line: &mut Line<'_>,
    ) -> Result<ModelStatistics<'_>, Failure> {
        let versions: Vec<_> = match target {
            Target { model: None, .. } => self.repository.models().flat_map(Entry::all).collect(),
            Target { version: None, .. } => self.find(target, line)?.entry.all().collect(),
            Target { .. } => vec![self.find(target, line)?],
        };
        Ok(ModelStatistics::of(versions.into_iter()))
    }

    fn find(&self, target: &Target, line: &mut Line<'_>) -> Result<Version<'_>, Failure> {
        let found = self
            .repository
            .find(target.model.as_deref(), target.version.as_deref())?;
        line.model = Some(found.entry.name.clone());
        line.version = Some(found.number.to_string());
        Ok(found)
    }

    fn predict(
        &self,
        request: &Request<'_>,
        target: &Target,
        accepted: Accepted,
        line: &mut Line<'_>,
    ) -> Result<Answer, Failure> {
        let started = Instant::now();
        let version = self.find(target, line)?;
        let answered = prediction::answer(version, request, accepted, line);
        let (statistics, took) = (version.statistics, started.elapsed());
        match answered {
            Ok((answer, rows, steps)) => {
                statistics.succeed(rows, steps, took, now());
                Ok(answer)
            }
            Err(failure) => {
                statistics.fail(took, now());
                Err(failure)
            }
        }
    }
}

/// The time on the wall: statistics say when the last request came.
fn now() -> SystemTime {
    #[expect(clippy::disallowed_methods, reason = "this is the edge")]
    SystemTime::now()
}

/// Everything that is wrong with any model is told at once, files and contents together.
fn open(config: &Config) -> Result<Repository, StartError> {
    let found = source::find(&config.sources);
    let mut problems = reports(&found.problems);
    let is_told = |name: &String| found.problems.iter().any(|problem| problem.explains(name));
    let default = config.default_model.clone().filter(|name| !is_told(name));
    let opened = Repository::open(found.models, default, &config.limits, config.memory);
    let opened = opened.map_err(|more| problems.extend(reports(&more)));
    match opened {
        Ok(repository) if problems.is_empty() => Ok(repository),
        Ok(_) | Err(()) => Err(StartError { problems }),
    }
}

fn json(document: &impl Serialize) -> Result<Answer, Failure> {
    let text = serde_json::to_string(document).map_err(Failure::Write)?;
    Ok(Answer::json(text))
}
