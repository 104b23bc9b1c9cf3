//! Asks an issuer about a token (RFC 7662 section 2.1), as the client that `access.yaml` names. Whether it may be
//! asked now is `turns`' to say, who shares a question `calls`'.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Url, header};

use super::cache::TokenDigest;
use super::calls::Calls;
use super::failure::AskError;
use super::turns::{Shown, Ticket, Turns};
use super::{Answer, AnswerCache, Asked};
use crate::address;
use crate::exchange::{self, ExchangeError};
use crate::http::Http;
use crate::issuer::discover;
use crate::outage::Outage;
use crate::secret::{Secret, SecretKeeper, SecretSource};
use crate::token::BearerToken;

/// Time for everything that one question takes, the secret and the discovery document included.
const PATIENCE: Duration = Duration::from_secs(8);
/// Largest answer. Real ones have 300 to 3,000 bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What `access.yaml` says about asking one issuer.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The address; that of the discovery document if `None`.
    pub(crate) endpoint: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_secret: SecretSource,
    pub(crate) asked: Asked,
    pub(crate) remembered_for: Duration,
}

/// An issuer that can be asked about tokens, and what it has said.
#[derive(Debug)]
pub(crate) struct Introspector {
    pub(crate) asked: Asked,
    issuer: String,
    http: Http,
    endpoint: Option<String>,
    client_id: String,
    client_secret: SecretKeeper,
    /// The address of the discovery document, until it does not answer.
    discovered: Mutex<Option<String>>,
    cache: Mutex<AnswerCache>,
    /// Questions that are being asked: all who wait for one are told the same.
    calls: Calls<Result<Answer, Arc<AskError>>>,
    turns: Mutex<Turns>,
}

/// The right to ask one question, which ends with it: also where whoever waits for the answer is gone.
#[derive(Debug)]
struct Turn<'a> {
    turns: &'a Mutex<Turns>,
    question: Ticket,
    shown: Shown,
    clock: fn() -> SystemTime,
}

impl Introspector {
    pub(crate) fn new(
        issuer: String,
        settings: Settings,
        http: Http,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            asked: settings.asked,
            issuer,
            http,
            endpoint: settings.endpoint,
            client_id: settings.client_id,
            client_secret: SecretKeeper::new(settings.client_secret)?,
            discovered: Mutex::new(None),
            cache: Mutex::new(AnswerCache::new(settings.remembered_for)),
            calls: Calls::default(),
            turns: Mutex::default(),
        })
    }

    /// What the issuer says of the token, has said a short while ago, or is saying to another who asks.
    pub(crate) async fn answer(
        &self,
        token: BearerToken<'_>,
        clock: fn() -> SystemTime,
    ) -> Result<Answer, Arc<AskError>> {
        let digest = TokenDigest::of(token.as_str());
        if let Some(answer) = self.remembered(&digest, clock()) {
            return Ok(answer);
        }
        let call = self.call(token, digest, clock);
        self.calls.share(digest, call).await
    }

    fn remembered(&self, token: &TokenDigest, now: SystemTime) -> Option<Answer> {
        lock(&self.cache).get(token, now)
    }

    async fn call(
        &self,
        token: BearerToken<'_>,
        digest: TokenDigest,
        clock: fn() -> SystemTime,
    ) -> Result<Answer, Arc<AskError>> {
        // Another call may have ended while this one was on its way.
        if let Some(answer) = self.remembered(&digest, clock()) {
            return Ok(answer);
        }
        let mut turn = self.turn(clock).ok_or(AskError::Pausing)?;
        let asked = tokio::time::timeout(PATIENCE, self.ask(token, clock)).await;
        let asked = asked.unwrap_or(Err(AskError::Patience(PATIENCE)));
        turn.shown = asked
            .as_ref()
            .map_or_else(AskError::shows, |_| Shown::Answers);
        let (answer, bytes) = asked.inspect_err(|error| self.doubt(error))?;
        lock(&self.cache).put(digest, &answer, bytes, clock());
        Ok(answer)
    }

    /// `None` while the issuer is left alone.
    fn turn(&self, clock: fn() -> SystemTime) -> Option<Turn<'_>> {
        let question = lock(&self.turns).begin(clock())?;
        Some(Turn {
            turns: &self.turns,
            question,
            shown: Shown::Nothing,
            clock,
        })
    }

    /// The outage that an error is to whoever sent the token.
    pub(crate) fn outage(&self, error: &AskError) -> Outage {
        match error {
            AskError::Secret(_) => Outage::Secret(self.issuer.clone()),
            AskError::Pausing
            | AskError::Patience(_)
            | AskError::Discovery(_)
            | AskError::NoEndpoint
            | AskError::Address(..)
            | AskError::Exchange(..)
            | AskError::Answer(..) => Outage::Introspection(self.issuer.clone()),
        }
    }

    async fn ask(
        &self,
        token: BearerToken<'_>,
        clock: fn() -> SystemTime,
    ) -> Result<(Answer, usize), AskError> {
        let url = self.url().await?;
        let secret = self.client_secret.get(clock).await;
        let secret = secret.map_err(AskError::Secret)?;
        let question = [
            ("token", token.as_str()),
            ("token_type_hint", "access_token"),
        ];
        let request = self
            .http
            .post(url.clone())
            .header(header::AUTHORIZATION, basic(&self.client_id, &secret))
            .header(header::ACCEPT, "application/json")
            .form(&question);
        let shown = address::bare(url);
        let exchange = |error| AskError::Exchange(shown.clone(), error);
        let reply = exchange::send(request, MAX_ANSWER_BYTES).await;
        let body = reply.and_then(exchange::Reply::ok).map_err(exchange)?.body;
        let answer = Answer::read(&body).map_err(|error| AskError::Answer(shown, error))?;
        Ok((answer, body.len()))
    }

    async fn url(&self) -> Result<Url, AskError> {
        let known = self.endpoint.clone();
        let known = known.or_else(|| lock(&self.discovered).clone());
        let address = match known {
            Some(address) => address,
            None => self.discover().await?,
        };
        let url = self.http.url(&address, &self.issuer);
        url.map_err(|error| AskError::Address(error, address::shown(&address)))
    }

    async fn discover(&self) -> Result<String, AskError> {
        let document = discover(&self.http, &self.issuer).await;
        let document = document.map_err(AskError::Discovery)?;
        let address = document
            .introspection_endpoint
            .ok_or(AskError::NoEndpoint)?;
        *lock(&self.discovered) = Some(address.clone());
        Ok(address)
    }

    /// After a question without an answer, what it may have been due to is looked up anew. A text that the
    /// issuer chokes on is no reason to.
    fn doubt(&self, error: &AskError) {
        let forget_address = || *lock(&self.discovered) = None;
        match error {
            AskError::Exchange(
                _,
                ExchangeError::Status {
                    status: 401 | 403, ..
                },
            ) => self.client_secret.forget(),
            AskError::Discovery(_)
            | AskError::Answer(..)
            | AskError::NoEndpoint
            | AskError::Address(..)
            | AskError::Exchange(
                _,
                ExchangeError::NoAnswer(_)
                | ExchangeError::Status {
                    status: 404 | 405 | 410,
                    ..
                },
            ) => forget_address(),
            AskError::Exchange(_, ExchangeError::Status { .. } | ExchangeError::TooLarge(_))
            | AskError::Pausing
            | AskError::Patience(_)
            | AskError::Secret(_) => {}
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        lock(self.turns).end(self.question, self.shown, (self.clock)());
    }
}

/// HTTP Basic, the one way that every server must know (RFC 6749 section 2.3.1). Name and secret are form-encoded
/// first, as that section has it: servers decode them, and a `%`, `+` or `:` would become another secret.
fn basic(client_id: &str, secret: &Secret) -> header::HeaderValue {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(client_id), encoded(secret.reveal()));
    let value = format!("Basic {}", STANDARD.encode(pair));
    // Base64 has no byte that a header may not have.
    let value = header::HeaderValue::from_str(&value);
    let mut value = value.unwrap_or(header::HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

/// A panic while the lock was held cannot leave half a state behind: each change is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_secret_are_form_encoded() {
        let secret = Secret::new("a:b+c %é").unwrap();
        let value = basic("ml api", &secret);
        let encoded = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
        let pair = STANDARD.decode(encoded).unwrap();
        assert_eq!(pair, b"ml+api:a%3Ab%2Bc+%25%C3%A9");
        assert!(!format!("{value:?}").contains(encoded));
    }
}
