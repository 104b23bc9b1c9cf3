//! The classification extension: the highest values of an output, as texts `value:index[:label]`.

use std::cmp::Ordering;

use crate::tensor::{Datatype, Tensor, Values};

/// Whether values of a datatype can be told apart by their height.
pub(super) fn has_classes(datatype: Datatype) -> bool {
    datatype.is_float() || datatype.is_integer()
}

/// The so many highest values of each row, or of the whole where there are no rows: the highest
/// first, of equal ones the one that comes first, not-a-number last.
///
/// `labels` count if there is one for each class.
pub(super) fn classes(
    output: &Tensor,
    rows: Option<usize>,
    count: usize,
    labels: &[String],
) -> Option<Tensor> {
    let length = output.values().len() / rows.unwrap_or(1).max(1);
    let labels = if labels.len() == length { labels } else { &[] };
    let picked = Picked {
        length,
        count: count.min(length),
        labels,
    };
    let texts = match output.values() {
        Values::Uint8(list) => picked.integers(list),
        Values::Uint16(list) => picked.integers(list),
        Values::Uint32(list) => picked.integers(list),
        Values::Uint64(list) => picked.integers(list),
        Values::Int8(list) => picked.integers(list),
        Values::Int16(list) => picked.integers(list),
        Values::Int32(list) => picked.integers(list),
        Values::Int64(list) => picked.integers(list),
        Values::Fp16(list) => picked.floats(list),
        Values::Bf16(list) => picked.floats(list),
        Values::Fp32(list) => picked.floats(list),
        Values::Fp64(list) => picked.floats(list),
        Values::Bool(_) | Values::Bytes(_) | Values::Octets(_) => return None,
    };
    let shape = rows.into_iter().chain([picked.count]).collect();
    Tensor::new(shape, Values::Bytes(texts)).ok()
}

/// How many values of each stretch are picked, and what they are called.
#[derive(Clone, Copy)]
struct Picked<'a> {
    length: usize,
    count: usize,
    labels: &'a [String],
}

impl Picked<'_> {
    fn integers<T: Copy + Into<i128>>(self, list: &[T]) -> Vec<String> {
        self.texts(list, |a, b| b.cmp(a), |number: i128| number.to_string())
    }

    /// Six decimals, as Triton writes them.
    fn floats<T: Copy + Into<f64>>(self, list: &[T]) -> Vec<String> {
        self.texts(list, descending, |number: f64| format!("{number:.6}"))
    }

    fn texts<T: Copy + Into<N>, N: Copy>(
        self,
        list: &[T],
        order: impl Fn(&N, &N) -> Ordering,
        text: impl Fn(N) -> String,
    ) -> Vec<String> {
        let mut texts = Vec::new();
        for row in list.chunks_exact(self.length.max(1)) {
            let numbers = row.iter().map(|number| (*number).into());
            let mut places: Vec<(usize, N)> = numbers.enumerate().collect();
            places.sort_by(|(_, a), (_, b)| order(a, b));
            texts.extend(places.into_iter().take(self.count).map(|(index, number)| {
                let number = text(number);
                match self.labels.get(index) {
                    Some(label) => format!("{number}:{index}:{label}"),
                    None => format!("{number}:{index}"),
                }
            }));
        }
        texts
    }
}

fn descending(a: &f64, b: &f64) -> Ordering {
    let by_nan = a.is_nan().cmp(&b.is_nan());
    by_nan.then_with(|| b.partial_cmp(a).unwrap_or(Ordering::Equal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(
        values: Values,
        rows: Option<usize>,
        count: usize,
        labels: &[&str],
        expected: &[&str],
    ) {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let output = Tensor::flat(values);
        let given = classes(&output, rows, count, &labels).unwrap();
        let mut shape: Vec<usize> = rows.into_iter().collect();
        shape.push(expected.len() / rows.unwrap_or(1).max(1));
        assert_eq!(given.shape(), shape);
        let texts = expected.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(given.values(), &Values::Bytes(texts));
    }

    #[test]
    fn the_highest_values_of_each_row_come_first() {
        let scores = Values::Fp32(vec![1.1, 3.3, 0.5, 2.4]);
        let highest = ["3.300000:1", "2.400000:3"];
        check(scores.clone(), None, 2, &[], &highest);
        let rows = ["3.300000:1", "2.400000:1"];
        check(scores, Some(2), 1, &[], &rows);
        let integers = Values::Int64(vec![1, i64::MAX, 10, 4]);
        let highest = ["9223372036854775807:1", "10:2"];
        check(integers, None, 2, &[], &highest);
        check(Values::Fp64(Vec::new()), Some(0), 2, &[], &[]);
    }

    #[test]
    fn of_equal_values_the_first_comes_first_and_nan_last() {
        let values = Values::Fp32(vec![f32::NAN, 1.0, -1.0, 1.0]);
        let order = ["1.000000:1", "1.000000:3", "-1.000000:2", "NaN:0"];
        check(values, None, 9, &[], &order);
    }

    #[test]
    fn labels_count_if_each_class_has_one() {
        let values = Values::Uint8(vec![1, 2]);
        check(values.clone(), None, 1, &["no", "yes"], &["2:1:yes"]);
        check(values, None, 1, &["no", "yes", "maybe"], &["2:1"]);
    }

    #[test]
    fn truth_and_text_have_no_classes() {
        assert!(!has_classes(Datatype::Bool) && !has_classes(Datatype::Bytes));
        assert!(has_classes(Datatype::Bf16) && has_classes(Datatype::Uint64));
        let output = Tensor::flat(Values::Bool(vec![true]));
        assert_eq!(classes(&output, None, 1, &[]), None);
    }
}
