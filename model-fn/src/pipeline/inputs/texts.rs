//! `text` of `model.yaml`: texts in place of the tokens of a model.

use steps::text::{self, Text, Tokenizer};

use super::{IDS, LastToken, MASK, TYPES, Target, fixed};
use crate::engine::Port;
use crate::pipeline::{StepsError, Wishes};
use crate::tensor::{Datatype, Tensor, Values};

/// In bytes: the texts of one request together.
const MOST_TEXT: usize = 4 << 20;

#[derive(Debug)]
pub(super) struct Texts {
    tokenizer: Tokenizer,
    pub(super) ids: Target,
    pub(super) mask: Option<Target>,
    pub(super) types: Option<Target>,
    /// The only length that the model takes.
    length: Option<usize>,
}

impl Texts {
    pub(super) fn new(
        settings: &text::Settings,
        ports: &[Port],
        file: &dyn Fn(&str) -> Result<Vec<u8>, StepsError>,
    ) -> Result<Self, StepsError> {
        let find = |name: &str| -> Result<Option<Target>, StepsError> {
            let found = ports.iter().enumerate();
            let Some((place, port)) = found.into_iter().find(|(_, port)| port.name == name) else {
                return Ok(None);
            };
            let axes = port.shape.as_deref().map_or(2, <[_]>::len);
            let datatype = port.datatype;
            match matches!(datatype, Datatype::Int64 | Datatype::Int32) && axes == 2 {
                true => Ok(Some(Target { place, datatype })),
                false => Err(StepsError::NoTokens {
                    name: name.to_owned(),
                    given: datatype,
                    axes,
                }),
            }
        };
        let Some(ids) = find(IDS)? else {
            let inputs = ports.iter().map(|port| port.name.clone()).collect();
            return Err(StepsError::NoIds { inputs });
        };
        let (mask, types) = (find(MASK)?, find(TYPES)?);
        let tokenizer = Tokenizer::new(settings, &file(settings.tokenizer())?)?;
        let port = ports.get(ids.place);
        let axes = port.and_then(|port| port.shape.as_deref());
        let length = axes.and_then(|axes| axes.get(1)).and_then(fixed);
        Ok(Self {
            tokenizer,
            ids,
            mask,
            types,
            length,
        })
    }

    pub(super) fn encoded(
        &self,
        given: &Tensor,
        wishes: &Wishes,
    ) -> Result<text::Encoded, StepsError> {
        let Values::Bytes(texts) = given.values() else {
            return Err(StepsError::Made("texts are no texts".to_owned()));
        };
        // What normalizes slowest takes 0.7 s for a million bytes: a bound of the time that a request takes.
        if texts.iter().map(String::len).sum::<usize>() > MOST_TEXT {
            return Err(StepsError::TooMuchText { limit: MOST_TEXT });
        }
        let texts: Vec<Text<'_>> = texts.iter().map(|text| text.as_str().into()).collect();
        let options = text::Options {
            truncation: wishes.truncation,
            length: self.length,
            attention_mask: self.mask.is_some(),
        };
        Ok(self.tokenizer.encode(&texts, &options)?)
    }

    /// The inputs of the model that a batch becomes, by their places.
    pub(super) fn tensors(
        &self,
        encoded: text::Encoded,
    ) -> Result<Vec<(usize, Tensor)>, StepsError> {
        let shape = vec![encoded.rows, encoded.length];
        let parts = [
            (Some(self.ids), encoded.ids),
            (self.mask, encoded.attention_mask),
            (self.types, encoded.type_ids),
        ];
        let there = parts.into_iter();
        let there = there.filter_map(|(target, list)| Some((target?, list)));
        let tensor = |(target, list): (Target, Vec<i64>)| {
            Ok((target.place, target.integers(shape.clone(), list)?))
        };
        there.map(tensor).collect()
    }

    /// A short text as it is asked for, but for one token of it, which is the last of the tokenizer's own words.
    pub(super) fn last_token(&self, ports: &[Port]) -> Result<Option<LastToken>, StepsError> {
        let words = self.tokenizer.words();
        let axes = ports.get(self.ids.place);
        let axes = axes.and_then(|port| port.shape.as_deref());
        let rows = axes.and_then(|axes| axes.first()).and_then(fixed);
        let texts = vec![Text::from("a"); rows.unwrap_or(1)];
        let options = text::Options {
            truncation: Some(true),
            length: self.length,
            attention_mask: self.mask.is_some(),
        };
        // There are tokenizers that do not know this text; what callers send is another one.
        let Ok(mut encoded) = self.tokenizer.encode(&texts, &options) else {
            return Ok(None);
        };
        let padding = encoded.attention_mask.iter().take_while(|one| **one == 0);
        let (before, tokens) = (padding.count(), encoded.tokens.first().copied());
        // Tokens that begin and end a text stay, for there are models that look for them.
        let middle = before + tokens.unwrap_or(1).saturating_sub(1) / 2;
        if let (Some(id), Ok(last)) = (encoded.ids.get_mut(middle), i64::try_from(words)) {
            *id = last - 1;
        }
        let mut tensors = self.tensors(encoded)?;
        tensors.sort_by_key(|(place, _)| *place);
        Ok(Some(LastToken {
            inputs: tensors.into_iter().map(|(_, tensor)| tensor).collect(),
            words,
        }))
    }
}
