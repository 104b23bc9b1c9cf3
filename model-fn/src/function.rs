//! The function: started once, then asked one event at a time, from any number of threads.

use std::borrow::Cow;
use std::error::Error;
use std::time::Instant;

use serde::Serialize;
use serde_json::json;

use crate::Config;
use crate::coding::{Acceptable, Coding};
use crate::event::{self, Request};
use crate::failure::{Failure, status};
use crate::log::{Line, Milliseconds};
use crate::media::{self, Choice};
use crate::metadata::{Health, Model, ModelReady, Models, Server, serving};
use crate::protocol::{
    self, Accepted, Dialect, Format, InputError, Limits, Question, Served, Written,
};
use crate::reply::{Answer, Body, Outcome, Reply};
use crate::repository::{Repository, Version};
use crate::route::{Route, RouteError, Serving, Target};
use crate::source;

/// How long the JSON in front of binary data is.
const HEADER_LENGTH: &str = "inference-header-content-length";

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
        let version = self.find(target, line)?;
        let specification = version.model.specification();

        let parsing = Instant::now();
        let (format, mut question) = read(request, version, accepted)?;
        line.dialect = Some(question.dialect.name());
        line.rows = Some(question.rows);
        line.parse_ms = Some(Milliseconds::since(parsing));

        let choice = match question.dialect {
            Dialect::Tensors => Choice::JSON,
            Dialect::Rows | Dialect::Columns | Dialect::Invoked => {
                media::choose(&request.header_list("accept"), format)?
            }
        };
        if let Some(output) = &choice.output {
            question.select(output, &specification.outputs)?;
        }

        let running = Instant::now();
        let outputs = version.model.run(std::mem::take(&mut question.inputs));
        line.run_ms = Some(Milliseconds::since(running));
        let outputs = outputs?;

        let writing = Instant::now();
        let number = version.number.to_string();
        let served = Served {
            model: &version.entry.name,
            version: &number,
            outputs: &specification.outputs,
            labels: &version.entry.description.labels,
        };
        let written = protocol::write_as(choice.form, served, &question, &outputs)?;
        line.write_ms = Some(Milliseconds::since(writing));
        Ok(answered(written, choice))
    }
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

/// The question of a request, and the format it came in.
fn read(
    request: &Request<'_>,
    version: Version<'_>,
    accepted: Accepted,
) -> Result<(Format, Question), Failure> {
    let limits = &version.entry.limits;
    let specification = version.model.specification();
    let header_length = request.header_list(HEADER_LENGTH);
    // Clients of the binary tensor extension say what they send by this header alone.
    if !header_length.is_empty() {
        if accepted == Accepted::Serving {
            return Err(InputError::NotValues.into());
        }
        let body = body(request, limits)?;
        let question = protocol::read_binary(&body, &header_length, specification, limits)?;
        return Ok((Format::Json, question));
    }
    let format = format(request)?;
    let body = body(request, limits)?;
    let question = protocol::read_as(format, &body, specification, limits, accepted)?;
    Ok((format, question))
}

fn answered(written: Written, choice: Choice) -> Answer {
    match written {
        Written::Json(text) | Written::Text(text) => Answer::text(text, choice.content_type),
        Written::Array(body) => Answer {
            content_type: choice.content_type,
            headers: Vec::new(),
            body: Body::Bytes(body),
        },
        Written::Binary { header_bytes, body } => Answer {
            content_type: "application/octet-stream",
            headers: vec![(HEADER_LENGTH, header_bytes.to_string())],
            body: Body::Bytes(body),
        },
    }
}

/// The body as it was before it was compressed.
fn body<'a>(request: &'a Request<'_>, limits: &Limits) -> Result<Cow<'a, [u8]>, Failure> {
    let coding = Coding::of(&request.header_list("content-encoding"))?;
    let body = request.body(limits.body_bytes)?;
    match coding {
        Some(coding) => Ok(coding.decode(&body, limits.decoded_bytes)?.into()),
        None => Ok(body),
    }
}

/// The format of the body, by what the caller says of it.
fn format(request: &Request<'_>) -> Result<Format, Failure> {
    let given = request.header("content-type").unwrap_or_default();
    media::format(given).ok_or_else(|| {
        let media_type = given.trim().to_ascii_lowercase();
        Failure::ContentType(media_type)
    })
}
