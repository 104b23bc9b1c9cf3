//! The inverse discrete cosine transform, with the integers of libjpeg's accurate one.

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

/// Samples of a block.
pub(super) fn inverse(block: &Block, divisors: &[u16; 64], place: &mut [u8], stride: usize) {
    let mut rows: Rows = [[0; 8]; 8];
    for ((to, from), divisor) in rows.as_flattened_mut().iter_mut().zip(block).zip(divisors) {
        *to = from.wrapping_mul(*divisor as i16);
    }
    let columns = transposed(&pass::<{ CONSTANT_BITS - BETWEEN_BITS }>(&rows));
    let samples = transposed(&pass::<{ CONSTANT_BITS + BETWEEN_BITS + 3 }>(&columns));
    for (row, to) in samples.iter().zip(place.chunks_mut(stride)) {
        for (sample, to) in row.iter().zip(to) {
            *to = sample.saturating_add(128).clamp(0, 255) as u8;
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

/// One dimension, eight columns at a time. Sums are those of the definition, sorted so that each product has a 16-bit
/// factor and constant, which vectors multiply.
#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "the lanes and rows of arrays of eight"
)]
fn pass<const SHIFT: u32>(rows: &Rows) -> Rows {
    let mut result = [[0; 8]; 8];
    for lane in 0..8 {
        let row = |index: usize| rows[index][lane];
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
#[expect(
    clippy::indexing_slicing,
    reason = "rows and columns of arrays of eight"
)]
fn transposed(rows: &Rows) -> Rows {
    std::array::from_fn(|column| std::array::from_fn(|row| rows[row][column]))
}
