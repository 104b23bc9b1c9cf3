//! Text that ends with an error at its limit, not with the memory.

use std::io;

use serde::Serialize;

use super::AnswerError;

/// JSON, written until there is too much of it.
pub(super) struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl Bounded {
    pub(super) fn new(limit: usize) -> Self {
        let bytes = Vec::new();
        Self { bytes, limit }
    }

    /// Appends a value in JSON.
    pub(super) fn append(&mut self, value: &impl Serialize) -> Result<(), AnswerError> {
        let limit = self.limit;
        serde_json::to_writer(self, value).map_err(|error| match error.is_io() {
            true => AnswerError::TooLarge { limit },
            false => error.into(),
        })
    }

    /// Appends a line break.
    pub(super) fn end_line(&mut self) {
        self.bytes.push(b'\n');
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// JSON is UTF-8.
    pub(super) fn text(self) -> String {
        String::from_utf8(self.bytes).unwrap_or_default()
    }
}

impl io::Write for Bounded {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + part.len() > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_fits_and_one_more_does_not() {
        let mut fits = Bounded::new(5);
        fits.append(&[1, 2]).unwrap();
        assert_eq!(fits.text(), "[1,2]");
        let error = Bounded::new(4).append(&[1, 2]);
        assert!(matches!(error, Err(AnswerError::TooLarge { limit: 4 })));
    }
}
