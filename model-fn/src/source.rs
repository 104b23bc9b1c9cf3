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

/// What is at a source.
#[derive(Debug, Default)]
pub struct Found {
    /// The files of each model that has its files together.
    pub models: Vec<Files>,
    /// Why there are no more: none is served as long as there is one of these.
    pub problems: Vec<SourceError>,
}

/// The files of all models in the first folder that exists; folders that begin with `.` or `_`
/// hold no models.
pub fn find(folders: &[PathBuf]) -> Found {
    let mut found = Found::default();
    let Some(folder) = folders.iter().find(|folder| folder.is_dir()) else {
        found.problems.push(SourceError::Missing(folders.to_vec()));
        return found;
    };
    let inside = subfolders(folder).unwrap_or_else(|problem| {
        found.problems.push(problem);
        Vec::new()
    });
    for path in inside {
        match model(&path) {
            Ok(files) => found.models.push(files),
            Err(problem) => found.problems.push(problem),
        }
    }
    if found.models.is_empty() && found.problems.is_empty() {
        found.problems.push(SourceError::Empty(folder.clone()));
    }
    found
}

impl SourceError {
    /// Whether this is why the model of that name is not among those found.
    pub fn explains(&self, model: &str) -> bool {
        match self {
            Self::Name(folder) | Self::NoModel(folder) | Self::TwoLayouts(folder) => {
                name(folder) == Some(model)
            }
            Self::Unreadable { path, .. } => {
                path.ancestors().any(|folder| name(folder) == Some(model))
            }
            Self::Missing(_) | Self::Empty(_) => true,
        }
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
    fn check(files: &[&str], models: &[&str], problems: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let base = format!("{}/", folder.path().display());
        let model = |files: &Files| {
            let numbers = files.versions.iter();
            let numbers: Vec<String> = numbers.map(|version| version.number.to_string()).collect();
            format!("{} {}", files.name, numbers.join(","))
        };
        let problem = |problem: &SourceError| problem.to_string().replace(&base, "");
        let found = find(&[folder.path().to_owned()]);
        assert_eq!(found.models.iter().map(model).collect::<Vec<_>>(), models);
        assert_eq!(
            found.problems.iter().map(problem).collect::<Vec<_>>(),
            problems
        );
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
            &["a 10,2", "b 1"],
            &[],
        );
        check(
            &["a/model.onnx", "a/notes/text", ".git/x", "__pycache__/x"],
            &["a 1"],
            &[],
        );
    }

    #[test]
    fn every_problem_is_told_beside_the_models() {
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
                "whole/model.onnx",
            ],
            &["whole 1"],
            &expected,
        );
    }

    #[test]
    fn a_folder_must_be_there_with_a_model_in_it() {
        let missing = find(&["/nowhere/a".into(), "/nowhere/b".into()]).problems;
        assert_eq!(
            missing[0].to_string(),
            "no folder of models at `/nowhere/a` or `/nowhere/b`"
        );
        let folder = tempfile::tempdir().unwrap();
        let empty = find(&[folder.path().to_owned()]).problems;
        assert_eq!(
            empty[0].to_string(),
            format!("no model in `{}`", folder.path().display())
        );
    }

    #[test]
    fn a_problem_explains_that_a_model_is_missing() {
        let folder = || PathBuf::from("models/wine");
        let unreadable = |path: &str| SourceError::Unreadable {
            path: folder().join(path),
            source: io::ErrorKind::PermissionDenied.into(),
        };
        assert!(SourceError::NoModel(folder()).explains("wine"));
        assert!(unreadable("1/expected.json").explains("wine"));
        assert!(!SourceError::NoModel(folder()).explains("digits"));
        assert!(SourceError::Empty(folder()).explains("digits"));
    }
}
