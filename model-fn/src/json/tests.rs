use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::*;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.throw() >> 8) as usize % limit
    }
}

fn ours<'de, T: Deserialize<'de>>(text: &'de [u8]) -> Result<T, Option<String>> {
    let mut reader = Reader::new(text);
    let value = T::deserialize(&mut reader);
    let ended = value.and_then(|value| reader.end().map(|()| value));
    ended.map_err(|error| error.message(0))
}

fn theirs<'de, T: Deserialize<'de>>(text: &'de [u8]) -> Result<T, Option<String>> {
    serde_json::from_slice(text).map_err(|error| match error.classify() {
        Category::Data => None,
        Category::Io | Category::Syntax | Category::Eof => Some(error.to_string()),
    })
}

#[track_caller]
fn same<T: std::fmt::Debug>(
    text: &[u8],
    ours: Result<T, Option<String>>,
    theirs: Result<T, Option<String>>,
) {
    let shown = String::from_utf8_lossy(text);
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "{shown}");
}

#[track_caller]
fn check_as<T: DeserializeOwned + std::fmt::Debug>(text: &[u8]) {
    same::<T>(text, ours(text), theirs(text));
}

/// Whatever it is read as, it must be taken or refused as `serde_json` does, in the same words.
#[track_caller]
fn check(text: &[u8]) {
    check_as::<Value>(text);
    check_as::<IgnoredAny>(text);
    check_as::<Vec<IgnoredAny>>(text);
    check_as::<BTreeMap<String, IgnoredAny>>(text);
    check_as::<BTreeMap<String, Value>>(text);
    check_as::<Option<String>>(text);
    check_as::<(bool, f64)>(text);
    let raw = ours::<Vec<Raw<'_>>>(text).map(|list| list.iter().map(|raw| raw.0).collect());
    let known = theirs::<Vec<&RawValue>>(text);
    let known = known.map(|list| list.iter().map(|raw| raw.get()).collect::<Vec<_>>());
    same(text, raw, known);
}

const TEXTS: [&str; 34] = [
    r#"{"inputs": [{"name": "a", "shape": [2, 2], "datatype": "FP32", "data": [1.5, -2, 3e2, null]}], "id": "\u00e9"}"#,
    r#"{"instances": [[0.14509804546833038, 1e-7], [true, false]], "parameters": {"a": {}, "b": []}}"#,
    "{\n  \"a\": [1,\n 2],\r\n\t\"b\": \"x\\\"y\\\\z\\/\\b\\f\\n\\r\\t\"\n}",
    r#"["\ud83d\ude00", "\ud83d", "\ude00", "\ud83d\ud83d", "\ud83dx", "\uD83D\u0041"]"#,
    r#"["é", "😀", "a longer text, without anything special, that takes more than a stretch of 64 bytes to pass over"]"#,
    "[0, -0, 00, 01, -01, 1., .5, -.5, 1.e5, 1e, 1e+, 1E-2, -, +1, 1e5.5]",
    "[-0, -0.0, 0e5, 0e99999999999, -0e99999999999, 1e-99999999999, -1e-99999999999, 1e400, 1e99999999999]",
    "0.00000000000000000000000000000000000000000000001e99999999999",
    "[18446744073709551615, 18446744073709551616, -9223372036854775808, -9223372036854775809, 99999999999999999999]",
    "[12345678, 123456789, 1234567812345678, 12345678123456781234567812345678, 0.1234567812345678]",
    "[1.7976931348623157e308, 1.7976931348623159e308, 4.9e-324, 2e-324, 2.2250738585072011e-308]",
    "[9007199254740993, 9007199254740993.0, 9007199254740992.5, 0.500000000000000166533453693773481063544750213623046875]",
    "[null, nul, true, tru, false, fals, nulll, True]",
    "[]",
    "{}",
    "[[]]",
    "[{}]",
    "",
    " ",
    "[",
    "{",
    "\"",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{\"a\" 1}",
    "{\"a\":1 \"b\":2}",
    "{1:2}",
];

#[test]
fn texts_and_their_beginnings_are_read_as_serde_json_reads_them() {
    for text in TEXTS {
        for end in 0..=text.len() {
            check(&text.as_bytes()[..end]);
        }
    }
    check(b"\"\xff\"");
    check(b"[\"a\\n\xc3\", 1]");
    check(b"{\"a\": \"\xf0\x9f\"}");
    check(b"\xef\xbb\xbf{}");
}

#[test]
fn damaged_texts_are_read_as_serde_json_reads_them() {
    let bytes = b"[]{},:\"\\ \n019.-+eEunltrfas/\x00\x1f\x7f\xc3\xa9\xff";
    let mut dice = Dice(7);
    for _ in 0..40_000 {
        let mut text = TEXTS[dice.below(TEXTS.len())].as_bytes().to_vec();
        for _ in 0..=dice.below(3) {
            let place = dice.below(text.len() + 1);
            let byte = bytes[dice.below(bytes.len())];
            match dice.below(3) {
                0 => text.insert(place, byte),
                1 if place < text.len() => text[place] = byte,
                _ if place < text.len() => drop(text.remove(place)),
                _ => text.push(byte),
            }
        }
        check(&text);
    }
}

#[test]
fn lists_are_open_as_deep_as_serde_json_reads_them() {
    for depth in [DEEPEST - 1, DEEPEST, DEEPEST + 1] {
        check(&[b"[".repeat(depth), b"]".repeat(depth)].concat());
        check(&b"[".repeat(depth));
        let objects = [b"{\"a\":".repeat(depth), b"1".to_vec(), b"}".repeat(depth)];
        check(&objects.concat());
    }
}

#[track_caller]
fn check_number(text: &str) {
    let given = ours::<f64>(text.as_bytes()).ok();
    let expected: f64 = text.parse().unwrap();
    let expected = Some(expected).filter(|number| number.is_finite());
    assert_eq!(
        given.map(f64::to_bits),
        expected.map(f64::to_bits),
        "{text}"
    );
}

#[test]
fn decimals_are_the_nearest_floats() {
    let mut dice = Dice(11);
    for _ in 0..200_000 {
        let float = f64::from_bits(dice.throw());
        if float.is_finite() {
            check_number(&format!("{float:?}"));
            check_number(&format!("{float:.17e}"));
        }
        let narrow = f64::from(f32::from_bits(dice.throw() as u32));
        if narrow.is_finite() {
            check_number(&format!("{narrow:?}"));
        }
        let digits = dice.throw() >> dice.below(64);
        let exponent = dice.below(140) as i32 - 70;
        check_number(&format!("{digits}e{exponent}"));
        check_number(&format!("-0.{:0width$}", digits, width = dice.below(30)));
        check_number(&format!("{}.{digits}", dice.below(1000)));
    }
}

/// Just at, below and above the middle of two floats, where the last digit decides.
#[test]
fn middles_of_two_floats_are_told_apart() {
    let mut dice = Dice(13);
    for _ in 0..20_000 {
        let integer = (1 << 53) + 1 + 2 * (dice.throw() >> 12);
        for exponent in [0, 1, 5, 11, 20] {
            check_number(&format!("{integer}e{exponent}"));
            check_number(&format!("{integer}.0"));
            check_number(&format!("{integer}.00000000000000000001"));
            check_number(&format!("{}.99999999999999999999", integer - 1));
        }
        let half = (integer as f64) / 2_f64.powi(60);
        check_number(&format!("{half:.70}"));
        let exact = format!("{:.70}", half + half * 2_f64.powi(-53));
        check_number(&exact);
    }
    for exponent in -400..400 {
        for digits in [
            "1",
            "5",
            "9007199254740993",
            "18446744073709551615",
            "8999999999999999999",
        ] {
            check_number(&format!("{digits}e{exponent}"));
        }
    }
}

#[track_caller]
fn check_integer(text: &str, expected: Value) {
    assert_eq!(ours::<Value>(text.as_bytes()), Ok(expected));
}

#[test]
fn integers_are_exact_up_to_64_bits() {
    check_integer("18446744073709551615", Value::from(u64::MAX));
    check_integer(
        "18446744073709551616",
        Value::from(18_446_744_073_709_551_616.0),
    );
    check_integer("-9223372036854775808", Value::from(i64::MIN));
    check_integer(
        "-9223372036854775809",
        Value::from(-9_223_372_036_854_775_809.0),
    );
    check_integer("12345678901234567", Value::from(12_345_678_901_234_567_u64));
    let zero = ours::<f64>(b"-0").unwrap();
    assert!(zero == 0.0 && zero.is_sign_negative());
}

#[test]
fn text_is_copied_only_where_it_is_escaped() {
    let text = |text: &'static [u8]| Reader::new(text).text().unwrap();
    assert!(matches!(text(b"plain\""), Text::Borrowed("plain")));
    assert!(matches!(text(b"a\\nb\""), Text::Owned(text) if text == "a\nb"));
}
