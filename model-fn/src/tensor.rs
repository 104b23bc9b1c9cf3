//! Tensors as requests and models exchange them: a shape, and values of one datatype.
//!
//! Names are those of the Open Inference Protocol. Nothing here knows JSON or the engine.

mod base64;
mod bytes;
mod convert;
mod datatype;
mod rows;
mod values;

pub(crate) use base64::{decoded, encoded};
pub use bytes::BytesError;
pub use convert::ConvertError;
pub use datatype::Datatype;
pub use values::{Scalar, Values};

/// Values in row-major order under a shape that fits them.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    values: Values,
}

/// The values are not as many as the shape has places.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the shape {shape:?} does not hold {given} values")]
pub struct ShapeError {
    /// The shape.
    pub shape: Vec<usize>,
    /// How many values there are.
    pub given: usize,
}

impl Tensor {
    /// Joins a shape and its values.
    pub fn new(shape: Vec<usize>, values: Values) -> Result<Self, ShapeError> {
        match volume(&shape) {
            Some(volume) if volume == values.len() => Ok(Self { shape, values }),
            _ => Err(ShapeError {
                given: values.len(),
                shape,
            }),
        }
    }

    /// Values along a single axis.
    pub fn flat(values: Values) -> Self {
        Self {
            shape: vec![values.len()],
            values,
        }
    }

    /// The length of each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values, the last axis fastest.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The datatype of the values.
    pub fn datatype(&self) -> Datatype {
        self.values.datatype()
    }

    /// The length of the first axis; nothing for a scalar.
    pub fn rows(&self) -> Option<usize> {
        self.shape.first().copied()
    }

    /// The same values under another shape, if it holds as many.
    pub fn reshaped(self, shape: Vec<usize>) -> Self {
        let fits = volume(&shape) == Some(self.values.len());
        let shape = if fits { shape } else { self.shape };
        let values = self.values;
        Self { shape, values }
    }

    /// Takes the tensor apart.
    pub fn into_parts(self) -> (Vec<usize>, Values) {
        (self.shape, self.values)
    }
}

/// How many rows all tensors have; nothing where they have none, or not the same number.
pub fn rows(tensors: &[Tensor]) -> Option<usize> {
    let rows = tensors.first()?.rows()?;
    let is_same = tensors.iter().all(|tensor| tensor.rows() == Some(rows));
    is_same.then_some(rows)
}

/// How many values a shape has; nothing where that exceeds the address space.
pub fn volume(shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1usize, |volume, length| volume.checked_mul(*length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(shape: &[usize], values: usize, fits: bool) {
        let tensor = Tensor::new(shape.to_vec(), Values::Int64(vec![0; values]));
        assert_eq!(tensor.is_ok(), fits);
    }

    #[test]
    fn a_shape_must_hold_exactly_the_values() {
        check(&[2, 3], 6, true);
        check(&[2, 3], 5, false);
        check(&[], 1, true);
        check(&[0, 3], 0, true);
        check(&[usize::MAX, 2], 2, false);
    }
}
