//! Until when a request must be answered: Lambda kills what takes longer, and the caller learns nothing.

use std::time::{Duration, Instant};

/// When a request ends, whether or not it is answered.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    /// Nothing where nobody ends it.
    at: Option<Instant>,
}

/// There is not as much time as an answer takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the answer would take {needed_ms} ms at the least, and {left_ms} ms are left: send fewer rows, or try again"
)]
pub struct TooLate {
    /// What it would take.
    pub needed_ms: u64,
    /// What is left.
    pub left_ms: u64,
}

/// For writing, compressing and sending the answer.
const RESERVE: Duration = Duration::from_millis(100);

impl Deadline {
    /// So long after the start.
    pub fn new(started: Instant, time_left: Option<Duration>) -> Self {
        let at = time_left.and_then(|left| started.checked_add(left));
        Self { at }
    }

    /// An error if a run of this length, and what comes after it, cannot end in time.
    pub fn check(self, run: Duration, now: Instant) -> Result<(), TooLate> {
        let needed = run.saturating_add(RESERVE);
        let left = self.at.map(|at| at.saturating_duration_since(now));
        match left {
            Some(left) if left < needed => Err(TooLate {
                needed_ms: milliseconds(needed),
                left_ms: milliseconds(left),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// How long something may be waited for, if there is an end: an answer must be written after it.
    pub fn patience(self, now: Instant) -> Option<Duration> {
        let left = self.at.map(|at| at.saturating_duration_since(now));
        left.map(|left| left.saturating_sub(RESERVE))
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(left_ms: Option<u64>, run_ms: u64, after_ms: u64, expected: Option<(u64, u64)>) {
        let started = Instant::now();
        let deadline = Deadline::new(started, left_ms.map(Duration::from_millis));
        let now = started + Duration::from_millis(after_ms);
        let checked = deadline.check(Duration::from_millis(run_ms), now);
        let expected = expected.map(|(needed_ms, left_ms)| TooLate { needed_ms, left_ms });
        assert_eq!(checked.err(), expected);
    }

    #[test]
    fn a_run_must_end_before_the_deadline_with_time_to_write() {
        check(Some(3000), 2900, 0, None);
        check(Some(3000), 2901, 0, Some((3001, 3000)));
        check(Some(3000), 0, 2900, None);
        check(Some(3000), 0, 2901, Some((100, 99)));
        check(Some(3000), 0, 5000, Some((100, 0)));
        check(None, u64::MAX, 5000, None);
    }

    #[test]
    fn patience_ends_with_time_to_write() {
        let now = Instant::now();
        let patience = |left: Option<u64>| {
            let deadline = Deadline::new(now, left.map(Duration::from_millis));
            let patience = deadline.patience(now);
            patience.map(|patience| patience.as_millis())
        };
        assert_eq!(patience(Some(3000)), Some(2900));
        assert_eq!(patience(Some(99)), Some(0));
        assert_eq!(patience(None), None);
    }
}
