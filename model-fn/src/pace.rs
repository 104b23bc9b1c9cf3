//! How fast a version runs, as far as it was seen: enough to tell that a run cannot end in time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Sizes are powers of two of values; larger ones share the last place.
const SIZES: usize = 32;

/// Runs down to a sixteenth of a size tell how long one of that size takes at the least.
const NEAR: usize = 4;

/// Where there are only smaller runs: a value of many together takes as little as this part of one alone.
const TOGETHER: u64 = 4;

/// The fastest runs of each size, in picoseconds for each value of the inputs. Any number of threads may add to it.
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
        let each = took.as_nanos().saturating_mul(1000) / values.max(1) as u128;
        let each = u64::try_from(each).unwrap_or(u64::MAX);
        if let Some(fastest) = self.fastest.get(size(values)) {
            fastest.fetch_min(each, Ordering::Relaxed);
        }
    }

    /// What a run on so many values takes at the least, if anything like it was seen.
    pub fn least(&self, values: usize) -> Option<Duration> {
        let fastest = |sizes: &[AtomicU64]| {
            let seen = sizes.iter().map(|size| size.load(Ordering::Relaxed));
            seen.min().filter(|each| *each < u64::MAX)
        };
        let (smaller, near) = self.fastest.split_at(size(values).saturating_sub(NEAR));
        let each = fastest(near).or_else(|| Some(fastest(smaller)? / TOGETHER))?;
        let picoseconds = u128::from(each).saturating_mul(values as u128);
        let nanoseconds = u64::try_from(picoseconds / 1000).unwrap_or(u64::MAX);
        Some(Duration::from_nanos(nanoseconds))
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
    fn the_fastest_run_like_it_counts() {
        check(&[(1000, 10)], 1000, Some(10));
        check(&[(1000, 10), (1000, 8), (1000, 12)], 1000, Some(8));
        check(&[(1000, 10)], 4000, Some(40));
        // Larger runs are faster for each value, and one of them may be.
        check(&[(1000, 10), (100_000, 100)], 1000, Some(1));
    }

    #[test]
    fn smaller_runs_are_trusted_for_a_quarter() {
        check(&[(1, 1)], 1024, Some(256));
        check(&[(1, 1), (1024, 2)], 1024, Some(2));
    }

    #[test]
    fn no_size_is_too_large() {
        let pace = Pace::default();
        pace.add(0, MILLISECOND);
        pace.add(usize::MAX, MILLISECOND);
        assert_eq!(pace.least(usize::MAX), Some(Duration::ZERO));
        pace.add(1, Duration::MAX);
        assert!(pace.least(0).is_some());
    }
}
