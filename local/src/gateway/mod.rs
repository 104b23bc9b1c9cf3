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
use crate::template::{AuthorizerSettings, ResponseSettings, Template};
use cache::Cache;
use events::Call;
use grant::Grant;
use iam::Verdict;
use refusal::Refusal;
use reply::Reply;
use routes::{Access, Route};

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
            Err(refusal) => self.refuse(refusal, &call.request_id),
        }
    }

    /// The gateway's own reply.
    pub fn refuse(&self, refusal: Refusal, request_id: &str) -> Reply {
        refusal.reply(&self.responses, request_id)
    }

    async fn serve(&self, call: &Call) -> Result<Reply, Refusal> {
        let matched =
            routes::find(&self.routes, &call.method, &call.path).ok_or(Refusal::NoRoute)?;
        let grant = match matched.route.access {
            Access::Open => None,
            Access::Authorized => Some(self.authorize(call).await?),
        };
        let event = events::proxy_event(call, &matched, grant.as_deref()).to_string();
        if event.len() > MAX_EVENT_BYTES {
            return Err(Refusal::EventTooLarge);
        }
        let answer = self.call_model(event, &call.request_id).await?;
        Reply::read(&answer).map_err(|error| {
            report("the model function", &error);
            Refusal::Function
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
    async fn authorize(&self, call: &Call) -> Result<Arc<Grant>, Refusal> {
        let token = call
            .header("authorization")
            .filter(|token| self.is_worth_asking(token));
        let token = token.ok_or(Refusal::Unauthorized)?;
        let grant = match self.cached(&token, call) {
            Some(grant) => grant,
            None => self.ask(&token, call).await?,
        };
        match grant
            .policy
            .verdict(ACTION, &call.method_arn(), call.received_at)
        {
            Verdict::Allowed => Ok(grant),
            Verdict::ExplicitlyDenied => Err(Refusal::ExplicitlyDenied),
            Verdict::ImplicitlyDenied => Err(Refusal::ImplicitlyDenied),
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

    fn cached(&self, token: &str, call: &Call) -> Option<Arc<Grant>> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.get(token, call.received_at)
    }

    async fn ask(&self, token: &str, call: &Call) -> Result<Arc<Grant>, Refusal> {
        let event = events::token_event(call, token).to_string();
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
        cache.put(token, Arc::clone(&grant), call.received_at);
        Ok(grant)
    }
}

/// Tells the developer what the caller is not told.
fn report(whose: &str, error: &dyn Error) {
    eprintln!("gateway: {whose}: {}", crate::chain(error));
}
