//! What becomes of outputs: labels and scores of a classifier, or the one vector of a model of sentences.

use std::collections::BTreeMap;

use model_fn::engine::{Dimension, Port};
use serde_json::{Map, Value, json};

use super::{Beside, Files, Output};

/// What exporters call the scores of classes.
const LOGITS: &str = "logits";

/// What they call the vectors of tokens.
const TOKENS: [&str; 2] = ["last_hidden_state", "token_embeddings"];

/// And one vector of all of them.
const SENTENCE: [&str; 2] = ["sentence_embedding", "pooled_embedding"];

/// Where people and exporters put the names of classes into a file; that of the last is YOLO's.
const NAMES: [&str; 4] = ["labels", "classes", "id2label", "names"];

/// How many labels an answer starts with.
const BEST: usize = 5;

/// Reads what the files of a model and its metadata say of its outputs.
pub(super) fn read(
    beside: &mut Beside,
    files: &Files,
    inputs: &[Port],
    outputs: &[Port],
    metadata: &BTreeMap<String, String>,
) {
    let config = files.object("config.json", &mut beside.remarks);
    if beside.text.is_some() && (files.has("modules.json") || is_plain(outputs)) {
        let has_mask = inputs.iter().any(|port| port.name == "attention_mask");
        read_sentences(beside, files, outputs, has_mask);
    } else {
        read_labels(beside, &config, outputs, metadata);
    }
}

/// Whether a model gives vectors and no scores.
fn is_plain(outputs: &[Port]) -> bool {
    let has = |names: &[&str]| {
        outputs
            .iter()
            .any(|port| names.contains(&port.name.as_str()))
    };
    (has(&TOKENS) || has(&SENTENCE)) && !has(&[LOGITS])
}

fn read_sentences(beside: &mut Beside, files: &Files, outputs: &[Port], has_mask: bool) {
    let named = |names: &[&str]| {
        let mut found = outputs.iter();
        let port = found.find(|port| names.contains(&port.name.as_str()))?;
        Some(port.name.clone())
    };
    let modules = Modules::read(files, &mut beside.remarks);
    remark_on_texts(beside, files);
    if modules.is_more {
        return;
    }
    let (from, mut steps) = match (named(&SENTENCE), named(&TOKENS)) {
        (Some(from), _) => (from, Vec::new()),
        (None, Some(from)) => match pooling(files, &mut beside.remarks) {
            Some("mean_pooling") if !has_mask => {
                let remark = "the vectors of tokens become one by their mean, and the model has no `attention_mask`: export it with one";
                beside.remarks.push(remark.to_owned());
                return;
            }
            Some(step) => (from, vec![json!(step)]),
            None => return,
        },
        (None, None) => return,
    };
    if modules.is_normalized {
        steps.push(json!("l2_normalize"));
    }
    beside.outputs.push(Output {
        name: Some("embedding"),
        from,
        steps,
    });
    beside.parameters.push("dimensions");
}

/// `modules.json` of sentence-transformers.
#[derive(Default)]
struct Modules {
    is_normalized: bool,
    /// Whether there is what no step does: what follows would be of other vectors.
    is_more: bool,
}

impl Modules {
    fn read(files: &Files, remarks: &mut Vec<String>) -> Self {
        let mut modules = Self::default();
        let Some(bytes) = files.read("modules.json", remarks) else {
            return modules;
        };
        let Ok(list) = serde_json::from_slice::<Vec<Map<String, Value>>>(&bytes) else {
            remarks.push("`modules.json` is no list of modules, and is passed over".to_owned());
            return modules;
        };
        let kinds = list
            .iter()
            .filter_map(|module| module.get("type")?.as_str());
        for kind in kinds.filter_map(|kind| kind.rsplit('.').next()) {
            match kind {
                "Transformer" | "Pooling" => {}
                "Normalize" => modules.is_normalized = true,
                other => {
                    modules.is_more = true;
                    remarks.push(format!(
                        "`modules.json` has `{other}`, which no step does: export it with the model"
                    ));
                }
            }
        }
        modules
    }
}

/// What sentence-transformers does to texts before the tokenizer.
fn remark_on_texts(beside: &mut Beside, files: &Files) {
    const TRANSFORMER: &str = "sentence_bert_config.json";
    const PROMPTS: &str = "config_sentence_transformers.json";
    let transformer = files.object(TRANSFORMER, &mut beside.remarks);
    if transformer.get("do_lower_case") == Some(&Value::Bool(true)) {
        let remark = "makes texts lower case before the tokenizer: let callers do so";
        beside.remarks.push(format!("`{TRANSFORMER}` {remark}"));
    }
    let config = files.object(PROMPTS, &mut beside.remarks);
    let prompts = config.get("prompts").and_then(Value::as_object);
    let is_said = |prompt: &Value| prompt.as_str().is_some_and(|prompt| !prompt.is_empty());
    if prompts.is_some_and(|prompts| prompts.values().any(is_said)) {
        let remark = "has prompts, which stand before texts: let callers put them there";
        beside.remarks.push(format!("`{PROMPTS}` {remark}"));
    }
}

/// How the vectors of tokens become one: what `1_Pooling/config.json` says, or the mean.
fn pooling(files: &Files, remarks: &mut Vec<String>) -> Option<&'static str> {
    const FILE: &str = "1_Pooling/config.json";
    let config = files.object(FILE, remarks);
    if config.is_empty() {
        let remark = "nothing says how the vectors of tokens become one: the mean is a guess";
        remarks.push(remark.to_owned());
        return Some("mean_pooling");
    }
    let is_set = |(_, value): &(&String, &Value)| *value == &Value::Bool(true);
    let modes = config
        .iter()
        .filter(|(name, _)| name.starts_with("pooling_mode"));
    let modes: Vec<&str> = modes
        .filter(is_set)
        .map(|(name, _)| name.as_str())
        .collect();
    match modes.as_slice() {
        ["pooling_mode_mean_tokens"] => Some("mean_pooling"),
        ["pooling_mode_cls_token"] => Some("cls_pooling"),
        others => {
            let others = others.join(", ");
            remarks.push(format!(
                "`{FILE}` says {others}, which no step does: export it with the model"
            ));
            None
        }
    }
}

fn read_labels(
    beside: &mut Beside,
    config: &Map<String, Value>,
    outputs: &[Port],
    metadata: &BTreeMap<String, String>,
) {
    let scores = match outputs {
        [only] => Some(only),
        several => several.iter().find(|port| port.name == LOGITS),
    };
    let Some(scores) = scores.filter(|port| port.datatype.is_float() && port.labels.is_empty())
    else {
        return;
    };
    let axes = scores.shape.as_deref().unwrap_or_default();
    let labels = of_config(config).or_else(|| of_metadata(metadata));
    let (Some(labels), 2) = (labels, axes.len()) else {
        return;
    };
    if let Some(Dimension::Fixed(width)) = axes.last()
        && *width != labels.len()
    {
        beside.remarks.push(format!(
            "there are {} labels, and `{}` has {width} values a row",
            labels.len(),
            scores.name
        ));
        return;
    }
    let kind = config.get("problem_type").and_then(Value::as_str);
    let is_of_logits = scores.name == LOGITS;
    let scaled = match kind {
        Some("regression") => return,
        Some("multi_label_classification") => Some("sigmoid"),
        // Of one class there is nothing to be one together.
        Some(_) | None if labels.len() == 1 => is_of_logits.then_some("sigmoid"),
        Some(_) | None => is_of_logits.then_some("softmax"),
    };
    let best = labels.len().min(BEST);
    let steps = scaled.map(|step| json!(step)).into_iter();
    beside.outputs.push(Output {
        name: None,
        from: scores.name.clone(),
        steps: steps.chain([json!({"top_k": best})]).collect(),
    });
    if scaled.is_none() {
        let remark = "the scores are taken as they are: put `softmax` or `sigmoid` before `top_k` if they are logits";
        beside.remarks.push(remark.to_owned());
    }
    beside.parameters.extend(["top_k", "raw_scores"]);
    beside.labels = labels;
}

/// `id2label` of a `config.json`, unless it is what transformers writes where nobody has named the classes.
fn of_config(config: &Map<String, Value>) -> Option<Vec<String>> {
    let labels = in_order(config.get("id2label")?)?;
    let is_generic = |(place, label): (usize, &String)| *label == format!("LABEL_{place}");
    let is_named = !labels.iter().enumerate().all(is_generic);
    is_named.then_some(labels)
}

/// The names of classes in the metadata of an ONNX file: JSON, or a `dict` as Python prints it, which is YAML.
fn of_metadata(metadata: &BTreeMap<String, String>) -> Option<Vec<String>> {
    let texts = NAMES.iter().filter_map(|name| metadata.get(*name));
    let read = texts.filter_map(|text| serde_saphyr::from_str::<Value>(text).ok());
    read.into_iter().find_map(|value| in_order(&value))
}

/// Names by their places, or in a list.
fn in_order(value: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match value {
        Value::Array(list) if !list.is_empty() => list.iter().map(text).collect(),
        Value::Object(members) if !members.is_empty() => (0..members.len())
            .map(|place| members.get(&place.to_string()).and_then(text))
            .collect(),
        Value::Array(_) | Value::Object(_) | Value::Null => None,
        Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}
