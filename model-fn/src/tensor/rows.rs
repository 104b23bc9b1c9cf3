//! Rows of several tensors as one tensor, and taken apart again.

use super::{Tensor, Values};

impl Tensor {
    /// The rows of all parts, one after the other, then the last one again until there are `rows`.
    ///
    /// Nothing where they have no rows, more than that, or rows that are not of one shape and datatype.
    pub fn stacked(parts: &[&Self], rows: usize) -> Option<Self> {
        let first = parts.first()?;
        let row = first.shape.get(1..)?;
        let mut values = Values::new(first.datatype());
        values.reserve(row.iter().product::<usize>().checked_mul(rows)?);
        let mut there = 0_usize;
        for part in parts {
            let fits = part.shape.get(1..) == Some(row)
                && values.append_range(&part.values, 0..part.values.len());
            there = there.checked_add(part.rows().filter(|_| fits)?)?;
        }
        let last = parts.last().filter(|part| part.rows() > Some(0))?;
        let end = last.values.len();
        let start = end.checked_sub(row.iter().product())?;
        for _ in 0..rows.checked_sub(there)? {
            values
                .append_range(&last.values, start..end)
                .then_some(())?;
        }
        let shape = std::iter::once(rows).chain(row.iter().copied()).collect();
        Self::new(shape, values).ok()
    }

    /// Parts of so many rows each, from the first row on; nothing where there are not as many.
    pub fn split(&self, rows: &[usize]) -> Option<Vec<Self>> {
        let (all, row) = self.shape.split_first()?;
        let values: usize = row.iter().product();
        let mut next = 0_usize;
        let parts = rows.iter().map(|rows| {
            let start = next;
            next = next.checked_add(*rows).filter(|next| next <= all)?;
            let mut part = Values::new(self.datatype());
            let range = start * values..next * values;
            part.append_range(&self.values, range).then_some(())?;
            let shape = std::iter::once(*rows).chain(row.iter().copied()).collect();
            Self::new(shape, part).ok()
        });
        parts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize], values: &[i64]) -> Tensor {
        Tensor::new(shape.to_vec(), Values::Int64(values.to_vec())).unwrap()
    }

    #[track_caller]
    fn check(parts: &[Tensor], rows: usize, expected: Option<Tensor>) {
        let parts: Vec<_> = parts.iter().collect();
        let stacked = Tensor::stacked(&parts, rows);
        assert_eq!(stacked, expected);
        let counts: Vec<_> = parts.iter().filter_map(|part| part.rows()).collect();
        if let Some(stacked) = stacked {
            let apart = stacked.split(&counts).unwrap();
            assert!(apart.iter().eq(parts));
        }
    }

    #[test]
    fn rows_are_stacked_and_taken_apart() {
        let [one, two] = [tensor(&[1, 2], &[1, 2]), tensor(&[2, 2], &[3, 4, 5, 6])];
        let both = [one.clone(), two.clone()];
        check(&both, 3, Some(tensor(&[3, 2], &[1, 2, 3, 4, 5, 6])));
        check(&both[..1], 1, Some(one.clone()));
        check(&[tensor(&[1], &[7])], 1, Some(tensor(&[1], &[7])));
        check(&[tensor(&[2, 0], &[])], 3, Some(tensor(&[3, 0], &[])));
    }

    #[test]
    fn the_last_row_stands_in_for_those_that_are_missing() {
        let parts = [tensor(&[1, 2], &[1, 2]), tensor(&[1, 2], &[3, 4])];
        let expected = tensor(&[4, 2], &[1, 2, 3, 4, 3, 4, 3, 4]);
        check(&parts, 4, Some(expected));
    }

    #[test]
    fn what_does_not_fit_is_not_stacked() {
        let one = tensor(&[1, 2], &[1, 2]);
        check(&[], 1, None);
        check(&[tensor(&[], &[1])], 1, None);
        check(&[tensor(&[0, 2], &[])], 1, None);
        check(&[one.clone(), one.clone()], 1, None);
        check(&[one.clone(), tensor(&[1, 1], &[1])], 2, None);
        check(
            &[
                one,
                Tensor::new(vec![1, 2], Values::Fp32(vec![1.0, 2.0])).unwrap(),
            ],
            2,
            None,
        );
    }

    #[test]
    fn rows_that_are_not_there_are_not_taken() {
        let two = tensor(&[2, 1], &[1, 2]);
        assert_eq!(two.split(&[2, 1]), None);
        assert_eq!(two.split(&[usize::MAX, 2]), None);
        assert_eq!(tensor(&[], &[1]).split(&[1]), None);
        assert_eq!(two.split(&[1]), Some(vec![tensor(&[1, 1], &[1])]));
    }
}
