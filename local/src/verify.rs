//! `tollgate verify`: whether a model answers what a reference runtime answered. The comparison is that which the
//! model function makes at its start.

use std::path::PathBuf;
use std::{fs, io};

use model_fn::engine::{LoadError, Model};
use model_fn::pipeline::Pipeline;
use model_fn::repository::{CheckError, verify};
use thiserror::Error;

use crate::cli::VerifyOptions;
use crate::inspect::model_file;

/// The recorded answers, where none are named: beside the model.
const EXPECTED: &str = "expected.json";

/// Why a model is not verified.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The file of `--expected`.
    #[error("`{path}` cannot be read")]
    Expected {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// The model cannot be run.
    #[error("`{path}` cannot be served")]
    Load {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: LoadError,
    },
    /// It answers something else, or the records do not fit it.
    #[error("`{path}` does not agree with what is recorded")]
    Differs {
        /// The file.
        path: PathBuf,
        /// In what.
        #[source]
        source: Box<CheckError>,
    },
}

/// Answers the text to print.
pub fn run(options: &VerifyOptions) -> Result<String, VerifyError> {
    let path = model_file(&options.model);
    let expected = options.expected.clone();
    let expected = expected.unwrap_or_else(|| path.with_file_name(EXPECTED));
    let recorded = fs::read_to_string(&expected).map_err(|source| VerifyError::Expected {
        path: expected.clone(),
        source,
    })?;
    let model = Model::load(&path).map_err(|source| VerifyError::Load {
        path: path.clone(),
        source,
    })?;
    let cases =
        verify(&Pipeline::plain(model), &recorded).map_err(|source| VerifyError::Differs {
            path: path.clone(),
            source: Box::new(source),
        })?;
    Ok(format!(
        "`{}` agrees with the {cases} recorded cases of `{}`",
        path.display(),
        expected.display()
    ))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::chain;

    fn models() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
    }

    fn of(model: &str, expected: Option<&str>) -> Result<String, String> {
        let options = VerifyOptions {
            model: models().join(model),
            expected: expected.map(|name| models().join(name)),
        };
        run(&options).map_err(|error| chain(&error))
    }

    #[test]
    fn a_model_agrees_with_its_own_records_alone() {
        for model in ["wine", "digits/model.onnx"] {
            assert!(of(model, None).unwrap().contains("agrees"), "{model}");
        }
        let error = of("wine", Some("digits/expected.json")).unwrap_err();
        assert!(error.contains("does not agree"), "{error}");
        assert!(
            of("wine", Some("none.json"))
                .unwrap_err()
                .contains("none.json")
        );
        assert!(
            of("none.onnx", Some("wine/expected.json"))
                .unwrap_err()
                .contains("cannot be served")
        );
    }
}
