//! MiniStack, an AWS emulator: deploys the built template, runs the functions as processes behind
//! its own API Gateway, and keeps their logs. It does not unpack layers, nor enforce permissions.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http;
use crate::process::{self, Process};
use crate::sam::{self, Build};
use crate::setup;

/// The part that it is installed as.
pub const PART: &str = "ministack";

const READY: Duration = Duration::from_secs(60);
const DEPLOY: Duration = Duration::from_secs(300);

/// The running emulator.
#[derive(Debug)]
pub struct Ministack {
    url: String,
    _process: Process,
    home: TempDir,
}

/// A deployed stack.
#[derive(Debug)]
pub struct Stack {
    /// Where the stage answers: what `ApiUrl` is on AWS.
    pub url: String,
    /// The outputs of the template, by name.
    pub outputs: Value,
    /// Where the layers are unpacked, as `/opt` on AWS.
    pub opt: PathBuf,
}

impl Ministack {
    /// Starts the emulator on a free loopback port, with an empty environment: functions inherit it.
    pub fn start() -> Result<Self> {
        let port = process::free_port()?;
        let home = tempfile::tempdir()?;
        let program = setup::part(PART)
            .context("not installed")?
            .join("bin/ministack");
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", home.path())
            .env("TMPDIR", home.path())
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .current_dir(home.path());
        let process = Process::start(&mut command)?;
        process.wait_for(READY, |line| {
            line.contains("Running on http://").then_some(())
        })?;
        Ok(Self {
            url: format!("http://127.0.0.1:{port}"),
            _process: process,
            home,
        })
    }

    /// `sam deploy` of what was built, then what Lambda does and the emulator does not: unpack the
    /// layers, here into a folder of the stack's own.
    pub fn deploy(&self, build: &Build, stack: &str, parameters: &[(&str, &str)]) -> Result<Stack> {
        let opt = self.home.path().join(stack).join("opt");
        self.deploy_into(&opt, build, stack, parameters)
    }

    /// The same with the layers unpacked into this folder: another deployment's stays as it is.
    pub fn deploy_into(
        &self,
        opt: &Path,
        build: &Build,
        stack: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Stack> {
        fs::create_dir_all(opt)?;
        let models = opt.join("models").display().to_string();
        let mut parameters = parameters.to_vec();
        parameters.push(("ModelSource", &models));
        self.deploy_template(&build.template(), stack, &parameters)?;
        self.unpack_layers(&format!("{stack}-model-serving-fn"), opt)?;
        let outputs = self.outputs(stack)?;
        Ok(Stack {
            url: self.stage_url(&outputs)?,
            outputs,
            opt: opt.to_owned(),
        })
    }

    /// `sam deploy` of any template.
    pub fn deploy_template(
        &self,
        template: &Path,
        stack: &str,
        parameters: &[(&str, &str)],
    ) -> Result<()> {
        let parameters = parameters
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let mut deploy = self.sam()?;
        deploy
            .args([
                "deploy",
                "--stack-name",
                stack,
                "--no-confirm-changeset",
                "--no-progressbar",
            ])
            .arg("--template-file")
            .arg(template)
            .arg("--config-file")
            .arg(setup::repository().join("samconfig.toml"))
            .arg("--parameter-overrides")
            .args(parameters);
        sam::run(&mut deploy, DEPLOY).map(drop)
    }

    /// A folder that goes with the emulator.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Where an HTTP API of this stack answers.
    pub fn http_api(&self, stack: &str) -> Result<String> {
        let outputs = self.outputs(stack)?;
        let id = outputs.get("ApiId").and_then(Value::as_str);
        Ok(format!(
            "{}/_aws/execute-api/{}",
            self.url,
            id.context("no `ApiId`")?
        ))
    }

    /// Asks the REST API's own interface for something to be made, and gives what was.
    pub fn make(&self, path: &str, body: &Value) -> Result<Value> {
        let reply = http::post_json(&format!("{}{path}", self.url), None, body)?;
        ensure!(
            reply.status == 201,
            "{path}: {} {}",
            reply.status,
            reply.body
        );
        reply.json()
    }

    /// Where every service of it answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What Secrets Manager answers about a secret.
    pub fn secret(&self, name: &str) -> Result<Value> {
        let request = http::request("POST", &self.url)?
            .header("x-amz-target", "secretsmanager.GetSecretValue")
            .header("content-type", "application/x-amz-json-1.1")
            .body(json!({"SecretId": name}).to_string());
        http::send(request)?.expect(200)?.json()
    }

    /// Every line that a function has logged so far.
    pub fn log(&self, function: &str) -> Result<Vec<String>> {
        let request = http::request("POST", &self.url)?
            .header("x-amz-target", "Logs_20140328.FilterLogEvents")
            .header("content-type", "application/x-amz-json-1.1")
            .body(
                json!({"logGroupName": format!("/aws/lambda/{function}"), "limit": 10_000})
                    .to_string(),
            );
        let reply = http::send(request)?.expect(200)?.json()?;
        let events = reply
            .get("events")
            .and_then(Value::as_array)
            .context("no `events`")?;
        let message = |event: &Value| {
            event
                .get("message")
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        Ok(events.iter().filter_map(message).collect())
    }

    /// The size of a function's package as uploaded: zipped.
    pub fn package_bytes(&self, function: &str) -> Result<u64> {
        let reply = http::get(
            &format!("{}/2015-03-31/functions/{function}", self.url),
            None,
        )?;
        let function = reply.expect(200)?.json()?;
        function
            .pointer("/Configuration/CodeSize")
            .and_then(Value::as_u64)
            .context("no `CodeSize`")
    }

    fn unpack_layers(&self, function: &str, folder: &Path) -> Result<()> {
        sam::run(
            sam::python("unpack_layers.py")?
                .args([&self.url, function])
                .arg(folder),
            DEPLOY,
        )
        .map(drop)
    }

    /// The outputs as `sam` shows them, for scripts, by name.
    fn outputs(&self, stack: &str) -> Result<Value> {
        let mut list = self.sam()?;
        list.args([
            "list",
            "stack-outputs",
            "--output",
            "json",
            "--stack-name",
            stack,
        ]);
        let outputs: Vec<Value> = serde_json::from_str(&sam::run(&mut list, DEPLOY)?)?;
        let named = |output: &Value| {
            Some((
                output.get("OutputKey")?.as_str()?.to_owned(),
                output.get("OutputValue")?.clone(),
            ))
        };
        Ok(outputs.iter().filter_map(named).collect())
    }

    /// The path of `ApiUrl` is the stage; its host becomes a part of the emulator's path.
    fn stage_url(&self, outputs: &Value) -> Result<String> {
        let output = |name| {
            outputs
                .get(name)
                .and_then(Value::as_str)
                .with_context(|| format!("no output `{name}`"))
        };
        let (id, url) = (output("ApiId")?, output("ApiUrl")?);
        let host = format!("https://{id}.execute-api.{}.amazonaws.com", sam::REGION);
        let stage = url
            .strip_prefix(&host)
            .with_context(|| format!("`{url}` is not on `{host}`"))?;
        ensure!(
            !stage.ends_with('/') && output("PredictUrl")? == format!("{url}/predict"),
            "{outputs}"
        );
        Ok(format!("{}/_aws/execute-api/{id}{stage}", self.url))
    }

    fn sam(&self) -> Result<Command> {
        let mut command = sam::sam()?;
        command.env("AWS_ENDPOINT_URL", &self.url);
        Ok(command)
    }
}
