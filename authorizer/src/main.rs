//! The Lambda function `authorizer`: environment in, events in, answers and log lines out.

use std::io::Write;

use anyhow::Context;
use authorizer::{Authorizer, Config, HandleError};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::value::RawValue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location();
        let place = place.map(|place| format!("{}:{}", place.file(), place.line()));
        // Not with which words: they may quote a token.
        let line = serde_json::json!({"event": "panic", "place": place});
        let _ = writeln!(std::io::stderr(), "{line}");
    }));
    let config = Config::load(environment)?;
    let authorizer = Authorizer::start(config).await?;
    print(&authorizer.log);
    let authorizer = &authorizer;
    let handler = service_fn(move |event: LambdaEvent<Box<RawValue>>| async move {
        let outcome = authorizer
            .handle(event.payload.get(), &event.context.request_id)
            .await;
        print(&outcome.log);
        outcome.answer.map_err(Failure)
    });
    lambda_runtime::run(handler)
        .await
        .map_err(|error| anyhow::anyhow!(error))
        .context("the Lambda runtime stopped")
}

/// An error of the handler in the runtime's words.
#[derive(Debug)]
struct Failure(HandleError);

impl From<Failure> for Diagnostic {
    fn from(Failure(error): Failure) -> Self {
        let kind = match &error {
            HandleError::Unauthorized => "Unauthorized",
            HandleError::Unavailable(outage) => outage.error_type(),
            HandleError::Event(_) => "UnknownEvent",
            HandleError::Answer(_) => "SimpleAnswer",
        };
        Self {
            error_type: kind.to_owned(),
            error_message: error.to_string(),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place of this program that reads the environment"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A log that cannot be written is no reason to refuse or to allow.
fn print(lines: &[String]) {
    let mut out = std::io::stdout().lock();
    for line in lines {
        let _ = writeln!(out, "{line}");
    }
}
