//! Where a client's secret is written: a file for its owner alone, or AWS Secrets Manager, in the forms that the authorizer
//! reads. Nothing here prints it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::KeycloakError;
use super::secrets_manager::SecretsManager;
use crate::cli::ApplyOptions;
use crate::token::Secret;
use crate::{Environment, clock};

/// Read and write, for the owner alone.
const MODE: u32 = 0o600;
/// The permissions of everybody else.
const OTHERS: u32 = 0o077;

/// Where a secret goes.
#[derive(Debug)]
pub(super) enum Destination {
    File(PathBuf),
    SecretsManager(SecretsManager),
    Output,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    New,
    Same,
}

/// Where the options want it. What can be known to fail does so here, before anything is changed.
pub(super) fn of(
    options: &ApplyOptions,
    environment: Environment<'_>,
) -> Result<Option<Destination>, KeycloakError> {
    if let Some(path) = &options.secret_file {
        current(path)?;
        has_folder(path)?;
        return Ok(Some(Destination::File(path.clone())));
    }
    if let Some(name) = &options.secret_to_secrets_manager {
        let store = SecretsManager::load(name, environment)?;
        return Ok(Some(Destination::SecretsManager(store)));
    }
    Ok(options.print_secret.then_some(Destination::Output))
}

impl Destination {
    /// Writes the secret of a client, unless it is there already.
    pub(super) async fn write(
        &self,
        client: &str,
        secret: &Secret,
    ) -> Result<Written, KeycloakError> {
        match self {
            Self::File(path) => write_file(path, secret),
            Self::SecretsManager(store) => store.write(client, secret, clock::now()).await,
            Self::Output => Ok(Written::New),
        }
    }
}

/// What a file holds, if it is there; one that others may read, or that is none, is refused.
fn current(path: &Path) -> Result<Option<Vec<u8>>, KeycloakError> {
    let failed = |source| KeycloakError::File {
        path: path.to_owned(),
        source,
    };
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if !metadata.is_file() || metadata.mode() & OTHERS != 0 {
        return Err(KeycloakError::OpenFile {
            path: path.to_owned(),
        });
    }
    fs::read(path).map(Some).map_err(failed)
}

/// Whether there is a folder to write it into.
fn has_folder(path: &Path) -> Result<(), KeycloakError> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let metadata = fs::metadata(folder.unwrap_or(Path::new(".")));
    let source = match metadata {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) => io::ErrorKind::NotADirectory.into(),
        Err(error) => error,
    };
    Err(KeycloakError::File {
        path: path.to_owned(),
        source,
    })
}

/// The old text or the new one, never a part: it is written beside the file, which it then replaces.
fn write_file(path: &Path, secret: &Secret) -> Result<Written, KeycloakError> {
    let text = secret.reveal().as_bytes();
    if current(path)?.is_some_and(|current| current == text) {
        return Ok(Written::Same);
    }
    let failed = |source| KeycloakError::File {
        path: path.to_owned(),
        source,
    };
    let id = clock::random_id().map_err(|_| KeycloakError::Random)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{id}"));
    let beside = path.with_file_name(name);
    let written = write_new(&beside, text).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // It may not be there; a left-over would hold a secret.
        let _ = fs::remove_file(&beside);
    }
    written.map_err(failed)?;
    Ok(Written::New)
}

fn write_new(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(MODE).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn a_file_is_for_its_owner_alone_and_written_when_it_differs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        assert_eq!(write_file(&path, &secret("a")).unwrap(), Written::New);
        assert_eq!(write_file(&path, &secret("a")).unwrap(), Written::Same);
        assert_eq!(write_file(&path, &secret("b")).unwrap(), Written::New);
        assert_eq!(fs::read_to_string(&path).unwrap(), "b");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_others_may_read_and_what_is_no_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "a").unwrap();
        for (mode, good) in [(0o600, true), (0o640, false), (0o604, false), (0o400, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(current(&path).is_ok(), good, "{mode:o}");
        }
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        for odd in [link.as_path(), folder.path()] {
            let error = current(odd).unwrap_err().to_string();
            assert!(error.contains("others"), "{error}");
        }
        assert!(has_folder(&path).is_ok() && has_folder(Path::new("secret")).is_ok());
        assert!(has_folder(&folder.path().join("none/secret")).is_err());
        assert!(has_folder(&path.join("secret")).is_err());
        assert!(write_file(&folder.path().join("none/secret"), &secret("a")).is_err());
    }
}
