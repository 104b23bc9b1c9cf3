//! The HTTP clients for issuers: which authorities vouch for them, through which proxy, and to which addresses.
//! One client for each distinct setting. What is asked is the business of `issuer` and `introspection`.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, NoProxy, Proxy, RequestBuilder, Url, redirect};

use crate::address::{self, AddressError, Reach};
use crate::authorities::Authorities;

/// Time for one HTTP exchange: two of them fit into the gateway's 29 s many times over.
pub(crate) const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(4);
/// Time to connect: a host that does not answer must not cost the whole exchange.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// What is never asked through a proxy: this machine.
const THIS_MACHINE: &str = "localhost,127.0.0.0/8,::1";

/// How the hosts of an issuer are reached.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Network {
    /// The only authorities that may vouch for them; the machine's if `None`.
    pub(crate) authorities: Option<Authorities>,
    /// For everything but this machine. The variables of the environment do not count.
    pub(crate) proxy: Option<Url>,
    pub(crate) reach: Reach,
}

/// A client for the hosts of an issuer.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    client: Client,
    reach: Reach,
}

/// The clients made so far.
#[derive(Debug, Default)]
pub(crate) struct Clients(Vec<(Network, Http)>);

/// Addresses of a name.
type Lookup = fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Resolves names, and gives out none but permitted addresses: a name cannot be bound anew between check and use.
#[derive(Debug)]
struct Resolver {
    lookup: Lookup,
    reach: Reach,
}

impl Clients {
    /// The client for this setting.
    pub(crate) fn get(&mut self, network: &Network) -> Result<Http, reqwest::Error> {
        let mut made = self.0.iter();
        if let Some((_, http)) = made.find(|(other, _)| other == network) {
            return Ok(http.clone());
        }
        let http = Http::new(network, look_up)?;
        self.0.push((network.clone(), http.clone()));
        Ok(http)
    }
}

impl Http {
    /// No redirects, no cookies, and no proxy but the configured one.
    fn new(network: &Network, lookup: Lookup) -> Result<Self, reqwest::Error> {
        let reach = network.reach;
        let mut client = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(EXCHANGE_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("tollgate-authorizer/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .dns_resolver(Resolver { lookup, reach });
        if let Some(authorities) = &network.authorities {
            client = client.tls_certs_only(authorities.certificates());
        }
        if let Some(proxy) = &network.proxy {
            let directly = NoProxy::from_string(THIS_MACHINE);
            client = client.proxy(Proxy::all(proxy.clone())?.no_proxy(directly));
        }
        let client = client.build()?;
        Ok(Self { client, reach })
    }

    /// The address as a URL that may be asked on behalf of `issuer`.
    pub(crate) fn url(&self, address: &str, issuer: &str) -> Result<Url, AddressError> {
        let url = address::check(address, issuer)?;
        self.reach.permit_host(&url)?;
        Ok(url)
    }

    pub(crate) fn get(&self, url: Url) -> RequestBuilder {
        self.client.get(url)
    }

    pub(crate) fn post(&self, url: Url) -> RequestBuilder {
        self.client.post(url)
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, reach) = (self.lookup, self.reach);
        Box::pin(async move {
            let addresses = lookup(name.as_str().to_owned()).await?;
            // One forbidden address among others is no accident: the name is not used at all.
            for address in &addresses {
                reach.permit(address.ip())?;
            }
            Ok::<Addrs, Box<dyn Error + Send + Sync>>(Box::new(addresses.into_iter()))
        })
    }
}

/// What the machine's resolver says of a name.
fn look_up(name: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> {
    Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::record::detail;

    /// A server that says one thing to everybody.
    async fn server() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream
                    .write_all(
                        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
                    )
                    .await;
            }
        });
        port
    }

    fn addresses(
        list: &[&str],
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> {
        let list: Vec<_> = list
            .iter()
            .map(|ip| SocketAddr::new(ip.parse().unwrap(), 0))
            .collect();
        Box::pin(async move { Ok(list) })
    }

    /// What asking `http://idp.example` comes to, if the name has these addresses.
    async fn asked(reach: Reach, lookup: Lookup) -> String {
        let network = Network {
            reach,
            ..Network::default()
        };
        let http = Http::new(&network, lookup).unwrap();
        let url = format!("http://idp.example:{}/", server().await);
        match http.get(url.parse().unwrap()).send().await {
            Ok(answer) => answer.status().to_string(),
            Err(error) => detail(&error),
        }
    }

    #[tokio::test]
    async fn a_name_cannot_lead_to_a_forbidden_address() {
        let local: Lookup = |_| addresses(&["127.0.0.1"]);
        assert_eq!(asked(Reach::Hosts, local).await, "200 OK");
        let bound_anew: [Lookup; 4] = [
            |_| addresses(&["169.254.169.254"]),
            |_| addresses(&["127.0.0.1", "169.254.169.254"]),
            |_| addresses(&["::ffff:169.254.170.2"]),
            |_| addresses(&["fd00:ec2::254"]),
        ];
        for lookup in bound_anew {
            let found = asked(Reach::Hosts, lookup).await;
            assert!(found.contains("link-local or metadata"), "{found}");
        }
        let nowhere: Lookup = |_| addresses(&["0.0.0.0"]);
        let found = asked(Reach::LinkLocal, nowhere).await;
        assert!(found.contains("no address of a single host"), "{found}");
    }

    #[tokio::test]
    async fn link_local_addresses_are_asked_where_that_is_configured() {
        let both: Lookup = |_| addresses(&["127.0.0.1", "169.254.169.254"]);
        assert_eq!(asked(Reach::LinkLocal, both).await, "200 OK");
    }

    #[test]
    fn issuers_with_one_setting_share_a_client() {
        let mut clients = Clients::default();
        let far = Network {
            reach: Reach::LinkLocal,
            ..Network::default()
        };
        for network in [Network::default(), far.clone(), Network::default(), far] {
            clients.get(&network).unwrap();
        }
        assert_eq!(clients.0.len(), 2);
    }
}
