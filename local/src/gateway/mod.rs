//! A REST API of Amazon API Gateway on this machine: route, authorizer, policy, function, reply.

pub mod cache;
pub mod events;
pub mod grant;
pub mod iam;
pub mod refusal;
pub mod reply;
pub mod routes;
pub mod server;

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use crate::functions::{AuthorizerBackend, FunctionError, ModelBackend};
use crate::template::{AuthorizerKind, AuthorizerSettings, ResponseSettings, Template};
use cache::Cache;
use events::Call;
use grant::Grant;
use iam::Verdict;
use refusal::Refusal;
use reply::Reply;
use routes::{Access, Matched, Route};

/// What a policy must allow for a request to pass.
const ACTION: &str = "execute-api:Invoke";
/// What an authorizer says, exactly, to refuse a token.
const UNAUTHORIZED: &str = "Unauthorized";
/// How long a REST API waits for a function.
const TIMEOUT: Duration = Duration::from_secs(29);
/// The largest event Lambda takes.
const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;

/// The gateway: what the template says, and the functions behind it.
#[derive(Debug)]
pub struct Gateway {
    routes: Vec<Route>,
    authorizer: AuthorizerSettings,
    responses: BTreeMap<String, ResponseSettings>,
    functions: Functions,
    cache: Mutex<Cache>,
}

/// The functions that the gateway calls.
#[derive(Debug)]
pub struct Functions {
    /// Asked first.
    pub authorizer: AuthorizerBackend,
    /// Asked if the policy allows it.
    pub model: ModelBackend,
}

/// Why the gateway answers itself, and what the authorizer has said of the caller.
struct Refused {
    refusal: Refusal,
    grant: Option<Arc<Grant>>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            grant: None,
        }
    }
}

impl Gateway {
    /// A gateway with an empty cache.
    pub fn new(template: Template, functions: Functions) -> Self {
        let Template {
            routes,
            authorizer,
            responses,
            ..
        } = template;
        let cache = Mutex::new(Cache::new(authorizer.ttl));
        Self {
            routes,
            authorizer,
            responses,
            functions,
            cache,
        }
    }

    /// Answers a request.
    pub async fn answer(&self, call: &Call) -> Reply {
        match self.serve(call).await {
            Ok(reply) => reply,
            Err(Refused { refusal, grant }) => {
                refusal.reply(&self.responses, &call.request_id, grant.as_deref())
            }
        }
    }

    /// The gateway's own reply.
    pub fn refuse(&self, refusal: Refusal, request_id: &str) -> Reply {
        refusal.reply(&self.responses, request_id, None)
    }

    async fn serve(&self, call: &Call) -> Result<Reply, Refused> {
        let matched =
            routes::find(&self.routes, &call.method, &call.path).ok_or(Refusal::NoRoute)?;
        let grant = match matched.route.access {
            Access::Open => None,
            Access::Authorized => Some(self.authorize(call, &matched).await?),
        };
        let event = events::proxy_event(call, &matched, grant.as_deref()).to_string();
        if event.len() > MAX_EVENT_BYTES {
            return Err(Refusal::EventTooLarge.into());
        }
        let answer = self.call_model(event, &call.request_id).await?;
        Reply::read(&answer).map_err(|error| {
            report("the model function", &error);
            Refusal::Function.into()
        })
    }

    async fn call_model(
        &self,
        event: String,
        request_id: &str,
    ) -> Result<serde_json::Value, Refusal> {
        let call = self.functions.model.call(event, request_id);
        let answer = match &self.functions.model {
            ModelBackend::InProcess(_) => {
                timeout(TIMEOUT, call).await.map_err(|_| Refusal::Timeout)?
            }
            // It has its own, longer deadline: a function may have to be compiled first.
            ModelBackend::Remote(_) => call.await,
        };
        answer.map_err(|error| {
            report("the model function", &error);
            Refusal::Function
        })
    }

    /// The caller's grant, if its policy lets this request pass.
    async fn authorize(&self, call: &Call, matched: &Matched<'_>) -> Result<Arc<Grant>, Refused> {
        let identity = self.identity(call).ok_or(Refusal::Unauthorized)?;
        let grant = match self.cached(&identity, call) {
            Some(grant) => grant,
            None => self.ask(&identity, call, matched).await?,
        };
        let verdict = grant
            .policy
            .verdict(ACTION, &call.method_arn(), call.received_at);
        let refusal = match verdict {
            Verdict::Allowed => return Ok(grant),
            Verdict::ExplicitlyDenied => Refusal::ExplicitlyDenied,
            Verdict::ImplicitlyDenied => Refusal::ImplicitlyDenied,
        };
        Err(Refused {
            refusal,
            grant: Some(grant),
        })
    }

    /// What answers are remembered by: the header `Authorization`. An authorizer of type `REQUEST` whose
    /// answers are not remembered needs none.
    fn identity(&self, call: &Call) -> Option<String> {
        let header = call.header("authorization");
        match self.authorizer.kind {
            AuthorizerKind::Token => header.filter(|token| self.is_worth_asking(token)),
            AuthorizerKind::Request if self.authorizer.ttl.is_zero() => {
                Some(header.unwrap_or_default())
            }
            AuthorizerKind::Request => header.filter(|value| !value.is_empty()),
        }
    }

    fn is_worth_asking(&self, token: &str) -> bool {
        let valid = |token| {
            self.authorizer
                .validation
                .as_ref()
                .is_none_or(|form| form.is_match(token))
        };
        !token.is_empty() && valid(token)
    }

    fn cached(&self, identity: &str, call: &Call) -> Option<Arc<Grant>> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.get(identity, call.received_at)
    }

    async fn ask(
        &self,
        identity: &str,
        call: &Call,
        matched: &Matched<'_>,
    ) -> Result<Arc<Grant>, Refusal> {
        let event = match self.authorizer.kind {
            AuthorizerKind::Token => events::token_event(call, identity),
            AuthorizerKind::Request => events::request_event(call, matched),
        };
        let event = event.to_string();
        let answer = self.functions.authorizer.call(event, &call.request_id);
        let failed = |error: &dyn Error| {
            report("the authorizer", error);
            Refusal::Authorizer
        };
        let grant = match answer.await {
            Ok(answer) => Grant::read(&answer).map_err(|error| failed(&error))?,
            Err(FunctionError::Failed(message)) if message == UNAUTHORIZED => {
                return Err(Refusal::Unauthorized);
            }
            Err(error) => return Err(failed(&error)),
        };
        let grant = Arc::new(grant);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.put(identity, Arc::clone(&grant), call.received_at);
        Ok(grant)
    }
}

/// Tells the developer what the caller is not told.
fn report(whose: &str, error: &dyn Error) {
    eprintln!("gateway: {whose}: {}", crate::chain(error));
}
