//! Bytes in text (RFC 4648), as JSON has them.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Clients write the padding or leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a browser's script gets of a file stands behind this (RFC 2397).
const DATA: &str = "data:";
const ENCODED: &str = ";base64,";

/// What base64 encodes, alone or in a `data` address.
pub(crate) fn decoded(text: &str) -> Option<Vec<u8>> {
    let text = match text.strip_prefix(DATA) {
        Some(address) => address.split_once(ENCODED)?.1,
        None => text,
    };
    BASE64.decode(text).ok()
}

/// In base64, with its padding.
pub(crate) fn encoded(bytes: &Vec<u8>) -> String {
    BASE64.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&[u8]>) {
        assert_eq!(decoded(text).as_deref(), expected, "{text}");
    }

    #[test]
    fn base64_is_read_with_padding_or_without_and_out_of_addresses() {
        check("_w==", None);
        check("/w==", Some(&[0xff]));
        check("/w", Some(&[0xff]));
        check("", Some(&[]));
        check("data:image/png;base64,/w==", Some(&[0xff]));
        check("data:image/png,/w==", None);
        check("/w=", Some(&[0xff]));
        check("é", None);
        assert_eq!(encoded(&vec![0xff]), "/w==");
    }
}
