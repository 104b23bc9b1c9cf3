//! The folder that objects become: a new one each time, which goes when nothing of it is served any more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use sha2::{Digest, Sha256};

use super::FetchError;
use super::listing::Object;

/// Where a function may write, and no other user of a machine reads.
const TEMPORARY: &str = "/tmp/tollgate-models";

/// The digests of a model's files, as `sha256sum` writes them.
const SUMS: &str = "SHA256SUMS";

/// Of that file: ten thousand lines.
const LONGEST_SUMS: u64 = 4 << 20;

/// A folder of models, as long as this is there.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    digest: String,
}

/// What is there, in one word: another one as soon as an object comes, goes or changes.
pub(super) fn digest(objects: &[Object]) -> String {
    let mut digest = Sha256::new();
    for Object { path, etag, bytes } in objects {
        digest.update(format!("{path}\n{etag}\n{bytes}\n"));
    }
    hexadecimal(&digest.finalize())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Folder {
    /// An empty folder for what has this digest. Never one that was there before, for something of it may run.
    pub(super) fn new(digest: String) -> Result<Self, FetchError> {
        static PURGE: Once = Once::new();
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let all = Path::new(TEMPORARY);
        PURGE.call_once(|| purge(all));
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let short: String = digest.chars().take(16).collect();
        let path = all.join(format!("{}.{count}.{short}", std::process::id()));
        let mut builder = fs::DirBuilder::new();
        builder.mode(0o700);
        let made = match builder.create(all) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            Ok(()) | Err(_) => builder.create(&path),
        };
        made.map_err(|error| FetchError::File(path.clone(), error))?;
        Ok(Self { path, digest })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds, in one word.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Compares the files of each model that has digests with them.
    pub(super) fn check(&self, objects: &[Object]) -> Result<(), FetchError> {
        let of_model = |object: &Object| {
            object
                .path
                .strip_suffix(&format!("/{SUMS}"))
                .map(str::to_owned)
        };
        let models = objects.iter().filter_map(of_model);
        for model in models.filter(|model| !model.contains('/')) {
            let prefix = format!("{model}/");
            let files = objects.iter();
            let files = files.filter_map(|object| object.path.strip_prefix(&prefix));
            self.check_model(&model, files.filter(|file| *file != SUMS).collect())?;
        }
        Ok(())
    }

    /// Every file has a digest, and every digest a file: one that were not listed might be anybody's.
    fn check_model(&self, model: &str, files: BTreeSet<&str>) -> Result<(), FetchError> {
        let folder = self.path.join(model);
        let sums = fs::File::open(folder.join(SUMS)).and_then(|file| {
            let mut text = String::new();
            file.take(LONGEST_SUMS).read_to_string(&mut text)?;
            Ok(text)
        });
        let sums = sums.ok().and_then(|text| read_sums(&text));
        let sums = sums.ok_or_else(|| FetchError::Sums(format!("{model}/{SUMS}")))?;
        let name = |file: &str| format!("{model}/{file}");
        if let Some(file) = sums.keys().find(|file| !files.contains(file.as_str())) {
            return Err(FetchError::Missing(name(file)));
        }
        for file in files {
            let expected = sums.get(file);
            let expected = expected.ok_or_else(|| FetchError::Unpinned(name(file)))?;
            let path = folder.join(file);
            let given = digest_of(&path).map_err(|error| FetchError::File(path, error))?;
            if given != *expected {
                return Err(FetchError::Differs(name(file)));
            }
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is removed at the next start.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes what functions have left that are no more: of a process with this one's number, for it was before this one,
/// and of processes that have ended.
fn purge(all: &Path) {
    let Ok(entries) = fs::read_dir(all) else {
        return;
    };
    let own = std::process::id();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.split('.').next());
        let process = process.and_then(|process| process.parse::<u32>().ok());
        let is_left =
            |process: u32| process == own || !Path::new("/proc").join(process.to_string()).exists();
        if process.is_some_and(is_left) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// File to digest; nothing where a line is none, or names a file again.
fn read_sums(text: &str) -> Option<BTreeMap<String, String>> {
    let mut sums = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (digest, file) = line.split_once([' ', '\t'])?;
        // A second space, or `*` for bytes; then the path as it was given.
        let file = file.strip_prefix([' ', '*']).unwrap_or(file);
        let file = file.strip_prefix("./").unwrap_or(file);
        let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_digest || file.is_empty() {
            return None;
        }
        let before = sums.insert(file.to_owned(), digest.to_ascii_lowercase());
        if before.is_some() {
            return None;
        }
    }
    (!sums.is_empty()).then_some(sums)
}

fn digest_of(path: &Path) -> io::Result<String> {
    let mut digest = Sha256::new();
    io::copy(&mut fs::File::open(path)?, &mut digest)?;
    Ok(hexadecimal(&digest.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the text `a`.
    const A: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";

    #[track_caller]
    fn check(sums: &str, expected: Result<(), &str>) {
        let folder = Folder::new("digest".to_owned()).unwrap();
        let object = |path: &str| Object {
            path: path.to_owned(),
            etag: String::new(),
            bytes: 1,
        };
        let files = [
            "m/SHA256SUMS",
            "m/1/model.onnx",
            "m/model.yaml",
            "other/model.onnx",
        ];
        let write = |file: &str, text: &str| {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        files.iter().for_each(|file| write(file, "a"));
        write("m/SHA256SUMS", sums);
        let objects: Vec<Object> = files.iter().map(|file| object(file)).collect();
        let checked = folder.check(&objects).map_err(|error| error.to_string());
        assert_eq!(checked, expected.map_err(str::to_owned), "{sums}");
        let path = folder.path().to_owned();
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn every_file_of_a_model_is_the_one_with_its_digest() {
        let b = A.replace('c', "d");
        check(&format!("{A}  1/model.onnx\n{A} *./model.yaml\n"), Ok(()));
        check(
            &format!("{}  1/model.onnx\n\n{A}  model.yaml", A.to_uppercase()),
            Ok(()),
        );
        check(
            &format!("{A}  1/model.onnx\n{b}  model.yaml\n"),
            Err("`m/model.yaml` is not the file whose digest is in `SHA256SUMS`"),
        );
        check(
            &format!("{A}  model.yaml\n"),
            Err("`m/1/model.onnx` is not in `SHA256SUMS`"),
        );
        check(
            &format!("{A}  1/model.onnx\n{A}  model.yaml\n{A}  weights\n"),
            Err("`m/weights` is in `SHA256SUMS`, and not there"),
        );
        let double = format!("{A}  1/model.onnx\n{A}  1/model.onnx\n{A}  model.yaml");
        let odd = ["", "sums", &A[1..], &format!("{A}  "), &double];
        for sums in odd {
            check(
                sums,
                Err("`m/SHA256SUMS` is no list of digests, as `sha256sum` writes them"),
            );
        }
    }

    #[test]
    fn the_digest_is_another_one_for_any_change() {
        let object = |path: &str, etag: &str, bytes| Object {
            path: path.to_owned(),
            etag: etag.to_owned(),
            bytes,
        };
        let digests = [
            digest(&[]),
            digest(&[object("a", "1", 1)]),
            digest(&[object("b", "1", 1)]),
            digest(&[object("a", "2", 1)]),
            digest(&[object("a", "1", 2)]),
            digest(&[object("a", "1", 1), object("b", "1", 1)]),
        ];
        let distinct: BTreeSet<&String> = digests.iter().collect();
        assert_eq!(distinct.len(), digests.len());
    }
}
