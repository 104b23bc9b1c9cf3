//! WebP: lossy and lossless, transparency dropped; of an animation the first frame.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};

use super::decode::Header;
use super::error::{Format, ImageError};
use super::exif::Orientation;
use super::planes::Interleaved;
use super::settings::Extent;

/// Bytes of a chunk beside the picture, such as EXIF, that are read.
const CHUNK_BYTES: u64 = 1 << 20;

/// Bytes a pixel that the decoder takes beside its result: lossless ones have four channels, and colours of an
/// animation's frame stand beside those of its canvas.
const DECODER_BYTES_A_PIXEL: u64 = 8;

/// Reads what stands before the picture's rows.
pub(super) fn header(picture: &[u8]) -> Result<Header, ImageError> {
    let mut decoder = read(picture)?;
    let (width, height) = decoder.dimensions();
    let extent = Extent { height, width };
    let exif = decoder.exif_metadata().map_err(refused)?;
    let samples = extent.pixels() * channels(&decoder) as u64;
    Ok(Header {
        format: Format::WebP,
        extent,
        orientation: exif
            .as_deref()
            .map_or(Orientation::UPRIGHT, Orientation::read),
        bytes: samples * 2 + extent.pixels() * DECODER_BYTES_A_PIXEL,
        // A picture of one colour takes the same few bytes whatever its size is: `max_pixels` alone bounds what some forty
        // bytes make of time and memory.
        least_bytes: 0,
    })
}

/// Decodes the rows.
pub(super) fn decode(picture: &[u8], header: &Header) -> Result<Interleaved, ImageError> {
    let mut decoder = read(picture)?;
    let channels = channels(&decoder);
    let memory = header.extent.pixels() * DECODER_BYTES_A_PIXEL + CHUNK_BYTES;
    decoder.set_memory_limit(usize::try_from(memory).unwrap_or(usize::MAX));
    let mut samples = vec![0; header.extent.rows() * header.extent.columns() * channels];
    decoder.read_image(&mut samples).map_err(refused)?;
    Ok(Interleaved {
        extent: header.extent,
        channels,
        samples,
    })
}

fn read(picture: &[u8]) -> Result<WebPDecoder<Cursor<&[u8]>>, ImageError> {
    // The decoder itself passes over parts that are missing.
    let said = picture
        .get(4..8)
        .and_then(|length| length.try_into().ok())
        .map_or(0, u32::from_le_bytes);
    if (picture.len() as u64) < u64::from(said) + 8 {
        return Err(ImageError::Truncated(Format::WebP));
    }
    let mut decoder = WebPDecoder::new(Cursor::new(picture)).map_err(refused)?;
    decoder.set_memory_limit(CHUNK_BYTES as usize);
    Ok(decoder)
}

fn channels(decoder: &WebPDecoder<Cursor<&[u8]>>) -> usize {
    if decoder.has_alpha() { 4 } else { 3 }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the decoder's enum grows, and all but one are damage"
)]
fn refused(error: DecodingError) -> ImageError {
    let format = Format::WebP;
    match error {
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            ImageError::Truncated(format)
        }
        error => ImageError::Damaged {
            format,
            problem: error.to_string(),
        },
    }
}
