//! The frame: the components, their sampling, and what has been decoded of them.

use super::super::settings::Extent;
use super::blocks::Block;
use super::{Fault, transform};

/// Components of a picture that are taken.
const MOST_COMPONENTS: usize = 4;

/// A picture as its header says.
pub(super) struct Frame {
    pub(super) extent: Extent,
    pub(super) progressive: bool,
    pub(super) components: Vec<Component>,
    /// The greatest sampling factors.
    pub(super) most_across: usize,
    pub(super) most_down: usize,
}

/// One component.
pub(super) struct Component {
    pub(super) id: u8,
    /// Its sampling factors.
    pub(super) across: usize,
    pub(super) down: usize,
    pub(super) quantization: usize,
    /// Its own size in samples.
    pub(super) width: usize,
    pub(super) height: usize,
    /// Blocks in a row and in a column, those that only fill up the last units included.
    pub(super) blocks_across: usize,
    pub(super) blocks_down: usize,
    /// The coefficients of a progressive picture.
    pub(super) coefficients: Vec<Block>,
    /// The divisors that its first scan found, for tables may change between scans.
    pub(super) divisors: Option<[u16; 64]>,
    /// The samples of all blocks.
    pub(super) samples: Vec<u8>,
    /// Whether a scan brought its first coefficients.
    pub(super) seen: bool,
}

impl Frame {
    /// Reads the segment of a frame.
    pub(super) fn read(segment: &[u8], progressive: bool) -> Result<Self, Fault> {
        let damaged = Fault::Damaged("a frame that is too short");
        let ([depth, high, low, wide, narrow, count], rest) =
            segment.split_first_chunk().ok_or(damaged)?;
        if *depth != 8 {
            return Err(Fault::Unsupported("more than 8 bits a sample"));
        }
        let extent = Extent {
            height: u16::from_be_bytes([*high, *low]).into(),
            width: u16::from_be_bytes([*wide, *narrow]).into(),
        };
        let triples = rest.as_chunks::<3>().0;
        let triples = triples.get(..usize::from(*count)).ok_or(damaged)?;
        if extent.height == 0 {
            return Err(Fault::Unsupported(super::markers::LATE_HEIGHT));
        }
        if extent.width == 0 {
            return Err(Fault::Damaged("a picture without pixels"));
        }
        if !matches!(triples.len(), 1 | 3 | MOST_COMPONENTS) {
            return Err(Fault::Unsupported("components that are neither 1, 3 nor 4"));
        }
        let mut components = Vec::with_capacity(triples.len());
        for [id, factors, quantization] in triples {
            components.push(Component::new(*id, *factors, *quantization)?);
        }
        let mut frame = Self {
            extent,
            progressive,
            components,
            most_across: 1,
            most_down: 1,
        };
        frame.measure()?;
        Ok(frame)
    }

    fn measure(&mut self) -> Result<(), Fault> {
        // With one component alone, its factors mean nothing.
        if let [only] = self.components.as_mut_slice() {
            only.across = 1;
            only.down = 1;
        }
        self.most_across = self
            .components
            .iter()
            .map(|component| component.across)
            .max()
            .unwrap_or(1);
        self.most_down = self
            .components
            .iter()
            .map(|component| component.down)
            .max()
            .unwrap_or(1);
        let (units_across, units_down) = self.units();
        for component in &mut self.components {
            if !self.most_across.is_multiple_of(component.across)
                || !self.most_down.is_multiple_of(component.down)
            {
                return Err(Fault::Unsupported(
                    "sampling factors that do not divide each other",
                ));
            }
            component.width = (self.extent.columns() * component.across).div_ceil(self.most_across);
            component.height = (self.extent.rows() * component.down).div_ceil(self.most_down);
            component.blocks_across = units_across * component.across;
            component.blocks_down = units_down * component.down;
        }
        Ok(())
    }

    /// Units of interleaved blocks in a row and in a column.
    pub(super) fn units(&self) -> (usize, usize) {
        let across = self.extent.columns().div_ceil(8 * self.most_across);
        (across, self.extent.rows().div_ceil(8 * self.most_down))
    }

    fn blocks(&self) -> u64 {
        self.components
            .iter()
            .map(|component| (component.blocks_across * component.blocks_down) as u64)
            .sum()
    }

    /// Bytes that the decoded components take, beside the picture made of them.
    pub(super) fn bytes(&self) -> u64 {
        self.blocks() * if self.progressive { 64 * 3 } else { 64 }
    }

    /// Each block has a code of one bit at least, two in a picture that is sequential; blocks that only fill up may be
    /// missing where components come alone.
    pub(super) fn least_bytes(&self) -> u64 {
        let blocks =
            |component: &Component| component.width.div_ceil(8) * component.height.div_ceil(8);
        let blocks: usize = self.components.iter().map(blocks).sum();
        blocks as u64 * if self.progressive { 1 } else { 2 } / 8
    }

    /// Takes the memory.
    pub(super) fn allocate(&mut self) {
        for component in &mut self.components {
            let blocks = component.blocks_across * component.blocks_down;
            component.samples = vec![0; blocks * 64];
            if self.progressive {
                component.coefficients = vec![[0; 64]; blocks];
            }
        }
    }

    pub(super) fn check_complete(&self) -> Result<(), Fault> {
        if self.components.iter().all(|component| component.seen) {
            Ok(())
        } else {
            Err(Fault::Truncated)
        }
    }

    /// How many times fewer samples a component has across and down.
    pub(super) fn factors(&self, component: &Component) -> (usize, usize) {
        (
            self.most_across / component.across,
            self.most_down / component.down,
        )
    }

    /// Makes samples of the coefficients of a progressive picture.
    pub(super) fn transform(&mut self) {
        for component in &mut self.components {
            let divisors = component.divisors.unwrap_or([0; 64]);
            let stride = component.blocks_across * 8;
            for (index, block) in std::mem::take(&mut component.coefficients)
                .iter()
                .enumerate()
            {
                let (row, column) = (
                    index / component.blocks_across,
                    index % component.blocks_across,
                );
                if let Some(place) = component.samples.get_mut(row * 8 * stride + column * 8..) {
                    transform::inverse(block, &divisors, place, stride);
                }
            }
        }
    }
}

impl Component {
    fn new(id: u8, factors: u8, quantization: u8) -> Result<Self, Fault> {
        let (across, down) = (usize::from(factors >> 4), usize::from(factors & 15));
        if !(1..=4).contains(&across) || !(1..=4).contains(&down) || quantization > 3 {
            return Err(Fault::Damaged("sampling factors or tables out of range"));
        }
        Ok(Self {
            id,
            across,
            down,
            quantization: quantization.into(),
            width: 0,
            height: 0,
            blocks_across: 0,
            blocks_down: 0,
            coefficients: Vec::new(),
            divisors: None,
            samples: Vec::new(),
            seen: false,
        })
    }
}
