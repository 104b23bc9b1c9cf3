//! `instances`: one entry a row, an object of the inputs or, for a model of one input, its value.
//!
//! Where the values of a row have names, an object may have those. Records of a data frame and JSON lines are read
//! alike.

use std::collections::HashMap;
use std::fmt;

use serde::Deserializer;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::named::NamedTensor;
use super::nested::{Builder, ENCODED, Nested, finished, visit_scalars};
use super::reading::Reading;
use super::{InputError, columns};
use crate::tensor::Scalar;

/// Rows on their way into one tensor for each input of the model.
pub(super) struct Rows<'a> {
    reading: &'a Reading<'a>,
    builders: Vec<Builder<'a>>,
    /// The places of the values in a row of the only input, where they have names.
    names: HashMap<&'a str, usize>,
    rows: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn new(reading: &'a Reading<'a>) -> Result<Self, InputError> {
        let ports = reading.ports.iter();
        let builder = |port: &crate::engine::Port| Builder::new(reading, &port.name, port.datatype);
        let mut builders: Vec<_> = ports.map(builder).collect();
        builders.iter_mut().try_for_each(Builder::open)?;
        let labels = columns::matrix(reading.ports).map(|port| port.labels.as_slice());
        let labels = labels.unwrap_or_default().iter().map(String::as_str);
        Ok(Self {
            reading,
            builders,
            names: labels.zip(0..).collect(),
            rows: 0,
        })
    }

    /// Reads the next row.
    pub(super) fn row(&mut self) -> Row<'_, 'a> {
        Row {
            reading: self.reading,
            builders: &mut self.builders,
            names: &self.names,
            index: self.rows,
        }
    }

    /// Goes on behind a row.
    pub(super) fn end_row(&mut self) -> Result<(), InputError> {
        self.builders.iter_mut().for_each(Builder::next);
        self.rows += 1;
        self.reading.check_rows(self.rows)
    }

    /// The inputs, once all rows have ended.
    pub(super) fn finish(self) -> Result<Vec<NamedTensor>, InputError> {
        finished(self.reading, self.builders)
    }
}

/// Reads a list of rows.
pub(super) struct List<'a> {
    pub(super) reading: &'a Reading<'a>,
    /// What the list is called in the body.
    pub(super) key: &'static str,
}

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = Vec<NamedTensor>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl List<'_> {
    fn wrong<T, E: de::Error>(&self, given: &'static str) -> Result<T, E> {
        let key = self.key;
        Err(self.reading.stop(InputError::NotRows { key, given }))
    }

    fn scalar<E: de::Error>(self, scalar: Scalar<'_>) -> Result<Vec<NamedTensor>, E> {
        self.wrong(match scalar {
            Scalar::Null => "null",
            Scalar::Bool(_) => "a boolean",
            Scalar::Unsigned(_) | Scalar::Signed(_) | Scalar::Float(_) => "a number",
            Scalar::Text(_) => "text",
        })
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = Vec<NamedTensor>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let stop = |problem| self.reading.stop::<A::Error>(problem);
        let mut rows = Rows::new(self.reading).map_err(stop)?;
        while list.next_element_seed(rows.row())?.is_some() {
            rows.end_row().map_err(stop)?;
        }
        rows.finish().map_err(stop)
    }

    fn visit_map<A: MapAccess<'de>>(self, _map: A) -> Result<Self::Value, A::Error> {
        self.wrong("an object")
    }

    visit_scalars!();
}

/// One row.
pub(super) struct Row<'b, 'a> {
    reading: &'a Reading<'a>,
    builders: &'b mut [Builder<'a>],
    names: &'b HashMap<&'a str, usize>,
    index: usize,
}

impl<'b, 'a> Row<'b, 'a> {
    fn only<E: de::Error>(self) -> Result<Nested<'b, 'a>, E> {
        let Self {
            reading, builders, ..
        } = self;
        match builders {
            [builder] => Ok(Nested(builder)),
            _ => Err(reading.stop(InputError::Unnamed {
                expected: reading.names(),
            })),
        }
    }

    fn scalar<E: de::Error>(self, scalar: Scalar<'_>) -> Result<(), E> {
        self.only()?.scalar(scalar)
    }
}

impl<'de> DeserializeSeed<'de> for Row<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Row<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a row")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        self.only()?.visit_seq(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let first = map.next_key::<String>()?;
        match first {
            Some(name) if self.is_encoded(&name) => self.only()?.encoded(map),
            Some(name) if self.is_value(&name) => self.values(name, map),
            first => self.inputs(first, map),
        }
    }

    visit_scalars!();
}

impl Row<'_, '_> {
    fn is_input(&self, name: &str) -> bool {
        self.reading.ports.iter().any(|port| port.name == name)
    }

    /// Whether an object that begins with this name is text as TensorFlow Serving's clients write bytes.
    fn is_encoded(&self, name: &str) -> bool {
        let is_known = self.is_input(name) || self.names.contains_key(name);
        name == ENCODED && !is_known && self.builders.len() == 1
    }

    /// Whether an object that begins with this name is of values in a row of the only input.
    fn is_value(&self, name: &str) -> bool {
        let has_names = !self.names.is_empty();
        self.names.contains_key(name) || (has_names && !self.is_input(name))
    }

    /// An object of the inputs.
    fn inputs<'de, A: MapAccess<'de>>(
        self,
        first: Option<String>,
        mut map: A,
    ) -> Result<(), A::Error> {
        let reading = self.reading;
        let stop = |problem| reading.stop::<A::Error>(problem);
        let mut given = vec![false; self.builders.len()];
        let mut next = first;
        while let Some(name) = next {
            let place = reading.place(&name).map_err(stop)?;
            take(&mut given, place, name).map_err(stop)?;
            if let Some(builder) = self.builders.get_mut(place) {
                map.next_value_seed(Nested(builder))?;
            }
            next = map.next_key()?;
        }
        let missing = reading.ports.iter().zip(&given).find(|(_, given)| !**given);
        missing.map_or(Ok(()), |(port, _)| Err(stop(self.missing(&port.name))))
    }

    /// An object of the values in a row of the only input.
    fn values<'de, A: MapAccess<'de>>(self, first: String, mut map: A) -> Result<(), A::Error> {
        let (reading, names) = (self.reading, self.names);
        let stop = |problem| reading.stop::<A::Error>(problem);
        let index = self.index;
        let [builder] = self.builders else {
            return Ok(());
        };
        builder.open().map_err(stop)?;
        let mut given = vec![false; names.len()];
        let mut places = Vec::with_capacity(names.len());
        let mut next = Some(first);
        while let Some(name) = next {
            let Some(place) = names.get(name.as_str()).copied() else {
                let expected = columns::known(reading.ports);
                let expected = expected.into_iter().map(str::to_owned).collect();
                return Err(stop(InputError::Unknown {
                    input: name,
                    expected,
                }));
            };
            take(&mut given, place, name).map_err(stop)?;
            places.push(place);
            map.next_value_seed(Nested(builder))?;
            builder.next();
            next = map.next_key()?;
        }
        if let Some(place) = given.iter().position(|given| !given) {
            let missing = names.iter().find(|(_, known)| **known == place);
            let input = missing
                .map(|(name, _)| (*name).to_owned())
                .unwrap_or_default();
            let row = Some(index);
            return Err(stop(InputError::Missing { input, row }));
        }
        builder.close().map_err(stop)?;
        builder.arrange(&places).map_err(stop)
    }

    fn missing(&self, name: &str) -> InputError {
        InputError::Missing {
            input: name.to_owned(),
            row: Some(self.index),
        }
    }
}

/// Marks a place as given, once.
fn take(given: &mut [bool], place: usize, input: String) -> Result<(), InputError> {
    let was_given = given
        .get_mut(place)
        .map(|given| std::mem::replace(given, true));
    match was_given {
        Some(true) => Err(InputError::Repeated { input }),
        Some(false) | None => Ok(()),
    }
}
