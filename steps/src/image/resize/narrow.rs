//! Sums in 16 bits, which nearly always tell what the exact ones are rounded to, at half the work.
//!
//! Of each weight the upper bits are multiplied exactly. What the products of the lower bits lose is less than a unit
//! each: the sum, and the sum with all that may be lost, are both rounded, and where they differ the exact sum is made.

use super::filter::{GROUP, Halves, PRECISION};
use super::{BAND, Column};

/// Bits of a weight's lower part: what is above them is 256 for all weights together, as much as 16 bits hold of samples.
const LOW_BITS: u32 = 14;

/// Bits of a unit of the lower sums: with it 64 terms stay within 16 bits.
const UNIT_BITS: u32 = 12;

/// Terms of a sum at most.
const MOST_TERMS: usize = 64;

/// The parts of a group of weights.
#[derive(Clone, Copy)]
struct Parts {
    high: [u16; GROUP],
    /// The lower part at the upper end of its 16 bits.
    low: [u16; GROUP],
}

/// The weights of an edge in parts.
pub(super) struct Narrow {
    parts: Vec<Parts>,
    groups: usize,
}

impl Narrow {
    /// None where there are weights below 0, or too many for a sample.
    pub(super) fn new(halves: &[Halves], groups: usize) -> Option<Self> {
        let parts = |halves: &Halves| {
            let weights = halves.weights();
            let part = |weight: i32, shift: u32| u16::try_from(weight >> shift).ok();
            let mut parts = Parts {
                high: [0; GROUP],
                low: [0; GROUP],
            };
            let places = parts.high.iter_mut().zip(&mut parts.low);
            for ((high, low), weight) in places.zip(weights) {
                *high = part(weight, LOW_BITS)?;
                *low = (weight << (u16::BITS - LOW_BITS)) as u16;
            }
            Some(parts)
        };
        (groups * GROUP <= MOST_TERMS).then_some(())?;
        let parts = halves.iter().map(parts).collect::<Option<_>>()?;
        Some(Self { parts, groups })
    }

    /// Makes samples of these columns, with the weights of one place; `exact` makes the sample of a row that these sums
    /// do not tell.
    pub(super) fn sum(
        &self,
        place: usize,
        columns: &[Column],
        samples: &mut Column,
        exact: impl Fn(usize) -> u8,
    ) {
        let mut high = [0; BAND];
        let mut low = [0; BAND];
        let parts = self.parts.iter().skip(place * self.groups);
        let columns = columns.as_chunks().0.iter();
        for (columns, parts) in columns.zip(parts.take(self.groups)) {
            add(&mut high, &mut low, columns, parts);
        }
        let lost = (self.groups * GROUP) as u32;
        let mut doubts = [0; BAND];
        let sums = high.iter().zip(&low);
        for ((sample, doubt), (high, low)) in samples.iter_mut().zip(&mut doubts).zip(sums) {
            let half = 1 << (PRECISION - UNIT_BITS - 1);
            let sum = (u32::from(*high) << (LOW_BITS - UNIT_BITS)) + u32::from(*low) + half;
            let least = (sum >> (PRECISION - UNIT_BITS)) as u8;
            let most = ((sum + lost) >> (PRECISION - UNIT_BITS)) as u8;
            *sample = least;
            *doubt = least ^ most;
        }
        for (block, doubts) in doubts.as_chunks::<8>().0.iter().enumerate() {
            if u64::from_ne_bytes(*doubts) == 0 {
                continue;
            }
            let rows = (block * 8..).zip(doubts).filter(|(_, doubt)| **doubt != 0);
            for (row, _) in rows {
                if let Some(sample) = samples.get_mut(row) {
                    *sample = exact(row);
                }
            }
        }
    }
}

/// Adds each sample times the parts of its column's weight.
fn add(high: &mut [u16; BAND], low: &mut [u16; BAND], columns: &[Column; GROUP], parts: &Parts) {
    const SHIFT: u32 = LOW_BITS - UNIT_BITS;
    let [a, b, c, d] = columns;
    let [high_a, high_b, high_c, high_d] = parts.high;
    let [low_a, low_b, low_c, low_d] = parts.low.map(u32::from);
    let sums = high.iter_mut().zip(low);
    for (((((high, low), a), b), c), d) in sums.zip(a).zip(b).zip(c).zip(d) {
        let part = |sample: u8, weight: u16| u16::from(sample).wrapping_mul(weight);
        *high = high
            .wrapping_add(part(*a, high_a))
            .wrapping_add(part(*b, high_b))
            .wrapping_add(part(*c, high_c))
            .wrapping_add(part(*d, high_d));
        let part = |sample: u8, weight: u32| {
            ((u32::from(u16::from(sample) << SHIFT) * weight) >> u16::BITS) as u16
        };
        *low = low
            .wrapping_add(part(*a, low_a))
            .wrapping_add(part(*b, low_b))
            .wrapping_add(part(*c, low_c))
            .wrapping_add(part(*d, low_d));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::exact;
    use super::super::filter::{Weights, of};
    use super::*;
    use crate::image::settings::Resample;

    /// The samples are the exact ones, of which so many had to be made; none where these weights have no parts.
    #[track_caller]
    fn check(
        (resample, from, to): (Resample, u32, u32),
        sample: impl Fn(usize, usize) -> u8,
        doubted: impl Fn(usize) -> bool,
    ) {
        let weights = Weights::new(of(resample).unwrap(), from, to);
        let narrow = weights.narrow().unwrap();
        let columns: Vec<Column> = (0..from as usize + GROUP)
            .map(|column| std::array::from_fn(|row| sample(column, row)))
            .collect();
        let doubts = Cell::new(0);
        for (place, (start, group)) in weights.iter().enumerate() {
            let columns = &columns[start..];
            let mut samples = [0; BAND];
            narrow.sum(place, columns, &mut samples, |row| {
                doubts.set(doubts.get() + 1);
                exact(columns, group, row)
            });
            let expected = std::array::from_fn(|row| exact(columns, group, row));
            assert_eq!(samples, expected);
        }
        assert!(doubted(doubts.get()), "{}", doubts.get());
    }

    #[test]
    fn samples_are_the_exact_ones() {
        let grain =
            |column: usize, row: usize| (column * 7919 + row * 104_729 + column * row * 31) as u8;
        let sizes = [
            (480, 56),
            (1920, 224),
            (100, 99),
            (7, 70),
            (3000, 100),
            (1, 5),
        ];
        for (from, to) in sizes {
            check((Resample::Bilinear, from, to), grain, |doubts| {
                doubts < to as usize * BAND / 10
            });
            check((Resample::Box, from, to), grain, |_| true);
            check((Resample::Hamming, from, to), grain, |_| true);
        }
        check(
            (Resample::Bilinear, 480, 56),
            |_, _| 255,
            |doubts| doubts == 0,
        );
        check(
            (Resample::Bilinear, 480, 80),
            |column, _| (column % 2) as u8,
            |doubts| doubts > 1000,
        );
    }

    #[test]
    fn weights_below_0_and_long_sums_have_no_parts() {
        let has = |resample, from| {
            Weights::new(of(resample).unwrap(), from, 100)
                .narrow()
                .is_some()
        };
        assert!(!has(Resample::Bicubic, 300));
        assert!(!has(Resample::Lanczos, 300));
        assert!(has(Resample::Bilinear, 3100));
        assert!(!has(Resample::Bilinear, 3300));
    }
}
