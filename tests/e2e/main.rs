//! Black-box tests: the real programs against real issuers and the emulated AWS.
//!
//! Parts that are slow to start (Keycloak, the second issuer, the emulator) start when the first
//! case needs them and are shared. `tests/run` installs them and builds the programs.

#![expect(
    unreachable_pub,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a program's `pub` is for its other modules, and clippy's exceptions for tests know the usual harness alone"
)]

mod answering;
mod apply;
mod browser;
mod case;
mod cases;
mod claims;
mod deploy;
mod gateway;
mod http;
mod keycloak;
mod ministack;
mod node;
mod package;
mod process;
mod recorded;
mod relay;
mod sam;
mod second_issuer;
mod secrets;
mod setup;
mod shared;
mod template;
mod watch;

use std::process::ExitCode;

use anyhow::{Result, anyhow};
use libtest_mimic::{Arguments, Trial};

fn main() -> Result<ExitCode> {
    let arguments = Arguments::from_args();
    // Shared parts are never dropped, but what they leave in this folder goes with it.
    let scratch = tempfile::tempdir()?;
    tempfile::env::override_temp_dir(scratch.path())
        .map_err(|_| anyhow!("another folder is set"))?;
    process::stop_all_on_signal();
    let conclusion = libtest_mimic::run(&arguments, trials());
    process::stop_all();
    scratch.close()?;
    Ok(conclusion.exit_code())
}

/// Every case: a module lists its own in `trials`.
fn trials() -> Vec<Trial> {
    [
        cases::trials(),
        template::trials(),
        secrets::trials(),
        package::trials(),
        deploy::trials(),
        watch::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
