//! Why a picture is not taken. Each of these is the caller's to mend.

use std::fmt;

use super::settings::Extent;

/// A file format that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "these are the names of the formats")]
pub enum Format {
    Jpeg,
    Png,
    WebP,
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
        })
    }
}

/// A picture that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// No picture at all.
    #[error("the picture is empty: send a JPEG, PNG or WebP file")]
    Empty,
    /// The first bytes are those of no format that is taken.
    #[error("this is no picture that is taken: send a JPEG, PNG or WebP file")]
    UnknownFormat,
    /// Its bytes are too many.
    #[error("the picture has {given} bytes, at most {most} are taken: send a smaller one")]
    Bytes {
        /// How many it has.
        given: u64,
        /// How many are taken.
        most: u64,
    },
    /// Its pixels are too many.
    #[error(
        "the picture has {} by {} pixels, at most {most} pixels and 65535 along an edge are taken: send a smaller one",
        .given.height, .given.width
    )]
    Pixels {
        /// What its header says.
        given: Extent,
        /// How many are taken.
        most: u64,
    },
    /// So slender that resizing it would make an enormous picture.
    #[error(
        "the picture is too slender to be resized: {} by {} pixels would become {} by {}",
        .given.height, .given.width, .resized.height, .resized.width
    )]
    Slender {
        /// What it has.
        given: Extent,
        /// What it would have.
        resized: Extent,
    },
    /// It ends too soon, or its header says more than there is.
    #[error("the {0} file is not whole: its header says more than there is")]
    Truncated(Format),
    /// What is in it is not as the format says.
    #[error("the {format} file is damaged: {problem}")]
    Damaged {
        /// The format.
        format: Format,
        /// What is wrong.
        problem: String,
    },
    /// A kind of the format that is not taken.
    #[error("a {format} file with {kind} is not taken: save it in the usual way")]
    Unsupported {
        /// The format.
        format: Format,
        /// What it has.
        kind: &'static str,
    },
}
