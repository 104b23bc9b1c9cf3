//! `inputs`: a list of tensors, an object of the inputs, or the value of the only input.

use std::fmt;

use serde::Deserializer;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::named::{Named, NamedTensor};
use super::nested::{Builder, ENCODED, Nested, visit_scalars};
use super::reading::Reading;
use super::{InputError, columns};
use crate::engine::{Dimension, Port};
use crate::tensor::Scalar;

/// What `inputs` held.
pub(super) enum Given {
    Tensors(Vec<NamedTensor>),
    Columns(Vec<NamedTensor>),
}

/// Reads `inputs`, whichever of the three it is: the first entry tells.
pub(super) struct Inputs<'a>(pub(super) &'a Reading<'a>);

impl<'a> Inputs<'a> {
    /// The builder of the only input, and its name.
    fn only<E: de::Error>(&self) -> Result<(Builder<'a>, String), E> {
        let Self(reading) = self;
        match reading.ports {
            [port] => {
                let mut builder = Builder::new(reading, &port.name, port.datatype);
                builder.reserve(row(port));
                Ok((builder, port.name.clone()))
            }
            _ => Err(reading.stop(InputError::Unnamed {
                expected: reading.names(),
            })),
        }
    }

    fn scalar<E: de::Error>(self, scalar: Scalar<'_>) -> Result<Given, E> {
        let (mut builder, name) = self.only()?;
        Nested(&mut builder).scalar(scalar)?;
        column(self.0, builder, name)
    }
}

/// How many values one row has at least.
fn row(port: &Port) -> usize {
    let axes = port.shape.iter().flatten().map(|axis| match axis {
        Dimension::Fixed(length) => *length,
        Dimension::Named(_) | Dimension::Any => 1,
    });
    axes.fold(1, usize::saturating_mul)
}

fn finished<E: de::Error>(
    reading: &Reading<'_>,
    builder: Builder<'_>,
    name: String,
) -> Result<NamedTensor, E> {
    let tensor = builder.finish().map_err(|problem| reading.stop(problem))?;
    Ok(NamedTensor { name, tensor })
}

fn column<E: de::Error>(
    reading: &Reading<'_>,
    builder: Builder<'_>,
    name: String,
) -> Result<Given, E> {
    Ok(Given::Columns(vec![finished(reading, builder, name)?]))
}

impl<'de> DeserializeSeed<'de> for Inputs<'_> {
    type Value = Given;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Given, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Inputs<'_> {
    type Value = Given;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("inputs")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Given, A::Error> {
        let Self(reading) = self;
        let mut columns: Vec<NamedTensor> = Vec::new();
        let mut is_given = vec![false; reading.ports.len()];
        while let Some(name) = map.next_key::<String>()? {
            let place = reading
                .place(&name)
                .map_err(|problem| reading.stop::<A::Error>(problem))?;
            let (Some(port), Some(is_given)) = (reading.ports.get(place), is_given.get_mut(place))
            else {
                continue;
            };
            if std::mem::replace(is_given, true) {
                return Err(reading.stop(InputError::Repeated { input: name }));
            }
            let mut builder = Builder::new(reading, &name, port.datatype);
            map.next_value_seed(Nested(&mut builder))?;
            columns.push(finished(reading, builder, name)?);
        }
        Ok(Given::Columns(columns))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Given, A::Error> {
        let Self(reading) = self;
        let stop = |problem| reading.stop::<A::Error>(problem);
        let mut only = None;
        let first = First {
            inputs: &self,
            only: &mut only,
        };
        let Some(first) = list.next_element_seed(first)? else {
            let (mut builder, name) = self.only()?;
            builder
                .open()
                .and_then(|()| builder.close())
                .map_err(stop)?;
            return column(reading, builder, name);
        };
        match (first, only) {
            (Some(tensor), _) => {
                let mut tensors = vec![tensor];
                let most = columns::most(reading.ports);
                while let Some(tensor) = list.next_element_seed(Named {
                    reading,
                    place: tensors.len(),
                })? {
                    tensors.push(tensor);
                    // One of them is not the model's, or is there twice.
                    if tensors.len() > most {
                        while list.next_element::<IgnoredAny>()?.is_some() {}
                        break;
                    }
                }
                Ok(Given::Tensors(tensors))
            }
            (None, Some((mut builder, name))) => {
                builder.next();
                while list.next_element_seed(Nested(&mut builder))?.is_some() {
                    builder.next();
                }
                builder.close().map_err(stop)?;
                column(reading, builder, name)
            }
            (None, None) => Err(stop(InputError::Unnamed {
                expected: reading.names(),
            })),
        }
    }

    visit_scalars!();
}

/// The first entry of the list: a tensor, or the beginning of the only input's value.
struct First<'b, 'a> {
    inputs: &'b Inputs<'a>,
    /// Filled with the only input's builder, one list open, if the entry is no tensor.
    only: &'b mut Option<(Builder<'a>, String)>,
}

impl<'b, 'a> First<'b, 'a> {
    fn begin<E: de::Error>(self) -> Result<&'b mut Builder<'a>, E> {
        let (mut builder, name) = self.inputs.only()?;
        builder
            .open()
            .map_err(|problem| self.inputs.0.stop::<E>(problem))?;
        Ok(&mut self.only.insert((builder, name)).0)
    }

    fn scalar<E: de::Error>(self, scalar: Scalar<'_>) -> Result<Option<NamedTensor>, E> {
        Nested(self.begin()?).scalar(scalar).map(|()| None)
    }
}

impl<'de> DeserializeSeed<'de> for First<'_, '_> {
    type Value = Option<NamedTensor>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for First<'_, '_> {
    type Value = Option<NamedTensor>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a tensor or a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let first = map.next_key::<String>()?;
        if first.as_deref() == Some(ENCODED) {
            return Nested(self.begin()?).encoded(map).map(|()| None);
        }
        let tensor = Named {
            reading: self.inputs.0,
            place: 0,
        };
        tensor.tensor(first, map).map(Some)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Nested(self.begin()?).visit_seq(list).map(|()| None)
    }

    visit_scalars!();
}
