//! The function as Lambda runs it: configuration, start, then one event after the other.

use std::convert::Infallible;
use std::process::ExitCode;

use anyhow::Result;
use lambda_runtime::{LambdaEvent, service_fn};
use model_fn::{Config, ModelFunction, Reply};
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
        async |event: LambdaEvent<Box<RawValue>>| -> Result<Reply, Infallible> {
            let outcome = function.handle(event.payload.get(), &event.context.request_id);
            print(&outcome.log);
            Ok(outcome.reply)
        },
    );
    lambda_runtime::run(service)
        .await
        .map_err(|error| anyhow::anyhow!(error))
}

/// The log is read line by line from the standard output.
#[expect(
    clippy::print_stdout,
    reason = "the log of a Lambda function is its standard output"
)]
fn print(lines: &[String]) {
    lines.iter().for_each(|line| println!("{line}"));
}
