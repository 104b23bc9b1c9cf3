//! The model of sentences that `models/minilm.py` makes, behind the local gateway: against what the reference stack has
//! recorded, and asked by clients that people have.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use steps::text::{Options, Settings, Text, Tokenizer};

use crate::case::case_with;
use crate::gateway::{Gateway, dev, tollgate};
use crate::recorded::list;
use crate::sam;
use crate::setup;
use crate::shared::Shared;

/// Vectors of the reference, which adds numbers in another order.
const CLOSE: f64 = 1e-3;
const LIMIT: Duration = Duration::from_secs(180);

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        case_with(
            &["minilm"],
            "sentences: tokens are those of the reference",
            tokens_are_those_of_the_reference,
        ),
        case_with(
            &["minilm"],
            "sentences: vectors are those of the reference, in batches of any lengths",
            vectors_are_those_of_the_reference,
        ),
        case_with(
            &["minilm"],
            "sentences: `inspect` finds how texts become vectors",
            inspect_writes_the_description,
        ),
        case_with(
            &["minilm", "clients"],
            "sentences: OpenAI's client and tritonclient",
            clients,
        ),
    ]
}

fn folder() -> Result<PathBuf> {
    let part = setup::part("minilm").context("the model of sentences is not made")?;
    Ok(part.join("minilm"))
}

fn golden() -> Result<Value> {
    let text = fs::read_to_string(folder()?.join("golden.json"))?;
    Ok(serde_json::from_str(&text)?)
}

fn gateway() -> Result<&'static Gateway> {
    static SHARED: Shared<Gateway> = Shared::new(|| {
        let models = setup::part("minilm").context("the model of sentences is not made")?;
        let mut command = dev(&[])?;
        Gateway::start_with(command.arg("--models").arg(models))
    });
    SHARED
        .get()
        .context("the gateway over the model of sentences")
}

fn tokens_are_those_of_the_reference() -> Result<()> {
    let golden = golden()?;
    let settings = Settings {
        max_length: Some(256),
        ..Settings::default()
    };
    let file = fs::read(folder()?.join("tokenizer.json"))?;
    let tokenizer = Tokenizer::new(&settings, &file)?;
    let texts = list(&golden, "texts")?;
    let expected = list(&golden, "ids")?;
    ensure!(
        texts.len() == expected.len() && texts.len() > 20,
        "{} texts",
        texts.len()
    );
    for (text, expected) in texts.iter().zip(expected) {
        let text = text.as_str().context("a text")?;
        let encoded = tokenizer.encode(&[Text::from(text)], &Options::default())?;
        let ids = encoded.ids.get(..encoded.tokens[0]).context("all tokens")?;
        ensure!(
            json!(ids) == *expected,
            "{text:?}: {ids:?} instead of {expected}"
        );
    }
    Ok(())
}

fn vectors_are_those_of_the_reference() -> Result<()> {
    let gateway = gateway()?;
    let token = gateway.token("predict")?;
    let golden = golden()?;
    let truncated = list(&golden, "truncated")?;
    for places in list(&golden, "batches")? {
        let places = places.as_array().context("a batch")?;
        let pick = |name: &str| -> Result<Vec<Value>> {
            let all = list(&golden, name)?;
            let one =
                |place: &Value| Some(all.get(usize::try_from(place.as_u64()?).ok()?)?.clone());
            places
                .iter()
                .map(|place| one(place).context("a place"))
                .collect()
        };
        let body = json!({"instances": pick("texts")?});
        let answer = gateway
            .post("/predict/minilm", Some(&token), &body)?
            .expect(200)?
            .json()?;
        let cut = places
            .iter()
            .enumerate()
            .filter(|(_, place)| truncated.contains(place));
        let cut: Vec<usize> = cut.map(|(row, _)| row).collect();
        let said = answer.get("truncated_rows").cloned().unwrap_or(json!([]));
        ensure!(said == json!(cut), "{places:?}: {said} were cut");
        let vectors = list(&answer, "predictions")?;
        ensure!(vectors.len() == places.len(), "{} vectors", vectors.len());
        for (given, expected) in vectors.iter().zip(pick("embeddings")?) {
            ensure!(distance(given, &expected)? < CLOSE, "{places:?}: {given}");
        }
    }
    Ok(())
}

/// How far two vectors are from each other in the number where they are farthest.
fn distance(one: &Value, other: &Value) -> Result<f64> {
    let numbers = |value: &Value| -> Option<Vec<f64>> {
        value.as_array()?.iter().map(Value::as_f64).collect()
    };
    let (one, other) = (
        numbers(one).context("no vector")?,
        numbers(other).context("no vector")?,
    );
    ensure!(
        one.len() == other.len(),
        "{} numbers instead of {}",
        one.len(),
        other.len()
    );
    let apart = one
        .iter()
        .zip(&other)
        .map(|(one, other)| (one - other).abs());
    Ok(apart.fold(0.0, f64::max))
}

fn inspect_writes_the_description() -> Result<()> {
    let mut command = tollgate()?;
    let told = sam::run(command.arg("inspect").arg(folder()?), LIMIT)?;
    for line in [
        "  max_length: 256",
        r#"  - {"name":"embedding","from":"last_hidden_state","steps":["mean_pooling","l2_normalize"]}"#,
        "parameters: [truncation, dimensions]",
    ] {
        let mut lines = told.lines();
        ensure!(
            lines.any(|told| told.ends_with(line)),
            "no `{line}` in {told}"
        );
    }
    Ok(())
}

fn clients() -> Result<()> {
    let gateway = gateway()?;
    let part = setup::part("clients").context("the clients are not installed")?;
    let mut command = std::process::Command::new(part.join("bin/python"));
    command
        .arg(setup::repository().join("tests/clients/sentences.py"))
        .arg(&gateway.url)
        .arg(folder()?.join("golden.json"))
        .env("TOKEN", gateway.token("predict")?);
    sam::run(&mut command, LIMIT).map(drop)
}
