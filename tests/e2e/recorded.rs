//! The outputs that the reference runtime recorded for a model: `models/NAME/expected.json`.

use std::fs;

use anyhow::{Context, Result, ensure};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::gateway::json_file;
use crate::{http, setup};

/// Asks for a prediction of every recorded case, as a body of the Open Inference Protocol, and
/// compares the answers within the recorded tolerance.
pub fn check(model: &str, infer: impl Fn(&Value) -> Result<Value>) -> Result<()> {
    let recorded = Recorded::of(model)?;
    for (number, case) in recorded.cases.iter().enumerate() {
        let answer = infer(&json!({"inputs": case.get("inputs")}))?;
        recorded
            .compare(&answer, case)
            .with_context(|| format!("case {number} of `{model}`"))?;
    }
    Ok(())
}

/// Pictures of digits, and which they are.
pub const PICTURES: [(&str, &str); 4] = [
    ("two.png", "2"),
    ("two.jpg", "2"),
    ("two.webp", "2"),
    ("zero.png", "0"),
];

/// Sends a picture as the body of a request to the model of digits.
pub fn picture(request: RequestBuilder, token: &str, name: &str, digit: &str) -> Result<()> {
    let file = setup::repository()
        .join("model-fn/tests/fixtures/steps")
        .join(name);
    let media_type = match name.rsplit_once('.') {
        Some((_, "jpg")) => "image/jpeg".to_owned(),
        Some((_, ending)) => format!("image/{ending}"),
        None => anyhow::bail!("`{name}` has no ending"),
    };
    let request = request
        .bearer_auth(token)
        .header("content-type", media_type);
    let answer = http::send(request.body(fs::read(file)?))?
        .expect(200)?
        .json()?;
    let found = &answer["predictions"][0]["label"][0];
    ensure!(found == digit, "{name}: {answer}");
    Ok(())
}

/// What was recorded for one model.
#[derive(Debug)]
pub struct Recorded {
    relative: f64,
    absolute: f64,
    /// Whether `model.yaml` has `outputs`.
    has_steps: bool,
    /// `inputs` and `outputs`, as tensors of the Open Inference Protocol.
    pub cases: Vec<Value>,
}

impl Recorded {
    /// The record of a model of the repository.
    pub fn of(model: &str) -> Result<Self> {
        let file = json_file(&format!("models/{model}/expected.json"))?;
        let description = setup::repository().join(format!("models/{model}/model.yaml"));
        let number = |path: &str| {
            file.pointer(path)
                .and_then(Value::as_f64)
                .context("no tolerance")
        };
        let cases = list(&file, "cases")?.clone();
        ensure!(!cases.is_empty(), "nothing is recorded for `{model}`");
        Ok(Self {
            relative: number("/tolerance/relative")?,
            absolute: number("/tolerance/absolute")?,
            has_steps: fs::read_to_string(description)?.contains("outputs:"),
            cases,
        })
    }

    /// Whether both are the same text, or nearly the same number, or lists of such.
    pub fn compare_values(&self, given: &Value, expected: &Value) -> Result<()> {
        if let (Some(given), Some(expected)) = (given.as_array(), expected.as_array()) {
            ensure!(
                given.len() == expected.len(),
                "{} values instead of {}",
                given.len(),
                expected.len()
            );
            return given
                .iter()
                .zip(expected)
                .try_for_each(|(given, expected)| self.compare_values(given, expected));
        }
        let near = match (given.as_f64(), expected.as_f64()) {
            (Some(given), Some(expected)) => {
                (given - expected).abs() <= self.absolute + self.relative * expected.abs()
            }
            _ => given == expected,
        };
        ensure!(near, "{given} instead of {expected}");
        Ok(())
    }

    fn compare(&self, answer: &Value, case: &Value) -> Result<()> {
        let (given, expected) = (list(answer, "outputs")?, list(case, "outputs")?);
        // Steps may add outputs to those of the model.
        let is_right = match self.has_steps {
            true => given.len() >= expected.len(),
            false => given.len() == expected.len(),
        };
        ensure!(
            is_right && !expected.is_empty(),
            "{} outputs, and {} are recorded",
            given.len(),
            expected.len()
        );
        for expected in expected {
            let name = expected.get("name");
            let given = given.iter().find(|output| output.get("name") == name);
            let given = given.with_context(|| format!("no {name:?} in {answer}"))?;
            for field in ["datatype", "shape"] {
                ensure!(
                    given.get(field) == expected.get(field),
                    "`{field}` of {name:?} in {answer}"
                );
            }
            let data = |tensor: &Value| list(tensor, "data").cloned().map(Value::Array);
            self.compare_values(&data(given)?, &data(expected)?)
                .with_context(|| format!("{name:?}"))?;
        }
        Ok(())
    }
}

/// A tensor's data as nested lists, the way people write it.
pub fn nested(tensor: &Value) -> Result<Value> {
    let mut values = list(tensor, "data")?.clone();
    let lengths: Vec<_> = list(tensor, "shape")?
        .iter()
        .filter_map(Value::as_u64)
        .collect();
    for length in lengths.into_iter().skip(1).rev() {
        values = values
            .chunks(usize::try_from(length)?)
            .map(|chunk| json!(chunk))
            .collect();
    }
    Ok(Value::Array(values))
}

/// The list in a field of a JSON object.
pub fn list<'a>(object: &'a Value, field: &str) -> Result<&'a Vec<Value>> {
    object
        .get(field)
        .and_then(Value::as_array)
        .with_context(|| format!("no list `{field}` in {object}"))
}
