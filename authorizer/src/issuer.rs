//! Fetches an issuer's keys: discovery document, key set, one fetch at a time. When to fetch is
//! `cache`'s decision, what is usable is `keys`'.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use reqwest::Url;
use reqwest::header::{AGE, CACHE_CONTROL};
use serde::Deserialize;
use thiserror::Error;

use crate::access::{Issuer as Configured, KeySource};
use crate::address::{self, AddressError};
use crate::cache::{Cause, KeyCache, Lookup};
use crate::exchange::{self, ExchangeError, Reply};
use crate::freshness::freshness;
use crate::http::Http;
use crate::introspection::{Asked, Introspector};
use crate::keys::{KeySet, KeySetError, SkippedKey, VerificationKey};
use crate::outage::Outage;
use crate::token::{Header, TokenError};
use crate::verify::Trust;

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
    http: Http,
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

/// Why keys could not be fetched. Addresses in it are bare.
#[derive(Debug, Error)]
pub(crate) enum FetchError {
    #[error("the issuer has not answered within {0:?}")]
    Patience(Duration),
    #[error("`{1}` may not be asked: {0}")]
    Address(AddressError, String),
    #[error("`{0}` does not answer")]
    Exchange(Url, #[source] ExchangeError),
    #[error("`{0}` is not a discovery document")]
    Discovery(Url, #[source] serde_json::Error),
    #[error("the discovery document is of the issuer `{found}`, not `{expected}`")]
    OtherIssuer { found: String, expected: String },
    #[error("`{0}` is not usable")]
    Keys(Url, #[source] KeySetError),
}

impl Issuer {
    /// An issuer whose keys are fetched, or those of its file.
    pub(crate) fn new(configured: Configured, http: Http) -> Result<Self, reqwest::Error> {
        let cache = match &configured.keys {
            KeySource::File(keys) => {
                let accepted = &configured.trust.algorithms;
                KeyCache::pinned(keys.clone().with_one_algorithm_each(accepted))
            }
            KeySource::Discovery | KeySource::Uri(_) => KeyCache::default(),
        };
        let name = &configured.trust.issuer;
        let introspector = configured.introspection;
        let introspector =
            introspector.map(|settings| Introspector::new(name.clone(), settings, http.clone()));
        Ok(Self {
            introspector: introspector.transpose()?,
            trust: configured.trust,
            http,
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

    /// The keys of the file that are not used.
    pub(crate) fn skipped_in_file(&self) -> &[SkippedKey] {
        match &self.source {
            KeySource::File(keys) => &keys.skipped,
            KeySource::Discovery | KeySource::Uri(_) => &[],
        }
    }

    /// Fetches the keys before the first token needs them. `None` if they are pinned.
    pub(crate) async fn prefetch(&self, clock: fn() -> SystemTime) -> Option<Fetch> {
        match self.source {
            KeySource::File(_) => None,
            KeySource::Discovery | KeySource::Uri(_) => {
                Some(self.fetch(None, Cause::Age, clock).await)
            }
        }
    }

    /// The key for a token with this header, fetched if need be. Fetches are added to `fetches`.
    pub(crate) async fn key(
        &self,
        header: &Header,
        clock: fn() -> SystemTime,
        fetches: &mut Vec<Fetch>,
    ) -> Result<Result<VerificationKey, TokenError>, Outage> {
        let ended_fetches = self.cache().ended_fetches();
        if let Lookup::Fetch(cause) = self.lookup(header, clock()) {
            // Nobody waits for a refresh that another token has begun, while the keys at hand verify.
            let mut one_at_a_time = self.in_flight.try_lock().ok();
            if one_at_a_time.is_none() && !(cause == Cause::Age && self.can_wait(header, clock())) {
                one_at_a_time = Some(self.in_flight.lock().await);
            }
            let waited = self.cache().ended_fetches() != ended_fetches;
            // Whoever held the lock has just fetched what this token needs, or failed to.
            if let (Lookup::Fetch(cause), false, true) = (
                self.lookup(header, clock()),
                waited,
                one_at_a_time.is_some(),
            ) {
                fetches.push(self.fetch(Some(header), cause, clock).await);
            }
        }
        let key_id = header.key_id();
        match self.cache().settle(key_id, header.algorithm, clock()) {
            Lookup::Found(key) => Ok(Ok(key)),
            Lookup::Unfit => Ok(Err(TokenError::KeyAlgorithm)),
            Lookup::Ambiguous => Ok(Err(TokenError::KeyAmbiguous)),
            Lookup::Unknown => Ok(Err(TokenError::Key)),
            Lookup::Fetch(_) | Lookup::Unavailable => Err(Outage::Keys(self.trust.issuer.clone())),
        }
    }

    fn lookup(&self, header: &Header, now: SystemTime) -> Lookup {
        self.cache().lookup(header.key_id(), header.algorithm, now)
    }

    /// Whether the keys at hand say enough of a token with this header.
    fn can_wait(&self, header: &Header, now: SystemTime) -> bool {
        let key_id = header.key_id();
        self.cache().can_wait(key_id, header.algorithm, now)
    }

    async fn fetch(
        &self,
        header: Option<&Header>,
        cause: Cause,
        clock: fn() -> SystemTime,
    ) -> Fetch {
        self.cache().begin(cause, clock());
        // Where the keys at hand verify, nobody waits for an issuer that hangs; but the next fetch is given all
        // the time there is, for an issuer that is merely slow may have withdrawn one of them.
        let in_haste = header.is_some_and(|header| self.can_wait(header, clock()));
        let patience = match cause {
            Cause::Age if in_haste && !self.cache().has_failed() => REFRESH_PATIENCE,
            Cause::Age | Cause::UnknownKey => FETCH_PATIENCE,
        };
        let fetched = tokio::time::timeout(patience, self.keys_of_source()).await;
        let fetched = fetched.unwrap_or(Err(FetchError::Patience(patience)));
        let mut cache = self.cache();
        let outcome = fetched.map(|(keys, fresh_for)| {
            let skipped = keys.skipped.clone();
            cache.renew(keys, fresh_for, clock());
            skipped
        });
        if let Err(error) = &outcome {
            cache.fail(error.retry_after(), clock());
        }
        Fetch {
            issuer: self.trust.issuer.clone(),
            outcome,
        }
    }

    /// The keys, and how long they are fresh.
    async fn keys_of_source(&self) -> Result<(KeySet, Duration), FetchError> {
        let issuer = &self.trust.issuer;
        let uri = match &self.source {
            KeySource::Uri(uri) => uri.clone(),
            KeySource::Discovery | KeySource::File(_) => {
                discover(&self.http, issuer).await?.jwks_uri
            }
        };
        let (url, reply) = get(&self.http, &uri, issuer).await?;
        let (control, age) = (reply.header(CACHE_CONTROL), reply.header(AGE));
        let fresh_for = freshness(control.as_deref(), age.as_deref());
        let keys = KeySet::parse(&reply.body)
            .map_err(|error| FetchError::Keys(address::bare(url), error))?;
        let keys = keys.with_one_algorithm_each(&self.trust.algorithms);
        Ok((keys, fresh_for))
    }

    /// A panic while the lock was held cannot leave half a state: each change is one assignment.
    fn cache(&self) -> MutexGuard<'_, KeyCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FetchError {
    /// How long the issuer asks to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Exchange(_, ExchangeError::Status { retry_after, .. }) => *retry_after,
            Self::Exchange(..)
            | Self::Patience(_)
            | Self::Address(..)
            | Self::Discovery(..)
            | Self::OtherIssuer { .. }
            | Self::Keys(..) => None,
        }
    }
}

/// The discovery document (OpenID Connect Discovery section 4), whose `issuer` must be the configured one
/// to the letter.
pub(crate) async fn discover(http: &Http, expected: &str) -> Result<Discovery, FetchError> {
    let base = expected.strip_suffix('/').unwrap_or(expected);
    let address = format!("{base}/.well-known/openid-configuration");
    let (url, reply) = get(http, &address, expected).await?;
    let document: Discovery =
        serde_json::from_slice(&reply.body).map_err(|error| FetchError::Discovery(url, error))?;
    if document.issuer == expected {
        return Ok(document);
    }
    Err(FetchError::OtherIssuer {
        found: document.issuer,
        expected: expected.to_owned(),
    })
}

async fn get(http: &Http, address: &str, issuer: &str) -> Result<(Url, Reply), FetchError> {
    let url = http.url(address, issuer);
    let url = url.map_err(|error| FetchError::Address(error, address::shown(address)))?;
    let reply = exchange::send(http.get(url.clone()), MAX_DOCUMENT_BYTES).await;
    match reply.and_then(Reply::ok) {
        Ok(reply) => Ok((url, reply)),
        Err(error) => Err(FetchError::Exchange(address::bare(url), error)),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::algorithm::Algorithm;
    use crate::config::Config;
    use crate::http::{Clients, Network};
    use crate::support::key_set;

    fn start() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn later() -> SystemTime {
        start() + Duration::from_secs(700)
    }

    fn much_later() -> SystemTime {
        later() + Duration::from_secs(10)
    }

    /// An issuer that sends these headers with everything.
    async fn issuer(headers: &'static str) -> Issuer {
        changing_issuer(headers, Duration::ZERO).await
    }

    /// An issuer whose first key set, after its discovery document, lacks one key; from then on it answers
    /// slowly, and has it.
    async fn changing_issuer(headers: &'static str, slow: Duration) -> Issuer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let name = format!("http://{}", listener.local_addr().unwrap());
        let mut body = key_set();
        body["issuer"] = name.clone().into();
        body["jwks_uri"] = format!("{name}/keys").into();
        let mut first = body.clone();
        let keys = first["keys"].as_array_mut().unwrap();
        keys.retain(|key| key["kid"] != "ed25519");
        let answer = move |body: &serde_json::Value| {
            format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{headers}\r\n{body}")
        };
        tokio::spawn(async move {
            for number in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 4096]).await;
                let body = if number < 2 { &first } else { &body };
                if number >= 2 {
                    tokio::time::sleep(slow).await;
                }
                let _ = stream.write_all(answer(body).as_bytes()).await;
            }
        });
        let config = Config::load(|variable| match variable {
            "ISSUER" => Some(name.clone()),
            "AUDIENCE" => Some("ml-api".to_owned()),
            _ => None,
        });
        let configured = config.unwrap().access.issuers.remove(0);
        let http = Clients::default().get(&Network::default()).unwrap();
        Issuer::new(configured, http).unwrap()
    }

    fn header(algorithm: Algorithm, key_id: &str) -> Header {
        let header = serde_json::json!({"alg": algorithm.name(), "kid": key_id});
        Header::of(header.as_object().unwrap().into()).unwrap()
    }

    #[track_caller]
    fn is_fetched(fetch: &Fetch) {
        assert!(fetch.outcome.is_ok(), "{fetch:?}");
    }

    /// Whether keys that came with these headers are fetched anew after 700 seconds.
    async fn refreshed(headers: &'static str) -> bool {
        let issuer = issuer(headers).await;
        is_fetched(&issuer.prefetch(start).await.unwrap());
        let header = header(Algorithm::Es256, "p256");
        let mut fetches = Vec::new();
        let key = issuer.key(&header, later, &mut fetches).await;
        assert!(key.unwrap().is_ok());
        fetches.iter().for_each(is_fetched);
        !fetches.is_empty()
    }

    /// Two exchanges of a slow issuer take longer than anybody waits whose key is at hand.
    #[tokio::test]
    async fn a_slow_issuer_is_waited_for_where_its_new_key_is_needed_and_after_a_failure() {
        let slow = REFRESH_PATIENCE * 2 / 3;
        let new = header(Algorithm::EdDsa, "ed25519");
        let old = header(Algorithm::Es256, "p256");
        let issuer = changing_issuer("", slow).await;
        is_fetched(&issuer.prefetch(start).await.unwrap());
        let mut fetches = Vec::new();
        let key = issuer.key(&new, later, &mut fetches).await;
        assert!(key.unwrap().is_ok(), "{fetches:?}");

        let issuer = changing_issuer("", slow).await;
        is_fetched(&issuer.prefetch(start).await.unwrap());
        let mut fetches = Vec::new();
        assert!(issuer.key(&old, later, &mut fetches).await.unwrap().is_ok());
        assert!(fetches.remove(0).outcome.is_err(), "there was no haste");
        let key = issuer.key(&old, much_later, &mut fetches).await;
        assert!(key.unwrap().is_ok());
        fetches.iter().for_each(is_fetched);
        assert_eq!(fetches.len(), 1);
    }

    #[tokio::test]
    async fn the_headers_of_an_answer_say_when_keys_are_due() {
        assert!(refreshed("").await);
        assert!(!refreshed("cache-control: max-age=701\r\n").await);
        assert!(refreshed("cache-control: max-age=700\r\n").await);
        assert!(refreshed("cache-control: max-age=900\r\nage: 200\r\n").await);
        assert!(refreshed("cache-control: max-age=900\r\ncache-control: no-store\r\n").await);
    }
}
