//! What `sam build` made: programs that run on Amazon Linux 2023, small enough to start fast.

use std::fs;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;

use crate::case::case_with;
use crate::sam::{self, Build, build};
use crate::setup;

const PARTS: &[&str] = &[sam::PART, sam::BUILDER];
/// The minor version of the C library of the runtime `provided.al2023`.
const GLIBC: u32 = 34;
const MEGABYTE: u64 = 1_000_000;
/// The two programs, with the size that each stays under.
const PROGRAMS: [(&str, u64); 2] = [
    ("AuthorizerFunction", 8 * MEGABYTE + MEGABYTE / 4),
    ("ModelFunction", 36 * MEGABYTE),
];

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        case_with(
            PARTS,
            "built: runs with the C library of Amazon Linux 2023",
            runs_on_amazon_linux,
        ),
        case_with(
            PARTS,
            "built: the programs are small",
            the_programs_are_small,
        ),
        case_with(
            PARTS,
            "built: a second build compiles nothing",
            a_second_build_compiles_nothing,
        ),
    ]
}

fn runs_on_amazon_linux() -> Result<()> {
    for (function, _) in PROGRAMS {
        let versions = glibc_versions(&fs::read(build()?.bootstrap(function))?);
        let newest = versions
            .into_iter()
            .max()
            .with_context(|| format!("{function} needs no C library"))?;
        println!("{function}: GLIBC_2.{newest}");
        ensure!(newest <= GLIBC, "{function} needs GLIBC_2.{newest}");
    }
    Ok(())
}

fn the_programs_are_small() -> Result<()> {
    for (function, limit) in PROGRAMS {
        let size = fs::metadata(build()?.bootstrap(function))?.len();
        println!("{function}: {:.1} MB", size as f64 / MEGABYTE as f64);
        ensure!(size < limit, "{function} has {size} bytes");
    }
    Ok(())
}

fn a_second_build_compiles_nothing() -> Result<()> {
    let first = build()?;
    let before = last_compiled()?;
    let second = Build::make("sam-again")?;
    println!("sam build: {:.1?}, again {:.1?}", first.took, second.took);
    ensure!(last_compiled()? == before, "something was compiled again");
    for (function, _) in PROGRAMS {
        ensure!(
            fs::read(first.bootstrap(function))? == fs::read(second.bootstrap(function))?,
            "{function} differs"
        );
    }
    Ok(())
}

/// When the compiler last wrote anything: cargo-lambda copies the programs anew each time.
fn last_compiled() -> Result<SystemTime> {
    let folder = setup::repository().join("target/x86_64-unknown-linux-gnu/release/deps");
    let files = fs::read_dir(&folder).with_context(|| format!("`{}`", folder.display()))?;
    let times = files
        .map(|file| Ok(file?.metadata()?.modified()?))
        .collect::<Result<Vec<_>>>()?;
    times.into_iter().max().context("nothing is compiled")
}

/// Every minor version that is named in a program. It may be named without being needed, never
/// needed without being named.
fn glibc_versions(program: &[u8]) -> Vec<u32> {
    const MARK: &[u8] = b"GLIBC_2.";
    let named = program
        .windows(MARK.len())
        .enumerate()
        .filter(|(_, window)| *window == MARK);
    let digits = named.filter_map(|(at, _)| {
        let rest = program.get(at + MARK.len()..)?;
        let digits: Vec<u8> = rest
            .iter()
            .copied()
            .take_while(u8::is_ascii_digit)
            .collect();
        String::from_utf8(digits).ok()?.parse().ok()
    });
    digits.collect()
}
