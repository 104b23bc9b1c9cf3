//! The lines to paste: those of the README, and those that `cargo tollgate` prints.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::Value;

use crate::case::case;
use crate::gateway::{Gateway, embedded, example, tollgate};
use crate::recorded::list;
use crate::setup;

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        case(
            "readme: its lines get a token and a prediction",
            lines_of_the_readme_work,
        ),
        case(
            "readme: its lines explain the token",
            lines_of_the_readme_explain,
        ),
        case(
            "readme: the lines that are printed get a token and a prediction",
            printed_lines_work,
        ),
    ]
}

/// The README's addresses are those of the default ports, which may be taken here.
fn lines_of_the_readme(part: &str) -> Result<String> {
    let readme = fs::read_to_string(setup::repository().join("README.md"))?;
    let mut blocks = readme
        .split("```")
        .filter(|block| block.starts_with("sh\n"));
    let block = blocks
        .find(|block| block.contains(part))
        .with_context(|| format!("the README has no lines with `{part}`"))?;
    let Gateway { url, issuer, .. } = embedded()?;
    Ok(block
        .trim_start_matches("sh\n")
        .replace("http://127.0.0.1:3000", url)
        .replace(
            "tollgate token",
            &format!("tollgate token --issuer {issuer}"),
        )
        .replace(
            "tollgate explain",
            &format!("tollgate explain --issuer {issuer}"),
        ))
}

fn lines_of_the_readme_explain() -> Result<()> {
    let token = embedded()?.token("predict")?;
    let lines = lines_of_the_readme("tollgate explain")?;
    let said = run(&format!("TOKEN={token}\n{lines}"))?;
    ensure!(said.contains("allow `POST/predict`"), "{said}");
    ensure!(!said.contains(&token), "the token is printed");
    Ok(())
}

fn lines_of_the_readme_work() -> Result<()> {
    let readme = fs::read_to_string(setup::repository().join("README.md"))?;
    let lines = lines_of_the_readme("curl")?;
    let answer = predicts(&lines)?;
    let shown = readme.split("`{\"predictions\":").nth(1);
    let shown = shown.and_then(|rest| rest.split('`').next());
    let shown = labels(shown.context("the README shows no answer")?)?;
    let given = labels(&answer.to_string())?;
    ensure!(
        shown == given,
        "the README shows the labels {shown:?}, the answer has {given:?}: {answer}"
    );
    Ok(())
}

/// The numbers that stand as `label` in a text that holds JSON, in their order.
fn labels(text: &str) -> Result<Vec<i64>> {
    let after = text.split("\"label\":").skip(1).map(|rest| {
        let rest = rest.trim_start();
        let end = rest.find([',', '}']).context("a label has no end")?;
        let number = rest.get(..end).unwrap_or_default().trim();
        let parsed = number.parse::<i64>();
        parsed.with_context(|| format!("the label `{number}` is no number"))
    });
    after.collect()
}

fn printed_lines_work() -> Result<()> {
    let printed = embedded()?.process.stdout();
    let lines: Vec<_> = printed
        .lines()
        .filter(|line| line.starts_with("  "))
        .collect();
    predicts(&lines.join("\n")).map(drop)
}

/// Runs the lines in the repository's folder, with `cargo tollgate` as built.
fn run(lines: &str) -> Result<String> {
    let cargo = r#"cargo() { [ "$1 $2" = "-q tollgate" ] && shift 2 && "$TOLLGATE" "$@"; }"#;
    let mut command = Command::new("bash");
    for (name, _) in tollgate()?.get_envs() {
        command.env_remove(name);
    }
    let output = command
        .args(["-euc", &format!("{cargo}\n{lines}")])
        .current_dir(setup::repository())
        .env("TOLLGATE", tollgate()?.get_program())
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "they fail: {lines}\n{said}{complaints}"
    );
    Ok(said)
}

/// Runs the lines, and reads the answer.
fn predicts(lines: &str) -> Result<Value> {
    let said = run(lines)?;
    let shown = || format!("{lines}\n{said}");
    let answer: Value = serde_json::from_str(&said).with_context(shown)?;
    let rows = list(&example()?, "instances")?.len();
    ensure!(
        list(&answer, "predictions")?.len() == rows,
        "no prediction for each row: {}",
        shown()
    );
    Ok(answer)
}
