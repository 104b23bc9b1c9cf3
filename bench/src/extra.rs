//! What is not measured against peers: how dear it is to refuse garbage, and whether memory grows.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use authorizer::token::{BearerToken, UnverifiedToken};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::contender::FullPath;
use crate::workload::{Shape, Workload};

/// Length of ordinary garbage: that of an ordinary token.
pub(crate) const ORDINARY_BYTES: usize = 1_000;
/// Length of the longest garbage that is looked at, with its scheme.
const LONGEST_BYTES: usize = 10_000;

/// Header values without a token that could be verified, each with its name.
pub(crate) fn garbage() -> Vec<(String, String)> {
    let mut kinds = vec![
        ("nothing".to_owned(), String::new()),
        ("another scheme".to_owned(), "Basic dXNlcjpwYXNz".to_owned()),
    ];
    for bytes in [ORDINARY_BYTES, LONGEST_BYTES] {
        let part = "YWJj".repeat(bytes / 12);
        let texts = [
            ("opaque", "x".repeat(bytes)),
            ("dots", ".".repeat(bytes)),
            ("five parts", format!("{part}.{part}.{part}.{part}.{part}")),
            ("not base64url", format!("{part}.{part}.{part}!")),
            ("not JSON", format!("{part}.{part}.{part}")),
            (
                "`alg`: none",
                headed(r#"{"alg":"none","typ":"JWT"}"#, &part),
            ),
            (
                "claims not JSON",
                headed(r#"{"alg":"RS256","typ":"JWT","kid":"1"}"#, &part),
            ),
        ];
        let texts = texts.into_iter();
        kinds.extend(texts.map(|(name, text)| {
            let text = text.get(..text.len().min(bytes)).unwrap_or_default();
            (format!("{name}, {bytes} bytes"), format!("Bearer {text}"))
        }));
    }
    kinds
}

fn headed(header: &str, part: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(header);
    format!("{header}.{part}{part}.{part}")
}

/// The time to refuse one header value.
pub(crate) fn refusal(value: &str, count: u32) -> Result<Duration> {
    let started = Instant::now();
    for _ in 0..count {
        let token = BearerToken::from_header(std::hint::black_box(value));
        let parsed = token.and_then(UnverifiedToken::parse);
        ensure!(parsed.is_err(), "garbage is taken for a token");
    }
    Ok(started.elapsed() / count)
}

/// How many kilobytes the process has grown by while `count` events were answered. Half of them are good,
/// the others all different: unknown key ids and opaque tokens.
pub(crate) fn growth(full_path: &FullPath, workload: &Workload, count: usize) -> Result<i64> {
    let good: Vec<_> = workload.tokens.values().flatten().cloned().collect();
    let before = resident_kilobytes()?;
    let events = (0..count).map(|number| match (number % 4, good.get(number % good.len())) {
        (0 | 2, Some(token)) => Shape::Token.event(token),
        (1, _) => Shape::Token.event(&unknown_key(number)),
        _ => Shape::Token.event(&format!("opaque-{number}")),
    });
    let allowed = full_path.answer(events);
    ensure!(allowed == count.div_ceil(2), "{allowed} of {count} allowed");
    Ok(resident_kilobytes()? - before)
}

fn unknown_key(number: usize) -> String {
    let header = format!(r#"{{"alg":"ES256","kid":"{number}"}}"#);
    let claims = format!(r#"{{"iss":"{}","jti":"{number}"}}"#, crate::support::ISSUER);
    let parts = [header, claims, "0".repeat(64)].map(|part| URL_SAFE_NO_PAD.encode(part));
    parts.join(".")
}

fn resident_kilobytes() -> Result<i64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no VmRSS")?.parse()?)
}
