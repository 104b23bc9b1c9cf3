//! Regular expressions as RE2 writes them, in the syntax of the engine used here.
//!
//! RE2 takes `\d`, `\w`, `\s` and `\b` for those of ASCII, and `\s` without the vertical tab.
//! Braces that repeat nothing and brackets in a class are characters there. What RE2 knows and
//! the engine does not is refused: octal escapes, `\C`, `\Q..\E`.

use std::iter::Peekable;
use std::str::Chars;

/// A class of ASCII without its brackets, if the escape stands for one.
fn class(escape: char) -> Option<&'static str> {
    match escape.to_ascii_lowercase() {
        'd' => Some("0-9"),
        'w' => Some("0-9A-Za-z_"),
        's' => Some(r"\t\n\f\r "),
        _ => None,
    }
}

/// The pattern in the engine's syntax, or what of it cannot be said there.
pub(super) fn translate(pattern: &str) -> Result<String, String> {
    let mut translated = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '\\' => escape(&mut rest, false, &mut translated)?,
            '[' => brackets(&mut rest, &mut translated)?,
            '(' => group(&mut rest, &mut translated)?,
            '{' if !is_repetition(rest.clone()) => translated.push_str(r"\{"),
            _ => translated.push(next),
        }
    }
    Ok(translated)
}

fn escape(rest: &mut Peekable<Chars>, is_in_class: bool, to: &mut String) -> Result<(), String> {
    let Some(escape) = rest.next() else {
        return Err("it ends in a backslash".to_owned());
    };
    if let Some(class) = class(escape) {
        let is_negated = if escape.is_ascii_uppercase() { "^" } else { "" };
        to.extend(["[", is_negated, class, "]"]);
        return Ok(());
    }
    match escape {
        'b' | 'B' if !is_in_class => {
            to.extend([r"(?-u:\", if escape == 'b' { "b)" } else { "B)" }])
        }
        'A' | 'z' if !is_in_class => to.extend(['\\', escape]),
        'a' | 'f' | 'n' | 'r' | 't' | 'v' => to.extend(['\\', escape]),
        'x' | 'p' | 'P' => {
            to.extend(['\\', escape]);
            in_braces(rest, to);
        }
        _ if escape.is_ascii_punctuation() => literal(escape, to),
        _ => return Err(format!("`\\{escape}` is not supported")),
    }
    Ok(())
}

/// What follows in braces, if anything does.
fn in_braces(rest: &mut Peekable<Chars>, to: &mut String) {
    if rest.peek() != Some(&'{') {
        return;
    }
    for next in rest.by_ref() {
        to.push(next);
        if next == '}' {
            return;
        }
    }
}

/// A character that may mean something, by its number.
fn literal(character: char, to: &mut String) {
    to.push_str(&format!(r"\x{{{:X}}}", u32::from(character)));
}

/// A class up to its closing bracket. A bracket right at its beginning is a character of it.
fn brackets(rest: &mut Peekable<Chars>, to: &mut String) -> Result<(), String> {
    to.push('[');
    to.extend(rest.next_if_eq(&'^'));
    let mut is_first = true;
    let mut last = ' ';
    while let Some(next) = rest.next() {
        match next {
            ']' if !is_first => {
                to.push(']');
                return Ok(());
            }
            '\\' => escape(rest, true, to)?,
            '[' if rest.peek() == Some(&':') => named(rest, to),
            '-' if last == '-' => return Err("`--` in a class is not supported".to_owned()),
            ']' | '[' | '&' | '~' | '^' => literal(next, to),
            _ => to.push(next),
        }
        (is_first, last) = (false, next);
    }
    Err("a bracket is not closed".to_owned())
}

/// A class of ASCII by its name, such as `[:alpha:]`.
fn named(rest: &mut Peekable<Chars>, to: &mut String) {
    to.push('[');
    for next in rest.by_ref() {
        to.push(next);
        if next == ']' {
            return;
        }
    }
}

/// The beginning of a group; the flags of RE2 are `i`, `m`, `s` and `U`.
fn group(rest: &mut Peekable<Chars>, to: &mut String) -> Result<(), String> {
    to.push('(');
    let mut ahead = rest.clone();
    if ahead.next() != Some('?') {
        return Ok(());
    }
    let flags = ahead.take_while(|next| !matches!(next, ':' | ')' | '<' | 'P'));
    match flags.into_iter().find(|flag| !"imsU-".contains(*flag)) {
        Some(flag) => Err(format!("`(?{flag}` is not supported")),
        None => Ok(()),
    }
}

/// Whether a number, or two with a comma between them, follow up to the closing brace.
fn is_repetition(rest: Peekable<Chars>) -> bool {
    let inside: String = rest.take_while(|next| *next != '}').collect();
    let (least, most) = inside.split_once(',').unwrap_or((&inside, ""));
    let are_digits = |text: &str| text.chars().all(|digit| digit.is_ascii_digit());
    !least.is_empty() && are_digits(least) && are_digits(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, expected: &str) {
        assert_eq!(translate(pattern).unwrap(), expected);
    }

    #[test]
    fn classes_and_boundaries_are_those_of_ascii() {
        check(r"\d\W", "[0-9][^0-9A-Za-z_]");
        check(r"[\s\v]", r"[[\t\n\f\r ]\v]");
        check(r"\bé\B", r"(?-u:\b)é(?-u:\B)");
        check(r"\pL+\p{Greek}", r"\pL+\p{Greek}");
    }

    #[test]
    fn characters_without_meaning_stay_characters() {
        check("a{", r"a\{");
        check("a{,2}", r"a\{,2}");
        check("a{2}b{2,}c{2,3}", "a{2}b{2,}c{2,3}");
        check(r"\<\.\/", r"\x{3C}\x{2E}\x{2F}");
        check("[]a][^]a]", r"[\x{5D}a][^\x{5D}a]");
        check("[a[&&~]", r"[a\x{5B}\x{26}\x{26}\x{7E}]");
        check("[[:alpha:]_]", "[[:alpha:]_]");
    }

    #[test]
    fn groups_may_have_names_and_flags() {
        check(
            "(?P<n>a)(?<m>b)(?:c)(?i-s:d)(?U)",
            "(?P<n>a)(?<m>b)(?:c)(?i-s:d)(?U)",
        );
    }

    #[track_caller]
    fn refused(pattern: &str, reason: &str) {
        assert_eq!(translate(pattern).unwrap_err(), reason);
    }

    #[test]
    fn what_cannot_be_said_is_refused() {
        refused("a\\", "it ends in a backslash");
        refused(r"\C", r"`\C` is not supported");
        refused(r"\Qa\E", r"`\Q` is not supported");
        refused(r"\101", r"`\1` is not supported");
        refused(r"[\b]", r"`\b` is not supported");
        refused("[a", "a bracket is not closed");
        refused("[a--b]", "`--` in a class is not supported");
        refused("(?u)a", "`(?u` is not supported");
        refused("(?=a)", "`(?=` is not supported");
    }
}
