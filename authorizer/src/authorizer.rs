//! From an event to an answer: reads the request, gets the key, verifies, decides. Every step that
//! decides lies in a module of its own; here is their order.

mod decide;

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Map, Value};

use crate::caller::Caller;
use crate::config::Config;
use crate::denylist::Revocations;
use crate::deployment::Deployment;
use crate::event::{Circumstances, EventError, Place, Request};
use crate::http::Clients;
use crate::introspection::{self, Asked, Introspector};
use crate::issuer::Issuer;
use crate::outage::{Obstacle, Outage};
use crate::proof::replay::{Use, UsedProofs};
use crate::proof::{self, Binding, Presented, ProofError};
use crate::record::{self, Record};
use crate::reply::{Answer, Extras};
use crate::rules::Rules;
use crate::simple::{self, SimpleError};
use crate::token::{BearerToken, TokenError, UnverifiedToken};
use crate::verify::{accept, seconds, verify};

/// Longest time for one event. Lambda ends the function after 10 s (`template.yaml`), without a log line and with
/// all that it remembers of keys and used proofs.
const PATIENCE: Duration = Duration::from_secs(9);

/// The authorizer, ready for events.
#[derive(Debug)]
pub struct Authorizer {
    pub(crate) issuers: Vec<Issuer>,
    deployment: Deployment,
    credentials: Vec<Place>,
    pub(crate) rules: Rules,
    extras: Extras,
    pub(crate) revocations: Option<Revocations>,
    used_proofs: UsedProofs,
    function_name: String,
    /// Log lines of the start, for whoever prints them.
    pub log: Vec<String>,
}

/// What one event came to.
#[derive(Debug)]
pub struct Outcome {
    /// The response for API Gateway, or the error of the invocation.
    pub answer: Result<Answer, HandleError>,
    /// JSON lines, to be printed.
    pub log: Vec<String>,
}

/// Why an invocation ends in an error. The text is what API Gateway acts on.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// The token is refused: exactly this word makes the gateway answer 401.
    #[error("Unauthorized")]
    Unauthorized,
    /// Nobody can say now whether the token is good: 5xx, never cached, never 401.
    #[error(transparent)]
    Unavailable(#[from] Outage),
    /// Not an event of an authorizer.
    #[error(transparent)]
    Event(#[from] EventError),
    /// An event that cannot be given the answer the deployment wants.
    #[error(transparent)]
    Answer(#[from] SimpleError),
}

/// Why the authorizer does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made")]
    Client(#[source] reqwest::Error),
}

impl Authorizer {
    /// Fetches the keys of all issuers at once. An issuer that cannot be reached is
    /// logged and asked again when a token of it comes.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let access = config.access;
        let mut clients = Clients::default();
        let issuers = access.issuers.into_iter().map(|configured| {
            let http = clients.get(&configured.network)?;
            Issuer::new(configured, http)
        });
        let issuers: Result<_, _> = issuers.collect();
        let revocations = access.denylist;
        let mut authorizer = Self {
            issuers: issuers.map_err(StartError::Client)?,
            credentials: access.credentials,
            rules: access.rules,
            extras: Extras {
                context: access.context,
                usage_key: access.usage_key,
                resource_metadata: config.deployment.resource_metadata(),
            },
            revocations: revocations.map(|configured| Revocations::new(configured, wall_clock())),
            used_proofs: UsedProofs::new(access.replay),
            deployment: config.deployment,
            function_name: config.function_name,
            log: Vec::new(),
        };
        let shadowed = authorizer.rules.shadowed();
        if !shadowed.is_empty() {
            let line = record::shadowed_line(&shadowed);
            authorizer.log.push(line.to_string());
        }
        let fetched = authorizer.prefetch().await;
        authorizer.log.extend(fetched);
        Ok(authorizer)
    }

    /// Answers one event of API Gateway.
    pub async fn handle(&self, event: &str, request_id: &str) -> Outcome {
        let started = Instant::now();
        let mut record = Record::default();
        let answer = self.answer(event, &mut record).await;
        let log = record.lines(
            &self.function_name,
            request_id,
            wall_clock(),
            started.elapsed(),
        );
        Outcome { answer, log }
    }

    pub(crate) async fn answer(
        &self,
        event: &str,
        record: &mut Record,
    ) -> Result<Answer, HandleError> {
        let request = self.read(event).inspect_err(|error| {
            record.note("error", "event");
            record.detail = Some(error.to_string());
        })?;
        record.route.clone_from(&request.route);
        simple::check(&request, &self.deployment).inspect_err(|error| {
            record.note("error", "simple_answer");
            record.detail = Some(error.to_string());
        })?;
        let caller = match request.token() {
            Ok(token) => {
                let identified = self.identify(token, &request.circumstances, record);
                let in_time = tokio::time::timeout(PATIENCE, identified).await;
                in_time.unwrap_or(Err(Obstacle::Unavailable(Outage::Time)))
            }
            Err(error) => Err(Obstacle::Refused(error)),
        };
        match caller {
            Ok(caller) => Ok(self.decide(&caller, &request, record)),
            Err(Obstacle::Refused(error)) => {
                record.note("refuse", error.code());
                record.detail.get_or_insert_with(|| error.to_string());
                Err(HandleError::Unauthorized)
            }
            Err(Obstacle::Unavailable(outage)) => {
                record.note("error", outage.code());
                Err(HandleError::Unavailable(outage))
            }
        }
    }

    pub(crate) fn read(&self, event: &str) -> Result<Request, EventError> {
        Request::read(event, &self.credentials)
    }

    /// Who is calling, by a token that is the caller's own.
    async fn identify(
        &self,
        token: BearerToken<'_>,
        circumstances: &Circumstances,
        record: &mut Record,
    ) -> Result<Caller, Obstacle> {
        let caller = self.authenticate(token, record).await?;
        // Last of all: a proof is used up by a request that it is good for, and by no other.
        if let Some(proof) = self.check_proof(token, &caller, circumstances)? {
            let now = seconds(wall_clock());
            let first = self.used_proofs.take(proof, now, &mut record.notices);
            if !first.await? {
                return Err(TokenError::Proof(ProofError::Replayed).into());
            }
        }
        Ok(caller)
    }

    /// What the token's binding asks for, but for the single use of a proof.
    pub(crate) fn check_proof(
        &self,
        token: BearerToken<'_>,
        caller: &Caller,
        circumstances: &Circumstances,
    ) -> Result<Option<Use>, TokenError> {
        let presented = Presented {
            token,
            circumstances,
            base: self.deployment.public_base_url.as_ref(),
        };
        let binding = Binding::read(caller.claims())?;
        Ok(proof::check(binding, presented, seconds(wall_clock()))?)
    }

    async fn authenticate(
        &self,
        bearer: BearerToken<'_>,
        record: &mut Record,
    ) -> Result<Caller, Obstacle> {
        record.token_digest = Some(record::digest(bearer));
        match UnverifiedToken::parse(bearer) {
            Ok(token) => self.verify(token, bearer, record).await,
            Err(TokenError::NotCompact) => self.ask_about_opaque(bearer, record).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn verify(
        &self,
        token: UnverifiedToken<'_>,
        bearer: BearerToken<'_>,
        record: &mut Record,
    ) -> Result<Caller, Obstacle> {
        let issuer = self.recognise(&token, record)?;
        let key = issuer.key(&token.header, wall_clock, &mut record.fetches);
        let key = key.await?;
        let id = token.header.key_id();
        // What names no key of the issuer's is any text at all.
        record.key_id = match &key {
            Ok(_) => id.map(str::to_owned),
            Err(_) => id.map(record::digest_of_unknown),
        };
        let key = key?;
        let mut caller = verify(token, &key, &issuer.trust, wall_clock())?;
        self.check_revoked(&caller, record).await?;
        if let Some(introspector) = issuer.asked_about(Asked::jwt) {
            let answer = self.ask(introspector, bearer, record).await?;
            let until = introspection::agree(&answer, &caller, &issuer.trust, wall_clock())?;
            caller.accepted_until = until;
        }
        Ok(caller)
    }

    /// A token that is no JSON Web Token means what the issuer of such ones says. One that is a JSON Web Token
    /// never comes here: what has failed a check is not asked about in the hope of a better answer.
    async fn ask_about_opaque(
        &self,
        bearer: BearerToken<'_>,
        record: &mut Record,
    ) -> Result<Caller, Obstacle> {
        let issuer = self.issuer_of_opaque().ok_or(TokenError::NotCompact)?;
        let (issuer, introspector) = issuer;
        introspection::check_opaque(bearer.as_str())?;
        record.issuer = Some(issuer.trust.issuer.clone());
        let answer = self.ask(introspector, bearer, record).await?;
        let claims = introspection::claims(answer, &issuer.trust)?;
        let caller = accept(claims, &issuer.trust, wall_clock())?;
        self.check_revoked(&caller, record).await?;
        Ok(caller)
    }

    /// Refuses a token of the denylist, if there is one.
    pub(crate) async fn check_revoked(
        &self,
        caller: &Caller,
        record: &mut Record,
    ) -> Result<(), Obstacle> {
        let Some(revocations) = &self.revocations else {
            return Ok(());
        };
        let checked = revocations.check(caller, wall_clock, &mut record.notices);
        checked.await
    }

    /// The issuer that accepts tokens without saying so in them.
    pub(crate) fn issuer_of_opaque(&self) -> Option<(&Issuer, &Introspector)> {
        let mut issuers = self.issuers.iter();
        issuers.find_map(|issuer| Some((issuer, issuer.asked_about(Asked::opaque)?)))
    }

    /// What the issuer says of a token that is active.
    pub(crate) async fn ask(
        &self,
        introspector: &Introspector,
        bearer: BearerToken<'_>,
        record: &mut Record,
    ) -> Result<Map<String, Value>, Obstacle> {
        let answer = introspector.answer(bearer, wall_clock);
        let answer = answer.await.map_err(|error| {
            record.detail = Some(record::detail(&error));
            introspector.outage(&error)
        })?;
        Ok(answer.active()?)
    }

    /// The checks before a key is needed: form, header, and whose token it claims to be.
    fn recognise(
        &self,
        token: &UnverifiedToken<'_>,
        record: &mut Record,
    ) -> Result<&Issuer, TokenError> {
        let issuer = self.issuer_of(token).inspect_err(|_| {
            record.detail = token.issuer().ok().and_then(|name| self.near_miss(name))
        })?;
        record.issuer = Some(issuer.trust.issuer.clone());
        issuer.trust.check_header(&token.header)?;
        Ok(issuer)
    }

    /// The configured issuer whose token it claims to be.
    pub(crate) fn issuer_of(&self, token: &UnverifiedToken<'_>) -> Result<&Issuer, TokenError> {
        let name = token.issuer()?;
        let mut issuers = self.issuers.iter();
        let issuer = issuers.find(|issuer| issuer.trust.issuer == name);
        issuer.ok_or(TokenError::Issuer)
    }

    /// A slash at the end is the usual difference between `iss` and the configuration.
    fn near_miss(&self, name: &str) -> Option<String> {
        let bare = name.trim_end_matches('/');
        let near = self
            .issuers
            .iter()
            .find(|issuer| issuer.trust.issuer.trim_end_matches('/') == bare);
        near.map(|issuer| {
            format!(
                "the token's issuer differs from the configured `{}` by a slash at the end only; configure it as the token has it",
                issuer.trust.issuer
            )
        })
    }

    async fn prefetch(&self) -> Vec<String> {
        let fetches = self
            .issuers
            .iter()
            .map(|issuer| issuer.prefetch(wall_clock));
        let fetches = futures_util::future::join_all(fetches);
        let (fetches, denylist) = futures_util::future::join(fetches, self.fetch_denylist()).await;
        let in_files = self.issuers.iter().flat_map(|issuer| {
            let skipped = issuer.skipped_in_file().iter();
            skipped.map(|key| record::skipped_line(&issuer.trust.issuer, key))
        });
        let lines = fetches.iter().flatten().flat_map(record::fetch_lines);
        let lines = lines.chain(in_files).chain(denylist);
        lines.map(|line| line.to_string()).collect()
    }

    async fn fetch_denylist(&self) -> Option<Value> {
        let revocations = self.revocations.as_ref()?;
        revocations.prefetch(wall_clock).await
    }
}

impl Record {
    fn note(&mut self, decision: &'static str, reason: &'static str) {
        self.decision = decision;
        self.reason = reason;
    }

    /// Of the route asked for, whatever the answer opens beside it.
    fn note_route(&mut self, is_open: bool) {
        if is_open {
            self.note("allow", "allowed");
        } else {
            self.note("deny", "route_not_open");
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place of this crate that reads the clock"
)]
pub(crate) fn wall_clock() -> SystemTime {
    SystemTime::now()
}
