//! A file without the bytes of its large tensors.
//!
//! [Protocol buffers](https://protobuf.dev/programming-guides/encoding/) are fields one after the other, each with its
//! number and, if it is bytes or a message, its length. All are copied as they are, but for the bytes of large
//! initializers, where `external_data` tells where in the file they lie, and long lists of trees.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;

use super::lists;

/// Tensors of fewer bytes are decoded with the rest: whoever looks at shapes and constants finds them there.
const LARGE: u64 = 64 * 1024;
/// Lists of fewer bytes are decoded as they are.
const LONG: u64 = 64;

/// Numbers of fields in `onnx.proto`.
const GRAPH: u64 = 7;
const NODE: u64 = 1;
const OPERATOR: u64 = 4;
const ATTRIBUTE: u64 = 5;
const INITIALIZER: u64 = 5;
const RAW_DATA: u64 = 9;
const EXTERNAL_DATA: u64 = 13;
const DATA_LOCATION: u64 = 14;
/// `DataLocation.EXTERNAL`.
const EXTERNAL: u64 = 1;

/// How a field is written.
pub(super) const VARINT: u64 = 0;
const EIGHT_BYTES: u64 = 1;
pub(super) const WITH_LENGTH: u64 = 2;
pub(super) const FOUR_BYTES: u64 = 5;

/// The bytes of the model that a file holds, without those of its large tensors.
///
/// An error if they have another form than exporters write, or cannot be read.
pub(super) fn read(file: &Path) -> io::Result<Vec<u8>> {
    // Weights are opened by the name in the folder, and must not lie outside of it.
    let folder = file.parent().unwrap_or(Path::new(""));
    if file.symlink_metadata()?.is_symlink() || folder.to_str().is_none() {
        return Err(odd());
    }
    let name = file.file_name().and_then(|name| name.to_str());
    let opened = File::open(file)?;
    let end = opened.metadata()?.len();
    let mut fields = Fields {
        source: BufReader::new(opened),
        place: 0,
        name: name.ok_or_else(odd)?,
    };
    fields.message(Message::Model, end)
}

/// The messages that are looked into.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Graph,
    Node,
    Tensor,
}

/// The fields of a file, read from its beginning to its end.
struct Fields<'a, R> {
    source: R,
    /// How many bytes were read.
    place: u64,
    /// What the file is called in its folder.
    name: &'a str,
}

/// What stands before the content of a field.
#[derive(Clone, Copy)]
struct Head {
    number: u64,
    form: u64,
    /// How many bytes follow.
    length: u64,
}

impl<R: BufRead + Seek> Fields<'_, R> {
    /// The fields up to this place. A tensor's bytes that come twice, or beside `external_data`, are odd.
    fn message(&mut self, message: Message, end: u64) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        let mut left = None;
        let mut has_lists = false;
        while self.place < end {
            let head = self.head(end)?;
            match (message, head.number) {
                (Message::Model, GRAPH) => self.inner(Message::Graph, head, &mut out)?,
                (Message::Graph, INITIALIZER) if head.length >= LARGE => {
                    self.inner(Message::Tensor, head, &mut out)?;
                }
                (Message::Graph, NODE) if head.length >= LONG => {
                    self.inner(Message::Node, head, &mut out)?;
                }
                (Message::Node, OPERATOR) if head.form == WITH_LENGTH => {
                    let operator = self.content(head)?;
                    has_lists = lists::has_lists(&operator);
                    put(OPERATOR, &operator, &mut out);
                }
                (Message::Node, ATTRIBUTE) if has_lists && head.length >= LONG => {
                    let attribute = self.content(head)?;
                    let tensor = lists::as_tensor(&attribute);
                    put(ATTRIBUTE, tensor.as_ref().unwrap_or(&attribute), &mut out);
                }
                (Message::Tensor, RAW_DATA) if left.is_none() && head.length >= LARGE => {
                    left = Some((self.place, head.length));
                    self.skip(head.length)?;
                }
                // Said to be in the file, which is where it is.
                (Message::Tensor, DATA_LOCATION) if head.form == VARINT => match self.varint()? {
                    0 => {}
                    _ => return Err(odd()),
                },
                (Message::Tensor, RAW_DATA | EXTERNAL_DATA | DATA_LOCATION) => return Err(odd()),
                (Message::Model | Message::Graph | Message::Node | Message::Tensor, _) => {
                    self.copy(head, &mut out)?;
                }
            }
        }
        if let Some((offset, length)) = left {
            put_reference(self.name, offset, length, &mut out);
        }
        Ok(out)
    }

    fn inner(&mut self, message: Message, head: Head, out: &mut Vec<u8>) -> io::Result<()> {
        if head.form != WITH_LENGTH {
            return Err(odd());
        }
        let content = self.message(message, self.place + head.length)?;
        put(head.number, &content, out);
        Ok(())
    }

    /// What stands before the next field, which ends before this place.
    fn head(&mut self, end: u64) -> io::Result<Head> {
        let key = self.varint()?;
        let (number, form) = (key >> 3, key & 7);
        let length = match form {
            VARINT => 0,
            EIGHT_BYTES => 8,
            FOUR_BYTES => 4,
            WITH_LENGTH => self.varint()?,
            _ => return Err(odd()),
        };
        match end.checked_sub(self.place) {
            Some(rest) if length <= rest => Ok(Head {
                number,
                form,
                length,
            }),
            Some(_) | None => Err(odd()),
        }
    }

    fn copy(&mut self, head: Head, out: &mut Vec<u8>) -> io::Result<()> {
        put_varint(head.number << 3 | head.form, out);
        match head.form {
            VARINT => put_varint(self.varint()?, out),
            WITH_LENGTH => put_varint(head.length, out),
            _ => {}
        }
        self.take(head.length, out)
    }

    fn content(&mut self, head: Head) -> io::Result<Vec<u8>> {
        if head.form != WITH_LENGTH {
            return Err(odd());
        }
        let mut content = Vec::new();
        self.take(head.length, &mut content)?;
        Ok(content)
    }

    fn take(&mut self, length: u64, out: &mut Vec<u8>) -> io::Result<()> {
        let copied = self.source.by_ref().take(length).read_to_end(out)?;
        self.place += length;
        if copied as u64 == length {
            Ok(())
        } else {
            Err(odd())
        }
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        self.source
            .seek_relative(i64::try_from(length).map_err(|_| odd())?)?;
        self.place += length;
        Ok(())
    }

    /// Seven bits a byte, the lowest first; the highest bit says that more follow.
    fn varint(&mut self) -> io::Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            self.source.read_exact(&mut byte)?;
            self.place += 1;
            let [byte] = byte;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(odd())
    }
}

fn odd() -> io::Error {
    io::Error::from(io::ErrorKind::InvalidData)
}

/// Where in a file the bytes of a tensor are.
fn put_reference(name: &str, offset: u64, length: u64, out: &mut Vec<u8>) {
    let (offset, length) = (offset.to_string(), length.to_string());
    for (key, value) in [("location", name), ("offset", &offset), ("length", &length)] {
        let mut entry = Vec::new();
        put(1, key.as_bytes(), &mut entry);
        put(2, value.as_bytes(), &mut entry);
        put(EXTERNAL_DATA, &entry, out);
    }
    put_number(DATA_LOCATION, EXTERNAL, out);
}

pub(super) fn put_number(number: u64, value: u64, out: &mut Vec<u8>) {
    put_varint(number << 3 | VARINT, out);
    put_varint(value, out);
}

pub(super) fn put(number: u64, content: &[u8], out: &mut Vec<u8>) {
    put_varint(number << 3 | WITH_LENGTH, out);
    put_varint(content.len() as u64, out);
    out.extend_from_slice(content);
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
