//! What keeps the function from starting: every problem of every model, told together.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::path::{Path, PathBuf};

use model_fn::{Config, ModelFunction};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Starts with the models of a folder; the problems, without the way to the folder.
fn start(folder: &Path, default: Option<&str>) -> Result<ModelFunction, Vec<String>> {
    start_with(folder, &[("DEFAULT_MODEL", default.unwrap_or_default())])
}

/// The same, with these variables.
fn start_with(folder: &Path, variables: &[(&str, &str)]) -> Result<ModelFunction, Vec<String>> {
    let source = folder.display().to_string();
    let lookup = |name: &str| match name {
        "MODEL_SOURCE" => Some(source.clone()),
        _ => {
            let mut known = variables.iter().filter(|(known, _)| *known == name);
            known.next().map(|(_, value)| (*value).to_owned())
        }
    };
    let problems = |problem: String| problem.replace(&format!("{source}/"), "");
    ModelFunction::start(Config::load(lookup).unwrap())
        .map_err(|error| error.problems.into_iter().map(problems).collect())
}

#[test]
fn each_broken_model_is_named_with_its_reason() {
    let expected = [
        ("cycle", "nodes wait for each other: `one`, `two`, `three`"),
        (
            "dangling",
            "the graph cannot be built: no node makes the value `nothing`",
        ),
        (
            "declared",
            "a run at the start on a made-up input: output `y` has the shape [1, 2], not [1, 3]; \
             if that is right, record `expected.json`: see models/README.md",
        ),
        (
            "differs",
            "`expected.json`, case 0: output `both` differs at 0",
        ),
        (
            "doubled",
            "node `two` makes the value `y`, which is there before",
        ),
        ("empty", "the file holds no ONNX graph"),
        (
            "logarithm",
            "a run at the start on a made-up input: output `y` is not finite at 0",
        ),
        ("mapped", "`y` is not a tensor"),
        (
            "outside",
            "the graph cannot be built: Building node weight (onnx-ml: external data): \
             external data of `weight`: the file `../make_models.py` must lie in the model's folder",
        ),
        (
            "several",
            "a run at the start on a made-up input of several rows: \
             output `y` has the shape [1, 2], not [2, 2]; if that is right, record",
        ),
        ("text", "the file cannot be read as ONNX: "),
        (
            "tree",
            "the graph cannot be built: Building node forest (TreeEnsembleClassifier): node 0 leads back to itself",
        ),
        ("truncated", "the file cannot be read as ONNX: "),
        (
            "typed",
            "a run at the start fails: output `y` is `F32` where the file declares `INT64`",
        ),
        (
            "unknown",
            "node `first`: operator `NoSuchThing` is not supported; \
             node `second`: operator `org.example.Relu` is of a domain that is not supported",
        ),
    ];
    let problems = start(&fixtures().join("broken"), None).unwrap_err();
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, (model, reason)) in problems.iter().zip(expected) {
        let expected = format!("model `{model}` version 1: {reason}");
        assert!(problem.starts_with(&expected), "{problem}\n{expected}");
    }
}

#[test]
fn problems_outside_the_models_are_told_too() {
    let problems = start(&fixtures().join("served"), Some("nothing")).unwrap_err();
    assert_eq!(
        problems,
        ["`DEFAULT_MODEL` is `nothing`, which is no model"]
    );
    let problems = start(&fixtures().join("nowhere"), None).unwrap_err();
    assert!(
        problems[0].starts_with("no folder of models at `"),
        "{problems:?}"
    );
}

/// Files that are not together, a wrong `model.yaml` and a wrong model: one start tells all.
#[test]
fn problems_of_all_kinds_come_together() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("a b/model.onnx", "");
    write("both/model.onnx", "");
    write("both/1/model.onnx", "");
    write("broken/model.onnx", "no model");
    write("broken/model.yaml", "colums: [a]");
    write("none/model.yaml", "");
    let expected = [
        "`a b` is no name for a model",
        "`both` has both `model.onnx`",
        "`none` has neither `model.onnx`",
        "model `broken`: `model.yaml`: ",
        "model `broken` version 1: the file cannot be read as ONNX",
    ];
    // The default model is one of those named: it is not said to be none.
    let problems = start(folder.path(), Some("none")).unwrap_err();
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}\n{expected}");
    }
}

/// Copies a model of one file with a `model.yaml` beside it, and starts with it.
#[track_caller]
fn check_columns(model: &str, text: &str, expected: Option<&str>) {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    let file = fixtures().join(model).join("model.onnx");
    std::fs::copy(file, copy.join("model.onnx")).unwrap();
    std::fs::write(copy.join("model.yaml"), text).unwrap();
    let problems = start(folder.path(), None).map(drop);
    let expected = expected.map(|problem| {
        let problem = format!("model `copy` version 1: `model.yaml`: {problem}");
        vec![problem]
    });
    assert_eq!(problems.err(), expected, "{text}");
}

/// Whoever names columns in another order than the file has would get other values' answers.
#[test]
fn columns_are_names_for_a_row_and_those_of_the_file_where_it_has_some() {
    let differs = Some("`columns` differs from the names that the file has: leave it out");
    check_columns("named", "columns: [left, right]", None);
    check_columns("named", "columns: [right, left]", differs);
    check_columns("named", "columns: [left, middle]", differs);
    check_columns("served/total", "columns: [a, b]", None);
    let three = Some("3 columns, where a row has 2 values");
    check_columns("served/total", "columns: [a, b, c]", three);
    let one = Some("`columns` names the values in a row, and the input has 1 axes, not 2");
    check_columns("served/strict", "columns: [a]", one);
    let four = Some("`columns` names the values in a row, and the input has 4 axes, not 2");
    check_columns("served/frame", "columns: [a]", four);
}

/// Copies the model `pair` with one file written over, and starts with it.
#[track_caller]
fn check_pair(file: &str, text: &str, expected: Result<(), &str>) {
    let folder = tempfile::tempdir().unwrap();
    let pair = folder.path().join("pair");
    std::fs::create_dir_all(pair.join("1")).unwrap();
    for name in ["1/model.onnx", "1/expected.json"] {
        std::fs::copy(fixtures().join("served/pair").join(name), pair.join(name)).unwrap();
    }
    std::fs::write(pair.join(file), text).unwrap();
    match (start(folder.path(), None), expected) {
        (Ok(_), Ok(())) => {}
        (Err(problems), Err(expected)) => {
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].starts_with(expected), "{problems:?}");
        }
        (Ok(_), Err(expected)) => panic!("started, though {expected}"),
        (Err(problems), Ok(())) => panic!("{problems:?}"),
    }
}

#[test]
fn a_description_must_fit_its_model() {
    check_pair(
        "model.yaml",
        "columns: [left, right]",
        Err(
            "model `pair` version 1: `model.yaml`: `columns` names the values in a row of the only input, and there are 2 inputs",
        ),
    );
    check_pair(
        "model.yaml",
        "columns: [left, left]",
        Err("model `pair` version 1: `model.yaml`: `columns` has `left` twice"),
    );
    check_pair("model.yaml", "versions: [1]\ndefault: 1", Ok(()));
    check_pair("model.yaml", "labels: [left, right]", Ok(()));
    check_pair(
        "model.yaml",
        "labels: [left, middle, right]",
        Err("model `pair` version 1: `model.yaml`: 3 `labels`, where output `both` has 2 classes"),
    );
    check_pair(
        "model.yaml",
        "colums: [a]",
        Err("model `pair`: `model.yaml`: "),
    );
    check_pair(
        "model.yaml",
        "versions: [2]",
        Err("model `pair`: `model.yaml`: version 2 is not there"),
    );
}

#[test]
fn files_beside_a_model_must_fit_it() {
    check_pair(
        "example.json",
        r#"{"inputs": {"a": [[1, 2]], "b": [[3, 4]]}}"#,
        Ok(()),
    );
    let example = "model `pair` version 1: `example.json` does not fit: input `b` is missing";
    check_pair(
        "example.json",
        r#"{"inputs": {"a": [[1, 2]]}}"#,
        Err(example),
    );
    let expected = "model `pair` version 1: `expected.json` cannot be read: ";
    check_pair("1/expected.json", r#"{"cases": []}"#, Err(expected));
    let tolerance = r#""tolerance": {"relative": 0, "absolute": 0}"#;
    let empty = "model `pair` version 1: `expected.json` has no cases";
    check_pair(
        "1/expected.json",
        &format!(r#"{{{tolerance}, "cases": []}}"#),
        Err(empty),
    );
    let input = |name| {
        format!(r#"{{"name": "{name}", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}}"#)
    };
    let case = |outputs: &str| {
        let inputs = format!("{}, {}", input("a"), input("b"));
        format!(r#"{{{tolerance}, "cases": [{{"inputs": [{inputs}], "outputs": [{outputs}]}}]}}"#)
    };
    let output = |name, shape, data| {
        format!(r#"{{"name": "{name}", "shape": {shape}, "datatype": "FP32", "data": {data}}}"#)
    };
    check_pair(
        "1/expected.json",
        &case(&output("both", "[1, 2]", "[2, 4]")),
        Ok(()),
    );
    let case_error =
        |rest: &str| format!("model `pair` version 1: `expected.json`, case 0: {rest}");
    check_pair(
        "1/expected.json",
        &case(&output("both", "[1, 2]", "[2, 5]")),
        Err(&case_error("output `both` differs at 1")),
    );
    check_pair(
        "1/expected.json",
        &case(&output("none", "[1]", "[2]")),
        Err(&case_error("output `none` is not there")),
    );
    let shape = case_error("output `mean` has the shape [1], not [2]");
    check_pair(
        "1/expected.json",
        &case(&output("mean", "[2]", "[2, 2]")),
        Err(&shape),
    );
    check_pair(
        "1/expected.json",
        &case(&input("a").replace("[1, 2], \"d", "[1], \"d")),
        Err(&case_error("tensor `a`: the shape [1]")),
    );
}

/// A folder with one model of `sized`.
fn sized(model: &str, description: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join(model);
    std::fs::create_dir(&inner).unwrap();
    let file = fixtures().join("sized").join(model).join("model.onnx");
    std::fs::copy(file, inner.join("model.onnx")).unwrap();
    std::fs::write(inner.join("model.yaml"), description).unwrap();
    folder
}

#[test]
fn the_lengths_of_images_are_guessed_and_others_are_named() {
    start(sized("image", "").path(), None).unwrap();
    start(sized("image", "shapes: [{x: [2, 1, 28, 28]}]").path(), None).unwrap();
    let [problem] =
        <[String; 1]>::try_from(start(sized("tens", "").path(), None).unwrap_err()).unwrap();
    let expected = "model `tens` version 1: no run at the start: name the lengths that it takes by `shapes` in `model.yaml`: ";
    assert!(problem.starts_with(expected), "{problem}");
    start(sized("tens", "shapes: [{x: [1, 30]}]").path(), None).unwrap();
    for (shapes, expected) in [
        (
            "{x: [1, 8]}",
            "a run at the start fails: the model does not take inputs of these shapes together: ",
        ),
        (
            "{x: [1, 30]}, {x: [1, 8]}",
            "`model.yaml`: `shapes`, entry 1: the model does not take inputs of these shapes together: ",
        ),
        (
            "{y: [1, 30]}",
            "`model.yaml`: `shapes` names `y`, which is no input",
        ),
    ] {
        let problems =
            start(sized("tens", &format!("shapes: [{shapes}]")).path(), None).unwrap_err();
        let expected = format!("model `tens` version 1: {expected}");
        assert!(problems[0].starts_with(&expected), "{problems:?}");
    }
}

/// The weights have 64 MB, their copy in the processor's order as much, and the program is taken for 32.
#[test]
fn what_does_not_fit_into_the_memory_is_refused_before_it_is_asked_for() {
    let folder = sized("large", "");
    let weights = std::fs::File::create(folder.path().join("large/weights")).unwrap();
    weights.set_len(64 << 20).unwrap();
    let start = |megabytes: &str| {
        let memory = ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", megabytes);
        start_with(folder.path(), &[memory, ("ALLOW_UNAUTHENTICATED", "true")])
    };
    for (megabytes, expected) in [
        (
            "95",
            "the model is too large for the function: raise `ModelMemory`: 64 MB of memory are needed, and 63 MB are left",
        ),
        (
            "159",
            "a run at the start fails: the model is too large for the function on inputs of these shapes: raise `ModelMemory`: \
             64 MB of memory are needed, and 63 MB are left",
        ),
    ] {
        let expected = format!("model `large` version 1: {expected}");
        assert_eq!(start(megabytes).unwrap_err(), [expected]);
    }
    let function = start("168").unwrap();
    let answer = |rows: usize| {
        let row = vec!["0"; 4096].join(",");
        let rows = vec![format!("[{row}]"); rows].join(",");
        let body = format!("{{\"instances\": [{rows}]}}");
        let event = serde_json::json!({"httpMethod": "POST", "path": "/predict", "headers": {}, "requestContext": {}, "body": body});
        function.handle(&event.to_string(), "r").reply
    };
    assert_eq!(answer(10).status_code, 200);
    let refused = answer(400);
    assert_eq!(refused.status_code, 413, "{}", refused.body);
    let body: serde_json::Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!(body["code"], "memory_exceeded");
    let told = body["error"].as_str().unwrap();
    assert!(told.starts_with("for inputs of these shapes "), "{told}");
    assert!(
        told.ends_with(
            " MB of memory are needed, and 72 MB are left: send fewer rows, or shorter ones"
        ),
        "{told}"
    );
}
