//! The segments of a file: tables, the frame, the scans.

use super::super::exif::Orientation;
use super::Fault;
use super::bits::Codes;
use super::blocks::ZIGZAG;
use super::color::Coding;
use super::frame::Frame;

/// Scans of a progressive picture that are decoded: encoders write some ten, and each costs time with the whole picture.
const MOST_SCANS: usize = 64;

/// Tables of codes in a file: some two a scan are written, and each takes a thousand times as long to make as its bytes to
/// read.
const MOST_CODES: usize = 8 * MOST_SCANS;

/// What a file has whose frame says 0 rows.
pub(super) const LATE_HEIGHT: &str = "its height after the first scan";

/// What is left to read, and what has been read.
pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
    pub(super) tables: Tables,
    pub(super) frame: Option<Frame>,
    pub(super) orientation: Orientation,
    /// Whether there is the segment of JFIF.
    jfif: bool,
    /// What the segment of Adobe says of the colours.
    adobe: Option<u8>,
    scans: usize,
}

/// Tables as they stand before a scan.
#[derive(Default)]
pub(super) struct Tables {
    quantization: [Option<[u16; 64]>; 4],
    pub(super) first_codes: [Option<Box<Codes>>; 4],
    pub(super) other_codes: [Option<Box<Codes>>; 4],
    pub(super) restart_interval: usize,
    /// How many tables of codes there were.
    codes: usize,
}

/// What one scan brings.
pub(super) struct Scan {
    /// Indices of components, with those of their tables for first and other coefficients.
    pub(super) members: Vec<(usize, usize, usize)>,
    /// The first and the last coefficient.
    pub(super) start: usize,
    pub(super) end: usize,
    /// The bit that was the last one known, or 0; and the last one known after this scan.
    pub(super) known_bit: u8,
    pub(super) bit: u8,
}

impl<'a> Reader<'a> {
    /// Begins after the first marker.
    pub(super) fn new(picture: &'a [u8]) -> Self {
        Self {
            rest: picture.get(2..).unwrap_or_default(),
            tables: Tables::default(),
            frame: None,
            orientation: Orientation::UPRIGHT,
            jfif: false,
            adobe: None,
            scans: 0,
        }
    }

    /// Reads on to the frame, and to what else stands before the first scan.
    pub(super) fn read_to_frame(&mut self) -> Result<(), Fault> {
        loop {
            let before = self.rest;
            let marker = self.marker()?;
            if marker == 0xda {
                self.rest = before;
                return Ok(());
            }
            if marker == 0xd9 {
                return Err(Fault::Truncated);
            }
            self.segment(marker)?;
        }
    }

    /// Reads on to the next scan; there is none after the end of the picture.
    pub(super) fn read_to_scan(&mut self, frame: &mut Frame) -> Result<Option<Scan>, Fault> {
        loop {
            match self.marker()? {
                0xd9 => return Ok(None),
                0xda => {
                    self.scans += 1;
                    if self.scans > MOST_SCANS {
                        return Err(Fault::Unsupported("more than 64 scans"));
                    }
                    let segment = self.take()?;
                    return self.scan(segment, frame).map(Some);
                }
                0xc0..=0xc3 => return Err(Fault::Damaged("a second frame")),
                marker => self.segment(marker)?,
            }
        }
    }

    /// How the components are colours, guessed as libjpeg guesses.
    pub(super) fn coding(&self, frame: &Frame) -> Result<Coding, Fault> {
        let ids: Vec<u8> = frame
            .components
            .iter()
            .map(|component| component.id)
            .collect();
        Ok(match (ids.as_slice(), self.adobe) {
            ([_], _) => Coding::Grey,
            ([_, _, _], _) if self.jfif => Coding::YCbCr,
            ([_, _, _], Some(0)) => Coding::Rgb,
            ([_, _, _], Some(_)) => Coding::YCbCr,
            (b"RGB", None) => Coding::Rgb,
            ([_, _, _], None) => Coding::YCbCr,
            ([_, _, _, _], Some(0) | None) => Coding::Cmyk,
            ([_, _, _, _], Some(_)) => Coding::Ycck,
            (_, _) => return Err(Fault::Damaged("no components")),
        })
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let (byte, rest) = self.rest.split_first().ok_or(Fault::Truncated)?;
        self.rest = rest;
        Ok(*byte)
    }

    /// The next marker; what is none before it is passed over.
    fn marker(&mut self) -> Result<u8, Fault> {
        loop {
            while self.byte()? != 0xff {}
            let mut code = self.byte()?;
            while code == 0xff {
                code = self.byte()?;
            }
            // Restarts and the fillers of data stand alone.
            if !matches!(code, 0 | 1 | 0xd0..=0xd8) {
                return Ok(code);
            }
        }
    }

    /// The content of a segment.
    fn take(&mut self) -> Result<&'a [u8], Fault> {
        let length = usize::from(u16::from_be_bytes([self.byte()?, self.byte()?]));
        let length = length
            .checked_sub(2)
            .ok_or(Fault::Damaged("a segment without length"))?;
        let (segment, rest) = self.rest.split_at_checked(length).ok_or(Fault::Truncated)?;
        self.rest = rest;
        Ok(segment)
    }

    fn segment(&mut self, marker: u8) -> Result<(), Fault> {
        let segment = self.take()?;
        match marker {
            0xc4 => self.tables.read_codes(segment),
            0xdb => self.tables.read_quantization(segment),
            0xdd => {
                let interval = segment
                    .first_chunk()
                    .ok_or(Fault::Damaged("a restart interval"))?;
                self.tables.restart_interval = u16::from_be_bytes(*interval).into();
                Ok(())
            }
            0xc0..=0xc2 => {
                if self.frame.is_some() {
                    return Err(Fault::Damaged("a second frame"));
                }
                self.frame = Some(Frame::read(segment, marker == 0xc2)?);
                Ok(())
            }
            0xc3 | 0xc5..=0xc7 => Err(Fault::Unsupported("lossless or differential coding")),
            0xc9..=0xcf => Err(Fault::Unsupported("arithmetic coding")),
            0xdc => Err(Fault::Unsupported(LATE_HEIGHT)),
            0xe0 => {
                self.jfif |= segment.starts_with(b"JFIF\0");
                Ok(())
            }
            0xe1 if segment.starts_with(b"Exif\0\0") => {
                self.orientation = Orientation::read(segment);
                Ok(())
            }
            0xee => {
                if let Some(transform) = segment.get(11).filter(|_| segment.starts_with(b"Adobe")) {
                    self.adobe = Some(*transform);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn scan(&self, segment: &[u8], frame: &mut Frame) -> Result<Scan, Fault> {
        let damaged = Fault::Damaged("the header of a scan");
        let (count, rest) = segment.split_first().ok_or(damaged)?;
        let (pairs, rest) = rest
            .split_at_checked(usize::from(*count) * 2)
            .ok_or(damaged)?;
        let [start, end, bits] = *rest.first_chunk().ok_or(damaged)?;
        let mut members = Vec::new();
        for [id, tables] in pairs.as_chunks::<2>().0 {
            let index = frame
                .components
                .iter()
                .position(|component| component.id == *id)
                .ok_or(damaged)?;
            if members.iter().any(|(member, _, _)| *member == index)
                || tables >> 4 > 3
                || tables & 15 > 3
            {
                return Err(damaged);
            }
            members.push((index, usize::from(tables >> 4), usize::from(tables & 15)));
            if let Some(component) = frame.components.get_mut(index) {
                if component.seen && !frame.progressive {
                    return Err(Fault::Damaged("a component that comes twice"));
                }
                let table = self
                    .tables
                    .quantization
                    .get(component.quantization)
                    .copied()
                    .flatten();
                component.divisors = Some(
                    component
                        .divisors
                        .or(table)
                        .ok_or(Fault::Damaged("a table is missing"))?,
                );
            }
        }
        let scan = if frame.progressive {
            Scan {
                members,
                start: start.into(),
                end: end.into(),
                known_bit: bits >> 4,
                bit: bits & 15,
            }
        } else {
            Scan {
                members,
                start: 0,
                end: 63,
                known_bit: 0,
                bit: 0,
            }
        };
        let range = if scan.start == 0 {
            !frame.progressive || scan.end == 0
        } else {
            scan.members.len() == 1
        };
        if scan.members.is_empty()
            || !range
            || scan.start > scan.end
            || scan.end > 63
            || scan.bit > 13
        {
            return Err(damaged);
        }
        Ok(scan)
    }
}

impl Tables {
    fn read_quantization(&mut self, mut segment: &[u8]) -> Result<(), Fault> {
        let damaged = Fault::Damaged("a quantization table");
        while let Some((kind, rest)) = segment.split_first() {
            let wide = kind >> 4 != 0;
            let (values, rest) = rest
                .split_at_checked(if wide { 128 } else { 64 })
                .ok_or(damaged)?;
            let table = self
                .quantization
                .get_mut(usize::from(kind & 15))
                .ok_or(damaged)?;
            let values: Vec<u16> = if wide {
                values
                    .as_chunks()
                    .0
                    .iter()
                    .map(|value| u16::from_be_bytes(*value))
                    .collect()
            } else {
                values.iter().map(|value| u16::from(*value)).collect()
            };
            let mut divisors = [0; 64];
            for (value, place) in values.iter().zip(ZIGZAG) {
                if let Some(divisor) = divisors.get_mut(place) {
                    *divisor = *value;
                }
            }
            *table = Some(divisors);
            segment = rest;
        }
        Ok(())
    }

    fn read_codes(&mut self, mut segment: &[u8]) -> Result<(), Fault> {
        let damaged = Fault::Damaged("a table of codes");
        while let Some((kind, rest)) = segment.split_first() {
            self.codes += 1;
            if self.codes > MOST_CODES {
                return Err(Fault::Unsupported("more than 512 tables of codes"));
            }
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or(damaged)?;
            let total = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, rest) = rest.split_at_checked(total).ok_or(damaged)?;
            let tables = match kind >> 4 {
                0 => &mut self.first_codes,
                1 => &mut self.other_codes,
                _ => return Err(damaged),
            };
            let table = tables.get_mut(usize::from(kind & 15)).ok_or(damaged)?;
            *table = Some(Box::new(Codes::new(counts, symbols)?));
            segment = rest;
        }
        Ok(())
    }
}
