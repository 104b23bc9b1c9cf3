//! Rows times few coefficients: no product of matrices is worth preparing for them.

use std::fmt::Debug;
use std::ops::{Add, Mul};

use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, Node, node, only, tensor, values};

/// Up to so many coefficients rows are multiplied here.
pub(crate) const FEW: usize = 512;

/// Rows that are multiplied side by side.
const LANES: usize = 8;

/// What is multiplied: floats of 32 or 64 bits.
pub(crate) trait Number:
    Datum + Copy + Default + Add<Output = Self> + Mul<Output = Self>
{
}

impl Number for f32 {}
impl Number for f64 {}

/// Coefficients `[targets, features]`, and what is added to each target.
#[derive(Debug, Clone)]
pub(crate) struct Product<T> {
    pub(crate) coefficients: Vec<T>,
    /// One for each target.
    pub(crate) intercepts: Option<Vec<T>>,
    pub(crate) features: usize,
}

/// Rows times a matrix that is stored, if it has few coefficients: `[features, targets]`, the reverse if it is
/// transposed, or `[features]` for one target.
pub(crate) fn by_few(matrix: &TypedFact, is_transposed: bool) -> TractResult<Option<Node>> {
    let is_float = [DatumType::F32, DatumType::F64].contains(&matrix.datum_type);
    let Some(matrix) = matrix.konst.as_ref().filter(|_| is_float) else {
        return Ok(None);
    };
    let is_matrix = [1, 2].contains(&matrix.rank());
    if !is_matrix || !(1..=FEW).contains(&matrix.volume()) {
        return Ok(None);
    }
    let by_target = match matrix.rank() {
        2 if !is_transposed => matrix.as_ref().clone().permute_axes(&[1, 0])?,
        _ => matrix.as_ref().clone(),
    };
    Ok(Some(match matrix.datum_type() {
        DatumType::F64 => node(Product::<f64>::by(&by_target)?),
        _ => node(Product::<f32>::by(&by_target)?),
    }))
}

impl<T: Number> Product<T> {
    fn by(matrix: &Tensor) -> TractResult<Self> {
        let features = matrix.shape().last().context("a matrix has features")?;
        Ok(Self {
            coefficients: values::<T>(matrix)?.to_vec(),
            intercepts: None,
            features: *features,
        })
    }

    fn targets(&self) -> usize {
        self.coefficients.len() / self.features
    }

    /// The features of a row are added one after the other, so it has the same scores in any batch.
    fn scores(&self, input: &[T]) -> Vec<T> {
        let targets = self.targets();
        let mut scores = vec![T::default(); input.len() / self.features * targets];
        let mut columns = vec![[T::default(); LANES]; self.features];
        let groups = input.chunks(LANES * self.features);
        for (group, scores) in groups.zip(scores.chunks_mut(LANES * targets)) {
            transpose(group, &mut columns);
            let coefficients = self.coefficients.chunks(self.features);
            for (target, coefficients) in coefficients.enumerate() {
                let sums = sums(&columns, coefficients);
                let places = scores.iter_mut().skip(target).step_by(targets);
                match self.intercepts.as_ref().and_then(|all| all.get(target)) {
                    Some(intercept) => places
                        .zip(sums)
                        .for_each(|(score, sum)| *score = sum + *intercept),
                    None => places.zip(sums).for_each(|(score, sum)| *score = sum),
                }
            }
        }
        scores
    }

    /// The same with numbers that the next node adds to all rows, and that node.
    fn with_next<'m>(
        &self,
        model: &'m TypedModel,
        node: &TypedNode,
    ) -> TractResult<Option<(Self, &'m TypedNode)>> {
        let is_output = model.outputs.contains(&node.id.into());
        let next = model.single_succ(node.id)?.filter(|_| !is_output);
        let is_sum = |next: &&TypedNode| {
            let operator = next.op_as::<TypedBinOp>();
            operator.is_some_and(|operator| operator.0.is::<math::Add>())
        };
        let Some(next) = next.filter(is_sum).filter(|_| self.intercepts.is_none()) else {
            return Ok(None);
        };
        for input in &next.inputs {
            let added = model.outlet_fact(*input)?;
            let fits = added.shape.last() == Some(&self.targets().to_dim());
            let Some(added) = added.konst.as_ref().filter(|_| fits) else {
                continue;
            };
            if added.volume() == self.targets() && added.datum_type() == T::datum_type() {
                let intercepts = Some(values::<T>(added)?.to_vec());
                let product = Self {
                    intercepts,
                    ..self.clone()
                };
                return Ok(Some((product, next)));
            }
        }
        Ok(None)
    }
}

/// The features of up to as many rows as there are lanes, those of one feature next to each other.
fn transpose<T: Copy>(group: &[T], columns: &mut [[T; LANES]]) {
    for (lane, row) in group.chunks(columns.len()).enumerate() {
        for (column, value) in columns.iter_mut().zip(row) {
            if let Some(place) = column.get_mut(lane) {
                *place = *value;
            }
        }
    }
}

fn sums<T: Number>(columns: &[[T; LANES]], coefficients: &[T]) -> [T; LANES] {
    let mut sums = [T::default(); LANES];
    for (column, coefficient) in columns.iter().zip(coefficients) {
        for (sum, value) in sums.iter_mut().zip(column) {
            *sum = *sum + *value * *coefficient;
        }
    }
    sums
}

impl<T: Number> Kernel for Product<T> {
    fn name(&self) -> &'static str {
        "Scores"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (_, shape) = only(inputs)?;
        let mut shape = shape.clone();
        *shape.last_mut().context("scores are of rows")? = self.targets().to_dim();
        Ok(tvec![(T::datum_type(), shape)])
    }

    fn replacement(
        &self,
        model: &TypedModel,
        node: &TypedNode,
    ) -> TractResult<Option<TypedModelPatch>> {
        let Some((product, next)) = self.with_next(model, node)? else {
            return Ok(None);
        };
        let mut patch = TypedModelPatch::default();
        let inputs = patch.taps(model, &node.inputs)?;
        let outputs = patch.wire_node(&next.name, crate::kernel::node(product), &inputs)?;
        for output in outputs {
            patch.shunt_outside(model, next.id.into(), output)?;
        }
        Ok(Some(patch))
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let input = only(&inputs)?.cast_to::<T>()?;
        let mut shape: TVec<usize> = input.shape().into();
        *shape.last_mut().context("scores are of rows")? = self.targets();
        Ok(tvec![tensor(&shape, self.scores(values(&input)?))?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_same_scores_in_any_batch() {
        let product = Product {
            coefficients: vec![1.0, 2.0, -1.0, 0.1, 0.7, -0.3],
            intercepts: Some(vec![0.5, -0.5]),
            features: 3,
        };
        let rows: Vec<f32> = (0..3 * 19_u8).map(|place| f32::from(place) / 7.0).collect();
        let together = product.scores(&rows);
        let alone = rows.chunks(3).flat_map(|row| product.scores(row));
        assert_eq!(together, alone.collect::<Vec<_>>());
        assert_eq!(together.first(), Some(&0.5));
        assert!(product.scores(&[]).is_empty());
    }
}
