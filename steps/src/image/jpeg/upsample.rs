//! Components of fewer samples brought to the picture's size, as libjpeg-turbo does it: with a triangle where the factor
//! is 2, else by repeating.

use super::frame::Component;

/// Makes the rows of one component.
pub(super) struct Upsampler<'a> {
    component: &'a Component,
    across: usize,
    down: usize,
    sums: Vec<i16>,
    row: Vec<u8>,
}

impl<'a> Upsampler<'a> {
    /// For a component that has so many times fewer samples across and down.
    pub(super) fn new(component: &'a Component, across: usize, down: usize) -> Self {
        let width = component.width;
        Self {
            component,
            across,
            down,
            sums: vec![0; width],
            row: vec![0; width * across],
        }
    }

    /// A row of the picture; it may be longer than the picture is wide.
    pub(super) fn row(&mut self, y: usize) -> &[u8] {
        let near = self.samples(y / self.down);
        // Rows that would be above or below are those at the edge.
        let far = match y % 2 {
            0 => (y / 2).saturating_sub(1),
            _ => (y / 2 + 1).min(self.component.height - 1),
        };
        let is_wide = near.len() > 2;
        match (self.across, self.down) {
            (1, 1) => return near,
            (2, 1) if is_wide => between_columns(near, &mut self.row),
            (1, 2) => between_rows(near, self.samples(far), y % 2, &mut self.row),
            (2, 2) if is_wide => {
                let far = self.samples(far);
                for ((sum, near), far) in self.sums.iter_mut().zip(near).zip(far) {
                    *sum = 3 * i16::from(*near) + i16::from(*far);
                }
                between_both(&self.sums, &mut self.row);
            }
            (across, _) => {
                for (to, from) in self.row.chunks_exact_mut(across).zip(near) {
                    to.fill(*from);
                }
            }
        }
        &self.row
    }

    fn samples(&self, row: usize) -> &'a [u8] {
        let start = row * self.component.blocks_across * 8;
        self.component
            .samples
            .get(start..start + self.component.width)
            .unwrap_or_default()
    }
}

/// Three parts of the nearer column and one of the other; the halves are rounded down on the left and up on the right.
fn between_columns(samples: &[u8], row: &mut [u8]) {
    let part = |near: u8, far: u8, rounding: u16| {
        ((3 * u16::from(near) + u16::from(far) + rounding) >> 2) as u8
    };
    let (pairs, _) = row.as_chunks_mut::<2>();
    if let ([first, ..], [start, second, ..]) = (&mut *pairs, samples) {
        *first = [*start, part(*start, *second, 2)];
    }
    if let ([.., last], [.., before, end]) = (&mut *pairs, samples) {
        *last = [part(*end, *before, 1), *end];
    }
    for (pair, window) in pairs.iter_mut().skip(1).zip(samples.windows(3)) {
        if let [before, near, after] = window {
            *pair = [part(*near, *before, 1), part(*near, *after, 2)];
        }
    }
}

fn between_rows(near: &[u8], far: &[u8], half: usize, row: &mut [u8]) {
    let rounding = if half == 0 { 1 } else { 2 };
    for ((to, near), far) in row.iter_mut().zip(near).zip(far) {
        *to = ((3 * u16::from(*near) + u16::from(*far) + rounding) >> 2) as u8;
    }
}

/// As between columns, of sums that have four parts.
fn between_both(sums: &[i16], row: &mut [u8]) {
    let (pairs, _) = row.as_chunks_mut::<2>();
    if let ([first, ..], [start, second, ..]) = (&mut *pairs, sums) {
        *first = [
            ((4 * start + 8) >> 4) as u8,
            ((3 * start + second + 7) >> 4) as u8,
        ];
    }
    if let ([.., last], [.., before, end]) = (&mut *pairs, sums) {
        *last = [
            ((3 * end + before + 8) >> 4) as u8,
            ((4 * end + 7) >> 4) as u8,
        ];
    }
    for (pair, window) in pairs.iter_mut().skip(1).zip(sums.windows(3)) {
        if let [before, near, after] = window {
            *pair = [
                ((3 * near + before + 8) >> 4) as u8,
                ((3 * near + after + 7) >> 4) as u8,
            ];
        }
    }
}
