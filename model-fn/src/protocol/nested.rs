//! Nested lists, read straight into one row-major buffer.

use std::fmt;

use serde::Deserializer;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::InputError;
use super::named::NamedTensor;
use super::reading::Reading;
use crate::json::Raw;
use crate::tensor::{self, Datatype, Scalar, Tensor, Values};

/// Text is quoted in messages up to this many characters.
pub(super) const QUOTED: usize = 40;

/// The only key of an object that stands for text, as TensorFlow Serving's clients write bytes.
pub(super) const ENCODED: &str = "b64";

/// Forwards every scalar of JSON to `self.scalar`.
macro_rules! visit_scalars {
    () => {
        fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Self::Value, E> {
            self.scalar($crate::tensor::Scalar::Bool(value))
        }

        fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
            self.scalar($crate::tensor::Scalar::Unsigned(value))
        }

        fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
            self.scalar($crate::tensor::Scalar::Signed(value))
        }

        fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Self::Value, E> {
            self.scalar($crate::tensor::Scalar::Float(value))
        }

        fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Self::Value, E> {
            self.scalar($crate::tensor::Scalar::Text(value))
        }

        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            self.scalar($crate::tensor::Scalar::Null)
        }
    };
}
pub(super) use visit_scalars;

/// A tensor that grows scalar by scalar; its shape is that of the lists around them.
pub(super) struct Builder<'a> {
    reading: &'a Reading<'a>,
    input: String,
    values: Values,
    /// The length of the lists at each depth, once the first of them has ended.
    lengths: Vec<Option<usize>>,
    /// How many lists are around each scalar, once there is one.
    depth: Option<usize>,
    /// Where in each open list the reader is.
    position: Vec<usize>,
    /// Whether the innermost list has a scalar, so that others may follow.
    is_level: bool,
}

impl<'a> Builder<'a> {
    pub(super) fn new(reading: &'a Reading<'a>, input: &str, datatype: Datatype) -> Self {
        Self {
            reading,
            input: input.to_owned(),
            values: Values::new(datatype),
            lengths: Vec::new(),
            depth: None,
            position: Vec::new(),
            is_level: false,
        }
    }

    /// Makes room for what a shape promises, as far as that can be.
    pub(super) fn reserve(&mut self, elements: usize) {
        self.values.reserve(self.reading.credible(elements));
    }

    pub(super) fn datatype(&self) -> Datatype {
        self.values.datatype()
    }

    /// Begins a list within the lists that are open.
    pub(super) fn open(&mut self) -> Result<(), InputError> {
        let depth = self.position.len();
        let limit = self.reading.limits.depth;
        if depth >= limit {
            return Err(InputError::TooDeep { limit });
        }
        if self.depth.is_some_and(|scalars| depth >= scalars) {
            return Err(self.ragged("a value", "a list"));
        }
        if self.lengths.len() == depth {
            self.lengths.push(None);
        }
        self.position.push(0);
        self.is_level = false;
        Ok(())
    }

    /// Goes on to the next entry of the innermost list.
    #[inline]
    pub(super) fn next(&mut self) {
        if let Some(index) = self.position.last_mut() {
            *index += 1;
        }
    }

    /// Ends the innermost list.
    pub(super) fn close(&mut self) -> Result<(), InputError> {
        self.is_level = false;
        let given = self.position.pop().unwrap_or_default();
        let Some(length) = self.lengths.get_mut(self.position.len()) else {
            return Ok(());
        };
        match *length.get_or_insert(given) {
            expected if expected == given => Ok(()),
            expected => Err(self.ragged(&format!("{expected} entries"), &format!("{given}"))),
        }
    }

    /// Appends a scalar to the innermost list.
    #[inline]
    pub(super) fn push(&mut self, scalar: Scalar<'_>) -> Result<(), InputError> {
        if !self.is_level {
            self.level(scalar)?;
        }
        self.reading.count(1)?;
        if self.values.push(scalar) {
            Ok(())
        } else {
            Err(self.unfit(scalar))
        }
    }

    /// Whether a scalar may stand in the innermost list, or alone.
    fn level(&mut self, scalar: Scalar<'_>) -> Result<(), InputError> {
        let depth = self.position.len();
        // Within lists, null is a missing number.
        if depth == 0 && scalar == Scalar::Null {
            let input = self.input.clone();
            return Err(InputError::Null { input });
        }
        let expected = *self.depth.get_or_insert(depth);
        if expected != depth || self.lengths.len() != depth {
            return Err(self.ragged("a list", "a value"));
        }
        self.is_level = depth > 0;
        Ok(())
    }

    #[cold]
    fn unfit(&self, scalar: Scalar<'_>) -> InputError {
        let (input, at) = (self.input.clone(), self.position.clone());
        InputError::Value {
            input,
            at,
            expected: self.values.datatype(),
            given: quoted(scalar),
        }
    }

    /// Puts the last row, a list of scalars, in order: `places` are those of its values.
    pub(super) fn arrange(&mut self, places: &[usize]) -> Result<(), InputError> {
        if places
            .iter()
            .enumerate()
            .all(|(index, place)| index == *place)
        {
            return Ok(());
        }
        // Lists in the cells are as long as each other at best, and no row of the model.
        if self.depth != Some(self.position.len() + 1) {
            return Err(self.ragged("a value", "a list"));
        }
        self.values.arrange_last(places);
        Ok(())
    }

    /// The tensor, once all lists have ended.
    pub(super) fn finish(self) -> Result<Tensor, InputError> {
        let shape: Vec<usize> = self.lengths.into_iter().flatten().collect();
        let input = self.input;
        Tensor::new(shape, self.values).map_err(|error| InputError::Empty {
            input,
            given: error.shape,
        })
    }

    pub(super) fn ragged(&self, expected: &str, given: &str) -> InputError {
        let (input, at) = (self.input.clone(), self.position.clone());
        InputError::Ragged {
            input,
            at,
            expected: expected.to_owned(),
            given: given.to_owned(),
        }
    }
}

/// The inputs that rows were read into, once all rows have ended.
pub(super) fn finished(
    reading: &Reading<'_>,
    mut builders: Vec<Builder<'_>>,
) -> Result<Vec<NamedTensor>, InputError> {
    builders.iter_mut().try_for_each(Builder::close)?;
    let ports = reading.ports.iter().zip(builders);
    let inputs = ports.map(|(port, builder)| {
        let tensor = builder.finish()?;
        let name = port.name.clone();
        Ok(NamedTensor { name, tensor })
    });
    inputs.collect()
}

/// What base64 encodes, if that is text.
pub(super) fn decoded(text: &str) -> Option<String> {
    String::from_utf8(tensor::decoded(text)?).ok()
}

fn quoted(scalar: Scalar<'_>) -> String {
    match scalar {
        Scalar::Null => "null".to_owned(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Unsigned(number) => number.to_string(),
        Scalar::Signed(number) => number.to_string(),
        Scalar::Float(number) => format!("{number:?}"),
        Scalar::Text(text) if text.chars().count() <= QUOTED => format!("{text:?}"),
        Scalar::Text(text) => format!("{:?}…", text.chars().take(QUOTED).collect::<String>()),
    }
}

/// Reads a scalar or a nested list into a builder, within the lists that are open in it.
pub(super) struct Nested<'b, 'a>(pub(super) &'b mut Builder<'a>);

impl<'de> DeserializeSeed<'de> for Nested<'_, '_> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Nested<'_, '_> {
    #[inline]
    pub(super) fn scalar<E: de::Error>(self, scalar: Scalar<'_>) -> Result<(), E> {
        self.0
            .push(scalar)
            .map_err(|problem| self.0.reading.stop(problem))
    }
}

impl<'de> Visitor<'de> for Nested<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("values in nested lists")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self(builder) = self;
        let reading = builder.reading;
        builder
            .open()
            .map_err(|problem| reading.stop::<A::Error>(problem))?;
        while list.next_element_seed(Nested(builder))?.is_some() {
            builder.next();
        }
        builder.close().map_err(|problem| reading.stop(problem))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if map.next_key::<String>()?.as_deref() == Some(ENCODED) {
            return self.encoded(map);
        }
        let problem = self.0.ragged("a value or a list", "an object");
        Err(self.0.reading.stop(problem))
    }

    visit_scalars!();
}

impl Nested<'_, '_> {
    /// Reads the rest of an object whose first key is [`ENCODED`].
    pub(super) fn encoded<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let value = Raw::of(&mut map)?;
        let is_alone = map.next_key::<IgnoredAny>()?.is_none();
        let text: Option<String> = serde_json::from_str(value).ok();
        let is_text = self.0.datatype() != Datatype::Octets;
        // What is to be bytes is decoded where it is kept.
        match text.and_then(|text| if is_text { decoded(&text) } else { Some(text) }) {
            Some(text) if is_alone => self.scalar(Scalar::Text(&text)),
            Some(_) | None => {
                let Self(builder) = self;
                let (input, at) = (builder.input.clone(), builder.position.clone());
                Err(builder.reading.stop(InputError::Encoded { input, at }))
            }
        }
    }
}
