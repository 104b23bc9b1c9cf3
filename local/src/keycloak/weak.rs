//! Settings of clients that are refused, whoever wishes them: they would be found in no review of a realm of hundreds.

use reqwest::Url;
use serde_json::Value;

use super::difference::Object;
use super::setup::{objects, text, texts};

const PKCE: &str = "pkce.code.challenge.method";

/// Adds what is wrong with a set-up's clients to `problems`.
pub(super) fn refuse(document: &Object, any_origin: bool, problems: &mut Vec<String>) {
    for client in objects(document, "clients") {
        let id = text(client, "clientId");
        let found = of_client(client, any_origin);
        problems.extend(
            found
                .into_iter()
                .map(|problem| format!("client `{id}`: {problem}")),
        );
    }
}

fn of_client(client: &Object, any_origin: bool) -> Vec<String> {
    let mut problems = Vec::new();
    // What Keycloak takes where nothing is said.
    let is_on = |name: &str, default: bool| match client.get(name) {
        Some(Value::Bool(on)) => *on,
        Some(Value::String(text)) => text != "false",
        _ => default,
    };
    if text(client, "clientId").is_empty() {
        problems.push("it has no `clientId`".to_owned());
    }
    if is_on("implicitFlowEnabled", false) {
        problems.push(
            "the implicit flow hands tokens to whoever reads an address: leave it off".to_owned(),
        );
    }
    if !client.contains_key("implicitFlowEnabled") {
        problems
            .push("say `\"implicitFlowEnabled\": false`: client policies want it said".to_owned());
    }
    if is_on("fullScopeAllowed", true) {
        problems.push(
            "`fullScopeAllowed` puts every role of a user into its tokens: set it to false, and name roles in `scopeMappings`"
                .to_owned(),
        );
    }
    let attributes = client.get("attributes").and_then(Value::as_object);
    let pkce = attributes.map_or("", |attributes| text(attributes, PKCE));
    if is_on("standardFlowEnabled", true) && pkce != "S256" {
        problems.push(format!(
            "authorization codes need PKCE: set the attribute `{PKCE}` to `S256`"
        ));
    }
    let uris = texts(client, "redirectUris")
        .filter_map(|uri| Some(format!("redirect address `{uri}`: {}", redirect(&uri)?)));
    problems.extend(uris);
    let origins = texts(client, "webOrigins").filter_map(|origin| {
        Some(format!(
            "web origin `{origin}`: {}",
            web_origin(&origin, any_origin)?
        ))
    });
    problems.extend(origins);
    problems
}

/// What is wrong with a redirect address: codes must not go elsewhere. The rules are OAuth 2.1's, and Keycloak's for it.
fn redirect(uri: &str) -> Option<&'static str> {
    if uri.contains('*') {
        return Some("name it exactly, without `*`");
    }
    let Ok(url) = Url::parse(uri) else {
        return Some("it is no absolute address");
    };
    let loopback = matches!(url.host_str(), Some("127.0.0.1" | "[::1]"));
    match url.scheme() {
        _ if uri.contains('#') => Some("it must have no fragment"),
        _ if !url.username().is_empty() || url.password().is_some() => Some("it must name nobody"),
        "http" | "https" if loopback && url.port().is_some() => {
            Some("leave out the port: on this machine every port is meant")
        }
        "https" => None,
        "http" if loopback => None,
        _ => Some("it must be `https`, or `http://127.0.0.1/…`"),
    }
}

/// What is wrong with a web origin. `+` stands for those of the redirect addresses.
fn web_origin(origin: &str, any_origin: bool) -> Option<&'static str> {
    if origin == "+" {
        return None;
    }
    if origin == "*" {
        let refused = "every page on the web could use the tokens it can get; `--allow-any-origin` permits it";
        return (!any_origin).then_some(refused);
    }
    let url = Url::parse(origin).ok().filter(|_| !origin.contains('*'));
    let exact = url.is_some_and(|url| url.origin().ascii_serialization() == origin);
    (!exact).then_some("it is no origin: write `https://HOST`, without a path or a slash")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(changes: Value, any_origin: bool, expected: Option<&str>) {
        let mut client = json!({
            "clientId": "c", "implicitFlowEnabled": false, "fullScopeAllowed": false,
            "attributes": {PKCE: "S256"}, "redirectUris": ["https://a.example/cb"], "webOrigins": ["+"],
        });
        for (name, value) in changes.as_object().unwrap() {
            client[name] = value.clone();
        }
        let mut problems = Vec::new();
        let document = json!({"clients": [client]});
        refuse(document.as_object().unwrap(), any_origin, &mut problems);
        match expected {
            None => assert!(problems.is_empty(), "{problems:?}"),
            Some(part) => {
                assert_eq!(problems.len(), 1, "{problems:?}");
                assert!(problems[0].starts_with("client `"), "{problems:?}");
                assert!(problems[0].contains(part), "{problems:?}");
            }
        }
    }

    #[test]
    fn weak_flows_are_refused() {
        check(json!({}), false, None);
        check(json!({"clientId": ""}), false, Some("`clientId`"));
        for on in [json!(true), json!("true")] {
            check(
                json!({"implicitFlowEnabled": on}),
                false,
                Some("implicit flow"),
            );
            check(
                json!({"fullScopeAllowed": on}),
                false,
                Some("`fullScopeAllowed`"),
            );
        }
        check(json!({"implicitFlowEnabled": null}), false, None);
        check(
            json!({"fullScopeAllowed": null}),
            false,
            Some("`fullScopeAllowed`"),
        );
        check(json!({"attributes": {}}), false, Some("PKCE"));
        check(json!({"attributes": {PKCE: "plain"}}), false, Some("PKCE"));
        check(
            json!({"attributes": {}, "standardFlowEnabled": false}),
            false,
            None,
        );
    }

    #[test]
    fn redirect_addresses_are_exact_and_encrypted_or_of_this_machine() {
        for good in [
            "https://a.example/cb?x=1",
            "http://127.0.0.1/cb",
            "http://[::1]/cb",
        ] {
            check(json!({"redirectUris": [good]}), false, None);
        }
        for (bad, part) in [
            ("*", "without `*`"),
            ("https://a.example/*", "without `*`"),
            ("https://*.a.example/cb", "without `*`"),
            ("/cb", "no absolute address"),
            ("https://a.example/cb#x", "no fragment"),
            ("https://me@a.example/cb", "name nobody"),
            ("http://a.example/cb", "must be `https`"),
            ("http://localhost/cb", "must be `https`"),
            ("http://127.0.0.1:3000/cb", "leave out the port"),
            ("javascript:alert(1)", "must be `https`"),
        ] {
            check(json!({"redirectUris": [bad]}), false, Some(part));
        }
    }

    #[test]
    fn any_origin_must_be_asked_for() {
        check(
            json!({"webOrigins": ["*"]}),
            false,
            Some("--allow-any-origin"),
        );
        check(json!({"webOrigins": ["*"]}), true, None);
        check(
            json!({"webOrigins": ["https://a.example", "http://127.0.0.1:3000"]}),
            false,
            None,
        );
        for bad in ["https://a.example/", "https://*.a.example", "a.example", ""] {
            check(json!({"webOrigins": [bad]}), false, Some("no origin"));
        }
    }
}
