//! Lists among the attributes of a node: as ONNX has them, or as the tensors that `file::lists` makes of long ones.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

/// A list of integers, if it is there.
pub(super) fn integers(node: &NodeProto, name: &str) -> TractResult<Option<Vec<i64>>> {
    let Some(tensor) = packed(node, name, &[DataType::Int32, DataType::Int64])? else {
        return node.get_attr_opt_vec(name);
    };
    Ok(Some(match tensor.data_type == DataType::Int32 as i32 {
        true => numbers(tensor, |bytes| i64::from(i32::from_le_bytes(bytes))),
        false => numbers(tensor, i64::from_le_bytes),
    }))
}

/// A list of integers that is as long as it must be.
pub(super) fn integers_for(node: &NodeProto, name: &str, wanted: usize) -> TractResult<Vec<i64>> {
    let integers = required(integers(node, name)?, name)?;
    as_long(name, integers.len(), wanted)?;
    Ok(integers)
}

/// A list of floats, if it is there.
pub(super) fn floats(node: &NodeProto, name: &str) -> TractResult<Option<Vec<f32>>> {
    match packed(node, name, &[DataType::Float])? {
        None => node.get_attr_opt_vec(name),
        Some(tensor) => Ok(Some(numbers(tensor, f32::from_le_bytes))),
    }
}

/// What the texts of a list mean.
pub(super) fn meanings<T: Copy>(
    node: &NodeProto,
    name: &str,
    meaning: impl Fn(&str) -> TractResult<T>,
) -> TractResult<Vec<T>> {
    let Some(tensor) = packed(node, name, &[DataType::Uint8])? else {
        let texts: Vec<&str> = node.get_attr_vec(name)?;
        return texts.into_iter().map(meaning).collect();
    };
    let known = tensor.string_data.iter();
    let known = known.map(|text| meaning(std::str::from_utf8(text)?));
    let known: Vec<T> = known.collect::<TractResult<_>>()?;
    let places = tensor.raw_data.iter();
    let meanings = places.map(|place| known.get(usize::from(*place)).copied());
    required(meanings.collect(), name)
}

/// What an attribute that must be there is.
pub(super) fn required<T>(found: Option<T>, name: &str) -> TractResult<T> {
    found.with_context(|| format!("`{name}` is missing"))
}

/// Fails unless a list is as long as it should be.
pub(super) fn as_long(name: &str, length: usize, wanted: usize) -> TractResult<()> {
    ensure!(
        length == wanted,
        "`{name}` has {length} entries, not {wanted}"
    );
    Ok(())
}

fn packed<'a>(
    node: &'a NodeProto,
    name: &str,
    types: &[DataType],
) -> TractResult<Option<&'a TensorProto>> {
    let mut attributes = node.attribute.iter();
    let attribute = attributes.find(|attribute| attribute.name == name);
    let tensor = attribute.and_then(|attribute| attribute.t.as_ref());
    let is_of_type = |tensor: &TensorProto| {
        let mut types = types.iter();
        types.any(|data_type| tensor.data_type == i32::from(*data_type))
    };
    ensure!(
        tensor.is_none_or(is_of_type),
        "`{name}` is of another datatype"
    );
    Ok(tensor)
}

fn numbers<const BYTES: usize, T>(tensor: &TensorProto, number: fn([u8; BYTES]) -> T) -> Vec<T> {
    let (numbers, _) = tensor.raw_data.as_chunks();
    numbers.iter().copied().map(number).collect()
}
