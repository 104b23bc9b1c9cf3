//! Values as bytes, as the binary tensor extension of the Open Inference Protocol lays them out.
//!
//! Little-endian, one behind the other; a truth value is one byte, a text four bytes of length and
//! its UTF-8. What machine this runs on does not matter.

use half::{bf16, f16};

use super::{Datatype, Values};

/// The bytes of a text's length.
const LENGTH_BYTES: usize = 4;

/// Why bytes are no values of a datatype.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BytesError {
    /// They are not as many as the values have.
    #[error("must be {expected} bytes")]
    Length {
        /// How many they must be.
        expected: usize,
    },
    /// A truth value is neither 0 nor 1.
    #[error("the byte {given} is no truth value, which is 0 or 1")]
    Truth {
        /// The place of the value.
        index: usize,
        /// What it is.
        given: u8,
    },
    /// The bytes end within a text or its length.
    #[error("they end within text {index}, behind the length of each text must be its bytes")]
    Truncated {
        /// The place of the text.
        index: usize,
    },
    /// There are bytes behind the last text.
    #[error("{count} bytes are left over behind the last text")]
    LeftOver {
        /// How many.
        count: usize,
    },
    /// A text is not UTF-8.
    #[error("bytes that are not UTF-8")]
    Text {
        /// The place of the text.
        index: usize,
    },
}

/// Reads numbers of one width, copied as a block where the machine is little-endian too.
macro_rules! numbers {
    ($number:ty, $bytes:expr) => {{
        let (chunks, _) = $bytes.as_chunks::<{ size_of::<$number>() }>();
        chunks
            .iter()
            .map(|bytes| <$number>::from_le_bytes(*bytes))
            .collect()
    }};
}

/// Appends numbers of one width.
macro_rules! append {
    ($number:ty, $list:expr, $bytes:expr) => {{
        let start = $bytes.len();
        $bytes.resize(start + size_of_val($list.as_slice()), 0);
        let added = $bytes.get_mut(start..).unwrap_or_default();
        let (chunks, _) = added.as_chunks_mut::<{ size_of::<$number>() }>();
        for (chunk, number) in chunks.iter_mut().zip($list) {
            *chunk = number.to_le_bytes();
        }
    }};
}

impl Values {
    /// Reads so many values, which must be all of the bytes.
    pub fn from_bytes(datatype: Datatype, count: usize, bytes: &[u8]) -> Result<Self, BytesError> {
        if let Some(width) = datatype.width() {
            let expected = count.saturating_mul(width);
            if bytes.len() != expected {
                return Err(BytesError::Length { expected });
            }
        }
        Ok(match datatype {
            Datatype::Bool => Self::Bool(truths(bytes)?),
            Datatype::Uint8 => Self::Uint8(bytes.to_vec()),
            Datatype::Uint16 => Self::Uint16(numbers!(u16, bytes)),
            Datatype::Uint32 => Self::Uint32(numbers!(u32, bytes)),
            Datatype::Uint64 => Self::Uint64(numbers!(u64, bytes)),
            Datatype::Int8 => Self::Int8(numbers!(i8, bytes)),
            Datatype::Int16 => Self::Int16(numbers!(i16, bytes)),
            Datatype::Int32 => Self::Int32(numbers!(i32, bytes)),
            Datatype::Int64 => Self::Int64(numbers!(i64, bytes)),
            Datatype::Fp16 => Self::Fp16(numbers!(f16, bytes)),
            Datatype::Bf16 => Self::Bf16(numbers!(bf16, bytes)),
            Datatype::Fp32 => Self::Fp32(numbers!(f32, bytes)),
            Datatype::Fp64 => Self::Fp64(numbers!(f64, bytes)),
            Datatype::Bytes => Self::Bytes(texts(count, bytes)?),
            Datatype::Octets => {
                let lists = octets(count, bytes)?.into_iter();
                Self::Octets(lists.map(<[u8]>::to_vec).collect())
            }
        })
    }

    /// How many bytes the values have.
    pub fn byte_count(&self) -> usize {
        match (self, self.datatype().width()) {
            (Self::Bytes(list), _) => list.iter().map(|text| LENGTH_BYTES + text.len()).sum(),
            (Self::Octets(list), _) => list.iter().map(|one| LENGTH_BYTES + one.len()).sum(),
            (_, width) => self.len() * width.unwrap_or_default(),
        }
    }

    /// Appends the values as bytes.
    pub fn append_bytes(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Bool(list) => bytes.extend(list.iter().copied().map(u8::from)),
            Self::Uint8(list) => bytes.extend_from_slice(list),
            Self::Uint16(list) => append!(u16, list, bytes),
            Self::Uint32(list) => append!(u32, list, bytes),
            Self::Uint64(list) => append!(u64, list, bytes),
            Self::Int8(list) => append!(i8, list, bytes),
            Self::Int16(list) => append!(i16, list, bytes),
            Self::Int32(list) => append!(i32, list, bytes),
            Self::Int64(list) => append!(i64, list, bytes),
            Self::Fp16(list) => append!(f16, list, bytes),
            Self::Bf16(list) => append!(bf16, list, bytes),
            Self::Fp32(list) => append!(f32, list, bytes),
            Self::Fp64(list) => append!(f64, list, bytes),
            Self::Bytes(list) => {
                let texts = list.iter().map(String::as_bytes);
                texts.for_each(|text| append_octets(text, bytes));
            }
            Self::Octets(list) => list.iter().for_each(|one| append_octets(one, bytes)),
        }
    }
}

fn truths(bytes: &[u8]) -> Result<Vec<bool>, BytesError> {
    let truth = |(index, byte): (usize, &u8)| match byte {
        0 => Ok(false),
        1 => Ok(true),
        given => Err(BytesError::Truth {
            index,
            given: *given,
        }),
    };
    bytes.iter().enumerate().map(truth).collect()
}

/// The bytes of a text or the like, behind their length.
fn append_octets(octets: &[u8], bytes: &mut Vec<u8>) {
    // No answer is as long as the longest length: it would not fit into a reply.
    let length = u32::try_from(octets.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(octets);
}

fn texts(count: usize, bytes: &[u8]) -> Result<Vec<String>, BytesError> {
    let text = |(index, text)| match str::from_utf8(text) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(BytesError::Text { index }),
    };
    let lists = octets(count, bytes)?.into_iter().enumerate();
    lists.map(text).collect()
}

fn octets(count: usize, bytes: &[u8]) -> Result<Vec<&[u8]>, BytesError> {
    // As many as there are lengths for: the count is what a request says.
    let mut lists = Vec::with_capacity(count.min(bytes.len() / LENGTH_BYTES));
    let mut rest = bytes;
    for index in 0..count {
        let truncated = BytesError::Truncated { index };
        let (length, behind) = rest.split_first_chunk().ok_or(truncated)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| truncated)?;
        let (list, behind) = behind.split_at_checked(length).ok_or(truncated)?;
        lists.push(list);
        rest = behind;
    }
    if rest.is_empty() {
        Ok(lists)
    } else {
        Err(BytesError::LeftOver { count: rest.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: Values, bytes: &[u8]) {
        let (datatype, count) = (values.datatype(), values.len());
        let mut written = vec![9];
        values.append_bytes(&mut written);
        assert_eq!(written[1..], *bytes);
        assert_eq!(values.byte_count(), bytes.len());
        let read = Values::from_bytes(datatype, count, bytes).unwrap();
        // Compared as bytes, for not-a-number is not equal to itself.
        let mut again = Vec::new();
        read.append_bytes(&mut again);
        assert_eq!((read.datatype(), again.as_slice()), (datatype, bytes));
    }

    #[test]
    fn values_are_little_endian_one_behind_the_other() {
        check(Values::Bool(vec![true, false]), &[1, 0]);
        check(Values::Uint8(vec![0, 255]), &[0, 255]);
        check(Values::Int8(vec![-1, 127]), &[255, 127]);
        check(Values::Uint16(vec![0x0102]), &[2, 1]);
        check(Values::Int16(vec![-2]), &[254, 255]);
        check(Values::Uint32(vec![0x0102_0304]), &[4, 3, 2, 1]);
        check(
            Values::Int32(vec![-2, 1]),
            &[254, 255, 255, 255, 1, 0, 0, 0],
        );
        check(Values::Uint64(vec![u64::MAX]), &[255; 8]);
        check(Values::Int64(vec![i64::MIN]), &[0, 0, 0, 0, 0, 0, 0, 128]);
        check(Values::Fp16(vec![f16::from_f32(1.5)]), &[0, 0x3e]);
        check(Values::Bf16(vec![bf16::from_f32(1.5)]), &[0xc0, 0x3f]);
        check(
            Values::Fp32(vec![1.5, f32::NAN]),
            &[0, 0, 0xc0, 0x3f, 0, 0, 0xc0, 0x7f],
        );
        check(Values::Fp64(vec![1.5]), &[0, 0, 0, 0, 0, 0, 0xf8, 0x3f]);
        let texts = vec!["é".to_owned(), String::new(), "\0".to_owned()];
        check(
            Values::Bytes(texts),
            &[2, 0, 0, 0, 0xc3, 0xa9, 0, 0, 0, 0, 1, 0, 0, 0, 0],
        );
        check(Values::Fp32(Vec::new()), &[]);
    }

    #[track_caller]
    fn refused(datatype: Datatype, count: usize, bytes: &[u8], expected: BytesError) {
        assert_eq!(Values::from_bytes(datatype, count, bytes), Err(expected));
    }

    #[test]
    fn bytes_that_are_no_values_are_refused() {
        use BytesError::*;
        refused(Datatype::Fp32, 2, &[0; 7], Length { expected: 8 });
        refused(Datatype::Fp32, 2, &[0; 9], Length { expected: 8 });
        refused(
            Datatype::Fp64,
            usize::MAX,
            &[0; 8],
            Length {
                expected: usize::MAX,
            },
        );
        refused(Datatype::Bool, 2, &[1, 2], Truth { index: 1, given: 2 });
        refused(Datatype::Bytes, 1, &[1, 0, 0], Truncated { index: 0 });
        refused(
            Datatype::Bytes,
            1,
            &[2, 0, 0, 0, 65],
            Truncated { index: 0 },
        );
        refused(
            Datatype::Bytes,
            1,
            &[255, 255, 255, 255, 65],
            Truncated { index: 0 },
        );
        refused(
            Datatype::Bytes,
            usize::MAX,
            &[0, 0, 0, 0],
            Truncated { index: 1 },
        );
        refused(Datatype::Bytes, 1, &[0, 0, 0, 0, 0], LeftOver { count: 1 });
        refused(Datatype::Bytes, 1, &[1, 0, 0, 0, 255], Text { index: 0 });
    }
}
