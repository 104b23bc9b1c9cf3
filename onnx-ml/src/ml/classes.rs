//! The classes of a classifier: their labels, which are integers or text, and which of them wins.

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{tensor, values};

/// The labels that the file has, under `classlabels_strings` or the name for integers.
pub(crate) fn labels(node: &NodeProto, integers: &str) -> TractResult<Arc<Tensor>> {
    let integers = node.get_attr_opt_vec::<i64>(integers)?.unwrap_or_default();
    let texts = node
        .get_attr_opt_vec::<String>("classlabels_strings")?
        .unwrap_or_default();
    match (integers.is_empty(), texts.is_empty()) {
        (false, true) => Ok(rctensor1(&integers)),
        (true, false) => Ok(rctensor1(&texts)),
        (true, true) | (false, false) => bail!("labels must be either integers or text"),
    }
}

/// The labels of the winners, one a row.
pub(crate) fn chosen(labels: &Tensor, winners: &[usize]) -> TractResult<Tensor> {
    if labels.datum_type() == String::datum_type() {
        return chosen_of::<String>(labels, winners);
    }
    chosen_of::<i64>(labels, winners)
}

fn chosen_of<T: Datum>(labels: &Tensor, winners: &[usize]) -> TractResult<Tensor> {
    let labels = values::<T>(labels)?;
    let chosen = winners.iter().map(|winner| labels.get(*winner).cloned());
    let chosen: Option<Vec<T>> = chosen.collect();
    tensor(&[winners.len()], chosen.context("a label for each class")?)
}

/// The place of the largest value, the first of equals.
pub(crate) fn first_largest<T: PartialOrd + Copy>(values: &[T]) -> usize {
    let mut best = (0, values.first());
    for (place, value) in values.iter().enumerate() {
        if best.1.is_some_and(|best| value > best) {
            best = (place, Some(value));
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_largest_wins() {
        for (values, place) in [
            (&[1.0, 3.0, 3.0][..], 1),
            (&[-1.0], 0),
            (&[f32::NAN, 1.0], 0),
            (&[], 0),
        ] {
            assert_eq!(first_largest(values), place, "{values:?}");
        }
    }

    #[test]
    fn winners_have_labels() {
        let texts = tensor1(&["a".to_owned(), "b".to_owned()]);
        let expected = tensor1(&["b".to_owned(), "a".to_owned()]);
        assert_eq!(chosen(&texts, &[1, 0]).unwrap(), expected);
        assert_eq!(
            chosen(&tensor1(&[7i64, 9]), &[1]).unwrap(),
            tensor1(&[9i64])
        );
        assert!(chosen(&tensor1(&[7i64]), &[1]).is_err());
    }
}
