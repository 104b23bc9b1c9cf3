//! [External data](https://onnx.ai/onnx/repo-docs/ExternalData.html): tensors whose bytes lie in a file of the
//! model's folder, or in the model's own file.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::konst::Const;

use crate::tract::Built;

/// The operator of the nodes that stand for such tensors; no exporter writes it.
pub(crate) const OPERATOR: &str = "onnx-ml: external data";
const TENSOR: &str = "tensor";

/// Makes nodes of the graph's external tensors.
pub(super) fn as_nodes(mut model: ModelProto) -> ModelProto {
    if let Some(graph) = &mut model.graph {
        replace(graph);
    }
    model
}

fn replace(graph: &mut GraphProto) {
    let all = std::mem::take(&mut graph.initializer).into_iter();
    let (external, others) = all.partition(is_external);
    graph.initializer = others;
    let nodes: Vec<NodeProto> = Vec::into_iter(external).map(node).collect();
    // Before version 4 of the format, what is stored is an input too.
    let made: HashSet<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
    graph
        .input
        .retain(|input| !made.contains(input.name.as_str()));
    graph.node.splice(0..0, nodes);
}

fn is_external(tensor: &TensorProto) -> bool {
    tensor.data_location == Some(DataLocation::External as i32) && tensor.raw_data.is_empty()
}

fn node(tensor: TensorProto) -> NodeProto {
    NodeProto {
        name: tensor.name.clone(),
        output: vec![tensor.name.clone()],
        op_type: OPERATOR.to_owned(),
        attribute: vec![AttributeProto {
            name: TENSOR.to_owned(),
            t: Some(tensor),
            ..AttributeProto::default()
        }],
        ..NodeProto::default()
    }
}

pub(crate) fn built(context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let mut attributes = node.attribute.iter();
    let tensor = attributes.find_map(|attribute| attribute.t.as_ref());
    let tensor = tensor.context("the node has no tensor")?;
    let folder = context
        .model_dir
        .context("the folder of the model has no name in UTF-8")?;
    let read = read(tensor, Path::new(folder));
    let read = read.with_context(|| format!("external data of `{}`", tensor.name))?;
    Ok((Box::new(Const::new(read.into_arc_tensor())?), vec![]))
}

/// Reads a tensor from the place that it names.
fn read(tensor: &TensorProto, folder: &Path) -> TractResult<Tensor> {
    let place = Place::of(tensor)?;
    let path = within(folder, &place.location)?;
    // A pipe would be waited for.
    ensure!(path.is_file(), "`{}` is no file", place.location);
    let mut file = File::open(path)?;
    let datum_type = DatumType::try_from(DataType::try_from(tensor.data_type)?)?;
    ensure!(datum_type.is_copy(), "texts cannot be external");
    let shape: Result<Vec<usize>, _> = tensor
        .dims
        .iter()
        .map(|&length| usize::try_from(length))
        .collect();
    let shape = shape.context("a length of its shape is negative")?;
    let count = shape
        .iter()
        .try_fold(datum_type.size_of(), |all, length| all.checked_mul(*length));
    let bytes = count.context("the shape is too large")? as u64;
    ensure!(
        place.length.is_none_or(|length| length == bytes),
        "its length is {} bytes, and its shape {shape:?} of {datum_type:?} has {bytes}",
        place.length.unwrap_or_default()
    );
    // Before memory is asked for: a file cannot name more than there is.
    let there = file.metadata()?.len().saturating_sub(place.offset);
    ensure!(bytes <= there, "`{}` ends before it does", place.location);
    let mut read = Tensor::zero_dt(datum_type, &shape)?;
    let content = read.as_bytes_mut();
    file.seek(SeekFrom::Start(place.offset))?;
    file.read_exact(content)?;
    if datum_type == DatumType::Bool {
        content
            .iter_mut()
            .for_each(|byte| *byte = u8::from(*byte != 0));
    }
    Ok(read)
}

/// Where the bytes of a tensor are.
struct Place {
    location: String,
    offset: u64,
    length: Option<u64>,
}

impl Place {
    fn of(tensor: &TensorProto) -> TractResult<Self> {
        let entry = |key: &str| {
            let mut entries = tensor.external_data.iter();
            entries.find(|entry| entry.key == key)
        };
        let number = |key: &str| -> TractResult<Option<u64>> {
            let value = entry(key).map(|entry| entry.value.parse());
            value
                .transpose()
                .with_context(|| format!("`{key}` is no number of bytes"))
        };
        let location = entry("location").context("it names no file")?;
        Ok(Self {
            location: location.value.clone(),
            offset: number("offset")?.unwrap_or_default(),
            length: number("length")?,
        })
    }
}

/// The path of a file in a folder, links followed: nothing outside of it is read.
fn within(folder: &Path, location: &str) -> TractResult<PathBuf> {
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let outside = || format!("the file `{location}` must lie in the model's folder");
    if !Path::new(location).components().all(is_plain) {
        bail!(outside());
    }
    let found = folder.join(location).canonicalize();
    let found = found.with_context(|| format!("the file `{location}` cannot be opened"))?;
    ensure!(found.starts_with(folder.canonicalize()?), outside());
    Ok(found)
}
