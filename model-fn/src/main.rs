//! The function as Lambda runs it: configuration, start, then one event after the other, or several at once where
//! an execution environment is given several (Lambda Managed Instances).

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use model_fn::engine::STACK;
use model_fn::{Config, Invocation, ModelFunction, Payload};
use serde_json::value::RawValue;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{}", panicked(panic.location()))
    }));
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Where code of ours or of a library panicked, and not with which words: they may quote what a caller sent.
fn panicked(place: Option<&Location<'_>>) -> String {
    let place = place.map(|place| format!("{}:{}", place.file(), place.line()));
    serde_json::json!({"event": "panic", "place": place}).to_string()
}

fn run() -> Result<()> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the environment is read"
    )]
    let config = Config::load(|name| std::env::var(name).ok())?;
    let concurrency = config.concurrency;
    let function = ModelFunction::start(config)?;
    print(function.start_log());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(concurrency)
        .thread_stack_size(STACK)
        .enable_all()
        .build()?;
    runtime.block_on(serve(Arc::new(function), concurrency > 1))
}

/// One thread asks for events. It answers them too, where they come one by one; where they come together, each has a
/// thread, for an answer is computed and never waits.
async fn serve(function: Arc<ModelFunction>, is_concurrent: bool) -> Result<()> {
    let service = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let function = Arc::clone(&function);
        async move {
            let answer = move || guarded(|| answer(&function, &event.payload, &event.context));
            if !is_concurrent {
                return answer();
            }
            let answered = tokio::task::spawn_blocking(answer).await;
            answered.unwrap_or(Err(Panicked))
        }
    });
    lambda_runtime::run_concurrent(service)
        .await
        .map_err(|error| anyhow::anyhow!(error))
}

/// A panic costs this event, not the process.
#[derive(Debug)]
struct Panicked;

/// Not left to the runtime, which would tell Lambda the panic's words.
fn guarded<T>(answer: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(answer)).map_err(|_| Panicked)
}

impl From<Panicked> for Diagnostic {
    fn from(_: Panicked) -> Self {
        Self {
            error_type: "Panic".to_owned(),
            error_message: "the model function panicked; its log says where".to_owned(),
        }
    }
}

fn answer(function: &ModelFunction, event: &RawValue, context: &Context) -> Payload {
    let invocation = Invocation {
        request_id: &context.request_id,
        time_left: time_left(context.deadline()),
        trace_id: context.xray_trace_id.as_deref(),
    };
    let (payload, log) = function.invoke(event.get(), invocation).into_parts();
    print(&log);
    payload
}

/// Until Lambda ends an invocation; nothing where that was long ago, as with emulators that have no end.
fn time_left(deadline: SystemTime) -> Option<Duration> {
    #[expect(clippy::disallowed_methods, reason = "this is the edge")]
    let now = SystemTime::now();
    match deadline.duration_since(now) {
        Ok(left) => Some(left),
        Err(past) => (past.duration() < Duration::from_secs(3600)).then_some(Duration::ZERO),
    }
}

/// The log is read line by line from the standard output; the lines of one request stay together.
#[expect(
    clippy::print_stdout,
    reason = "the log of a Lambda function is its standard output"
)]
fn print(lines: &[String]) {
    if !lines.is_empty() {
        println!("{}", lines.join("\n"));
    }
}

#[cfg(test)]
#[allow(clippy::panic, reason = "test code")]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_without_its_words() {
        let panicked = guarded(|| panic!("what a caller sent"));
        let failure = panicked
            .map(|()| "an answer")
            .expect_err("a panic is no answer");
        let told = Diagnostic::from(failure);
        assert_eq!(told.error_type, "Panic");
        assert_eq!(
            told.error_message,
            "the model function panicked; its log says where"
        );
    }
}
