//! A real Keycloak with `infra/keycloak/ml-models/realm.json` imported, and the parts of its admin API that
//! the cases need.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

pub use crate::http::text;
use crate::http::{self, Reply};
use crate::process::Process;
use crate::setup;
use crate::shared::Shared;

/// The part that it is installed as.
pub const PART: &str = "keycloak";
/// The audience of the realm's tokens.
pub const AUDIENCE: &str = "ml-api";
/// The confidential client that gets tokens.
pub const CLIENT: &str = "ml-model-api";
/// Its secret, which the realm takes from the environment.
pub const SECRET: &str = "known-to-the-tests-alone";
/// The user for tests.
pub const USER: &str = "ml-tester";
/// The user's password, which the realm takes from the environment.
pub const PASSWORD: &str = "also-known-to-the-tests-alone";

const REALM: &str = "ml-models";
/// The administrator, whose password is [`SECRET`].
pub const ADMIN: &str = "admin";
/// A first start on a busy machine.
const READY: Duration = Duration::from_secs(240);
const POLL: Duration = Duration::from_millis(200);

/// The running server.
#[derive(Debug)]
pub struct Keycloak {
    /// Without a slash at the end.
    pub url: String,
    sign_in: Mutex<()>,
    process: Process,
    _home: TempDir,
}

/// The shared server, started at the first call.
pub fn keycloak() -> Result<&'static Keycloak> {
    static SHARED: Shared<Keycloak> = Shared::new(Keycloak::start);
    SHARED.get().context("Keycloak")
}

impl Keycloak {
    /// The issuer of the imported realm.
    pub fn issuer(&self) -> String {
        self.issuer_of(REALM)
    }

    /// The issuer of any realm.
    pub fn issuer_of(&self, realm: &str) -> String {
        format!("{}/realms/{realm}", self.url)
    }

    /// An access token of the client itself, with these optional scopes.
    pub fn client_token(&self, scope: &str) -> Result<String> {
        text(&self.machine_tokens(CLIENT, scope)?, "access_token")
    }

    /// To be held during a sign-in of the user: the realm's protection against guessed passwords
    /// refuses a second one at the same time.
    pub fn sign_in_alone(&self) -> MutexGuard<'_, ()> {
        self.sign_in.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What any client of the realm gets for itself.
    pub fn machine_tokens(&self, client: &str, scope: &str) -> Result<Value> {
        let mut grant = vec![("grant_type", "client_credentials")];
        grant.extend((!scope.is_empty()).then_some(("scope", scope)));
        self.tokens(&self.issuer(), client, &grant)
    }

    /// All the tokens that the test user gets with a password, the ID token included.
    pub fn user_tokens(&self, scope: &str) -> Result<Value> {
        let _alone = self.sign_in_alone();
        let scope = format!("openid {scope}");
        let grant = [
            ("grant_type", "password"),
            ("username", USER),
            ("password", PASSWORD),
            ("scope", &scope),
        ];
        self.tokens(&self.issuer(), CLIENT, &grant)
    }

    /// What the token endpoint of an issuer gives one of our clients, all of which share a secret.
    pub fn tokens(&self, issuer: &str, client: &str, grant: &[(&str, &str)]) -> Result<Value> {
        let form = [grant, &[("client_id", client), ("client_secret", SECRET)]].concat();
        let url = format!("{issuer}/protocol/openid-connect/token");
        http::send(http::request("POST", &url)?.form(&form))?
            .expect(200)?
            .json()
    }

    /// A call of the admin API, under `/admin/realms`.
    pub fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Reply> {
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", ADMIN),
            ("password", SECRET),
        ];
        let url = format!("{}/protocol/openid-connect/token", self.issuer_of("master"));
        let tokens = http::send(http::request("POST", &url)?.form(&form))?
            .expect(200)?
            .json()?;
        let request = http::request(method, &format!("{}/admin/realms{path}", self.url))?
            .bearer_auth(text(&tokens, "access_token")?);
        let reply = http::send(match body {
            Some(body) => request.json(body),
            None => request,
        })?;
        ensure!(
            reply.status < 300,
            "{method} {path}: {} {}",
            reply.status,
            reply.body
        );
        Ok(reply)
    }

    /// Makes a second realm from the same file, so that only the issuer and the keys differ.
    pub fn import_again_as(&self, realm: &str) -> Result<()> {
        self.admin("POST", "", Some(&realm_named(realm)?)).map(drop)
    }

    /// Makes a client like the realm's own, with attributes that change its tokens.
    pub fn add_client(&self, client: &str, attributes: &Value) -> Result<()> {
        self.add_client_with(
            client,
            attributes,
            &["basic", "roles", "acr", "ml-api-audience"],
        )
    }

    /// Makes a client with these scopes in all of its tokens, and `predict` in those that ask.
    pub fn add_client_with(&self, client: &str, attributes: &Value, scopes: &[&str]) -> Result<()> {
        let body = json!({
            "clientId": client,
            "secret": SECRET,
            "standardFlowEnabled": false,
            "implicitFlowEnabled": false,
            "serviceAccountsEnabled": true,
            "fullScopeAllowed": false,
            "attributes": attributes,
            "defaultClientScopes": scopes,
            "optionalClientScopes": ["predict"],
        });
        self.admin("POST", &format!("/{REALM}/clients"), Some(&body))
            .map(drop)
    }

    /// Gives a client of the realm a new secret.
    pub fn new_secret(&self, client: &str) -> Result<String> {
        let clients = self.admin("GET", &format!("/{REALM}/clients?clientId={client}"), None)?;
        let id = text(&clients.json()?[0], "id")?;
        let path = format!("/{REALM}/clients/{id}/client-secret");
        text(&self.admin("POST", &path, None)?.json()?, "value")
    }

    /// Makes a new signing key, which signs every token from now on.
    pub fn rotate_signing_key(&self) -> Result<()> {
        let body = json!({
            "name": "rotated",
            "providerId": "rsa-generated",
            "providerType": "org.keycloak.keys.KeyProvider",
            "config": {"priority": ["1000"], "algorithm": ["RS256"]},
        });
        self.admin("POST", &format!("/{REALM}/components"), Some(&body))
            .map(drop)
    }

    fn start() -> Result<Self> {
        let home = home(&setup::part(PART).context("not installed")?)?;
        let process = Process::start(&mut command(home.path()))?;
        let url = process.wait_for(READY, |line| address(line, "Listening on: "))?;
        let management = process.wait_for(READY, |line| {
            address(line, "Management interface listening on ")
        })?;
        let server = Self {
            url,
            sign_in: Mutex::new(()),
            process,
            _home: home,
        };
        wait_until_healthy(&management).with_context(|| server.process.log())?;
        Ok(server)
    }
}

/// A home of its own: the installed server stays as it is, whatever this run imports and writes.
fn home(installed: &Path) -> Result<TempDir> {
    let home = tempfile::tempdir()?;
    for shared in ["lib", "providers", "themes"] {
        symlink(installed.join(shared), home.path().join(shared))?;
    }
    for folder in ["bin", "conf", "data/import"] {
        fs::create_dir_all(home.path().join(folder))?;
    }
    for file in ["bin/kc.sh", "conf/keycloak.conf"] {
        fs::copy(installed.join(file), home.path().join(file))?;
    }
    fs::copy(realm_file(), home.path().join("data/import/realm.json"))?;
    Ok(home)
}

/// `--cache=local`: without it a cluster listens beyond loopback.
fn command(home: &Path) -> Command {
    let mut command = Command::new(home.join("bin/kc.sh"));
    command
        .args([
            "start",
            "--optimized",
            "--import-realm",
            "--cache=local",
            "--http-enabled=true",
        ])
        .args([
            "--hostname-strict=false",
            "--http-host=127.0.0.1",
            "--http-port=0",
        ])
        .arg("--http-management-port=0")
        .env("JAVA_OPTS_APPEND", "-XX:TieredStopAtLevel=1")
        .env("KC_BOOTSTRAP_ADMIN_USERNAME", ADMIN)
        .env("KC_BOOTSTRAP_ADMIN_PASSWORD", SECRET)
        .envs(secrets());
    command
}

/// What the realm's file takes from the environment.
fn secrets() -> HashMap<&'static str, &'static str> {
    HashMap::from([
        ("ML_MODEL_API_CLIENT_SECRET", SECRET),
        ("ML_TEST_USER_ENABLED", "true"),
        ("ML_TEST_USER_PASSWORD", PASSWORD),
    ])
}

/// The file under another name and with its references resolved, as the admin API wants it.
fn realm_named(name: &str) -> Result<Value> {
    let text = fs::read_to_string(realm_file())?.replace(REALM, name);
    let secrets = secrets();
    let mut parts = text.split("${");
    let mut realm = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (reference, rest) = part.split_once('}').context("a reference without an end")?;
        let (name, default) = reference.split_once(':').unwrap_or((reference, ""));
        match (secrets.get(name), default) {
            (Some(value), _) => realm.push_str(value),
            // A text of Keycloak's own, which it looks up when it is shown.
            (None, "") => realm.push_str(&format!("${{{name}}}")),
            (None, default) => realm.push_str(default),
        }
        realm.push_str(rest);
    }
    Ok(serde_json::from_str(&realm)?)
}

fn realm_file() -> PathBuf {
    setup::repository().join("infra/keycloak/ml-models/realm.json")
}

/// The address after a marker in a line of the log, which may end in a full stop.
fn address(line: &str, marker: &str) -> Option<String> {
    let (_, rest) = line.split_once(marker)?;
    let address = rest.split_whitespace().next()?;
    Some(address.trim_end_matches('.').to_owned())
}

/// The main port opens long before the import is done.
fn wait_until_healthy(management: &str) -> Result<()> {
    let started = Instant::now();
    while !http::get(&format!("{management}/health/ready"), None)
        .is_ok_and(|reply| reply.status == 200)
    {
        ensure!(
            started.elapsed() < READY,
            "it was not ready after {READY:?}"
        );
        thread::sleep(POLL);
    }
    Ok(())
}
