//! Numbers of claims beside numbers of rules: exactly, or not at all.

use std::cmp::Ordering;

use serde_json::Number;

/// The first whole number whose neighbour a 64-bit float cannot hold: 2 to the power of 53. A reader of JSON
/// makes floats of all that fits no 64-bit integer, so from here on a float may have been another number.
const FIRST_INEXACT: f64 = 9_007_199_254_740_992.0;

/// Compares two numbers by value. `None` where rounding may have changed one of them.
pub(super) fn compare(left: &Number, right: &Number) -> Option<Ordering> {
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        (Some(left), None) => Some(compare_mixed(left, exact(right)?)),
        (None, Some(right)) => Some(compare_mixed(right, exact(left)?).reverse()),
        (None, None) => exact(left)?.partial_cmp(&exact(right)?),
    }
}

/// True if the number is the one that was written, or as near as fractions can be.
pub(crate) fn is_exact(number: &Number) -> bool {
    whole(number).is_some() || exact(number).is_some()
}

fn whole(number: &Number) -> Option<i128> {
    let signed = number.as_i64().map(i128::from);
    signed.or_else(|| number.as_u64().map(i128::from))
}

fn exact(number: &Number) -> Option<f64> {
    number.as_f64().filter(|float| float.abs() < FIRST_INEXACT)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float below 2 to the power of 53 has a whole part that fits"
)]
fn compare_mixed(whole: i128, float: f64) -> Ordering {
    let fraction = float.fract();
    whole.cmp(&(float.trunc() as i128)).then_with(|| {
        // `fraction` is no NaN: a number of JSON is finite.
        0.0_f64.partial_cmp(&fraction).unwrap_or(Ordering::Equal)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(left: &str, right: &str, expected: Option<Ordering>) {
        let number = |text: &str| serde_json::from_str::<Number>(text).unwrap();
        let (left, right) = (number(left), number(right));
        assert_eq!(compare(&left, &right), expected, "{left} and {right}");
        let reverse = expected.map(Ordering::reverse);
        assert_eq!(compare(&right, &left), reverse, "{right} and {left}");
    }

    #[test]
    fn numbers_are_compared_exactly_or_not_at_all() {
        use Ordering::{Equal, Greater, Less};
        check("1", "1.0", Some(Equal));
        check("1", "1.5", Some(Less));
        check("-1", "-1.5", Some(Greater));
        check("0", "-0.0", Some(Equal));
        check("0.1", "0.10", Some(Equal));
        check("0.25", "0.5", Some(Less));
        check("18446744073709551615", "-1", Some(Greater));
        check("9007199254740993", "9007199254740992", Some(Greater));
        check("9223372036854775808", "9223372036854775807", Some(Greater));
        check("9007199254740991.0", "9007199254740991", Some(Equal));
        check("9007199254740993", "9007199254740992.0", None);
        check("18446744073709551617", "18446744073709551615", None);
        check("1e300", "1", None);
    }
}
