//! `TensorScatter` (standard domain, version 24): rows of a cache are written over.
//!
//! `axis` and `mode` are followed. Places beyond the cache are errors where it is not `circular`.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, built, values};
use crate::tract::Built;

/// Builds the operator from its node.
pub(crate) fn scatter(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let mode = node.get_attr_opt("mode")?.unwrap_or("linear");
    Ok(built(Scatter {
        axis: node.get_attr_opt("axis")?.unwrap_or(-2),
        is_circular: match mode {
            "linear" => false,
            "circular" => true,
            other => bail!("`mode` is `{other}`"),
        },
    }))
}

#[derive(Debug)]
struct Scatter {
    /// The axis of the places; a negative one counts from the last.
    axis: i64,
    is_circular: bool,
}

impl Scatter {
    fn axis(&self, rank: usize) -> TractResult<usize> {
        let ranks = i64::try_from(rank)?;
        let axis = if self.axis < 0 {
            self.axis + ranks
        } else {
            self.axis
        };
        let is_there = axis > 0 && axis < ranks;
        ensure!(
            is_there,
            "axis {} is none of places in {rank} axes",
            self.axis
        );
        Ok(usize::try_from(axis)?)
    }

    /// Where a row of an update belongs in a cache of this length.
    fn place(&self, start: i64, row: usize, length: usize) -> TractResult<usize> {
        let place = usize::try_from(start)
            .ok()
            .and_then(|start| start.checked_add(row));
        let place = if self.is_circular {
            place.and_then(|place| place.checked_rem(length))
        } else {
            place.filter(|place| *place < length)
        };
        place
            .with_context(|| format!("row {row} from {start} on is outside of a cache of {length}"))
    }
}

impl Kernel for Scatter {
    fn name(&self) -> &'static str {
        "TensorScatter"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let [(datum_type, cache), (update_type, update), starts @ ..] = inputs else {
            bail!("a cache and its update are inputs")
        };
        let axis = self.axis(cache.len())?;
        let is_same =
            |(place, (cache, update)): (usize, (&TDim, &TDim))| place == axis || cache == update;
        let mut axes = cache.iter().zip(update).enumerate();
        ensure!(
            update_type == datum_type && update.len() == cache.len() && axes.all(is_same),
            "an update of {update:?} does not fit a cache of {cache:?}"
        );
        ensure!(
            datum_type.is_copy(),
            "a cache of {datum_type:?} is not written"
        );
        let is_list =
            |(datum_type, shape): &Fact| *datum_type == DatumType::I64 && shape.len() == 1;
        ensure!(
            starts.iter().all(is_list),
            "`write_indices` is a list of 64-bit integers"
        );
        Ok(tvec![(*datum_type, cache.clone())])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let mut inputs = inputs.into_iter();
        let (Some(cache), Some(update)) = (inputs.next(), inputs.next()) else {
            bail!("a cache and its update are inputs")
        };
        let starts = inputs.next();
        let starts = starts.as_deref().map(values::<i64>).transpose()?;
        let mut cache = cache.into_tensor();
        let shape: TVec<usize> = cache.shape().into();
        let axis = self.axis(shape.len())?;
        let (outer, rest) = shape.split_at(axis);
        let length = rest.first().copied().unwrap_or_default();
        let inner: usize = rest.iter().skip(1).product::<usize>() * cache.datum_type().size_of();
        let rows = update.shape().get(axis).copied().unwrap_or_default();
        ensure!(
            rows <= length,
            "{rows} rows are more than a cache of {length} has"
        );
        let of_batch: usize = outer.iter().skip(1).product();
        let written = cache.as_bytes_mut();
        for (place, from) in update.as_bytes().chunks_exact(inner.max(1)).enumerate() {
            let (block, row) = (place / rows, place % rows);
            let start = match starts {
                Some(starts) => *starts
                    .get(block / of_batch)
                    .context("too few `write_indices`")?,
                None => 0,
            };
            let first = (block * length + self.place(start, row, length)?) * inner;
            let to = written.get_mut(first..first + inner);
            to.context("a cache is too short")?.copy_from_slice(from);
        }
        Ok(tvec![cache])
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::AttributeProto;

    use super::*;
    use crate::testing::{Input, close, integer, standard, string};

    /// The numbers from zero on are written over by those from minus one down.
    fn run(
        attributes: Vec<AttributeProto>,
        update: &[usize],
        starts: Option<&[i64]>,
    ) -> TractResult<Vec<Tensor>> {
        let numbers = |shape: &[usize], of: fn(u16) -> f32| {
            let count = u16::try_from(shape.iter().product::<usize>()).unwrap();
            let numbers: Vec<f32> = (0..count).map(of).collect();
            Input::Given(tensor1(&numbers).into_shape(shape).unwrap())
        };
        let cache = numbers(&[2, 3, 2], f32::from);
        let update = numbers(update, |place| -1.0 - f32::from(place));
        let starts = starts.map(|starts| Input::Given(tensor1(starts)));
        let inputs = [cache, update].into_iter().chain(starts).collect();
        standard("TensorScatter", 24, attributes, inputs)
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn rows_are_written_from_a_place_on() {
        let check = |attributes, starts: Option<&[i64]>, expected: &[f32]| {
            close(&run(attributes, &[2, 2, 2], starts).unwrap(), expected);
        };
        let first = [-1., -2., -3., -4., 4., 5., -5., -6., -7., -8., 10., 11.];
        check(vec![], None, &first);
        let second = [0., 1., -1., -2., -3., -4., -5., -6., -7., -8., 10., 11.];
        check(vec![], Some(&[1, 0]), &second);
        let around = [-3., -4., 2., 3., -1., -2., 6., 7., -5., -6., -7., -8.];
        check(vec![string("mode", "circular")], Some(&[2, 4]), &around);
        let columns = [0., -1., 2., -2., 4., -3., -4., 7., -5., 9., -6., 11.];
        let output = run(vec![integer("axis", 2)], &[2, 3, 1], Some(&[1, 0]));
        close(&output.unwrap(), &columns);
    }

    #[track_caller]
    fn refused(attribute: AttributeProto, update: &[usize], starts: &[i64], reason: &str) {
        let error = run(vec![attribute], update, Some(starts)).unwrap_err();
        assert!(format!("{error:?}").contains(reason), "{error:?}");
    }

    #[test]
    fn rows_outside_of_the_cache_are_errors() {
        let linear = || string("mode", "linear");
        let circular = || string("mode", "circular");
        let two = [2, 2, 2];
        refused(linear(), &two, &[2, 0], "outside of a cache of 3");
        refused(linear(), &two, &[-1, 0], "outside of a cache of 3");
        refused(linear(), &two, &[i64::MAX, 0], "outside of a cache of 3");
        refused(circular(), &two, &[-1, 0], "outside of a cache of 3");
        refused(circular(), &two, &[0], "too few `write_indices`");
        refused(circular(), &[2, 4, 2], &[0, 0], "4 rows are more");
        refused(linear(), &[2, 2, 3], &[0, 0], "does not fit a cache");
        refused(integer("axis", 0), &two, &[0, 0], "is none of places");
        refused(integer("axis", -4), &two, &[0, 0], "is none of places");
        refused(string("mode", "ring"), &two, &[0, 0], "`mode` is `ring`");
    }
}
