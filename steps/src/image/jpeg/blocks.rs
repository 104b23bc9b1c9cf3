//! Blocks of 64 coefficients, as the scans of all kinds bring them.

use super::Fault;
use super::bits::{Bits, Codes};

/// The coefficients of 8 by 8 samples, row after row.
pub(super) type Block = [i16; 64];

/// Where the coefficients stand that come one after the other.
pub(super) const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Bits of a difference between first coefficients of 8-bit samples at most.
const MOST_DIFFERENCE_BITS: u8 = 11;

const BEYOND: Fault = Fault::Damaged("more coefficients than a block has");

/// A whole block of a sequential picture into an empty one; returns the place of its last coefficient.
#[inline]
pub(super) fn sequential(
    bits: &mut Bits<'_>,
    first: &Codes,
    others: &Codes,
    predicted: &mut i32,
    block: &mut Block,
) -> Result<usize, Fault> {
    let [start, ..] = block;
    let mut ahead = *bits;
    *start = next_first(&mut ahead, first, predicted)? as i16;
    let mut at = 0;
    loop {
        let (run, value) = others.next_coefficient(&mut ahead)?;
        if value == 0 {
            if run < 15 {
                break;
            }
            at += 16;
            if at > 63 {
                return Err(BEYOND);
            }
            continue;
        }
        at += usize::from(run) + 1;
        let place = ZIGZAG.get(at).ok_or(BEYOND)?;
        if let Some(coefficient) = block.get_mut(*place) {
            *coefficient = value;
        }
        if at == 63 {
            break;
        }
    }
    *bits = ahead;
    bits.check()?;
    Ok(at)
}

/// The first coefficient of a block: what was predicted, and the difference to it.
#[inline]
fn next_first(bits: &mut Bits<'_>, codes: &Codes, predicted: &mut i32) -> Result<i32, Fault> {
    let length = codes.next(bits)?;
    if length > MOST_DIFFERENCE_BITS {
        return Err(Fault::Damaged("a difference that is too long"));
    }
    *predicted = predicted.wrapping_add(bits.signed(length.into()));
    Ok(*predicted)
}

/// The first coefficient of a block of a progressive picture, but for its last bits.
pub(super) fn first(
    bits: &mut Bits<'_>,
    codes: &Codes,
    predicted: &mut i32,
    bit: u8,
    block: &mut Block,
) -> Result<(), Fault> {
    let [start, ..] = block;
    *start = next_first(bits, codes, predicted)?.wrapping_shl(bit.into()) as i16;
    bits.check()
}

/// One bit more of the first coefficient.
pub(super) fn refine_first(bits: &mut Bits<'_>, bit: u8, block: &mut Block) -> Result<(), Fault> {
    let [start, ..] = block;
    *start |= (bits.take(1) as i16) << bit;
    bits.check()
}

/// A stretch of other coefficients, and for how many blocks there are no more of them.
pub(super) struct Stretch<'a> {
    pub(super) codes: &'a Codes,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) bit: u8,
    pub(super) blocks_to_skip: u32,
}

impl Stretch<'_> {
    /// These coefficients, but for their last bits.
    pub(super) fn first(&mut self, bits: &mut Bits<'_>, block: &mut Block) -> Result<(), Fault> {
        if self.blocks_to_skip > 0 {
            self.blocks_to_skip -= 1;
            return Ok(());
        }
        let mut at = self.start;
        while at <= self.end {
            let (run, length) = self.next(bits)?;
            if length == 0 {
                if run < 15 {
                    self.blocks_to_skip = (1 << run) - 1 + bits.take(run.into());
                    break;
                }
                at += 16;
                continue;
            }
            at += usize::from(run);
            let value = bits.signed(length.into()) << self.bit;
            let place = ZIGZAG.get(at).filter(|_| at <= self.end).ok_or(BEYOND)?;
            if let Some(coefficient) = block.get_mut(*place) {
                *coefficient = value as i16;
            }
            at += 1;
        }
        bits.check()
    }

    /// One bit more of each that is known, and those that begin with this bit.
    pub(super) fn refine(&mut self, bits: &mut Bits<'_>, block: &mut Block) -> Result<(), Fault> {
        let mut at = self.start;
        if self.blocks_to_skip == 0 {
            while at <= self.end {
                let (mut run, length) = self.next(bits)?;
                let mut value = 0;
                if length == 0 {
                    if run < 15 {
                        self.blocks_to_skip = (1 << run) + bits.take(run.into());
                        break;
                    }
                } else if length == 1 {
                    value = if bits.take(1) == 1 {
                        1 << self.bit
                    } else {
                        -1 << self.bit
                    };
                } else {
                    return Err(Fault::Damaged("a refinement of more than a bit"));
                }
                // The run counts coefficients that are not known yet; the known ones between get their bit.
                while at <= self.end {
                    let coefficient = place(block, at)?;
                    at += 1;
                    if *coefficient != 0 {
                        refine_known(bits, self.bit, coefficient);
                    } else if run == 0 {
                        *coefficient = value;
                        break;
                    } else {
                        run -= 1;
                    }
                }
            }
        }
        if self.blocks_to_skip > 0 {
            while at <= self.end {
                let coefficient = place(block, at)?;
                if *coefficient != 0 {
                    refine_known(bits, self.bit, coefficient);
                }
                at += 1;
            }
            self.blocks_to_skip -= 1;
        }
        bits.check()
    }

    fn next(&self, bits: &mut Bits<'_>) -> Result<(u8, u8), Fault> {
        let symbol = self.codes.next(bits)?;
        Ok((symbol >> 4, symbol & 15))
    }
}

fn place(block: &mut Block, at: usize) -> Result<&mut i16, Fault> {
    ZIGZAG
        .get(at)
        .and_then(|place| block.get_mut(*place))
        .ok_or(BEYOND)
}

fn refine_known(bits: &mut Bits<'_>, bit: u8, coefficient: &mut i16) {
    if bits.take(1) == 1 && (*coefficient >> bit) & 1 == 0 {
        let more = if *coefficient > 0 {
            1 << bit
        } else {
            -1 << bit
        };
        *coefficient = coefficient.wrapping_add(more);
    }
}
