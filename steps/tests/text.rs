//! Tokens of small tokenizers of each family, beside those of the reference: `golden/text/generate.py` recorded them. By the
//! files beside them they are what transformers makes of the same (`golden/text/pretrained.py`).

#![cfg(feature = "text")]
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};
use steps::text::{
    Encoded, MAX_BYTES, MAX_FILE, MAX_LENGTH, MAX_TOKENS, Options, Padding, Settings,
    SettingsError, Side, Text, TextError, Tokenizer, from_files,
};

#[derive(Deserialize)]
struct Golden {
    texts: Vec<String>,
    families: HashMap<String, Family>,
}

#[derive(Deserialize)]
struct Family {
    single: Vec<Vec<i64>>,
    pairs: Vec<(usize, usize, Vec<i64>, Vec<i64>)>,
    batches: Vec<Batch>,
    cut: Vec<Cut>,
}

/// Texts by their places, the side of the padding, ids and masks.
type Batch = (Vec<usize>, Side, Vec<Vec<i64>>, Vec<Vec<i64>>);

/// The length, the side that is cut off, one text or two by their places, and ids.
type Cut = (usize, Side, usize, Option<usize>, Vec<i64>);

/// Longer than the longest text.
const UNCUT: usize = 8192;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/text")
}

fn golden() -> Golden {
    let json = std::fs::read(folder().join("tokens.json")).unwrap();
    serde_json::from_slice(&json).unwrap()
}

fn file(family: &str) -> Vec<u8> {
    std::fs::read(folder().join(format!("{family}.json"))).unwrap()
}

fn tokenizer(family: &str, settings: &Settings) -> Tokenizer {
    Tokenizer::new(settings, &file(family)).unwrap()
}

fn long(length: usize) -> Settings {
    Settings {
        max_length: Some(length),
        pad_to_multiple_of: Some(1),
        ..Settings::default()
    }
}

fn rows(values: &[i64], length: usize) -> Vec<Vec<i64>> {
    values.chunks(length.max(1)).map(<[i64]>::to_vec).collect()
}

fn one(tokenizer: &Tokenizer, text: Text<'_>) -> Encoded {
    tokenizer.encode(&[text], &Options::default()).unwrap()
}

#[track_caller]
fn check(each: impl Fn(&str, &Family, &[String])) {
    let golden = golden();
    assert_eq!(golden.families.len(), 7);
    for (name, family) in &golden.families {
        each(name, family, &golden.texts);
    }
}

#[test]
fn single_texts_have_the_ids_of_the_reference() {
    check(|name, family, texts| {
        let tokenizer = tokenizer(name, &long(UNCUT));
        assert_eq!(texts.len(), family.single.len());
        for (text, ids) in texts.iter().zip(&family.single) {
            let encoded = one(&tokenizer, text.as_str().into());
            assert_eq!(encoded.ids, *ids, "{name}: {text:?}");
            assert_eq!(encoded.attention_mask, vec![1; ids.len()]);
            assert_eq!(encoded.tokens, [ids.len()]);
            assert!(encoded.truncated.is_empty());
            assert!(
                ids.iter()
                    .all(|id| *id < i64::try_from(tokenizer.vocabulary()).unwrap())
            );
        }
    });
}

#[derive(Deserialize)]
struct Pretrained {
    texts: Vec<String>,
    cases: Vec<Configured>,
}

/// A `tokenizer_config.json`, and what a batch becomes by it.
#[derive(Deserialize)]
struct Configured {
    family: String,
    config: Map<String, Value>,
    ids: Vec<Vec<i64>>,
    mask: Vec<Vec<i64>>,
}

#[test]
fn files_of_tokenizers_are_read_as_transformers_reads_them() {
    let json = std::fs::read(folder().join("pretrained.json")).unwrap();
    let golden: Pretrained = serde_json::from_slice(&json).unwrap();
    assert!(golden.cases.len() > 40);
    let texts: Vec<Text<'_>> = golden
        .texts
        .iter()
        .map(|text| text.as_str().into())
        .collect();
    let options = Options {
        truncation: Some(true),
        attention_mask: true,
        ..Options::default()
    };
    for case in &golden.cases {
        let config = serde_json::to_vec(&case.config).unwrap();
        let (settings, _) = from_files(Some(&config), None, None);
        let settings = Settings {
            max_length: settings.max_length.or(Some(UNCUT)),
            pad_to_multiple_of: Some(1),
            ..settings
        };
        let encoded = tokenizer(&case.family, &settings).encode(&texts, &options);
        let encoded = encoded.unwrap();
        let what = format!("{} {:?}", case.family, case.config);
        assert_eq!(rows(&encoded.ids, encoded.length), case.ids, "{what}");
        let mask = rows(&encoded.attention_mask, encoded.length);
        assert_eq!(mask, case.mask, "{what}");
    }
}

#[test]
fn pairs_have_the_ids_and_types_of_the_reference() {
    check(|name, family, texts| {
        let tokenizer = tokenizer(name, &long(UNCUT));
        for (first, second, ids, types) in &family.pairs {
            let pair = (texts[*first].as_str(), texts[*second].as_str());
            let encoded = one(&tokenizer, pair.into());
            assert_eq!(
                (&encoded.ids, &encoded.type_ids),
                (ids, types),
                "{name}: {pair:?}"
            );
        }
    });
}

#[test]
fn batches_are_padded_on_either_side() {
    check(|name, family, texts| {
        for (places, side, ids, masks) in &family.batches {
            let settings = Settings {
                padding_side: Some(*side),
                ..long(UNCUT)
            };
            let batch: Vec<Text<'_>> = places
                .iter()
                .map(|place| texts[*place].as_str().into())
                .collect();
            let encoded = tokenizer(name, &settings)
                .encode(&batch, &Options::default())
                .unwrap();
            assert_eq!(encoded.rows, places.len());
            let length = encoded.length;
            assert_eq!(rows(&encoded.ids, length), present(ids), "{name} {side:?}");
            assert_eq!(
                rows(&encoded.attention_mask, length),
                present(masks),
                "{name} {side:?}"
            );
        }
    });
}

/// Rows without a token are none where values are cut into rows.
fn present(rows: &[Vec<i64>]) -> Vec<Vec<i64>> {
    rows.iter().filter(|row| !row.is_empty()).cloned().collect()
}

#[test]
fn longer_rows_are_cut_as_the_reference_cuts_them_and_named() {
    check(|name, family, texts| {
        for (length, side, first, second, ids) in &family.cut {
            let settings = Settings {
                truncation_side: Some(*side),
                ..long(*length)
            };
            let text = Text {
                first: &texts[*first],
                second: second.map(|second| texts[second].as_str()),
            };
            let cutting = tokenizer(name, &settings);
            let encoded = one(&cutting, text);
            assert_eq!(encoded.ids, *ids, "{name} {length} {side:?}: {text:?}");
            let whole = one(&tokenizer(name, &long(UNCUT)), text).length;
            let cut: &[usize] = if whole > *length { &[0] } else { &[] };
            assert_eq!(encoded.truncated, cut, "{name} {length} {side:?}: {text:?}");
            let refused = cutting.encode(
                &[text],
                &Options {
                    truncation: Some(false),
                    ..Options::default()
                },
            );
            assert_eq!(refused.is_err(), whole > *length);
            assert!(matches!(
                refused,
                Ok(_) | Err(TextError::TooLong { row: 0, .. })
            ));
        }
    });
}

#[test]
fn a_row_is_as_long_as_the_longest_context_at_most() {
    assert!(Tokenizer::new(&long(MAX_LENGTH), &file("bert")).is_ok());
    let refused = Tokenizer::new(&long(MAX_LENGTH + 1), &file("bert"));
    assert!(matches!(
        refused,
        Err(SettingsError::Range {
            field: "max_length",
            most: MAX_LENGTH,
            ..
        })
    ));
}

#[test]
fn a_text_has_a_mebibyte_at_most() {
    let with = |max_bytes| Settings {
        max_bytes,
        ..long(8)
    };
    let refused = Tokenizer::new(&with(Some(MAX_BYTES + 1)), &file("bert"));
    assert!(matches!(
        refused,
        Err(SettingsError::Range {
            field: "max_bytes",
            most: MAX_BYTES,
            ..
        })
    ));
    for max_bytes in [None, Some(MAX_BYTES)] {
        let tokenizer = tokenizer("bert", &with(max_bytes));
        let text = "a ".repeat(MAX_BYTES / 2);
        assert_eq!(one(&tokenizer, text.as_str().into()).truncated, [0]);
        let half = &text[..MAX_BYTES / 2];
        assert_eq!(one(&tokenizer, (half, half).into()).truncated, [0]);
        let longer = text.clone() + "a";
        for text in [Text::from(longer.as_str()), (text.as_str(), "a").into()] {
            let refused = tokenizer.encode(&["a".into(), text], &Options::default());
            let bytes = MAX_BYTES + 1;
            assert!(matches!(
                refused,
                Err(TextError::TooManyBytes { row: 1, bytes: given, most: MAX_BYTES }) if given == bytes
            ));
        }
    }
}

#[test]
fn a_batch_has_a_million_tokens_at_most() {
    let settings = Settings {
        padding: Some(Padding::MaxLength),
        ..long(MAX_LENGTH)
    };
    let tokenizer = tokenizer("bert", &settings);
    let most = MAX_TOKENS / MAX_LENGTH;
    let texts = vec![Text::from("a"); most + 1];
    let encoded = tokenizer
        .encode(&texts[..most], &Options::default())
        .unwrap();
    assert_eq!(encoded.ids.len(), MAX_TOKENS);
    let refused = tokenizer.encode(&texts, &Options::default()).unwrap_err();
    assert!(matches!(
        refused,
        TextError::TooManyTokens { rows, length: MAX_LENGTH, most: MAX_TOKENS } if rows == most + 1
    ));
}

#[test]
fn a_file_is_as_large_as_the_largest_vocabularies_at_most() {
    let mut json = file("word-level");
    json.resize(MAX_FILE, b' ');
    assert!(Tokenizer::new(&long(8), &json).is_ok());
    json.push(b' ');
    assert!(matches!(
        Tokenizer::new(&long(8), &json),
        Err(SettingsError::FileTooLarge { bytes, most: MAX_FILE }) if bytes == MAX_FILE + 1
    ));
}
