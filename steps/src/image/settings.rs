//! What `model.yaml` says of pictures, in the names of `preprocessor_config.json`.

use serde::{Deserialize, Serialize};

use super::limits::{MAX_CROP_EDGE, MAX_DECODED_PIXELS, MAX_PICTURE_BYTES};

/// How pictures become tensors, as `preprocessor_config.json` names it; every key is optional.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What callers name the picture; `image` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The model's input; its only one if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tensor: Option<String>,
    /// The size before the crop; pictures keep theirs if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// The filter that resizes.
    #[serde(skip_serializing_if = "is_default")]
    pub resample: Resample,
    /// What is cut out around the centre, filled with 0 where the picture is smaller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crop_size: Option<Extent>,
    /// What each sample, from 0 to 255, is multiplied by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rescale_factor: Option<f64>,
    /// What is subtracted after that: one number, or one a channel.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_mean: Vec<f64>,
    /// What it is divided by after that: one number, or one a channel.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_std: Vec<f64>,
    /// The channels and their order.
    #[serde(skip_serializing_if = "is_default")]
    pub color: Color,
    /// Where the channels stand.
    #[serde(skip_serializing_if = "is_default")]
    pub layout: Layout,
    /// Pixels of a picture as it is sent, fewer than [`MAX_DECODED_PIXELS`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_pixels: Option<u64>,
    /// Bytes of a picture as it is sent, fewer than [`MAX_PICTURE_BYTES`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
}

/// A size to resize to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Size {
    /// The shorter edge gets this length, the other one keeps the proportion.
    Shortest(Shortest),
    /// Both edges, whatever the proportion was.
    Both(Extent),
}

/// The length of the shorter edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Shortest {
    /// Its length.
    pub shortest_edge: u32,
    /// What the longer edge may have at most: the shorter one is then shorter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_edge: Option<u32>,
}

/// Height and width in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Extent {
    /// Rows.
    pub height: u32,
    /// Pixels in a row.
    pub width: u32,
}

/// A filter, as Pillow has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "these are the names of the filters")]
pub enum Resample {
    Nearest,
    Box,
    #[default]
    Bilinear,
    Hamming,
    Bicubic,
    Lanczos,
}

/// Channels and their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// One channel: the luma of ITU-R 601.
    Grey,
}

/// Where the channels stand, as `data_format` says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// One channel after the other: `[batch, channels, height, width]`.
    #[default]
    ChannelsFirst,
    /// One pixel after the other: `[batch, height, width, channels]`.
    ChannelsLast,
}

/// Settings that no pipeline can be made of.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SettingsError {
    /// This program has no decoders.
    #[error("`image` cannot be served: this build lacks the feature `image` of the crate `steps`")]
    Unbuilt,
    /// A length that is 0 or too great.
    #[error("`image.{field}` takes 1 to {most}, has {given}")]
    OutOfRange {
        /// The key.
        field: &'static str,
        /// The greatest.
        most: u64,
        /// What it has.
        given: u64,
    },
    /// A list of neither one number nor one a channel.
    #[error("`image.{field}` takes one number, or {channels} for the channels, has {given}")]
    Channels {
        /// The key.
        field: &'static str,
        /// How many channels there are.
        channels: usize,
        /// How many numbers it has.
        given: usize,
    },
    /// A number that makes infinities, or all values the same.
    #[error("`image.{field}` takes numbers that are finite{}, has `{given}`", if *.above_zero { " and above 0" } else { "" })]
    Number {
        /// The key.
        field: &'static str,
        /// Whether it must be above 0.
        above_zero: bool,
        /// What it has.
        given: f64,
    },
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Color {
    /// How many channels there are.
    pub fn channels(self) -> usize {
        match self {
            Self::Rgb | Self::Bgr => 3,
            Self::Grey => 1,
        }
    }
}

impl Extent {
    /// How many pixels there are.
    pub fn pixels(self) -> u64 {
        u64::from(self.height) * u64::from(self.width)
    }

    pub(super) fn rows(self) -> usize {
        self.height as usize
    }

    pub(super) fn columns(self) -> usize {
        self.width as usize
    }
}

impl Settings {
    /// Whether the values are other numbers than the samples from 0 to 255: a model that takes 8-bit integers has none.
    pub fn is_scaled(&self) -> bool {
        self.rescale_factor.is_some() || !self.image_mean.is_empty() || !self.image_std.is_empty()
    }

    pub(super) fn max_pixels(&self) -> u64 {
        self.max_pixels.unwrap_or(MAX_DECODED_PIXELS)
    }

    pub(super) fn max_bytes(&self) -> u64 {
        self.max_bytes.unwrap_or(MAX_PICTURE_BYTES)
    }

    /// Checks what the types leave open.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        match self.size {
            Some(Size::Both(Extent { height, width })) => {
                within("size.height", height.into(), MAX_CROP_EDGE.into())?;
                within("size.width", width.into(), MAX_CROP_EDGE.into())?;
            }
            Some(Size::Shortest(shortest)) => {
                let longest = shortest.longest_edge.unwrap_or(MAX_CROP_EDGE);
                within("size.longest_edge", longest.into(), MAX_CROP_EDGE.into())?;
                within(
                    "size.shortest_edge",
                    shortest.shortest_edge.into(),
                    longest.into(),
                )?;
            }
            None => {}
        }
        if let Some(crop) = self.crop_size {
            within("crop_size.height", crop.height.into(), MAX_CROP_EDGE.into())?;
            within("crop_size.width", crop.width.into(), MAX_CROP_EDGE.into())?;
        }
        within("max_pixels", self.max_pixels(), MAX_DECODED_PIXELS)?;
        within("max_bytes", self.max_bytes(), MAX_PICTURE_BYTES)?;
        if let Some(factor) = self.rescale_factor {
            // Below 0 it turns dark into light, as models of ink on paper need it.
            number("rescale_factor", factor.abs(), true)?;
        }
        self.check_channels("image_mean", &self.image_mean, false)?;
        self.check_channels("image_std", &self.image_std, true)
    }

    fn check_channels(
        &self,
        field: &'static str,
        list: &[f64],
        above_zero: bool,
    ) -> Result<(), SettingsError> {
        let channels = self.color.channels();
        let given = list.len();
        if given > 1 && given != channels {
            return Err(SettingsError::Channels {
                field,
                channels,
                given,
            });
        }
        list.iter()
            .try_for_each(|given| number(field, *given, above_zero))
    }
}

fn within(field: &'static str, given: u64, most: u64) -> Result<(), SettingsError> {
    if (1..=most).contains(&given) {
        Ok(())
    } else {
        Err(SettingsError::OutOfRange { field, most, given })
    }
}

/// Values are 32-bit floats: a number that is none of them, or 0 among them, would make infinities.
fn number(field: &'static str, given: f64, above_zero: bool) -> Result<(), SettingsError> {
    let narrow = given as f32;
    if narrow.is_finite() && (!above_zero || narrow >= f32::MIN_POSITIVE) {
        Ok(())
    } else {
        Err(SettingsError::Number {
            field,
            above_zero,
            given,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(yaml: &str, problem: Option<&str>) {
        let given = serde_saphyr::from_str::<Settings>(yaml)
            .map_err(|error| error.to_string())
            .and_then(|settings| settings.check().map_err(|error| error.to_string()));
        match (given, problem) {
            (Ok(()), None) => {}
            (Err(given), Some(problem)) => assert!(given.contains(problem), "{given}"),
            (given, _) => panic!("{yaml}: {given:?}"),
        }
    }

    #[test]
    fn a_size_is_one_edge_or_both() {
        check("size: {shortest_edge: 256}", None);
        check("size: {shortest_edge: 256, longest_edge: 256}", None);
        check(
            "size: {shortest_edge: 257, longest_edge: 256}",
            Some("`image.size.shortest_edge` takes 1 to 256"),
        );
        check("size: {height: 224, width: 1}", None);
        check("size: {height: 224}", Some("size"));
        check("size: {height: 224, width: 1, depth: 1}", Some("size"));
        check("size: {shortest_edge: 256, width: 1}", Some("size"));
    }

    #[test]
    fn edges_are_above_0_and_within_the_limit() {
        check("size: {height: 4096, width: 4096}", None);
        check(
            "size: {height: 4097, width: 1}",
            Some("`image.size.height` takes 1 to 4096, has 4097"),
        );
        check("size: {height: 1, width: 0}", Some("`image.size.width`"));
        check(
            "size: {shortest_edge: 0}",
            Some("`image.size.shortest_edge`"),
        );
        check(
            "crop_size: {height: 0, width: 1}",
            Some("`image.crop_size.height`"),
        );
        check(
            "crop_size: {height: 1, width: 4097}",
            Some("`image.crop_size.width`"),
        );
        check("crop_size: {height: 1, width: 4096}", None);
    }

    #[test]
    fn limits_only_narrow() {
        check("max_pixels: 51000000", None);
        check("max_pixels: 51000001", Some("`image.max_pixels`"));
        check("max_pixels: 0", Some("`image.max_pixels`"));
        check("max_bytes: 33554432", None);
        check("max_bytes: 33554433", Some("`image.max_bytes`"));
    }

    #[test]
    fn mean_and_deviation_are_one_or_one_a_channel() {
        check("image_mean: [0.5]\nimage_std: [0.5, 0.5, 1]", None);
        check(
            "image_mean: [0.5, 0.5]",
            Some("`image.image_mean` takes one number, or 3"),
        );
        check(
            "image_mean: [0.5, 0.5, 1]\ncolor: grey",
            Some("or 1 for the channels, has 3"),
        );
        check("image_std: [0]", Some("finite and above 0, has `0`"));
        check("image_std: [1e-60]", Some("`image.image_std`"));
        check("image_mean: [.nan]", Some("finite, has"));
        check("rescale_factor: 0", Some("`image.rescale_factor`"));
        check("rescale_factor: -1", None);
        check("rescale_factor: 0.00392156862745098", None);
    }

    #[test]
    fn an_unknown_key_or_word_is_refused() {
        check("scale: 1", Some("scale"));
        check("resample: cubic", Some("cubic"));
        check("resample: lanczos\ncolor: bgr\nlayout: channels_last", None);
    }
}
