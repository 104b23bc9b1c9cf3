//! A `model.yaml` to start from: what the file says, and what only people can.

use model_fn::engine::Port;

use super::Inspection;

/// Every key is one of the model function's; those that need an answer are commented out.
pub(super) fn model_yaml(told: &Inspection) -> String {
    let mut lines = vec!["# Every key may be left out: see models/README.md.".to_owned()];
    let described = told.contents.description.as_str();
    lines.push(match described {
        "" => "# description: What does the model tell, and of what?".to_owned(),
        text => format!("description: {}", quoted(text)),
    });
    lines.push("# labels: []  # the names of its classes, in the order of its scores".to_owned());
    if let Some((name, width)) = columns(&told.inputs) {
        lines.push(format!(
            "# columns: []  # the names of the {width} values in a row of `{name}`"
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

/// A YAML text in double quotes is one of JSON.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
