//! A tokenizer as the function has it: made at the start, asked for batches.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokenizers::ModelWrapper;

use super::cut::kept;
use super::document::{Document, Strategy};
use super::layout::{Layout, Piece};
use super::padding::Filling;
use super::pipeline::{Limit, Pipeline, Tokens};
use super::words::Words;
use super::{
    Encoded, MAX_BYTES, MAX_FILE, MAX_LENGTH, MAX_TOKENS, Options, Settings, SettingsError, Side,
    Text, TextError,
};

/// Texts to tokens, as a model's own `tokenizer.json` says.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    pipeline: Pipeline,
    words: Option<Words>,
    single: Layout,
    pair: Option<Layout>,
    filling: Filling,
    strategy: Strategy,
    side: Side,
    truncation: bool,
    max_length: usize,
    max_bytes: usize,
    vocabulary: usize,
}

/// The tokens of a row before padding.
struct Row<'a> {
    layout: &'a Layout,
    first: Vec<u32>,
    second: Vec<u32>,
    cut: bool,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Tokenizer")
            .field("vocabulary", &self.vocabulary)
            .field("max_length", &self.max_length)
            .finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// The tokenizer of a file, with what the settings say instead of it.
    pub fn new(settings: &Settings, json: &[u8]) -> Result<Self, SettingsError> {
        check_names(settings)?;
        if json.len() > MAX_FILE {
            return Err(SettingsError::FileTooLarge {
                bytes: json.len(),
                most: MAX_FILE,
            });
        }
        // Requests run beside each other: threads of the crate's own would be in their way.
        tokenizers::parallelism::set_parallelism(false);
        // The reader trusts the file: what contradicts itself panics in it.
        catch_unwind(|| Self::read(settings, json)).map_err(|_| SettingsError::Contradiction)?
    }

    fn read(settings: &Settings, json: &[u8]) -> Result<Self, SettingsError> {
        let document: Document =
            serde_json::from_slice(json).map_err(|error| SettingsError::File(error.into()))?;
        let mut inner = tokenizers::Tokenizer::from_bytes(json).map_err(SettingsError::File)?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(SettingsError::File)?;
        check_chance(&inner)?;
        let single = Layout::single(&inner).map_err(SettingsError::File)?;
        if !single.holds(1) {
            return Err(SettingsError::Contradiction);
        }
        let pair = catch_unwind(AssertUnwindSafe(|| Layout::pair(&inner)));
        let pair = pair.ok().and_then(Result::ok).filter(|pair| pair.holds(2));
        let filling = Filling::new(settings, &document, &inner)?;
        let stated = document.truncation;
        let ids = single.specials().chain([filling.id]).map(to_usize).max();
        let vocabulary = vocabulary(&inner).max(ids.map_or(0, |id| id.saturating_add(1)));
        Ok(Self {
            pipeline: Pipeline::new(&inner).map_err(SettingsError::File)?,
            words: Words::new(&inner),
            max_length: max_length(settings, stated.as_ref().map(|t| t.max_length), &single)?,
            max_bytes: max_bytes(settings)?,
            strategy: stated.as_ref().map(|t| t.strategy).unwrap_or_default(),
            side: settings
                .truncation_side
                .or(stated.and_then(|truncation| truncation.direction))
                .unwrap_or(Side::Right),
            truncation: settings.truncation.unwrap_or(true),
            inner,
            single,
            pair,
            filling,
            vocabulary,
        })
    }

    /// One more than the largest id of its own words, added ones aside: how many rows the model's table of words must have.
    pub fn words(&self) -> usize {
        words(&self.inner)
    }

    /// One more than the largest id.
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// The most tokens of a row, special ones included.
    pub fn max_length(&self) -> usize {
        self.max_length
    }

    /// A batch of tokens, a row for each text or pair.
    ///
    /// Rows that were cut are named; where texts must not be cut, the first that is too long is an error.
    pub fn encode(&self, texts: &[Text<'_>], options: &Options) -> Result<Encoded, TextError> {
        let most = options
            .length
            .map_or(self.max_length, |length| length.min(self.max_length));
        let truncation = options.truncation.unwrap_or(self.truncation);
        let mut rows = Vec::new();
        let mut longest = 0;
        let mut length = options.length.unwrap_or_default();
        for (row, text) in texts.iter().enumerate() {
            let tokens = self.row(row, *text, most, truncation)?;
            longest = longest.max(tokens.tokens());
            rows.push(tokens);
            length = options
                .length
                .unwrap_or_else(|| self.filling.length(longest, most, options.attention_mask));
            // As soon as it is known: every row gets this length, or a larger one.
            if texts.len().saturating_mul(length) > MAX_TOKENS {
                return Err(TextError::TooManyTokens {
                    rows: texts.len(),
                    length,
                    most: MAX_TOKENS,
                });
            }
        }
        Ok(self.pad(&rows, length))
    }

    fn row(
        &self,
        row: usize,
        text: Text<'_>,
        most: usize,
        truncation: bool,
    ) -> Result<Row<'_>, TextError> {
        let bytes = text.first.len() + text.second.map_or(0, str::len);
        if bytes > self.max_bytes {
            return Err(TextError::TooManyBytes {
                row,
                bytes,
                most: self.max_bytes,
            });
        }
        let layout = match text.second {
            None => &self.single,
            Some(_) => self.pair.as_ref().ok_or(TextError::NoPairs { row })?,
        };
        let special = layout.specials().count();
        let room = most.checked_sub(special).ok_or(TextError::NoRoom {
            length: most,
            special,
        })?;
        // Which of a pair is cut hangs on how long both are; of a single text no more is made than stays.
        let limit = if text.second.is_none() {
            most
        } else {
            usize::MAX
        };
        let mut first = self.tokens(row, text.first, limit)?;
        let second = text.second.map(|text| self.tokens(row, text, limit));
        let mut second = second.transpose()?.unwrap_or_default();
        let all = first.ids.len() + second.ids.len();
        let cut = first.more || second.more || all > room;
        if cut && !truncation {
            return Err(TextError::TooLong { row, most });
        }
        let lengths = text.second.map(|_| second.ids.len());
        let (of_first, of_second) = kept(self.strategy, first.ids.len(), lengths, room)
            .ok_or(TextError::CannotCut { row, most })?;
        self.shorten(&mut first.ids, of_first);
        self.shorten(&mut second.ids, of_second);
        Ok(Row {
            layout,
            first: first.ids,
            second: second.ids,
            cut,
        })
    }

    fn shorten(&self, ids: &mut Vec<u32>, length: usize) {
        match self.side {
            Side::Right => ids.truncate(length),
            Side::Left => drop(ids.drain(..ids.len().saturating_sub(length))),
        }
    }

    fn tokens(&self, row: usize, text: &str, tokens: usize) -> Result<Tokens, TextError> {
        let limit = Limit {
            tokens,
            side: self.side,
        };
        let done = match self
            .words
            .as_ref()
            .and_then(|words| words.tokens(text, limit))
        {
            Some(tokens) => tokens.map_err(Into::into),
            // As at the start: a file that contradicts itself may show it with some texts only.
            None => catch_unwind(AssertUnwindSafe(|| {
                self.pipeline.tokens(&self.inner, text, limit)
            }))
            .map_err(|_| TextError::Failed { row })?,
        };
        done.map_err(|cause| TextError::NoTokens { row, cause })
    }

    fn pad(&self, rows: &[Row<'_>], length: usize) -> Encoded {
        let mut encoded = Encoded {
            rows: rows.len(),
            length,
            ..Encoded::default()
        };
        let all = rows.len() * length;
        for list in [
            &mut encoded.ids,
            &mut encoded.attention_mask,
            &mut encoded.type_ids,
        ] {
            list.reserve_exact(all);
        }
        for (place, row) in rows.iter().enumerate() {
            let tokens = row.tokens();
            let padding = length.saturating_sub(tokens);
            match self.filling.side {
                Side::Right => {
                    row.write(&mut encoded);
                    self.fill(&mut encoded, padding);
                }
                Side::Left => {
                    self.fill(&mut encoded, padding);
                    row.write(&mut encoded);
                }
            }
            encoded.tokens.push(tokens);
            if row.cut {
                encoded.truncated.push(place);
            }
        }
        encoded
    }

    fn fill(&self, encoded: &mut Encoded, count: usize) {
        let more = |list: &mut Vec<i64>, value: u32| {
            list.resize(list.len() + count, value.into());
        };
        more(&mut encoded.ids, self.filling.id);
        more(&mut encoded.attention_mask, 0);
        more(&mut encoded.type_ids, self.filling.type_id);
    }
}

impl Row<'_> {
    fn tokens(&self) -> usize {
        self.layout.specials().count() + self.first.len() + self.second.len()
    }

    fn write(&self, encoded: &mut Encoded) {
        for piece in &self.layout.pieces {
            let (ids, type_id) = match piece {
                Piece::First(type_id) => (self.first.as_slice(), *type_id),
                Piece::Second(type_id) => (self.second.as_slice(), *type_id),
                Piece::Special(id, type_id) => (std::slice::from_ref(id), *type_id),
            };
            encoded.ids.extend(ids.iter().copied().map(i64::from));
            let end = encoded.ids.len();
            encoded.attention_mask.resize(end, 1);
            encoded.type_ids.resize(end, type_id.into());
        }
    }
}

fn check_names(settings: &Settings) -> Result<(), SettingsError> {
    if settings.input().is_empty() {
        return Err(SettingsError::EmptyInput);
    }
    let file = settings.tokenizer();
    let path = |char: char| char == '/' || char == '\\' || char.is_control();
    if file.is_empty() || file == "." || file == ".." || file.contains(path) {
        return Err(SettingsError::FileName(file.to_owned()));
    }
    Ok(())
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other models know no chance"
)]
fn check_chance(tokenizer: &tokenizers::Tokenizer) -> Result<(), SettingsError> {
    match tokenizer.get_model() {
        ModelWrapper::BPE(model) => match model.dropout {
            Some(dropout) if dropout > 0.0 => Err(SettingsError::Dropout(dropout)),
            Some(_) | None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// The least is a token of the text beside the special ones.
fn max_length(
    settings: &Settings,
    stated: Option<usize>,
    single: &Layout,
) -> Result<usize, SettingsError> {
    let least = single.specials().count() + 1;
    let most = MAX_LENGTH;
    let fits = |value: usize| (least..=most).contains(&value);
    match (settings.max_length, stated) {
        (Some(value), _) if fits(value) => Ok(value),
        (None, Some(value)) if fits(value) => Ok(value),
        (Some(value), _) => Err(SettingsError::Range {
            field: "max_length",
            value,
            least,
            most,
        }),
        (None, Some(value)) => Err(SettingsError::FileMaxLength { value, least, most }),
        (None, None) => Err(SettingsError::NoMaxLength),
    }
}

fn max_bytes(settings: &Settings) -> Result<usize, SettingsError> {
    match settings.max_bytes {
        None => Ok(MAX_BYTES),
        Some(value) if (1..=MAX_BYTES).contains(&value) => Ok(value),
        Some(value) => Err(SettingsError::Range {
            field: "max_bytes",
            value,
            least: 1,
            most: MAX_BYTES,
        }),
    }
}

/// Ids are mostly without gaps, which is quicker to see than the largest is to find.
fn vocabulary(tokenizer: &tokenizers::Tokenizer) -> usize {
    let count = tokenizer.get_vocab_size(true);
    let dense = u32::try_from(count)
        .is_ok_and(|count| (0..count).all(|id| tokenizer.id_to_token(id).is_some()));
    if dense {
        return count;
    }
    let largest = tokenizer.get_vocab(true).into_values().max();
    largest.map_or(0, |id| to_usize(id).saturating_add(1))
}

fn words(tokenizer: &tokenizers::Tokenizer) -> usize {
    let largest = tokenizer.get_vocab(false).into_values().max();
    largest.map_or(0, |id| to_usize(id).saturating_add(1))
}

fn to_usize(id: u32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERT: &[u8] = include_bytes!("../../tests/golden/text/bert.json");
    const CASED: &[u8] = include_bytes!("../../tests/golden/text/bert-cased.json");
    const GOLDEN: &str = include_str!("../../tests/golden/text/tokens.json");

    const LETTERS: &[u8] = br#"0123456789{}[]\",:nullABst"#;

    fn settings() -> Settings {
        Settings {
            max_length: Some(MAX_LENGTH),
            ..Settings::default()
        }
    }

    /// A generator that needs no crate: the same numbers each time.
    struct Draw(u64);

    impl Draw {
        fn below(&mut self, end: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 >> 11).unwrap() % end
        }
    }

    fn text(draw: &mut Draw, letters: &[char]) -> String {
        let any = |draw: &mut Draw| u32::try_from(draw.below(0x11_0000)).unwrap();
        (0..draw.below(40))
            .map(|_| match draw.below(8) {
                0 => char::from_u32(any(draw)).unwrap_or(' '),
                1 => char::from_u32(any(draw) % 0x3000).unwrap_or(' '),
                2 => char::from_u32(0x300 + any(draw) % 0x70).unwrap_or(' '),
                _ => letters[draw.below(letters.len())],
            })
            .collect()
    }

    #[track_caller]
    fn check_words(json: &[u8], rounds: usize) {
        let tokenizer = Tokenizer::new(&settings(), json).unwrap();
        let words = tokenizer.words.as_ref().unwrap();
        let letters: Vec<char> = GOLDEN
            .chars()
            .filter(|char| !char.is_control())
            .take(9000)
            .collect();
        let mut draw = Draw(0x9e37_79b9_7f4a_7c15);
        for _ in 0..rounds {
            let text = text(&mut draw, &letters);
            for side in [Side::Left, Side::Right] {
                let limit = Limit {
                    tokens: usize::MAX,
                    side,
                };
                let Some(quick) = words.tokens(&text, limit) else {
                    continue;
                };
                let slow = tokenizer
                    .pipeline
                    .tokens(&tokenizer.inner, &text, limit)
                    .unwrap();
                assert_eq!(quick.unwrap(), slow, "{text:?}");
            }
        }
    }

    #[test]
    fn words_have_the_tokens_of_the_crate() {
        let rounds = option_env!("ROUNDS").map_or(3000, |rounds| rounds.parse().unwrap());
        check_words(BERT, rounds);
        check_words(CASED, rounds);
    }

    #[test]
    fn a_file_that_is_none_is_an_error_and_no_panic() {
        let mut draw = Draw(7);
        let files = [
            BERT,
            include_bytes!("../../tests/golden/text/llama.json"),
            include_bytes!("../../tests/golden/text/llama3.json"),
            include_bytes!("../../tests/golden/text/unigram.json"),
        ];
        let rounds =
            option_env!("ROUNDS").map_or(60, |rounds| rounds.parse::<usize>().unwrap() / 20);
        for file in files {
            for _ in 0..rounds {
                let mut file = file.to_vec();
                for _ in 0..=draw.below(4) {
                    let place = draw.below(file.len());
                    file[place] = LETTERS[draw.below(LETTERS.len())];
                }
                if draw.below(8) == 0 {
                    file.truncate(draw.below(file.len()));
                }
                if let Ok(tokenizer) = Tokenizer::new(&settings(), &file) {
                    let texts = [
                        "Hello 1 é 日本 [SEP] <s>".into(),
                        "".into(),
                        ("a", "b").into(),
                    ];
                    let _: Result<_, _> = tokenizer.encode(&texts, &Options::default());
                }
            }
        }
    }
}
