//! `OneHotEncoder` (ai.onnx.ml, version 1): a category becomes a row of zeros and a one.
//!
//! `cats_int64s` for numbers, `cats_strings` for text. A category that is not listed is a row of
//! zeros, or an error if `zeros` is 0. Floats are cut to integers, as in onnxruntime; what is no
//! integer of 64 bits, a NaN among it, is no category.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::kernel::{Fact, Kernel, built, only, values};
use crate::lookup::{Integers, Texts, Twin};
use crate::tract::Built;
use crate::unfit::fits;

/// Builds the operator from its node.
pub(crate) fn one_hot_encoder(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let integers: Vec<i64> = node.get_attr_opt_vec("cats_int64s")?.unwrap_or_default();
    let texts: Vec<String> = node.get_attr_opt_vec("cats_strings")?.unwrap_or_default();
    let categories = match (integers.is_empty(), texts.is_empty()) {
        (false, true) => Categories::Integers(Integers::of(&integers, Twin::Last)?),
        (true, false) => Categories::Texts(Texts::of(&texts, Twin::Last)?),
        (true, true) | (false, false) => bail!("categories must be either integers or text"),
    };
    Ok(built(OneHotEncoder {
        categories,
        width: integers.len().max(texts.len()),
        zeros: node.get_attr_opt::<i64>("zeros")?.unwrap_or(1) != 0,
    }))
}

#[derive(Debug)]
struct OneHotEncoder {
    categories: Categories,
    width: usize,
    /// Whether a category may be unknown.
    zeros: bool,
}

#[derive(Debug)]
enum Categories {
    Integers(Integers),
    Texts(Texts),
}

impl OneHotEncoder {
    fn encode<T>(
        &self,
        keys: &[T],
        rows: &mut [f32],
        find: impl Fn(&T) -> Option<usize>,
    ) -> TractResult<()> {
        for (key, row) in keys.iter().zip(rows.chunks_exact_mut(self.width)) {
            match find(key).and_then(|place| row.get_mut(place)) {
                Some(one) => *one = 1.0,
                None => fits(self.zeros, "a category is unknown")?,
            }
        }
        Ok(())
    }
}

impl Kernel for OneHotEncoder {
    fn name(&self) -> &'static str {
        "OneHotEncoder"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (datum_type, shape) = only(inputs)?;
        let fits = match self.categories {
            Categories::Integers(_) => [
                DatumType::I64,
                DatumType::I32,
                DatumType::F32,
                DatumType::F64,
            ]
            .contains(datum_type),
            Categories::Texts(_) => *datum_type == DatumType::String,
        };
        ensure!(
            fits,
            "the categories are not of the input's datatype, {datum_type:?}"
        );
        let mut shape = shape.clone();
        shape.push(self.width.to_dim());
        Ok(tvec![(DatumType::F32, shape)])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let input = args_1!(inputs);
        let shape = [input.shape(), &[self.width]].concat();
        let mut output = Tensor::zero::<f32>(&shape)?;
        let mut plain = output.try_as_plain_ram_mut()?;
        let rows = plain.as_slice_mut::<f32>()?;
        match &self.categories {
            Categories::Texts(texts) => {
                self.encode(values::<String>(&input)?, rows, |key| texts.get(key))?;
            }
            Categories::Integers(integers) if input.datum_type() == DatumType::F32 => {
                let find = |key: &f32| whole(f64::from(*key)).and_then(|key| integers.get(key));
                self.encode(values(&input)?, rows, find)?;
            }
            Categories::Integers(integers) if input.datum_type() == DatumType::F64 => {
                let find = |key: &f64| whole(*key).and_then(|key| integers.get(key));
                self.encode(values(&input)?, rows, find)?;
            }
            Categories::Integers(integers) => {
                let keys = input.cast_to::<i64>()?;
                self.encode(values(&keys)?, rows, |key| integers.get(*key))?;
            }
        }
        Ok(tvec![output])
    }
}

/// A number cut to an integer.
#[expect(
    clippy::cast_possible_truncation,
    reason = "numbers past the bounds are turned away first"
)]
fn whole(number: f64) -> Option<i64> {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    (-BOUND..BOUND).contains(&number).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{integer, integers, run, strings};
    use tract_onnx::pb::AttributeProto;

    #[track_caller]
    fn check(categories: AttributeProto, input: Tensor, expected: Tensor) {
        let output = run("OneHotEncoder", vec![categories], input).unwrap();
        assert_eq!(output, [expected]);
    }

    fn texts(values: &[&str]) -> Tensor {
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        tensor1(&values)
    }

    /// Expected values: by the specification, not recorded; a NaN is not compared, for there it depends on the
    /// processor.
    #[test]
    fn a_category_is_a_one_at_its_place() {
        let numbers = || integers("cats_int64s", &[7, -3, 7, 1 << 40]);
        check(
            numbers(),
            tensor2(&[[-3i64, 7], [5, 1 << 40]]),
            tensor3(&[
                [[0f32, 1., 0., 0.], [0., 0., 1., 0.]],
                [[0., 0., 0., 0.], [0., 0., 0., 1.]],
            ]),
        );
        let expected = || tensor2(&[[0f32, 0., 1., 0.], [0., 1., 0., 0.], [0., 0., 0., 0.]]);
        check(numbers(), tensor1(&[7.9f32, -3.5, f32::NAN]), expected());
        check(
            numbers(),
            tensor1(&[7.9f64, -3.5, f64::INFINITY]),
            expected(),
        );
        check(numbers(), tensor1(&[7i32, -3, 0]), expected());
        check(
            strings("cats_strings", &["a", "", "ß"]),
            texts(&["", "ß", "A", "a"]),
            tensor2(&[[0f32, 1., 0.], [0., 0., 1.], [0., 0., 0.], [1., 0., 0.]]),
        );
    }

    #[test]
    fn an_unknown_category_is_an_error_where_zeros_are_off() {
        let run = |key: i64| {
            let attributes = vec![integers("cats_int64s", &[1, 2]), integer("zeros", 0)];
            run("OneHotEncoder", attributes, tensor1(&[key]))
        };
        assert_eq!(run(2).unwrap(), [tensor2(&[[0f32, 1.]])]);
        let error = format!("{:?}", run(3).unwrap_err());
        assert!(error.contains("a category is unknown"), "{error}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |attributes, input, reason| {
            let error = format!("{:?}", run("OneHotEncoder", attributes, input).unwrap_err());
            assert!(error.contains(reason), "{error}");
        };
        let either = "either integers or text";
        refused(vec![], tensor1(&[1i64]), either);
        let both = vec![
            integers("cats_int64s", &[1]),
            strings("cats_strings", &["a"]),
        ];
        refused(both, tensor1(&[1i64]), either);
        let datatype = "not of the input's datatype";
        refused(vec![integers("cats_int64s", &[1])], texts(&["1"]), datatype);
        refused(
            vec![strings("cats_strings", &["1"])],
            tensor1(&[1i64]),
            datatype,
        );
    }
}
