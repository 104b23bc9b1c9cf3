//! From one datatype to another, only where nothing is lost.

use half::{bf16, f16};

use super::base64::decoded;
use super::{Datatype, Values};

/// Values that another datatype cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// Some values of the one are none of the other, whatever they are here.
    #[error("`{from}` is not read as `{to}`, for that could lose digits")]
    Types {
        /// The datatype given.
        from: Datatype,
        /// The datatype wanted.
        to: Datatype,
    },
    /// This value is none of the datatype wanted.
    #[error("value {index} of `{from}` is not exact as `{to}`")]
    Value {
        /// The datatype given.
        from: Datatype,
        /// The datatype wanted.
        to: Datatype,
        /// The place of the value in row-major order.
        index: usize,
    },
}

impl Values {
    /// The same values as another datatype.
    ///
    /// Integers become any number that holds each of them exactly; floats become wider floats.
    /// Floats never become narrower or integers: whether that works would depend on the digits,
    /// and a caller who tries it with round numbers would be surprised later.
    pub fn convert(self, to: Datatype) -> Result<Self, ConvertError> {
        let from = self.datatype();
        if from == to {
            return Ok(self);
        }
        match self {
            Self::Fp16(list) if to == Datatype::Fp32 => {
                Ok(Self::Fp32(list.into_iter().map(f16::to_f32).collect()))
            }
            Self::Fp16(list) if to == Datatype::Fp64 => {
                Ok(Self::Fp64(list.into_iter().map(f16::to_f64).collect()))
            }
            Self::Bf16(list) if to == Datatype::Fp32 => {
                Ok(Self::Fp32(list.into_iter().map(bf16::to_f32).collect()))
            }
            Self::Bf16(list) if to == Datatype::Fp64 => {
                Ok(Self::Fp64(list.into_iter().map(bf16::to_f64).collect()))
            }
            // Bytes of images, which are many: each is exact.
            Self::Uint8(list) if to == Datatype::Fp32 => {
                Ok(Self::Fp32(list.into_iter().map(f32::from).collect()))
            }
            Self::Fp32(list) if to == Datatype::Fp64 => {
                Ok(Self::Fp64(list.into_iter().map(f64::from).collect()))
            }
            Self::Bytes(list) if to == Datatype::Octets => decode(&list).map(Self::Octets),
            Self::Uint8(list) => integers(list, from, to),
            Self::Uint16(list) => integers(list, from, to),
            Self::Uint32(list) => integers(list, from, to),
            Self::Uint64(list) => integers(list, from, to),
            Self::Int8(list) => integers(list, from, to),
            Self::Int16(list) => integers(list, from, to),
            Self::Int32(list) => integers(list, from, to),
            Self::Int64(list) => integers(list, from, to),
            Self::Bool(_) | Self::Bytes(_) | Self::Octets(_) => {
                Err(ConvertError::Types { from, to })
            }
            Self::Fp16(_) | Self::Bf16(_) | Self::Fp32(_) | Self::Fp64(_) => {
                Err(ConvertError::Types { from, to })
            }
        }
    }
}

/// Texts that are the base64 of something.
fn decode(texts: &[String]) -> Result<Vec<Vec<u8>>, ConvertError> {
    let (from, to) = (Datatype::Bytes, Datatype::Octets);
    let texts = texts.iter().enumerate();
    let octets =
        texts.map(|(index, text)| decoded(text).ok_or(ConvertError::Value { from, to, index }));
    octets.collect()
}

/// 128 bits hold every integer of 64 bits, signed or not.
fn integers<T: Into<i128>>(
    list: Vec<T>,
    from: Datatype,
    to: Datatype,
) -> Result<Values, ConvertError> {
    let numbers = list.into_iter().map(Into::into);
    match to {
        Datatype::Uint8 => {
            each(numbers, from, to, |number| number.try_into().ok()).map(Values::Uint8)
        }
        Datatype::Uint16 => {
            each(numbers, from, to, |number| number.try_into().ok()).map(Values::Uint16)
        }
        Datatype::Uint32 => {
            each(numbers, from, to, |number| number.try_into().ok()).map(Values::Uint32)
        }
        Datatype::Uint64 => {
            each(numbers, from, to, |number| number.try_into().ok()).map(Values::Uint64)
        }
        Datatype::Int8 => {
            each(numbers, from, to, |number| number.try_into().ok()).map(Values::Int8)
        }
        Datatype::Int16 => {
            each(numbers, from, to, |number| number.try_into().ok()).map(Values::Int16)
        }
        Datatype::Int32 => {
            each(numbers, from, to, |number| number.try_into().ok()).map(Values::Int32)
        }
        Datatype::Int64 => {
            each(numbers, from, to, |number| number.try_into().ok()).map(Values::Int64)
        }
        Datatype::Fp16 => each(numbers, from, to, |number| {
            Some(f16::from_f64(number as f64))
                .filter(|float| float.to_f64() as i128 == number && float.is_finite())
        })
        .map(Values::Fp16),
        Datatype::Bf16 => each(numbers, from, to, |number| {
            Some(bf16::from_f64(number as f64))
                .filter(|float| float.to_f64() as i128 == number && float.is_finite())
        })
        .map(Values::Bf16),
        Datatype::Fp32 => each(numbers, from, to, |number| {
            Some(number as f32).filter(|float| *float as i128 == number)
        })
        .map(Values::Fp32),
        Datatype::Fp64 => each(numbers, from, to, |number| {
            Some(number as f64).filter(|float| *float as i128 == number)
        })
        .map(Values::Fp64),
        Datatype::Bool | Datatype::Bytes | Datatype::Octets => {
            Err(ConvertError::Types { from, to })
        }
    }
}

fn each<T>(
    numbers: impl Iterator<Item = i128>,
    from: Datatype,
    to: Datatype,
    convert: impl Fn(i128) -> Option<T>,
) -> Result<Vec<T>, ConvertError> {
    let converted = numbers.map(convert).enumerate();
    converted
        .map(|(index, value)| value.ok_or(ConvertError::Value { from, to, index }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: Values, to: Datatype, expected: Result<Values, Option<usize>>) {
        let converted = given.convert(to).map_err(|error| match error {
            ConvertError::Types { .. } => None,
            ConvertError::Value { index, .. } => Some(index),
        });
        assert_eq!(converted, expected);
    }

    #[test]
    fn integers_convert_where_each_is_exact() {
        check(
            Values::Int64(vec![0, 255]),
            Datatype::Uint8,
            Ok(Values::Uint8(vec![0, 255])),
        );
        check(Values::Int64(vec![0, 256]), Datatype::Uint8, Err(Some(1)));
        check(
            Values::Uint64(vec![u64::MAX]),
            Datatype::Int64,
            Err(Some(0)),
        );
        check(
            Values::Int64(vec![1 << 24]),
            Datatype::Fp32,
            Ok(Values::Fp32(vec![16_777_216.0])),
        );
        check(
            Values::Int64(vec![(1 << 24) + 1]),
            Datatype::Fp32,
            Err(Some(0)),
        );
        check(
            Values::Int64(vec![(1 << 53) + 1]),
            Datatype::Fp64,
            Err(Some(0)),
        );
        check(Values::Int64(vec![i64::MAX]), Datatype::Fp64, Err(Some(0)));
        check(
            Values::Int32(vec![2048]),
            Datatype::Fp16,
            Ok(Values::Fp16(vec![f16::from_f32(2048.0)])),
        );
        check(Values::Int32(vec![2049]), Datatype::Fp16, Err(Some(0)));
        check(Values::Int32(vec![70_000]), Datatype::Fp16, Err(Some(0)));
        check(
            Values::Int32(vec![256]),
            Datatype::Bf16,
            Ok(Values::Bf16(vec![bf16::from_f32(256.0)])),
        );
        check(Values::Int32(vec![257]), Datatype::Bf16, Err(Some(0)));
        check(
            Values::Uint8(vec![0, 255]),
            Datatype::Fp32,
            Ok(Values::Fp32(vec![0.0, 255.0])),
        );
    }

    #[test]
    fn floats_only_widen() {
        check(
            Values::Fp32(vec![0.1]),
            Datatype::Fp64,
            Ok(Values::Fp64(vec![f64::from(0.1f32)])),
        );
        check(
            Values::Fp16(vec![f16::ONE]),
            Datatype::Fp32,
            Ok(Values::Fp32(vec![1.0])),
        );
        check(
            Values::Bf16(vec![bf16::from_f32(0.1)]),
            Datatype::Fp32,
            Ok(Values::Fp32(vec![0.100_097_656])),
        );
        check(
            Values::Bf16(vec![bf16::ONE]),
            Datatype::Fp64,
            Ok(Values::Fp64(vec![1.0])),
        );
        check(Values::Bf16(vec![bf16::ONE]), Datatype::Fp16, Err(None));
        check(Values::Fp16(vec![f16::ONE]), Datatype::Bf16, Err(None));
        check(Values::Fp64(vec![1.0]), Datatype::Fp32, Err(None));
        check(Values::Fp32(vec![1.0]), Datatype::Int64, Err(None));
    }

    #[test]
    fn truth_and_text_stay_what_they_are() {
        check(
            Values::Bool(vec![true]),
            Datatype::Bool,
            Ok(Values::Bool(vec![true])),
        );
        check(Values::Bool(vec![true]), Datatype::Int64, Err(None));
        check(Values::Int64(vec![1]), Datatype::Bool, Err(None));
        check(
            Values::Bytes(vec![String::new()]),
            Datatype::Fp32,
            Err(None),
        );
    }
}
