//! What issuers have said of tokens, remembered for a while. Plain data: the clock is an argument, and is the
//! wall clock, for a frozen sandbox stops the monotonic one. Tokens are kept as digests.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::Answer;

/// Longest time for which `cache` may have an answer remembered: a revoked token is accepted for that long.
pub(crate) const MAX_REMEMBERED: Duration = Duration::from_secs(5 * 60);
/// Longest time for which a token is known to be inactive: one that is just being made becomes active.
const MAX_REMEMBERED_INACTIVE: Duration = Duration::from_secs(10);
/// Most tokens of each kind: what one sandbox meets in a minute, and not what a flood brings.
const MAX_TOKENS: usize = 1_000;
/// Most bytes of answers, as the issuer wrote them; real ones have 300 to 3,000.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// The SHA-256 of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenDigest([u8; 32]);

impl TokenDigest {
    pub(crate) fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }
}

/// Answers by token. Those for inactive tokens have a place of their own, so that whoever sends many made-up
/// tokens displaces none that the issuer has vouched for.
#[derive(Debug)]
pub(crate) struct AnswerCache {
    remembered_for: Duration,
    active: Shelf<Map<String, Value>>,
    inactive: Shelf<()>,
}

/// A bounded number of things that end.
#[derive(Debug)]
struct Shelf<V> {
    held: HashMap<TokenDigest, Held<V>>,
    bytes: usize,
}

#[derive(Debug)]
struct Held<V> {
    value: V,
    bytes: usize,
    since: SystemTime,
    until: SystemTime,
}

impl AnswerCache {
    /// Remembers answers for this long, or never if it is zero.
    pub(crate) fn new(remembered_for: Duration) -> Self {
        Self {
            remembered_for: remembered_for.min(MAX_REMEMBERED),
            active: Shelf::default(),
            inactive: Shelf::default(),
        }
    }

    /// The answer about a token, if it is still good.
    pub(crate) fn get(&self, token: &TokenDigest, now: SystemTime) -> Option<Answer> {
        if let Some(members) = self.active.get(token, now) {
            return Some(Answer::Active(members.clone()));
        }
        self.inactive.get(token, now).map(|()| Answer::Inactive)
    }

    /// Keeps an answer of this many bytes, at most until the token's `exp`.
    pub(crate) fn put(
        &mut self,
        token: TokenDigest,
        answer: &Answer,
        bytes: usize,
        now: SystemTime,
    ) {
        let held_for = |span: Duration| now.checked_add(span).unwrap_or(now);
        match answer {
            Answer::Active(members) => {
                let until = held_for(self.remembered_for);
                let held = Held {
                    value: members.clone(),
                    bytes,
                    since: now,
                    until: expiry(members).map_or(until, |expiry| until.min(expiry)),
                };
                self.active.put(token, held);
            }
            Answer::Inactive => {
                let held = Held {
                    value: (),
                    bytes: 0,
                    since: now,
                    until: held_for(self.remembered_for.min(MAX_REMEMBERED_INACTIVE)),
                };
                self.inactive.put(token, held);
            }
        }
    }
}

/// `exp`, if it is a date at all: whether it must be is for the check of claims to say.
fn expiry(members: &Map<String, Value>) -> Option<SystemTime> {
    let seconds = members.get("exp")?.as_f64()?;
    let since = Duration::try_from_secs_f64(seconds).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(since)
}

impl<V> Default for Shelf<V> {
    fn default() -> Self {
        Self {
            held: HashMap::new(),
            bytes: 0,
        }
    }
}

impl<V> Shelf<V> {
    fn get(&self, token: &TokenDigest, now: SystemTime) -> Option<&V> {
        let held = self.held.get(token)?;
        // A clock that has been set back makes nothing last longer.
        let good = held.since <= now && now < held.until;
        good.then_some(&held.value)
    }

    fn put(&mut self, token: TokenDigest, held: Held<V>) {
        self.remove(token);
        if held.until <= held.since || held.bytes > MAX_BYTES {
            return;
        }
        self.make_room(held.bytes, held.since);
        self.bytes += held.bytes;
        self.held.insert(token, held);
    }

    /// Drops what has ended, then what ends first.
    fn make_room(&mut self, bytes: usize, now: SystemTime) {
        let full = |shelf: &Self| shelf.held.len() >= MAX_TOKENS || shelf.bytes + bytes > MAX_BYTES;
        if full(self) {
            self.held.retain(|_, held| held.until > now);
            self.bytes = self.held.values().map(|held| held.bytes).sum();
        }
        while full(self) {
            let first = self.held.iter().min_by_key(|(_, held)| held.until);
            let Some(token) = first.map(|(token, _)| *token) else {
                return;
            };
            self.remove(token);
        }
    }

    fn remove(&mut self, token: TokenDigest) {
        let bytes = self.held.remove(&token).map_or(0, |held| held.bytes);
        self.bytes -= bytes;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
    }

    fn active(expiry: Value) -> Answer {
        Answer::Active(json!({"exp": expiry}).as_object().unwrap().clone())
    }

    fn token(number: usize) -> TokenDigest {
        TokenDigest::of(&number.to_string())
    }

    /// An answer that came at second 100, and the first second at which it is no longer known.
    #[track_caller]
    fn check(remembered_for: u64, answer: &Answer, end: u64) {
        let mut cache = AnswerCache::new(Duration::from_secs(remembered_for));
        cache.put(token(1), answer, 10, at(100));
        let known = |second: u64| cache.get(&token(1), at(second)).as_ref() == Some(answer);
        assert!(!known(99) && !known(end), "{answer:?}");
        assert!((100..end).all(known), "{answer:?}");
        assert_eq!(cache.get(&token(2), at(100)), None);
    }

    #[test]
    fn an_answer_lasts_as_configured_and_no_longer_than_its_token() {
        let expiry = |second: u64| active(json!(1_800_000_000 + second));
        check(60, &expiry(600), 160);
        check(60, &expiry(120), 120);
        check(60, &expiry(100), 100);
        check(60, &expiry(50), 100);
        check(60, &active(json!(1_800_000_119.5)), 120);
        check(60, &active(json!("soon")), 160);
        check(60, &active(json!(1e300)), 160);
        check(60, &active(json!(-1)), 160);
        check(0, &expiry(600), 100);
        check(301, &expiry(900), 400);
    }

    #[test]
    fn an_inactive_token_is_remembered_for_a_shorter_time() {
        check(60, &Answer::Inactive, 110);
        check(5, &Answer::Inactive, 105);
        check(0, &Answer::Inactive, 100);
    }

    #[test]
    fn a_newer_answer_takes_the_place_of_an_older_one() {
        let mut cache = AnswerCache::new(MAX_REMEMBERED);
        for end in [1_900_000_000, 1_900_000_001] {
            cache.put(token(1), &active(json!(end)), 10, at(0));
        }
        assert_eq!(
            cache.get(&token(1), at(1)),
            Some(active(json!(1_900_000_001)))
        );
        assert_eq!((cache.active.held.len(), cache.active.bytes), (1, 10));
    }

    #[test]
    fn a_flood_of_tokens_is_bounded_and_displaces_no_active_one() {
        let mut cache = AnswerCache::new(MAX_REMEMBERED);
        let good = active(json!(1_900_000_000));
        cache.put(token(0), &good, 10, at(0));
        for number in 1..=3 * MAX_TOKENS {
            cache.put(token(number), &Answer::Inactive, 30, at(1));
        }
        assert_eq!(cache.inactive.held.len(), MAX_TOKENS);
        assert_eq!(cache.get(&token(0), at(2)), Some(good));
    }

    #[test]
    fn what_ends_first_makes_room() {
        let mut cache = AnswerCache::new(MAX_REMEMBERED);
        for number in 0..=MAX_TOKENS {
            let end = 1_800_000_010 + number;
            cache.put(token(number), &active(json!(end)), 10, at(0));
        }
        assert_eq!(cache.active.held.len(), MAX_TOKENS);
        assert_eq!(cache.get(&token(0), at(1)), None);
        assert!(cache.get(&token(1), at(1)).is_some());
    }

    #[test]
    fn the_bytes_of_answers_are_bounded() {
        let mut cache = AnswerCache::new(MAX_REMEMBERED);
        let third = MAX_BYTES / 3;
        for number in 0..5 {
            let end = 1_800_000_010 + number;
            cache.put(token(number), &active(json!(end)), third, at(0));
        }
        assert_eq!(
            (cache.active.held.len(), cache.active.bytes),
            (3, 3 * third)
        );
        cache.put(
            token(9),
            &active(json!(1_900_000_000)),
            MAX_BYTES + 1,
            at(0),
        );
        assert_eq!(cache.get(&token(9), at(1)), None);
        assert_eq!(cache.active.held.len(), 3);
    }
}
