//! Numbers as onnxruntime writes them into text, and as it reads them from it.
//!
//! Reading is that of the C library: white space before a number and anything after it are
//! passed over. Hexadecimal floats, which it also knows, are refused.

use tract_onnx::tract_core::internal::*;

use crate::unfit::fits;

/// What a text is that cannot be cast.
const NO_NUMBER: &str = "a text is no number";
const OUT_OF_RANGE: &str = "a text is a number out of range";
/// How many digits a float is written with.
const DIGITS: usize = 8;

/// A float with eight digits at most, without trailing zeros.
pub(super) fn written(float: f64) -> String {
    if float.is_nan() {
        return "NaN".to_owned();
    }
    if float.is_infinite() {
        return if float > 0.0 { "INF" } else { "-INF" }.to_owned();
    }
    let exact = format!("{float:.*e}", DIGITS - 1);
    let (mantissa, exponent) = exact.split_once('e').unwrap_or((&exact, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let digits = i32::try_from(DIGITS).unwrap_or(i32::MAX);
    match usize::try_from(digits - 1 - exponent) {
        Ok(decimals) if exponent >= -4 => without_zeros(&format!("{float:.decimals$}")).to_owned(),
        _ => {
            let sign = if exponent < 0 { '-' } else { '+' };
            let exponent = exponent.unsigned_abs();
            format!("{}e{sign}{exponent:02}", without_zeros(mantissa))
        }
    }
}

fn without_zeros(number: &str) -> &str {
    if !number.contains('.') {
        return number;
    }
    number.trim_end_matches('0').trim_end_matches('.')
}

/// A text without white space before it, apart from its sign.
fn sign(text: &str) -> (bool, &str) {
    let space = [' ', '\t', '\n', '\u{b}', '\u{c}', '\r'];
    let text = text.trim_start_matches(space);
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn begins(text: &str, word: &str) -> bool {
    let beginning = text.get(..word.len());
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(word))
}

/// How long the digits are that a text begins with.
fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// The float that a text begins with.
pub(super) fn float(text: &str) -> TractResult<f64> {
    let (is_negative, rest) = sign(text);
    let signed = |float: f64| if is_negative { -float } else { float };
    if begins(rest, "inf") {
        return Ok(signed(f64::INFINITY));
    }
    if begins(rest, "nan") {
        return Ok(signed(f64::NAN));
    }
    let number = decimal(rest);
    let is_hexadecimal = number == "0" && begins(rest, "0x") && rest.len() > 2;
    fits(!is_hexadecimal, "a text is a hexadecimal number")?;
    let float = number.parse::<f64>();
    fits(float.is_ok(), NO_NUMBER)?;
    let float = float?;
    let is_zero = !mantissa(number).contains(|digit| matches!(digit, '1'..='9'));
    fits(is_zero || float.is_normal(), OUT_OF_RANGE)?;
    Ok(signed(float))
}

fn mantissa(number: &str) -> &str {
    number.split(['e', 'E']).next().unwrap_or(number)
}

/// The decimal number that a text begins with: digits, a point, an exponent.
fn decimal(text: &str) -> &str {
    let whole = digits(text);
    let after = text.get(whole..).unwrap_or_default();
    let fraction = after.strip_prefix('.').map_or(0, |rest| 1 + digits(rest));
    let mut length = whole + fraction;
    let exponent = text.get(length..).unwrap_or_default();
    if let Some(exponent) = exponent.strip_prefix(['e', 'E']) {
        let unsigned = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        let digits = digits(unsigned);
        if digits > 0 {
            length += 1 + (exponent.len() - unsigned.len()) + digits;
        }
    }
    text.get(..length).unwrap_or_default()
}

/// The integer that a text begins with, of 64 bits with a sign.
pub(super) fn signed(text: &str) -> TractResult<i64> {
    let (is_negative, magnitude) = magnitude(text)?;
    let value = i128::from(magnitude) * if is_negative { -1 } else { 1 };
    let value = i64::try_from(value);
    fits(value.is_ok(), OUT_OF_RANGE)?;
    Ok(value?)
}

/// The same without a sign: a negative number counts down from the largest.
pub(super) fn unsigned(text: &str) -> TractResult<u64> {
    let (is_negative, magnitude) = magnitude(text)?;
    Ok(if is_negative {
        magnitude.wrapping_neg()
    } else {
        magnitude
    })
}

fn magnitude(text: &str) -> TractResult<(bool, u64)> {
    let (is_negative, rest) = sign(text);
    let number = rest.get(..digits(rest)).unwrap_or_default();
    fits(!number.is_empty(), NO_NUMBER)?;
    let magnitude = number.parse::<u64>();
    fits(magnitude.is_ok(), OUT_OF_RANGE)?;
    Ok((is_negative, magnitude?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected texts and numbers: `Cast` of onnxruntime 1.32.0.
    #[test]
    fn floats_have_eight_digits() {
        let check = |float: f64, expected| assert_eq!(written(float), expected);
        check(0.0, "0");
        check(-0.0, "-0");
        check(1.0, "1");
        check(0.1f32.into(), "0.1");
        check(1.0 / 3.0, "0.33333333");
        check((1f32 / 3.0).into(), "0.33333334");
        check(1e-4f32.into(), "9.9999997e-05");
        check(0.0001, "0.0001");
        check(0.00012345678, "0.00012345678");
        check(123_456_789.0, "1.2345679e+08");
        check(12_345_678.0, "12345678");
        check(9_999_999.5, "9999999.5");
        check(99_999_999.5, "1e+08");
        check(100_000.0, "100000");
        check(1e38f32.into(), "9.9999997e+37");
        check(f32::from_bits(1).into(), "1.4012985e-45");
        check(-1e-7, "-1e-07");
        check(1e300, "1e+300");
        check(f64::NAN, "NaN");
        check(f64::INFINITY, "INF");
        check(f64::NEG_INFINITY, "-INF");
    }

    #[test]
    fn a_float_is_what_a_text_begins_with() {
        let check = |text, expected: f64| {
            assert_eq!(float(text).unwrap().to_bits(), expected.to_bits(), "{text}");
        };
        check("1.5", 1.5);
        check(" \t\u{b}+2 ", 2.0);
        check("3x", 3.0);
        check("-0", -0.0);
        check("1e3", 1000.0);
        check("1e", 1.0);
        check("1e+x", 1.0);
        check("-.5", -0.5);
        check("5.", 5.0);
        check("1_000", 1.0);
        check("0x", 0.0);
        check("0e-999", 0.0);
        check("-INF", f64::NEG_INFINITY);
        check("infin", f64::INFINITY);
        check("2.2250738585072014e-308", f64::MIN_POSITIVE);
        assert!(float("nan(a)").unwrap().is_nan());
    }

    #[test]
    fn what_is_no_float_is_an_error() {
        for text in [
            "", "x", "na", "- 1", "--1", ".", ".e5", "1e400", "1e-310", "0x10", "\u{a0}1", "١",
        ] {
            assert!(float(text).is_err(), "{text}");
        }
    }

    #[test]
    fn integers_are_digits_and_a_sign() {
        let check = |text, expected: i64, without_sign: u64| {
            assert_eq!(signed(text).unwrap(), expected);
            assert_eq!(unsigned(text).unwrap(), without_sign);
        };
        check(" +12x", 12, 12);
        check("1.9", 1, 1);
        check("0x10", 0, 0);
        check("-1", -1, u64::MAX);
        check("-9223372036854775808", i64::MIN, 1 << 63);
        assert!(signed("9223372036854775808").is_err());
        assert_eq!(unsigned("18446744073709551615").unwrap(), u64::MAX);
        for text in ["", "x", "-", ".5", "inf", "true", "18446744073709551616"] {
            assert!(signed(text).is_err(), "{text}");
            assert!(unsigned(text).is_err(), "{text}");
        }
    }
}
