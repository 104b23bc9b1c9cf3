//! Casts between text and numbers, for `Cast` and `CastLike` (standard domain).

use tract_onnx::tract_hir::internal::*;

use super::numbers::{float, signed, unsigned, written};
use super::texts;
use crate::kernel::{Fact, Kernel, Node, node, only, tensor};

/// Texts to numbers of a datatype, or numbers to texts.
#[derive(Debug)]
struct Cast {
    to: DatumType,
}

/// The cast from one datatype to another, if exactly one of them is text.
pub(crate) fn between(from: DatumType, to: DatumType) -> Option<Node> {
    let is_text = |datum_type| datum_type == String::datum_type();
    (is_text(from) != is_text(to)).then(|| node(Cast { to }))
}

/// The numbers that these texts are, each by itself.
fn read<T: Datum>(input: &Tensor, read: impl Fn(&str) -> TractResult<T>) -> TractResult<Tensor> {
    let numbers = texts(input)?.iter().map(|text| read(text));
    let numbers = numbers.collect::<TractResult<Vec<T>>>()?;
    tensor(input.shape(), numbers)
}

/// Integers that do not fit keep their lowest bits, as in onnxruntime.
fn from_text(input: &Tensor, to: DatumType) -> TractResult<Tensor> {
    if to == bool::datum_type() {
        return read(input, |text| Ok(unsigned(text)? != 0));
    }
    if to == f64::datum_type() {
        return read(input, float);
    }
    if to.is_float() {
        let floats = read(input, |text| Ok(float(text)? as f32))?;
        return Ok(floats.cast_to_dt(to)?.into_owned());
    }
    match to.size_of() {
        _ if !to.is_integer() => bail!("text cannot be cast to {to:?}"),
        1 if to.is_unsigned() => read(input, |text| Ok(unsigned(text)? as u8)),
        2 if to.is_unsigned() => read(input, |text| Ok(unsigned(text)? as u16)),
        4 if to.is_unsigned() => read(input, |text| Ok(unsigned(text)? as u32)),
        8 if to.is_unsigned() => read(input, unsigned),
        1 => read(input, |text| Ok(signed(text)? as i8)),
        2 => read(input, |text| Ok(signed(text)? as i16)),
        4 => read(input, |text| Ok(signed(text)? as i32)),
        _ => read(input, signed),
    }
}

/// The texts that these numbers are.
fn write<T: Datum>(input: &Tensor, write: impl Fn(&T) -> String) -> TractResult<Vec<String>> {
    let numbers = input.cast_to::<T>()?;
    Ok(numbers
        .to_plain_array_view::<T>()?
        .iter()
        .map(write)
        .collect())
}

fn to_text(input: &Tensor) -> TractResult<Tensor> {
    let from = input.datum_type();
    let texts = if from == bool::datum_type() {
        let booleans = input.to_plain_array_view::<bool>()?;
        booleans
            .iter()
            .map(|is_true| u8::from(*is_true).to_string())
            .collect()
    } else if from.is_float() {
        write(input, |float: &f64| written(*float))?
    } else if from == u64::datum_type() {
        write(input, u64::to_string)?
    } else {
        write(input, i64::to_string)?
    };
    tensor(input.shape(), texts)
}

impl Kernel for Cast {
    fn name(&self) -> &'static str {
        "TextCast"
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<TVec<Fact>> {
        let (_, shape) = only(inputs)?;
        Ok(tvec![(self.to, shape.clone())])
    }

    fn outputs_of(&self, inputs: TVec<TValue>) -> TractResult<TVec<Tensor>> {
        let input = args_1!(inputs);
        let cast = if self.to == String::datum_type() {
            to_text(&input)?
        } else {
            from_text(&input, self.to)?
        };
        Ok(tvec![cast])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, integer, standard};
    use tract_onnx::pb::tensor_proto::DataType;

    fn cast(input: Tensor, to: DataType) -> TractResult<Tensor> {
        let attributes = vec![integer("to", to as i64)];
        Ok(standard("Cast", 19, attributes, vec![Input::Given(input)])?.remove(0))
    }

    fn owned(texts: &[&str]) -> Tensor {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        tensor1(&texts)
    }

    /// Expected values here and below: onnxruntime 1.32.0.
    #[test]
    fn texts_become_numbers() {
        let check = |texts: &[&str], to, expected| {
            assert_eq!(cast(owned(texts), to).unwrap(), expected);
        };
        check(
            &["1.5", "1e40", "-INF"],
            DataType::Float,
            tensor1(&[1.5, f32::INFINITY, f32::NEG_INFINITY]),
        );
        check(&["0.1", "1e-50"], DataType::Double, tensor1(&[0.1, 1e-50]));
        check(
            &["-129", "65520"],
            DataType::Float16,
            tensor1(&[f16::from_f32(-129.0), f16::INFINITY]),
        );
        check(&["1.5", "-2"], DataType::Int64, tensor1(&[1i64, -2]));
        check(&["300", "-129"], DataType::Int8, tensor1(&[44i8, 127]));
        check(&["300", "-1"], DataType::Uint8, tensor1(&[44u8, 255]));
        check(&["2147483648"], DataType::Int32, tensor1(&[i32::MIN]));
        check(&["-1"], DataType::Uint64, tensor1(&[u64::MAX]));
        check(
            &["0x10", "-1", "2"],
            DataType::Bool,
            tensor1(&[false, true, true]),
        );
        check(&["a"], DataType::String, owned(&["a"]));
        assert!(cast(owned(&["x"]), DataType::Float).is_err());
    }

    #[test]
    fn numbers_become_texts() {
        let check = |input, expected: &[&str]| {
            assert_eq!(cast(input, DataType::String).unwrap(), owned(expected));
        };
        check(
            tensor1(&[1e-4f32, f32::NAN, 1.0]),
            &["9.9999997e-05", "NaN", "1"],
        );
        check(tensor1(&[1e-4, f64::INFINITY]), &["0.0001", "INF"]);
        check(tensor1(&[f16::from_f32(0.1)]), &["0.099975586"]);
        check(tensor1(&[i64::MIN, 1]), &["-9223372036854775808", "1"]);
        check(tensor1(&[u64::MAX]), &["18446744073709551615"]);
        check(tensor1(&[-3i8]), &["-3"]);
        check(tensor1(&[true, false]), &["1", "0"]);
    }

    #[test]
    fn a_like_may_be_text() {
        let like = |input, like| {
            let inputs = vec![Input::Given(input), Input::Given(like)];
            standard("CastLike", 19, vec![], inputs).unwrap().remove(0)
        };
        assert_eq!(like(tensor1(&[1.5f32]), owned(&["x"])), owned(&["1.5"]));
        assert_eq!(like(owned(&["7"]), tensor1(&[0i64])), tensor1(&[7i64]));
    }
}
