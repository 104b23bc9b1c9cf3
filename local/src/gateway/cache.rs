//! Remembers what the authorizer answered to a token, for as long as the template says. Only answers
//! are kept: a refusal by error, or an outage, is asked again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::grant::Grant;

/// Tokens remembered at once; the oldest goes first. More than a developer's machine ever sees.
const MAX_ENTRIES: usize = 1_000;

/// Answers by token.
#[derive(Debug)]
pub struct Cache {
    ttl: Duration,
    entries: HashMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    grant: Arc<Grant>,
    stored_at: SystemTime,
}

impl Cache {
    /// An empty cache; with a `ttl` of zero it stays empty.
    pub fn new(ttl: Duration) -> Self {
        Self {
            ttl,
            entries: HashMap::new(),
        }
    }

    /// The answer for this token, if it is young enough.
    pub fn get(&self, token: &str, now: SystemTime) -> Option<Arc<Grant>> {
        let entry = self.entries.get(token)?;
        entry
            .is_fresh(self.ttl, now)
            .then(|| Arc::clone(&entry.grant))
    }

    /// Remembers the answer for this token.
    pub fn put(&mut self, token: &str, grant: Arc<Grant>, now: SystemTime) {
        if self.ttl.is_zero() {
            return;
        }
        if self.entries.len() >= MAX_ENTRIES {
            self.make_room(now);
        }
        self.entries.insert(
            token.to_owned(),
            Entry {
                grant,
                stored_at: now,
            },
        );
    }

    fn make_room(&mut self, now: SystemTime) {
        let ttl = self.ttl;
        self.entries.retain(|_, entry| entry.is_fresh(ttl, now));
        if self.entries.len() < MAX_ENTRIES {
            return;
        }
        let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.stored_at);
        if let Some(token) = oldest.map(|(token, _)| token.clone()) {
            self.entries.remove(&token);
        }
    }
}

impl Entry {
    fn is_fresh(&self, ttl: Duration, now: SystemTime) -> bool {
        now.duration_since(self.stored_at)
            .is_ok_and(|age| age < ttl)
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use serde_json::json;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn grant() -> Arc<Grant> {
        let document = json!({"Version": "2012-10-17", "Statement": []});
        Arc::new(Grant::read(&json!({"principalId": "p", "policyDocument": document})).unwrap())
    }

    fn cache(ttl: u64, tokens: impl IntoIterator<Item = (String, u64)>) -> Cache {
        let mut cache = Cache::new(Duration::from_secs(ttl));
        for (token, stored_at) in tokens {
            cache.put(&token, grant(), at(stored_at));
        }
        cache
    }

    #[track_caller]
    fn check(cache: &Cache, token: &str, now: u64, expected: bool) {
        assert_eq!(
            cache.get(token, at(now)).is_some(),
            expected,
            "`{token}` at {now}"
        );
    }

    #[test]
    fn an_answer_lives_as_long_as_the_ttl_says() {
        let cache = cache(300, [("a".to_owned(), 1_000)]);
        check(&cache, "a", 1_000, true);
        check(&cache, "a", 1_299, true);
        check(&cache, "a", 1_300, false);
        check(&cache, "a", 999, false);
        check(&cache, "b", 1_000, false);
    }

    #[test]
    fn a_ttl_of_zero_keeps_nothing() {
        check(&cache(0, [("a".to_owned(), 1_000)]), "a", 1_000, false);
    }

    #[test]
    fn a_full_cache_forgets_the_oldest_alone() {
        let tokens =
            (0..MAX_ENTRIES as u64).map(|second| (format!("token {second}"), 1_000 + second));
        let mut cache = cache(10_000, tokens);
        check(&cache, "token 0", 2_000, true);
        cache.put("one more", grant(), at(2_000));
        check(&cache, "token 0", 2_000, false);
        check(&cache, "token 1", 2_000, true);
        check(&cache, "one more", 2_000, true);
        assert_eq!(cache.entries.len(), MAX_ENTRIES);
    }
}
