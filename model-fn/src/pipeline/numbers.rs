//! The mathematics of the steps: rows of numbers, the last axis fastest.

use half::{bf16, f16};

use crate::tensor::Values;

/// No vector is divided by less, as in PyTorch's `normalize`.
const LEAST_NORM: f64 = 1e-12;

/// No mean is of fewer, as in the libraries of sentence embeddings.
const LEAST_COUNT: f64 = 1e-9;

/// What digits are rounded to by: none beyond those of a 64-bit float.
pub(super) const MOST_DIGITS: u32 = 17;

/// A float of a tensor, computed with in 64 bits.
pub(super) trait Number: Copy {
    fn wide(self) -> f64;
    fn narrow(number: f64) -> Self;
}

impl Number for f32 {
    #[inline]
    fn wide(self) -> f64 {
        self.into()
    }

    #[inline]
    fn narrow(number: f64) -> Self {
        number as Self
    }
}

impl Number for f64 {
    #[inline]
    fn wide(self) -> f64 {
        self
    }

    #[inline]
    fn narrow(number: f64) -> Self {
        number
    }
}

/// Floats of 32 or 64 bits, those of 16 as 32; nothing of other values.
pub(super) fn floats(values: Values) -> Option<Values> {
    match values {
        Values::Fp16(list) => Some(Values::Fp32(list.into_iter().map(f16::to_f32).collect())),
        Values::Bf16(list) => Some(Values::Fp32(list.into_iter().map(bf16::to_f32).collect())),
        Values::Fp32(_) | Values::Fp64(_) => Some(values),
        Values::Bool(_) | Values::Bytes(_) | Values::Octets(_) => None,
        Values::Uint8(_) | Values::Uint16(_) | Values::Uint32(_) | Values::Uint64(_) => None,
        Values::Int8(_) | Values::Int16(_) | Values::Int32(_) | Values::Int64(_) => None,
    }
}

/// Powers of e, of each row one together. The largest is taken off first, so that none is infinite.
pub(super) fn softmax<T: Number>(row: &mut [T]) {
    let largest = row.iter().map(|number| number.wide());
    let largest = largest.fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = row
        .iter()
        .map(|number| (number.wide() - largest).exp())
        .collect();
    let sum: f64 = powers.iter().sum();
    for (number, power) in row.iter_mut().zip(powers) {
        *number = T::narrow(power / sum);
    }
}

/// From 0 to 1, each number for itself.
pub(super) fn sigmoid<T: Number>(row: &mut [T]) {
    for number in row {
        *number = T::narrow(1.0 / (1.0 + (-number.wide()).exp()));
    }
}

/// The same direction, of length one.
pub(super) fn l2_normalize<T: Number>(row: &mut [T]) {
    let squares: f64 = row.iter().map(|number| number.wide().powi(2)).sum();
    let norm = squares.sqrt().max(LEAST_NORM);
    for number in row {
        *number = T::narrow(number.wide() / norm);
    }
}

/// To so many digits behind the point, halves away from zero.
pub(super) fn round<T: Number>(row: &mut [T], digits: u32) {
    let scale = 10_f64.powi(digits.min(MOST_DIGITS).cast_signed());
    for number in row {
        let scaled = number.wide() * scale;
        // Beyond the range there is nothing behind the point.
        if scaled.is_finite() {
            *number = T::narrow(scaled.round() / scale);
        }
    }
}

/// Of each row, `length` vectors of `width` numbers, the mean of those that the mask has.
pub(super) fn mean_pooling<T: Number>(
    list: &[T],
    mask: &[f64],
    length: usize,
    width: usize,
) -> Vec<T> {
    let mut pooled = Vec::new();
    let rows = list.chunks_exact((length * width).max(1));
    for (row, mask) in rows.zip(mask.chunks_exact(length.max(1))) {
        let mut sums = vec![0.0; width];
        for (vector, weight) in row.chunks_exact(width.max(1)).zip(mask) {
            // What is filled up may be not-a-number, and counts for nothing.
            if *weight == 0.0 {
                continue;
            }
            if *weight == 1.0 {
                for (sum, number) in sums.iter_mut().zip(vector) {
                    *sum += number.wide();
                }
                continue;
            }
            for (sum, number) in sums.iter_mut().zip(vector) {
                *sum += number.wide() * weight;
            }
        }
        let count = mask.iter().sum::<f64>().max(LEAST_COUNT);
        pooled.extend(sums.into_iter().map(|sum| T::narrow(sum / count)));
    }
    pooled
}

/// Of each row, the vector of its first token.
pub(super) fn cls_pooling<T: Number>(list: &[T], length: usize, width: usize) -> Vec<T> {
    let rows = list.chunks_exact((length * width).max(1));
    let first = rows.filter_map(|row| row.get(..width));
    first.flatten().copied().collect()
}

/// Of each row, the first so many numbers.
pub(super) fn first<T: Number>(list: &[T], width: usize, count: usize) -> Vec<T> {
    let rows = list.chunks_exact(width.max(1));
    let first = rows.filter_map(|row| row.get(..count));
    first.flatten().copied().collect()
}

/// The places of the highest so many numbers, the highest first; of equal ones the first place first, and what is
/// not-a-number last.
pub(super) fn highest<T: Number>(row: &[T], count: usize) -> Vec<usize> {
    let order = |place: &usize| {
        let number = row.get(*place).map_or(f64::NAN, |number| number.wide());
        if number.is_nan() {
            f64::NEG_INFINITY
        } else {
            number
        }
    };
    let is_number = |place: &usize| row.get(*place).is_some_and(|one| !one.wide().is_nan());
    let mut places: Vec<usize> = (0..row.len()).collect();
    let compare = |one: &usize, other: &usize| {
        order(other)
            .total_cmp(&order(one))
            .then(is_number(other).cmp(&is_number(one)))
            .then(one.cmp(other))
    };
    if count < places.len() {
        places.select_nth_unstable_by(count, compare);
        places.truncate(count);
    }
    places.sort_unstable_by(compare);
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(step: impl Fn(&mut [f64]), given: &[f64], expected: &[f64]) {
        let mut row = given.to_vec();
        step(&mut row);
        let is_close = |(given, expected): (&f64, &f64)| (given - expected).abs() < 1e-12;
        assert!(
            row.iter().zip(expected).all(is_close),
            "{row:?} for {expected:?}"
        );
        assert_eq!(row.len(), expected.len());
    }

    #[test]
    fn rows_become_what_they_are_named() {
        check(softmax, &[0.0, 3_f64.ln()], &[0.25, 0.75]);
        check(softmax, &[1000.0, 1000.0], &[0.5, 0.5]);
        check(
            softmax,
            &[-1e308, f64::NEG_INFINITY, -1e308],
            &[0.5, 0.0, 0.5],
        );
        check(sigmoid, &[0.0, 1000.0, -1000.0], &[0.5, 1.0, 0.0]);
        check(l2_normalize, &[3.0, 4.0], &[0.6, 0.8]);
        check(l2_normalize, &[0.0, 0.0], &[0.0, 0.0]);
        check(
            |row| round(row, 2),
            &[0.125, -0.125, 1e300],
            &[0.13, -0.13, 1e300],
        );
        check(|row| round(row, 0), &[2.5, -0.4], &[3.0, 0.0]);
    }

    #[test]
    fn means_are_of_what_the_mask_has() {
        let list = [
            1.0,
            2.0,
            3.0,
            6.0,
            f64::NAN,
            9.0,
            5.0,
            7.0,
            0.0,
            0.0,
            0.0,
            0.0,
        ];
        let mask = [1.0, 1.0, 0.0, 1.0, 0.0, 0.0];
        assert_eq!(mean_pooling(&list, &mask, 3, 2), [2.0, 4.0, 5.0, 7.0]);
        assert_eq!(cls_pooling(&list, 3, 2), [1.0, 2.0, 5.0, 7.0]);
        assert_eq!(first(&list[..4], 2, 1), [1.0, 3.0]);
        let nothing = mean_pooling(&list[..6], &[0.0; 3], 3, 2);
        assert_eq!(nothing, [0.0, 0.0]);
    }

    #[test]
    fn the_highest_come_first_and_what_is_no_number_last() {
        let row = [1.0, f64::NAN, 3.0, 3.0, f64::NEG_INFINITY];
        assert_eq!(highest(&row, 2), [2, 3]);
        assert_eq!(highest(&row, 9), [2, 3, 0, 4, 1]);
        assert_eq!(highest(&row, 0), [0_usize; 0]);
    }
}
