//! The function as Lambda runs it: configuration, start, then one event after the other.

use std::convert::Infallible;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use lambda_runtime::{LambdaEvent, service_fn};
use model_fn::{Config, Invocation, ModelFunction, Payload};
use serde_json::value::RawValue;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the environment is read"
    )]
    let config = Config::load(|name| std::env::var(name).ok())?;
    let function = ModelFunction::start(config)?;
    print(function.start_log());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(&function))
}

async fn serve(function: &ModelFunction) -> Result<()> {
    let service = service_fn(
        async |event: LambdaEvent<Box<RawValue>>| -> Result<Payload, Infallible> {
            let context = &event.context;
            let invocation = Invocation {
                request_id: &context.request_id,
                time_left: time_left(context.deadline()),
                trace_id: context.xray_trace_id.as_deref(),
            };
            let outcome = function.invoke(event.payload.get(), invocation);
            let (payload, log) = outcome.into_parts();
            print(&log);
            Ok(payload)
        },
    );
    lambda_runtime::run(service)
        .await
        .map_err(|error| anyhow::anyhow!(error))
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

/// The log is read line by line from the standard output.
#[expect(
    clippy::print_stdout,
    reason = "the log of a Lambda function is its standard output"
)]
fn print(lines: &[String]) {
    lines.iter().for_each(|line| println!("{line}"));
}
