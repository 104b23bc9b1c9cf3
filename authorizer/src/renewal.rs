//! How long to leave alone whoever has failed to answer. Plain data: the clock is an argument, and is the wall clock,
//! for a frozen sandbox stops the monotonic one.

use std::time::{Duration, SystemTime};

/// Pause after a first failure; it doubles with each further one.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The pause after failures that follow one another.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    failed_at: Option<SystemTime>,
    failures: u32,
    /// What the one who failed has asked for.
    asked: Duration,
}

impl Pause {
    /// One more failure, and how long the one who failed asks to be left alone.
    pub(crate) fn extend(&mut self, asked: Option<Duration>, now: SystemTime) {
        self.failed_at = Some(now);
        self.failures = self.failures.saturating_add(1);
        self.asked = asked.unwrap_or_default();
    }

    /// True after a failure, though the pause be over.
    pub(crate) fn has_begun(&self) -> bool {
        self.failures > 0
    }

    pub(crate) fn lasts(&self, now: SystemTime) -> bool {
        let doublings = self.failures.saturating_sub(1).min(16);
        let own = FIRST_PAUSE * 2_u32.pow(doublings);
        let pause = own.max(self.asked).min(LONGEST_PAUSE);
        within(self.failed_at, pause, now)
    }
}

/// Whether a time is less than `span` ago. A time in the future counts as long ago, for the clock has been set back:
/// asking once more is safe.
pub(crate) fn within(at: Option<SystemTime>, span: Duration, now: SystemTime) -> bool {
    let age = at.and_then(|at| now.duration_since(at).ok());
    age.is_some_and(|age| age < span)
}
