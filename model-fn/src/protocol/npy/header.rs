//! What stands before the elements: a literal of Python, of which the few forms are read that NumPy writes.

use crate::tensor::Datatype;

const MAGIC: &[u8] = b"\x93NUMPY";

/// What archives of several arrays begin with.
const ARCHIVE: &[u8] = b"PK\x03\x04";

/// The longest header: one of numbers or text has some hundred bytes, with its padding.
const LONGEST: usize = 4096;

/// The most axes: as many as NumPy allows.
const MOST_AXES: usize = 64;

/// The datatypes of numbers: as NumPy reads them, as it writes them in little-endian, and what they are here.
pub(super) const NUMBERS: [(&str, &str, Datatype); 12] = [
    ("b1", "|b1", Datatype::Bool),
    ("u1", "|u1", Datatype::Uint8),
    ("u2", "<u2", Datatype::Uint16),
    ("u4", "<u4", Datatype::Uint32),
    ("u8", "<u8", Datatype::Uint64),
    ("i1", "|i1", Datatype::Int8),
    ("i2", "<i2", Datatype::Int16),
    ("i4", "<i4", Datatype::Int32),
    ("i8", "<i8", Datatype::Int64),
    ("f2", "<f2", Datatype::Fp16),
    ("f4", "<f4", Datatype::Fp32),
    ("f8", "<f8", Datatype::Fp64),
];

/// What an array is.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub(super) element: Element,
    pub(super) is_big_endian: bool,
    pub(super) is_fortran_order: bool,
    pub(super) shape: Vec<usize>,
}

/// What its elements are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Element {
    pub(super) kind: Kind,
    /// Bytes, or characters of text.
    length: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Number(Datatype),
    /// UTF-8, as `S` is here.
    Bytes,
    /// UTF-32.
    Text,
}

impl Element {
    /// In bytes.
    pub(super) fn width(self) -> usize {
        match self.kind {
            Kind::Number(_) | Kind::Bytes => self.length,
            Kind::Text => self.length.saturating_mul(4),
        }
    }

    /// The bytes of the numbers whose order may be one or the other.
    pub(super) fn number_width(self) -> usize {
        match self.kind {
            Kind::Number(_) => self.length,
            Kind::Bytes => 1,
            Kind::Text => 4,
        }
    }
}

impl Header {
    /// Reads it, and gives what stands behind.
    pub(super) fn read(body: &[u8]) -> Result<(Self, &[u8]), String> {
        if body.starts_with(ARCHIVE) {
            return Err("is an archive: send one array, as `numpy.save` writes it".to_owned());
        }
        let rest = body
            .strip_prefix(MAGIC)
            .ok_or("does not begin as npy does")?;
        let cut = || "ends within its header".to_owned();
        let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
        let (length, rest) = match version {
            [1, 0] => {
                let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
                (usize::from(u16::from_le_bytes(*length)), rest)
            }
            [2 | 3, 0] => {
                let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
                let length = u32::from_le_bytes(*length);
                (usize::try_from(length).unwrap_or(usize::MAX), rest)
            }
            [major, minor] => {
                return Err(format!("is of version {major}.{minor}, which is not known"));
            }
        };
        if length > LONGEST {
            return Err(format!(
                "has a header of {length} bytes, and {LONGEST} are read at most"
            ));
        }
        let (header, elements) = rest.split_at_checked(length).ok_or_else(cut)?;
        let header = std::str::from_utf8(header).ok().and_then(Literal::header);
        let fields =
            header.ok_or("has a header that `numpy.save` does not write for numbers or text")?;
        Ok((fields.checked()?, elements))
    }
}

/// The fields of a header as they are written.
struct Fields<'a> {
    descriptor: &'a str,
    is_fortran_order: bool,
    shape: Vec<usize>,
}

impl Fields<'_> {
    fn checked(self) -> Result<Header, String> {
        let unknown = || {
            format!(
                "has elements `{}`, which are not read",
                self.descriptor.escape_debug()
            )
        };
        let mut rest = self.descriptor.chars();
        let order = rest.next().ok_or_else(unknown)?;
        let name = rest.as_str();
        let number = NUMBERS.iter().find(|(known, _, _)| *known == name);
        let element = match number {
            Some((_, _, datatype)) => Element {
                kind: Kind::Number(*datatype),
                length: datatype.width().ok_or_else(unknown)?,
            },
            None => text(name).ok_or_else(unknown)?,
        };
        let is_single = element.number_width() == 1;
        match order {
            '<' | '>' => {}
            '|' if is_single => {}
            _ => return Err(unknown()),
        }
        Ok(Header {
            element,
            is_big_endian: order == '>',
            is_fortran_order: self.is_fortran_order,
            shape: self.shape,
        })
    }
}

/// Text of a fixed length, which is not 0: elements that take no bytes may be any number.
fn text(name: &str) -> Option<Element> {
    let (kind, length) = name.split_at_checked(1)?;
    let kind = match kind {
        "S" => Kind::Bytes,
        "U" => Kind::Text,
        _ => return None,
    };
    let length = digits(length)?;
    (length > 0).then_some(Element { kind, length })
}

fn digits(text: &str) -> Option<usize> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// A literal of Python that is read from its beginning.
struct Literal<'a>(&'a str);

impl<'a> Literal<'a> {
    /// `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, in any order.
    fn header(text: &'a str) -> Option<Fields<'a>> {
        let mut literal = Self(text);
        let (mut descriptor, mut order, mut shape) = (None, None, None);
        literal.sign('{')?;
        while literal.sign('}').is_none() {
            let key = literal.text()?;
            literal.sign(':')?;
            let is_new = match key {
                "descr" => descriptor.replace(literal.text()?).is_none(),
                "fortran_order" => order.replace(literal.truth()?).is_none(),
                "shape" => shape.replace(literal.shape()?).is_none(),
                _ => false,
            };
            if !is_new {
                return None;
            }
            if literal.sign(',').is_none() {
                literal.sign('}')?;
                break;
            }
        }
        literal.0.trim_ascii().is_empty().then_some(Fields {
            descriptor: descriptor?,
            is_fortran_order: order?,
            shape: shape?,
        })
    }

    fn sign(&mut self, sign: char) -> Option<()> {
        self.0 = self.0.trim_ascii_start().strip_prefix(sign)?;
        Some(())
    }

    /// Nothing is escaped in the names that NumPy writes.
    fn text(&mut self) -> Option<&'a str> {
        let text = self.0.trim_ascii_start();
        let quote = text
            .chars()
            .next()
            .filter(|quote| matches!(quote, '\'' | '"'))?;
        let (text, rest) = text.strip_prefix(quote)?.split_once(quote)?;
        self.0 = rest;
        (!text.contains('\\')).then_some(text)
    }

    fn truth(&mut self) -> Option<bool> {
        let text = self.0.trim_ascii_start();
        let (truth, rest) = match text.strip_prefix("True") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("False")?),
        };
        self.0 = rest;
        Some(truth)
    }

    fn shape(&mut self) -> Option<Vec<usize>> {
        let mut shape = Vec::new();
        self.sign('(')?;
        while self.sign(')').is_none() {
            let text = self.0.trim_ascii_start();
            let end = text.find(|sign: char| !sign.is_ascii_digit())?;
            let (length, rest) = text.split_at(end);
            shape.push(digits(length)?);
            self.0 = rest;
            // One length is a tuple only with a comma behind.
            let has_comma = self.sign(',').is_some();
            if shape.len() > MOST_AXES || (!has_comma && shape.len() == 1) {
                return None;
            }
            if !has_comma {
                self.sign(')')?;
                break;
            }
        }
        Some(shape)
    }
}
