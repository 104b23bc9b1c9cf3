//! `Upsample` of version 7: the scales are an attribute.

use tract_onnx::tract_hir::internal::*;

use super::{Resize, sizes};
use crate::standard::sized::Planned;

/// An `Upsample` whose scales are an attribute.
#[derive(Debug, Clone)]
pub(super) struct Upsample {
    pub(super) resize: Resize,
    pub(super) scales: Vec<f32>,
}

impl Expansion for Upsample {
    fn name(&self) -> StaticName {
        "Upsample".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        let ([input], [output]) = (inputs, outputs) else {
            bail!("the operator has one input and one output")
        };
        solver.equals(&output.datum_type, &input.datum_type)?;
        solver.given(&input.shape, move |solver, shape| {
            let axes: Vec<i64> = (0..).take(shape.len()).collect();
            ensure!(self.scales.len() == axes.len(), "as many scales as axes");
            let sizes = sizes(&shape, &axes, &self.scales)?;
            let sizes: TVec<TDim> = sizes.iter().map(ToDim::to_dim).collect();
            solver.equals(&output.shape, sizes)
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [input] = *inputs else {
            bail!("an upsample has one input")
        };
        let scales = model.add_const(format!("{prefix}.scales"), tensor1(&self.scales))?;
        self.resize.wire(prefix, None, model, &[input, scales])
    }
}
