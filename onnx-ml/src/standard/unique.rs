//! `Unique` (standard domain, version 11): the different values of a tensor, or its different
//! slices along an axis.
//!
//! They come sorted, text by its bytes, or, with `sorted` 0, in the order in which they first
//! occur; further outputs say where each first occurs, which of them each value is, and how often
//! each occurs.

use std::collections::HashMap;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::elements::{around, picked};
use crate::kernel::{Fact, Kernel, built, only, values};
use crate::tract::{Built, axis_place};

#[derive(Debug)]
struct Unique {
    is_sorted: bool,
    /// Without one, all values are a list.
    axis: Option<i64>,
    /// Which of the outputs the file asks for.
    wanted: Vec<usize>,
    /// How many different ones there are, which depends on them.
    different: Symbol,
}

/// Builds the operator from its node.
pub(crate) fn unique(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let unique = Unique {
        is_sorted: node.get_attr_opt::<i64>("sorted")?.unwrap_or(1) != 0,
        axis: node.get_attr_opt("axis")?,
        wanted: (0..node.output.len())
            .filter(|place| node.output.get(*place).is_some_and(|name| !name.is_empty()))
            .collect(),
        different: context.template.symbols.new_with_prefix("different"),
    };
    Ok(built(unique))
}

/// For each value an integer: the same of the same values, and ordered as they are.
fn ranks(given: &Tensor) -> TractResult<Vec<i64>> {
    let datum_type = given.datum_type();
    if datum_type == String::datum_type() {
        let texts = values::<String>(given)?;
        let mut sorted: Vec<&String> = texts.iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        let ranks: HashMap<&String, i64> = sorted.into_iter().zip(0..).collect();
        let rank = |text| ranks.get(text).copied().context("a rank for each");
        return texts.iter().map(rank).collect();
    }
    if datum_type.is_float() {
        // The bits of a float are ordered as it is, from the end if it is negative.
        let ordered = |value: &f64| {
            let bits = (value + 0.0).to_bits().cast_signed();
            if bits < 0 { i64::MIN - bits } else { bits }
        };
        let wide = given.cast_to::<f64>()?;
        return Ok(values::<f64>(&wide)?.iter().map(ordered).collect());
    }
    if datum_type == u64::datum_type() {
        let ordered = |value: &u64| value.cast_signed() ^ i64::MIN;
        return Ok(values::<u64>(given)?.iter().map(ordered).collect());
    }
    let wide = given.cast_to::<i64>()?;
    Ok(values::<i64>(&wide)?.to_vec())
}

/// One of the different values or slices.
#[derive(Clone, Copy)]
struct Found<'r> {
    ranks: &'r [i64],
    first: usize,
    count: i64,
    /// Its place among those found, before they are sorted.
    place: usize,
}

/// The different ones in the order in which they first occur, and the place of each.
fn found<'r>(all: impl Iterator<Item = &'r [i64]>) -> (Vec<Found<'r>>, Vec<usize>) {
    let mut different: Vec<Found> = vec![];
    let mut places = HashMap::new();
    let place_of = |(first, ranks)| {
        let place = *places.entry(ranks).or_insert(different.len());
        match different.get_mut(place) {
            Some(found) => found.count += 1,
            None => different.push(Found {
                ranks,
                first,
                count: 1,
                place,
            }),
        }
        place
    };
    let places = all.enumerate().map(place_of).collect();
    (different, places)
}

impl Unique {
    fn wanted<T: Clone>(&self, outputs: [T; 4]) -> TVec<T> {
        let wanted = self.wanted.iter();
        wanted
            .filter_map(|place| outputs.get(*place).cloned())
            .collect()
    }

    /// The shape with the axis that different ones are looked for along.
    fn along<D: Clone>(&self, shape: &[D], all: D) -> TractResult<(TVec<D>, usize)> {
        match self.axis {
            None => Ok((tvec![all], 0)),
            Some(along) => Ok((shape.into(), axis_place(along, shape.len())?)),
        }
    }
}

impl Kernel for Unique {
    fn name(&self) -> &'static str {
        "Unique"
    }

    fn outputs(&self) -> usize {
        self.wanted.len()
    }

    fn has_new_lengths(&self) -> bool {
        true
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (datum_type, shape) = only(inputs)?;
        let (mut shape, along) = self.along(shape, shape.iter().product())?;
        let length = shape.get_mut(along).context("an axis")?;
        let all = length.clone();
        if all != 0.to_dim() {
            *length = self.different.to_dim();
        }
        let different = length.clone();
        let integer = i64::datum_type();
        Ok(self.wanted([
            (*datum_type, shape),
            (integer, tvec![different.clone()]),
            (integer, tvec![all]),
            (integer, tvec![different]),
        ]))
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let given = args_1!(inputs);
        let (mut shape, along) = self.along(given.shape(), given.len())?;
        let [before, length, block] = around(&shape, along)?;
        let ranks = ranks(&given)?;
        let ranks = by_slice(&ranks, [before, length, block]);
        let slice = (before * block).max(1);
        let (mut found, places) = found(ranks.chunks(slice).take(length));
        if self.is_sorted {
            found.sort_by_key(|found| found.ranks);
        }
        let mut sorted = vec![0; found.len()];
        for (at, found) in (0..).zip(&found) {
            *sorted.get_mut(found.place).context("a place for each")? = at;
        }
        let inverse = places.iter().filter_map(|place| sorted.get(*place));
        let inverse: Vec<i64> = inverse.copied().collect();
        let firsts = found.iter().map(|found| i64::try_from(found.first));
        let firsts = firsts.collect::<Result<Vec<i64>, _>>()?;
        let counts: Vec<i64> = found.iter().map(|found| found.count).collect();
        let blocks = (0..before).flat_map(|row| {
            let places = found.iter().map(|found| found.first);
            places.map(move |place| row * length + place)
        });
        let blocks: Vec<usize> = blocks.collect();
        *shape.get_mut(along).context("an axis")? = found.len();
        let different = picked(&given, block, &blocks, &shape)?;
        let numbers = [firsts, inverse, counts].map(|numbers| tensor1(&numbers));
        let [firsts, inverse, counts] = numbers;
        Ok(self.wanted([different, firsts, inverse, counts]))
    }
}

/// What stands before and after an axis, one slice along it after the other.
fn by_slice(ranks: &[i64], [before, length, block]: [usize; 3]) -> Vec<i64> {
    let block_of = |slice: usize, row: usize| {
        let begin = (row * length + slice) * block;
        ranks.get(begin..begin + block).unwrap_or_default()
    };
    let blocks = (0..length).flat_map(|slice| (0..before).map(move |row| block_of(slice, row)));
    blocks.flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, integer, outputs};

    fn run(sorted: i64, input: Tensor, names: &[&str]) -> TractResult<Vec<Tensor>> {
        let inputs = vec![Input::Given(input)];
        outputs("Unique", 11, vec![integer("sorted", sorted)], inputs, names)
    }

    /// Expected values: onnxruntime 1.32.0.
    #[track_caller]
    fn check(sorted: i64, expected: [&str; 4], numbers: [&[i64]; 3]) {
        let texts = ["b", "a", "b", "é", "", "a"].map(str::to_owned);
        let given = run(sorted, tensor1(&texts), &["y", "first", "inverse", "count"]).unwrap();
        assert_eq!(given[0], tensor1(&expected.map(str::to_owned)));
        for (given, expected) in given[1..].iter().zip(numbers) {
            assert_eq!(*given, tensor1(expected));
        }
    }

    #[test]
    fn texts_are_sorted_or_in_the_order_of_the_first() {
        check(
            1,
            ["", "a", "b", "é"],
            [&[4, 1, 0, 3], &[2, 1, 2, 3, 0, 1], &[1, 2, 2, 1]],
        );
        check(
            0,
            ["b", "a", "é", ""],
            [&[0, 1, 3, 4], &[0, 1, 0, 2, 3, 1], &[2, 2, 1, 1]],
        );
    }

    #[test]
    fn outputs_without_a_name_are_left_out() {
        let [a, b] = ["a", "b"].map(str::to_owned);
        let given = run(1, tensor1(&[b.clone(), a.clone()]), &["y", "", "inverse"]).unwrap();
        assert_eq!(given, [tensor1(&[a, b]), tensor1(&[1i64, 0])]);
    }

    #[test]
    fn texts_of_any_shape_are_one_list() {
        let [a, b] = ["a", "b"].map(str::to_owned);
        let different = |input| run(1, input, &["y"]).unwrap().remove(0);
        assert_eq!(
            different(tensor2(&[[b.clone()], [a.clone()]])),
            tensor1(&[a.clone(), b])
        );
        assert_eq!(different(tensor0(a.clone())), tensor1(&[a]));
        assert_eq!(
            different(crate::kernel::tensor::<String>(&[0], vec![]).unwrap()).shape(),
            [0]
        );
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn numbers_are_sorted_by_size() {
        let check = |input: Tensor, expected: Tensor, inverse: &[i64]| {
            let given = run(1, input, &["y", "", "inverse"]).unwrap();
            assert_eq!(given, [expected, tensor1(inverse)]);
        };
        check(
            tensor1(&[2f32, -1., f32::NEG_INFINITY, 0., -1.]),
            tensor1(&[f32::NEG_INFINITY, -1., 0., 2.]),
            &[3, 1, 0, 2, 1],
        );
        check(tensor1(&[3i64, -4, 3]), tensor1(&[-4i64, 3]), &[1, 0, 1]);
        check(tensor1(&[-3i8, 4]), tensor1(&[-3i8, 4]), &[0, 1]);
        check(tensor1(&[u64::MAX, 1]), tensor1(&[1, u64::MAX]), &[1, 0]);
    }

    /// Expected values: onnxruntime 1.32.0.
    #[test]
    fn slices_along_an_axis_are_compared_as_a_whole() {
        let check = |axis, expected: Tensor, inverse: &[i64]| {
            let given = tensor2(&[[1f32, 0., 1.], [1., 0., 1.], [0., 3., 0.]]);
            let attributes = vec![integer("axis", axis)];
            let inputs = vec![Input::Given(given)];
            let given = outputs("Unique", 11, attributes, inputs, &["y", "", "inverse"]).unwrap();
            assert_eq!(given, [expected, tensor1(inverse)]);
        };
        check(0, tensor2(&[[0f32, 3., 0.], [1., 0., 1.]]), &[1, 1, 0]);
        check(
            -1,
            tensor2(&[[0f32, 1.], [0., 1.], [3., 0.]]),
            &[0, 1, 0].map(|place| 1 - place),
        );
    }
}
