//! `CumProd` (standard domain, version 26): products of all values up to each.
//!
//! `exclusive` leaves the value itself out, `reverse` begins at the end. Integers wrap around.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, built};
use crate::tract::{Built, axis_place};

#[derive(Debug)]
struct Products {
    is_exclusive: bool,
    is_reverse: bool,
}

/// Builds the operator from its node.
pub(crate) fn products(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let is_set = |name| Ok::<_, TractError>(node.get_attr_opt(name)?.unwrap_or(0i64) != 0);
    Ok(built(Products {
        is_exclusive: is_set("exclusive")?,
        is_reverse: is_set("reverse")?,
    }))
}

impl Kernel for Products {
    fn name(&self) -> &'static str {
        "CumProd"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let [(datum_type, shape), _] = inputs else {
            bail!("CumProd has two inputs, given {}", inputs.len())
        };
        ensure!(
            datum_type.is_number(),
            "CumProd wants numbers, given {datum_type:?}"
        );
        Ok(tvec![(*datum_type, shape.clone())])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let (input, axis) = args_2!(inputs);
        ensure!(
            axis.len() == 1,
            "an axis is one number, given {}",
            axis.len()
        );
        let axis = axis.cast_to::<i64>()?;
        let axis = *axis
            .try_as_plain_ram()?
            .as_slice::<i64>()?
            .first()
            .context("an axis")?;
        let axis = axis_place(axis, input.rank())?;
        let datum_type = input.datum_type();
        let output = if datum_type.is_float() {
            let mut output = input.cast_to::<f64>()?.into_owned();
            self.multiply(&mut output, axis, 1.0f64, |one, other| one * other)?;
            output
        } else {
            let mut output = input.cast_to::<i64>()?.into_owned();
            self.multiply(&mut output, axis, 1, i64::wrapping_mul)?;
            output
        };
        Ok(tvec![output.cast_to_dt(datum_type)?.into_owned()])
    }
}

impl Products {
    fn multiply<T: Datum + Copy>(
        &self,
        tensor: &mut Tensor,
        axis: usize,
        one: T,
        times: impl Fn(T, T) -> T,
    ) -> TractResult<()> {
        let mut values = tensor.to_plain_array_view_mut::<T>()?;
        for mut lane in values.lanes_mut(tract_ndarray::Axis(axis)) {
            if self.is_reverse {
                lane.invert_axis(tract_ndarray::Axis(0));
            }
            let mut product = one;
            for value in &mut lane {
                let next = times(product, *value);
                *value = if self.is_exclusive { product } else { next };
                product = next;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, integer, standard};

    fn run(
        is_exclusive: i64,
        is_reverse: i64,
        axis: i64,
        input: Tensor,
    ) -> TractResult<Vec<Tensor>> {
        let attributes = vec![
            integer("exclusive", is_exclusive),
            integer("reverse", is_reverse),
        ];
        let axis = Input::Given(tensor0(axis));
        standard("CumProd", 26, attributes, vec![Input::Given(input), axis])
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn values_up_to_each_are_multiplied() {
        let input = || tensor2(&[[1f32, 2., 3.], [4., 5., 6.]]);
        let check = |is_exclusive, is_reverse, axis, expected: [[f32; 3]; 2]| {
            let output = run(is_exclusive, is_reverse, axis, input()).unwrap();
            assert_eq!(output, [tensor2(&expected)]);
        };
        check(0, 0, 0, [[1., 2., 3.], [4., 10., 18.]]);
        check(0, 0, -1, [[1., 2., 6.], [4., 20., 120.]]);
        check(1, 0, 1, [[1., 1., 2.], [1., 4., 20.]]);
        check(0, 1, 1, [[6., 6., 3.], [120., 30., 6.]]);
        check(1, 1, 1, [[6., 3., 1.], [30., 6., 1.]]);
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn integers_wrap_around() {
        let input = tensor1(&[1i64 << 33, 1 << 33, 3]);
        assert_eq!(run(0, 0, 0, input).unwrap(), [tensor1(&[1i64 << 33, 0, 0])]);
    }

    #[test]
    fn an_axis_that_is_not_there_is_an_error() {
        let error = format!("{:?}", run(0, 0, 1, tensor1(&[1f32])).unwrap_err());
        assert!(error.contains("no axis 1 in 1 axes"), "{error}");
    }
}
