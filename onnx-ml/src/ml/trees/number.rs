//! The two kinds of floats that trees compare and add.

use tract_onnx::tract_hir::internal::*;

/// A float that thresholds, features and scores are of.
pub(super) trait Number:
    Datum + Copy + PartialOrd + std::ops::Add<Output = Self> + std::ops::Div<Output = Self>
{
    /// Compares as false with everything.
    const NAN: Self;
    /// What nothing was added to; a sum of weights is never this zero, for no weight is.
    const UNSCORED: Self;

    fn of(value: f64) -> Self;
    fn wide(self) -> f64;
    /// The largest number below this one, and none below negative infinity.
    fn below(self) -> Self;
    /// A place kept where a float is.
    fn from_place(place: u32) -> Self;
    fn place(self) -> u32;
    fn is_unscored(self) -> bool;
}

macro_rules! number {
    ($float:ty, $bits:ty) => {
        impl Number for $float {
            const NAN: Self = Self::NAN;
            const UNSCORED: Self = -0.0;

            fn of(value: f64) -> Self {
                value as Self
            }

            fn wide(self) -> f64 {
                f64::from(self)
            }

            fn below(self) -> Self {
                if self == Self::NEG_INFINITY {
                    Self::NAN
                } else {
                    self.next_down()
                }
            }

            fn from_place(place: u32) -> Self {
                Self::from_bits(<$bits>::from(place))
            }

            fn place(self) -> u32 {
                self.to_bits() as u32
            }

            fn is_unscored(self) -> bool {
                self.to_bits() == Self::UNSCORED.to_bits()
            }
        }
    };
}

number!(f32, u32);
number!(f64, u64);
