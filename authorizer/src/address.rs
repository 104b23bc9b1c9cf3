//! Which addresses of an issuer may be asked for keys: HTTPS, or plain HTTP on this machine alone.

use reqwest::Url;
use thiserror::Error;

/// Why an address is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum AddressError {
    #[error("not an absolute URL")]
    Malformed,
    #[error("plain HTTP is accepted to 127.0.0.1, [::1] and localhost only; use `https://`")]
    Plain,
    #[error("user names, queries and fragments are not accepted in it")]
    Parts,
}

/// Checks the address of an issuer, or of the keys of `issuer`. Keys over plain HTTP prove nothing
/// about an issuer that is named by an `https:` address.
pub(crate) fn check(address: &str, issuer: &str) -> Result<Url, AddressError> {
    let url = Url::parse(address).map_err(|_| AddressError::Malformed)?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(AddressError::Parts);
    }
    if address == issuer && url.query().is_some() {
        return Err(AddressError::Parts);
    }
    let local_issuer = Url::parse(issuer).is_ok_and(|issuer| issuer.scheme() == "http");
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) && local_issuer => Ok(url),
        "http" => Err(AddressError::Plain),
        _ => Err(AddressError::Malformed),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn own(address: &str, expected: Result<(), AddressError>) {
        assert_eq!(check(address, address).map(|_| ()), expected, "{address}");
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        own("https://tenant.example/", Ok(()));
        own("http://127.0.0.1:8080/realms/a", Ok(()));
        own("http://localhost:8080", Ok(()));
        own("http://[::1]:8080", Ok(()));
        own("http://tenant.example", Err(AddressError::Plain));
        own("http://127.0.0.1.example", Err(AddressError::Plain));
        own("http://10.0.0.1", Err(AddressError::Plain));
        own("http://127.0.0.1@tenant.example", Err(AddressError::Parts));
        own("https://a/?b", Err(AddressError::Parts));
        own("https://a/#b", Err(AddressError::Parts));
        own("ftp://a", Err(AddressError::Malformed));
        own("tenant.example", Err(AddressError::Malformed));
        own("", Err(AddressError::Malformed));
    }

    #[test]
    fn keys_of_an_https_issuer_come_over_https() {
        let keys = |address: &str| check(address, "https://tenant.example/").map(|_| ());
        assert_eq!(keys("https://keys.example/jwks?v=1"), Ok(()));
        assert_eq!(keys("http://127.0.0.1/jwks"), Err(AddressError::Plain));
    }
}
