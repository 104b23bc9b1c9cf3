//! What lies beside a model and says how texts and pictures become its inputs, and its outputs answers: the files that
//! transformers and sentence-transformers save.

mod heads;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use model_fn::engine::Port;
use serde::Serialize;
use serde_json::{Map, Value};

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
        let takes_pixels = |port: &Port| port.shape.as_ref().is_some_and(|axes| axes.len() == 4);
        if inputs.iter().any(takes_pixels) {
            beside.read_image(&files);
        }
        heads::read(&mut beside, &files, outputs, metadata);
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

    fn read_image(&mut self, files: &Files) {
        let Some(bytes) = files.read("preprocessor_config.json", &mut self.remarks) else {
            return;
        };
        let (settings, remarks) = steps::image::from_files(Some(&bytes));
        self.remarks.extend(remarks);
        self.image = members(&settings);
    }

    /// The lines of a `model.yaml`, which has JSON where a line holds more than a word.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        lines.extend(self.remarks.iter().map(|remark| format!("# {remark}")));
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

/// What is set of some settings.
fn members(settings: &impl Serialize) -> Option<Map<String, Value>> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(members)) => Some(members),
        Ok(_) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use model_fn::engine::Dimension;
    use model_fn::tensor::Datatype;
    use tempfile::TempDir;

    use super::*;

    const BERT: [&str; 3] = ["input_ids", "attention_mask", "token_type_ids"];

    /// A folder with these files, and a model that is not read.
    fn folder(files: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn port(name: &str, datatype: Datatype, axes: &[Option<usize>]) -> Port {
        let axes = axes
            .iter()
            .map(|axis| axis.map_or(Dimension::Any, Dimension::Fixed));
        Port {
            name: name.to_owned(),
            datatype,
            shape: Some(axes.collect()),
            labels: Vec::new(),
        }
    }

    fn tokens() -> Vec<Port> {
        let tokens = BERT.map(|name| port(name, Datatype::Int64, &[None, None]));
        tokens.to_vec()
    }

    fn floats(name: &str, axes: &[Option<usize>]) -> Vec<Port> {
        vec![port(name, Datatype::Fp32, axes)]
    }

    /// The lines without the remarks, which `remarks` must be in.
    #[track_caller]
    fn check(
        files: &[(&str, &str)],
        model: &str,
        ports: (&[Port], &[Port]),
        metadata: &[(&str, &str)],
        expected: &[&str],
        remarks: &[&str],
    ) {
        let folder = folder(files);
        let pairs = metadata.iter();
        let metadata = pairs.map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let (inputs, outputs) = ports;
        let model = folder.path().join(model);
        let beside = Beside::of(&model, inputs, outputs, &metadata.collect());
        let lines = beside.lines();
        let (comments, keys): (Vec<&str>, Vec<&str>) = lines
            .iter()
            .map(String::as_str)
            .partition(|line| line.starts_with('#'));
        assert_eq!(keys, expected);
        assert_eq!(comments.len(), remarks.len(), "{comments:?}");
        for (comment, remark) in comments.iter().zip(remarks) {
            assert!(comment.contains(remark), "{comment}");
        }
    }

    const POOLING: &str = r#"{"word_embedding_dimension": 384, "pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true}"#;
    const MODULES: &str = r#"[{"type": "sentence_transformers.models.Transformer"}, {"type": "sentence_transformers.models.Pooling"}, {"type": "sentence_transformers.models.Normalize"}]"#;

    #[test]
    fn a_model_of_sentences_is_pooled_as_its_files_say() {
        let hidden = floats("last_hidden_state", &[None, None, Some(384)]);
        let files = [
            ("tokenizer.json", "{}"),
            ("tokenizer_config.json", r#"{"model_max_length": 512}"#),
            ("sentence_bert_config.json", r#"{"max_seq_length": 256}"#),
            ("modules.json", MODULES),
            ("1_Pooling/config.json", POOLING),
        ];
        let expected = [
            "text:",
            "  max_length: 256",
            "outputs:",
            r#"  - {"name":"embedding","from":"last_hidden_state","steps":["mean_pooling","l2_normalize"]}"#,
            "parameters: [truncation, dimensions]",
        ];
        for model in ["model.onnx", "onnx/model.onnx", "1/model.onnx"] {
            check(&files, model, (&tokens(), &hidden), &[], &expected, &[]);
        }
        let pooled = floats("sentence_embedding", &[None, Some(384)]);
        let expected = [
            "text: {}",
            "outputs:",
            r#"  - {"name":"embedding","from":"sentence_embedding"}"#,
            "parameters: [truncation, dimensions]",
        ];
        check(
            &files[..1],
            "model.onnx",
            (&tokens(), &pooled),
            &[],
            &expected,
            &[],
        );
    }

    #[test]
    fn what_no_step_does_is_said() {
        let hidden = floats("last_hidden_state", &[None, None, Some(384)]);
        let pooling = r#"{"pooling_mode_max_tokens": true}"#;
        let files = [
            ("tokenizer.json", "{}"),
            (
                "modules.json",
                r#"[{"type": "sentence_transformers.models.Dense"}]"#,
            ),
            ("1_Pooling/config.json", pooling),
        ];
        let remarks = ["`Dense`", "pooling_mode_max_tokens"];
        let expected = ["text: {}", "parameters: [truncation]"];
        check(
            &files,
            "model.onnx",
            (&tokens(), &hidden),
            &[],
            &expected,
            &remarks,
        );
        let files = [("tokenizer_config.json", "{}")];
        check(
            &files,
            "model.onnx",
            (&tokens(), &hidden),
            &[],
            &[],
            &["save_pretrained"],
        );
        let broken = [
            ("tokenizer.json", "{}"),
            ("config.json", "[]"),
            ("modules.json", "{}"),
            ("1_Pooling/config.json", "{"),
        ];
        let remarks = [
            "`config.json` is not an object",
            "`config.json` is not an object",
            "`modules.json` is no list",
            "`1_Pooling/config.json` is passed over",
            "the mean is a guess",
        ];
        let expected = [
            "text: {}",
            "outputs:",
            r#"  - {"name":"embedding","from":"last_hidden_state","steps":["mean_pooling"]}"#,
            "parameters: [truncation, dimensions]",
        ];
        check(
            &broken,
            "model.onnx",
            (&tokens(), &hidden),
            &[],
            &expected,
            &remarks,
        );
    }

    #[test]
    fn classes_have_the_names_of_the_config() {
        let config = |more: &str| format!(r#"{{"id2label": {{"1": "good", "0": "bad"}}{more}}}"#);
        let scores = floats("logits", &[None, Some(2)]);
        for (more, step) in [
            ("", "softmax"),
            (
                r#", "problem_type": "multi_label_classification""#,
                "sigmoid",
            ),
        ] {
            let text = config(more);
            let files = [("tokenizer.json", "{}"), ("config.json", text.as_str())];
            let output = format!(r#"  - {{"from":"logits","steps":["{step}",{{"top_k":2}}]}}"#);
            let expected = [
                r#"labels: ["bad","good"]"#,
                "text: {}",
                "outputs:",
                output.as_str(),
                "parameters: [truncation, top_k, raw_scores]",
            ];
            check(
                &files,
                "model.onnx",
                (&tokens(), &scores),
                &[],
                &expected,
                &[],
            );
        }
        let text = config("");
        let files = [("config.json", text.as_str())];
        let three = floats("logits", &[None, Some(3)]);
        check(
            &files,
            "model.onnx",
            (&tokens(), &three),
            &[],
            &[],
            &["2 labels"],
        );
        let generic = [(
            "config.json",
            r#"{"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}"#,
        )];
        check(&generic, "model.onnx", (&tokens(), &scores), &[], &[], &[]);
        let regression = config(r#", "problem_type": "regression""#);
        let files = [("config.json", regression.as_str())];
        check(&files, "model.onnx", (&tokens(), &scores), &[], &[], &[]);
    }

    #[test]
    fn classes_have_the_names_of_the_metadata() {
        let pixels = floats("images", &[None, Some(3), Some(224), Some(224)]);
        let scores = floats("output0", &[None, Some(2)]);
        let expected = [
            r#"labels: ["person","bicycle"]"#,
            "outputs:",
            r#"  - {"from":"output0","steps":[{"top_k":2}]}"#,
            "parameters: [top_k, raw_scores]",
        ];
        for (key, text) in [
            ("names", "{0: 'person', 1: 'bicycle'}"),
            ("labels", r#"["person", "bicycle"]"#),
            ("id2label", r#"{"0": "person", "1": "bicycle"}"#),
        ] {
            check(
                &[],
                "model.onnx",
                (&pixels, &scores),
                &[(key, text)],
                &expected,
                &["as they are"],
            );
        }
        check(
            &[],
            "model.onnx",
            (&pixels, &scores),
            &[("names", "{1: a, 2: b}")],
            &[],
            &[],
        );
    }

    #[test]
    fn pictures_are_made_as_the_processor_of_the_training_says() {
        let pixels = floats("pixel_values", &[None, Some(3), Some(224), Some(224)]);
        let scores = floats("hidden", &[None, Some(2)]);
        let config = r#"{"do_resize": true, "size": {"height": 224, "width": 224}, "resample": 3, "do_rescale": true,
            "rescale_factor": 0.00392156862745098, "do_normalize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}"#;
        let folder = folder(&[("preprocessor_config.json", config)]);
        let model = folder.path().join("model.onnx");
        let beside = Beside::of(&model, &pixels, &scores, &BTreeMap::new());
        let image = beside.image.unwrap();
        assert_eq!(
            image["size"],
            serde_json::json!({"height": 224, "width": 224})
        );
        assert_eq!(image["resample"], "bicubic");
        assert_eq!(image["image_mean"][0], 0.5);
    }
}
