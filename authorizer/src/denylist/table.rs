//! A denylist in a table of DynamoDB: one item an entry, under an id that a token leads to. The items found for a
//! token are read as entries of a list, which then decides.

use serde_json::Value;
use thiserror::Error;

use super::{Denylist, Entry, Mark, Subject};

/// What stands before an id that is for all tokens of an issuer, or of all.
const ISSUED_BEFORE: &str = "issued_before";

/// What is wrong with an item. Its id is not shown: it names a user or a token.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum ItemError {
    #[error("an item has no text `id` such as `jti#…`")]
    Id,
    #[error("the item `{0}#…` has an `issuer` that is no text")]
    Issuer(String),
    #[error("the item `{0}#…` has no `issued_before` that is a number of whole seconds")]
    Time(String),
}

/// The ids under which entries about a token stand.
pub(crate) fn ids(subject: &Subject<'_>) -> Vec<String> {
    let marks = subject.marks.iter();
    let marks = marks.map(|(mark, value)| format!("{}#{value}", mark.name()));
    let general = ["", subject.issuer].map(|issuer| format!("{ISSUED_BEFORE}#{issuer}"));
    let mut ids: Vec<_> = marks.chain(general).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The list that these items make.
pub(crate) fn list(items: &[Value]) -> Result<Denylist, ItemError> {
    let entries: Result<Vec<_>, _> = items.iter().map(entry).collect();
    entries.map(Denylist::of)
}

fn entry(item: &Value) -> Result<Entry, ItemError> {
    let id = item.pointer("/id/S").and_then(Value::as_str);
    let (name, value) = id.and_then(|id| id.split_once('#')).ok_or(ItemError::Id)?;
    let mut entry = Entry {
        issuer: issuer(item, name)?,
        issued_before: time(item, name)?,
        marks: Vec::new(),
    };
    match Mark::ALL.into_iter().find(|mark| mark.name() == name) {
        Some(mark) => entry.marks.push((mark, value.to_owned())),
        None if name != ISSUED_BEFORE => return Err(ItemError::Id),
        None if entry.issued_before.is_none() => return Err(ItemError::Time(name.to_owned())),
        None if value.is_empty() => {}
        None => entry.issuer = Some(value.to_owned()),
    }
    Ok(entry)
}

fn issuer(item: &Value, name: &str) -> Result<Option<String>, ItemError> {
    let Some(attribute) = item.get("issuer") else {
        return Ok(None);
    };
    let issuer = attribute.get("S").and_then(Value::as_str);
    let issuer = issuer.ok_or_else(|| ItemError::Issuer(name.to_owned()))?;
    Ok(Some(issuer.to_owned()))
}

fn time(item: &Value, name: &str) -> Result<Option<u64>, ItemError> {
    let Some(attribute) = item.get(ISSUED_BEFORE) else {
        return Ok(None);
    };
    let time = attribute.get("N").and_then(Value::as_str);
    let time = time.and_then(|time| time.parse().ok());
    time.map(Some)
        .ok_or_else(|| ItemError::Time(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn subject<'a>(marks: &[(Mark, &'a str)], issued_at: Option<u64>) -> Subject<'a> {
        Subject {
            issuer: "https://a",
            marks: marks.to_vec(),
            issued_at,
        }
    }

    #[test]
    fn a_token_leads_to_its_ids() {
        let marks = [
            (Mark::Token, "j"),
            (Mark::Session, "s"),
            (Mark::Subject, "u#1"),
            (Mark::Client, "c"),
            (Mark::Client, "c"),
        ];
        assert_eq!(
            ids(&subject(&marks, None)),
            [
                "client_id#c",
                "issued_before#",
                "issued_before#https://a",
                "jti#j",
                "sid#s",
                "sub#u#1"
            ]
        );
        assert_eq!(
            ids(&subject(&[], None)),
            ["issued_before#", "issued_before#https://a"]
        );
    }

    #[track_caller]
    fn check(item: Value, expected: Result<bool, ItemError>) {
        let subject = subject(&[(Mark::Subject, "u#1"), (Mark::Token, "j")], Some(100));
        let found = list(std::slice::from_ref(&item)).map(|list| list.revokes(&subject));
        assert_eq!(found, expected, "{item}");
    }

    #[test]
    fn an_item_is_an_entry() {
        let item =
            |id: &str| json!({"id": {"S": id}, "expires_at": {"N": "1"}, "note": {"S": "x"}});
        let with = |id: &str, name: &str, value: Value| {
            let mut item = item(id);
            item[name] = value;
            item
        };
        check(item("jti#j"), Ok(true));
        check(item("jti#k"), Ok(false));
        check(item("sub#u#1"), Ok(true));
        check(
            with("sub#u#1", "issuer", json!({"S": "https://a"})),
            Ok(true),
        );
        check(
            with("sub#u#1", "issuer", json!({"S": "https://b"})),
            Ok(false),
        );
        check(
            with("sub#u#1", "issued_before", json!({"N": "101"})),
            Ok(true),
        );
        check(
            with("sub#u#1", "issued_before", json!({"N": "100"})),
            Ok(false),
        );
        check(
            with("issued_before#", "issued_before", json!({"N": "101"})),
            Ok(true),
        );
        check(
            with(
                "issued_before#https://a",
                "issued_before",
                json!({"N": "101"}),
            ),
            Ok(true),
        );
        check(
            with(
                "issued_before#https://b",
                "issued_before",
                json!({"N": "101"}),
            ),
            Ok(false),
        );
    }

    #[test]
    fn a_doubtful_item_is_no_entry() {
        let time = |name: &str| Err(ItemError::Time(name.to_owned()));
        check(
            json!({"id": {"S": "issued_before#"}}),
            time("issued_before"),
        );
        check(
            json!({"id": {"S": "jti#j"}, "issued_before": {"S": "101"}}),
            time("jti"),
        );
        check(
            json!({"id": {"S": "jti#j"}, "issued_before": {"N": "1.5"}}),
            time("jti"),
        );
        let issuer = json!({"id": {"S": "jti#j"}, "issuer": {"SS": ["a"]}});
        check(issuer, Err(ItemError::Issuer("jti".to_owned())));
        for odd in [
            json!({}),
            json!({"id": {"N": "1"}}),
            json!({"id": {"S": "jti"}}),
            json!({"id": {"S": "jit#j"}}),
        ] {
            check(odd, Err(ItemError::Id));
        }
    }
}
