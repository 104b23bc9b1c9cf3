//! The command `tollgate`: reads command line and environment, runs the verb, reports every problem
//! on standard error.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use tokio::runtime::Runtime;
use tollgate::cli::{Cli, KeycloakVerb, Verb};
use tollgate::{chain, dev, explain, inspect, keycloak, token, verify};

/// How long a model that still runs may hold up the end of the process.
const LAST_WAIT: Duration = Duration::from_secs(1);
/// What `--exit-code` ends with where something differs: 1 is for failures.
const DIFFERS: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&[&error]),
    };
    let code = match cli.verb.unwrap_or(Verb::Dev(Box::new(cli.dev))) {
        Verb::Dev(options) => match runtime.block_on(dev::run(&options, &environment)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(problems) => failed(
                &problems
                    .iter()
                    .map(|problem| problem as &dyn Error)
                    .collect::<Vec<_>>(),
            ),
        },
        Verb::Token(options) => match runtime.block_on(token::run(&options, &environment)) {
            Ok(token) => print(&token),
            Err(error) => failed(&[&error]),
        },
        Verb::Explain(options) => match runtime.block_on(explain::run(&options, &environment)) {
            Ok(text) => print(&text),
            Err(error) => failed(&[&error]),
        },
        Verb::Inspect(options) => match inspect::run(&options) {
            Ok((text, true)) => print(&text),
            Ok((text, false)) => {
                print(&text);
                ExitCode::FAILURE
            }
            Err(error) => failed(&[&error]),
        },
        Verb::UsageKey(options) => print(&authorizer::usage_key(&options.client)),
        Verb::Keycloak(KeycloakVerb::Apply(options)) => {
            match runtime.block_on(keycloak::run(&options, &environment)) {
                Ok(outcome) => applied(&outcome),
                Err(error) => failed(&[&error]),
            }
        }
        Verb::Verify(options) => match verify::run(&options) {
            Ok(text) => print(&text),
            Err(error) => failed(&[&error]),
        },
    };
    runtime.shutdown_timeout(LAST_WAIT);
    code
}

/// What was found and done is printed even where something failed afterwards.
fn applied(outcome: &keycloak::Outcome) -> ExitCode {
    let printed = match outcome.text.as_str() {
        "" => ExitCode::SUCCESS,
        text => print(text),
    };
    match (&outcome.failure, outcome.differs) {
        (Some(error), _) => failed(&[error]),
        (None, true) => ExitCode::from(DIFFERS),
        (None, false) => printed,
    }
}

/// The one reading of the environment; a variable that is empty counts as not set.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge: everything else is given this as a function"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn print(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&[&error]),
    }
}

fn failed(errors: &[&dyn Error]) -> ExitCode {
    for error in errors {
        let text = chain(*error);
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        eprintln!("error: {}", lines.join("\n  "));
    }
    ExitCode::FAILURE
}
