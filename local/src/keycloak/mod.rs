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
mod progress;
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
use error::Renewed;
use placeholders::Values;
use plan::{Change, Snapshot, plan};
use progress::Progress;
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
    /// The text or JSON; empty where the failure says it all.
    pub text: String,
    /// Whether the server differed, and `--exit-code` asks for a code of its own then.
    pub differs: bool,
    /// What went wrong after something may have been written: the text is printed nevertheless.
    pub failure: Option<KeycloakError>,
}

/// Everything that has been found and done.
#[derive(Debug)]
struct Report {
    realm: String,
    /// What the set-up states.
    stated: Vec<Key>,
    /// Those to make, or those made.
    changes: Vec<Change>,
    snapshot: Snapshot,
    extent: Extent,
    secret: Option<Delivered>,
}

/// How much of a set-up is written.
#[derive(Debug)]
enum Extent {
    /// Nothing: what would change is asked for.
    Planned,
    /// All but these changes, as far as is known.
    Partial(Vec<Change>),
    /// All.
    Complete,
}

/// A secret that was asked for, and where it is now.
#[derive(Debug)]
struct Delivered {
    client: String,
    /// Nowhere, if that failed.
    place: Option<String>,
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
        extent: Extent::Planned,
        secret: None,
    };
    let mut failure = None;
    if !options.plan {
        failure = apply(&mut server, &set_up, &mut report).await.err();
        if let (None, Some(destination), Some(client)) = (&failure, destination, client) {
            let delivered = deliver(
                &mut server,
                &report.snapshot,
                client.clone(),
                options.new_secret,
                &destination,
            );
            let delivered = delivered.await;
            failure = keep(&mut report, client, delivered);
        }
    }
    let text = match options.json {
        true => text::json(&report),
        false => text::plain(&report),
    };
    Ok(Outcome {
        text,
        differs,
        failure,
    })
}

/// Until nothing differs: what is made in one round gives the ids for the next.
async fn apply(
    server: &mut Server,
    set_up: &SetUp,
    report: &mut Report,
) -> Result<(), KeycloakError> {
    let mut progress = Progress::new(report.changes.clone());
    for _ in 0..ROUNDS {
        if progress.left.is_empty() {
            report.extent = Extent::Complete;
            return Ok(());
        }
        if let Err(source) = round(server, set_up, &mut report.snapshot, &mut progress).await {
            let error = progress.stopped(source);
            report.changes = progress.made;
            report.extent = Extent::Partial(progress.left);
            return Err(error);
        }
    }
    let left: Vec<_> = progress.left.iter().map(ToString::to_string).collect();
    report.changes = progress.made;
    report.extent = Extent::Partial(progress.left);
    Err(KeycloakError::NotKept(left.join("\n")))
}

/// Makes what can be made now, and looks at what is left.
async fn round(
    server: &mut Server,
    set_up: &SetUp,
    snapshot: &mut Snapshot,
    progress: &mut Progress,
) -> Result<(), KeycloakError> {
    server.make(progress, snapshot).await?;
    *snapshot = server.read(&set_up.steps).await?;
    progress.left = plan(&set_up.steps, snapshot);
    Ok(())
}

async fn deliver(
    server: &mut Server,
    snapshot: &Snapshot,
    client: String,
    new: bool,
    destination: &Destination,
) -> Result<Delivered, KeycloakError> {
    let realm = server.realm.clone();
    let failed = |renewed: Renewed| {
        let (realm, client) = (realm.clone(), client.clone());
        move |source| KeycloakError::NotDelivered {
            realm,
            client,
            renewed,
            source: Box::new(source),
        }
    };
    let id = snapshot
        .id(&Key::Client(client.clone()))
        .unwrap_or_default();
    let secret = match server.secret(id, new).await {
        Ok(Some(secret)) => Secret::new(secret),
        Ok(None) => return Err(failed(Renewed::No)(KeycloakError::NoSecret(client))),
        Err(error) => {
            let renewed = match new && error.may_be_done() {
                true => Renewed::Perhaps,
                false => Renewed::No,
            };
            return Err(failed(renewed)(error));
        }
    };
    let renewed = if new { Renewed::Yes } else { Renewed::No };
    let written = destination.write(&client, &secret).await;
    let written = written.map_err(failed(renewed))?;
    Ok(Delivered {
        client,
        place: Some(text::place(destination, written)),
        shown: match destination {
            Destination::Output => Some(secret),
            Destination::File(_) | Destination::SecretsManager(_) => None,
        },
    })
}

/// Puts into the report what became of a secret.
fn keep(
    report: &mut Report,
    client: String,
    delivered: Result<Delivered, KeycloakError>,
) -> Option<KeycloakError> {
    let (secret, failure) = match delivered {
        Ok(delivered) => (delivered, None),
        Err(error) => {
            let nowhere = Delivered {
                client,
                place: None,
                shown: None,
            };
            (nowhere, Some(error))
        }
    };
    report.secret = Some(secret);
    failure
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
