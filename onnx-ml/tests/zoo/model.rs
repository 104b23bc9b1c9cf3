//! Loading a model as users of the library do, and running it on what is recorded.

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::{Context, Result};
use tract_onnx::prelude::{
    InferenceFact, InferenceModel, IntoRunnable, IntoTValue, IntoTensor, TValue, TVec, Tensor,
};

use crate::compare::{Tolerance, difference};
use crate::known::Outcome;
use crate::recorded::{self, Case};

/// Where lists of 64-bit integers among the inputs come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Integers {
    /// They are given with each run.
    Given,
    /// They are stored in the model: tract plans for the lengths they tell.
    Stored,
}

/// What comes of the model in a folder, for the first of its cases that is not right.
pub(crate) fn outcome(folder: &Path, tolerance: Tolerance, integers: Integers) -> Outcome {
    let run = AssertUnwindSafe(|| compared(folder, tolerance, integers));
    match catch_unwind(run) {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Outcome::Fails(one_line(&format!("{error:#}"))),
        Err(panic) => Outcome::Fails(format!("panic: {}", one_line(&text(panic.as_ref())))),
    }
}

fn text(panic: &(dyn Any + Send)) -> String {
    let fixed = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let made = || panic.downcast_ref::<String>().cloned();
    fixed.or_else(made).unwrap_or_default()
}

/// Errors of tract hold whole nodes; the first words tell enough.
fn one_line(text: &str) -> String {
    const SHOWN: usize = 300;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(SHOWN).collect()
}

fn compared(folder: &Path, tolerance: Tolerance, integers: Integers) -> Result<Outcome> {
    let onnx = onnx_ml::onnx();
    let mut proto = onnx_ml::file::read(&onnx, &folder.join("model.onnx"))?;
    onnx_ml::flatten_maps(&mut proto);
    if integers == Integers::Stored {
        recorded::store_integers(folder, &mut proto)?;
    }
    let unsupported = onnx_ml::unsupported(&onnx, &proto);
    if !unsupported.is_empty() {
        let operators: BTreeSet<String> = unsupported
            .into_iter()
            .map(|found| found.operator)
            .collect();
        let operators = operators.into_iter().collect::<Vec<_>>().join(", ");
        return Ok(Outcome::Refused(operators));
    }
    let model = onnx_ml::file::build(&onnx, proto, folder)?;
    let cases = recorded::cases(folder)?;
    anyhow::ensure!(!cases.is_empty(), "nothing is recorded");
    for (number, case) in cases.iter().enumerate() {
        let outputs = run(&model, case)?;
        anyhow::ensure!(
            outputs.len() == case.outputs.len(),
            "{} outputs, where {} are recorded",
            outputs.len(),
            case.outputs.len()
        );
        for ((name, recorded), given) in case.outputs.iter().zip(&outputs) {
            if let Some(difference) = difference(given, recorded, tolerance) {
                let text = format!("case {number}, output `{name}`: {difference}");
                return Ok(Outcome::Differs(text));
            }
        }
    }
    Ok(Outcome::Right)
}

/// One run, planned for the shapes of its inputs.
fn run(model: &InferenceModel, case: &Case) -> Result<Vec<Tensor>> {
    let mut inputs: TVec<TValue> = TVec::new();
    let mut facts = Vec::new();
    for outlet in model.input_outlets()? {
        let name = &model.node(outlet.node).name;
        let named = case.inputs.iter().find(|(input, _)| input == name);
        let (_, tensor) = named.with_context(|| format!("no input `{name}` is recorded"))?;
        facts.push(InferenceFact::dt_shape(tensor.datum_type(), tensor.shape()));
        inputs.push(tensor.clone().into_tvalue());
    }
    let graph = onnx_ml::optimized(onnx_ml::typed(model, &facts)?)?;
    let outputs = graph.into_runnable()?.run(inputs)?;
    Ok(outputs.into_iter().map(IntoTensor::into_tensor).collect())
}
