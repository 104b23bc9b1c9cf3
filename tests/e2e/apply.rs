//! Runs `tollgate keycloak apply` against the shared Keycloak.

use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use serde_json::json;

use crate::gateway;
use crate::keycloak::{ADMIN, PASSWORD, SECRET, keycloak};

/// What the command printed.
#[derive(Debug)]
pub struct Applied {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Applied {
    /// The same if the command ended well, and showed none of the secrets that it was given.
    pub fn ok(self) -> Result<Self> {
        ensure!(self.code == Some(0), "{self:?}");
        self.hides(&[])
    }

    /// The same if the command failed, with these words, and showed none of the secrets that it was given.
    pub fn failed(self, words: &[&str]) -> Result<Self> {
        ensure!(self.code == Some(1), "{self:?}");
        for words in words {
            ensure!(self.stderr.contains(words), "no `{words}`: {self:?}");
        }
        self.hides(&[])
    }

    /// The same if it showed none of these secrets either.
    pub fn hides(self, secrets: &[&str]) -> Result<Self> {
        let shown = format!("{}{}", self.stdout, self.stderr);
        let all = [&[SECRET, PASSWORD][..], secrets].concat();
        ensure!(
            all.iter().all(|secret| !shown.contains(secret)),
            "a secret is shown: {shown}"
        );
        Ok(self)
    }
}

/// The command for a server at another address, without an administrator, whose secret is known.
pub fn command_at(url: &str, arguments: &[&str]) -> Result<Command> {
    let mut command = gateway::tollgate()?;
    command
        .args(["keycloak", "apply", url])
        .args(arguments)
        .env("TOLLGATE_KEYCLOAK_PASSWORD", SECRET)
        .env("TOLLGATE_KEYCLOAK_CLIENT_SECRET", SECRET)
        .env("ML_TEST_USER_ENABLED", "true")
        .env("ML_TEST_USER_PASSWORD", PASSWORD)
        .env("MACHINE_LEARN_USER_ENABLED", "true")
        .env("MACHINE_LEARN_USER_PASSWORD", PASSWORD);
    Ok(command)
}

/// The command, as the administrator.
pub fn command(set_up: &str, arguments: &[&str]) -> Result<Command> {
    let fixed = ["--set-up", set_up, "--admin-username", ADMIN];
    command_at(&keycloak()?.url, &[&fixed[..], arguments].concat())
}

/// Runs it to its end.
pub fn run(command: &mut Command) -> Result<Applied> {
    let output = command.stdin(Stdio::null()).output()?;
    Ok(Applied {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    })
}

/// Both.
pub fn apply(set_up: &str, arguments: &[&str]) -> Result<Applied> {
    run(&mut command(set_up, arguments)?)
}

/// A realm of somebody else's, for what is added to one.
pub fn somebodys(realm: &str) -> Result<()> {
    let body = json!({"realm": realm, "enabled": true});
    keycloak()?.admin("POST", "", Some(&body)).map(drop)
}
