//! `Compress` (standard domain, versions 9 and 11), text among the values.
//!
//! What is beyond the condition is left out, and so is what the condition has beyond the axis.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::elements::{around, picked};
use crate::kernel::{Fact, Kernel, built, values};
use crate::tract::{Built, axis_place};

#[derive(Debug)]
struct Compress {
    /// Without one, all values are a list.
    axis: Option<i64>,
    /// How many are left, which depends on the condition.
    left: Symbol,
}

/// Builds the operator from its node.
pub(crate) fn compress(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    Ok(built(Compress {
        axis: node.get_attr_opt("axis")?,
        left: context.template.symbols.new_with_prefix("left"),
    }))
}

impl Kernel for Compress {
    fn name(&self) -> &'static str {
        "Compress"
    }

    fn has_new_lengths(&self) -> bool {
        true
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let [(datum_type, given), (condition, conditions)] = inputs else {
            bail!("Compress has two inputs, given {}", inputs.len())
        };
        ensure!(
            *condition == bool::datum_type() && conditions.len() == 1,
            "a condition is a list of truths"
        );
        let left = self.left.to_dim();
        let mut shape = given.clone();
        match self.axis {
            None => shape = tvec![left],
            Some(along) => {
                let along = axis_place(along, given.len())?;
                *shape.get_mut(along).context("an axis")? = left;
            }
        }
        Ok(tvec![(*datum_type, shape)])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let (given, conditions) = args_2!(inputs);
        let mut shape: TVec<usize> = given.shape().into();
        let along = match self.axis {
            Some(along) => axis_place(along, shape.len())?,
            None => {
                shape = tvec![given.len()];
                0
            }
        };
        let [before, length, block] = around(&shape, along)?;
        let conditions = values::<bool>(&conditions)?.iter().take(length);
        let kept = conditions.enumerate().filter(|(_, is_kept)| **is_kept);
        let kept: Vec<usize> = kept.map(|(place, _)| place).collect();
        let places = (0..before).flat_map(|row| kept.iter().map(move |place| row * length + place));
        let places: Vec<usize> = places.collect();
        *shape.get_mut(along).context("an axis")? = kept.len();
        Ok(tvec![picked(&given, block, &places, &shape)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, integer, standard};

    #[track_caller]
    fn check(axis: Option<i64>, given: Tensor, conditions: &[bool], expected: Tensor) {
        let attributes = axis.map(|axis| integer("axis", axis)).into_iter().collect();
        let inputs = vec![Input::Given(given), Input::Given(tensor1(conditions))];
        let output = standard("Compress", 11, attributes, inputs).unwrap();
        assert_eq!(output, [expected]);
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn what_the_condition_holds_for_is_left() {
        let given = || tensor2(&[[1f32, 2., 3.], [4., 5., 6.]]);
        check(Some(0), given(), &[false, true], tensor2(&[[4f32, 5., 6.]]));
        check(
            Some(-1),
            given(),
            &[true, false, true],
            tensor2(&[[1f32, 3.], [4., 6.]]),
        );
        check(Some(1), given(), &[false, true], tensor2(&[[2f32], [5.]]));
        check(
            None,
            given(),
            &[false, true, false, true],
            tensor1(&[2f32, 4.]),
        );
        check(None, given(), &[false], tensor1::<f32>(&[]));
    }

    #[test]
    fn texts_are_values() {
        let texts = ["a", "b", "c"].map(str::to_owned);
        let kept = tensor1(&[texts[0].clone(), texts[2].clone()]);
        check(None, tensor1(&texts), &[true, false, true], kept);
    }
}
