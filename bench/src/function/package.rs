//! How large what is deployed is.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::process::Kind;

/// What an environment brings to make itself.
const OF_THE_ENVIRONMENT: [&str; 2] = ["pip", "setuptools"];

/// Zipped and not, without the model.
pub(crate) fn megabytes(kind: &Kind) -> Result<[f64; 2]> {
    let mut files = Vec::new();
    match kind {
        Kind::Function(program) => files.push(program.clone()),
        Kind::Python(environment) => {
            for packages in fs::read_dir(environment.join("lib"))? {
                collect(&packages?.path().join("site-packages"), &mut files)?;
            }
        }
    }
    let (mut zipped, mut unzipped) = (0, 0);
    for file in files {
        let bytes = fs::read(&file).with_context(|| format!("`{}`", file.display()))?;
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(&bytes)?;
        zipped += encoder.finish()?.len();
        unzipped += bytes.len();
    }
    Ok([zipped, unzipped].map(|bytes| bytes as f64 / 1e6))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let is_own = OF_THE_ENVIRONMENT.iter().any(|own| name.starts_with(own));
        if path.is_dir() && !is_own && name != "__pycache__" {
            collect(&path, files)?;
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}
