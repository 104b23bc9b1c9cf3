//! Proof of possession: what the `cnf` of a token asks for (RFC 7800), and whether the request brings it.
//! Pure: request, address and time are arguments. That a proof counts once is `replay`'s business.

mod binding;
mod certificate;
mod dpop;
pub(crate) mod replay;
mod target;
mod thumbprint;

use reqwest::Url;
use thiserror::Error;

use crate::event::Circumstances;
use crate::token::{BearerToken, Scheme};
pub(crate) use binding::Binding;
use replay::Use;

/// The proofs that are accepted for an issuer's tokens; none unless said otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proofs {
    /// A signature for each request (RFC 9449).
    pub dpop: bool,
    /// The client's certificate (RFC 8705).
    pub mtls: bool,
    /// Tokens that are bound to nothing are refused.
    pub required: bool,
}

/// What a request presents.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Presented<'a> {
    pub(crate) token: BearerToken<'a>,
    pub(crate) circumstances: &'a Circumstances,
    /// What stands before the path in the address that callers use: configured, never from the request.
    pub(crate) base: Option<&'a Url>,
}

/// Why a request does not prove what its token asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProofError {
    /// `Bearer` with a token bound to a key, or `DPoP` with another (RFC 9449 section 7.1).
    #[error(
        "the authorization scheme must be `DPoP` for a token with `cnf.jkt`, and `Bearer` for any other"
    )]
    Scheme,
    /// The event says neither method nor path.
    #[error(
        "the event has no method and path to prove anything for; the authorizer must be of type `REQUEST`"
    )]
    Request,
    /// No header `DPoP`.
    #[error("the header `DPoP` is missing")]
    Missing,
    /// More than one header `DPoP`.
    #[error("there is more than one header `DPoP`")]
    Several,
    /// Not a JSON Web Token in strict form, or too long.
    #[error(
        "the proof is not a signed JSON Web Token, or is longer than {} bytes",
        dpop::MAX_PROOF_BYTES
    )]
    Malformed,
    /// `alg` is missing, unknown or symmetric.
    #[error("the algorithm of the proof is not accepted")]
    Algorithm,
    /// The header's `typ`.
    #[error("the type of the proof is not `dpop+jwt`")]
    Type,
    /// `jwk` is missing, private, weak, or not for the algorithm.
    #[error("`jwk` of the proof is not a public key that is accepted for its algorithm")]
    Key,
    /// Not signed with that key.
    #[error("the signature of the proof does not match")]
    Signature,
    /// `jti` is missing, mistyped or too long.
    #[error(
        "`jti` of the proof is not a text of 1 to {} bytes",
        dpop::MAX_ID_BYTES
    )]
    Id,
    /// `htm` is not the method of the request.
    #[error("the proof is for another method")]
    Method,
    /// `htu` is not the address of the request.
    #[error("the proof is for another address; `PUBLIC_BASE_URL` must be the one that callers use")]
    Target,
    /// `iat` is missing, or outside the window.
    #[error("the proof is from another time")]
    Time,
    /// `ath` is not the digest of the token.
    #[error("the proof is for another token")]
    Token,
    /// The thumbprint of `jwk` is not `cnf.jkt`.
    #[error("the proof is of another key than the token")]
    Binding,
    /// The proof has been used.
    #[error("the proof has been used before")]
    Replayed,
    /// The gateway passed on no client certificate.
    #[error("there is no client certificate; the API needs mutual TLS")]
    CertificateMissing,
    /// What the gateway passed on is no certificate in PEM.
    #[error("the client certificate cannot be read")]
    CertificateMalformed,
    /// Its digest is not `cnf.x5t#S256`.
    #[error("the client certificate is another than that of the token")]
    CertificateBinding,
}

impl ProofError {
    /// The reason code: stable, for logs, metrics and alarms.
    pub fn code(self) -> &'static str {
        match self {
            Self::Scheme => "proof_scheme",
            Self::Request => "proof_request",
            Self::Missing => "proof_missing",
            Self::Several => "proof_several",
            Self::Malformed => "proof_malformed",
            Self::Algorithm => "proof_algorithm",
            Self::Type => "proof_type",
            Self::Key => "proof_key",
            Self::Signature => "proof_signature",
            Self::Id => "proof_id",
            Self::Method => "proof_method",
            Self::Target => "proof_target",
            Self::Time => "proof_time",
            Self::Token => "proof_token",
            Self::Binding => "proof_binding",
            Self::Replayed => "proof_replayed",
            Self::CertificateMissing => "certificate_missing",
            Self::CertificateMalformed => "certificate_malformed",
            Self::CertificateBinding => "certificate_binding",
        }
    }
}

/// Checks everything that the binding asks for. What is answered must not have been used before: the caller
/// sees to that, and last of all.
pub(crate) fn check(
    binding: Option<Binding<'_>>,
    presented: Presented<'_>,
    now: u64,
) -> Result<Option<Use>, ProofError> {
    let bound_to_key = binding.is_some_and(|binding| binding.key.is_some());
    if bound_to_key != (presented.token.scheme() == Scheme::DPoP) {
        return Err(ProofError::Scheme);
    }
    let Some(binding) = binding else {
        return Ok(None);
    };
    let circumstances = presented.circumstances;
    let (Some(method), Some(path)) = (&circumstances.method, &circumstances.path) else {
        return Err(ProofError::Request);
    };
    if let Some(digest) = binding.certificate {
        certificate::check(circumstances.client_certificate.as_deref(), digest)?;
    }
    let Some(thumbprint) = binding.key else {
        return Ok(None);
    };
    let target = target::of(presented.base.ok_or(ProofError::Target)?, path);
    let request = dpop::Signed {
        method,
        target: &target,
        token: presented.token.as_str(),
        thumbprint,
    };
    dpop::check(&circumstances.dpop_proofs, &request, now).map(Some)
}

#[cfg(test)]
mod tests;
