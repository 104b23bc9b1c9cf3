//! How and how recently the caller must have been authenticated (RFC 9470).

use std::time::Duration;

use crate::json::Members;

/// The furthest that `auth_time` may lie ahead: as far as the clocks of an issuer may differ at all.
const MAX_AHEAD: u64 = 5 * 60;

/// What a token must say of the authentication behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepUp {
    /// `acr` must be one of these, the preferred first; any or none if the list is empty.
    pub acr_values: Vec<String>,
    /// Longest time since `auth_time`, which then must be there.
    pub max_age: Option<Duration>,
}

impl StepUp {
    /// Until when the token fulfils this; `None` if it does not now. There is no leeway: what is asked for
    /// is freshness, and a few seconds of it are not worth a second rule for clocks.
    pub(super) fn until(&self, claims: &Members, now: u64) -> Option<u64> {
        let acr = claims.text("acr");
        let known = |acr: &str| self.acr_values.iter().any(|value| value == acr);
        if !self.acr_values.is_empty() && !acr.is_some_and(known) {
            return None;
        }
        let Some(max_age) = self.max_age else {
            return Some(super::FOREVER);
        };
        let authenticated_at = claims.get("auth_time")?.as_u64()?;
        let until = authenticated_at.saturating_add(max_age.as_secs());
        let sound = authenticated_at <= now.saturating_add(MAX_AHEAD);
        (sound && now < until).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: u64 = 1_800_000_000;

    #[track_caller]
    fn check(acr_values: &[&str], max_age: Option<u64>, claims: &Value, expected: Option<u64>) {
        let step_up = StepUp {
            acr_values: acr_values.iter().map(|value| (*value).to_owned()).collect(),
            max_age: max_age.map(Duration::from_secs),
        };
        let until = step_up.until(&Members::from(claims.as_object().unwrap()), NOW);
        assert_eq!(until, expected, "{claims}");
    }

    #[test]
    fn acr_is_one_of_the_values() {
        let forever = Some(super::super::FOREVER);
        check(&["a", "b"], None, &json!({"acr": "b"}), forever);
        check(&["a", "b"], None, &json!({"acr": "c"}), None);
        check(&["a"], None, &json!({"acr": ["a"]}), None);
        check(&["1"], None, &json!({"acr": 1}), None);
        check(&["a"], None, &json!({}), None);
        check(
            &["a"],
            Some(60),
            &json!({"acr": "b", "auth_time": NOW}),
            None,
        );
    }

    #[test]
    fn authentication_is_no_older_than_max_age() {
        let at = |auth_time: Value| json!({"auth_time": auth_time});
        check(&[], Some(60), &at(json!(NOW)), Some(NOW + 60));
        check(&[], Some(60), &at(json!(NOW - 59)), Some(NOW + 1));
        check(&[], Some(60), &at(json!(NOW - 60)), None);
        check(
            &[],
            Some(60),
            &at(json!(NOW + MAX_AHEAD)),
            Some(NOW + MAX_AHEAD + 60),
        );
        check(&[], Some(60), &at(json!(NOW + MAX_AHEAD + 1)), None);
        check(&[], Some(60), &at(json!("1800000000")), None);
        check(&[], Some(60), &json!({}), None);
    }
}
