//! Which addresses of an issuer may be asked: HTTPS, or plain HTTP on this machine alone, and nothing that
//! only a host's own neighbours should reach. Pure: names are resolved by `http`.

use std::net::{IpAddr, Ipv6Addr};

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
    #[error("{0} is a link-local or metadata address; `allow_link_local: true` would permit it")]
    LinkLocal(IpAddr),
    #[error("{0} is no address of a single host")]
    Nowhere(IpAddr),
}

/// How far an issuer's addresses may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Reach {
    /// Public and private networks, and this machine.
    #[default]
    Hosts,
    /// Link-local addresses as well, where a cloud's metadata and credentials are served.
    LinkLocal,
}

/// The metadata service of EC2 over IPv6, and that of EKS: unique local addresses, not link-local ones.
const METADATA_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
];

impl Reach {
    /// Whether an address may be connected to, whatever it may stand for.
    pub(crate) fn permit(self, address: IpAddr) -> Result<(), AddressError> {
        let meanings = meanings(address);
        let link_local = meanings.iter().any(is_link_local);
        match self {
            // Read with the wrong length of a prefix, an address leads nowhere: one right reading is enough.
            _ if meanings.iter().all(is_nowhere) => Err(AddressError::Nowhere(address)),
            Self::Hosts if link_local => Err(AddressError::LinkLocal(address)),
            Self::Hosts | Self::LinkLocal => Ok(()),
        }
    }

    /// The same for a URL whose host is an address. A name is permitted when it is resolved.
    pub(crate) fn permit_host(self, url: &Url) -> Result<(), AddressError> {
        host_address(url).map_or(Ok(()), |address| self.permit(address))
    }
}

/// Where the metadata of a machine are served, among others.
fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local() || METADATA_V6.contains(address),
    }
}

fn is_nowhere(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.octets()[0] == 0 || address.is_multicast() || address.is_broadcast()
        }
        IpAddr::V6(address) => address.is_unspecified() || address.is_multicast(),
    }
}

/// The IPv4 addresses that an IPv6 address may stand for: mapped or compatible (RFC 4291 section 2.5.5), translated
/// (RFC 6052 section 2.1), translated by a network's own prefix (RFC 8215), tunnelled (RFC 3056 section 2). Any other
/// address is itself.
fn meanings(address: IpAddr) -> Vec<IpAddr> {
    let IpAddr::V6(outer) = address else {
        return vec![address];
    };
    let [_, _, o2, o3, o4, o5, o6, o7, _, o9, o10, o11, last @ ..] = outer.octets();
    let [o12, ..] = last;
    let inner = match outer.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => return vec![address],
        [0, 0, 0, 0, 0, 0 | 0xffff, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => vec![last],
        // How long the prefix is only the network knows: 48, 56, 64 or 96 bits (RFC 6052 section 2.2).
        [0x64, 0xff9b, 1, ..] => vec![
            [o6, o7, o9, o10],
            [o7, o9, o10, o11],
            [o9, o10, o11, o12],
            last,
        ],
        [0x2002, ..] => vec![[o2, o3, o4, o5]],
        _ => return vec![address],
    };
    inner.into_iter().map(IpAddr::from).collect()
}

/// Checks the address of an issuer, or of the keys of `issuer`. Keys over plain HTTP prove nothing
/// about an issuer that is named by an `https:` address.
pub(crate) fn check(address: &str, issuer: &str) -> Result<Url, AddressError> {
    let url = Url::parse(address).map_err(|_| AddressError::Malformed)?;
    if names_user(&url) || url.fragment().is_some() {
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

/// What is shown of an address: no user name and no query, for there may be a secret in either.
pub(crate) fn bare(mut url: Url) -> Url {
    url.set_query(None);
    url.set_fragment(None);
    // An address that can have neither has none to take out.
    let _ = url.set_username("").and(url.set_password(None));
    url
}

/// The same of a text that is to be an address, as it was written.
pub(crate) fn shown(address: &str) -> String {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    match Url::parse(address) {
        Ok(url) if names_user(&url) => bare(url).into(),
        Ok(_) => path.to_owned(),
        Err(_) => path.rsplit('@').next().unwrap_or_default().to_owned(),
    }
}

fn names_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn is_loopback(url: &Url) -> bool {
    let is_named = url.host_str() == Some("localhost");
    host_address(url).map_or(is_named, |address| address.is_loopback())
}

fn host_address(url: &Url) -> Option<IpAddr> {
    let host = url.host_str().unwrap_or_default();
    host.trim_matches(['[', ']']).parse().ok()
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

    #[test]
    fn no_user_name_and_no_query_are_shown() {
        for (address, expected) in [
            ("https://a.example", "https://a.example"),
            ("https://a.example/@me/b?c@d", "https://a.example/@me/b"),
            ("https://a.example/b?c=d#e", "https://a.example/b"),
            (
                "https://me:secret@a.example:8443/b",
                "https://a.example:8443/b",
            ),
            ("https://me@a.example/b?c@d", "https://a.example/b"),
            ("mailto:me@a.example?c=d", "mailto:me@a.example"),
            ("a.example/b?c=d", "a.example/b"),
            ("//me:secret@a.example/b#c", "a.example/b"),
            ("https://me:secret@", ""),
            ("", ""),
        ] {
            assert_eq!(shown(address), expected, "{address}");
        }
    }

    /// Whether both kinds of reach permit the host.
    #[track_caller]
    fn reach(host: &str, ordinary: bool, link_local: bool) {
        let url = Url::parse(&format!("https://{host}/")).unwrap();
        let found = [Reach::Hosts, Reach::LinkLocal].map(|reach| reach.permit_host(&url).is_ok());
        assert_eq!(found, [ordinary, link_local], "{host}");
    }

    #[test]
    fn private_networks_are_reached_and_metadata_is_not() {
        for host in [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "93.184.216.34",
            "169.253.255.255",
            "169.255.0.0",
            "[::1]",
            "[fd00::1]",
            "[fd00:ec2::253]",
            "[fe7f::1]",
            "[fec0::1]",
            "[2606:4700::1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::10.0.0.1]",
            "[64:ff9b:1:a00:0:100::]",
            "[64:ff9b:1:fffe::10.0.0.1]",
            "[64:ff9b:2::169.254.169.254]",
            "[2002:a00:1::1]",
            "[2003:a9fe:a9fe::1]",
            "idp.example",
        ] {
            reach(host, true, true);
        }
        for host in [
            "169.254.169.254",
            "169.254.170.2",
            "169.254.0.0",
            "169.254.255.255",
            "2852039166",
            "0xa9fea9fe",
            "0251.0376.0251.0376",
            "169.254.43518",
            "169.254.169.254.",
            "[fe80::1]",
            "[febf::1]",
            "[fd00:ec2::254]",
            "[fd00:ec2::23]",
            "[::ffff:169.254.169.254]",
            "[::ffff:a9fe:a9fe]",
            "[::169.254.169.254]",
            "[64:ff9b::169.254.169.254]",
            "[64:ff9b:1:a9fe:a9:fe00::]",
            "[64:ff9b:1:a9:fe:a9fe::]",
            "[64:ff9b:1:0:a9:fea9:fe00:0]",
            "[64:ff9b:1::169.254.169.254]",
            "[64:ff9b:1:fffe::169.254.170.2]",
            "[2002:a9fe:a9fe::1]",
            "[2002:a9fe:aa02:1:2:3:4:5]",
        ] {
            reach(host, false, true);
        }
    }

    #[test]
    fn what_is_no_single_host_is_never_reached() {
        for host in [
            "0.0.0.0",
            "0",
            "0.1.2.3",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "[::]",
            "[ff02::1]",
            "[::ffff:0.0.0.0]",
            "[::ffff:224.0.0.1]",
            "[64:ff9b:1::]",
            "[64:ff9b:1::224.0.0.1]",
            "[2002::1]",
            "[2002:e000:1::1]",
        ] {
            reach(host, false, false);
        }
    }
}
