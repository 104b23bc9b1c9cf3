//! How the hosts of issuers are reached: authorities, proxy, link-local addresses.

use reqwest::Url;

use super::issuers::{Issuer, KeySource};
use super::values::Reader;
use crate::address::{Reach, shown};
use crate::authorities::{Authorities, MAX_BUNDLE_BYTES};
use crate::http::Network;

/// What `proxy` must look like.
const PROXY_FORM: &str = "write `http://HOST:PORT`, without a user name, path or query";

impl Reader<'_> {
    /// What counts for every issuer that does not say otherwise.
    pub(super) fn network(
        &mut self,
        authorities: Option<String>,
        proxy: Option<String>,
    ) -> Network {
        Network {
            authorities: authorities.and_then(|path| self.authorities(&path)),
            proxy: proxy.and_then(|address| self.proxy(&address)),
            reach: Reach::default(),
        }
    }

    /// The same for one issuer: authorities of its own count in place of everybody's.
    pub(super) fn network_of_issuer(
        &mut self,
        authorities: Option<String>,
        allow_link_local: Option<bool>,
        everybody: &Network,
    ) -> Network {
        let own = authorities.and_then(|path| self.authorities(&path));
        let reach = match allow_link_local {
            Some(true) => Reach::LinkLocal,
            Some(false) | None => Reach::Hosts,
        };
        Network {
            authorities: own.or_else(|| everybody.authorities.clone()),
            proxy: everybody.proxy.clone(),
            reach,
        }
    }

    /// Addresses that stand in the file. Those in answers, and those of names, are checked when they are used.
    pub(super) fn check_reach(&mut self, issuer: &Issuer) {
        let keys = match &issuer.keys {
            KeySource::Uri(uri) => Some(uri),
            KeySource::Discovery | KeySource::File(_) => None,
        };
        let endpoint = issuer.introspection.as_ref();
        let endpoint = endpoint.and_then(|settings| settings.endpoint.as_ref());
        let addresses = [Some(&issuer.trust.issuer), keys, endpoint];
        for address in addresses.into_iter().flatten() {
            let url = Url::parse(address).ok();
            let permitted = url.map(|url| issuer.network.reach.permit_host(&url));
            if let Some(Err(problem)) = permitted {
                let address = shown(address);
                self.problems.push(format!("`{address}`: {problem}"));
            }
        }
    }

    fn authorities(&mut self, path: &str) -> Option<Authorities> {
        let path = self.value("authorities", path)?;
        let problems = match read_bounded(&path) {
            Ok(text) => match Authorities::read(&text) {
                Ok(authorities) => return Some(authorities),
                Err(problems) => problems.iter().map(ToString::to_string).collect(),
            },
            Err(error) => vec![format!("cannot be read: {error}")],
        };
        let named = problems.iter();
        let named = named.map(|problem| format!("authorities `{path}`: {problem}"));
        self.problems.extend(named);
        None
    }

    /// The address is not quoted: there may be a password in it.
    fn proxy(&mut self, address: &str) -> Option<Url> {
        let address = self.value("proxy", address)?;
        let url = Url::parse(&address).ok().filter(is_bare);
        match url.as_ref().map(|url| Reach::default().permit_host(url)) {
            None => self.problems.push(format!("`proxy`: {PROXY_FORM}")),
            Some(Err(problem)) => self.problems.push(format!("`proxy`: {problem}")),
            Some(Ok(())) => {}
        }
        url
    }
}

/// Nothing but scheme, host and port.
fn is_bare(url: &Url) -> bool {
    let plain = url.scheme() == "http" && url.path() == "/";
    let named = !url.username().is_empty() || url.password().is_some();
    plain && !named && url.query().is_none() && url.fragment().is_none()
}

/// One byte more than a bundle may have is enough to see that it is too long.
fn read_bounded(path: &str) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    let limit = u64::try_from(MAX_BUNDLE_BYTES).unwrap_or(u64::MAX);
    let file = std::fs::File::open(path)?;
    file.take(limit.saturating_add(1))
        .read_to_string(&mut text)?;
    Ok(text)
}
