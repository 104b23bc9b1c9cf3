//! Settings from the files that lie beside a model.

use serde_json::{Map, Value};

use super::{MAX_LENGTH, Settings, Side};

/// Positions that RoBERTa and its kin do not use: theirs begin behind the one for padding.
const ROBERTA_OFFSET: u64 = 2;

/// The kinds of models whose positions begin there.
const ROBERTA_KIN: [&str; 7] = [
    "roberta",
    "xlm-roberta",
    "xlm-roberta-xl",
    "camembert",
    "mpnet",
    "longformer",
    "roberta-prelayernorm",
];

/// What `tokenizer_config.json`, `sentence_bert_config.json` and `config.json` say, and what of it is of no use.
///
/// The shortest of the lengths counts: a tokenizer's may be more than the model has positions for.
pub fn from_files(
    tokenizer_config: Option<&[u8]>,
    sentence_bert_config: Option<&[u8]>,
    config: Option<&[u8]>,
) -> (Settings, Vec<String>) {
    let mut remarks = Vec::new();
    let mut read = |file: &str, bytes: Option<&[u8]>| match bytes.map(serde_json::from_slice) {
        None => Map::new(),
        Some(Ok(Value::Object(keys))) => keys,
        Some(Ok(_)) => {
            remarks.push(format!("`{file}` is not an object, and is passed over"));
            Map::new()
        }
        Some(Err(error)) => {
            remarks.push(format!("`{file}` is passed over: {error}"));
            Map::new()
        }
    };
    let tokenizer = read("tokenizer_config.json", tokenizer_config);
    let sentences = read("sentence_bert_config.json", sentence_bert_config);
    let model = read("config.json", config);
    let lengths = [
        length(
            &sentences,
            "sentence_bert_config.json",
            "max_seq_length",
            &mut remarks,
        ),
        length(
            &tokenizer,
            "tokenizer_config.json",
            "model_max_length",
            &mut remarks,
        ),
        positions(&model, &mut remarks),
    ];
    let settings = Settings {
        max_length: lengths.into_iter().flatten().min(),
        padding_side: side(&tokenizer, "padding_side", &mut remarks),
        truncation_side: side(&tokenizer, "truncation_side", &mut remarks),
        pad_token: token(tokenizer.get("pad_token")),
        ..Settings::default()
    };
    (settings, remarks)
}

fn length(
    keys: &Map<String, Value>,
    file: &str,
    key: &str,
    remarks: &mut Vec<String>,
) -> Option<usize> {
    let value = keys.get(key).filter(|value| !value.is_null())?;
    let length = value.as_u64().and_then(usable);
    if length.is_none() {
        remarks.push(format!("`{file}`: `{key}` is {value}, which says nothing"));
    }
    length
}

/// How many tokens there are positions for.
fn positions(model: &Map<String, Value>, remarks: &mut Vec<String>) -> Option<usize> {
    let key = "max_position_embeddings";
    let kind = model.get("model_type").and_then(Value::as_str);
    if !kind.is_some_and(|kind| ROBERTA_KIN.contains(&kind)) {
        return length(model, "config.json", key, remarks);
    }
    let positions = model.get(key).and_then(Value::as_u64)?;
    let length = positions.checked_sub(ROBERTA_OFFSET).and_then(usable);
    if length.is_some() {
        remarks.push(format!(
            "`config.json`: two of the {positions} positions are not for tokens"
        ));
    }
    length
}

/// Tokenizers without a limit name 1e30, and models without one -1 or more positions than are of use.
fn usable(length: u64) -> Option<usize> {
    let length = usize::try_from(length).ok()?;
    (1..=MAX_LENGTH).contains(&length).then_some(length)
}

fn side(keys: &Map<String, Value>, key: &str, remarks: &mut Vec<String>) -> Option<Side> {
    let value = keys.get(key).filter(|value| !value.is_null())?;
    match value.as_str() {
        Some("left") => Some(Side::Left),
        Some("right") => Some(Side::Right),
        Some(_) | None => {
            remarks.push(format!(
                "`tokenizer_config.json`: `{key}` is {value}, neither `left` nor `right`"
            ));
            None
        }
    }
}

/// A token stands by its name, or as an object with its content.
fn token(value: Option<&Value>) -> Option<String> {
    let value = value?;
    let name = value.get("content").unwrap_or(value);
    name.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(
        tokenizer: &str,
        sentences: &str,
        config: &str,
        length: Option<usize>,
        remarks: usize,
    ) {
        let (settings, said) = from_files(
            Some(tokenizer.as_bytes()),
            Some(sentences.as_bytes()),
            Some(config.as_bytes()),
        );
        assert_eq!(
            (settings.max_length, said.len()),
            (length, remarks),
            "{said:?}"
        );
    }

    #[test]
    fn the_shortest_length_counts() {
        let (tokenizer, sentences) = (r#"{"model_max_length": 512}"#, r#"{"max_seq_length": 256}"#);
        check(tokenizer, sentences, "{}", Some(256), 0);
        check(
            tokenizer,
            "{}",
            r#"{"max_position_embeddings": 128}"#,
            Some(128),
            0,
        );
    }

    #[test]
    fn a_length_without_end_says_nothing() {
        check(r#"{"model_max_length": 1e30}"#, "{}", "{}", None, 1);
        check(
            r#"{"model_max_length": 1000000000000000019884624838656}"#,
            "[]",
            "x",
            None,
            3,
        );
    }

    #[test]
    fn two_positions_of_roberta_are_not_for_tokens() {
        let config = r#"{"model_type": "roberta", "max_position_embeddings": 514}"#;
        check("{}", "{}", config, Some(512), 1);
        check("{}", "{}", &config.replace("roberta", "bert"), Some(514), 0);
    }

    #[test]
    fn sides_and_tokens_are_taken_over() {
        let file = br#"{"padding_side": "left", "truncation_side": "up", "pad_token": {"content": "<pad>"}}"#;
        let (settings, remarks) = from_files(Some(file), None, None);
        assert_eq!(settings.padding_side, Some(Side::Left));
        assert_eq!(settings.pad_token.as_deref(), Some("<pad>"));
        assert_eq!((settings.truncation_side, remarks.len()), (None, 1));
    }
}
