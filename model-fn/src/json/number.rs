//! Numbers, exact to the last bit.

use super::{Error, Reader, decimal, error};

/// A number as it is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// An integer from 0.
    Unsigned(u64),
    /// An integer below 0.
    Signed(i64),
    /// Anything else, -0 among it.
    Float(f64),
}

/// So many digits are an integer of 64 bits for sure.
const DIGITS: usize = 19;

/// The parts of a number that is well formed.
struct Parts<'de> {
    text: &'de [u8],
    is_negative: bool,
    is_integer: bool,
    /// The digits without the point; too many for it wrap around.
    digits: u64,
    /// How many these are, without zeros in front where that matters.
    significant: usize,
    /// What power of ten they are multiplied by; nothing where that is beyond all floats.
    exponent: Option<i32>,
}

impl<'de> Reader<'de> {
    /// Reads a number, whose first byte has been seen.
    pub(super) fn number(&mut self) -> Result<Number, Error> {
        match quick(self.rest) {
            Some((number, rest)) => {
                self.rest = rest;
                Ok(number)
            }
            None => self.slow(),
        }
    }

    #[inline(never)]
    fn slow(&mut self) -> Result<Number, Error> {
        let parts = self.parts(error::VALUE_ENDS)?;
        if parts.significant <= DIGITS && !parts.is_integer {
            let exponent = parts.exponent;
            let float = exponent.and_then(|exponent| decimal::float(parts.digits, exponent));
            if let Some(float) = float {
                return Ok(Number::Float(with_sign(float, parts.is_negative)));
            }
        }
        self.rare(&parts)
    }

    /// What is too long or too far from 1 for the quick ways.
    fn rare(&mut self, parts: &Parts<'_>) -> Result<Number, Error> {
        let text = std::str::from_utf8(parts.text).unwrap_or_default();
        if parts.is_integer
            && let Ok(integer) = text.trim_start_matches('-').parse()
        {
            return Ok(signed(integer, parts.is_negative));
        }
        let float = match parts.exponent {
            Some(_) => text.parse().unwrap_or(f64::INFINITY),
            None if parts.is_negative => -0.0,
            None => 0.0,
        };
        if float.is_finite() {
            Ok(Number::Float(float))
        } else {
            Err(self.error(error::TOO_LARGE))
        }
    }

    /// Passes over a number.
    pub(super) fn skip_number(&mut self) -> Result<(), Error> {
        self.parts(error::NUMBER).map(drop)
    }

    /// Takes a number apart; `ends` is what is wrong where the text ends within it.
    fn parts(&mut self, ends: error::Like) -> Result<Parts<'de>, Error> {
        let start = self.rest;
        let is_negative = start.first() == Some(&b'-');
        if is_negative {
            self.pass();
        }
        let mut digits = 0;
        let whole = self.whole(&mut digits, ends)?;
        let is_fraction = self.rest.first() == Some(&b'.');
        let fraction = match is_fraction {
            true => self.fraction(&mut digits, ends)?,
            false => 0,
        };
        let mut exponent = Some(0);
        let is_exponent = matches!(self.rest, [b'e' | b'E', ..]);
        if is_exponent {
            let is_zero = || is_zero(start);
            exponent = self.exponent(is_zero, ends)?;
        }
        let (text, _) = start.split_at(start.len() - self.rest.len());
        let mut significant = whole + fraction;
        if significant > DIGITS {
            let front = text.iter().take_while(|byte| b"-0.".contains(byte));
            significant -= front.filter(|byte| **byte == b'0').count();
        }
        let fraction = i32::try_from(fraction).unwrap_or(i32::MAX);
        Ok(Parts {
            text,
            is_negative,
            is_integer: !is_fraction && !is_exponent,
            digits,
            significant,
            exponent: exponent.map(|exponent| exponent.saturating_sub(fraction)),
        })
    }

    /// The digits in front of the point: a zero stands alone.
    fn whole(&mut self, digits: &mut u64, ends: error::Like) -> Result<usize, Error> {
        match self.rest {
            [b'0', b'0'..=b'9', ..] => {
                self.pass();
                Err(self.error_ahead(error::NUMBER))
            }
            [b'0'..=b'9', ..] => Ok(self.digits(digits)),
            [] => Err(self.error(ends)),
            [_, ..] => {
                self.pass();
                Err(self.error(error::NUMBER))
            }
        }
    }

    fn fraction(&mut self, digits: &mut u64, ends: error::Like) -> Result<usize, Error> {
        self.pass();
        match (self.digits(digits), self.rest) {
            (0, []) => Err(self.error_ahead(ends)),
            (0, _) => Err(self.error_ahead(error::NUMBER)),
            (count, _) => Ok(count),
        }
    }

    /// The exponent. One beyond 32 bits is of a zero, or makes one; otherwise nobody can mean it.
    fn exponent(
        &mut self,
        is_zero: impl Fn() -> bool,
        ends: error::Like,
    ) -> Result<Option<i32>, Error> {
        self.pass();
        let is_negative = self.rest.first() == Some(&b'-');
        if let [b'-' | b'+', ..] = self.rest {
            self.pass();
        }
        if !matches!(self.rest, [b'0'..=b'9', ..]) {
            let like = if self.rest.is_empty() {
                ends
            } else {
                error::NUMBER
            };
            self.pass();
            return Err(self.error(like));
        }
        let is_read = ends != error::NUMBER;
        let mut exponent = Some(0_i32);
        while let [digit @ b'0'..=b'9', rest @ ..] = self.rest {
            self.rest = rest;
            let digit = i32::from(digit - b'0');
            let longer = exponent.and_then(|exponent| exponent.checked_mul(10)?.checked_add(digit));
            if is_read && longer.is_none() && !is_negative && !is_zero() {
                return Err(self.error(error::TOO_LARGE));
            }
            exponent = longer;
        }
        Ok(exponent.map(|exponent| if is_negative { -exponent } else { exponent }))
    }

    /// Passes over digits and says how many there were.
    fn digits(&mut self, integer: &mut u64) -> usize {
        let before = self.rest.len();
        (self.rest, *integer) = digits(self.rest, *integer);
        before - self.rest.len()
    }
}

/// A number without an exponent and of few digits, as almost all are, and what is behind it: nothing where it is
/// another, or none.
#[inline]
fn quick(text: &[u8]) -> Option<(Number, &[u8])> {
    let (is_negative, text) = match text {
        [b'-', text @ ..] => (true, text),
        text => (false, text),
    };
    let (behind, integer) = digits(text, 0);
    let whole = text.len() - behind.len();
    if whole == 0 || (whole > 1 && text.first() == Some(&b'0')) {
        return None;
    }
    if let [b'.', text @ ..] = behind {
        let (behind, integer) = digits(text, integer);
        let fraction = text.len() - behind.len();
        if fraction == 0 || whole + fraction > DIGITS || matches!(behind, [b'e' | b'E', ..]) {
            return None;
        }
        let exponent = i32::try_from(fraction).ok()?;
        let float = decimal::float(integer, -exponent)?;
        return Some((Number::Float(with_sign(float, is_negative)), behind));
    }
    let is_whole = whole <= DIGITS && !matches!(behind, [b'e' | b'E', ..]);
    is_whole.then(|| (signed(integer, is_negative), behind))
}

/// Passes over digits, eight at a time where there are as many, and appends them to an integer: too many wrap around.
#[inline]
fn digits(mut text: &[u8], mut integer: u64) -> (&[u8], u64) {
    while let Some((chunk, behind)) = text.split_first_chunk() {
        let Some(eight) = eight_digits(*chunk) else {
            break;
        };
        integer = integer.wrapping_mul(100_000_000).wrapping_add(eight);
        text = behind;
    }
    while let [digit @ b'0'..=b'9', behind @ ..] = text {
        let digit = u64::from(digit - b'0');
        integer = integer.wrapping_mul(10).wrapping_add(digit);
        text = behind;
    }
    (text, integer)
}

fn with_sign(float: f64, is_negative: bool) -> f64 {
    if is_negative { -float } else { float }
}

/// Whether there is no other digit than zero in front of the exponent.
fn is_zero(number: &[u8]) -> bool {
    let digits = number.split(|byte| b"eE".contains(byte)).next();
    digits.is_some_and(|digits| digits.iter().all(|byte| b"-0.".contains(byte)))
}

/// -0 is a float, as is what has more bits than a signed integer.
fn signed(integer: u64, is_negative: bool) -> Number {
    if !is_negative {
        return Number::Unsigned(integer);
    }
    match 0_i64.checked_sub_unsigned(integer) {
        Some(integer) if integer < 0 => Number::Signed(integer),
        Some(_) | None => Number::Float(-(integer as f64)),
    }
}

/// What eight digits are together, if they are digits.
#[inline]
fn eight_digits(bytes: [u8; 8]) -> Option<u64> {
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    let bytes = u64::from_le_bytes(bytes);
    // What follows the nine leaves the digits' sixteen characters when six is added.
    let beyond = bytes.wrapping_add(0x0606_0606_0606_0606);
    if (bytes & HIGH, beyond & HIGH) != (ZEROS, ZEROS) {
        return None;
    }
    let digits = bytes - ZEROS;
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}
