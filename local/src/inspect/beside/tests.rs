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

fn hidden() -> Vec<Port> {
    floats("last_hidden_state", &[None, None, Some(384)])
}

/// Without an output that a step would make of it.
const TEXT_ALONE: [&str; 2] = ["text: {}", "parameters: [truncation]"];

#[track_caller]
fn check_remark(name: &str, text: &str, inputs: &[Port], remark: &str) {
    let files = [("tokenizer.json", "{}"), (name, text)];
    let ports = (inputs, hidden());
    check(
        &files,
        "model.onnx",
        (ports.0, &ports.1),
        &[],
        &TEXT_ALONE,
        &[remark],
    );
}

#[test]
fn what_no_step_does_is_said() {
    let dense = r#"[{"type": "sentence_transformers.models.Dense"}]"#;
    check_remark("modules.json", dense, &tokens(), "`Dense`");
    let largest = r#"{"pooling_mode_max_tokens": true}"#;
    check_remark(
        "1_Pooling/config.json",
        largest,
        &tokens(),
        "pooling_mode_max_tokens",
    );
    // What files quote is one line, and no key.
    let lines = r#"[{"type": "x.Foo\nversions: [99]"}]"#;
    check_remark(
        "modules.json",
        lines,
        &tokens(),
        "versions: [99]`, which no step does",
    );
    check_remark(
        "1_Pooling/config.json",
        POOLING,
        &tokens()[..1],
        "no `attention_mask`",
    );
}

#[test]
fn what_is_done_to_texts_before_is_said() {
    let pooled = floats("sentence_embedding", &[None, Some(384)]);
    let expected = [
        "text: {}",
        "outputs:",
        r#"  - {"name":"embedding","from":"sentence_embedding"}"#,
        "parameters: [truncation, dimensions]",
    ];
    for (name, text, remark) in [
        (
            "sentence_bert_config.json",
            r#"{"do_lower_case": true}"#,
            "lower case",
        ),
        (
            "config_sentence_transformers.json",
            r#"{"prompts": {"query": "query: "}}"#,
            "prompts",
        ),
    ] {
        let files = [("tokenizer.json", "{}"), (name, text)];
        check(
            &files,
            "model.onnx",
            (&tokens(), &pooled),
            &[],
            &expected,
            &[remark],
        );
    }
}

#[test]
fn files_that_are_not_read_are_named() {
    let files = [("tokenizer_config.json", "{}")];
    check(
        &files,
        "model.onnx",
        (&tokens(), &hidden()),
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
        (&tokens(), &hidden()),
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
