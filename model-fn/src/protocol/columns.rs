//! Which columns of a table are which values of the inputs.

use std::collections::{HashMap, HashSet};

use super::reading::Reading;
use super::{InputError, TableError};
use crate::engine::{Dimension, Port};

/// Columns that are tensors of their own, each with its name, shape and buffer.
pub(super) const MOST_SERIES: usize = 4096;

/// How many names a message repeats.
pub(super) const NAMES: usize = 8;

/// Where the columns of a table go.
#[derive(Debug, PartialEq)]
pub(super) enum Layout {
    /// Each column is an input: the places of the inputs, in the table's order.
    Inputs(Vec<usize>),
    /// A row of the table is a row of the only input: the places of its values there, in the table's order.
    Row(Vec<usize>),
    /// The same, the values standing as the model takes them, however many there are.
    Plain,
}

impl Layout {
    /// For columns with names. Names that count from 0, as tables without names have them, are places.
    pub(super) fn named(reading: &Reading<'_>, given: &[String]) -> Result<Self, InputError> {
        let known = known(reading.ports);
        let places = positions(given).filter(|_| !are_known(given, &known));
        match (matrix(reading.ports), places) {
            (Some(_), Some(places)) => Ok(Self::Row(places)),
            (Some(port), None) if is_whole(port, given) => Ok(Self::Inputs(vec![0])),
            (Some(port), None) if port.labels.is_empty() => Err(TableError::NoColumns {
                input: port.name.clone(),
                given: shortened(given),
            }
            .into()),
            (Some(_), None) => order(given, &known).map(Self::Row),
            (None, Some(places)) if places.len() == known.len() => Ok(Self::Inputs(places)),
            (None, _) => order(given, &known).map(Self::Inputs),
        }
    }

    /// For columns without names: they stand in the model's own order.
    pub(super) fn unnamed(reading: &Reading<'_>) -> Self {
        match matrix(reading.ports) {
            Some(_) => Self::Plain,
            None => Self::Inputs((0..reading.ports.len()).collect()),
        }
    }

    /// How many columns there are, where that is known.
    pub(super) fn width(&self) -> Option<usize> {
        match self {
            Self::Inputs(places) | Self::Row(places) => Some(places.len()),
            Self::Plain => None,
        }
    }
}

/// The only input, if a row of it is several values, or values with names.
pub(crate) fn matrix(ports: &[Port]) -> Option<&Port> {
    let [port] = ports else {
        return None;
    };
    match port.shape.as_deref() {
        None | Some([] | [_]) => None,
        Some([_, Dimension::Fixed(1)]) if port.labels.is_empty() => None,
        Some(_) => Some(port),
    }
}

/// The most tensors of a request: one for each input, or for each column where the only input is a table.
pub(super) fn most(ports: &[Port]) -> usize {
    let Some(port) = matrix(ports) else {
        return ports.len();
    };
    match port.shape.as_deref() {
        Some([_, Dimension::Fixed(width)]) => (*width).min(MOST_SERIES),
        Some(_) | None => MOST_SERIES,
    }
}

/// The names that columns may have.
pub(crate) fn known(ports: &[Port]) -> Vec<&str> {
    match matrix(ports) {
        Some(port) if !port.labels.is_empty() => port.labels.iter().map(String::as_str).collect(),
        Some(_) | None => ports.iter().map(|port| port.name.as_str()).collect(),
    }
}

/// Whether all names are known. Both lists may be long, one as a caller likes.
pub(super) fn are_known(given: &[String], known: &[&str]) -> bool {
    let known: HashSet<&str> = known.iter().copied().collect();
    given.iter().all(|name| known.contains(name.as_str()))
}

/// Whether the only column is the input itself, its values lists.
fn is_whole(port: &Port, given: &[String]) -> bool {
    matches!(given, [name] if *name == port.name && !port.labels.contains(name))
}

/// The numbers from 0 on, each once, in any order.
pub(super) fn positions(given: &[String]) -> Option<Vec<usize>> {
    let mut is_given = vec![false; given.len()];
    let mut place = |name: &String| {
        let place: usize = name
            .parse()
            .ok()
            .filter(|place: &usize| place.to_string() == *name)?;
        let was_given = std::mem::replace(is_given.get_mut(place)?, true);
        (!was_given).then_some(place)
    };
    let places: Option<Vec<usize>> = given.iter().map(&mut place).collect();
    places.filter(|places| !places.is_empty())
}

/// The place of each name among those that are known, if they are the same.
fn order(given: &[String], known: &[&str]) -> Result<Vec<usize>, InputError> {
    let places: HashMap<&str, usize> = known.iter().copied().zip(0..).collect();
    let mut counts = vec![0usize; known.len()];
    let (mut order, mut unknown, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
    for name in given {
        let Some(place) = places.get(name.as_str()) else {
            unknown.push(name.clone());
            continue;
        };
        if let Some(count) = counts.get_mut(*place) {
            *count += 1;
            if *count == 2 {
                repeated.push(name.clone());
            }
        }
        order.push(*place);
    }
    let missing = known.iter().zip(&counts).filter(|(_, count)| **count == 0);
    let missing: Vec<String> = missing.map(|(name, _)| (*name).to_owned()).collect();
    if unknown.is_empty() && repeated.is_empty() && missing.is_empty() {
        return Ok(order);
    }
    Err(TableError::Columns {
        unknown: shortened(&unknown),
        missing: shortened(&missing),
        repeated: shortened(&repeated),
    }
    .into())
}

fn shortened(names: &[String]) -> Vec<String> {
    names.iter().take(NAMES).cloned().collect()
}
