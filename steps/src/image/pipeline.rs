//! The steps in their order, for the settings of one model.

use super::append::{Tables, laid_out, ordered};
use super::decode::{self, Header};
use super::error::ImageError;
use super::exif::Orientation;
use super::limits::{MAX_EDGE, MAX_RESIZED_PIXELS};
use super::planes::Planes;
use super::resize::{band, beside, between, resize};
use super::settings::{Color, Extent, Layout, Resample, Settings, SettingsError, Shortest, Size};

/// Makes tensors of pictures.
#[derive(Debug, Clone)]
pub struct Pipeline {
    size: Option<Size>,
    resample: Resample,
    crop: Option<Extent>,
    color: Color,
    layout: Layout,
    is_scaled: bool,
    tables: Tables,
    max_pixels: u64,
    max_bytes: u64,
}

/// What a picture takes, by its header alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Height and width that come out.
    pub extent: Extent,
    /// Bytes of memory at most, beside the picture itself and the values that are appended.
    pub bytes: u64,
}

/// A decoded picture: 8-bit samples, laid out as the settings say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    /// Height and width.
    pub extent: Extent,
    /// Channels of a pixel.
    pub channels: usize,
    /// Height times width times channels of them.
    pub samples: Vec<u8>,
}

impl Pipeline {
    /// Checks the settings.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        if !decode::IS_BUILT {
            return Err(SettingsError::Unbuilt);
        }
        settings.check()?;
        Ok(Self {
            size: settings.size,
            resample: settings.resample,
            crop: settings.crop_size,
            color: settings.color,
            layout: settings.layout,
            is_scaled: settings.is_scaled(),
            tables: Tables::new(settings),
            max_pixels: settings.max_pixels(),
            max_bytes: settings.max_bytes(),
        })
    }

    /// How many channels come out.
    pub fn channels(&self) -> usize {
        self.tables.channels()
    }

    /// Where the channels stand.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Whether the values are other numbers than samples from 0 to 255.
    pub fn is_scaled(&self) -> bool {
        self.is_scaled
    }

    /// Height and width that come out of every picture, where the settings fix them.
    pub fn extent(&self) -> Option<Extent> {
        match (self.crop, self.size) {
            (Some(crop), _) => Some(crop),
            (None, Some(Size::Both(both))) => Some(both),
            (None, Some(Size::Shortest(_)) | None) => None,
        }
    }

    /// What this picture takes of memory at most, from its header alone, so that it can be refused or waited for before.
    pub fn needs(&self, picture: &[u8]) -> Result<Needs, ImageError> {
        let header = self.header(picture)?;
        let given = header.oriented();
        let resized = self.resized(given)?;
        let extent = self.crop.unwrap_or(resized);
        // Colours are decoded and one edge of them is resized, if not band by band; then one plane after the other is
        // resized to the other edge. Turning and cropping copy one at a time.
        let between = self.channels() as u64 * between(given, resized);
        let copied = given.pixels().max(between) + 4 * resized.pixels() + 4 * extent.pixels();
        Ok(Needs {
            extent,
            bytes: header.bytes + copied + beside(given, resized),
        })
    }

    /// The picture decoded, held upright, in its colours, resized and cropped.
    pub fn pixels(&self, picture: &[u8]) -> Result<Pixels, ImageError> {
        let Planes { extent, planes } = self.planes(picture)?;
        let samples = laid_out(&planes, self.layout);
        Ok(Pixels {
            extent,
            channels: planes.len(),
            samples,
        })
    }

    /// Appends the picture's values, scaled, normalised and laid out; nothing is appended where it is refused.
    pub fn append(&self, picture: &[u8], values: &mut Vec<f32>) -> Result<Extent, ImageError> {
        let picture = self.planes(picture)?;
        self.tables.append(&picture.planes, self.layout, values);
        Ok(picture.extent)
    }

    fn planes(&self, picture: &[u8]) -> Result<Planes, ImageError> {
        let header = self.header(picture)?;
        let given = header.oriented();
        let resized = self.resized(given)?;
        // What is turned is turned as a whole.
        let rows = if header.orientation == Orientation::UPRIGHT {
            band(given, resized, self.resample)
        } else {
            header.extent.height
        };
        let bands = decode::decode(picture, &header)?.bands(rows).map(|band| {
            let coloured = match self.color {
                Color::Grey => band.into_grey(),
                Color::Rgb | Color::Bgr => band.into_colours(),
            };
            coloured.turned(header.orientation)
        });
        let resized = resize(given, bands, resized, self.resample);
        let cropped = match self.crop {
            Some(crop) => resized.cropped(crop),
            None => resized,
        };
        Ok(ordered(cropped, self.color))
    }

    fn header(&self, picture: &[u8]) -> Result<Header, ImageError> {
        let given = picture.len() as u64;
        if given > self.max_bytes {
            return Err(ImageError::Bytes {
                given,
                most: self.max_bytes,
            });
        }
        let header = decode::header(picture)?;
        let Extent { height, width } = header.extent;
        if header.extent.pixels() > self.max_pixels || height > MAX_EDGE || width > MAX_EDGE {
            return Err(ImageError::Pixels {
                given: header.extent,
                most: self.max_pixels,
            });
        }
        header.check_whole(picture)?;
        Ok(header)
    }

    /// What the picture is resized to, where that is not too much, nor what stands between its two passes.
    fn resized(&self, given: Extent) -> Result<Extent, ImageError> {
        let resized = match self.size {
            None => return Ok(given),
            Some(Size::Both(both)) => both,
            Some(Size::Shortest(shortest)) => shortest.of(given),
        };
        let between = between(given, resized);
        if resized.pixels() > MAX_RESIZED_PIXELS
            || between > self.max_pixels.max(MAX_RESIZED_PIXELS)
        {
            return Err(ImageError::Slender { given, resized });
        }
        Ok(resized)
    }
}

impl Shortest {
    /// The other edge is the integer part, as in `transformers` and `torchvision`; never 0.
    fn of(self, given: Extent) -> Extent {
        let (short, long) = (given.height.min(given.width), given.height.max(given.width));
        let part =
            |edge: u32, of: u32, by: u32| (f64::from(edge) * f64::from(of) / f64::from(by)) as u32;
        let mut shorter = self.shortest_edge;
        let mut longer = part(shorter, long, short);
        if let Some(longest) = self.longest_edge.filter(|longest| longer > *longest) {
            shorter = part(longest, shorter, longer).max(1);
            longer = longest;
        }
        if given.width <= given.height {
            Extent {
                height: longer,
                width: shorter,
            }
        } else {
            Extent {
                height: shorter,
                width: longer,
            }
        }
    }
}
