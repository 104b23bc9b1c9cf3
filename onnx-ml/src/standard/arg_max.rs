//! `ArgMax` and `ArgMin` (standard domain, all versions): the place of the largest or the least value along an axis.
//!
//! tract's own take ten times as long where the axis is short, as it is where classes are chosen.

use std::cmp::Ordering;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, built, only, tensor, values};
use crate::tract::{Built, axis_place};

/// Builds `ArgMax` from its node.
pub(crate) fn arg_max(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    Ok(built(Places::of(node, Ordering::Greater)?))
}

/// Builds `ArgMin` from its node.
pub(crate) fn arg_min(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    Ok(built(Places::of(node, Ordering::Less)?))
}

#[derive(Debug)]
struct Places {
    /// How the value that is looked for compares with the others.
    wanted: Ordering,
    /// Negative ones count from the last.
    axis: i64,
    keeps_axis: bool,
    /// The last of equals, not the first.
    is_last: bool,
}

impl Places {
    fn of(node: &NodeProto, wanted: Ordering) -> TractResult<Self> {
        Ok(Self {
            wanted,
            axis: node.get_attr_opt("axis")?.unwrap_or(0),
            keeps_axis: node.get_attr_opt::<i64>("keepdims")?.unwrap_or(1) != 0,
            is_last: node.get_attr_opt::<i64>("select_last_index")?.unwrap_or(0) != 0,
        })
    }

    fn shape<D: Clone>(&self, shape: &[D], axis: usize, one: D) -> TVec<D> {
        let mut shape: TVec<D> = shape.into();
        shape.remove(axis);
        if self.keeps_axis {
            shape.insert(axis, one);
        }
        shape
    }

    /// Along an axis of this length whose values are so far apart.
    fn places<T: Datum + Copy + PartialOrd>(
        &self,
        input: &Tensor,
        length: usize,
        apart: usize,
    ) -> TractResult<Vec<i64>> {
        let values = values::<T>(input)?;
        let mut places = Vec::with_capacity(values.len() / length);
        for block in values.chunks(length * apart.max(1)) {
            for begin in 0..apart {
                places.push(self.place(block.iter().skip(begin).step_by(apart)));
            }
        }
        Ok(places)
    }

    fn place<'a, T: PartialOrd + 'a>(&self, values: impl Iterator<Item = &'a T>) -> i64 {
        let mut values = (0i64..).zip(values);
        let Some((mut best, mut found)) = values.next() else {
            return 0;
        };
        for (place, value) in values {
            let order = value.partial_cmp(found);
            if order == Some(self.wanted) || (self.is_last && order == Some(Ordering::Equal)) {
                (best, found) = (place, value);
            }
        }
        best
    }
}

impl Kernel for Places {
    fn name(&self) -> &'static str {
        match self.wanted {
            Ordering::Greater => "ArgMax",
            Ordering::Less | Ordering::Equal => "ArgMin",
        }
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (_, shape) = only(inputs)?;
        let axis = axis_place(self.axis, shape.len())?;
        Ok(tvec![(DatumType::I64, self.shape(shape, axis, 1.to_dim()))])
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all other datatypes are alike"
    )]
    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let input = only(&inputs)?;
        let axis = axis_place(self.axis, input.rank())?;
        let (length, apart) = match input.shape().get(axis..) {
            Some([length, rest @ ..]) => (*length, rest.iter().product()),
            _ => (0, 0),
        };
        ensure!(length > 0, "an axis without values has no place of one");
        let places = match input.datum_type() {
            DatumType::F32 => self.places::<f32>(input, length, apart),
            DatumType::F64 => self.places::<f64>(input, length, apart),
            DatumType::F16 => self.places::<f32>(&*input.cast_to::<f32>()?, length, apart),
            _ => self.places::<i64>(&*input.cast_to::<i64>()?, length, apart),
        }?;
        Ok(tvec![tensor(&self.shape(input.shape(), axis, 1), places)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, integer, standard};

    #[track_caller]
    fn check(operator: &str, attributes: &[(&str, i64)], input: Tensor, expected: Tensor) {
        let attributes = attributes.iter().map(|(name, value)| integer(name, *value));
        let outputs = standard(
            operator,
            13,
            attributes.collect(),
            vec![Input::Given(input)],
        );
        assert_eq!(outputs.unwrap(), [expected]);
    }

    #[test]
    fn the_first_or_the_last_of_equals_is_found_along_any_axis() {
        let input = || tensor2(&[[1f32, 3., 3.], [2., -1., 2.]]);
        let along = ("axis", 1);
        let flat = ("keepdims", 0);
        check("ArgMax", &[along, flat], input(), tensor1(&[1i64, 0]));
        let last = ("select_last_index", 1);
        check("ArgMax", &[along, flat, last], input(), tensor1(&[2i64, 2]));
        check("ArgMax", &[], input(), tensor2(&[[1i64, 0, 0]]));
        check("ArgMin", &[("axis", -1)], input(), tensor2(&[[0i64], [1]]));
        let integers = tensor2(&[[i64::MAX - 1, i64::MAX]]);
        check("ArgMax", &[along, flat], integers, tensor1(&[1i64]));
        let small = tensor1(&[3u8, 9, 0]);
        check("ArgMin", &[("axis", 0)], small, tensor1(&[2i64]));
        let none = Tensor::zero::<f32>(&[0, 3]).unwrap();
        check("ArgMax", &[along, flat], none, tensor1::<i64>(&[]));
    }

    #[test]
    fn an_axis_without_values_or_that_is_not_there_is_an_error() {
        for (shape, axis) in [([2, 0], 1), ([2, 3], 2), ([2, 3], -3)] {
            let input = Input::Given(Tensor::zero::<f32>(&shape).unwrap());
            standard("ArgMax", 13, vec![integer("axis", axis)], vec![input]).unwrap_err();
        }
    }
}
