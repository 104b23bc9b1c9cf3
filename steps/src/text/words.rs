//! Tokens of BERT's kind, by word: the same as the crate's, in a fraction of its time.
//!
//! For files whose normalizer and pre-tokenizer are BERT's and whose model is WordPiece; texts in which an added
//! token is written, or may be, are left to the crate.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::{Model, ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, Tokenizer};
use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::UnicodeNormalization;

use super::Side;
use super::pipeline::{Limit, Tokens};

/// The tokens of words.
#[derive(Debug)]
pub(super) struct Words {
    normalizer: BertNormalizer,
    strip_accents: bool,
    /// What becomes of each of the 128 characters of ASCII.
    ascii: [Ascii; 128],
    added: Vec<Box<str>>,
    whole: Vocabulary,
    rest: Vocabulary,
    unknown: Option<u32>,
    longest_word: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ascii {
    Dropped,
    Space,
    Punctuation(u8),
    Letter(u8),
}

/// Tokens by their text.
#[derive(Debug, Default)]
struct Vocabulary {
    ids: HashMap<Box<str>, u32, RandomState>,
    longest: usize,
}

/// A vocabulary has a token for each character at least that is not unknown: none for a part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the vocabulary has no token for what is unknown")]
pub(super) struct NoUnknown;

impl Words {
    /// The words of a tokenizer, if it is of this kind.
    pub(super) fn new(tokenizer: &Tokenizer) -> Option<Self> {
        let (
            Some(NormalizerWrapper::BertNormalizer(normalizer)),
            Some(PreTokenizerWrapper::BertPreTokenizer(_)),
            ModelWrapper::WordPiece(model),
        ) = (
            tokenizer.get_normalizer(),
            tokenizer.get_pre_tokenizer(),
            tokenizer.get_model(),
        )
        else {
            return None;
        };
        let added = tokenizer.get_added_vocabulary();
        let mut tokens = added.get_added_tokens_decoder().values();
        if tokens.any(|token| token.normalized) {
            return None;
        }
        let (whole, rest) = Vocabulary::split(model);
        Some(Self {
            normalizer: *normalizer,
            strip_accents: normalizer.strip_accents.unwrap_or(normalizer.lowercase),
            ascii: std::array::from_fn(|code| Ascii::of(code, normalizer)),
            added: added
                .get_vocab()
                .keys()
                .map(|token| token.as_str().into())
                .collect(),
            unknown: model.token_to_id(&model.unk_token),
            longest_word: model.max_input_chars_per_word,
            whole,
            rest,
        })
    }

    /// The tokens of a text, or nothing where an added token is written in it.
    pub(super) fn tokens(&self, text: &str, limit: Limit) -> Option<Result<Tokens, NoUnknown>> {
        if self
            .added
            .iter()
            .any(|token| memchr::memmem::find(text.as_bytes(), token.as_bytes()).is_some())
        {
            return None;
        }
        Some(self.read(text, limit))
    }

    fn read(&self, text: &str, limit: Limit) -> Result<Tokens, NoUnknown> {
        let mut writer = Writer {
            words: self,
            word: String::new(),
            foreign: String::new(),
            tokens: Tokens::default(),
            limit,
        };
        for char in text.chars() {
            match self.ascii.get(char as usize) {
                Some(class) => writer.push_ascii(*class)?,
                None => writer.push_foreign(char)?,
            }
            if writer.tokens.more {
                break;
            }
        }
        writer.finish()
    }

    /// Appends the tokens of a word: the longest that fits, and again for what is left.
    fn word(&self, word: &str, ids: &mut Vec<u32>) -> Result<(), NoUnknown> {
        if word.len() <= self.longest_word || word.chars().count() <= self.longest_word {
            if let Some(id) = self.whole.ids.get(word) {
                ids.push(*id);
                return Ok(());
            }
            let start = ids.len();
            if self.parts(word, ids) {
                return Ok(());
            }
            ids.truncate(start);
        }
        ids.push(self.unknown.ok_or(NoUnknown)?);
        Ok(())
    }

    fn parts(&self, word: &str, ids: &mut Vec<u32>) -> bool {
        let mut left = word;
        let mut vocabulary = &self.whole;
        while !left.is_empty() {
            let Some((id, rest)) = vocabulary.longest_at_start(left) else {
                return false;
            };
            ids.push(id);
            left = rest;
            vocabulary = &self.rest;
        }
        true
    }
}

impl Vocabulary {
    /// The tokens that begin a word, which are all of them, and those that go on with one.
    fn split(model: &WordPiece) -> (Self, Self) {
        let (mut whole, mut rest) = (Self::default(), Self::default());
        for (token, id) in model.get_vocab() {
            if let Some(token) = token.strip_prefix(&model.continuing_subword_prefix) {
                rest.insert(token.into(), id);
            }
            whole.insert(token.into(), id);
        }
        (whole, rest)
    }

    fn insert(&mut self, token: Box<str>, id: u32) {
        self.longest = self.longest.max(token.len());
        self.ids.insert(token, id);
    }

    fn longest_at_start<'a>(&self, text: &'a str) -> Option<(u32, &'a str)> {
        let mut end = text.floor_char_boundary(self.longest);
        while end > 0 {
            let (start, rest) = text.split_at(end);
            if let Some(id) = self.ids.get(start) {
                return Some((*id, rest));
            }
            end -= start.chars().next_back().map_or(end, char::len_utf8);
        }
        None
    }
}

impl Ascii {
    fn of(code: usize, normalizer: &BertNormalizer) -> Self {
        let byte = u8::try_from(code).unwrap_or_default();
        let clean = normalizer.clean_text;
        match byte {
            b'\t' | b'\n' | b'\r' => Self::Space,
            0..=31 | 127 if clean => Self::Dropped,
            byte if char::from(byte).is_whitespace() => Self::Space,
            byte if is_punctuation(byte.into()) => Self::Punctuation(byte),
            byte if normalizer.lowercase => Self::Letter(byte.to_ascii_lowercase()),
            byte => Self::Letter(byte),
        }
    }
}

/// A text on its way to tokens.
struct Writer<'a> {
    words: &'a Words,
    word: String,
    /// Characters beyond ASCII that follow each other: their accents may change places.
    foreign: String,
    tokens: Tokens,
    limit: Limit,
}

impl Writer<'_> {
    fn push_ascii(&mut self, class: Ascii) -> Result<(), NoUnknown> {
        // What is dropped parts nothing.
        if class != Ascii::Dropped && !self.foreign.is_empty() {
            self.end_foreign()?;
        }
        match class {
            Ascii::Dropped => Ok(()),
            Ascii::Space => self.end_word(),
            Ascii::Letter(byte) => {
                self.word.push(byte.into());
                Ok(())
            }
            Ascii::Punctuation(byte) => {
                self.end_word()?;
                self.word.push(byte.into());
                self.end_word()
            }
        }
    }

    fn push_foreign(&mut self, char: char) -> Result<(), NoUnknown> {
        let normalizer = &self.words.normalizer;
        if normalizer.clean_text {
            if char == '\u{fffd}' || char.is_other() {
                return Ok(());
            }
            if char.is_whitespace() {
                self.end_foreign()?;
                return self.end_word();
            }
        }
        if normalizer.handle_chinese_chars && is_chinese(char) {
            self.end_foreign()?;
            self.end_word()?;
            self.foreign.push(char);
            self.end_foreign()?;
            return self.end_word();
        }
        self.foreign.push(char);
        Ok(())
    }

    fn end_foreign(&mut self) -> Result<(), NoUnknown> {
        let foreign = std::mem::take(&mut self.foreign);
        if self.words.strip_accents {
            for (char, _) in foreign.nfd() {
                if !char.is_mark_nonspacing() {
                    self.push_lowered(char)?;
                }
            }
        } else {
            for char in foreign.chars() {
                self.push_lowered(char)?;
            }
        }
        self.foreign = foreign;
        self.foreign.clear();
        Ok(())
    }

    fn push_lowered(&mut self, char: char) -> Result<(), NoUnknown> {
        if self.words.normalizer.lowercase {
            char.to_lowercase().try_for_each(|char| self.push(char))
        } else {
            self.push(char)
        }
    }

    fn push(&mut self, char: char) -> Result<(), NoUnknown> {
        if char.is_whitespace() {
            self.end_word()
        } else if is_punctuation(char) {
            self.end_word()?;
            self.word.push(char);
            self.end_word()
        } else {
            self.word.push(char);
            Ok(())
        }
    }

    fn end_word(&mut self) -> Result<(), NoUnknown> {
        if self.word.is_empty() {
            return Ok(());
        }
        // Where the beginning is cut off, what counts comes last.
        let enough = self.limit.side == Side::Right && self.tokens.ids.len() >= self.limit.tokens;
        if enough {
            self.tokens.more = true;
        } else {
            self.words.word(&self.word, &mut self.tokens.ids)?;
        }
        self.word.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<Tokens, NoUnknown> {
        if !self.tokens.more {
            self.end_foreign()?;
            self.end_word()?;
        }
        Ok(self.tokens)
    }
}

fn is_punctuation(char: char) -> bool {
    char.is_ascii_punctuation() || char.is_punctuation()
}

fn is_chinese(char: char) -> bool {
    matches!(
        u32::from(char),
        0x4E00..=0x9FFF
            | 0x3400..=0x4DBF
            | 0x20000..=0x2A6DF
            | 0x2A700..=0x2B73F
            | 0x2B740..=0x2B81F
            | 0x2B920..=0x2CEAF
            | 0xF900..=0xFAFF
            | 0x2F800..=0x2FA1F
    )
}
