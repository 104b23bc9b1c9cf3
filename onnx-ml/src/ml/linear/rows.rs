//! What follows the scores `[rows, targets]` of a linear model, row by row.

use tract_onnx::tract_core::internal::*;

use crate::kernel::values;
use crate::ml::classes::{chosen, first_largest};
use crate::ml::post_transform::PostTransform;

/// Scores to labels and transformed scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Classify {
    /// As many as there are targets, or two for one target.
    pub(super) labels: Arc<Tensor>,
    pub(super) transform: PostTransform,
}

/// Scores to transformed scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Transform(pub(super) PostTransform);

impl Classify {
    /// The place of a row's label: above zero the second of two, otherwise that of the largest
    /// score, the first of equals.
    fn winner(scores: &[f32]) -> usize {
        if let [score] = scores {
            return usize::from(*score > 0.0);
        }
        first_largest(scores)
    }
}

impl Op for Classify {
    fn name(&self) -> StaticName {
        "Classify".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Classify {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut scores = args_1!(inputs).into_tensor();
        let (rows, targets) = dimensions(&scores)?;
        let given = values::<f32>(&scores)?;
        let winners: Vec<usize> = given.chunks(targets).map(Self::winner).collect();
        if targets == 1 {
            let both = self.transform.both_rows(given)?;
            scores = Tensor::from_shape(&[rows, self.labels.len()], &both)?;
        } else {
            transform(self.transform, &mut scores, targets)?;
        }
        let labels = chosen(&self.labels, &winners)?;
        Ok(tvec!(labels.into_tvalue(), scores.into_tvalue()))
    }
}

impl TypedOp for Classify {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let rows = rows(inputs)?;
        let labels = self.labels.datum_type().fact(std::slice::from_ref(&rows));
        Ok(tvec!(labels, f32::fact([rows, self.labels.len().to_dim()])))
    }

    as_op!();
}

impl Op for Transform {
    fn name(&self) -> StaticName {
        "PostTransform".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Transform {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut scores = args_1!(inputs).into_tensor();
        let (_, targets) = dimensions(&scores)?;
        transform(self.0, &mut scores, targets)?;
        Ok(tvec!(scores.into_tvalue()))
    }
}

fn transform(by: PostTransform, scores: &mut Tensor, targets: usize) -> TractResult<()> {
    let mut plain = scores.try_as_plain_ram_mut()?;
    by.apply_rows(plain.as_slice_mut()?, targets)
}

impl TypedOp for Transform {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [scores] = inputs else { bail!("one input") };
        Ok(tvec!(f32::fact(&*scores.shape)))
    }

    as_op!();
}

/// Rows and targets; there is at least one target.
fn dimensions(scores: &Tensor) -> TractResult<(usize, usize)> {
    match scores.shape() {
        [rows, targets] if *targets > 0 => Ok((*rows, *targets)),
        shape => bail!("scores have the shape {shape:?}, not rows of targets"),
    }
}

fn rows(inputs: &[&TypedFact]) -> TractResult<TDim> {
    let rows = inputs.first().and_then(|scores| scores.shape.first());
    rows.cloned().context("scores have rows")
}
