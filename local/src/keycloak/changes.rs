//! Makes changes on a server, by its admin API.

use reqwest::Method;
use serde_json::{Value, json};

use super::KeycloakError;
use super::address::{client_id, holder_path, link_path, role_path};
use super::difference::{Object, overlay};
use super::plan::{Change, Snapshot};
use super::progress::Progress;
use super::resource::{Key, Link, Role};
use super::server::{Server, objects, text};

/// What can be done with a change now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Yes,
    /// It needs an id that the server gives in this round.
    Later,
}

impl Server {
    /// Makes the changes that can be made now. Those that need an id of something new are left for the next round.
    pub(super) async fn make(
        &mut self,
        progress: &mut Progress,
        snapshot: &Snapshot,
    ) -> Result<(), KeycloakError> {
        for change in progress.left.clone() {
            progress.begin(&change);
            let done = self.change(&change, snapshot).await?;
            progress.end(done == Done::Yes);
            let new_realm = matches!(
                change,
                Change::Create {
                    key: Key::Realm,
                    ..
                }
            );
            if new_realm && done == Done::Yes {
                // It comes with scopes and roles of its own, which must be seen first.
                return Ok(());
            }
        }
        Ok(())
    }

    async fn change(
        &mut self,
        change: &Change,
        snapshot: &Snapshot,
    ) -> Result<Done, KeycloakError> {
        match change {
            Change::Create { key, body } => self.create(key, body, snapshot).await,
            Change::Update { key, stated, .. } => self.update(key, stated, snapshot).await,
            Change::Add(link) => self.link(link, snapshot, true).await,
            Change::Remove(link) => self.link(link, snapshot, false).await,
        }
    }

    async fn create(
        &mut self,
        key: &Key,
        body: &Object,
        snapshot: &Snapshot,
    ) -> Result<Done, KeycloakError> {
        let path = match key {
            Key::Realm => {
                let body = Value::Object(body.clone());
                self.admin.call(Method::POST, "", Some(&body)).await?;
                return Ok(Done::Yes);
            }
            Key::Role(Role::Realm(_)) => Some("/roles".to_owned()),
            Key::Role(Role::Client(client, _)) => {
                client_id(client, snapshot).map(|id| format!("/clients/{id}/roles"))
            }
            Key::Scope(_) => Some("/client-scopes".to_owned()),
            Key::Client(_) => Some("/clients".to_owned()),
            Key::Mapper(holder, _) => {
                holder_path(holder, snapshot).map(|path| format!("{path}/protocol-mappers/models"))
            }
            // Keycloak makes it with its client.
            Key::User(_) if body.contains_key("serviceAccountClientId") => None,
            Key::User(_) => Some("/users".to_owned()),
            Key::Profile(_) => return self.put_policy("profiles", body).await,
            Key::Policy(_) => return self.put_policy("policies", body).await,
        };
        let Some(path) = path else {
            return Ok(Done::Later);
        };
        self.call(Method::POST, &path, Some(&Value::Object(body.clone())))
            .await?;
        Ok(Done::Yes)
    }

    async fn update(
        &mut self,
        key: &Key,
        stated: &Object,
        snapshot: &Snapshot,
    ) -> Result<Done, KeycloakError> {
        let Some(current) = snapshot.things.get(key) else {
            return Ok(Done::Later);
        };
        let mut body = overlay(stated, current);
        let id = text(current, "id");
        let path = match key {
            Key::Realm => {
                body.retain(|name, _| stated.contains_key(name));
                Some(String::new())
            }
            Key::Role(role) => role_path(role, snapshot),
            Key::Scope(_) => Some(format!("/client-scopes/{id}")),
            Key::Client(_) => {
                // The secret stays as it is unless it is stated; scopes and mappers have addresses of their own.
                body.retain(|name, _| name != "secret" || stated.contains_key(name));
                for list in ["defaultClientScopes", "optionalClientScopes", "access"] {
                    body.remove(list);
                }
                Some(format!("/clients/{id}"))
            }
            Key::Mapper(holder, _) => holder_path(holder, snapshot)
                .map(|path| format!("{path}/protocol-mappers/models/{id}")),
            Key::User(_) => {
                body.remove("access");
                Some(format!("/users/{id}"))
            }
            Key::Profile(_) => return self.put_policy("profiles", &body).await,
            Key::Policy(_) => return self.put_policy("policies", &body).await,
        };
        body.remove("protocolMappers");
        let Some(path) = path else {
            return Ok(Done::Later);
        };
        self.call(Method::PUT, &path, Some(&Value::Object(body)))
            .await?;
        Ok(Done::Yes)
    }

    /// Profiles and policies are put as whole lists, in which the others stay.
    async fn put_policy(&mut self, list: &str, body: &Object) -> Result<Done, KeycloakError> {
        let path = format!("/client-policies/{list}");
        let current = self.get(&path).await?.unwrap_or_default();
        let mut items = objects(current.get(list).cloned());
        items.retain(|item| item.get("name") != body.get("name"));
        items.push(body.clone());
        self.call(Method::PUT, &path, Some(&json!({list: items})))
            .await?;
        Ok(Done::Yes)
    }

    async fn link(
        &mut self,
        link: &Link,
        snapshot: &Snapshot,
        add: bool,
    ) -> Result<Done, KeycloakError> {
        let Some(path) = link_path(link, snapshot) else {
            return Ok(Done::Later);
        };
        let (method, body) = match link {
            Link::RealmScope(..) | Link::ClientScope(..) => match add {
                true => (Method::PUT, None),
                false => (Method::DELETE, None),
            },
            Link::ScopeMapping(_, role) | Link::UserRole(_, role) => {
                let Some(role) = self.role(role, snapshot).await? else {
                    return Ok(Done::Later);
                };
                match add {
                    true => (Method::POST, Some(json!([role]))),
                    false => (Method::DELETE, Some(json!([role]))),
                }
            }
        };
        self.call(method, &path, body.as_ref()).await?;
        Ok(Done::Yes)
    }

    async fn role(
        &mut self,
        role: &Role,
        snapshot: &Snapshot,
    ) -> Result<Option<Value>, KeycloakError> {
        match role_path(role, snapshot) {
            Some(path) => self.get(&path).await,
            None => Ok(None),
        }
    }
}
