//! What a caller is told who is known and not let in: one ready value for `WWW-Authenticate`, for a gateway
//! response maps one value and joins none. The one place where its text is put together.

use crate::requirement::StepUp;
use crate::token::Scheme;

/// What would help the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge<'a> {
    /// A token with these scopes (RFC 6750 section 3.1). None: with more than this one, and scopes cannot say what.
    Scopes(Vec<String>),
    /// Another authentication of the user (RFC 9470 section 3).
    StepUp(&'a StepUp),
    /// A token that grants less: this one opens more routes than a policy can hold.
    PolicyTooLarge,
    /// A token that says less: this one does not fit into an answer.
    ContextTooLarge,
}

impl Default for Challenge<'_> {
    fn default() -> Self {
        Self::Scopes(Vec::new())
    }
}

impl Challenge<'_> {
    /// The reason in one word, for the context.
    pub fn error(&self) -> &'static str {
        match self {
            Self::Scopes(_) => "insufficient_scope",
            Self::StepUp(_) => "insufficient_user_authentication",
            Self::PolicyTooLarge => "policy_too_large",
            Self::ContextTooLarge => "context_too_large",
        }
    }

    /// The value of `WWW-Authenticate`. Whatever stands between quotes here is a scope-token of `access.yaml`,
    /// with plain values of a parameter in it.
    pub fn text(&self, scheme: Scheme) -> String {
        let challenge = |error, members: &[_]| challenge(scheme, error, members);
        match self {
            Self::Scopes(scopes) => {
                let scope = (!scopes.is_empty()).then(|| ("scope", scopes.join(" ")));
                challenge(self.error(), scope.as_slice())
            }
            Self::StepUp(step_up) => {
                let acr_values = step_up.acr_values.join(" ");
                let max_age = step_up.max_age.map(|age| age.as_secs().to_string());
                let acr_values = (!acr_values.is_empty()).then_some(("acr_values", acr_values));
                let max_age = max_age.map(|age| ("max_age", age));
                let members: Vec<_> = [acr_values, max_age].into_iter().flatten().collect();
                challenge(self.error(), &members)
            }
            // Both are errors of this token, which another one would not have.
            Self::PolicyTooLarge | Self::ContextTooLarge => {
                let description = "the token grants or says too much for an answer".to_owned();
                challenge("invalid_token", &[("error_description", description)])
            }
        }
    }
}

fn challenge(scheme: Scheme, error: &str, members: &[(&str, String)]) -> String {
    let mut text = format!(r#"{scheme} error="{error}""#);
    for (name, value) in members {
        text.push_str(&format!(r#", {name}="{value}""#));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[track_caller]
    fn check(challenge: &Challenge<'_>, expected: &str) {
        assert_eq!(challenge.text(Scheme::Bearer), expected);
    }

    #[test]
    fn a_challenge_says_what_would_help() {
        let scopes = |scopes: &[&str]| {
            Challenge::Scopes(scopes.iter().map(|scope| (*scope).to_owned()).collect())
        };
        check(&scopes(&[]), r#"Bearer error="insufficient_scope""#);
        check(
            &scopes(&["a", "b"]),
            r#"Bearer error="insufficient_scope", scope="a b""#,
        );
        let step_up = |acr_values: &[&str], max_age| StepUp {
            acr_values: acr_values.iter().map(|value| (*value).to_owned()).collect(),
            max_age: Some(max_age)
                .filter(|age| *age > 0)
                .map(Duration::from_secs),
        };
        check(
            &Challenge::StepUp(&step_up(&["urn:mfa", "pwd"], 300)),
            r#"Bearer error="insufficient_user_authentication", acr_values="urn:mfa pwd", max_age="300""#,
        );
        check(
            &Challenge::StepUp(&step_up(&[], 5)),
            r#"Bearer error="insufficient_user_authentication", max_age="5""#,
        );
        check(
            &Challenge::StepUp(&step_up(&["a"], 0)),
            r#"Bearer error="insufficient_user_authentication", acr_values="a""#,
        );
        check(
            &Challenge::PolicyTooLarge,
            r#"Bearer error="invalid_token", error_description="the token grants or says too much for an answer""#,
        );
    }
}
