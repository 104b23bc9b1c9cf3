//! A contender as a running program behind the Runtime API.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use runtime_api::RuntimeApi;

/// Who answers.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// The program of the model function.
    Function(PathBuf),
    /// The handler of `peers/python`, in this environment.
    Python(PathBuf),
}

/// A started program; it ends with this value.
pub(crate) struct Running {
    api: RuntimeApi,
    child: Child,
}

/// For any answer.
const LIMIT: Duration = Duration::from_secs(60);

impl Running {
    /// Starts a contender with this model, in a folder of its own in a folder of its own.
    pub(crate) fn start(kind: &Kind, model: &Path) -> Result<Self> {
        let api = RuntimeApi::start()?;
        let repository = model
            .ancestors()
            .nth(2)
            .context("the model has a repository")?;
        let mut command = match kind {
            Kind::Function(program) => Command::new(program),
            Kind::Python(environment) => {
                let mut command = Command::new(environment.join("bin/python"));
                command.args(["-m", "awslambdaric", "handler.handler"]);
                command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/python"));
                command.env("PYTHONDONTWRITEBYTECODE", "1");
                command
            }
        };
        command
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")
            .env("MODEL_SOURCE", repository)
            .env("MODEL", model)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command
            .spawn()
            .with_context(|| format!("{kind:?} does not start"))?;
        Ok(Self { api, child })
    }

    /// The answer to an event.
    pub(crate) fn ask(&self, event: &str) -> Result<String> {
        let answer = self.api.invoke(event, LIMIT).wait(LIMIT)?;
        ensure!(!answer.is_error, "an error: {}", answer.body);
        // It asks for the next one when it is done with this.
        self.api.wait_for_polls(1, LIMIT)?;
        Ok(answer.body)
    }

    /// The processor's time that its threads have had.
    pub(crate) fn milliseconds(&self) -> Result<f64> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id()))?;
        let mut nanoseconds = 0_u64;
        for thread in threads {
            let text = fs::read_to_string(thread?.path().join("schedstat"))?;
            let number = text.split(' ').next().unwrap_or_default();
            nanoseconds += number.parse::<u64>()?;
        }
        Ok(nanoseconds as f64 / 1e6)
    }

    /// The most memory that it has had.
    pub(crate) fn megabytes(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        let kilobytes: f64 = number.context("no VmHWM")?.parse()?;
        Ok(kilobytes * 1024.0 / 1e6)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
