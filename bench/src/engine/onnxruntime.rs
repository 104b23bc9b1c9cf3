//! onnxruntime, through its C interface.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use model_fn::tensor::{Tensor, Values};
use ort::session::SessionInputValue;
use ort::value::{DynValue, TensorElementType, TensorRef};

use super::{Inputs, Runner};

/// The shared library in the folder of its part.
#[cfg(test)]
pub(super) const LIBRARY: &str = "libonnxruntime.so";

/// Loads the library; once for all sessions.
pub(super) fn start(library: &Path) -> Result<()> {
    let loaded = ort::init_from(library).context("onnxruntime cannot be loaded")?;
    loaded.with_telemetry(false).commit();
    Ok(())
}

/// A model, loaded: one thread, all optimisations, as by default.
pub(super) struct Session {
    file: PathBuf,
    session: ort::session::Session,
    inputs: Vec<(String, Tensor)>,
}

impl Session {
    pub(super) fn load(file: &Path) -> Result<Self> {
        Ok(Self {
            file: file.to_owned(),
            session: session(file)?,
            inputs: Vec::new(),
        })
    }
}

fn session(file: &Path) -> Result<ort::session::Session> {
    let builder = ort::session::Session::builder()?;
    let builder = builder
        .with_intra_threads(1)
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut builder = builder
        .with_inter_threads(1)
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(builder.commit_from_file(file)?)
}

impl Runner for Session {
    fn give(&mut self, inputs: &Inputs) -> Result<()> {
        self.inputs = inputs.to_vec();
        Ok(())
    }

    fn answer(&mut self) -> Result<Vec<Tensor>> {
        let outputs = self.session.run(values(&self.inputs)?)?;
        outputs.values().map(|value| tensor(&value)).collect()
    }

    /// Numbers are read where they are, on both ways; texts it keeps as its own.
    fn time(&mut self, runs: u32) -> Result<Duration> {
        let started = Instant::now();
        for _ in 0..runs {
            let outputs = self.session.run(values(&self.inputs)?)?;
            for value in outputs.values() {
                if element_type(&value)? == TensorElementType::String {
                    black_box(value.try_extract_strings()?);
                }
            }
            black_box(outputs);
        }
        Ok(started.elapsed())
    }

    /// The making of a session alone.
    fn load(&mut self) -> Result<Duration> {
        let started = Instant::now();
        session(&self.file)?;
        Ok(started.elapsed())
    }
}

type Named<'a> = Vec<(&'a str, SessionInputValue<'a>)>;

fn values(inputs: &Inputs) -> Result<Named<'_>> {
    let value = |(name, tensor)| Ok((name, value(tensor)?));
    let inputs = inputs.iter().map(|(name, tensor)| (name.as_str(), tensor));
    inputs.map(value).collect()
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "all other datatypes are alike"
)]
fn value(tensor: &Tensor) -> Result<SessionInputValue<'_>> {
    let shape = tensor.shape();
    Ok(match tensor.values() {
        Values::Fp32(list) => TensorRef::from_array_view((shape, list.as_slice()))?.into(),
        Values::Fp64(list) => TensorRef::from_array_view((shape, list.as_slice()))?.into(),
        Values::Int64(list) => TensorRef::from_array_view((shape, list.as_slice()))?.into(),
        Values::Bool(list) => TensorRef::from_array_view((shape, list.as_slice()))?.into(),
        Values::Bytes(list) => {
            ort::value::Tensor::from_string_array((shape, list.as_slice()))?.into()
        }
        other => bail!("inputs of `{}` are not measured", other.datatype()),
    })
}

fn element_type(value: &DynValue) -> Result<TensorElementType> {
    value
        .dtype()
        .tensor_type()
        .context("an output is no tensor")
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "all other datatypes are alike"
)]
fn tensor(value: &DynValue) -> Result<Tensor> {
    let (shape, values) = match element_type(value)? {
        TensorElementType::Float32 => {
            let (shape, list) = value.try_extract_tensor()?;
            (shape, Values::Fp32(list.to_vec()))
        }
        TensorElementType::Float64 => {
            let (shape, list) = value.try_extract_tensor()?;
            (shape, Values::Fp64(list.to_vec()))
        }
        TensorElementType::Int64 => {
            let (shape, list) = value.try_extract_tensor()?;
            (shape, Values::Int64(list.to_vec()))
        }
        TensorElementType::Int32 => {
            let (shape, list) = value.try_extract_tensor()?;
            (shape, Values::Int32(list.to_vec()))
        }
        TensorElementType::String => {
            let (shape, list) = value.try_extract_strings()?;
            (shape, Values::Bytes(list))
        }
        other => bail!("outputs of `{other}` are not measured"),
    };
    let shape: Result<_, _> = shape
        .iter()
        .map(|length| usize::try_from(*length))
        .collect();
    Ok(Tensor::new(shape?, values)?)
}
