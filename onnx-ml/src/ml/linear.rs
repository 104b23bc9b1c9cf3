//! `LinearClassifier` and `LinearRegressor` (ai.onnx.ml, version 1).
//!
//! Scores are a matrix product of tract's, or [`Product`]'s for few coefficients; what follows it is [`rows`]. tract's own operators of
//! these names differ from onnxruntime: where one target tells two classes apart, where a
//! regressor of one target has a transform, where scores saturate, and with labels of text.

mod rows;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_hir::internal::*;

use self::rows::{Classify, Transform};
use crate::ml::classes::labels;
use crate::ml::post_transform::PostTransform;
use crate::product::{FEW, Product};
use crate::tract::rows;

/// Coefficients `[targets, features]`, and what is added to each target.
#[derive(Debug, Clone)]
struct Scores {
    coefficients: Vec<f32>,
    intercepts: Option<Vec<f32>>,
    features: usize,
    targets: usize,
}

#[derive(Debug, Clone)]
struct LinearClassifier {
    scores: Scores,
    classify: Classify,
}

#[derive(Debug, Clone)]
struct LinearRegressor {
    scores: Scores,
    transform: PostTransform,
}

/// Builds a classifier: as many targets as labels, or one target for two labels. Without
/// intercepts there is a target for each label.
pub(crate) fn classifier(
    _context: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let labels = labels(node, "classlabels_ints")?;
    let intercepts = node
        .get_attr_opt_vec::<f32>("intercepts")?
        .filter(|list| !list.is_empty());
    let targets = intercepts.as_ref().map_or(labels.len(), Vec::len);
    let fits = targets == labels.len() || (targets == 1 && labels.len() == 2);
    node.expect(fits, "as many intercepts as labels, or one for two labels")?;
    let scores = Scores::of(node, targets, intercepts)?;
    let transform = if targets == 1 {
        PostTransform::of_single(node)?
    } else {
        PostTransform::of(node)?
    };
    let classify = Classify { labels, transform };
    Ok((expand(LinearClassifier { scores, classify }), vec![]))
}

/// Builds a regressor.
pub(crate) fn regressor(
    _context: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let targets = node.get_attr_opt::<usize>("targets")?.unwrap_or(1);
    let intercepts = node
        .get_attr_opt_vec::<f32>("intercepts")?
        .filter(|list| !list.is_empty());
    let scores = Scores::of(node, targets, intercepts)?;
    let transform = PostTransform::of(node)?;
    Ok((expand(LinearRegressor { scores, transform }), vec![]))
}

impl Scores {
    fn of(node: &NodeProto, targets: usize, intercepts: Option<Vec<f32>>) -> TractResult<Self> {
        let coefficients: Vec<f32> = node.get_attr_vec("coefficients")?;
        let fits =
            targets > 0 && !coefficients.is_empty() && coefficients.len().is_multiple_of(targets);
        node.expect(fits, "as many coefficients for each target")?;
        let wanted = intercepts.as_ref().is_none_or(|list| list.len() == targets);
        node.expect(wanted, "one intercept for each target")?;
        let features = coefficients.len() / targets;
        Ok(Self {
            coefficients,
            intercepts,
            features,
            targets,
        })
    }

    /// Wires the scores `[rows, targets]` of an input.
    fn wire(&self, prefix: &str, model: &mut TypedModel, input: OutletId) -> TractResult<OutletId> {
        let mut last = input;
        let mut then =
            |model: &mut TypedModel, name: &str, op: Box<dyn TypedOp>, more: &[OutletId]| {
                let inputs = [&[last], more].concat();
                let wired = model.wire_node(format!("{prefix}.{name}"), op, &inputs)?;
                last = wired
                    .first()
                    .copied()
                    .context("an operator has an output")?;
                TractResult::Ok(last)
            };
        let fact = model.outlet_fact(input)?.clone();
        ensure!(
            fact.datum_type.is_number(),
            "a linear model takes numbers, given {:?}",
            fact.datum_type
        );
        // tract does not compare the lengths of the axis that a product sums over.
        ensure!(
            fact.shape.last() == Some(&self.features.to_dim()),
            "a linear model of {} features, given rows of the shape {:?}",
            self.features,
            fact.shape
        );
        if fact.rank() == 1 {
            then(model, "rows", Box::new(AxisOp::Add(0)), &[])?;
        }
        if self.coefficients.len() <= FEW {
            let product = crate::kernel::node(self.product());
            return then(model, "scores", Box::new(product), &[]);
        }
        then(model, "floats", Box::new(cast(f32::datum_type())), &[])?;
        let coefficients = tensor1(&self.coefficients)
            .into_shape(&[self.targets, self.features])?
            .permute_axes(&[1, 0])?;
        let coefficients = model.add_const(format!("{prefix}.coefficients"), coefficients)?;
        let axes = AxesMapping::for_numpy_matmul(2, false, false, false)?;
        let product = Box::new(EinSum::new(axes, f32::datum_type()));
        let mut scores = then(model, "product", product, &[coefficients])?;
        if let Some(intercepts) = &self.intercepts {
            let intercepts = tensor1(intercepts).into_shape(&[1, self.targets])?;
            let intercepts = model.add_const(format!("{prefix}.intercepts"), intercepts)?;
            scores = then(model, "sum", Box::new(math::add()), &[intercepts])?;
        }
        Ok(scores)
    }

    fn product(&self) -> Product<f32> {
        Product {
            coefficients: self.coefficients.clone(),
            intercepts: self.intercepts.clone(),
            features: self.features,
        }
    }
}

impl Expansion for LinearClassifier {
    fn name(&self) -> StaticName {
        "LinearClassifier".into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(2)
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let ([input], [label, scores]) = (inputs, outputs) else {
            bail!("a linear classifier has one input and two outputs")
        };
        solver.equals(&label.datum_type, self.classify.labels.datum_type())?;
        solver.equals(&label.rank, 1)?;
        solver.equals(&scores.datum_type, f32::datum_type())?;
        solver.equals(&scores.rank, 2)?;
        solver.equals(&scores.shape[1], self.classify.labels.len().to_dim())?;
        rows(solver, input, label)?;
        rows(solver, input, scores)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [input] = *inputs else {
            bail!("a linear classifier has one input")
        };
        let scores = self.scores.wire(prefix, model, input)?;
        model.wire_node(prefix, self.classify.clone(), &[scores])
    }
}

impl Expansion for LinearRegressor {
    fn name(&self) -> StaticName {
        "LinearRegressor".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let ([input], [output]) = (inputs, outputs) else {
            bail!("a linear regressor has one input and one output")
        };
        solver.equals(&output.datum_type, f32::datum_type())?;
        solver.equals(&output.rank, 2)?;
        solver.equals(&output.shape[1], self.scores.targets.to_dim())?;
        rows(solver, input, output)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let [input] = *inputs else {
            bail!("a linear regressor has one input")
        };
        let scores = self.scores.wire(prefix, model, input)?;
        let transform = if self.scores.targets == 1 {
            PostTransform::None
        } else {
            self.transform
        };
        model.wire_node(prefix, Transform(transform), &[scores])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{floats, integer, integers, run, string, strings};
    use tract_onnx::pb::AttributeProto;

    /// Two features; the scores of the rows below are 3, -1 and 0 for the first target.
    fn rows() -> Tensor {
        tensor2(&[[1f32, 2.], [-1., 0.], [0., 0.]])
    }

    fn labelled(
        coefficients: &[f32],
        intercepts: &[f32],
        labels: AttributeProto,
    ) -> Vec<AttributeProto> {
        vec![
            floats("coefficients", coefficients),
            floats("intercepts", intercepts),
            labels,
        ]
    }

    #[track_caller]
    fn check(operator: &str, attributes: Vec<AttributeProto>, input: Tensor, expected: &[Tensor]) {
        let outputs = run(operator, attributes, input).unwrap();
        assert_eq!(outputs.len(), expected.len());
        for (output, expected) in outputs.iter().zip(expected) {
            if output.datum_type() == String::datum_type() {
                assert_eq!(output, expected);
            } else {
                output.close_enough(expected, Approximation::Close).unwrap();
            }
        }
    }

    #[track_caller]
    fn refused(operator: &str, attributes: Vec<AttributeProto>, reason: &str) {
        let error = format!("{:?}", run(operator, attributes, rows()).unwrap_err());
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn the_largest_score_gives_the_label_the_first_of_equals() {
        let attributes = labelled(
            &[1., 1., 0., 1.],
            &[0., 0.],
            integers("classlabels_ints", &[7, 9]),
        );
        let scores = tensor2(&[[3f32, 2.], [-1., 0.], [0., 0.]]);
        check(
            "LinearClassifier",
            attributes,
            rows(),
            &[tensor1(&[7i64, 9, 7]), scores],
        );
    }

    #[test]
    fn labels_are_chosen_before_scores_saturate() {
        let mut attributes = labelled(
            &[30., 0., 40., 0.],
            &[0., 0.],
            integers("classlabels_ints", &[0, 1]),
        );
        attributes.push(string("post_transform", "LOGISTIC"));
        let input = tensor2(&[[1f32, 0.]]);
        check(
            "LinearClassifier",
            attributes,
            input,
            &[tensor1(&[1i64]), tensor2(&[[1f32, 1.]])],
        );
    }

    #[test]
    fn one_target_tells_two_classes_apart_above_zero() {
        let text = || strings("classlabels_strings", &["no", "yes"]);
        let label = tensor1(&["yes".to_owned(), "no".to_owned(), "no".to_owned()]);
        let plain = tensor2(&[[-2f32, 3.], [2., -1.], [1., 0.]]);
        check(
            "LinearClassifier",
            labelled(&[1., 1.], &[0.], text()),
            rows(),
            &[label.clone(), plain],
        );
        let mut attributes = labelled(&[1., 1.], &[0.], text());
        attributes.push(string("post_transform", "LOGISTIC"));
        let logistic = tensor2(&[
            [0.047_425_87f32, 0.952_574_1],
            [0.731_058_6, 0.268_941_4],
            [0.5, 0.5],
        ]);
        check("LinearClassifier", attributes, rows(), &[label, logistic]);
    }

    #[test]
    fn without_intercepts_every_label_has_a_target() {
        let attributes = vec![
            floats("coefficients", &[1., 1., 0., 1.]),
            integers("classlabels_ints", &[7, 9]),
        ];
        let scores = tensor2(&[[3f32, 2.], [-1., 0.], [0., 0.]]);
        let expected = [tensor1(&[7i64, 9, 7]), scores];
        check("LinearClassifier", attributes, rows(), &expected);
    }

    #[test]
    fn a_list_of_features_is_one_row_and_all_numbers_are_floats() {
        let attributes = || {
            labelled(
                &[1., 1., 0., 1.],
                &[0., 0.],
                integers("classlabels_ints", &[7, 9]),
            )
        };
        let expected = [tensor1(&[7i64]), tensor2(&[[3f32, 2.]])];
        check(
            "LinearClassifier",
            attributes(),
            tensor1(&[1f32, 2.]),
            &expected,
        );
        check(
            "LinearClassifier",
            attributes(),
            tensor2(&[[1i64, 2]]),
            &expected,
        );
        check(
            "LinearClassifier",
            attributes(),
            tensor2(&[[1f64, 2.]]),
            &expected,
        );
    }

    #[test]
    fn a_regressor_transforms_several_targets_and_never_one() {
        let attributes = |targets: i64, coefficients: &[f32]| {
            vec![
                integer("targets", targets),
                floats("coefficients", coefficients),
                string("post_transform", "LOGISTIC"),
            ]
        };
        check(
            "LinearRegressor",
            attributes(1, &[1., 1.]),
            rows(),
            &[tensor2(&[[3f32], [-1.], [0.]])],
        );
        let two = tensor2(&[[0.952_574_1f32, 0.5], [0.268_941_4, 0.5], [0.5, 0.5]]);
        check(
            "LinearRegressor",
            attributes(2, &[1., 1., 0., 0.]),
            rows(),
            &[two],
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let three = || integers("classlabels_ints", &[1, 2, 3]);
        let intercepts = "as many intercepts as labels";
        refused(
            "LinearClassifier",
            labelled(&[1., 1.], &[0.], three()),
            intercepts,
        );
        refused(
            "LinearClassifier",
            labelled(&[1.; 4], &[0.; 2], three()),
            intercepts,
        );
        let uneven = labelled(&[1.; 5], &[0.; 3], three());
        refused(
            "LinearClassifier",
            uneven,
            "as many coefficients for each target",
        );
        let unlabelled = vec![floats("coefficients", &[1.]), floats("intercepts", &[0.])];
        refused(
            "LinearClassifier",
            unlabelled,
            "labels must be either integers or text",
        );
        let two = integers("classlabels_ints", &[1, 2]);
        let mut probit = labelled(&[1.; 2], &[0.], two);
        probit.push(string("post_transform", "PROBIT"));
        refused(
            "LinearClassifier",
            probit,
            "`PROBIT` is not supported for a single target",
        );
        let wide = vec![floats("coefficients", &[1.; 3])];
        refused(
            "LinearRegressor",
            wide,
            "a linear model of 3 features, given",
        );
    }
}
