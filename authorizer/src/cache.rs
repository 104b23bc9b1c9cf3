//! When an issuer's keys are good, when they are to be fetched, and when nothing can be said.
//! Plain data: `issuer` does the fetching. All times are wall-clock: a frozen sandbox stops the
//! monotonic clock, not the keys' age.

use std::time::{Duration, SystemTime};

use crate::algorithm::Algorithm;
use crate::keys::{KeySet, Selection, VerificationKey};
use crate::renewal::{Dated, Pause};
pub use crate::renewal::{FIRST_PAUSE, LONGEST_PAUSE};

/// Keys older than this are not trusted, though the issuer be unreachable.
pub const MAX_AGE: Duration = Duration::from_secs(6 * 60 * 60);
/// Fetches that unknown key ids may cause at once, so that a true rotation rarely waits.
pub const UNKNOWN_KEY_BURST: u32 = 3;
/// After the burst, one fetch for an unknown key id in this time.
pub const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(30);

/// What is known of a key.
#[derive(Debug)]
pub enum Lookup {
    /// Verify with this key.
    Found(VerificationKey),
    /// The key is there, but not for this algorithm.
    Unfit,
    /// The token names no key, and several would fit.
    Ambiguous,
    /// The issuer has no such key.
    Unknown,
    /// Fetch the keys, then look again.
    Fetch(Cause),
    /// The keys cannot be had now: neither yes nor no.
    Unavailable,
}

/// Why keys are to be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// There are none, or they are due for a refresh.
    Age,
    /// A token names a key that is not among them.
    UnknownKey,
}

/// The keys of one issuer, with the history of fetching them.
#[derive(Debug, Default)]
pub struct KeyCache {
    /// From a file: never fetched, never too old.
    pinned: Option<KeySet>,
    fetched: Dated<KeySet>,
    /// Keys older than this are fetched anew on use: a withdrawn key is trusted no longer while the issuer answers.
    fresh_for: Duration,
    pause: Pause,
    unknown_fetches: u32,
    unknown_since: Option<SystemTime>,
    ended_fetches: u64,
}

impl KeyCache {
    /// Keys from a file: never fetched, never too old.
    pub fn pinned(keys: KeySet) -> Self {
        Self {
            pinned: Some(keys),
            ..Self::default()
        }
    }

    /// Looks a key up for a token with this `kid` and `alg`.
    pub fn lookup(&self, key_id: Option<&str>, algorithm: Algorithm, now: SystemTime) -> Lookup {
        let Some(keys) = self.at_hand(now) else {
            return self.fetch_unless_pausing(Cause::Age, now);
        };
        let is_fresh = self.no_older_than(self.fresh_for, now).is_some();
        if !is_fresh && !self.pause.lasts(now) {
            return Lookup::Fetch(Cause::Age);
        }
        self.select(keys, (key_id, algorithm), now)
    }

    /// What can be said after a fetch, when another one would tell nothing new.
    pub fn settle(&self, key_id: Option<&str>, algorithm: Algorithm, now: SystemTime) -> Lookup {
        match self.lookup(key_id, algorithm, now) {
            // Only an issuer that has just answered can be said to have no such key.
            Lookup::Fetch(Cause::UnknownKey) if !self.has_failed() => Lookup::Unknown,
            Lookup::Fetch(Cause::Age) => self.meanwhile(key_id, algorithm, now),
            Lookup::Fetch(Cause::UnknownKey) => Lookup::Unavailable,
            settled @ (Lookup::Found(_)
            | Lookup::Unfit
            | Lookup::Ambiguous
            | Lookup::Unknown
            | Lookup::Unavailable) => settled,
        }
    }

    /// True if this token can be decided on meanwhile: the keys may be due for a refresh, but are not too old,
    /// and have something for it.
    pub fn can_wait(&self, key_id: Option<&str>, algorithm: Algorithm, now: SystemTime) -> bool {
        let keys = self.at_hand(now);
        keys.is_some_and(|keys| match keys.select(key_id, algorithm) {
            Selection::Key(_) | Selection::Unfit | Selection::Ambiguous => true,
            Selection::Unknown => false,
        })
    }

    /// True if the last fetch has failed: perhaps for want of patience.
    pub fn has_failed(&self) -> bool {
        self.pause.has_begun()
    }

    /// How many fetches have ended: whoever waited for one need not begin another.
    pub fn ended_fetches(&self) -> u64 {
        self.ended_fetches
    }

    /// Notes that a fetch begins, which an unknown key id must pay for.
    pub fn begin(&mut self, cause: Cause, now: SystemTime) {
        match cause {
            Cause::Age => {}
            Cause::UnknownKey => {
                self.unknown_fetches = self.unpaid(now) + 1;
                self.unknown_since = Some(now);
            }
        }
    }

    /// Takes fetched keys in, which are fetched anew after the time `fresh_for`.
    pub fn renew(&mut self, keys: KeySet, fresh_for: Duration, now: SystemTime) {
        self.ended_fetches += 1;
        self.fetched = Dated::new(keys, now);
        self.fresh_for = fresh_for;
        self.pause = Pause::default();
    }

    /// Notes a failed fetch, and how long the issuer asks to be left alone. The keys at hand stay.
    pub fn fail(&mut self, retry_after: Option<Duration>, now: SystemTime) {
        self.ended_fetches += 1;
        self.pause.extend(retry_after, now);
    }

    fn select(
        &self,
        keys: &KeySet,
        (key_id, algorithm): (Option<&str>, Algorithm),
        now: SystemTime,
    ) -> Lookup {
        match keys.select(key_id, algorithm) {
            Selection::Key(key) => Lookup::Found(key.clone()),
            Selection::Unfit => Lookup::Unfit,
            Selection::Ambiguous => Lookup::Ambiguous,
            Selection::Unknown if self.pinned.is_some() => Lookup::Unknown,
            Selection::Unknown => self.unknown(now),
        }
    }

    /// What can be said while the keys are due, and another's fetch of them has not ended.
    fn meanwhile(&self, key_id: Option<&str>, algorithm: Algorithm, now: SystemTime) -> Lookup {
        match self
            .at_hand(now)
            .map(|keys| self.select(keys, (key_id, algorithm), now))
        {
            Some(found @ (Lookup::Found(_) | Lookup::Unfit | Lookup::Ambiguous)) => found,
            Some(Lookup::Unknown | Lookup::Fetch(_) | Lookup::Unavailable) | None => {
                Lookup::Unavailable
            }
        }
    }

    /// The keys, unless they are too old.
    fn at_hand(&self, now: SystemTime) -> Option<&KeySet> {
        self.no_older_than(MAX_AGE, now)
    }

    fn no_older_than(&self, age: Duration, now: SystemTime) -> Option<&KeySet> {
        let pinned = self.pinned.as_ref();
        pinned.or_else(|| self.fetched.within(age, now))
    }

    fn unknown(&self, now: SystemTime) -> Lookup {
        let may_fetch = self.unpaid(now) < UNKNOWN_KEY_BURST;
        match (self.has_failed(), may_fetch) {
            (false, true) => Lookup::Fetch(Cause::UnknownKey),
            (false, false) => Lookup::Unknown,
            (true, true) => self.fetch_unless_pausing(Cause::UnknownKey, now),
            // The keys at hand are not the newest: the key may well exist.
            (true, false) => Lookup::Unavailable,
        }
    }

    fn fetch_unless_pausing(&self, cause: Cause, now: SystemTime) -> Lookup {
        if self.pause.lasts(now) {
            Lookup::Unavailable
        } else {
            Lookup::Fetch(cause)
        }
    }

    /// Fetches for unknown keys that the time since has not yet paid for.
    fn unpaid(&self, now: SystemTime) -> u32 {
        // A clock set back must not keep the bucket empty until it has caught up.
        let Some(waited) = self
            .unknown_since
            .map_or(Some(Duration::ZERO), |since| now.duration_since(since).ok())
        else {
            return 0;
        };
        let paid = waited.as_secs() / UNKNOWN_KEY_INTERVAL.as_secs();
        self.unknown_fetches
            .saturating_sub(u32::try_from(paid).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::freshness::{DEFAULT_FRESHNESS, LONGEST_FRESHNESS, SHORTEST_FRESHNESS};

    fn keys(id: &str) -> KeySet {
        let modulus = "_".repeat(341);
        let text =
            format!(r#"{{"keys":[{{"kty":"RSA","kid":"{id}","n":"{modulus}w","e":"AQAB"}}]}}"#);
        KeySet::parse(text.as_bytes()).unwrap()
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    fn cached() -> KeyCache {
        let mut cache = KeyCache::default();
        cache.renew(keys("a"), DEFAULT_FRESHNESS, at(0));
        cache
    }

    #[track_caller]
    fn check(cache: &KeyCache, id: &str, seconds: u64, expected: &str) {
        let found = match cache.lookup(Some(id), Algorithm::Rs256, at(seconds)) {
            Lookup::Found(_) => "found",
            Lookup::Unfit => "unfit",
            Lookup::Ambiguous => "ambiguous",
            Lookup::Unknown => "unknown",
            Lookup::Fetch(Cause::Age) => "fetch",
            Lookup::Fetch(Cause::UnknownKey) => "fetch unknown",
            Lookup::Unavailable => "unavailable",
        };
        assert_eq!(found, expected, "after {seconds} s");
    }

    #[test]
    fn keys_are_refreshed_on_use_and_survive_an_outage_for_a_bounded_time() {
        let mut cache = cached();
        let refresh = DEFAULT_FRESHNESS.as_secs();
        let end = MAX_AGE.as_secs();
        check(&cache, "a", refresh - 1, "found");
        check(&cache, "a", refresh, "fetch");
        cache.fail(None, at(refresh));
        check(&cache, "a", refresh, "found");
        check(&cache, "a", refresh + 1, "fetch");
        cache.fail(None, at(end - 1));
        check(&cache, "a", end - 1, "found");
        check(&cache, "a", end, "unavailable");
        check(&cache, "a", end + 1, "fetch");
    }

    #[test]
    fn failed_fetches_pause_ever_longer_but_not_for_ever() {
        let mut cache = KeyCache::default();
        check(&cache, "a", 0, "fetch");
        for (pause, start) in [
            (1, 100),
            (2, 200),
            (4, 300),
            (8, 400),
            (16, 500),
            (32, 600),
            (60, 700),
            (60, 800),
        ] {
            cache.fail(None, at(start));
            check(&cache, "a", start + pause - 1, "unavailable");
            check(&cache, "a", start + pause, "fetch");
        }
        cache.renew(keys("a"), DEFAULT_FRESHNESS, at(900));
        check(&cache, "a", 900, "found");
    }

    #[test]
    fn unknown_keys_share_a_small_bucket() {
        let mut cache = cached();
        for _ in 0..UNKNOWN_KEY_BURST {
            check(&cache, "b", 0, "fetch unknown");
            cache.begin(Cause::UnknownKey, at(0));
            cache.renew(keys("a"), DEFAULT_FRESHNESS, at(0));
        }
        check(&cache, "b", 0, "unknown");
        check(&cache, "b", 29, "unknown");
        check(&cache, "b", 30, "fetch unknown");
        cache.begin(Cause::UnknownKey, at(30));
        check(&cache, "b", 59, "unknown");
        check(&cache, "b", 60, "fetch unknown");
        check(&cache, "a", 60, "found");
    }

    #[test]
    fn a_flood_of_unknown_keys_does_not_stop_scheduled_refreshes() {
        let mut cache = cached();
        let refresh = DEFAULT_FRESHNESS.as_secs();
        for _ in 0..UNKNOWN_KEY_BURST {
            cache.begin(Cause::UnknownKey, at(refresh - 1));
        }
        check(&cache, "b", refresh - 1, "unknown");
        check(&cache, "b", refresh, "fetch");
        check(&cache, "a", refresh, "fetch");
    }

    #[test]
    fn an_unknown_key_is_no_refusal_while_the_issuer_cannot_be_asked() {
        let mut cache = cached();
        cache.begin(Cause::UnknownKey, at(10));
        cache.fail(None, at(10));
        check(&cache, "b", 10, "unavailable");
        check(&cache, "b", 11, "fetch unknown");
        check(&cache, "a", 10, "found");
    }

    #[test]
    fn after_a_fetch_only_an_answering_issuer_lacks_a_key() {
        let settled = |cache: &KeyCache, id: &str| cache.settle(Some(id), Algorithm::Rs256, at(20));
        let mut cache = cached();
        assert!(matches!(settled(&cache, "a"), Lookup::Found(_)));
        assert!(matches!(settled(&cache, "b"), Lookup::Unknown));
        cache.fail(None, at(1));
        check(&cache, "b", 20, "fetch unknown");
        assert!(matches!(settled(&cache, "b"), Lookup::Unavailable));
        assert!(matches!(
            settled(&KeyCache::default(), "a"),
            Lookup::Unavailable
        ));
    }

    #[test]
    fn keys_that_are_due_verify_while_another_token_refreshes_them() {
        let settled = |id: &str, at: SystemTime| cached().settle(Some(id), Algorithm::Rs256, at);
        let due = at(DEFAULT_FRESHNESS.as_secs());
        assert!(matches!(settled("a", due), Lookup::Found(_)));
        assert!(matches!(settled("b", due), Lookup::Unavailable));
        let end = at(MAX_AGE.as_secs());
        assert!(matches!(settled("a", end), Lookup::Unavailable));
    }

    #[test]
    fn a_refresh_can_wait_while_the_keys_verify_this_token() {
        let end = MAX_AGE.as_secs();
        let can_wait =
            |cache: &KeyCache, id, after| cache.can_wait(Some(id), Algorithm::Rs256, at(after));
        assert!(can_wait(&cached(), "a", end - 1));
        assert!(!can_wait(&cached(), "a", end));
        assert!(!can_wait(&cached(), "b", 0));
        assert!(!can_wait(&KeyCache::default(), "a", 0));
    }

    #[test]
    fn pinned_keys_never_age_and_are_never_fetched() {
        let cache = KeyCache::pinned(keys("a"));
        check(&cache, "a", 10_000_000, "found");
        check(&cache, "b", 10_000_000, "unknown");
    }

    #[test]
    fn a_clock_set_back_does_not_keep_the_bucket_empty() {
        let mut cache = cached();
        for _ in 0..UNKNOWN_KEY_BURST {
            cache.begin(Cause::UnknownKey, at(5_000));
        }
        check(&cache, "b", 0, "fetch unknown");
    }

    #[test]
    fn a_clock_set_back_causes_one_more_fetch() {
        let mut cache = KeyCache::default();
        cache.renew(keys("a"), DEFAULT_FRESHNESS, at(5_000));
        check(&cache, "a", 0, "fetch");
    }

    #[test]
    fn keys_are_fresh_for_as_long_as_the_issuer_says() {
        for fresh_for in [SHORTEST_FRESHNESS, LONGEST_FRESHNESS] {
            let mut cache = KeyCache::default();
            cache.renew(keys("a"), fresh_for, at(0));
            check(&cache, "a", fresh_for.as_secs() - 1, "found");
            check(&cache, "a", fresh_for.as_secs(), "fetch");
        }
        assert!(LONGEST_FRESHNESS < MAX_AGE);
    }

    #[test]
    fn a_long_freshness_hides_no_rotation_and_refills_no_bucket() {
        let mut cache = KeyCache::default();
        for _ in 0..UNKNOWN_KEY_BURST {
            cache.renew(keys("a"), LONGEST_FRESHNESS, at(0));
            check(&cache, "b", 0, "fetch unknown");
            cache.begin(Cause::UnknownKey, at(0));
        }
        cache.renew(keys("a"), SHORTEST_FRESHNESS, at(0));
        check(&cache, "b", 0, "unknown");
    }

    #[test]
    fn an_issuer_that_asks_for_patience_gets_it_within_bounds() {
        let paused = |asked: u64, pause: u64| {
            let mut cache = KeyCache::default();
            cache.fail(Some(Duration::from_secs(asked)), at(0));
            check(&cache, "a", pause - 1, "unavailable");
            check(&cache, "a", pause, "fetch");
        };
        paused(0, 1);
        paused(20, 20);
        paused(60, 60);
        paused(86_400, 60);
        let mut cache = KeyCache::default();
        cache.fail(Some(Duration::from_secs(20)), at(0));
        cache.fail(None, at(20));
        check(&cache, "a", 22, "fetch");
    }
}
