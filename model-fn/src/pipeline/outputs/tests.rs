use super::*;
use crate::engine::Dimension;
use crate::tensor::{Datatype, Values};

fn port(name: &str, datatype: Datatype, axes: &[usize]) -> Port {
    let axis = |length: &usize| match length {
        0 => Dimension::Any,
        length => Dimension::Fixed(*length),
    };
    Port {
        name: name.to_owned(),
        datatype,
        shape: Some(axes.iter().map(axis).collect()),
        labels: Vec::new(),
    }
}

fn settings(yaml: &str) -> Vec<OutputSettings> {
    serde_saphyr::from_str(yaml).unwrap()
}

fn labels(count: usize) -> Vec<String> {
    ["no", "maybe", "yes"].map(str::to_owned)[..count].to_vec()
}

fn logits() -> Tensor {
    let values = Values::Fp32(vec![0.0, 0.0, 3_f32.ln(), 5.0, 5.0, 4.0]);
    Tensor::new(vec![2, 3], values).unwrap()
}

/// What callers see, as `NAME DATATYPE SHAPE VALUES` a line.
fn seen(outputs: &Outputs, given: &[Tensor], mask: Option<&Tensor>, wishes: &Wishes) -> String {
    let seen = outputs.of(given.to_vec(), mask, wishes).unwrap();
    let ports = outputs.ports();
    assert_eq!(ports.len(), seen.len());
    let lines = ports.iter().zip(&seen).map(|(port, tensor)| {
        assert_eq!(port.datatype, tensor.datatype());
        let axes = port.shape.as_deref().unwrap_or_default();
        assert_eq!(axes.len(), tensor.shape().len(), "{port:?}");
        let mut json = serde_json::Serializer::new(Vec::new());
        let values = tensor.values();
        values.serialize_range(0..values.len(), &mut json).unwrap();
        let json = String::from_utf8(json.into_inner()).unwrap();
        format!(
            "{} {} {:?} {json}",
            port.name,
            port.datatype,
            tensor.shape()
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(yaml: &str, classes: usize, wishes: &Wishes, expected: &str) {
    let ports = [port("logits", Datatype::Fp32, &[0, 3])];
    let outputs = Outputs::new(&settings(yaml), &ports, &labels(classes)).unwrap();
    assert_eq!(seen(&outputs, &[logits()], None, wishes), expected);
}

#[test]
fn scores_become_labels() {
    let plain = Wishes::default();
    let top = "[{steps: [softmax, {round: 2}, {top_k: 2}]}]";
    check(
        top,
        3,
        &plain,
        "label BYTES [2, 2] [\"yes\",\"no\",\"no\",\"maybe\"]\nscore FP32 [2, 2] [0.6,0.2,0.42,0.42]",
    );
    check(
        "[{name: digit, steps: [{top_k: 1}]}]",
        0,
        &plain,
        "digit INT64 [2, 1] [2,0]\ndigit_score FP32 [2, 1] [1.0986123,5.0]",
    );
    check(
        "[{steps: [argmax]}]",
        3,
        &plain,
        "label BYTES [2] [\"yes\",\"no\"]",
    );
    check(
        "[{steps: [sigmoid, {threshold: 0.5}]}]",
        0,
        &plain,
        "logits BOOL [2, 3] [true,true,true,true,true,true]",
    );
    let one = Wishes {
        top_k: Some(1),
        raw_scores: true,
        ..plain
    };
    check(
        top,
        3,
        &one,
        "label BYTES [2, 1] [\"yes\",\"no\"]\nscore FP32 [2, 1] [1.1,5.0]",
    );
    let more = Wishes {
        top_k: Some(9),
        ..plain
    };
    check(
        "[{steps: [{top_k: 1}]}]",
        0,
        &more,
        "label INT64 [2, 3] [2,0,1,0,1,2]\nscore FP32 [2, 3] [1.0986123,0.0,0.0,5.0,5.0,4.0]",
    );
}

#[test]
fn an_output_without_steps_is_as_the_model_gives_it() {
    let ports = [
        port("a", Datatype::Int64, &[0]),
        port("b", Datatype::Fp32, &[0, 3]),
    ];
    let outputs = Outputs::new(&settings("[{from: b, name: c}, {from: a}]"), &ports, &[]).unwrap();
    let one = Tensor::flat(Values::Int64(vec![7, 8]));
    let expected = "c FP32 [2, 3] [0.0,0.0,1.0986123,5.0,5.0,4.0]\na INT64 [2] [7,8]";
    assert_eq!(
        seen(&outputs, &[one, logits()], None, &Wishes::default()),
        expected
    );
}

#[test]
fn tokens_become_one_vector() {
    let ports = [port("hidden", Datatype::Fp32, &[0, 0, 2])];
    let yaml = "[{name: embedding, steps: [mean_pooling, l2_normalize]}]";
    let outputs = Outputs::new(&settings(yaml), &ports, &[]).unwrap();
    let hidden = Values::Fp32(vec![
        3.0, 4.0, 3.0, 4.0, 9.0, 9.0, 0.0, 0.0, 0.0, 2.0, 0.0, 4.0,
    ]);
    let hidden = Tensor::new(vec![2, 3, 2], hidden).unwrap();
    let mask = Tensor::new(vec![2, 3], Values::Int64(vec![1, 1, 0, 0, 1, 1])).unwrap();
    assert!(outputs.needs_mask());
    let plain = Wishes::default();
    let whole = seen(&outputs, std::slice::from_ref(&hidden), Some(&mask), &plain);
    assert_eq!(whole, "embedding FP32 [2, 2] [0.6,0.8,0.0,1.0]");
    // A shorter vector has length one again.
    let short = Wishes {
        dimensions: Some(1),
        ..plain
    };
    let first = seen(&outputs, std::slice::from_ref(&hidden), Some(&mask), &short);
    assert_eq!(first, "embedding FP32 [2, 1] [1.0,0.0]");
    let long = Wishes {
        dimensions: Some(3),
        ..plain
    };
    let refused = outputs
        .of(vec![hidden.clone()], Some(&mask), &long)
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`dimensions` is 3, and the vectors have 2"
    );
    let other = Tensor::new(vec![2, 2], Values::Int64(vec![1; 4])).unwrap();
    assert!(outputs.of(vec![hidden], Some(&other), &plain).is_err());
}

#[track_caller]
fn refused(yaml: &str, classes: usize, expected: &str) {
    let ports = [
        port("scores", Datatype::Fp32, &[0, 10]),
        port("hidden", Datatype::Fp32, &[0, 0, 4]),
        port("ids", Datatype::Int64, &[0, 4]),
    ];
    let error = Outputs::new(&settings(yaml), &ports, &labels(classes)).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn steps_that_do_not_fit_the_model_are_refused_at_the_start() {
    refused(
        "[{steps: [softmax]}]",
        0,
        "`outputs`, entry 0: `from` must name an output of the model: `scores`, `hidden`, `ids`",
    );
    refused(
        "[{from: ids, steps: [softmax]}]",
        0,
        "`outputs`: `ids` is `INT64`, and steps are for floats",
    );
    refused(
        "[{from: scores, steps: [argmax, softmax]}]",
        0,
        "`outputs`: `scores`: `argmax` must be the last step",
    );
    refused(
        "[{from: scores, steps: [argmax]}]",
        3,
        "`outputs`: `scores` has 10 classes, and there are 3 `labels`",
    );
    refused(
        "[{from: scores, steps: [mean_pooling]}]",
        0,
        "`outputs`: `scores` has 2 axes, and `mean_pooling` takes [rows, tokens, width]",
    );
    refused(
        "[{from: hidden, steps: [cls_pooling, {dimensions: 5}]}]",
        0,
        "`dimensions` is 5, and the vectors have 4",
    );
    refused(
        "[{from: scores, steps: [{top_k: 0}]}]",
        0,
        "`outputs`: `scores` would have no labels: `top_k` is from 1",
    );
    refused(
        "[{from: scores}, {from: scores}]",
        0,
        "`outputs` has `scores` twice: give one of them another `name`",
    );
}
