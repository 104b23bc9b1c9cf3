//! PNG: every colour type and depth as 8-bit planes, transparency dropped, of 16 bits the upper 8.

use std::io::Cursor;

use png::{ColorType, Decoder, DecodingError, Limits, Reader, Transformations};

use super::decode::Header;
use super::error::{Format, ImageError};
use super::exif::Orientation;
use super::planes::Interleaved;
use super::settings::Extent;

/// What deflate compresses at best: 258 bytes in 2 bits.
const BEST_RATIO: u64 = 1032;

/// Bytes that the decoder takes for itself: windows, a row, and chunks beside the picture.
const DECODER_BYTES: usize = 4 << 20;

type Picture<'a> = Reader<Cursor<&'a [u8]>>;

/// Reads what stands before the picture's rows.
pub(super) fn header(picture: &[u8]) -> Result<Header, ImageError> {
    let reader = read(picture)?;
    let info = reader.info();
    let extent = Extent {
        height: info.height,
        width: info.width,
    };
    let samples = extent.pixels().saturating_mul(channels(&reader)? as u64);
    let stored_bits = extent.pixels().saturating_mul(info.bits_per_pixel() as u64);
    Ok(Header {
        format: Format::Png,
        extent,
        orientation: info
            .exif_metadata
            .as_deref()
            .map_or(Orientation::UPRIGHT, Orientation::read),
        bytes: samples
            .saturating_mul(2)
            .saturating_add(DECODER_BYTES as u64),
        least_bytes: stored_bits / 8 / BEST_RATIO,
    })
}

/// Decodes the rows.
pub(super) fn decode(picture: &[u8], header: &Header) -> Result<Interleaved, ImageError> {
    let mut reader = read(picture)?;
    let channels = channels(&reader)?;
    let length = header.extent.rows() * header.extent.columns() * channels;
    let mut samples = vec![0; length];
    reader.next_frame(&mut samples).map_err(refused)?;
    // The end is looked for, so that a file that lacks it is found.
    reader.finish().map_err(refused)?;
    Ok(Interleaved {
        extent: header.extent,
        channels,
        samples,
    })
}

fn read(picture: &[u8]) -> Result<Picture<'_>, ImageError> {
    let mut decoder = Decoder::new_with_limits(
        Cursor::new(picture),
        Limits {
            bytes: DECODER_BYTES,
        },
    );
    // Both may be compressed, and neither is needed.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.read_info().map_err(refused)
}

fn channels(reader: &Picture<'_>) -> Result<usize, ImageError> {
    match reader.output_color_type().0 {
        ColorType::Grayscale => Ok(1),
        ColorType::GrayscaleAlpha => Ok(2),
        ColorType::Rgb => Ok(3),
        ColorType::Rgba => Ok(4),
        ColorType::Indexed => Err(ImageError::Unsupported {
            format: Format::Png,
            kind: "a palette that is missing",
        }),
    }
}

fn refused(error: DecodingError) -> ImageError {
    let format = Format::Png;
    match error {
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            ImageError::Truncated(format)
        }
        DecodingError::LimitsExceeded => ImageError::Unsupported {
            format,
            kind: "large chunks beside the picture",
        },
        DecodingError::IoError(_) | DecodingError::Format(_) | DecodingError::Parameter(_) => {
            ImageError::Damaged {
                format,
                problem: error.to_string(),
            }
        }
    }
}
