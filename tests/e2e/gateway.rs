//! `tollgate dev`, the local gateway, as a process.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::RequestBuilder;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::http::{self, Reply};
use crate::process::Process;
use crate::setup;
use crate::shared::Shared;

/// Far more than it takes, for a machine that builds something else meanwhile.
const READY: Duration = Duration::from_secs(60);

/// A running local gateway.
#[derive(Debug)]
pub struct Gateway {
    /// Where it answers, without a slash at the end.
    pub url: String,
    /// The embedded issuer, or the one it was given.
    pub issuer: String,
    /// From start to the line `ready URL`.
    pub ready_after: Duration,
    /// For its log.
    pub process: Process,
}

impl Gateway {
    /// Starts `tollgate dev` on free ports with more arguments, and waits until it is ready.
    pub fn start(arguments: &[&str]) -> Result<Self> {
        Self::start_with(&mut dev(arguments)?)
    }

    /// Starts a prepared `tollgate dev`, which needs its ports among the arguments.
    pub fn start_with(command: &mut Command) -> Result<Self> {
        let started = Instant::now();
        let process = Process::start(command)?;
        let issuer = process.wait_for_line("issuer ", READY)?;
        let url = process
            .wait_for_line("ready ", READY)?
            .trim_end_matches('/')
            .to_owned();
        Ok(Self {
            url,
            issuer,
            ready_after: started.elapsed(),
            process,
        })
    }

    /// Sends a token that must be refused, and looks into the log for the reason.
    pub fn refuses(&self, token: &str, reason: &str) -> Result<()> {
        self.predict(token)?.expect(401)?;
        self.refused(token, reason)
    }

    /// Looks into the log for the reason why a token has been refused.
    pub fn refused(&self, token: &str, reason: &str) -> Result<()> {
        let digest: String = Sha256::digest(token)
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let log = self.process.stderr();
        let line = log
            .lines()
            .filter(|line| line.contains("\"decision\""))
            .rfind(|line| line.contains(&digest));
        let line = line.with_context(|| format!("no decision on `{digest}` in the log:\n{log}"))?;
        let decision: Value = serde_json::from_str(line)?;
        ensure!(
            decision["decision"] == "refuse",
            "it was not refused: {line}"
        );
        ensure!(
            decision["reason"] == reason,
            "refused, but not as `{reason}`: {line}"
        );
        Ok(())
    }

    /// A token of the embedded issuer.
    pub fn token(&self, scope: &str) -> Result<String> {
        token(&self.issuer, EMBEDDED_CLIENT, EMBEDDED_CLIENT, scope)
    }

    /// `POST` of the default model's example to `/predict`.
    pub fn predict(&self, token: &str) -> Result<Reply> {
        self.post("/predict", Some(token), &example()?)
    }

    /// `POST` of JSON to a path.
    pub fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Result<Reply> {
        http::post_json(&format!("{}{path}", self.url), token, body)
    }

    /// `GET` of a path.
    pub fn get(&self, path: &str, token: Option<&str>) -> Result<Reply> {
        http::get(&format!("{}{path}", self.url), token)
    }

    /// A request to a path, for unusual headers and bodies.
    pub fn request(&self, method: &str, path: &str) -> Result<RequestBuilder> {
        http::request(method, &format!("{}{path}", self.url))
    }
}

/// The shared gateway over the embedded issuer, started at the first call.
pub fn embedded() -> Result<&'static Gateway> {
    static SHARED: Shared<Gateway> = Shared::new(|| Gateway::start(&[]));
    SHARED.get().context("the gateway")
}

/// What `tollgate token` prints for a client whose secret it gets from the environment.
pub fn token(issuer: &str, client: &str, secret: &str, scope: &str) -> Result<String> {
    let mut command = tollgate()?;
    command.args([
        "token",
        "--issuer",
        issuer,
        "--client-id",
        client,
        "--scope",
        scope,
    ]);
    printed_token(command.env("TOLLGATE_CLIENT_SECRET", secret))
}

/// What a command prints, which must be one token and nothing else.
pub fn printed_token(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`tollgate token`: {complaints}");
    let printed = String::from_utf8(output.stdout)?;
    let token = printed.strip_suffix('\n').context("no line")?;
    let is_token = token.split('.').count() == 3 && !token.contains(char::is_whitespace);
    ensure!(
        is_token,
        "`tollgate token` printed more or less than a token: {printed}"
    );
    Ok(token.to_owned())
}

/// `tollgate dev` on free ports, for these arguments: another issuer takes no port.
pub fn dev(arguments: &[&str]) -> Result<Command> {
    let mut command = tollgate()?;
    command.args(["dev", "--port", "0"]);
    if !arguments.contains(&"--issuer") {
        command.args(["--issuer-port", "0"]);
    }
    command.args(arguments);
    Ok(command)
}

/// The command `tollgate`, in the repository's folder, without variables of the caller's that it reads.
pub fn tollgate() -> Result<Command> {
    let mut command = Command::new(setup::program("tollgate")?);
    command.current_dir(setup::repository());
    for name in VARIABLES {
        command.env_remove(name);
    }
    Ok(command)
}

/// The embedded issuer's client; its secret is the same.
pub const EMBEDDED_CLIENT: &str = "tollgate";

const VARIABLES: [&str; 11] = [
    "ISSUER",
    "AUDIENCE",
    "ACCESS_FILE",
    "MODEL_SOURCE",
    "DEFAULT_MODEL",
    "MODEL_GRANTS",
    "ALLOW_UNAUTHENTICATED",
    "TRUST_DIRECT_INVOKE",
    "TOLLGATE_CLIENT_SECRET",
    "TOLLGATE_PASSWORD",
    "TOLLGATE_TOKEN",
];

/// A body that the default model answers: its own example.
pub fn example() -> Result<Value> {
    json_file("models/wine/example.json")
}

/// A file for `--access`.
pub fn access_file(text: &str) -> Result<NamedTempFile> {
    let file = NamedTempFile::with_suffix(".yaml")?;
    std::fs::write(file.path(), text)?;
    Ok(file)
}

/// A JSON file of the repository.
pub fn json_file(path: &str) -> Result<Value> {
    let text = std::fs::read_to_string(setup::repository().join(path))
        .with_context(|| format!("`{path}`"))?;
    Ok(serde_json::from_str(&text)?)
}
