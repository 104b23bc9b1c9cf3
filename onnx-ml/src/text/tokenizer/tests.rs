use super::*;
use crate::testing::{Input, integer, outputs_of, string, strings};
use tract_onnx::pb::AttributeProto;

fn attributes(given: Vec<AttributeProto>) -> Vec<AttributeProto> {
    let usual = vec![
        integer("mark", 0),
        integer("mincharnum", 1),
        string("pad_value", "#"),
    ];
    let is_replaced = |usual: &AttributeProto| given.iter().any(|given| given.name == usual.name);
    let kept: Vec<_> = usual
        .into_iter()
        .filter(|usual| !is_replaced(usual))
        .collect();
    kept.into_iter().chain(given).collect()
}

fn tokenized(given: Vec<AttributeProto>, input: Tensor) -> TractResult<Tensor> {
    let inputs = vec![Input::Given(input)];
    Ok(outputs_of("Tokenizer", "com.microsoft", attributes(given), inputs)?.remove(0))
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Tokens of each text, with bars between them. Expected values here and below: onnxruntime
/// 1.32.0.
#[track_caller]
fn check(given: Vec<AttributeProto>, texts: &[&str], expected: &[&str]) {
    let tokens = tokenized(given, tensor1(&owned(texts))).unwrap();
    let width = tokens.shape()[1];
    let all: Vec<String> = tokens
        .to_plain_array_view::<String>()
        .unwrap()
        .iter()
        .cloned()
        .collect();
    let joined = |row: usize| all[row * width..(row + 1) * width].join("|");
    let joined: Vec<String> = (0..texts.len()).map(joined).collect();
    assert_eq!(joined, expected);
}

fn separated(separators: &[&str]) -> Vec<AttributeProto> {
    vec![strings("separators", separators)]
}

fn matched(pattern: &str) -> Vec<AttributeProto> {
    vec![string("tokenexp", pattern)]
}

fn with(mut attributes: Vec<AttributeProto>, name: &str, value: i64) -> Vec<AttributeProto> {
    attributes.push(integer(name, value));
    attributes
}

#[test]
fn tokens_are_what_matches() {
    check(
        matched("[a-z]+"),
        &["x yz", "ab c éa"],
        &["x|yz|#", "ab|c|a"],
    );
    check(matched(r"\b\w\w+\b"), &["x yz", "ab c éa"], &["yz", "ab"]);
    check(matched(r"\pL+"), &["ab c éa"], &["ab|c|éa"]);
    check(matched(".."), &["x\nyz"], &["yz"]);
    check(matched("b*|é"), &["aé"], &["é"]);
    check(
        with(matched("ab|bcd"), "mincharnum", 3),
        &["abcd"],
        &["bcd"],
    );
    check(
        with(matched("[^ ]+"), "mincharnum", 2),
        &["xéz éé é"],
        &["xéz|éé"],
    );
}

#[test]
fn tokens_are_what_is_left_between_separators() {
    check(
        separated(&[" ", ","]),
        &["a  b,c ", "d", ""],
        &["a|b|c", "d|#|#", "#|#|#"],
    );
    check(separated(&["a", "ab"]), &["xaby"], &["x|by"]);
    check(separated(&["ab", "a"]), &["xaby"], &["x|y"]);
    check(separated(&["b", "XbX"]), &["aXbXc"], &["aX|Xc"]);
    check(
        separated(&["^ab", "ab$"]),
        &["ab ab cd\nab ab"],
        &[" ab cd\nab "],
    );
    check(separated(&["[0-9]+"]), &["x1y22z"], &["x|y|z"]);
    check(
        with(separated(&[" "]), "mincharnum", 2),
        &["éé b cc ddd é"],
        &["éé|cc|ddd"],
    );
}

#[test]
fn an_empty_separator_takes_the_character_after_it() {
    check(separated(&[r"\b"]), &["a1b"], &["1b"]);
    check(separated(&["^"]), &["éb"], &["b"]);
    check(separated(&["$"]), &["ab"], &["ab"]);
    check(separated(&["b|$"]), &["a  b"], &["a  "]);
    check(separated(&["[0-9]*"]), &["x1y22z"], &[""]);
    check(separated(&[" ", ""]), &["a b"], &[""]);
}

#[test]
fn texts_are_cut_into_characters() {
    check(
        separated(&[""]),
        &["xyz", "é😀", ""],
        &["x|y|z", "é|😀|#", "#|#|#"],
    );
    check(matched("."), &["x\ny"], &["x|\n|y"]);
}

#[test]
fn marks_stand_inside_the_filling() {
    let marked = |attributes| with(attributes, "mark", 7);
    check(
        marked(separated(&[" "])),
        &["a b", "d"],
        &["\u{2}|a|b|\u{3}", "\u{2}|d|\u{3}|#"],
    );
    check(
        marked(separated(&[""])),
        &["ab", ""],
        &["\u{2}|a|b|\u{3}", "\u{2}|\u{3}|#|#"],
    );
    check(marked(matched("a")), &["b", ""], &["", ""]);
}

#[track_caller]
fn check_shape(texts: &[&str], shape: &[usize], expected: &[usize]) {
    let input = tensor(shape, owned(texts)).unwrap();
    assert_eq!(
        tokenized(separated(&[" "]), input).unwrap().shape(),
        expected
    );
}

#[test]
fn tokens_are_a_new_axis_unless_there_is_no_text() {
    check_shape(&["a b", "c"], &[2, 1], &[2, 1, 2]);
    check_shape(&["", " "], &[2, 1], &[2, 1, 0]);
    check_shape(&[], &[0], &[0]);
    check_shape(&[], &[1, 0], &[1, 0]);
    check_shape(&[], &[0, 1], &[0, 0]);
}

#[track_caller]
fn refused(given: Vec<AttributeProto>, reason: &str) {
    let error = format!(
        "{:?}",
        tokenized(given, tensor1(&owned(&["a"]))).unwrap_err()
    );
    assert!(error.contains(reason), "{error}");
}

#[test]
fn what_does_not_fit_is_refused() {
    refused(vec![], "separators or tokenexp");
    refused(matched(""), "separators or tokenexp");
    refused(matched("("), "the pattern `(` cannot be used");
    refused(with(matched("a"), "mincharnum", 0), "at least 1");
    refused(with(matched("."), "mincharnum", 2), "1 for characters");
    let input = tensor3(&[[["a".to_owned()]]]);
    assert!(tokenized(separated(&[" "]), input).is_err());
}

/// Were each of its characters a start of its own, the first run would take minutes.
#[test]
fn a_run_that_is_too_short_is_passed_by_at_once() {
    let (short, long) = ("a".repeat((1 << 20) - 1), "b".repeat(1 << 20));
    let text = format!("{short} {long}");
    let given = with(matched("[a-z]+"), "mincharnum", 1 << 20);
    check(given, &[&text], &[&long]);
}
