//! `SVMClassifier` (ai.onnx.ml, version 1).
//!
//! With support vectors every pair of classes has a score and a vote, the first class with the
//! most votes is the label, and scores become probabilities by `prob_a` and `prob_b`. Without
//! them every class has a linear score. As onnxruntime answers, odd as it is in places.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::probability::Platt;
use super::{Similarity, Vectors, numbers};
use crate::kernel::{Fact, Kernel, built, only, tensor};
use crate::ml::classes::{chosen, first_largest, labels};
use crate::ml::post_transform::PostTransform;
use crate::tract::Built;

/// Builds the operator from its node.
pub(crate) fn classifier(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let labels = labels(node, "classlabels_ints")?;
    let coefficients: Vec<f32> = node.get_attr_vec("coefficients")?;
    let rho: Vec<f32> = node.get_attr_vec("rho")?;
    let per_class: Vec<usize> = node
        .get_attr_opt_vec("vectors_per_class")?
        .unwrap_or_default();
    let count = per_class
        .iter()
        .try_fold(0usize, |sum, count| sum.checked_add(*count));
    let count = count.context("vectors_per_class is too large")?;
    let (vectors, machine) = if count == 0 {
        let offset = *rho.first().context("rho is a number")?;
        let vectors = Vectors::of(Similarity::Linear, &coefficients, labels.len())?;
        let is_mixed = !coefficients.iter().all(|value| *value >= 0.0);
        (vectors, Machine::Linear { offset, is_mixed })
    } else {
        let vectors: Vec<f32> = node.get_attr_vec("support_vectors")?;
        let vectors = Vectors::of(Similarity::of(node)?, &vectors, count)?;
        let pairs = Pairs::of(node, &labels, &per_class, coefficients, rho)?;
        (vectors, Machine::Pairs(pairs))
    };
    let transform = match &machine {
        Machine::Pairs(pairs) if pairs.platt.is_none() && pairs.classes == 2 => {
            PostTransform::of_single(node)?
        }
        Machine::Pairs(_) | Machine::Linear { .. } => PostTransform::of(node)?,
    };
    Ok(built(SvmClassifier {
        vectors,
        machine,
        labels,
        transform,
    }))
}

#[derive(Debug)]
struct SvmClassifier {
    vectors: Vectors,
    machine: Machine,
    labels: Arc<Tensor>,
    transform: PostTransform,
}

#[derive(Debug)]
enum Machine {
    /// One score a class; whether a coefficient is less than zero.
    Linear { offset: f32, is_mixed: bool },
    /// One score a pair of classes.
    Pairs(Pairs),
}

#[derive(Debug)]
struct Pairs {
    classes: usize,
    pairs: Vec<Pair>,
    platt: Option<Platt>,
}

/// Two classes, where their support vectors lie, and what these weigh against each other.
#[derive(Debug)]
struct Pair {
    first: Side,
    second: Side,
    rho: f32,
}

#[derive(Debug)]
struct Side {
    class: usize,
    start: usize,
    weights: Vec<f32>,
}

impl Side {
    fn score(&self, similarities: &[f32]) -> f64 {
        let own = similarities.get(self.start..).unwrap_or_default();
        weigh(&self.weights, own)
    }
}

/// The sum of products, each a float, in double: partial sums stand side by side.
pub(super) fn weigh(weights: &[f32], similarities: &[f32]) -> f64 {
    const LANES: usize = 4;
    let length = weights.len().min(similarities.len());
    let (weights, similarities) = (weights.split_at(length).0, similarities.split_at(length).0);
    let (left, left_rest) = weights.as_chunks::<LANES>();
    let (right, right_rest) = similarities.as_chunks::<LANES>();
    let mut sums = [0f64; LANES];
    for (left, right) in left.iter().zip(right) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum += f64::from(left * right);
        }
    }
    let rest = left_rest.iter().zip(right_rest);
    let rest: f64 = rest.map(|(left, right)| f64::from(left * right)).sum();
    sums.iter().sum::<f64>() + rest
}

impl Pairs {
    fn of(
        node: &NodeProto,
        labels: &Tensor,
        per_class: &[usize],
        coefficients: Vec<f32>,
        rho: Vec<f32>,
    ) -> TractResult<Self> {
        let classes = per_class.len();
        let fits = classes == labels.len() && classes > 1;
        node.expect(fits, "vectors_per_class for each of two labels or more")?;
        let slopes: Vec<f32> = node.get_attr_opt_vec("prob_a")?.unwrap_or_default();
        let offsets: Vec<f32> = node.get_attr_opt_vec("prob_b")?.unwrap_or_default();
        let count: usize = per_class.iter().sum();
        let wanted = classes.saturating_mul(classes - 1) / 2;
        node.expect(rho.len() >= wanted, "a rho for each pair of classes")?;
        let is_pair = |list: &[f32]| list.is_empty() || list.len() >= wanted;
        let fits = slopes.len() == offsets.len() && is_pair(&slopes);
        node.expect(fits, "prob_a and prob_b for each pair of classes")?;
        let fits = coefficients.len() / count >= classes - 1;
        node.expect(fits, "coefficients for each class but one")?;
        let mut pairs = Vec::with_capacity(wanted);
        let mut rho = rho.into_iter();
        let starts: Vec<usize> = per_class
            .iter()
            .scan(0, |start, count| {
                Some(std::mem::replace(start, *start + count))
            })
            .collect();
        let ranges: Vec<(usize, usize)> =
            starts.into_iter().zip(per_class.iter().copied()).collect();
        let side = |class: usize, row: usize, (start, length): (usize, usize)| {
            let offset = row * count + start;
            let weights = coefficients.get(offset..offset + length);
            let weights = weights.context("coefficients for each support vector")?;
            TractResult::Ok(Side {
                class,
                start,
                weights: weights.to_vec(),
            })
        };
        for (first, range) in ranges.iter().enumerate() {
            for (second, other) in ranges.iter().enumerate().skip(first + 1) {
                pairs.push(Pair {
                    first: side(first, second - 1, *range)?,
                    second: side(second, first, *other)?,
                    rho: rho.next().context("a rho for each pair of classes")?,
                });
            }
        }
        let platt = (!slopes.is_empty()).then_some(Platt { slopes, offsets });
        Ok(Self {
            classes,
            pairs,
            platt,
        })
    }

    /// How many scores a row has in the end.
    fn width(&self) -> usize {
        if self.platt.is_some() {
            self.classes
        } else {
            self.pairs.len().max(2)
        }
    }

    /// The place of the label, and the scores of one row.
    #[expect(clippy::cast_possible_truncation, reason = "rounded to a float")]
    fn row(
        &self,
        similarities: &[f32],
        transform: PostTransform,
        scratch: &mut Scratch,
        scores: &mut [f32],
    ) -> usize {
        let Scratch { pairs, votes } = scratch;
        pairs.clear();
        votes.clear();
        votes.resize(self.classes, 0);
        for pair in &self.pairs {
            let sum = pair.first.score(similarities) + pair.second.score(similarities);
            let sum = sum + f64::from(pair.rho);
            let winner = if sum > 0.0 {
                pair.first.class
            } else {
                pair.second.class
            };
            if let Some(votes) = votes.get_mut(winner) {
                *votes += 1;
            }
            pairs.push(sum as f32);
        }
        match (&self.platt, pairs.as_slice()) {
            (Some(platt), pairs) => {
                platt.probabilities(pairs, scores);
                transform.apply(scores);
            }
            (None, [score]) => scores.copy_from_slice(&both(*score, transform)),
            (None, pairs) => {
                scores.copy_from_slice(pairs);
                transform.apply(scores);
            }
        }
        first_largest(votes)
    }
}

/// What is used again for each row.
#[derive(Debug, Default)]
struct Scratch {
    pairs: Vec<f32>,
    votes: Vec<u32>,
}

/// The scores of two classes of one pair; plain ones are each other's opposite.
fn both(score: f32, transform: PostTransform) -> [f32; 2] {
    match transform {
        PostTransform::None => [-score, score],
        PostTransform::Softmax
        | PostTransform::SoftmaxZero
        | PostTransform::Logistic
        | PostTransform::Probit => transform.both(score),
    }
}

impl SvmClassifier {
    fn width(&self) -> usize {
        match &self.machine {
            Machine::Linear { .. } => self.labels.len(),
            Machine::Pairs(pairs) => pairs.width(),
        }
    }

    fn winners(&self, similarities: &[f32], scores: &mut [f32]) -> Vec<usize> {
        let mut scratch = Scratch::default();
        let rows = similarities.chunks_exact(self.vectors.count);
        let rows = rows.zip(scores.chunks_exact_mut(self.width()));
        let winner = |(similarities, scores): (&[f32], &mut [f32])| match &self.machine {
            Machine::Pairs(pairs) => pairs.row(similarities, self.transform, &mut scratch, scores),
            Machine::Linear { offset, is_mixed } => {
                for (score, product) in scores.iter_mut().zip(similarities) {
                    *score = product + offset;
                }
                let winner = linear_winner(scores, *is_mixed);
                self.transform.apply(scores);
                winner
            }
        };
        rows.map(winner).collect()
    }
}

/// Of two classes the second one is the label as soon as any score is large enough.
fn linear_winner(scores: &[f32], is_mixed: bool) -> usize {
    let winner = first_largest(scores);
    let largest = scores.get(winner).copied().unwrap_or_default();
    let is_enough = if is_mixed {
        largest > 0.0
    } else {
        largest >= 0.5
    };
    if scores.len() == 2 && is_enough {
        1
    } else {
        winner
    }
}

impl Kernel for SvmClassifier {
    fn name(&self) -> &'static str {
        "SVMClassifier"
    }

    fn outputs(&self) -> usize {
        2
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (datum_type, shape) = only(inputs)?;
        numbers(*datum_type)?;
        let rows = self.vectors.rows(shape)?;
        let labels = (self.labels.datum_type(), tvec![rows.clone()]);
        Ok(tvec![
            labels,
            (DatumType::F32, tvec![rows, self.width().to_dim()])
        ])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let similarities = self.vectors.similarities(only(&inputs)?)?;
        let rows = similarities.len() / self.vectors.count;
        let mut scores = vec![0.0; rows * self.width()];
        let winners = self.winners(&similarities, &mut scores);
        let labels = chosen(&self.labels, &winners)?;
        Ok(tvec![labels, tensor(&[rows, self.width()], scores)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, floats, integers, run, string, strings};
    use tract_onnx::pb::AttributeProto;

    fn rows() -> Tensor {
        tensor2(&[[1f32, 2.], [-1., 0.5], [0., 0.], [3., -2.]])
    }

    /// One after the other replaces an attribute of the same name.
    fn with(mut attributes: Vec<AttributeProto>, more: &[AttributeProto]) -> Vec<AttributeProto> {
        for attribute in more {
            attributes.retain(|other| other.name != attribute.name);
            attributes.push(attribute.clone());
        }
        attributes
    }

    fn two() -> Vec<AttributeProto> {
        vec![
            string("kernel_type", "RBF"),
            floats("kernel_params", &[0.5, 0.25, 3.]),
            floats("support_vectors", &[1., 1., -1., 0., 0.5, -2.]),
            integers("vectors_per_class", &[2, 1]),
            floats("coefficients", &[0.75, -0.5, -0.25]),
            floats("rho", &[0.125]),
            integers("classlabels_ints", &[7, 9]),
        ]
    }

    fn three() -> Vec<AttributeProto> {
        let more = [
            integers("vectors_per_class", &[1, 1, 1]),
            floats("coefficients", &[0.75, -0.5, -0.25, 0.5, 1., -1.]),
            floats("rho", &[0.125, -0.25, 0.5]),
            integers("classlabels_ints", &[7, 9, 4]),
        ];
        with(two(), &more)
    }

    /// Expected values: onnxruntime 1.32.0, as in all tests here.
    #[track_caller]
    fn check(attributes: Vec<AttributeProto>, labels: Tensor, scores: &[f32]) {
        let outputs = run("SVMClassifier", attributes, rows()).unwrap();
        assert_eq!(outputs[0], labels);
        close(&outputs[1..], scores);
    }

    #[test]
    fn every_kernel_compares_rows_with_vectors() {
        let kernel = |name| string("kernel_type", name);
        let degree = |degree| floats("kernel_params", &[0.5, 0.25, degree]);
        check(
            with(two(), &[kernel("LINEAR")]),
            tensor1(&[7i64, 9, 7, 7]),
            &[-3.75, 3.75, 0.375, -0.375, -0.125, 0.125, -1.0, 1.0],
        );
        check(
            with(two(), &[kernel("POLY")]),
            tensor1(&[7i64, 9, 7, 9]),
            &[
                -4.996094, 4.996094, 0.0546875, -0.0546875, -0.125, 0.125, 5.332031, -5.332031,
            ],
        );
        check(
            with(two(), &[kernel("RBF")]),
            tensor1(&[7i64, 9, 7, 7]),
            &[
                -0.5706662,
                0.5706662,
                0.2302398,
                -0.2302398,
                -0.06778602,
                0.06778602,
                -0.1151206,
                0.1151206,
            ],
        );
        check(
            with(two(), &[kernel("SIGMOID")]),
            tensor1(&[7i64, 9, 7, 7]),
            &[
                -1.179778,
                1.179778,
                0.07704521,
                -0.07704521,
                -0.125,
                0.125,
                -0.7767399,
                0.7767399,
            ],
        );
        check(
            with(two(), &[kernel("POLY"), degree(2.0)]),
            tensor1(&[7i64, 9, 7, 9]),
            &[
                -1.828125, 1.828125, 0.21875, -0.21875, -0.125, 0.125, 2.484375, -2.484375,
            ],
        );
        check(
            with(two(), &[kernel("POLY"), degree(4.0)]),
            tensor1(&[7i64, 9, 7, 9]),
            &[
                -5.891602,
                5.891602,
                0.04882812,
                -0.04882812,
                -0.125,
                0.125,
                21.1084,
                -21.1084,
            ],
        );
    }

    #[test]
    fn pairs_have_scores_and_classes_have_probabilities() {
        let transform = |name: &str| string("post_transform", name);
        let platt = [floats("prob_a", &[-1.5]), floats("prob_b", &[0.25])];
        let of_two = |name: &str| with(with(two(), &platt), &[transform(name)]);
        check(
            with(two(), &[transform("LOGISTIC")]),
            tensor1(&[7i64, 9, 7, 7]),
            &[
                0.3610831, 0.6389169, 0.557307, 0.442693, 0.48306, 0.51694, 0.4712516, 0.5287484,
            ],
        );
        check(
            of_two("LOGISTIC"),
            tensor1(&[7i64, 9, 7, 7]),
            &[
                0.6558537, 0.5878608, 0.5879279, 0.6557912, 0.6137189, 0.6311209, 0.6179081,
                0.626989,
            ],
        );
        check(
            with(two(), &[transform("SOFTMAX")]),
            tensor1(&[7i64, 9, 7, 7]),
            &[
                0.4293338, 0.5706662, 1.23024, -0.2302398, 0.932214, 0.06778602, 0.8848794,
                0.1151206,
            ],
        );
        check(
            of_two("SOFTMAX"),
            tensor1(&[7i64, 9, 7, 7]),
            &[
                0.5719329, 0.4280671, 0.4282027, 0.5717973, 0.4814943, 0.5185058, 0.4903406,
                0.5096594,
            ],
        );
        check(
            of_two("NONE"),
            tensor1(&[7i64, 9, 7, 7]),
            &[
                0.6448709, 0.3551292, 0.3554061, 0.644594, 0.4629717, 0.5370284, 0.4806787,
                0.5193212,
            ],
        );
    }

    #[test]
    fn three_classes_vote_in_pairs() {
        check(
            three(),
            tensor1(&[7i64, 9, 7, 7]),
            &[
                0.5707402,
                0.05319132,
                0.5180196,
                -0.2266737,
                -0.1938496,
                1.368233,
                0.09764427,
                -0.09591852,
                0.9870977,
                0.1261049,
                -0.2602325,
                0.4561085,
            ],
        );
        check(
            with(three(), &[string("post_transform", "LOGISTIC")]),
            tensor1(&[7i64, 9, 7, 7]),
            &[
                0.638934, 0.5132947, 0.6266845, 0.443573, 0.4516888, 0.7970945, 0.5243917,
                0.4760388, 0.7285143, 0.5314845, 0.4353065, 0.6120906,
            ],
        );
        check(
            with(
                three(),
                &[
                    floats("prob_a", &[-1.5, -1., -2.]),
                    floats("prob_b", &[0.25, 0., -0.5]),
                ],
            ),
            tensor1(&[7i64, 9, 7, 7]),
            &[
                0.4437037, 0.3534062, 0.20289, 0.2642714, 0.64092, 0.09480847, 0.3442138,
                0.5186267, 0.1371594, 0.3196118, 0.4755286, 0.2048597,
            ],
        );
    }

    #[test]
    fn without_support_vectors_the_model_is_linear() {
        let linear = |coefficients: &[f32], labels: &[&str]| {
            vec![
                floats("coefficients", coefficients),
                floats("rho", &[0.5]),
                strings("classlabels_strings", labels),
            ]
        };
        check(
            linear(&[1., 0.5, -1., 0.25], &["a", "b"]),
            tensor1(&[
                "b".to_owned(),
                "b".to_owned(),
                "b".to_owned(),
                "b".to_owned(),
            ]),
            &[2.5, 0.0, -0.25, 1.625, 0.5, 0.5, 2.5, -3.0],
        );
        check(
            linear(&[1., 0.5, 0.25, 0.5], &["a", "b"]),
            tensor1(&[
                "b".to_owned(),
                "b".to_owned(),
                "b".to_owned(),
                "b".to_owned(),
            ]),
            &[2.5, 1.75, -0.25, 0.5, 0.5, 0.5, 2.5, 0.25],
        );
        check(
            linear(&[1., 0.5, -1., 0.25, 0., 2.], &["a", "b", "c"]),
            tensor1(&[
                "c".to_owned(),
                "b".to_owned(),
                "a".to_owned(),
                "a".to_owned(),
            ]),
            &[
                2.5, 0.0, 4.5, -0.25, 1.625, 1.5, 0.5, 0.5, 0.5, 2.5, -3.0, -3.5,
            ],
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |more, reason| {
            let attributes = with(two(), &[more]);
            let error = format!(
                "{:?}",
                run("SVMClassifier", attributes, rows()).unwrap_err()
            );
            assert!(error.contains(reason), "{error}");
        };
        refused(
            integers("vectors_per_class", &[1, 1, 1]),
            "vectors_per_class for each",
        );
        refused(integers("vectors_per_class", &[2, i64::MAX]), "cannot be");
        refused(
            floats("coefficients", &[1., 2.]),
            "coefficients for each class but one",
        );
        refused(floats("rho", &[]), "rho");
        refused(floats("prob_a", &[1.]), "prob_a and prob_b");
        refused(floats("kernel_params", &[1.]), "kernel_params must be");
        refused(
            strings("classlabels_strings", &["a"]),
            "either integers or text",
        );
    }
}
