//! A test case, and what it needs to be installed.

use anyhow::Result;
use libtest_mimic::{Completion, Failed, Trial};

use crate::setup;

/// A case that needs nothing but the built programs.
pub fn case(name: &str, run: fn() -> Result<()>) -> Trial {
    case_with(&[], name, run)
}

/// A case that needs installed parts: without them it is skipped, under `CI=true` it fails.
pub fn case_with(parts: &'static [&'static str], name: &str, run: fn() -> Result<()>) -> Trial {
    Trial::ignorable_test(name, move || {
        match parts.iter().find(|part| setup::part(part).is_none()) {
            None => run()
                .map(|()| Completion::Completed)
                .map_err(|error| Failed::from(format!("{error:#}"))),
            Some(part) if setup::in_ci() => Err(Failed::from(format!("`{part}` is not installed"))),
            Some(part) => Ok(Completion::ignored_with(format!(
                "`{part}` is not installed"
            ))),
        }
    })
}
