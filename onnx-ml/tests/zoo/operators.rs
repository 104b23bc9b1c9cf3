//! What each operator does of the onnx package's backend tests, written down as `docs/operators.md`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Result, bail};
use libtest_mimic::{Failed, Trial};

use crate::compare::Tolerance;
use crate::model::{self, Integers};
use crate::{models, setup};

const HEAD: &str = "# Operators

The cases of single operators in the onnx package's backend tests that onnxruntime passes, with its answers,
within 1e-3 relative or 1e-5 absolute. Each is run as it is; if that is not right, lists of 64-bit integers among
its inputs (shapes, axes) are stored in the model, where exporters have them. `refused` is named by `unsupported`
when the model is loaded, `fails` is an error, `differs` another answer without one. Cases with sequences among
inputs or outputs are not asked, and fail where they are not refused.

The test `docs/operators.md` in `onnx-ml/tests/zoo` writes this file; nobody else does.
";

/// A test that the document says what is so, where a part has such cases.
pub(crate) fn trial(part: &Path) -> Option<Trial> {
    let folder = part.join("operators");
    folder.is_dir().then(|| {
        Trial::test("docs/operators.md", move || {
            compare(&folder).map_err(|error| Failed::from(format!("{error:#}")))
        })
    })
}

fn compare(folder: &Path) -> Result<()> {
    let found = document(folder)?;
    let file = setup::repository().join("docs/operators.md");
    let stored = fs::read_to_string(&file).unwrap_or_default();
    if found == stored {
        return Ok(());
    }
    let new = Path::new(env!("CARGO_TARGET_TMPDIR")).join("operators.md");
    fs::write(&new, &found)?;
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (before, after) = (lines(&stored), lines(&found));
    let changed = after.iter().filter(|line| !before.contains(line));
    let changed: Vec<_> = changed.map(String::as_str).collect();
    bail!(
        "look at what changed, then copy `{}` to `docs/operators.md`:\n{}",
        new.display(),
        changed.join("\n")
    )
}

fn document(folder: &Path) -> Result<String> {
    let mut rows = String::new();
    let (mut all_right, mut all) = (0, 0);
    let mut operators: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    operators.sort_by_key(fs::DirEntry::file_name);
    for operator in operators {
        let name = operator.file_name().to_string_lossy().into_owned();
        let cases = models(&operator.path())?;
        if cases.is_empty() {
            continue;
        }
        let mut others: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (case, folder) in &cases {
            if let Some(kind) = kind(folder) {
                others.entry(kind).or_default().push(case);
            }
        }
        let right = cases.len() - others.values().map(Vec::len).sum::<usize>();
        let others = others
            .iter()
            .map(|(kind, cases)| format!("{kind}: {}", cases.join(", ")));
        let others = others.collect::<Vec<_>>().join("; ");
        writeln!(rows, "| `{name}` | {right} | {} | {others} |", cases.len())?;
        (all_right, all) = (all_right + right, all + cases.len());
    }
    let total = format!("Right: {all_right} of {all}.");
    let table = "| operator | right | of | others |\n| --- | --- | --- | --- |";
    Ok(format!("{HEAD}\n{total}\n\n{table}\n{rows}"))
}

/// What goes wrong, or nothing where the model is right in one way of the two.
fn kind(folder: &Path) -> Option<&'static str> {
    let outcome = |integers| model::outcome(folder, Tolerance::OPERATORS, integers);
    let first = outcome(Integers::Given);
    first.word()?;
    outcome(Integers::Stored).word()
}
