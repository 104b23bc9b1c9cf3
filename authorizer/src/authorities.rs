//! Certificates of authorities of one's own, from a file in PEM. Reading the file is `access`'s business.

use std::fmt;

use reqwest::{Certificate, Client};
use thiserror::Error;

/// Most bytes of a file. The bundle of a whole operating system has about 250 kB.
pub(crate) const MAX_BUNDLE_BYTES: usize = 1024 * 1024;
/// The line before a certificate (RFC 7468 section 5.1).
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
/// The line after it.
const END: &str = "-----END CERTIFICATE-----";
/// What the lines around every kind of private key have.
const PRIVATE_KEY: &str = "PRIVATE KEY-----";

/// Authorities that may vouch for a host.
#[derive(Clone)]
pub(crate) struct Authorities {
    certificates: Vec<Certificate>,
    /// The text they were read from, to tell bundles apart.
    text: String,
}

/// What is wrong with a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum AuthoritiesError {
    #[error("has more than {MAX_BUNDLE_BYTES} bytes; name the authorities of the issuer alone")]
    TooLong,
    #[error("has no certificate in PEM (`-----BEGIN CERTIFICATE-----`)")]
    Empty,
    #[error("has a private key in it; take it out, and do not deploy it")]
    PrivateKey,
    #[error("certificate {0} is not a certificate in PEM")]
    Certificate(usize),
}

impl Authorities {
    /// Reads a bundle, or says everything that is wrong with it.
    pub(crate) fn read(text: &str) -> Result<Self, Vec<AuthoritiesError>> {
        if text.len() > MAX_BUNDLE_BYTES {
            return Err(vec![AuthoritiesError::TooLong]);
        }
        let mut problems = Vec::new();
        if text.contains(PRIVATE_KEY) {
            problems.push(AuthoritiesError::PrivateKey);
        }
        let mut certificates = Vec::new();
        for (index, rest) in text.split(BEGIN).skip(1).enumerate() {
            match certificate(rest) {
                Some(certificate) => certificates.push(certificate),
                None => problems.push(AuthoritiesError::Certificate(index + 1)),
            }
        }
        if certificates.is_empty() && problems.is_empty() {
            problems.push(AuthoritiesError::Empty);
        }
        let text = text.to_owned();
        problems
            .is_empty()
            .then_some(Self { certificates, text })
            .ok_or(problems)
    }

    pub(crate) fn certificates(&self) -> Vec<Certificate> {
        self.certificates.clone()
    }
}

impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Authorities({})", self.certificates.len())
    }
}

/// The certificate that begins `rest`, if a client can be made that trusts it.
fn certificate(rest: &str) -> Option<Certificate> {
    let (body, _) = rest.split_once(END)?;
    let text = format!("{BEGIN}{body}{END}\n");
    let found = Certificate::from_pem_bundle(text.as_bytes()).ok()?;
    let certificate = found.into_iter().next()?;
    let client = Client::builder().no_proxy();
    let client = client.tls_certs_only([certificate.clone()]);
    client.build().ok().map(|_| certificate)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = include_str!("../tests/keys/authority.pem");

    #[track_caller]
    fn check(text: &str, expected: Result<usize, &[AuthoritiesError]>) {
        let found = Authorities::read(text).map(|found| found.certificates.len());
        assert_eq!(found, expected.map_err(<[_]>::to_vec), "{text}");
    }

    #[test]
    fn every_problem_of_a_bundle_is_named() {
        let stranger = include_str!("../tests/keys/stranger.pem");
        let broken = format!("{BEGIN}\nAAAA\n{END}\n");
        let odd = format!("{BEGIN}\n!!\n{END}\n");
        let key = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
        check(GOOD, Ok(1));
        check(&format!("Our own\n{GOOD}\r\n{stranger}"), Ok(2));
        check("", Err(&[AuthoritiesError::Empty]));
        check("MIIB", Err(&[AuthoritiesError::Empty]));
        check(
            &format!("{broken}{GOOD}{odd}{key}{BEGIN}"),
            Err(&[
                AuthoritiesError::PrivateKey,
                AuthoritiesError::Certificate(1),
                AuthoritiesError::Certificate(3),
                AuthoritiesError::Certificate(4),
            ]),
        );
    }

    #[test]
    fn length_is_bounded() {
        let longest = format!("{GOOD}{}", " ".repeat(MAX_BUNDLE_BYTES - GOOD.len()));
        check(&longest, Ok(1));
        check(&format!("{longest} "), Err(&[AuthoritiesError::TooLong]));
    }
}
