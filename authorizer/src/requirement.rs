//! What a rule asks of a caller: grants that must be held, all or any of them, perhaps for a value of the
//! route's parameter. Which routes that opens is `rules`' business.

use std::collections::BTreeSet;
use std::fmt;

use thiserror::Error;

use crate::caller::Grants;

/// Conditions that must all hold. None at all: any verified caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirement(pub Vec<Condition>);

/// One condition of a requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The token grants this.
    Holds(Kind, Grant),
    /// At least one of these requirements is met.
    Any(Vec<Requirement>),
}

/// Where a grant is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// OAuth 2.0 scope.
    Scope,
    /// Role of the realm or tenant.
    Role,
    /// Role at one client, as `CLIENT/ROLE`.
    ClientRole,
    /// Permission of Auth0's role-based access control.
    Permission,
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Scope => "scope",
            Self::Role => "role",
            Self::ClientRole => "client role",
            Self::Permission => "permission",
        })
    }
}

/// The name of a grant, in which `{parameter}` stands for the route's parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// The grant must have just this name.
    Named(String),
    /// The grant names a value of a route's parameter between these texts.
    ForEach {
        /// Text before the parameter.
        before: String,
        /// The parameter's name.
        parameter: String,
        /// Text after the parameter.
        after: String,
    },
}

/// Why a text is no name of a grant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GrantError {
    /// A brace that is not part of one `{parameter}`.
    #[error("`{0}` has braces, but not one `{{parameter}}`")]
    Braces(String),
    /// Not a client, a slash and a role.
    #[error("`{0}` is no client role: write `CLIENT/ROLE`")]
    ClientRole(String),
}

impl Requirement {
    /// True if the grants suffice, for this value of the route's parameter if there is one.
    pub(crate) fn met(&self, grants: &Grants, value: Option<&str>) -> bool {
        self.0.iter().all(|condition| match condition {
            Condition::Holds(kind, grant) => grant.held(kind.of(grants), value),
            Condition::Any(choices) => choices.iter().any(|choice| choice.met(grants, value)),
        })
    }

    fn grants(&self) -> Vec<(Kind, &Grant)> {
        let mut found = Vec::new();
        let mut waiting = vec![self];
        while let Some(requirement) = waiting.pop() {
            for condition in &requirement.0 {
                match condition {
                    Condition::Holds(kind, grant) => found.push((*kind, grant)),
                    Condition::Any(choices) => waiting.extend(choices),
                }
            }
        }
        found
    }

    pub(crate) fn parameters(&self) -> BTreeSet<&str> {
        self.grants()
            .into_iter()
            .filter_map(|(_, grant)| grant.parameter())
            .collect()
    }

    /// The values of the parameter that any of the caller's grants names.
    pub(crate) fn values<'a>(&self, grants: &'a Grants) -> BTreeSet<&'a str> {
        let named = |(kind, grant): (Kind, &Grant)| {
            kind.of(grants)
                .iter()
                .filter_map(|held| grant.value(held))
                .collect::<Vec<_>>()
        };
        self.grants().into_iter().flat_map(named).collect()
    }

    pub(crate) fn scopes(&self) -> Vec<&str> {
        let mut scopes = Vec::new();
        for (kind, grant) in self.grants() {
            match (kind, grant) {
                (Kind::Scope, Grant::Named(name)) => scopes.push(name.as_str()),
                (Kind::Scope, Grant::ForEach { .. })
                | (Kind::Role | Kind::ClientRole | Kind::Permission, _) => {}
            }
        }
        scopes
    }
}

impl Kind {
    /// The names in a text: scopes are words (RFC 6749 section 3.3), all else may have spaces in it.
    pub fn names(self, text: &str) -> Vec<&str> {
        match self {
            Self::Scope => text.split_whitespace().collect(),
            Self::Role | Self::ClientRole | Self::Permission => vec![text],
        }
    }

    fn of(self, grants: &Grants) -> &BTreeSet<String> {
        match self {
            Self::Scope => &grants.scopes,
            Self::Role => &grants.roles,
            Self::ClientRole => &grants.client_roles,
            Self::Permission => &grants.permissions,
        }
    }
}

impl Grant {
    /// Reads a name with at most one `{parameter}`.
    pub fn parse(kind: Kind, text: &str) -> Result<Self, GrantError> {
        if kind == Kind::ClientRole && text.split('/').filter(|part| !part.is_empty()).count() != 2
        {
            return Err(GrantError::ClientRole(text.to_owned()));
        }
        let braces = || GrantError::Braces(text.to_owned());
        let parts = text.split_once('{').map(|(before, rest)| {
            let (parameter, after) = rest.split_once('}').ok_or_else(braces)?;
            Ok((before, parameter, after))
        });
        let (before, parameter, after) = match parts.transpose()? {
            None if text.contains('}') => return Err(braces()),
            None => return Ok(Self::Named(text.to_owned())),
            Some(parts) => parts,
        };
        if parameter.is_empty() || [before, parameter, after].concat().contains(['{', '}']) {
            return Err(braces());
        }
        Ok(Self::ForEach {
            before: before.to_owned(),
            parameter: parameter.to_owned(),
            after: after.to_owned(),
        })
    }

    fn held(&self, held: &BTreeSet<String>, value: Option<&str>) -> bool {
        match (self, value) {
            (Self::Named(name), _) => held.contains(name),
            (Self::ForEach { .. }, None) => false,
            (Self::ForEach { before, after, .. }, Some(value)) => {
                held.contains(&format!("{before}{value}{after}"))
            }
        }
    }

    fn parameter(&self) -> Option<&str> {
        match self {
            Self::Named(_) => None,
            Self::ForEach { parameter, .. } => Some(parameter),
        }
    }

    /// The value that a held grant names. Only plain names enter a policy: `predict:*` in a token opens nothing.
    fn value<'a>(&self, held: &'a str) -> Option<&'a str> {
        let Self::ForEach { before, after, .. } = self else {
            return None;
        };
        let value = held
            .strip_prefix(before.as_str())?
            .strip_suffix(after.as_str())?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let dots = value.bytes().all(|byte| byte == b'.');
        (!dots && value.bytes().all(plain)).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_grants_are_whole_and_have_one_parameter_at_most() {
        let parsed = |kind, text| Grant::parse(kind, text).is_ok();
        for text in ["predict", "predict:{model}", "{model}", "a b"] {
            assert!(parsed(Kind::Permission, text), "{text}");
        }
        for text in [
            "predict:{m}:{v}",
            "predict:{m",
            "predict:m}",
            "predict:{}",
            "{{m}}",
            "}{",
        ] {
            assert!(!parsed(Kind::Scope, text), "{text}");
        }
        for (text, expected) in [
            ("api/role", true),
            ("role", false),
            ("a/b/c", false),
            ("/role", false),
            ("api/", false),
        ] {
            assert_eq!(parsed(Kind::ClientRole, text), expected, "{text}");
        }
        assert_eq!(Kind::Scope.names("a  b"), ["a", "b"]);
        assert_eq!(Kind::Role.names("Read Admin"), ["Read Admin"]);
    }
}
