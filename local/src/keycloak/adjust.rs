//! What the command line changes in a set-up's file before it is read: the realm's name, several addresses, further models.

use serde_json::Value;

use super::difference::Object;
use super::setup::{objects, text};

/// The scope that opens every model; `predict:MODEL` opens one.
const PREDICT: &str = "predict";

/// The role that every user has is named after the realm.
pub(super) fn rename_default_roles(document: &mut Object, own: &str, realm: &str) {
    let named = |realm: &str| format!("default-roles-{}", realm.to_lowercase());
    let users = document.get_mut("users").and_then(Value::as_array_mut);
    for user in users.into_iter().flatten() {
        let roles = user.get_mut("realmRoles").and_then(Value::as_array_mut);
        for role in roles.into_iter().flatten() {
            if role.as_str() == Some(&named(own)) {
                *role = named(realm).into();
            }
        }
    }
}

/// One reference may stand for several addresses, separated by spaces.
pub(super) fn split_lists(document: &mut Object) {
    for client in objects_mut(document, "clients") {
        for list in ["redirectUris", "webOrigins"] {
            let Some(values) = client.get_mut(list).and_then(Value::as_array_mut) else {
                continue;
            };
            let texts = values.iter().filter_map(Value::as_str);
            *values = texts
                .flat_map(str::split_whitespace)
                .map(Value::from)
                .collect();
        }
    }
}

/// A scope for each further model, for the clients that may ask for all of them.
pub(super) fn add_models(document: &mut Object, models: &[String], problems: &mut Vec<String>) {
    for model in models {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if model.is_empty() || !model.bytes().all(plain) {
            problems.push(format!(
                "`--model {model}`: the name of a model has letters, digits, `.`, `_` and `-`"
            ));
            continue;
        }
        let name = format!("{PREDICT}:{model}");
        let scopes: Vec<_> = objects(document, "clientScopes").cloned().collect();
        let Some(predict) = scopes.iter().find(|scope| text(scope, "name") == PREDICT) else {
            problems.push(format!(
                "`--model {model}`: the set-up has no scope `{PREDICT}`"
            ));
            continue;
        };
        if scopes.iter().any(|scope| text(scope, "name") == name) {
            continue;
        }
        let mut scope = predict.clone();
        scope.insert("name".to_owned(), name.clone().into());
        scope.insert(
            "description".to_owned(),
            format!("Call the model {model} alone").into(),
        );
        if let Some(attributes) = scope.get_mut("attributes").and_then(Value::as_object_mut) {
            let consent = format!("Call the model {model} alone");
            attributes.insert("consent.screen.text".to_owned(), consent.into());
        }
        if let Some(scopes) = document
            .get_mut("clientScopes")
            .and_then(Value::as_array_mut)
        {
            scopes.push(Value::Object(scope));
        }
        for client in objects_mut(document, "clients") {
            let optional = client
                .get_mut("optionalClientScopes")
                .and_then(Value::as_array_mut);
            if let Some(optional) = optional
                && optional.contains(&PREDICT.into())
            {
                optional.push(name.clone().into());
            }
        }
    }
}

fn objects_mut<'a>(object: &'a mut Object, name: &str) -> impl Iterator<Item = &'a mut Object> {
    let list = object.get_mut(name).and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_object_mut)
}
