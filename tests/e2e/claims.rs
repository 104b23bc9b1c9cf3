//! Looks into tokens, and makes ones that prove nothing.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The first part of a token.
pub fn header(token: &str) -> Result<Value> {
    part(token, 0)
}

/// The second part of a token.
pub fn claims(token: &str) -> Result<Value> {
    part(token, 1)
}

/// A token of these parts, with this signature.
pub fn token(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The signature of a token.
pub fn signature(token: &str) -> Result<Vec<u8>> {
    let (_, signature) = token.rsplit_once('.').context("no signature")?;
    Ok(URL_SAFE_NO_PAD.decode(signature)?)
}

fn part(token: &str, index: usize) -> Result<Value> {
    let part = token.split('.').nth(index).context("not a token")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?)
}
