//! JSON as callers send it, in one pass: megabytes of numbers, most of the time.
//!
//! It takes and refuses what `serde_json` does, in the same words at the same place, for any visitor of serde; what
//! it is for are numbers, which take a fraction of the time here. Small texts are left to `serde_json`.

mod decimal;
mod error;
mod number;
mod skip;
mod text;

use serde::Deserializer;
use serde::de::{Deserialize, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use number::Number;
use text::Text;

pub(crate) use error::Error;

/// Lists and objects within each other; one more, and the stack might end.
const DEEPEST: usize = 127;

/// Text that is being read.
pub(crate) struct Reader<'de> {
    text: &'de [u8],
    rest: &'de [u8],
    /// The lists and objects that are open.
    depth: usize,
}

/// Reads one value that is all of a text.
pub(crate) fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Error> {
    let mut reader = Reader::new(text.as_bytes());
    let value = T::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// The text of a value, passed over.
pub(crate) struct Raw<'de>(pub(crate) &'de str);

/// What a visitor of [`Raw`] asks a reader for.
const RAW: &str = "text of a value";

impl<'de> Raw<'de> {
    /// The text of the value of a member.
    pub(crate) fn of<A: MapAccess<'de>>(map: &mut A) -> Result<&'de str, A::Error> {
        map.next_value().map(|Self(text)| text)
    }
}

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowed;

        impl<'de> Visitor<'de> for Borrowed {
            type Value = &'de str;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(RAW)
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<&'de str, E> {
                Ok(text)
            }
        }

        deserializer
            .deserialize_newtype_struct(RAW, Borrowed)
            .map(Self)
    }
}

impl<'de> Reader<'de> {
    pub(crate) fn new(text: &'de [u8]) -> Self {
        Self {
            text,
            rest: text,
            depth: 0,
        }
    }

    /// Nothing but space may follow.
    pub(crate) fn end(&mut self) -> Result<(), Error> {
        match self.next() {
            None => Ok(()),
            Some(_) => Err(self.error_ahead(error::TRAILING)),
        }
    }

    /// The byte behind any space.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        while let [b' ' | b'\n' | b'\t' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
        self.rest.first().copied()
    }

    /// Passes over a byte that has been seen.
    #[inline]
    fn pass(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    fn word(&mut self, word: &str) -> Result<(), Error> {
        for expected in word.bytes() {
            match self.rest {
                [] => return Err(self.error(error::VALUE_ENDS)),
                [given, rest @ ..] => {
                    self.rest = rest;
                    if *given != expected {
                        return Err(self.error(error::WORD));
                    }
                }
            }
        }
        Ok(())
    }

    fn open(&mut self) -> Result<(), Error> {
        if self.depth == DEEPEST {
            return Err(self.error_ahead(error::TOO_DEEP));
        }
        self.depth += 1;
        self.pass();
        Ok(())
    }

    fn close(&mut self, closing: u8, ends: error::Like) -> Result<(), Error> {
        self.depth -= 1;
        match self.next() {
            Some(byte) if byte == closing => {
                self.pass();
                Ok(())
            }
            Some(b',') if closing == b'}' => Err(self.error_ahead(error::COMMA)),
            Some(b',') => {
                self.pass();
                let is_last = self.next() == Some(closing);
                let like = if is_last {
                    error::COMMA
                } else {
                    error::TRAILING
                };
                Err(self.error_ahead(like))
            }
            Some(_) => Err(self.error_ahead(error::TRAILING)),
            None => Err(self.error_ahead(ends)),
        }
    }

    /// Whether another entry follows; `first` as long as there was none.
    #[inline]
    fn has_entry(&mut self, first: &mut bool) -> Result<bool, Error> {
        match self.next() {
            Some(b']') => Ok(false),
            Some(b',') if !*first => {
                self.pass();
                match self.next() {
                    Some(b']') => Err(self.error_ahead(error::COMMA)),
                    Some(_) => Ok(true),
                    None => Err(self.error_ahead(error::VALUE_ENDS)),
                }
            }
            Some(_) if std::mem::take(first) => Ok(true),
            Some(_) => Err(self.error_ahead(error::LIST)),
            None => Err(self.error_ahead(error::LIST_ENDS)),
        }
    }

    fn has_member(&mut self, first: &mut bool) -> Result<bool, Error> {
        let next = match self.next() {
            Some(b'}') => return Ok(false),
            Some(b',') if !*first => {
                self.pass();
                match self.next() {
                    Some(b'}') => return Err(self.error_ahead(error::COMMA)),
                    None => return Err(self.error_ahead(error::VALUE_ENDS)),
                    next => next,
                }
            }
            None => return Err(self.error_ahead(error::OBJECT_ENDS)),
            Some(_) if !*first => return Err(self.error_ahead(error::OBJECT)),
            next => next,
        };
        *first = false;
        match next {
            Some(b'"') => Ok(true),
            Some(_) | None => Err(self.error_ahead(error::KEY)),
        }
    }

    fn colon(&mut self) -> Result<(), Error> {
        match self.next() {
            Some(b':') => {
                self.pass();
                Ok(())
            }
            Some(_) => Err(self.error_ahead(error::COLON)),
            None => Err(self.error_ahead(error::OBJECT_ENDS)),
        }
    }

    fn string<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        self.pass();
        match self.text()? {
            Text::Borrowed(text) => visitor.visit_borrowed_str(text),
            Text::Owned(text) => visitor.visit_string(text),
        }
    }

    /// The text of a value, passed over.
    fn raw(&mut self) -> Result<&'de str, Error> {
        self.next();
        let start = self.rest;
        self.skip()?;
        let (raw, _) = start.split_at(start.len() - self.rest.len());
        std::str::from_utf8(raw).map_err(|error| {
            self.rest = start.get(error.valid_up_to()..).unwrap_or_default();
            self.error_ahead(error::NOT_UTF8)
        })
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.next() {
            Some(b'0'..=b'9' | b'-') => match self.number()? {
                Number::Float(number) => visitor.visit_f64(number),
                Number::Unsigned(number) => visitor.visit_u64(number),
                Number::Signed(number) => visitor.visit_i64(number),
            },
            Some(b'[') => {
                self.open()?;
                let value = visitor.visit_seq(Entries::of(self))?;
                self.close(b']', error::LIST_ENDS)?;
                Ok(value)
            }
            Some(b'"') => self.string(visitor),
            Some(b'{') => {
                self.open()?;
                let value = visitor.visit_map(Entries::of(self))?;
                self.close(b'}', error::OBJECT_ENDS)?;
                Ok(value)
            }
            Some(b'n') => {
                self.word("null")?;
                visitor.visit_unit()
            }
            Some(b't') => {
                self.word("true")?;
                visitor.visit_bool(true)
            }
            Some(b'f') => {
                self.word("false")?;
                visitor.visit_bool(false)
            }
            Some(_) => Err(self.error_ahead(error::VALUE)),
            None => Err(self.error_ahead(error::VALUE_ENDS)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.next() == Some(b'n') {
            self.word("null")?;
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == RAW {
            visitor.visit_borrowed_str(self.raw()?)
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct enum identifier
    }
}

/// The entries of a list, or the members of an object.
struct Entries<'a, 'de> {
    reader: &'a mut Reader<'de>,
    first: bool,
}

impl<'a, 'de> Entries<'a, 'de> {
    fn of(reader: &'a mut Reader<'de>) -> Self {
        Self {
            reader,
            first: true,
        }
    }
}

impl<'de> SeqAccess<'de> for Entries<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if self.reader.has_entry(&mut self.first)? {
            seed.deserialize(&mut *self.reader).map(Some)
        } else {
            Ok(None)
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        if self.reader.has_member(&mut self.first)? {
            seed.deserialize(Key(self.reader)).map(Some)
        } else {
            Ok(None)
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        self.reader.colon()?;
        seed.deserialize(&mut *self.reader)
    }
}

/// The key of a member, whose quotation mark has been seen.
struct Key<'a, 'de>(&'a mut Reader<'de>);

impl<'de> Deserializer<'de> for Key<'_, 'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.0.string(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests;
