//! What a realm consists of, as far as set-ups speak of it: things with members of their own, and links between them.

use std::collections::BTreeSet;
use std::fmt;

use super::difference::Object;

/// A thing in a realm, by the name that people give it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// The realm itself.
    Realm,
    /// A role, of the realm or of a client.
    Role(Role),
    /// A client scope.
    Scope(String),
    /// A client.
    Client(String),
    /// What puts a claim into tokens, for a scope or a client.
    Mapper(Holder, String),
    /// A user, or a client's service account.
    User(String),
    /// A profile of client policies.
    Profile(String),
    /// A client policy.
    Policy(String),
}

/// What mappers and mappings of roles belong to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holder {
    /// A client scope.
    Scope(String),
    /// A client.
    Client(String),
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// Of the realm.
    Realm(String),
    /// Of a client: its id, and the role's name.
    Client(String, String),
}

/// Whether a scope is in every token, or in those for which it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum List {
    /// In every token.
    Default,
    /// When it is asked for.
    Optional,
}

/// That one thing belongs to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Link {
    /// New clients get this scope.
    RealmScope(List, String),
    /// A client has a scope.
    ClientScope(String, List, String),
    /// Tokens of a client or with a scope may carry a role.
    ScopeMapping(Holder, Role),
    /// A user has a role.
    UserRole(String, Role),
}

/// What a set-up states, in the order in which it is made.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// A thing has these members.
    Thing(Thing),
    /// A link is there.
    Link(Link),
    /// A client has no other default scopes than these.
    DefaultScopes(String, BTreeSet<String>),
}

/// What is stated of one thing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Thing {
    pub(super) key: Key,
    /// What must be so.
    pub(super) members: Object,
    /// What is said beside it when it is made, and compared elsewhere or never.
    pub(super) at_creation: Object,
}

impl Holder {
    /// The thing itself.
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Scope(name) => Key::Scope(name.clone()),
            Self::Client(id) => Key::Client(id.clone()),
        }
    }
}

impl List {
    /// As it stands in the addresses of the admin API.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Optional => "optional",
        }
    }

    /// The other one: a scope is in one of the two.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Default => Self::Optional,
            Self::Optional => Self::Default,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Realm => out.write_str("realm"),
            Self::Role(role) => role.fmt(out),
            Self::Scope(name) => write!(out, "client scope `{name}`"),
            Self::Client(id) => write!(out, "client `{id}`"),
            Self::Mapper(holder, name) => write!(out, "mapper `{name}` of {}", holder.key()),
            Self::User(name) => write!(out, "user `{name}`"),
            Self::Profile(name) => write!(out, "client profile `{name}`"),
            Self::Policy(name) => write!(out, "client policy `{name}`"),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Realm(name) => write!(out, "role `{name}`"),
            Self::Client(client, name) => write!(out, "client role `{client}/{name}`"),
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RealmScope(list, scope) => {
                write!(out, "{} scope `{scope}` of new clients", list.name())
            }
            Self::ClientScope(client, list, scope) => {
                write!(out, "{} scope `{scope}` of client `{client}`", list.name())
            }
            Self::ScopeMapping(holder, role) => write!(out, "{role} in tokens of {}", holder.key()),
            Self::UserRole(user, role) => write!(out, "{role} of user `{user}`"),
        }
    }
}
