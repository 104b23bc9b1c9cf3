//! Whether an answer is the recorded one.

use tract_onnx::prelude::{Datum, DatumType, Tensor, TractResult};

/// How far a float may be from the recorded one; everything else must be equal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tolerance {
    relative: f64,
    absolute: f64,
}

impl Tolerance {
    /// Sums in another order differ by some units in the last place of their largest part, and the
    /// parts are about one here: where they cancel, some 1e-7 remain of a difference.
    pub(crate) const TABLES: Self = Self {
        relative: 1e-5,
        absolute: 1e-6,
    };

    /// Layers round one after the other, and each adds some hundred terms of about one: outputs near
    /// zero are off by as much as the others.
    pub(crate) const NETWORKS: Self = Self {
        relative: 1e-4,
        absolute: 1e-5,
    };

    /// For models that are listed as such: what is left where terms a thousand times as large cancel out.
    pub(crate) const CANCELLING: Self = Self {
        relative: 1e-3,
        absolute: 1e-4,
    };

    /// For models that are listed as such: one value inside is a step of 8 bits off, which some 5e-4 are left of here,
    /// whatever the output is.
    pub(crate) const STEPPING: Self = Self {
        relative: 1e-3,
        absolute: 1e-3,
    };

    /// What the onnx package asks of its own cases, and one bit of a half float.
    pub(crate) const OPERATORS: Self = Self {
        relative: 1e-3,
        absolute: 1e-5,
    };

    /// Numbers of 11 bits are rounded layer by layer, where terms are about one: half a unit in their last place is
    /// the least that two orders of the same sums are apart.
    fn for_values_of(self, datum_type: DatumType) -> Self {
        const HALF: f64 = 1.0 / 1024.0;
        if datum_type != DatumType::F16 {
            return self;
        }
        Self {
            relative: self.relative.max(HALF),
            absolute: self.absolute.max(HALF / 2.0),
        }
    }

    fn admits(self, given: f64, recorded: f64) -> bool {
        given == recorded
            || (given.is_nan() && recorded.is_nan())
            || (given - recorded).abs() <= self.absolute + self.relative * recorded.abs()
    }
}

/// What differs, in words: the type, the shape, or the first value.
pub(crate) fn difference(
    given: &Tensor,
    recorded: &Tensor,
    tolerance: Tolerance,
) -> Option<String> {
    let form = |tensor: &Tensor| format!("{:?} {:?}", tensor.datum_type(), tensor.shape());
    if given.datum_type() != recorded.datum_type() || given.shape() != recorded.shape() {
        return Some(format!("{}, not {}", form(given), form(recorded)));
    }
    let tolerance = tolerance.for_values_of(given.datum_type());
    let compared = if given.datum_type().is_float() {
        let is_close = |given: &f64, recorded: &f64| tolerance.admits(*given, *recorded);
        first(given, recorded, is_close)
    } else if given.datum_type() == String::datum_type() {
        first(given, recorded, String::eq)
    } else {
        first(given, recorded, i64::eq)
    };
    compared.unwrap_or_else(|error| Some(format!("{error:#}")))
}

/// The first difference among all values, compared as floats, text or integers.
fn first<T: Datum + Clone>(
    given: &Tensor,
    recorded: &Tensor,
    is_same: impl Fn(&T, &T) -> bool,
) -> TractResult<Option<String>> {
    let (given, recorded) = (given.cast_to::<T>()?, recorded.cast_to::<T>()?);
    let given = given.to_plain_array_view::<T>()?;
    let recorded = recorded.to_plain_array_view::<T>()?;
    let pairs = || given.iter().zip(&recorded);
    let differs = |(given, recorded): &(&T, &T)| !is_same(given, recorded);
    let count = pairs().filter(differs).count();
    let first = pairs().enumerate().find(|(_, pair)| differs(pair));
    let text = |(place, (given, recorded))| {
        let total = pairs().count();
        format!("{count} of {total} values, at {place} {given:?}, not {recorded:?}")
    };
    Ok(first.map(text))
}
