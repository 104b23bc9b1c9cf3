//! The steps before and after a model beside the Python that people write for them: the same texts and the same picture.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use model_fn::engine::{Dimension, Port};
use model_fn::pipeline::{OutputSettings, Outputs, Step};
use model_fn::protocol::StepParameters;
use model_fn::tensor::{Datatype, Tensor, Values};
use serde_json::json;
use steps::{image, text};

use crate::peer::Peer;
use crate::report::{Series, median};

/// What to measure.
#[derive(Debug)]
pub(crate) struct Settings {
    /// An environment of Python with Pillow, tokenizers and NumPy.
    pub(crate) python: PathBuf,
    /// The tokenizer of the model of sentences.
    pub(crate) tokenizer: PathBuf,
    /// Turns of each.
    pub(crate) rounds: usize,
}

/// What is done, and which part of the other's time it may take.
const JOBS: [(&str, &str, f64); 4] = [
    ("few words", "64 texts of 20 words to tokens", 0.5),
    ("many words", "16 texts of 200 words to tokens", 0.5),
    ("pooling", "64 × 256 vectors of 384 numbers to 64", 0.5),
    (
        "picture",
        "a JPEG of 1920 by 1080 to 3 × 224 × 224 floats",
        1.0,
    ),
];

/// Vectors of tokens: rows, tokens of each, and the numbers of one.
const HIDDEN: [usize; 3] = [64, 256, 384];

/// Prints the table; the goals missed by more than the tolerance.
pub(crate) fn run(settings: &Settings, tolerance: f64) -> Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    std::fs::copy(&settings.tokenizer, folder.path().join("tokenizer.json"))?;
    let texts = [("few words", texts(64, 20)), ("many words", texts(16, 200))];
    let named = texts
        .iter()
        .map(|(name, texts)| ((*name).to_owned(), json!(texts)));
    let named: serde_json::Map<_, _> = named.collect();
    std::fs::write(folder.path().join("texts.json"), json!(named).to_string())?;
    let mut command = Command::new(settings.python.join("bin/python"));
    let command = command
        .arg("bench/peers/python/steps.py")
        .arg(folder.path());
    let mut peer = Peer::run("Python", command)?;
    // Answered once the picture is made.
    ask(&mut peer, "picture")?;
    let ours = Ours::new(folder.path(), texts.map(|(_, texts)| texts))?;
    println!("\n| step | ours, ms | median | Python, ms | median | ratio | goal |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let mut missed = Vec::new();
    for (job, what, goal) in JOBS {
        let [mine, theirs] = rounds(&ours, &mut peer, job, settings.rounds)?;
        let ratio = mine.least() / theirs.least();
        let met = if ratio <= goal { "met" } else { "**missed**" };
        let [ours, theirs] = [mine, theirs].map(|series| {
            let [least, middle] = [series.least(), median(series.0)].map(|time| time * 1e3);
            format!("{least:.2} | {middle:.2}")
        });
        println!("| {what} | {ours} | {theirs} | {ratio:.2} | at most {goal}, {met} |");
        if ratio > goal + tolerance {
            missed.push(format!("steps: {what}"));
        }
    }
    Ok(missed)
}

/// Both in each round, by turns the one or the other first; a first round is for warming up and must agree.
fn rounds(ours: &Ours, peer: &mut Peer, job: &str, rounds: usize) -> Result<[Series; 2]> {
    let mut series = [Series::default(), Series::default()];
    for round in 0..=rounds.max(1) {
        let (mine, theirs) = if round % 2 == 0 {
            let mine = ours.timed(job)?;
            (mine, ask(peer, job)?)
        } else {
            let theirs = ask(peer, job)?;
            (ours.timed(job)?, theirs)
        };
        let apart = (mine.1 - theirs.1).abs();
        let is_near = apart <= 1e-4 * theirs.1.abs().max(1.0);
        ensure!(is_near, "{job}: {} and {} differ", mine.1, theirs.1);
        if round > 0 {
            for (series, time) in series.iter_mut().zip([mine.0, theirs.0]) {
                series.0.push(time.as_secs_f64());
            }
        }
    }
    Ok(series)
}

/// How long the other took, and a number to compare its result by.
fn ask(peer: &mut Peer, job: &str) -> Result<(Duration, f64)> {
    let answer = peer.ask(job)?;
    let (nanoseconds, result) = answer.split_once(' ').context("two numbers")?;
    Ok((Duration::from_nanos(nanoseconds.parse()?), result.parse()?))
}

/// Texts of words that are drawn from a list, the same each time.
fn texts(count: usize, words: usize) -> Vec<String> {
    const WORDS: [&str; 16] = [
        "the",
        "train",
        "station",
        "waiting",
        "unbelievably",
        "coffee",
        "was",
        "and",
        "late,",
        "people",
        "platform",
        "of",
        "in",
        "Tuesday",
        "announcement",
        "a",
    ];
    let mut state = 7_u64;
    let mut word = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        WORDS
            .get((state >> 33) as usize % WORDS.len())
            .copied()
            .unwrap_or_default()
    };
    let mut text = || (0..words).map(|_| word()).collect::<Vec<_>>().join(" ");
    (0..count).map(|_| text()).collect()
}

/// What this program does of the same.
struct Ours {
    tokenizer: text::Tokenizer,
    texts: [Vec<String>; 2],
    outputs: Outputs,
    hidden: Vec<Tensor>,
    mask: Tensor,
    pipeline: image::Pipeline,
    picture: Vec<u8>,
}

impl Ours {
    fn new(folder: &Path, texts: [Vec<String>; 2]) -> Result<Self> {
        let settings = text::Settings {
            max_length: Some(256),
            ..text::Settings::default()
        };
        let file = std::fs::read(folder.join("tokenizer.json"))?;
        let picture = image::Settings {
            size: Some(image::Size::Both(image::Extent {
                height: 224,
                width: 224,
            })),
            resample: image::Resample::Bilinear,
            rescale_factor: Some(1.0 / 255.0),
            image_mean: vec![0.485, 0.456, 0.406],
            image_std: vec![0.229, 0.224, 0.225],
            ..image::Settings::default()
        };
        let [rows, tokens, width] = HIDDEN;
        let port = Port {
            name: "last_hidden_state".to_owned(),
            datatype: Datatype::Fp32,
            shape: Some(vec![
                Dimension::Any,
                Dimension::Any,
                Dimension::Fixed(width),
            ]),
            labels: Vec::new(),
        };
        let pooled = OutputSettings {
            steps: vec![Step::MeanPooling, Step::L2Normalize],
            ..OutputSettings::default()
        };
        let number = |place: usize| (place * 37 % 1009) as f32 / 1009.0 - 0.5;
        let hidden = (0..rows * tokens * width).map(number).collect();
        let there = |place: usize| i64::from(place % tokens < tokens - place / tokens % 32);
        let mask = (0..rows * tokens).map(there).collect();
        Ok(Self {
            tokenizer: text::Tokenizer::new(&settings, &file)?,
            texts,
            outputs: Outputs::new(&[pooled], &[port], &[])?,
            hidden: vec![Tensor::new(HIDDEN.to_vec(), Values::Fp32(hidden))?],
            mask: Tensor::new(vec![rows, tokens], Values::Int64(mask))?,
            pipeline: image::Pipeline::new(&picture)?,
            picture: std::fs::read(folder.join("picture.jpg"))?,
        })
    }

    /// How long a job takes, and a number to compare its result by.
    fn timed(&self, job: &str) -> Result<(Duration, f64)> {
        let hidden = (job == "pooling").then(|| self.hidden.clone());
        let hidden = hidden.unwrap_or_default();
        let started = Instant::now();
        let [few, many] = &self.texts;
        let (took, result) = match job {
            "few words" => self.tokens(few, started)?,
            "many words" => self.tokens(many, started)?,
            "pooling" => {
                let wishes = StepParameters::default();
                let seen = self.outputs.of(hidden, Some(&self.mask), &wishes)?;
                let took = started.elapsed();
                let vectors = seen.first().context("a vector")?;
                let Values::Fp32(numbers) = vectors.values() else {
                    anyhow::bail!("vectors are floats");
                };
                (took, numbers.iter().map(|one| f64::from(one.abs())).sum())
            }
            _ => {
                let mut floats = Vec::new();
                self.pipeline.append(&self.picture, &mut floats)?;
                let took = started.elapsed();
                (took, floats.iter().map(|one| f64::from(*one)).sum())
            }
        };
        Ok((took, result))
    }

    fn tokens(&self, texts: &[String], started: Instant) -> Result<(Duration, f64)> {
        let texts: Vec<text::Text<'_>> = texts.iter().map(|text| text.as_str().into()).collect();
        let options = text::Options {
            attention_mask: true,
            ..text::Options::default()
        };
        let encoded = self.tokenizer.encode(&texts, &options)?;
        let took = started.elapsed();
        let pairs = encoded.ids.iter().zip(&encoded.attention_mask);
        let sum: i64 = pairs.map(|(id, mask)| id * mask + mask).sum();
        Ok((took, sum as f64))
    }
}
