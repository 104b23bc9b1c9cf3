//! `BitShift` (standard domain, versions 11 and 28) and `BitCast` (version 26).
//!
//! Shifts by the whole width and more, or by less than zero, leave nothing of a number but its
//! sign, as in onnxruntime; the processor would shift by the remainder.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::tract_core::broadcast::multi_broadcast;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, built, only};
use crate::tract::Built;
use crate::unfit::fits;

/// Builds `BitShift` from its node.
pub(crate) fn shift(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let shift = match node.get_attr::<&str>("direction")? {
        "LEFT" => Shift::Left,
        "RIGHT" => Shift::Right,
        other => bail!("`direction` is `{other}`"),
    };
    Ok(built(shift))
}

/// Builds `BitCast` from its node.
pub(crate) fn bit_cast(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let code: i32 = node.get_attr("to")?;
    let known = DataType::try_from(code).ok();
    let to = known.and_then(|to| DatumType::try_from(to).ok());
    let to = to.filter(|to| to.is_number() || *to == bool::datum_type());
    let to = to.with_context(|| format!("`to` is the datatype {code}"))?;
    Ok(built(BitCast { to }))
}

#[derive(Debug)]
enum Shift {
    Left,
    Right,
}

impl Shift {
    /// Shifts a number of so many bits; what is left of it are the lowest bits of the answer.
    fn of(&self, value: i64, by: i64, bits: i64, is_signed: bool) -> i64 {
        let is_within = (0..bits).contains(&by);
        match self {
            Self::Left if is_within => value << by,
            Self::Right if is_within && is_signed => value >> by,
            Self::Right if is_within => (value.cast_unsigned() >> by).cast_signed(),
            Self::Right if is_signed => value >> (bits - 1),
            Self::Left | Self::Right => 0,
        }
    }
}

impl Kernel for Shift {
    fn name(&self) -> &'static str {
        "BitShift"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let [(datum_type, value), (by_type, by)] = inputs else {
            bail!("BitShift has two inputs, given {}", inputs.len())
        };
        ensure!(
            datum_type == by_type && datum_type.is_integer(),
            "BitShift wants integers of one type, given {datum_type:?} and {by_type:?}"
        );
        Ok(tvec![(*datum_type, multi_broadcast(&[value, by])?)])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let (value, by) = args_2!(inputs);
        let datum_type = value.datum_type();
        let shape = multi_broadcast(&[value.shape(), by.shape()])?;
        let bits = i64::try_from(8 * datum_type.size_of())?;
        let by = by.cast_to::<i64>()?.broadcast_to_shape(&shape)?;
        let mut shifted = value.cast_to::<i64>()?.broadcast_to_shape(&shape)?;
        let mut plain = shifted.try_as_plain_ram_mut()?;
        let values = plain.as_slice_mut::<i64>()?.iter_mut();
        for (value, by) in values.zip(crate::kernel::values::<i64>(&by)?) {
            *value = self.of(*value, *by, bits, datum_type.is_signed());
        }
        Ok(tvec![shifted.cast_to_dt(datum_type)?.into_owned()])
    }
}

#[derive(Debug)]
struct BitCast {
    to: DatumType,
}

impl Kernel for BitCast {
    fn name(&self) -> &'static str {
        "BitCast"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (from, shape) = only(inputs)?;
        ensure!(
            from.is_copy() && from.size_of() == self.to.size_of(),
            "the bits of {from:?} are not those of {:?}",
            self.to
        );
        Ok(tvec![(self.to, shape.clone())])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let input = args_1!(inputs);
        let is_truth = |byte: &u8| *byte < 2;
        let are_truths = self.to != bool::datum_type() || input.as_bytes().iter().all(is_truth);
        fits(are_truths, "a truth has bits of neither 0 nor 1")?;
        let mut output = Tensor::zero_dt(self.to, input.shape())?;
        let bytes = output.as_bytes_mut().iter_mut();
        bytes
            .zip(input.as_bytes())
            .for_each(|(to, from)| *to = *from);
        Ok(tvec![output])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, integer, standard, string};

    #[track_caller]
    fn check(direction: &str, value: Tensor, by: Tensor, expected: Tensor) {
        let inputs = vec![Input::Given(value), Input::Given(by)];
        let attributes = vec![string("direction", direction)];
        let output = standard("BitShift", 11, attributes, inputs).unwrap();
        assert_eq!(output, [expected]);
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn shifts_beyond_the_width_leave_the_sign() {
        let value = || tensor1(&[-8i32, 4, -1]);
        let by = || tensor1(&[32i32, -1, 100]);
        check("LEFT", value(), by(), tensor1(&[0i32, 0, 0]));
        check("RIGHT", value(), by(), tensor1(&[-1i32, 0, -1]));
        check(
            "RIGHT",
            value(),
            tensor1(&[1i32, 1, 31]),
            tensor1(&[-4i32, 2, -1]),
        );
        check("RIGHT", tensor1(&[-8i8]), tensor1(&[8i8]), tensor1(&[-1i8]));
        check(
            "LEFT",
            tensor1(&[u64::MAX]),
            tensor0(63u64),
            tensor1(&[1u64 << 63]),
        );
        check(
            "RIGHT",
            tensor1(&[u64::MAX]),
            tensor0(63u64),
            tensor1(&[1u64]),
        );
        check(
            "LEFT",
            tensor1(&[200u8, 3]),
            tensor1(&[1u8, 7]),
            tensor1(&[144u8, 128]),
        );
    }

    #[track_caller]
    fn cast(to: DataType, from: Tensor) -> TractResult<Tensor> {
        let attributes = vec![integer("to", to as i64)];
        let outputs = standard("BitCast", 26, attributes, vec![Input::Given(from)]);
        outputs.map(|mut outputs| outputs.remove(0))
    }

    #[test]
    fn bits_stay_as_they_are() {
        let bits = || tensor1(&[0x3f80_0000i32, i32::MIN]);
        assert_eq!(
            cast(DataType::Float, bits()).unwrap(),
            tensor1(&[1f32, -0.])
        );
        assert_eq!(
            cast(DataType::Int32, tensor1(&[1f32, -0.])).unwrap(),
            bits()
        );
        assert_eq!(
            cast(DataType::Uint8, tensor0(-1i8)).unwrap(),
            tensor0(255u8)
        );
        assert!(cast(DataType::Double, bits()).is_err());
        assert!(cast(DataType::String, bits()).is_err());
        assert!(cast(DataType::Bool, tensor0(2u8)).is_err());
    }
}
