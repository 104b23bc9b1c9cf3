//! What lies beside a model and says how texts and pictures become its inputs, and its outputs answers: the files that
//! transformers and sentence-transformers save.

mod heads;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use model_fn::engine::{Dimension, Port};
use serde::Serialize;
use serde_json::{Map, Value};
use steps::image::{Color, Layout};

/// The most bytes of a file that is read here: those of tokenizers are not.
const LONGEST: u64 = 16 << 20;

const TOKENIZER: &str = "tokenizer.json";

/// Keys of a `model.yaml`, and what people should know of them.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Beside {
    /// `text`, as its keys and values.
    pub(super) text: Option<Map<String, Value>>,
    /// `image`.
    pub(super) image: Option<Map<String, Value>>,
    /// `labels`.
    pub(super) labels: Vec<String>,
    /// `outputs`.
    pub(super) outputs: Vec<Output>,
    /// `parameters`.
    pub(super) parameters: Vec<&'static str>,
    /// What files say and `model.yaml` has no word for.
    pub(super) remarks: Vec<String>,
}

/// An entry of `outputs`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Output {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'static str>,
    pub(super) from: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) steps: Vec<Value>,
}

/// The files of a model.
struct Files {
    /// Its own folder, and the one above it: exporters put the model into `onnx/` of its repository.
    folders: Vec<PathBuf>,
}

impl Files {
    fn of(model: &Path) -> Self {
        let folder = model.parent().map(Path::to_owned);
        let above = folder.as_deref().and_then(Path::parent);
        let is_inner = |folder: &Path| {
            let name = folder.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name == "onnx" || name.parse::<u64>().is_ok())
        };
        let above = above.filter(|_| folder.as_deref().is_some_and(is_inner));
        let above = above.map(Path::to_owned);
        Self {
            folders: folder.into_iter().chain(above).collect(),
        }
    }

    fn has(&self, name: &str) -> bool {
        let mut folders = self.folders.iter();
        folders.any(|folder| folder.join(name).is_file())
    }

    /// The file, where it is there and no longer than such files are.
    fn read(&self, name: &str, remarks: &mut Vec<String>) -> Option<Vec<u8>> {
        let paths = self.folders.iter().map(|folder| folder.join(name));
        let path = paths.into_iter().find(|path| path.is_file())?;
        let read = || -> io::Result<Option<Vec<u8>>> {
            let is_short = fs::metadata(&path)?.len() <= LONGEST;
            is_short.then(|| fs::read(&path)).transpose()
        };
        match read() {
            Ok(Some(bytes)) => Some(bytes),
            Ok(None) => {
                remarks.push(format!("`{name}` is too long, and is passed over"));
                None
            }
            Err(error) => {
                remarks.push(format!("`{name}` is passed over: {error}"));
                None
            }
        }
    }

    /// The same, as the members of an object.
    fn object(&self, name: &str, remarks: &mut Vec<String>) -> Map<String, Value> {
        let Some(bytes) = self.read(name, remarks) else {
            return Map::new();
        };
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(members)) => members,
            Ok(_) => {
                remarks.push(format!("`{name}` is not an object, and is passed over"));
                Map::new()
            }
            Err(error) => {
                remarks.push(format!("`{name}` is passed over: {error}"));
                Map::new()
            }
        }
    }
}

impl Beside {
    /// Of the model at this path, with what its file says of itself.
    pub(super) fn of(
        model: &Path,
        inputs: &[Port],
        outputs: &[Port],
        metadata: &BTreeMap<String, String>,
    ) -> Self {
        let files = Files::of(model);
        let mut beside = Self::default();
        if inputs.iter().any(|port| port.name == "input_ids") {
            beside.read_text(&files);
        }
        let takes_pixels = |port: &&Port| port.shape.as_ref().is_some_and(|axes| axes.len() == 4);
        if let Some(port) = inputs.iter().find(takes_pixels) {
            beside.read_image(&files, port, inputs.len() == 1);
        }
        heads::read(&mut beside, &files, inputs, outputs, metadata);
        beside
    }

    fn read_text(&mut self, files: &Files) {
        if !files.has(TOKENIZER) {
            if files.has("tokenizer_config.json") {
                let remark = "the tokenizer is not saved as `tokenizer.json`: \
                    `AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)` does so";
                self.remarks.push(remark.to_owned());
            }
            return;
        }
        let mut read = |name| files.read(name, &mut self.remarks);
        let [tokenizer, sentences, config] = [
            "tokenizer_config.json",
            "sentence_bert_config.json",
            "config.json",
        ]
        .map(&mut read);
        let (settings, remarks) = steps::text::from_files(
            tokenizer.as_deref(),
            sentences.as_deref(),
            config.as_deref(),
        );
        self.remarks.extend(remarks);
        self.text = members(&settings);
        self.parameters.push("truncation");
    }

    /// What the file says, and the input itself: how many channels it has, and where.
    fn read_image(&mut self, files: &Files, port: &Port, is_only: bool) {
        let Some(bytes) = files.read("preprocessor_config.json", &mut self.remarks) else {
            return;
        };
        let (mut settings, remarks) = steps::image::from_files(Some(&bytes));
        let channels = |axis: &Dimension| match axis {
            Dimension::Fixed(count) if [1, 3].contains(count) => Some(*count),
            Dimension::Fixed(_) | Dimension::Named(_) | Dimension::Any => None,
        };
        let axes = port.shape.as_deref().unwrap_or_default();
        let first = axes.get(1).and_then(channels);
        let last = axes.get(3).and_then(channels);
        if first.is_none() && last.is_some() {
            settings.layout = Layout::ChannelsLast;
        }
        if first.or(last) == Some(1) {
            settings.color = Color::Grey;
        }
        if !is_only {
            settings.tensor = Some(port.name.clone());
        }
        self.remarks.extend(remarks);
        self.image = members(&settings);
    }

    /// Whether there is more than remarks.
    pub(super) fn has_steps(&self) -> bool {
        self.text.is_some() || self.image.is_some() || !self.outputs.is_empty()
    }

    /// The lines of a `model.yaml`, which has JSON where a line holds more than a word.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        lines.extend(self.remarks.iter().map(|remark| comment(remark)));
        if !self.labels.is_empty() {
            lines.push(format!("labels: {}", Value::from(self.labels.clone())));
        }
        for (key, members) in [("text", &self.text), ("image", &self.image)] {
            let Some(members) = members else { continue };
            let is_empty = members.is_empty();
            lines.push(format!("{key}:{}", if is_empty { " {}" } else { "" }));
            let member = |(name, value): (&String, &Value)| format!("  {name}: {value}");
            lines.extend(members.iter().map(member));
        }
        if !self.outputs.is_empty() {
            lines.push("outputs:".to_owned());
            let entry = |output: &Output| {
                let entry = serde_json::to_string(output).unwrap_or_default();
                format!("  - {entry}")
            };
            lines.extend(self.outputs.iter().map(entry));
        }
        if !self.parameters.is_empty() {
            lines.push(format!("parameters: [{}]", self.parameters.join(", ")));
        }
        lines
    }
}

/// A line that says no more than it should: what it quotes is of files that others have made.
pub(super) fn comment(text: &str) -> String {
    let words = text.split(|character: char| character.is_control());
    let words = words.filter(|words| !words.is_empty());
    format!("# {}", words.collect::<Vec<_>>().join(" "))
}

/// What is set of some settings.
fn members(settings: &impl Serialize) -> Option<Map<String, Value>> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(members)) => Some(members),
        Ok(_) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests;
