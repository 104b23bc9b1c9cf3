//! A picture in memory: one plane of 8-bit samples a channel, row after row.

#[cfg(feature = "image")]
use std::ops::Range;

use super::exif::Orientation;
use super::settings::Extent;

/// One or three planes, the first of grey or red.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planes {
    pub(super) extent: Extent,
    /// Each as long as the extent has pixels.
    pub(super) planes: Vec<Vec<u8>>,
}

/// A black picture.
pub(super) fn black(channels: usize, extent: Extent) -> Planes {
    // Each is asked for as zeros, which costs less than a copy of the first.
    let plane = || vec![0; extent.rows() * extent.columns()];
    Planes {
        extent,
        planes: std::iter::repeat_with(plane).take(channels).collect(),
    }
}

/// A picture as decoders have it: the channels of a pixel side by side, transparency after grey or colours.
#[cfg(feature = "image")]
pub(super) struct Interleaved {
    pub(super) extent: Extent,
    pub(super) channels: usize,
    pub(super) samples: Vec<u8>,
}

#[cfg(feature = "image")]
impl Interleaved {
    /// Some rows, without transparency.
    pub(super) fn rows(&self, rows: Range<u32>) -> Planes {
        let extent = Extent {
            height: rows.end.saturating_sub(rows.start),
            ..self.extent
        };
        let length = self.extent.columns() * self.channels;
        let range = rows.start as usize * length..rows.end as usize * length;
        let samples = self.samples.get(range).unwrap_or_default();
        let mut picture = black(if self.channels < 3 { 1 } else { 3 }, extent);
        for (channel, plane) in picture.planes.iter_mut().enumerate() {
            let places = samples.iter().skip(channel).step_by(self.channels);
            for (to, from) in plane.iter_mut().zip(places) {
                *to = *from;
            }
        }
        picture
    }
}

/// Bands of one picture, one under the other.
pub(super) fn stacked(mut bands: impl Iterator<Item = Planes>) -> Planes {
    let nothing = Extent {
        height: 0,
        width: 0,
    };
    let mut picture = bands.next().unwrap_or_else(|| black(0, nothing));
    for band in bands {
        picture.extent.height += band.extent.height;
        for (plane, rows) in picture.planes.iter_mut().zip(&band.planes) {
            plane.extend_from_slice(rows);
        }
    }
    picture
}

impl Planes {
    /// Each plane as something else of this extent.
    pub(super) fn mapped(self, extent: Extent, plane: impl FnMut(Vec<u8>) -> Vec<u8>) -> Self {
        Self {
            extent,
            planes: self.planes.into_iter().map(plane).collect(),
        }
    }

    /// The luma of ITU-R 601, rounded as Pillow rounds it; grey stays as it is.
    pub(super) fn into_grey(mut self) -> Self {
        if let [red, green, blue] = self.planes.as_mut_slice() {
            for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
                *red = luma(*red, *green, *blue);
            }
        }
        self.planes.truncate(1);
        self
    }

    /// Three planes, of grey the same thrice.
    pub(super) fn into_colours(mut self) -> Self {
        if let [grey] = self.planes.as_slice() {
            let grey = grey.clone();
            self.planes.push(grey.clone());
            self.planes.push(grey);
        }
        self
    }

    /// As it was held when it was taken.
    pub(super) fn turned(self, orientation: Orientation) -> Self {
        if orientation == Orientation::UPRIGHT {
            return self;
        }
        let Extent { height, width } = self.extent;
        let extent = if orientation.swaps {
            Extent {
                height: width,
                width: height,
            }
        } else {
            self.extent
        };
        let turn = |plane: Vec<u8>| {
            let mut turned = Vec::with_capacity(plane.len());
            for y in 0..extent.rows() {
                turned.extend((0..extent.columns()).map(|x| {
                    let x = if orientation.mirrors_columns {
                        extent.columns() - 1 - x
                    } else {
                        x
                    };
                    let y = if orientation.mirrors_rows {
                        extent.rows() - 1 - y
                    } else {
                        y
                    };
                    let (row, column) = if orientation.swaps { (x, y) } else { (y, x) };
                    plane
                        .get(row * width as usize + column)
                        .copied()
                        .unwrap_or_default()
                }));
            }
            turned
        };
        self.mapped(extent, turn)
    }

    /// What lies around the centre, black where there is nothing: the odd pixel as `center_crop` of `transformers` has it.
    pub(super) fn cropped(self, crop: Extent) -> Self {
        if crop == self.extent {
            return self;
        }
        let rows = Span::centred(self.extent.rows(), crop.rows());
        let columns = Span::centred(self.extent.columns(), crop.columns());
        let mut cropped = black(self.planes.len(), crop);
        for (from, to) in self.planes.iter().zip(&mut cropped.planes) {
            let from = from
                .chunks_exact(self.extent.columns())
                .skip(rows.from)
                .take(rows.length);
            let to = to.chunks_exact_mut(crop.columns()).skip(rows.to);
            for (from, to) in from.zip(to) {
                let from = from.iter().skip(columns.from).take(columns.length);
                for (from, to) in from.zip(to.iter_mut().skip(columns.to)) {
                    *to = *from;
                }
            }
        }
        cropped
    }
}

/// What of an edge is kept, and where it comes to stand.
struct Span {
    from: usize,
    to: usize,
    length: usize,
}

impl Span {
    fn centred(given: usize, wanted: usize) -> Self {
        if wanted <= given {
            Self {
                from: (given - wanted) / 2,
                to: 0,
                length: wanted,
            }
        } else {
            Self {
                from: 0,
                to: (wanted - given).div_ceil(2),
                length: given,
            }
        }
    }
}

fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let sum = u32::from(red) * 19595 + u32::from(green) * 38470 + u32::from(blue) * 7471;
    ((sum + 0x8000) >> 16) as u8
}
