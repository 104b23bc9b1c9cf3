//! A model with its recorded inputs, and whether two answers are the same.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use model_fn::tensor::{Tensor, Values};
use prost::Message;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto};
use tract_onnx::prelude::Tensor as Recorded;
use tract_onnx::prelude::{Datum, DatumType, Framework};

use crate::recorded;

/// A model and the rows that are recorded of it.
pub(super) struct Sample {
    /// For the engine.
    pub(super) ours: PathBuf,
    /// For onnxruntime.
    pub(super) theirs: PathBuf,
    /// For rten, as it is exported: it does not read the packed lists of the two others.
    pub(super) exported: PathBuf,
    inputs: Vec<(String, Recorded)>,
    /// Holds the files.
    _folder: tempfile::TempDir,
}

/// The folders that hold a model, by name.
pub(super) fn folders(part: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(part)? {
        let folder = entry?.path();
        if folder.join("model.onnx").is_file() {
            let name = folder.file_name().and_then(|name| name.to_str());
            folders.push((name.context("a name is not text")?.to_owned(), folder));
        }
    }
    folders.sort();
    Ok(folders)
}

impl Sample {
    /// The model as it is exported, but for maps among its outputs: the tensors that they are made of are as
    /// good, and making maps would only slow onnxruntime down.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let mut model = onnx_ml::onnx().proto_model_for_path(folder.join("model.onnx"))?;
        onnx_ml::flatten_maps(&mut model);
        model.graph.iter_mut().for_each(remove_maps);
        let place = tempfile::tempdir()?;
        let (ours, theirs) = (
            place.path().join("ours.onnx"),
            place.path().join("theirs.onnx"),
        );
        fs::write(&ours, model.encode_to_vec())?;
        model.graph.iter_mut().for_each(name_locales);
        fs::write(&theirs, model.encode_to_vec())?;
        let cases = recorded::cases(folder)?;
        let case = cases.into_iter().next().context("nothing is recorded")?;
        Ok(Self {
            ours,
            theirs,
            exported: folder.join("model.onnx"),
            inputs: case.inputs,
            _folder: place,
        })
    }

    /// As many rows, the recorded ones again and again.
    pub(super) fn rows(&self, count: usize) -> Result<Vec<(String, Tensor)>> {
        let inputs = self.inputs.iter();
        inputs
            .map(|(name, recorded)| Ok((name.clone(), repeated(recorded, count)?)))
            .collect()
    }
}

/// Each `ZipMap` becomes a value of another name for its input.
fn remove_maps(graph: &mut GraphProto) {
    for node in &mut graph.node {
        if node.op_type == "ZipMap" {
            node.op_type = "Identity".to_owned();
            node.domain.clear();
            node.attribute.clear();
        }
    }
}

/// onnxruntime has its letters from the machine, which may know no locale but this; it has the same ones.
fn name_locales(graph: &mut GraphProto) {
    for node in &mut graph.node {
        if node.op_type == "StringNormalizer" {
            node.attribute
                .retain(|attribute| attribute.name != "locale");
            node.attribute.push(AttributeProto {
                name: "locale".to_owned(),
                r#type: AttributeType::String.into(),
                s: b"C.UTF-8".to_vec(),
                ..AttributeProto::default()
            });
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "all other datatypes are alike"
)]
fn repeated(recorded: &Recorded, rows: usize) -> Result<Tensor> {
    let [_, rest @ ..] = recorded.shape() else {
        bail!("a scalar has no rows");
    };
    let count = rows * rest.iter().product::<usize>();
    let values = match recorded.datum_type() {
        DatumType::F32 => Values::Fp32(cycled(recorded, count)?),
        DatumType::F64 => Values::Fp64(cycled(recorded, count)?),
        DatumType::I64 => Values::Int64(cycled(recorded, count)?),
        DatumType::Bool => Values::Bool(cycled(recorded, count)?),
        DatumType::String => Values::Bytes(cycled(recorded, count)?),
        other => bail!("inputs of {other:?} are not measured"),
    };
    Ok(Tensor::new([&[rows], rest].concat(), values)?)
}

fn cycled<T: Datum + Clone>(recorded: &Recorded, count: usize) -> Result<Vec<T>> {
    let view = recorded.to_plain_array_view::<T>()?;
    Ok(view.iter().cycle().take(count).cloned().collect())
}

/// What differs, if anything does: floats may be apart by the tolerance of their size, or of one.
pub(super) fn difference(ours: &Tensor, theirs: &Tensor, tolerance: f64) -> Option<String> {
    let form = |tensor: &Tensor| format!("{} {:?}", tensor.datatype(), tensor.shape());
    if form(ours) != form(theirs) {
        return Some(format!("{}, not {}", form(ours), form(theirs)));
    }
    let close = |ours: f64, theirs: f64| {
        ours == theirs
            || (ours.is_nan() && theirs.is_nan())
            || (ours - theirs).abs() <= tolerance * theirs.abs().max(1.0)
    };
    let is_same = match (ours.values(), theirs.values()) {
        (Values::Fp32(ours), Values::Fp32(theirs)) => {
            let mut pairs = ours.iter().zip(theirs);
            pairs.all(|(ours, theirs)| close((*ours).into(), (*theirs).into()))
        }
        (Values::Fp64(ours), Values::Fp64(theirs)) => {
            let mut pairs = ours.iter().zip(theirs);
            pairs.all(|(ours, theirs)| close(*ours, *theirs))
        }
        (ours, theirs) => ours == theirs,
    };
    (!is_same).then(|| format!("values of {}", form(ours)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ours: Values, theirs: Values, same: bool) {
        let difference = difference(&Tensor::flat(ours), &Tensor::flat(theirs), 1e-5);
        assert_eq!(difference.is_none(), same, "{difference:?}");
    }

    #[test]
    fn floats_may_be_a_little_apart() {
        check(
            Values::Fp32(vec![f32::NAN]),
            Values::Fp32(vec![f32::NAN]),
            true,
        );
        check(
            Values::Fp32(vec![1000.001]),
            Values::Fp32(vec![1000.0]),
            true,
        );
        check(Values::Fp64(vec![1.001]), Values::Fp64(vec![1.0]), false);
        check(Values::Int64(vec![1]), Values::Int64(vec![2]), false);
        check(Values::Int64(vec![1]), Values::Fp64(vec![1.0]), false);
    }
}
