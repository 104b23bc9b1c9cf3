//! Fetches an issuer's keys: discovery document, key set, one fetch at a time. When to fetch is
//! `cache`'s decision, what is usable is `keys`'.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use reqwest::{Client, Url, redirect};
use serde::Deserialize;
use thiserror::Error;

use crate::access::{Issuer as Configured, KeySource};
use crate::address::{self, AddressError};
use crate::cache::{Cause, KeyCache, Lookup};
use crate::introspection::{Asked, Introspector};
use crate::keys::{KeySet, KeySetError, SkippedKey, VerificationKey};
use crate::outage::Outage;
use crate::token::{Header, TokenError};
use crate::verify::Trust;

/// Time for one HTTP exchange: two of them fit into the gateway's 29 s many times over.
pub(crate) const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(4);
/// Time to connect: a host that does not answer must not cost the whole exchange.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for discovery and keys together: less than Lambda's 10 s for a start.
const FETCH_PATIENCE: Duration = Duration::from_secs(8);
/// The same while older keys still verify.
const REFRESH_PATIENCE: Duration = Duration::from_secs(1);
/// Largest discovery document or key set. Real ones have 2 to 30 kB.
const MAX_DOCUMENT_BYTES: usize = 512 * 1024;

/// A trusted issuer and what is known of its keys.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) trust: Trust,
    /// Asks it about tokens, if it is to be asked.
    introspector: Option<Introspector>,
    source: KeySource,
    cache: Mutex<KeyCache>,
    in_flight: tokio::sync::Mutex<()>,
}

/// What one fetch came to, for the log.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub(crate) issuer: String,
    pub(crate) outcome: Result<Vec<SkippedKey>, FetchError>,
}

/// What an issuer says of itself, as far as it is used.
#[derive(Debug, Deserialize)]
pub(crate) struct Discovery {
    issuer: String,
    jwks_uri: String,
    pub(crate) introspection_endpoint: Option<String>,
}

/// Why keys could not be fetched.
#[derive(Debug, Error)]
pub(crate) enum FetchError {
    #[error("the issuer has not answered within {0:?}")]
    Patience(Duration),
    #[error("`{1}` may not be asked: {0}")]
    Address(AddressError, String),
    #[error("`{0}` does not answer")]
    Exchange(Url, #[source] reqwest::Error),
    #[error("`{0}` answers with status {1}")]
    Status(Url, u16),
    #[error("`{0}` answers with more than {MAX_DOCUMENT_BYTES} bytes")]
    TooLarge(Url),
    #[error("`{0}` is not a discovery document")]
    Discovery(Url, #[source] serde_json::Error),
    #[error("the discovery document is of the issuer `{found}`, not `{expected}`")]
    OtherIssuer { found: String, expected: String },
    #[error("`{0}` is not usable")]
    Keys(Url, #[source] KeySetError),
}

impl Issuer {
    /// An issuer whose keys are fetched, or those of its file.
    pub(crate) fn new(configured: Configured) -> Result<Self, reqwest::Error> {
        let cache = match &configured.keys {
            KeySource::File(keys) => KeyCache::pinned(keys.clone()),
            KeySource::Discovery | KeySource::Uri(_) => KeyCache::default(),
        };
        let name = &configured.trust.issuer;
        let introspector = configured.introspection;
        let introspector = introspector.map(|settings| Introspector::new(name.clone(), settings));
        Ok(Self {
            introspector: introspector.transpose()?,
            trust: configured.trust,
            source: configured.keys,
            cache: Mutex::new(cache),
            in_flight: tokio::sync::Mutex::new(()),
        })
    }

    /// Whom to ask about such tokens, if anybody is to be asked.
    pub(crate) fn asked_about(&self, such: fn(Asked) -> bool) -> Option<&Introspector> {
        let introspector = self.introspector.as_ref();
        introspector.filter(|introspector| such(introspector.asked))
    }

    /// Fetches the keys before the first token needs them. `None` if they are pinned.
    pub(crate) async fn prefetch(
        &self,
        client: &Client,
        clock: fn() -> SystemTime,
    ) -> Option<Fetch> {
        match self.source {
            KeySource::File(_) => None,
            KeySource::Discovery | KeySource::Uri(_) => {
                Some(self.fetch(client, Cause::Age, clock).await)
            }
        }
    }

    /// The key for a token with this header, fetched if need be. Fetches are added to `fetches`.
    pub(crate) async fn key(
        &self,
        header: &Header,
        (client, clock): (&Client, fn() -> SystemTime),
        fetches: &mut Vec<Fetch>,
    ) -> Result<Result<VerificationKey, TokenError>, Outage> {
        let ended_fetches = self.cache().ended_fetches();
        if let Lookup::Fetch(_) = self.lookup(header, clock()) {
            let _one_at_a_time = self.in_flight.lock().await;
            let waited = self.cache().ended_fetches() != ended_fetches;
            // Whoever held the lock has just fetched what this token needs, or failed to.
            if let (Lookup::Fetch(cause), false) = (self.lookup(header, clock()), waited) {
                fetches.push(self.fetch(client, cause, clock).await);
            }
        }
        let key_id = header.key_id.as_deref();
        match self.cache().settle(key_id, header.algorithm, clock()) {
            Lookup::Found(key) => Ok(Ok(key)),
            Lookup::Unfit => Ok(Err(TokenError::KeyAlgorithm)),
            Lookup::Unknown => Ok(Err(TokenError::Key)),
            Lookup::Fetch(_) | Lookup::Unavailable => Err(Outage::Keys(self.trust.issuer.clone())),
        }
    }

    fn lookup(&self, header: &Header, now: SystemTime) -> Lookup {
        self.cache()
            .lookup(header.key_id.as_deref(), header.algorithm, now)
    }

    async fn fetch(&self, client: &Client, cause: Cause, clock: fn() -> SystemTime) -> Fetch {
        self.cache().begin(cause, clock());
        // Keys that are merely due still verify: nobody waits for an issuer that hangs.
        let patience = match cause {
            Cause::Age if self.cache().can_wait(clock()) => REFRESH_PATIENCE,
            Cause::Age | Cause::UnknownKey => FETCH_PATIENCE,
        };
        let fetched = tokio::time::timeout(patience, self.keys_of_source(client)).await;
        let fetched = fetched.unwrap_or(Err(FetchError::Patience(patience)));
        let mut cache = self.cache();
        let outcome = fetched.map(|keys| {
            let skipped = keys.skipped.clone();
            cache.renew(keys, clock());
            skipped
        });
        if outcome.is_err() {
            cache.fail(clock());
        }
        Fetch {
            issuer: self.trust.issuer.clone(),
            outcome,
        }
    }

    async fn keys_of_source(&self, client: &Client) -> Result<KeySet, FetchError> {
        let uri = match &self.source {
            KeySource::Uri(uri) => uri.clone(),
            KeySource::Discovery | KeySource::File(_) => {
                discover(client, &self.trust.issuer).await?.jwks_uri
            }
        };
        let (url, document) = get(client, &uri, &self.trust.issuer).await?;
        KeySet::parse(&document).map_err(|error| FetchError::Keys(url, error))
    }

    /// A panic while the lock was held cannot leave half a state: each change is one assignment.
    fn cache(&self) -> MutexGuard<'_, KeyCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The discovery document (OpenID Connect Discovery section 4), whose `issuer` must be the configured one
/// to the letter.
pub(crate) async fn discover(client: &Client, expected: &str) -> Result<Discovery, FetchError> {
    let base = expected.strip_suffix('/').unwrap_or(expected);
    let address = format!("{base}/.well-known/openid-configuration");
    let (url, document) = get(client, &address, expected).await?;
    let document: Discovery =
        serde_json::from_slice(&document).map_err(|error| FetchError::Discovery(url, error))?;
    if document.issuer == expected {
        return Ok(document);
    }
    Err(FetchError::OtherIssuer {
        found: document.issuer,
        expected: expected.to_owned(),
    })
}

/// The client for all issuers: no redirects, no cookies, no proxies but those configured.
pub(crate) fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(EXCHANGE_TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("tollgate-authorizer/", env!("CARGO_PKG_VERSION")))
        .build()
}

async fn get(client: &Client, address: &str, issuer: &str) -> Result<(Url, Vec<u8>), FetchError> {
    let url = address::check(address, issuer)
        .map_err(|error| FetchError::Address(error, address.to_owned()))?;
    let exchange = |error| FetchError::Exchange(url.clone(), error);
    let mut response = client.get(url.clone()).send().await.map_err(exchange)?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(FetchError::Status(url, response.status().as_u16()));
    }
    let mut document = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(exchange)? {
        document.extend_from_slice(&chunk);
        if document.len() > MAX_DOCUMENT_BYTES {
            return Err(FetchError::TooLarge(url));
        }
    }
    Ok((url, document))
}
