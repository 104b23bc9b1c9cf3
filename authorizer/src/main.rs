//! The Lambda function `authorizer`: environment in, events in, answers and log lines out.

use std::io::Write;
use std::panic::AssertUnwindSafe;

use anyhow::Context;
use authorizer::{Authorizer, Config, HandleError};
use futures_util::FutureExt;
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
        let handled = authorizer.handle(event.payload.get(), &event.context.request_id);
        let outcome = guarded(handled).await?;
        print(&outcome.log);
        outcome.answer.map_err(Failure::Refused)
    });
    lambda_runtime::run(handler)
        .await
        .map_err(|error| anyhow::anyhow!(error))
        .context("the Lambda runtime stopped")
}

/// A panic costs this event, not the process. Not left to the runtime, which would tell Lambda the panic's words.
async fn guarded<T>(handled: impl Future<Output = T>) -> Result<T, Failure> {
    let handled = AssertUnwindSafe(handled).catch_unwind().await;
    handled.map_err(|_| Failure::Panicked)
}

/// Why there is no answer.
#[derive(Debug)]
enum Failure {
    Refused(HandleError),
    Panicked,
}

/// An error of the handler in the runtime's words.
impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let (kind, message) = match &failure {
            Failure::Panicked => (
                "Panic",
                "the authorizer panicked; its log says where".to_owned(),
            ),
            Failure::Refused(error) => (error_type(error), error.to_string()),
        };
        Self {
            error_type: kind.to_owned(),
            error_message: message,
        }
    }
}

fn error_type(error: &HandleError) -> &'static str {
    match error {
        HandleError::Unauthorized => "Unauthorized",
        HandleError::Unavailable(outage) => outage.error_type(),
        HandleError::Event(_) => "UnknownEvent",
        HandleError::Answer(_) => "SimpleAnswer",
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

#[cfg(test)]
#[allow(clippy::panic, reason = "test code")]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_panic_is_an_error_without_its_words() {
        let panicked = guarded(async { panic!("eyJhbGciOiJub25lIn0") }).await;
        let failure = panicked
            .map(|()| "an answer")
            .expect_err("a panic is no answer");
        let told = Diagnostic::from(failure);
        assert_eq!(told.error_type, "Panic");
        assert_eq!(
            told.error_message,
            "the authorizer panicked; its log says where"
        );
    }
}
