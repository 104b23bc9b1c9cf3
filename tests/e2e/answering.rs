//! Clients that people have, asking the model of wines at any address: locally, and where it is deployed.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::gateway::example;
use crate::http;
use crate::sam;
use crate::setup;

/// The part that holds tritonclient and KServe's client.
pub const CLIENTS: &str = "clients";
/// The part that holds MLflow, pandas and NumPy.
pub const MLFLOW: &str = "mlflow";
/// The part that holds MLServer.
pub const MLSERVER: &str = "mlserver";
/// Some of them take seconds to be imported.
const LIMIT: Duration = Duration::from_secs(120);

/// What a script of `tests/clients` prints, that asks for the example of the model of wines.
fn asked(part: &str, script: &str, url: &str, token: &str, forms: &[&str]) -> Result<Value> {
    let python = setup::part(part).with_context(|| format!("`{part}` is not installed"))?;
    let mut command = Command::new(python.join("bin/python"));
    command
        .arg(setup::repository().join("tests/clients").join(script))
        .arg(url)
        .arg(setup::repository().join("models/wine/example.json"))
        .args(forms)
        .env("TOKEN", token);
    Ok(serde_json::from_str(&sam::run(&mut command, LIMIT)?)?)
}

/// The answers to the example of the default model, a row each.
pub fn predictions(url: &str, token: &str) -> Result<Value> {
    let reply = http::post_json(&format!("{url}/predict"), Some(token), &example()?)?;
    Ok(reply.expect(200)?.json()?["predictions"].clone())
}

/// The column of this name.
fn column(rows: &Value, name: &str) -> Result<Value> {
    let rows = rows.as_array().context("no rows")?;
    Ok(rows.iter().map(|row| row[name].clone()).collect())
}

/// tritonclient's and KServe's, in JSON. tritonclient sends bytes without a content type, and the emulator hands them on longer
/// than they came: they are asked for locally alone, where the gateway puts them in base64, as AWS does for `*/*`.
pub fn open_inference(url: &str, token: &str) -> Result<()> {
    labels(url, token, &["JSON", "KServe"])
}

/// The same, in bytes, and compressed.
pub fn open_inference_in_bytes(url: &str, token: &str) -> Result<()> {
    labels(url, token, &["bytes", "compressed"])
}

fn labels(url: &str, token: &str, forms: &[&str]) -> Result<()> {
    let labels = column(&predictions(url, token)?, "label")?;
    let given = asked(CLIENTS, "wine.py", url, token, forms)?;
    for form in forms {
        ensure!(given[*form] == labels, "{form}: {given}");
    }
    Ok(())
}

/// MLServer's codecs.
pub fn codecs(url: &str, token: &str) -> Result<()> {
    let labels = column(&predictions(url, token)?, "label")?;
    let decoded = asked(MLSERVER, "codecs.py", url, token, &[])?;
    for form in ["array", "frame", "backwards", "first"] {
        ensure!(decoded[form] == labels, "{form}: {decoded}");
    }
    ensure!(decoded["id"] == "backwards", "{decoded}");
    Ok(())
}

/// MLflow's client, pandas and NumPy.
pub fn scoring(url: &str, token: &str) -> Result<()> {
    let scored = asked(MLFLOW, "scoring.py", url, token, &[])?;
    let rows = predictions(url, token)?;
    let list = rows.as_array().context("no rows")?;
    for form in ["frame", "backwards", "records", "bare", "csv", "lines"] {
        ensure!(scored[form] == rows, "{form}: {} for {rows}", scored[form]);
    }
    let columns =
        json!({"label": column(&rows, "label")?, "probabilities": column(&rows, "probabilities")?});
    ensure!(
        scored["numbers"] == columns,
        "{} for {columns}",
        scored["numbers"]
    );
    let table = &scored["csv as csv"];
    ensure!(table["label"] == columns["label"], "{table}");
    let first: Vec<&Value> = list.iter().map(|row| &row["probabilities"][0]).collect();
    ensure!(table["probabilities.0"] == json!(first), "{table}");
    ensure!(
        scored["array type"] == "float32",
        "{}",
        scored["array type"]
    );
    // The digits of 32-bit floats are shorter in JSON than NumPy's of the same numbers in 64 bits.
    let narrow = |values: &Value| -> Option<Vec<Vec<f32>>> {
        let row = |row: &Value| -> Option<Vec<f32>> {
            let numbers = row.as_array()?.iter();
            numbers
                .map(|number| Some(number.as_f64()? as f32))
                .collect()
        };
        values.as_array()?.iter().map(row).collect()
    };
    let (given, expected) = (narrow(&scored["array"]), narrow(&columns["probabilities"]));
    ensure!(
        given.is_some() && given == expected,
        "{given:?} for {expected:?}"
    );
    ensure!(scored["missing"] == "answered", "{}", scored["missing"]);
    for (case, status, words) in [
        ("unknown", "422", "`cork` unknown"),
        ("params", "422", "`params`"),
    ] {
        let told = scored[case].as_str().unwrap_or_default();
        ensure!(
            told.contains(status) && told.contains(words),
            "{case}: {told}"
        );
    }
    Ok(())
}
