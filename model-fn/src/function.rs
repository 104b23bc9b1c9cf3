//! The function: started once, then asked one event at a time, from any number of threads.

use std::borrow::Cow;
use std::error::Error;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use serde_json::json;

use crate::Config;
use crate::caller::LimitError;
use crate::coding::Acceptable;
use crate::deadline::Deadline;
use crate::event::{self, BodyError, EventError, Request};
use crate::failure::{Failure, status};
use crate::log::{self, Line, Milliseconds};
use crate::metadata::{
    Configuration, Health, Indexed, Model, ModelReady, ModelStatistics, Models, Names, Server,
    serving,
};
use crate::openapi::{self, Api, Described};
use crate::prediction::{self, Asked};
use crate::protocol::{Accepted, Limits};
use crate::reply::{Answer, Outcome, Reply};
use crate::repository::{Entry, Repository, Version, Visible};
use crate::route::{Route, RouteError, Serving, Target};
use crate::source;

/// The model function with all its models loaded, run and found right.
#[derive(Debug)]
pub struct ModelFunction {
    repository: Repository,
    config: Config,
    start_log: Vec<String>,
}

/// In bytes: the question for the index is empty or one truth.
const LONGEST_INDEX_QUESTION: usize = 1024;

const UNAUTHENTICATED: &str =
    "ALLOW_UNAUTHENTICATED is true: every request is answered, with or without an authorizer";
const DIRECT: &str = "TRUST_DIRECT_INVOKE is true: whoever may invoke the function, or reach a URL of its own, may use every model";

/// What Lambda says of one invocation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Invocation<'a> {
    /// Lambda's name for it.
    pub request_id: &'a str,
    /// How long it may take; nothing where nobody ends it.
    pub time_left: Option<Duration>,
    /// X-Ray's name for the trace that it is a part of.
    pub trace_id: Option<&'a str>,
}

/// A request, and until when it must be answered.
#[derive(Clone, Copy)]
struct Asking<'a> {
    request: &'a Request<'a>,
    deadline: Deadline,
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
        let warnings = [
            (config.allow_unauthenticated, UNAUTHENTICATED),
            (config.trust_direct_invoke, DIRECT),
        ];
        let warnings = warnings.iter().filter(|(is_set, _)| *is_set);
        let warning = |(_, message): &(bool, &str)| json!({"event": "warning", "message": message});
        let mut start_log: Vec<_> = warnings.map(|one| warning(one).to_string()).collect();
        let all = repository.visible(None, &config.grants);
        let models: Vec<&str> = all.models().map(|entry| entry.name.as_str()).collect();
        let duration = Milliseconds::since(started);
        let default = all.default_model();
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

    /// Answers one event of the gateway, given as JSON text; nobody ends it before it is done.
    pub fn handle(&self, event: &str, request_id: &str) -> Outcome {
        let invocation = Invocation {
            request_id,
            ..Invocation::default()
        };
        self.invoke(event, invocation)
    }

    /// Answers one event of the gateway, given as JSON text, within the time that Lambda leaves.
    pub fn invoke(&self, event: &str, invocation: Invocation<'_>) -> Outcome {
        let started = Instant::now();
        let deadline = Deadline::new(started, invocation.time_left);
        let mut line = Line {
            event: "request",
            request_id: invocation.request_id,
            trace_id: invocation.trace_id.and_then(log::xray_trace_id),
            ..Line::default()
        };
        let request = match event::read(event) {
            Err(EventError::NotHttp) if self.config.trust_direct_invoke => {
                Ok((Request::direct(event), true))
            }
            request => request.map(|request| (request, false)),
        };
        let is_direct = request.as_ref().is_ok_and(|(_, is_direct)| *is_direct);
        let answered = request
            .map_err(Failure::from)
            .and_then(|(request, _)| self.answer(&request, deadline, &mut line));
        let reply = match answered {
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
            is_direct,
            log: line.texts(now()),
        }
    }

    fn answer(
        &self,
        request: &Request<'_>,
        deadline: Deadline,
        line: &mut Line<'_>,
    ) -> Result<Reply, Failure> {
        line.caller_trace_id = request.header("traceparent").and_then(log::trace_id);
        line.gateway_request_id
            .clone_from(&request.gateway_request_id);
        let route = Route::find(&request.method, &request.path);
        line.route = route.as_ref().ok().map(Route::template);
        // Before anything is said of routes and models: without an authorizer there is only what is open.
        let is_open = route.as_ref().is_ok_and(Route::is_open);
        let is_direct = self.config.trust_direct_invoke && request.is_of_function_url;
        let is_trusted = self.config.allow_unauthenticated || is_direct;
        if !(is_open || request.caller.is_some() || is_trusted) {
            return Err(Failure::Unauthenticated);
        }
        let asking = Asking { request, deadline };
        let answer = self.routed(asking, route?, line)?;
        let acceptable = Acceptable::of(&request.header_list("accept-encoding"));
        Reply::success(answer, acceptable, &self.config.limits)
    }

    fn routed(
        &self,
        asking: Asking<'_>,
        route: Route,
        line: &mut Line<'_>,
    ) -> Result<Answer, Failure> {
        let request = asking.request;
        match route {
            Route::Predict(target) => self.predict(asking, &target, Accepted::Any, line),
            Route::Infer(target) => self.predict(asking, &target, Accepted::TensorsOnly, line),
            Route::Server => json(&Server::new()),
            Route::Live | Route::Ready => json(&Health::good()),
            Route::Model(target) => json(&Model::of(self.find(request, &target, line)?)),
            Route::ModelReady(target) => json(&ModelReady::of(self.find(request, &target, line)?)),
            Route::ProtectedResource => match &self.config.protected_resource {
                Some(resource) => json(resource),
                None => Err(RouteError::Unknown.into()),
            },
            Route::Models => json(&Models::of(self.visible(request))),
            Route::OpenApi => self.openapi(request),
            Route::ModelNames => json(&Names::of(self.visible(request))),
            Route::Statistics(target) => json(&self.statistics(request, &target, line)?),
            Route::Configuration(target) => {
                json(&Configuration::of(self.find(request, &target, line)?))
            }
            Route::Index => self.index(request),
            Route::Load | Route::Unload => Err(Failure::NotLoadable),
            Route::Ping => json(&Health::good()),
            Route::Invocations => {
                self.predict(asking, &Target::default(), Accepted::Invocations, line)
            }
            Route::Serving(route) => self.serving(asking, route, line),
        }
    }

    fn serving(
        &self,
        asking: Asking<'_>,
        route: Serving,
        line: &mut Line<'_>,
    ) -> Result<Answer, Failure> {
        let request = asking.request;
        match route {
            Serving::Predict(target) => self.predict(asking, &target, Accepted::Serving, line),
            Serving::Unserved(what) => Err(what.into()),
            Serving::Models => json(&serving::Names::of(self.visible(request))),
            Serving::Status(target) => {
                let found = self.find(request, &target, line)?;
                json(&serving::Status::of(found, target.version.is_some()))
            }
            Serving::Metadata(target) => {
                json(&serving::Metadata::of(self.find(request, &target, line)?))
            }
        }
    }

    fn openapi(&self, request: &Request<'_>) -> Result<Answer, Failure> {
        let visible = self.visible(request);
        let config = &self.config;
        let on_this_host = match request.prefix() {
            "" => "/",
            prefix => prefix,
        };
        let api = Api {
            server: config.public_base_url.as_deref().unwrap_or(on_this_host),
            issuer: config.issuer.as_deref(),
            has_metadata: config.protected_resource.is_some(),
            default_model: visible.default_model(),
        };
        let versions = visible.models().flat_map(Entry::all);
        let described = versions.map(|version| {
            let limits = self.limits(request, version)?;
            Ok(Described { version, limits })
        });
        let described: Result<Vec<_>, LimitError> = described.collect();
        json(&openapi::document(&api, &described?).map_err(Failure::Write)?)
    }

    fn index(&self, request: &Request<'_>) -> Result<Answer, Failure> {
        let limits = self.config.limits.clone();
        let limits = limits.narrowed(Some(LONGEST_INDEX_QUESTION), None);
        let body = match prediction::body(request, &limits) {
            Err(Failure::Body(BodyError::Missing)) => Cow::default(),
            body => body?,
        };
        if Indexed::is_asked(&body) {
            json(&Indexed::all(self.visible(request)))
        } else {
            Err(Failure::NotIndex)
        }
    }

    /// Of one version, of all versions of a model, or of all models.
    fn statistics<'a>(
        &'a self,
        request: &'a Request<'_>,
        target: &Target,
        line: &mut Line<'_>,
    ) -> Result<ModelStatistics<'a>, Failure> {
        let versions: Vec<_> = match target {
            Target { model: None, .. } => {
                let models = self.visible(request).models();
                models.flat_map(Entry::all).collect()
            }
            Target { version: None, .. } => {
                let found = self.find(request, target, line)?;
                found.entry.all().collect()
            }
            Target { .. } => vec![self.find(request, target, line)?],
        };
        Ok(ModelStatistics::of(versions.into_iter()))
    }

    fn visible<'a>(&'a self, request: &'a Request<'_>) -> Visible<'a> {
        let caller = request.caller.as_ref();
        self.repository.visible(caller, &self.config.grants)
    }

    fn find<'a>(
        &'a self,
        request: &'a Request<'_>,
        target: &Target,
        line: &mut Line<'_>,
    ) -> Result<Version<'a>, Failure> {
        let visible = self.visible(request);
        let found = visible.find(target.model.as_deref(), target.version.as_deref())?;
        line.model = Some(found.entry.name.clone());
        line.version = Some(found.number.to_string());
        Ok(found)
    }

    /// The model's limits, where they are not narrower for the caller.
    fn limits(&self, request: &Request<'_>, version: Version<'_>) -> Result<Limits, LimitError> {
        let limits = version.entry.limits.clone();
        let members = &self.config.caller_limits;
        let own = |member: &Option<String>| match (&request.caller, member) {
            (Some(caller), Some(member)) => caller.limit(member),
            (None, _) | (_, None) => Ok(None),
        };
        Ok(limits.narrowed(own(&members.body_bytes)?, own(&members.rows)?))
    }

    fn predict(
        &self,
        asking: Asking<'_>,
        target: &Target,
        accepted: Accepted,
        line: &mut Line<'_>,
    ) -> Result<Answer, Failure> {
        let Asking { request, deadline } = asking;
        let started = Instant::now();
        let version = self.find(request, target, line)?;
        let asked = Asked {
            accepted,
            limits: self.limits(request, version)?,
            deadline,
        };
        let answered = prediction::answered(version, request, &asked, line);
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
