//! From decimal to binary: the float nearest to an integer times a power of ten, after Eisel and Lemire ("Number
//! Parsing at a Gigabyte per Second", 2021).

/// Powers of ten that are floats, each exact.
const EXACT: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Bits of a float behind its point.
const FRACTION: u32 = 52;

/// The largest power of five within 128 bits; with seventeen digits, smaller ones than its reciprocal are beyond 32-bit
/// floats.
const MOST: i32 = 55;

/// The leading 128 bits of the powers of five from -[`MOST`] to [`MOST`]: of those below 1, what is behind is cut off.
static FIVES: [u128; 2 * MOST as usize + 1] = fives();

#[expect(
    clippy::indexing_slicing,
    reason = "the compiler computes it, and stops outside of the table"
)]
const fn fives() -> [u128; 2 * MOST as usize + 1] {
    let mut fives = [0; 2 * MOST as usize + 1];
    let mut power = 1_u128;
    let mut exponent = 0;
    while exponent <= MOST as usize {
        fives[MOST as usize + exponent] = power << power.leading_zeros();
        fives[MOST as usize - exponent] = reciprocal(power);
        exponent += 1;
        if exponent <= MOST as usize {
            power *= 5;
        }
    }
    // Which is no reciprocal.
    fives[MOST as usize] = 1 << 127;
    fives
}

/// The leading 128 bits of 1 over an integer, by long division.
const fn reciprocal(divisor: u128) -> u128 {
    let mut quotient = 0_u128;
    let mut remainder = 1_u128;
    while quotient >> 127 == 0 {
        // The bit that does not fit says that twice the remainder is more than any divisor.
        let is_beyond = remainder >> 127 == 1;
        remainder <<= 1;
        let fits = is_beyond || remainder >= divisor;
        if fits {
            remainder = remainder.wrapping_sub(divisor);
        }
        quotient = quotient << 1 | fits as u128;
    }
    quotient
}

/// The nearest float, where that can be told quickly.
#[inline]
pub(super) fn float(integer: u64, exponent: i32) -> Option<f64> {
    if integer >> (FRACTION + 1) == 0 {
        // Both are floats, so one operation rounds once.
        let power = EXACT.get(exponent.unsigned_abs() as usize);
        if let Some(power) = power {
            let integer = integer as f64;
            return Some(if exponent < 0 {
                integer / power
            } else {
                integer * power
            });
        }
        if integer == 0 {
            return Some(0.0);
        }
    }
    rounded(integer, exponent)
}

/// The product with 128 bits of the power of five has 192, and is exact for powers from 1. Below, the power falls short
/// by less than its last bit, so the product does by less than the 128th: where that bit decides, nothing is told.
#[inline]
fn rounded(integer: u64, exponent: i32) -> Option<f64> {
    let five = *FIVES.get(usize::try_from(exponent.checked_add(MOST)?).ok()?)?;
    let shift = integer.leading_zeros();
    let integer = u128::from(integer << shift);
    let low = integer * (five & u128::from(u64::MAX));
    let product = integer * (five >> 64) + (low >> 64);
    let behind = low as u64;

    let first = 127 - product.leading_zeros();
    let cut = first - FRACTION;
    let half = 1_u128 << (cut - 1);
    let rest = product & (2 * half - 1);
    let kept = (product >> cut) as u64;
    let is_exact = exponent >= 0;
    if !is_exact && (rest == half - 1 || rest == 2 * half - 1) {
        return None;
    }
    // Half and nothing more goes to the even one of both.
    let is_middle = is_exact && rest == half && behind == 0;
    let is_up = if is_middle {
        kept & 1 == 1
    } else {
        rest >= half
    };

    // The power of two of the first bit; rounding up may carry into it.
    let of_five = (exponent * 152_170) >> 16;
    let power = of_five + exponent + first as i32 - 63 - shift as i32;
    let biased = u64::try_from(power + 1022).ok()?;
    Some(f64::from_bits(
        (biased << FRACTION) + kept + u64::from(is_up),
    ))
}
