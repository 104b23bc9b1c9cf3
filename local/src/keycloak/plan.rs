//! What has to change for a server to be as a set-up states. Values in, values out: the server is asked elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::difference::{Field, Object, differences};
use super::resource::{Key, Link, List, Step, Thing};

/// What a server has of what a set-up speaks of.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    pub(super) things: BTreeMap<Key, Object>,
    pub(super) links: BTreeSet<Link>,
}

/// One thing that has to change.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    /// Something is not there.
    Create {
        /// What.
        key: Key,
        /// With these members.
        body: Object,
    },
    /// Something is otherwise.
    Update {
        /// What.
        key: Key,
        /// The members that it must have.
        stated: Object,
        /// Those that it has otherwise.
        fields: Vec<Field>,
    },
    /// A link is not there.
    Add(Link),
    /// A link is there that must not be.
    Remove(Link),
}

impl Snapshot {
    /// The server's own id of a thing.
    pub(super) fn id(&self, key: &Key) -> Option<&str> {
        self.things.get(key)?.get("id")?.as_str()
    }
}

/// The changes, in the order in which they can be made.
pub(super) fn plan(steps: &[Step], snapshot: &Snapshot) -> Vec<Change> {
    let mut changes = Vec::new();
    for step in steps {
        let needed = match step {
            Step::Thing(thing) => of_thing(thing, snapshot).into_iter().collect(),
            Step::Link(link) => of_link(link, snapshot),
            Step::DefaultScopes(client, scopes) => of_default_scopes(client, scopes, snapshot),
        };
        // A scope that goes from one list to the other is removed once.
        let needed = needed
            .into_iter()
            .filter(|change| !changes.contains(change));
        let needed: Vec<_> = needed.collect();
        changes.extend(needed);
    }
    changes
}

fn of_thing(thing: &Thing, snapshot: &Snapshot) -> Option<Change> {
    let key = &thing.key;
    if let Key::Mapper(holder, _) = key
        && !snapshot.things.contains_key(&holder.key())
    {
        // It comes with the scope or client that is made.
        return None;
    }
    let Some(current) = snapshot.things.get(key) else {
        let mut body = thing.members.clone();
        body.extend(thing.at_creation.clone());
        return Some(Change::Create {
            key: key.clone(),
            body,
        });
    };
    let fields = differences(&thing.members, current);
    (!fields.is_empty()).then(|| Change::Update {
        key: key.clone(),
        stated: thing.members.clone(),
        fields,
    })
}

fn of_link(link: &Link, snapshot: &Snapshot) -> Vec<Change> {
    if snapshot.links.contains(link) {
        return Vec::new();
    }
    let add = Change::Add(link.clone());
    let other = match link {
        Link::ClientScope(client, ..)
            if !snapshot.things.contains_key(&Key::Client(client.clone())) =>
        {
            // It comes with the client that is made.
            return Vec::new();
        }
        Link::ClientScope(client, list, scope) => {
            Link::ClientScope(client.clone(), list.other(), scope.clone())
        }
        Link::RealmScope(list, scope) => Link::RealmScope(list.other(), scope.clone()),
        Link::ScopeMapping(..) | Link::UserRole(..) => return vec![add],
    };
    match snapshot.links.contains(&other) {
        true => vec![Change::Remove(other), add],
        false => vec![add],
    }
}

fn of_default_scopes(client: &str, scopes: &BTreeSet<String>, snapshot: &Snapshot) -> Vec<Change> {
    let surplus = |link: &&Link| match link {
        Link::ClientScope(holder, List::Default, scope) => {
            holder == client && !scopes.contains(scope)
        }
        Link::ClientScope(..) | Link::RealmScope(..) => false,
        Link::ScopeMapping(..) | Link::UserRole(..) => false,
    };
    let surplus = snapshot.links.iter().filter(surplus);
    surplus.cloned().map(Change::Remove).collect()
}

impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { key, .. } => write!(out, "create {key}"),
            Self::Update { key, fields, .. } => {
                write!(out, "change {key}")?;
                for Field { path, old, new } in fields {
                    write!(out, "\n    {path}: {old} -> {new}")?;
                }
                Ok(())
            }
            Self::Add(link) => write!(out, "add {link}"),
            Self::Remove(link) => write!(out, "remove {link}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::keycloak::resource::{Holder, Role};

    fn object(value: Value) -> Object {
        value.as_object().unwrap().clone()
    }

    fn thing(key: Key, members: Value, at_creation: Value) -> Step {
        Step::Thing(Thing {
            key,
            members: object(members),
            at_creation: object(at_creation),
        })
    }

    fn client() -> Key {
        Key::Client("c".to_owned())
    }

    fn scope(list: List, scope: &str) -> Link {
        Link::ClientScope("c".to_owned(), list, scope.to_owned())
    }

    #[track_caller]
    fn check(steps: &[Step], things: &[(Key, Value)], links: &[Link], expected: &[&str]) {
        let things = things.iter();
        let snapshot = Snapshot {
            things: things
                .map(|(key, value)| (key.clone(), object(value.clone())))
                .collect(),
            links: links.iter().cloned().collect(),
        };
        let changes: Vec<_> = plan(steps, &snapshot)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(changes, expected);
    }

    #[test]
    fn what_is_not_there_is_made_and_what_is_otherwise_is_changed() {
        let steps = [thing(client(), json!({"name": "a"}), json!({"x": 1}))];
        check(&steps, &[], &[], &["create client `c`"]);
        check(&steps, &[(client(), json!({"name": "a"}))], &[], &[]);
        check(
            &steps,
            &[(client(), json!({"name": "b"}))],
            &[],
            &["change client `c`\n    name: \"b\" -> \"a\""],
        );
    }

    #[test]
    fn a_new_thing_has_what_is_said_at_its_creation() {
        let steps = [thing(client(), json!({"name": "a"}), json!({"x": 1}))];
        let changes = plan(&steps, &Snapshot::default());
        let [Change::Create { body, .. }] = changes.as_slice() else {
            panic!("{changes:?}");
        };
        assert_eq!(Value::Object(body.clone()), json!({"name": "a", "x": 1}));
    }

    #[test]
    fn what_comes_with_its_holder_is_no_change_of_its_own() {
        let mapper = Key::Mapper(Holder::Client("c".to_owned()), "m".to_owned());
        let steps = [
            thing(mapper.clone(), json!({}), json!({})),
            Step::Link(scope(List::Default, "s")),
        ];
        check(&steps, &[], &[], &[]);
        check(
            &steps,
            &[(client(), json!({}))],
            &[],
            &[
                "create mapper `m` of client `c`",
                "add default scope `s` of client `c`",
            ],
        );
        let things = [(client(), json!({})), (mapper, json!({}))];
        check(&steps, &things, &[scope(List::Default, "s")], &[]);
    }

    #[test]
    fn a_scope_is_in_one_list() {
        let steps = [
            Step::DefaultScopes("c".to_owned(), BTreeSet::new()),
            Step::Link(scope(List::Optional, "s")),
        ];
        check(
            &steps,
            &[(client(), json!({}))],
            &[scope(List::Default, "s")],
            &[
                "remove default scope `s` of client `c`",
                "add optional scope `s` of client `c`",
            ],
        );
    }

    #[test]
    fn other_default_scopes_go_and_other_optional_ones_stay() {
        let scopes = ["s".to_owned()].into();
        let steps = [Step::DefaultScopes("c".to_owned(), scopes)];
        check(
            &steps,
            &[(client(), json!({}))],
            &[
                scope(List::Default, "s"),
                scope(List::Default, "t"),
                scope(List::Optional, "u"),
                Link::ClientScope("d".to_owned(), List::Default, "t".to_owned()),
            ],
            &["remove default scope `t` of client `c`"],
        );
    }

    #[test]
    fn roles_are_added() {
        let role = Role::Client("api".to_owned(), "r".to_owned());
        let link = Link::UserRole("u".to_owned(), role);
        let steps = [Step::Link(link.clone())];
        check(&steps, &[], &[], &["add client role `api/r` of user `u`"]);
        check(&steps, &[], &[link], &[]);
    }
}
