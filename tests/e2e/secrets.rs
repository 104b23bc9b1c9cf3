//! Nothing that git tracks is a secret, by the detectors that Checkov comes with; what they find is accepted in
//! `tests/secrets.toml`, each with a reason.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;

use crate::case::case_with;
use crate::sam::run;
use crate::setup;
use crate::template;

const PARTS: &[&str] = &[template::CHECKS];
/// Ten seconds on two processors.
const LIMIT: Duration = Duration::from_secs(120);

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        case_with(
            PARTS,
            "secrets: no file that git tracks holds one",
            repository_has_none,
        ),
        case_with(
            PARTS,
            "secrets: one that is planted is found, and a list that is not true",
            planted_are_found,
        ),
    ]
}

fn repository_has_none() -> Result<()> {
    let repository = setup::repository();
    let found = scan(&repository, Some(&repository.join("tests/secrets.toml")))?;
    ensure!(found.is_empty(), "{found}");
    Ok(())
}

/// Put together here, so that this file is clean.
fn planted_are_found() -> Result<()> {
    let key = format!(
        "-----BEGIN {0} KEY-----\n{1}\n-----END {0} KEY-----\n",
        "PRIVATE",
        random(60)
    );
    let secret = random(64);
    let planted = [
        ("keys/server.pem", key.clone(), "Private Key"),
        (
            "credentials",
            format!(
                "aws_access_key_id = AKIA{}\naws_secret_access_key = {}\n",
                "Q3RZT5XJ7WVK2LMB",
                random(40)
            ),
            "AWS Access Key",
        ),
        (
            "tenant.yaml",
            format!("clients:\n  - name: m2m\n    client_secret: {secret}\n"),
            "Secret Keyword",
        ),
        (
            "client.rs",
            format!("    let of_client = given(\"{secret}\");\n"),
            "Base64 High Entropy String",
        ),
        ("model.onnx", format!("\u{0}{key}"), "Private Key"),
        // Excepted where it stands, which does not count here.
        (
            "setup.json",
            format!("{{\"clientSecret\": \"{secret}\"}} # pragma: allowlist secret\n"),
            "Secret Keyword",
        ),
        ("Cargo.lock", key, "Private Key"),
    ];
    let folder = tempfile::tempdir()?;
    for (file, text, _) in &planted {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().context("no folder")?)?;
        let mut bytes = text.clone().into_bytes();
        if *file == "model.onnx" {
            // No text of any encoding that is read as one.
            bytes.insert(0, 0xff);
        }
        fs::write(path, bytes)?;
    }
    fs::write(folder.path().join("clean.txt"), "Nothing of interest.\n")?;
    git(folder.path(), &["init", "--quiet"])?;
    git(folder.path(), &["add", "--all", "--force"])?;
    let found = scan(folder.path(), None)?;
    for (file, _, kind) in &planted {
        let is_it = |line: &str| line.starts_with(&format!("{file}:")) && line.ends_with(kind);
        ensure!(found.lines().any(is_it), "no {kind} in {file}:\n{found}");
    }
    ensure!(!found.contains("clean.txt"), "{found}");
    ensure!(!found.contains(&secret), "a secret is shown");
    lists_are_true(folder.path())
}

/// What is accepted must be there, and be what it was.
fn lists_are_true(folder: &Path) -> Result<()> {
    let list = |files: &str, rest: &str| -> Result<PathBuf> {
        let text = format!(
            "[[accepted]]\nreason = \"made up\"\nkind = \"Private Key\"\nfiles = [\"{files}\"]\n{rest}\n"
        );
        let path = folder.join("accepted.toml");
        fs::write(&path, text)?;
        Ok(path)
    };
    for (files, rest, expected) in [
        ("keys/*", "values = [\"(?s).*\"]", None),
        (
            "no/*",
            "values = [\"(?s).*\"]",
            Some("nothing of `Private Key` is found in `no/*`"),
        ),
        (
            "keys/*",
            "values = [\"(?s).*\", \"other\"]",
            Some("nothing found is `other`"),
        ),
        (
            "keys/*",
            "digest = \"0\"",
            Some("the 1 findings in ['keys/*'] are others than before"),
        ),
    ] {
        let found = scan(folder, Some(&list(files, rest)?))?;
        let problem = found.lines().find(|line| line.starts_with("accepted for"));
        match (problem, expected) {
            (None, None) => ensure!(!found.contains("keys/server.pem"), "{found}"),
            (Some(problem), Some(expected)) => ensure!(problem.contains(expected), "{problem}"),
            (problem, _) => anyhow::bail!("{files}, {rest}: {problem:?}"),
        }
    }
    Ok(())
}

/// What the scan prints of a folder.
fn scan(folder: &Path, accepted: Option<&Path>) -> Result<String> {
    let part = setup::part(template::CHECKS).context("not installed")?;
    let script = setup::repository().join("tests/e2e/secrets.py");
    let mut command = Command::new(part.join("bin/python"));
    run(command.arg(script).arg(folder).args(accepted), LIMIT)
}

fn git(folder: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("git");
    run(command.current_dir(folder).args(arguments), LIMIT).map(drop)
}

/// Letters and digits that are the same each time and follow no rule that a reader sees.
fn random(length: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut state: usize = 7;
    let mut next = || {
        state = (state * 7_919 + 104_729) % 1_000_003;
        char::from(LETTERS[state % LETTERS.len()])
    };
    (0..length).map(|_| next()).collect()
}
