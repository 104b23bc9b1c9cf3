//! The values of a tensor, and how one scalar of a request becomes one of them without loss.

use half::{bf16, f16};
use serde::{Serialize, Serializer};

use super::Datatype;
use super::base64::{decoded, encoded};

/// One scalar as a request gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// Nothing: not-a-number where values are floats.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer from 0.
    Unsigned(u64),
    /// An integer below 0.
    Signed(i64),
    /// A number with a fraction or an exponent, or an integer beyond 64 bits.
    Float(f64),
    /// Text.
    Text(&'a str),
}

/// Values of one datatype.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants are those of `Datatype`")]
pub enum Values {
    Bool(Vec<bool>),
    Uint8(Vec<u8>),
    Uint16(Vec<u16>),
    Uint32(Vec<u32>),
    Uint64(Vec<u64>),
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Fp16(Vec<f16>),
    Bf16(Vec<bf16>),
    Fp32(Vec<f32>),
    Fp64(Vec<f64>),
    Bytes(Vec<String>),
    Octets(Vec<Vec<u8>>),
}

/// Runs one expression for whichever list of values there is.
macro_rules! each {
    ($values:expr, $list:ident => $result:expr) => {
        match $values {
            Values::Bool($list) => $result,
            Values::Uint8($list) => $result,
            Values::Uint16($list) => $result,
            Values::Uint32($list) => $result,
            Values::Uint64($list) => $result,
            Values::Int8($list) => $result,
            Values::Int16($list) => $result,
            Values::Int32($list) => $result,
            Values::Int64($list) => $result,
            Values::Fp16($list) => $result,
            Values::Bf16($list) => $result,
            Values::Fp32($list) => $result,
            Values::Fp64($list) => $result,
            Values::Bytes($list) => $result,
            Values::Octets($list) => $result,
        }
    };
}

impl Values {
    /// An empty list of a datatype.
    pub fn new(datatype: Datatype) -> Self {
        match datatype {
            Datatype::Bool => Self::Bool(Vec::new()),
            Datatype::Uint8 => Self::Uint8(Vec::new()),
            Datatype::Uint16 => Self::Uint16(Vec::new()),
            Datatype::Uint32 => Self::Uint32(Vec::new()),
            Datatype::Uint64 => Self::Uint64(Vec::new()),
            Datatype::Int8 => Self::Int8(Vec::new()),
            Datatype::Int16 => Self::Int16(Vec::new()),
            Datatype::Int32 => Self::Int32(Vec::new()),
            Datatype::Int64 => Self::Int64(Vec::new()),
            Datatype::Fp16 => Self::Fp16(Vec::new()),
            Datatype::Bf16 => Self::Bf16(Vec::new()),
            Datatype::Fp32 => Self::Fp32(Vec::new()),
            Datatype::Fp64 => Self::Fp64(Vec::new()),
            Datatype::Bytes => Self::Bytes(Vec::new()),
            Datatype::Octets => Self::Octets(Vec::new()),
        }
    }

    /// The datatype of these values.
    pub fn datatype(&self) -> Datatype {
        match self {
            Self::Bool(_) => Datatype::Bool,
            Self::Uint8(_) => Datatype::Uint8,
            Self::Uint16(_) => Datatype::Uint16,
            Self::Uint32(_) => Datatype::Uint32,
            Self::Uint64(_) => Datatype::Uint64,
            Self::Int8(_) => Datatype::Int8,
            Self::Int16(_) => Datatype::Int16,
            Self::Int32(_) => Datatype::Int32,
            Self::Int64(_) => Datatype::Int64,
            Self::Fp16(_) => Datatype::Fp16,
            Self::Bf16(_) => Datatype::Bf16,
            Self::Fp32(_) => Datatype::Fp32,
            Self::Fp64(_) => Datatype::Fp64,
            Self::Bytes(_) => Datatype::Bytes,
            Self::Octets(_) => Datatype::Octets,
        }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        each!(self, list => list.len())
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes room for as many values more.
    pub fn reserve(&mut self, additional: usize) {
        each!(self, list => list.reserve(additional));
    }

    /// Appends a scalar if the datatype can hold it, and says whether it can.
    ///
    /// Decimals are rounded to the nearest float, as everywhere; a float that would become
    /// infinite and an integer that is out of range or has a fraction cannot be held.
    #[must_use]
    #[inline]
    pub fn push(&mut self, scalar: Scalar<'_>) -> bool {
        // By far the most, and by far the most at once.
        if let (Self::Fp32(list), Scalar::Float(number)) = (&mut *self, scalar) {
            return append(
                list,
                Some(narrow(number)).filter(|number| !number.is_infinite()),
            );
        }
        self.push_any(scalar)
    }

    fn push_any(&mut self, scalar: Scalar<'_>) -> bool {
        match self {
            Self::Bool(list) => append(list, boolean(scalar)),
            Self::Uint8(list) => append(list, integer(scalar)),
            Self::Uint16(list) => append(list, integer(scalar)),
            Self::Uint32(list) => append(list, integer(scalar)),
            Self::Uint64(list) => append(list, integer(scalar)),
            Self::Int8(list) => append(list, integer(scalar)),
            Self::Int16(list) => append(list, integer(scalar)),
            Self::Int32(list) => append(list, integer(scalar)),
            Self::Int64(list) => append(list, integer(scalar)),
            Self::Fp16(list) => append(list, float(scalar, half, f16::is_infinite)),
            Self::Bf16(list) => append(list, float(scalar, upper_half, bf16::is_infinite)),
            Self::Fp32(list) => append(list, float(scalar, narrow, f32::is_infinite)),
            Self::Fp64(list) => append(list, float(scalar, |number| number, f64::is_infinite)),
            Self::Bytes(list) => append(list, text(scalar)),
            Self::Octets(list) => append(list, octets(scalar)),
        }
    }

    /// One value, as a request gives it.
    pub fn scalar(&self, index: usize) -> Option<Scalar<'_>> {
        let float = |number: f64| {
            if number.is_nan() {
                Scalar::Null
            } else {
                Scalar::Float(number)
            }
        };
        let signed = |number: i64| match u64::try_from(number) {
            Ok(number) => Scalar::Unsigned(number),
            Err(_) => Scalar::Signed(number),
        };
        match self {
            Self::Bool(list) => list.get(index).map(|value| Scalar::Bool(*value)),
            Self::Uint8(list) => list
                .get(index)
                .map(|number| Scalar::Unsigned((*number).into())),
            Self::Uint16(list) => list
                .get(index)
                .map(|number| Scalar::Unsigned((*number).into())),
            Self::Uint32(list) => list
                .get(index)
                .map(|number| Scalar::Unsigned((*number).into())),
            Self::Uint64(list) => list.get(index).map(|number| Scalar::Unsigned(*number)),
            Self::Int8(list) => list.get(index).map(|number| signed((*number).into())),
            Self::Int16(list) => list.get(index).map(|number| signed((*number).into())),
            Self::Int32(list) => list.get(index).map(|number| signed((*number).into())),
            Self::Int64(list) => list.get(index).map(|number| signed(*number)),
            Self::Fp16(list) => list.get(index).map(|number| float(number.to_f64())),
            Self::Bf16(list) => list.get(index).map(|number| float(number.to_f64())),
            Self::Fp32(list) => list.get(index).map(|number| float((*number).into())),
            Self::Fp64(list) => list.get(index).map(|number| float(*number)),
            Self::Bytes(list) => list.get(index).map(|text| Scalar::Text(text)),
            // No scalar of a request is bytes: they come in text.
            Self::Octets(_) => None,
        }
    }

    /// Moves the last values, each to the place that is named for it; every place is named once.
    pub fn arrange_last(&mut self, places: &[usize]) {
        each!(self, list => arrange_last(list, places));
    }

    /// Appends a stretch of other values, and says whether they are of this datatype.
    #[must_use]
    pub fn append_range(&mut self, other: &Self, range: std::ops::Range<usize>) -> bool {
        match (self, other) {
            (Self::Bool(list), Self::Bool(other)) => list.extend_from_slice(slice(other, range)),
            (Self::Uint8(list), Self::Uint8(other)) => list.extend_from_slice(slice(other, range)),
            (Self::Uint16(list), Self::Uint16(other)) => {
                list.extend_from_slice(slice(other, range))
            }
            (Self::Uint32(list), Self::Uint32(other)) => {
                list.extend_from_slice(slice(other, range))
            }
            (Self::Uint64(list), Self::Uint64(other)) => {
                list.extend_from_slice(slice(other, range))
            }
            (Self::Int8(list), Self::Int8(other)) => list.extend_from_slice(slice(other, range)),
            (Self::Int16(list), Self::Int16(other)) => list.extend_from_slice(slice(other, range)),
            (Self::Int32(list), Self::Int32(other)) => list.extend_from_slice(slice(other, range)),
            (Self::Int64(list), Self::Int64(other)) => list.extend_from_slice(slice(other, range)),
            (Self::Fp16(list), Self::Fp16(other)) => list.extend_from_slice(slice(other, range)),
            (Self::Bf16(list), Self::Bf16(other)) => list.extend_from_slice(slice(other, range)),
            (Self::Fp32(list), Self::Fp32(other)) => list.extend_from_slice(slice(other, range)),
            (Self::Fp64(list), Self::Fp64(other)) => list.extend_from_slice(slice(other, range)),
            (Self::Bytes(list), Self::Bytes(other)) => list.extend_from_slice(slice(other, range)),
            (Self::Octets(list), Self::Octets(other)) => {
                list.extend_from_slice(slice(other, range))
            }
            (_, _) => return false,
        }
        true
    }

    /// As many values as a synthetic input needs: `number` in each place, or empty text.
    pub fn filled(datatype: Datatype, number: u64, length: usize) -> Self {
        let scalar = if datatype == Datatype::Bool {
            Scalar::Bool(number != 0)
        } else if matches!(datatype, Datatype::Bytes | Datatype::Octets) {
            Scalar::Text("")
        } else {
            Scalar::Unsigned(number)
        };
        let mut values = Self::new(datatype);
        let held = (0..length).all(|_| values.push(scalar));
        debug_assert!(held, "{number} is no {datatype}");
        values
    }

    /// The place of the first value that is not finite.
    pub fn not_finite(&self) -> Option<usize> {
        match self {
            Self::Fp16(list) => list.iter().position(|number| !number.is_finite()),
            Self::Bf16(list) => list.iter().position(|number| !number.is_finite()),
            Self::Fp32(list) => list.iter().position(|number| !number.is_finite()),
            Self::Fp64(list) => list.iter().position(|number| !number.is_finite()),
            Self::Bool(_) | Self::Bytes(_) | Self::Octets(_) => None,
            Self::Uint8(_) | Self::Uint16(_) | Self::Uint32(_) | Self::Uint64(_) => None,
            Self::Int8(_) | Self::Int16(_) | Self::Int32(_) | Self::Int64(_) => None,
        }
    }

    /// Writes the values of one stretch as a list.
    ///
    /// A float that is not finite is written as `null`: JSON has no other word for it.
    pub fn serialize_range<S: Serializer>(
        &self,
        range: std::ops::Range<usize>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fp16(list) => {
                serializer.collect_seq(slice(list, range).iter().map(|number| number.to_f32()))
            }
            Self::Bf16(list) => {
                serializer.collect_seq(slice(list, range).iter().map(|number| number.to_f32()))
            }
            Self::Bool(list) => slice(list, range).serialize(serializer),
            Self::Uint8(list) => slice(list, range).serialize(serializer),
            Self::Uint16(list) => slice(list, range).serialize(serializer),
            Self::Uint32(list) => slice(list, range).serialize(serializer),
            Self::Uint64(list) => slice(list, range).serialize(serializer),
            Self::Int8(list) => slice(list, range).serialize(serializer),
            Self::Int16(list) => slice(list, range).serialize(serializer),
            Self::Int32(list) => slice(list, range).serialize(serializer),
            Self::Int64(list) => slice(list, range).serialize(serializer),
            Self::Fp32(list) => slice(list, range).serialize(serializer),
            Self::Fp64(list) => slice(list, range).serialize(serializer),
            Self::Bytes(list) => slice(list, range).serialize(serializer),
            Self::Octets(list) => serializer.collect_seq(slice(list, range).iter().map(encoded)),
        }
    }

    /// Writes one value; `null` where there is none.
    pub fn serialize_one<S: Serializer>(
        &self,
        index: usize,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fp16(list) => list
                .get(index)
                .map(|number| number.to_f32())
                .serialize(serializer),
            Self::Bf16(list) => list
                .get(index)
                .map(|number| number.to_f32())
                .serialize(serializer),
            Self::Bool(list) => list.get(index).serialize(serializer),
            Self::Uint8(list) => list.get(index).serialize(serializer),
            Self::Uint16(list) => list.get(index).serialize(serializer),
            Self::Uint32(list) => list.get(index).serialize(serializer),
            Self::Uint64(list) => list.get(index).serialize(serializer),
            Self::Int8(list) => list.get(index).serialize(serializer),
            Self::Int16(list) => list.get(index).serialize(serializer),
            Self::Int32(list) => list.get(index).serialize(serializer),
            Self::Int64(list) => list.get(index).serialize(serializer),
            Self::Fp32(list) => list.get(index).serialize(serializer),
            Self::Fp64(list) => list.get(index).serialize(serializer),
            Self::Bytes(list) => list.get(index).serialize(serializer),
            Self::Octets(list) => list.get(index).map(encoded).serialize(serializer),
        }
    }
}

fn arrange_last<T>(list: &mut [T], places: &[usize]) {
    let start = list.len().saturating_sub(places.len());
    let mut places = places.to_vec();
    for index in 0..places.len() {
        // Each turn brings one value to its place.
        for _ in 0..places.len() {
            match places.get(index) {
                Some(place) if *place != index && *place < places.len() => {
                    let place = *place;
                    list.swap(start + index, start + place);
                    places.swap(index, place);
                }
                Some(_) | None => break,
            }
        }
    }
}

fn slice<T>(list: &[T], range: std::ops::Range<usize>) -> &[T] {
    list.get(range).unwrap_or_default()
}

#[inline]
fn append<T>(list: &mut Vec<T>, value: Option<T>) -> bool {
    match value {
        Some(value) => list.push(value),
        None => return false,
    }
    true
}

fn boolean(scalar: Scalar<'_>) -> Option<bool> {
    match scalar {
        Scalar::Bool(value) => Some(value),
        Scalar::Null
        | Scalar::Unsigned(_)
        | Scalar::Signed(_)
        | Scalar::Float(_)
        | Scalar::Text(_) => None,
    }
}

fn text(scalar: Scalar<'_>) -> Option<String> {
    match scalar {
        Scalar::Text(text) => Some(text.to_owned()),
        Scalar::Null
        | Scalar::Bool(_)
        | Scalar::Unsigned(_)
        | Scalar::Signed(_)
        | Scalar::Float(_) => None,
    }
}

/// Bytes come in text, as base64.
fn octets(scalar: Scalar<'_>) -> Option<Vec<u8>> {
    match scalar {
        Scalar::Text(text) => decoded(text),
        Scalar::Null
        | Scalar::Bool(_)
        | Scalar::Unsigned(_)
        | Scalar::Signed(_)
        | Scalar::Float(_) => None,
    }
}

/// Integers up to this magnitude are exact as 64-bit floats.
const EXACT: f64 = 9_007_199_254_740_992.0;

fn integer<T: TryFrom<u64> + TryFrom<i64>>(scalar: Scalar<'_>) -> Option<T> {
    match scalar {
        Scalar::Unsigned(number) => T::try_from(number).ok(),
        Scalar::Signed(number) => T::try_from(number).ok(),
        Scalar::Float(number) if number.fract() == 0.0 && number.abs() < EXACT => {
            T::try_from(number as i64).ok()
        }
        Scalar::Null | Scalar::Bool(_) | Scalar::Float(_) | Scalar::Text(_) => None,
    }
}

fn float<T: Copy>(
    scalar: Scalar<'_>,
    round: impl Fn(f64) -> T,
    is_infinite: impl Fn(T) -> bool,
) -> Option<T> {
    let number = match scalar {
        Scalar::Null => f64::NAN,
        Scalar::Unsigned(number) => number as f64,
        Scalar::Signed(number) => number as f64,
        Scalar::Float(number) => number,
        Scalar::Bool(_) | Scalar::Text(_) => return None,
    };
    Some(round(number)).filter(|number| !is_infinite(*number))
}

fn narrow(number: f64) -> f32 {
    number as f32
}

fn half(number: f64) -> f16 {
    f16::from_f32(marked(number))
}

fn upper_half(number: f64) -> bf16 {
    bf16::from_f32(marked(number))
}

/// A 32-bit float next to the number, whose last bit is set where it is not the number itself. To round that to
/// fewer bits is to round the number: rounding twice would take what is just above the middle for the middle.
fn marked(number: f64) -> f32 {
    let nearest = number as f32;
    let is_exact = f64::from(nearest) == number || number.is_nan();
    let bits = nearest.to_bits();
    if is_exact || bits & 1 == 1 {
        return nearest;
    }
    let is_outward = f64::from(nearest).abs() > number.abs();
    f32::from_bits(if is_outward { bits - 1 } else { bits + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Datatype::*;
    use Scalar::{Float, Null, Signed, Text, Unsigned};

    #[track_caller]
    fn check(datatype: Datatype, scalar: Scalar<'_>, expected: Option<&str>) {
        let mut values = Values::new(datatype);
        let held = values.push(scalar);
        let mut json = serde_json::Serializer::new(Vec::new());
        values.serialize_range(0..values.len(), &mut json).unwrap();
        let json = String::from_utf8(json.into_inner()).unwrap();
        assert_eq!(held.then_some(json.as_str()), expected);
        assert_eq!(values.len(), usize::from(held));
        assert_eq!(values.datatype(), datatype);
    }

    #[test]
    fn integers_are_exact_up_to_their_limits() {
        check(Int64, Signed(i64::MIN), Some("[-9223372036854775808]"));
        check(
            Int64,
            Unsigned(i64::MAX as u64),
            Some("[9223372036854775807]"),
        );
        check(Int64, Unsigned(i64::MAX as u64 + 1), None);
        check(Uint64, Unsigned(u64::MAX), Some("[18446744073709551615]"));
        check(Uint64, Signed(-1), None);
        check(Uint8, Unsigned(255), Some("[255]"));
        check(Uint8, Unsigned(256), None);
        check(Int8, Signed(-128), Some("[-128]"));
        check(Int8, Signed(-129), None);
        check(Int16, Unsigned(32768), None);
        check(Uint16, Unsigned(65535), Some("[65535]"));
        check(Int32, Signed(i64::from(i32::MIN)), Some("[-2147483648]"));
        check(Uint32, Unsigned(1 << 32), None);
    }

    #[test]
    fn a_float_is_an_integer_only_without_a_fraction() {
        check(Int64, Float(2.0), Some("[2]"));
        check(Int64, Float(-0.0), Some("[0]"));
        check(Int64, Float(2.5), None);
        check(Int64, Float(EXACT - 1.0), Some("[9007199254740991]"));
        check(Int64, Float(EXACT), None);
    }

    #[test]
    fn floats_round_but_do_not_overflow() {
        check(Fp32, Float(0.1), Some("[0.1]"));
        check(Fp32, Unsigned(3), Some("[3.0]"));
        check(Fp32, Float(3.4e38), Some("[3.4e+38]"));
        check(Fp32, Float(3.5e38), None);
        check(Fp64, Float(3.5e38), Some("[3.5e+38]"));
        check(Fp16, Float(65504.0), Some("[65504.0]"));
        check(Fp16, Float(65536.0), None);
        check(Fp16, Float(0.1), Some("[0.099975586]"));
        check(Bf16, Float(0.1), Some("[0.100097656]"));
        check(Bf16, Float(3.38e38), Some("[3.3762391e+38]"));
        check(Bf16, Float(3.4e38), None);
    }

    #[test]
    fn what_is_just_beside_the_middle_is_rounded_once() {
        check(Fp16, Float(65519.99999999999), Some("[65504.0]"));
        check(Fp16, Float(-65519.99999999999), Some("[-65504.0]"));
        check(Fp16, Float(65520.0), None);
        check(Fp16, Float(2049.0), Some("[2048.0]"));
        check(Fp16, Float(2049.000000001), Some("[2050.0]"));
        check(Fp16, Float(2050.999999999), Some("[2050.0]"));
        check(Bf16, Float(257.0), Some("[256.0]"));
        check(Bf16, Float(257.000000001), Some("[258.0]"));
        check(Bf16, Float(3.396177529230459e38), Some("[3.3895314e+38]"));
        check(Bf16, Float(3.396_177_529_230_46e38), None);
        check(Fp16, Float(1e-320), Some("[0.0]"));
    }

    #[test]
    fn null_is_not_a_number_and_only_floats_have_it() {
        for datatype in [Fp16, Bf16, Fp32, Fp64] {
            check(datatype, Null, Some("[null]"));
        }
        for datatype in [Bool, Int64, Uint8, Bytes] {
            check(datatype, Null, None);
        }
    }

    #[test]
    fn truth_text_and_numbers_do_not_mix() {
        check(Bool, Scalar::Bool(true), Some("[true]"));
        check(Bool, Unsigned(1), None);
        check(Int64, Scalar::Bool(true), None);
        check(Fp32, Scalar::Bool(true), None);
        check(Fp32, Text("1"), None);
        check(Bytes, Text("é"), Some("[\"é\"]"));
        check(Bytes, Unsigned(1), None);
    }

    #[test]
    fn the_last_values_are_put_in_order() {
        let arranged = |places: &[usize]| {
            let mut values = Values::Uint8(vec![9, 10, 20, 30]);
            values.arrange_last(places);
            values
        };
        assert_eq!(arranged(&[0, 1, 2]), Values::Uint8(vec![9, 10, 20, 30]));
        assert_eq!(arranged(&[2, 1, 0]), Values::Uint8(vec![9, 30, 20, 10]));
        assert_eq!(arranged(&[1, 2, 0]), Values::Uint8(vec![9, 30, 10, 20]));
        assert_eq!(arranged(&[1, 0]), Values::Uint8(vec![9, 10, 30, 20]));
        assert_eq!(arranged(&[]), Values::Uint8(vec![9, 10, 20, 30]));
    }

    #[test]
    fn a_value_that_is_not_finite_is_found() {
        assert_eq!(Values::Fp32(vec![1.0, f32::NAN]).not_finite(), Some(1));
        assert_eq!(Values::Fp64(vec![f64::INFINITY]).not_finite(), Some(0));
        assert_eq!(Values::Fp16(vec![f16::ONE]).not_finite(), None);
        assert_eq!(Values::Int64(vec![1]).not_finite(), None);
    }
}
