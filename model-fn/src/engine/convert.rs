//! Tensors of requests to tract's and back.

use half::bf16;
use tract_onnx::prelude::{
    Datum, DatumType, IntoTValue, IntoTensor, TValue, Tensor as TractTensor, TractError,
    TractResult, tract_ndarray::ArrayD,
};

use super::{Port, RunError};
use crate::tensor::{Datatype, Tensor, Values};

/// tract's name for a datatype. It has no `BF16`, so no model has one; 32-bit floats hold every such value.
pub(super) fn datum_type(datatype: Datatype) -> DatumType {
    match datatype {
        Datatype::Bool => DatumType::Bool,
        Datatype::Uint8 => DatumType::U8,
        Datatype::Uint16 => DatumType::U16,
        Datatype::Uint32 => DatumType::U32,
        Datatype::Uint64 => DatumType::U64,
        Datatype::Int8 => DatumType::I8,
        Datatype::Int16 => DatumType::I16,
        Datatype::Int32 => DatumType::I32,
        Datatype::Int64 => DatumType::I64,
        Datatype::Fp16 => DatumType::F16,
        Datatype::Bf16 | Datatype::Fp32 => DatumType::F32,
        Datatype::Fp64 => DatumType::F64,
        // No model has octets: they become something else before it.
        Datatype::Bytes | Datatype::Octets => DatumType::String,
    }
}

/// An input for tract.
pub(super) fn to_tract(tensor: Tensor) -> TractResult<TValue> {
    let (shape, values) = tensor.into_parts();
    let tensor = match values {
        Values::Bool(list) => TractTensor::from_shape(&shape, &list),
        Values::Uint8(list) => TractTensor::from_shape(&shape, &list),
        Values::Uint16(list) => TractTensor::from_shape(&shape, &list),
        Values::Uint32(list) => TractTensor::from_shape(&shape, &list),
        Values::Uint64(list) => TractTensor::from_shape(&shape, &list),
        Values::Int8(list) => TractTensor::from_shape(&shape, &list),
        Values::Int16(list) => TractTensor::from_shape(&shape, &list),
        Values::Int32(list) => TractTensor::from_shape(&shape, &list),
        Values::Int64(list) => TractTensor::from_shape(&shape, &list),
        Values::Fp16(list) => TractTensor::from_shape(&shape, &list),
        Values::Bf16(list) => {
            let list: Vec<f32> = list.into_iter().map(bf16::to_f32).collect();
            TractTensor::from_shape(&shape, &list)
        }
        Values::Fp32(list) => TractTensor::from_shape(&shape, &list),
        Values::Fp64(list) => TractTensor::from_shape(&shape, &list),
        Values::Bytes(list) => ArrayD::from_shape_vec(shape, list)
            .map(Into::into)
            .map_err(TractError::new),
        Values::Octets(_) => Err(TractError::msg("octets are no tensor of a model")),
    };
    Ok(tensor?.into_tvalue())
}

/// An output of tract, which must be what its port says.
pub(super) fn from_tract(port: &Port, output: TValue) -> Result<Tensor, RunError> {
    // Integers that tract computed as axis lengths are 64-bit integers to everybody else.
    let is_length = output.datum_type() == DatumType::TDim && port.datatype == Datatype::Int64;
    if output.datum_type() != datum_type(port.datatype) && !is_length {
        let given = format!("{:?}", output.datum_type());
        return Err(RunError::Datatype {
            name: port.name.clone(),
            declared: port.datatype,
            given,
        });
    }
    let shape = output.shape().to_vec();
    let values = if port.datatype == Datatype::Bytes {
        texts(output)
    } else {
        let cast = output.cast_to_dt(datum_type(port.datatype));
        cast.and_then(|output| values(port.datatype, &output))
    };
    Tensor::new(shape, values.map_err(RunError::Failed)?)
        .map_err(|error| RunError::Failed(TractError::new(error)))
}

fn values(datatype: Datatype, tensor: &TractTensor) -> TractResult<Values> {
    Ok(match datatype {
        Datatype::Bool => Values::Bool(copied(tensor)?),
        Datatype::Uint8 => Values::Uint8(copied(tensor)?),
        Datatype::Uint16 => Values::Uint16(copied(tensor)?),
        Datatype::Uint32 => Values::Uint32(copied(tensor)?),
        Datatype::Uint64 => Values::Uint64(copied(tensor)?),
        Datatype::Int8 => Values::Int8(copied(tensor)?),
        Datatype::Int16 => Values::Int16(copied(tensor)?),
        Datatype::Int32 => Values::Int32(copied(tensor)?),
        Datatype::Int64 => Values::Int64(copied(tensor)?),
        Datatype::Fp16 => Values::Fp16(copied(tensor)?),
        Datatype::Bf16 => {
            let list: Vec<f32> = copied(tensor)?;
            Values::Bf16(list.into_iter().map(bf16::from_f32).collect())
        }
        Datatype::Fp32 => Values::Fp32(copied(tensor)?),
        Datatype::Fp64 => Values::Fp64(copied(tensor)?),
        Datatype::Bytes | Datatype::Octets => Values::Bytes(copied(tensor)?),
    })
}

/// Texts are moved, not copied.
fn texts(output: TValue) -> TractResult<Values> {
    let mut tensor = output.into_tensor();
    let mut plain = tensor.try_as_plain_ram_mut()?;
    let texts = plain.as_slice_mut::<String>()?.iter_mut();
    Ok(Values::Bytes(texts.map(std::mem::take).collect()))
}

/// As one list where it is one: going from place to place takes several times as long.
fn copied<T: Datum + Clone>(tensor: &TractTensor) -> TractResult<Vec<T>> {
    let view = tensor.to_plain_array_view::<T>()?;
    Ok(match view.as_slice() {
        Some(list) => list.to_vec(),
        None => view.iter().cloned().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Dimension;

    #[track_caller]
    fn check(values: Values) {
        let port = Port {
            name: "y".to_owned(),
            datatype: values.datatype(),
            shape: Some(vec![Dimension::Any]),
            labels: Vec::new(),
        };
        let tensor = Tensor::new(vec![1, values.len()], values).unwrap();
        let there = to_tract(tensor.clone()).unwrap();
        assert_eq!(from_tract(&port, there).unwrap(), tensor);
    }

    #[test]
    fn values_of_every_datatype_come_back() {
        check(Values::Bool(vec![true, false]));
        check(Values::Uint8(vec![0, u8::MAX]));
        check(Values::Uint16(vec![0, u16::MAX]));
        check(Values::Uint32(vec![0, u32::MAX]));
        check(Values::Uint64(vec![0, u64::MAX]));
        check(Values::Int8(vec![i8::MIN, i8::MAX]));
        check(Values::Int16(vec![i16::MIN, i16::MAX]));
        check(Values::Int32(vec![i32::MIN, i32::MAX]));
        check(Values::Int64(vec![i64::MIN, i64::MAX]));
        check(Values::Fp16(vec![half::f16::ONE]));
        check(Values::Bf16(vec![bf16::ONE, bf16::MAX]));
        check(Values::Fp32(vec![0.1, f32::MAX]));
        check(Values::Fp64(vec![0.1, f64::MAX]));
        check(Values::Bytes(vec!["é".to_owned(), String::new()]));
    }

    #[test]
    fn an_output_of_another_datatype_is_refused() {
        let port = Port {
            name: "y".to_owned(),
            datatype: Datatype::Fp32,
            shape: None,
            labels: Vec::new(),
        };
        let tensor = to_tract(Tensor::new(vec![1], Values::Int64(vec![1])).unwrap()).unwrap();
        let error = from_tract(&port, tensor).unwrap_err();
        assert_eq!(
            error.to_string(),
            "output `y` is `I64` where the file declares `FP32`"
        );
    }
}
