//! `text` of `model.yaml`: texts in place of the tokens of a model.

use steps::text::{self, Text, Tokenizer};

use super::{IDS, LastToken, MASK, TYPES, Target, fixed};
use crate::engine::Port;
use crate::pipeline::{StepsError, Wishes};
use crate::tensor::{Datatype, Tensor, Values, volume};

/// Tokens of a run at the start: as many as short texts are padded to.
const SHORT: usize = 16;

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
        let texts: Vec<Text<'_>> = texts.iter().map(|text| text.as_str().into()).collect();
        let options = text::Options {
            truncation: wishes.truncation,
            length: self.length,
            attention_mask: self.mask.is_some(),
        };
        Ok(self.tokenizer.encode(&texts, &options)?)
    }

    /// The last token alone, in the inputs of a model that takes nothing but tokens.
    pub(super) fn last_token(&self, ports: &[Port]) -> Result<LastToken, StepsError> {
        let vocabulary = self.tokenizer.vocabulary();
        let axes = ports.get(self.ids.place);
        let axes = axes.and_then(|port| port.shape.as_deref());
        let rows = axes.and_then(|axes| axes.first()).and_then(fixed);
        let shape = vec![rows.unwrap_or(1), self.length.unwrap_or(SHORT)];
        let count = volume(&shape).unwrap_or_default();
        let id = i64::try_from(vocabulary).unwrap_or_default() - 1;
        let targets = [(Some(self.ids), id), (self.mask, 1), (self.types, 0)];
        let mut places: Vec<Option<Tensor>> = ports.iter().map(|_| None).collect();
        for (target, value) in targets {
            let Some(target) = target else { continue };
            if let Some(slot) = places.get_mut(target.place) {
                *slot = Some(target.integers(shape.clone(), vec![value; count])?);
            }
        }
        Ok(LastToken {
            inputs: places.into_iter().flatten().collect(),
            vocabulary,
        })
    }
}
