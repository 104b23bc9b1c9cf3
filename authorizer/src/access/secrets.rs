//! Secrets in `access.yaml`: named, never written out.

use serde::Deserialize;

use super::values::{Reader, present};
use crate::secret::{DEFAULT_PORT, Extension, Place, Secret, SecretSource, Store};

/// What a secret can be, for whoever has written something else.
const FORMS: &str = "none of `${NAME}`, `{file: …}`, `{secrets_manager: …}` and `{parameter: …}`: a secret does not stand in this file";

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum SecretEntry {
    Text(String),
    Placed(PlaceEntry),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlaceEntry {
    #[serde(default, deserialize_with = "present")]
    file: Option<String>,
    #[serde(default, deserialize_with = "present")]
    secrets_manager: Option<String>,
    #[serde(default, deserialize_with = "present")]
    parameter: Option<String>,
    #[serde(default, deserialize_with = "present")]
    member: Option<String>,
}

impl Reader<'_> {
    /// The secret named by `key`. What is wrong with it is said without showing it.
    pub(super) fn secret(&mut self, key: &str, entry: SecretEntry) -> Option<SecretSource> {
        match entry {
            SecretEntry::Text(text) => self.variable(key, &text),
            SecretEntry::Placed(PlaceEntry {
                file: Some(path),
                secrets_manager: None,
                parameter: None,
                member: None,
            }) => self.secret_file(key, &path),
            SecretEntry::Placed(PlaceEntry {
                file: None,
                secrets_manager: Some(name),
                parameter: None,
                member,
            }) => self.stored(Store::SecretsManager, &name, member),
            SecretEntry::Placed(PlaceEntry {
                file: None,
                secrets_manager: None,
                parameter: Some(name),
                member,
            }) => self.stored(Store::ParameterStore, &name, member),
            SecretEntry::Placed(_) => {
                self.problems.push(format!("`{key}` is {FORMS}"));
                None
            }
        }
    }

    fn variable(&mut self, key: &str, text: &str) -> Option<SecretSource> {
        let name = text
            .strip_prefix("${")
            .and_then(|text| text.strip_suffix('}'));
        if name.is_none_or(|name| name.contains(['$', '{', '}'])) {
            self.problems.push(format!("`{key}` is {FORMS}"));
            return None;
        }
        let value = self.expand(text)?;
        self.checked(key, &value)
    }

    /// A file ends with a line end that is not part of the secret.
    fn secret_file(&mut self, key: &str, path: &str) -> Option<SecretSource> {
        let path = self.value("file", path)?;
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let line = text.strip_suffix('\n').unwrap_or(&text);
                self.checked(key, line.strip_suffix('\r').unwrap_or(line))
            }
            Err(error) => {
                let problem = format!("`{key}`: `{path}` cannot be read: {error}");
                self.problems.push(problem);
                None
            }
        }
    }

    fn checked(&mut self, key: &str, text: &str) -> Option<SecretSource> {
        match Secret::new(text) {
            Ok(secret) => Some(SecretSource::Value(secret)),
            Err(error) => {
                self.problems.push(format!("`{key}`: {error}"));
                None
            }
        }
    }

    fn stored(&mut self, store: Store, name: &str, member: Option<String>) -> Option<SecretSource> {
        let place = Place {
            store,
            name: self.value("name of the secret", name)?,
            member,
        };
        let extension = self.extension()?;
        Some(SecretSource::Stored(place, extension))
    }

    fn extension(&mut self) -> Option<Extension> {
        let variable = |name: &str| (self.lookup)(name).filter(|value| !value.is_empty());
        let port = match variable("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT") {
            None => Some(DEFAULT_PORT),
            Some(text) => text.parse().ok().filter(|port| *port != 0),
        };
        let token = variable("AWS_SESSION_TOKEN").and_then(|text| Secret::new(&text).ok());
        if port.is_none() {
            self.note("`PARAMETERS_SECRETS_EXTENSION_HTTP_PORT` is no port");
        }
        if token.is_none() {
            self.note(
                "`AWS_SESSION_TOKEN`, which Lambda sets and the extension for parameters and secrets asks for, is not set",
            );
        }
        Some(Extension {
            port: port?,
            token: token?,
        })
    }

    /// A problem that several entries can have in common.
    fn note(&mut self, problem: &str) {
        if !self.problems.iter().any(|known| known == problem) {
            self.problems.push(problem.to_owned());
        }
    }
}
