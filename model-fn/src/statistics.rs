//! What a version has done since the start: counts and durations, added up by any number of threads.
//!
//! Each number is right by itself; two of them may be read between two additions of one request.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::pace::Pace;

/// The sums of one version.
#[derive(Debug, Default)]
pub struct Statistics {
    succeeded: Total,
    failed: Total,
    parsed: Total,
    run: Total,
    written: Total,
    rows: AtomicU64,
    /// Runs of the model, which may be for several requests.
    executions: AtomicU64,
    /// In milliseconds since 1970.
    last: AtomicU64,
    /// How fast the runs were.
    pub pace: Pace,
}

/// How often something took how long.
#[derive(Debug, Default)]
struct Total {
    count: AtomicU64,
    nanoseconds: AtomicU64,
}

/// How long the steps of one request took.
#[derive(Debug, Clone, Copy)]
pub struct Steps {
    /// From the bytes of the body to tensors.
    pub parse: Duration,
    /// The run, with the wait for others that run together with it.
    pub run: Duration,
    /// From tensors to the bytes of the answer.
    pub write: Duration,
}

/// A count and what it took, at one time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// How often.
    pub count: u64,
    /// How long altogether.
    pub nanoseconds: u64,
}

/// All sums at one time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Requests that were answered.
    pub succeeded: Sum,
    /// Requests that were not.
    pub failed: Sum,
    /// Bodies read, of requests that were answered.
    pub parsed: Sum,
    /// Runs.
    pub run: Sum,
    /// Answers written.
    pub written: Sum,
    /// Rows of requests that were answered.
    pub rows: u64,
    /// Runs of the model, which may be for several requests.
    pub executions: u64,
    /// When the last request came, in milliseconds since 1970; 0 if none has.
    pub last: u64,
}

impl Statistics {
    /// Adds a request that was answered.
    pub fn succeed(&self, rows: usize, steps: Steps, took: Duration, now: SystemTime) {
        self.succeeded.add(took);
        self.parsed.add(steps.parse);
        self.run.add(steps.run);
        self.written.add(steps.write);
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        self.came(now);
    }

    /// Adds a run of the model.
    pub fn execute(&self) {
        self.executions.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds a request that was not.
    pub fn fail(&self, took: Duration, now: SystemTime) {
        self.failed.add(took);
        self.came(now);
    }

    fn came(&self, now: SystemTime) {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let milliseconds = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        self.last.fetch_max(milliseconds, Ordering::Relaxed);
    }

    /// What has been added up so far.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            succeeded: self.succeeded.sum(),
            failed: self.failed.sum(),
            parsed: self.parsed.sum(),
            run: self.run.sum(),
            written: self.written.sum(),
            rows: self.rows.load(Ordering::Relaxed),
            executions: self.executions.load(Ordering::Relaxed),
            last: self.last.load(Ordering::Relaxed),
        }
    }
}

impl Total {
    fn add(&self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    fn sum(&self) -> Sum {
        Sum {
            count: self.count.load(Ordering::Relaxed),
            nanoseconds: self.nanoseconds.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_many_threads_are_added_up() {
        let statistics = Statistics::default();
        assert_eq!(statistics.snapshot(), Snapshot::default());
        let steps = Steps {
            parse: Duration::from_nanos(1),
            run: Duration::from_nanos(2),
            write: Duration::from_nanos(3),
        };
        std::thread::scope(|scope| {
            for second in 1..=4 {
                let statistics = &statistics;
                scope.spawn(move || {
                    let now = UNIX_EPOCH + Duration::from_secs(second);
                    for _ in 0..100 {
                        statistics.execute();
                        statistics.succeed(3, steps, Duration::from_nanos(10), now);
                        statistics.fail(Duration::from_nanos(7), now);
                    }
                });
            }
        });
        let sum = |nanoseconds: u64| Sum {
            count: 400,
            nanoseconds: 400 * nanoseconds,
        };
        let expected = Snapshot {
            succeeded: sum(10),
            failed: sum(7),
            parsed: sum(1),
            run: sum(2),
            written: sum(3),
            rows: 1200,
            executions: 400,
            last: 4000,
        };
        assert_eq!(statistics.snapshot(), expected);
    }
}
