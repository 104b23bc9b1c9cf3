//! `tollgate keycloak apply`: makes a running Keycloak have what a set-up states, by its admin API, and nothing else.

mod address;
mod adjust;
mod admin;
mod changes;
mod destination;
mod difference;
mod error;
mod placeholders;
mod plan;
mod resource;
mod secrets_manager;
mod server;
mod setup;
mod text;
mod weak;

use std::fs;
use std::time::Duration;

use crate::Environment;
use crate::cli::{ApplyOptions, SetUpName};
use crate::token::{self, Secret};
use crate::web;
use admin::{Admin, Administrator};
use destination::Destination;
pub use error::KeycloakError;
use placeholders::Values;
use plan::{Change, Snapshot, plan};
use resource::Key;
use server::Server;
use setup::{SecretClient, SetUp, Wishes};

/// How long Keycloak may take for one answer: it makes the keys of a new realm meanwhile.
const TIMEOUT: Duration = Duration::from_secs(60);
/// A realm; what is in it; roles of new clients; who has those; and one to see that nothing is left.
const ROUNDS: usize = 6;
const CLIENT_SECRET: &str = "TOLLGATE_KEYCLOAK_CLIENT_SECRET";
const PASSWORD: &str = "TOLLGATE_KEYCLOAK_PASSWORD";

/// What is printed, and how it went.
#[derive(Debug)]
pub struct Outcome {
    /// The text or JSON.
    pub text: String,
    /// Whether the server differed, and `--exit-code` asks for a code of its own then.
    pub differs: bool,
}

/// Everything that has been found and done.
#[derive(Debug)]
struct Report {
    realm: String,
    /// What the set-up states.
    stated: Vec<Key>,
    changes: Vec<Change>,
    snapshot: Snapshot,
    written: bool,
    secret: Option<Delivered>,
}

/// A secret that was asked for, and where it is now.
#[derive(Debug)]
struct Delivered {
    client: String,
    place: String,
    /// For standard output alone.
    shown: Option<Secret>,
}

/// Applies a set-up, or says what that would change.
pub async fn run(
    options: &ApplyOptions,
    environment: Environment<'_>,
) -> Result<Outcome, KeycloakError> {
    let set_up = read(options, environment)?;
    let client = secret_client(options, &set_up)?;
    let destination = destination::of(options, environment)?;
    let admin = Admin {
        http: web::client(&options.url, TIMEOUT).map_err(KeycloakError::Client)?,
        url: options.url.clone(),
        realm: options.admin_realm.clone(),
        administrator: administrator(options, environment)?,
        token: None,
    };
    let mut server = Server {
        admin,
        realm: set_up.realm.clone(),
    };
    let snapshot = server.read(&set_up.steps).await?;
    if !set_up.own_realm && snapshot.id(&Key::Realm).is_none() {
        return Err(KeycloakError::NoRealm(set_up.realm));
    }
    let changes = plan(&set_up.steps, &snapshot);
    refuse_unusable(&changes)?;
    let differs = options.exit_code && !changes.is_empty();
    let mut report = Report {
        realm: set_up.realm.clone(),
        stated: set_up.keys(),
        changes,
        snapshot,
        written: !options.plan,
        secret: None,
    };
    if !options.plan {
        apply(&mut server, &set_up, &mut report).await?;
        if let (Some(destination), Some(client)) = (destination, client) {
            let delivered = deliver(
                &mut server,
                &report.snapshot,
                client,
                options.new_secret,
                &destination,
            );
            report.secret = Some(delivered.await?);
        }
    }
    let text = match options.json {
        true => text::json(&report),
        false => text::plain(&report),
    };
    Ok(Outcome { text, differs })
}

/// Until nothing differs: what is made in one round gives the ids for the next.
async fn apply(
    server: &mut Server,
    set_up: &SetUp,
    report: &mut Report,
) -> Result<(), KeycloakError> {
    let mut left = report.changes.clone();
    for _ in 0..ROUNDS {
        if left.is_empty() {
            return Ok(());
        }
        server.make(&left, &report.snapshot).await?;
        report.snapshot = server.read(&set_up.steps).await?;
        left = plan(&set_up.steps, &report.snapshot);
    }
    let left: Vec<_> = left.iter().map(ToString::to_string).collect();
    Err(KeycloakError::NotKept(left.join("\n")))
}

async fn deliver(
    server: &mut Server,
    snapshot: &Snapshot,
    client: String,
    new: bool,
    destination: &Destination,
) -> Result<Delivered, KeycloakError> {
    let id = snapshot
        .id(&Key::Client(client.clone()))
        .unwrap_or_default();
    let secret = server.secret(id, new).await?;
    let secret = secret.ok_or_else(|| KeycloakError::NoSecret(client.clone()))?;
    let secret = Secret::new(secret);
    let written = destination.write(&client, &secret).await?;
    Ok(Delivered {
        client,
        place: text::place(destination, written),
        shown: match destination {
            Destination::Output => Some(secret),
            Destination::File(_) | Destination::SecretsManager(_) => None,
        },
    })
}

fn read(options: &ApplyOptions, environment: Environment<'_>) -> Result<SetUp, KeycloakError> {
    let text = match (&options.file, options.set_up) {
        (Some(path), _) => fs::read_to_string(path).map_err(|source| KeycloakError::SetUpFile {
            path: path.clone(),
            source,
        })?,
        (None, name) => name.map(delivered).unwrap_or_default().to_owned(),
    };
    let wishes = Wishes {
        realm: options.realm.as_deref(),
        models: &options.models,
        values: Values {
            set: &options.set,
            environment,
        },
        any_origin: options.allow_any_origin,
    };
    setup::read(&text, &wishes).map_err(KeycloakError::SetUp)
}

/// The set-ups of `infra/keycloak`, in the program.
fn delivered(name: SetUpName) -> &'static str {
    match name {
        SetUpName::MlModels => include_str!("../../../infra/keycloak/ml-models/realm.json"),
        SetUpName::MachineAccess => {
            include_str!("../../../infra/keycloak/machine-access/realm.json")
        }
        SetUpName::ProtectedApi => include_str!("../../../infra/keycloak/protected-api/realm.json"),
        SetUpName::GatewayClient => {
            include_str!("../../../infra/keycloak/gateway-client/clients.json")
        }
    }
}

fn administrator(
    options: &ApplyOptions,
    environment: Environment<'_>,
) -> Result<Administrator, KeycloakError> {
    let secret = |variable, what| match environment(variable) {
        Some(secret) => Ok(Secret::new(secret)),
        None => token::ask(what, variable),
    };
    Ok(match (&options.admin_client_id, &options.admin_username) {
        (Some(id), _) => {
            Administrator::Client(id.clone(), secret(CLIENT_SECRET, "administrator's secret")?)
        }
        (None, name) => {
            let name = name.clone().unwrap_or_default();
            Administrator::User(name, secret(PASSWORD, "administrator's password")?)
        }
    })
}

/// The client whose secret is asked for: the one that gets tokens, unless another is named.
fn secret_client(options: &ApplyOptions, set_up: &SetUp) -> Result<Option<String>, KeycloakError> {
    if !options.asks_for_secret() {
        return Ok(None);
    }
    let wanted = |client: &&SecretClient| match &options.secret_of {
        Some(id) => *id == client.id,
        None => client.gets_tokens,
    };
    let mut found = set_up.secrets.iter().filter(wanted);
    match (found.next(), found.next()) {
        (Some(client), None) if client.given && options.new_secret => {
            Err(KeycloakError::GivenSecret(client.id.clone()))
        }
        (Some(client), None) => Ok(Some(client.id.clone())),
        _ => {
            let ids = set_up
                .secrets
                .iter()
                .map(|client| format!("`{}`", client.id));
            Err(KeycloakError::SecretOf(ids.collect::<Vec<_>>().join(", ")))
        }
    }
}

/// A new user that is enabled needs a password: nobody could sign in, and nobody would see why.
fn refuse_unusable(changes: &[Change]) -> Result<(), KeycloakError> {
    let problems: Vec<_> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Create { key: key @ Key::User(_), body } => {
                let enabled = body.get("enabled").is_some_and(|on| on == true || on == "true");
                let credentials = body.get("credentials").and_then(serde_json::Value::as_array);
                let lacks = credentials.is_some_and(Vec::is_empty);
                (enabled && lacks).then(|| format!("{key} would be enabled and has no password: set the variable of its password"))
            }
            Change::Create { .. } | Change::Update { .. } => None,
            Change::Add(_) | Change::Remove(_) => None,
        })
        .collect();
    match problems.is_empty() {
        true => Ok(()),
        false => Err(KeycloakError::SetUp(problems)),
    }
}
