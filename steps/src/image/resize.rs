//! Resizing, with the results of Pillow to the bit.
//!
//! One edge first, then the other, with 8 bits between; the filter grows with the step where the picture shrinks. The
//! weights are integers of 22 bits after the point, and each sum is rounded once.

mod filter;
mod narrow;

use filter::{GROUP, Halves, Weights};

use super::planes::{Planes, stacked};
use super::settings::{Extent, Resample};
use super::transpose;

/// Rows that are resized at once, side by side.
const BAND: usize = 64;

/// Rows and columns that are exchanged at once: bytes of a word.
const BLOCK: usize = 8;

/// Bytes of weights a pixel along an edge, be it of the given picture or of the resized one: Lanczos has six of the one
/// and eight of the other, in groups.
const MOST_WEIGHT_BYTES: u64 = 64;

/// A column of a band.
type Column = [u8; BAND];

/// How many rows of a picture are best given at once: all, where not its rows are resized first.
pub(super) fn band(given: Extent, extent: Extent, resample: Resample) -> u32 {
    let has_filter = filter::of(resample).is_some();
    if has_filter && given.width != extent.width && !is_height_first(given, extent) {
        BAND as u32
    } else {
        given.height
    }
}

/// Resizes every plane of a picture that comes in bands.
pub(super) fn resize(
    given: Extent,
    bands: impl Iterator<Item = Planes>,
    extent: Extent,
    resample: Resample,
) -> Planes {
    if given == extent {
        return stacked(bands);
    }
    let Some(filter) = filter::of(resample) else {
        let rows = filter::nearest(given.height, extent.height);
        let columns = filter::nearest(given.width, extent.width);
        return stacked(bands).mapped(extent, |plane| {
            pick(&plane, given.columns(), &rows, &columns)
        });
    };
    let columns =
        (given.width != extent.width).then(|| Weights::new(filter, given.width, extent.width));
    let rows =
        (given.height != extent.height).then(|| Weights::new(filter, given.height, extent.height));
    let narrow = |picture: Planes| match &columns {
        Some(columns) => {
            let (width, height) = (picture.extent.columns(), picture.extent.height);
            let extent = Extent { height, ..extent };
            picture.mapped(extent, |plane| resize_rows(&plane, width, columns))
        }
        None => picture,
    };
    let flatten = |picture: Planes| match &rows {
        Some(rows) => {
            let width = picture.extent.width;
            let extent = Extent { width, ..extent };
            picture.mapped(extent, |plane| resize_columns(&plane, width as usize, rows))
        }
        None => picture,
    };
    if is_height_first(given, extent) {
        narrow(flatten(stacked(bands)))
    } else {
        flatten(stacked(bands.map(narrow)))
    }
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

/// Bytes that resizing takes beside planes: a band with its columns, and the weights of both edges.
pub(super) fn beside(given: Extent, extent: Extent) -> u64 {
    let pixels = 4 * u64::from(given.width) + u64::from(extent.width);
    let edges = [given.height, given.width, extent.height, extent.width];
    BAND as u64 * pixels + edges.map(u64::from).iter().sum::<u64>() * MOST_WEIGHT_BYTES
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

/// Every row becomes as long as there are weights. A band of rows is taken at once, its columns laid out one after the
/// other, so that a weight is multiplied with one sample of each row.
fn resize_rows(plane: &[u8], width: usize, weights: &Weights) -> Vec<u8> {
    let length = weights.len();
    let mut resized = vec![0; plane.len() / width * length];
    // Behind the last column are those that only fill up a group.
    let mut columns = vec![[0; BAND]; width.next_multiple_of(BLOCK) + GROUP];
    let mut made = vec![[0; BAND]; length.next_multiple_of(BLOCK)];
    let mut sums = Sums::new(BAND);
    let bands = plane.chunks(width * BAND);
    for (rows, to) in bands.zip(resized.chunks_mut(length * BAND)) {
        lay_out(rows, width, &mut columns);
        for (place, ((start, group), samples)) in weights.iter().zip(&mut made).enumerate() {
            let columns = columns.get(start..).unwrap_or_default();
            if let Some(narrow) = weights.narrow() {
                narrow.sum(place, columns, samples, |row| exact(columns, group, row));
                continue;
            }
            sums.clear();
            for (columns, halves) in columns.as_chunks().0.iter().zip(group) {
                sums.add(columns.each_ref().map(Column::as_slice), halves);
            }
            sums.round(samples);
        }
        lay_back(&made, length, to);
    }
    resized
}

/// The sample of one row of a band.
fn exact(columns: &[Column], group: &[Halves], row: usize) -> u8 {
    let mut sum = 0i32;
    for (columns, halves) in columns.as_chunks::<GROUP>().0.iter().zip(group) {
        for (column, weight) in columns.iter().zip(halves.weights()) {
            let sample = column.get(row).copied().unwrap_or_default();
            sum = sum.wrapping_add(i32::from(sample).wrapping_mul(weight));
        }
    }
    rounded(sum)
}

/// The columns of a band of rows.
fn lay_out(rows: &[u8], width: usize, columns: &mut [Column]) {
    for (block, rows) in rows.chunks(width * BLOCK).enumerate() {
        let mut lines: [&[[u8; BLOCK]]; BLOCK] = [&[]; BLOCK];
        let mut ends = [0; BLOCK];
        for ((line, end), row) in lines.iter_mut().zip(&mut ends).zip(rows.chunks(width)) {
            let (whole, part) = row.as_chunks();
            *line = whole;
            *end = part
                .iter()
                .rev()
                .fold(0, |word, sample| word << 8 | u64::from(*sample));
        }
        let (blocks, _) = columns.as_chunks_mut::<BLOCK>();
        for (at, columns) in blocks.iter_mut().enumerate() {
            let mut words = ends;
            for (word, line) in words.iter_mut().zip(lines) {
                if let Some(samples) = line.get(at) {
                    *word = u64::from_le_bytes(*samples);
                }
            }
            for (column, word) in columns.iter_mut().zip(transpose::bytes(words)) {
                if let Some(place) = column.as_chunks_mut().0.get_mut(block) {
                    *place = word.to_le_bytes();
                }
            }
        }
    }
}

/// The rows of a band whose columns these are.
fn lay_back(columns: &[Column], width: usize, rows: &mut [u8]) {
    for (at, columns) in columns.as_chunks::<BLOCK>().0.iter().enumerate() {
        for (block, rows) in rows.chunks_mut(width * BLOCK).enumerate() {
            let mut words = [0; BLOCK];
            for (word, column) in words.iter_mut().zip(columns) {
                let samples = column.as_chunks().0.get(block);
                *word = samples.map_or(0, |samples| u64::from_le_bytes(*samples));
            }
            for (row, word) in rows.chunks_mut(width).zip(transpose::bytes(words)) {
                let places = row.iter_mut().skip(at * BLOCK);
                places
                    .zip(word.to_le_bytes())
                    .for_each(|(place, sample)| *place = sample);
            }
        }
    }
}

/// The plane becomes as high as there are weights.
fn resize_columns(plane: &[u8], width: usize, weights: &Weights) -> Vec<u8> {
    let mut resized = vec![0; width * weights.len()];
    let mut sums = Sums::new(width);
    let blank = vec![0; width];
    for ((start, group), to) in weights.iter().zip(resized.chunks_mut(width)) {
        sums.clear();
        let mut rows = plane.chunks_exact(width).skip(start);
        for halves in group {
            sums.add(
                std::array::from_fn(|_| rows.next().unwrap_or(&blank)),
                halves,
            );
        }
        sums.round(to);
    }
    resized
}

/// Sums of products of samples and weights, side by side: of the upper halves of the weights modulo 2^16, for that is
/// what is left of them in 32 bits, and of the lower halves.
struct Sums {
    high: Vec<i16>,
    low: Vec<u32>,
}

impl Sums {
    fn new(length: usize) -> Self {
        Self {
            high: vec![0; length],
            low: vec![0; length],
        }
    }

    fn clear(&mut self) {
        self.high.fill(0);
        self.low.fill(0);
    }

    /// Adds each sample times its line's weight.
    fn add(&mut self, lines: [&[u8]; GROUP], halves: &Halves) {
        let [h0, h1, h2, h3] = halves.high;
        let [l0, l1, l2, l3] = halves.low.map(u32::from);
        let [first, second, third, fourth] = lines;
        let samples = first.iter().zip(second).zip(third).zip(fourth);
        let sums = self.high.iter_mut().zip(&mut self.low);
        for ((high, low), (((a, b), c), d)) in sums.zip(samples) {
            let part = |sample: u8, weight: i16| i16::from(sample).wrapping_mul(weight);
            *high = high
                .wrapping_add(part(*a, h0))
                .wrapping_add(part(*b, h1))
                .wrapping_add(part(*c, h2))
                .wrapping_add(part(*d, h3));
            let part = |sample: u8, weight: u32| u32::from(sample).wrapping_mul(weight);
            *low = low
                .wrapping_add(part(*a, l0))
                .wrapping_add(part(*b, l1))
                .wrapping_add(part(*c, l2))
                .wrapping_add(part(*d, l3));
        }
    }

    /// The samples that the sums make, each rounded once.
    fn round(&self, samples: &mut [u8]) {
        let sums = self.high.iter().zip(&self.low);
        for (sample, (high, low)) in samples.iter_mut().zip(sums) {
            let sum = i32::from(*high) << filter::LOW_BITS;
            *sample = rounded(sum.wrapping_add(*low as i32));
        }
    }
}

/// The sample that a sum makes, rounded once.
#[inline]
fn rounded(sum: i32) -> u8 {
    let half = 1 << (filter::PRECISION - 1);
    (sum.wrapping_add(half) >> filter::PRECISION).clamp(0, 255) as u8
}
