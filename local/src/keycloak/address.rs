//! Where things and links are in the admin API, under the realm; nowhere as long as an id in the address is not known.

use super::admin::segment;
use super::plan::Snapshot;
use super::resource::{Holder, Key, Link, Role};

pub(super) fn client_id(client: &str, snapshot: &Snapshot) -> Option<String> {
    snapshot
        .id(&Key::Client(client.to_owned()))
        .map(str::to_owned)
}

pub(super) fn holder_path(holder: &Holder, snapshot: &Snapshot) -> Option<String> {
    let id = snapshot.id(&holder.key())?;
    Some(match holder {
        Holder::Scope(_) => format!("/client-scopes/{id}"),
        Holder::Client(_) => format!("/clients/{id}"),
    })
}

pub(super) fn role_path(role: &Role, snapshot: &Snapshot) -> Option<String> {
    Some(match role {
        Role::Realm(name) => format!("/roles/{}", segment(name)),
        Role::Client(client, name) => {
            format!(
                "/clients/{}/roles/{}",
                client_id(client, snapshot)?,
                segment(name)
            )
        }
    })
}

/// Where a link is read, added and removed.
pub(super) fn link_path(link: &Link, snapshot: &Snapshot) -> Option<String> {
    let scope_id = |name: &String| snapshot.id(&Key::Scope(name.clone()));
    let kind = |role: &Role| match role {
        Role::Realm(_) => Some("realm".to_owned()),
        Role::Client(client, _) => client_id(client, snapshot).map(|id| format!("clients/{id}")),
    };
    Some(match link {
        Link::RealmScope(list, scope) => {
            format!(
                "/default-{}-client-scopes/{}",
                list.name(),
                scope_id(scope)?
            )
        }
        Link::ClientScope(client, list, scope) => {
            let (client, scope) = (client_id(client, snapshot)?, scope_id(scope)?);
            format!("/clients/{client}/{}-client-scopes/{scope}", list.name())
        }
        Link::ScopeMapping(holder, role) => {
            format!(
                "{}/scope-mappings/{}",
                holder_path(holder, snapshot)?,
                kind(role)?
            )
        }
        Link::UserRole(user, role) => {
            let user = snapshot.id(&Key::User(user.clone()))?;
            format!("/users/{user}/role-mappings/{}", kind(role)?)
        }
    })
}
