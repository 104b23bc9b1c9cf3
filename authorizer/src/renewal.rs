//! How old something fetched is, and how long to leave alone whoever has failed to answer. How old it may be is for
//! its users to say. Plain data: the clock is an argument, and is the wall clock, for a frozen sandbox stops the
//! monotonic one.

use std::time::{Duration, SystemTime};

/// Pause after a first failure; it doubles with each further one.
pub const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Something fetched, or nothing yet, and when it was last known to be the newest.
#[derive(Debug)]
pub(crate) struct Dated<T>(Option<(T, SystemTime)>);

/// The pause after failures that follow one another.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    failed_at: Option<SystemTime>,
    failures: u32,
    /// What the one who failed has asked for.
    asked: Duration,
}

impl<T> Default for Dated<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Dated<T> {
    pub(crate) fn new(value: T, now: SystemTime) -> Self {
        Self(Some((value, now)))
    }

    /// It is still the newest.
    pub(crate) fn confirm(&mut self, now: SystemTime) {
        if let Some((_, at)) = &mut self.0 {
            *at = now;
        }
    }

    /// It, unless it is older than `span`.
    pub(crate) fn within(&self, span: Duration, now: SystemTime) -> Option<&T> {
        let (value, at) = self.0.as_ref()?;
        within(Some(*at), span, now).then_some(value)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
    }

    #[track_caller]
    fn check(dated: &Dated<u8>, good_from: u64, end: u64) {
        let good = |second| dated.within(Duration::from_secs(60), at(second)).is_some();
        assert!((good_from..end).all(good));
        assert!(!good(good_from - 1) && !good(end));
    }

    #[test]
    fn a_value_ages_from_when_it_was_last_the_newest() {
        let mut dated = Dated::default();
        dated.confirm(at(100));
        assert_eq!(dated.within(Duration::MAX, at(100)), None);
        dated = Dated::new(1, at(100));
        check(&dated, 100, 160);
        dated.confirm(at(150));
        check(&dated, 150, 210);
    }
}
