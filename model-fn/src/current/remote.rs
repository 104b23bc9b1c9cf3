//! Models of a bucket: brought here by a thread, at the start and when they have changed.
//!
//! Requests begin the work and wait for it, for between invocations the sandbox is frozen, threads and all. What is
//! served stays until what comes after it is loaded and found right.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use super::{Served, open};
use crate::engine::{Budget, STACK};
use crate::log::Milliseconds;
use crate::patience::Patience;
use crate::report::report;
use crate::repository::{Entry, Repository, Unavailable, Wanted};
use crate::s3::Bucket;
use crate::{Config, StartError};

/// How long the start waits: Lambda begins it anew after 10 seconds, and bills more than it takes.
const LONGEST_START: Duration = Duration::from_secs(8);

/// How long S3 is left alone after a failure, where nothing is served.
const PAUSE: Duration = Duration::from_secs(5);

/// Most lines that wait for an invocation to write them: beyond that, nothing has come for long, and the last ones say
/// why no better.
const MOST_LINES: usize = 100;

/// The models of a bucket.
pub(crate) struct Remote {
    bucket: Bucket,
    config: Config,
    /// Shared by what is served and what comes after it: while that is loaded, both are there.
    budget: Budget,
    served: RwLock<Option<Arc<Served>>>,
    /// The digest of what was brought last and is not served: it is as wrong the next time.
    refused: Mutex<Option<String>>,
    progress: Mutex<Progress>,
    /// An attempt has ended.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Progress {
    is_going: bool,
    /// When the last attempt began.
    began: Option<SystemTime>,
    /// Why nothing is served.
    failed: Option<Failed>,
    lines: Vec<String>,
}

#[derive(Debug, Clone)]
struct Failed {
    at: SystemTime,
    problems: Vec<String>,
    /// Whether that may pass by itself.
    is_outage: bool,
}

impl Remote {
    /// Begins, and waits for a while. What is wrong with the bucket or its models keeps the function from starting;
    /// that S3 does not answer, or takes longer, does not.
    pub(super) fn start(bucket: &Bucket, config: &Config) -> Result<Arc<Self>, StartError> {
        let remote = Arc::new(Self {
            bucket: bucket.clone(),
            config: config.clone(),
            budget: Budget::new(config.memory),
            served: RwLock::default(),
            refused: Mutex::default(),
            progress: Mutex::default(),
            ended: Condvar::new(),
        });
        let _ = remote.get(Some(LONGEST_START), now());
        let failed = remote.progress().failed.clone();
        match failed.filter(|failed| !failed.is_outage) {
            Some(Failed { problems, .. }) => Err(StartError { problems }),
            None => Ok(remote),
        }
    }

    pub(super) fn get(
        self: &Arc<Self>,
        patience: Option<Duration>,
        now: SystemTime,
    ) -> Result<Arc<Served>, Unavailable> {
        if let Some(served) = self.served() {
            self.look_again(now);
            return Ok(served);
        }
        let patience = Patience::new(patience);
        let mut progress = self.progress();
        loop {
            if let Some(served) = self.served() {
                return Ok(served);
            }
            if let Some((pause, failed)) = progress.failed(now) {
                let reason = failed.problems.join("; ");
                return Err(Unavailable::Unreached { reason, pause });
            }
            if !progress.is_going {
                self.begin(&mut progress, now);
            }
            progress = self.wait(progress, patience)?;
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        std::mem::take(&mut self.progress().lines)
    }

    /// Looks for other models, where that is wanted and due.
    fn look_again(self: &Arc<Self>, now: SystemTime) {
        let Some(refresh) = self.config.refresh else {
            return;
        };
        let mut progress = self.progress();
        // A clock that was set back makes it due.
        let since = progress.began.map(|began| now.duration_since(began));
        let is_due = !matches!(since, Some(Ok(since)) if since < refresh);
        if is_due && !progress.is_going {
            self.begin(&mut progress, now);
        }
    }

    fn begin(self: &Arc<Self>, progress: &mut Progress, began: SystemTime) {
        progress.is_going = true;
        progress.began = Some(began);
        progress.failed = None;
        let remote = Arc::clone(self);
        let attempt = move || {
            let attempt = || remote.attempt();
            let line = catch_unwind(AssertUnwindSafe(attempt));
            let ended = line.unwrap_or_else(|_| {
                let problems = vec!["an attempt to load the models panicked".to_owned()];
                Ended::failed(problems, false)
            });
            remote.progress().end(ended, now());
            remote.ended.notify_all();
        };
        if let Err(error) = thread::Builder::new().stack_size(STACK).spawn(attempt) {
            progress.end(Ended::failed(vec![report(&error)], true), began);
        }
    }

    /// Brings what is there now, and serves it in place of what is served, if it is another.
    fn attempt(&self) -> Ended {
        let started = Instant::now();
        let served = self.served();
        let folder = served.as_ref().and_then(|served| served.folder.as_ref());
        let refused = self.refused().clone();
        // Where nothing is served, whoever waits is told again what is wrong.
        let refused = refused.as_deref().filter(|_| served.is_some());
        let known = folder.map(|folder| folder.digest());
        let known: Vec<_> = known.into_iter().chain(refused).collect();
        let folder = match self.bucket.fetch(&known, now) {
            Ok(Some(folder)) => folder,
            Ok(None) => return Ended::default(),
            Err(error) => return Ended::failed(vec![report(&error)], error.is_outage()),
        };
        let fetched = started.elapsed();
        let folders = [folder.path().to_owned()];
        let opened = open(&folders, &self.config, self.budget.clone());
        let opened = opened.and_then(|repository| {
            self.bring_over(served.as_deref(), &repository)?;
            Ok(repository)
        });
        match opened {
            Ok(repository) => {
                let line = json!({
                    "event": "models",
                    "outcome": "loaded",
                    "digest": folder.digest(),
                    "fetch_ms": Milliseconds(fetched),
                    "duration_ms": Milliseconds::since(started),
                });
                self.serve(Served {
                    repository,
                    folder: Some(folder),
                });
                Ended {
                    line: Some(line.to_string()),
                    failed: None,
                }
            }
            Err(problems) => {
                *self.refused() = Some(folder.digest().to_owned());
                let way = format!("{}/", folder.path().display());
                let bare = |problem: String| problem.replace(&way, "");
                Ended::failed(problems.into_iter().map(bare).collect(), false)
            }
        }
    }

    /// What runs must run in what takes its place as well, where it is there.
    fn bring_over(&self, before: Option<&Served>, after: &Repository) -> Result<(), Vec<String>> {
        let Some(before) = before else {
            return Ok(());
        };
        let before = before.repository.visible(None, &self.config.grants);
        let after_all = after.visible(None, &self.config.grants);
        let running = before.models().flat_map(Entry::all);
        for found in running.filter(|found| found.is_running()) {
            let number = found.number.to_string();
            let wanted = Wanted::Version(&number);
            let Ok(same) = after_all.find(Some(&found.entry.name), wanted) else {
                continue;
            };
            // Without memory for both, it is loaded when it is asked for.
            if let Err(Unavailable::Broken { reason, .. }) = after.model(same, None, now()) {
                return Err(vec![reason]);
            }
        }
        Ok(())
    }

    /// What was served goes with the last invocation that has it.
    fn serve(&self, served: Served) {
        let mut place = self.served.write().unwrap_or_else(PoisonError::into_inner);
        let before = place.replace(Arc::new(served));
        drop(place);
        drop(before);
    }

    fn served(&self) -> Option<Arc<Served>> {
        let served = self.served.read().unwrap_or_else(PoisonError::into_inner);
        served.clone()
    }

    fn refused(&self) -> MutexGuard<'_, Option<String>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until an attempt has ended, or patience has.
    fn wait<'a>(
        &self,
        progress: MutexGuard<'a, Progress>,
        patience: Patience,
    ) -> Result<MutexGuard<'a, Progress>, Unavailable> {
        if !progress.is_going {
            return Ok(progress);
        }
        let waited = patience.wait(&self.ended, progress);
        waited.ok_or(Unavailable::Loading)
    }
}

/// What has come of an attempt: nothing, where nothing has changed.
#[derive(Debug, Default)]
struct Ended {
    line: Option<String>,
    /// Why, and whether it may pass by itself.
    failed: Option<(Vec<String>, bool)>,
}

impl Ended {
    fn failed(problems: Vec<String>, is_outage: bool) -> Self {
        let line = json!({"event": "models", "outcome": "failed", "problems": problems});
        Self {
            line: Some(line.to_string()),
            failed: Some((problems, is_outage)),
        }
    }
}

impl Progress {
    fn end(&mut self, ended: Ended, at: SystemTime) {
        self.is_going = false;
        self.failed = ended.failed.map(|(problems, is_outage)| Failed {
            at,
            problems,
            is_outage,
        });
        if self.lines.len() < MOST_LINES {
            self.lines.extend(ended.line);
        }
    }

    /// What has failed, if that is not long ago, and when it is tried again.
    fn failed(&self, now: SystemTime) -> Option<(Duration, &Failed)> {
        let failed = self.failed.as_ref()?;
        let since = now.duration_since(failed.at);
        let since = since.unwrap_or_else(|before| before.duration());
        let pause = PAUSE.checked_sub(since).filter(|pause| !pause.is_zero())?;
        Some((pause, failed))
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = out.debug_struct("Remote");
        out.field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

fn now() -> SystemTime {
    #[expect(
        clippy::disallowed_methods,
        reason = "requests to S3 are signed with the time"
    )]
    SystemTime::now()
}
