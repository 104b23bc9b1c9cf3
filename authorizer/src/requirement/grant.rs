//! Names of scopes, roles and permissions as a rule asks for them, perhaps with the route's parameter inside.

use std::fmt;

use thiserror::Error;

use crate::caller::Kind;

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

impl fmt::Display for Grant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => out.write_str(name),
            Self::ForEach {
                before,
                parameter,
                after,
            } => write!(out, "{before}{{{parameter}}}{after}"),
        }
    }
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
    /// Not a scope-token: it could not be named in a challenge.
    #[error(
        "`{0}` is no scope: quotes, backslashes and letters beyond ASCII cannot be in one (RFC 6749 section 3.3)"
    )]
    ScopeToken(String),
}

impl Kind {
    /// The names in a text: scopes are words (RFC 6749 section 3.3), all else may have spaces in it.
    pub fn names(self, text: &str) -> Vec<&str> {
        match self {
            Self::Scope => text.split_whitespace().collect(),
            Self::Role | Self::ClientRole | Self::Permission => vec![text],
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
        if kind == Kind::Scope && !is_scope_token(text) {
            return Err(GrantError::ScopeToken(text.to_owned()));
        }
        Self::text(text)
    }

    /// Reads any text with at most one `{parameter}`.
    pub fn text(text: &str) -> Result<Self, GrantError> {
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

    /// True if this text is the name, for this value of the route's parameter.
    pub(super) fn is(&self, text: &str, value: Option<&str>) -> bool {
        match (self, value) {
            (Self::Named(name), _) => name == text,
            (Self::ForEach { .. }, None) => false,
            (Self::ForEach { .. }, Some(value)) => self.value(text) == Some(value),
        }
    }

    /// The name, for this value of the route's parameter.
    pub(super) fn named(&self, value: Option<&str>) -> Option<String> {
        match (self, value) {
            (Self::Named(name), _) => Some(name.clone()),
            (Self::ForEach { .. }, None) => None,
            (Self::ForEach { before, after, .. }, Some(value)) => {
                Some(format!("{before}{value}{after}"))
            }
        }
    }

    pub(crate) fn parameter(&self) -> Option<&str> {
        match self {
            Self::Named(_) => None,
            Self::ForEach { parameter, .. } => Some(parameter),
        }
    }

    /// The value that a held grant names. Only plain names enter a policy: `predict:*` in a token opens nothing.
    pub(super) fn value<'a>(&self, held: &'a str) -> Option<&'a str> {
        let Self::ForEach { before, after, .. } = self else {
            return None;
        };
        let value = held
            .strip_prefix(before.as_str())?
            .strip_suffix(after.as_str())?;
        is_plain(value).then_some(value)
    }
}

/// True for what may stand for one segment of a path: no wildcard, no slash, and not the dots that mean a folder.
pub(crate) fn is_plain(value: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let dots = value.bytes().all(|byte| byte == b'.');
    !dots && value.bytes().all(plain)
}

/// A scope-token of RFC 6749 section 3.3: what may stand between the quotes of a challenge as it is.
pub(crate) fn is_scope_token(text: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !text.is_empty() && text.bytes().all(allowed)
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
        for (text, expected) in [
            ("urn:a/b?c=[d]", true),
            ("a\"b", false),
            ("a\\b", false),
            ("ä", false),
        ] {
            assert_eq!(parsed(Kind::Scope, text), expected, "{text}");
            assert!(parsed(Kind::Role, text), "{text}");
        }
        assert_eq!(Kind::Scope.names("a  b"), ["a", "b"]);
        assert_eq!(Kind::Role.names("Read Admin"), ["Read Admin"]);
    }
}
