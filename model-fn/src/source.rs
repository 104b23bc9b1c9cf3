//! Where models come from: a folder, with a folder for each model inside.
//!
//! `NAME/VERSION/model.onnx`, or `NAME/model.onnx` for the only version, 1. Beside them, each
//! optional: `model.yaml`, `example.json` and `expected.json`. Only files are found and read
//! here; what they say is `repository`'s.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::repository::{Files, VersionFiles};

/// Why a source cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// None of the folders is there.
    #[error("no folder of models at {}", paths(.0))]
    Missing(Vec<PathBuf>),
    /// The folder is there, and empty.
    #[error("no model in `{}`", .0.display())]
    Empty(PathBuf),
    /// A file or folder cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The name of a model is not fit for a path.
    #[error("`{}` is no name for a model: use letters, digits, `.`, `_` and `-`", .0.display())]
    Name(PathBuf),
    /// A folder of a model without one.
    #[error("`{}` has neither `model.onnx` nor `VERSION/model.onnx`", .0.display())]
    NoModel(PathBuf),
    /// A model both with and without a version.
    #[error("`{}` has both `model.onnx` and `VERSION/model.onnx`", .0.display())]
    TwoLayouts(PathBuf),
}

fn paths(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths
        .iter()
        .map(|path| format!("`{}`", path.display()))
        .collect();
    paths.join(" or ")
}

/// The files of all models in the first folder that exists; folders that begin with `.` or `_`
/// hold no models.
pub fn find(folders: &[PathBuf]) -> Result<Vec<Files>, Vec<SourceError>> {
    let Some(folder) = folders.iter().find(|folder| folder.is_dir()) else {
        return Err(vec![SourceError::Missing(folders.to_vec())]);
    };
    let inside = subfolders(folder).map_err(|error| vec![error])?;
    let mut found = Vec::new();
    let mut problems = Vec::new();
    for path in inside {
        match model(&path) {
            Ok(files) => found.push(files),
            Err(problem) => problems.push(problem),
        }
    }
    if found.is_empty() && problems.is_empty() {
        problems.push(SourceError::Empty(folder.clone()));
    }
    if problems.is_empty() {
        Ok(found)
    } else {
        Err(problems)
    }
}

fn subfolders(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let unreadable = |source| SourceError::Unreadable {
        path: folder.to_owned(),
        source,
    };
    let entries: Result<Vec<_>, _> = fs::read_dir(folder).map_err(unreadable)?.collect();
    let is_hidden = |path: &PathBuf| name(path).is_some_and(|name| name.starts_with(['.', '_']));
    let paths = entries
        .map_err(unreadable)?
        .into_iter()
        .map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.is_dir() && !is_hidden(path))
        .collect();
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> Option<&str> {
    path.file_name().and_then(|name| name.to_str())
}

fn model(folder: &Path) -> Result<Files, SourceError> {
    let is_fit = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    let Some(name) = name(folder).filter(|name| name.chars().all(is_fit)) else {
        return Err(SourceError::Name(folder.to_owned()));
    };
    let mut versions = Vec::new();
    for path in subfolders(folder)? {
        let number = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.parse().ok());
        if let (Some(number), true) = (number, path.join("model.onnx").is_file()) {
            versions.push(version(number, &path)?);
        }
    }
    let is_bare = folder.join("model.onnx").is_file();
    match (is_bare, versions.is_empty()) {
        (true, true) => versions.push(VersionFiles {
            number: 1,
            model: folder.join("model.onnx"),
            expected: None,
        }),
        (true, false) => return Err(SourceError::TwoLayouts(folder.to_owned())),
        (false, true) => return Err(SourceError::NoModel(folder.to_owned())),
        (false, false) => {}
    }
    Ok(Files {
        name: name.to_owned(),
        versions,
        description: text(folder, "model.yaml")?,
        example: text(folder, "example.json")?,
        expected: text(folder, "expected.json")?,
    })
}

fn version(number: u64, folder: &Path) -> Result<VersionFiles, SourceError> {
    Ok(VersionFiles {
        number,
        model: folder.join("model.onnx"),
        expected: text(folder, "expected.json")?,
    })
}

/// The text of a file, if it is there.
fn text(folder: &Path, name: &str) -> Result<Option<String>, SourceError> {
    let path = folder.join(name);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SourceError::Unreadable { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes empty files in a folder of their own and tells what is found there.
    #[track_caller]
    fn check(files: &[&str], expected: Result<&[&str], &[&str]>) {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let base = format!("{}/", folder.path().display());
        let version = |files: &Files| {
            let numbers = files
                .versions
                .iter()
                .map(|version| version.number.to_string());
            format!("{} {}", files.name, numbers.collect::<Vec<_>>().join(","))
        };
        let found = find(&[folder.path().to_owned()]);
        let found = found.map(|models| models.iter().map(version).collect::<Vec<_>>());
        let found = found.map_err(|problems| {
            problems
                .iter()
                .map(|problem| problem.to_string().replace(&base, ""))
                .collect::<Vec<_>>()
        });
        let texts = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(found, expected.map(texts).map_err(texts));
    }

    #[test]
    fn models_are_found_in_both_layouts() {
        check(
            &[
                "b/model.onnx",
                "a/2/model.onnx",
                "a/10/model.onnx",
                "readme.md",
            ],
            Ok(&["a 10,2", "b 1"]),
        );
        check(
            &["a/model.onnx", "a/notes/text", ".git/x", "__pycache__/x"],
            Ok(&["a 1"]),
        );
    }

    #[test]
    fn every_problem_is_told() {
        let expected = [
            "`a b` is no name for a model: use letters, digits, `.`, `_` and `-`",
            "`empty` has neither `model.onnx` nor `VERSION/model.onnx`",
            "`two` has both `model.onnx` and `VERSION/model.onnx`",
        ];
        check(
            &[
                "a b/model.onnx",
                "empty/model.yaml",
                "two/model.onnx",
                "two/1/model.onnx",
            ],
            Err(&expected),
        );
    }

    #[test]
    fn a_folder_must_be_there_with_a_model_in_it() {
        let missing = find(&["/nowhere/a".into(), "/nowhere/b".into()]).unwrap_err();
        assert_eq!(
            missing[0].to_string(),
            "no folder of models at `/nowhere/a` or `/nowhere/b`"
        );
        let folder = tempfile::tempdir().unwrap();
        let empty = find(&[folder.path().to_owned()]).unwrap_err();
        assert_eq!(
            empty[0].to_string(),
            format!("no model in `{}`", folder.path().display())
        );
    }
}
