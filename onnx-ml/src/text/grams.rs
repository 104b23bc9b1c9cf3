//! The n-grams that a vectorizer counts: a trie over words that are numbered when it is made.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use tract_onnx::tract_core::internal::*;

/// What a word of the input is looked up as; no n-gram has an unknown word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(u32);

impl Word {
    const UNKNOWN: Self = Self(u32::MAX);

    pub(super) fn is_known(self) -> bool {
        self != Self::UNKNOWN
    }
}

/// Words and their numbers.
#[derive(Debug)]
pub(super) enum Words {
    Texts {
        words: HashMap<String, u32, Mixing>,
        /// The words of one letter of ASCII again, by that letter: texts cut into characters
        /// have little else.
        letters: Box<[Word; 128]>,
    },
    Integers(HashMap<i64, u32, Mixing>),
}

impl Words {
    pub(super) fn texts(words: HashMap<String, u32, Mixing>) -> Self {
        let mut letters = Box::new([Word::UNKNOWN; 128]);
        for (word, number) in &words {
            if let [letter] = word.as_bytes()
                && let Some(place) = letters.get_mut(usize::from(*letter))
            {
                *place = Word(*number);
            }
        }
        Self::Texts { words, letters }
    }

    pub(super) fn text(&self, text: &str) -> Word {
        let Self::Texts { words, letters } = self else {
            return Word::UNKNOWN;
        };
        if let [letter] = text.as_bytes() {
            let word = letters.get(usize::from(*letter));
            return word.copied().unwrap_or(Word::UNKNOWN);
        }
        words.get(text).map_or(Word::UNKNOWN, |word| Word(*word))
    }

    pub(super) fn integer(&self, integer: i64) -> Word {
        let Self::Integers(words) = self else {
            return Word::UNKNOWN;
        };
        words
            .get(&integer)
            .map_or(Word::UNKNOWN, |word| Word(*word))
    }
}

/// Numbers the different values of a pool, and gives the number of each.
pub(super) fn number<T: Hash + Eq + Clone>(
    pool: &[T],
) -> TractResult<(HashMap<T, u32, Mixing>, Vec<Word>)> {
    let mut words = HashMap::default();
    let mut numbers = Vec::with_capacity(pool.len());
    for word in pool {
        let next = u32::try_from(words.len())?;
        numbers.push(Word(*words.entry(word.clone()).or_insert(next)));
    }
    Ok((words, numbers))
}

/// A trie: each n-gram is a way from the root, and ends at a place of its own.
#[derive(Debug)]
pub(super) struct Grams {
    /// From the root, by word; nowhere is the root itself.
    firsts: Vec<u32>,
    /// From a place and a word to the next place.
    steps: HashMap<u64, u32, Mixing>,
    /// Which n-gram ends at each place, if one does.
    ends: Vec<Option<u32>>,
}

/// Where every n-gram begins.
const ROOT: u32 = 0;

fn step(place: u32, word: Word) -> u64 {
    u64::from(place) << 32 | u64::from(word.0)
}

impl Grams {
    /// Of no n-grams yet, over this many words.
    pub(super) fn new(words: usize) -> Self {
        Self {
            firsts: vec![ROOT; words],
            steps: HashMap::default(),
            ends: vec![None],
        }
    }

    /// Adds an n-gram, which must be a new one.
    pub(super) fn add(&mut self, words: &[Word], gram: u32) -> TractResult<()> {
        let mut place = ROOT;
        for word in words {
            let free = u32::try_from(self.ends.len())?;
            place = if place == ROOT {
                let first = self
                    .firsts
                    .get_mut(word.0 as usize)
                    .context("a known word")?;
                if *first == ROOT {
                    *first = free;
                }
                *first
            } else {
                *self.steps.entry(step(place, *word)).or_insert(free)
            };
            if place == free {
                self.ends.push(None);
            }
        }
        let end = self.ends.get_mut(place as usize);
        let before = end.context("a place of the trie")?.replace(gram);
        ensure!(before.is_none(), "an n-gram is in the pool twice");
        Ok(())
    }

    /// Calls `found` with each n-gram of these words and the number of its words.
    pub(super) fn find(
        &self,
        mut words: impl Iterator<Item = Word>,
        mut found: impl FnMut(u32, usize),
    ) {
        let first = words
            .next()
            .and_then(|word| self.firsts.get(word.0 as usize));
        let Some(mut place) = first.copied().filter(|place| *place != ROOT) else {
            return;
        };
        let mut length = 1;
        loop {
            if let Some(gram) = self.ends.get(place as usize).copied().flatten() {
                found(gram, length);
            }
            let next = words.next().filter(|word| word.is_known());
            let next = next.and_then(|word| self.steps.get(&step(place, word)));
            let Some(next) = next else {
                return;
            };
            (place, length) = (*next, length + 1);
        }
    }
}

/// Hashes of keys that come from the model alone: what a request holds is only looked up, so
/// nobody who calls can make keys collide, and mixing may be quick.
pub(super) type Mixing = BuildHasherDefault<Mixer>;

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Mixer(u64);

impl Mixer {
    /// An odd number whose bits look random: the golden ratio's.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

    fn mix(&mut self, value: u64) {
        let product = u128::from(self.0 ^ value) * u128::from(Self::FACTOR);
        let (low, high) = (product as u64, (product >> 64) as u64);
        self.0 = low ^ high.rotate_left(32) ^ value.rotate_left(17);
    }
}

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words
            .iter()
            .for_each(|word| self.mix(u64::from_le_bytes(*word)));
        let mut last = [0; 8];
        last.iter_mut()
            .zip(rest)
            .for_each(|(last, byte)| *last = *byte);
        self.mix(u64::from_le_bytes(last) ^ (bytes.len() as u64) << 56);
    }

    /// The end of a text, whose length is mixed in already.
    fn write_u8(&mut self, _end: u8) {}

    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }

    fn write_i64(&mut self, value: i64) {
        self.mix(value as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
