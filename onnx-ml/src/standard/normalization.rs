//! `LayerNormalization` (standard domain, version 17) and `RMSNormalization` (version 23): tract's, along an axis that
//! is there. One before the first of all makes tract count until memory ends.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::tract::{Built, axis_place, build, expansion};

/// Builds either operator from its node.
pub(crate) fn normalization(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let normalization = Normalization {
        tract: expansion(build(context, node)?)?,
        axis: node.get_attr_opt("axis")?.unwrap_or(-1),
    };
    Ok((expand(normalization), vec![]))
}

#[derive(Debug, Clone)]
struct Normalization {
    tract: Box<dyn Expansion>,
    axis: i64,
}

impl Expansion for Normalization {
    fn name(&self) -> StaticName {
        self.tract.as_ref().name()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.tract.as_ref().nboutputs()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let [input, ..] = inputs else {
            bail!("a normalization has an input")
        };
        solver.given(&input.rank, move |solver, rank| {
            axis_place(self.axis, usize::try_from(rank)?)?;
            self.tract.as_ref().rules(solver, inputs, outputs)
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let input = inputs.first().context("a normalization has an input")?;
        axis_place(self.axis, model.outlet_fact(*input)?.rank())?;
        self.tract.as_ref().wire(prefix, model, inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, integer, standard};

    #[test]
    fn an_axis_that_is_not_there_is_refused() {
        for (operator, version) in [("LayerNormalization", 17), ("RMSNormalization", 23)] {
            let run = |axis| {
                let inputs = vec![
                    Input::Given(tensor2(&[[1f32, 2.], [3., 5.]])),
                    Input::Given(tensor1(&[1f32, 1.])),
                ];
                standard(operator, version, vec![integer("axis", axis)], inputs)
            };
            run(-1).unwrap();
            for axis in [-3, 2, i64::MIN] {
                let error = format!("{:#}", run(axis).unwrap_err());
                assert!(
                    error.contains(&format!("no axis {axis} in 2 axes")),
                    "{error}"
                );
            }
        }
    }
}
