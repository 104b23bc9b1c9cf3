//! `text` and `image` of `model.yaml`: what callers send in place of the inputs of a model.

use half::f16;
use steps::image::{self, Extent, Layout};
use steps::text::{self, Text, Tokenizer};

use super::{StepsError, Wishes};
use crate::engine::{Budget, Dimension, Port};
use crate::tensor::{Datatype, Tensor, Values};

/// What callers call a text and a picture where nothing is said.
const TEXT: &str = "text";
const IMAGE: &str = "image";

/// In bytes: what the pictures of one request take decoded, one after the other, and so a bound of the time that they take.
/// Ten photographs of 12 million pixels are less.
const MOST_DECODED: u64 = 1 << 30;

/// The inputs of a model that a tokenizer makes, as exporters of transformers call them.
const IDS: &str = "input_ids";
pub(super) const MASK: &str = "attention_mask";
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

#[derive(Debug)]
struct Texts {
    tokenizer: Tokenizer,
    ids: Target,
    mask: Option<Target>,
    types: Option<Target>,
    /// The only length that the model takes.
    length: Option<usize>,
}

#[derive(Debug)]
struct Images {
    pipeline: image::Pipeline,
    target: Target,
    /// Where the height and width go: all axes, one of them for both, or none.
    axes: usize,
    budget: Budget,
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
                    let encoded = texts.encoded(&tensor, wishes)?;
                    let shape = vec![encoded.rows, encoded.length];
                    let parts = [
                        (Some(texts.ids), encoded.ids),
                        (texts.mask, encoded.attention_mask),
                        (texts.types, encoded.type_ids),
                    ];
                    for (target, list) in parts {
                        if let Some(target) = target {
                            put(target.place, target.integers(shape.clone(), list)?);
                        }
                    }
                    made.tokens = Some(encoded.tokens);
                    made.truncated = encoded.truncated;
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

impl Texts {
    fn new(
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

    fn encoded(&self, given: &Tensor, wishes: &Wishes) -> Result<text::Encoded, StepsError> {
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
}

impl Images {
    fn new(
        settings: &image::Settings,
        ports: &[Port],
        made: &[usize],
        budget: &Budget,
    ) -> Result<Self, StepsError> {
        let pipeline = image::Pipeline::new(settings)?;
        let mut left = ports.iter().enumerate();
        let mut left = left.by_ref().filter(|(place, _)| !made.contains(place));
        let found = match &settings.tensor {
            Some(name) => left.find(|(_, port)| port.name == *name),
            None => left.next().filter(|_| left.next().is_none()),
        };
        let Some((place, port)) = found else {
            let inputs = ports.iter().map(|port| port.name.clone()).collect();
            return Err(StepsError::NoTensor { inputs });
        };
        let name = || port.name.clone();
        let given = port.datatype;
        let floats = [Datatype::Fp16, Datatype::Fp32, Datatype::Fp64];
        let takes_bytes = given == Datatype::Uint8 && !pipeline.is_scaled();
        if !(floats.contains(&given) || takes_bytes) {
            let name = name();
            return Err(StepsError::NoPixels { name, given });
        }
        let images = Self {
            axes: port.shape.as_deref().map_or(4, <[_]>::len),
            target: Target {
                place,
                datatype: port.datatype,
            },
            pipeline,
            budget: budget.clone(),
        };
        // What comes out is known where the settings fix it.
        let extent = images.pipeline.extent();
        let expected = extent.and_then(|extent| images.shape(1, extent));
        let axes = port.shape.as_deref().unwrap_or_default();
        let fits = |shape: &Vec<usize>| {
            let mut axes = axes.iter().zip(shape).skip(1);
            axes.all(|(axis, length)| fixed(axis).is_none_or(|fixed| fixed == *length))
        };
        match expected {
            Some(shape) if fits(&shape) => Ok(images),
            None if extent.is_none() && images.axes == 4 => Ok(images),
            given => Err(StepsError::Pixels {
                name: name(),
                expected: port.lengths().unwrap_or_default(),
                given: given.unwrap_or_default(),
            }),
        }
    }

    /// The shape of so many pictures, with as many axes as the model has.
    fn shape(&self, rows: usize, extent: Extent) -> Option<Vec<usize>> {
        let [height, width] = [extent.height, extent.width].map(|edge| edge as usize);
        let channels = self.pipeline.channels();
        match (self.axes, self.pipeline.layout()) {
            (4, Layout::ChannelsFirst) => Some(vec![rows, channels, height, width]),
            (4, Layout::ChannelsLast) => Some(vec![rows, height, width, channels]),
            (3, _) if channels == 1 => Some(vec![rows, height, width]),
            (2, _) => Some(vec![rows, channels * height * width]),
            (_, _) => None,
        }
    }

    fn tensor(&self, given: &Tensor, most: usize) -> Result<Tensor, StepsError> {
        let Values::Octets(pictures) = given.values() else {
            return Err(StepsError::Made("pictures are no bytes".to_owned()));
        };
        let (extent, bytes) = self.needs(pictures, most)?;
        let shape = self.shape(pictures.len(), extent);
        let shape = shape.ok_or_else(|| StepsError::Made("pictures have no shape".to_owned()))?;
        let _held = self.budget.hold(bytes).map_err(StepsError::Memory)?;
        let mut values = Vec::new();
        for (row, picture) in pictures.iter().enumerate() {
            let appended = self.pipeline.append(picture, &mut values);
            appended.map_err(|source| StepsError::Picture { row, source })?;
        }
        self.target.floats(shape, values)
    }

    /// What comes of all pictures, and the memory that it takes, by their headers alone: nothing is decoded of a request
    /// that is too large.
    fn needs(&self, pictures: &[Vec<u8>], most: usize) -> Result<(Extent, u64), StepsError> {
        let (mut first, mut values, mut decoded, mut largest) = (None, 0_usize, 0_u64, 0_u64);
        for (row, picture) in pictures.iter().enumerate() {
            let needs = self.pipeline.needs(picture);
            let needs = needs.map_err(|source| StepsError::Picture { row, source })?;
            let first = *first.get_or_insert(needs.extent);
            if needs.extent != first {
                let edges = |extent: Extent| [extent.height, extent.width];
                let (given, first) = (edges(needs.extent), edges(first));
                return Err(StepsError::Sizes { row, given, first });
            }
            let [height, width] = [first.height, first.width].map(|edge| edge as usize);
            let of_one = height.saturating_mul(width) * self.pipeline.channels();
            values = values.saturating_add(of_one);
            decoded = decoded.saturating_add(needs.bytes);
            largest = largest.max(needs.bytes);
            if values > most {
                return Err(StepsError::TooManyValues { limit: most });
            }
            if decoded > MOST_DECODED {
                return Err(StepsError::TooMuchDecoded { row });
            }
        }
        let extent = first.ok_or_else(|| StepsError::Made("there are no pictures".to_owned()))?;
        let values = values as u64 * size_of::<f32>() as u64;
        Ok((extent, largest.saturating_add(values)))
    }
}
