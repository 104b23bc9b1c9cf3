//! Callers reach published versions of the functions: whatever changes a function must publish one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::Value;

use crate::case::case_with;
use crate::ministack;
use crate::sam;
use crate::setup;
use crate::template::translated::{LIMIT, Template};

const PARTS: &[&str] = &[ministack::PART];
/// The functions, and the parameters that each depends on at the least.
const FUNCTIONS: [(&str, usize); 2] = [("AuthorizerFunction", 15), ("ModelFunction", 17)];

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        case_with(
            PARTS,
            "template: other parameters are another version of a function",
            versions,
        ),
        case_with(
            PARTS,
            "template: every parameter that a function depends on publishes a version",
            every_parameter_is_listed,
        ),
    ]
}

/// SAM alone does not look at values.
fn versions() -> Result<()> {
    let of = |function: &str, parameter: &str| -> Result<BTreeSet<String>> {
        let template = Template::translate(&[parameter])?;
        let versions = template.of_type("AWS::Lambda::Version")?;
        let names = versions.into_iter().map(|(name, _)| name);
        Ok(names.filter(|name| name.starts_with(function)).collect())
    };
    for (function, parameters) in [
        (
            "ModelFunction",
            [
                "ModelGrants=any",
                "ModelBucket=models-of-us",
                "CorsOrigins=*",
                "ModelMemory=512",
            ],
        ),
        (
            "AuthorizerFunction",
            [
                "AuthorizerTtl=0",
                "SubnetIds=subnet-1",
                "AccessFile=/opt/a.yaml",
                "Tracing=on",
            ],
        ),
    ] {
        let mut seen = of(function, "Audience=ml-api")?;
        for (index, parameter) in parameters.iter().enumerate() {
            seen.extend(of(function, parameter)?);
            ensure!(seen.len() == index + 2, "{parameter}: {seen:?}");
        }
    }
    Ok(())
}

/// What a property names, by conditions too, is what the function's list holds: no more, for nothing else changes it.
fn every_parameter_is_listed() -> Result<()> {
    let file = setup::repository().join("template.yaml");
    for (function, least) in FUNCTIONS {
        let (needed, listed) = parameters(&file, function)?;
        ensure!(needed.len() >= least, "{function}: {needed:?}");
        ensure!(
            needed == listed,
            "{function}: {:?} are in one alone",
            needed.symmetric_difference(&listed)
        );
    }
    // One that no property names but a condition is missed as well.
    let folder = tempfile::tempdir()?;
    let text = fs::read_to_string(&file)?;
    let line = "            - !Ref DirectSubject\n";
    ensure!(text.matches(line).count() == 1, "no `{line}`");
    let shorter = folder.path().join("template.yaml");
    fs::write(&shorter, text.replace(line, ""))?;
    let (needed, listed) = parameters(&shorter, "ModelFunction")?;
    let left: Vec<_> = needed.difference(&listed).collect();
    ensure!(left == ["DirectSubject"], "{left:?}");
    Ok(())
}

/// The parameters that a function's versions depend on, and those that are listed.
fn parameters(file: &Path, function: &str) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let text = sam::run(sam::python("parameters.py")?.arg(file), LIMIT)?;
    let found: Value = serde_json::from_str(&text)?;
    let names = |list: &str| -> Result<BTreeSet<String>> {
        let names = found.pointer(&format!("/{function}/{list}")).cloned();
        Ok(serde_json::from_value(names.context("no list")?)?)
    };
    Ok((names("needed")?, names("listed")?))
}
