//! Inputs that do not fit an operator: what tract's rules refuse, `onnx_ml::typed` refuses too.
//!
//! The models are those of single operators. Each input in turn has another length, an axis less or more, or another
//! datatype.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::{Result, ensure};
use libtest_mimic::{Failed, Trial};
use onnx_ml::{onnx, typed, unsupported};
use tract_onnx::prelude::{
    DatumType, Framework, InferenceFact, InferenceModel, InferenceModelExt, TractResult,
};
use tract_onnx::tract_hir::infer::Factoid;

use crate::models;

/// The datatype and the shape of an input.
type Input = (DatumType, Vec<usize>);

/// The test, where a part has such models.
pub(crate) fn trial(part: &Path) -> Option<Trial> {
    let folder = part.join("operators");
    folder.is_dir().then(|| {
        Trial::test("operators: what does not fit is refused", move || {
            check(&folder).map_err(|error| Failed::from(format!("{error:#}")))
        })
    })
}

fn check(folder: &Path) -> Result<()> {
    let mut checked = 0;
    let mut taken = Vec::new();
    for operator in fs::read_dir(folder)? {
        for (name, case) in models(&operator?.path())? {
            let Some((graph, inputs)) = graph(&case.join("model.onnx"))? else {
                continue;
            };
            for others in others(&inputs) {
                let facts: Vec<_> = others.iter().map(fact).collect();
                // Where tract's own rules panic there is nothing to compare.
                let Some(Err(error)) = quietly(|| analysed(&graph, &facts)) else {
                    continue;
                };
                checked += 1;
                if !matches!(quietly(|| typed(&graph, &facts).map(drop)), Some(Err(_))) {
                    taken.push(format!("{name} with {others:?}: {error:#}"));
                }
            }
        }
    }
    ensure!(checked > 1_000, "only {checked} were refused at all");
    ensure!(taken.is_empty(), "taken:\n{}", taken.join("\n"));
    Ok(())
}

/// Nothing for a panic.
fn quietly(run: impl FnOnce() -> TractResult<()>) -> Option<TractResult<()>> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

/// A graph and what it declares as its inputs; nothing where that is left open.
fn graph(file: &Path) -> Result<Option<(InferenceModel, Vec<Input>)>> {
    let onnx = onnx();
    let proto = onnx.proto_model_for_path(file)?;
    if !unsupported(&onnx, &proto).is_empty() {
        return Ok(None);
    }
    let Ok(parsed) = onnx.parse(&proto, None) else {
        return Ok(None);
    };
    let graph = parsed.model;
    let mut inputs = Vec::new();
    for outlet in graph.input_outlets()? {
        let fact = graph.outlet_fact(*outlet)?;
        let shape = fact.shape.as_concrete_finite()?;
        let declared = fact.datum_type.concretize().zip(shape);
        inputs.extend(declared.map(|(datum_type, shape)| (datum_type, shape.to_vec())));
    }
    Ok((inputs.len() == graph.input_outlets()?.len()).then_some((graph, inputs)))
}

/// The inputs with one change each.
fn others(inputs: &[Input]) -> Vec<Vec<Input>> {
    let mut others = Vec::new();
    for (place, input) in inputs.iter().enumerate() {
        for changed in changed(input) {
            let mut inputs = inputs.to_vec();
            inputs.splice(place..=place, [changed]);
            others.push(inputs);
        }
    }
    others
}

/// What may be given in the place of an input.
fn changed((datum_type, shape): &Input) -> Vec<Input> {
    let mut shapes = vec![[&[2], shape.as_slice()].concat()];
    for (axis, length) in shape.iter().enumerate() {
        for lengths in [&[length + 1][..], &[]] {
            let mut shape = shape.clone();
            shape.splice(axis..=axis, lengths.iter().copied());
            shapes.push(shape);
        }
    }
    let other = match *datum_type == DatumType::F32 {
        true => DatumType::I64,
        false => DatumType::F32,
    };
    let changed = shapes.into_iter().map(|shape| (*datum_type, shape));
    changed.chain([(other, shape.clone())]).collect()
}

fn fact((datum_type, shape): &Input) -> InferenceFact {
    InferenceFact::dt_shape(*datum_type, shape)
}

fn analysed(graph: &InferenceModel, inputs: &[InferenceFact]) -> TractResult<()> {
    let mut graph = graph.clone();
    for (place, fact) in inputs.iter().enumerate() {
        graph.set_input_fact(place, fact.clone())?;
    }
    graph.into_typed().map(drop)
}
