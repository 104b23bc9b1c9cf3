//! Where things are: the repository, the built programs, the cache of installed parts.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The top folder of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
        .to_owned()
}

/// A program built into the folder that this test program was built into.
pub fn program(name: &str) -> Result<PathBuf> {
    let this = env::current_exe()?;
    let folder = this
        .parent()
        .and_then(Path::parent)
        .context("this program has no folder")?;
    let program = folder.join(name);
    anyhow::ensure!(program.is_file(), "`{}` is not built", program.display());
    Ok(program)
}

/// The folder of an installed part: `tests/parts/NAME.sh` fills it and writes `.installed` last.
pub fn part(name: &str) -> Option<PathBuf> {
    let folder = cache()?.join(name);
    folder.join(".installed").is_file().then_some(folder)
}

/// Whether a missing part is a failure instead of a skipped test.
pub fn in_ci() -> bool {
    env::var_os("CI").is_some_and(|value| value == "true")
}

/// Where each running process group has a file named after it, for `tests/run` to stop.
pub fn groups() -> Option<PathBuf> {
    env::var_os("TOLLGATE_GROUPS").map(PathBuf::from)
}

fn cache() -> Option<PathBuf> {
    let folder = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    folder("TOLLGATE_CACHE")
        .or_else(|| Some(folder("XDG_CACHE_HOME")?.join("tollgate")))
        .or_else(|| Some(folder("HOME")?.join(".cache/tollgate")))
}
