//! Loads versions on their first use: one at a time, on a thread of its own, so that a request that cannot wait is
//! told so while the load goes on.
//!
//! Versions that run are found without coming here. The one used the longest time ago leaves where there is no memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::Problem;
use super::slot::Slot;
use crate::engine::STACK;
use crate::patience::Patience;
use crate::pipeline::Pipeline;
use crate::report::report;

/// How long a model that is broken is not tried again: a load costs memory and time that others are in need of.
const PAUSE: Duration = Duration::from_secs(10);

/// How long one is not tried again that has not found memory: what is in use is so for a run.
const PAUSE_FOR_MEMORY: Duration = Duration::from_secs(1);

/// Loads what is not loaded at the start.
#[derive(Debug, Default)]
pub(super) struct Loader {
    lazy: Vec<Arc<Slot>>,
    uses: AtomicU64,
    progress: Mutex<Progress>,
    /// A load has ended.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Progress {
    going: Option<Going>,
    /// By the places of slots.
    failed: BTreeMap<usize, Failed>,
}

/// The load that is going on, and what comes of it. Those who wait hold the outcome, so that what they waited for
/// does not leave before they have it.
#[derive(Debug, Clone)]
struct Going {
    place: usize,
    outcome: Outcome,
}

type Outcome = Arc<OnceLock<Result<Arc<Pipeline>, Failed>>>;

#[derive(Debug, Clone)]
struct Failed {
    at: SystemTime,
    reason: Reason,
}

/// Why a load has failed, in words for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    /// There is no memory for it beside what is in use.
    Full(String),
    /// The model is broken.
    Broken(String),
}

/// Why a version that is there cannot be asked now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// It is being loaded.
    #[error("the model is being loaded: try again")]
    Loading,
    /// There is no memory for it beside what is in use.
    #[error("the model does not fit into the memory beside those in use: try again")]
    Full {
        /// Why, for the log.
        reason: String,
        /// When it is tried again.
        pause: Duration,
    },
    /// None of the models has come from its source yet.
    #[error("the models cannot be had from where they are: try again")]
    Unreached {
        /// Why, for the log.
        reason: String,
        /// When it is tried again.
        pause: Duration,
    },
    /// It cannot be loaded.
    #[error("the model cannot be loaded")]
    Broken {
        /// Why, for the log.
        reason: String,
        /// When it is tried again.
        pause: Duration,
    },
}

/// How it stands with a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It answers.
    Ready,
    /// It is loaded when it is asked for.
    Idle,
    /// It is being loaded.
    Loading,
    /// Its last load has failed.
    Failed,
}

impl Loader {
    pub(super) fn new(lazy: Vec<Arc<Slot>>) -> Self {
        Self {
            lazy,
            ..Self::default()
        }
    }

    /// The model of a slot, loaded now unless it runs; waits as long as there is patience, for ever if that has no end.
    pub(super) fn model(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        patience: Option<Duration>,
        now: SystemTime,
    ) -> Result<Arc<Pipeline>, Unavailable> {
        slot.use_at(self.uses.fetch_add(1, Ordering::Relaxed));
        if let Some(model) = slot.running() {
            return Ok(model);
        }
        let patience = Patience::new(patience);
        let place = self.lazy.iter().position(|lazy| Arc::ptr_eq(lazy, slot));
        // Slots that are not lazy always run.
        let place = place.ok_or(Unavailable::Loading)?;
        let mut progress = self.progress();
        loop {
            if let Some(model) = slot.running() {
                return Ok(model);
            }
            if let Some(failed) = progress.failed.get(&place)
                && let Some(pause) = failed.pause(now)
            {
                return Err(failed.unavailable(pause));
            }
            let going = match &progress.going {
                Some(going) => going.clone(),
                None => self.begin(&mut progress, place, now),
            };
            progress = self.wait(progress, patience)?;
            if let Some(outcome) = going.outcome.get()
                && going.place == place
            {
                return outcome.clone().map_err(|failed| {
                    let pause = failed.reason.pause();
                    failed.unavailable(pause)
                });
            }
        }
    }

    pub(super) fn state(&self, slot: &Arc<Slot>) -> State {
        if slot.is_running() {
            return State::Ready;
        }
        let is_it = |place: usize| {
            let lazy = self.lazy.get(place);
            lazy.is_some_and(|lazy| Arc::ptr_eq(lazy, slot))
        };
        let progress = self.progress();
        if progress
            .going
            .as_ref()
            .is_some_and(|going| is_it(going.place))
        {
            State::Loading
        } else if progress.failed.keys().any(|place| is_it(*place)) {
            State::Failed
        } else {
            State::Idle
        }
    }

    /// Lets the version go that was used the longest time ago and that nobody uses; whether there was one.
    pub(super) fn make_room(&self) -> bool {
        let running = self.lazy.iter().filter(|slot| slot.is_running());
        let mut running: Vec<_> = running.collect();
        running.sort_by_key(|slot| slot.used());
        running.into_iter().any(|slot| slot.leave())
    }

    fn begin(self: &Arc<Self>, progress: &mut Progress, place: usize, now: SystemTime) -> Going {
        progress.failed.remove(&place);
        let going = Going {
            place,
            outcome: Arc::default(),
        };
        progress.going = Some(going.clone());
        let (loader, outcome) = (Arc::clone(self), Arc::clone(&going.outcome));
        let load = move || {
            let loaded = loader.load(place, now);
            loader.progress().end(place, outcome, loaded);
            loader.ended.notify_all();
        };
        if let Err(error) = thread::Builder::new().stack_size(STACK).spawn(load) {
            let reason = Reason::Broken(report(&error));
            let failed = Failed { at: now, reason };
            progress.end(place, Arc::clone(&going.outcome), Err(failed));
        }
        going
    }

    fn load(&self, place: usize, now: SystemTime) -> Result<Arc<Pipeline>, Failed> {
        let started = Instant::now();
        let slot = self.lazy.get(place);
        let recipe = slot
            .and_then(|slot| slot.recipe())
            .map(|recipe| recipe.load());
        match (slot, recipe) {
            (Some(slot), Some(Ok(loaded))) => Ok(slot.arrive(loaded)),
            // It has ended just now: what takes longer than the pause must be left alone afterwards too.
            (_, Some(Err(problem))) => Err(Failed {
                at: now + started.elapsed(),
                reason: Reason::of(&problem),
            }),
            (_, None) | (None, _) => Err(Failed {
                at: now,
                reason: Reason::Broken("no such version".to_owned()),
            }),
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until a load has ended, or patience has.
    fn wait<'a>(
        &self,
        progress: MutexGuard<'a, Progress>,
        patience: Patience,
    ) -> Result<MutexGuard<'a, Progress>, Unavailable> {
        // A thread that could not be had has ended before.
        if progress.going.is_none() {
            return Ok(progress);
        }
        let waited = patience.wait(&self.ended, progress);
        waited.ok_or(Unavailable::Loading)
    }
}

impl Progress {
    /// A load is over. When the next one begins, its outcome is held by those alone who wait for it.
    fn end(&mut self, place: usize, outcome: Outcome, loaded: Result<Arc<Pipeline>, Failed>) {
        if let Err(failed) = &loaded {
            self.failed.insert(place, failed.clone());
        }
        self.going = None;
        // Nobody else sets it.
        let _ = outcome.set(loaded);
    }
}

impl Failed {
    /// How long it is not tried again. By wall-clock time, for a frozen sandbox stops the other; a clock that was
    /// set back does not make it longer.
    fn pause(&self, now: SystemTime) -> Option<Duration> {
        let since = now.duration_since(self.at);
        let since = since.unwrap_or_else(|before| before.duration());
        let pause = self.reason.pause().checked_sub(since);
        pause.filter(|pause| !pause.is_zero())
    }

    fn unavailable(&self, pause: Duration) -> Unavailable {
        match self.reason.clone() {
            Reason::Full(reason) => Unavailable::Full { reason, pause },
            Reason::Broken(reason) => Unavailable::Broken { reason, pause },
        }
    }
}

impl Reason {
    fn pause(&self) -> Duration {
        match self {
            Self::Full(_) => PAUSE_FOR_MEMORY,
            Self::Broken(_) => PAUSE,
        }
    }

    fn of(problem: &Problem) -> Self {
        let text = report(problem);
        if problem.is_of_memory() {
            Self::Full(text)
        } else {
            Self::Broken(text)
        }
    }
}
