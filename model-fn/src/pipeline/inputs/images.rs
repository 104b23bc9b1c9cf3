//! `image` of `model.yaml`: pictures in place of a tensor of a model.

use steps::image::{self, Extent, Layout};

use super::{Target, fixed};
use crate::engine::{Budget, Port};
use crate::pipeline::StepsError;
use crate::tensor::{Datatype, Tensor, Values};

/// In bytes: what the pictures of one request take decoded, one after the other, and so a bound of the time that they take.
/// Ten photographs of 12 million pixels are less.
const MOST_DECODED: u64 = 1 << 30;

#[derive(Debug)]
pub(super) struct Images {
    pipeline: image::Pipeline,
    pub(super) target: Target,
    /// Where the height and width go: all axes, one of them for both, or none.
    axes: usize,
    budget: Budget,
}

impl Images {
    pub(super) fn new(
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

    pub(super) fn tensor(&self, given: &Tensor, most: usize) -> Result<Tensor, StepsError> {
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
