//! Upper and lower case, one character to one character.
//!
//! As `towlower` and `towupper` of glibc do it, with which onnxruntime changes case: `ß` has no
//! upper case, `Σ` is `σ` also at the end of a word. The C library's version decides which of the
//! letters added to Unicode since version 14 have a case; here all that Rust knows have one.

/// Which case texts are brought to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Case {
    Lower,
    Upper,
}

/// Which letters have a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Letters {
    /// Those of ASCII: the locale `C`.
    Ascii,
    /// All of Unicode.
    Unicode,
}

impl Case {
    /// The text in this case.
    pub(super) fn of(self, text: &str, letters: Letters) -> String {
        match (self, letters) {
            (Self::Lower, Letters::Ascii) => text.to_ascii_lowercase(),
            (Self::Upper, Letters::Ascii) => text.to_ascii_uppercase(),
            (Self::Lower, Letters::Unicode) if text.is_ascii() => text.to_ascii_lowercase(),
            (Self::Upper, Letters::Unicode) if text.is_ascii() => text.to_ascii_uppercase(),
            (Self::Lower, Letters::Unicode) => text.chars().map(lower).collect(),
            (Self::Upper, Letters::Unicode) => text.chars().map(upper).collect(),
        }
    }
}

fn lower(letter: char) -> char {
    match letter {
        // Rust keeps the dot, as a second character.
        'İ' => 'i',
        _ => only(letter.to_lowercase()).unwrap_or(letter),
    }
}

/// Greek letters with a iota below have an upper case of one character, which Rust spells out.
fn upper(letter: char) -> char {
    let with_iota = match letter {
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => 8,
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => 9,
        _ => return only(letter.to_uppercase()).unwrap_or(letter),
    };
    char::from_u32(u32::from(letter) + with_iota).unwrap_or(letter)
}

fn only(mut letters: impl Iterator<Item = char>) -> Option<char> {
    let first = letters.next();
    first.filter(|_| letters.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, lower: &str, upper: &str) {
        assert_eq!(Case::Lower.of(text, Letters::Unicode), lower);
        assert_eq!(Case::Upper.of(text, Letters::Unicode), upper);
    }

    /// Expected texts: `StringNormalizer` of onnxruntime 1.32.0, glibc 2.36.
    #[test]
    fn case_is_changed_character_by_character() {
        check("École 42", "école 42", "ÉCOLE 42");
        check("İ", "i", "İ");
        check("ı", "ı", "I");
        check("ß ẞ", "ß ß", "ß ẞ");
        check("ΑΣ ς", "ασ ς", "ΑΣ Σ");
        check("ŉ ﬁ", "ŉ ﬁ", "ŉ ﬁ");
        check("ǆ Ǆ ǅ", "ǆ ǆ ǆ", "Ǆ Ǆ Ǆ");
        check("ᾀ ᾐ ᾧ ᾳ ῃ ῳ", "ᾀ ᾐ ᾧ ᾳ ῃ ῳ", "ᾈ ᾘ ᾯ ᾼ ῌ ῼ");
        check("ſ \u{212a} \u{212b}", "ſ k å", "S \u{212a} \u{212b}");
        check("𐐀 ꭰ Ა 😀", "𐐨 ꭰ ა 😀", "𐐀 Ꭰ Ა 😀");
    }

    #[test]
    fn in_ascii_no_other_letter_has_a_case() {
        assert_eq!(Case::Lower.of("ÉA", Letters::Ascii), "Éa");
        assert_eq!(Case::Upper.of("éa", Letters::Ascii), "éA");
    }
}
