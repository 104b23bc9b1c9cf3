//! The data of one scan.

use super::Fault;
use super::bits::{Bits, Codes};
use super::blocks::{self, Block, Stretch};
use super::frame::{Component, Frame};
use super::markers::{Scan, Tables};
use super::transform;

const MISSING: Fault = Fault::Damaged("a table is missing");

/// A component in a scan.
struct Member<'a> {
    component: &'a mut Component,
    first: Option<&'a Codes>,
    others: Option<&'a Codes>,
    predicted: i32,
}

/// Decodes a scan, and returns what follows it.
pub(super) fn decode<'a>(
    frame: &mut Frame,
    scan: &Scan,
    tables: &Tables,
    data: &'a [u8],
) -> Result<&'a [u8], Fault> {
    let progressive = frame.progressive;
    let whole = frame.units();
    let mut members = Vec::with_capacity(scan.members.len());
    let mut components: Vec<Option<&mut Component>> =
        frame.components.iter_mut().map(Some).collect();
    for (index, first, others) in &scan.members {
        let component = components
            .get_mut(*index)
            .and_then(Option::take)
            .ok_or(MISSING)?;
        let first = tables.first_codes.get(*first).and_then(Option::as_deref);
        let others = tables.other_codes.get(*others).and_then(Option::as_deref);
        members.push(Member {
            component,
            first,
            others,
            predicted: 0,
        });
    }
    // A component alone comes block after block, without those that only fill up.
    let alone = members.len() == 1;
    let (across, down) = match members.as_slice() {
        [only] => (
            only.component.width.div_ceil(8),
            only.component.height.div_ceil(8),
        ),
        _ => whole,
    };
    let mut units = Units::new(data, tables.restart_interval);
    let mut stretch = match members.as_slice() {
        [only] if progressive && scan.start > 0 => Some(Stretch {
            codes: only.others.ok_or(MISSING)?,
            start: scan.start,
            end: scan.end,
            bit: scan.bit,
            blocks_to_skip: 0,
        }),
        _ => None,
    };
    for row in 0..down {
        for column in 0..across {
            if units.restarts()? {
                members.iter_mut().for_each(|member| member.predicted = 0);
                stretch
                    .iter_mut()
                    .for_each(|stretch| stretch.blocks_to_skip = 0);
            }
            for member in &mut members {
                let (high, wide) = if alone {
                    (1, 1)
                } else {
                    (member.component.down, member.component.across)
                };
                for (y, x) in (0..high).flat_map(|y| (0..wide).map(move |x| (y, x))) {
                    let place = (row * high + y, column * wide + x);
                    if progressive {
                        member.progressive(&mut units.bits, scan, &mut stretch, place)?;
                    } else {
                        member.sequential(&mut units.bits, place)?;
                    }
                }
            }
        }
    }
    for member in &mut members {
        member.component.seen |= scan.start == 0 && scan.known_bit == 0;
    }
    Ok(units.bits.rest())
}

/// Counts units between restarts.
struct Units<'a> {
    bits: Bits<'a>,
    interval: usize,
    before_restart: usize,
}

impl<'a> Units<'a> {
    fn new(data: &'a [u8], interval: usize) -> Self {
        Self {
            bits: Bits::new(data),
            interval,
            before_restart: interval,
        }
    }

    /// Whether a new interval begins with this unit.
    #[inline]
    fn restarts(&mut self) -> Result<bool, Fault> {
        if self.interval == 0 {
            return Ok(false);
        }
        let restarts = self.before_restart == 0;
        if restarts {
            self.bits.restart()?;
            self.before_restart = self.interval;
        }
        self.before_restart -= 1;
        Ok(restarts)
    }
}

impl Member<'_> {
    /// A block of a sequential picture becomes samples at once.
    #[inline]
    fn sequential(
        &mut self,
        bits: &mut Bits<'_>,
        (row, column): (usize, usize),
    ) -> Result<(), Fault> {
        let (Some(first), Some(others), Some(divisors)) =
            (self.first, self.others, &self.component.divisors)
        else {
            return Err(MISSING);
        };
        let mut block: Block = [0; 64];
        let last = blocks::sequential(bits, first, others, &mut self.predicted, &mut block)?;
        let stride = self.component.blocks_across * 8;
        let Some(place) = self
            .component
            .samples
            .get_mut(row * 8 * stride + column * 8..)
        else {
            return Ok(());
        };
        let transform = match last {
            0 => transform::flat,
            1..=transform::LAST_OF_QUARTER => transform::inverse_quarter,
            _ => transform::inverse,
        };
        transform(&block, divisors, place, stride);
        Ok(())
    }

    fn progressive(
        &mut self,
        bits: &mut Bits<'_>,
        scan: &Scan,
        stretch: &mut Option<Stretch<'_>>,
        (row, column): (usize, usize),
    ) -> Result<(), Fault> {
        let index = row * self.component.blocks_across + column;
        let Some(block) = self.component.coefficients.get_mut(index) else {
            return Ok(());
        };
        match (stretch, scan.known_bit) {
            (None, 0) => blocks::first(
                bits,
                self.first.ok_or(MISSING)?,
                &mut self.predicted,
                scan.bit,
                block,
            ),
            (None, _) => blocks::refine_first(bits, scan.bit, block),
            (Some(stretch), 0) => stretch.first(bits, block),
            (Some(stretch), _) => stretch.refine(bits, block),
        }
    }
}
