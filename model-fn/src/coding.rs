//! Content codings (RFC 9110, 8.4 and 12.5.3): bodies that come compressed, replies that may go so.
//!
//! Values of headers and bytes in, bytes out; where the headers stand is left to `event` and `reply`.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};

/// A reply with fewer bytes fits into one packet of a network as it is.
pub const SMALLEST_COMPRESSED: usize = 1024;

/// The fastest level: a reply waits for its compression, and numbers in JSON hardly gain from a slower one.
const LEVEL: Compression = Compression::fast();

/// A way to write a body in fewer bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// `gzip` (RFC 1952), of one member or several.
    Gzip,
    /// `deflate`: the zlib format (RFC 1950), as HTTP defines it.
    Deflate,
}

/// Why a compressed body is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodingError {
    /// It names a coding that is not known here.
    #[error(
        "the content encoding `{0}` is not read: send the body as it is, or with `gzip` or `deflate`"
    )]
    Unknown(String),
    /// It names more than one.
    #[error("the content encodings `{0}` are not read: send the body with one of them")]
    Several(String),
    /// It is not what it says it is.
    #[error("the body is not the `{0}` that it says it is")]
    Damaged(&'static str),
    /// There is more in it than the limit.
    #[error("the body has more than {limit} bytes once it is decompressed: send fewer rows")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

impl Coding {
    /// Its name in headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// The coding of a body by its `Content-Encoding`; nothing where the body is as it is.
    pub fn of(header: &str) -> Result<Option<Self>, CodingError> {
        let given = header.trim();
        match given.to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(None),
            "gzip" | "x-gzip" => Ok(Some(Self::Gzip)),
            "deflate" => Ok(Some(Self::Deflate)),
            several if several.contains(',') => Err(CodingError::Several(given.to_owned())),
            _ => Err(CodingError::Unknown(given.to_owned())),
        }
    }

    /// Decompresses a body, as far as the limit.
    pub fn decode(self, body: &[u8], limit: usize) -> Result<Vec<u8>, CodingError> {
        let damaged = |_| CodingError::Damaged(self.name());
        let mut decoded = Vec::new();
        let is_whole = match self {
            Self::Gzip => read_past(MultiGzDecoder::new(body), limit, &mut decoded).map(|_| true),
            Self::Deflate => read_past(ZlibDecoder::new(body), limit, &mut decoded)
                .map(|decoder| decoder.total_in() == body.len() as u64),
        };
        let is_whole = is_whole.map_err(damaged)?;
        if decoded.len() > limit {
            Err(CodingError::TooLarge { limit })
        } else if is_whole {
            Ok(decoded)
        } else {
            Err(CodingError::Damaged(self.name()))
        }
    }

    /// Compresses a reply.
    pub fn encode(self, body: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), LEVEL);
                encoder.write_all(body)?;
                encoder.finish()
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), LEVEL);
                encoder.write_all(body)?;
                encoder.finish()
            }
        }
    }
}

/// Reads to the end, but no more than one byte past the limit.
fn read_past<R: Read>(decoder: R, limit: usize, decoded: &mut Vec<u8>) -> io::Result<R> {
    let mut bounded = decoder.take((limit as u64).saturating_add(1));
    bounded.read_to_end(decoded)?;
    Ok(bounded.into_inner())
}

/// What a caller takes of a reply's codings, each with its weight from 0, for never, to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Acceptable {
    gzip: f32,
    deflate: f32,
    identity: f32,
}

impl Acceptable {
    /// What nobody named: as it is, for want of better.
    const LAST: f32 = f32::MIN_POSITIVE;

    /// Reads `Accept-Encoding`; a part that is no coding with a weight counts for nothing.
    pub fn of(header: &str) -> Self {
        let weight = |names: &[&str]| {
            let mut weights = header.split(',').filter_map(weighted);
            weights.find(|(name, _)| names.iter().any(|known| name.eq_ignore_ascii_case(known)))
        };
        let rest = weight(&["*"]).map(|(_, weight)| weight);
        let or = |named: Option<(&str, f32)>, otherwise: f32| {
            named.map_or(rest.unwrap_or(otherwise), |(_, weight)| weight)
        };
        Self {
            gzip: or(weight(&["gzip", "x-gzip"]), 0.0),
            deflate: or(weight(&["deflate"]), 0.0),
            identity: or(weight(&["identity"]), Self::LAST),
        }
    }

    /// The coding for a reply of so many bytes; nothing for none.
    ///
    /// Whoever takes neither a coding that is known here nor the plain reply gets the plain one.
    pub fn choose(self, bytes: usize) -> Option<Coding> {
        let (coding, weight) = if self.gzip >= self.deflate {
            (Coding::Gzip, self.gzip)
        } else {
            (Coding::Deflate, self.deflate)
        };
        let is_worth_it = bytes >= SMALLEST_COMPRESSED && weight >= self.identity;
        (weight > 0.0 && (is_worth_it || self.refuses_plain())).then_some(coding)
    }

    /// Whether a reply must not go as it is.
    pub fn refuses_plain(self) -> bool {
        self.identity <= 0.0
    }
}

/// A coding and its weight.
fn weighted(part: &str) -> Option<(&str, f32)> {
    let (name, parameter) = part.split_once(';').unwrap_or((part, ""));
    let weight = match parameter.split_once('=') {
        None if parameter.trim().is_empty() => 1.0,
        Some((q, weight)) if q.trim().eq_ignore_ascii_case("q") => weight.trim().parse().ok()?,
        None | Some(_) => return None,
    };
    (0.0..=1.0)
        .contains(&weight)
        .then_some((name.trim(), weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn named(header: &str, expected: Result<Option<Coding>, CodingError>) {
        assert_eq!(Coding::of(header), expected);
    }

    #[test]
    fn one_coding_is_read_and_no_other() {
        named("", Ok(None));
        named(" Identity ", Ok(None));
        named("GZIP", Ok(Some(Coding::Gzip)));
        named("x-gzip", Ok(Some(Coding::Gzip)));
        named("deflate", Ok(Some(Coding::Deflate)));
        named("br", Err(CodingError::Unknown("br".to_owned())));
        named(
            "gzip, gzip",
            Err(CodingError::Several("gzip, gzip".to_owned())),
        );
        named(
            "gzip,identity",
            Err(CodingError::Several("gzip,identity".to_owned())),
        );
    }

    #[test]
    fn what_is_compressed_comes_back_up_to_the_limit() {
        let body = b"a body, a body, a body";
        for coding in [Coding::Gzip, Coding::Deflate] {
            let encoded = coding.encode(body).unwrap();
            assert_eq!(coding.decode(&encoded, body.len()), Ok(body.to_vec()));
            let limit = body.len() - 1;
            assert_eq!(
                coding.decode(&encoded, limit),
                Err(CodingError::TooLarge { limit })
            );
        }
        let twice = [
            Coding::Gzip.encode(b"a").unwrap(),
            Coding::Gzip.encode(b"b").unwrap(),
        ];
        assert_eq!(Coding::Gzip.decode(&twice.concat(), 2), Ok(b"ab".to_vec()));
    }

    /// A body of a few kilobytes that holds gigabytes costs no more than the limit.
    #[test]
    fn a_bomb_is_left_at_the_limit() {
        let zeros = vec![0; 1 << 24];
        for coding in [Coding::Gzip, Coding::Deflate] {
            let encoded = coding.encode(&zeros).unwrap();
            assert!(encoded.len() < 200_000, "{}", encoded.len());
            assert_eq!(
                coding.decode(&encoded, 1000),
                Err(CodingError::TooLarge { limit: 1000 })
            );
        }
    }

    #[test]
    fn what_is_damaged_is_refused() {
        for coding in [Coding::Gzip, Coding::Deflate] {
            let damaged = Err(CodingError::Damaged(coding.name()));
            let encoded = coding.encode(b"a body, a body, a body").unwrap();
            for length in 0..encoded.len() {
                assert_eq!(coding.decode(&encoded[..length], 100), damaged, "{length}");
            }
            let more = [encoded.as_slice(), b"more"].concat();
            assert_eq!(coding.decode(&more, 100), damaged);
            let mut odd = encoded;
            let last = odd.len() - 1;
            odd[last] ^= 1;
            assert_eq!(coding.decode(&odd, 100), damaged);
            assert_eq!(coding.decode(b"{\"instances\": []}", 100), damaged);
        }
        let other = Coding::Gzip.encode(b"a").unwrap();
        assert!(Coding::Deflate.decode(&other, 100).is_err());
    }

    #[track_caller]
    fn chosen(header: &str, expected: Option<Coding>) {
        assert_eq!(Acceptable::of(header).choose(SMALLEST_COMPRESSED), expected);
    }

    #[test]
    fn the_weights_choose_the_coding() {
        chosen("", None);
        chosen("identity", None);
        chosen("br", None);
        chosen("gzip", Some(Coding::Gzip));
        chosen("deflate, GZIP;q=1.0", Some(Coding::Gzip));
        chosen("gzip;q=0.5, deflate ; Q = 0.8", Some(Coding::Deflate));
        chosen("gzip;q=0", None);
        chosen("*", Some(Coding::Gzip));
        chosen("gzip;q=0, *", Some(Coding::Deflate));
        chosen("*;q=0", None);
        chosen("identity, gzip;q=0.5", None);
        chosen("identity;q=0.5, gzip;q=0.5", Some(Coding::Gzip));
        chosen("gzip;q=2", None);
        chosen("gzip;q=NaN", None);
        chosen("gzip;level=9", None);
    }

    #[test]
    fn what_is_small_stays_as_it_is_unless_that_is_refused() {
        let small = SMALLEST_COMPRESSED - 1;
        assert_eq!(Acceptable::of("gzip").choose(small), None);
        assert_eq!(
            Acceptable::of("gzip, identity;q=0").choose(small),
            Some(Coding::Gzip)
        );
        assert_eq!(
            Acceptable::of("gzip, *;q=0").choose(small),
            Some(Coding::Gzip)
        );
    }
}
