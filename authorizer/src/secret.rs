//! Secrets: where they come from, and that nobody sees them. One of the environment or of a file is read with
//! the configuration; one of Secrets Manager or Parameter Store when it is first needed.

mod extension;

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use reqwest::Client;
use thiserror::Error;

use crate::exchange::ExchangeError;
use crate::renewal::Dated;
pub(crate) use extension::{DEFAULT_PORT, Extension, Place, Store};

/// Longest secret. Those that issuers make have 32 to 64 bytes; servers refuse headers of 8 kB.
const MAX_SECRET_BYTES: usize = 4096;
/// How long a fetched secret is used. The extension remembers for five minutes by itself, so that a rotation
/// is followed within ten.
const MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// A text that neither a log nor an error shows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// A secret as whoever asks for it takes it: on one line, and bounded.
    pub(crate) fn new(text: &str) -> Result<Self, SecretError> {
        let fits = (1..=MAX_SECRET_BYTES).contains(&text.len());
        if !fits || text.trim() != text || text.chars().any(char::is_control) {
            return Err(SecretError::Text);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text itself, for the one who is to be shown it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// Why there is no secret.
#[derive(Debug, Error)]
pub(crate) enum SecretError {
    #[error(
        "the secret is empty, longer than {MAX_SECRET_BYTES} bytes, or has white space around it or a control character in it"
    )]
    Text,
    #[error("the extension for parameters and secrets has not given the secret")]
    Extension(#[from] ExchangeError),
    #[error("the extension's answer has no text for the secret")]
    Answer,
    #[error("the secret is no JSON object with the text member `{0}`")]
    Member(String),
}

/// Where a secret is.
#[derive(Debug)]
pub(crate) enum SecretSource {
    /// Here.
    Value(Secret),
    /// In a store of AWS, behind the extension.
    Stored(Place, Extension),
}

/// A secret at hand, or to be fetched.
#[derive(Debug)]
pub(crate) enum SecretKeeper {
    Value(Secret),
    Stored(StoredSecret),
}

/// A secret of a store, and what was last fetched of it.
#[derive(Debug)]
pub(crate) struct StoredSecret {
    place: Place,
    extension: Extension,
    client: Client,
    remembered: Mutex<Dated<Secret>>,
}

impl SecretKeeper {
    pub(crate) fn new(source: SecretSource) -> Result<Self, reqwest::Error> {
        Ok(match source {
            SecretSource::Value(secret) => Self::Value(secret),
            SecretSource::Stored(place, extension) => Self::Stored(StoredSecret {
                place,
                extension,
                client: extension::client()?,
                remembered: Mutex::default(),
            }),
        })
    }

    /// The secret, fetched unless it was less than [`MAX_AGE`] ago.
    pub(crate) async fn get(&self, clock: fn() -> SystemTime) -> Result<Secret, SecretError> {
        match self {
            Self::Value(secret) => Ok(secret.clone()),
            Self::Stored(stored) => stored.get(clock).await,
        }
    }

    /// Fetches anew the next time: whoever was shown this one did not take it.
    pub(crate) fn forget(&self) {
        match self {
            Self::Value(_) => {}
            Self::Stored(stored) => stored.remember(Dated::default()),
        }
    }
}

impl StoredSecret {
    async fn get(&self, clock: fn() -> SystemTime) -> Result<Secret, SecretError> {
        if let Some(secret) = self.remembered(clock()) {
            return Ok(secret);
        }
        let secret = self.extension.fetch(&self.place, &self.client).await?;
        self.remember(Dated::new(secret.clone(), clock()));
        Ok(secret)
    }

    fn remembered(&self, now: SystemTime) -> Option<Secret> {
        let remembered = self.remembered.lock();
        let remembered = remembered.unwrap_or_else(PoisonError::into_inner);
        remembered.within(MAX_AGE, now).cloned()
    }

    fn remember(&self, secret: Dated<Secret>) {
        let remembered = self.remembered.lock();
        *remembered.unwrap_or_else(PoisonError::into_inner) = secret;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, good: bool) {
        assert_eq!(Secret::new(text).is_ok(), good, "{text:?}");
    }

    #[test]
    fn a_secret_is_one_bounded_line() {
        check("s", true);
        check("two words: +/%&=é", true);
        check(&"s".repeat(MAX_SECRET_BYTES), true);
        check(&"s".repeat(MAX_SECRET_BYTES + 1), false);
        for odd in ["", " s", "s ", "s\n", "a\nb", "a\0b"] {
            check(odd, false);
        }
    }

    fn stored() -> SecretKeeper {
        let place = Place {
            store: Store::SecretsManager,
            name: "s".to_owned(),
            member: None,
        };
        let token = Secret::new("session-token").unwrap();
        let extension = Extension {
            port: DEFAULT_PORT,
            token,
        };
        SecretKeeper::new(SecretSource::Stored(place, extension)).unwrap()
    }

    #[test]
    fn nobody_sees_a_secret() {
        let secret = Secret::new("hunter2").unwrap();
        let value = SecretKeeper::new(SecretSource::Value(secret.clone())).unwrap();
        let keeper = stored();
        if let SecretKeeper::Stored(stored) = &keeper {
            stored.remember(Dated::new(secret.clone(), SystemTime::UNIX_EPOCH));
        }
        let shown = format!("{secret:?} {value:?} {keeper:?}");
        assert!(
            !shown.contains("hunter2") && !shown.contains("session-token"),
            "{shown}"
        );
        assert_eq!(secret.reveal(), "hunter2");
    }

    #[test]
    fn a_fetched_secret_is_used_for_a_while() {
        let keeper = stored();
        let SecretKeeper::Stored(stored) = &keeper else {
            panic!("it is stored");
        };
        let secret = Secret::new("s").unwrap();
        let at = SystemTime::UNIX_EPOCH + MAX_AGE;
        stored.remember(Dated::new(secret.clone(), at));
        let just = MAX_AGE - Duration::from_secs(1);
        assert_eq!(stored.remembered(at + just), Some(secret));
        assert_eq!(stored.remembered(at + MAX_AGE), None);
        assert_eq!(stored.remembered(at - just), None);
        keeper.forget();
        assert_eq!(stored.remembered(at), None);
    }
}
