//! Tables for all three operators; values are those of onnxruntime 1.32.0.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use crate::testing::{close, floats, integer, integers, run, string, strings};

/// Leaves of two trees that ask whether the first and the second feature pass zero: of each
/// leaf, passed and failed, the weights by target.
type Leaves<'a> = [[&'a [(i64, f32)]; 2]; 2];

const ONE: Leaves = [[&[(0, 0.1)], &[(0, 0.4)]], [&[(0, 0.2)], &[(0, 0.3)]]];
const SIGNED: Leaves = [[&[(0, -0.1)], &[(0, 0.4)]], [&[(0, -0.2)], &[(0, 0.3)]]];
const SECOND: Leaves = [[&[(1, 0.1)], &[(1, 0.4)]], [&[(1, 0.2)], &[(1, 0.3)]]];
const BOTH: Leaves = [
    [&[(0, 0.4), (1, -0.1)], &[(0, 0.1), (1, 0.4)]],
    [&[(0, 0.3), (1, -0.2)], &[(0, 0.2), (1, 0.3)]],
];
const APART: Leaves = [[&[(0, 0.4)], &[(1, 0.4)]], [&[(0, 0.3)], &[(1, -0.3)]]];
const THREE: Leaves = [[&[(0, 0.4)], &[(1, 0.4)]], [&[(0, -0.3)], &[(2, -0.5)]]];

/// Both pass, the first, the second, none.
fn rows() -> Tensor {
    tensor2(&[[-1f32, -1.], [-1., 1.], [1., -1.], [1., 1.]])
}

fn trees(mode: &str, prefix: &str, leaves: Leaves) -> Vec<AttributeProto> {
    let mut weights: Vec<(i64, i64, i64, f32)> = Vec::new();
    for (tree, leaves) in (0..).zip(leaves) {
        for (node, leaf) in (1..).zip(leaves) {
            weights.extend(
                leaf.iter()
                    .map(|(target, weight)| (tree, node, *target, *weight)),
            );
        }
    }
    let list = |name: &str, value: fn(&(i64, i64, i64, f32)) -> i64| {
        let values: Vec<i64> = weights.iter().map(value).collect();
        integers(&format!("{prefix}_{name}"), &values)
    };
    let values: Vec<f32> = weights.iter().map(|weight| weight.3).collect();
    vec![
        integers("nodes_treeids", &[0, 0, 0, 1, 1, 1]),
        integers("nodes_nodeids", &[0, 1, 2, 0, 1, 2]),
        integers("nodes_featureids", &[0, 0, 0, 1, 0, 0]),
        floats("nodes_values", &[0.; 6]),
        strings("nodes_modes", &[mode, "LEAF", "LEAF", mode, "LEAF", "LEAF"]),
        integers("nodes_truenodeids", &[1, 0, 0, 1, 0, 0]),
        integers("nodes_falsenodeids", &[2, 0, 0, 2, 0, 0]),
        list("treeids", |weight| weight.0),
        list("nodeids", |weight| weight.1),
        list("ids", |weight| weight.2),
        floats(&format!("{prefix}_weights"), &values),
    ]
}

fn with(mut attributes: Vec<AttributeProto>, more: Vec<AttributeProto>) -> Vec<AttributeProto> {
    attributes.retain(|old| more.iter().all(|new| new.name != old.name));
    attributes.extend(more);
    attributes
}

#[track_caller]
fn regress(leaves: Leaves, more: Vec<AttributeProto>, input: Tensor, expected: &[f32]) {
    let attributes = with(trees("BRANCH_LEQ", "target", leaves), more);
    close(
        &run("TreeEnsembleRegressor", attributes, input).unwrap(),
        expected,
    );
}

#[track_caller]
fn classify(leaves: Leaves, more: Vec<AttributeProto>, labels: &[i64], expected: &[f32]) {
    let attributes = with(trees("BRANCH_LEQ", "class", leaves), more);
    let outputs = run("TreeEnsembleClassifier", attributes, rows()).unwrap();
    assert_eq!(outputs[0], tensor1(labels));
    close(&outputs[1..], expected);
}

fn two(base: &[f32], transform: &str) -> Vec<AttributeProto> {
    vec![
        integers("classlabels_int64s", &[0, 1]),
        floats("base_values", base),
        string("post_transform", transform),
    ]
}

#[test]
fn leaves_of_a_row_are_aggregated_by_target() {
    let one = |aggregate: &str, expected: &[f32]| {
        let more = vec![
            integer("n_targets", 1),
            floats("base_values", &[1.]),
            string("aggregate_function", aggregate),
        ];
        regress(ONE, more, rows(), expected);
    };
    one("SUM", &[1.3, 1.4, 1.6, 1.7]);
    one("AVERAGE", &[1.15, 1.2, 1.3, 1.35]);
    one("MIN", &[1.1, 1.1, 1.2, 1.3]);
    one("MAX", &[1.2, 1.3, 1.4, 1.4]);
    let two = |aggregate: &str, expected: &[f32]| {
        let more = vec![
            integer("n_targets", 2),
            string("aggregate_function", aggregate),
        ];
        regress(APART, more, rows(), expected);
    };
    two("SUM", &[0.7, 0., 0.4, -0.3, 0.3, 0.4, 0., 0.1]);
    two("AVERAGE", &[0.35, 0., 0.2, -0.15, 0.15, 0.2, 0., 0.05]);
    two("MIN", &[0.3, 0., 0.4, -0.3, 0.3, 0.4, 0., -0.3]);
    two("MAX", &[0.4, 0., 0.4, -0.3, 0.3, 0.4, 0., 0.4]);
}

#[test]
fn a_target_without_a_score_has_no_base_value_either() {
    let more = vec![integer("n_targets", 2), floats("base_values", &[1., 2.])];
    regress(APART, more, rows(), &[1.7, 0., 1.4, 1.7, 1.3, 2.4, 0., 2.1]);
}

#[test]
fn one_target_is_transformed_by_probit_alone() {
    let more = |transform| vec![integer("n_targets", 1), string("post_transform", transform)];
    for transform in ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"] {
        regress(ONE, more(transform), rows(), &[0.3, 0.4, 0.6, 0.7]);
    }
    let probit = [-0.524_445_9, -0.253_353_5, 0.253_353_5, 0.524_445_9];
    regress(ONE, more("PROBIT"), rows(), &probit);
}

#[test]
fn every_comparison_follows_missing_values_where_they_are_tracked() {
    let check = |mode: &str, missing: &[i64], expected: &[f32]| {
        let more = vec![
            integer("n_targets", 1),
            integers("nodes_missing_value_tracks_true", missing),
        ];
        let attributes = with(trees(mode, "target", ONE), more);
        let nan = f32::NAN;
        let input = tensor2(&[[nan, nan], [-1., 1.], [1., -1.], [0., 0.], [nan, -1.]]);
        close(
            &run("TreeEnsembleRegressor", attributes, input).unwrap(),
            expected,
        );
    };
    let tracked: &[i64] = &[1, 0, 0, 1, 0, 0];
    check("BRANCH_LEQ", &[], &[0.7, 0.4, 0.6, 0.3, 0.6]);
    check("BRANCH_LEQ", tracked, &[0.3, 0.4, 0.6, 0.3, 0.3]);
    check("BRANCH_LT", &[], &[0.7, 0.4, 0.6, 0.7, 0.6]);
    check("BRANCH_LT", tracked, &[0.3, 0.4, 0.6, 0.7, 0.3]);
    check("BRANCH_GTE", &[], &[0.7, 0.6, 0.4, 0.3, 0.7]);
    check("BRANCH_GTE", tracked, &[0.3, 0.6, 0.4, 0.3, 0.4]);
    check("BRANCH_GT", &[], &[0.7, 0.6, 0.4, 0.7, 0.7]);
    check("BRANCH_GT", tracked, &[0.3, 0.6, 0.4, 0.7, 0.4]);
    check("BRANCH_EQ", &[], &[0.7, 0.7, 0.7, 0.3, 0.7]);
    check("BRANCH_EQ", tracked, &[0.3, 0.7, 0.7, 0.3, 0.4]);
    check("BRANCH_NEQ", &[], &[0.3, 0.3, 0.3, 0.7, 0.3]);
    check("BRANCH_NEQ", tracked, &[0.3, 0.3, 0.3, 0.7, 0.3]);
}

#[test]
fn a_single_score_tells_two_classes_apart_above_a_half_or_above_zero() {
    classify(
        ONE,
        two(&[], "NONE"),
        &[0, 0, 1, 1],
        &[0.7, 0.3, 0.6, 0.4, 0.4, 0.6, 0.3, 0.7],
    );
    let base = [0.65, 0.35, 0.55, 0.45, 0.35, 0.65, 0.25, 0.75];
    classify(ONE, two(&[0.05], "NONE"), &[0, 0, 1, 1], &base);
    let signed = [0.3, -0.3, -0.2, 0.2, -0.2, 0.2, -0.7, 0.7];
    classify(SIGNED, two(&[], "SOFTMAX"), &[0, 1, 1, 1], &signed);
    let logistic = [
        0.574_442_5,
        0.425_557_5,
        0.450_166,
        0.549_834,
        0.450_166,
        0.549_834,
        0.331_812_2,
        0.668_187_8,
    ];
    classify(SIGNED, two(&[], "LOGISTIC"), &[0, 1, 1, 1], &logistic);
    classify(
        SECOND,
        two(&[], "NONE"),
        &[0, 0, 1, 1],
        &[0., 0.3, 0., 0.4, 0., 0.6, 0., 0.7],
    );
    let two_base = [0.35, 0., 0.45, 0., 0.65, 0., 0.75, 0.];
    classify(ONE, two(&[0.05, 0.15], "NONE"), &[0, 0, 1, 1], &two_base);
}

#[test]
fn of_two_classes_with_weights_the_second_wins_above_zero() {
    let plain = [0.7, -0.3, 0.6, 0.2, 0.4, 0.2, 0.3, 0.7];
    classify(BOTH, two(&[], "NONE"), &[0, 1, 1, 1], &plain);
    let mut places = two(&[], "NONE");
    places[0] = integers("classlabels_int64s", &[3, 7]);
    classify(BOTH, places, &[0, 1, 1, 1], &plain);
    let based = [-0.85, 0.85, -0.75, 0.75, -0.55, 0.55, -0.45, 0.45];
    classify(BOTH, two(&[0.05, 0.15], "NONE"), &[1, 1, 1, 1], &based);
    let apart = [0.75, 0., -0.55, 0.55, -0.45, 0.45, 0., 0.15];
    let apart_leaves = [APART[0], [&[(0, 0.3)], &[(1, 0.3)]]];
    classify(
        apart_leaves,
        two(&[0.05, 0.15], "NONE"),
        &[1, 1, 1, 1],
        &apart,
    );
}

/// Exporters of decision paths write the weight once for each class.
#[test]
fn of_several_weights_for_a_single_target_the_first_counts() {
    const TWICE: Leaves = [
        [&[(0, 1.), (0, 2.)], &[(0, 3.), (0, 5.)]],
        [&[(0, 10.), (0, 20.)], &[(0, 30.)]],
    ];
    let sums = |targets, aggregate: &str, expected: &[f32]| {
        let more = vec![
            integer("n_targets", targets),
            string("aggregate_function", aggregate),
        ];
        regress(TWICE, more, rows(), expected);
    };
    sums(1, "SUM", &[11., 31., 13., 33.]);
    sums(1, "MAX", &[10., 30., 10., 30.]);
    sums(2, "SUM", &[33., 0., 33., 0., 38., 0., 38., 0.]);
    sums(2, "MAX", &[20., 0., 30., 0., 20., 0., 30., 0.]);
}

#[test]
fn of_several_classes_the_largest_score_wins_of_those_that_have_one() {
    let more = |base: &[f32]| {
        vec![
            integers("classlabels_int64s", &[5, 6, 7]),
            floats("base_values", base),
        ]
    };
    let plain = [0.1, 0., 0., 0.4, 0., -0.5, -0.3, 0.4, 0., 0., 0.4, -0.5];
    classify(THREE, more(&[]), &[5, 5, 6, 6], &plain);
    let based = [
        0.2, 0.2, 0.3, 0.5, 0.2, -0.2, -0.2, 0.6, 0.3, 0.1, 0.6, -0.2,
    ];
    classify(THREE, more(&[0.1, 0.2, 0.3]), &[7, 5, 6, 6], &based);
}

#[test]
fn labels_may_be_text_and_inputs_any_number() {
    let text = vec![strings("classlabels_strings", &["née", "b"])];
    let attributes = || with(trees("BRANCH_LEQ", "class", ONE), text.clone());
    for datum_type in [
        DatumType::F32,
        DatumType::F64,
        DatumType::I64,
        DatumType::I32,
    ] {
        let input = rows().cast_to_dt(datum_type).unwrap().into_owned();
        let outputs = run("TreeEnsembleClassifier", attributes(), input).unwrap();
        let expected = ["née", "née", "b", "b"].map(str::to_owned);
        assert_eq!(outputs[0], tensor1(&expected));
        close(&outputs[1..], &[0.7, 0.3, 0.6, 0.4, 0.4, 0.6, 0.3, 0.7]);
    }
}

#[test]
fn a_list_of_features_is_one_row_and_a_batch_may_be_of_any_size() {
    let more = || vec![integer("n_targets", 1)];
    regress(ONE, more(), tensor1(&[1f32, -1.]), &[0.6]);
    for rows in [0, 1, 7, 8, 9, 129] {
        let input = Tensor::zero::<f32>(&[rows, 2]).unwrap();
        regress(ONE, more(), input, &vec![0.3; rows]);
    }
}

#[track_caller]
fn refused(more: Vec<AttributeProto>, reason: &str) {
    let attributes = with(
        trees("BRANCH_LEQ", "target", ONE),
        vec![integer("n_targets", 1)],
    );
    let error = run("TreeEnsembleRegressor", with(attributes, more), rows()).unwrap_err();
    let error = format!("{error:?}");
    assert!(error.contains(reason), "{error}");
}

#[test]
fn what_is_no_tree_is_refused_with_the_reason() {
    refused(
        vec![floats("nodes_values", &[0.; 5])],
        "`nodes_values` has 5 entries, not 6",
    );
    refused(
        vec![integers("target_ids", &[0; 3])],
        "`target_treeids` has 4 entries, not 3",
    );
    refused(
        vec![strings(
            "nodes_modes",
            &["BRANCH", "LEAF", "LEAF", "LEAF", "LEAF", "LEAF"],
        )],
        "`nodes_modes` has the entry `BRANCH`",
    );
    refused(
        vec![integers("nodes_nodeids", &[0, 1, 1, 0, 1, 2])],
        "node 1 of tree 0 is there twice",
    );
    refused(
        vec![integers("nodes_truenodeids", &[9, 0, 0, 1, 0, 0])],
        "tree 0 has no node 9",
    );
    refused(
        vec![integers("nodes_truenodeids", &[0, 0, 0, 1, 0, 0])],
        "node 0 leads back to itself",
    );
    refused(
        vec![
            integers("nodes_treeids", &[0, 0, 1, 1, 1, 0]),
            integers("nodes_nodeids", &[0, 1, 0, 1, 2, 2]),
            strings(
                "nodes_modes",
                &["BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF"],
            ),
            integers("nodes_truenodeids", &[1, 0, 1, 0, 0, 0]),
            integers("nodes_falsenodeids", &[2, 0, 2, 0, 0, 0]),
        ],
        "the nodes of tree 0 are in several places",
    );
    refused(
        vec![integers("target_ids", &[0, 0, 1, 0])],
        "a leaf has a weight for target 1 of 1",
    );
    refused(
        vec![integers("target_ids", &[0, 0, -1, 0])],
        "`target_ids` has the entry -1",
    );
    refused(
        vec![integers("nodes_featureids", &[2, 0, 0, 1, 0, 0])],
        "trees that look at 3 features, given rows of 2",
    );
    refused(
        vec![integers("nodes_featureids", &[-1, 0, 0, 1, 0, 0])],
        "`nodes_featureids` has the entry -1",
    );
    refused(
        vec![floats("base_values", &[1., 2.])],
        "2 base values for 1 targets",
    );
    refused(
        vec![string("aggregate_function", "MEAN")],
        "aggregate_function `MEAN` is not known",
    );
    refused(
        vec![string("post_transform", "CUBE")],
        "post_transform `CUBE` is not supported",
    );
}

#[test]
fn targets_are_some_and_not_too_many() {
    refused(vec![integer("n_targets", 0)], "there is no target");
    let many = integer("n_targets", (1 << 20) + 1);
    refused(vec![many], "1048577 targets are too many");
    let targets = vec![integer("n_targets", 1 << 20)];
    let attributes = with(trees("BRANCH_LEQ", "target", ONE), targets);
    let input = tensor1(&[0f32, 0.]);
    let outputs = run("TreeEnsembleRegressor", attributes, input).unwrap();
    assert_eq!(outputs[0].shape(), [1, 1 << 20]);
}

fn tensor(name: &str, data_type: DataType, values: &Tensor) -> AttributeProto {
    let tensor = TensorProto {
        dims: vec![values.len() as i64],
        data_type: data_type.into(),
        raw_data: values.as_bytes().to_vec(),
        ..Default::default()
    };
    AttributeProto {
        name: name.into(),
        t: Some(tensor),
        r#type: AttributeType::Tensor as i32,
        ..Default::default()
    }
}

/// One tree that asks whether the first feature is at most zero, and one whether the second is
/// 1 or 3.
fn ensemble(more: Vec<AttributeProto>) -> Vec<AttributeProto> {
    let floats = |name, values: &[f32]| tensor(name, DataType::Float, &tensor1(values));
    let attributes = vec![
        integer("n_targets", 2),
        integers("tree_roots", &[0, 1]),
        tensor("nodes_modes", DataType::Uint8, &tensor1(&[0u8, 6])),
        integers("nodes_featureids", &[0, 1]),
        floats("nodes_splits", &[0., 0.]),
        floats("membership_values", &[1., 3.]),
        integers("nodes_truenodeids", &[0, 2]),
        integers("nodes_trueleafs", &[1, 1]),
        integers("nodes_falsenodeids", &[1, 3]),
        integers("nodes_falseleafs", &[1, 1]),
        integers("leaf_targetids", &[0, 1, 0, 1]),
        floats("leaf_weights", &[0.1, 0.2, 0.3, 0.4]),
    ];
    with(attributes, more)
}

#[test]
fn an_ensemble_tests_membership_and_may_share_leaves() {
    let check = |more: Vec<AttributeProto>, expected: &[f32]| {
        let input = tensor2(&[[-1f32, 1.], [-1., 2.], [1., 3.], [1., f32::NAN]]);
        close(
            &run("TreeEnsemble", ensemble(more), input).unwrap(),
            expected,
        );
    };
    check(vec![], &[0.4, 0., 0.1, 0.4, 0.3, 0.2, 0., 0.6]);
    let tracked = integers("nodes_missing_value_tracks_true", &[0, 1]);
    check(vec![tracked], &[0.4, 0., 0.1, 0.4, 0.3, 0.2, 0.3, 0.2]);
    let mean = [0.2, 0., 0.05, 0.2, 0.15, 0.1, 0., 0.3];
    check(vec![integer("aggregate_function", 0)], &mean);
    let shared = integers("nodes_falsenodeids", &[1, 2]);
    check(vec![shared], &[0.4, 0., 0.4, 0., 0.3, 0.2, 0.3, 0.2]);
}

#[test]
fn an_ensemble_that_cannot_be_told_is_refused() {
    let refused = |more, reason: &str| {
        let error = run("TreeEnsemble", ensemble(vec![more]), rows()).unwrap_err();
        let error = format!("{error:?}");
        assert!(error.contains(reason), "{error}");
    };
    let sets = |values: &[f32]| tensor("membership_values", DataType::Float, &tensor1(values));
    refused(sets(&[1., f32::NAN, 3.]), "too many sets");
    refused(sets(&[]), "too few sets");
    refused(integers("tree_roots", &[2]), "there is no node 2");
    refused(integers("nodes_truenodeids", &[4, 2]), "there is no leaf 4");
    refused(
        integers("nodes_trueleafs", &[0, 1]),
        "node 0 leads back to itself",
    );
    refused(integer("post_transform", 1), "the reverse in onnxruntime");
    let modes = tensor("nodes_modes", DataType::Uint8, &tensor1(&[0u8, 7]));
    refused(modes, "`nodes_modes` has the entry 7");
}
