//! Data frames and texts as MLServer's codecs send them.

use serde_json::{Value, json};

use super::*;

fn titled() -> Specification {
    let mut input = port("x", Datatype::Fp32, &[-1, 2]);
    input.labels = ["a", "b"].map(str::to_owned).to_vec();
    Specification {
        inputs: vec![input],
        outputs: vec![port("y", Datatype::Fp32, &[-1])],
    }
}

/// A column of numbers, as pandas has them.
fn column(name: &str, shape: &[usize], data: &[f64]) -> Value {
    json!({"name": name, "shape": shape, "datatype": "FP64", "data": data, "parameters": {"content_type": "np"}})
}

fn frame(columns: &[Value]) -> String {
    json!({"parameters": {"content_type": "pd"}, "inputs": columns}).to_string()
}

#[track_caller]
fn unfit(specification: &Specification, body: &str, code: &str) {
    let read = read(body.as_bytes(), specification, &LIMITS, Accepted::Any);
    assert_eq!(read.unwrap_err().code(), code);
}

fn floats(shape: &[usize], values: &[f32]) -> [Tensor; 1] {
    [tensor(shape, Values::Fp32(values.to_vec()))]
}

#[test]
fn columns_of_a_frame_go_to_the_values_of_their_names() {
    let columns = [
        column("b", &[2, 1], &[2.5, 4.5]),
        column("a", &[2], &[0.1, 3.5]),
    ];
    let expected = floats(&[2, 2], &[0.1, 2.5, 3.5, 4.5]);
    check(&titled(), &frame(&columns), Dialect::Tensors, 2, &expected);
}

#[test]
fn columns_that_count_from_0_are_places() {
    let columns: Vec<Value> = [("2", 3.0), ("0", 1.0), ("1", 2.0)]
        .map(|(name, value)| column(name, &[1], &[value]))
        .to_vec();
    for width in [3, -1] {
        let wide = Specification {
            inputs: vec![port("x", Datatype::Fp32, &[-1, width])],
            outputs: Vec::new(),
        };
        check(
            &wide,
            &frame(&columns),
            Dialect::Tensors,
            1,
            &floats(&[1, 3], &[1.0, 2.0, 3.0]),
        );
        let too_many: Vec<Value> = (0..5000)
            .map(|place| column(&place.to_string(), &[1], &[1.0]))
            .collect();
        let code = if width == 3 {
            "wrong_shape"
        } else {
            "too_many_elements"
        };
        unfit(&wide, &frame(&too_many), code);
    }
}

#[test]
fn columns_of_a_frame_go_to_the_inputs_of_their_names() {
    let texts = json!({"name": "t", "shape": [2, 1], "datatype": "BYTES", "data": ["u", "v"], "parameters": {"content_type": "str"}});
    let numbers = json!({"name": "n", "shape": [2, 1], "datatype": "INT64", "data": [1, 2]});
    let expected = [
        tensor(&[2, 1], Values::Int64(vec![1, 2])),
        tensor(&[2], Values::Bytes(vec!["u".to_owned(), "v".to_owned()])),
    ];
    check(
        &two(),
        &frame(&[texts, numbers]),
        Dialect::Tensors,
        2,
        &expected,
    );
}

#[test]
fn a_frame_that_is_the_input_itself_stays_as_it_is() {
    let whole = json!({"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]});
    check(
        &titled(),
        &frame(&[whole]),
        Dialect::Tensors,
        1,
        &floats(&[1, 2], &[1.0, 2.0]),
    );
}

#[test]
fn what_is_no_frame_of_the_model_is_refused() {
    let one = || column("a", &[2], &[1.0, 2.0]);
    unfit(&titled(), &frame(&[one()]), "columns_unfit");
    unfit(
        &titled(),
        &frame(&[one(), column("c", &[2], &[1.0, 2.0])]),
        "columns_unfit",
    );
    unfit(&titled(), &frame(&[one(), one()]), "columns_unfit");
    unfit(
        &titled(),
        &frame(&[one(), column("b", &[1], &[1.0])]),
        "ragged",
    );
    unfit(
        &titled(),
        &frame(&[one(), column("b", &[1, 2], &[1.0, 2.0])]),
        "ragged",
    );
    // Without the content type they are inputs, and none of these is one.
    let plain = json!({"inputs": [one(), column("b", &[2], &[1.0, 2.0])]}).to_string();
    unfit(&titled(), &plain, "input_unknown");
}

#[test]
fn texts_come_as_a_column_or_encoded() {
    let cities = Specification {
        inputs: vec![port("city", Datatype::Bytes, &[-1])],
        outputs: Vec::new(),
    };
    let text = |content: &str, shape: &[usize], data: &[&str]| {
        let input = json!({"name": "city", "shape": shape, "datatype": "BYTES", "data": data, "parameters": {"content_type": content}});
        json!({"inputs": [input]}).to_string()
    };
    let expected = [tensor(
        &[2],
        Values::Bytes(vec!["Bern".to_owned(), "Genf".to_owned()]),
    )];
    for body in [
        text("str", &[2, 1], &["Bern", "Genf"]),
        text("base64", &[2, 1], &["QmVybg==", "R2VuZg"]),
        text("np", &[2], &["Bern", "Genf"]),
    ] {
        check(&cities, &body, Dialect::Tensors, 2, &expected);
    }
    unfit(&cities, &text("base64", &[1], &["?"]), "wrong_value");
    unfit(
        &cities,
        &text("np", &[2, 1], &["Bern", "Genf"]),
        "wrong_shape",
    );
}
