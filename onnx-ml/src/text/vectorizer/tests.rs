use super::*;
use crate::testing::{Input, floats, integer, integers, standard, string, strings};
use tract_onnx::pb::AttributeProto;

/// The attributes of a file: what is given here replaces the usual ones.
fn attributes(given: Vec<AttributeProto>) -> Vec<AttributeProto> {
    let usual = vec![
        string("mode", "TF"),
        integer("min_gram_length", 1),
        integer("max_gram_length", 1),
        integer("max_skip_count", 0),
        integers("ngram_counts", &[0]),
        integers("ngram_indexes", &[0, 1, 2]),
        strings("pool_strings", &["a", "b", "c"]),
    ];
    let is_replaced = |usual: &AttributeProto| given.iter().any(|given| given.name == usual.name);
    let kept: Vec<_> = usual
        .into_iter()
        .filter(|usual| !is_replaced(usual))
        .collect();
    kept.into_iter().chain(given).collect()
}

fn counted(given: Vec<AttributeProto>, input: Tensor) -> TractResult<Tensor> {
    let inputs = vec![Input::Given(input)];
    Ok(standard("TfIdfVectorizer", 9, attributes(given), inputs)?.remove(0))
}

fn words(words: &str) -> Tensor {
    let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
    tensor1(&words)
}

/// Expected values here and below: onnxruntime 1.32.0.
#[track_caller]
fn check(given: Vec<AttributeProto>, input: Tensor, expected: &[f32]) {
    assert_eq!(counted(given, input).unwrap(), tensor1(expected));
}

#[test]
fn words_of_the_pool_are_counted_in_their_columns() {
    check(vec![], words("a b a z"), &[2., 1., 0.]);
    let order = || vec![integers("ngram_indexes", &[2, 5, 0])];
    check(order(), words("a b a"), &[0., 0., 2., 0., 0., 1.]);
    check(
        vec![integers("ngram_indexes", &[1, 1, 0])],
        words("a b a c"),
        &[1., 3.],
    );
    check(vec![], tensor0("a".to_owned()), &[1., 0., 0.]);
    check(
        vec![integers("ngram_counts", &[1])],
        words("a"),
        &[0., 0., 0.],
    );
}

#[test]
fn weights_are_of_n_grams() {
    let weighted = |mode, columns: &[i64]| {
        vec![
            string("mode", mode),
            integers("ngram_indexes", columns),
            floats("weights", &[2., 3., 5.]),
        ]
    };
    check(weighted("TF", &[1, 1, 0]), words("a b a c"), &[1., 3.]);
    check(weighted("IDF", &[2, 1, 0]), words("a b a c"), &[5., 3., 2.]);
    check(
        weighted("TFIDF", &[2, 1, 0]),
        words("a b a c"),
        &[5., 3., 4.],
    );
    check(weighted("TFIDF", &[1, 1, 0]), words("a b a c"), &[5., 7.]);
    let mode = |mode| vec![string("mode", mode)];
    check(mode("IDF"), words("a b a c"), &[1., 1., 1.]);
    check(mode("TFIDF"), words("a b a c"), &[2., 1., 1.]);
}

#[test]
fn rows_are_counted_apart_and_may_be_empty() {
    let text = |word: &str| word.to_owned();
    let rows = tensor2(&[
        [text("a"), text("b"), text("a")],
        [text("c"), text(""), text("#")],
    ]);
    let expected = tensor2(&[[2f32, 1., 0.], [0., 0., 1.]]);
    assert_eq!(counted(vec![], rows).unwrap(), expected);
    let empty = |shape: &[usize]| {
        let words = vec![String::from("a"); shape.iter().product()];
        counted(vec![], crate::kernel::tensor(shape, words).unwrap())
    };
    assert_eq!(empty(&[0]).unwrap(), tensor1(&[0f32; 3]));
    assert_eq!(empty(&[2, 0]).unwrap(), tensor2(&[[0f32; 3]; 2]));
    assert!(empty(&[0, 1]).is_err());
    assert!(empty(&[1, 1, 1]).is_err());
}

/// The pool of the specification's examples.
fn pairs(shortest: i64, skips: i64) -> Vec<AttributeProto> {
    vec![
        integers("ngram_counts", &[0, 4]),
        integers("ngram_indexes", &[0, 1, 2, 3, 4, 5, 6]),
        integers("pool_int64s", &[2, 3, 5, 4, 5, 6, 7, 8, 6, 7]),
        integer("min_gram_length", shortest),
        integer("max_gram_length", 2),
        integer("max_skip_count", skips),
    ]
}

#[track_caller]
fn check_pairs(shortest: i64, skips: i64, expected: &[f32]) {
    let without_texts = |attribute: &AttributeProto| attribute.name != "pool_strings";
    let attributes = attributes(pairs(shortest, skips))
        .into_iter()
        .filter(without_texts);
    let attributes: Vec<_> = attributes.collect();
    let row = [1i64, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8];
    for input in [tensor1(&row), tensor1(&row.map(|word| word as i32))] {
        let inputs = vec![Input::Given(input)];
        let counted = standard("TfIdfVectorizer", 9, attributes.clone(), inputs).unwrap();
        assert_eq!(counted, [tensor1(expected)]);
    }
}

#[test]
fn words_of_an_n_gram_may_stand_apart() {
    check_pairs(2, 0, &[0., 0., 0., 0., 1., 1., 1.]);
    check_pairs(2, 1, &[0., 0., 0., 0., 1., 1., 1.]);
    check_pairs(2, 2, &[0., 0., 0., 0., 1., 2., 1.]);
    check_pairs(2, 5, &[0., 0., 0., 0., 1., 3., 1.]);
    check_pairs(1, 0, &[0., 3., 1., 0., 1., 1., 1.]);
    check_pairs(1, 5, &[0., 3., 1., 0., 1., 3., 1.]);
    check_pairs(2, i64::MAX, &[0., 0., 0., 0., 1., 3., 1.]);
}

#[test]
fn texts_and_integers_are_never_the_same_word() {
    check(vec![], tensor1(&[1i64, 2]), &[0., 0., 0.]);
    check(
        vec![integers("pool_int64s", &[1, 2, 3])],
        words("a 1"),
        &[1., 0., 0.],
    );
}

#[track_caller]
fn refused(given: Vec<AttributeProto>, reason: &str) {
    let error = format!("{:?}", counted(given, words("a")).unwrap_err());
    assert!(error.contains(reason), "{error}");
}

#[test]
fn inconsistent_attributes_are_refused() {
    refused(vec![string("mode", "tf")], "`TF`, `IDF` or `TFIDF`");
    refused(vec![floats("weights", &[1.])], "as many as ngram_indexes");
    refused(
        vec![integers("ngram_indexes", &[0, 1])],
        "a column for each n-gram",
    );
    refused(
        vec![integers("ngram_indexes", &[0, -1, 1])],
        "ngram_indexes",
    );
    refused(
        vec![integers("ngram_indexes", &[0, 1 << 24, 1])],
        "at most 16777216 columns",
    );
    refused(
        vec![integers("ngram_counts", &[4])],
        "no words 4 to 3 in a pool of 3",
    );
    refused(
        vec![integers("ngram_counts", &[0, 2])],
        "1 words are not n-grams of 2",
    );
    refused(
        vec![integers("ngram_counts", &[0, 2, 1])],
        "no words 2 to 1",
    );
    refused(
        vec![strings("pool_strings", &["a", "a", "b"])],
        "in the pool twice",
    );
    refused(vec![integer("min_gram_length", 0)], "at least 1");
    refused(
        vec![integer("max_gram_length", 2)],
        "up to the number of ngram_counts",
    );
    refused(vec![integer("min_gram_length", 2)], "min_gram_length up to");
    refused(vec![integer("max_skip_count", -1)], "max_skip_count");
}
