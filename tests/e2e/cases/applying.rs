//! `tollgate keycloak apply` where something goes wrong on the way, and as a service account. The server is a real Keycloak;
//! what it cannot be brought to, a relay before it does.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::apply::{Applied, apply, command, command_at, run, somebodys};
use crate::case::case_with;
use crate::http::text;
use crate::keycloak::{ADMIN, PART, SECRET, keycloak};
use crate::relay::{self, Fault, Relay};
use crate::sam;

/// The client of `gateway-client` whose secret is asked for.
const GATEWAY: &str = "ai-service-client-id";
/// Seconds for which a token is good: long enough for some calls, of which one is held up for longer.
const LIFESPAN: u64 = 4;

/// The cases of this module.
pub fn trials() -> Vec<Trial> {
    let case = |name, run| case_with(&[PART], name, run);
    vec![
        case(
            "keycloak apply: a service account makes realms, and needs its secret",
            a_service_account_makes_realms,
        ),
        case(
            "keycloak apply: an account without a role stops on the way, and goes on with it",
            an_account_lacks_a_role,
        ),
        case(
            "keycloak apply: a token that expires on the way is renewed",
            a_token_expires,
        ),
        case(
            "keycloak apply: what stops on the way says what is done and left, and goes on",
            it_stops_and_goes_on,
        ),
        case(
            "keycloak apply: what is applied is reported where the secret is not delivered",
            a_secret_is_not_delivered,
        ),
    ]
}

/// Makes a client with a service account, whose secret is [`SECRET`], and gives the id of its user.
fn account(realm: &str, client: &str, attributes: &Value) -> Result<String> {
    let keycloak = keycloak()?;
    let body = json!({
        "clientId": client, "secret": SECRET, "serviceAccountsEnabled": true, "standardFlowEnabled": false,
        "attributes": attributes,
    });
    keycloak.admin("POST", &format!("/{realm}/clients"), Some(&body))?;
    let id = client_id(realm, client)?;
    let path = format!("/{realm}/clients/{id}/service-account-user");
    text(&keycloak.admin("GET", &path, None)?.json()?, "id")
}

fn client_id(realm: &str, client: &str) -> Result<String> {
    let path = format!("/{realm}/clients?clientId={client}");
    let found = keycloak()?.admin("GET", &path, None)?.json()?;
    text(&found[0], "id")
}

/// Gives a user a role of the realm.
fn grant(realm: &str, user: &str, role: &str) -> Result<()> {
    let role = keycloak()?
        .admin("GET", &format!("/{realm}/roles/{role}"), None)?
        .json()?;
    let path = format!("/{realm}/users/{user}/role-mappings/realm");
    keycloak()?
        .admin("POST", &path, Some(&json!([role])))
        .map(drop)
}

/// Gives a user roles by which the realm is managed.
fn grant_management(realm: &str, user: &str, roles: &[&str]) -> Result<()> {
    let id = client_id(realm, "realm-management")?;
    for role in roles {
        let path = format!("/{realm}/clients/{id}/roles/{role}");
        let role = keycloak()?.admin("GET", &path, None)?.json()?;
        let path = format!("/{realm}/users/{user}/role-mappings/clients/{id}");
        keycloak()?.admin("POST", &path, Some(&json!([role])))?;
    }
    Ok(())
}

fn nothing_to_change(applied: Applied) -> Result<()> {
    let applied = applied.ok()?;
    ensure!(
        applied.stdout.starts_with("nothing to change\n"),
        "{applied:?}"
    );
    Ok(())
}

/// With the least role that can, and with all of them. Tokens name roles in each realm, and none in one that came later.
fn a_service_account_makes_realms() -> Result<()> {
    for role in ["create-realm", "admin"] {
        let client = format!("account-{role}");
        let user = account("master", &client, &json!({}))?;
        grant("master", &user, role)?;
        let realm = format!("by-{role}");
        let arguments = ["--set-up", "machine-access", "--realm", &realm];
        let arguments = [&arguments[..], &["--admin-client-id", &client]].concat();
        let mut wrong = command_at(&keycloak()?.url, &arguments)?;
        run(wrong.env("TOLLGATE_KEYCLOAK_CLIENT_SECRET", "a-wrong-secret"))?
            .failed(&["does not sign the administrator in (status 401", "--admin-"])?
            .hides(&["a-wrong-secret"])?;
        let by_account = || run(&mut command_at(&keycloak()?.url, &arguments)?);
        let first = by_account()?.ok().context(role)?;
        let all = ["create realm\n", "changes made\n"];
        ensure!(
            all.iter().all(|words| first.stdout.contains(words)),
            "{first:?}"
        );
        nothing_to_change(by_account()?)?;
        nothing_to_change(apply("machine-access", &["--realm", &realm])?)?;
    }
    Ok(())
}

/// Keycloak itself refuses, by a realm's own account that may manage clients and not users.
fn an_account_lacks_a_role() -> Result<()> {
    const REALM: &str = "managed";
    somebodys(REALM)?;
    let user = account(REALM, "manager", &json!({}))?;
    let roles = ["view-realm", "manage-clients", "view-users"];
    grant_management(REALM, &user, &roles)?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("set-up.json");
    let client = json!({
        "clientId": "added", "implicitFlowEnabled": false, "standardFlowEnabled": false,
        "fullScopeAllowed": false, "serviceAccountsEnabled": true,
    });
    let set_up =
        json!({"clients": [client], "users": [{"username": "added-user", "enabled": false}]});
    fs::write(&file, set_up.to_string())?;
    let file = file.display().to_string();
    let options = [
        "--file",
        &file,
        "--realm",
        REALM,
        "--admin-realm",
        REALM,
        "--admin-client-id",
        "manager",
    ];
    let by_account = || run(&mut command_at(&keycloak()?.url, &options)?);
    by_account()?.failed(&[
        "it is safe to apply again",
        "\n  done: 1 change\n  create client `added`\n  left: 1 change\n  create user `added-user`\n",
        "\n  failed: create user `added-user`: Keycloak answers `POST /managed/users` with status 403",
        "the administrator lacks a role",
    ])?;
    grant_management(REALM, &user, &["manage-users"])?;
    let second = by_account()?.ok()?;
    let made = "create user `added-user`\n1 change made\n";
    ensure!(second.stdout.starts_with(made), "{second:?}");
    nothing_to_change(by_account()?)
}

/// The server takes a token no longer that it has taken a moment ago.
fn a_token_expires() -> Result<()> {
    let lifespan = json!({"access.token.lifespan": LIFESPAN.to_string()});
    let user = account("master", "short-lived-account", &lifespan)?;
    grant("master", &user, "admin")?;
    let pause = Duration::from_secs(LIFESPAN + 1);
    let relay = Relay::start(&keycloak()?.url, Fault::HoldUp(3, pause))?;
    let options = ["--set-up", "protected-api", "--realm", "renewed"];
    let options = [&options[..], &["--admin-client-id", "short-lived-account"]].concat();
    run(&mut command_at(&relay.url, &options)?)?.ok()?;
    let seen = relay.seen();
    ensure!(
        seen.unauthorized > 0 && seen.sign_ins > seen.unauthorized,
        "no token has expired: {seen:?}"
    );
    nothing_to_change(apply("protected-api", &["--realm", "renewed"])?)
}

fn it_stops_and_goes_on() -> Result<()> {
    const PERHAPS: &str = "\n  failed, and perhaps done nevertheless: ";
    for (number, (fault, done, words)) in [
        (
            Fault::Refuse(1, 403),
            0,
            &["\n  failed: create realm: ", "status 403", "lacks a role"][..],
        ),
        (Fault::Refuse(4, 403), 3, &["\n  failed: ", "status 403"]),
        (Fault::Refuse(6, 500), 5, &[PERHAPS, "status 500"]),
        (Fault::Silence(6), 5, &[PERHAPS, "cannot be reached"]),
        (Fault::LoseAnswer(1), 0, &[PERHAPS, "create realm: "]),
        (Fault::LoseAnswer(7), 6, &[PERHAPS, "cannot be reached"]),
    ]
    .into_iter()
    .enumerate()
    {
        let realm = format!("stopped-{number}");
        stops_and_goes_on(&realm, fault, done, words).with_context(|| format!("{fault:?}"))?;
    }
    programs_are_told()
}

/// In JSON, and by a code that is no other than that of failures.
fn programs_are_told() -> Result<()> {
    let relay = Relay::start(&keycloak()?.url, Fault::Refuse(4, 403))?;
    let options = ["--set-up", "machine-access", "--realm", "stopped-json"];
    let asked = ["--admin-username", ADMIN, "--json", "--exit-code"];
    let stopped = run(&mut command_at(&relay.url, &[options, asked].concat())?)?
        .failed(&["it is safe to apply again"])?;
    let printed: Value = serde_json::from_str(&stopped.stdout)?;
    let names = |member: &str| -> Vec<String> {
        let changes = printed[member].as_array().into_iter().flatten();
        let name = |change: &Value| {
            Some(format!(
                "{} {}",
                text(change, "action").ok()?,
                text(change, "what").ok()?
            ))
        };
        changes.filter_map(name).collect()
    };
    let (made, left) = lists(&stopped.stderr)?;
    ensure!(
        names("changes") == made && names("left") == left && printed["written"] == true,
        "{stopped:?}"
    );
    ensure!(made.len() == 3 && !left.is_empty(), "{stopped:?}");
    Ok(())
}

fn stops_and_goes_on(realm: &str, fault: Fault, done: usize, words: &[&str]) -> Result<()> {
    let relay = Relay::start(&keycloak()?.url, fault)?;
    let options = ["--set-up", "machine-access", "--realm", realm];
    let options = [&options[..], &["--admin-username", ADMIN]].concat();
    let stopped = run(&mut command_at(&relay.url, &options)?)?
        .failed(words)?
        .failed(&["it is safe to apply again"])?;
    ensure!(stopped.stdout.is_empty(), "{stopped:?}");
    let (made, left) = lists(&stopped.stderr)?;
    ensure!(made.len() == done, "{stopped:?}");
    // What the server itself says is left.
    let plan = apply("machine-access", &["--realm", realm, "--plan"])?.ok()?;
    let planned: Vec<_> = plan.stdout.lines().filter(|line| is_change(line)).collect();
    let as_expected = match fault {
        // It has made scopes and roles by itself, of which some must change.
        Fault::LoseAnswer(1) => !planned.contains(&"create realm") && planned.len() < left.len(),
        // The one that it was not heard about is done, and so may be what comes with another.
        Fault::LoseAnswer(_) => {
            let all_named = planned.iter().all(|line| left.contains(line));
            let is_lost = |line: &&str| stopped.stderr.contains(&format!("nevertheless: {line}: "));
            all_named && left.iter().any(is_lost) && !planned.iter().any(is_lost)
        }
        Fault::Refuse(..) | Fault::Silence(_) | Fault::HoldUp(..) => planned == left,
    };
    ensure!(as_expected, "{plan:?} {stopped:?}");
    let second = apply("machine-access", &["--realm", realm])?.ok()?;
    ensure!(second.stdout.contains("made\n"), "{second:?}");
    nothing_to_change(apply("machine-access", &["--realm", realm])?)
}

/// The changes that an error names as done, and as left.
fn lists(error: &str) -> Result<(Vec<&str>, Vec<&str>)> {
    let (_, rest) = error.split_once("  done: ").context("nothing done")?;
    let (done, rest) = rest.split_once("  left: ").context("nothing left")?;
    let (left, _) = rest.split_once("  failed").context("nothing failed")?;
    let changes = |text| {
        let lines = str::lines(text).map(str::trim);
        lines.filter(|line| is_change(line)).collect()
    };
    Ok((changes(done), changes(left)))
}

fn is_change(line: &str) -> bool {
    let starts = ["create ", "change ", "add ", "remove "];
    starts.iter().any(|start| line.starts_with(start))
}

fn a_secret_is_not_delivered() -> Result<()> {
    const REALM: &str = "undelivered";
    somebodys(REALM)?;
    let folder = tempfile::tempdir()?;
    let to = |name: &str| folder.path().join(name).display().to_string();
    let with_file = |file: &str, arguments: &[&str]| {
        let fixed = ["--realm", REALM, "--secret-file", file];
        apply("gateway-client", &[&fixed[..], arguments].concat())
    };
    // Nothing is changed if it is known before: the next call still makes everything.
    with_file(&to("none/secret"), &[])?.failed(&["cannot be written"])?;
    // Shorter than the longest name there is, which leaves no room for what is written beside it.
    let long = to(&"s".repeat(250));
    let failed = with_file(&long, &[])?.failed(&[
        "the realm `undelivered` is applied; only the secret of client `ai-service-client-id` was not delivered",
        "apply again with the same options, which changes nothing else",
        "\n  the reason: `",
    ])?;
    let id = client_id(REALM, GATEWAY)?;
    for words in [
        "create client `ai-service-client-id`\n".to_owned(),
        " changes made\n".to_owned(),
        format!("client `ai-service-client-id`: id {id}\n"),
        "secret of `ai-service-client-id`: not delivered\n".to_owned(),
    ] {
        ensure!(failed.stdout.contains(&words), "no `{words}`: {failed:?}");
    }
    let old = secret_now(REALM)?;
    failed.hides(&[&old])?;
    let store = refusing_store()?;
    let refused = |arguments: &[&str]| -> Result<Applied> {
        let fixed = ["--realm", REALM, "--secret-to-secrets-manager", "a/secret"];
        let mut command = command("gateway-client", &[&fixed[..], arguments].concat())?;
        command
            .envs([
                ("AWS_ENDPOINT_URL", store.as_str()),
                ("AWS_REGION", sam::REGION),
            ])
            .envs([
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
            ]);
        run(&mut command)?
            .failed(&["AWS Secrets Manager refuses `a/secret`: AccessDeniedException"])
    };
    let failed = refused(&["--json"])?.hides(&[&old])?;
    let printed: Value = serde_json::from_str(&failed.stdout)?;
    ensure!(
        printed["clients"][GATEWAY] == json!(id)
            && printed["secret"] == json!({"client": GATEWAY, "place": null}),
        "{failed:?}"
    );
    let failed = refused(&["--new-secret"])?.failed(&["apply again without `--new-secret`"])?;
    let new = secret_now(REALM)?;
    ensure!(new != old, "the secret is the same");
    failed.hides(&[&old, &new])?;
    let file = to("secret");
    let delivered = with_file(&file, &[])?.hides(&[&new])?;
    nothing_to_change(delivered)?;
    ensure!(fs::read_to_string(&file)? == new, "another secret");
    Ok(())
}

/// What Keycloak says it is.
fn secret_now(realm: &str) -> Result<String> {
    let id = client_id(realm, GATEWAY)?;
    let path = format!("/{realm}/clients/{id}/client-secret");
    text(&keycloak()?.admin("GET", &path, None)?.json()?, "value")
}

/// What answers as AWS does whoever may read secrets and not write them, until the tests end.
fn refusing_store() -> Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let url = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let Ok(request) = relay::request(&mut stream) else {
                continue;
            };
            let reads = String::from_utf8_lossy(&request).contains("secretsmanager.GetSecretValue");
            let kind = match reads {
                true => "ResourceNotFoundException",
                false => "AccessDeniedException",
            };
            let body = json!({"__type": kind, "Message": "no"}).to_string();
            let head = format!(
                "HTTP/1.1 400 \r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    Ok(url)
}
