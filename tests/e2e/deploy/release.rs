//! Deployments over a running stack, while callers go on calling: nobody must see one.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use libtest_mimic::Trial;

use super::{PARTS, deployment};
use crate::case::case_with;
use crate::gateway::example;
use crate::http;
use crate::keycloak::{self, keycloak};
use crate::sam::{Build, build};

const STACK: &str = "releases";
/// A caller's rest between two requests.
const REST: Duration = Duration::from_millis(20);

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    vec![case_with(
        PARTS,
        "deployed: a release without a change, and one with another version of a model, fail no request",
        releases_fail_no_request,
    )]
}

fn releases_fail_no_request() -> Result<()> {
    let emulator = &deployment()?.emulator;
    let issuer = keycloak()?.issuer();
    let parameters = [
        ("Issuer", issuer.as_str()),
        ("Audience", keycloak::AUDIENCE),
    ];
    let stack = emulator.deploy(build()?, STACK, &parameters)?;
    let token = keycloak()?.client_token("predict")?;
    let ready = |version: &str| {
        let path = format!("/v2/models/wine/versions/{version}/ready");
        Ok::<_, anyhow::Error>(http::get(&format!("{}{path}", stack.url), Some(&token))?.status)
    };
    ensure!((ready("1")?, ready("2")?) == (200, 404), "before");
    let answered = while_called(&stack.url, &token, || {
        emulator.deploy(build()?, STACK, &parameters).map(drop)
    })?;
    ensure!(
        answered >= 20,
        "{answered} answers during the first release"
    );
    ensure!((ready("1")?, ready("2")?) == (200, 404), "after no change");
    let next = with_another_version(&emulator.folder("next"))?;
    let opt = emulator.folder("releases-next");
    // Lambda unpacks a layer before a function is called with it, and the emulator never does.
    let models = find(&next.folder, "wine").context("no `wine` in the build")?;
    copy(
        models.parent().context("no folder of models")?,
        &opt.join("models"),
    )?;
    let answered = while_called(&stack.url, &token, || {
        emulator
            .deploy_into(&opt, &next, STACK, &parameters)
            .map(drop)
    })?;
    ensure!(
        answered >= 20,
        "{answered} answers during the second release"
    );
    ensure!((ready("1")?, ready("2")?) == (200, 200), "after the change");
    Ok(())
}

/// How many requests were answered meanwhile; one that is not is an error.
fn while_called(url: &str, token: &str, release: impl FnOnce() -> Result<()>) -> Result<usize> {
    let (is_over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let body = example()?;
    thread::scope(|scope| {
        let caller = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                http::post_json(&format!("{url}/predict"), Some(token), &body)?.expect(200)?;
                answered.fetch_add(1, Ordering::Relaxed);
                thread::sleep(REST);
            }
            Ok::<_, anyhow::Error>(())
        });
        let released = release();
        is_over.store(true, Ordering::Relaxed);
        let called = caller.join().map_err(|_| anyhow!("the caller panicked"))?;
        called.context("a request during the release")?;
        released
    })?;
    Ok(answered.into_inner())
}

/// The same build with two versions of `wine` in its layer: their numbers are folders.
fn with_another_version(folder: &Path) -> Result<Build> {
    let build = build()?;
    copy(&build.folder, folder)?;
    let wine = find(folder, "wine").context("no `wine` in the build")?;
    for version in ["1", "2"] {
        fs::create_dir_all(wine.join(version))?;
        fs::copy(
            wine.join("model.onnx"),
            wine.join(version).join("model.onnx"),
        )?;
    }
    fs::remove_file(wine.join("model.onnx"))?;
    let yaml = wine.join("model.yaml");
    let text = fs::read_to_string(&yaml)?;
    fs::write(&yaml, format!("{text}\nversions: {{latest: 2}}\n"))?;
    Ok(Build {
        folder: folder.to_owned(),
        took: Duration::ZERO,
    })
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target)?,
            false => drop(fs::copy(entry.path(), target)?),
        }
    }
    Ok(())
}

/// The first folder of this name.
fn find(folder: &Path, name: &str) -> Option<std::path::PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let folders: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    let found = folders.iter().find(|path| path.ends_with(name)).cloned();
    found.or_else(|| folders.iter().find_map(|folder| find(folder, name)))
}
