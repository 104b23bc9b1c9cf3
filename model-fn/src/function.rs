//! The function: started once, then asked one event at a time, from any number of threads.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use serde_json::json;

use crate::Config;
use crate::caller::LimitError;
use crate::coding::Acceptable;
use crate::current::{Current, start_lines};
use crate::deadline::Deadline;
use crate::event::{self, BodyError, EventError, Request};
use crate::failure::{Failure, status};
use crate::log::{self, Line, Milliseconds};
use crate::metadata::{
    Configuration, Health, Indexed, Model, ModelReady, ModelStatistics, Models, Names, Server,
    serving,
};
use crate::openapi::{self, Api, Described};
use crate::pipeline::Pipeline;
use crate::prediction::{self, Asked};
use crate::protocol::{Accepted, Limits, embeddings};
use crate::reply::{Answer, ErrorShape, Outcome, Reply};
use crate::repository::{Entry, Found, Repository, Unavailable, Version, Visible, Wanted};
use crate::route::{Route, RouteError, Serving, Target};

/// The model function with all its models loaded, run and found right.
#[derive(Debug)]
pub struct ModelFunction {
    current: Current,
    config: Config,
    /// When it began to serve, in seconds since 1970.
    since: u64,
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

/// A request, until when it must be answered, and of which models.
#[derive(Clone, Copy)]
struct Asking<'a> {
    request: &'a Request<'a>,
    deadline: Deadline,
    /// The same for all of the request, whatever comes meanwhile.
    repository: Result<&'a Repository, &'a Unavailable>,
}

/// Everything that keeps the function from starting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .problems.join("\n"))]
pub struct StartError {
    /// One line each, causes included.
    pub problems: Vec<String>,
}

impl ModelFunction {
    /// Loads every model, or the default one alone, runs it and compares its answers with those recorded.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let started = Instant::now();
        let current = Current::start(&config)?;
        let warnings = [
            (config.allow_unauthenticated, UNAUTHENTICATED),
            (config.trust_direct_invoke, DIRECT),
        ];
        let warnings = warnings.iter().filter(|(is_set, _)| *is_set);
        let warning = |(_, message): &(bool, &str)| json!({"event": "warning", "message": message});
        let mut start_log: Vec<_> = warnings.map(|one| warning(one).to_string()).collect();
        start_log.extend(current.lines());
        let served = current.get(Some(Duration::ZERO), now()).ok();
        let took = started.elapsed();
        start_log.extend(start_lines(served.as_deref(), &config, took, now()));
        Ok(Self {
            current,
            config,
            since: now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default()
                .as_secs(),
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
            function_name: &self.config.function_name,
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
        let is_openai = |(request, _): &(Request<'_>, bool)| Route::is_of_openai(&request.path);
        let shape = if request.as_ref().is_ok_and(is_openai) {
            ErrorShape::OpenAi
        } else {
            ErrorShape::Ours
        };
        let for_pages = request.as_ref().ok();
        let for_pages = for_pages.map(|(request, _)| self.config.cors.headers(request));
        let answered = request
            .map_err(Failure::from)
            .and_then(|(request, _)| self.answer(&request, deadline, &mut line));
        let reply = match answered {
            Ok(reply) => reply,
            Err(failure) => {
                line.code = Some(failure.code());
                line.reason = failure.reason();
                debug_assert!(status(&failure) >= 400, "{failure} is a failure");
                Reply::failure(&failure, shape)
            }
        };
        let reply = reply.with(for_pages.unwrap_or_default());
        line.status = reply.status_code;
        line.duration_ms = Milliseconds::since(started);
        let mut log = line.texts(now());
        log.extend(self.current.lines());
        Outcome {
            reply,
            is_direct,
            log,
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
        if let Some(allowed) = self.config.cors.preflight(request) {
            return allowed.map(|()| Reply::empty()).map_err(Failure::from);
        }
        let route = Route::find(&request.method, &request.path);
        line.route = route.as_ref().ok().map(Route::template);
        // Before anything is said of routes and models: without an authorizer there is only what is open.
        let is_open = route.as_ref().is_ok_and(Route::is_open);
        let is_direct = self.config.trust_direct_invoke && request.is_of_function_url;
        let is_trusted = self.config.allow_unauthenticated || is_direct;
        if !(is_open || request.caller.is_some() || is_trusted) {
            return Err(Failure::Unauthenticated);
        }
        let route = route?;
        let started = Instant::now();
        let patience = match route.needs_models() {
            true => deadline.patience(started),
            false => Some(Duration::ZERO),
        };
        let served = self.current.get(patience, now());
        let asking = Asking {
            request,
            deadline,
            repository: served.as_ref().map(|served| &served.repository),
        };
        let answer = self.routed(asking, route, line)?;
        let acceptable = Acceptable::of(&request.header_list("accept-encoding"));
        Reply::success(answer, acceptable, &self.config.limits)
    }

    fn routed(
        &self,
        asking: Asking<'_>,
        route: Route,
        line: &mut Line<'_>,
    ) -> Result<Answer, Failure> {
        match route {
            Route::Predict(target) => self.predict(asking, &target, Accepted::Any, line),
            Route::Infer(target) => self.predict(asking, &target, Accepted::TensorsOnly, line),
            Route::Server => json(&Server::new()),
            Route::Live => json(&Health::of(asking.repository.is_ok())),
            Route::Ready | Route::Ping => {
                asking.repository()?;
                json(&Health::of(true))
            }
            Route::Model(target) => {
                self.told(asking, &target, line, |version| json(&Model::of(version)))
            }
            Route::ModelReady(target) => self.told(asking, &target, line, |version| {
                json(&ModelReady::of(version))
            }),
            Route::ProtectedResource => match &self.config.protected_resource {
                Some(resource) => json(resource),
                None => Err(RouteError::Unknown.into()),
            },
            Route::Models => {
                let visible = self.visible(asking)?;
                json(&Models::of(visible.default_model(), &visible.shown()))
            }
            Route::OpenApi => self.openapi(asking),
            Route::ModelNames => json(&Names::of(self.visible(asking)?)),
            Route::Statistics(target) => json(&self.statistics(asking, &target, line)?),
            Route::Configuration(target) => self.told(asking, &target, line, |version| {
                json(&Configuration::of(version))
            }),
            Route::Index => self.index(asking),
            Route::Load | Route::Unload => Err(Failure::NotLoadable),
            Route::Embeddings => {
                let limits = self.narrowed(asking.request, &self.config.limits)?;
                // Not kept: it is read again with the limits of the model.
                let model = embeddings::model(&prediction::body(asking.request, &limits)?)?;
                let target = Target {
                    model,
                    ..Target::default()
                };
                self.predict(asking, &target, Accepted::Embeddings, line)
            }
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
        match route {
            Serving::Predict(target) => self.predict(asking, &target, Accepted::Serving, line),
            Serving::Unserved(what) => Err(what.into()),
            Serving::Models => json(&serving::Names::of(self.visible(asking)?, self.since)),
            Serving::Status(target) => {
                let found = self.find(asking, &target, line)?;
                let repository = asking.repository()?;
                let state = |found| repository.state(found);
                let is_named = wanted(&target) != Wanted::Default;
                json(&serving::Status::of(found, is_named, state))
            }
            Serving::Metadata(target) => self.told(asking, &target, line, |version| {
                json(&serving::Metadata::of(version))
            }),
        }
    }

    fn openapi(&self, asking: Asking<'_>) -> Result<Answer, Failure> {
        let visible = self.visible(asking)?;
        let config = &self.config;
        let on_this_host = match asking.request.prefix() {
            "" => "/",
            prefix => prefix,
        };
        let api = Api {
            server: config.public_base_url.as_deref().unwrap_or(on_this_host),
            issuer: config.issuer.as_deref(),
            has_metadata: config.protected_resource.is_some(),
            default_model: visible.default_model(),
            models: visible
                .models()
                .map(|entry| (entry.name.as_str(), entry.versions()))
                .collect(),
        };
        let versions = visible.models().flat_map(Entry::all);
        let running = versions.filter_map(|found| Some((found, found.running()?)));
        let running: Vec<_> = running.collect();
        let described = running.iter().map(|(found, model)| {
            let limits = self.limits(asking.request, *found)?;
            let version = found.with(model);
            Ok(Described { version, limits })
        });
        let described: Result<Vec<_>, LimitError> = described.collect();
        json(&openapi::document(&api, &described?).map_err(Failure::Write)?)
    }

    fn index(&self, asking: Asking<'_>) -> Result<Answer, Failure> {
        let limits = self.config.limits.clone();
        let limits = limits.narrowed(Some(LONGEST_INDEX_QUESTION), None);
        let body = match prediction::body(asking.request, &limits) {
            Err(Failure::Body(BodyError::Missing)) => Cow::default(),
            body => body?,
        };
        let only_ready = Indexed::asked(&body).ok_or(Failure::NotIndex)?;
        json(&Indexed::all(self.visible(asking)?, only_ready))
    }

    /// Of one version, of all versions of a model, or of all models.
    fn statistics<'a>(
        &'a self,
        asking: Asking<'a>,
        target: &Target,
        line: &mut Line<'_>,
    ) -> Result<ModelStatistics<'a>, Failure> {
        let versions: Vec<_> = match target {
            Target { model: None, .. } => {
                let models = self.visible(asking)?.models();
                models.flat_map(Entry::all).collect()
            }
            Target { version: None, .. } => {
                let found = self.find(asking, target, line)?;
                found.entry.all().collect()
            }
            Target { .. } => vec![self.find(asking, target, line)?],
        };
        Ok(ModelStatistics::of(versions.into_iter()))
    }

    fn visible<'a>(&'a self, asking: Asking<'a>) -> Result<Visible<'a>, Unavailable> {
        let caller = asking.request.caller.as_ref();
        Ok(asking.repository()?.visible(caller, &self.config.grants))
    }

    fn find<'a>(
        &'a self,
        asking: Asking<'a>,
        target: &Target,
        line: &mut Line<'_>,
    ) -> Result<Found<'a>, Failure> {
        let visible = self.visible(asking)?;
        let found = visible.find(target.model.as_deref(), wanted(target))?;
        line.model = Some(found.entry.name.clone());
        line.version = Some(found.number.to_string());
        Ok(found)
    }

    /// What a version tells, loaded for it if it must be.
    fn told(
        &self,
        asking: Asking<'_>,
        target: &Target,
        line: &mut Line<'_>,
        tell: impl FnOnce(Version<'_>) -> Result<Answer, Failure>,
    ) -> Result<Answer, Failure> {
        let found = self.find(asking, target, line)?;
        let model = asking.model(found, line)?;
        tell(found.with(&model))
    }

    /// The model's limits, where they are not narrower for the caller.
    fn limits(&self, request: &Request<'_>, found: Found<'_>) -> Result<Limits, LimitError> {
        self.narrowed(request, &found.entry.limits)
    }

    /// These limits, where they are not narrower for the caller.
    fn narrowed(&self, request: &Request<'_>, limits: &Limits) -> Result<Limits, LimitError> {
        let members = &self.config.caller_limits;
        let own = |member: &Option<String>| match (&request.caller, member) {
            (Some(caller), Some(member)) => caller.limit(member),
            (None, _) | (_, None) => Ok(None),
        };
        let limits = limits.clone();
        Ok(limits.narrowed(own(&members.body_bytes)?, own(&members.rows)?))
    }

    fn predict(
        &self,
        asking: Asking<'_>,
        target: &Target,
        accepted: Accepted,
        line: &mut Line<'_>,
    ) -> Result<Answer, Failure> {
        let request = asking.request;
        let found = self.find(asking, target, line)?;
        let asked = Asked {
            accepted,
            limits: self.limits(request, found)?,
            deadline: asking.deadline,
        };
        let model = asking.model(found, line)?;
        let started = Instant::now();
        let version = found.with(&model);
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

impl<'a> Asking<'a> {
    fn repository(self) -> Result<&'a Repository, Unavailable> {
        self.repository.map_err(Clone::clone)
    }

    /// The model of a version, as soon as it is loaded.
    fn model(self, found: Found<'_>, line: &mut Line<'_>) -> Result<Arc<Pipeline>, Failure> {
        let (started, is_running) = (Instant::now(), found.is_running());
        let patience = self.deadline.patience(started);
        let model = self.repository()?.model(found, patience, now());
        if !is_running {
            line.load_ms = Some(Milliseconds::since(started));
        }
        Ok(model?)
    }
}

fn wanted(target: &Target) -> Wanted<'_> {
    let label = target.label.as_deref().map(Wanted::Label);
    let version = target.version.as_deref().map(Wanted::Version);
    label.or(version).unwrap_or(Wanted::Default)
}

/// The time on the wall: statistics say when the last request came.
fn now() -> SystemTime {
    #[expect(clippy::disallowed_methods, reason = "this is the edge")]
    SystemTime::now()
}

fn json(document: &impl Serialize) -> Result<Answer, Failure> {
    let text = serde_json::to_string(document).map_err(Failure::Write)?;
    Ok(Answer::json(text))
}
