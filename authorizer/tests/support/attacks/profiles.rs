//! Issuers of known makes: tokens of theirs that are not access tokens, or not for this API. Each has good ones
//! beside them.

use serde_json::{Value, json};

use super::{Case, bearer, claims, header, token_event};
use crate::support::{AUDIENCE, Key, sign, with};

pub(super) const AUTH0: &str = "https://tenant.auth0.example/";
pub(super) const KEYCLOAK: &str = "https://keycloak.example/realms/ml";
/// Without `audience`, and with the client `trusted`.
pub(super) const COGNITO: &str = "https://cognito-idp.example/pool";
/// The same with `audience`.
pub(super) const COGNITO_RESOURCE: &str = "https://cognito-idp.example/pool-2";
pub(super) const ENTRA: &str = "https://login.example/9122040d-6c67-4c5b-b112-36a304b66dad/v2.0";

/// Name, issuer, what is changed in its good claims (`null` removes one), and the reason.
type Row = (&'static str, &'static str, Value, &'static str);

/// An access token of this make, without anything that this make does not put into it.
fn good_claims(issuer: &str) -> Value {
    let own = match issuer {
        AUTH0 => {
            json!({"aud": [AUDIENCE, "https://tenant.auth0.example/userinfo"], "azp": "c", "gty": "client-credentials"})
        }
        KEYCLOAK => json!({"typ": "Bearer", "azp": "c"}),
        COGNITO => json!({"aud": null, "token_use": "access", "client_id": "trusted"}),
        COGNITO_RESOURCE => json!({"token_use": "access", "client_id": "trusted"}),
        _ => json!({"scope": null, "scp": "predict", "azp": "c", "ver": "2.0"}),
    };
    changed(with(claims(), "iss", json!(issuer)), &own)
}

fn changed(object: Value, changes: &Value) -> Value {
    let changes = changes.as_object().unwrap().iter();
    changes.fold(object, |object, (name, value)| {
        with(object, name, value.clone())
    })
}

fn jwt_header() -> Value {
    with(header(), "typ", json!("JWT"))
}

fn token((issuer, changes): (&str, &Value), header: &Value) -> String {
    let claims = changed(good_claims(issuer), changes);
    sign(Key::P256, "ES256", header, &claims)
}

pub(super) fn cases() -> Vec<Case> {
    let kind = "not_an_access_token";
    let rows: Vec<Row> = vec![
        (
            "an ID token",
            AUTH0,
            json!({"azp": null, "gty": null, "aud": "c"}),
            "audience",
        ),
        (
            "an ID token for a client of this name",
            AUTH0,
            json!({"azp": null, "gty": null}),
            kind,
        ),
        ("a nonce", AUTH0, json!({"nonce": "n"}), kind),
        ("grants elsewhere", AUTH0, json!({"scope": 1}), "claim"),
        ("no type", KEYCLOAK, json!({"typ": null}), kind),
        (
            "type in other letters",
            KEYCLOAK,
            json!({"typ": "bearer"}),
            kind,
        ),
        ("an ID token", KEYCLOAK, json!({"typ": "ID"}), kind),
        ("a refresh token", KEYCLOAK, json!({"typ": "Refresh"}), kind),
        (
            "a token of another type",
            KEYCLOAK,
            json!({"typ": "Registration"}),
            kind,
        ),
        ("DPoP without a key", KEYCLOAK, json!({"typ": "DPoP"}), kind),
        ("no client", KEYCLOAK, json!({"azp": null}), kind),
        (
            "another claim's client",
            KEYCLOAK,
            json!({"azp": null, "client_id": "c"}),
            kind,
        ),
        (
            "an ID token",
            COGNITO,
            json!({"token_use": "id", "aud": "trusted", "client_id": null}),
            "audience",
        ),
        (
            "an ID token without an audience",
            COGNITO,
            json!({"token_use": "id"}),
            kind,
        ),
        ("no use", COGNITO, json!({"token_use": null}), kind),
        (
            "bound to another resource",
            COGNITO,
            json!({"aud": "https://other.example"}),
            "audience",
        ),
        (
            "bound to a resource that nobody has named",
            COGNITO,
            json!({"aud": AUDIENCE}),
            "audience",
        ),
        (
            "an audience of null's kind",
            COGNITO,
            json!({"aud": []}),
            "audience",
        ),
        (
            "another client",
            COGNITO,
            json!({"client_id": "other"}),
            "client",
        ),
        ("no client", COGNITO, json!({"client_id": null}), "client"),
        (
            "a client in another claim",
            COGNITO,
            json!({"client_id": null, "azp": "trusted"}),
            "client",
        ),
        ("not bound", COGNITO_RESOURCE, json!({"aud": null}), "claim"),
        (
            "bound to another resource",
            COGNITO_RESOURCE,
            json!({"aud": "https://other.example"}),
            "audience",
        ),
        (
            "an ID token",
            ENTRA,
            json!({"azp": null, "scp": null}),
            kind,
        ),
        (
            "a client in another claim",
            ENTRA,
            json!({"azp": null, "client_id": "c"}),
            kind,
        ),
        (
            "a client that is no text",
            ENTRA,
            json!({"appid": 1}),
            "claim",
        ),
    ];
    let cases = rows.into_iter().map(|(name, issuer, changes, reason)| {
        let token = token((issuer, &changes), &jwt_header());
        bearer(format!("profile of {issuer}: {name}"), &token, reason)
    });
    let headers = [
        ("no header type", AUTH0, "typ", Value::Null, "header_type"),
        (
            "for Microsoft Graph",
            ENTRA,
            "nonce",
            json!("n"),
            "microsoft_graph_token",
        ),
        (
            "a nonce that is no text",
            ENTRA,
            "nonce",
            json!(1),
            "microsoft_graph_token",
        ),
    ];
    let headers = headers
        .into_iter()
        .map(|(name, issuer, member, value, reason)| {
            let header = with(jwt_header(), member, value);
            bearer(
                format!("profile of {issuer}: {name}"),
                &token((issuer, &json!({})), &header),
                reason,
            )
        });
    cases.chain(headers).collect()
}

/// Events whose tokens are accepted.
pub(super) fn good() -> Vec<(String, Value)> {
    let rows = [
        ("own profile", AUTH0, json!({})),
        (
            "the profile of RFC 9068",
            AUTH0,
            json!({"azp": null, "client_id": "c", "jti": "j"}),
        ),
        (
            "claims where it grants nothing",
            AUTH0,
            json!({"roles": 1, "realm_access": 1}),
        ),
        ("a realm's", KEYCLOAK, json!({})),
        ("lightweight", KEYCLOAK, json!({"sub": null})),
        ("an older one's nonce", KEYCLOAK, json!({"nonce": "n"})),
        ("ordinary", COGNITO, json!({})),
        ("bound to this API", COGNITO_RESOURCE, json!({})),
        ("version 2", ENTRA, json!({})),
        (
            "version 1",
            ENTRA,
            json!({"azp": null, "appid": "c", "ver": "1.0"}),
        ),
        ("a nonce in the claims", ENTRA, json!({"nonce": "n"})),
    ];
    let events = rows.into_iter().map(|(name, issuer, changes)| {
        let header = match issuer {
            COGNITO | COGNITO_RESOURCE => with(header(), "typ", Value::Null),
            _ => jwt_header(),
        };
        let value = json!(format!("Bearer {}", token((issuer, &changes), &header)));
        (format!("profile of {issuer}: {name}"), token_event(&value))
    });
    events.collect()
}
