//! Public keys that verify signatures, parsed once: the one module that knows the cryptography library.
//! Which published key becomes one, and for which algorithms, is `keys`' business.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents, VerificationAlgorithm,
};

use crate::algorithm::Algorithm;

/// First byte of a point whose two coordinates follow (SEC 1 section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// A public key, in the library's own form.
///
/// It is made for one algorithm: an RSA key that serves several is parsed for each.
#[derive(Debug)]
pub(crate) struct PublicKey {
    pub(crate) algorithm: Algorithm,
    parsed: ParsedPublicKey,
}

/// The numbers that make a public key, as big-endian bytes, before the library has seen them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Material<'a> {
    /// Modulus and exponent, both without leading zeros.
    Rsa(&'a [u8], &'a [u8]),
    /// The coordinates x and y of a point on the algorithm's curve, in full length.
    Point(&'a [u8], &'a [u8]),
    /// The encoded point of RFC 8032 section 5.1.2.
    Edwards(&'a [u8]),
}

impl PublicKey {
    /// Parses a key for one algorithm. `None` if it is no such key: a point off its curve, above all.
    pub(crate) fn parse(algorithm: Algorithm, material: Material<'_>) -> Option<Self> {
        let parsed = match (Verifier::of(algorithm), material) {
            (Verifier::Rsa(parameters), Material::Rsa(n, e)) => {
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters)
            }
            (Verifier::Curve(curve), Material::Point(x, y)) => {
                ParsedPublicKey::new(curve, [&[UNCOMPRESSED], x, y].concat())
            }
            (Verifier::Edwards, Material::Edwards(point)) => ParsedPublicKey::new(&ED25519, point),
            (Verifier::Rsa(_) | Verifier::Curve(_) | Verifier::Edwards, _) => return None,
        };
        let parsed = parsed.ok()?;
        Some(Self { algorithm, parsed })
    }

    /// True if `signature` covers `signed`.
    pub(crate) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(signed, signature).is_ok()
    }
}

/// What the library verifies an algorithm with. Signatures on a curve are r and s in full length
/// (RFC 7518 section 3.4), never ASN.1.
enum Verifier {
    Rsa(&'static RsaParameters),
    Curve(&'static dyn VerificationAlgorithm),
    Edwards,
}

impl Verifier {
    fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Rs256 => Self::Rsa(&RSA_PKCS1_2048_8192_SHA256),
            Algorithm::Rs384 => Self::Rsa(&RSA_PKCS1_2048_8192_SHA384),
            Algorithm::Rs512 => Self::Rsa(&RSA_PKCS1_2048_8192_SHA512),
            Algorithm::Ps256 => Self::Rsa(&RSA_PSS_2048_8192_SHA256),
            Algorithm::Ps384 => Self::Rsa(&RSA_PSS_2048_8192_SHA384),
            Algorithm::Ps512 => Self::Rsa(&RSA_PSS_2048_8192_SHA512),
            Algorithm::Es256 => Self::Curve(&ECDSA_P256_SHA256_FIXED),
            Algorithm::Es384 => Self::Curve(&ECDSA_P384_SHA384_FIXED),
            Algorithm::EdDsa => Self::Edwards,
        }
    }
}
