//! Reads what a set-up speaks of from a server.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use super::KeycloakError;
use super::address::{link_path, role_path};
use super::admin::{Admin, segment};
use super::difference::Object;
use super::plan::Snapshot;
use super::resource::{Holder, Key, Link, List, Role, Step};

/// A realm on a server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) admin: Admin,
    pub(super) realm: String,
}

impl Server {
    /// What the server has of what these steps speak of; nothing if it has no such realm.
    pub(super) async fn read(&mut self, steps: &[Step]) -> Result<Snapshot, KeycloakError> {
        let mut snapshot = Snapshot::default();
        let Some(realm) = self.get("").await? else {
            return Ok(snapshot);
        };
        insert(&mut snapshot, Key::Realm, realm);
        self.read_scopes(&mut snapshot).await?;
        let (keys, links) = subjects(steps);
        for key in keys.iter().filter(|key| matches!(key, Key::Client(_))) {
            self.read_client(key, &mut snapshot).await?;
        }
        for key in &keys {
            self.read_thing(key, steps, &mut snapshot).await?;
        }
        for link in &links {
            self.read_link(link, &mut snapshot).await?;
        }
        Ok(snapshot)
    }

    async fn read_scopes(&mut self, snapshot: &mut Snapshot) -> Result<(), KeycloakError> {
        for scope in objects(self.get("/client-scopes").await?) {
            let name = text(&scope, "name");
            read_mappers(&scope, &Holder::Scope(name.clone()), snapshot);
            snapshot.things.insert(Key::Scope(name), scope);
        }
        for list in [List::Default, List::Optional] {
            let path = format!("/default-{}-client-scopes", list.name());
            for scope in objects(self.get(&path).await?) {
                let link = Link::RealmScope(list, text(&scope, "name"));
                snapshot.links.insert(link);
            }
        }
        Ok(())
    }

    async fn read_client(
        &mut self,
        key: &Key,
        snapshot: &mut Snapshot,
    ) -> Result<(), KeycloakError> {
        let Key::Client(id) = key else {
            return Ok(());
        };
        let path = format!("/clients?clientId={}", segment(id));
        let found = objects(self.get(&path).await?).into_iter();
        let Some(client) = found
            .into_iter()
            .find(|client| text(client, "clientId") == *id)
        else {
            return Ok(());
        };
        read_mappers(&client, &Holder::Client(id.clone()), snapshot);
        for (list, member) in [
            (List::Default, "defaultClientScopes"),
            (List::Optional, "optionalClientScopes"),
        ] {
            let scopes = client
                .get(member)
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let links = scopes
                .filter_map(Value::as_str)
                .map(|scope| Link::ClientScope(id.clone(), list, scope.to_owned()));
            snapshot.links.extend(links);
        }
        snapshot.things.insert(key.clone(), client);
        Ok(())
    }

    async fn read_thing(
        &mut self,
        key: &Key,
        steps: &[Step],
        snapshot: &mut Snapshot,
    ) -> Result<(), KeycloakError> {
        let found = match key {
            Key::Realm | Key::Scope(_) | Key::Client(_) | Key::Mapper(..) => None,
            Key::Role(role) => match role_path(role, snapshot) {
                Some(path) => self.get(&path).await?,
                None => None,
            },
            Key::User(name) => self.user(name, account_of(name, steps), snapshot).await?,
            Key::Profile(name) => find(
                self.get("/client-policies/profiles").await?,
                "profiles",
                name,
            ),
            Key::Policy(name) => find(
                self.get("/client-policies/policies").await?,
                "policies",
                name,
            ),
        };
        if let Some(found) = found {
            insert(snapshot, key.clone(), found);
        }
        Ok(())
    }

    async fn user(
        &mut self,
        name: &str,
        account_of: Option<String>,
        snapshot: &Snapshot,
    ) -> Result<Option<Value>, KeycloakError> {
        if let Some(client) = account_of {
            let Some(client) = snapshot.things.get(&Key::Client(client)) else {
                return Ok(None);
            };
            // Keycloak answers 400 for a client without one.
            let has_account = client.get("serviceAccountsEnabled") == Some(&Value::Bool(true));
            let path = format!("/clients/{}/service-account-user", text(client, "id"));
            return match has_account {
                true => self.get(&path).await,
                false => Ok(None),
            };
        }
        let path = format!("/users?exact=true&username={}", segment(name));
        let mut users = objects(self.get(&path).await?).into_iter();
        // User names know no capitals.
        let user = users.find(|user| text(user, "username") == name.to_lowercase());
        Ok(user.map(Value::Object))
    }

    async fn read_link(
        &mut self,
        link: &Link,
        snapshot: &mut Snapshot,
    ) -> Result<(), KeycloakError> {
        let (Link::ScopeMapping(_, role) | Link::UserRole(_, role)) = link else {
            return Ok(());
        };
        let Some(path) = link_path(link, snapshot) else {
            return Ok(());
        };
        let name = role_name(role);
        let roles = objects(self.get(&path).await?);
        if roles.iter().any(|role| text(role, "name") == name) {
            snapshot.links.insert(link.clone());
        }
        Ok(())
    }

    /// The secret that a client has.
    pub(super) async fn secret(
        &mut self,
        id: &str,
        new: bool,
    ) -> Result<Option<String>, KeycloakError> {
        let path = format!("/clients/{id}/client-secret");
        let found = match new {
            true => self.call(Method::POST, &path, None).await?,
            false => self.get(&path).await?,
        };
        let secret = found
            .as_ref()
            .and_then(|found| found.get("value")?.as_str());
        Ok(secret.map(str::to_owned))
    }

    pub(super) async fn get(&mut self, path: &str) -> Result<Option<Value>, KeycloakError> {
        let path = format!("/{}{path}", segment(&self.realm));
        self.admin.get(&path).await
    }

    pub(super) async fn call(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Option<Value>, KeycloakError> {
        let path = format!("/{}{path}", segment(&self.realm));
        self.admin.call(method, &path, body).await
    }
}

/// The things that steps speak of, clients that own roles and mappings included, and the links.
fn subjects(steps: &[Step]) -> (BTreeSet<Key>, BTreeSet<Link>) {
    let (mut keys, mut links) = (BTreeSet::new(), BTreeSet::new());
    let client = |id: &String| Key::Client(id.clone());
    for step in steps {
        match step {
            Step::Thing(thing) => drop(keys.insert(thing.key.clone())),
            Step::Link(link) => drop(links.insert(link.clone())),
            Step::DefaultScopes(id, _) => drop(keys.insert(client(id))),
        }
    }
    let mut owners = BTreeSet::new();
    for link in &links {
        match link {
            Link::RealmScope(..) => {}
            Link::ClientScope(id, ..) => drop(owners.insert(client(id))),
            Link::ScopeMapping(holder, role) => {
                owners.insert(holder.key());
                owners.extend(owner(role));
            }
            Link::UserRole(user, role) => {
                owners.insert(Key::User(user.clone()));
                owners.extend(owner(role));
            }
        }
    }
    for key in &keys {
        match key {
            Key::Role(role) => owners.extend(owner(role)),
            Key::Mapper(holder, _) => drop(owners.insert(holder.key())),
            Key::Realm | Key::Scope(_) | Key::Client(_) | Key::User(_) => {}
            Key::Profile(_) | Key::Policy(_) => {}
        }
    }
    keys.extend(owners);
    (keys, links)
}

fn owner(role: &Role) -> Option<Key> {
    match role {
        Role::Realm(_) => None,
        Role::Client(client, _) => Some(Key::Client(client.clone())),
    }
}

/// The client whose service account a user is.
fn account_of(name: &str, steps: &[Step]) -> Option<String> {
    steps.iter().find_map(|step| match step {
        Step::Thing(thing) if thing.key == Key::User(name.to_owned()) => {
            let client = thing.at_creation.get("serviceAccountClientId")?;
            client.as_str().map(str::to_owned)
        }
        Step::Thing(_) | Step::Link(_) | Step::DefaultScopes(..) => None,
    })
}

fn role_name(role: &Role) -> &str {
    match role {
        Role::Realm(name) | Role::Client(_, name) => name,
    }
}

fn read_mappers(holder_members: &Object, holder: &Holder, snapshot: &mut Snapshot) {
    for mapper in objects(holder_members.get("protocolMappers").cloned()) {
        let key = Key::Mapper(holder.clone(), text(&mapper, "name"));
        snapshot.things.insert(key, mapper);
    }
}

fn insert(snapshot: &mut Snapshot, key: Key, value: Value) {
    if let Value::Object(object) = value {
        snapshot.things.insert(key, object);
    }
}

fn find(document: Option<Value>, list: &str, name: &str) -> Option<Value> {
    let items = objects(document?.get(list).cloned());
    let found = items.into_iter().find(|item| text(item, "name") == name);
    found.map(Value::Object)
}

/// The objects of a list; none where it is no list.
pub(super) fn objects(value: Option<Value>) -> Vec<Object> {
    let list = value.as_ref().and_then(Value::as_array);
    let objects = list.into_iter().flatten().filter_map(Value::as_object);
    objects.cloned().collect()
}

/// A member that is a text; empty if it is none.
pub(super) fn text(object: &Object, name: &str) -> String {
    let text = object.get(name).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}
