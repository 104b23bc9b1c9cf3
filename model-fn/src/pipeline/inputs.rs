//! `text` and `image` of `model.yaml`: what callers send in place of the inputs of a model.

mod images;
mod texts;

use half::f16;
use steps::{image, text};

use super::{StepsError, Wishes};
use crate::engine::{Budget, Dimension, Port};
use crate::tensor::{Datatype, Tensor, Values};
use images::Images;
use texts::Texts;

/// What callers call a text and a picture where nothing is said.
const TEXT: &str = "text";
const IMAGE: &str = "image";

/// The inputs of a model that a tokenizer makes, as exporters of transformers call them.
const IDS: &str = "input_ids";
pub(in crate::pipeline) const MASK: &str = "attention_mask";
const TYPES: &str = "token_type_ids";

/// The inputs that callers see, and how those of the model are made of them.
#[derive(Debug)]
pub(super) struct Inputs {
    ports: Vec<Port>,
    sources: Vec<Source>,
}

/// What an input that callers see becomes.
#[derive(Debug)]
enum Source {
    Texts(Box<Texts>),
    Images(Box<Images>),
    /// The input of the model at this place.
    Same(usize),
}

#[derive(Debug, Clone, Copy)]
struct Target {
    place: usize,
    datatype: Datatype,
}

/// The inputs of a model, and what there is to say of how they were made.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// In the model's order.
    pub(crate) inputs: Vec<Tensor>,
    /// The tokens of each text; nothing where there are no texts.
    pub(crate) tokens: Option<Vec<usize>>,
    /// The rows whose texts were cut.
    pub(crate) truncated: Vec<usize>,
}

/// What shows whether a model knows all tokens of its tokenizer.
#[derive(Debug)]
pub(crate) struct LastToken {
    pub(crate) inputs: Vec<Tensor>,
    /// How many words of its own the tokenizer has.
    pub(crate) words: usize,
}

impl Inputs {
    /// Of the inputs of a model; nothing where callers send them as they are.
    pub(super) fn new(
        text: Option<&text::Settings>,
        image: Option<&image::Settings>,
        ports: &[Port],
        file: &dyn Fn(&str) -> Result<Vec<u8>, StepsError>,
        budget: &Budget,
    ) -> Result<Option<Self>, StepsError> {
        if text.is_none() && image.is_none() {
            return Ok(None);
        }
        let mut made: Vec<usize> = Vec::new();
        let mut inputs = Self {
            ports: Vec::new(),
            sources: Vec::new(),
        };
        if let Some(settings) = text {
            let texts = Texts::new(settings, ports, file)?;
            let targets = [Some(texts.ids), texts.mask, texts.types];
            made.extend(targets.iter().flatten().map(|target| target.place));
            let name = settings.input.as_deref().unwrap_or(TEXT);
            inputs.add(name, Datatype::Bytes, Source::Texts(Box::new(texts)));
        }
        if let Some(settings) = image {
            let images = Images::new(settings, ports, &made, budget)?;
            made.push(images.target.place);
            let name = settings.input.as_deref().unwrap_or(IMAGE);
            inputs.add(name, Datatype::Octets, Source::Images(Box::new(images)));
        }
        for (place, port) in ports.iter().enumerate() {
            if made.contains(&place) {
                continue;
            }
            if inputs.ports.iter().any(|known| known.name == port.name) {
                let name = port.name.clone();
                return Err(StepsError::InputTwice { name });
            }
            inputs.ports.push(port.clone());
            inputs.sources.push(Source::Same(place));
        }
        Ok(Some(inputs))
    }

    fn add(&mut self, name: &str, datatype: Datatype, source: Source) {
        self.ports.push(Port {
            name: name.to_owned(),
            datatype,
            shape: Some(vec![Dimension::Any]),
            labels: Vec::new(),
        });
        self.sources.push(source);
    }

    /// What callers see.
    pub(super) fn ports(&self) -> &[Port] {
        &self.ports
    }

    /// Whether callers send texts.
    pub(super) fn has_texts(&self) -> bool {
        let mut sources = self.sources.iter();
        sources.any(|source| matches!(source, Source::Texts(_)))
    }

    /// Whether callers send texts and nothing besides.
    pub(super) fn is_of_texts(&self) -> bool {
        matches!(self.sources.as_slice(), [Source::Texts(_)])
    }

    /// Inputs of the model with the tokenizer's last word among them, where texts are all that callers send.
    pub(super) fn last_token(&self, ports: &[Port]) -> Result<Option<LastToken>, StepsError> {
        match self.sources.as_slice() {
            [Source::Texts(texts)] => texts.last_token(ports),
            _ => Ok(None),
        }
    }

    /// The inputs of the model, of which there are `count`, from those that a caller sent; of pictures come at most so
    /// many values.
    pub(super) fn made(
        &self,
        given: Vec<Tensor>,
        count: usize,
        wishes: &Wishes,
        most: usize,
    ) -> Result<Made, StepsError> {
        let mut places: Vec<Option<Tensor>> = (0..count).map(|_| None).collect();
        let mut put = |place: usize, tensor: Tensor| {
            if let Some(slot) = places.get_mut(place) {
                *slot = Some(tensor);
            }
        };
        let mut made = Made::default();
        for (source, tensor) in self.sources.iter().zip(given) {
            match source {
                Source::Texts(texts) => {
                    let mut encoded = texts.encoded(&tensor, wishes)?;
                    made.tokens = Some(std::mem::take(&mut encoded.tokens));
                    made.truncated = std::mem::take(&mut encoded.truncated);
                    for (place, tensor) in texts.tensors(encoded)? {
                        put(place, tensor);
                    }
                }
                Source::Images(images) => put(images.target.place, images.tensor(&tensor, most)?),
                Source::Same(place) => put(*place, tensor),
            }
        }
        made.inputs = places.into_iter().flatten().collect();
        Ok(made)
    }
}

impl Target {
    fn integers(self, shape: Vec<usize>, list: Vec<i64>) -> Result<Tensor, StepsError> {
        let values = Values::Int64(list).convert(self.datatype);
        let values = values.map_err(|error| StepsError::Made(error.to_string()))?;
        Tensor::new(shape, values).map_err(|error| StepsError::Made(error.to_string()))
    }

    fn floats(self, shape: Vec<usize>, list: Vec<f32>) -> Result<Tensor, StepsError> {
        let values = match self.datatype {
            Datatype::Fp16 => Values::Fp16(list.into_iter().map(f16::from_f32).collect()),
            Datatype::Fp64 => Values::Fp64(list.into_iter().map(f64::from).collect()),
            Datatype::Uint8 => Values::Uint8(list.into_iter().map(|one| one as u8).collect()),
            // No other one was taken when the model was loaded.
            Datatype::Fp32 | Datatype::Bf16 | Datatype::Bool | Datatype::Bytes => {
                Values::Fp32(list)
            }
            Datatype::Octets | Datatype::Uint16 | Datatype::Uint32 | Datatype::Uint64 => {
                Values::Fp32(list)
            }
            Datatype::Int8 | Datatype::Int16 | Datatype::Int32 | Datatype::Int64 => {
                Values::Fp32(list)
            }
        };
        Tensor::new(shape, values).map_err(|error| StepsError::Made(error.to_string()))
    }
}

/// The length of an axis, where there is only one.
fn fixed(axis: &Dimension) -> Option<usize> {
    match axis {
        Dimension::Fixed(length) => Some(*length),
        Dimension::Named(_) | Dimension::Any => None,
    }
}
