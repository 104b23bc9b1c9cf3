//! Values that nobody reads: their form is checked, their numbers and texts are not.

use super::{Error, Reader, error};

impl Reader<'_> {
    /// Passes over a value. What is open within it takes a byte, not the stack.
    pub(super) fn skip(&mut self) -> Result<(), Error> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            let mut is_first = self.skip_one(&mut open)?;
            // The ends of what ends here.
            loop {
                let Some(closing) = open.last().copied() else {
                    return Ok(());
                };
                match self.next() {
                    Some(byte) if byte == closing => {
                        self.pass();
                        open.pop();
                        is_first = false;
                    }
                    Some(b',') if !is_first => {
                        self.pass();
                        break;
                    }
                    Some(_) if is_first => break,
                    next => return Err(self.unended(closing, next)),
                }
            }
            if open.last() == Some(&b'}') {
                self.skip_key()?;
            }
        }
    }

    /// Passes over a scalar, or into a list or an object, and says whether it is into one.
    fn skip_one(&mut self, open: &mut Vec<u8>) -> Result<bool, Error> {
        let next = self.next();
        match next {
            Some(b'n') => self.word("null")?,
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'0'..=b'9' | b'-') => self.skip_number()?,
            Some(b'"') => {
                self.pass();
                self.skip_text()?;
            }
            Some(opening @ (b'[' | b'{')) => {
                self.pass();
                open.push(if opening == b'[' { b']' } else { b'}' });
                return Ok(true);
            }
            Some(_) => return Err(self.error_ahead(error::VALUE)),
            None => return Err(self.error_ahead(error::VALUE_ENDS)),
        }
        Ok(false)
    }

    fn skip_key(&mut self) -> Result<(), Error> {
        match self.next() {
            Some(b'"') => self.pass(),
            Some(_) => return Err(self.error_ahead(error::KEY)),
            None => return Err(self.error_ahead(error::OBJECT_ENDS)),
        }
        self.skip_text()?;
        self.colon()
    }

    fn unended(&self, closing: u8, next: Option<u8>) -> Error {
        self.error_ahead(match (closing, next) {
            (b']', Some(_)) => error::LIST,
            (b']', None) => error::LIST_ENDS,
            (_, Some(_)) => error::OBJECT,
            (_, None) => error::OBJECT_ENDS,
        })
    }
}
