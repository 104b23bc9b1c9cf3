//! The AWS SAM CLI, with the defaults of `samconfig.toml`.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process::Process;
use crate::setup;
use crate::shared::Shared;

/// The part that it is installed as.
pub const PART: &str = "sam";
/// The part that `sam build` compiles with.
pub const BUILDER: &str = "cargo-lambda";
/// What the emulator takes an unsigned request for.
pub const REGION: &str = "us-east-1";

/// From nothing it takes ten minutes of both processors of a small machine.
const BUILD: Duration = Duration::from_secs(45 * 60);

/// What `sam build` made: a template, and a folder for each function and layer.
#[derive(Debug)]
pub struct Build {
    /// Where it is.
    pub folder: PathBuf,
    /// How long it took: most of it is the compiler's, if there was something to compile.
    pub took: Duration,
}

/// The shared build, made at the first call.
pub fn build() -> Result<&'static Build> {
    static SHARED: Shared<Build> = Shared::new(|| Build::make("sam"));
    SHARED.get()
}

impl Build {
    /// Builds into a folder of this name, beside what the compiler makes: a user's own
    /// `.aws-sam/build` stays as it is.
    pub fn make(name: &str) -> Result<Self> {
        let folder = setup::repository().join("target").join(name);
        let started = Instant::now();
        run(sam()?.arg("build").arg("--build-dir").arg(&folder), BUILD)?;
        Ok(Self {
            folder,
            took: started.elapsed(),
        })
    }

    /// The program of a function.
    pub fn bootstrap(&self, function: &str) -> PathBuf {
        self.folder.join(function).join("bootstrap")
    }

    /// The template, with the functions' folders for `CodeUri`.
    pub fn template(&self) -> PathBuf {
        self.folder.join("template.yaml")
    }
}

/// The command `sam` in the repository's folder, without the accounts and regions of whoever runs it.
pub fn sam() -> Result<Command> {
    let mut command = Command::new(
        setup::part(PART)
            .context("SAM is not installed")?
            .join("bin/sam"),
    );
    command
        .current_dir(setup::repository())
        .env("PATH", builder_path()?);
    for name in [
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_SESSION_TOKEN",
        "AWS_ENDPOINT_URL",
    ] {
        command.env_remove(name);
    }
    let settings = [
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("SAM_CLI_TELEMETRY", "0"),
    ];
    command.envs(settings);
    Ok(command)
}

/// The search path with `cargo-lambda` on it, and the Python that knows its compiler, Zig.
pub fn builder_path() -> Result<OsString> {
    let builder = setup::part(BUILDER)
        .context("cargo-lambda is not installed")?
        .join("bin");
    let inherited = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths(
        [builder].into_iter().chain(env::split_paths(&inherited)),
    )?)
}

/// Runs a command to its end and gives its standard output; an error shows all it printed.
pub fn run(command: &mut Command, limit: Duration) -> Result<String> {
    let process = Process::start(command)?;
    let status = process.wait(limit)?;
    ensure!(
        status.success(),
        "it ended with {status}:\n{}",
        process.log()
    );
    Ok(process.stdout())
}

/// A script beside this file, for the Python that has the emulator's packages.
pub fn python(script: &str) -> Result<Command> {
    let part = setup::part(crate::ministack::PART).context("MiniStack is not installed")?;
    let mut command = Command::new(part.join("bin/python"));
    command
        .arg(Path::new("tests/e2e").join(script))
        .current_dir(setup::repository());
    command.env("AWS_DEFAULT_REGION", REGION);
    Ok(command)
}
