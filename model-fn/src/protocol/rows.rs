//! `instances`: one entry a row, an object of the inputs or, for a model of one input, its value.

use std::fmt;

use serde::Deserializer;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::InputError;
use super::nested::{Builder, Nested, visit_scalars};
use super::reading::Reading;
use crate::tensor::{Scalar, Tensor};

/// Reads the rows into one tensor for each input of the model.
pub(super) struct Rows<'a>(pub(super) &'a Reading<'a>);

impl<'de> DeserializeSeed<'de> for Rows<'_> {
    type Value = Vec<Tensor>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Tensor>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Rows<'_> {
    fn scalar<E: de::Error>(self, scalar: Scalar<'_>) -> Result<Vec<Tensor>, E> {
        let given = match scalar {
            Scalar::Null => "null",
            Scalar::Bool(_) => "a boolean",
            Scalar::Unsigned(_) | Scalar::Signed(_) | Scalar::Float(_) => "a number",
            Scalar::Text(_) => "text",
        };
        Err(self.0.stop(InputError::NotRows { given }))
    }
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = Vec<Tensor>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Tensor>, A::Error> {
        let Self(reading) = self;
        let stop = |problem| reading.stop::<A::Error>(problem);
        let ports = reading.ports.iter();
        let mut builders: Vec<_> = ports
            .map(|port| Builder::new(reading, &port.name, port.datatype))
            .collect();
        builders
            .iter_mut()
            .try_for_each(Builder::open)
            .map_err(stop)?;
        let mut index = 0;
        while list
            .next_element_seed(Row {
                reading,
                builders: &mut builders,
                index,
            })?
            .is_some()
        {
            builders.iter_mut().for_each(Builder::next);
            index += 1;
            if index > reading.limits.rows {
                return Err(stop(InputError::TooManyRows {
                    limit: reading.limits.rows,
                }));
            }
        }
        builders
            .iter_mut()
            .try_for_each(Builder::close)
            .map_err(stop)?;
        builders
            .into_iter()
            .map(Builder::finish)
            .collect::<Result<_, _>>()
            .map_err(stop)
    }

    fn visit_map<A: MapAccess<'de>>(self, _map: A) -> Result<Vec<Tensor>, A::Error> {
        let given = "an object";
        Err(self.0.stop(InputError::NotRows { given }))
    }

    visit_scalars!();
}

/// One row.
struct Row<'b, 'a> {
    reading: &'a Reading<'a>,
    builders: &'b mut [Builder<'a>],
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
        let Self {
            reading,
            builders,
            index,
        } = self;
        let mut given = vec![false; builders.len()];
        while let Some(name) = map.next_key::<String>()? {
            let place = reading
                .place(&name)
                .map_err(|problem| reading.stop::<A::Error>(problem))?;
            if given
                .get_mut(place)
                .is_some_and(|given| std::mem::replace(given, true))
            {
                return Err(reading.stop(InputError::Repeated { input: name }));
            }
            if let Some(builder) = builders.get_mut(place) {
                map.next_value_seed(Nested(builder))?;
            }
        }
        let missing = reading.ports.iter().zip(&given).find(|(_, given)| !**given);
        missing.map_or(Ok(()), |(port, _)| {
            Err(reading.stop(InputError::Missing {
                input: port.name.clone(),
                row: Some(index),
            }))
        })
    }

    visit_scalars!();
}
