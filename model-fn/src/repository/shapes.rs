//! The `shapes` of `model.yaml`: inputs whose plans are made at the start.

use crate::engine::{Dimension, Port, Specification};
use crate::protocol::Limits;

use super::{Description, made_up};

/// Most of them: more plans than these are not kept.
const MOST: usize = 8;

/// What is wrong with the `shapes` of a `model.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapesError {
    /// There are more than are kept.
    #[error("`shapes` has {0} entries, and at most {MOST} are kept")]
    TooMany(usize),
    /// An input is not there.
    #[error("`shapes` names `{0}`, which is no input")]
    Unknown(String),
    /// An input has no shape.
    #[error("`shapes` has an entry without `{0}`")]
    Missing(String),
    /// An input is never so long.
    #[error("`shapes`: input `{input}` does not take the shape {given:?}")]
    Shape {
        /// The input.
        input: String,
        /// Its shape.
        given: Vec<usize>,
    },
    /// A request of such inputs is over the limit.
    #[error("inputs have {elements} values, and `MAX_ELEMENTS` or `limits` allow {limit}")]
    TooLarge {
        /// How many values there are.
        elements: usize,
        /// How many a request may have.
        limit: usize,
    },
}

/// The lengths of all axes of all inputs.
pub(super) type Shapes = Vec<Vec<usize>>;

/// What a `model.yaml` names, in the order of the model's inputs.
pub(super) fn of(
    description: &Description,
    specification: &Specification,
    limits: &Limits,
) -> Result<Vec<Shapes>, ShapesError> {
    let given = &description.shapes;
    if given.len() > MOST {
        return Err(ShapesError::TooMany(given.len()));
    }
    let ports = &specification.inputs;
    let is_input = |name: &&String| ports.iter().any(|port| port.name == **name);
    let unknown = given.iter().flat_map(|entry| entry.keys());
    if let Some(name) = unknown.into_iter().find(|name| !is_input(name)) {
        return Err(ShapesError::Unknown(name.clone()));
    }
    let shape = |port: &Port, shape: Option<&Vec<usize>>| {
        let missing = || ShapesError::Missing(port.name.clone());
        fitting(port, shape.ok_or_else(missing)?)
    };
    let entries = given.iter().map(|entry| {
        let shapes = ports.iter().map(|port| shape(port, entry.get(&port.name)));
        within(shapes.collect::<Result<_, _>>()?, limits)
    });
    entries.collect()
}

fn fitting(port: &Port, given: &[usize]) -> Result<Vec<usize>, ShapesError> {
    let axes = port.shape.as_deref().unwrap_or_default();
    let fits = |(axis, length): (&Dimension, &usize)| match axis {
        Dimension::Fixed(fixed) => fixed == length,
        Dimension::Named(_) | Dimension::Any => *length > 0,
    };
    if axes.len() == given.len() && axes.iter().zip(given).all(fits) {
        Ok(given.to_vec())
    } else {
        Err(ShapesError::Shape {
            input: port.name.clone(),
            given: given.to_vec(),
        })
    }
}

/// The same shapes, if a request may be of them.
pub(super) fn within(shapes: Shapes, limits: &Limits) -> Result<Shapes, ShapesError> {
    let (elements, limit) = (made_up::elements(&shapes), limits.elements);
    if elements > limit {
        return Err(ShapesError::TooLarge { elements, limit });
    }
    Ok(shapes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Datatype;

    fn port(name: &str, shape: &[Option<usize>]) -> Port {
        let axis = |length: &Option<usize>| length.map_or(Dimension::Any, Dimension::Fixed);
        Port {
            name: name.to_owned(),
            datatype: Datatype::Fp32,
            shape: Some(shape.iter().map(axis).collect()),
            labels: Vec::new(),
        }
    }

    #[track_caller]
    fn check(text: &str, expected: Result<&[[&[usize]; 2]], &str>) {
        let specification = Specification {
            inputs: vec![port("image", &[None, Some(3), None]), port("mask", &[None])],
            outputs: vec![],
        };
        let limits = Limits {
            elements: 1000,
            ..Limits::DEFAULT
        };
        let description = Description::read(text).unwrap();
        let given = of(&description, &specification, &limits);
        let given = given.map_err(|error| error.to_string());
        let expected = expected.map(|entries| {
            let entry = |entry: &[&[usize]; 2]| entry.iter().map(|shape| shape.to_vec()).collect();
            entries.iter().map(entry).collect::<Vec<Shapes>>()
        });
        assert_eq!(given, expected.map_err(str::to_owned));
    }

    #[test]
    fn shapes_are_in_the_order_of_the_inputs() {
        check("", Ok(&[]));
        check(
            "shapes: [{mask: [4], image: [1, 3, 8]}, {image: [2, 3, 8], mask: [1]}]",
            Ok(&[[&[1, 3, 8], &[4]], [&[2, 3, 8], &[1]]]),
        );
    }

    #[test]
    fn shapes_that_no_request_has_are_refused() {
        check(
            "shapes: [{imag: [1]}]",
            Err("`shapes` names `imag`, which is no input"),
        );
        check(
            "shapes: [{mask: [1]}]",
            Err("`shapes` has an entry without `image`"),
        );
        for shape in ["[1, 3]", "[1, 4, 8]", "[0, 3, 8]"] {
            let error = format!("`shapes`: input `image` does not take the shape {shape}");
            check(
                &format!("shapes: [{{image: {shape}, mask: [1]}}]"),
                Err(&error),
            );
        }
        check(
            "shapes: [{image: [1, 3, 400], mask: [1]}]",
            Err("inputs have 1201 values, and `MAX_ELEMENTS` or `limits` allow 1000"),
        );
        let nine = "{image: [1, 3, 1], mask: [1]}, ".repeat(9);
        check(
            &format!("shapes: [{nine}]"),
            Err("`shapes` has 9 entries, and at most 8 are kept"),
        );
    }
}
