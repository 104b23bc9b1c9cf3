//! Requests whose credentials are missing, odd or forged.

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::case::case;
use crate::claims::{claims, header, signature, token};
use crate::gateway::{embedded, example};
use crate::http::{self, Reply};

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        case(
            "credentials: none or garbage is 401, and says what is needed",
            none_or_garbage_is_401,
        ),
        case(
            "credentials: the scheme is read in any case",
            the_scheme_is_read_in_any_case,
        ),
        case("credentials: two are one too many", two_are_one_too_many),
        case(
            "credentials: forged tokens are refused",
            forged_tokens_are_refused,
        ),
        case(
            "credentials: a huge header is refused",
            a_huge_header_is_refused,
        ),
        case(
            "credentials: no token is ever logged",
            no_token_is_ever_logged,
        ),
    ]
}

/// `POST /predict` with these values of the header `Authorization`.
fn predict(values: &[&str]) -> Result<Reply> {
    let mut request = embedded()?.request("POST", "/predict")?.json(&example()?);
    for value in values {
        request = request.header("authorization", *value);
    }
    http::send(request)
}

#[track_caller]
fn is_401(reply: Reply) -> Result<()> {
    let reply = reply.expect(401)?;
    let challenge = reply
        .header("www-authenticate")
        .context("no `WWW-Authenticate`")?;
    ensure!(
        challenge.starts_with("Bearer"),
        "`{challenge}` does not ask for a bearer token"
    );
    ensure!(
        reply.json()?["error"].is_string(),
        "no message: {}",
        reply.body
    );
    Ok(())
}

fn none_or_garbage_is_401() -> Result<()> {
    let good = embedded()?.token("predict")?;
    is_401(predict(&[])?).context("no header")?;
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer garbage",
        "Bearer a.b.c",
        "Bearer ..",
        "Basic dG9sbGdhdGU6dG9sbGdhdGU=",
        "Negotiate abc",
        &good,
        &format!("Basic {good}"),
        &format!("Bearer {good}x"),
        &format!("Bearer \"{good}\""),
        &format!("Token {good}"),
    ] {
        is_401(predict(&[value])?).with_context(|| format!("`{value}`"))?;
    }
    Ok(())
}

fn the_scheme_is_read_in_any_case() -> Result<()> {
    let good = embedded()?.token("predict")?;
    for scheme in ["Bearer", "bearer", "BEARER", "bEARER"] {
        predict(&[&format!("{scheme} {good}")])?
            .expect(200)
            .context(scheme)?;
    }
    Ok(())
}

/// Which of them counts would be a guess, even between two equal ones.
fn two_are_one_too_many() -> Result<()> {
    let good = embedded()?.token("predict")?;
    let bearer = format!("Bearer {good}");
    is_401(predict(&[&bearer, &bearer])?).context("two headers")?;
    is_401(predict(&[&bearer, "Basic dG9sbGdhdGU6dG9sbGdhdGU="])?)
        .context("two headers of two schemes")?;
    is_401(predict(&[&format!("{bearer}, {bearer}")])?).context("a list in one header")?;
    is_401(predict(&[&format!("{bearer} {good}")])?).context("two tokens")?;
    Ok(())
}

fn forged_tokens_are_refused() -> Result<()> {
    let gateway = embedded()?;
    let good = gateway.token("other")?;
    let (header, claims, signature) = (header(&good)?, claims(&good)?, signature(&good)?);
    let more = with(&claims, "scope", "predict");
    for (forged, reason) in [
        (token(&header, &more, &signature), "signature"),
        (token(&header, &more, &[]), "signature"),
        (
            token(&with(&header, "alg", "none"), &more, &[]),
            "algorithm",
        ),
        (
            token(&with(&header, "alg", "none"), &claims, &signature),
            "algorithm",
        ),
        (
            token(&with(&header, "alg", "HS256"), &more, &signature),
            "algorithm",
        ),
        (
            token(&with(&header, "kid", "unknown"), &claims, &signature),
            "key_unknown",
        ),
        (
            token(&with(&header, "crit", "exp"), &claims, &signature),
            "critical_header",
        ),
        (
            token(&with(&header, "typ", "logout+jwt"), &claims, &signature),
            "header_type",
        ),
        (
            token(
                &header,
                &with(&claims, "iss", "http://127.0.0.1:1/"),
                &signature,
            ),
            "issuer_unknown",
        ),
        (token(&header, &json!([1]), &signature), "json"),
        (format!("{good}="), "base64"),
        (format!("{good}.{good}"), "not_a_jwt"),
        (format!("{good}.a.b"), "token_encrypted"),
    ] {
        gateway.refuses(&forged, reason)?;
    }
    gateway
        .predict(&good)?
        .expect(403)
        .context("the real one")?;
    Ok(())
}

/// The same object with another text in one field.
fn with(object: &Value, field: &str, text: &str) -> Value {
    let mut object = object.clone();
    object[field] = json!(text);
    object
}

/// The gateway takes 10,240 bytes of headers; what fits but is no token is a 401.
fn a_huge_header_is_refused() -> Result<()> {
    is_401(predict(&[&format!("Bearer {}", "a".repeat(9_000))])?)?;
    let reply = predict(&[&format!("Bearer {}", "a".repeat(20_000))])?;
    ensure!(reply.status == 431, "{}: {}", reply.status, reply.body);
    Ok(())
}

/// Neither an accepted one nor a refused one.
fn no_token_is_ever_logged() -> Result<()> {
    let gateway = embedded()?;
    let good = gateway.token("predict")?;
    let (rest, signed) = good.rsplit_once('.').context("no signature")?;
    gateway.predict(&good)?.expect(200)?;
    gateway
        .predict(&format!(
            "{rest}.{}",
            signed.chars().rev().collect::<String>()
        ))?
        .expect(401)?;
    let log = gateway.process.log();
    let claims = rest.split('.').nth(1).context("no claims")?;
    ensure!(
        !log.contains(signed) && !log.contains(claims),
        "a token is in the log"
    );
    ensure!(
        gateway
            .process
            .stderr()
            .lines()
            .any(|line| line.starts_with('{')),
        "there are no log lines:\n{log}"
    );
    Ok(())
}
