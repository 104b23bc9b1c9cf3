//! How long a list that was read is good, and when to look whether there is a newer one. Plain data: `source` does
//! the reading. Times are wall-clock: a frozen sandbox stops the monotonic clock, not the list's age.

use std::time::{Duration, SystemTime};

use crate::renewal::{Dated, within};

/// Between two looks. A new entry counts within this time, and what the gateway remembers.
pub(crate) const INTERVAL: Duration = Duration::from_secs(30);
/// Between two looks while there is no list to decide with.
const RETRY: Duration = Duration::from_secs(1);
/// How long a list counts after it could last be seen to be the newest.
pub(crate) const MAX_STALE: Duration = Duration::from_secs(10 * 60);

/// A value that is read again now and then.
#[derive(Debug)]
pub(crate) struct Freshness<T> {
    value: Dated<T>,
    looked_at: Option<SystemTime>,
}

impl<T> Default for Freshness<T> {
    fn default() -> Self {
        Self {
            value: Dated::default(),
            looked_at: None,
        }
    }
}

impl<T> Freshness<T> {
    /// The value, unless it is too old to decide with.
    pub(crate) fn current(&self, now: SystemTime) -> Option<&T> {
        self.value.within(MAX_STALE, now)
    }

    /// Whether it is time to look for a newer one.
    pub(crate) fn is_due(&self, now: SystemTime) -> bool {
        let pause = match self.current(now) {
            Some(_) => INTERVAL,
            None => RETRY,
        };
        !within(self.looked_at, pause, now)
    }

    /// There is a newer one.
    pub(crate) fn renew(&mut self, value: T, now: SystemTime) {
        self.value = Dated::new(value, now);
        self.looked_at = Some(now);
    }

    /// There is none newer.
    pub(crate) fn confirm(&mut self, now: SystemTime) {
        self.value.confirm(now);
        self.looked_at = Some(now);
    }

    /// It could not be found out. The one at hand stays.
    pub(crate) fn fail(&mut self, now: SystemTime) {
        self.looked_at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
    }

    #[test]
    fn a_list_is_looked_after_now_and_then() {
        let mut list = Freshness::default();
        assert!(list.is_due(at(0)) && list.current(at(0)).is_none());
        list.renew(1, at(0));
        assert_eq!(list.current(at(0)), Some(&1));
        assert!(!list.is_due(at(29)) && list.is_due(at(30)));
        list.confirm(at(30));
        assert!(!list.is_due(at(59)) && list.is_due(at(60)));
        list.renew(2, at(60));
        assert_eq!(list.current(at(60)), Some(&2));
    }

    #[test]
    fn a_failure_keeps_the_list_for_a_bounded_time() {
        let mut list = Freshness::default();
        list.renew(1, at(0));
        list.fail(at(590));
        assert!(!list.is_due(at(599)));
        assert_eq!(list.current(at(599)), Some(&1));
        assert_eq!(list.current(at(600)), None);
        assert!(list.is_due(at(600)));
        list.fail(at(600));
        assert!(!list.is_due(at(600)) && list.is_due(at(601)));
        list.confirm(at(601));
        assert_eq!(list.current(at(601)), Some(&1));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_a_list_due() {
        let mut list = Freshness::default();
        list.renew(1, at(100));
        assert!(list.is_due(at(99)) && list.current(at(99)).is_none());
    }
}
