//! Scripts of the tests that run on Node, beside the packages of an installed part.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::setup;

/// A script that is ready to be run, in a folder of its own.
#[derive(Debug)]
pub struct Script {
    /// `node SCRIPT`, for its environment to be set.
    pub command: Command,
    /// Goes with the script.
    pub folder: TempDir,
}

/// A script of `tests`, such as `issuer/server.mjs`, with the packages of a part.
pub fn script(part: &str, path: &str) -> Result<Script> {
    let installed = setup::part(part).with_context(|| format!("`{part}` is not installed"))?;
    let source = setup::repository().join("tests").join(path);
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("script.mjs");
    fs::copy(&source, &copy).with_context(|| source.display().to_string())?;
    symlink(
        installed.join("node_modules"),
        folder.path().join("node_modules"),
    )?;
    let mut command = Command::new("node");
    command.arg("script.mjs").current_dir(folder.path());
    Ok(Script { command, folder })
}

/// Runs a script to its end, and reads the JSON that it prints.
pub fn printed(mut script: Script) -> Result<Value> {
    let output = script.command.stdin(Stdio::null()).output()?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the script failed: {complaints}");
    Ok(serde_json::from_slice(&output.stdout)?)
}
