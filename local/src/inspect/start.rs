//! A `model.yaml` to start from: what the file says, and what only people can.

use std::collections::{BTreeMap, BTreeSet};

use std::path::Path;

use model_fn::engine::{Budget, Dimension, Memory, Port};
use model_fn::protocol::Limits;
use model_fn::repository::{Files, Loading, Repository, Settings, VersionFiles};

use super::Inspection;
use super::beside::{Beside, comment};
use crate::chain;

/// Every key is one of the model function's; those that need an answer are commented out. `shapes` are those of
/// inputs that were made up, where there are any.
pub(super) fn model_yaml(told: &Inspection, shapes: &[Vec<usize>]) -> String {
    let beside = Beside::of(
        &told.file,
        &told.inputs,
        &told.outputs,
        &told.contents.metadata,
    );
    let yaml = written(told, shapes, &beside.lines(), !beside.labels.is_empty());
    if !beside.has_steps() {
        return yaml;
    }
    let refused = opened(&told.file, &yaml);
    let plain = written(told, shapes, &[], false);
    match refused {
        // What is refused without the steps too says nothing of them.
        Err(problem) if opened(&told.file, &plain).is_ok() => {
            let remark = comment(&format!(
                "the model function does not take these: {problem}"
            ));
            let lines = beside.lines().into_iter();
            let lines = lines.map(|line| match line.starts_with('#') {
                true => line,
                false => format!("# {line}"),
            });
            let lines: Vec<String> = std::iter::once(remark).chain(lines).collect();
            written(told, shapes, &lines, false)
        }
        Ok(()) | Err(_) => yaml,
    }
}

/// Whether the model function serves the model with this description.
fn opened(model: &Path, yaml: &str) -> Result<(), String> {
    let version = VersionFiles {
        number: 1,
        model: model.to_owned(),
        expected: None,
    };
    let files = Files {
        name: "inspected".to_owned(),
        versions: vec![version],
        description: Some(yaml.to_owned()),
        example: None,
        expected: None,
    };
    let settings = Settings {
        default: None,
        limits: Limits::DEFAULT,
        budget: Budget::new(Memory::UNKNOWN),
        loading: Loading::Start,
    };
    let opened = Repository::open(vec![files], settings);
    opened.map(drop).map_err(|problems| {
        let problems = problems.iter().map(|problem| chain(problem));
        problems.collect::<Vec<_>>().join("; ")
    })
}

fn written(
    told: &Inspection,
    shapes: &[Vec<usize>],
    beside: &[String],
    has_labels: bool,
) -> String {
    let mut lines = vec!["# Every key may be left out: see models/README.md.".to_owned()];
    let described = told.contents.description.as_str();
    lines.push(match described {
        "" => "# description: What does the model tell, and of what?".to_owned(),
        text => format!("description: {}", quoted(text)),
    });
    if !has_labels {
        let line = "# labels: []  # the names of its classes, in the order of its scores";
        lines.push(line.to_owned());
    }
    lines.extend(beside.iter().cloned());
    if let Some((name, width)) = columns(&told.inputs) {
        lines.push(match known(&told.contents.metadata, width) {
            Some(names) => format!("columns: [{}]", names.join(", ")),
            None => format!(
                "# columns: []  # the names of the {width} values in a row of {}",
                quoted(name)
            ),
        });
    }
    if told.inputs.iter().any(has_lengths) {
        lines.push(format!(
            "# shapes: [{{{}}}]  # planned at the start: put in the lengths of your requests",
            entry(&told.inputs, shapes)
        ));
    }
    lines.push("# limits: {rows: 1000}  # of one request".to_owned());
    lines.join("\n")
}

/// The only input, if its rows are of a fixed width.
fn columns(inputs: &[Port]) -> Option<(&str, i64)> {
    let [input] = inputs else {
        return None;
    };
    match *input.lengths()? {
        [_, width] if width > 0 => Some((input.name.as_str(), width)),
        _ => None,
    }
}

/// Where people put the names of columns into a file: no exporter writes them by itself.
const NAMES: [&str; 3] = ["feature_names", "feature_names_in_", "columns"];

/// The names of columns that the file has, quoted: a list in JSON, of as many different texts as a row has values.
fn known(metadata: &BTreeMap<String, String>, width: i64) -> Option<Vec<String>> {
    let text = NAMES.iter().find_map(|name| metadata.get(*name))?;
    let names: Vec<String> = serde_json::from_str(text).ok()?;
    let different: BTreeSet<&String> = names.iter().collect();
    let fits = i64::try_from(names.len()) == Ok(width) && different.len() == names.len();
    fits.then(|| names.iter().map(|name| quoted(name)).collect())
}

/// Whether requests may be longer along an axis that does not count the rows.
fn has_lengths(input: &Port) -> bool {
    let axes = input.shape.iter().flatten().skip(1);
    let mut is_open = axes.map(|axis| match axis {
        Dimension::Fixed(_) => false,
        Dimension::Named(_) | Dimension::Any => true,
    });
    is_open.any(|is_open| is_open)
}

/// The shape of each input, by its name.
fn entry(inputs: &[Port], shapes: &[Vec<usize>]) -> String {
    let named = inputs.iter().zip(shapes);
    let named = named.map(|(input, shape)| format!("{}: {shape:?}", quoted(&input.name)));
    named.collect::<Vec<_>>().join(", ")
}

/// A YAML text in double quotes is one of JSON.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::inspect;
    use super::*;

    /// The model function's own reading of a `model.yaml` with its model.
    fn open(model: &Path, yaml: &str) {
        let opened = opened(model, yaml);
        assert!(opened.is_ok(), "{yaml}: {opened:?}");
    }

    /// What is printed is accepted as it is, and with all that it has in comments.
    #[track_caller]
    fn check(folder: &str, shapes: Option<&str>) {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let model = repository.join(folder).join("model.onnx");
        let yaml = inspect(&model).unwrap().model_yaml;
        let mut lines = yaml.lines();
        let named = lines.find_map(|line| line.strip_prefix("# shapes: "));
        assert_eq!(named.and_then(|line| line.split("  #").next()), shapes);
        open(&model, &yaml);
        let keys = yaml.lines().skip(1);
        let keys = keys.map(|line| line.strip_prefix("# ").unwrap_or(line));
        open(&model, &keys.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn names_of_columns_are_those_in_the_file_if_they_fit() {
        let check = |key: &str, text: &str, expected: Option<&[&str]>| {
            let metadata = BTreeMap::from([(key.to_owned(), text.to_owned())]);
            let names = known(&metadata, 2);
            let expected = expected.map(|names| names.iter().map(|name| quoted(name)).collect());
            assert_eq!(names, expected, "{key}: {text}");
        };
        check("feature_names", r#"["a", "b: c"]"#, Some(&["a", "b: c"]));
        check("feature_names_in_", r#"["b", "a"]"#, Some(&["b", "a"]));
        check("columns", r#"["a"]"#, None);
        check("columns", r#"["a", "a"]"#, None);
        check("columns", "a,b", None);
        check("names", r#"["a", "b"]"#, None);
    }

    /// Of what lies beside a model, the model function takes what is printed.
    #[test]
    fn steps_are_those_that_the_files_beside_the_model_say() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let folder = tempfile::tempdir().unwrap();
        let copy = |from: &str, name: &str| {
            std::fs::copy(repository.join(from), folder.path().join(name)).unwrap();
        };
        let model = folder.path().join("model.onnx");
        copy(
            "model-fn/tests/fixtures/steps/words/model.onnx",
            "model.onnx",
        );
        copy("steps/tests/golden/text/bert.json", "tokenizer.json");
        let config = r#"{"id2label": {"0": "cold", "1": "warm", "2": "hot"}, "max_position_embeddings": 64}"#;
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let yaml = inspect(&model).unwrap().model_yaml;
        for line in [
            r#"labels: ["cold","warm","hot"]"#,
            "  max_length: 64",
            "parameters: [truncation, top_k, raw_scores]",
        ] {
            assert!(yaml.lines().any(|one| one == line), "{yaml}");
        }
        open(&model, &yaml);
        let digits = folder.path().join("digits");
        std::fs::create_dir(&digits).unwrap();
        copy("models/digits/model.onnx", "digits/model.onnx");
        let config = r#"{"size": 8, "resample": 2, "do_normalize": false, "do_convert_rgb": false, "id2label": {}}"#;
        std::fs::write(digits.join("preprocessor_config.json"), config).unwrap();
        let yaml = inspect(&digits.join("model.onnx")).unwrap().model_yaml;
        let has = |line: &str| yaml.lines().any(|one| one == line);
        assert!(has("image:") && has("  color: \"grey\""), "{yaml}");
        open(&digits.join("model.onnx"), &yaml);
        // What is not taken is a comment, with the reason.
        std::fs::write(digits.join("preprocessor_config.json"), r#"{"size": 9}"#).unwrap();
        let yaml = inspect(&digits.join("model.onnx")).unwrap().model_yaml;
        assert!(
            yaml.contains("does not take these") && yaml.contains("\n# image:"),
            "{yaml}"
        );
        open(&digits.join("model.onnx"), &yaml);
        std::fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
        let yaml = inspect(&model).unwrap().model_yaml;
        assert!(
            yaml.contains("does not take these") && yaml.contains("\n# text:"),
            "{yaml}"
        );
        open(&model, &yaml);
    }

    #[test]
    fn shapes_are_named_where_lengths_are_open() {
        let served = |name| format!("model-fn/tests/fixtures/served/{name}");
        check(
            &served("pooled"),
            Some(r#"[{"ids": [1, 1], "mask": [1, 1]}]"#),
        );
        check(&served("frame"), Some(r#"[{"image": [1, 1, 64, 64]}]"#));
        check("models/digits", None);
        check("models/wine", None);
        for name in ["columns", "echo", "quotient", "strict", "total", "zipped"] {
            check(&served(name), None);
        }
    }
}
