//! Pictures through the whole pipeline, against what Pillow and numpy made of them (`golden/image/record.py`).

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
use sha2::{Digest, Sha256};
use steps::image::{Extent, Format, ImageError, Pipeline, Settings, Shortest, Size, is_picture};

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
        max_pixels: Some(10_000),
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
        for length in 0..picture.len() {
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
        picture[frame + 6] += 64;
        let error = small().pixels(&picture).unwrap_err();
        let (ImageError::Truncated(format) | ImageError::Damaged { format, .. }) = error else {
            panic!("{name}: {error}");
        };
        assert_eq!(format, Format::Jpeg);
    }
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
