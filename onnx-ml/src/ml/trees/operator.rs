//! The operators as tract sees them: what they take and give, and running them.

use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_hir::internal::*;

use super::forest::Forest;
use super::kernel::Kernel;
use super::number::Number;
use super::outcome::Outcome;
use crate::ml::classes::chosen;
use crate::tract::rows;

/// Trees as the file describes them.
#[derive(Debug, Clone)]
pub(super) struct Trees {
    pub(super) forest: Arc<Forest>,
    /// Labels of a classifier, integers or text, one for each target.
    pub(super) labels: Option<Arc<Tensor>>,
    /// Whether scores are of the input's type, and not always 32-bit floats.
    pub(super) keeps_type: bool,
}

/// Trees made ready for the type of their input.
#[derive(Debug, Clone)]
struct Evaluate {
    kernel: Ready,
    outcome: Arc<Outcome>,
    labels: Option<Arc<Tensor>>,
    targets: usize,
    /// The type of the scores.
    scores: DatumType,
}

#[derive(Debug, Clone)]
enum Ready {
    Single(Arc<Kernel<f32>>),
    Double(Arc<Kernel<f64>>),
}

impl Trees {
    fn scores(&self, input: DatumType) -> DatumType {
        if self.keeps_type && input == f64::datum_type() {
            f64::datum_type()
        } else {
            f32::datum_type()
        }
    }

    fn ready(&self, input: DatumType) -> TractResult<Evaluate> {
        let forest = &self.forest;
        let outcome = Outcome::of(forest, self.labels.is_some());
        let is_single = outcome.only.is_some();
        let kernel = if input == f64::datum_type() {
            Ready::Double(Arc::new(Kernel::of(forest, is_single)?))
        } else {
            ensure!(!forest.is_double, "trees of 64-bit floats, given {input:?}");
            Ready::Single(Arc::new(Kernel::of(forest, is_single)?))
        };
        Ok(Evaluate {
            kernel,
            outcome: Arc::new(outcome),
            labels: self.labels.clone(),
            targets: forest.targets,
            scores: self.scores(input),
        })
    }
}

impl Expansion for Trees {
    fn name(&self) -> StaticName {
        "TreeEnsemble".into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(if self.labels.is_some() { 2 } else { 1 })
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let [input] = inputs else {
            bail!("trees have one input")
        };
        let scores = match (&self.labels, outputs) {
            (None, [scores]) => scores,
            (Some(labels), [label, scores]) => {
                solver.equals(&label.datum_type, labels.datum_type())?;
                solver.equals(&label.rank, 1)?;
                rows(solver, input, label)?;
                scores
            }
            _ => bail!("trees have one output, a classifier has two"),
        };
        solver.given(&input.datum_type, move |solver, datum_type| {
            solver.equals(&scores.datum_type, self.scores(datum_type))
        })?;
        solver.equals(&scores.rank, 2)?;
        solver.equals(&scores.shape[1], self.forest.targets.to_dim())?;
        rows(solver, input, scores)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [mut input] = *inputs else {
            bail!("trees have one input")
        };
        let fact = model.outlet_fact(input)?.clone();
        let datum_type = fact.datum_type;
        ensure!(
            datum_type.is_number(),
            "trees take numbers, given {datum_type:?}"
        );
        let rank = fact.rank();
        ensure!(rank == 1 || rank == 2, "trees take rows of features");
        let features = self.forest.features();
        let width = fact.shape.last().context("trees take rows of features")?;
        if let Ok(width) = width.to_usize() {
            ensure!(
                width > 0 && width >= features,
                "trees that look at {features} features, given rows of {width}"
            );
        }
        let operator = self.ready(datum_type)?;
        if rank == 1 {
            let name = format!("{prefix}.row");
            input = crate::tract::wire_one(model, name, AxisOp::Add(0), &[input])?;
        }
        let precision = match operator.kernel {
            Ready::Single(_) => f32::datum_type(),
            Ready::Double(_) => f64::datum_type(),
        };
        if datum_type != precision {
            let name = format!("{prefix}.floats");
            input = crate::tract::wire_one(model, name, cast(precision), &[input])?;
        }
        model.wire_node(prefix, operator, &[input])
    }
}

impl PartialEq for Evaluate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.outcome, &other.outcome)
    }
}

impl Eq for Evaluate {}

impl Op for Evaluate {
    fn name(&self) -> StaticName {
        "TreeEnsemble".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Evaluate {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        match &self.kernel {
            Ready::Single(kernel) => self.evaluate(kernel, &input),
            Ready::Double(kernel) => self.evaluate(kernel, &input),
        }
    }
}

impl Evaluate {
    fn evaluate<T: Number>(&self, kernel: &Kernel<T>, input: &Tensor) -> TractResult<TVec<TValue>> {
        let [rows, width] = *input.shape() else {
            bail!("trees take rows of features")
        };
        let view = input.to_plain_array_view::<T>()?;
        let features = view.as_slice().context("features lie one after another")?;
        let scores = kernel.scores(features, width)?;
        let (scores, winners) = if self.scores == f64::datum_type() {
            self.ended::<T, f64>(&scores, kernel.columns, rows)?
        } else {
            self.ended::<T, f32>(&scores, kernel.columns, rows)?
        };
        let Some(labels) = &self.labels else {
            return Ok(tvec!(scores.into_tvalue()));
        };
        let label = chosen(labels, &winners)?;
        Ok(tvec!(label.into_tvalue(), scores.into_tvalue()))
    }

    fn ended<T: Number, O: Number>(
        &self,
        scores: &[T],
        columns: usize,
        rows: usize,
    ) -> TractResult<(Tensor, Vec<usize>)> {
        let (scores, winners) = self.outcome.of_scores::<T, O>(scores, columns);
        let scores = tract_ndarray::Array2::from_shape_vec((rows, self.targets), scores)?;
        Ok((scores.into_tensor(), winners))
    }
}

impl TypedOp for Evaluate {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [input] = inputs else { bail!("one input") };
        let rows = input.shape.first().context("trees take rows")?.clone();
        let scores = self.scores.fact([rows.clone(), self.targets.to_dim()]);
        let Some(labels) = &self.labels else {
            return Ok(tvec!(scores));
        };
        let labels = labels.datum_type().fact([rows]);
        Ok(tvec!(labels, scores))
    }

    as_op!();
}
