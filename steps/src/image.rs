//! Pictures: decoded, turned, resized, cropped, scaled and laid out as a model takes them.
//!
//! The samples are those of Pillow, bit for bit where the file format defines them: its order of steps (colours, then the
//! size, then the crop), its filters and their rounding. What a picture may take of memory is bounded before any is taken.

mod append;
mod decode;
mod error;
mod exif;
mod files;
#[cfg(feature = "image")]
mod jpeg;
mod limits;
mod pipeline;
mod planes;
#[cfg(feature = "image")]
mod png;
mod resize;
mod settings;
mod transpose;
#[cfg(feature = "image")]
mod webp;

pub use decode::is_picture;
pub use error::{Format, ImageError};
pub use files::from_files;
pub use limits::{
    MAX_CROP_EDGE, MAX_DECODED_PIXELS, MAX_EDGE, MAX_PICTURE_BYTES, MAX_RESIZED_PIXELS,
};
pub use pipeline::{Needs, Pipeline, Pixels};
pub use settings::{Color, Extent, Layout, Resample, Settings, SettingsError, Shortest, Size};
