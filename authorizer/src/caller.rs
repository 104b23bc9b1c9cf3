//! Who a verified token says is calling, and what it grants. In which claims an issuer keeps scopes, roles and
//! permissions is what `profile` knows.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::profile::Profile;
use crate::token::TokenError;

/// The holder of a token whose signature and claims have been verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    /// `sub`, or the client where a token has no subject.
    pub principal: String,
    /// `sub` (RFC 7519 section 4.1.2).
    pub subject: Option<String>,
    /// `azp` (OpenID Connect Core section 2) or `client_id` (RFC 9068 section 2.2).
    pub client_id: Option<String>,
    /// The configured issuer that vouches for all of this.
    pub issuer: String,
    /// When the token stops being accepted: `exp` and the issuer's leeway, in seconds since 1970.
    pub accepted_until: u64,
    /// What the token grants.
    pub grants: Grants,
    /// All claims, for `context` in `access.yaml`.
    pub claims: Map<String, Value>,
}

/// What a token grants, each kind under its own name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// `scope` (RFC 9068 section 2.2.3), or `scp` of Microsoft Entra and Okta.
    pub scopes: BTreeSet<String>,
    /// `realm_access.roles` of Keycloak, or `roles`.
    pub roles: BTreeSet<String>,
    /// `resource_access.CLIENT.roles` of Keycloak, as `CLIENT/ROLE`. Clients and roles with a slash in
    /// their names are left out: `a/b/c` could be either's.
    pub client_roles: BTreeSet<String>,
    /// `permissions` of Auth0's role-based access control.
    pub permissions: BTreeSet<String>,
}

impl Grants {
    /// Reads the claims. A grant of the wrong type refuses the token: it may be half a grant.
    /// Claims in which this make of issuer grants nothing are left alone.
    pub fn read(claims: &Map<String, Value>, profile: Profile) -> Result<Self, TokenError> {
        let places = profile.places();
        let mut grants = Self::default();
        for name in places.scopes {
            grants.scopes.extend(scopes(claims.get(*name), name)?);
        }
        for name in places.roles {
            grants.roles.extend(names(claims.get(*name), name)?);
        }
        for name in places.permissions {
            grants.permissions.extend(names(claims.get(*name), name)?);
        }
        if places.nested_roles {
            grants.add_nested(claims)?;
        }
        Ok(grants)
    }

    fn add_nested(&mut self, claims: &Map<String, Value>) -> Result<(), TokenError> {
        if let Some(access) = claims.get("realm_access") {
            let roles = member(access, "realm_access")?.get("roles");
            self.roles.extend(names(roles, "realm_access")?);
        }
        if let Some(access) = claims.get("resource_access") {
            self.client_roles = client_roles(access)?;
        }
        Ok(())
    }
}

fn client_roles(access: &Value) -> Result<BTreeSet<String>, TokenError> {
    let mut found = BTreeSet::new();
    for (client, access) in member(access, "resource_access")? {
        let roles = member(access, "resource_access")?.get("roles");
        let roles = names(roles, "resource_access")?.into_iter();
        let roles = roles.filter(|role| !client.contains('/') && !role.contains('/'));
        found.extend(roles.map(|role| format!("{client}/{role}")));
    }
    Ok(found)
}

fn member<'a>(value: &'a Value, claim: &'static str) -> Result<&'a Map<String, Value>, TokenError> {
    value.as_object().ok_or(TokenError::Claim(claim))
}

/// The words of a string (RFC 6749 section 3.3), or a list of names.
fn scopes(value: Option<&Value>, claim: &'static str) -> Result<Vec<String>, TokenError> {
    match value.and_then(Value::as_str) {
        Some(words) => Ok(words.split_ascii_whitespace().map(str::to_owned).collect()),
        None => names(value, claim),
    }
}

/// One name, or a list of names. They may have spaces in them.
fn names(value: Option<&Value>, claim: &'static str) -> Result<Vec<String>, TokenError> {
    match value {
        None => Ok(Vec::new()),
        Some(Value::String(name)) => Ok(vec![name.clone()]),
        Some(Value::Array(items)) => {
            let items = items.iter().map(|item| item.as_str().map(str::to_owned));
            let items: Option<Vec<_>> = items.collect();
            items.ok_or(TokenError::Claim(claim))
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
            Err(TokenError::Claim(claim))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(claims: Value, expected: Result<[&[&str]; 4], TokenError>) {
        of(Profile::Generic, claims, expected);
    }

    #[track_caller]
    fn of(profile: Profile, claims: Value, expected: Result<[&[&str]; 4], TokenError>) {
        let found = Grants::read(claims.as_object().unwrap(), profile);
        let expected = expected.map(|[scopes, roles, client_roles, permissions]| {
            let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
            Grants {
                scopes: set(scopes),
                roles: set(roles),
                client_roles: set(client_roles),
                permissions: set(permissions),
            }
        });
        assert_eq!(found, expected, "{claims}");
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
