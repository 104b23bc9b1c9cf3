//! Where the tokens of a text stand among the special ones: found once, by a look at how the file's own processor
//! treats texts of one token that no text has.

use tokenizers::{Encoding, Tokenizer};

/// No vocabulary has as many tokens.
const FIRST: u32 = u32::MAX - 1;
const SECOND: u32 = u32::MAX;

/// A part of a row, with the type of its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    First(u32),
    Second(u32),
    Special(u32, u32),
}

/// The parts of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) pieces: Vec<Piece>,
}

impl Layout {
    /// The layout of single texts.
    pub(super) fn single(tokenizer: &Tokenizer) -> tokenizers::Result<Self> {
        tokenizer
            .post_process(one(FIRST, 0), None, true)
            .map(|row| Self::read(&row))
    }

    /// The layout of pairs.
    pub(super) fn pair(tokenizer: &Tokenizer) -> tokenizers::Result<Self> {
        tokenizer
            .post_process(one(FIRST, 0), Some(one(SECOND, 1)), true)
            .map(|row| Self::read(&row))
    }

    fn read(row: &Encoding) -> Self {
        let piece = |(id, type_id): (&u32, &u32)| match *id {
            FIRST => Piece::First(*type_id),
            SECOND => Piece::Second(*type_id),
            id => Piece::Special(id, *type_id),
        };
        let pieces = row.get_ids().iter().zip(row.get_type_ids());
        Self {
            pieces: pieces.map(piece).collect(),
        }
    }

    /// The special tokens.
    pub(super) fn specials(&self) -> impl Iterator<Item = u32> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Special(id, _) => Some(*id),
            Piece::First(_) | Piece::Second(_) => None,
        })
    }

    /// Whether each text has one place.
    pub(super) fn holds(&self, texts: usize) -> bool {
        let first = |piece: &&Piece| matches!(piece, Piece::First(_));
        let second = |piece: &&Piece| matches!(piece, Piece::Second(_));
        self.pieces.iter().filter(first).count() == 1
            && self.pieces.iter().filter(second).count() == texts - 1
    }
}

fn one(id: u32, type_id: u32) -> Encoding {
    [(id, String::new(), (0, 0), None, type_id)]
        .into_iter()
        .collect()
}
