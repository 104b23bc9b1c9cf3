//! How a picture was held, as EXIF says it.

/// What to do with rows and columns, so that up is up: mirror what comes out, and exchange the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Orientation {
    pub(super) mirrors_columns: bool,
    pub(super) mirrors_rows: bool,
    pub(super) swaps: bool,
}

/// Fields of the first directory that are looked through: cameras write some twenty.
#[cfg(feature = "image")]
const MOST_FIELDS: usize = 1000;
#[cfg(feature = "image")]
const ORIENTATION_TAG: u16 = 0x0112;
#[cfg(feature = "image")]
const SHORT: u16 = 3;

impl Orientation {
    pub(super) const UPRIGHT: Self = Self {
        mirrors_columns: false,
        mirrors_rows: false,
        swaps: false,
    };
}

#[cfg(feature = "image")]
impl Orientation {
    /// By the number of EXIF; what is none of them is upright.
    fn numbered(number: u16) -> Self {
        let (mirrors_columns, mirrors_rows, swaps) = match number {
            2 => (true, false, false),
            3 => (true, true, false),
            4 => (false, true, false),
            5 => (false, false, true),
            6 => (true, false, true),
            7 => (true, true, true),
            8 => (false, true, true),
            _ => (false, false, false),
        };
        Self {
            mirrors_columns,
            mirrors_rows,
            swaps,
        }
    }

    /// Reads EXIF, with or without the six bytes that JPEG puts before it; upright if it says nothing that is understood.
    pub(super) fn read(exif: &[u8]) -> Self {
        Self::find(exif.strip_prefix(b"Exif\0\0").unwrap_or(exif)).unwrap_or(Self::UPRIGHT)
    }

    fn find(tiff: &[u8]) -> Option<Self> {
        let big = match tiff.get(..4)? {
            b"MM\0*" => true,
            b"II*\0" => false,
            _ => return None,
        };
        let short = |at: usize| {
            let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
            Some(if big {
                u16::from_be_bytes(bytes)
            } else {
                u16::from_le_bytes(bytes)
            })
        };
        let long = |at: usize| {
            let bytes = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
            Some(if big {
                u32::from_be_bytes(bytes)
            } else {
                u32::from_le_bytes(bytes)
            })
        };
        let directory = long(4)? as usize;
        let fields = usize::from(short(directory)?).min(MOST_FIELDS);
        let mut places = (0..fields).map(|field| directory + 2 + 12 * field);
        let place = places.find(|place| short(*place) == Some(ORIENTATION_TAG))?;
        if short(place + 2)? != SHORT {
            return None;
        }
        Some(Self::numbered(short(place + 8)?))
    }
}
