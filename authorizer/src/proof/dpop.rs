//! The proof of one request (RFC 9449 sections 4.2, 4.3 and 7): a JSON Web Token that the client signs with the
//! key that its access token is bound to. `nonce` is not asked for: an authorizer cannot give one out.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::replay::Use;
use super::target::{self, Target};
use super::{ProofError, thumbprint};
use crate::json::{Members, View};
use crate::keys::VerificationKey;
use crate::token::{BearerToken, TokenError, UnverifiedToken};

/// Longest proof that is looked at: that of an RSA key of 8192 bits has 3,600 bytes.
pub(crate) const MAX_PROOF_BYTES: usize = 4096;
/// Longest `jti`: identifiers have 16 to 64 bytes.
pub(crate) const MAX_ID_BYTES: usize = 256;
/// How long after `iat` a proof is accepted: it is made for one request (RFC 9449 section 11.1).
const MAX_AGE: u64 = 60;
/// Tolerance for clients' clocks. `leeway` is about the clock of the issuer.
const LEEWAY: u64 = 30;
const TYPE: &str = "dpop+jwt";
/// Members of private and symmetric keys (RFC 7518 section 6).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// What a proof must be for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) method: &'a str,
    pub(super) target: &'a Target,
    pub(super) token: &'a str,
    /// `cnf.jkt` of the token.
    pub(super) thumbprint: &'a str,
}

/// Checks the one proof of a request, and answers what must not have been used before.
pub(super) fn check(proofs: &[String], request: &Signed<'_>, now: u64) -> Result<Use, ProofError> {
    let text = match proofs {
        [] => return Err(ProofError::Missing),
        [proof] => proof.as_str(),
        _ => return Err(ProofError::Several),
    };
    if text.len() > MAX_PROOF_BYTES {
        return Err(ProofError::Malformed);
    }
    let proof = BearerToken::proof(text);
    let proof = UnverifiedToken::parse(proof).map_err(malformed)?;
    if proof.header.kind() != Some(TYPE) {
        return Err(ProofError::Type);
    }
    let thumbprint = check_signature(&proof)?;
    let id = check_claims(&proof.claims, request)?;
    let until = check_time(&proof.claims, now)?;
    if thumbprint != request.thumbprint {
        return Err(ProofError::Binding);
    }
    Ok(Use::of(&thumbprint, id, until))
}

fn malformed(error: TokenError) -> ProofError {
    if error == TokenError::Algorithm {
        ProofError::Algorithm
    } else {
        ProofError::Malformed
    }
}

/// Verifies with the key that the proof brings, and answers its thumbprint.
fn check_signature(proof: &UnverifiedToken<'_>) -> Result<String, ProofError> {
    let key = proof.header.key_of_proof().ok_or(ProofError::Key)?.value();
    let members = key.as_object().ok_or(ProofError::Key)?;
    if PRIVATE_MEMBERS
        .iter()
        .any(|name| members.contains_key(*name))
    {
        return Err(ProofError::Key);
    }
    let key = VerificationKey::read(key.clone()).map_err(|_| ProofError::Key)?;
    let algorithm = proof.header.algorithm;
    if !key.is_for(algorithm) {
        return Err(ProofError::Key);
    }
    if !key.verifies(algorithm, proof.signed, &proof.signature) {
        return Err(ProofError::Signature);
    }
    thumbprint::of(members).ok_or(ProofError::Key)
}

/// Checks what the proof is for, and answers its identifier.
fn check_claims<'a>(claims: &'a Members, request: &Signed<'_>) -> Result<&'a str, ProofError> {
    let text = |name: &str| claims.text(name);
    let id = text("jti").filter(|id| (1..=MAX_ID_BYTES).contains(&id.len()));
    let id = id.ok_or(ProofError::Id)?;
    if text("htm") != Some(request.method) {
        return Err(ProofError::Method);
    }
    if target::named(text("htu").ok_or(ProofError::Target)?)? != *request.target {
        return Err(ProofError::Target);
    }
    let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(request.token));
    if text("ath") != Some(digest.as_str()) {
        return Err(ProofError::Token);
    }
    Ok(id)
}

/// Checks `iat`, and answers the last second in which the proof is accepted. Fractions are cut off.
fn check_time(claims: &Members, now: u64) -> Result<u64, ProofError> {
    let whole = |text: String| text.split('.').next()?.parse::<u64>().ok();
    let issued_at = match claims.get("iat") {
        Some(View::Number(number)) => whole(number.to_string()).ok_or(ProofError::Time)?,
        _ => return Err(ProofError::Time),
    };
    let until = issued_at.saturating_add(MAX_AGE + LEEWAY);
    if now > until || issued_at > now.saturating_add(LEEWAY) {
        return Err(ProofError::Time);
    }
    Ok(until)
}
