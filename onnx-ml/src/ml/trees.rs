//! `TreeEnsembleClassifier` and `TreeEnsembleRegressor` (ai.onnx.ml, versions 1 and 3; deprecated
//! and unchanged in 5) and `TreeEnsemble` (version 5).
//!
//! A row of features goes down each tree, and what it finds at the leaves is aggregated by
//! target: `aggregate_function` is `SUM`, `AVERAGE`, `MIN` or `MAX`, a classifier's always a sum.
//! `base_values` are added, `post_transform` follows, and a classifier also gives a label.
//! Nodes compare by `BRANCH_LEQ`, `BRANCH_LT`, `BRANCH_GTE`, `BRANCH_GT`, `BRANCH_EQ`,
//! `BRANCH_NEQ`, in version 5 also `BRANCH_MEMBER`; a missing value (NaN) passes where
//! `nodes_missing_value_tracks_true` says so. Numbers are compared and added in 64 bits if the
//! input is of 64-bit floats and in 32 bits otherwise, integers too. A list of features is one
//! row.
//!
//! The file is read by `attributes` and `ensemble` (`lists` and `names` are how) into a `forest`, which is checked; `layout`
//! puts its nodes in one list, `walk` leads rows through it, `kernel` does so for all rows and
//! trees, and `outcome` makes of the scores what the operator gives.

mod attributes;
mod ensemble;
mod forest;
mod kernel;
mod layout;
mod lists;
mod names;
mod number;
mod operator;
mod outcome;
#[cfg(test)]
mod tests;
mod walk;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::tract::Built;
use operator::Trees;

/// Builds a `TreeEnsembleClassifier`.
pub(crate) fn classifier(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let (forest, labels) = attributes::classifier(context, node)?;
    let trees = Trees {
        forest: Arc::new(forest.checked()?),
        labels: Some(labels),
        keeps_type: false,
    };
    Ok((expand(trees), vec![]))
}

/// Builds a `TreeEnsembleRegressor`.
pub(crate) fn regressor(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let trees = Trees {
        forest: Arc::new(attributes::regressor(context, node)?.checked()?),
        labels: None,
        keeps_type: false,
    };
    Ok((expand(trees), vec![]))
}

/// Builds a `TreeEnsemble`.
pub(crate) fn ensemble(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let trees = Trees {
        forest: Arc::new(ensemble::ensemble(context, node)?.checked()?),
        labels: None,
        keeps_type: true,
    };
    Ok((expand(trees), vec![]))
}
