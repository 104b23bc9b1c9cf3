//! Which models a caller may see and run, by what an authorizer says of it.
//!
//! The gateway's rules open routes. Some routes are those of many models, or of none that the path names: here is
//! decided about the model itself.

use crate::caller::Caller;

/// What opens a model: any one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grants {
    /// Whoever the gateway let through may use every model.
    Any,
    /// A member of the authorizer's context must be one of these.
    Listed(Vec<Grant>),
}

/// A member of the context, and the value that it must be or have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    member: String,
    /// `{model}` in it stands for the model's name.
    value: String,
}

/// Why a text is no list of grants.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be `any` or a list such as `{}`, has `{given}`", Grants::DEFAULT)]
pub struct GrantsError {
    /// What is no grant.
    pub given: String,
}

/// Stands for the name of a model.
const MODEL: &str = "{model}";

impl Grants {
    /// What opens models where nothing is said.
    pub const DEFAULT: &str = "scope=predict scope=predict:{model}";

    /// Reads `any`, or words such as `scope=predict:{model}`.
    pub fn read(text: &str) -> Result<Self, GrantsError> {
        if text.trim() == "any" {
            return Ok(Self::Any);
        }
        let grants: Vec<Grant> = text
            .split_whitespace()
            .map(Grant::read)
            .collect::<Result<_, _>>()?;
        if grants.is_empty() {
            let given = text.to_owned();
            return Err(GrantsError { given });
        }
        Ok(Self::Listed(grants))
    }

    /// Whether a caller may see and run a model.
    pub fn open(&self, model: &str, caller: &Caller) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(grants) => grants
                .iter()
                .any(|grant| caller.has(&grant.member, &grant.value.replace(MODEL, model))),
        }
    }

    /// What would open a model, for those whom it is closed to.
    pub fn wanted(&self, model: &str) -> Vec<String> {
        match self {
            Self::Any => Vec::new(),
            Self::Listed(grants) => grants
                .iter()
                .map(|Grant { member, value }| format!("{member}={}", value.replace(MODEL, model)))
                .collect(),
        }
    }
}

impl Grant {
    fn read(word: &str) -> Result<Self, GrantsError> {
        let parts = word.split_once('=');
        match parts.filter(|(member, value)| !member.is_empty() && !value.is_empty()) {
            Some((member, value)) => Ok(Self {
                member: member.to_owned(),
                value: value.to_owned(),
            }),
            None => Err(GrantsError {
                given: word.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(grants: &str, context: Value, expected: &[&str]) {
        let caller = Caller::new(context.as_object().unwrap().clone(), &Value::Null);
        let grants = Grants::read(grants).unwrap();
        let models = ["wine", "wines", "fraud"].into_iter();
        let open: Vec<_> = models.filter(|model| grants.open(model, &caller)).collect();
        assert_eq!(open, expected);
    }

    #[test]
    fn a_scope_opens_every_model_or_the_one_it_names() {
        let default = Grants::DEFAULT;
        check(
            default,
            json!({"scope": "predict"}),
            &["wine", "wines", "fraud"],
        );
        check(default, json!({"scope": "openid predict:wine"}), &["wine"]);
        check(
            default,
            json!({"scope": "predict:wine predict:fraud"}),
            &["wine", "fraud"],
        );
        check(default, json!({"scope": "predict:*"}), &[]);
        check(default, json!({"scope": "predict:{model}"}), &[]);
        check(
            default,
            json!({"scope": "openid", "roles": r#"["predict"]"#}),
            &[],
        );
        check(default, json!({}), &[]);
    }

    #[test]
    fn other_members_open_models_where_they_are_named() {
        let roles = "scope=predict roles=ml-{model}-user";
        check(roles, json!({"roles": r#"["ml-fraud-user"]"#}), &["fraud"]);
        check(roles, json!({"roles": r#"["ml-user"]"#}), &[]);
        check("any", json!({}), &["wine", "wines", "fraud"]);
    }

    #[test]
    fn what_is_no_grant_is_refused() {
        for (text, given) in [
            ("", ""),
            (" ", " "),
            ("predict", "predict"),
            ("a=b =c", "=c"),
            ("a=", "a="),
            ("any a=b", "any"),
        ] {
            let given = given.to_owned();
            assert_eq!(Grants::read(text), Err(GrantsError { given }), "{text}");
        }
        let message = Grants::read("x").unwrap_err().to_string();
        assert_eq!(
            message,
            "must be `any` or a list such as `scope=predict scope=predict:{model}`, has `x`"
        );
    }

    #[test]
    fn what_is_wanted_names_the_model() {
        let grants = Grants::read(Grants::DEFAULT).unwrap();
        assert_eq!(
            grants.wanted("wine"),
            ["scope=predict", "scope=predict:wine"]
        );
    }
}
