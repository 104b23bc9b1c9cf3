//! The places of keys in a list, found again in constant time.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;
use tract_onnx::tract_hir::internal::*;

/// A table of places may be this many times longer than the list of keys, and then some.
const SPARSENESS: usize = 4;

/// The shortest table that is too long, whatever the keys.
const SHORT: usize = 256;

/// Which of several equal keys is found.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Twin {
    First,
    Last,
}

/// The places of integers.
#[derive(Debug)]
pub(crate) enum Integers {
    /// Place by distance from the smallest key.
    Table {
        smallest: i64,
        places: Vec<Option<u32>>,
    },
    Hashed(HashMap<i64, u32, RandomState>),
}

/// The places of texts.
#[derive(Debug)]
pub(crate) struct Texts(HashMap<String, u32, RandomState>);

/// The places of floats: all NaNs are one key, and so are both zeros.
#[derive(Debug)]
pub(crate) struct Floats(HashMap<u64, u32, RandomState>);

impl Integers {
    /// The places of these keys.
    pub(crate) fn of(keys: &[i64], twin: Twin) -> TractResult<Self> {
        let places = hashed(keys.iter().copied(), twin)?;
        let (Some(smallest), Some(largest)) = (keys.iter().min(), keys.iter().max()) else {
            return Ok(Self::Hashed(places));
        };
        let span = usize::try_from(largest.abs_diff(*smallest)).unwrap_or(usize::MAX);
        if span >= SHORT.max(keys.len().saturating_mul(SPARSENESS)) {
            return Ok(Self::Hashed(places));
        }
        let table = (0..=span).map(|distance| {
            let distance = i64::try_from(distance).ok()?;
            places.get(&smallest.checked_add(distance)?).copied()
        });
        Ok(Self::Table {
            smallest: *smallest,
            places: table.collect(),
        })
    }

    /// The place of a key.
    #[inline]
    pub(crate) fn get(&self, key: i64) -> Option<usize> {
        let place = match self {
            Self::Table { smallest, places } => {
                let distance = usize::try_from(key.checked_sub(*smallest)?).ok()?;
                places.get(distance).copied().flatten()
            }
            Self::Hashed(places) => places.get(&key).copied(),
        };
        place.map(|place| place as usize)
    }
}

impl Texts {
    /// The places of these keys.
    pub(crate) fn of(keys: &[String], twin: Twin) -> TractResult<Self> {
        hashed(keys.iter().cloned(), twin).map(Self)
    }

    /// The place of a key.
    #[inline]
    pub(crate) fn get(&self, key: &str) -> Option<usize> {
        self.0.get(key).map(|place| *place as usize)
    }
}

impl Floats {
    /// The places of these keys; a NaN among them may be one that is never found.
    pub(crate) fn of(keys: &[f64], twin: Twin, is_nan_found: bool) -> TractResult<Self> {
        let mut places = hashed(keys.iter().copied().map(bits), twin)?;
        if !is_nan_found {
            places.remove(&bits(f64::NAN));
        }
        Ok(Self(places))
    }

    /// The place of a key.
    #[inline]
    pub(crate) fn get(&self, key: f64) -> Option<usize> {
        self.0.get(&bits(key)).map(|place| *place as usize)
    }
}

/// Equal for equal numbers and for any two NaNs.
fn bits(number: f64) -> u64 {
    if number.is_nan() {
        return f64::NAN.to_bits();
    }
    (number + 0.0).to_bits()
}

fn hashed<K: Hash + Eq>(
    keys: impl Iterator<Item = K>,
    twin: Twin,
) -> TractResult<HashMap<K, u32, RandomState>> {
    let mut places = HashMap::default();
    for (place, key) in keys.enumerate() {
        let place = u32::try_from(place)?;
        match twin {
            Twin::First => *places.entry(key).or_insert(place),
            Twin::Last => places.insert(key, place).unwrap_or(place),
        };
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(keys: &[i64], twin: Twin, key: i64, expected: Option<usize>) {
        assert_eq!(Integers::of(keys, twin).unwrap().get(key), expected);
    }

    #[test]
    fn integers_near_and_far_are_found() {
        for far in [9, i64::MAX] {
            let keys = [-3, 5, far, 5];
            check(&keys, Twin::First, -3, Some(0));
            check(&keys, Twin::First, 5, Some(1));
            check(&keys, Twin::Last, 5, Some(3));
            check(&keys, Twin::First, far, Some(2));
            check(&keys, Twin::First, 4, None);
            check(&keys, Twin::First, i64::MIN, None);
        }
        check(&[], Twin::First, 0, None);
        check(&[i64::MIN], Twin::First, i64::MIN, Some(0));
        check(&[i64::MIN], Twin::First, i64::MAX, None);
        check(&[i64::MAX - 1, i64::MAX], Twin::First, i64::MAX, Some(1));
    }

    #[test]
    fn numbers_that_are_equal_are_one_key() {
        let floats = Floats::of(&[0.0, 0.1, f64::NAN], Twin::First, true).unwrap();
        assert_eq!(floats.get(-0.0), Some(0));
        assert_eq!(floats.get(-f64::NAN), Some(2));
        assert_eq!(floats.get(f64::from(0.1f32)), None);
    }

    #[test]
    fn texts_are_found_whole() {
        let keys = ["", "é", "e"].map(str::to_owned);
        let texts = Texts::of(&keys, Twin::First).unwrap();
        assert_eq!(texts.get(""), Some(0));
        assert_eq!(texts.get("é"), Some(1));
        assert_eq!(texts.get("e\u{301}"), None);
    }
}
