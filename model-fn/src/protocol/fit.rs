//! Whether the tensors of a body are what the model takes.

use super::named::NamedTensor;
use super::{Dialect, InputError, Limits};
use crate::engine::{Dimension, Port};
use crate::tensor::{ConvertError, Tensor, Values};

/// The inputs of one run.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) inputs: Vec<Tensor>,
    pub(super) rows: usize,
}

/// Puts the tensors into the model's order and checks each against its port.
pub(super) fn fit(
    given: Vec<NamedTensor>,
    dialect: Dialect,
    ports: &[Port],
    limits: &Limits,
) -> Result<Fitted, InputError> {
    let mut places: Vec<Option<Tensor>> = ports.iter().map(|_| None).collect();
    for NamedTensor { name, tensor } in given {
        let Some(index) = ports.iter().position(|port| port.name == name) else {
            let expected = ports.iter().map(|port| port.name.clone()).collect();
            return Err(InputError::Unknown {
                input: name,
                expected,
            });
        };
        if places
            .get_mut(index)
            .is_some_and(|place| place.replace(tensor).is_some())
        {
            return Err(InputError::Repeated { input: name });
        }
    }
    let mut lengths = Lengths::default();
    let mut inputs = Vec::with_capacity(ports.len());
    for (port, tensor) in ports.iter().zip(places) {
        let missing = || InputError::Missing {
            input: port.name.clone(),
            row: None,
        };
        let tensor = converted(port, tensor.ok_or_else(missing)?)?;
        let tensor = if dialect == Dialect::Tensors {
            tensor
        } else {
            widened(port, tensor)
        };
        check_shape(port, &tensor, &mut lengths)?;
        check_texts(port, &tensor, limits.text_bytes)?;
        inputs.push(tensor);
    }
    let rows = rows(ports, &inputs);
    if rows > limits.rows {
        return Err(InputError::TooManyRows { limit: limits.rows });
    }
    Ok(Fitted { inputs, rows })
}

/// The rows asked for: the first axis of the first input that has one, an open one before others.
fn rows(ports: &[Port], inputs: &[Tensor]) -> usize {
    let is_open = |port: &Port| !matches!(port.shape.as_deref(), Some([Dimension::Fixed(_), ..]));
    let open = ports
        .iter()
        .zip(inputs)
        .filter(|(port, _)| is_open(port))
        .map(|(_, input)| input);
    open.chain(inputs).find_map(Tensor::rows).unwrap_or(1)
}

fn converted(port: &Port, tensor: Tensor) -> Result<Tensor, InputError> {
    let given = tensor.datatype();
    let (shape, values) = tensor.into_parts();
    let input = port.name.clone();
    let values = values.convert(port.datatype).map_err(|error| match error {
        ConvertError::Types { .. } => InputError::Datatype {
            input: input.clone(),
            expected: port.datatype,
            given,
        },
        ConvertError::Value { index, .. } => {
            let given = format!("a value of `{given}`");
            InputError::Value {
                input: input.clone(),
                at: position(&shape, index),
                expected: port.datatype,
                given,
            }
        }
    })?;
    Tensor::new(shape, values).map_err(|error| InputError::Empty {
        input,
        given: error.shape,
    })
}

/// The index along each axis of a place in row-major order.
pub(super) fn position(shape: &[usize], index: usize) -> Vec<usize> {
    let mut rest = index;
    let mut position: Vec<usize> = shape
        .iter()
        .rev()
        .map(|length| {
            let along = rest % (*length).max(1);
            rest /= (*length).max(1);
            along
        })
        .collect();
    position.reverse();
    position
}

/// Values may stand bare where the model has a last axis of length one, as columns have.
pub(super) fn widened(port: &Port, tensor: Tensor) -> Tensor {
    let Some([axes @ .., Dimension::Fixed(1)]) = port.shape.as_deref() else {
        return tensor;
    };
    if axes.is_empty() || axes.len() != tensor.shape().len() {
        return tensor;
    }
    let mut shape = tensor.shape().to_vec();
    shape.push(1);
    Tensor::new(shape, tensor.values().clone()).unwrap_or(tensor)
}

fn check_shape<'a>(
    port: &'a Port,
    tensor: &Tensor,
    lengths: &mut Lengths<'a>,
) -> Result<(), InputError> {
    let (input, given) = (port.name.clone(), tensor.shape().to_vec());
    let axes = port.shape.as_deref().unwrap_or_default();
    let fits = |(axis, length): (&Dimension, &usize)| match axis {
        Dimension::Fixed(expected) => expected == length,
        Dimension::Named(_) | Dimension::Any => true,
    };
    if tensor.values().is_empty() {
        return Err(InputError::Empty { input, given });
    }
    if axes.len() != given.len() || !axes.iter().zip(&given).all(fits) {
        return Err(InputError::Shape {
            input,
            expected: port.lengths().unwrap_or_default(),
            given,
        });
    }
    for (axis, (dimension, given)) in axes.iter().zip(given).enumerate() {
        let expected = lengths.agree(dimension, axis, given);
        if expected != given {
            return Err(InputError::Disagree {
                input,
                axis,
                expected,
                given,
            });
        }
    }
    Ok(())
}

fn check_texts(port: &Port, tensor: &Tensor, limit: usize) -> Result<(), InputError> {
    let Values::Bytes(texts) = tensor.values() else {
        return Ok(());
    };
    let is_long = |(_, text): &(usize, &String)| text.len() > limit;
    match texts.iter().enumerate().find(is_long) {
        None => Ok(()),
        Some((index, text)) => Err(InputError::TextTooLong {
            input: port.name.clone(),
            at: position(tensor.shape(), index),
            limit,
            given: text.len(),
        }),
    }
}

/// The lengths seen so far of the axes that must be equally long.
#[derive(Default)]
struct Lengths<'a>(Vec<(&'a str, usize)>);

impl<'a> Lengths<'a> {
    /// The length that this axis must have, which is `given` if it is the first of its name.
    ///
    /// Exporters of tables leave the first axis of every column unnamed: it is the batch.
    fn agree(&mut self, dimension: &'a Dimension, axis: usize, given: usize) -> usize {
        let name = match dimension {
            Dimension::Named(name) => name,
            Dimension::Any if axis == 0 => "",
            Dimension::Any | Dimension::Fixed(_) => return given,
        };
        let Self(seen) = self;
        if let Some((_, expected)) = seen.iter().find(|(known, _)| *known == name) {
            return *expected;
        }
        seen.push((name, given));
        given
    }
}
