//! Resizing, with the results of Pillow to the bit.
//!
//! One edge first, then the other, with 8 bits between; the filter grows with the step where the picture shrinks. The
//! weights are integers of 22 bits after the point, and each sum is rounded once.

mod filter;

use filter::{GROUP, Halves, Weights};

use super::planes::Planes;
use super::settings::{Extent, Resample};

/// Rows that are resized at once, side by side.
const BAND: usize = 64;

/// Rows and columns that are exchanged at once: bytes of a word.
const BLOCK: usize = 8;

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

/// Every row becomes as long as there are weights. A band of rows is taken at once, its columns laid out one after the
/// other, so that a weight is multiplied with one sample of each row.
fn resize_rows(plane: &[u8], width: usize, weights: &Weights) -> Vec<u8> {
    let mut resized = vec![0; plane.len() / width * weights.len()];
    // Behind the last column are those that only fill up a group.
    let mut columns = vec![[0; BAND]; width.next_multiple_of(BLOCK) + GROUP];
    let mut sums = Sums::new(BAND);
    let bands = plane.chunks(width * BAND);
    for (rows, to) in bands.zip(resized.chunks_mut(weights.len() * BAND)) {
        lay_out(rows, width, &mut columns);
        for (at, (start, group)) in weights.iter().enumerate() {
            let columns = columns.get(start..).unwrap_or_default();
            sums.clear();
            for (columns, halves) in columns.as_chunks().0.iter().zip(group) {
                sums.add(columns.each_ref().map(<[u8; BAND]>::as_slice), halves);
            }
            let places = to.iter_mut().skip(at).step_by(weights.len());
            places
                .zip(sums.samples())
                .for_each(|(place, sample)| *place = sample);
        }
    }
    resized
}

/// The columns of a band of rows.
fn lay_out(rows: &[u8], width: usize, columns: &mut [[u8; BAND]]) {
    for (block, rows) in rows.chunks(width * BLOCK).enumerate() {
        let mut lines = [[].as_slice(); BLOCK];
        for (line, row) in lines.iter_mut().zip(rows.chunks_exact(width)) {
            *line = row;
        }
        for columns in columns.as_chunks_mut::<BLOCK>().0 {
            let samples = lines.each_mut().map(|line| match line.split_first_chunk() {
                Some((samples, rest)) => {
                    *line = rest;
                    *samples
                }
                None => {
                    let mut samples = [0; BLOCK];
                    samples
                        .iter_mut()
                        .zip(*line)
                        .for_each(|(to, from)| *to = *from);
                    *line = &[];
                    samples
                }
            });
            for (column, samples) in columns.iter_mut().zip(transposed(samples)) {
                if let Some(place) = column.as_chunks_mut().0.get_mut(block) {
                    *place = samples;
                }
            }
        }
    }
}

/// Rows to columns: halves of words are exchanged, then quarters, then bytes.
#[inline]
fn transposed(rows: [[u8; BLOCK]; BLOCK]) -> [[u8; BLOCK]; BLOCK] {
    let exchange = |first: &mut u64, second: &mut u64, bits: u32, mask: u64| {
        let differences = ((*first >> bits) ^ *second) & mask;
        *second ^= differences;
        *first ^= differences << bits;
    };
    let mut words = rows.map(u64::from_le_bytes);
    let [a, b, c, d, e, f, g, h] = &mut words;
    for (first, second) in [
        (&mut *a, &mut *e),
        (&mut *b, &mut *f),
        (&mut *c, &mut *g),
        (&mut *d, &mut *h),
    ] {
        exchange(first, second, 32, 0x0000_0000_ffff_ffff);
    }
    for (first, second) in [
        (&mut *a, &mut *c),
        (&mut *b, &mut *d),
        (&mut *e, &mut *g),
        (&mut *f, &mut *h),
    ] {
        exchange(first, second, 16, 0x0000_ffff_0000_ffff);
    }
    for (first, second) in [(a, b), (c, d), (e, f), (g, h)] {
        exchange(first, second, 8, 0x00ff_00ff_00ff_00ff);
    }
    words.map(u64::to_le_bytes)
}

/// The plane becomes as high as there are weights.
fn resize_columns(plane: &[u8], width: usize, weights: &Weights) -> Vec<u8> {
    let mut resized = Vec::with_capacity(width * weights.len());
    let mut sums = Sums::new(width);
    let blank = vec![0; width];
    for (start, group) in weights.iter() {
        sums.clear();
        let mut rows = plane.chunks_exact(width).skip(start);
        for halves in group {
            sums.add(
                std::array::from_fn(|_| rows.next().unwrap_or(&blank)),
                halves,
            );
        }
        resized.extend(sums.samples());
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
    fn samples(&self) -> impl Iterator<Item = u8> {
        self.high.iter().zip(&self.low).map(|(high, low)| {
            let half = 1 << (filter::PRECISION - 1);
            let sum = (i32::from(*high) << filter::LOW_BITS)
                .wrapping_add(*low as i32)
                .wrapping_add(half);
            (sum >> filter::PRECISION).clamp(0, 255) as u8
        })
    }
}
