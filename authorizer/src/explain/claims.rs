//! The checks of the claims in words: each claim beside what it is compared with.

use super::text::{date_text, quoted, value_text};
use crate::claims::{Check, Claims};
use crate::profile::Profile;

impl Check {
    /// The name under which a check is told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Issuer => "issuer of the claims",
            Self::Audience => "audience",
            Self::Expiry => "expiry",
            Self::Start => "start",
            Self::Age => "age",
            Self::Kind => "kind of token",
            Self::Binding => "binding to a key",
            Self::Client => "client",
            Self::Principal => "caller",
            Self::Grants => "grants",
        }
    }
}

impl Claims<'_> {
    /// What a check compares with what.
    pub(crate) fn compared(&self, check: Check) -> String {
        let trust = self.trust;
        match check {
            Check::Issuer => format!("{}; accepted: `{}`", self.shown("iss"), trust.issuer),
            Check::Audience => format!(
                "{}; accepted: {}",
                self.shown("aud"),
                quoted(&trust.audiences)
            ),
            Check::Expiry => format!("{}; {}", self.shown_date("exp"), self.shown_now()),
            Check::Start => format!(
                "{}, {}; {}",
                self.shown_date("nbf"),
                self.shown_date("iat"),
                self.shown_now()
            ),
            Check::Age => match trust.max_age {
                None => "no `max_age` is configured".to_owned(),
                Some(age) => format!(
                    "{}; at most {} s ago; {}",
                    self.shown_date("iat"),
                    age.as_secs(),
                    self.shown_now()
                ),
            },
            Check::Kind => self.kind_text(),
            Check::Binding => self.shown("cnf"),
            Check::Client => {
                let found = self.shown_all(trust.profile.client_claims());
                match &trust.clients {
                    None => format!("{found}; any client is accepted"),
                    Some(clients) => format!("{found}; accepted: {}", quoted(clients)),
                }
            }
            Check::Principal => self.shown_all(&["sub", "azp", "client_id", "appid"]),
            Check::Grants => self.shown_all(&[
                "scope",
                "scp",
                "realm_access",
                "roles",
                "resource_access",
                "permissions",
                "cognito:groups",
            ]),
        }
    }

    /// The marks of kinds. Those that a profile asks for may be missing.
    fn kind_text(&self) -> String {
        let common = ["typ", "token_use", "at_hash", "c_hash", "events"];
        let own: &[&str] = match self.trust.profile {
            Profile::Generic | Profile::Cognito => &[],
            Profile::Auth0 => &["azp", "client_id", "nonce"],
            Profile::Keycloak => &["azp"],
            Profile::Entra => &["azp", "appid"],
        };
        self.shown_all(&[&common, own].concat())
    }

    /// Those of these claims that the token has.
    fn shown_all(&self, names: &[&str]) -> String {
        let there = names.iter().filter(|name| self.members.contains(name));
        let shown: Vec<_> = there.map(|name| self.shown(name)).collect();
        if shown.is_empty() {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            return format!("none of {}", names.join(", "));
        }
        shown.join(", ")
    }

    fn shown(&self, name: &str) -> String {
        match self.members.get(name) {
            None => format!("no `{name}`"),
            Some(value) => format!("`{name}` is {}", value_text(&value)),
        }
    }

    fn shown_date(&self, name: &str) -> String {
        let date = self.members.get(name).and_then(|date| date.as_u64());
        match date.and_then(date_text) {
            Some(text) => format!("`{name}` is {text}"),
            None => self.shown(name),
        }
    }

    fn shown_now(&self) -> String {
        let now = date_text(self.now).unwrap_or_else(|| self.now.to_string());
        format!("now it is {now}, leeway {} s", self.trust.leeway.as_secs())
    }
}
