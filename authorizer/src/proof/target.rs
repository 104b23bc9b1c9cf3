//! The address that a proof is for: two of them are compared after the syntax-based normalisation of RFC 3986
//! section 6.2.2, as RFC 9449 section 4.3 wants it.

use reqwest::Url;

use super::ProofError;

/// An address, normalised and without query and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    origin: String,
    path: String,
}

/// Where a request went: the configured address with the path of the request behind it. Gateways pass paths
/// on as they were sent or decoded, so that they may hold any character. Dot segments stay: routes go by the
/// path as it came, and no address of a proof still has them.
pub(super) fn of(base: &Url, path: &str) -> Target {
    let path = format!("{}{path}", base.path().trim_end_matches('/'));
    Target {
        origin: base.origin().ascii_serialization(),
        path: normal(&path),
    }
}

/// The address that a proof names in `htu`.
pub(super) fn named(htu: &str) -> Result<Target, ProofError> {
    let (_, rest) = htu.split_once("://").ok_or(ProofError::Target)?;
    // Beyond RFC 3986, what parsers of browsers forgive: slashes too many, white space, backslashes.
    if rest.starts_with('/') || !htu.bytes().all(is_uri_byte) {
        return Err(ProofError::Target);
    }
    let url = Url::parse(htu).map_err(|_| ProofError::Target)?;
    if !url.username().is_empty() || url.password().is_some() || !url.has_host() {
        return Err(ProofError::Target);
    }
    Ok(Target {
        origin: url.origin().ascii_serialization(),
        path: normal(url.path()),
    })
}

/// The path with upper-case escapes, and without those that need not be.
fn normal(path: &str) -> String {
    let mut normal = String::with_capacity(path.len());
    let mut bytes = path.as_bytes();
    while let Some((first, rest)) = bytes.split_first() {
        let escaped = (*first == b'%').then(|| escaped(rest)).flatten();
        let (byte, plain) = match escaped {
            Some(byte) => (byte, is_unreserved(byte)),
            None => (*first, is_path_byte(*first)),
        };
        if plain {
            normal.push(char::from(byte));
        } else {
            normal.push_str(&format!("%{byte:02X}"));
        }
        bytes = match escaped {
            Some(_) => rest.get(2..).unwrap_or_default(),
            None => rest,
        };
    }
    normal
}

/// The byte of the two hexadecimal digits behind `%`.
fn escaped(rest: &[u8]) -> Option<u8> {
    let digits = rest.get(..2)?;
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let [high, low] = digits else { return None };
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn is_path_byte(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@/".contains(&byte)
}

fn is_uri_byte(byte: u8) -> bool {
    is_path_byte(byte) || b"%?#[]".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, htu: &str, same: bool) {
        let base = Url::parse("https://api.example/v1").unwrap();
        let found = named(htu).is_ok_and(|named| of(&base, path) == named);
        assert_eq!(found, same, "{path} {htu}");
    }

    #[test]
    fn addresses_are_the_same_after_normalisation() {
        for same in [
            "https://api.example/v1/predict",
            "HTTPS://API.Example/v1/predict",
            "https://api.example:443/v1/predict",
            "https://api.example:/v1/predict",
            "https://api.example/v1/./predict",
            "https://api.example/x/../v1/predict",
            "https://api.example/v1/%70redict",
            "https://api.example/v1/predict?a=b",
            "https://api.example/v1/predict#a",
        ] {
            check("/predict", same, true);
        }
        check("/a%2fb", "https://api.example/v1/a%2Fb", true);
        check("/%7Ea", "https://api.example/v1/~a", true);
        check("/a b", "https://api.example/v1/a%20b", true);
        check("/é", "https://api.example/v1/%c3%A9", true);
        check("/50%", "https://api.example/v1/50%25", true);
        check("/", "https://api.example/v1/", true);
    }

    #[test]
    fn any_other_address_is_another() {
        for other in [
            "",
            "/v1/predict",
            "//api.example/v1/predict",
            "https:api.example/v1/predict",
            "https:/api.example/v1/predict",
            "https:///api.example/v1/predict",
            "http://api.example/v1/predict",
            "ftp://api.example/v1/predict",
            "https://api.example:444/v1/predict",
            "https://api.example./v1/predict",
            "https://api.example.attacker.example/v1/predict",
            "https://api.example@attacker.example/v1/predict",
            "https://user@api.example/v1/predict",
            "https://:secret@api.example/v1/predict",
            "https://api.example/predict",
            "https://api.example/v1/v1/predict",
            "https://api.example/v1/predict/",
            "https://api.example/v1//predict",
            "https://api.example/v1/Predict",
            "https://api.example/v1/predict%3Fa",
            "https://api.example/v1%2Fpredict",
            "https://api.example/v1/%2570redict",
            "https://api.example\\v1\\predict",
            "https://api.example/v1/pre\tdict",
            " https://api.example/v1/predict",
            "https://api.example/v1/predict ",
            "https://api.example/v1/prédict",
        ] {
            check("/predict", other, false);
        }
        check("/a/../predict", "https://api.example/v1/predict", false);
        check(
            "/a/../predict",
            "https://api.example/v1/a/../predict",
            false,
        );
        check("/./predict", "https://api.example/v1/predict", false);
        check("/%2e%2e/predict", "https://api.example/predict", false);
        check("/a/b", "https://api.example/v1/a%2Fb", false);
    }
}
