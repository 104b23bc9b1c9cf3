//! What has been found and done, for people and for programs.

use serde_json::{Map, Value, json};

use super::destination::{Destination, Written};
use super::difference::Field;
use super::plan::Change;
use super::resource::Key;
use super::{Delivered, Extent, Report};

/// Lines for people; none where not all is applied.
pub(super) fn plain(report: &Report) -> String {
    let written = match report.extent {
        Extent::Planned => false,
        // The error says what is done, and what is left.
        Extent::Partial(_) => return String::new(),
        Extent::Complete => true,
    };
    let mut lines: Vec<String> = report.changes.iter().map(ToString::to_string).collect();
    lines.push(match (report.changes.len(), written) {
        (0, _) => "nothing to change".to_owned(),
        (1, false) => "1 change to make; nothing is written".to_owned(),
        (count, false) => format!("{count} changes to make; nothing is written"),
        (1, true) => "1 change made".to_owned(),
        (count, true) => format!("{count} changes made"),
    });
    lines.extend(id_line(
        "realm",
        &report.realm,
        report.snapshot.id(&Key::Realm),
    ));
    for (kind, name, id) in ids(report) {
        lines.extend(id_line(kind, name, Some(id)));
    }
    if let Some(Delivered {
        client,
        place,
        shown,
    }) = &report.secret
    {
        let text = match (shown, place) {
            (Some(secret), _) => secret.reveal(),
            (None, Some(place)) => place,
            (None, None) => "not delivered",
        };
        lines.push(format!("secret of `{client}`: {text}"));
    }
    lines.join("\n")
}

/// The same as JSON.
pub(super) fn json(report: &Report) -> String {
    let of_kind = |wanted: &str| -> Map<String, Value> {
        ids(report)
            .into_iter()
            .filter(|(kind, ..)| *kind == wanted)
            .map(|(_, name, id)| (name.to_owned(), id.into()))
            .collect()
    };
    let secret = report.secret.as_ref().map(|delivered| {
        let Delivered {
            client,
            place,
            shown,
        } = delivered;
        match shown {
            Some(secret) => json!({"client": client, "value": secret.reveal()}),
            None => json!({"client": client, "place": place}),
        }
    });
    let all = |changes: &[Change]| changes.iter().map(change).collect::<Vec<_>>();
    let (written, left) = match &report.extent {
        Extent::Planned => (false, Vec::new()),
        Extent::Partial(left) => (true, all(left)),
        Extent::Complete => (true, Vec::new()),
    };
    let document = json!({
        "changes": all(&report.changes),
        "left": left,
        "written": written,
        "realm": {"name": report.realm, "id": report.snapshot.id(&Key::Realm)},
        "clients": of_kind("client"),
        "scopes": of_kind("scope"),
        "secret": secret,
    });
    document.to_string()
}

/// Where a secret is now.
pub(super) fn place(destination: &Destination, written: Written) -> String {
    let place = match destination {
        Destination::File(path) => format!("in `{}`", path.display()),
        Destination::SecretsManager(store) => format!("in AWS Secrets Manager, `{}`", store.name()),
        Destination::Output => "shown".to_owned(),
    };
    match written {
        Written::New => format!("written, {place}"),
        Written::Same => format!("unchanged, {place}"),
    }
}

fn id_line(kind: &str, name: &str, id: Option<&str>) -> Option<String> {
    Some(format!("{kind} `{name}`: id {}", id?))
}

/// The ids of the clients and scopes that the set-up states: kind, name, id.
fn ids(report: &Report) -> Vec<(&'static str, &str, &str)> {
    let named = report.stated.iter().filter_map(|key| {
        let (kind, name) = match key {
            Key::Client(id) => ("client", id.as_str()),
            Key::Scope(name) => ("scope", name.as_str()),
            Key::Realm | Key::Role(_) | Key::Mapper(..) => return None,
            Key::User(_) | Key::Profile(_) | Key::Policy(_) => return None,
        };
        Some((kind, name, report.snapshot.id(key)?))
    });
    named.collect()
}

fn change(change: &Change) -> Value {
    match change {
        Change::Create { key, .. } => json!({"action": "create", "what": key.to_string()}),
        Change::Update { key, fields, .. } => json!({
            "action": "change",
            "what": key.to_string(),
            "fields": fields.iter().map(field).collect::<Vec<_>>(),
        }),
        Change::Add(link) => json!({"action": "add", "what": link.to_string()}),
        Change::Remove(link) => json!({"action": "remove", "what": link.to_string()}),
    }
}

fn field(field: &Field) -> Value {
    json!({"name": field.path, "old": field.old, "new": field.new})
}
