//! Who a verified token says is calling, and what it grants. In which claims an issuer keeps scopes, roles and
//! permissions is what `profile` knows.

use std::fmt;

use crate::json::{Members, Object, Place, View};
use crate::profile::Profile;
use crate::token::TokenError;

/// The holder of a token whose signature and claims have been verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    claims: Members,
    /// When the token stops being accepted: `exp` and the issuer's leeway, in seconds since 1970.
    pub accepted_until: u64,
    client: Option<Place>,
    grants: Grants,
}

/// What the checks of claims have found out on their way. Places are those of the claims.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    pub(crate) client: Option<Place>,
    pub(crate) until: u64,
    pub(crate) grants: Grants,
}

/// What a token can grant, each kind under its own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// OAuth 2.0 scope: `scope` (RFC 9068 section 2.2.3), or `scp` of Microsoft Entra and Okta.
    Scope,
    /// Role of the realm or tenant: `realm_access.roles` of Keycloak, or `roles`.
    Role,
    /// Role at one client, as `CLIENT/ROLE`: `resource_access.CLIENT.roles` of Keycloak. Clients and roles with a
    /// slash in their names are left out: `a/b/c` could be either's.
    ClientRole,
    /// Permission of Auth0's role-based access control: `permissions`.
    Permission,
}

/// The grants of a token, by their places in its claims.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Grants {
    held: Vec<(Kind, Place)>,
    /// Names that stand nowhere in the claims as they are: those of client roles.
    composed: String,
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

impl Caller {
    pub(crate) fn new(claims: Members, accepted: Accepted) -> Self {
        Self {
            claims,
            accepted_until: accepted.until,
            client: accepted.client,
            grants: accepted.grants,
        }
    }

    /// All claims.
    pub fn claims(&self) -> &Members {
        &self.claims
    }

    /// The configured issuer that vouches for all of this: `iss`, which is its name to the letter.
    pub fn issuer(&self) -> &str {
        self.claims.text("iss").unwrap_or_default()
    }

    /// `sub` (RFC 7519 section 4.1.2).
    pub fn subject(&self) -> Option<&str> {
        self.claims.text("sub")
    }

    /// `azp` (OpenID Connect Core section 2) or `client_id` (RFC 9068 section 2.2).
    pub fn client_id(&self) -> Option<&str> {
        self.client.map(|place| self.claims.at(place))
    }

    /// `sub`, or the client where a token has no subject.
    pub fn principal(&self) -> &str {
        self.subject().or(self.client_id()).unwrap_or_default()
    }

    /// What the token grants of one kind: in the order in which the token has it, and as often.
    pub fn granted(&self, kind: Kind) -> impl Iterator<Item = &str> {
        let held = self.grants.held.iter();
        let held = held.filter(move |(of, _)| *of == kind);
        held.map(move |(_, place)| match kind {
            Kind::ClientRole => place.of(&self.grants.composed),
            Kind::Scope | Kind::Role | Kind::Permission => self.claims.at(*place),
        })
    }

    /// The same in the order of the alphabet, each once.
    pub fn granted_once(&self, kind: Kind) -> Vec<&str> {
        let mut granted: Vec<_> = self.granted(kind).collect();
        granted.sort_unstable();
        granted.dedup();
        granted
    }
}

impl Grants {
    /// Reads the claims. A grant of the wrong type refuses the token: it may be half a grant.
    /// Claims in which this make of issuer grants nothing are left alone.
    pub(crate) fn read(claims: &Members, profile: Profile) -> Result<Self, TokenError> {
        let places = profile.places();
        let mut grants = Self {
            held: Vec::with_capacity(16),
            composed: String::new(),
        };
        for name in places.scopes {
            grants.add_scopes(claims, name)?;
        }
        for name in places.roles {
            grants.add(claims, Kind::Role, claims.get(name), name)?;
        }
        for name in places.permissions {
            grants.add(claims, Kind::Permission, claims.get(name), name)?;
        }
        if places.nested_roles {
            grants.add_nested(claims)?;
        }
        Ok(grants)
    }

    /// The words of a string (RFC 6749 section 3.3), or a list of names.
    fn add_scopes(&mut self, claims: &Members, claim: &'static str) -> Result<(), TokenError> {
        match claims.get(claim) {
            Some(View::String(words)) => {
                for word in words.split_ascii_whitespace() {
                    self.hold(claims, Kind::Scope, word);
                }
                Ok(())
            }
            other => self.add(claims, Kind::Scope, other, claim),
        }
    }

    /// One name, or a list of names. They may have spaces in them.
    fn add(
        &mut self,
        claims: &Members,
        kind: Kind,
        names: Option<View<'_>>,
        claim: &'static str,
    ) -> Result<(), TokenError> {
        each(names, claim, |name| self.hold(claims, kind, name))
    }

    fn hold(&mut self, claims: &Members, kind: Kind, name: &str) {
        self.held
            .extend(claims.place(name).map(|place| (kind, place)));
    }

    fn add_nested(&mut self, claims: &Members) -> Result<(), TokenError> {
        if let Some(access) = claims.get("realm_access") {
            let roles = members(&access, "realm_access")?.get("roles");
            self.add(claims, Kind::Role, roles, "realm_access")?;
        }
        let Some(access) = claims.get("resource_access") else {
            return Ok(());
        };
        for (client, access) in members(&access, "resource_access")?.iter() {
            let roles = members(&access, "resource_access")?.get("roles");
            each(roles, "resource_access", |role| self.hold_at(client, role))?;
        }
        Ok(())
    }

    fn hold_at(&mut self, client: &str, role: &str) {
        if client.contains('/') || role.contains('/') {
            return;
        }
        let place = Place::pushed(&mut self.composed, &[client, "/", role]);
        self.held.push((Kind::ClientRole, place));
    }
}

fn members<'a>(value: &View<'a>, claim: &'static str) -> Result<Object<'a>, TokenError> {
    value.as_object().ok_or(TokenError::Claim(claim))
}

fn each<'a>(
    names: Option<View<'a>>,
    claim: &'static str,
    mut found: impl FnMut(&'a str),
) -> Result<(), TokenError> {
    match names {
        None => {}
        Some(View::String(name)) => found(name),
        Some(View::Array(items)) => {
            for item in items.iter() {
                found(item.as_str().ok_or(TokenError::Claim(claim))?);
            }
        }
        Some(View::Null | View::Bool(_) | View::Number(_) | View::Object(_)) => {
            return Err(TokenError::Claim(claim));
        }
    }
    Ok(())
}

#[cfg(test)]
impl Caller {
    /// Somebody with these claims, of the issuer `https://a` and of no special make.
    pub(crate) fn of(claims: &serde_json::Value, until: u64) -> Self {
        let mut claims = claims.as_object().cloned().unwrap_or_default();
        claims.insert("iss".to_owned(), "https://a".into());
        let claims = Members::from(&claims);
        let client = claims.text("azp").or(claims.text("client_id"));
        let accepted = Accepted {
            client: client.and_then(|client| claims.place(client)),
            until,
            grants: Grants::read(&claims, Profile::Generic).unwrap_or_default(),
        };
        Self::new(claims, accepted)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(claims: Value, expected: Result<[&[&str]; 4], TokenError>) {
        of(Profile::Generic, claims, expected);
    }

    #[track_caller]
    fn of(profile: Profile, claims: Value, expected: Result<[&[&str]; 4], TokenError>) {
        let members = Members::from(claims.as_object().unwrap());
        let caller = Grants::read(&members, profile).map(|grants| {
            let accepted = Accepted {
                client: None,
                until: 0,
                grants,
            };
            Caller::new(members.clone(), accepted)
        });
        let kinds = [Kind::Scope, Kind::Role, Kind::ClientRole, Kind::Permission];
        let found = caller
            .as_ref()
            .map(|caller| kinds.map(|kind| caller.granted_once(kind)));
        let expected = expected.map(|expected| expected.map(<[&str]>::to_vec));
        assert_eq!(found.map_err(|error| *error), expected, "{claims}");
    }

    #[test]
    fn a_make_grants_in_its_own_claims_alone() {
        let everything = || {
            json!({
                "scope": "scope", "scp": "scp", "roles": ["role"], "permissions": ["permission"],
                "realm_access": {"roles": ["realm"]}, "cognito:groups": ["group"],
                "resource_access": {"api": {"roles": ["r"]}},
            })
        };
        let grants = |profile, expected| of(profile, everything(), Ok(expected));
        grants(
            Profile::Generic,
            [
                &["scope", "scp"],
                &["realm", "role"],
                &["api/r"],
                &["permission"],
            ],
        );
        grants(Profile::Auth0, [&["scope"], &[], &[], &["permission"]]);
        grants(Profile::Keycloak, [&["scope"], &["realm"], &["api/r"], &[]]);
        grants(Profile::Cognito, [&["scope"], &["group"], &[], &[]]);
        grants(Profile::Entra, [&["scp"], &["role"], &[], &[]]);
        of(
            Profile::Cognito,
            json!({"cognito:groups": 1}),
            Err(TokenError::Claim("cognito:groups")),
        );
    }

    #[test]
    fn grants_are_found_where_the_issuers_put_them() {
        check(json!({}), Ok([&[], &[], &[], &[]]));
        check(json!({"scope": ""}), Ok([&[], &[], &[], &[]]));
        check(json!({"scope": "a b"}), Ok([&["a", "b"], &[], &[], &[]]));
        check(
            json!({"scp": ["a b", "c"]}),
            Ok([&["a b", "c"], &[], &[], &[]]),
        );
        check(json!({"scp": "a b"}), Ok([&["a", "b"], &[], &[], &[]]));
        check(
            json!({"realm_access": {"roles": ["r"]}, "roles": ["s"]}),
            Ok([&[], &["r", "s"], &[], &[]]),
        );
        check(json!({"realm_access": {}}), Ok([&[], &[], &[], &[]]));
        check(
            json!({"resource_access": {"api": {"roles": ["r"]}, "b": {}}}),
            Ok([&[], &[], &["api/r"], &[]]),
        );
        check(
            json!({"roles": "Read Only Admin", "permissions": "p q"}),
            Ok([&[], &["Read Only Admin"], &[], &["p q"]]),
        );
        check(
            json!({"resource_access": {"a/b": {"roles": ["c"]}, "a": {"roles": ["b/c", "d"]}}}),
            Ok([&[], &[], &["a/d"], &[]]),
        );
        check(
            json!({"permissions": ["p:q"]}),
            Ok([&[], &[], &[], &["p:q"]]),
        );
    }

    #[test]
    fn a_grant_of_the_wrong_type_refuses_the_token() {
        for claim in ["scope", "scp", "roles", "permissions"] {
            for value in [json!(1), json!(null), json!({}), json!(["a", 1])] {
                check(json!({claim: value}), Err(TokenError::Claim(claim)));
            }
        }
        check(
            json!({"realm_access": ["r"]}),
            Err(TokenError::Claim("realm_access")),
        );
        check(
            json!({"realm_access": {"roles": {}}}),
            Err(TokenError::Claim("realm_access")),
        );
        check(
            json!({"resource_access": {"api": []}}),
            Err(TokenError::Claim("resource_access")),
        );
    }
}
