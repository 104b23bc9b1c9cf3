//! Recorded inputs and answers, in the layout of the onnx package's backend tests.

use std::fs::File;
use std::path::Path;

use anyhow::Result;
use tract_onnx::data_resolver::MmapDataResolver;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{ModelProto, TensorProto};
use tract_onnx::prelude::{Tensor, TractResult};
use tract_onnx::tensor::{load_tensor, proto_from_reader};

/// One run: inputs by name, and the answers in the order of the outputs.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) inputs: Vec<(String, Tensor)>,
    pub(crate) outputs: Vec<(String, Tensor)>,
}

/// The cases of a model: the folders `test_data_set_0`, `test_data_set_1` and so on.
pub(crate) fn cases(folder: &Path) -> Result<Vec<Case>> {
    let folders = (0..).map(|number| folder.join(format!("test_data_set_{number}")));
    folders
        .take_while(|folder| folder.is_dir())
        .map(|folder| {
            Ok(Case {
                inputs: tensors(&folder, "input")?,
                outputs: tensors(&folder, "output")?,
            })
        })
        .collect()
}

/// Stores the lists of 64-bit integers among the inputs of the first case in the model.
pub(crate) fn store_integers(folder: &Path, model: &mut ModelProto) -> Result<()> {
    let Some(graph) = &mut model.graph else {
        return Ok(());
    };
    for proto in protos(&folder.join("test_data_set_0"), "input")? {
        let is_list = proto.dims.len() == 1 && proto.data_type == DataType::Int64 as i32;
        if is_list && graph.input.len() > 1 {
            graph.input.retain(|input| input.name != proto.name);
            graph.initializer.push(proto);
        }
    }
    Ok(())
}

fn tensors(folder: &Path, kind: &str) -> Result<Vec<(String, Tensor)>> {
    let protos = protos(folder, kind)?.into_iter();
    protos
        .map(|proto| {
            let tensor = load_tensor(&MmapDataResolver, &proto, None)?;
            Ok((proto.name, tensor))
        })
        .collect()
}

fn protos(folder: &Path, kind: &str) -> TractResult<Vec<TensorProto>> {
    let files = (0..).map(|number| folder.join(format!("{kind}_{number}.pb")));
    files
        .take_while(|file| file.is_file())
        .map(|file| proto_from_reader(File::open(file)?))
        .collect()
}
