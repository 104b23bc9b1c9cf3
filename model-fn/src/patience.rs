//! Waiting for what another thread does, as long as there is time for it.

use std::sync::{Condvar, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Until when somebody waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Nothing where it has no end.
    until: Option<Instant>,
}

impl Patience {
    /// So long from now on; for ever where nothing is said.
    pub(crate) fn new(patience: Option<Duration>) -> Self {
        Self {
            until: patience.and_then(|patience| Instant::now().checked_add(patience)),
        }
    }

    /// Waits for a change; nothing once patience has ended.
    pub(crate) fn wait<'a, T>(
        self,
        changed: &Condvar,
        state: MutexGuard<'a, T>,
    ) -> Option<MutexGuard<'a, T>> {
        let Some(until) = self.until else {
            let waited = changed.wait(state);
            return Some(waited.unwrap_or_else(PoisonError::into_inner));
        };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        let waited = changed.wait_timeout(state, left);
        Some(waited.unwrap_or_else(PoisonError::into_inner).0)
    }
}
