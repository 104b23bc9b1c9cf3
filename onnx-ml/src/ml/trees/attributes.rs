//! `TreeEnsembleClassifier` and `TreeEnsembleRegressor` as a file has them: lists by node and by
//! weight, which name nodes by tree and number.
//!
//! The first node of a tree is its root, as in onnxruntime; a tree in several pieces is refused,
//! and so is what onnxruntime answers with values that mean nothing.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use super::forest::{Aggregate, Child, Forest, MOST_NODES, Split, Test, Weights};
use super::lists::{as_long, floats, integers, integers_for, meanings, required};
use super::names::{Names, Run};
use crate::ml::classes::labels;
use crate::ml::post_transform::PostTransform;

/// Reads a classifier, and its labels.
pub(super) fn classifier(
    context: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Forest, Arc<Tensor>)> {
    let labels = labels(node, "classlabels_int64s")?;
    let classes = labels.len();
    ensure!(classes > 1, "trees that tell {classes} classes apart");
    let mut reader = Reader::of(context, node)?;
    let base = reader.numbers("base_values")?;
    let fits = match classes {
        2 => base.len() <= 2,
        _ => base.is_empty() || base.len() == classes,
    };
    ensure!(fits, "{} base values for {classes} classes", base.len());
    let forest = reader.forest("class", classes, base, Aggregate::Sum)?;
    if classes == 2 {
        let labels = two_classes(&forest, labels)?;
        return Ok((forest, labels));
    }
    Ok((forest, labels))
}

/// The labels of two classes: where both have weights, onnxruntime gives places for integers.
///
/// Scores that it leaves to chance are refused.
fn two_classes(forest: &Forest, labels: Arc<Tensor>) -> TractResult<Arc<Tensor>> {
    let is_probit = forest.transform == PostTransform::Probit;
    ensure!(!is_probit, "PROBIT of the scores of two classes");
    let weights = || forest.leaves.iter().flatten();
    let first = weights().next().map(|(class, _)| *class);
    let has_both = weights().any(|(class, _)| Some(*class) != first);
    if has_both && labels.datum_type() == i64::datum_type() {
        return Ok(rctensor1(&[0i64, 1]));
    }
    Ok(labels)
}

/// Reads a regressor.
pub(super) fn regressor(context: &ParsingContext, node: &NodeProto) -> TractResult<Forest> {
    let targets: usize = node.get_attr_opt("n_targets")?.unwrap_or(0);
    let aggregate = match node.get_attr_opt("aggregate_function")?.unwrap_or("SUM") {
        "SUM" => Aggregate::Sum,
        "AVERAGE" => Aggregate::Average,
        "MIN" => Aggregate::Least,
        "MAX" => Aggregate::Largest,
        other => bail!("aggregate_function `{other}` is not known"),
    };
    let mut reader = Reader::of(context, node)?;
    let base = reader.numbers("base_values")?;
    ensure!(
        base.is_empty() || base.len() == targets,
        "{} base values for {targets} targets",
        base.len()
    );
    reader.forest("target", targets, base, aggregate)
}

/// Numbers of a tensor attribute, and whether only 64-bit floats hold them.
pub(super) fn tensor(
    context: &ParsingContext,
    node: &NodeProto,
    name: &str,
) -> TractResult<Option<(Vec<f64>, bool)>> {
    let Some(proto) = node.get_attr_opt::<&TensorProto>(name)? else {
        return Ok(None);
    };
    let tensor = context.load_tensor(proto)?;
    let datum_type = tensor.datum_type();
    let is_double = datum_type == f64::datum_type();
    let is_float = is_double || datum_type.is_float();
    ensure!(is_float, "`{name}` is not of floats but of {datum_type:?}");
    let wide = tensor.cast_to::<f64>()?;
    let numbers = wide.to_plain_array_view::<f64>()?;
    Ok(Some((numbers.iter().copied().collect(), is_double)))
}

/// Which nodes pass missing values: none, or as the list says.
pub(super) fn missing(node: &NodeProto, nodes: usize) -> TractResult<Vec<bool>> {
    let name = "nodes_missing_value_tracks_true";
    let tracks = integers(node, name)?.unwrap_or_default();
    if tracks.is_empty() {
        return Ok(vec![false; nodes]);
    }
    as_long(name, tracks.len(), nodes)?;
    Ok(tracks.into_iter().map(|track| track == 1).collect())
}

struct Reader<'a> {
    context: &'a ParsingContext<'a>,
    node: &'a NodeProto,
    is_double: bool,
}

impl<'a> Reader<'a> {
    fn of(context: &'a ParsingContext<'a>, node: &'a NodeProto) -> TractResult<Self> {
        Ok(Self {
            context,
            node,
            is_double: false,
        })
    }

    /// A list of floats, or the tensor that may stand in its place.
    fn numbers(&mut self, name: &str) -> TractResult<Vec<f64>> {
        let floats = floats(self.node, name)?.unwrap_or_default();
        let tensor = tensor(self.context, self.node, &format!("{name}_as_tensor"))?;
        match tensor.filter(|(numbers, _)| !numbers.is_empty()) {
            None => Ok(floats.into_iter().map(f64::from).collect()),
            Some((numbers, is_double)) => {
                ensure!(floats.is_empty(), "`{name}` is given twice");
                self.is_double |= is_double;
                Ok(numbers)
            }
        }
    }

    fn forest(
        &mut self,
        prefix: &str,
        targets: usize,
        base: Vec<f64>,
        aggregate: Aggregate,
    ) -> TractResult<Forest> {
        let tests = meanings(self.node, "nodes_modes", test)?;
        ensure!(tests.len() < MOST_NODES, "trees are too large");
        let names = Names::of(self.node, tests.len())?;
        let thresholds = self.numbers("nodes_values")?;
        as_long("nodes_values", thresholds.len(), tests.len())?;
        let places = places(&tests);
        let splits = self.splits(&tests, &names, &places, &thresholds)?;
        let mut leaves = vec![Weights::new(); tests.len() - splits.len()];
        self.weights(prefix, &names, &places, &mut leaves)?;
        if targets == 1 {
            single_weights(&mut leaves, &places, &thresholds)?;
        }
        Ok(Forest {
            splits,
            leaves,
            sets: Vec::new(),
            roots: names.roots(&places),
            targets,
            base,
            aggregate,
            transform: self.transform()?,
            is_double: self.is_double,
        })
    }

    fn transform(&self) -> TractResult<PostTransform> {
        PostTransform::named(self.node.get_attr_opt("post_transform")?.unwrap_or("NONE"))
    }

    fn splits(
        &self,
        tests: &[Option<Test>],
        names: &Names,
        places: &[Child],
        thresholds: &[f64],
    ) -> TractResult<Vec<Split>> {
        let nodes = tests.len();
        let features = integers_for(self.node, "nodes_featureids", nodes)?;
        let passed = integers_for(self.node, "nodes_truenodeids", nodes)?;
        let failed = integers_for(self.node, "nodes_falsenodeids", nodes)?;
        let missing = missing(self.node, nodes)?;
        let children = passed.into_iter().zip(failed);
        let rest = children.zip(features).zip(thresholds).zip(missing);
        let all = tests.iter().zip(names.runs()).zip(rest);
        let mut splits = Vec::with_capacity(nodes);
        for ((test, run), ((((passed, failed), feature), threshold), missing)) in all {
            let Some(test) = *test else { continue };
            splits.push(Split {
                feature: feature_id(feature)?,
                test,
                threshold: *threshold,
                missing,
                passed: names.child(run, passed, places)?,
                failed: names.child(run, failed, places)?,
            });
        }
        Ok(splits)
    }

    /// Reads the weights into their leaves; those of nodes that are none are left out, which
    /// old exporters wrote.
    fn weights(
        &mut self,
        prefix: &str,
        names: &Names,
        places: &[Child],
        leaves: &mut [Weights],
    ) -> TractResult<()> {
        let ids = format!("{prefix}_ids");
        let targets = required(integers(self.node, &ids)?, &ids)?;
        let trees = integers_for(self.node, &format!("{prefix}_treeids"), targets.len())?;
        let numbers = integers_for(self.node, &format!("{prefix}_nodeids"), targets.len())?;
        let name = format!("{prefix}_weights");
        let weights = self.numbers(&name)?;
        as_long(&name, weights.len(), targets.len())?;
        let leaf_names = trees.into_iter().zip(numbers);
        let mut run = Run::default();
        for ((target, (tree, number)), weight) in targets.into_iter().zip(leaf_names).zip(weights) {
            let target =
                u32::try_from(target).with_context(|| format!("`{ids}` has the entry {target}"))?;
            run = names.run(tree, run)?;
            match names.child(run, number, places)? {
                Child::Split(_) => {}
                Child::Leaf(leaf) => {
                    let leaf = leaves.get_mut(leaf as usize);
                    leaf.context("a leaf that was counted")?
                        .push((target, weight));
                }
            }
        }
        Ok(())
    }
}

/// Of a single target, a leaf has its first weight, as in onnxruntime, or none and is worth nothing.
fn single_weights(leaves: &mut [Weights], places: &[Child], thresholds: &[f64]) -> TractResult<()> {
    for (place, threshold) in places.iter().zip(thresholds) {
        let Child::Leaf(leaf) = place else { continue };
        let leaf = leaves.get_mut(*leaf as usize);
        let weights = leaf.context("a leaf that was counted")?;
        weights.truncate(1);
        ensure!(
            !weights.is_empty() || *threshold == 0.0,
            "a leaf has no weight"
        );
    }
    Ok(())
}

pub(super) fn feature_id(feature: i64) -> TractResult<u32> {
    u32::try_from(feature).with_context(|| format!("`nodes_featureids` has the entry {feature}"))
}

fn test(mode: &str) -> TractResult<Option<Test>> {
    Ok(Some(match mode {
        "BRANCH_LEQ" => Test::AtMost,
        "BRANCH_LT" => Test::Below,
        "BRANCH_GTE" => Test::AtLeast,
        "BRANCH_GT" => Test::Above,
        "BRANCH_EQ" => Test::Equal,
        "BRANCH_NEQ" => Test::Unequal,
        "LEAF" => return Ok(None),
        other => bail!("`nodes_modes` has the entry `{other}`"),
    }))
}

/// Of each node of the file, its place among the splits or among the leaves.
fn places(tests: &[Option<Test>]) -> Vec<Child> {
    let (mut splits, mut leaves) = (0, 0);
    let place = |test: &Option<Test>| {
        let (count, child): (_, fn(u32) -> Child) = match test {
            Some(_) => (&mut splits, Child::Split),
            None => (&mut leaves, Child::Leaf),
        };
        let child = child(*count);
        *count += 1;
        child
    };
    tests.iter().map(place).collect()
}
