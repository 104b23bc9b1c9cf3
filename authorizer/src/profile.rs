//! What is known of an issuer's make: in which claims it names scopes, roles, permissions and the client, and by
//! which marks its access tokens differ from its other tokens.

use std::str::FromStr;

use thiserror::Error;

use crate::json::Members;

/// An issuer's make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// Any: everything that one of the makes does is understood, and nothing special is asked for.
    #[default]
    Generic,
    /// Auth0, with its own token profile or that of RFC 9068.
    Auth0,
    /// Keycloak, lightweight access tokens included: those keep `typ` and `azp`.
    Keycloak,
    /// Amazon Cognito, whose access tokens have an audience only where the client asked for a resource.
    Cognito,
    /// Microsoft Entra ID, version 1 (`appid`) or 2 (`azp`).
    Entra,
}

/// The claims that grant something, by kind.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) scopes: &'static [&'static str],
    /// Lists of roles at the top of the claims.
    pub(crate) roles: &'static [&'static str],
    pub(crate) permissions: &'static [&'static str],
    /// Keycloak's `realm_access` and `resource_access`.
    pub(crate) nested_roles: bool,
}

/// The name of no profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("there are `generic`, `auth0`, `keycloak`, `cognito` and `entra`")]
pub struct UnknownProfile;

impl Profile {
    /// The claims that name the client.
    pub(crate) fn client_claims(self) -> &'static [&'static str] {
        match self {
            Self::Generic | Self::Auth0 | Self::Keycloak => &["azp", "client_id"],
            Self::Cognito => &["client_id"],
            Self::Entra => &["azp", "appid"],
        }
    }

    pub(crate) fn places(self) -> Places {
        let none: &[&str] = &[];
        let (scopes, roles, permissions): (&[&str], &[&str], &[&str]) = match self {
            Self::Generic => (&["scope", "scp"], &["roles"], &["permissions"]),
            Self::Auth0 => (&["scope"], none, &["permissions"]),
            Self::Keycloak => (&["scope"], none, none),
            Self::Cognito => (&["scope"], &["cognito:groups"], none),
            Self::Entra => (&["scp"], &["roles"], none),
        };
        Places {
            scopes,
            roles,
            permissions,
            nested_roles: match self {
                Self::Generic | Self::Keycloak => true,
                Self::Auth0 | Self::Cognito | Self::Entra => false,
            },
        }
    }

    /// Whether claims without another kind's marks have those of this make's access tokens.
    pub(crate) fn is_access_token(self, claims: &Members) -> bool {
        let has = |name: &str| claims.contains(name);
        let says = |name: &str, value: &str| claims.text(name) == Some(value);
        let has_client = || self.client_claims().iter().any(|name| has(name));
        match self {
            Self::Generic => true,
            // Its ID tokens have an audience, as its access tokens do, and no client beside it.
            Self::Auth0 => has_client() && !has("nonce"),
            Self::Keycloak => {
                has("azp") && (says("typ", "Bearer") || (says("typ", "DPoP") && has("cnf")))
            }
            Self::Cognito => says("token_use", "access"),
            Self::Entra => has_client(),
        }
    }
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        match name {
            "generic" => Ok(Self::Generic),
            "auth0" => Ok(Self::Auth0),
            "keycloak" => Ok(Self::Keycloak),
            "cognito" => Ok(Self::Cognito),
            "entra" => Ok(Self::Entra),
            _ => Err(UnknownProfile),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(profile: Profile, claims: Value, expected: bool) {
        let found = profile.is_access_token(&Members::from(claims.as_object().unwrap()));
        assert_eq!(found, expected, "{profile:?}: {claims}");
    }

    #[test]
    fn each_make_marks_its_access_tokens() {
        check(Profile::Generic, json!({}), true);
        check(Profile::Auth0, json!({"azp": "c"}), true);
        check(Profile::Auth0, json!({"client_id": "c"}), true);
        check(Profile::Auth0, json!({}), false);
        check(Profile::Auth0, json!({"azp": "c", "nonce": "n"}), false);
        check(
            Profile::Keycloak,
            json!({"typ": "Bearer", "azp": "c"}),
            true,
        );
        check(Profile::Keycloak, json!({"typ": "Bearer"}), false);
        check(Profile::Keycloak, json!({"azp": "c"}), false);
        check(
            Profile::Keycloak,
            json!({"typ": "bearer", "azp": "c"}),
            false,
        );
        check(
            Profile::Keycloak,
            json!({"typ": "Bearer", "client_id": "c"}),
            false,
        );
        let bound = json!({"typ": "DPoP", "azp": "c", "cnf": {"jkt": "k"}});
        check(Profile::Keycloak, bound, true);
        check(Profile::Keycloak, json!({"typ": "DPoP", "azp": "c"}), false);
        check(Profile::Cognito, json!({"token_use": "access"}), true);
        check(Profile::Cognito, json!({"token_use": "id"}), false);
        check(Profile::Cognito, json!({"token_use": ["access"]}), false);
        check(Profile::Cognito, json!({}), false);
        check(Profile::Entra, json!({"azp": "c"}), true);
        check(Profile::Entra, json!({"appid": "c"}), true);
        check(Profile::Entra, json!({"client_id": "c"}), false);
    }

    #[test]
    fn a_profile_has_one_name() {
        assert_eq!("entra".parse(), Ok(Profile::Entra));
        assert_eq!("Entra".parse::<Profile>(), Err(UnknownProfile));
        assert_eq!("".parse::<Profile>(), Err(UnknownProfile));
    }
}
