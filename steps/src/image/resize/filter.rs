//! The filters and their weights for one edge.

use std::f64::consts::PI;

use super::narrow::Narrow;
use crate::image::settings::Resample;

/// Bits of a weight after the point: 8 bits are the sample's, two the sign's and the overshoot's.
pub(super) const PRECISION: u32 = 32 - 8 - 2;

/// Bits of the lower half of a weight: each half fits a 16-bit number, which vectors multiply.
pub(super) const LOW_BITS: u32 = 16;

/// Weights that are multiplied in one go.
pub(super) const GROUP: usize = 4;

/// A group of weights, its upper halves apart from its lower ones.
#[derive(Clone, Copy, Default)]
pub(super) struct Halves {
    pub(super) high: [i16; GROUP],
    pub(super) low: [u16; GROUP],
}

impl Halves {
    /// The weights themselves.
    #[inline]
    pub(super) fn weights(&self) -> [i32; GROUP] {
        let [a, b, c, d] = self.high.map(|high| i32::from(high) << LOW_BITS);
        let [e, f, g, h] = self.low.map(i32::from);
        [a | e, b | f, c | g, d | h]
    }
}

/// A function of the distance to the centre, and how far it reaches.
#[derive(Clone, Copy)]
pub(super) struct Filter {
    value: fn(f64) -> f64,
    support: f64,
}

/// The filter of this name; none is needed to pick the nearest.
pub(super) fn of(resample: Resample) -> Option<Filter> {
    let (value, support): (fn(f64) -> f64, f64) = match resample {
        Resample::Nearest => return None,
        Resample::Box => (rectangle, 0.5),
        Resample::Bilinear => (triangle, 1.0),
        Resample::Hamming => (hamming, 1.0),
        Resample::Bicubic => (cubic, 2.0),
        Resample::Lanczos => (lanczos, 3.0),
    };
    Some(Filter { value, support })
}

fn rectangle(x: f64) -> f64 {
    if x > -0.5 && x <= 0.5 { 1.0 } else { 0.0 }
}

fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// A sine over its argument in the window of Hamming, whose numbers are 32-bit ones.
fn hamming(x: f64) -> f64 {
    let x = x.abs();
    if x == 0.0 {
        return 1.0;
    }
    if x >= 1.0 {
        return 0.0;
    }
    let x = x * PI;
    x.sin() / x * (f64::from(0.54f32) + f64::from(0.46f32) * x.cos())
}

/// Keys' cubic with -0.5.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn lanczos(x: f64) -> f64 {
    let sine = |x: f64| {
        if x == 0.0 {
            1.0
        } else {
            (x * PI).sin() / (x * PI)
        }
    };
    if (-3.0..3.0).contains(&x) {
        sine(x) * sine(x / 3.0)
    } else {
        0.0
    }
}

/// What each sample along an edge is made of.
pub(super) struct Weights {
    starts: Vec<usize>,
    /// As many groups for each start.
    groups: usize,
    halves: Vec<Halves>,
    narrow: Option<Narrow>,
}

impl Weights {
    /// The weights that make an edge of `to` samples of one of `from`.
    pub(super) fn new(filter: Filter, from: u32, to: u32) -> Self {
        let scale = f64::from(from) / f64::from(to);
        let stretch = scale.max(1.0);
        let support = filter.support * stretch;
        let most = (support.ceil() as usize * 2 + 1).min(from as usize);
        let groups = most.div_ceil(GROUP);
        let mut weights = Self {
            starts: Vec::with_capacity(to as usize),
            groups,
            halves: Vec::with_capacity(to as usize * groups),
            narrow: None,
        };
        let mut values = Vec::with_capacity(most);
        for place in 0..to {
            let centre = (f64::from(place) + 0.5) * scale;
            // The conversions cut towards 0, as those of C do.
            let start = (centre - support + 0.5).max(0.0) as u32;
            let end = ((centre + support + 0.5) as u32).min(from);
            values.clear();
            // The reciprocal is multiplied by, and not the stretch divided by: the last bit of a weight depends on it.
            let shrink = 1.0 / stretch;
            values.extend(
                (start..end).map(|at| (filter.value)((f64::from(at) - centre + 0.5) * shrink)),
            );
            weights.push(start as usize, &values);
        }
        weights.narrow = Narrow::new(&weights.halves, groups);
        weights
    }

    /// Appends weights that come to 1 together, split in halves and filled up with 0.
    fn push(&mut self, start: usize, values: &[f64]) {
        let total: f64 = values.iter().sum();
        let total = if total == 0.0 { 1.0 } else { total };
        let integers = values.iter().map(|value| integer(value / total));
        let mut integers = integers.chain(std::iter::repeat(0));
        self.starts.push(start);
        for _ in 0..self.groups {
            let mut halves = Halves::default();
            let places = halves.high.iter_mut().zip(&mut halves.low);
            for ((high, low), weight) in places.zip(&mut integers) {
                *high = (weight >> LOW_BITS) as i16;
                *low = weight as u16;
            }
            self.halves.push(halves);
        }
    }

    /// The weights in parts, where sums of 16 bits will do.
    pub(super) fn narrow(&self) -> Option<&Narrow> {
        self.narrow.as_ref()
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// For each sample to make: where what it is made of begins, and the weights.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[Halves])> {
        let groups = self.halves.chunks_exact(self.groups);
        self.starts.iter().copied().zip(groups)
    }
}

/// Away from 0 at the half.
fn integer(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << PRECISION);
    (if scaled < 0.0 {
        scaled - 0.5
    } else {
        scaled + 0.5
    }) as i32
}

/// The place of the nearest sample, for each of `to`: steps are summed up, with what rounding does to the sum.
pub(super) fn nearest(from: u32, to: u32) -> Vec<usize> {
    let step = f64::from(from) / f64::from(to);
    let mut place = step * 0.5;
    let mut places = Vec::with_capacity(to as usize);
    for _ in 0..to {
        places.push((place as usize).min(from as usize - 1));
        place += step;
    }
    places
}
