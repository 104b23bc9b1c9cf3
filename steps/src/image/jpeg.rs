//! JPEG: sequential and progressive with Huffman codes, 8 bits, grey, YCbCr, RGB, CMYK and YCCK.
//!
//! Written for two reasons that no decoder at hand serves: the samples are those of libjpeg-turbo, with which the models
//! were trained, and a file whose data end before its pixels do is an error, where decoders fill up with grey.

mod bits;
mod blocks;
mod color;
mod frame;
mod markers;
mod scan;
mod transform;
mod upsample;

use std::ops::Range;

use super::decode::Header;
use super::error::{Format, ImageError};
use super::planes::Planes;
use super::settings::Extent;
use color::Coding;
use frame::Frame;
use markers::Reader;

/// Why a file cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Truncated,
    Damaged(&'static str),
    Unsupported(&'static str),
}

impl From<Fault> for ImageError {
    fn from(fault: Fault) -> Self {
        let format = Format::Jpeg;
        match fault {
            Fault::Truncated => Self::Truncated(format),
            Fault::Damaged(problem) => Self::Damaged {
                format,
                problem: problem.to_owned(),
            },
            Fault::Unsupported(kind) => Self::Unsupported { format, kind },
        }
    }
}

/// Reads what stands before the first scan.
pub(super) fn header(picture: &[u8]) -> Result<Header, ImageError> {
    let mut reader = Reader::new(picture);
    reader.read_to_frame()?;
    let frame = reader.frame.as_ref().ok_or(Fault::Damaged("no frame"))?;
    let colours = if frame.components.len() == 1 { 1 } else { 3 };
    Ok(Header {
        format: Format::Jpeg,
        extent: frame.extent,
        orientation: reader.orientation,
        bytes: frame.bytes() + frame.extent.pixels() * colours,
        least_bytes: frame.least_bytes(),
    })
}

/// The samples of the components, of which rows of the picture are made as they are needed.
pub(super) struct Picture {
    frame: Frame,
    coding: Coding,
}

impl Picture {
    /// Decodes all scans.
    pub(super) fn decode(picture: &[u8]) -> Result<Self, ImageError> {
        let mut reader = Reader::new(picture);
        reader.read_to_frame()?;
        let mut frame = reader.frame.take().ok_or(Fault::Damaged("no frame"))?;
        frame.allocate();
        while let Some(scan) = reader.read_to_scan(&mut frame)? {
            let rest = scan::decode(&mut frame, &scan, &reader.tables, reader.rest)?;
            reader.rest = rest;
        }
        frame.check_complete()?;
        frame.transform();
        let coding = reader.coding(&frame)?;
        Ok(Self { frame, coding })
    }

    pub(super) fn extent(&self) -> Extent {
        self.frame.extent
    }

    /// Some rows of the picture.
    pub(super) fn rows(&self, rows: Range<u32>) -> Planes {
        color::convert(&self.frame, self.coding, rows)
    }
}
