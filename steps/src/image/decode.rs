//! Which format a picture has, and what its header says.

use std::ops::Range;

use super::error::{Format, ImageError};
use super::exif::Orientation;
use super::planes::Planes;
use super::settings::Extent;

/// Whether this build has decoders.
pub(super) const IS_BUILT: bool = cfg!(feature = "image");

/// What is known of a picture before it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) format: Format,
    /// As it is stored.
    pub(super) extent: Extent,
    pub(super) orientation: Orientation,
    /// Bytes that decoding takes at most, the decoded picture included.
    pub(super) bytes: u64,
    /// Bytes that a file of this size has at least, however well it is compressed.
    pub(super) least_bytes: u64,
}

impl Header {
    /// As it comes to lie when it is held upright.
    pub(super) fn oriented(&self) -> Extent {
        let Extent { height, width } = self.extent;
        if self.orientation.swaps {
            Extent {
                height: width,
                width: height,
            }
        } else {
            self.extent
        }
    }

    /// Refuses what cannot hold what the header says, before any memory is taken for it.
    pub(super) fn check_whole(&self, picture: &[u8]) -> Result<(), ImageError> {
        if (picture.len() as u64) < self.least_bytes {
            return Err(ImageError::Truncated(self.format));
        }
        Ok(())
    }
}

/// Whether these are the first bytes of a JPEG, PNG or WebP file.
pub fn is_picture(bytes: &[u8]) -> bool {
    format(bytes).is_ok()
}

fn format(bytes: &[u8]) -> Result<Format, ImageError> {
    if bytes.is_empty() {
        return Err(ImageError::Empty);
    }
    if bytes.starts_with(b"\xff\xd8\xff") {
        return Ok(Format::Jpeg);
    }
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Ok(Format::Png);
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Ok(Format::WebP);
    }
    Err(ImageError::UnknownFormat)
}

/// Reads the header.
#[cfg(feature = "image")]
pub(super) fn header(picture: &[u8]) -> Result<Header, ImageError> {
    let header = match format(picture)? {
        Format::Jpeg => super::jpeg::header(picture)?,
        Format::Png => super::png::header(picture)?,
        Format::WebP => super::webp::header(picture)?,
    };
    if header.extent.pixels() == 0 {
        let problem = "a picture without pixels".to_owned();
        return Err(ImageError::Damaged {
            format: header.format,
            problem,
        });
    }
    Ok(header)
}

/// Decodes a picture whose header has been read.
#[cfg(feature = "image")]
pub(super) fn decode(picture: &[u8], header: &Header) -> Result<Decoded, ImageError> {
    Ok(match header.format {
        Format::Jpeg => Decoded::Jpeg(super::jpeg::Picture::decode(picture)?),
        Format::Png => Decoded::Interleaved(super::png::decode(picture, header)?),
        Format::WebP => Decoded::Interleaved(super::webp::decode(picture, header)?),
    })
}

/// Without decoders there is no header to read, for there is no pipeline that would.
#[cfg(not(feature = "image"))]
pub(super) fn header(picture: &[u8]) -> Result<Header, ImageError> {
    let format = format(picture)?;
    Err(ImageError::Unsupported {
        format,
        kind: "any content",
    })
}

/// Without decoders there is nothing to decode.
#[cfg(not(feature = "image"))]
pub(super) fn decode(_picture: &[u8], header: &Header) -> Result<Decoded, ImageError> {
    Ok(Decoded {
        extent: header.extent,
    })
}

/// A decoded picture, whose planes are made in bands: all of them never stand in memory where they are resized.
#[cfg(feature = "image")]
pub(super) enum Decoded {
    Jpeg(super::jpeg::Picture),
    Interleaved(super::planes::Interleaved),
}

/// Nothing.
#[cfg(not(feature = "image"))]
pub(super) struct Decoded {
    extent: Extent,
}

impl Decoded {
    /// The picture in bands of so many rows.
    pub(super) fn bands(self, rows: u32) -> impl Iterator<Item = Planes> {
        let height = self.extent().height;
        let starts = (0..height).step_by(rows.max(1) as usize);
        starts.map(move |start| self.rows(start..start.saturating_add(rows).min(height)))
    }

    #[cfg(feature = "image")]
    fn extent(&self) -> Extent {
        match self {
            Self::Jpeg(picture) => picture.extent(),
            Self::Interleaved(picture) => picture.extent,
        }
    }

    #[cfg(feature = "image")]
    fn rows(&self, rows: Range<u32>) -> Planes {
        match self {
            Self::Jpeg(picture) => picture.rows(rows),
            Self::Interleaved(picture) => picture.rows(rows),
        }
    }

    #[cfg(not(feature = "image"))]
    fn extent(&self) -> Extent {
        self.extent
    }

    #[cfg(not(feature = "image"))]
    fn rows(&self, _rows: Range<u32>) -> Planes {
        super::planes::black(1, self.extent)
    }
}
