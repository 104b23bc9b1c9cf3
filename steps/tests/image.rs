//! Pictures through the whole pipeline, against what Pillow and numpy made of them (`golden/image/record.py`), and by the
//! files of transformers' image processors against what these made of them (`golden/image/processors.py`).

#![cfg(feature = "image")]
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of these tests are in no test function"
)]

use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use steps::image::{
    Extent, Format, ImageError, Pipeline, Settings, Shortest, Size, from_files, is_picture,
};

#[derive(Deserialize)]
struct Case {
    picture: String,
    settings: Settings,
    shape: [usize; 3],
    samples_hash: String,
    values_hash: String,
    #[serde(default)]
    samples: Option<[usize; 2]>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/image")
}

/// The most that a sample of lossy WebP is off. All else is equal to the bit, JPEG included.
const LOSSY_WEBP_BOUND: u8 = 1;

#[test]
fn pictures_become_what_pillow_makes_of_them() {
    let cases: Vec<Case> =
        serde_json::from_str(&fs::read_to_string(folder().join("cases.json")).unwrap()).unwrap();
    let stored = fs::read(folder().join("samples.bin")).unwrap();
    assert!(cases.len() > 400);
    for case in &cases {
        case.check(&stored);
    }
}

impl Case {
    #[track_caller]
    fn check(&self, stored: &[u8]) {
        let what = format!("{} {:?}", self.picture, self.settings);
        let picture = read(&self.picture);
        let pipeline = Pipeline::new(&self.settings).unwrap();
        let pixels = pipeline
            .pixels(&picture)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let needs = pipeline.needs(&picture).unwrap();
        assert_eq!(needs.extent, pixels.extent, "{what}");
        assert!(
            pipeline
                .extent()
                .is_none_or(|extent| extent == pixels.extent),
            "{what}"
        );
        assert_eq!(
            pixels.samples.len(),
            self.shape.iter().product::<usize>(),
            "{what}"
        );
        let mut values = vec![0.5];
        assert_eq!(
            pipeline.append(&picture, &mut values).unwrap(),
            pixels.extent,
            "{what}"
        );
        assert_eq!(values.len(), 1 + pixels.samples.len(), "{what}");
        if let Some([start, length]) = self.samples {
            let pairs = stored[start..start + length].iter().zip(&pixels.samples);
            let difference = pairs.map(|(stored, sample)| stored.abs_diff(*sample)).max();
            assert!(
                difference <= Some(LOSSY_WEBP_BOUND),
                "{what}: {difference:?}"
            );
            return;
        }
        assert_eq!(hash(&pixels.samples), self.samples_hash, "{what}");
        let bytes: Vec<u8> = values[1..]
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        assert_eq!(hash(&bytes), self.values_hash, "{what}");
    }
}

/// A file beside a model, and what the processor that it names makes of a picture.
#[derive(Deserialize)]
struct Processed {
    config: Map<String, Value>,
    picture: String,
    shape: [usize; 3],
    values: Vec<f32>,
}

impl Processed {
    /// Places along an edge whose values are recorded.
    const PLACES: usize = 5;

    /// By channel, row and column.
    fn recorded_of(&self, values: &[f32]) -> Vec<f32> {
        let [channels, height, width] = self.shape;
        let place = |length: usize, index: usize| (length - 1) * index / (Self::PLACES - 1);
        let mut recorded = Vec::new();
        for channel in 0..channels {
            for row in 0..Self::PLACES {
                for column in 0..Self::PLACES {
                    let row = channel * height + place(height, row);
                    recorded.push(values[row * width + place(width, column)]);
                }
            }
        }
        recorded
    }
}

#[test]
fn files_of_image_processors_are_read_as_they_mean_it() {
    let file = fs::read_to_string(folder().join("processors.json")).unwrap();
    let cases: Vec<Processed> = serde_json::from_str(&file).unwrap();
    assert!(cases.len() > 90);
    let mut told = Vec::new();
    let mut faults = Vec::new();
    for case in &cases {
        let config = serde_json::to_string(&case.config).unwrap();
        let kind = case.config["image_processor_type"].as_str().unwrap();
        let (settings, remarks) = from_files(Some(config.as_bytes()));
        if !remarks.is_empty() {
            told.push(kind);
            continue;
        }
        let mut values = Vec::new();
        let pipeline = Pipeline::new(&settings).unwrap();
        let extent = pipeline.append(&read(&case.picture), &mut values).unwrap();
        let [_, height, width] = case.shape;
        let extent = (extent.height as usize, extent.width as usize);
        if extent != (height, width) {
            faults.push(format!(
                "{kind} {}: {extent:?} {:?} {config}",
                case.picture, case.shape
            ));
            continue;
        }
        let pairs = case.recorded_of(&values).into_iter().zip(&case.values);
        let most = pairs
            .map(|(ours, theirs)| (ours - theirs).abs())
            .fold(0.0, f32::max);
        if most > 1e-5 {
            faults.push(format!("{kind} {}: off by {most}: {config}", case.picture));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    told.dedup();
    let told: Vec<&str> = told
        .iter()
        .filter_map(|kind| kind.strip_suffix("ImageProcessor"))
        .collect();
    let cannot = [
        "Perceiver",
        "DPT",
        "Donut",
        "TextNet",
        "Vilt",
        "BridgeTower",
        "Swin2SR",
    ];
    assert_eq!(told, cannot);
}

fn read(picture: &str) -> Vec<u8> {
    fs::read(folder().join("pictures").join(picture)).unwrap()
}

fn names() -> Vec<String> {
    let entries = fs::read_dir(folder().join("pictures")).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .take(16)
        .collect()
}

fn small() -> Pipeline {
    let size = Some(Size::Both(Extent {
        height: 8,
        width: 8,
    }));
    Pipeline::new(&Settings {
        size,
        max_pixels: Some(500_000),
        ..Settings::default()
    })
    .unwrap()
}

#[test]
fn a_file_that_is_cut_is_refused_wherever_it_is_cut() {
    let pipeline = small();
    for name in names() {
        let picture = read(&name);
        assert!(pipeline.append(&picture, &mut Vec::new()).is_ok(), "{name}");
        let mut values = Vec::new();
        // Of larger files some lengths stand for all.
        let step = picture.len() / 10_000 * 50 + 1;
        for length in (0..picture.len()).step_by(step) {
            let cut = pipeline.append(&picture[..length], &mut values);
            assert!(cut.is_err(), "{name} cut to {length} of {}", picture.len());
        }
        assert!(values.is_empty(), "{name}");
    }
}

#[test]
fn what_follows_a_picture_is_passed_over() {
    for name in names() {
        let mut picture = read(&name);
        let whole = small().pixels(&picture).unwrap();
        picture.extend(b"\xff\xd8 anything");
        assert_eq!(small().pixels(&picture).unwrap(), whole, "{name}");
    }
}

#[test]
fn no_change_of_bytes_makes_a_panic() {
    let pipeline = small();
    let mut state = 88172645463325252u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut taken = 0;
    for name in names() {
        let picture = read(&name);
        for _ in 0..150 {
            let mut changed = picture.clone();
            for _ in 0..=next(4) {
                // Half of the changes are among the headers.
                let within = if next(2) == 0 {
                    changed.len()
                } else {
                    changed.len().min(700)
                };
                changed[next(within)] = next(256) as u8;
            }
            taken += usize::from(pipeline.append(&changed, &mut Vec::new()).is_ok());
        }
    }
    assert!(taken > 100, "{taken}");
}

#[test]
fn a_jpeg_that_says_more_rows_than_it_has_is_refused() {
    for name in names().iter().filter(|name| name.ends_with(".jpg")) {
        let mut picture = read(name);
        let frame = picture
            .windows(2)
            .position(|pair| matches!(pair, [0xff, 0xc0 | 0xc2]))
            .unwrap();
        picture[frame + 5] += 1;
        let error = small().pixels(&picture).unwrap_err();
        let (ImageError::Truncated(format) | ImageError::Damaged { format, .. }) = error else {
            panic!("{name}: {error}");
        };
        assert_eq!(format, Format::Jpeg);
    }
}

/// The picture with other bytes behind a marker, from this place of its segment.
fn changed(picture: &[u8], marker: u8, at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut changed = picture.to_vec();
    let start = picture.windows(2).position(|pair| pair == [0xff, marker]);
    let place = start.unwrap() + at;
    changed[place..place + bytes.len()].copy_from_slice(bytes);
    changed
}

/// The picture with this before its first segment.
fn begun(picture: &[u8], segments: &[u8]) -> Vec<u8> {
    [&picture[..2], segments, &picture[2..]].concat()
}

#[track_caller]
fn refused(picture: &[u8], problem: &str) {
    let error = small().pixels(picture).unwrap_err().to_string();
    assert!(error.contains(problem), "{error}");
}

#[test]
fn kinds_of_jpeg_that_are_not_taken_are_named() {
    let picture = read("420.jpg");
    for (marker, problem) in [
        (0xc3, "lossless or differential coding"),
        (0xc5, "lossless or differential coding"),
        (0xc9, "arithmetic coding"),
        (0xca, "arithmetic coding"),
        (0xcc, "arithmetic coding"),
    ] {
        refused(&changed(&picture, 0xc0, 1, &[marker]), problem);
    }
    refused(
        &changed(&picture, 0xc0, 4, &[12]),
        "more than 8 bits a sample",
    );
    refused(
        &changed(&picture, 0xc0, 5, &[0, 0]),
        "its height after the first scan",
    );
    refused(
        &changed(&picture, 0xc0, 7, &[0, 0]),
        "a picture without pixels",
    );
    refused(
        &changed(&picture, 0xc0, 9, &[2]),
        "components that are neither 1, 3 nor 4",
    );
    refused(
        &changed(&picture, 0xc0, 11, &[0x51]),
        "sampling factors or tables out of range",
    );
    refused(
        &changed(&picture, 0xc0, 11, &[0x32, 0, 2, 0x21]),
        "do not divide each other",
    );
    refused(
        &begun(&picture, &[0xff, 0xdc, 0, 4, 0, 43]),
        "its height after the first scan",
    );
}

#[test]
fn a_jpeg_has_no_more_scans_and_tables_than_encoders_write() {
    let progressive = read("420-progressive.jpg");
    let end = progressive.len() - 2;
    // One bit more of the first coefficients, of which the data may say nothing new.
    let scan = [[0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0x10].as_slice(), &[0; 64]].concat();
    let scans = progressive
        .windows(2)
        .filter(|pair| *pair == [0xff, 0xda])
        .count();
    let with = |count: usize| [&progressive[..end], &scan.repeat(count), b"\xff\xd9"].concat();
    assert!(small().pixels(&with(64 - scans)).is_ok());
    refused(&with(65 - scans), "more than 64 scans");

    let sequential = read("420.jpg");
    let tables = sequential
        .windows(2)
        .filter(|pair| *pair == [0xff, 0xc4])
        .count();
    let table = [[0xff, 0xc4, 0, 20, 3, 1].as_slice(), &[0; 15], &[0]].concat();
    let with = |count: usize| begun(&sequential, &table.repeat(count));
    assert!(small().pixels(&with(512 - tables)).is_ok());
    refused(&with(513 - tables), "more than 512 tables of codes");
}

#[test]
fn a_component_of_a_sequential_jpeg_comes_once() {
    let picture = read("apart-420.jpg");
    let scan = picture
        .windows(2)
        .rposition(|pair| pair == [0xff, 0xc4])
        .unwrap();
    let twice = [&picture[..picture.len() - 2], &picture[scan..]].concat();
    refused(&twice, "a component that comes twice");
    refused(&[&picture[..scan], b"\xff\xd9"].concat(), "not whole");
}

#[test]
fn limits_are_those_of_the_header() {
    let picture = read("rgb.png");
    let given = Extent {
        height: 43,
        width: 61,
    };
    let with = |settings: Settings| {
        Pipeline::new(&settings)
            .unwrap()
            .needs(&picture)
            .map(|needs| needs.extent)
    };
    assert_eq!(
        with(Settings {
            max_pixels: Some(43 * 61),
            ..Settings::default()
        }),
        Ok(given)
    );
    let most = 43 * 61 - 1;
    let error = ImageError::Pixels { given, most };
    assert_eq!(
        with(Settings {
            max_pixels: Some(most),
            ..Settings::default()
        }),
        Err(error)
    );
    let bytes = picture.len() as u64;
    assert_eq!(
        with(Settings {
            max_bytes: Some(bytes),
            ..Settings::default()
        }),
        Ok(given)
    );
    let error = ImageError::Bytes {
        given: bytes,
        most: bytes - 1,
    };
    assert_eq!(
        with(Settings {
            max_bytes: Some(bytes - 1),
            ..Settings::default()
        }),
        Err(error)
    );
}

#[test]
fn a_slender_picture_does_not_become_an_enormous_one() {
    let size = |shortest_edge| {
        Some(Size::Shortest(Shortest {
            shortest_edge,
            longest_edge: None,
        }))
    };
    let pipeline = |edge| {
        Pipeline::new(&Settings {
            size: size(edge),
            ..Settings::default()
        })
        .unwrap()
    };
    let picture = read("40x1.png");
    assert!(pipeline(647).needs(&picture).is_ok());
    assert!(matches!(
        pipeline(648).needs(&picture),
        Err(ImageError::Slender { .. })
    ));
}

#[test]
fn what_is_no_picture_is_told_what_is_taken() {
    for bytes in [
        b"".as_slice(),
        b"GIF89a",
        b"\xff\xd8",
        b"RIFF\0\0\0\0WAVE",
        b"\x89PNG",
    ] {
        assert!(!is_picture(bytes));
        let error = small().needs(bytes).unwrap_err().to_string();
        assert!(error.contains("send a JPEG, PNG or WebP file"), "{error}");
    }
    for name in names() {
        assert!(is_picture(&read(&name)), "{name}");
    }
}
