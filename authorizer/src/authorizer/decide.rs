//! What a known caller is answered: rules to policy or verdict, with what is missing for the rest.

use std::error::Error;

use super::{Authorizer, wall_clock};
use crate::caller::Caller;
use crate::challenge::Challenge;
use crate::deployment::Answers;
use crate::event::Request;
use crate::policy;
use crate::record::Record;
use crate::reply::{self, Answer, Verdict};
use crate::requirement::Facts;
use crate::simple;
use crate::verify::seconds;

/// What whoever wonders about a denial finds in the log.
const NO_ADDRESS: &str = "a rule for this route asks for `source_ip`, and the event has no address: those of type TOKEN have none, so let the gateway send REQUEST";

impl Authorizer {
    pub(super) fn decide(&self, caller: &Caller, request: &Request, record: &mut Record) -> Answer {
        let facts = Facts {
            caller,
            circumstances: &request.circumstances,
            now: seconds(wall_clock()),
        };
        let open = match self.rules.open_to(&facts) {
            Ok(open) => open,
            Err(error) => return self.policy_too_large(caller, request, record, &error),
        };
        record.rules.clone_from(&open.rules);
        record.shadowed = open.owed_to_shadows(&request.route);
        let by_rules = open.contain(&request.route);
        let is_open = match self.deployment.answers {
            Answers::Policy => by_rules,
            Answers::Simple => simple::is_open(&open, request),
        };
        // An answer that is replayed for other routes must not speak of this one.
        let closed = (!self.deployment.remembers() && !by_rules).then_some(request.route.as_str());
        let challenge = self.rules.challenge(&facts, &open, closed);
        if !is_open && self.rules.lacks_address(&facts, &request.route) {
            record.detail = Some(NO_ADDRESS.to_owned());
        }
        if open.routes.is_empty() {
            record.note("deny", "nothing_open");
            return self.deny(caller, request, &challenge);
        }
        let verdict = match self.deployment.answers {
            Answers::Simple => Ok(Verdict::Simple(is_open)),
            Answers::Policy => policy::allow(&open, &request.stage).map(Verdict::Policy),
        };
        let verdict = match verdict {
            Ok(policy) => policy,
            Err(error) => return self.policy_too_large(caller, request, record, &error),
        };
        record.note_route(is_open);
        let answer = reply::open(caller, verdict, &self.extras, &challenge);
        let answer = match request.is_connect() {
            true => answer.and_then(Answer::for_connect),
            false => answer,
        };
        answer.unwrap_or_else(|error| {
            record.note("deny", "context_too_large");
            record.detail = Some(error.to_string());
            self.deny(caller, request, &Challenge::ContextTooLarge)
        })
    }

    fn policy_too_large(
        &self,
        caller: &Caller,
        request: &Request,
        record: &mut Record,
        error: &dyn Error,
    ) -> Answer {
        record.note("deny", "policy_too_large");
        record.detail = Some(error.to_string());
        self.deny(caller, request, &Challenge::PolicyTooLarge)
    }

    fn deny(&self, caller: &Caller, request: &Request, challenge: &Challenge<'_>) -> Answer {
        let verdict = match self.deployment.answers {
            Answers::Policy => Verdict::Policy(policy::deny(&request.stage)),
            Answers::Simple => Verdict::Simple(false),
        };
        reply::closed(caller, verdict, &self.extras, challenge)
    }
}
