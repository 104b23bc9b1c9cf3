//! Samples to values: scaled, normalised, laid out.

use super::planes::Planes;
use super::settings::{Color, Layout, Settings};

/// What each sample of one channel becomes.
type Table = [f32; 256];

/// The tables of the channels, in the order in which they come out.
#[derive(Debug, Clone)]
pub(super) struct Tables(Vec<Table>);

impl Tables {
    /// The arithmetic is that of `transformers`: the factor with 64 bits, the rest with 32.
    pub(super) fn new(settings: &Settings) -> Self {
        let of = |list: &[f64], channel: usize, otherwise: f64| match list {
            [one] => *one as f32,
            list => list.get(channel).copied().unwrap_or(otherwise) as f32,
        };
        let table = |channel: usize| {
            let factor = settings.rescale_factor.unwrap_or(1.0);
            let mean = of(&settings.image_mean, channel, 0.0);
            let deviation = of(&settings.image_std, channel, 1.0);
            std::array::from_fn(|sample| ((sample as f64 * factor) as f32 - mean) / deviation)
        };
        Self((0..settings.color.channels()).map(table).collect())
    }

    pub(super) fn channels(&self) -> usize {
        self.0.len()
    }

    /// Appends the values of a picture.
    pub(super) fn append(&self, planes: &[Vec<u8>], layout: Layout, values: &mut Vec<f32>) {
        let planes = self.0.iter().zip(planes);
        match layout {
            Layout::ChannelsFirst => {
                for (table, plane) in planes {
                    values.extend(plane.iter().map(|sample| looked_up(table, *sample)));
                }
            }
            Layout::ChannelsLast => {
                let channels = self.channels();
                let start = values.len();
                values.resize(
                    start + planes.clone().map(|(_, plane)| plane.len()).sum::<usize>(),
                    0.0,
                );
                for (channel, (table, plane)) in planes.enumerate() {
                    let places = values.iter_mut().skip(start + channel).step_by(channels);
                    for (value, sample) in places.zip(plane) {
                        *value = looked_up(table, *sample);
                    }
                }
            }
        }
    }
}

fn looked_up(table: &Table, sample: u8) -> f32 {
    table.get(usize::from(sample)).copied().unwrap_or_default()
}

/// The channels of a colour picture in their order.
pub(super) fn ordered(mut picture: Planes, color: Color) -> Planes {
    match color {
        Color::Rgb | Color::Grey => {}
        Color::Bgr => picture.planes.reverse(),
    }
    picture
}

/// The samples of all planes in one list.
pub(super) fn laid_out(planes: &[Vec<u8>], layout: Layout) -> Vec<u8> {
    match (planes, layout) {
        (planes, Layout::ChannelsFirst) => planes.concat(),
        ([first, second, third], Layout::ChannelsLast) => {
            let pixels = first.iter().zip(second).zip(third);
            pixels
                .flat_map(|((first, second), third)| [*first, *second, *third])
                .collect()
        }
        (planes, Layout::ChannelsLast) => planes.concat(),
    }
}
