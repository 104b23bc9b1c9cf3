//! Matches of regular expressions as RE2 finds them for onnxruntime: the leftmost, and of those
//! the longest, whatever the order of alternatives.
//!
//! A run of characters of one class, which is what exporters write, is found without an engine.

use std::ops::Range;

use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind};
use tract_onnx::tract_core::internal::*;

use super::syntax::translate;

/// A regular expression may take this many bytes once compiled, as in RE2.
const MOST_BYTES: usize = 8 << 20;

/// How tokens or what is between them are found.
#[derive(Debug)]
pub(super) enum Pattern {
    /// As many characters of a class as follow each other.
    Run(Characters),
    /// Anything else: an engine that finds where a match begins, and one for where it ends.
    General {
        first: Box<Regex>,
        longest: Box<Regex>,
    },
}

impl Pattern {
    pub(super) fn new(pattern: &str) -> TractResult<Self> {
        let translated = translated(pattern)?;
        let parsed = syntax::parse(&translated).with_context(|| invalid(pattern))?;
        if let Some(class) = run(&parsed) {
            return Ok(Self::Run(Characters::new(class)));
        }
        Ok(Self::General {
            first: Box::new(engine(&translated, MatchKind::LeftmostFirst)?),
            longest: Box::new(engine(&translated, MatchKind::All)?),
        })
    }

    /// Whether what is left of a match matches too, and no more than it.
    pub(super) fn is_run(&self) -> bool {
        match self {
            Self::Run(_) => true,
            Self::General { .. } => false,
        }
    }

    /// The next match from this place on; what is before it counts for `^` and `\b`.
    pub(super) fn find(&self, text: &str, from: usize) -> Option<Range<usize>> {
        match self {
            Self::Run(characters) => characters.find(text, from),
            Self::General { first, longest } => {
                let input = Input::new(text);
                let found = first.search(&input.clone().range(from..))?;
                let begin = input.range(found.start()..).anchored(Anchored::Yes);
                Some(
                    longest
                        .search(&begin)
                        .map_or(found.range(), |found| found.range()),
                )
            }
        }
    }
}

/// A regular expression that a whole text matches or does not.
pub(super) fn whole(pattern: &str) -> TractResult<Regex> {
    let translated = translated(pattern)?;
    // By itself first, so that no bracket of it closes one of ours.
    syntax::parse(&translated).with_context(|| invalid(pattern))?;
    engine(&format!(r"\A(?:{translated})\z"), MatchKind::LeftmostFirst)
}

fn translated(pattern: &str) -> TractResult<String> {
    translate(pattern).map_err(|reason| format_err!("{}: {reason}", invalid(pattern)))
}

fn invalid(pattern: &str) -> String {
    format!("the pattern `{pattern}` cannot be used")
}

fn engine(translated: &str, kind: MatchKind) -> TractResult<Regex> {
    let config = Regex::config()
        .match_kind(kind)
        .nfa_size_limit(Some(MOST_BYTES));
    let engine = Regex::builder().configure(config).build(translated);
    engine.with_context(|| invalid(translated))
}

/// The class of a pattern that is one or more characters of it.
fn run(parsed: &Hir) -> Option<&ClassUnicode> {
    let HirKind::Repetition(repetition) = parsed.kind() else {
        return None;
    };
    match (repetition.min, repetition.max, repetition.sub.kind()) {
        (1, None, HirKind::Class(Class::Unicode(class))) => Some(class),
        _ => None,
    }
}

/// A set of characters.
#[derive(Debug)]
pub(super) struct Characters {
    ascii: [bool; 128],
    /// First and last characters, in order.
    ranges: Vec<(char, char)>,
}

impl Characters {
    fn new(class: &ClassUnicode) -> Self {
        let ranges: Vec<_> = class
            .iter()
            .map(|range| (range.start(), range.end()))
            .collect();
        let mut ascii = [false; 128];
        for (byte, is_in) in (0u8..).zip(&mut ascii) {
            *is_in = ranges
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&byte.into()));
        }
        Self { ascii, ranges }
    }

    fn holds(&self, character: char) -> bool {
        if let Some(is_in) = self.ascii.get(character as usize) {
            return *is_in;
        }
        let after = self
            .ranges
            .partition_point(|(first, _)| *first <= character);
        let range = after
            .checked_sub(1)
            .and_then(|before| self.ranges.get(before));
        range.is_some_and(|(_, last)| character <= *last)
    }

    fn find(&self, text: &str, from: usize) -> Option<Range<usize>> {
        let rest = text.get(from..)?;
        let begin = from + rest.find(|character| self.holds(character))?;
        let run = text.get(begin..)?;
        let length = run
            .find(|character| !self.holds(character))
            .unwrap_or(run.len());
        Some(begin..begin + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, from: usize, expected: Option<Range<usize>>) {
        assert_eq!(Pattern::new(pattern).unwrap().find(text, from), expected);
    }

    /// Expected here and below: `Tokenizer` of onnxruntime 1.32.0.
    #[test]
    fn of_the_leftmost_matches_the_longest_counts() {
        check("a|aa|aab", "aab", 0, Some(0..3));
        check("(a*)(ab)*", "aab", 0, Some(0..3));
        check("x+?", "axx", 0, Some(1..3));
        check("(?U)a+", "aa", 0, Some(0..2));
        check("b*", "ab", 0, Some(0..0));
    }

    #[test]
    fn what_is_before_counts_for_anchors() {
        check("^ab", "ab ab", 2, None);
        check(r"\b[0-9]", "a1 b", 1, None);
        check("ab$", "ab ab", 0, Some(3..5));
        check("(?m)^.", "a\nb", 1, Some(2..3));
    }

    #[test]
    fn runs_of_one_class_need_no_engine() {
        for pattern in ["[a-z]+", r"\w+", r"[^\s]+", r"\pL+", "(?i)[é-û_]+"] {
            assert!(
                matches!(Pattern::new(pattern).unwrap(), Pattern::Run(_)),
                "{pattern}"
            );
        }
        check("[a-z]+", "É ab1", 0, Some(3..5));
        check(r"\pL+", "1éa", 0, Some(1..4));
        check("(?i)é+", "aÉé", 0, Some(1..5));
        check("[^a]+", "a\nb", 0, Some(1..3));
        check("[a-z]+", "ab", 2, None);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let refused = |pattern: &str| format!("{:?}", Pattern::new(pattern).unwrap_err());
        assert!(refused("(").contains("the pattern `(` cannot be used"));
        assert!(refused(r"\C").contains(r"`\C` is not supported"));
        assert!(refused("((a{1000}){1000}){1000}").contains("cannot be used"));
        assert!(whole("a)(b").is_err());
    }
}
