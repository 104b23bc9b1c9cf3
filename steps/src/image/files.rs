//! Settings from the file that lies beside a model: `preprocessor_config.json`, as its kinds of processors mean it.

use serde_json::{Map, Value};

use super::settings::{Color, Extent, Layout, Resample, Settings, Shortest, Size};

const FILE: &str = "preprocessor_config.json";

/// What samples are multiplied by where the file does not say: older ones never do.
const RESCALE_FACTOR: f64 = 1.0 / 255.0;

/// Kinds whose size, where it is one number, is that of the shorter edge; with the others it is both edges.
const SHORTEST_EDGE_KINDS: [&str; 10] = [
    "AltCLIP",
    "Bit",
    "ChineseCLIP",
    "CLIP",
    "ConvNext",
    "Levit",
    "MobileNetV1",
    "MobileNetV2",
    "MobileViT",
    "PoolFormer",
];

/// What ConvNeXT keeps of an edge unless it says otherwise, and the edge from which it keeps all of it.
const CONVNEXT_CROP: f64 = 224.0 / 256.0;
const CONVNEXT_UNCROPPED: u32 = 384;

/// What PoolFormer keeps of an edge unless it says otherwise.
const POOLFORMER_CROP: f64 = 0.9;

/// LeViT resizes to so much more than it says.
const LEVIT_CROP: f64 = 224.0 / 256.0;

/// Has mean and deviation in its files, and leaves pictures as they are.
const UNNORMALIZED_KIND: &str = "MobileViT";

/// Cuts out the middle before it resizes.
const CROPPED_FIRST_KIND: &str = "Perceiver";

/// Switches that are read, and those that say nothing here: colours are always made, labels and the rest are no pixels.
const KNOWN_SWITCHES: [&str; 9] = [
    "do_center_crop",
    "do_convert_grayscale",
    "do_convert_rgb",
    "do_flip_channel_order",
    "do_grayscale",
    "do_normalize",
    "do_reduce_labels",
    "do_rescale",
    "do_resize",
];

/// What `preprocessor_config.json` says, and what of it cannot be carried over.
pub fn from_files(preprocessor_config: Option<&[u8]>) -> (Settings, Vec<String>) {
    let mut remarks = Vec::new();
    let keys = match preprocessor_config.map(serde_json::from_slice) {
        None => return (Settings::default(), remarks),
        Some(Ok(Value::Object(keys))) => keys,
        Some(Ok(_)) => {
            remarks.push(format!("`{FILE}` is not an object, and is passed over"));
            return (Settings::default(), remarks);
        }
        Some(Err(error)) => {
            remarks.push(format!("`{FILE}` is passed over: {error}"));
            return (Settings::default(), remarks);
        }
    };
    let mut file = File { keys, remarks };
    let (size, crop_size) = file.sizes();
    let resample = if size.is_some() {
        file.resample()
    } else {
        Resample::default()
    };
    let rescale_factor = file.rescale_factor();
    let (image_mean, image_std) = file.normalization();
    let settings = Settings {
        size,
        resample,
        crop_size,
        rescale_factor,
        image_mean,
        image_std,
        color: file.color(),
        layout: file.layout(),
        ..Settings::default()
    };
    file.name_the_rest();
    (settings, file.remarks)
}

/// What is in the file, and what is said of it.
struct File {
    keys: Map<String, Value>,
    remarks: Vec<String>,
}

impl File {
    fn get(&self, key: &str) -> Option<&Value> {
        self.keys.get(key).filter(|value| !value.is_null())
    }

    fn switch(&self, key: &str) -> Option<bool> {
        self.get(key).and_then(Value::as_bool)
    }

    fn number(&self, key: &str) -> Option<f64> {
        self.get(key).and_then(Value::as_f64)
    }

    fn remark(&mut self, key: &str, problem: &str) {
        let value = self.get(key).unwrap_or(&Value::Null);
        let remark = format!("`{FILE}`: `{key}` is {value}, {problem}");
        self.remarks.push(remark);
    }

    /// The kind of the processor, without what its name ends with.
    fn kind(&self) -> &str {
        let name = ["image_processor_type", "feature_extractor_type"]
            .iter()
            .find_map(|key| self.get(key).and_then(Value::as_str))
            .unwrap_or_default();
        let name = name.strip_suffix("Fast").unwrap_or(name);
        ["ImageProcessor", "FeatureExtractor"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .unwrap_or(name)
    }

    /// The size before the crop, and that of the crop.
    fn sizes(&mut self) -> (Option<Size>, Option<Extent>) {
        let size = self.size();
        let crop = self.crop();
        let share = match self.kind() {
            "ConvNext" => Some(self.number("crop_pct").unwrap_or(CONVNEXT_CROP)),
            "Levit" => Some(LEVIT_CROP),
            "PoolFormer" => Some(self.number("crop_pct").unwrap_or(POOLFORMER_CROP)),
            _ => None,
        };
        let Some(Size::Shortest(Shortest {
            shortest_edge: edge,
            longest_edge: None,
        })) = size
        else {
            if self.number("crop_pct").is_some_and(|share| share != 1.0) {
                self.remark("crop_pct", "which only a shortest edge can be divided by");
            }
            return (size, crop);
        };
        let is_convnext = self.kind() == "ConvNext";
        let square = Extent {
            height: edge,
            width: edge,
        };
        if is_convnext && edge >= CONVNEXT_UNCROPPED {
            return (Some(Size::Both(square)), crop);
        }
        let crop = if is_convnext { Some(square) } else { crop };
        match share {
            Some(share) => match enlarged(edge, share) {
                Some(size) => (Some(size), crop),
                None => {
                    self.remark("crop_pct", "not from above 0 to 1");
                    (size, crop)
                }
            },
            None => {
                if self.number("crop_pct").is_some_and(|share| share != 1.0) {
                    self.remark("crop_pct", "which this kind of processor does not know");
                }
                (size, crop)
            }
        }
    }

    fn size(&mut self) -> Option<Size> {
        if self.switch("do_resize") == Some(false) {
            return None;
        }
        let given = self.get("size")?.clone();
        if let Some(edge) = edge(&given) {
            return Some(if SHORTEST_EDGE_KINDS.contains(&self.kind()) {
                Size::Shortest(Shortest {
                    shortest_edge: edge,
                    longest_edge: None,
                })
            } else {
                Size::Both(Extent {
                    height: edge,
                    width: edge,
                })
            });
        }
        let size = extent(&given).map(Size::Both).or_else(|| {
            Some(Size::Shortest(Shortest {
                shortest_edge: given.get("shortest_edge").and_then(edge)?,
                longest_edge: given.get("longest_edge").and_then(edge),
            }))
        });
        if size.is_none() {
            self.remark(
                "size",
                "neither height and width nor a shortest edge: set `image.size`",
            );
        }
        size
    }

    fn crop(&mut self) -> Option<Extent> {
        let wanted = self.switch("do_center_crop");
        if wanted == Some(false) {
            return None;
        }
        if self.kind() == CROPPED_FIRST_KIND {
            self.remark(
                "do_center_crop",
                "and this kind of processor crops before it resizes, which is no step here",
            );
            return None;
        }
        let Some(given) = self.get("crop_size").cloned() else {
            if wanted == Some(true) {
                self.remark(
                    "do_center_crop",
                    "without a `crop_size`: set `image.crop_size`",
                );
            }
            return None;
        };
        let square = edge(&given).map(|edge| Extent {
            height: edge,
            width: edge,
        });
        let crop = square.or_else(|| extent(&given));
        if crop.is_none() {
            self.remark("crop_size", "not height and width: set `image.crop_size`");
        } else if wanted.is_none() {
            self.remark(
                "crop_size",
                "taken as wanted, for `do_center_crop` is not said",
            );
        }
        crop
    }

    fn resample(&mut self) -> Resample {
        let number = self.get("resample").map(Value::as_u64);
        match number {
            Some(Some(0)) => Resample::Nearest,
            Some(Some(1)) => Resample::Lanczos,
            Some(Some(2)) => Resample::Bilinear,
            Some(Some(3)) => Resample::Bicubic,
            Some(Some(4)) => Resample::Box,
            Some(Some(5)) => Resample::Hamming,
            Some(_) => {
                self.remark("resample", "no filter of Pillow: `bilinear` is taken");
                Resample::Bilinear
            }
            None => {
                self.remarks.push(format!(
                    "`{FILE}`: `resample` is not said: `bilinear` is taken"
                ));
                Resample::Bilinear
            }
        }
    }

    fn rescale_factor(&self) -> Option<f64> {
        let wanted = self.switch("do_rescale").unwrap_or(true);
        wanted.then(|| self.number("rescale_factor").unwrap_or(RESCALE_FACTOR))
    }

    /// Mean and deviation, with what EfficientNet does beside them: 1 is subtracted before, or divided once more after.
    fn normalization(&mut self) -> (Vec<f64>, Vec<f64>) {
        let given = self.get("image_mean").is_some() && self.get("image_std").is_some();
        let usual = given && self.kind() != UNNORMALIZED_KIND;
        let wanted = self.switch("do_normalize").unwrap_or(usual);
        let (mut mean, mut deviation) = (Vec::new(), Vec::new());
        if wanted {
            mean = self.numbers("image_mean");
            deviation = self.numbers("image_std");
        }
        if wanted && self.switch("include_top") == Some(true) && self.kind() == "EfficientNet" {
            deviation.iter_mut().for_each(|number| *number *= *number);
        }
        if self.switch("rescale_offset") == Some(true) && self.switch("do_rescale") != Some(false) {
            if mean.is_empty() {
                mean.push(0.0);
            }
            mean.iter_mut().for_each(|number| *number += 1.0);
        }
        (mean, deviation)
    }

    /// One number, or a list.
    fn numbers(&mut self, key: &str) -> Vec<f64> {
        let numbers: Option<Vec<f64>> = match self.get(key) {
            Some(Value::Array(list)) => list.iter().map(Value::as_f64).collect(),
            Some(value) => value.as_f64().map(|number| vec![number]),
            None => None,
        };
        if numbers.is_none() {
            self.remark(key, "no numbers, but `do_normalize` asks for them");
        }
        numbers.unwrap_or_default()
    }

    fn color(&self) -> Color {
        let is_on = |key| self.switch(key) == Some(true);
        if is_on("do_grayscale") || is_on("do_convert_grayscale") {
            Color::Grey
        } else if is_on("do_flip_channel_order") {
            Color::Bgr
        } else {
            Color::Rgb
        }
    }

    fn layout(&mut self) -> Layout {
        match self.get("data_format").map(Value::as_str) {
            None | Some(Some("channels_first" | "FIRST")) => Layout::ChannelsFirst,
            Some(Some("channels_last" | "LAST")) => Layout::ChannelsLast,
            Some(_) => {
                self.remark(
                    "data_format",
                    "neither `channels_first` nor `channels_last`",
                );
                Layout::ChannelsFirst
            }
        }
    }

    /// Says which steps are switched on that are none here.
    fn name_the_rest(&mut self) {
        let is_unknown = |key: &str| key.starts_with("do_") && !KNOWN_SWITCHES.contains(&key);
        let keys = self.keys.iter();
        let steps: Vec<String> = keys
            .filter(|(key, value)| {
                let multiple = matches!(key.as_str(), "ensure_multiple_of" | "size_divisor");
                (is_unknown(key) || *key == "keep_aspect_ratio") && **value == Value::Bool(true)
                    || multiple && value.as_u64().is_some_and(|multiple| multiple > 1)
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in steps {
            self.remark(&key, "a step that is none here");
        }
    }
}

/// The shorter edge is resized to more, of which this share is then cut out.
fn enlarged(edge: u32, share: f64) -> Option<Size> {
    (share > 0.0 && share <= 1.0).then(|| {
        Size::Shortest(Shortest {
            shortest_edge: (f64::from(edge) / share) as u32,
            longest_edge: None,
        })
    })
}

fn edge(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|edge| u32::try_from(edge).ok())
}

/// Height and width by their names, or as a list.
fn extent(value: &Value) -> Option<Extent> {
    let (height, width) = match value.as_array().map(Vec::as_slice) {
        Some([height, width]) => (height, width),
        Some(_) => return None,
        None => (value.get("height")?, value.get("width")?),
    };
    Some(Extent {
        height: edge(height)?,
        width: edge(width)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The settings as they would stand in `model.yaml`, and the remarks by what they have in them.
    #[track_caller]
    fn check(file: &str, settings: &str, remarks: &[&str]) {
        let (given, said) = from_files(Some(file.as_bytes()));
        let settings: Settings = serde_saphyr::from_str(settings).unwrap();
        assert_eq!(given, settings);
        assert_eq!(given.check(), Ok(()));
        assert_eq!(said.len(), remarks.len(), "{said:?}");
        for (said, part) in said.iter().zip(remarks) {
            assert!(said.contains(part), "{said}");
        }
    }

    const HALVES: &str = "image_mean: [0.5, 0.5, 0.5]\nimage_std: [0.5, 0.5, 0.5]\n";
    const IMAGENET: &str = "image_mean: [0.485, 0.456, 0.406]\nimage_std: [0.229, 0.224, 0.225]\n";

    #[test]
    fn vit_and_its_kin_resize_both_edges() {
        let both = format!(
            "size: {{height: 224, width: 224}}\nrescale_factor: 0.00392156862745098\n{HALVES}"
        );
        check(
            r#"{"do_normalize": true, "do_rescale": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5],
                "image_processor_type": "ViTImageProcessor", "image_std": [0.5, 0.5, 0.5], "resample": 2,
                "rescale_factor": 0.00392156862745098, "size": {"height": 224, "width": 224}}"#,
            &both,
            &[],
        );
        check(
            r#"{"do_normalize": true, "do_resize": true, "feature_extractor_type": "ViTFeatureExtractor",
                "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "resample": 2, "size": 224}"#,
            &both,
            &[],
        );
    }

    #[test]
    fn deit_beit_and_swin_crop_where_they_say_so() {
        let common = r#""do_normalize": true, "do_resize": true, "image_mean": [0.485, 0.456, 0.406],
            "image_std": [0.229, 0.224, 0.225], "resample": 3"#;
        let bicubic = format!("resample: bicubic\nrescale_factor: 0.00392156862745098\n{IMAGENET}");
        check(
            &format!(
                r#"{{{common}, "feature_extractor_type": "DeiTFeatureExtractor", "do_center_crop": true,
                "crop_size": 224, "size": 256}}"#
            ),
            &format!(
                "{bicubic}size: {{height: 256, width: 256}}\ncrop_size: {{height: 224, width: 224}}"
            ),
            &[],
        );
        check(
            &format!(
                r#"{{{common}, "feature_extractor_type": "BeitFeatureExtractor", "do_center_crop": false,
                "crop_size": 224, "do_reduce_labels": false, "size": 224}}"#
            ),
            &format!("{bicubic}size: {{height: 224, width: 224}}"),
            &[],
        );
        check(
            &format!(
                r#"{{{common}, "image_processor_type": "ViTImageProcessor", "size": [192, 256]}}"#
            ),
            &format!("{bicubic}size: {{height: 192, width: 256}}"),
            &[],
        );
    }

    #[test]
    fn clip_resizes_the_shortest_edge() {
        let settings = "size: {shortest_edge: 224}\ncrop_size: {height: 224, width: 224}\nresample: bicubic\n\
            rescale_factor: 0.00392156862745098\n\
            image_mean: [0.48145466, 0.4578275, 0.40821073]\nimage_std: [0.26862954, 0.26130258, 0.27577711]";
        let common = r#""do_center_crop": true, "do_normalize": true, "do_resize": true, "resample": 3,
            "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]"#;
        check(
            &format!(
                r#"{{{common}, "crop_size": 224, "feature_extractor_type": "CLIPFeatureExtractor", "size": 224}}"#
            ),
            settings,
            &[],
        );
        check(
            &format!(
                r#"{{{common}, "crop_size": {{"height": 224, "width": 224}}, "do_convert_rgb": true,
                "image_processor_type": "CLIPImageProcessorFast", "size": {{"shortest_edge": 224}}}}"#
            ),
            settings,
            &[],
        );
    }

    #[test]
    fn convnext_and_resnet_cut_a_share_out() {
        let file = |size: &str, share: &str| {
            format!(
                r#"{{"do_normalize": true, "do_resize": true, "image_mean": [0.485, 0.456, 0.406], "resample": 3,
                "image_std": [0.229, 0.224, 0.225], "image_processor_type": "ConvNextImageProcessor", {share}
                "size": {size}}}"#
            )
        };
        let settings = |size: &str| {
            format!("{size}\nresample: bicubic\nrescale_factor: 0.00392156862745098\n{IMAGENET}")
        };
        let cropped = "size: {shortest_edge: 256}\ncrop_size: {height: 224, width: 224}";
        check(
            &file("224", r#""crop_pct": 0.875,"#),
            &settings(cropped),
            &[],
        );
        check(
            &file(r#"{"shortest_edge": 224}"#, ""),
            &settings(cropped),
            &[],
        );
        let nearly_all = "size: {shortest_edge: 235}\ncrop_size: {height: 224, width: 224}";
        check(
            &file("224", r#""crop_pct": 0.95,"#),
            &settings(nearly_all),
            &[],
        );
        let warped = "size: {height: 384, width: 384}";
        check(&file("384", r#""crop_pct": 1.0,"#), &settings(warped), &[]);
        let edge = "size: {shortest_edge: 383}\ncrop_size: {height: 383, width: 383}";
        check(&file("383", r#""crop_pct": 1.0,"#), &settings(edge), &[]);
        let kept = "size: {shortest_edge: 224}\ncrop_size: {height: 224, width: 224}";
        check(
            &file("224", r#""crop_pct": 0,"#),
            &settings(kept),
            &["`crop_pct` is 0"],
        );
    }

    #[test]
    fn mobile_models_have_their_own_ways() {
        check(
            r#"{"crop_size": {"height": 224, "width": 224}, "do_center_crop": true, "do_normalize": true,
                "do_rescale": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
                "image_processor_type": "MobileNetV2ImageProcessor", "resample": 2,
                "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 256}}"#,
            &format!(
                "size: {{shortest_edge: 256}}\ncrop_size: {{height: 224, width: 224}}\n\
                rescale_factor: 0.00392156862745098\n{HALVES}"
            ),
            &[],
        );
        check(
            r#"{"crop_size": 256, "do_center_crop": true, "do_flip_channel_order": true, "do_resize": true,
                "feature_extractor_type": "MobileViTFeatureExtractor", "resample": 2, "size": 288}"#,
            "size: {shortest_edge: 288}\ncrop_size: {height: 256, width: 256}\n\
                rescale_factor: 0.00392156862745098\ncolor: bgr",
            &[],
        );
        check(
            r#"{"crop_size": {"height": 224, "width": 224}, "do_center_crop": true, "do_normalize": false,
                "image_processor_type": "LevitImageProcessor", "resample": 3, "size": {"shortest_edge": 224}}"#,
            "size: {shortest_edge: 256}\ncrop_size: {height: 224, width: 224}\nresample: bicubic\n\
                rescale_factor: 0.00392156862745098",
            &[],
        );
    }

    #[test]
    fn poolformer_cuts_a_share_out_too() {
        let file = |share: &str| {
            format!(
                r#"{{"crop_size": 224, "do_center_crop": true, "feature_extractor_type": "PoolFormerFeatureExtractor",
                "do_rescale": false, "resample": 3, {share} "size": 224}}"#
            )
        };
        let settings = |edge: u32| {
            format!(
                "size: {{shortest_edge: {edge}}}\ncrop_size: {{height: 224, width: 224}}\nresample: bicubic"
            )
        };
        check(&file(""), &settings(248), &[]);
        check(&file(r#""crop_pct": 0.95,"#), &settings(235), &[]);
    }

    #[test]
    fn efficientnet_divides_twice_or_begins_below_0() {
        let file = |more: &str| {
            format!(
                r#"{{"do_center_crop": false, "do_normalize": true, "do_rescale": true, "do_resize": true,
                "crop_size": {{"height": 289, "width": 289}}, "image_mean": [0.5], "image_std": [0.25], "resample": 0,
                "image_processor_type": "EfficientNetImageProcessor", "size": {{"height": 224, "width": 224}}, {more}}}"#
            )
        };
        let settings =
            |more: &str| format!("size: {{height: 224, width: 224}}\nresample: nearest\n{more}");
        check(
            &file(r#""include_top": true, "rescale_factor": 0.0625, "rescale_offset": false"#),
            &settings("rescale_factor: 0.0625\nimage_mean: [0.5]\nimage_std: [0.0625]"),
            &[],
        );
        check(
            &file(r#""include_top": false, "rescale_factor": 0.0078125, "rescale_offset": true"#),
            &settings("rescale_factor: 0.0078125\nimage_mean: [1.5]\nimage_std: [0.25]"),
            &[],
        );
        check(
            r#"{"do_normalize": false, "rescale_factor": 0.0078125, "rescale_offset": true}"#,
            "rescale_factor: 0.0078125\nimage_mean: [1]",
            &[],
        );
    }

    #[test]
    fn what_is_switched_off_is_left_out() {
        check(
            r#"{"do_resize": false, "size": 224, "do_rescale": false, "rescale_factor": 0.5, "do_normalize": false,
                "image_mean": [0.5], "image_std": [0.5], "do_center_crop": false, "crop_size": 224, "do_pad": false}"#,
            "{}",
            &[],
        );
        check(
            r#"{"do_rescale": false, "data_format": "channels_last", "do_grayscale": true}"#,
            "layout: channels_last\ncolor: grey",
            &[],
        );
    }

    #[test]
    fn what_cannot_be_carried_over_is_said() {
        let check = |keys: &str, settings: &str, remarks: &[&str]| {
            check(
                &format!(r#"{{"do_rescale": false, {keys}}}"#),
                settings,
                remarks,
            );
        };
        let shortest = "size: {shortest_edge: 224}";
        check(
            r#""size": {"shortest_edge": 224}, "crop_pct": 0.9, "resample": 2"#,
            shortest,
            &["`crop_pct` is 0.9"],
        );
        check(
            r#""size": {"height": 9, "width": 8}, "crop_pct": 0.9, "resample": 2"#,
            "size: {height: 9, width: 8}",
            &["`crop_pct` is 0.9"],
        );
        check(
            r#""size": {"longest_edge": 224}"#,
            "{}",
            &["`size` is {\"longest_edge\":224}"],
        );
        check(
            r#""size": {"shortest_edge": 224}"#,
            shortest,
            &["`resample` is not said"],
        );
        check(
            r#""size": {"shortest_edge": 224}, "resample": 6"#,
            shortest,
            &["`resample` is 6, no filter"],
        );
        check(
            r#""do_center_crop": true"#,
            "{}",
            &["without a `crop_size`"],
        );
        check(
            r#""crop_size": 8"#,
            "crop_size: {height: 8, width: 8}",
            &["taken as wanted"],
        );
        check(
            r#""do_center_crop": true, "crop_size": "x""#,
            "{}",
            &["`crop_size` is \"x\""],
        );
        check(
            r#""do_normalize": true, "image_mean": 0.5"#,
            "image_mean: [0.5]",
            &["`image_std` is null"],
        );
        check(
            r#""data_format": "none""#,
            "{}",
            &["`data_format` is \"none\""],
        );
        check(
            r#""do_pad": true, "size_divisor": 32, "keep_aspect_ratio": true, "ensure_multiple_of": 1"#,
            "{}",
            &[
                "`do_pad` is true",
                "`keep_aspect_ratio`",
                "`size_divisor` is 32",
            ],
        );
    }

    #[test]
    fn what_is_no_file_is_passed_over() {
        assert_eq!(from_files(None), (Settings::default(), Vec::new()));
        for file in ["[]", "{", "3"] {
            let (settings, remarks) = from_files(Some(file.as_bytes()));
            assert_eq!((settings, remarks.len()), (Settings::default(), 1));
        }
    }
}
