//! `NegativeLogLikelihoodLoss` and `SoftmaxCrossEntropyLoss` (standard domain, from version 12).
//!
//! Of scores `[rows, classes, …]` and the true classes `[rows, …]`: minus the score of the true
//! class, times the weight of that class; the softmax loss takes the logarithm of the softmax
//! first, which is its second output. `reduction` is `none`, `sum`, or `mean`, which divides by
//! the sum of the weights. Targets that are `ignore_index` count nothing; other negative ones
//! count from the last class, as in onnxruntime.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, built, tensor, values};
use crate::tract::{Built, axis_place};

#[derive(Debug)]
struct Loss {
    has_softmax: bool,
    reduction: Reduction,
    ignored: Option<i64>,
    /// The loss, and the logarithms of the softmax where the file asks for them.
    outputs: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reduction {
    None,
    Sum,
    Mean,
}

/// Builds either of the operators from its node.
pub(crate) fn loss(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let has_softmax = node.op_type == "SoftmaxCrossEntropyLoss";
    let reduction = match node.get_attr_opt("reduction")?.unwrap_or("mean") {
        "none" => Reduction::None,
        "sum" => Reduction::Sum,
        "mean" => Reduction::Mean,
        other => bail!("no reduction of losses `{other}`"),
    };
    let outputs = node.output.len();
    let most = if has_softmax { 2 } else { 1 };
    ensure!(
        (1..=most).contains(&outputs),
        "a loss has 1 to {most} outputs"
    );
    Ok(built(Loss {
        has_softmax,
        reduction,
        ignored: node.get_attr_opt("ignore_index")?,
        outputs,
    }))
}

impl Kernel for Loss {
    fn name(&self) -> &'static str {
        if self.has_softmax {
            "SoftmaxCrossEntropyLoss"
        } else {
            "NegativeLogLikelihoodLoss"
        }
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let ([(datum_type, scores), (targets_type, targets)]
        | [(datum_type, scores), (targets_type, targets), _]) = inputs
        else {
            bail!("a loss has two or three inputs, given {}", inputs.len())
        };
        ensure!(
            datum_type.is_float(),
            "scores are floats, given {datum_type:?}"
        );
        ensure!(
            targets_type.is_integer(),
            "classes are integers, given {targets_type:?}"
        );
        ensure!(
            scores.len() >= 2 && targets.len() + 1 == scores.len(),
            "scores of classes have one axis more than targets, given {scores:?} and {targets:?}"
        );
        let loss = match self.reduction {
            Reduction::None => targets.clone(),
            Reduction::Sum | Reduction::Mean => tvec![],
        };
        let all = [(*datum_type, loss), (*datum_type, scores.clone())];
        Ok(all.into_iter().take(self.outputs).collect())
    }

    /// Computed in double precision and rounded once.
    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let mut inputs = inputs.into_iter();
        let (Some(scores), Some(targets)) = (inputs.next(), inputs.next()) else {
            bail!("a loss has two inputs at least")
        };
        let datum_type = scores.datum_type();
        let mut shape: TVec<usize> = scores.shape().into();
        let mut logarithms = scores.cast_to::<f64>()?.into_owned();
        let classes = Classes::of(logarithms.shape())?;
        let weights = match inputs.next() {
            Some(weights) => values(weights.cast_to::<f64>()?.as_ref())?.to_vec(),
            None => vec![1.0; classes.count],
        };
        ensure!(weights.len() == classes.count, "a weight for each class");
        if self.has_softmax {
            let mut plain = logarithms.try_as_plain_ram_mut()?;
            classes.log_softmax(plain.as_slice_mut()?);
        }
        shape.remove(1);
        ensure!(
            *targets.shape() == *shape,
            "a target for each row and place"
        );
        let targets = targets.cast_to::<i64>()?;
        let losses = self.losses(&classes, values(&logarithms)?, values(&targets)?, &weights)?;
        let loss = match self.reduction {
            Reduction::None => tensor(&shape, losses.iter().map(|(loss, _)| *loss).collect())?,
            Reduction::Sum => tensor0(losses.iter().map(|(loss, _)| loss).sum::<f64>()),
            Reduction::Mean => {
                let weight: f64 = losses.iter().map(|(_, weight)| weight).sum();
                tensor0(losses.iter().map(|(loss, _)| loss).sum::<f64>() / weight)
            }
        };
        let outputs = [loss, logarithms].into_iter().take(self.outputs);
        let rounded = outputs.map(|output| Ok(output.cast_to_dt(datum_type)?.into_owned()));
        rounded.collect()
    }
}

impl Loss {
    /// The loss of each target, and its weight.
    fn losses(
        &self,
        classes: &Classes,
        logarithms: &[f64],
        targets: &[i64],
        weights: &[f64],
    ) -> TractResult<Vec<(f64, f64)>> {
        let loss = |(at, target): (usize, &i64)| {
            if Some(*target) == self.ignored {
                return Ok((0.0, 0.0));
            }
            let class = axis_place(*target, classes.count);
            let class = class.with_context(|| format!("no class {target}"))?;
            let place = classes.place(at, class);
            let (logarithm, weight) = (logarithms.get(place), weights.get(class));
            let (logarithm, weight) = logarithm.zip(weight).context("a score for each target")?;
            Ok((-logarithm * weight, *weight))
        };
        targets.iter().enumerate().map(loss).collect()
    }
}

/// Where the scores of classes stand: each row has as many places for each class.
struct Classes {
    count: usize,
    places: usize,
}

impl Classes {
    fn of(shape: &[usize]) -> TractResult<Self> {
        let [_, count, places @ ..] = shape else {
            bail!("scores have an axis of rows and one of classes")
        };
        Ok(Self {
            count: *count,
            places: places.iter().product(),
        })
    }

    /// Where the score of a class is, for the target at this place.
    fn place(&self, at: usize, class: usize) -> usize {
        let (row, place) = (at / self.places, at % self.places);
        (row * self.count + class) * self.places + place
    }

    /// The largest score is taken off before, so that no exponential overflows.
    fn log_softmax(&self, scores: &mut [f64]) {
        if self.count == 0 || self.places == 0 {
            return;
        }
        for row in scores.chunks_exact_mut(self.count * self.places) {
            for place in 0..self.places {
                let scores = || row.iter().skip(place).step_by(self.places);
                let largest = scores().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = scores().map(|score| (score - largest).exp()).sum();
                let off = largest + sum.ln();
                let scores = row.iter_mut().skip(place).step_by(self.places);
                scores.for_each(|score| *score -= off);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, close, integer, outputs, string};

    fn scores() -> Tensor {
        tensor2(&[[0.1f32, 0.7, 0.2], [0.3, 0.2, 0.9]])
    }

    fn run(
        operator: &str,
        reduction: &str,
        ignored: Option<i64>,
        targets: Tensor,
        weights: Option<&[f32]>,
        names: &[&str],
    ) -> TractResult<Vec<Tensor>> {
        let ignored = ignored.map(|ignored| integer("ignore_index", ignored));
        let attributes = ignored.into_iter().chain([string("reduction", reduction)]);
        let weights = weights.map(|weights| Input::Given(tensor1(weights)));
        let inputs = [Input::Given(scores()), Input::Given(targets)];
        let inputs = inputs.into_iter().chain(weights).collect();
        outputs(operator, 13, attributes.collect(), inputs, names)
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn a_softmax_comes_first_where_the_operator_has_one() {
        let check = |reduction, ignored, weights: Option<&[f32]>, expected: &[f32]| {
            let operator = "SoftmaxCrossEntropyLoss";
            let targets = tensor1(&[1i32, 0]);
            let output = run(operator, reduction, ignored, targets, weights, &["y", "z"]).unwrap();
            close(&output, expected);
            let logarithms = [
                -1.367_95, -0.767_95, -1.267_95, -1.315_592, -1.415_592, -0.715_592,
            ];
            close(&output[1..], &logarithms);
        };
        let weights = [1f32, 2., 3.];
        check("mean", None, Some(&weights), &[0.950_497]);
        check("none", Some(0), Some(&weights), &[1.535_899, 0.]);
        check("sum", None, None, &[2.083_542]);
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn negative_targets_count_from_the_last_class() {
        let operator = "NegativeLogLikelihoodLoss";
        let targets = || tensor1(&[1i64, -1]);
        let run = |ignored| run(operator, "mean", ignored, targets(), None, &["y"]);
        close(&run(None).unwrap(), &[-0.8]);
        close(&run(Some(-1)).unwrap(), &[-0.7]);
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn the_mean_of_nothing_is_no_number() {
        for operator in ["NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"] {
            let targets = tensor1(&[1i64, 1]);
            let output = run(operator, "mean", Some(1), targets, None, &["y"]).unwrap();
            assert!(output[0].cast_to_scalar::<f32>().unwrap().is_nan());
        }
    }

    #[test]
    fn a_class_beyond_the_last_is_an_error() {
        let targets = tensor1(&[1i64, 3]);
        let error = run(
            "NegativeLogLikelihoodLoss",
            "sum",
            None,
            targets,
            None,
            &["y"],
        );
        let error = format!("{:?}", error.unwrap_err());
        assert!(error.contains("no class 3"), "{error}");
    }
}
