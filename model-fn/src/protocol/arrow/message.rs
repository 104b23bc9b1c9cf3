//! The messages of a stream: a mark, the length of the metadata, the metadata, and the buffers it tells of.

use super::flatbuffer::{Table, number};
use super::{damaged, wrong};
use crate::protocol::InputError;

/// What begins each message since Arrow 0.15.
const MARK: [u8; 4] = [0xff; 4];

/// What the file format begins with.
const FILE: &[u8] = b"ARROW1";

/// Batches of rows and dictionaries: a stream of rows that come one by one has no more.
const MOST_MESSAGES: usize = 1 << 16;

/// The versions of the metadata that are read: they differ in unions alone, which are not.
const VERSIONS: std::ops::RangeInclusive<i16> = 3..=4;

/// The fields of a message.
const VERSION: usize = 0;
const KIND: usize = 1;
const HEADER: usize = 2;
const BODY_BYTES: usize = 3;

/// What a message tells of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Schema,
    Dictionary,
    Rows,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) kind: Kind,
    pub(super) header: Table<'a>,
    /// How long all the metadata is.
    pub(super) metadata_bytes: usize,
    /// The buffers.
    pub(super) body: &'a [u8],
}

/// The messages that are not read yet.
pub(super) struct Messages<'a> {
    rest: &'a [u8],
    read: usize,
}

impl<'a> Messages<'a> {
    pub(super) fn new(stream: &'a [u8]) -> Result<Self, InputError> {
        if stream.starts_with(FILE) {
            let message =
                "is a file of Arrow: write it as a stream, as `pyarrow.ipc.new_stream` does";
            return Err(wrong(message));
        }
        let (rest, read) = (stream, 0);
        Ok(Self { rest, read })
    }

    /// The next message; nothing at the end, which may be marked or not.
    pub(super) fn next(&mut self) -> Result<Option<Message<'a>>, InputError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (mark, rest) = self.rest.split_first_chunk().ok_or_else(cut)?;
        if *mark != MARK {
            return Err(wrong(
                "has no mark (FF FF FF FF) where a message begins: it is something else, or written as before Arrow 0.15",
            ));
        }
        let length = i32::from_le_bytes(number(rest, 0).ok_or_else(cut)?);
        let rest = rest.get(size_of::<i32>()..).unwrap_or_default();
        if length == 0 {
            self.rest = &[];
            return if rest.is_empty() {
                Ok(None)
            } else {
                let count = rest.len();
                Err(wrong(format!("has {count} bytes behind its end")))
            };
        }
        self.read += 1;
        if self.read > MOST_MESSAGES {
            let message = format!("has more than {MOST_MESSAGES} messages: put more rows into one");
            return Err(wrong(message));
        }
        let length = usize::try_from(length).map_err(|_| damaged())?;
        let (metadata, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
        let (message, rest) = message(metadata, rest)?;
        self.rest = rest;
        Ok(Some(message))
    }
}

fn message<'a>(metadata: &'a [u8], rest: &'a [u8]) -> Result<(Message<'a>, &'a [u8]), InputError> {
    let table = Table::root(metadata).ok_or_else(damaged)?;
    let version = table.short(VERSION).ok_or_else(damaged)?;
    if !VERSIONS.contains(&version) {
        let version = i32::from(version) + 1;
        return Err(wrong(format!(
            "has metadata of version {version}, and versions 4 and 5 are read"
        )));
    }
    let kind = match table.byte(KIND).ok_or_else(damaged)? {
        1 => Kind::Schema,
        2 => Kind::Dictionary,
        3 => Kind::Rows,
        4 | 5 => {
            return Err(wrong(
                "has a tensor among its messages: send record batches",
            ));
        }
        _ => return Err(damaged()),
    };
    let header = table.table(HEADER).ok_or_else(damaged)?;
    let body_bytes = table.long(BODY_BYTES).ok_or_else(damaged)?;
    let body_bytes = usize::try_from(body_bytes).map_err(|_| damaged())?;
    let (body, rest) = rest.split_at_checked(body_bytes).ok_or_else(cut)?;
    let message = Message {
        kind,
        header,
        metadata_bytes: metadata.len(),
        body,
    };
    Ok((message, rest))
}

fn cut() -> InputError {
    wrong("ends within a message")
}
