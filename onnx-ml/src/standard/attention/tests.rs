//! Expected values: onnxruntime 1.32.0.

use std::f32::consts::FRAC_1_SQRT_2;

use tract_onnx::pb::AttributeProto;
use tract_onnx::tract_hir::internal::*;

use crate::testing::{Input, close, float, integer, numbers, outputs};

const LOWEST: f32 = f32::MIN;

/// Two heads, two queries, three keys, two numbers each.
fn four_axes() -> Vec<Input> {
    let shapes: [[usize; 4]; 3] = [[1, 2, 2, 2], [1, 2, 3, 2], [1, 2, 3, 2]];
    let inputs = shapes.iter().zip(1..);
    let given = inputs.map(|(shape, seed)| Input::Given(numbers(shape, seed)));
    given.collect()
}

#[track_caller]
fn check(attributes: Vec<AttributeProto>, mask: Option<Tensor>, expected: &[f32]) {
    let mut inputs = four_axes();
    inputs.extend(mask.map(Input::Given));
    let output = outputs("Attention", 25, attributes, inputs, &["y"]).unwrap();
    assert_eq!(output[0].shape(), [1, 2, 2, 2]);
    close(&output, expected);
}

#[test]
fn weights_are_a_softmax_of_scaled_products() {
    let plain = [
        -0.713_468_1,
        1.036_532,
        -0.793_683_9,
        0.956_315_9,
        -0.029_310_36,
        -0.249_861_1,
        -0.014_712_24,
        -0.334_341_5,
    ];
    check(vec![], None, &plain);
    check(vec![float("softcap", -1.0)], None, &plain);
    check(
        vec![float("scale", 0.25)],
        None,
        &[
            -0.736_992_4,
            1.013_008,
            -0.765_602_2,
            0.984_397_9,
            -0.010_409_89,
            -0.358_707_7,
            -0.005_207_486,
            -0.387_849_2,
        ],
    );
    check(
        vec![float("softcap", 1.0)],
        None,
        &[
            -0.720_839,
            1.029_161,
            -0.789_862_6,
            0.960_137_4,
            -0.019_573_9,
            -0.302_256_2,
            -0.008_296_266,
            -0.369_543_9,
        ],
    );
}

#[test]
fn queries_see_what_masks_and_windows_leave() {
    check(
        vec![integer("is_causal", 1)],
        None,
        &[
            -1.,
            0.75,
            -0.891_476_5,
            0.858_523_7,
            -0.25,
            1.5,
            -0.130_520_7,
            0.066_248_07,
        ],
    );
    check(
        vec![
            integer("left_window_size", 0),
            integer("right_window_size", 1),
        ],
        None,
        &[
            -0.861_245_3,
            0.888_754_8,
            -0.641_476_4,
            1.108_524,
            -0.136_019_9,
            0.132_238_3,
            0.119_479_3,
            -1.380_521,
        ],
    );
    let mask = tensor2(&[[0.5f32, -1., 0.], [0., f32::NEG_INFINITY, 1.]]);
    check(
        vec![],
        Some(mask),
        &[
            -0.756_346_5,
            0.993_653_5,
            -0.692_347_2,
            1.057_653,
            -0.088_987_26,
            0.426_048_6,
            0.097_460_06,
            -0.411_030_4,
        ],
    );
    check(
        vec![],
        Some(tensor1(&[true, false, true])),
        &[
            -0.695_639_3,
            1.054_361,
            -0.814_780_1,
            0.935_219_9,
            -0.043_739_51,
            0.365_567_3,
            -0.022_039_73,
            0.246_218_5,
        ],
    );
}

#[test]
fn a_query_that_sees_nothing_gives_zeros() {
    let mask = tensor2(&[[true, false, true], [false, false, false]]);
    let expected = [
        -0.695_639_2,
        1.054_361,
        0.,
        0.,
        -0.043_739_51,
        0.365_567_3,
        0.,
        0.,
    ];
    check(vec![], Some(mask), &expected);
    let mask = tensor2(&[[false, true, true], [true, true, true]]);
    let expected = [
        0.,
        0.,
        -0.891_476_5,
        0.858_523_7,
        0.,
        0.,
        -0.130_520_7,
        0.066_248_07,
    ];
    check(vec![integer("is_causal", 1)], Some(mask), &expected);
    let mask = tensor2(&[[LOWEST; 3], [0., 0., LOWEST]]);
    check(vec![], Some(mask), &expected);
}

#[test]
fn heads_may_lie_side_by_side_and_share_keys() {
    let attributes = vec![integer("q_num_heads", 2), integer("kv_num_heads", 1)];
    let shapes: [[usize; 3]; 3] = [[1, 2, 4], [1, 3, 2], [1, 3, 1]];
    let inputs = shapes.iter().zip(1..);
    let inputs = inputs.map(|(shape, seed)| Input::Given(numbers(shape, seed)));
    let output = outputs("Attention", 23, attributes, inputs.collect(), &["y"]).unwrap();
    assert_eq!(output[0].shape(), [1, 2, 2]);
    close(
        &output,
        &[-0.323_777_2, -0.367_651_1, -0.353_587_1, -0.342_097_3],
    );
}

#[test]
fn the_past_comes_before_new_keys() {
    let given = |shape: &[usize], seed| Input::Given(numbers(shape, seed));
    let inputs = vec![
        given(&[1, 1, 2, 2], 1),
        given(&[1, 1, 2, 2], 2),
        given(&[1, 1, 2, 1], 3),
        Input::None,
        given(&[1, 1, 1, 2], 4),
        given(&[1, 1, 1, 1], 5),
    ];
    let names = ["y", "key", "value"];
    let causal = vec![integer("is_causal", 1)];
    let output = outputs("Attention", 24, causal, inputs, &names).unwrap();
    close(&output, &[-0.149_785_8, 0.727_816_9]);
    close(&output[1..], &[0.25, -1.25, 1., -0.5, 1.25, -0.25]);
    close(&output[2..], &[1.5, -1., 0.75]);
}

fn with_lengths(lengths: &[i64], attributes: Vec<AttributeProto>) -> TractResult<Vec<Tensor>> {
    let given = |shape: &[usize], seed| Input::Given(numbers(shape, seed));
    let inputs = vec![
        given(&[2, 1, 2, 2], 1),
        given(&[2, 1, 3, 2], 2),
        given(&[2, 1, 3, 1], 3),
        Input::None,
        Input::None,
        Input::None,
        Input::Given(tensor1(lengths)),
    ];
    outputs("Attention", 24, attributes, inputs, &["y"])
}

#[test]
fn keys_beyond_the_length_are_not_seen() {
    let output = with_lengths(&[1, 3], vec![]).unwrap();
    close(&output, &[-1., -1., 0.574_276_7, 0.577_385_1]);
    let output = with_lengths(&[1, 3], vec![integer("is_causal", 1)]).unwrap();
    close(&output, &[0., -1., 0.316_119_2, 0.577_385_1]);
    with_lengths(&[0, 3], vec![]).unwrap();
    with_lengths(&[-1, 3], vec![]).unwrap_err();
    with_lengths(&[1, 4], vec![]).unwrap_err();
    with_lengths(&[1], vec![]).unwrap_err();
}

/// What each mode shows of scores of a query that sees two keys and of one that sees none.
const SHOWN: [[f32; 12]; 4] = [
    [
        -FRAC_1_SQRT_2,
        -0.486_135_9,
        -0.265_165,
        0.530_330_1,
        0.265_165,
        0.,
        -0.486_135_9,
        -0.662_912_6,
        -0.839_689_3,
        -FRAC_1_SQRT_2,
        -0.795_495_1,
        -0.883_883_5,
    ],
    [
        -0.608_859_4,
        -0.451_144_2,
        -0.259_120_2,
        0.485_633_4,
        0.259_120_2,
        0.,
        -0.451_144_2,
        -0.580_298_5,
        -0.685_644_4,
        -0.608_859_4,
        -0.661_510_8,
        -0.708_359_5,
    ],
    [
        -0.608_859_4,
        LOWEST,
        -0.259_120_2,
        LOWEST,
        LOWEST,
        LOWEST,
        -0.451_144_2,
        LOWEST,
        -0.685_644_4,
        LOWEST,
        LOWEST,
        LOWEST,
    ],
    [
        0.413_445_7,
        0.,
        0.586_554_3,
        0.,
        0.,
        0.,
        0.558_357_9,
        0.,
        0.441_642_1,
        0.,
        0.,
        0.,
    ],
];

#[test]
fn scores_and_weights_can_be_an_output() {
    for (mode, shown) in (0..).zip(SHOWN) {
        let mask = tensor2(&[[true, false, true], [false, false, false]]);
        let mut inputs = four_axes();
        inputs.push(Input::Given(mask));
        let attributes = vec![
            float("softcap", 1.0),
            integer("qk_matmul_output_mode", mode),
        ];
        let names = ["y", "", "", "shown"];
        let output = outputs("Attention", 24, attributes, inputs, &names).unwrap();
        let expected = [
            -0.706_722_9,
            1.043_277,
            0.,
            0.,
            -0.029_178_94,
            0.285_484_1,
            0.,
            0.,
        ];
        close(&output, &expected);
        close(&output[1..], &shown);
    }
}

#[test]
fn half_floats_are_computed_in_single_precision() {
    let mask = tensor2(&[[f16::MIN; 3], [f16::ZERO; 3]]);
    let half = |input: Input| match input {
        Input::Given(tensor) => {
            Input::Given(tensor.cast_to_dt(DatumType::F16).unwrap().into_owned())
        }
        Input::Stored(_) | Input::None => input,
    };
    let mut inputs: Vec<Input> = four_axes().into_iter().map(half).collect();
    inputs.push(Input::Given(mask));
    let output = outputs("Attention", 24, vec![], inputs, &["y"]).unwrap();
    assert_eq!(output[0].datum_type(), DatumType::F16);
    let expected = [
        0.,
        0.,
        -0.793_945_3,
        0.956_054_7,
        0.,
        0.,
        -0.014_709_47,
        -0.334_472_7,
    ];
    let output = output[0].cast_to::<f32>().unwrap();
    let values = output.to_plain_array_view::<f32>().unwrap();
    let is_close = |(given, expected): (&f32, &f32)| (given - expected).abs() <= 1e-3;
    assert!(values.iter().zip(&expected).all(is_close), "{values:?}");
}

#[track_caller]
fn refused(attributes: Vec<AttributeProto>, inputs: Vec<Input>, reason: &str) {
    let error = outputs("Attention", 25, attributes, inputs, &["y"]).unwrap_err();
    assert!(format!("{error:?}").contains(reason), "{error:?}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let with = |place: usize, input: Tensor| {
        let mut inputs = four_axes();
        inputs.resize(inputs.len().max(place + 1), Input::None);
        inputs[place] = Input::Given(input);
        inputs
    };
    let heads = |queries, keys| {
        vec![
            integer("q_num_heads", queries),
            integer("kv_num_heads", keys),
        ]
    };
    let packed = || {
        let inputs = [
            numbers(&[1, 2, 4], 1),
            numbers(&[1, 3, 4], 2),
            numbers(&[1, 3, 4], 3),
        ];
        inputs.map(Input::Given).to_vec()
    };
    refused(vec![], packed(), "three axes need");
    refused(heads(0, 0), packed(), "is not one of 0 heads");
    refused(heads(3, 3), packed(), "is not one of 3 heads");
    refused(heads(2, 4), packed(), "cannot share");
    refused(heads(-1, 1), packed(), "out of range");
    refused(
        vec![],
        with(1, numbers(&[1, 2, 3, 3], 1)),
        "keys, values or their past",
    );
    refused(
        vec![],
        with(2, numbers(&[1, 2, 4, 2], 1)),
        "keys, values or their past",
    );
    refused(vec![], with(2, numbers(&[2, 3, 2], 1)), "have 3 axes or 4");
    refused(vec![], with(3, numbers(&[2, 1], 1)), "does not fit scores");
    refused(vec![], with(3, numbers(&[3, 3], 1)), "does not fit scores");
    refused(
        vec![],
        with(3, numbers(&[1, 1, 1, 2, 3], 1)),
        "does not fit scores",
    );
    refused(vec![], with(4, numbers(&[1, 2, 1, 2], 1)), "come together");
    refused(vec![float("scale", 0.0)], four_axes(), "above zero");
    refused(vec![integer("left_window_size", -2)], four_axes(), "is -2");
    let integer = |input: Tensor| Input::Given(input.cast_to::<i32>().unwrap().into_owned());
    let integers = (1..4).map(|seed| integer(numbers(&[1, 1, 2, 2], seed)));
    refused(vec![], integers.collect(), "wants floats, given I32");
}

#[test]
fn floats_of_64_bits_are_rounded_to_32() {
    let double = |input: Input| match input {
        Input::Given(input) => Input::Given(input.cast_to::<f64>().unwrap().into_owned()),
        Input::Stored(_) | Input::None => input,
    };
    let inputs = four_axes().into_iter().map(double).collect();
    let output = outputs("Attention", 24, vec![], inputs, &["y"]).unwrap();
    assert_eq!(output[0].datum_type(), DatumType::F64);
    let expected = [
        -0.713_468_1,
        1.036_532,
        -0.793_684,
        0.956_316,
        -0.029_310_36,
        -0.249_861_1,
        -0.014_712_24,
        -0.334_341_5,
    ];
    close(&output, &expected);
}
