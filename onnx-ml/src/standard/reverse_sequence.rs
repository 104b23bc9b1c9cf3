//! `ReverseSequence` (standard domain, version 10), text among the values.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::elements::picked;
use crate::kernel::{Fact, Kernel, built, values};
use crate::tract::Built;
use crate::unfit::fits;

#[derive(Debug)]
struct Reverse {
    /// Whether the rows are the first axis, and the steps the second.
    is_batch_first: bool,
}

/// Builds the operator from its node.
pub(crate) fn reverse_sequence(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let batch: i64 = node.get_attr_opt("batch_axis")?.unwrap_or(1);
    let time: i64 = node.get_attr_opt("time_axis")?.unwrap_or(0);
    let is_batch_first = match (batch, time) {
        (0, 1) => true,
        (1, 0) => false,
        _ => bail!("`batch_axis` is {batch} and `time_axis` is {time}, not 0 and 1"),
    };
    Ok(built(Reverse { is_batch_first }))
}

impl Kernel for Reverse {
    fn name(&self) -> &'static str {
        "ReverseSequence"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let [given, (_, lengths)] = inputs else {
            bail!("ReverseSequence has two inputs, given {}", inputs.len())
        };
        let [first, second, ..] = given.1.as_slice() else {
            bail!("ReverseSequence wants two axes at least")
        };
        let rows = if self.is_batch_first { first } else { second };
        ensure!(
            lengths.as_slice() == [rows.clone()],
            "lengths {lengths:?} of {rows} rows"
        );
        Ok(tvec![given.clone()])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let (given, lengths) = args_2!(inputs);
        let lengths = lengths.cast_to::<i64>()?;
        let lengths = values::<i64>(&lengths)?;
        let [first, second, ref rest @ ..] = *given.shape() else {
            bail!("ReverseSequence wants two axes at least")
        };
        let steps = if self.is_batch_first { second } else { first };
        let mut places = Vec::with_capacity(first * second);
        for place in 0..first * second {
            let (outer, inner) = (place / second, place % second);
            let (row, step) = if self.is_batch_first {
                (outer, inner)
            } else {
                (inner, outer)
            };
            let length = lengths.get(row).copied().unwrap_or(0);
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            fits(length <= steps, "a row has more steps than there are")?;
            let step = if step < length {
                length - 1 - step
            } else {
                step
            };
            places.push(if self.is_batch_first {
                row * steps + step
            } else {
                step * second + row
            });
        }
        let block = rest.iter().product();
        Ok(tvec![picked(&given, block, &places, given.shape())?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, integer, standard};

    fn run(batch: i64, time: i64, given: Tensor, lengths: &[i64]) -> TractResult<Vec<Tensor>> {
        let attributes = vec![integer("batch_axis", batch), integer("time_axis", time)];
        let inputs = vec![Input::Given(given), Input::Given(tensor1(lengths))];
        standard("ReverseSequence", 10, attributes, inputs)
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn the_first_steps_of_each_row_are_reversed() {
        let given = || tensor2(&[[1f32, 2., 3.], [4., 5., 6.]]);
        let by_row = run(0, 1, given(), &[2, 3]).unwrap();
        assert_eq!(by_row, [tensor2(&[[2f32, 1., 3.], [6., 5., 4.]])]);
        let by_column = run(1, 0, given(), &[2, 1, 0]).unwrap();
        assert_eq!(by_column, [tensor2(&[[4f32, 2., 3.], [1., 5., 6.]])]);
    }

    #[test]
    fn texts_and_blocks_move_as_they_are() {
        let [a, b] = ["a", "b"].map(str::to_owned);
        let texts = tensor2(&[[a.clone(), b.clone()]]);
        assert_eq!(run(0, 1, texts, &[2]).unwrap(), [tensor2(&[[b, a]])]);
        let blocks = tensor3(&[[[1i8, 2], [3, 4]]]);
        let reversed = tensor3(&[[[3i8, 4], [1, 2]]]);
        assert_eq!(run(0, 1, blocks, &[2]).unwrap(), [reversed]);
    }

    #[test]
    fn a_row_has_no_more_steps_than_there_are() {
        let given = || tensor2(&[[1i64, 2]]);
        for lengths in [&[3][..], &[-1], &[1, 1]] {
            assert!(run(0, 1, given(), lengths).is_err(), "{lengths:?}");
        }
        assert!(run(0, 0, given(), &[1]).is_err());
    }
}
