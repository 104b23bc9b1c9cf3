//! `Unique` (standard domain, version 11): the different texts of a tensor.
//!
//! They come sorted by their bytes, or, with `sorted` 0, in the order in which they first occur;
//! further outputs say where each first occurs, which of them each text is, and how often each
//! occurs. Numbers, and `axis`, are refused.

use std::collections::HashMap;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::texts;
use crate::kernel::{Fact, Kernel, built, only};
use crate::tract::Built;

#[derive(Debug)]
struct Unique {
    is_sorted: bool,
    /// Which of the outputs the file asks for.
    wanted: Vec<usize>,
    /// How many different texts there are, which depends on them.
    different: Symbol,
}

/// Builds the operator from its node.
pub(crate) fn unique(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    node.expect_attr(
        "axis",
        node.get_attr_opt::<i64>("axis")?.is_none(),
        "none: different slices are not supported",
    )?;
    let unique = Unique {
        is_sorted: node.get_attr_opt::<i64>("sorted")?.unwrap_or(1) != 0,
        wanted: (0..node.output.len())
            .filter(|place| node.output.get(*place).is_some_and(|name| !name.is_empty()))
            .collect(),
        different: context.template.symbols.new_with_prefix("different"),
    };
    Ok(built(unique))
}

/// One of the different texts.
struct Found<'t> {
    text: &'t String,
    first: i64,
    count: i64,
    /// Its place among those found, before they are sorted.
    place: usize,
}

/// The different texts in the order in which they first occur, and the place of each text.
fn found(texts: &[String]) -> (Vec<Found<'_>>, Vec<usize>) {
    let mut all: Vec<Found> = vec![];
    let mut places = HashMap::new();
    let place_of = |(text, at)| {
        let place = *places.entry(text).or_insert(all.len());
        match all.get_mut(place) {
            Some(found) => found.count += 1,
            None => all.push(Found {
                text,
                first: at,
                count: 1,
                place,
            }),
        }
        place
    };
    let places = texts.iter().zip(0..).map(place_of).collect();
    (all, places)
}

impl Unique {
    /// How many different texts there are: none of none.
    fn length(&self, texts: &[TDim]) -> TDim {
        if texts.contains(&0.to_dim()) {
            0.to_dim()
        } else {
            self.different.to_dim()
        }
    }

    fn wanted<T: Clone>(&self, outputs: [T; 4]) -> TVec<T> {
        let wanted = self.wanted.iter();
        wanted
            .filter_map(|place| outputs.get(*place).cloned())
            .collect()
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
        let (datum_type, texts) = only(inputs)?;
        ensure!(
            *datum_type == String::datum_type(),
            "the different values of {datum_type:?} are not supported, only texts"
        );
        let different = self.length(texts);
        let all = texts.iter().product();
        let (text, integer) = (String::datum_type(), i64::datum_type());
        Ok(self.wanted([
            (text, tvec![different.clone()]),
            (integer, tvec![different.clone()]),
            (integer, tvec![all]),
            (integer, tvec![different]),
        ]))
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let input = args_1!(inputs);
        let (mut found, places) = found(texts(&input)?);
        if self.is_sorted {
            found.sort_by_key(|found| found.text);
        }
        let mut sorted = vec![0; found.len()];
        for (at, found) in (0..).zip(&found) {
            *sorted.get_mut(found.place).context("a place for each")? = at;
        }
        let inverse = places
            .iter()
            .filter_map(|place| sorted.get(*place).copied());
        let inverse: Vec<i64> = inverse.collect();
        let values: Vec<String> = found.iter().map(|found| found.text.clone()).collect();
        let firsts: Vec<i64> = found.iter().map(|found| found.first).collect();
        let counts: Vec<i64> = found.iter().map(|found| found.count).collect();
        let numbers = [firsts, inverse, counts].map(|numbers| tensor1(&numbers));
        let [firsts, inverse, counts] = numbers;
        Ok(self.wanted([tensor1(&values), firsts, inverse, counts]))
    }
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

    #[test]
    fn numbers_and_slices_are_refused() {
        let attributes = vec![integer("axis", 0)];
        let texts = vec![Input::Given(tensor1(&["a".to_owned()]))];
        assert!(outputs("Unique", 11, attributes, texts, &["y"]).is_err());
        let error = format!("{:?}", run(1, tensor1(&[1i64]), &["y"]).unwrap_err());
        assert!(
            error.contains("the different values of I64 are not supported"),
            "{error}"
        );
    }
}
