//! Texts: borrowed where nothing in them is escaped.

use super::{Error, Reader, error};

/// Text of a string.
pub(super) enum Text<'de> {
    /// As it stands.
    Borrowed(&'de str),
    /// Without its escapes.
    Owned(String),
}

/// Bytes that are looked at together: enough for the processor's widest registers.
const STRETCH: usize = 64;

impl<'de> Reader<'de> {
    /// Reads the rest of a string.
    pub(super) fn text(&mut self) -> Result<Text<'de>, Error> {
        let plain = self.plain();
        if self.rest.first() == Some(&b'"') {
            self.pass();
            let text = std::str::from_utf8(plain);
            return match text {
                Ok(text) => Ok(Text::Borrowed(text)),
                Err(error) => Err(self.not_utf8(plain.len(), error)),
            };
        }
        let mut text = plain.to_vec();
        loop {
            match self.rest {
                [] => return Err(self.error(error::STRING_ENDS)),
                [b'"', ..] => break self.pass(),
                [b'\\', ..] => self.escaped(&mut text)?,
                [_, ..] => return Err(self.error_ahead(error::CONTROL)),
            }
            text.extend_from_slice(self.plain());
        }
        let length = text.len();
        match String::from_utf8(text) {
            Ok(text) => Ok(Text::Owned(text)),
            Err(error) => Err(self.not_utf8(length, error.utf8_error())),
        }
    }

    /// Passes over the rest of a string.
    pub(super) fn skip_text(&mut self) -> Result<(), Error> {
        loop {
            self.plain();
            match self.rest {
                [] => return Err(self.error(error::STRING_ENDS)),
                [b'"', ..] => {
                    self.pass();
                    return Ok(());
                }
                [b'\\', ..] => match self.escape()? {
                    b'u' => drop(self.unit()?),
                    letter => drop(self.plain_escape(letter)?),
                },
                [_, ..] => return Err(self.error(error::CONTROL)),
            }
        }
    }

    /// Passes over what is neither escaped, nor the end, nor forbidden.
    fn plain(&mut self) -> &'de [u8] {
        let start = self.rest;
        let is_special = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
        while let Some((stretch, rest)) = self.rest.split_first_chunk::<STRETCH>() {
            if stretch
                .iter()
                .fold(false, |any, byte| any | is_special(byte))
            {
                break;
            }
            self.rest = rest;
        }
        let length = self.rest.iter().position(is_special);
        let (_, rest) = self.rest.split_at(length.unwrap_or(self.rest.len()));
        self.rest = rest;
        let (plain, _) = start.split_at(start.len() - rest.len());
        plain
    }

    /// Passes over a backslash and the letter behind it.
    fn escape(&mut self) -> Result<u8, Error> {
        self.pass();
        let letter = self.rest.first().copied();
        self.pass();
        letter.ok_or_else(|| self.error(error::STRING_ENDS))
    }

    fn plain_escape(&self, letter: u8) -> Result<u8, Error> {
        Ok(match letter {
            b'"' | b'\\' | b'/' => letter,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            _ => return Err(self.error(error::ESCAPE)),
        })
    }

    fn escaped(&mut self, text: &mut Vec<u8>) -> Result<(), Error> {
        let letter = self.escape()?;
        if letter != b'u' {
            text.push(self.plain_escape(letter)?);
            return Ok(());
        }
        let first = self.unit()?;
        let character = match first {
            0xd800..=0xdbff => {
                self.half(b'\\')?;
                self.half(b'u')?;
                let second = self.unit()?;
                char::decode_utf16([first, second])
                    .next()
                    .and_then(Result::ok)
            }
            _ => char::from_u32(first.into()),
        };
        let character = character.ok_or_else(|| self.error(error::SURROGATE))?;
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    /// Passes over the beginning of the second half of a character.
    fn half(&mut self, expected: u8) -> Result<(), Error> {
        let next = self.rest.first().copied();
        self.pass();
        match next {
            Some(byte) if byte == expected => Ok(()),
            Some(_) => Err(self.error(error::HALF)),
            None => Err(self.error(error::STRING_ENDS)),
        }
    }

    /// Four hexadecimal digits: a unit of UTF-16.
    fn unit(&mut self) -> Result<u16, Error> {
        let Some((digits, rest)) = self.rest.split_first_chunk::<4>() else {
            self.rest = &[];
            return Err(self.error(error::STRING_ENDS));
        };
        self.rest = rest;
        let digit = |unit: u16, byte: &u8| {
            let digit = char::from(*byte).to_digit(16)?;
            Some(unit << 4 | u16::try_from(digit).ok()?)
        };
        let unit = digits.iter().try_fold(0, digit);
        unit.ok_or_else(|| self.error(error::ESCAPE))
    }

    /// Points at the first byte that is none of UTF-8: as near as escapes before it allow.
    fn not_utf8(&self, length: usize, error: std::str::Utf8Error) -> Error {
        self.error_before(error::NOT_UTF8, length - error.valid_up_to())
    }
}
