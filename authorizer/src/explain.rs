//! Why a request is answered as it is: every check in its order, what was compared with what, and what the
//! answer came to. The answer is the handler's own; here it is only told how it comes about.

mod claims;
mod rules;
mod text;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::authorizer::{Authorizer, HandleError, wall_clock};
use crate::caller::Caller;
use crate::claims::{Check, Claims};
use crate::event::{EventError, Request};
use crate::introspection::{self, Asked, Introspector, MAX_OPAQUE_BYTES};
use crate::issuer::Issuer;
use crate::json::Members;
use crate::keys::VerificationKey;
use crate::outage::Obstacle;
use crate::profile::Profile;
use crate::record::Record;
use crate::token::{BearerToken, Header, MAX_TOKEN_BYTES, TokenError, UnverifiedToken};
use crate::verify::{DEFAULT_TYPES, Trust, seconds};
pub use rules::{ConditionStep, RuleStep};
use text::printable;

/// How one event is answered, and why. Never the token itself: of its claims only what is compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The route asked for, as `METHOD/path`.
    pub route: String,
    /// The checks, in order, up to the first that fails.
    pub checks: Vec<Step>,
    /// Every rule, as it stands to a caller whose token has passed.
    pub rules: Vec<RuleStep>,
    /// The first rule that opens the route asked for.
    pub decided_by: Option<usize>,
    /// Where none does: the rule for this route of which the fewest conditions fail.
    pub nearest: Option<usize>,
    /// `allow`, `deny`, `refuse` or `error`: what the log line of this event would say.
    pub decision: &'static str,
    /// The reason code that goes with it.
    pub reason: &'static str,
    /// More about the reason, where there is more to say.
    pub detail: Option<String>,
    /// What the gateway is answered; nothing if the invocation ends in an error.
    pub answer: Option<Value>,
    /// The text of that error.
    pub error: Option<String>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Its name.
    pub check: &'static str,
    /// Whether it let the token pass.
    pub passed: bool,
    /// What was compared with what.
    pub compared: String,
}

/// The steps made so far.
#[derive(Debug, Default)]
struct Steps(Vec<Step>);

impl Steps {
    /// Notes a check, and answers what it found if there is a next one.
    fn take<T, E>(
        &mut self,
        check: &'static str,
        compared: impl Into<String>,
        found: Result<T, E>,
    ) -> Option<T> {
        self.0.push(Step {
            check,
            passed: found.is_ok(),
            compared: compared.into(),
        });
        found.ok()
    }
}

impl Authorizer {
    /// Explains the answer to an event. It is decided like any other: keys may be fetched for it.
    pub async fn explain(&self, event: &str) -> Result<Explanation, EventError> {
        let request = self.read(event)?;
        let mut steps = Steps::default();
        let caller = self.check_all(&request, &mut steps).await;
        let rules = caller.map_or_else(Vec::new, |caller| self.stand(&caller, &request));
        let mut record = Record::default();
        let answer = self.answer(event, &mut record).await;
        Ok(Explanation {
            route: request.route,
            checks: steps.0,
            decided_by: rules::deciding(&rules),
            nearest: rules::nearest(&rules),
            rules,
            decision: record.decision,
            reason: record.reason,
            detail: record.detail,
            error: answer.as_ref().err().map(HandleError::to_string),
            answer: answer.ok().map(|answer| answer.value()),
        })
    }

    async fn check_all(&self, request: &Request, steps: &mut Steps) -> Option<Caller> {
        let bearer = request.token();
        let bearer = steps.take("credential", credential_text(&bearer), bearer)?;
        let caller = self.check_token(bearer, steps).await?;
        let proof = self.check_proof(bearer, &caller, &request.circumstances);
        let compared = match (&proof, caller.claims().contains("cnf")) {
            (Ok(_), false) => "the token is bound to nothing".to_owned(),
            (Ok(_), true) => "the request proves possession of what `cnf` names".to_owned(),
            (Err(error), _) => error.to_string(),
        };
        steps.take("proof of possession", compared, proof)?;
        Some(caller)
    }

    async fn check_token(&self, bearer: BearerToken<'_>, steps: &mut Steps) -> Option<Caller> {
        let token = UnverifiedToken::parse(bearer);
        if let (Err(TokenError::NotCompact), Some(issuer)) = (&token, self.issuer_of_opaque()) {
            return self.check_opaque(bearer, issuer, steps).await;
        }
        let token = steps.take("form", form_text(&token), token)?;
        let issuer = self.issuer_of(&token);
        let issuer = steps.take("issuer", self.issuer_text(&token), issuer)?;
        let trust = &issuer.trust;
        steps.take(
            "algorithm",
            algorithm_text(&token.header, trust),
            trust.check_algorithm(&token.header),
        )?;
        steps.take(
            "header type",
            type_text(&token.header, trust),
            trust.check_type(&token.header),
        )?;
        let key = self.key(issuer, &token.header).await;
        let key = steps.take("key", key_text(&token.header, &key), key)?;
        let signature = key.verifies(token.header.algorithm, token.signed, &token.signature);
        let compared = format!("{} over header and claims", token.header.algorithm);
        steps.take("signature", compared, signature.then_some(()).ok_or(()))?;
        let caller = check_claims(token.claims, trust, steps)?;
        self.check_denylist(&caller, steps).await?;
        if let Some(introspector) = issuer.asked_about(Asked::jwt) {
            let answer = self.asked(introspector, bearer, steps).await?;
            let agreed = introspection::agree(&answer, &caller, trust, wall_clock());
            let compared = agreed.map_or_else(
                |error| error.to_string(),
                |_| "nothing in the answer contradicts the token".to_owned(),
            );
            steps.take("agreement of the answer", compared, agreed)?;
        }
        Some(caller)
    }

    async fn check_opaque(
        &self,
        bearer: BearerToken<'_>,
        (issuer, introspector): (&Issuer, &Introspector),
        steps: &mut Steps,
    ) -> Option<Caller> {
        let compared = format!(
            "no JSON Web Token; an opaque token is a `b64token` of RFC 6750 of at most {MAX_OPAQUE_BYTES} bytes"
        );
        let form = introspection::check_opaque(bearer.as_str());
        steps.take("form", compared, form)?;
        let answer = self.asked(introspector, bearer, steps).await?;
        let kind = ["token_type", "token_use"].map(|name| answer.get(name).map(Value::to_string));
        let claims = introspection::claims(answer, &issuer.trust);
        let compared = match kind.into_iter().flatten().next() {
            Some(kind) => format!("the answer is about a token of type `{}`", printable(&kind)),
            None => "the answer names no type of token".to_owned(),
        };
        let claims = steps.take("type of the answer", compared, claims)?;
        let caller = check_claims(claims, &issuer.trust, steps)?;
        self.check_denylist(&caller, steps).await?;
        Some(caller)
    }

    async fn check_denylist(&self, caller: &Caller, steps: &mut Steps) -> Option<()> {
        if self.revocations.is_none() {
            return Some(());
        }
        let checked = self.check_revoked(caller, &mut Record::default()).await;
        let compared = match &checked {
            Ok(()) => "no entry applies to the token".to_owned(),
            Err(obstacle) => obstacle.to_string(),
        };
        steps.take("denylist", compared, checked)
    }

    async fn asked(
        &self,
        introspector: &Introspector,
        bearer: BearerToken<'_>,
        steps: &mut Steps,
    ) -> Option<Map<String, Value>> {
        let answer = self.ask(introspector, bearer, &mut Record::default()).await;
        let compared = match &answer {
            Ok(_) => "the issuer says that the token is active".to_owned(),
            Err(obstacle) => obstacle.to_string(),
        };
        steps.take("introspection", compared, answer)
    }

    async fn key(&self, issuer: &Issuer, header: &Header) -> Result<VerificationKey, Obstacle> {
        Ok(issuer.key(header, wall_clock, &mut Vec::new()).await??)
    }

    fn issuer_text(&self, token: &UnverifiedToken<'_>) -> String {
        let configured = self.issuers.iter();
        let configured: Vec<_> = configured
            .map(|issuer| format!("`{}`", issuer.trust.issuer))
            .collect();
        let found = token.issuer().map_or_else(
            |error| error.to_string(),
            |name| format!("`iss` is `{}`", printable(name)),
        );
        format!("{found}; configured: {}", configured.join(", "))
    }
}

fn check_claims(members: Members, trust: &Trust, steps: &mut Steps) -> Option<Caller> {
    let claims = Claims::new(&members, trust, seconds(wall_clock()));
    for check in Check::ALL {
        steps.take(check.name(), claims.compared(check), check.run(&claims))?;
    }
    let accepted = claims.accepted().ok()?;
    Some(Caller::new(members, accepted))
}

fn credential_text(bearer: &Result<BearerToken<'_>, TokenError>) -> String {
    match bearer {
        Ok(token) => format!(
            "one token of {} bytes; at most {MAX_TOKEN_BYTES}",
            token.as_str().len()
        ),
        Err(error) => error.to_string(),
    }
}

fn form_text(token: &Result<UnverifiedToken<'_>, TokenError>) -> String {
    match token {
        Ok(token) => format!(
            "three parts of canonical base64url; header and {} claims without duplicate members; no critical extension",
            token.claims.object().iter().count()
        ),
        Err(error) => error.to_string(),
    }
}

fn algorithm_text(header: &Header, trust: &Trust) -> String {
    let accepted: Vec<_> = trust.algorithms.iter().map(|name| name.name()).collect();
    format!(
        "`alg` is `{}`; accepted: {}",
        header.algorithm,
        accepted.join(", ")
    )
}

fn type_text(header: &Header, trust: &Trust) -> String {
    let found = match header.kind() {
        Some(kind) => format!("`typ` is `{}`", printable(kind)),
        None => "no `typ`".to_owned(),
    };
    let found = match header.has_nonce() {
        true => format!("{found}, with a `nonce`"),
        false => found,
    };
    let accepted = match &trust.token_types {
        Some(types) => types.join(", "),
        None if trust.profile == Profile::Auth0 => DEFAULT_TYPES.join(", "),
        None => format!("{}, none", DEFAULT_TYPES.join(", ")),
    };
    format!("{found}; accepted: {accepted}")
}

fn key_text(header: &Header, key: &Result<VerificationKey, Obstacle>) -> String {
    let id = match header.key_id() {
        Some(id) => format!("`kid` is `{}`", printable(id)),
        None => "no `kid`: one key only may fit".to_owned(),
    };
    let found = match key {
        Ok(_) => format!("the issuer publishes such a key for {}", header.algorithm),
        Err(error) => error.to_string(),
    };
    format!("{id}; {found}")
}
