//! Resizing, with the results of Pillow to the bit.
//!
//! One edge first, then the other, with 8 bits between; the filter grows with the step where the picture shrinks. The
//! weights are integers of 22 bits after the point, and each sum is rounded once.

mod filter;

use filter::Weights;

use super::planes::Planes;
use super::settings::{Extent, Resample};

/// Samples that are summed up in one go: vectors of the processor are as long, or half.
const LANES: usize = 8;

/// Resizes every plane.
pub(super) fn resize(picture: Planes, extent: Extent, resample: Resample) -> Planes {
    if picture.extent == extent {
        return picture;
    }
    let given = picture.extent;
    let planes = match filter::of(resample) {
        None => {
            let rows = filter::nearest(given.height, extent.height);
            let columns = filter::nearest(given.width, extent.width);
            let pick = |plane: Vec<u8>| pick(&plane, given.columns(), &rows, &columns);
            picture.planes.into_iter().map(pick).collect()
        }
        Some(filter) => {
            let columns = (given.width != extent.width)
                .then(|| Weights::new(filter, given.width, extent.width));
            let rows = (given.height != extent.height)
                .then(|| Weights::new(filter, given.height, extent.height));
            let narrow = |plane: Vec<u8>| match &columns {
                Some(columns) => resize_rows(&plane, given.columns(), columns),
                None => plane,
            };
            let flatten = |plane: Vec<u8>, width: usize| match &rows {
                Some(rows) => resize_columns(&plane, width, rows),
                None => plane,
            };
            let both = |plane: Vec<u8>| {
                if is_height_first(given, extent) {
                    narrow(flatten(plane, given.columns()))
                } else {
                    flatten(narrow(plane), extent.columns())
                }
            };
            picture.planes.into_iter().map(both).collect()
        }
    };
    Planes { extent, planes }
}

/// Whether the height is resized before the width: Pillow 13 begins with it where it loses more than twice as many
/// samples. The order shows in the last bit.
fn is_height_first(given: Extent, extent: Extent) -> bool {
    let lost = |from: u32, to: u32| i64::from(from) - i64::from(to);
    let (height, width) = (
        lost(given.height, extent.height),
        lost(given.width, extent.width),
    );
    height > 0 && height > 2 * width
}

/// Pixels between the two passes.
pub(super) fn between(given: Extent, extent: Extent) -> u64 {
    if is_height_first(given, extent) {
        u64::from(given.width) * u64::from(extent.height)
    } else {
        u64::from(given.height) * u64::from(extent.width)
    }
}

/// The samples at these places.
fn pick(plane: &[u8], width: usize, rows: &[usize], columns: &[usize]) -> Vec<u8> {
    let mut picked = Vec::with_capacity(rows.len() * columns.len());
    for row in rows {
        let row = plane
            .get(row * width..(row + 1) * width)
            .unwrap_or_default();
        picked.extend(
            columns
                .iter()
                .map(|column| row.get(*column).copied().unwrap_or_default()),
        );
    }
    picked
}

/// Every row becomes as long as there are weights. Eight rows are taken at once, side by side, so that one weight is
/// multiplied with as many samples.
fn resize_rows(plane: &[u8], width: usize, weights: &Weights) -> Vec<u8> {
    let mut resized = vec![0; plane.len() / width * weights.len()];
    let mut columns = vec![[0i16; LANES]; width];
    let groups = plane.chunks(width * LANES);
    for (rows, to) in groups.zip(resized.chunks_mut(weights.len() * LANES)) {
        for (lane, row) in rows.chunks_exact(width).enumerate() {
            for (column, sample) in columns.iter_mut().zip(row) {
                if let Some(place) = column.get_mut(lane) {
                    *place = i16::from(*sample);
                }
            }
        }
        for (at, (start, high, low)) in weights.iter().enumerate() {
            let samples = summed(columns.get(start..).unwrap_or_default(), high, low);
            for (place, sample) in to.iter_mut().skip(at).step_by(weights.len()).zip(samples) {
                *place = sample;
            }
        }
    }
    resized
}

/// One sample of each of the rows.
#[inline]
fn summed(columns: &[[i16; LANES]], high: &[[i16; LANES]], low: &[[i16; LANES]]) -> [u8; LANES] {
    let mut high_sums = [0i32; LANES];
    let mut low_sums = [0i32; LANES];
    let weights = high.as_flattened().iter().zip(low.as_flattened());
    for (column, (high, low)) in columns.iter().zip(weights) {
        for ((sample, high_sum), low_sum) in column.iter().zip(&mut high_sums).zip(&mut low_sums) {
            *high_sum = high_sum.wrapping_add(i32::from(*sample) * i32::from(*high));
            *low_sum = low_sum.wrapping_add(i32::from(*sample) * i32::from(*low));
        }
    }
    let mut samples = [0; LANES];
    for ((sample, high), low) in samples.iter_mut().zip(high_sums).zip(low_sums) {
        *sample = rounded(high, low);
    }
    samples
}

/// The plane becomes as high as there are weights.
fn resize_columns(plane: &[u8], width: usize, weights: &Weights) -> Vec<u8> {
    let mut resized = Vec::with_capacity(width * weights.len());
    let mut high_sums = vec![0i32; width];
    let mut low_sums = vec![0i32; width];
    for (start, high, low) in weights.iter() {
        high_sums.fill(0);
        low_sums.fill(0);
        let rows = plane.chunks_exact(width).skip(start);
        for (row, (high, low)) in rows.zip(high.as_flattened().iter().zip(low.as_flattened())) {
            if *high == 0 && *low == 0 {
                continue;
            }
            let (high, low) = (i32::from(*high), i32::from(*low));
            for ((sample, high_sum), low_sum) in row.iter().zip(&mut high_sums).zip(&mut low_sums) {
                let sample = i32::from(*sample);
                *high_sum = high_sum.wrapping_add(sample * high);
                *low_sum = low_sum.wrapping_add(sample * low);
            }
        }
        resized.extend(
            high_sums
                .iter()
                .zip(&low_sums)
                .map(|(high, low)| rounded(*high, *low)),
        );
    }
    resized
}

/// The sample that the sums of the high and the low halves of the weights make.
#[inline]
fn rounded(high: i32, low: i32) -> u8 {
    let half = 1 << (filter::PRECISION - 1);
    let sum = high
        .wrapping_shl(filter::LOW_BITS)
        .wrapping_add(low)
        .wrapping_add(half);
    (sum >> filter::PRECISION).clamp(0, 255) as u8
}
