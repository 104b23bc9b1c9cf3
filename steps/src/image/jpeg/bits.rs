//! The bits of a scan, and the codes of Huffman in them.

use super::Fault;

/// Bits that are looked up at once: nearly all codes are as short, many with their value.
const LOOK_AHEAD: u32 = 10;

/// Reads bits, and knows how many of them there never were.
///
/// What is seldom done is done to a copy, so that a loop may keep the bits in registers.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    rest: &'a [u8],
    /// The next bits, from the top.
    buffer: u64,
    /// How many are known.
    count: u32,
    /// How many of them were filled up behind the end of the data.
    padding: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self {
            rest,
            buffer: 0,
            count: 0,
            padding: 0,
        }
    }

    /// What follows the data: a marker, perhaps after bytes that mean nothing.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether all bits that were taken were there.
    #[inline]
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.count < self.padding {
            Err(Fault::Truncated)
        } else {
            Ok(())
        }
    }

    /// Goes on after the next marker, which must be that of a restart.
    pub(super) fn restart(&mut self) -> Result<(), Fault> {
        let mut rest = self.rest;
        loop {
            rest = match rest {
                [0xff, 0xd0..=0xd7, rest @ ..] => {
                    *self = Self::new(rest);
                    return Ok(());
                }
                [0xff, 0 | 0xff, ..] => rest.get(1..).unwrap_or_default(),
                [0xff, ..] | [] => return Err(Fault::Truncated),
                [_, rest @ ..] => rest,
            }
        }
    }

    /// At least 32 bits are known after this.
    #[inline]
    fn fill(&mut self) {
        if self.count >= 32 {
            return;
        }
        if let Some(bytes) = self.rest.first_chunk() {
            let word = u64::from_be_bytes(*bytes);
            let ones = 0x0101_0101_0101_0101;
            let has_marker = (!word).wrapping_sub(ones) & word & (ones << 7) != 0;
            if !has_marker {
                self.buffer |= word >> self.count;
                let bytes = (63 - self.count) / 8;
                self.rest = self.rest.get(bytes as usize..).unwrap_or_default();
                self.count += bytes * 8;
                return;
            }
        }
        *self = self.filled_slowly();
    }

    #[cold]
    fn filled_slowly(mut self) -> Self {
        while self.count <= 56 {
            let byte = match self.rest {
                [0xff, 0, rest @ ..] => {
                    self.rest = rest;
                    0xff
                }
                [0xff, ..] | [] => {
                    self.padding += 8;
                    0
                }
                [byte, rest @ ..] => {
                    self.rest = rest;
                    *byte
                }
            };
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
        self
    }

    #[inline]
    fn look(&self, bits: u32) -> usize {
        (self.buffer >> (64 - bits)) as usize
    }

    #[inline]
    fn drop(&mut self, bits: u32) {
        self.buffer <<= bits;
        self.count -= bits;
    }

    /// An unsigned number of up to 15 bits.
    #[inline]
    pub(super) fn take(&mut self, bits: u32) -> u32 {
        self.fill();
        self.take_known(bits)
    }

    #[inline]
    fn take_known(&mut self, bits: u32) -> u32 {
        let number = (self.buffer >> 1 >> (63 - bits)) as u32;
        self.drop(bits);
        number
    }

    /// A signed number of up to 15 bits: the lower half of the numbers stands for the negative ones. The bits are known.
    #[inline]
    pub(super) fn signed(&mut self, bits: u32) -> i32 {
        signed(self.take_known(bits), bits)
    }
}

#[inline]
fn signed(number: u32, bits: u32) -> i32 {
    let is_negative = i32::from(number < (1 << bits) / 2);
    number as i32 - is_negative * ((1 << bits) - 1)
}

/// A table of codes.
pub(super) struct Codes {
    /// By the next bits: the length of the code and its symbol; 0 if it is longer, or none.
    short: [u16; 1 << LOOK_AHEAD],
    /// By the next bits, where code and value are as short: the value, the run before it, and the length of both.
    valued: [(i16, u8, u8); 1 << LOOK_AHEAD],
    /// By length: the first 16-bit number that is too great to begin with a code as long.
    limits: [u32; 17],
    /// By length: what makes a code the index of its symbol.
    offsets: [i32; 17],
    symbols: [u8; 256],
}

impl Codes {
    /// The codes of these symbols, so many of each length.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self, Fault> {
        let mut codes = Self {
            short: [0; 1 << LOOK_AHEAD],
            valued: [(0, 0, 0); 1 << LOOK_AHEAD],
            limits: [0; 17],
            offsets: [0; 17],
            symbols: [0; 256],
        };
        if symbols.len() > codes.symbols.len() {
            return Err(Fault::Damaged("too many codes"));
        }
        for (to, from) in codes.symbols.iter_mut().zip(symbols) {
            *to = *from;
        }
        let mut code = 0u32;
        let mut index = 0i32;
        let mut remaining = symbols.iter();
        let by_length = (1u32..)
            .zip(counts)
            .zip(codes.limits.iter_mut().zip(&mut codes.offsets).skip(1));
        for ((length, count), (limit, offset)) in by_length {
            *offset = index - code as i32;
            for symbol in remaining.by_ref().take(usize::from(*count)) {
                if let Some(free) = LOOK_AHEAD.checked_sub(length) {
                    let from = (code << free) as usize;
                    let entries = codes.short.iter_mut().skip(from).take(1 << free);
                    entries.for_each(|entry| *entry = (length as u16) << 8 | u16::from(*symbol));
                }
                code += 1;
                index += 1;
            }
            if code > 1 << length {
                return Err(Fault::Damaged("too many codes"));
            }
            *limit = code << (16 - length);
            code <<= 1;
        }
        for ((bits, entry), valued) in (0u32..).zip(&codes.short).zip(&mut codes.valued) {
            let (length, run, size) = (
                u32::from(entry >> 8),
                entry >> 4 & 15,
                u32::from(entry & 15),
            );
            if size > 0 && length > 0 && length + size <= LOOK_AHEAD {
                let number = bits >> (LOOK_AHEAD - length - size) & ((1 << size) - 1);
                *valued = (
                    signed(number, size) as i16,
                    run as u8,
                    (length + size) as u8,
                );
            }
        }
        Ok(codes)
    }

    /// The next symbol; 16 bits are known after it.
    #[inline]
    pub(super) fn next(&self, bits: &mut Bits<'_>) -> Result<u8, Fault> {
        bits.fill();
        self.next_known(bits)
    }

    #[inline]
    fn next_known(&self, bits: &mut Bits<'_>) -> Result<u8, Fault> {
        let entry = self
            .short
            .get(bits.look(LOOK_AHEAD))
            .copied()
            .unwrap_or_default();
        if entry != 0 {
            bits.drop(u32::from(entry >> 8));
            return Ok(entry as u8);
        }
        let (symbol, length) = self.next_long(*bits)?;
        bits.drop(length);
        Ok(symbol)
    }

    /// A symbol of a longer code, and its length.
    #[cold]
    fn next_long(&self, bits: Bits<'_>) -> Result<(u8, u32), Fault> {
        let code = bits.look(16) as u32;
        let by_length = (1u32..).zip(self.limits.iter().zip(&self.offsets).skip(1));
        for (length, (limit, offset)) in by_length.skip(LOOK_AHEAD as usize) {
            if code < *limit {
                let index = (code >> (16 - length)) as i32 + offset;
                let symbol = usize::try_from(index)
                    .ok()
                    .and_then(|index| self.symbols.get(index));
                let symbol = symbol.ok_or(Fault::Damaged("a code that is none"))?;
                return Ok((*symbol, length));
            }
        }
        bits.check()?;
        Err(Fault::Damaged("a code that is none"))
    }

    /// The next coefficient but the first, and how many zeros are before it; 0 where a run or the block ends.
    #[inline]
    pub(super) fn next_coefficient(&self, bits: &mut Bits<'_>) -> Result<(u8, i16), Fault> {
        bits.fill();
        let (value, run, length) = self
            .valued
            .get(bits.look(LOOK_AHEAD))
            .copied()
            .unwrap_or_default();
        if length != 0 {
            bits.drop(length.into());
            return Ok((run, value));
        }
        let symbol = self.next_known(bits)?;
        Ok((symbol >> 4, bits.signed(u32::from(symbol & 15)) as i16))
    }
}
