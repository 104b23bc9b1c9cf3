//! The request to explain, as the event that a REST API sends to an authorizer of type `REQUEST`.

use std::io::{self, IsTerminal as _, Read as _};

use serde_json::{Value, json};

use super::ExplainError;
use crate::Environment;
use crate::cli::ExplainOptions;

/// More than the authorizer takes, so that it can say so itself.
pub(super) const MAX_TOKEN_BYTES: usize = 64 * 1024;
/// A method's ARN needs an API: this one exists on no account.
const STAGE_ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:local/dev";

/// The event with the token of the environment, of standard input or of a prompt.
pub(super) fn event(
    options: &ExplainOptions,
    environment: Environment<'_>,
) -> Result<Value, ExplainError> {
    let headers = options.headers.iter().map(|header| read_header(header));
    let headers = headers.collect::<Result<Vec<_>, _>>()?;
    let method = options.method.clone().unwrap_or_default().to_uppercase();
    let path = options.path.clone().unwrap_or_default();
    if !path.starts_with('/') {
        return Err(ExplainError::Path(path));
    }
    let token = token(environment)?;
    Ok(request_event(&token, (&method, &path), headers))
}

fn read_header(text: &str) -> Result<(String, String), ExplainError> {
    let (name, value) = text.split_once(':').ok_or(ExplainError::Header)?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// A token that comes with a proof has the scheme `DPoP` (RFC 9449 section 7.1).
fn request_event(
    token: &str,
    (method, path): (&str, &str),
    mut headers: Vec<(String, String)>,
) -> Value {
    let named = |wanted: &str| {
        headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case(wanted))
    };
    let scheme = if named("dpop") { "DPoP" } else { "Bearer" };
    if !named("authorization") {
        headers.push(("Authorization".to_owned(), format!("{scheme} {token}")));
    }
    let mut several = serde_json::Map::new();
    for (name, value) in &headers {
        let values = several.entry(name.clone()).or_insert_with(|| json!([]));
        if let Value::Array(values) = values {
            values.push(json!(value));
        }
    }
    json!({
        "type": "REQUEST",
        "methodArn": format!("{STAGE_ARN}/{method}{path}"),
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": headers.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "multiValueHeaders": several,
        "queryStringParameters": null,
        "requestContext": {"path": format!("/dev{path}"), "httpMethod": method, "stage": "dev", "identity": {"sourceIp": "127.0.0.1"}},
    })
}

fn token(environment: Environment<'_>) -> Result<String, ExplainError> {
    let text = match environment("TOLLGATE_TOKEN") {
        Some(token) => token,
        None if io::stdin().is_terminal() => {
            rpassword::prompt_password("token: ").map_err(ExplainError::Input)?
        }
        None => {
            let mut text = String::new();
            let mut input = io::stdin().take(MAX_TOKEN_BYTES as u64 + 1);
            input
                .read_to_string(&mut text)
                .map_err(ExplainError::Input)?;
            text
        }
    };
    bare(&text)
}

/// What people paste is often the header's value.
fn bare(text: &str) -> Result<String, ExplainError> {
    let text = text.trim();
    let token = match text.split_once(' ') {
        Some((scheme, token)) if is_scheme(scheme) => token.trim_start(),
        Some(_) | None => text,
    };
    if token.is_empty() {
        return Err(ExplainError::NoToken);
    }
    if token.len() > MAX_TOKEN_BYTES {
        return Err(ExplainError::TokenTooLarge);
    }
    Ok(token.to_owned())
}

fn is_scheme(text: &str) -> bool {
    ["bearer", "dpop"]
        .iter()
        .any(|scheme| text.eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let found = bare(text).map_err(|error| error.to_string());
        match (found, expected) {
            (Ok(token), Ok(expected)) => assert_eq!(token, expected),
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn a_pasted_token_may_have_its_scheme_and_white_space() {
        check("a.b.c\n", Ok("a.b.c"));
        check("Bearer a.b.c", Ok("a.b.c"));
        check("DPoP a.b.c", Ok("a.b.c"));
        check(" bearer  a.b.c \n", Ok("a.b.c"));
        check(" \n", Err("there is no token"));
        check(
            &"a".repeat(MAX_TOKEN_BYTES),
            Ok(&"a".repeat(MAX_TOKEN_BYTES)),
        );
        check(&"a".repeat(MAX_TOKEN_BYTES + 1), Err("this is no token"));
    }

    #[test]
    fn the_scheme_is_dpop_beside_a_proof() {
        let scheme = |headers: &[(&str, &str)]| {
            let headers = headers.iter();
            let headers = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            request_event("t", ("GET", "/a"), headers.collect())["headers"]["Authorization"].clone()
        };
        assert_eq!(scheme(&[]), "Bearer t");
        assert_eq!(scheme(&[("dpop", "p")]), "DPoP t");
        assert_eq!(scheme(&[("Authorization", "Basic x")]), "Basic x");
    }
}
