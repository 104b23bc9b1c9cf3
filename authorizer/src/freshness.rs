//! How long fetched keys stay fresh by the words of the answer they came with (RFC 9111), within bounds of ours.
//! Pure: `issuer` reads the headers.

use std::time::Duration;

/// Shortest time between two scheduled fetches: some issuers say 15 s, and every sandbox asks for itself.
pub const SHORTEST_FRESHNESS: Duration = Duration::from_secs(5 * 60);
/// The time if the answer does not say.
pub const DEFAULT_FRESHNESS: Duration = Duration::from_secs(10 * 60);
/// Longest time: some issuers say a day, and a withdrawn key is trusted for as long.
pub const LONGEST_FRESHNESS: Duration = Duration::from_secs(60 * 60);

/// The time after which keys are fetched anew: `max-age` less `Age`, within the bounds. An answer that forbids
/// caching, says nothing or nothing clear counts as one without a word on it.
pub fn freshness(cache_control: Option<&str>, age: Option<&str>) -> Duration {
    let seconds = cache_control.and_then(max_age).and_then(|max_age| {
        let age = age.map_or(Some(0), seconds)?;
        Some(max_age.saturating_sub(age))
    });
    seconds.map_or(DEFAULT_FRESHNESS, |seconds| {
        Duration::from_secs(seconds).clamp(SHORTEST_FRESHNESS, LONGEST_FRESHNESS)
    })
}

/// `max-age`, unless it is there twice or another directive speaks against it.
fn max_age(cache_control: &str) -> Option<u64> {
    let mut found = None;
    for directive in cache_control.split(',') {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return None,
            "max-age" if found.is_some() => return None,
            "max-age" => found = Some(seconds(value)?),
            _ => {}
        }
    }
    found
}

/// `delta-seconds` (RFC 9111 section 1.2.2), which some put in quotes.
fn seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let bare = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let digits = bare.unwrap_or(text);
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cache_control: &str, age: &str, expected: u64) {
        let given = |text: &'static str| (!text.is_empty()).then_some(text);
        let (control, age) = (
            given(cache_control.to_owned().leak()),
            given(age.to_owned().leak()),
        );
        let found = freshness(control, age).as_secs();
        assert_eq!(found, expected, "{control:?} {age:?}");
    }

    #[test]
    fn the_age_that_is_left_counts() {
        check("max-age=900", "", 900);
        check("public, MAX-AGE = 900, must-revalidate", "", 900);
        check("max-age=\"900\"", "", 900);
        check("max-age=900", "100", 800);
        check("s-maxage=1, max-age=900, stale-if-error=86400", "0", 900);
    }

    #[test]
    fn it_is_bounded_on_both_sides() {
        check("max-age=299", "", 300);
        check("max-age=300", "", 300);
        check("max-age=301", "", 301);
        check("max-age=0", "", 300);
        check("max-age=900", "901", 300);
        check("max-age=3599", "", 3599);
        check("max-age=3600", "", 3600);
        check("max-age=3601", "", 3600);
        check("max-age=18446744073709551615", "", 3600);
    }

    #[test]
    fn what_is_absent_forbidden_or_odd_counts_for_nothing() {
        for control in [
            "",
            "public",
            "no-store",
            "no-store, max-age=900",
            "max-age=900, No-Cache",
            "max-age",
            "max-age=",
            "max-age=-1",
            "max-age=+900",
            "max-age=900s",
            "max-age=9e2",
            "max-age=18446744073709551616",
            "max-age=900, max-age=900",
            "x-max-age=900",
        ] {
            check(control, "", 600);
        }
        check("max-age=900", "soon", 600);
        check("max-age=900", "1, 2", 600);
    }
}
