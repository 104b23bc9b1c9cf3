//! The models and events of all contenders.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Files of models, and events that ask them.
pub(crate) struct Work {
    pub(crate) iris: PathBuf,
    pub(crate) image: PathBuf,
    /// One flower.
    pub(crate) row: String,
    /// A thousand.
    pub(crate) rows: String,
    pub(crate) picture: String,
}

const ROWS: usize = 1000;
const SIDE: usize = 224;

impl Work {
    /// Puts the models into the folder, as a repository has them.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let place = |name: &str| -> Result<PathBuf> {
            let own = folder.join(name).join(name);
            fs::create_dir_all(&own)?;
            let file = own.join("model.onnx");
            let model = models.join(format!("{name}.onnx"));
            fs::copy(&model, &file).with_context(|| format!("`{}`", model.display()))?;
            Ok(file)
        };
        let rows: Vec<Value> = (0..ROWS).map(flower).collect();
        Ok(Self {
            iris: place("iris")?,
            image: place("image")?,
            row: event(&json!([flower(0)])),
            rows: event(&json!(rows)),
            picture: event(&json!([picture()])),
        })
    }
}

/// In tenths of centimetres, as the flowers were measured.
fn flower(number: usize) -> Value {
    let tenths = |least: usize, range: usize| (least + number * 7 % range) as f64 / 10.0;
    json!([
        tenths(43, 36),
        tenths(20, 24),
        tenths(10, 59),
        tenths(1, 24)
    ])
}

/// Three channels of pixels, scaled as training did: with the digits that Python writes of 32-bit floats.
fn picture() -> Value {
    let pixel = |place: usize| f64::from((place * 37 % 256) as f32 / 255.0);
    let channel = |channel: usize| {
        let line = |line: usize| -> Vec<f64> {
            (0..SIDE)
                .map(|column| pixel((channel * SIDE + line) * SIDE + column))
                .collect()
        };
        (0..SIDE).map(line).collect::<Vec<_>>()
    };
    json!((0..3).map(channel).collect::<Vec<_>>())
}

/// An event of a REST API, with what an authorizer adds.
fn event(inputs: &Value) -> String {
    let context =
        json!({"authorizer": {"principalId": "somebody", "scope": "predict"}, "stage": "prod"});
    let headers =
        json!({"Content-Type": "application/json", "Accept": "*/*", "Host": "api.example"});
    let body = json!({"inputs": inputs}).to_string();
    json!({"resource": "/predict", "path": "/predict", "httpMethod": "POST", "headers": headers,
        "requestContext": context, "body": body, "isBase64Encoded": false})
    .to_string()
}
