//! The components' samples to grey or to red, green and blue.

use std::ops::Range;

use super::super::planes::{Planes, black};
use super::super::settings::Extent;
use super::frame::Frame;
use super::upsample::Upsampler;

/// How components are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Grey,
    YCbCr,
    Rgb,
    /// Inverted, as Adobe writes it and Pillow reads it.
    Cmyk,
    /// The same, its first three as the opposite of YCbCr.
    Ycck,
}

/// Makes these rows of the picture of what was decoded.
pub(super) fn convert(frame: &Frame, coding: Coding, rows: Range<u32>) -> Planes {
    let extent = Extent {
        height: rows.end.saturating_sub(rows.start),
        ..frame.extent
    };
    let mut picture = black(if coding == Coding::Grey { 1 } else { 3 }, extent);
    let upsampler = |component| {
        let (across, down) = frame.factors(component);
        Upsampler::new(component, across, down)
    };
    let mut upsamplers: Vec<Upsampler<'_>> = frame.components.iter().map(upsampler).collect();
    let width = frame.extent.columns();
    let mut places: Vec<_> = picture
        .planes
        .iter_mut()
        .map(|plane| plane.chunks_exact_mut(width))
        .collect();
    for y in rows {
        let mut to: Vec<&mut [u8]> = places.iter_mut().filter_map(Iterator::next).collect();
        let from: Vec<&[u8]> = upsamplers
            .iter_mut()
            .map(|upsampler| upsampler.row(y as usize))
            .collect();
        match (to.as_mut_slice(), from.as_slice(), coding) {
            ([red, green, blue], [luma, cb, cr], Coding::YCbCr) => {
                colours([red, green, blue], luma, cb, cr)
            }
            ([red, green, blue], [luma, cb, cr, key], Coding::Ycck) => {
                colours([&mut *red, &mut *green, &mut *blue], luma, cb, cr);
                // What was converted is the opposite of what is stored inverted: the ink itself.
                to.iter_mut().for_each(|plane| print(plane, key));
            }
            (to, [inks @ .., key], Coding::Cmyk) => {
                for (to, ink) in to.iter_mut().zip(inks) {
                    to.iter_mut()
                        .zip(*ink)
                        .for_each(|(to, ink)| *to = 255 - ink);
                    print(to, key);
                }
            }
            (to, from, _) => {
                for (to, from) in to.iter_mut().zip(from) {
                    to.iter_mut().zip(*from).for_each(|(to, from)| *to = *from);
                }
            }
        }
    }
    picture
}

/// Red, green and blue with the constants of JFIF in 16 bits after the point. Constants above a half are taken less 1 or
/// 2, which is added apart: so they fit 16 bits, which vectors multiply. Red and blue stay within 16 bits altogether:
/// twice the product's upper half, which is rounded when it is halved.
fn colours([red, green, blue]: [&mut [u8]; 3], luma: &[u8], cb: &[u8], cr: &[u8]) {
    const HALF: i32 = 1 << 15;
    const RED_CR: i16 = 26345;
    const GREEN_CB: i32 = -22554;
    const GREEN_CR: i32 = (1 << 16) - 46802;
    const BLUE_CB: i16 = -14942;
    let centred = |sample: u8| i16::from(sample) - 128;
    let part = |value: i16, constant: i16| {
        let upper = (i32::from(2 * value) * i32::from(constant)) >> 16;
        (upper as i16 + 1) >> 1
    };
    for ((red, luma), cr) in red.iter_mut().zip(luma).zip(cr) {
        let cr = centred(*cr);
        *red = (i16::from(*luma) + cr + part(cr, RED_CR)).clamp(0, 255) as u8;
    }
    for ((blue, luma), cb) in blue.iter_mut().zip(luma).zip(cb) {
        let cb = centred(*cb);
        *blue = (i16::from(*luma) + 2 * cb + part(cb, BLUE_CB)).clamp(0, 255) as u8;
    }
    for (((green, luma), cb), cr) in green.iter_mut().zip(luma).zip(cb).zip(cr) {
        let (cb, cr) = (i32::from(centred(*cb)), i32::from(centred(*cr)));
        let part = (GREEN_CB * cb + GREEN_CR * cr + HALF) >> 16;
        *green = (i32::from(*luma) - cr + part).clamp(0, 255) as u8;
    }
}

/// What is seen of ink on paper beside black ink, which is stored inverted.
fn print(plane: &mut [u8], key: &[u8]) {
    for (ink, key) in plane.iter_mut().zip(key) {
        let product = u32::from(*ink) * u32::from(*key) + 128;
        *ink = key.saturating_sub(((product + (product >> 8)) >> 8) as u8);
    }
}
