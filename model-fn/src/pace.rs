//! How fast a version runs, as far as it was seen: enough to tell that a run cannot end in time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Sizes are powers of two of values; larger ones share the last place.
const SIZES: usize = 32;

/// Runs down to a quarter of a size tell how long one of that size takes at the least.
const NEAR: usize = 2;

/// The fastest runs of each size, in nanoseconds. Any number of threads may add to it.
#[derive(Debug)]
pub struct Pace {
    fastest: [AtomicU64; SIZES],
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            fastest: std::array::from_fn(|_| AtomicU64::new(u64::MAX)),
        }
    }
}

impl Pace {
    /// Adds a run on inputs with so many values.
    pub fn add(&self, values: usize, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        if let Some(fastest) = self.fastest.get(size(values)) {
            fastest.fetch_min(nanoseconds, Ordering::Relaxed);
        }
    }

    /// What a run on so many values takes at the least, if anything like it was seen.
    ///
    /// That of the fastest run of a like size or a larger one. Nothing is drawn out from it: the first run of a shape
    /// makes its plan as well, and values come cheaper by the dozen.
    pub fn least(&self, values: usize) -> Option<Duration> {
        let near = self.fastest.iter().skip(size(values).saturating_sub(NEAR));
        let fastest = near.map(|size| size.load(Ordering::Relaxed)).min();
        let fastest = fastest.filter(|nanoseconds| *nanoseconds < u64::MAX);
        fastest.map(Duration::from_nanos)
    }
}

fn size(values: usize) -> usize {
    let size = values.max(1).ilog2() as usize;
    size.min(SIZES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[track_caller]
    fn check(seen: &[(usize, u32)], values: usize, expected: Option<u32>) {
        let pace = Pace::default();
        for (values, milliseconds) in seen {
            pace.add(*values, *milliseconds * MILLISECOND);
        }
        let expected = expected.map(|milliseconds| milliseconds * MILLISECOND);
        assert_eq!(pace.least(values), expected);
    }

    #[test]
    fn nothing_is_known_before_the_first_run() {
        check(&[], 1000, None);
    }

    #[test]
    fn the_fastest_run_like_it_or_larger_counts() {
        check(&[(1000, 10)], 1000, Some(10));
        check(&[(1000, 10), (1000, 8), (1000, 12)], 1000, Some(8));
        check(&[(1000, 10), (100_000, 9)], 1000, Some(9));
        check(&[(1024, 10)], 4096, Some(10));
    }

    #[test]
    fn smaller_runs_tell_nothing() {
        check(&[(1, 1)], 1024, None);
        check(&[(1023, 10)], 4096, None);
        check(&[(1, 1), (1024, 2)], 1024, Some(2));
    }

    #[test]
    fn no_size_is_too_large() {
        check(&[(0, 1), (usize::MAX, 3)], usize::MAX, Some(3));
        check(&[(0, 1)], 0, Some(1));
    }
}
