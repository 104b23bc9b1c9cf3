//! Reads a denylist again when it has changed, and applies it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use thiserror::Error;

use super::freshness::Freshness;
#[cfg(feature = "aws")]
use super::table;
use super::{Denylist, DenylistError, Subject};
#[cfg(feature = "aws")]
use crate::aws::{AwsError, dynamodb, s3};
use crate::caller::Caller;
use crate::outage::{Obstacle, Outage};
use crate::record;
use crate::token::TokenError;

/// Time for one look where a list is fetched: it is due every half minute, and somebody waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where revoked tokens are listed, as configured.
#[derive(Debug)]
pub(crate) enum Configured {
    /// A file, and what was in it at start.
    File(PathBuf, Snapshot),
    /// A document in S3.
    #[cfg(feature = "aws")]
    S3(s3::Object),
    /// A table, which is asked about each token.
    #[cfg(feature = "aws")]
    DynamoDb(dynamodb::Table),
}

/// A list, and which version of its document it is.
#[derive(Debug)]
pub(crate) struct Snapshot {
    list: Denylist,
    version: String,
}

/// Revoked tokens, as far as they are known now.
#[derive(Debug)]
pub(crate) enum Revocations {
    Listed(Box<Listed>),
    #[cfg(feature = "aws")]
    Table(dynamodb::Table),
}

/// A list that is read whole, and again when it has changed.
#[derive(Debug)]
pub(crate) struct Listed {
    place: Place,
    state: Mutex<Freshness<Snapshot>>,
    in_flight: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
enum Place {
    File(PathBuf),
    #[cfg(feature = "aws")]
    S3(s3::Object),
}

/// Why a document could not be read.
#[derive(Debug, Error)]
pub(crate) enum SourceError {
    #[error("it cannot be read")]
    File(#[from] std::io::Error),
    #[error("it has not come within {0:?}")]
    Patience(Duration),
    #[error("it is no denylist")]
    Document(#[from] DenylistError),
    #[cfg(feature = "aws")]
    #[error("it cannot be fetched")]
    Aws(#[from] AwsError),
    #[cfg(feature = "aws")]
    #[error("the table is no denylist")]
    Item(#[from] table::ItemError),
}

impl Snapshot {
    /// Reads the file, unless this is the version that is known already.
    pub(crate) fn of_file(path: &Path, known: Option<&str>) -> Result<Option<Self>, SourceError> {
        let metadata = std::fs::metadata(path)?;
        let version = format!("{:?} {}", metadata.modified()?, metadata.len());
        if known == Some(&version) {
            return Ok(None);
        }
        if metadata.len() > super::MAX_DOCUMENT_BYTES as u64 {
            return Err(DenylistError::TooLarge.into());
        }
        let list = Denylist::parse(&std::fs::read(path)?)?;
        Ok(Some(Self { list, version }))
    }
}

impl Revocations {
    pub(crate) fn new(configured: Configured, now: SystemTime) -> Self {
        let mut state = Freshness::default();
        let place = match configured {
            Configured::File(path, snapshot) => {
                state.renew(snapshot, now);
                Place::File(path)
            }
            #[cfg(feature = "aws")]
            Configured::S3(object) => Place::S3(object),
            #[cfg(feature = "aws")]
            Configured::DynamoDb(table) => return Self::Table(table),
        };
        Self::Listed(Box::new(Listed {
            place,
            state: Mutex::new(state),
            in_flight: tokio::sync::Mutex::new(()),
        }))
    }

    /// Fetches the list before the first token needs it. Answers what is to be logged of it.
    pub(crate) async fn prefetch(&self, clock: fn() -> SystemTime) -> Option<Value> {
        match self {
            Self::Listed(listed) => listed.look(clock).await,
            #[cfg(feature = "aws")]
            Self::Table(_) => None,
        }
    }

    /// Refuses a caller whose token is revoked. What is to be logged is added to `notices`.
    pub(crate) async fn check(
        &self,
        caller: &Caller,
        clock: fn() -> SystemTime,
        notices: &mut Vec<Value>,
    ) -> Result<(), Obstacle> {
        let subject = Subject::of(caller)?;
        let revoked = match self {
            Self::Listed(listed) => listed.revokes(&subject, clock, notices).await,
            #[cfg(feature = "aws")]
            Self::Table(table) => {
                let revoked = revoked_in(table, &subject, clock).await;
                revoked
                    .inspect_err(|error| notices.push(failed(error)))
                    .ok()
            }
        };
        if revoked.ok_or(Outage::Denylist)? {
            return Err(TokenError::Revoked.into());
        }
        Ok(())
    }
}

impl Listed {
    /// `None` if there is no list to decide with.
    async fn revokes(
        &self,
        subject: &Subject<'_>,
        clock: fn() -> SystemTime,
        notices: &mut Vec<Value>,
    ) -> Option<bool> {
        notices.extend(self.look(clock).await);
        let state = self.state();
        let snapshot = state.current(clock())?;
        Some(snapshot.list.revokes(subject))
    }

    /// Looks for a newer list if it is time, once at a time. Answers what is to be logged of it.
    async fn look(&self, clock: fn() -> SystemTime) -> Option<Value> {
        if !self.state().is_due(clock()) {
            return None;
        }
        let _one_at_a_time = self.in_flight.lock().await;
        let known = {
            let state = self.state();
            if !state.is_due(clock()) {
                return None;
            }
            let current = state.current(clock());
            current.map(|snapshot| snapshot.version.clone())
        };
        let read = self.place.read(known.as_deref(), clock());
        let read = tokio::time::timeout(PATIENCE, read).await;
        let read = read.unwrap_or(Err(SourceError::Patience(PATIENCE)));
        self.take(read, clock())
    }

    fn take(&self, read: Result<Option<Snapshot>, SourceError>, now: SystemTime) -> Option<Value> {
        let mut state = self.state();
        match read {
            Ok(None) => {
                state.confirm(now);
                None
            }
            Ok(Some(snapshot)) => {
                let entries = snapshot.list.entries;
                state.renew(snapshot, now);
                Some(json!({"event": "denylist", "outcome": "renewed", "entries": entries}))
            }
            Err(error) => {
                state.fail(now);
                Some(failed(&error))
            }
        }
    }

    /// A panic while the lock was held cannot leave half a state behind: each change is one assignment.
    fn state(&self) -> MutexGuard<'_, Freshness<Snapshot>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The list, unless it is the version that is known already.
    #[cfg_attr(
        not(feature = "aws"),
        expect(unused_variables, reason = "a file needs no time")
    )]
    async fn read(
        &self,
        known: Option<&str>,
        now: SystemTime,
    ) -> Result<Option<Snapshot>, SourceError> {
        match self {
            Self::File(path) => Snapshot::of_file(path, known),
            #[cfg(feature = "aws")]
            Self::S3(object) => {
                let fetched = object.get(known, super::MAX_DOCUMENT_BYTES, now).await?;
                let Some((document, version)) = fetched else {
                    return Ok(None);
                };
                let list = Denylist::parse(&document)?;
                Ok(Some(Snapshot { list, version }))
            }
        }
    }
}

#[cfg(feature = "aws")]
async fn revoked_in(
    table: &dynamodb::Table,
    subject: &Subject<'_>,
    clock: fn() -> SystemTime,
) -> Result<bool, SourceError> {
    let items = table.items(&table::ids(subject), clock()).await?;
    Ok(table::list(&items)?.revokes(subject))
}

fn failed(error: &SourceError) -> Value {
    json!({"event": "denylist", "outcome": "failed", "error": record::detail(error)})
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeSet;

    use serde_json::Map;

    use super::super::freshness::{INTERVAL, MAX_STALE};
    use super::*;
    use crate::caller::Grants;

    thread_local! {
        static NOW: Cell<Duration> = const { Cell::new(Duration::from_secs(1_800_000_000)) };
    }

    fn clock() -> SystemTime {
        SystemTime::UNIX_EPOCH + NOW.get()
    }

    fn pass(span: Duration) {
        NOW.set(NOW.get() + span);
    }

    fn caller(token: &str) -> Caller {
        Caller {
            principal: "user-1".to_owned(),
            subject: None,
            client_id: None,
            issuer: "https://issuer.example".to_owned(),
            accepted_until: 0,
            grants: Grants::default(),
            claims: Map::from_iter([("jti".to_owned(), json!(token))]),
        }
    }

    /// What comes of each of the tokens `a` and `b`, and which outcomes are logged.
    async fn ask(revocations: &Revocations) -> ([Result<(), Obstacle>; 2], BTreeSet<String>) {
        let mut notices = Vec::new();
        let outcomes = [
            revocations.check(&caller("a"), clock, &mut notices).await,
            revocations.check(&caller("b"), clock, &mut notices).await,
        ];
        let logged = notices.iter().map(|notice| notice["outcome"].to_string());
        (outcomes, logged.collect())
    }

    fn revoking(tokens: &[&str]) -> String {
        let entries: Vec<_> = tokens.iter().map(|token| json!({"jti": token})).collect();
        json!({"entries": entries}).to_string()
    }

    #[tokio::test]
    async fn a_changed_file_counts_after_the_interval_and_a_broken_one_keeps_the_old_for_a_while() {
        let revoked = || Err(Obstacle::Refused(TokenError::Revoked));
        let outage = || Err(Obstacle::Unavailable(Outage::Denylist));
        let logged = |outcome: &str| BTreeSet::from([format!("\"{outcome}\"")]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("denylist.json");
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        write(&revoking(&["a"]));
        let snapshot = Snapshot::of_file(&path, None).unwrap().unwrap();
        let revocations = Revocations::new(Configured::File(path.clone(), snapshot), clock());
        let quiet = BTreeSet::new();
        assert_eq!(
            ask(&revocations).await,
            ([revoked(), Ok(())], quiet.clone())
        );
        write(&revoking(&["a", "b"]));
        assert_eq!(
            ask(&revocations).await,
            ([revoked(), Ok(())], quiet.clone())
        );
        pass(INTERVAL);
        assert_eq!(
            ask(&revocations).await,
            ([revoked(), revoked()], logged("renewed"))
        );
        pass(INTERVAL);
        assert_eq!(
            ask(&revocations).await,
            ([revoked(), revoked()], quiet.clone())
        );
        // Neither half a document nor none makes a revoked token good again.
        write(r#"{"entries": ["#);
        pass(INTERVAL);
        assert_eq!(
            ask(&revocations).await,
            ([revoked(), revoked()], logged("failed"))
        );
        std::fs::remove_file(&path).unwrap();
        pass(INTERVAL);
        assert_eq!(
            ask(&revocations).await,
            ([revoked(), revoked()], logged("failed"))
        );
        pass(MAX_STALE);
        assert_eq!(
            ask(&revocations).await,
            ([outage(), outage()], logged("failed"))
        );
        write(&revoking(&[]));
        pass(INTERVAL);
        assert_eq!(
            ask(&revocations).await,
            ([Ok(()), Ok(())], logged("renewed"))
        );
    }

    #[test]
    fn a_large_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("denylist.json");
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(1 << 40).unwrap();
        let error = Snapshot::of_file(&path, None).unwrap_err();
        assert!(matches!(
            error,
            SourceError::Document(DenylistError::TooLarge)
        ));
    }
}
