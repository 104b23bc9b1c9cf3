//! The inverse discrete cosine transform, with the integers of libjpeg's accurate one.

use super::super::transpose;
use super::blocks::Block;

/// Bits after the point of the constants, and of what stands between the passes.
const CONSTANT_BITS: u32 = 13;
const BETWEEN_BITS: u32 = 2;

/// Constants of the transform by Loeffler, Ligtenberg and Moschytz, times 2^13.
const C_0_298: i32 = 2446;
const C_0_390: i32 = 3196;
const C_0_541: i32 = 4433;
const C_0_765: i32 = 6270;
const C_0_899: i32 = 7373;
const C_1_175: i32 = 9633;
const C_1_501: i32 = 12299;
const C_1_847: i32 = 15137;
const C_1_961: i32 = 16069;
const C_2_053: i32 = 16819;
const C_2_562: i32 = 20995;
const C_3_072: i32 = 25172;

type Rows = [[i16; 8]; 8];

/// The last coefficient, in the order of the file, before which all stand in the upper left quarter of a block.
pub(super) const LAST_OF_QUARTER: usize = 9;

/// Samples of a block.
pub(super) fn inverse(block: &Block, divisors: &[u16; 64], place: &mut [u8], stride: usize) {
    transformed::<8>(block, divisors, place, stride);
}

/// Samples of a block that has coefficients in its upper left quarter alone, at half the work.
pub(super) fn inverse_quarter(
    block: &Block,
    divisors: &[u16; 64],
    place: &mut [u8],
    stride: usize,
) {
    transformed::<4>(block, divisors, place, stride);
}

/// Samples of a block whose coefficients stand in so many rows and columns.
#[inline]
fn transformed<const EDGE: usize>(
    block: &Block,
    divisors: &[u16; 64],
    place: &mut [u8],
    stride: usize,
) {
    let mut rows: Rows = [[0; 8]; 8];
    let coefficients = block.iter().zip(divisors).take(8 * EDGE);
    for (to, (from, divisor)) in rows.as_flattened_mut().iter_mut().zip(coefficients) {
        *to = from.wrapping_mul(*divisor as i16);
    }
    let columns = pass::<{ CONSTANT_BITS - BETWEEN_BITS }, EDGE, EDGE>(&rows);
    let columns = transposed::<EDGE>(&columns);
    let samples = pass::<{ CONSTANT_BITS + BETWEEN_BITS + 3 }, EDGE, 8>(&columns);
    let mut words = [0; 8];
    for (word, samples) in words.iter_mut().zip(&samples) {
        let mut bytes = [0; 8];
        for (byte, sample) in bytes.iter_mut().zip(samples) {
            *byte = sample.saturating_add(128).clamp(0, 255) as u8;
        }
        *word = u64::from_le_bytes(bytes);
    }
    let rows = place.chunks_mut(stride);
    for (word, to) in transpose::bytes(words).iter().zip(rows) {
        if let Some(to) = to.first_chunk_mut() {
            *to = word.to_le_bytes();
        }
    }
}

/// Samples of a block that has its first coefficient alone.
pub(super) fn flat(block: &Block, divisors: &[u16; 64], place: &mut [u8], stride: usize) {
    let [first, ..] = block;
    let [divisor, ..] = divisors;
    let value = i32::from(first.wrapping_mul(*divisor as i16));
    let sample = (((value + 4) >> 3) + 128).clamp(0, 255) as u8;
    for to in place.chunks_mut(stride).take(8) {
        to.iter_mut().take(8).for_each(|to| *to = sample);
    }
}

/// One dimension of so many columns, side by side, whose later rows are 0. Sums are those of the definition, sorted so that each product has a 16-bit
/// factor and constant, which vectors multiply.
#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "the lanes and rows of arrays of eight"
)]
fn pass<const SHIFT: u32, const ROWS: usize, const COLUMNS: usize>(rows: &Rows) -> Rows {
    let mut result = [[0; 8]; 8];
    for lane in 0..COLUMNS {
        let row = |index: usize| if index < ROWS { rows[index][lane] } else { 0 };
        let product = |value: i16, constant: i32| i32::from(value).wrapping_mul(constant);
        let (zero, four) = (i32::from(row(0)), i32::from(row(4)));
        let (sum, difference) = (
            (zero + four) << CONSTANT_BITS,
            (zero - four) << CONSTANT_BITS,
        );
        let low = product(row(2), C_0_541) + product(row(6), C_0_541 - C_1_847);
        let high = product(row(2), C_0_541 + C_0_765) + product(row(6), C_0_541);
        let even = [sum + high, difference + low, difference - low, sum - high];

        let (seven, five, three, one) = (row(7), row(5), row(3), row(1));
        let (odd, other) = (seven.wrapping_add(three), five.wrapping_add(one));
        let left = product(odd, C_1_175 - C_1_961) + product(other, C_1_175);
        let right = product(odd, C_1_175) + product(other, C_1_175 - C_0_390);
        let odds = [
            product(seven, -C_0_899) + product(one, C_1_501 - C_0_899) + right,
            product(five, -C_2_562) + product(three, C_3_072 - C_2_562) + left,
            product(five, C_2_053 - C_2_562) + product(three, -C_2_562) + right,
            product(seven, C_0_298 - C_0_899) + product(one, -C_0_899) + left,
        ];
        for (index, (even, odd)) in even.into_iter().zip(odds).enumerate() {
            result[index][lane] = descaled::<SHIFT>(even.wrapping_add(odd));
            result[7 - index][lane] = descaled::<SHIFT>(even.wrapping_sub(odd));
        }
    }
    result
}

#[inline]
fn descaled<const SHIFT: u32>(value: i32) -> i16 {
    let rounded = value.wrapping_add(1 << (SHIFT - 1)) >> SHIFT;
    rounded.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

#[inline]
fn transposed<const COLUMNS: usize>(rows: &Rows) -> Rows {
    let mut columns = [[0; 8]; 8];
    let (upper, lower) = rows.split_at(4);
    for (at, rows) in [upper, lower].into_iter().enumerate() {
        for half in 0..COLUMNS / 4 {
            let mut words = [0; 4];
            for (word, row) in words.iter_mut().zip(rows) {
                *word = row.as_chunks().0.get(half).map_or(0, joined);
            }
            let columns = columns.iter_mut().skip(4 * half);
            for (column, word) in columns.zip(transpose::shorts(words)) {
                if let Some(place) = column.as_chunks_mut().0.get_mut(at) {
                    *place = parted(word);
                }
            }
        }
    }
    columns
}

#[inline]
fn joined(shorts: &[i16; 4]) -> u64 {
    let [a, b, c, d] = shorts.map(|short| u64::from(short as u16));
    a | b << 16 | c << 32 | d << 48
}

#[inline]
fn parted(word: u64) -> [i16; 4] {
    [word, word >> 16, word >> 32, word >> 48].map(|word| word as i16)
}
