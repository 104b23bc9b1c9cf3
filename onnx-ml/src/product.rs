//! Rows times few coefficients: no product of matrices is worth preparing for them.

use std::fmt::Debug;
use std::ops::{Add, Mul};

use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, Node, node, only, tensor, values};
use crate::unfit::fits;

/// Up to so many coefficients rows are multiplied here.
pub(crate) const FEW: usize = 512;

/// Rows or targets that are multiplied side by side.
const LANES: usize = 8;

/// Half of them.
const HALF: usize = LANES / 2;

/// Rows of up to so many features are multiplied as they lie: to bring them side by side takes longer.
const SHORT: usize = 16;

/// As many as these at a time.
const ROWS: usize = 4;

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
    Ok(Some(if matrix.datum_type() == f64::datum_type() {
        node(Product::<f64>::by(&by_target)?)
    } else {
        node(Product::<f32>::by(&by_target)?)
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
        match targets {
            1 if self.features <= SHORT => self.by_short_rows::<1>(input, &mut scores),
            2 if self.features <= SHORT => self.by_short_rows::<2>(input, &mut scores),
            3 if self.features <= SHORT => self.by_short_rows::<3>(input, &mut scores),
            1..HALF => self.by_rows(input, &mut scores),
            _ => self.by_targets(input, &mut scores),
        }
        if let Some(intercepts) = &self.intercepts {
            match intercepts.as_slice() {
                [one] => scores.iter_mut().for_each(|score| *score = *score + *one),
                [one, two] => add(&mut scores, &[*one, *two]),
                [one, two, three] => add(&mut scores, &[*one, *two, *three]),
                all => scores.chunks_exact_mut(targets).for_each(|scores| {
                    let sums = scores.iter_mut().zip(all);
                    sums.for_each(|(score, intercept)| *score = *score + *intercept);
                }),
            }
        }
        scores
    }

    /// Rows as they lie, four at a time, for the sum of one need not wait for that of another.
    fn by_short_rows<const TARGETS: usize>(&self, input: &[T], scores: &mut [T]) {
        let (scores, _) = scores.as_chunks_mut::<TARGETS>();
        let groups = input.chunks(ROWS * self.features);
        for (group, scores) in groups.zip(scores.chunks_mut(ROWS)) {
            // The last group may have fewer: its first row stands in for those that are not there.
            let first = group.get(..self.features).unwrap_or_default();
            let mut rows = group.chunks_exact(self.features);
            let rows: [&[T]; ROWS] = std::array::from_fn(|_| rows.next().unwrap_or(first));
            let coefficients = self.coefficients.chunks_exact(self.features);
            for (target, coefficients) in coefficients.enumerate() {
                let sums = side_by_side(rows, coefficients);
                for (scores, sum) in scores.iter_mut().zip(sums) {
                    if let Some(score) = scores.get_mut(target) {
                        *score = sum;
                    }
                }
            }
        }
    }

    /// Rows side by side.
    fn by_rows(&self, input: &[T], scores: &mut [T]) {
        let targets = self.targets();
        let mut columns = vec![[T::default(); LANES]; self.features];
        let groups = input.chunks(LANES * self.features);
        for (group, scores) in groups.zip(scores.chunks_mut(LANES * targets)) {
            transpose(group, &mut columns);
            let coefficients = self.coefficients.chunks(self.features);
            for (target, coefficients) in coefficients.enumerate() {
                let sums = sums(columns.iter().zip(coefficients));
                if targets == 1 {
                    put(&sums, scores);
                    continue;
                }
                let places = scores.iter_mut().skip(target).step_by(targets);
                places.zip(sums).for_each(|(score, sum)| *score = sum);
            }
        }
    }

    /// The targets of a row side by side.
    fn by_targets(&self, input: &[T], scores: &mut [T]) {
        let targets = self.targets();
        let mut columns = vec![[T::default(); LANES]; self.features];
        let groups = self.coefficients.chunks(LANES * self.features);
        for (group, coefficients) in groups.enumerate() {
            transpose(coefficients, &mut columns);
            let rows = input.chunks_exact(self.features);
            for (row, scores) in rows.zip(scores.chunks_exact_mut(targets)) {
                let sums = sums(columns.iter().zip(row));
                put(&sums, scores.get_mut(group * LANES..).unwrap_or_default());
            }
        }
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

/// What there is for each feature, of up to as many rows or targets as there are lanes, next to each other.
fn transpose<T: Copy>(group: &[T], columns: &mut [[T; LANES]]) {
    for (lane, row) in group.chunks(columns.len()).enumerate() {
        for (column, value) in columns.iter_mut().zip(row) {
            if let Some(place) = column.get_mut(lane) {
                *place = *value;
            }
        }
    }
}

fn add<T: Number, const TARGETS: usize>(scores: &mut [T], intercepts: &[T; TARGETS]) {
    let (scores, _) = scores.as_chunks_mut::<TARGETS>();
    for scores in scores {
        let sums = scores.iter_mut().zip(intercepts);
        sums.for_each(|(score, intercept)| *score = *score + *intercept);
    }
}

fn side_by_side<T: Number>(rows: [&[T]; ROWS], coefficients: &[T]) -> [T; ROWS] {
    let [one, two, three, four] = rows;
    let mut sums = [T::default(); ROWS];
    let values = one.iter().zip(two).zip(three).zip(four);
    for ((((one, two), three), four), factor) in values.zip(coefficients) {
        let values = [*one, *two, *three, *four];
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum = *sum + value * *factor;
        }
    }
    sums
}

fn sums<'a, T: Number>(products: impl Iterator<Item = (&'a [T; LANES], &'a T)>) -> [T; LANES] {
    let mut sums = [T::default(); LANES];
    for (column, factor) in products {
        for (sum, value) in sums.iter_mut().zip(column) {
            *sum = *sum + *value * *factor;
        }
    }
    sums
}

/// As many of the sums as there is room for. In lengths that are known, for the processor waits where a longer piece is
/// read than was just written.
fn put<T: Number>(sums: &[T; LANES], scores: &mut [T]) {
    if let Some(scores) = scores.first_chunk_mut() {
        *scores = *sums;
        return;
    }
    let (halves, last) = scores.as_chunks_mut::<HALF>();
    let (sums, _) = sums.as_chunks::<HALF>();
    let mut sums = sums.iter();
    halves
        .iter_mut()
        .zip(&mut sums)
        .for_each(|(half, sums)| *half = *sums);
    let rest = sums.next().into_iter().flatten();
    last.iter_mut()
        .zip(rest)
        .for_each(|(score, sum)| *score = *sum);
}

impl<T: Number> Kernel for Product<T> {
    fn name(&self) -> &'static str {
        "Scores"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (_, shape) = only(inputs)?;
        let mut shape = shape.clone();
        let features = shape.last_mut().context("scores are of rows")?;
        let fits = features
            .to_usize()
            .map_or(true, |given| given == self.features);
        ensure!(fits, "rows of {} features, given {features}", self.features);
        *features = self.targets().to_dim();
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
        let features = shape.last_mut().context("scores are of rows")?;
        // It may be one that only the run tells.
        fits(
            *features == self.features,
            "rows are as long as the matrix has rows",
        )?;
        *features = self.targets();
        Ok(tvec![tensor(&shape, self.scores(values(&input)?))?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(targets: usize, features: usize) -> Product<f32> {
        let place = |place: usize| (place * 7 % 11) as f32 / 8.0 - 0.5;
        Product {
            coefficients: (0..targets * features).map(place).collect(),
            intercepts: Some((0..targets).map(place).collect()),
            features,
        }
    }

    #[test]
    fn a_row_has_the_same_scores_in_any_batch() {
        for targets in [1, 2, 3, 4, 8, 11, 16, 17] {
            let product = product(targets, 3);
            let rows: Vec<f32> = (0..3 * 19_u8).map(|place| f32::from(place) / 7.0).collect();
            let together = product.scores(&rows);
            let alone = rows.chunks(3).flat_map(|row| product.scores(row));
            assert_eq!(together, alone.collect::<Vec<_>>(), "{targets}");
            assert!(product.scores(&[]).is_empty());
            let first = product
                .coefficients
                .chunks(3)
                .zip(product.intercepts.as_ref().unwrap());
            let first = first.map(|(coefficients, intercept)| {
                let products = coefficients
                    .iter()
                    .zip(&rows)
                    .map(|(one, other)| one * other);
                products.sum::<f32>() + intercept
            });
            assert_eq!(together[..targets], first.collect::<Vec<_>>(), "{targets}");
        }
    }
}
