//! The client's certificate as the binding of a token (RFC 8705 section 3). Whether the certificate is good
//! is the gateway's business, which passes it on as PEM (RFC 7468) after the handshake.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::ProofError;

/// Longest text that is looked at. Certificates have 1 to 3 kB, and a chain of them may follow.
const MAX_PEM_BYTES: usize = 32 * 1024;
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Compares the first certificate of `pem` with the digest of the token.
pub(super) fn check(pem: Option<&str>, digest: &str) -> Result<(), ProofError> {
    let pem = pem.ok_or(ProofError::CertificateMissing)?;
    let encoded = first(pem).ok_or(ProofError::CertificateMalformed)?;
    if URL_SAFE_NO_PAD.encode(Sha256::digest(encoded)) == digest {
        Ok(())
    } else {
        Err(ProofError::CertificateBinding)
    }
}

/// The first certificate, which is the client's own.
fn first(pem: &str) -> Option<Vec<u8>> {
    if pem.len() > MAX_PEM_BYTES {
        return None;
    }
    let (body, _) = pem.trim_start().strip_prefix(BEGIN)?.split_once(END)?;
    let lines = body.strip_prefix("\r\n").or(body.strip_prefix('\n'))?;
    let text: String = lines.lines().collect();
    STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(pem: &str, expected: Option<&[u8]>) {
        assert_eq!(first(pem).as_deref(), expected, "{pem}");
    }

    #[test]
    fn the_first_certificate_is_read_strictly() {
        let der = Some(&b"certificate"[..]);
        let good = format!("{BEGIN}\nY2VydGlm\naWNhdGU=\n{END}\n");
        read(&good, der);
        read(&good.replace('\n', "\r\n"), der);
        read(&format!("\n{good}"), der);
        read(good.trim_end(), der);
        read(&format!("{good}{BEGIN}\nb3RoZXI=\n{END}\n"), der);
        for odd in [
            String::new(),
            "Y2VydGlmaWNhdGU=".to_owned(),
            format!("x{good}"),
            good.replace(END, ""),
            good.replace(BEGIN, "-----BEGIN PRIVATE KEY-----"),
            good.replace(BEGIN, "-----BEGIN TRUSTED CERTIFICATE-----"),
            good.replace("aWNh", "a WNh"),
            good.replace("aWNhdGU=", "aWNhdGU"),
            good.replace("aWNhdGU=", "aWNhdGV="),
            good.replace("aWNhdGU=", "aWNhdGU_"),
            good.replace('\n', "%0A"),
            good.replace('\n', "\\n"),
            good.replace('\n', " "),
            format!("{BEGIN}\n{END}"),
        ] {
            read(&odd, None);
        }
    }

    #[test]
    fn length_is_bounded() {
        let padded = |length: usize| format!("{BEGIN}\nYWFh\n{END}{}", " ".repeat(length));
        let frame = padded(0).len();
        read(&padded(MAX_PEM_BYTES - frame), Some(b"aaa"));
        read(&padded(MAX_PEM_BYTES - frame + 1), None);
    }

    #[test]
    fn digest_and_certificate_must_match() {
        let pem = format!("{BEGIN}\nY2VydGlmaWNhdGU=\n{END}\n");
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest("certificate"));
        assert_eq!(check(Some(&pem), &digest), Ok(()));
        let other = pem.replace("Y2Vy", "Y2Vz");
        assert_eq!(
            check(Some(&other), &digest),
            Err(ProofError::CertificateBinding)
        );
        assert_eq!(check(None, &digest), Err(ProofError::CertificateMissing));
        assert_eq!(
            check(Some("x"), &digest),
            Err(ProofError::CertificateMalformed)
        );
    }
}
