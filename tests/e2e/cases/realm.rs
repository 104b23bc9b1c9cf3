//! A real Keycloak, with the realm of `infra/keycloak`, behind the local gateway.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::case::case_with;
use crate::claims::{claims, header};
use crate::gateway::{self, Gateway, example};
use crate::http::text;
use crate::keycloak::{AUDIENCE, CLIENT, PART, PASSWORD, SECRET, USER, keycloak};
use crate::process::Process;
use crate::shared::Shared;

/// A few polls of the token endpoint.
const CONFIRMED: Duration = Duration::from_secs(60);

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    let case = |name, run| case_with(&[PART], name, run);
    vec![
        case(
            "keycloak: the realm's tokens have the shape that its page promises",
            tokens_have_their_shape,
        ),
        case(
            "keycloak: tokens of a client and of a user are accepted",
            tokens_are_accepted,
        ),
        case(
            "keycloak: `tollgate token` gets both kinds",
            tollgate_token_gets_both_kinds,
        ),
        case(
            "keycloak: a person confirms a device's code",
            a_person_confirms_a_code,
        ),
        case(
            "keycloak: ID and refresh tokens are refused",
            other_kinds_of_token_are_refused,
        ),
        case(
            "keycloak: an expired token is refused",
            an_expired_token_is_refused,
        ),
        case(
            "keycloak: a token of another realm is refused",
            another_realm_is_refused,
        ),
        case(
            "keycloak: a token without the audience is refused",
            no_audience_is_refused,
        ),
        case(
            "keycloak: a token without the scope is denied, not refused",
            without_the_scope_it_is_denied,
        ),
        case(
            "keycloak: a role opens what a rule says",
            a_role_opens_what_a_rule_says,
        ),
        case(
            "keycloak: tokens in other signed forms are accepted",
            other_signed_forms_are_accepted,
        ),
        case(
            "keycloak: a new signing key works at once",
            a_new_signing_key_works_at_once,
        ),
    ]
}

/// The shared gateway that trusts the realm, under the rules that are delivered.
fn gateway() -> Result<&'static Gateway> {
    static SHARED: Shared<Gateway> = Shared::new(start);
    SHARED.get()
}

fn start() -> Result<Gateway> {
    Gateway::start(&["--issuer", &keycloak()?.issuer(), "--audience", AUDIENCE])
}

fn tokens_have_their_shape() -> Result<()> {
    let machine = claims(&keycloak()?.client_token("predict")?)?;
    let user = claims(&text(&keycloak()?.user_tokens("predict")?, "access_token")?)?;
    for (claims, name) in [(machine, "service-account-ml-model-api"), (user, USER)] {
        ensure!(
            claims["aud"] == AUDIENCE,
            "the API is not the only audience: {claims}"
        );
        ensure!(
            claims["realm_access"]["roles"] == json!(["ml-user"]),
            "the roles differ: {claims}"
        );
        ensure!(
            scopes(&claims).contains(&"predict"),
            "the scope is missing: {claims}"
        );
        ensure!(
            claims["azp"] == CLIENT && claims["typ"] == "Bearer",
            "the client or type differs: {claims}"
        );
        ensure!(
            claims["sub"].is_string() && claims["preferred_username"] == name,
            "the subject differs: {claims}"
        );
    }
    Ok(())
}

fn tokens_are_accepted() -> Result<()> {
    gateway()?
        .predict(&keycloak()?.client_token("predict")?)?
        .expect(200)?;
    let user = text(&keycloak()?.user_tokens("predict")?, "access_token")?;
    gateway()?.predict(&user)?.expect(200)?;
    Ok(())
}

fn tollgate_token_gets_both_kinds() -> Result<()> {
    let issuer = keycloak()?.issuer();
    let machine = gateway::token(&issuer, CLIENT, SECRET, "predict")?;
    gateway()?.predict(&machine)?.expect(200)?;
    let mut command = gateway::tollgate()?;
    command.args([
        "token",
        "--issuer",
        &issuer,
        "--client-id",
        CLIENT,
        "--username",
        USER,
        "--scope",
        "predict",
    ]);
    command
        .env("TOLLGATE_CLIENT_SECRET", SECRET)
        .env("TOLLGATE_PASSWORD", PASSWORD);
    let _alone = keycloak()?.sign_in_alone();
    let user = gateway::printed_token(&mut command)?;
    ensure!(
        claims(&user)?["preferred_username"] == USER,
        "it is not the user's token"
    );
    gateway()?.predict(&user)?.expect(200)?;
    Ok(())
}

/// The client's settings demand PKCE here as well.
fn a_person_confirms_a_code() -> Result<()> {
    let issuer = keycloak()?.issuer();
    let mut command = gateway::tollgate()?;
    command.args([
        "token",
        "--issuer",
        &issuer,
        "--client-id",
        CLIENT,
        "--device",
        "--scope",
        "predict",
    ]);
    let process = Process::start(command.env("TOLLGATE_CLIENT_SECRET", SECRET))?;
    let address = |line: &str| {
        line.split_whitespace()
            .find(|word| word.starts_with("http"))
            .map(str::to_owned)
    };
    let url = process.wait_for(CONFIRMED, address)?;
    let page = {
        let _alone = keycloak()?.sign_in_alone();
        Browser::default().sign_in(&url, USER, PASSWORD)?
    };
    ensure!(
        process.wait(CONFIRMED)?.success(),
        "no token after this page: {page}"
    );
    let token = process.stdout();
    ensure!(
        claims(&token)?["preferred_username"] == USER,
        "it is not the user's token"
    );
    gateway()?.predict(token.trim_end())?.expect(200)?;
    Ok(())
}

fn other_kinds_of_token_are_refused() -> Result<()> {
    let tokens = keycloak()?.user_tokens("predict")?;
    let (access, id) = (text(&tokens, "access_token")?, text(&tokens, "id_token")?);
    ensure!(
        header(&access)? == header(&id)?,
        "the ID token is expected to look like an access token"
    );
    gateway()?.refuses(&id, "audience")?;
    gateway()?.refuses(&text(&tokens, "refresh_token")?, "algorithm")?;
    let offline = keycloak()?.user_tokens("offline_access")?;
    gateway()?.refuses(&text(&offline, "refresh_token")?, "algorithm")?;
    // Where the audience is the client itself, the type is all that tells the two apart.
    let careless = Gateway::start(&["--issuer", &keycloak()?.issuer(), "--audience", CLIENT])?;
    careless.refuses(&id, "not_an_access_token")
}

/// With no leeway: the default one would only make the test slower.
fn an_expired_token_is_refused() -> Result<()> {
    let keycloak = keycloak()?;
    keycloak.add_client("short-lived", &json!({"access.token.lifespan": "4"}))?;
    let access = access_file(&format!(
        "    leeway: 0s\nrules:\n{}",
        rule("{scope: predict}")
    ))?;
    let gateway = Gateway::start(&["--access", &access.path().display().to_string()])?;
    let token = || -> Result<String> {
        text(
            &keycloak.machine_tokens("short-lived", "predict")?,
            "access_token",
        )
    };
    let (used, unused) = (token()?, token()?);
    gateway
        .predict(&used)?
        .expect(200)
        .context("before it expires")?;
    let expiry = claims(&unused)?["exp"].as_u64().context("no `exp`")?;
    while UNIX_EPOCH + Duration::from_secs(expiry) >= now() {
        thread::sleep(Duration::from_millis(100));
    }
    gateway.refuses(&unused, "expired")?;
    // The gateway still remembers what this one opened, and until when.
    gateway.predict(&used)?.expect(403)?;
    Ok(())
}

fn another_realm_is_refused() -> Result<()> {
    let keycloak = keycloak()?;
    keycloak.import_again_as("elsewhere")?;
    let grant = [("grant_type", "client_credentials"), ("scope", "predict")];
    let tokens = keycloak.tokens(&keycloak.issuer_of("elsewhere"), CLIENT, &grant)?;
    let token = text(&tokens, "access_token")?;
    ensure!(
        claims(&token)?["aud"] == AUDIENCE,
        "the realms differ in more than the issuer"
    );
    gateway()?.refuses(&token, "issuer_unknown")
}

/// What a client gets that nobody gave the scope `ml-api-audience`.
fn no_audience_is_refused() -> Result<()> {
    let keycloak = keycloak()?;
    let scopes = ["basic", "roles"];
    keycloak.add_client_with("stranger", &json!({}), &scopes)?;
    let token = text(
        &keycloak.machine_tokens("stranger", "predict")?,
        "access_token",
    )?;
    ensure!(
        claims(&token)?["scope"] == "predict",
        "the scope is not granted"
    );
    gateway()?.refuses(&token, "claim")
}

fn without_the_scope_it_is_denied() -> Result<()> {
    let token = keycloak()?.client_token("ml-model-api-scope")?;
    ensure!(
        scopes(&claims(&token)?).contains(&"ml-model-api-scope"),
        "the other scope is not granted"
    );
    gateway()?.predict(&token)?.expect(403)?;
    gateway()?.get("/v2", Some(&token))?.expect(200)?;
    Ok(())
}

fn a_role_opens_what_a_rule_says() -> Result<()> {
    let token = keycloak()?.client_token("")?;
    for (role, status) in [("ml-user", 200), ("ml-admin", 403)] {
        let access = access_file(&format!("rules:\n{}", rule(&format!("{{role: {role}}}"))))?;
        let mut dev = gateway::dev(&["--access", &access.path().display().to_string()])?;
        let gateway = Gateway::start_with(dev.env("MODEL_GRANTS", "roles=ml-user"))?;
        gateway.predict(&token)?.expect(status).context(role)?;
    }
    Ok(())
}

/// Header `at+jwt` (RFC 9068), and elliptic curves.
fn other_signed_forms_are_accepted() -> Result<()> {
    let keycloak = keycloak()?;
    let forms = [
        (
            "rfc9068",
            json!({"access.token.header.type.rfc9068": "true"}),
            ("typ", "at+jwt"),
        ),
        (
            "es256",
            json!({"access.token.signed.response.alg": "ES256"}),
            ("alg", "ES256"),
        ),
        (
            "eddsa",
            json!({"access.token.signed.response.alg": "EdDSA"}),
            ("alg", "EdDSA"),
        ),
    ];
    for (client, attributes, (field, value)) in forms {
        keycloak.add_client(client, &attributes)?;
        let token = text(&keycloak.machine_tokens(client, "predict")?, "access_token")?;
        ensure!(header(&token)?[field] == value, "`{client}` has no effect");
        gateway()?.predict(&token)?.expect(200).context(client)?;
    }
    Ok(())
}

/// The old token keeps working: its key is still published.
fn a_new_signing_key_works_at_once() -> Result<()> {
    let keycloak = keycloak()?;
    let gateway = start()?;
    let old = keycloak.client_token("predict")?;
    gateway.predict(&old)?.expect(200)?;
    keycloak.rotate_signing_key()?;
    let new = keycloak.client_token("predict")?;
    ensure!(
        header(&new)?["kid"] != header(&old)?["kid"],
        "the key is the same"
    );
    gateway
        .predict(&new)?
        .expect(200)
        .context("with the new key")?;
    gateway
        .post("/predict/wine", Some(&old), &example()?)?
        .expect(200)
        .context("with the old key")?;
    Ok(())
}

/// An access table that trusts the realm, and continues as given.
fn access_file(rest: &str) -> Result<tempfile::NamedTempFile> {
    let issuer = keycloak()?.issuer();
    gateway::access_file(&format!(
        "issuers:\n  - issuer: {issuer}\n    audience: {AUDIENCE}\n{rest}"
    ))
}

fn rule(require: &str) -> String {
    format!("  - allow: [POST /predict]\n    require: {require}\n")
}

fn scopes(claims: &Value) -> Vec<&str> {
    claims["scope"]
        .as_str()
        .unwrap_or_default()
        .split(' ')
        .collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a token's real expiry is waited for"
)]
fn now() -> SystemTime {
    SystemTime::now()
}
