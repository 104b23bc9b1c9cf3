//! `TreeEnsemble` as a file has it: nodes and leaves in lists of their own, by place.
//!
//! `SOFTMAX` and `LOGISTIC` are refused for several targets, for their numbers are exchanged in
//! onnxruntime: which of them a file means cannot be told.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use super::attributes::{feature_id, missing, tensor};
use super::forest::{Aggregate, Child, Forest, Split, Test, Weights};
use super::lists::{as_long, integers, integers_for, required};
use crate::ml::post_transform::PostTransform;

/// Reads an ensemble.
pub(super) fn ensemble(context: &ParsingContext, node: &NodeProto) -> TractResult<Forest> {
    let aggregate = match node.get_attr_opt::<i64>("aggregate_function")?.unwrap_or(1) {
        0 => Aggregate::Average,
        1 => Aggregate::Sum,
        2 => Aggregate::Least,
        3 => Aggregate::Largest,
        other => bail!("aggregate_function {other} is not known"),
    };
    let transform = match node.get_attr_opt::<i64>("post_transform")?.unwrap_or(0) {
        0 => PostTransform::None,
        1 => PostTransform::Softmax,
        2 => PostTransform::Logistic,
        3 => PostTransform::SoftmaxZero,
        4 => PostTransform::Probit,
        other => bail!("post_transform {other} is not known"),
    };
    let targets = node.get_attr_opt("n_targets")?.unwrap_or(0);
    let is_ambiguous = matches!(transform, PostTransform::Softmax | PostTransform::Logistic);
    ensure!(
        targets == 1 || !is_ambiguous,
        "post_transform 1 and 2 are SOFTMAX and LOGISTIC in ONNX, the reverse in onnxruntime"
    );
    let (splits, sets, thresholds_are_double) = splits(context, node)?;
    let (leaves, weights_are_double) = leaves(context, node)?;
    let roots: Vec<i64> = node.get_attr_vec("tree_roots")?;
    let roots = roots
        .into_iter()
        .map(|root| place("tree_roots", root).map(Child::Split));
    Ok(Forest {
        splits,
        leaves,
        sets,
        roots: roots.collect::<TractResult<_>>()?,
        targets,
        base: Vec::new(),
        aggregate,
        transform,
        is_double: thresholds_are_double || weights_are_double,
    })
}

fn leaves(context: &ParsingContext, node: &NodeProto) -> TractResult<(Vec<Weights>, bool)> {
    let name = "leaf_targetids";
    let targets = required(integers(node, name)?, name)?;
    let (weights, is_double) = given(context, node, "leaf_weights")?;
    as_long("leaf_weights", weights.len(), targets.len())?;
    let leaf = |(target, weight)| Ok(Weights::from_elem((place(name, target)?, weight), 1));
    let leaves = targets.into_iter().zip(weights).map(leaf);
    Ok((leaves.collect::<TractResult<_>>()?, is_double))
}

fn splits(
    context: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Vec<Split>, Vec<Vec<f64>>, bool)> {
    let modes = modes(context, node)?;
    let nodes = modes.len();
    let (thresholds, is_double) = given(context, node, "nodes_splits")?;
    as_long("nodes_splits", thresholds.len(), nodes)?;
    let features = integers_for(node, "nodes_featureids", nodes)?;
    let missing = missing(node, nodes)?;
    let passed = children(node, "nodes_truenodeids", "nodes_trueleafs", nodes)?;
    let failed = children(node, "nodes_falsenodeids", "nodes_falseleafs", nodes)?;
    let mut sets = sets(context, node)?.into_iter();
    let mut members = Vec::new();
    let questions = modes.into_iter().zip(thresholds).zip(features).zip(missing);
    let mut splits = Vec::with_capacity(nodes);
    for ((((mode, threshold), feature), missing), (passed, failed)) in
        questions.zip(passed.into_iter().zip(failed))
    {
        let test = match mode {
            0 => Test::AtMost,
            1 => Test::Below,
            2 => Test::AtLeast,
            3 => Test::Above,
            4 => Test::Equal,
            5 => Test::Unequal,
            6 => {
                let set = sets
                    .next()
                    .context("`membership_values` has too few sets")?;
                members.push(set);
                Test::Member(u32::try_from(members.len() - 1)?)
            }
            other => bail!("`nodes_modes` has the entry {other}"),
        };
        splits.push(Split {
            feature: feature_id(feature)?,
            test,
            threshold,
            missing,
            passed,
            failed,
        });
    }
    ensure!(
        sets.next().is_none(),
        "`membership_values` has too many sets"
    );
    Ok((splits, members, is_double))
}

fn modes(context: &ParsingContext, node: &NodeProto) -> TractResult<Vec<u8>> {
    let modes: &TensorProto = node.get_attr("nodes_modes")?;
    ensure!(modes.string_data.is_empty(), "`nodes_modes` is of texts");
    let modes = context.load_tensor(modes)?;
    let datum_type = modes.datum_type();
    ensure!(
        datum_type == u8::datum_type(),
        "`nodes_modes` is of {datum_type:?}"
    );
    Ok(modes.to_plain_array_view::<u8>()?.iter().copied().collect())
}

fn given(context: &ParsingContext, node: &NodeProto, name: &str) -> TractResult<(Vec<f64>, bool)> {
    required(tensor(context, node, name)?, name)
}

fn children(
    node: &NodeProto,
    places: &str,
    are_leaves: &str,
    nodes: usize,
) -> TractResult<Vec<Child>> {
    let children = integers_for(node, places, nodes)?;
    let leaves = integers_for(node, are_leaves, nodes)?;
    let child = |(child, is_leaf)| {
        let child = place(places, child)?;
        Ok(if is_leaf == 0 {
            Child::Split(child)
        } else {
            Child::Leaf(child)
        })
    };
    children.into_iter().zip(leaves).map(child).collect()
}

/// The sets of all nodes that test membership: sorted, and in the file separated by NaN.
fn sets(context: &ParsingContext, node: &NodeProto) -> TractResult<Vec<Vec<f64>>> {
    let values = tensor(context, node, "membership_values")?;
    let (mut values, _) = values.unwrap_or_default();
    if values.last().is_some_and(|last| last.is_nan()) {
        values.pop();
    } else if values.is_empty() {
        return Ok(Vec::new());
    }
    let set = |set: &[f64]| {
        let mut set = set.to_vec();
        set.sort_by(f64::total_cmp);
        set
    };
    Ok(values.split(|value| value.is_nan()).map(set).collect())
}

fn place(name: &str, place: i64) -> TractResult<u32> {
    u32::try_from(place).with_context(|| format!("`{name}` has the entry {place}"))
}
