//! ONNX files, read without holding their weights twice.
//!
//! What is decoded is the file without the bytes of its large tensors: these are left where they are, as
//! [external data](https://onnx.ai/onnx/repo-docs/ExternalData.html) of the file itself. Each is read once, straight
//! into the tensor that runs, as are the weights of files beside it.

pub(crate) mod external;
mod lean;
mod lists;

use std::path::Path;

use tract_onnx::Onnx;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{Framework, InferenceModel, TractError, TractResult};
use tract_onnx::tract_hir::internal::bail;

/// Reads an ONNX file. Its large tensors stay in it, and the lists of trees are tensors: the model is built by [`build`],
/// with the file's folder and the operators of this crate.
pub fn read(onnx: &Onnx, file: &Path) -> TractResult<ModelProto> {
    let model = lean::read(file).map_err(TractError::new);
    let model = model.and_then(|bytes| onnx.proto_model_for_read(&mut bytes.as_slice()));
    // What has no usual form is left to the decoder, which says what is wrong.
    model.or_else(|_| onnx.proto_model_for_path(file))
}

/// Builds the graph of a model; files of weights must lie in the folder.
pub fn build(onnx: &Onnx, model: ModelProto, folder: &Path) -> TractResult<InferenceModel> {
    let model = external::as_nodes(model);
    let parsed = onnx.parse(&model, folder.to_str())?;
    match parsed.unresolved_inputs.first() {
        None => Ok(parsed.model),
        Some(name) => bail!("no node makes the value `{name}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::model;
    use prost::Message;
    use std::fs;
    use tract_onnx::pb::tensor_proto::DataType;
    use tract_onnx::pb::{GraphProto, StringStringEntryProto, TensorProto};
    use tract_onnx::tract_hir::internal::*;

    /// The length of a list that is large.
    const LENGTH: usize = 20_000;

    /// `x + w`, where `w` is this tensor.
    fn sum_with(weights: TensorProto) -> ModelProto {
        let mut model = model("Add", "", vec![]);
        let graph = model.graph.as_mut().unwrap();
        graph.node[0].input.push("w".to_owned());
        graph.initializer.push(weights);
        model
    }

    fn numbers() -> Vec<f32> {
        (0..LENGTH).map(|place| place as f32).collect()
    }

    fn bytes(numbers: &[f32]) -> Vec<u8> {
        numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect()
    }

    fn stored(raw_data: Vec<u8>) -> TensorProto {
        TensorProto {
            name: "w".to_owned(),
            dims: vec![LENGTH as i64],
            data_type: DataType::Float.into(),
            raw_data,
            ..Default::default()
        }
    }

    /// A field with this number: bytes or a message.
    fn delimited(number: u8, content: &[u8]) -> Vec<u8> {
        let mut field = vec![number << 3 | 2];
        prost::encode_length_delimiter(content.len(), &mut field).unwrap();
        field.extend(content);
        field
    }

    fn outside(entries: &[(&str, &str)]) -> TensorProto {
        let entries = entries.iter().map(|(key, value)| StringStringEntryProto {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        });
        TensorProto {
            external_data: entries.collect(),
            data_location: Some(1),
            ..stored(vec![])
        }
    }

    /// What a file with these bytes adds to zeros, read as all files are.
    fn added(folder: &Path, file: &[u8]) -> TractResult<Vec<f32>> {
        let path = folder.join("model.onnx");
        fs::write(&path, file)?;
        run(&path)
    }

    fn run(path: &Path) -> TractResult<Vec<f32>> {
        let onnx = crate::onnx();
        let model = read(&onnx, path)?;
        let mut graph = build(&onnx, model, path.parent().unwrap())?;
        graph.set_input_fact(0, f32::fact([LENGTH]).into())?;
        let zeros = Tensor::zero::<f32>(&[LENGTH])?;
        let sum = graph
            .into_optimized()?
            .into_runnable()?
            .run(tvec!(zeros.into_tvalue()))?;
        let sum = sum[0].to_plain_array_view::<f32>()?;
        Ok(sum.iter().copied().collect())
    }

    #[test]
    fn large_tensors_stay_in_the_file_until_they_are_built() {
        let folder = tempfile::tempdir().unwrap();
        let file = sum_with(stored(bytes(&numbers()))).encode_to_vec();
        assert_eq!(added(folder.path(), &file).unwrap(), numbers());
        let model = read(&crate::onnx(), &folder.path().join("model.onnx")).unwrap();
        let [weights] = model.graph.unwrap().initializer.try_into().unwrap();
        assert!(weights.raw_data.is_empty());
        let entries = weights.external_data.iter();
        let entries: Vec<_> = entries.map(|entry| (&*entry.key, &*entry.value)).collect();
        let offset = file.len() - bytes(&numbers()).len();
        assert_eq!(entries[0], ("location", "model.onnx"));
        assert_eq!(entries[2], ("length", "80000"));
        assert!(entries[1].1.parse::<usize>().unwrap() < offset);
    }

    #[test]
    fn a_tensor_that_says_where_it_is_stays_in_the_file_too() {
        let folder = tempfile::tempdir().unwrap();
        let weights = TensorProto {
            data_location: Some(0),
            ..stored(bytes(&numbers()))
        };
        let file = sum_with(weights).encode_to_vec();
        assert_eq!(added(folder.path(), &file).unwrap(), numbers());
        let model = read(&crate::onnx(), &folder.path().join("model.onnx")).unwrap();
        assert!(model.graph.unwrap().initializer[0].raw_data.is_empty());
    }

    #[test]
    fn a_tensor_that_is_declared_as_an_input_too_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut model = sum_with(stored(bytes(&numbers())));
        let graph = model.graph.as_mut().unwrap();
        let mut input = graph.input[0].clone();
        input.name = "w".to_owned();
        graph.input.push(input);
        assert_eq!(
            added(folder.path(), &model.encode_to_vec()).unwrap(),
            numbers()
        );
    }

    #[test]
    fn a_file_in_another_form_is_read_as_the_decoder_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        // Bytes that come twice: the last ones count.
        let model = sum_with(stored(vec![])).encode_to_vec();
        let graph = ModelProto::decode(model.as_slice()).unwrap().graph.unwrap();
        let tensor = graph.initializer[0].encode_to_vec();
        let field = |bytes: &[u8]| {
            TensorProto {
                raw_data: bytes.to_vec(),
                ..Default::default()
            }
            .encode_to_vec()
        };
        let twice = [tensor, field(&[1; 4 * LENGTH]), field(&bytes(&numbers()))].concat();
        let others = GraphProto {
            initializer: vec![],
            ..graph
        }
        .encode_to_vec();
        let graph = [others, delimited(5, &twice)].concat();
        assert_eq!(
            added(folder.path(), &delimited(7, &graph)).unwrap(),
            numbers()
        );
        // A link leads out of the folder of the file it leads to.
        let file = sum_with(stored(bytes(&numbers()))).encode_to_vec();
        fs::write(folder.path().join("elsewhere"), file).unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let link = inner.join("model.onnx");
        std::os::unix::fs::symlink("../elsewhere", &link).unwrap();
        assert_eq!(run(&link).unwrap(), numbers());
    }

    #[test]
    fn a_file_that_ends_too_early_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = sum_with(stored(bytes(&numbers()))).encode_to_vec();
        for length in [1, 10, 100, 10_000, file.len() - 1] {
            assert!(added(folder.path(), &file[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn weights_lie_in_a_file_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut data = vec![0; 8];
        data.extend(bytes(&numbers()));
        fs::write(folder.path().join("data"), &data).unwrap();
        for length in [&[][..], &[("length", "80000")]] {
            let entries = [&[("location", "./data"), ("offset", "8")], length].concat();
            let model = sum_with(outside(&entries)).encode_to_vec();
            assert_eq!(added(folder.path(), &model).unwrap(), numbers());
        }
    }

    #[track_caller]
    fn refused(tensor: TensorProto, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("data"), [0; 100]).unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("short"), [0; 100]).unwrap();
        std::os::unix::fs::symlink("../data", inner.join("link")).unwrap();
        let error = added(&inner, &sum_with(tensor).encode_to_vec()).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("external data of `w`: "), "{error}");
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn weights_elsewhere_are_refused() {
        let outside_of = |file: &str| format!("the file `{file}` must lie in the model's folder");
        for file in ["../data", "/etc/passwd", "link"] {
            refused(outside(&[("location", file)]), &outside_of(file));
        }
        refused(
            outside(&[("location", "none")]),
            "the file `none` cannot be opened",
        );
        refused(outside(&[]), "it names no file");
        refused(outside(&[("location", ".")]), "`.` is no file");
        let short = ("location", "short");
        refused(outside(&[short]), "`short` ends before it does");
        refused(
            outside(&[short, ("offset", "18446744073709551615")]),
            "ends before it does",
        );
        refused(
            outside(&[short, ("offset", "-1")]),
            "`offset` is no number of bytes",
        );
        refused(
            outside(&[short, ("length", "4")]),
            "its length is 4 bytes, and its shape [20000] of F32 has 80000",
        );
        let mut tensor = outside(&[short]);
        tensor.dims = vec![1 << 40, 1 << 40];
        refused(tensor.clone(), "the shape is too large");
        tensor.dims = vec![-1];
        refused(tensor.clone(), "a length of its shape is negative");
        tensor.data_type = DataType::String.into();
        refused(tensor, "texts cannot be external");
    }
}
