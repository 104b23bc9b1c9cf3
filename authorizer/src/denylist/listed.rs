//! A list that is read whole, and again when it has changed: what is at hand, and when to look for a newer one, is
//! `freshness`'s to say.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::task::{JoinHandle, spawn_blocking};

use super::document::{DenylistError, MAX_DOCUMENT_BYTES};
use super::freshness::Freshness;
use super::source::{SourceError, failed};
use super::{Denylist, Subject};
#[cfg(feature = "aws")]
use crate::aws::s3;

/// Time for one look where a list is fetched: it is due every half minute, and somebody waits.
const PATIENCE: Duration = Duration::from_secs(2);
/// The same while there is no list: without one nobody is answered at all.
const FIRST_PATIENCE: Duration = Duration::from_secs(4);

/// A list, and which version of its document it is.
#[derive(Debug)]
pub(crate) struct Snapshot {
    list: Denylist,
    version: String,
}

/// A list that is read whole, and again when it has changed.
#[derive(Debug)]
pub(crate) struct Listed {
    place: Place,
    state: Mutex<Freshness<Snapshot>>,
    in_flight: tokio::sync::Mutex<Reading>,
}

/// What a look came to.
type Read = Result<Option<Snapshot>, SourceError>;

/// A file that is being read, perhaps by a look that has been given up: a thread that hangs is not joined by another.
type Reading = Option<JoinHandle<Read>>;

#[derive(Debug)]
pub(super) enum Place {
    File(PathBuf),
    #[cfg(feature = "aws")]
    S3(s3::Object),
}

impl Snapshot {
    /// Reads the file, unless this is the version that is known already.
    pub(crate) fn of_file(path: &Path, known: Option<&str>) -> Read {
        let metadata = std::fs::metadata(path)?;
        let version = format!("{:?} {}", metadata.modified()?, metadata.len());
        if known == Some(&version) {
            return Ok(None);
        }
        if metadata.len() > MAX_DOCUMENT_BYTES as u64 {
            return Err(DenylistError::TooLarge.into());
        }
        let list = Denylist::parse(&std::fs::read(path)?)?;
        Ok(Some(Self { list, version }))
    }
}

impl Listed {
    #[cfg(feature = "aws")]
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            state: Mutex::default(),
            in_flight: tokio::sync::Mutex::default(),
        }
    }

    /// A list that has been read already.
    pub(super) fn at_hand(place: Place, snapshot: Snapshot, now: SystemTime) -> Self {
        let mut state = Freshness::default();
        state.renew(snapshot, now);
        Self {
            place,
            state: Mutex::new(state),
            in_flight: tokio::sync::Mutex::default(),
        }
    }

    /// `None` if there is no list to decide with.
    pub(super) async fn revokes(
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
    pub(super) async fn look(&self, clock: fn() -> SystemTime) -> Option<Value> {
        if !self.state().is_due(clock()) {
            return None;
        }
        let mut reading = self.in_flight.lock().await;
        let known = {
            let state = self.state();
            if !state.is_due(clock()) {
                return None;
            }
            let current = state.current(clock());
            current.map(|snapshot| snapshot.version.clone())
        };
        let patience = match known {
            Some(_) => PATIENCE,
            None => FIRST_PATIENCE,
        };
        let read = self.place.read(known, &mut reading, clock());
        let read = tokio::time::timeout(patience, read).await;
        let read = read.unwrap_or(Err(SourceError::Patience(patience)));
        self.take(read, clock())
    }

    fn take(&self, read: Read, now: SystemTime) -> Option<Value> {
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
    async fn read(&self, known: Option<String>, reading: &mut Reading, now: SystemTime) -> Read {
        match self {
            Self::File(path) => {
                let path = path.clone();
                // What was read for a look that was given up may be as old as that.
                if has_ended(reading) {
                    *reading = None;
                }
                let begin = || spawn_blocking(move || Snapshot::of_file(&path, known.as_deref()));
                let read = reading.get_or_insert_with(begin).await;
                *reading = None;
                read.map_err(std::io::Error::other)?
            }
            #[cfg(feature = "aws")]
            Self::S3(object) => {
                let fetched = object
                    .get(known.as_deref(), MAX_DOCUMENT_BYTES, now)
                    .await?;
                let Some((document, version)) = fetched else {
                    return Ok(None);
                };
                let list = Denylist::parse(&document)?;
                Ok(Some(Snapshot { list, version }))
            }
        }
    }
}

fn has_ended(reading: &Reading) -> bool {
    reading.as_ref().is_some_and(JoinHandle::is_finished)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeSet;

    use super::*;
    use crate::caller::Caller;
    use crate::denylist::freshness::{INTERVAL, MAX_STALE};
    use crate::denylist::{Configured, Revocations};
    use crate::outage::{Obstacle, Outage};
    use crate::token::TokenError;

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
        Caller::of(&json!({"sub": "user-1", "jti": token}), 0)
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

    /// A list with the token `a`, and a named pipe in its place, to which nobody writes: it hangs like a file system
    /// that has gone away. One look has been given up.
    async fn hanging(path: &Path) -> Listed {
        std::fs::write(path, revoking(&["a"])).unwrap();
        let snapshot = Snapshot::of_file(path, None).unwrap().unwrap();
        let listed = Listed::at_hand(Place::File(path.to_owned()), snapshot, clock());
        std::fs::remove_file(path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(path).status();
        assert!(made.unwrap().success());
        pass(INTERVAL);
        let given_up = tokio::time::timeout(Duration::from_millis(10), listed.look(clock));
        assert!(given_up.await.is_err());
        listed
    }

    async fn write(path: &Path, text: String) {
        let path = path.to_owned();
        let written = spawn_blocking(move || std::fs::write(path, text));
        written.await.unwrap().unwrap();
    }

    #[track_caller]
    fn revokes(listed: &Listed, token: &str) {
        let (state, caller) = (listed.state(), caller(token));
        let snapshot = state.current(clock()).unwrap();
        assert!(snapshot.list.revokes(&Subject::of(&caller).unwrap()));
    }

    /// A second reader would take a part of the text from the first, or wait for another writer.
    #[tokio::test]
    async fn a_file_that_hangs_holds_up_nobody_else_and_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("denylist.json");
        let listed = hanging(&path).await;
        revokes(&listed, "a");
        let written = async { write(&path, revoking(&["b"])).await };
        let (noticed, ()) = futures_util::future::join(listed.look(clock), written).await;
        assert_eq!(noticed.unwrap()["outcome"], "renewed");
        revokes(&listed, "b");
    }

    #[tokio::test]
    async fn what_a_look_that_was_given_up_has_read_is_no_news() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("denylist.json");
        let listed = hanging(&path).await;
        write(&path, revoking(&["b"])).await;
        while !has_ended(&*listed.in_flight.lock().await) {
            tokio::task::yield_now().await;
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, revoking(&["c"])).unwrap();
        assert_eq!(listed.look(clock).await.unwrap()["outcome"], "renewed");
        revokes(&listed, "c");
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
