//! What is written down of each decision: one JSON line for people, one line of metrics in CloudWatch's
//! embedded metric format. Never a token, never a claim: a digest says whether two tokens are the same.

mod lines;

use std::error::Error;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::issuer::Fetch;
use crate::keys::SkippedKey;
use crate::record::lines::{Decision, Embedded, Metrics, line};
use crate::reply::hex;
use crate::token::BearerToken;

/// Longest key id and route that are logged: both are whatever the client, or the issuer, sent.
const MAX_LOGGED_CHARACTERS: usize = 128;

/// Longest error that is logged: an issuer's answer may be quoted in it.
const MAX_ERROR_CHARACTERS: usize = 512;

/// One decision, for the log.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) decision: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) detail: Option<String>,
    /// The route asked for. A `deny` means this route: the policy may open others.
    pub(crate) route: String,
    pub(crate) rules: Vec<usize>,
    /// The shadowed rules without which the route would be closed.
    pub(crate) shadowed: Vec<usize>,
    pub(crate) issuer: Option<String>,
    pub(crate) key_id: Option<String>,
    pub(crate) token_digest: Option<String>,
    pub(crate) fetches: Vec<Fetch>,
    /// Lines about what was read on the way.
    pub(crate) notices: Vec<Value>,
}

impl Record {
    /// The lines of this decision, those of its key fetches first.
    pub(crate) fn lines(
        &self,
        function_name: &str,
        request_id: &str,
        at: SystemTime,
        took: Duration,
    ) -> Vec<String> {
        let duration = took.as_secs_f64() * 1_000.0;
        let fetches = self.fetches.iter().flat_map(fetch_lines);
        let notices = self.notices.iter().map(ToString::to_string);
        let mut lines: Vec<_> = fetches.map(|line| line.to_string()).collect();
        lines.extend(notices);
        lines.push(line(&Decision {
            event: "decision",
            request_id,
            decision: self.decision,
            reason: self.reason,
            detail: self.detail.as_deref(),
            route: cut(&self.route, MAX_LOGGED_CHARACTERS),
            rules: &self.rules,
            shadowed: &self.shadowed,
            issuer: self.issuer.as_deref(),
            kid: self
                .key_id
                .as_deref()
                .map(|id| cut(id, MAX_LOGGED_CHARACTERS)),
            token_sha256: self.token_digest.as_deref(),
            duration_ms: duration,
        }));
        lines.push(line(&Metrics {
            embedded: Embedded::at(at),
            function_name,
            reason: self.reason,
            decisions: 1,
            key_fetches: self.fetches.len(),
            shadowed: u8::from(!self.shadowed.is_empty()),
            duration,
        }));
        lines
    }
}

/// The first 16 hexadecimal digits of the token's SHA-256.
pub(crate) fn digest(token: BearerToken<'_>) -> String {
    short_digest(token.as_str())
}

/// What stands in the log for a key id that is none of the issuer's.
pub(crate) fn digest_of_unknown(id: &str) -> String {
    format!("sha256:{}", short_digest(id))
}

fn short_digest(text: &str) -> String {
    hex(Sha256::digest(text)
        .first_chunk::<8>()
        .map_or(&[], |digest| digest))
}

/// A fetch of keys, and each key of it that is not used.
pub(crate) fn fetch_lines(fetch: &Fetch) -> Vec<Value> {
    match &fetch.outcome {
        Ok(skipped) => {
            let skipped = skipped.iter().map(|key| skipped_line(&fetch.issuer, key));
            std::iter::once(json!({"event": "key_fetch", "issuer": fetch.issuer, "outcome": "ok"}))
                .chain(skipped)
                .collect()
        }
        Err(error) => vec![json!({
            "event": "key_fetch",
            "issuer": fetch.issuer,
            "outcome": "failed",
            "error": detail(error),
        })],
    }
}

/// Said at every start: these rules keep nobody out.
pub(crate) fn shadowed_line(rules: &[usize]) -> Value {
    json!({
        "event": "shadowed_rules",
        "rules": rules,
        "warning": "these rules are not enforced: their routes are open to every caller with a valid token",
    })
}

/// A key that is not used.
pub(crate) fn skipped_line(issuer: &str, key: &SkippedKey) -> Value {
    json!({"event": "key_skipped", "issuer": issuer, "kid": key.id.as_deref().map(|id| cut(id, MAX_LOGGED_CHARACTERS)), "reason": key.reason.to_string()})
}

/// A message with those of its causes, cut to what is logged.
pub(crate) fn detail(error: &dyn Error) -> String {
    cut(&with_causes(error), MAX_ERROR_CHARACTERS).to_owned()
}

fn cut(text: &str, characters: usize) -> &str {
    let end = text.char_indices().nth(characters);
    end.and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// A message with those of its causes.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
